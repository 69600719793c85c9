/*
 * The maintenance run: a table of phases, each with what it does and how one gets back from it.
 * docs/run.md tells the story.
 */
#pragma once

#include "base/json.h"
#include "migration/migration.h"
#include "pg/target.h"
#include "policy/policy.h"
#include "stream/age.h"
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Where the data comes from and where it goes. */
typedef enum {
    RUN_WINDOW = 1 << 0,    /* the live database, migrated in a copy that takes its name */
    RUN_IMPORT = 1 << 1,    /* a snapshot, migrated, which takes the name */
    RUN_RESTORE = 1 << 2,   /* a snapshot as it is, which takes the name */
    RUN_REHEARSAL = 1 << 3, /* a snapshot, migrated for trial */
    RUN_ONLINE = 1 << 4,    /* the live database, migrated while users work */
} RunKind;

/* Asks what is done with a run that died: standing says how things stand. ON_CRASH_ASK: not
 * decided.
 */
typedef OnCrash (*RunAskFunc)(const char *standing, gpointer data);

typedef struct {
    RunKind kind; /* 0: RUN_WINDOW */
    const PgTarget *target;
    const char *database; /* NULL: the target's, or the one that a rehearsed snapshot names */
    const Policy *policy;
    const MigrationSet *set; /* NULL for recover: read from migrations if it is wanted */
    const char *migrations;  /* folder */
    const char *state_folder;
    const char *to;           /* NULL: everything that is pending */
    char *const *allowed;     /* ids that may be out of order, NULL-terminated; NULL: none */
    int64_t window_end_us;    /* wall clock; 0: from the policy, or none */
    bool needs_policy_window; /* the policy's schedule applies (no --window-end) */

    /* Of all kinds but RUN_WINDOW. */
    const char *from;                /* folder, file, or "-" */
    const AgeIdentities *identities; /* to decrypt it with; may be NULL */
    int jobs;                        /* 0: as the policy says */
    const char *back; /* RUN_RESTORE: the run that is taken back, in place of from; or NULL */
    int64_t discard_since_us; /* wall clock; what was written since may be lost; 0: nothing */
    bool swap;                /* RUN_RESTORE: a database of that name may be replaced */
    bool after_death; /* recovery: the lock may still be held by a session of the run that died */
    bool keep;        /* RUN_REHEARSAL: the database is not dropped */
    bool allow_known_holes;
    RunAskFunc
        ask; /* recovery, where the policy says on_crash: ask; NULL: there is nobody to ask */
    gpointer ask_data;
} RunOptions;

typedef struct {
    int exit_code;
    char *last_line; /* says what is true */
    json_t *report;  /* also written to <state>/runs/<run>/report.json */
    char *folder;    /* of the run; NULL if it did not come to one */
    bool idle;       /* recovery: there was nothing to recover */
} RunOutcome;

void run_outcome_clear(RunOutcome *outcome);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RunOutcome, run_outcome_clear)

/* A whole run of options->kind. Never fails: the outcome tells. */
void run_execute(const RunOptions *options, RunOutcome *outcome);

/* Finds out what happened to an unfinished run of the target's database, and finishes it or puts
 * the database back. */
void run_recover(const RunOptions *options, RunOutcome *outcome);

/* The same at once, by its guardian, after the process of a run was ended by a signal. If it had
 * come to its end already, its own outcome is told. */
void run_recover_killed(const RunOptions *options, int number, RunOutcome *outcome);
