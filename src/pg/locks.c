#include "pg/locks.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/text.h"
#include "pg/sql.h"

#define TRY_US (10 * G_USEC_PER_SEC)
#define PAUSE_MS 100

int64_t locks_latest_us(void)
{
    return clock_monotonic_us() + TRY_US;
}

bool locks_pause(GError **error)
{
    (void)clock_sleep_ms(PAUSE_MS / 2 + g_random_int_range(0, PAUSE_MS));
    return !interrupt_check(error);
}

static void append_blocker(GString *text, const PgResult *result, int row)
{
    g_autofree char *line =
        g_strdup_printf("pid %s (%s%s%s) %s ACCESS EXCLUSIVE on %s.%s", pg_value(result, row, 0),
                        pg_value(result, row, 1), pg_value(result, row, 2)[0] != '\0' ? ", " : "",
                        pg_value(result, row, 2), pg_flag(result, row, 3) ? "holds" : "waits for",
                        pg_value(result, row, 4), pg_value(result, row, 5));
    g_autofree char *printable = text_printable(line);
    g_string_append_printf(text, "%s%s", text->len > 0 ? "; " : "", printable);
}

char *locks_describe(PgConnection *connection, uint32_t oid)
{
    g_autofree char *number = oid != 0 ? g_strdup_printf("%u", oid) : NULL;
    g_autoptr(PgResult) result = pg_query(connection, NULL, pg_sql_snapshot_blockers, 1, number);
    GString *text = g_string_new(NULL);
    for (int row = 0; result != NULL && row < pg_rows(result); row++)
        append_blocker(text, result, row);
    return g_string_free(text, text->len == 0);
}

void locks_name_blockers(PgConnection *connection, GError **error)
{
    g_autofree char *words = NULL;
    if (error == NULL || !error_is(*error, ERROR_LOCK_TIMEOUT))
        return;
    words = g_strdup((*error)->message);
    g_clear_error(error);
    locks_set_error(connection, 0, words, error);
}

void locks_set_error(PgConnection *connection, uint32_t oid, const char *what, GError **error)
{
    g_autofree char *who = locks_describe(connection, oid);
    error_set(error, ERROR_LOCK_TIMEOUT, "%s: %s", what,
              who != NULL ? who : "somebody changes the schema, or waits to");
    error_hint_set(
        error,
        "a schema change and reading all of a database exclude each other: let it end, or end "
        "it with SELECT pg_cancel_backend(PID), then try again");
}

static bool try_lock(PgConnection *connection, const char *qualified, bool *locked, GError **error)
{
    g_autoptr(GError) cause = NULL;
    *locked = pg_execf(connection, &cause,
                       "SAVEPOINT drydock; LOCK TABLE ONLY %s IN ACCESS SHARE MODE NOWAIT; RELEASE "
                       "SAVEPOINT drydock",
                       qualified);
    if (*locked)
        return true;
    if (error_is(cause, ERROR_LOCK_TIMEOUT))
        return pg_exec(connection, "ROLLBACK TO SAVEPOINT drydock; RELEASE SAVEPOINT drydock",
                       error);
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

bool locks_take(PgConnection *connection, uint32_t oid, const char *qualified,
                const atomic_bool *stop, GError **error)
{
    const int64_t latest_us = locks_latest_us();
    bool locked = false;
    for (;;) {
        if (!try_lock(connection, qualified, &locked, error))
            return false;
        if (locked)
            return true;
        if (clock_monotonic_us() >= latest_us) {
            locks_set_error(connection, oid, "it cannot be locked for reading", error);
            return false;
        }
        if (atomic_load(stop)) {
            error_set(error, ERROR_FAILED, "given up because other work failed");
            return false;
        }
        if (!locks_pause(error))
            return false;
    }
}
