/*
 * The history of sequelize-cli: a table with one text column, "name", one row for each file that
 * was run. It is adopted once; from then on every migration that is applied or taken back here
 * inserts or deletes its row there, in the transaction of our own history.
 *
 * That a table is adopted, and which, is said by the view drydock.sequelize_meta over it: it
 * follows a rename, keeps the table from being dropped unnoticed, and tells the data proof which
 * table is no content. drydock.adopted keeps the names that were found.
 */
#pragma once

#include "migration/migration.h"
#include "pg/connection.h"
#include <glib.h>
#include <stdbool.h>

typedef enum {
    SEQUELIZE_BY_NAME,
    SEQUELIZE_BY_ALIAS,
    SEQUELIZE_BY_ID,     /* another name, and no other row has the id */
    SEQUELIZE_UNKNOWN,   /* no migration of ours */
    SEQUELIZE_AMBIGUOUS, /* several rows have the id, and this one has neither name nor alias */
} SequelizeMatch;

typedef struct {
    char *name; /* as it stands in the table */
    SequelizeMatch match;
    const Migration *migration; /* NULL if unknown or ambiguous; belongs to the set */
} SequelizeRow;

/* The name without .js, .cjs, .mjs or .ts. The caller frees it. */
char *sequelize_stem(const char *name);

/* What each name of the table (NULL-terminated) means: SequelizeRow *, in that order. The caller
 * frees the array; it refers to the set. */
GPtrArray *sequelize_map(const MigrationSet *set, const char *const *names);

const char *sequelize_match_name(SequelizeMatch match);

/* Whether a table of sequelize-cli is adopted in this database. */
bool sequelize_is_adopted(PgConnection *connection, bool *adopted, GError **error);

/* The row of a migration goes in or out, where a table is adopted; otherwise nothing happens. In
 * the caller's transaction. ERROR_INTEGRITY if there is no row to take out. */
bool sequelize_insert(PgConnection *connection, const Migration *migration, GError **error);
bool sequelize_delete(PgConnection *connection, const Migration *migration, GError **error);

/* ERROR_INTEGRITY that names what stands in one history only, where a table is adopted. */
bool sequelize_check(PgConnection *connection, GError **error);
