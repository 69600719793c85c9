/* A database's own health: what PostgreSQL itself would call broken, and what will break soon. */
#pragma once

#include "pg/connection.h"
#include <glib.h>
#include <stdbool.h>

/* Checks that every constraint is validated, every index valid and ready, foreign keys hold when
 * looked up again from pg_constraint (NULLs and all match types regarded), and sequences are ahead
 * of the columns that they feed. char * a line for each finding, empty if healthy; NULL with an
 * error if a check could not be made. A constraint that was NOT VALID before (names in baseline,
 * "schema.table.constraint", may be NULL) is no finding. Foreign keys are re-checked only for
 * tables in touched (uint32_t oids; NULL: all). */
GPtrArray *health_check(PgConnection *connection, GHashTable *baseline, GHashTable *touched,
                        GError **error);

/* Names of what is not valid now: the baseline for the check after migrating. Strings are keys. */
GHashTable *health_baseline(PgConnection *connection, GError **error);

/* Runs a file of assertions: every statement must return no row. A line for each that does
 * ("file:line: 3 rows"), never with row values. */
bool health_assert(PgConnection *connection, const GPtrArray *statements, const char *path,
                   GPtrArray *findings, GError **error);
