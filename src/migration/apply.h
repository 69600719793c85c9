/*
 * Applies one migration, or takes it back: one transaction, one statement a message, session
 * settings pinned again before each, the history row in the same transaction.
 *
 * Where it cannot be one transaction, its steps (migration/step.h) are recorded in drydock.steps: a
 * transaction's row commits with it; a statement outside a transaction has a row that says
 * "started" before and "done" after, and the catalog is asked what became of it where the second
 * is missing. The next attempt, also that of another process, goes on behind what is done.
 *
 * Time limits are the server's own (statement_timeout, transaction_timeout); a statement that does
 * not obey is ended five seconds later. A lock that is not to be had in time makes the whole
 * migration start again, a bounded number of times.
 */
#pragma once

#include "base/json.h"
#include "migration/migration.h"
#include "pg/connection.h"
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *run;              /* for the history */
    const char *search_path;      /* pinned before each statement; as SHOW search_path gives it */
    int64_t lock_timeout_ms;      /* unless the migration says otherwise */
    int64_t statement_timeout_ms; /* likewise */
    int lock_attempts;            /* at least 1 */
    int64_t latest_us;            /* monotonic moment after which no statement may run; 0: none */
    PgConnection
        *observer; /* another connection to the server: ends what does not obey, names blockers */

    /* Sessions of these applications are ended when they block a further attempt; NULL: none. */
    char **end_applications;

    /* In the transaction, just before COMMIT; xid is the transaction's ("" if it has none). An
     * error rolls back. May be NULL. */
    bool (*before_commit)(const Migration *migration, const char *xid, gpointer data,
                          GError **error);

    /* A new session in place of the connection, which was lost; it is the caller's, who frees the
     * old one. NULL: none is to be had. */
    PgConnection *(*reconnect)(gpointer data, GError **error);

    /* What was done on the way, for a journal; details has the migration's id, and is the
     * callee's only for the call: step.started, step.done, step.found (done, by what the catalog
     * says), step.again, leftover.dropped, session.ended, commit.found, commit.not_replicated. May
     * be NULL. */
    bool (*event)(const char *event, const json_t *details, gpointer data, GError **error);
    gpointer data;

    /* The caller's note that the history is there and up to date, so that it is looked at once in
     * a command and not for each migration. NULL: look each time. */
    bool *history_made;

    bool *left; /* gets whether something of a migration that failed stays; may be NULL */
} ApplyOptions;

/* Errors name file, line and statement. ERROR_UNKNOWN_OUTCOME if nobody can say whether a
 * transaction was committed, or a statement outside one has run; after any other error nothing of
 * this migration is left in the database unless *options->left says so. *duration_us (may be NULL)
 * gets the time it took. */
bool apply_up(PgConnection *connection, const Migration *migration, const ApplyOptions *options,
              int64_t *duration_us, GError **error);

/* Takes an applied migration back by its down file. ERROR_REFUSED if it has none or is
 * irreversible. */
bool apply_down(PgConnection *connection, const Migration *migration, const ApplyOptions *options,
                int64_t *duration_us, GError **error);

/* Runs the verify file: ERROR_INTEGRITY if a query returns a row. In the caller's transaction, if
 * there is one. */
bool apply_verify(PgConnection *connection, const Migration *migration, GError **error);
