/* A database's own health: what PostgreSQL itself would call broken, and what will break soon. */
#pragma once

#include "pg/connection.h"
#include <glib.h>
#include <stdbool.h>

/* Checks that every constraint is validated, every index valid and ready, the triggers of foreign
 * keys enabled, foreign keys hold when looked up again from pg_constraint (NULLs and all match
 * types regarded), and sequences are ahead of the columns that they feed. char * a line for each
 * finding, empty if healthy; NULL with an error if a check could not be made. What was not valid
 * before (baseline, from health_baseline(); may be NULL) is no finding. Foreign keys and sequences
 * are looked at only where a table or sequence of touched (uint32_t oids as pointers; NULL: all)
 * takes part. Needs a connection outside of a transaction. */
GPtrArray *health_check(PgConnection *connection, GHashTable *baseline, GHashTable *touched,
                        GError **error);

/* Names of what is not valid now ("constraint schema.table.name", "index schema.name", "foreign key
 * ...", "sequence ... of column"): the baseline for the check after migrating. Strings are keys. */
GHashTable *health_baseline(PgConnection *connection, GError **error);

/* The same without sequences, in the transaction that is open, with search_path = pg_catalog: what
 * a restored database has in common with the one that was archived (char *). */
GPtrArray *health_not_valid(PgConnection *connection, GError **error);

/* Runs a file of assertions (SqlStatement *) in one read-only transaction that is rolled back:
 * every statement must be a query (ERROR_CONFIG if it is not) and return no row. A line in findings
 * for each that does ("file:line: 3 rows"), never with row values. */
bool health_assert(PgConnection *connection, const GPtrArray *statements, const char *path,
                   GPtrArray *findings, GError **error);
