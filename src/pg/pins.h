/*
 * Settings that neither a role, a database nor a server may change under us: those of our own
 * sessions, and of the programs that we start.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* "set_config('TimeZone', 'UTC', false), ..." with everything of pg_catalog. The caller frees it.
 */
char *pins_sql(int server_version_num, bool read_only);

/* "-c TimeZone=UTC ..." for PGOPTIONS, behind what is in options (may be NULL). Sessions may write.
 * The caller frees it. */
char *pins_options(const char *options, int server_version_num);
