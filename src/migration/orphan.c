#include "migration/orphan.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "pg/sql.h"

#define OWN_WAIT_MS 3000
#define END_WAIT_MS 10000
#define PAUSE_MS 50

static void end_sessions(PgConnection *connection, const PgResult *sessions)
{
    for (int row = 0; row < pg_rows(sessions); row++) {
        const char *pid = pg_value(sessions, row, 0);
        log_warning("ending the session that an earlier command left behind: pid %s (%s)", pid,
                    pg_value(sessions, row, 1));
        pg_result_free(
            pg_query(connection, NULL, "SELECT pg_catalog.pg_terminate_backend($1::int)", 1, pid));
    }
}

bool orphan_sessions_end(PgConnection *connection, const char *database, const char *application,
                         GError **error)
{
    const int64_t since_us = clock_monotonic_us();
    bool told = false, ended = false;
    for (;;) {
        g_autoptr(PgResult) sessions =
            pg_query(connection, error, pg_sql_orphan_sessions, 2, database, application);
        const int64_t waited_ms = (clock_monotonic_us() - since_us) / 1000;
        if (sessions == NULL || interrupt_check(error))
            return false;
        if (pg_rows(sessions) == 0)
            return true;
        if (!told)
            log_info("a statement of an earlier command still runs (pid %s, %s): waiting for it",
                     pg_value(sessions, 0, 0), pg_value(sessions, 0, 1));
        told = true;
        if (waited_ms > OWN_WAIT_MS && !ended) {
            end_sessions(connection, sessions);
            ended = true;
        }
        if (waited_ms > OWN_WAIT_MS + END_WAIT_MS) {
            error_set(error, ERROR_LOCKED,
                      "a statement of an earlier command still runs and does not end: pid %s (%s)",
                      pg_value(sessions, 0, 0), pg_value(sessions, 0, 1));
            error_hint_set(error, "end it with pg_terminate_backend, as a role that may");
            return false;
        }
        (void)clock_sleep_ms(PAUSE_MS);
    }
}
