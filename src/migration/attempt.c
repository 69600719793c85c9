#include "migration/attempt.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"

#define RECONNECT_MS 30000
#define RECONNECT_PAUSE_MS 500
#define BACKOFF_MS 200
#define BACKOFF_MAX_MS 5000

void attempt_clear(Attempt *attempt)
{
    g_clear_pointer(&attempt->blockers, g_free);
    g_clear_pointer(&attempt->phase, g_free);
    g_clear_error(&attempt->trouble);
}

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

int64_t attempt_lock_timeout_ms(const Attempt *attempt)
{
    return attempt->migration->lock_timeout_ms >= 0 ? attempt->migration->lock_timeout_ms
                                                    : attempt->options->lock_timeout_ms;
}

char *attempt_pin_sql(const Attempt *attempt, int64_t *limit_ms, GError **error)
{
    static const char *const fixed[][2] = {
        {"TimeZone", "UTC"},
        {"DateStyle", "ISO, MDY"},
        {"IntervalStyle", "postgres"},
        {"standard_conforming_strings", "on"},
        {"idle_in_transaction_session_timeout", "5min"},
        {"idle_session_timeout", "0"},
        {"client_connection_check_interval", "2s"},
        {"synchronous_commit", "on"},
    };
    g_autofree char *path = pg_literal(attempt->options->search_path);
    g_autoptr(GString) sql = g_string_new("SELECT ");
    *limit_ms = time_limit_ms(attempt, error);
    if (*limit_ms < 0)
        return NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++)
        g_string_append_printf(sql, "pg_catalog.set_config('%s', '%s', false), ", fixed[i][0],
                               fixed[i][1]);
    g_string_append_printf(sql,
                           "pg_catalog.set_config('lock_timeout', '%d', false), "
                           "pg_catalog.set_config('statement_timeout', '%d', false), "
                           "pg_catalog.set_config('search_path', %s, false)",
                           (int)MIN(attempt_lock_timeout_ms(attempt), G_MAXINT),
                           (int)MIN(*limit_ms, G_MAXINT), path);
    return g_string_free(g_steal_pointer(&sql), FALSE);
}

void attempt_set_deadline(const Attempt *attempt, int64_t limit_ms)
{
    pg_note_statement_timeout(attempt->connection, limit_ms);
    if (limit_ms > 0)
        pg_watch_deadline(attempt->connection, clock_monotonic_us() + limit_ms * 1000,
                          attempt->options->observer);
}

bool attempt_pin(const Attempt *attempt, GError **error)
{
    int64_t limit_ms = 0;
    g_autofree char *sql = attempt_pin_sql(attempt, &limit_ms, error);
    pg_set_deadline(attempt->connection, 0, NULL);
    if (sql == NULL || !pg_exec(attempt->connection, sql, error))
        return false;
    attempt_set_deadline(attempt, limit_ms);
    return true;
}

bool attempt_reconnect(Attempt *attempt, GError **error)
{
    const ApplyOptions *options = attempt->options;
    const int64_t end_us = clock_monotonic_us() + RECONNECT_MS * (int64_t)1000;
    if (options->reconnect == NULL) {
        error_set(error, ERROR_CONNECTION, "the session was lost");
        return false;
    }
    for (;;) {
        g_autoptr(GError) cause = NULL;
        PgConnection *connection = options->reconnect(options->data, &cause);
        if (connection != NULL) {
            attempt->connection = connection;
            return true;
        }
        if (!error_is(cause, ERROR_CONNECTION) || clock_monotonic_us() >= end_us ||
            !clock_sleep_ms(RECONNECT_PAUSE_MS)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
    }
}

bool attempt_event(const Attempt *attempt, const char *event, json_t *details, GError **error)
{
    g_autoptr(json_t) object = details != NULL ? details : json_object();
    json_set_text(object, "migration", attempt->migration->id);
    return attempt->options->event == NULL ||
           attempt->options->event(event, object, attempt->options->data, error);
}

/* Backoff grows and is jittered, so that two that wait for each other do not meet again and again.
 */
static bool back_off(int attempt_number, GError **error)
{
    const int64_t limit_ms = MIN((int64_t)BACKOFF_MS << MIN(attempt_number, 10), BACKOFF_MAX_MS);
    (void)clock_sleep_ms(limit_ms / 2 + g_random_int_range(0, (gint32)(limit_ms / 2 + 1)));
    return !interrupt_check(error);
}

bool attempt_repeatedly(Attempt *attempt, bool (*func)(gpointer data, GError **error),
                        gpointer data, GError **error)
{
    const int attempts = attempt->options->lock_attempts;
    for (attempt->number = 1;; attempt->number++) {
        g_autoptr(GError) cause = NULL;
        const char *hint = NULL;
        if (func(data, &cause))
            return true;
        if (!error_is(cause, ERROR_LOCK_TIMEOUT) || attempt->number >= attempts) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        hint = error_hint(cause); /* "blocked by ..." */
        log_warning("%s: attempt %d of %d: %s%s%s", attempt->migration->id, attempt->number,
                    attempts, cause->message, hint != NULL ? "; " : "", hint != NULL ? hint : "");
        if (!back_off(attempt->number, error))
            return false;
    }
}
