/*
 * A server and a database as the operator named them: a conninfo string or URI, PG* variables, a
 * service file, a password file - libpq's own conventions. Parsed once; shared by every connection
 * and by child programs.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct PgTarget PgTarget;

/* dsn may be NULL (libpq's defaults alone). ERROR_CONFIG if it does not parse. */
PgTarget *pg_target_new(const char *dsn, GError **error);
/* What is wrong with a connection string that stands in a file: it does not parse, names no server,
 * holds a password; NULL: nothing. */
const char *pg_target_problem(const char *conninfo);
void pg_target_free(PgTarget *target);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PgTarget, pg_target_free)

/* The database and user that a connection would use; the strings belong to the target. */
const char *pg_target_database(const PgTarget *target);
const char *pg_target_user(const PgTarget *target);

/* "host:port" or the socket's folder, for messages. */
const char *pg_target_place(const PgTarget *target);

/* What a PostgreSQL program needs in its environment to reach this server, with the settings that
 * our own sessions pin: NULL-terminated NAME=value strings without any secret; a password goes into
 * a file that only we can read, in folder, which *passfile names (NULL if there is no password).
 * The caller frees the list (g_strfreev) and removes the file. */
char **pg_target_environment(const PgTarget *target, const char *database, const char *application,
                             int server_version_num, const char *folder, char **passfile,
                             GError **error);
