/* PostgreSQL's own programs: which of those installed fits a server, or an archive. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Path of program ("pg_dump") with the lowest major version that is not below server_version_num's,
 * and of these the newest minor version; looks in /usr/lib/postgresql/N/bin, /usr/pgsql-N/bin and
 * PATH, or, if DRYDOCK_PG_BIN is set, in that folder alone. *version (may be NULL) gets "15.18"
 * (the caller frees both). ERROR_CONFIG with what was found if none fits. */
char *pg_tool_find(const char *program, int server_version_num, char **version, GError **error);

/*
 * As above for pg_restore and an archive that a pg_dump of dump_version_num made (0: unknown, then
 * the newest): the same major version, else the next newer one. One with a known hole in restoring
 * archives is chosen only where there is no safe one and allow_known_holes says that it may;
 * otherwise ERROR_REFUSED tells what was found and which versions are safe.
 */
char *pg_tool_find_restore(int dump_version_num, bool allow_known_holes, char **version,
                           GError **error);

/* What is known against dumping with a pg_dump of this version ("15.18"); NULL if nothing is. The
 * caller frees it. */
char *pg_tool_dump_warning(const char *version);
