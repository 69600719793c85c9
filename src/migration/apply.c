#include "migration/apply.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "migration/history.h"
#include "migration/statement.h"
#include "pg/sql.h"
#include <string.h>

#define TERMINATE_AFTER_MS 5000
#define WATCH_MS 500
#define WATCH_MIN_MS 20
#define BACKOFF_MS 200
#define BACKOFF_MAX_MS 5000

/* One attempt at one file of a migration. */
typedef struct {
    PgConnection *connection;
    const Migration *migration;
    const MigrationFile *file;
    const ApplyOptions *options;
    bool down;
    const char *title;  /* of the running statement */
    int64_t started_us; /* of the running statement */
    char *blockers;     /* who was in the way when last looked; NULL: nobody */
} Attempt;

static int64_t time_limit_ms(const Attempt *attempt, GError **error)
{
    const ApplyOptions *options = attempt->options;
    int64_t limit_ms = attempt->migration->statement_timeout_ms >= 0
                           ? attempt->migration->statement_timeout_ms
                           : options->statement_timeout_ms;
    if (options->latest_us != 0) {
        const int64_t left_ms = (options->latest_us - clock_monotonic_us()) / 1000;
        if (left_ms <= 0) {
            error_set(error, ERROR_TOO_LATE, "the window leaves no time for another statement");
            return -1;
        }
        limit_ms = limit_ms > 0 ? MIN(limit_ms, left_ms) : left_ms;
    }
    return limit_ms;
}

static int64_t lock_limit_ms(const Attempt *attempt)
{
    return attempt->migration->lock_timeout_ms >= 0 ? attempt->migration->lock_timeout_ms
                                                    : attempt->options->lock_timeout_ms;
}

/* Often enough to see who is in the way before the wait for a lock is over. */
static int64_t watch_interval_ms(const Attempt *attempt)
{
    const int64_t lock_ms = lock_limit_ms(attempt);
    return lock_ms > 0 ? CLAMP(lock_ms / 4, WATCH_MIN_MS, WATCH_MS) : WATCH_MS;
}

/* Pins what a migration may not change, with the time that is left for the next statement. */
static bool pin(const Attempt *attempt, GError **error)
{
    const ApplyOptions *options = attempt->options;
    const int64_t limit_ms = time_limit_ms(attempt, error);
    const int64_t lock_ms = lock_limit_ms(attempt);
    g_autofree char *path = pg_literal(options->search_path);
    g_autofree char *sql = NULL;
    if (limit_ms < 0)
        return false;
    sql = g_strdup_printf(
        "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = postgres;"
        "SET standard_conforming_strings = on; SET lock_timeout = %d; SET statement_timeout = %d;"
        "SET idle_in_transaction_session_timeout = '5min'; SET idle_session_timeout = 0;"
        "SET client_connection_check_interval = '2s';"
        "SELECT pg_catalog.set_config('search_path', %s, false)",
        (int)MIN(lock_ms, G_MAXINT), (int)MIN(limit_ms, G_MAXINT), path);
    pg_set_deadline(attempt->connection, 0, 0, NULL);
    if (!pg_exec(attempt->connection, sql, error))
        return false;
    if (limit_ms > 0)
        pg_set_deadline(attempt->connection,
                        clock_monotonic_us() + (limit_ms + TERMINATE_AFTER_MS) * 1000,
                        TERMINATE_AFTER_MS, options->observer);
    return true;
}

/* Called while a statement runs: remembers who blocks it and says how long it has been going. */
static void watch(gpointer data)
{
    Attempt *attempt = data;
    g_autofree char *pid = g_strdup_printf("%d", pg_backend_pid(attempt->connection));
    g_autofree char *blockers = NULL;
    g_autofree char *elapsed = clock_format_duration(clock_monotonic_us() - attempt->started_us);
    if (attempt->options->observer != NULL)
        blockers = pg_query_text(attempt->options->observer, NULL, pg_sql_apply_blockers, 1, pid);
    if (blockers != NULL) {
        g_free(attempt->blockers);
        attempt->blockers = g_strdup(blockers);
    }
    log_progress("%s: %s, %s%s%s", attempt->migration->id, attempt->title, elapsed,
                 blockers != NULL ? ", blocked by " : "", blockers != NULL ? blockers : "");
}

static void locate_error(const Attempt *attempt, const SqlStatement *statement, GError **error)
{
    int line = statement->line, column = statement->column;
    if (error_position(*error) > 0 && error_sqlstate(*error) != NULL)
        splitter_locate(statement, error_position(*error), &line, &column);
    if (error_is(*error, ERROR_LOCK_TIMEOUT) && attempt->blockers != NULL)
        error_hint_set(error, "blocked by %s", attempt->blockers);
    g_prefix_error(error, "%s:%d:%d: %s: ", attempt->file->path, line, column, attempt->title);
}

static bool run_statement(Attempt *attempt, const SqlStatement *statement, GError **error)
{
    g_autofree char *title = statement_title(statement);
    bool done = false;
    if (interrupt_check(error) || !pin(attempt, error))
        return false;
    attempt->title = title;
    attempt->started_us = clock_monotonic_us();
    pg_set_watch(attempt->connection, watch_interval_ms(attempt), watch, attempt);
    done = pg_statement(attempt->connection, statement->text, statement->size_bytes,
                        statement->copy_data, statement->copy_bytes, NULL, error);
    pg_set_watch(attempt->connection, 0, NULL, NULL);
    pg_set_deadline(attempt->connection, 0, 0, NULL);
    if (done && pg_transaction(attempt->connection) != PG_IN_TRANSACTION) {
        error_set(error, ERROR_CONFIG, "the statement ended the transaction of its migration");
        done = false;
    }
    if (!done)
        locate_error(attempt, statement, error);
    return done;
}

static bool verify_statement(PgConnection *connection, const char *path,
                             const SqlStatement *statement, GError **error)
{
    g_autofree char *text = g_strndup(statement->text, statement->size_bytes);
    g_autoptr(PgResult) result = pg_query(connection, error, text, 0);
    if (result == NULL) {
        int line = 0, column = 0;
        splitter_locate(statement, MAX(error_position(*error), 1), &line, &column);
        g_prefix_error(error, "%s:%d:%d: ", path, line, column);
        return false;
    }
    if (pg_columns(result) == 0)
        error_set(error, ERROR_CONFIG, "%s:%d:%d: not a query", path, statement->line,
                  statement->column);
    else if (pg_rows(result) > 0)
        error_set(error, ERROR_INTEGRITY, "%s:%d:%d: the query returned %d row%s, expected none",
                  path, statement->line, statement->column, pg_rows(result),
                  pg_rows(result) == 1 ? "" : "s");
    else
        return true;
    return false;
}

bool apply_verify(PgConnection *connection, const Migration *migration, GError **error)
{
    if (migration->verify == NULL)
        return true;
    for (guint i = 0; i < migration->verify->statements->len; i++) {
        const SqlStatement *statement = g_ptr_array_index(migration->verify->statements, i);
        if (!verify_statement(connection, migration->verify->path, statement, error))
            return false;
    }
    return true;
}

static bool commit(const Attempt *attempt, GError **error)
{
    const ApplyOptions *options = attempt->options;
    g_autoptr(GError) cause = NULL;
    if (options->before_commit != NULL) {
        g_autoptr(PgResult) xid =
            pg_query(attempt->connection, error,
                     "SELECT coalesce(pg_catalog.pg_current_xact_id_if_assigned()::text, '')", 0);
        if (xid == NULL ||
            !options->before_commit(attempt->migration, pg_value(xid, 0, 0), options->data, error))
            return false;
    }
    failpoint("migration.before_commit");
    if (pg_exec(attempt->connection, "COMMIT", &cause)) {
        failpoint("migration.after_commit");
        return true;
    }
    if (!pg_is_alive(attempt->connection)) {
        error_set(error, ERROR_UNKNOWN_OUTCOME, "the answer to COMMIT of migration %s was lost: %s",
                  attempt->migration->id, cause->message);
        error_hint_set(error, "drydock status says whether it is applied");
    } else {
        g_propagate_error(error, g_steal_pointer(&cause));
    }
    return false;
}

/* The inside of the transaction, up to COMMIT. */
static bool attempt_file(Attempt *attempt, GError **error)
{
    const int64_t started_us = clock_monotonic_us();
    const Migration *migration = attempt->migration;
    /* In the transaction, so that a first migration that fails leaves nothing at all. */
    if (!attempt->down && !history_create(attempt->connection, error))
        return false;
    for (guint i = 0; i < attempt->file->statements->len; i++) {
        if (!run_statement(attempt, g_ptr_array_index(attempt->file->statements, i), error))
            return false;
    }
    if (!pin(attempt, error))
        return false;
    if (attempt->down)
        return history_delete(attempt->connection, migration, error);
    return apply_verify(attempt->connection, migration, error) &&
           history_insert(attempt->connection, migration, attempt->options->run,
                          (clock_monotonic_us() - started_us) / 1000, error);
}

static bool begin(const Attempt *attempt, GError **error)
{
    const int64_t latest_us = attempt->options->latest_us;
    /* What the migration before has set in the session is not this one's business. */
    if (!pg_reset_session(attempt->connection, error) ||
        !pg_exec(attempt->connection, "BEGIN", error))
        return false;
    if (latest_us == 0 || pg_server_version(attempt->connection) < 170000)
        return true;
    return pg_execf(attempt->connection, error, "SET LOCAL transaction_timeout = %d",
                    (int)CLAMP((latest_us - clock_monotonic_us()) / 1000, 1, G_MAXINT));
}

static bool attempt_once(Attempt *attempt, GError **error)
{
    bool done = begin(attempt, error);
    g_clear_pointer(&attempt->blockers, g_free);
    done = done && attempt_file(attempt, error) && commit(attempt, error);
    pg_set_deadline(attempt->connection, 0, 0, NULL);
    log_progress_end();
    if (!done && pg_is_alive(attempt->connection) && pg_transaction(attempt->connection) != PG_IDLE)
        (void)pg_exec(attempt->connection, "ROLLBACK", NULL);
    return done;
}

/* Backoff grows and is jittered, so that two that wait for each other do not meet again and again.
 */
static bool back_off(int attempt_number, GError **error)
{
    const int64_t limit_ms = MIN((int64_t)BACKOFF_MS << MIN(attempt_number, 10), BACKOFF_MAX_MS);
    (void)clock_sleep_ms(limit_ms / 2 + g_random_int_range(0, (gint32)(limit_ms / 2 + 1)));
    return !interrupt_check(error);
}

static bool apply_file(PgConnection *connection, const Migration *migration,
                       const MigrationFile *file, bool down, const ApplyOptions *options,
                       int64_t *duration_us, GError **error)
{
    Attempt attempt = {connection, migration, file, options, down, NULL, 0, NULL};
    const int64_t started_us = clock_monotonic_us();
    bool done = false;
    for (int number = 1; !done; number++) {
        g_autoptr(GError) cause = NULL;
        done = attempt_once(&attempt, &cause);
        if (done)
            break;
        if (error_is(cause, ERROR_LOCK_TIMEOUT) && number < options->lock_attempts) {
            log_warning("%s: attempt %d of %d: %s%s%s", migration->id, number,
                        options->lock_attempts, cause->message,
                        attempt.blockers != NULL ? "; blocked by " : "",
                        attempt.blockers != NULL ? attempt.blockers : "");
            if (back_off(number, error))
                continue;
        } else {
            g_propagate_error(error, g_steal_pointer(&cause));
        }
        break;
    }
    g_free(attempt.blockers);
    if (duration_us != NULL)
        *duration_us = clock_monotonic_us() - started_us;
    return done;
}

bool apply_up(PgConnection *connection, const Migration *migration, const ApplyOptions *options,
              int64_t *duration_us, GError **error)
{
    return apply_file(connection, migration, &migration->up, false, options, duration_us, error);
}

bool apply_down(PgConnection *connection, const Migration *migration, const ApplyOptions *options,
                int64_t *duration_us, GError **error)
{
    if (migration->irreversible != NULL) {
        error_set(error, ERROR_REFUSED, "migration %s cannot be undone: %s", migration->id,
                  migration->irreversible);
        return false;
    }
    if (migration->down == NULL) {
        error_set(error, ERROR_REFUSED, "migration %s has no down file", migration->id);
        return false;
    }
    return apply_file(connection, migration, migration->down, true, options, duration_us, error);
}
