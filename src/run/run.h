/*
 * The maintenance run: a table of phases, each with what it does and how one gets back from it.
 * docs/run.md tells the story.
 */
#pragma once

#include "base/json.h"
#include "migration/migration.h"
#include "pg/target.h"
#include "policy/policy.h"
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const PgTarget *target;
    const Policy *policy;
    const MigrationSet *set; /* may be NULL for recover */
    const char *state_folder;
    const char *to;           /* NULL: everything that is pending */
    char *const *allowed;     /* ids that may be out of order, NULL-terminated; NULL: none */
    int64_t window_end_us;    /* wall clock; 0: from the policy, or none */
    bool needs_policy_window; /* the policy's schedule applies (no --window-end) */
} RunOptions;

typedef struct {
    int exit_code;
    char *last_line; /* says what is true */
    json_t *report;  /* also written to <state>/runs/<run>/report.json */
    char *folder;    /* of the run; NULL if it did not come to one */
} RunOutcome;

void run_outcome_clear(RunOutcome *outcome);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RunOutcome, run_outcome_clear)

/* A whole window. Never fails: the outcome tells. */
void run_execute(const RunOptions *options, RunOutcome *outcome);

/* Finds out what happened to an unfinished run of the target's database, and finishes it or puts
 * the database back. */
void run_recover(const RunOptions *options, RunOutcome *outcome);
