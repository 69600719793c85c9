/* PostgreSQL's own programs: which of those installed fits a server. */
#pragma once

#include <glib.h>

/* Path of program ("pg_dump") with the lowest major version that is not below server_version_num's,
 * and of these the newest minor version; looks in /usr/lib/postgresql/N/bin, /usr/pgsql-N/bin and
 * PATH, or, if DRYDOCK_PG_BIN is set, in that folder alone. *version (may be NULL) gets "15.18"
 * (the caller frees both). ERROR_CONFIG with what was found if none fits. */
char *pg_tool_find(const char *program, int server_version_num, char **version, GError **error);
