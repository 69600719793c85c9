#include "pg/connection.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "pg/redact.h"
#include "pg/target_private.h"
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define COPY_CHUNK_BYTES ((size_t)64 * 1024)
#define CANCEL_GRACE_MS 5000
#define MAX_PARAMETERS 32

struct PgConnection {
    PGconn *libpq;
    bool read_only;
    int64_t deadline_us; /* monotonic; 0: none */
    int64_t grace_ms;
    PgConnection *killer;
    PgWatchFunc watch;
    gpointer watch_data;
    int64_t watch_interval_us;
    char *sql;       /* of the statement that runs, for redaction */
    char warning[6]; /* SQLSTATE of the last warning; "" if there was none */
};

/* Why a running statement was asked to stop. */
typedef enum { STOP_NOT, STOP_DEADLINE, STOP_SIGNAL } StopReason;

/* The state of waiting for one statement. */
typedef struct {
    StopReason reason;
    bool terminated;
    int64_t next_us; /* when the next, harder step is due */
} Stopping;

static char *joined_message(const char *message)
{
    g_auto(GStrv) lines = g_strsplit(message, "\n", -1);
    GString *out = g_string_new(NULL);
    for (char **line = lines; *line != NULL; line++) {
        g_strstrip(*line);
        if ((*line)[0] != '\0')
            g_string_append_printf(out, "%s%s", out->len > 0 ? "; " : "", *line);
    }
    return g_string_free(out, FALSE);
}

static void set_lost(const PgConnection *connection, GError **error)
{
    g_autofree char *message = joined_message(PQerrorMessage(connection->libpq));
    error_set(error, ERROR_CONNECTION, "the connection to database '%s' was lost%s%s",
              PQdb(connection->libpq), message[0] != '\0' ? ": " : "", message);
}

static ErrorCode code_of_sqlstate(const char *sqlstate)
{
    if (strcmp(sqlstate, "55P03") == 0)
        return ERROR_LOCK_TIMEOUT;
    if (strcmp(sqlstate, "57014") == 0 || strcmp(sqlstate, "25P04") == 0)
        return ERROR_TIMEOUT;
    if (g_str_has_prefix(sqlstate, "08") || strcmp(sqlstate, "57P01") == 0 ||
        strcmp(sqlstate, "57P02") == 0 || strcmp(sqlstate, "57P03") == 0)
        return ERROR_CONNECTION;
    return ERROR_QUERY;
}

static void set_from_result(const PgConnection *connection, const PGresult *result, GError **error)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    g_autofree char *message = NULL;
    if (sqlstate == NULL || primary == NULL) {
        set_lost(connection, error);
        return;
    }
    message = redact_message(sqlstate, primary, connection->sql);
    if (constraint != NULL && strstr(message, constraint) == NULL)
        error_set(error, code_of_sqlstate(sqlstate), "%s (constraint \"%s\")", message, constraint);
    else
        error_set(error, code_of_sqlstate(sqlstate), "%s", message);
    error_sql_set(error, sqlstate, position != NULL ? atoi(position) : 0);
    if (hint != NULL) {
        g_autofree char *safe = redact_hint(sqlstate, hint, connection->sql);
        if (safe != NULL)
            error_hint_set(error, "%s", safe);
    }
}

/* Settings that neither a role, a database nor a migration may change under us. */
static bool pin_session(PgConnection *connection, const char *first, GError **error)
{
    g_autoptr(GString) sql = g_string_new(first);
    g_string_append(
        sql, "SET client_min_messages = warning; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY';"
             "SET IntervalStyle = postgres; SET standard_conforming_strings = on;"
             "SET statement_timeout = 0; SET lock_timeout = 0;"
             "SET idle_in_transaction_session_timeout = 0; SET idle_session_timeout = 0;"
             "SET client_connection_check_interval = '2s'; SET synchronous_commit = on;"
             "SET default_transaction_isolation = 'read committed';");
    if (pg_server_version(connection) >= 170000)
        g_string_append(sql, "SET transaction_timeout = 0;");
    g_string_append_printf(sql, "SET default_transaction_read_only = %s",
                           connection->read_only ? "on" : "off");
    return pg_exec(connection, sql->str, error);
}

bool pg_reset_session(PgConnection *connection, GError **error)
{
    return pin_session(
        connection, "RESET SESSION AUTHORIZATION; RESET ALL; DISCARD TEMP; DISCARD PLANS;", error);
}

static PGconn *connect_libpq(const PgTarget *target, const PgConnectOptions *options)
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
    };
    pg_target_parameters(target, keywords, values);
    for (size_t i = 0; i < G_N_ELEMENTS(own); i++) {
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

PgConnection *pg_connect(const PgTarget *target, const PgConnectOptions *options, GError **error)
{
    g_autoptr(PgConnection) connection = g_new0(PgConnection, 1);
    connection->grace_ms = CANCEL_GRACE_MS;
    connection->read_only = options->read_only;
    connection->libpq = connect_libpq(target, options);
    if (PQstatus(connection->libpq) != CONNECTION_OK) {
        g_autofree char *message = joined_message(PQerrorMessage(connection->libpq));
        error_set(error, ERROR_CONNECTION, "cannot connect to database '%s' on %s as '%s': %s",
                  options->database != NULL ? options->database : pg_target_database(target),
                  pg_target_place(target), pg_target_user(target), message);
        return NULL;
    }
    PQsetNoticeReceiver(connection->libpq, take_notice, connection);
    (void)PQsetnonblocking(connection->libpq, 1);
    if (!pin_session(connection, "", error)) {
        g_prefix_error(error, "while preparing the session: ");
        return NULL;
    }
    return g_steal_pointer(&connection);
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

void pg_set_deadline(PgConnection *connection, int64_t deadline_us, int64_t grace_ms,
                     PgConnection *killer)
{
    connection->deadline_us = deadline_us;
    connection->grace_ms = grace_ms > 0 ? grace_ms : CANCEL_GRACE_MS;
    connection->killer = killer;
}

void pg_set_watch(PgConnection *connection, int64_t interval_ms, PgWatchFunc func, gpointer data)
{
    connection->watch = func;
    connection->watch_data = data;
    connection->watch_interval_us = interval_ms * 1000;
}

static void cancel(PgConnection *connection)
{
    char ignored[256];
    PGcancel *request = PQgetCancel(connection->libpq);
    if (request != NULL)
        (void)PQcancel(request, ignored, sizeof ignored);
    PQfreeCancel(request);
}

/* Takes the next step of ending a statement whose time is up: cancel it, then end its backend.
 * False when nothing is left but to give the connection up. */
static bool stop_harder(PgConnection *connection, Stopping *stopping, StopReason reason)
{
    const int64_t now_us = clock_monotonic_us();
    if (stopping->reason == STOP_NOT) {
        stopping->reason = reason;
        cancel(connection);
    } else if (!stopping->terminated && connection->killer != NULL) {
        g_autofree char *pid = g_strdup_printf("%d", PQbackendPID(connection->libpq));
        pg_result_free(
            pg_query(connection->killer, NULL, "SELECT pg_terminate_backend($1::int)", 1, pid));
        stopping->terminated = true;
    } else {
        return false;
    }
    stopping->next_us = now_us + connection->grace_ms * 1000;
    return true;
}

/* The moment at which waiting must look up, 0 for never. */
static int64_t next_moment(const PgConnection *connection, const Stopping *stopping)
{
    return stopping->reason != STOP_NOT ? stopping->next_us : connection->deadline_us;
}

/* Waits until the socket can be read (or written, if there is something to flush). False if the
 * connection was given up. */
static bool wait_socket(PgConnection *connection, Stopping *stopping, bool for_write)
{
    for (;;) {
        const int64_t moment_us = next_moment(connection, stopping);
        const int64_t now_us = clock_monotonic_us();
        struct pollfd fds[2] = {
            {.fd = PQsocket(connection->libpq),
             .events = (short)(POLLIN | (for_write ? POLLOUT : 0))},
            {.fd = interrupt_received() == 0 ? interrupt_fd() : -1, .events = POLLIN}};
        int wait_ms = -1;
        if (moment_us != 0 && now_us >= moment_us) {
            if (!stop_harder(connection, stopping, STOP_DEADLINE))
                return false;
            continue;
        }
        if (stopping->reason == STOP_NOT && interrupt_pending() != 0) {
            (void)stop_harder(connection, stopping, STOP_SIGNAL);
            continue;
        }
        if (moment_us != 0)
            wait_ms = (int)MIN((moment_us - now_us) / 1000 + 1, 3600 * 1000);
        if (connection->watch != NULL &&
            (wait_ms < 0 || wait_ms > connection->watch_interval_us / 1000))
            wait_ms = (int)(connection->watch_interval_us / 1000);
        if (poll(fds, G_N_ELEMENTS(fds), wait_ms) > 0 && fds[0].revents != 0)
            return true;
        if (connection->watch != NULL)
            connection->watch(connection->watch_data);
    }
}

static bool flush(PgConnection *connection, Stopping *stopping)
{
    int left = 0;
    while ((left = PQflush(connection->libpq)) > 0) {
        if (!wait_socket(connection, stopping, true) || PQconsumeInput(connection->libpq) == 0)
            return false;
    }
    return left == 0;
}

/* The next result of the statement that runs; NULL at its end. *lost if the connection is gone. */
static PGresult *next_result(PgConnection *connection, Stopping *stopping, bool *lost)
{
    *lost = !flush(connection, stopping);
    while (!*lost && PQisBusy(connection->libpq))
        *lost = !wait_socket(connection, stopping, false) || PQconsumeInput(connection->libpq) == 0;
    return *lost ? NULL : PQgetResult(connection->libpq);
}

static void begin(PgConnection *connection, const char *sql)
{
    g_free(connection->sql);
    connection->sql = g_strdup(sql);
    connection->warning[0] = '\0';
}

/* After a statement was stopped by us its error says so, whatever the server called it. */
static void set_stopped(const PgConnection *connection, const Stopping *stopping, GError **error)
{
    if (stopping->reason == STOP_DEADLINE) {
        error_set(error, ERROR_TIMEOUT, "the statement was stopped at its time limit%s",
                  stopping->terminated || !pg_is_alive(connection)
                      ? "; it did not obey the cancellation and its session was ended"
                      : "");
    } else if (stopping->reason == STOP_SIGNAL) {
        const int number = interrupt_received();
        error_set(error, ERROR_INTERRUPTED, "stopped by signal %d (%s)", number, strsignal(number));
        error_sql_set(error, NULL, number);
    }
}

/* A connection that was given up is closed, so that its transaction cannot go on unseen. */
static void give_up(PgConnection *connection, const Stopping *stopping, GError **error)
{
    if (stopping->reason != STOP_NOT)
        set_stopped(connection, stopping, error);
    else
        set_lost(connection, error);
    if (pg_is_alive(connection)) {
        /* libpq has no call that breaks a connection and keeps the object; a shut socket does it.
         */
        (void)shutdown(PQsocket(connection->libpq), 2);
        (void)PQconsumeInput(connection->libpq);
    }
}

typedef bool (*ResultFunc)(PgConnection *connection, PGresult *result, Stopping *stopping,
                           gpointer data, GError **error);

/* Reads every result of the statement that was sent; func sees those that are no error. The first
 * error wins. */
static bool drain(PgConnection *connection, ResultFunc func, gpointer data, GError **error)
{
    Stopping stopping = {STOP_NOT, false, 0};
    bool done = true, lost = false;
    PGresult *result = NULL;
    while ((result = next_result(connection, &stopping, &lost)) != NULL) {
        const ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
            if (done && stopping.reason != STOP_NOT)
                set_stopped(connection, &stopping, error);
            else if (done)
                set_from_result(connection, result, error);
            done = false;
        } else if (done) {
            done = func(connection, result, &stopping, data, error);
            if (done)
                continue; /* func has taken the result */
        }
        PQclear(result);
        if (!done && (status == PGRES_COPY_IN || status == PGRES_COPY_OUT))
            break;
    }
    if (lost && done)
        give_up(connection, &stopping, error);
    return done && !lost;
}

static bool send_failed(PgConnection *connection, GError **error)
{
    set_lost(connection, error);
    return false;
}

static bool keep_last(PgConnection *connection, PGresult *result, Stopping *stopping, gpointer data,
                      GError **error)
{
    PGresult **last = data;
    (void)stopping;
    (void)error;
    /* Only pg_copy_out() and pg_statement() may start a COPY. */
    g_return_val_if_fail(
        PQresultStatus(result) != PGRES_COPY_IN && PQresultStatus(result) != PGRES_COPY_OUT, false);
    (void)connection;
    PQclear(*last);
    *last = result;
    return true;
}

static PgResult *finish_query(PgConnection *connection, GError **error)
{
    PGresult *last = NULL;
    if (drain(connection, keep_last, &last, error))
        return last;
    PQclear(last);
    return NULL;
}

static PgResult *query_v(PgConnection *connection, GError **error, const char *sql, int n,
                         va_list args)
{
    const char *values[MAX_PARAMETERS];
    g_assert(n <= MAX_PARAMETERS);
    for (int i = 0; i < n; i++)
        values[i] = va_arg(args, const char *);
    begin(connection, sql);
    if (PQsendQueryParams(connection->libpq, sql, n, NULL, values, NULL, NULL, 0) == 0) {
        (void)send_failed(connection, error);
        return NULL;
    }
    return finish_query(connection, error);
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
    begin(connection, sql);
    if (PQsendQuery(connection->libpq, sql) == 0)
        return send_failed(connection, error);
    result = finish_query(connection, error);
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

/* What pg_statement() feeds to the server and learns from it. */
typedef struct {
    const char *copy_data;
    size_t copy_bytes;
    int64_t rows;
} StatementData;

static bool feed_copy(PgConnection *connection, const StatementData *statement, Stopping *stopping)
{
    for (size_t at = 0; at < statement->copy_bytes;) {
        const size_t chunk = MIN(COPY_CHUNK_BYTES, statement->copy_bytes - at);
        const int put = PQputCopyData(connection->libpq, statement->copy_data + at, (int)chunk);
        if (put < 0)
            return true; /* the server has ended the COPY; its error comes with the next result */
        if (put > 0)
            at += chunk;
        else if (!wait_socket(connection, stopping, true))
            return false;
        if (stopping->reason != STOP_NOT)
            break;
    }
    return PQputCopyEnd(connection->libpq,
                        stopping->reason == STOP_NOT && statement->copy_data != NULL
                            ? NULL
                            : "no data") >= 0;
}

static bool take_result(PgConnection *connection, PGresult *result, Stopping *stopping,
                        gpointer data, GError **error)
{
    StatementData *statement = data;
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
        error_set(error, ERROR_CONFIG, "COPY TO STDOUT has no place in a migration");
        cancel(connection);
        return false;
    }
    if (status == PGRES_COPY_IN && !feed_copy(connection, statement, stopping)) {
        give_up(connection, stopping, error);
        return false;
    }
    if (status == PGRES_COMMAND_OK)
        statement->rows = g_ascii_strtoll(PQcmdTuples(result), NULL, 10);
    PQclear(result);
    return true;
}

bool pg_statement(PgConnection *connection, const char *sql, size_t sql_bytes,
                  const char *copy_data, size_t copy_bytes, int64_t *rows, GError **error)
{
    StatementData statement = {copy_data, copy_bytes, 0};
    g_autofree char *text = g_strndup(sql, sql_bytes);
    begin(connection, text);
    if (PQsendQuery(connection->libpq, text) == 0)
        return send_failed(connection, error);
    (void)PQsetSingleRowMode(connection->libpq); /* a SELECT's rows are passed over one by one */
    if (!drain(connection, take_result, &statement, error))
        return false;
    if (rows != NULL)
        *rows = statement.rows;
    return true;
}

bool pg_parses(PgConnection *connection, const char *sql, size_t sql_bytes, GError **error)
{
    g_autofree char *text = g_strndup(sql, sql_bytes);
    g_autoptr(GError) cause = NULL;
    g_autoptr(PgResult) result = NULL;
    begin(connection, text);
    if (PQsendPrepare(connection->libpq, "", text, 0, NULL) == 0)
        return send_failed(connection, error);
    result = finish_query(connection, &cause);
    /* Raw parsing comes before any name is looked up: what else is wrong is not the grammar's
     * business. */
    if (result != NULL ||
        (error_is(cause, ERROR_QUERY) && g_strcmp0(error_sqlstate(cause), "42601") != 0))
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

typedef struct {
    PgRowFunc func;
    gpointer data;
    GError *error; /* of func */
} CopyOut;

static bool read_copy(PgConnection *connection, CopyOut *copy, Stopping *stopping, bool *lost)
{
    char *row = NULL;
    int got = 0;
    while (!*lost && (got = PQgetCopyData(connection->libpq, &row, 1)) >= 0) {
        if (got > 0) {
            const bool going = copy->error == NULL;
            if (going && !copy->func(row, (size_t)got, copy->data, &copy->error))
                cancel(connection);
            PQfreemem(row);
        } else {
            *lost =
                !wait_socket(connection, stopping, false) || PQconsumeInput(connection->libpq) == 0;
        }
    }
    return !*lost;
}

static bool take_copy(PgConnection *connection, PGresult *result, Stopping *stopping, gpointer data,
                      GError **error)
{
    CopyOut *copy = data;
    bool lost = false;
    if (PQresultStatus(result) == PGRES_COPY_OUT && !read_copy(connection, copy, stopping, &lost)) {
        give_up(connection, stopping, error);
        return false;
    }
    PQclear(result);
    return true;
}

bool pg_copy_out(PgConnection *connection, const char *sql, PgRowFunc func, gpointer data,
                 GError **error)
{
    CopyOut copy = {func, data, NULL};
    g_autoptr(GError) cause = NULL;
    bool done = false;
    begin(connection, sql);
    if (PQsendQuery(connection->libpq, sql) == 0)
        return send_failed(connection, error);
    done = drain(connection, take_copy, &copy, &cause);
    if (copy.error != NULL) {
        g_propagate_error(error, copy.error);
        return false;
    }
    if (!done)
        g_propagate_error(error, g_steal_pointer(&cause));
    return done;
}
