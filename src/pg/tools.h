/* PostgreSQL's own programs: which of those installed fits a server. */
#pragma once

#include <glib.h>

/* Path of program ("pg_dump") with the lowest major version that is not below server_version_num's;
 * looks in DRYDOCK_PG_BIN, /usr/lib/postgresql/N/bin, /usr/pgsql-N/bin and PATH. *version gets
 * "15.18" (the caller frees both). ERROR_CONFIG with what was found if none fits. */
char *pg_tool_find(const char *program, int server_version_num, char **version, GError **error);
