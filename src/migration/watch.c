#include "migration/watch.h"

#include "base/clock.h"
#include "base/log.h"
#include "pg/sql.h"
#include <math.h>
#include <string.h>

#define INTERVAL_MS 500
#define INTERVAL_LEAST_MS 20
#define SILENT_AFTER_US ((int64_t)2000 * 1000)
#define ETA_AFTER_US ((int64_t)2000 * 1000)

int64_t watch_interval_ms(const Attempt *attempt)
{
    const int64_t lock_ms = attempt_lock_timeout_ms(attempt);
    return lock_ms > 0 ? CLAMP(lock_ms / 3, INTERVAL_LEAST_MS, INTERVAL_MS) : INTERVAL_MS;
}

/* "{"a","b"}": an array for a parameter. */
static char *array_of(char **texts)
{
    g_autoptr(GString) out = g_string_new("{");
    for (char **text = texts; *text != NULL; text++) {
        g_string_append(out, text == texts ? "\"" : ",\"");
        for (const char *c = *text; *c != '\0'; c++) {
            if (*c == '"' || *c == '\\')
                g_string_append_c(out, '\\');
            g_string_append_c(out, *c);
        }
        g_string_append_c(out, '"');
    }
    g_string_append_c(out, '}');
    return g_strdup(out->str);
}

static void end_one(Attempt *attempt, const PgResult *sessions, int row)
{
    const char *pid = pg_value(sessions, row, 0);
    const char *application = pg_value(sessions, row, 1);
    const char *role = pg_value(sessions, row, 2);
    g_autoptr(GError) cause = NULL;
    g_autoptr(PgResult) done = pg_query(attempt->options->observer, &cause,
                                        "SELECT pg_catalog.pg_terminate_backend($1::int)", 1, pid);
    if (done == NULL) {
        log_warning("%s: cannot end the session of pid %s (%s, %s), which is in the way: %s",
                    attempt->migration->id, pid, application, role, cause->message);
        return;
    }
    log_warning("%s: ended the session of pid %s (%s, %s), which was in the way of %s",
                attempt->migration->id, pid, application, role, attempt->title);
    if (attempt->trouble == NULL)
        (void)attempt_event(attempt, "session.ended",
                            json_pack("{s:s, s:s, s:s, s:s}", "pid", pid, "application",
                                      application, "role", role, "statement", attempt->title),
                            &attempt->trouble);
}

/* Ends who is in the way, if the policy names the application; the first attempt leaves them the
 * time to finish by themselves. */
static void end_blockers(Attempt *attempt, const char *pid)
{
    const ApplyOptions *options = attempt->options;
    g_autofree char *names = NULL;
    g_autoptr(PgResult) sessions = NULL;
    if (attempt->number < 2 || options->end_applications == NULL ||
        options->end_applications[0] == NULL)
        return;
    names = array_of(options->end_applications);
    sessions = pg_query(options->observer, NULL, pg_sql_apply_ending, 2, pid, names);
    for (int row = 0; sessions != NULL && row < pg_rows(sessions); row++)
        end_one(attempt, sessions, row);
}

/* ", about 40 s left in this phase", from how far it got since it was first seen; "" while that
 * says nothing. The caller frees it. */
static char *time_left(const Attempt *attempt, double percent)
{
    const int64_t going_us = clock_monotonic_us() - attempt->phase_us;
    const double came = percent - attempt->phase_at;
    g_autofree char *left = NULL;
    if (going_us < ETA_AFTER_US || came < 0.5 || percent >= 100.0)
        return g_strdup("");
    left = clock_format_duration(llround((double)going_us / came * (100.0 - percent)));
    return g_strdup_printf(", about %s left in this phase", left);
}

/* What the server publishes of this statement's progress. The caller frees it. */
static char *progress(Attempt *attempt, const char *pid)
{
    const int64_t going_us = clock_monotonic_us() - attempt->started_us;
    g_autoptr(PgResult) result =
        pg_query(attempt->options->observer, NULL, pg_sql_apply_progress, 1, pid);
    if (result == NULL || pg_rows(result) == 0)
        return g_strdup(going_us < SILENT_AFTER_US
                            ? ""
                            : ": no progress is published by the server for this statement");
    const char *phase = pg_value(result, 0, 0);
    const bool known = !pg_is_null(result, 0, 1);
    const double percent = known ? g_ascii_strtod(pg_value(result, 0, 1), NULL) : 0.0;
    const bool counts = known && g_strcmp0(attempt->phase, phase) != 0;
    g_autofree char *left = NULL;
    if (counts || attempt->phase == NULL) {
        g_free(attempt->phase);
        attempt->phase = g_strdup(phase);
        attempt->phase_at = percent;
        attempt->phase_us = clock_monotonic_us();
    }
    if (!known)
        return g_strdup_printf(": %s", phase);
    left = time_left(attempt, percent);
    return g_strdup_printf(": %s, %.0f %%%s", phase, percent, left);
}

void watch_statement(gpointer data)
{
    Attempt *attempt = data;
    g_autofree char *pid = g_strdup_printf("%d", pg_backend_pid(attempt->connection));
    g_autofree char *elapsed = clock_format_duration(clock_monotonic_us() - attempt->started_us);
    g_autofree char *blockers = NULL;
    g_autofree char *far = NULL;
    if (attempt->options->observer != NULL) {
        blockers = pg_query_text(attempt->options->observer, NULL, pg_sql_apply_blockers, 1, pid);
        if (blockers == NULL)
            far = progress(attempt, pid);
    }
    if (blockers != NULL) {
        g_free(attempt->blockers);
        attempt->blockers = g_strdup(blockers);
        end_blockers(attempt, pid);
    }
    log_progress("%s: %s, %s%s%s%s", attempt->migration->id, attempt->title, elapsed,
                 far != NULL ? far : "", blockers != NULL ? ", blocked by " : "",
                 blockers != NULL ? blockers : "");
}
