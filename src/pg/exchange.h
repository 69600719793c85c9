/*
 * One exchange with the server: sending, waiting with a time limit and an ear for signals, reading
 * every result. Shared by connection.c and statement.c; only src/pg/ may include this.
 */
#pragma once

#include "pg/connection.h"
#include "pg/target_private.h"

struct PgConnection {
    PGconn *libpq;
    bool read_only;
    bool catalog_only;
    int64_t deadline_us;          /* monotonic, of waiting here; 0: none */
    int64_t latest_us;            /* monotonic, of statements on the server; 0: none */
    bool limited;                 /* the session's statement_timeout is what latest_us left */
    int64_t statement_timeout_ms; /* the server's, for this session; 0: none */
    int64_t sent_us;              /* when the statement that runs was sent */
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

/* Sees every result that is no error, and takes it. */
typedef bool (*ResultFunc)(PgConnection *connection, PGresult *result, Stopping *stopping,
                           gpointer data, GError **error);

/* Before a statement is sent: sql is what its errors are about. Gives the session the time limit
 * that the connection's deadline leaves. */
bool exchange_begin(PgConnection *connection, const char *sql, GError **error);

/* Reads every result of what was sent; func sees those that are no error. The first error wins. */
bool exchange_drain(PgConnection *connection, ResultFunc func, gpointer data, GError **error);

/* The last result of what was sent. */
PgResult *exchange_finish(PgConnection *connection, GError **error);

/* Waits until the socket can be read (or written, if there is something to flush). False if the
 * connection was given up. */
bool exchange_wait(PgConnection *connection, Stopping *stopping, bool for_write);

void exchange_cancel(PgConnection *connection);
void exchange_give_up(PgConnection *connection, const Stopping *stopping, GError **error);
bool exchange_send_failed(PgConnection *connection, GError **error);
void exchange_set_lost(const PgConnection *connection, GError **error);

/* A message of libpq on one line; the caller frees it. */
char *exchange_words(const char *message);
