/*
 * What belongs to a database and lives outside its files: owner, ACL, connection limit, settings
 * (of the database, and of roles in it), comment, security labels, whether it is a template. A
 * clone, a restore and a rename leave it behind; this reads it, merges it and gives it to another
 * database.
 */
#pragma once

#include "base/json.h"
#include "pg/connection.h"
#include <glib.h>
#include <stdbool.h>

typedef struct PgProperties PgProperties;

/* ERROR_CONFIG if there is no such database. */
PgProperties *pg_properties_read(PgConnection *connection, const char *database, GError **error);
void pg_properties_free(PgProperties *properties);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PgProperties, pg_properties_free)

json_t *pg_properties_to_json(const PgProperties *properties);
PgProperties *pg_properties_from_json(const json_t *json, GError **error);

PgProperties *pg_properties_copy(const PgProperties *properties);

/* What a database of the same owner, encoding and locale has when it has just been created. */
PgProperties *pg_properties_fresh(const PgProperties *like);

/* The owner's name; belongs to the properties. */
const char *pg_properties_owner(const PgProperties *properties);

/* The comment is ours while a run is on: reads and replaces it. May be NULL. */
const char *pg_properties_comment(const PgProperties *properties);
void pg_properties_set_comment(PgProperties *properties, const char *comment);

/* Three ways: what changed from before to live, and what changed from before to work, both happen;
 * where they clash, live (a person's hand, during the run) wins and a line is added to notes. */
PgProperties *pg_properties_merge(const PgProperties *before, const PgProperties *live,
                                  const PgProperties *work, GPtrArray *notes);

/* Statements that turn `database`, whose properties are now `now`, into `wanted`: settings, ACL,
 * connection limit, template flag, owner, comment, labels; each may be run as one message, all in
 * one transaction; none if the two are equal. char *; the caller frees the array. */
GPtrArray *pg_properties_statements(const char *database, const PgProperties *now,
                                    const PgProperties *wanted);

/* A line for each difference, empty if equal. The ACL is compared as a set, NULL as what it stands
 * for. */
GPtrArray *pg_properties_compare(const PgProperties *expected, const PgProperties *actual);
