/*
 * Applies one migration, or takes it back: one transaction, one statement a message, session
 * settings pinned again before each, the history row in the same transaction.
 *
 * Time limits are the server's own (statement_timeout, transaction_timeout); a statement that does
 * not obey is ended five seconds later. A lock that is not to be had in time makes the whole
 * migration start again, a bounded number of times.
 */
#pragma once

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

    /* In the transaction, just before COMMIT; xid is the transaction's ("" if it has none). An
     * error rolls back. May be NULL. */
    bool (*before_commit)(const Migration *migration, const char *xid, gpointer data,
                          GError **error);
    gpointer data;
} ApplyOptions;

/* Errors name file, line and statement. ERROR_UNKNOWN_OUTCOME if the answer to COMMIT was lost;
 * after any other error nothing of this migration is left in the database. *duration_us (may be
 * NULL) gets the time it took. */
bool apply_up(PgConnection *connection, const Migration *migration, const ApplyOptions *options,
              int64_t *duration_us, GError **error);

/* Takes an applied migration back by its down file. ERROR_REFUSED if it has none or is
 * irreversible. */
bool apply_down(PgConnection *connection, const Migration *migration, const ApplyOptions *options,
                int64_t *duration_us, GError **error);

/* Runs the verify file: ERROR_INTEGRITY if a query returns a row. In the caller's transaction, if
 * there is one. */
bool apply_verify(PgConnection *connection, const Migration *migration, GError **error);
