#include "pg/connection.h"

#include "base/error.h"
#include "pg/exchange.h"
#include "pg/pins.h"
#include <stdarg.h>
#include <string.h>

/* The server's statement_timeout comes first; what it does not end is cancelled, then ended. */
#define CANCEL_AFTER_MS 1000
#define MAX_PARAMETERS 32

/* One statement: each has its price, and this is sent before every migration. */
static bool pin_session(PgConnection *connection, const char *first, const char *then,
                        GError **error)
{
    g_autofree char *pins = pins_sql(pg_server_version(connection), connection->read_only);
    g_autofree char *sql =
        g_strconcat(first, "SELECT ", pins,
                    connection->catalog_only
                        ? ", pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false)"
                        : "",
                    then, NULL);
    connection->statement_timeout_ms = 0;
    return pg_exec(connection, sql, error);
}

bool pg_reset_session(PgConnection *connection, const char *then, GError **error)
{
    /* A limit that RESET ALL brings back would hold from the next statement on. */
    return pin_session(connection,
                       "RESET SESSION AUTHORIZATION; RESET ALL; SET statement_timeout TO 0;"
                       "DISCARD TEMP; DISCARD PLANS;",
                       then, error);
}

static PGconn *connect_libpq(const PgTarget *target, const PgConnectOptions *options,
                             const char *startup)
{
    g_autoptr(GPtrArray) keywords = g_ptr_array_new();
    g_autoptr(GPtrArray) values = g_ptr_array_new();
    const int timeout_s = options->connect_timeout_s > 0 ? options->connect_timeout_s : 10;
    g_autofree char *timeout = g_strdup_printf("%d", timeout_s);
    const struct {
        const char *keyword, *value;
    } own[] = {
        /* expand_dbname is off, so a name with "=" in it is a name. */
        {"dbname", options->database != NULL ? options->database : pg_target_database(target)},
        {"application_name", options->application},
        {"connect_timeout", timeout},
        {"client_encoding", "UTF8"},
        {"keepalives", "1"},
        {"keepalives_idle", "30"},
        {"keepalives_interval", "10"},
        {"keepalives_count", "3"},
        {"options", startup},
    };
    pg_target_parameters(target, keywords, values);
    for (size_t i = 0; i < G_N_ELEMENTS(own); i++) {
        if (own[i].value == NULL)
            continue;
        g_ptr_array_add(keywords, (gpointer)own[i].keyword);
        g_ptr_array_add(values, (gpointer)own[i].value);
    }
    g_ptr_array_add(keywords, NULL);
    g_ptr_array_add(values, NULL);
    return PQconnectdbParams((const char *const *)keywords->pdata,
                             (const char *const *)values->pdata, 0);
}

/* Notices may quote rows; of a warning its SQLSTATE is kept, nothing else. */
static void take_notice(void *data, const PGresult *result)
{
    PgConnection *connection = data;
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (g_strcmp0(severity, "WARNING") == 0 && sqlstate != NULL)
        g_strlcpy(connection->warning, sqlstate, sizeof connection->warning);
}

const char *pg_last_warning(const PgConnection *connection)
{
    return connection->warning;
}

/* *version: of the server, once it is connected. */
static bool open_session(PgConnection *connection, const PgTarget *target,
                         const PgConnectOptions *options, const char *startup, int *version,
                         GError **error)
{
    connection->libpq = connect_libpq(target, options, startup);
    if (PQstatus(connection->libpq) != CONNECTION_OK) {
        g_autofree char *message = exchange_words(PQerrorMessage(connection->libpq));
        error_set(error, ERROR_CONNECTION, "cannot connect to database '%s' on %s as '%s': %s",
                  options->database != NULL ? options->database : pg_target_database(target),
                  pg_target_place(target), pg_target_user(target), message);
        return false;
    }
    *version = pg_server_version(connection);
    PQsetNoticeReceiver(connection->libpq, take_notice, connection);
    (void)PQsetnonblocking(connection->libpq, 1);
    if (pin_session(connection, "", "", error))
        return true;
    g_prefix_error(error, "while preparing the session: ");
    return false;
}

/* A time limit of a millisecond, which a role or a database may have set, can strike before it is
 * pinned. Then the session is opened again, pinned by its startup packet, which comes before what
 * they have set; not at once, because poolers refuse that, and are to be told of in better words.
 */
static bool was_cut_short(const PgConnection *connection, const GError *error)
{
    return g_strcmp0(error_sqlstate(error), "57014") == 0 ||
           (!pg_is_alive(connection) && !error_is(error, ERROR_INTERRUPTED));
}

PgConnection *pg_connect(const PgTarget *target, const PgConnectOptions *options, GError **error)
{
    g_autoptr(PgConnection) connection = g_new0(PgConnection, 1);
    g_autofree char *startup = NULL;
    g_autoptr(GError) cause = NULL;
    int version = 0;
    connection->grace_ms = PG_ENDED_AFTER_MS;
    connection->read_only = options->read_only;
    connection->catalog_only = options->catalog_only;
    if (open_session(connection, target, options, NULL, &version, &cause))
        return g_steal_pointer(&connection);
    if (version == 0 || !was_cut_short(connection, cause)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }
    PQfinish(connection->libpq);
    startup = pins_options(pg_target_options(target), version);
    return open_session(connection, target, options, startup, &version, error)
               ? g_steal_pointer(&connection)
               : NULL;
}

void pg_disconnect(PgConnection *connection)
{
    if (connection == NULL)
        return;
    PQfinish(connection->libpq);
    g_free(connection->sql);
    g_free(connection);
}

const char *pg_database(const PgConnection *connection)
{
    return PQdb(connection->libpq);
}

int pg_backend_pid(const PgConnection *connection)
{
    return PQbackendPID(connection->libpq);
}

int pg_server_version(const PgConnection *connection)
{
    return PQserverVersion(connection->libpq);
}

bool pg_is_alive(const PgConnection *connection)
{
    return PQstatus(connection->libpq) == CONNECTION_OK;
}

bool pg_is_pooled(PgConnection *connection, bool *pooled, GError **error)
{
    g_autoptr(PgResult) result = pg_query(connection, error, "SELECT pg_backend_pid()", 0);
    if (result == NULL)
        return false;
    *pooled = pg_integer(result, 0, 0) != PQbackendPID(connection->libpq);
    return true;
}

PgTransaction pg_transaction(const PgConnection *connection)
{
    switch (PQtransactionStatus(connection->libpq)) {
    case PQTRANS_IDLE:
        return PG_IDLE;
    case PQTRANS_INTRANS:
    case PQTRANS_ACTIVE:
        return PG_IN_TRANSACTION;
    case PQTRANS_INERROR:
        return PG_IN_FAILED_TRANSACTION;
    default:
        return PG_BROKEN;
    }
}

void pg_watch_deadline(PgConnection *connection, int64_t deadline_us, PgConnection *killer)
{
    connection->deadline_us = deadline_us != 0 ? deadline_us + CANCEL_AFTER_MS * 1000 : 0;
    connection->grace_ms = PG_ENDED_AFTER_MS - CANCEL_AFTER_MS;
    connection->killer = killer;
}

void pg_set_deadline(PgConnection *connection, int64_t latest_us, PgConnection *killer)
{
    pg_watch_deadline(connection, latest_us, killer);
    connection->latest_us = latest_us;
}

void pg_note_statement_timeout(PgConnection *connection, int64_t timeout_ms)
{
    connection->statement_timeout_ms = timeout_ms;
}

void pg_set_watch(PgConnection *connection, int64_t interval_ms, PgWatchFunc func, gpointer data)
{
    connection->watch = func;
    connection->watch_data = data;
    connection->watch_interval_us = interval_ms * 1000;
}

static PgResult *query_v(PgConnection *connection, GError **error, const char *sql, int n,
                         va_list args)
{
    const char *values[MAX_PARAMETERS];
    g_assert(n <= MAX_PARAMETERS);
    for (int i = 0; i < n; i++)
        values[i] = va_arg(args, const char *);
    if (!exchange_begin(connection, sql, error))
        return NULL;
    if (PQsendQueryParams(connection->libpq, sql, n, NULL, values, NULL, NULL, 0) == 0) {
        (void)exchange_send_failed(connection, error);
        return NULL;
    }
    return exchange_finish(connection, error);
}

PgResult *pg_query(PgConnection *connection, GError **error, const char *sql, int n, ...)
{
    PgResult *result = NULL;
    va_list args;
    va_start(args, n);
    result = query_v(connection, error, sql, n, args);
    va_end(args);
    return result;
}

PgResult *pg_query_bytes(PgConnection *connection, GError **error, const char *sql, int n,
                         const PgBytes *parameters)
{
    Oid types[MAX_PARAMETERS];
    const char *values[MAX_PARAMETERS];
    int lengths[MAX_PARAMETERS], formats[MAX_PARAMETERS];
    g_assert(n <= MAX_PARAMETERS);
    for (int i = 0; i < n; i++) {
        types[i] = parameters[i].type;
        values[i] = parameters[i].data;
        lengths[i] = (int)parameters[i].size_bytes;
        formats[i] = 1;
    }
    if (!exchange_begin(connection, sql, error))
        return NULL;
    if (PQsendQueryParams(connection->libpq, sql, n, types, values, lengths, formats, 0) == 0) {
        (void)exchange_send_failed(connection, error);
        return NULL;
    }
    return exchange_finish(connection, error);
}

char *pg_query_text(PgConnection *connection, GError **error, const char *sql, int n, ...)
{
    g_autoptr(PgResult) result = NULL;
    va_list args;
    va_start(args, n);
    result = query_v(connection, error, sql, n, args);
    va_end(args);
    if (result == NULL || pg_rows(result) == 0)
        return NULL;
    return g_strdup(pg_value_or_null(result, 0, 0));
}

bool pg_exec(PgConnection *connection, const char *sql, GError **error)
{
    g_autoptr(PgResult) result = NULL;
    if (!exchange_begin(connection, sql, error))
        return false;
    if (PQsendQuery(connection->libpq, sql) == 0)
        return exchange_send_failed(connection, error);
    result = exchange_finish(connection, error);
    return result != NULL;
}

bool pg_execf(PgConnection *connection, GError **error, const char *format, ...)
{
    g_autofree char *sql = NULL;
    va_list args;
    va_start(args, format);
    sql = g_strdup_vprintf(format, args);
    va_end(args);
    return pg_exec(connection, sql, error);
}
