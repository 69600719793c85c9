/*
 * The gate of a database: ALLOW_CONNECTIONS. A closed database admits nobody, superusers included;
 * the version of its row in pg_database (oid, xmin, ctid) stays the same as long as nobody opens
 * it. Opening it for ourselves: let our sessions in, close it behind them, end whoever else slipped
 * in.
 */
#pragma once

#include "pg/connection.h"
#include <glib.h>
#include <stdbool.h>

/* "oid/xmin/ctid" of a database's row; NULL with an error if there is no such database. The caller
 * frees it. */
char *gate_version(PgConnection *control, const char *database, GError **error);

bool gate_is_open(PgConnection *control, const char *database, bool *open, GError **error);

/* Opens or closes; one statement. */
bool gate_set(PgConnection *control, const char *database, bool open, GError **error);

/* A session in a database that is not one of ours. */
typedef struct {
    int pid;
    char *user, *application;
    bool endable; /* this role may end it */
} GateSession;
void gate_session_free(GateSession *session);

/* Client sessions in a database other than those whose application_name is `application` (NULL: all
 * are others); GateSession *. */
GPtrArray *gate_sessions(PgConnection *control, const char *database, const char *application,
                         GError **error);

/* Ends those of the sessions above that this role may end, and waits up to wait_ms until they are
 * gone. ended (may be NULL) counts. */
bool gate_end_sessions(PgConnection *control, const char *database, const char *application,
                       int64_t wait_ms, int *ended, GError **error);

/* "pid 123 (user, application), ..." */
char *gate_describe(const GPtrArray *sessions);
