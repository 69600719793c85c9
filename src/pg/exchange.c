#include "pg/exchange.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "pg/redact.h"
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CLOCKS_DIFFER_MS 20

char *exchange_words(const char *message)
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

void exchange_set_lost(const PgConnection *connection, GError **error)
{
    g_autofree char *message = exchange_words(PQerrorMessage(connection->libpq));
    error_set(error, ERROR_CONNECTION, "the connection to database '%s' was lost%s%s",
              PQdb(connection->libpq), message[0] != '\0' ? ": " : "", message);
}

/* Whether a statement that the server cancelled had all of its time. The two clocks may differ a
 * little. */
static bool had_its_time(const PgConnection *connection)
{
    const int64_t passed_ms = (clock_monotonic_us() - connection->sent_us) / 1000;
    const int64_t limit_ms = connection->statement_timeout_ms;
    return limit_ms > 0 && passed_ms + limit_ms / 100 + CLOCKS_DIFFER_MS >= limit_ms;
}

static ErrorCode code_of_sqlstate(const PgConnection *connection, const char *sqlstate)
{
    if (strcmp(sqlstate, "55P03") == 0)
        return ERROR_LOCK_TIMEOUT;
    if (strcmp(sqlstate, "57014") == 0)
        return had_its_time(connection) ? ERROR_TIMEOUT : ERROR_QUERY;
    if (strcmp(sqlstate, "25P04") == 0)
        return ERROR_TIMEOUT;
    if (g_str_has_prefix(sqlstate, "08") || strcmp(sqlstate, "57P01") == 0 ||
        strcmp(sqlstate, "57P02") == 0 || strcmp(sqlstate, "57P03") == 0)
        return ERROR_CONNECTION;
    return ERROR_QUERY;
}

/* What the server does not say, or says in words that may be a value; NULL: nothing. */
static const char *own_hint(const char *sqlstate, ErrorCode code)
{
    if (strcmp(sqlstate, "57014") == 0 && code == ERROR_QUERY)
        return "its time was not up: either somebody cancelled it (pg_cancel_backend), or it "
               "raised this "
               "error itself";
    if (strcmp(sqlstate, "53100") == 0)
        return "a disk of the server is full: make room on it, then try again";
    return NULL;
}

static void set_from_result(const PgConnection *connection, const PGresult *result, GError **error)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    g_autofree char *message = NULL;
    ErrorCode code = ERROR_QUERY;
    if (sqlstate == NULL || primary == NULL) {
        exchange_set_lost(connection, error);
        return;
    }
    message = redact_message(sqlstate, primary, connection->sql);
    code = code_of_sqlstate(connection, sqlstate);
    if (constraint != NULL && strstr(message, constraint) == NULL)
        error_set(error, code, "%s (constraint \"%s\")", message, constraint);
    else
        error_set(error, code, "%s", message);
    error_sql_set(error, sqlstate, position != NULL ? atoi(position) : 0);
    if (own_hint(sqlstate, code) != NULL) {
        error_hint_set(error, "%s", own_hint(sqlstate, code));
    } else if (hint != NULL) {
        g_autofree char *safe = redact_hint(sqlstate, hint, connection->sql);
        if (safe != NULL)
            error_hint_set(error, "%s", safe);
    }
}

void exchange_cancel(PgConnection *connection)
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
        exchange_cancel(connection);
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
bool exchange_wait(PgConnection *connection, Stopping *stopping, bool for_write)
{
    for (;;) {
        const int64_t moment_us = next_moment(connection, stopping);
        const int64_t now_us = clock_monotonic_us();
        struct pollfd fds[2] = {{.fd = PQsocket(connection->libpq),
                                 .events = (short)(POLLIN | (for_write ? POLLOUT : 0))},
                                {.fd = interrupt_fd(), .events = POLLIN}};
        int wait_ms = -1;
        if (moment_us != 0 && now_us >= moment_us) {
            if (!stop_harder(connection, stopping, STOP_DEADLINE))
                return false;
            continue;
        }
        if (stopping->reason == STOP_NOT && interrupt_pending()) {
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
        if (!exchange_wait(connection, stopping, true) || PQconsumeInput(connection->libpq) == 0)
            return false;
    }
    return left == 0;
}

/* The next result of the statement that runs; NULL at its end. *lost if the connection is gone. */
static PGresult *next_result(PgConnection *connection, Stopping *stopping, bool *lost)
{
    *lost = !flush(connection, stopping);
    while (!*lost && PQisBusy(connection->libpq))
        *lost =
            !exchange_wait(connection, stopping, false) || PQconsumeInput(connection->libpq) == 0;
    return *lost ? NULL : PQgetResult(connection->libpq);
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
        interrupt_set_error(error);
    }
}

/* A connection that was given up is closed, so that its transaction cannot go on unseen. */
void exchange_give_up(PgConnection *connection, const Stopping *stopping, GError **error)
{
    if (stopping->reason != STOP_NOT)
        set_stopped(connection, stopping, error);
    else
        exchange_set_lost(connection, error);
    if (pg_is_alive(connection)) {
        /* libpq has no call that breaks a connection and keeps the object; a shut socket does it.
         */
        (void)shutdown(PQsocket(connection->libpq), 2);
        (void)PQconsumeInput(connection->libpq);
    }
}

/* Reads every result of the statement that was sent; func sees those that are no error. The first
 * error wins. */
bool exchange_drain(PgConnection *connection, ResultFunc func, gpointer data, GError **error)
{
    Stopping stopping = {STOP_NOT, false, 0};
    bool done = true, lost = false;
    const bool pipeline = PQpipelineStatus(connection->libpq) != PQ_PIPELINE_OFF;
    for (;;) {
        PGresult *result = next_result(connection, &stopping, &lost);
        const ExecStatusType status = PQresultStatus(result);
        if (result == NULL && (lost || !pipeline))
            break;
        if (result ==
            NULL) { /* between two statements; the rows of the next are taken one by one */
            (void)PQsetSingleRowMode(connection->libpq);
            continue;
        }
        if (status == PGRES_PIPELINE_SYNC) {
            PQclear(result);
            break;
        }
        if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
            if (done && stopping.reason != STOP_NOT)
                set_stopped(connection, &stopping, error);
            else if (done)
                set_from_result(connection, result, error);
            done = false;
        } else if (done && status != PGRES_PIPELINE_ABORTED) {
            done = func(connection, result, &stopping, data, error);
            if (done)
                continue; /* func has taken the result */
        }
        PQclear(result);
        if (!done && (status == PGRES_COPY_IN || status == PGRES_COPY_OUT))
            break;
    }
    if (lost && done)
        exchange_give_up(connection, &stopping, error);
    return done && !lost;
}

bool exchange_send_failed(PgConnection *connection, GError **error)
{
    exchange_set_lost(connection, error);
    return false;
}

static bool pass_over(PgConnection *connection, PGresult *result, Stopping *stopping, gpointer data,
                      GError **error)
{
    (void)connection;
    (void)stopping;
    (void)data;
    (void)error;
    PQclear(result);
    return true;
}

static void note_statement(PgConnection *connection, const char *sql)
{
    g_free(connection->sql);
    connection->sql = g_strdup(sql);
    connection->warning[0] = '\0';
    connection->sent_us = clock_monotonic_us();
}

/* The server's own clock ends a statement in time, also when nobody is here any more to cancel it.
 * In a failed transaction nothing can be set; what can run there needs no time. */
static bool limit_session(PgConnection *connection, GError **error)
{
    const int64_t left_ms = (connection->latest_us - clock_monotonic_us()) / 1000;
    const int64_t limit_ms = connection->latest_us != 0 ? CLAMP(left_ms, 1, G_MAXINT) : 0;
    const bool idle = PQtransactionStatus(connection->libpq) == PQTRANS_IDLE;
    g_autofree char *sql = NULL;
    if ((limit_ms == 0 && !connection->limited) ||
        PQtransactionStatus(connection->libpq) == PQTRANS_INERROR)
        return true;
    sql = g_strdup_printf("SET statement_timeout = %d", (int)limit_ms);
    note_statement(connection, sql);
    if (PQsendQuery(connection->libpq, sql) == 0)
        return exchange_send_failed(connection, error);
    /* What is set in a transaction may be rolled back. */
    connection->limited = limit_ms > 0 || !idle;
    connection->statement_timeout_ms = limit_ms;
    return exchange_drain(connection, pass_over, NULL, error);
}

bool exchange_begin(PgConnection *connection, const char *sql, GError **error)
{
    if (!limit_session(connection, error))
        return false;
    note_statement(connection, sql);
    return true;
}

static bool keep_last(PgConnection *connection, PGresult *result, Stopping *stopping, gpointer data,
                      GError **error)
{
    PGresult **last = data;
    const ExecStatusType status = PQresultStatus(result);
    (void)stopping;
    /* The files of others are asked here, too: only pg_copy_out() and pg_statement() can copy. */
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
        error_set(error, ERROR_CONFIG, "COPY from STDIN or to STDOUT is no query");
        exchange_cancel(connection);
        return false;
    }
    PQclear(*last);
    *last = result;
    return true;
}

PgResult *exchange_finish(PgConnection *connection, GError **error)
{
    PGresult *last = NULL;
    if (exchange_drain(connection, keep_last, &last, error))
        return last;
    PQclear(last);
    return NULL;
}
