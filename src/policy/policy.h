/*
 * Policies: one YAML file that says how a maintenance run is done. Unknown keys and bad values are
 * errors that name file, line and the nearest known key.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Bounds of snapshot.split, and of --split. */
/* Each job is a session on the server. */
#define POLICY_JOBS_MAX 128
#define POLICY_SPLIT_MIN (UINT64_C(1) << 20)
#define POLICY_SPLIT_MAX (UINT64_C(1) << 40)

/* What a run migrates: a copy that gets the name, or the database itself. */
typedef enum { STRATEGY_SHADOW, STRATEGY_IN_PLACE } Strategy;

/* How users are kept out: the name is taken away, or not at all. */
typedef enum { FENCE_NAME, FENCE_NONE } FenceHow;

typedef enum { CLONE_AUTO, CLONE_FILE_COPY, CLONE_WAL_LOG, CLONE_NONE } CloneMethod;

/* What recovery does with a run that died: what is not proven is put back, or the run goes on where
 * it died, or a person says. */
typedef enum { ON_CRASH_RESTORE, ON_CRASH_CONTINUE, ON_CRASH_ASK } OnCrash;

/* What waits until the snapshot is in the stores. */
typedef enum { PUBLISH_BEFORE_OPEN, PUBLISH_BEFORE_MIGRATE, PUBLISH_BEFORE_NOTHING } PublishBefore;

typedef struct {
    char *schedule;    /* "Sun 02:00-04:00 America/Chicago"; NULL: none */
    int64_t margin_ms; /* kept free before the end; 5 min */
} PolicyWindow;

typedef struct {
    char *path;       /* the file; NULL for the built-in development policy */
    char *name;       /* "policy:", required */
    char *migrations; /* absolute; relative in the file means relative to the file's folder; default
                         "migrations" in the working folder */
    char *state;      /* absolute or NULL */
    char *control_database; /* "postgres" */
    Strategy strategy;
    PolicyWindow window;
    OnCrash on_crash;

    FenceHow fence_how;     /* fence.how: name */
    int64_t fence_drain_ms; /* fence.drain: how long running transactions may finish; 30 s */
    char **fence_before;    /* fence.before, fence.after: commands for /bin/sh; */
    char **fence_after;     /* NULL-terminated, never NULL */
    char **fence_standbys;  /* fence.standbys: connection strings; NULL-terminated, never NULL */

    int64_t connect_timeout_ms;   /* timeouts.connect 10 s */
    int64_t lock_timeout_ms;      /* timeouts.lock 5 s */
    int lock_attempts;            /* timeouts.lock_attempts 6 */
    int64_t statement_timeout_ms; /* timeouts.statement 15 min */
    int64_t hook_timeout_ms;      /* timeouts.hook 1 min */
    int64_t standby_timeout_ms;   /* timeouts.standby 30 s */
    char **end_applications;      /* timeouts.end_applications: whose sessions may be ended when
                                     they block; NULL-terminated, never NULL */

    CloneMethod clone_method;      /* CLONE_NONE: STRATEGY_IN_PLACE only */
    char *clone_free;              /* clone.free: a command that tells the server's room; NULL */
    int snapshot_jobs;             /* snapshot.jobs; 0 is auto: see policy_jobs() */
    int snapshot_level;            /* 1 */
    bool snapshot_text;            /* snapshot.format: text instead of auto */
    uint64_t snapshot_split_bytes; /* snapshot.split; 256 MiB */

    bool verify_all;              /* verify.data: all instead of touched */
    char **verify_assertions;     /* verify.assertions: absolute glob patterns of .sql files;
                                     NULL-terminated, never NULL */
    PublishBefore publish_before; /* publish.before */
    char **publish_to;            /* publish.to: store URLs; NULL-terminated, never NULL */
    char **encrypt_recipients;    /* encrypt.recipients: public keys of age, to which snapshots in
                                     stores are encrypted; NULL-terminated, never NULL */
    char **accept; /* accept: names of preflight findings; NULL-terminated, never NULL */
} Policy;

/* Loads and checks a policy. ERROR_CONFIG with "file:line:column: ..." */
Policy *policy_load(const char *path, GError **error);
/* The built-in development policy. */
Policy *policy_new_default(void);
void policy_free(Policy *policy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Policy, policy_free)

/* How many work at the same time: snapshot.jobs, or one for each core of this host, 1 to
 * POLICY_JOBS_MAX. */
int policy_jobs(const Policy *policy);

/* The word for it in a policy, and back; false if there is no such word. */
const char *policy_on_crash_name(OnCrash on_crash);
bool policy_on_crash_parse(const char *word, OnCrash *on_crash);

/* Whether a preflight finding is accepted by name. */
bool policy_accepts(const Policy *policy, const char *finding);

/* The end of the window that now_us (wall clock) is in; 0 if the policy has no schedule.
 * ERROR_TOO_LATE, with the start of the next window, if now is outside. */
bool policy_window_end(const Policy *policy, int64_t now_us, int64_t *end_us, GError **error);

/* Names of the findings that may be accepted, NULL-terminated; the checker of `accept` and
 * preflight share them. */
extern const char *const policy_findings[];
