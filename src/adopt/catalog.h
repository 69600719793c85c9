/*
 * The application's part of a database's catalog as a list of things with facts, so that two
 * databases can be compared: schemas, enum types, tables, columns, constraints, indexes, triggers,
 * policies, functions, views, sequences and other types. Not compared: owners, privileges,
 * what belongs to extensions, and schema drydock.
 */
#pragma once

#include "base/json.h"
#include "pg/connection.h"
#include <glib.h>
#include <stdbool.h>

typedef struct {
    char *kind; /* "column"; see adopt_catalog.sql */
    char *schema;
    char *table; /* "" for what belongs to no table */
    char *name;
    json_t *facts; /* what must be the same */
    json_t *notes; /* what is needed to change it */
} CatalogItem;

typedef struct {
    GPtrArray *items;  /* CatalogItem *, tables together */
    GHashTable *index; /* key -> CatalogItem * */
} Catalog;

/* Leaves out the table schema.table (both NULL: none). The session's search_path is as before
 * afterwards. */
Catalog *catalog_read(PgConnection *connection, const char *schema, const char *table,
                      GError **error);
void catalog_free(Catalog *catalog);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Catalog, catalog_free)

/* NULL if there is none. */
const CatalogItem *catalog_find(const Catalog *catalog, const char *kind, const char *schema,
                                const char *table, const char *name);

/* The same thing in another catalog; NULL if it is not there. */
const CatalogItem *catalog_same(const Catalog *catalog, const CatalogItem *item);

bool catalog_is(const CatalogItem *item, const char *kind);

/* A fact or note as text; NULL if it is null or no text. */
const char *catalog_fact(const CatalogItem *item, const char *key);
const char *catalog_note(const CatalogItem *item, const char *key);
