/*
 * Connections and queries; the only user of libpq.
 *
 * A connection is opened with its session settings pinned (UTC, ISO dates, no idle timeouts, no
 * statement or lock timeout, standard_conforming_strings, keepalives, application_name), so that
 * what a role or database has set does not change what we do. Every wait for the server ends when
 * the server answers, the connection's time limit passes (the statement is cancelled, then ended),
 * or a signal asks us to stop. A connection is used by one thread at a time.
 *
 * Messages of the server are redacted (pg/redact.h) before they become an error: no literal, no
 * row.
 */
#pragma once

#include "pg/target.h"
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct PgConnection PgConnection;
typedef struct pg_result PgResult;

typedef struct {
    const char *database;    /* NULL: the target's */
    const char *application; /* application_name; required */
    int connect_timeout_s;   /* 0: 10 s */
    bool read_only;          /* default_transaction_read_only */
    /* Names mean what is in pg_catalog: for databases where others may create functions, of which
     * one that fits an argument better would be called in place of the server's own. */
    bool catalog_only;
} PgConnectOptions;

PgConnection *pg_connect(const PgTarget *target, const PgConnectOptions *options, GError **error);
void pg_disconnect(PgConnection *connection);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PgConnection, pg_disconnect)

const char *pg_database(const PgConnection *connection);
int pg_backend_pid(const PgConnection *connection);
int pg_server_version(const PgConnection *connection); /* 150018 for 15.18 */

/* The pid that the protocol gave differs from the backend's own: something between us and the
 * server. */
bool pg_is_pooled(PgConnection *connection, bool *pooled, GError **error);

/* Whether the connection is still usable. */
bool pg_is_alive(const PgConnection *connection);

/* Makes the session as it was when it was opened: no settings, role or temporary tables of what ran
 * in it before. */
bool pg_reset_session(PgConnection *connection, const char *then, GError **error);

/* No statement is left on the server so long after the moment at which it should have ended. */
#define PG_ENDED_AFTER_MS 5000

/* Time limit, in monotonic microseconds, for every following statement; 0: none. The session's
 * statement_timeout is set to what is left before each, so that the server ends it, whatever
 * becomes of us; what that does not end (a handler that swallows the cancellation) is ended within
 * PG_ENDED_AFTER_MS, through killer (may be NULL: the socket is closed). Such statements fail with
 * ERROR_TIMEOUT. */
void pg_set_deadline(PgConnection *connection, int64_t latest_us, PgConnection *killer);

/* The same without the session's statement_timeout, which is the caller's own. */
void pg_watch_deadline(PgConnection *connection, int64_t deadline_us, PgConnection *killer);

/* Says that the session's statement_timeout has been set (0: none; so it is when a session is
 * opened or reset). A statement that was cancelled before that time was cancelled by a person: the
 * server has one SQLSTATE for both, and its words are in any language. */
void pg_note_statement_timeout(PgConnection *connection, int64_t timeout_ms);

/* While a statement of this connection runs, func is called every interval_ms (on the caller's
 * thread; it must not use this connection). NULL: no more. */
typedef void (*PgWatchFunc)(gpointer data);
void pg_set_watch(PgConnection *connection, int64_t interval_ms, PgWatchFunc func, gpointer data);

/* Runs one statement with n text parameters (const char *, NULL is SQL null) and gives its rows. */
PgResult *pg_query(PgConnection *connection, GError **error, const char *sql, int n, ...);

/* Runs one statement with n parameters in binary format; type: an OID of pg_type that is the same
 * everywhere (below 10000). */
typedef struct {
    const void *data;
    size_t size_bytes;
    uint32_t type;
} PgBytes;
PgResult *pg_query_bytes(PgConnection *connection, GError **error, const char *sql, int n,
                         const PgBytes *parameters);

/* One statement, or several without parameters, whose rows do not matter. */
bool pg_exec(PgConnection *connection, const char *sql, GError **error);

/* As above from a format; the arguments must be quoted already (pg_identifier, pg_literal). */
bool pg_execf(PgConnection *connection, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* First column of the first row as text (the caller frees it); NULL without an error if there is no
 * row or it is null. */
char *pg_query_text(PgConnection *connection, GError **error, const char *sql, int n, ...);

/* Rows and values; the strings belong to the result. */
int pg_rows(const PgResult *result);
int pg_columns(const PgResult *result);
const char *pg_column_name(const PgResult *result, int column);
bool pg_is_null(const PgResult *result, int row, int column);
const char *pg_value(const PgResult *result, int row, int column); /* "" if null */
const char *pg_value_or_null(const PgResult *result, int row, int column);
int64_t pg_integer(const PgResult *result, int row, int column); /* 0 if null */
bool pg_flag(const PgResult *result, int row, int column);
int64_t pg_affected(const PgResult *result); /* rows of INSERT, UPDATE, ...; 0 otherwise */
void pg_result_free(PgResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PgResult, pg_result_free)

/* Sends one statement of a migration as one simple-protocol message; data is fed if it is COPY FROM
 * STDIN (NULL otherwise). *rows (may be NULL) gets the rows affected. In an error, error_position()
 * is the character in sql. */
bool pg_statement(PgConnection *connection, const char *sql, size_t sql_bytes,
                  const char *copy_data, size_t copy_bytes, int64_t *rows, GError **error);

/* As above, with another statement (whose rows do not matter) sent before it in the same flight;
 * sql runs only if that succeeds. Not for COPY, nor for what cannot run in a transaction. */
bool pg_statement_after(PgConnection *connection, const char *before, const char *sql,
                        size_t sql_bytes, GError **error);

/* Asks the server to parse sql and nothing more: true if its grammar takes it. Names in it need not
 * exist. */
bool pg_parses(PgConnection *connection, const char *sql, size_t sql_bytes, GError **error);

/* Streams COPY ... TO STDOUT; row is one message (a line with its line feed, in text format). A
 * callback that returns false ends the copy with the error that it set. */
typedef bool (*PgRowFunc)(const char *row, size_t size_bytes, gpointer data, GError **error);
bool pg_copy_out(PgConnection *connection, const char *sql, PgRowFunc func, gpointer data,
                 GError **error);

/* Feeds COPY ... FROM STDIN: func gives the next bytes, which stay its own (no bytes: the end); an
 * error of it makes the COPY fail. *rows (may be NULL) gets how many were copied. */
typedef bool (*PgFeedFunc)(const void **bytes, size_t *size_bytes, gpointer data, GError **error);
bool pg_copy_in(PgConnection *connection, const char *sql, PgFeedFunc func, gpointer data,
                int64_t *rows, GError **error);

/* Whether the transaction is open, failed, or none. */
typedef enum { PG_IDLE, PG_IN_TRANSACTION, PG_IN_FAILED_TRANSACTION, PG_BROKEN } PgTransaction;
PgTransaction pg_transaction(const PgConnection *connection);

/* SQLSTATE of the last warning that the server sent with the last statement; "" if it sent none.
 * Its text may quote rows and is not kept. */
const char *pg_last_warning(const PgConnection *connection);

/* Quoted for SQL; the caller frees them. */
char *pg_identifier(const char *name);
char *pg_literal(const char *text);
/* "schema"."name" */
char *pg_qualified(const char *schema, const char *name);
