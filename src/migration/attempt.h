/*
 * One attempt at a file of a migration: what its parts (apply, commit, watch, leftover) share.
 * Private to src/migration/.
 */
#pragma once

#include "base/json.h"
#include "migration/apply.h"

typedef struct {
    PgConnection *connection;
    const Migration *migration;
    const MigrationFile *file;
    const ApplyOptions *options;
    bool down;
    int number; /* of this attempt, from 1 */
    int64_t since_us;
    char xid[24]; /* of the open transaction, once its history row is written; "" before */

    /* The running statement. */
    const char *title;
    int64_t started_us;
    char *blockers;  /* who was in its way when last looked; NULL: nobody */
    char *phase;     /* what the server published last; NULL: nothing */
    double phase_at; /* how far the phase was when it was first seen, in percent */
    int64_t phase_us;
    GError *trouble; /* of an event that could not be told while a statement ran */
} Attempt;

void attempt_clear(Attempt *attempt);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Attempt, attempt_clear)

/* The migration's own, or the policy's. */
int64_t attempt_lock_timeout_ms(const Attempt *attempt);

/* Pins what a migration may not change, with the time that is left for the next statement.
 * ERROR_TOO_LATE if there is none. */
bool attempt_pin(const Attempt *attempt, GError **error);

/* The same as one statement without rows that matter, to be sent along with what it is for;
 * *limit_ms gets the statement's time limit (0: none) for attempt_set_deadline(). The caller frees
 * it. */
char *attempt_pin_sql(const Attempt *attempt, int64_t *limit_ms, GError **error);
void attempt_set_deadline(const Attempt *attempt, int64_t limit_ms);

/* A new session in place of one that was lost; ERROR_CONNECTION if it is not to be had in time. */
bool attempt_reconnect(Attempt *attempt, GError **error);

/* Tells the caller's journal; details is taken and gets the migration's id. */
bool attempt_event(const Attempt *attempt, const char *event, json_t *details, GError **error);

/* Calls func until it succeeds, as long as what it lacks is a lock and attempts are left; at each
 * failure who was in the way is named. */
bool attempt_repeatedly(Attempt *attempt, bool (*func)(gpointer data, GError **error),
                        gpointer data, GError **error);
