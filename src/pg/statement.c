/* Statements of migrations, COPY, and asking the grammar. */
#include "base/error.h"
#include "pg/exchange.h"
#include <string.h>

#define COPY_CHUNK_BYTES ((size_t)64 * 1024)

/* What pg_statement() feeds to the server and learns from it. */
typedef struct {
    const char *copy_data;
    size_t copy_bytes;
    int64_t rows;
} StatementData;

/* libpq keeps what the server does not take yet and lets its buffer grow, moving all of it at every
 * write: so that each piece is sent before the next is given to it. False if the connection is
 * lost. */
static bool flush_piece(PgConnection *connection, Stopping *stopping)
{
    int left = 0;
    while ((left = PQflush(connection->libpq)) > 0 && stopping->reason == STOP_NOT) {
        if (!exchange_wait(connection, stopping, true) || PQconsumeInput(connection->libpq) == 0)
            return false;
    }
    return left >= 0;
}

static bool put_all(PgConnection *connection, const char *bytes, size_t size_bytes,
                    Stopping *stopping, bool *ended)
{
    for (size_t at = 0; at < size_bytes && stopping->reason == STOP_NOT;) {
        const size_t chunk = MIN(COPY_CHUNK_BYTES, size_bytes - at);
        const int put = PQputCopyData(connection->libpq, bytes + at, (int)chunk);
        if (put < 0) {
            *ended = true; /* by the server; its error comes with the next result */
            return true;
        }
        at += put > 0 ? chunk : 0;
        if (!flush_piece(connection, stopping))
            return false;
    }
    return true;
}

static bool feed_copy(PgConnection *connection, const StatementData *statement, Stopping *stopping)
{
    bool ended = false;
    if (!put_all(connection, statement->copy_data, statement->copy_bytes, stopping, &ended))
        return false;
    return ended || PQputCopyEnd(connection->libpq,
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
        exchange_cancel(connection);
        return false;
    }
    if (status == PGRES_COPY_IN && !feed_copy(connection, statement, stopping)) {
        exchange_give_up(connection, stopping, error);
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
    if (!exchange_begin(connection, text, error))
        return false;
    if (PQsendQuery(connection->libpq, text) == 0)
        return exchange_send_failed(connection, error);
    (void)PQsetSingleRowMode(connection->libpq); /* a SELECT's rows are passed over one by one */
    if (!exchange_drain(connection, take_result, &statement, error))
        return false;
    if (rows != NULL)
        *rows = statement.rows;
    return true;
}

bool pg_statement_after(PgConnection *connection, const char *before, const char *sql,
                        size_t sql_bytes, GError **error)
{
    StatementData statement = {NULL, 0, 0};
    g_autofree char *text = g_strndup(sql, sql_bytes);
    PGconn *libpq = connection->libpq;
    bool done = false;
    if (!exchange_begin(connection, text, error))
        return false;
    if (PQenterPipelineMode(libpq) == 0 ||
        PQsendQueryParams(libpq, before, 0, NULL, NULL, NULL, NULL, 0) == 0 ||
        PQsendQueryParams(libpq, text, 0, NULL, NULL, NULL, NULL, 0) == 0 ||
        PQpipelineSync(libpq) == 0)
        return exchange_send_failed(connection, error);
    done = exchange_drain(connection, take_result, &statement, error);
    if (pg_is_alive(connection) && PQexitPipelineMode(libpq) == 0 && done)
        return exchange_send_failed(connection, error);
    return done;
}

bool pg_parses(PgConnection *connection, const char *sql, size_t sql_bytes, GError **error)
{
    g_autofree char *text = g_strndup(sql, sql_bytes);
    g_autoptr(GError) cause = NULL;
    g_autoptr(PgResult) result = NULL;
    if (!exchange_begin(connection, text, error))
        return false;
    if (PQsendPrepare(connection->libpq, "", text, 0, NULL) == 0)
        return exchange_send_failed(connection, error);
    result = exchange_finish(connection, &cause);
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
                exchange_cancel(connection);
            PQfreemem(row);
        } else {
            *lost = !exchange_wait(connection, stopping, false) ||
                    PQconsumeInput(connection->libpq) == 0;
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
        exchange_give_up(connection, stopping, error);
        return false;
    }
    PQclear(result);
    return true;
}

typedef struct {
    PgFeedFunc func;
    gpointer data;
    int64_t rows;
    GError *error; /* of func */
} CopyIn;

/* False if the connection is lost. */
static bool feed(PgConnection *connection, CopyIn *copy, Stopping *stopping)
{
    const void *bytes = NULL;
    size_t size_bytes = 0;
    bool ended = false;
    do {
        if (!copy->func(&bytes, &size_bytes, copy->data, &copy->error))
            break;
        if (!put_all(connection, bytes, size_bytes, stopping, &ended))
            return false;
    } while (size_bytes > 0 && !ended && stopping->reason == STOP_NOT);
    return PQputCopyEnd(connection->libpq, copy->error != NULL || stopping->reason != STOP_NOT
                                               ? "given up by the client"
                                               : NULL) >= 0;
}

static bool take_copy_in(PgConnection *connection, PGresult *result, Stopping *stopping,
                         gpointer data, GError **error)
{
    CopyIn *copy = data;
    if (PQresultStatus(result) == PGRES_COPY_IN && !feed(connection, copy, stopping)) {
        exchange_give_up(connection, stopping, error);
        return false;
    }
    if (PQresultStatus(result) == PGRES_COMMAND_OK)
        copy->rows = g_ascii_strtoll(PQcmdTuples(result), NULL, 10);
    PQclear(result);
    return true;
}

bool pg_copy_in(PgConnection *connection, const char *sql, PgFeedFunc func, gpointer data,
                int64_t *rows, GError **error)
{
    CopyIn copy = {func, data, 0, NULL};
    g_autoptr(GError) cause = NULL;
    bool done = false;
    if (!exchange_begin(connection, sql, error))
        return false;
    if (PQsendQuery(connection->libpq, sql) == 0)
        return exchange_send_failed(connection, error);
    done = exchange_drain(connection, take_copy_in, &copy, &cause);
    if (copy.error != NULL) {
        g_propagate_error(error, copy.error);
        return false;
    }
    if (!done) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (rows != NULL)
        *rows = copy.rows;
    return true;
}

bool pg_copy_out(PgConnection *connection, const char *sql, PgRowFunc func, gpointer data,
                 GError **error)
{
    CopyOut copy = {func, data, NULL};
    g_autoptr(GError) cause = NULL;
    bool done = false;
    if (!exchange_begin(connection, sql, error))
        return false;
    if (PQsendQuery(connection->libpq, sql) == 0)
        return exchange_send_failed(connection, error);
    done = exchange_drain(connection, take_copy, &copy, &cause);
    if (copy.error != NULL) {
        g_propagate_error(error, copy.error);
        return false;
    }
    if (!done)
        g_propagate_error(error, g_steal_pointer(&cause));
    return done;
}
