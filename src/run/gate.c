#include "run/gate.h"

#include "base/clock.h"
#include "base/error.h"
#include "pg/sql.h"

#define POLL_MS 10

char *gate_version(PgConnection *control, const char *database, GError **error)
{
    g_autoptr(PgResult) result =
        pg_query(control, error,
                 "SELECT format('%s/%s/%s', oid, xmin, ctid) FROM pg_database WHERE datname = $1",
                 1, database);
    if (result == NULL)
        return NULL;
    if (pg_rows(result) == 0) {
        error_set(error, ERROR_FAILED, "database '%s' does not exist", database);
        return NULL;
    }
    return g_strdup(pg_value(result, 0, 0));
}

bool gate_is_open(PgConnection *control, const char *database, bool *open, GError **error)
{
    g_autoptr(PgResult) result = pg_query(
        control, error, "SELECT datallowconn FROM pg_database WHERE datname = $1", 1, database);
    if (result == NULL)
        return false;
    *open = pg_rows(result) > 0 && pg_flag(result, 0, 0);
    return true;
}

bool gate_set(PgConnection *control, const char *database, bool open, GError **error)
{
    g_autofree char *name = pg_identifier(database);
    return pg_execf(control, error, "ALTER DATABASE %s ALLOW_CONNECTIONS %s", name,
                    open ? "true" : "false");
}

void gate_session_free(GateSession *session)
{
    g_free(session->user);
    g_free(session->application);
    g_free(session);
}

GPtrArray *gate_sessions(PgConnection *control, const char *database, const char *application,
                         GError **error)
{
    g_autoptr(GPtrArray) sessions =
        g_ptr_array_new_with_free_func((GDestroyNotify)gate_session_free);
    g_autoptr(PgResult) result =
        pg_query(control, error, pg_sql_gate_sessions, 2, database, application);
    if (result == NULL)
        return NULL;
    for (int row = 0; row < pg_rows(result); row++) {
        GateSession *session = g_new0(GateSession, 1);
        session->pid = (int)pg_integer(result, row, 0);
        session->user = g_strdup(pg_value(result, row, 1));
        session->application = g_strdup(pg_value(result, row, 2));
        session->endable = pg_flag(result, row, 3);
        g_ptr_array_add(sessions, session);
    }
    return g_steal_pointer(&sessions);
}

char *gate_describe(const GPtrArray *sessions)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < sessions->len; i++) {
        const GateSession *session = g_ptr_array_index(sessions, i);
        g_string_append_printf(text, "%spid %d (%s, %s)", i > 0 ? ", " : "", session->pid,
                               session->user, session->application);
    }
    return g_string_free(text, FALSE);
}

static bool end_session(PgConnection *control, const GateSession *session, GError **error)
{
    g_autofree char *pid = g_strdup_printf("%d", session->pid);
    g_autoptr(PgResult) result =
        pg_query(control, error, "SELECT pg_terminate_backend($1::int)", 1, pid);
    return result != NULL;
}

bool gate_end_sessions(PgConnection *control, const char *database, const char *application,
                       int64_t wait_ms, int *ended, GError **error)
{
    const int64_t end_us = clock_monotonic_us() + wait_ms * 1000;
    if (ended != NULL)
        *ended = 0;
    for (bool first = true;; first = false) {
        g_autoptr(GPtrArray) sessions = gate_sessions(control, database, application, error);
        if (sessions == NULL)
            return false;
        if (first && ended != NULL)
            *ended = (int)sessions->len;
        if (sessions->len == 0)
            return true;
        for (guint i = 0; i < sessions->len; i++) {
            const GateSession *session = g_ptr_array_index(sessions, i);
            if (session->endable && !end_session(control, session, error))
                return false;
        }
        if (clock_monotonic_us() >= end_us) {
            g_autofree char *who = gate_describe(sessions);
            error_set(error, ERROR_REFUSED, "sessions in database '%s' did not end: %s", database,
                      who);
            error_hint_set(error, "a superuser ends them with SELECT pg_terminate_backend(PID), "
                                  "or GRANT pg_signal_backend TO the role that runs drydock");
            return false;
        }
        g_usleep(POLL_MS * 1000);
    }
}
