#include "adopt/catalog.h"

#include "base/error.h"
#include "pg/sql.h"
#include <string.h>

static void item_free(CatalogItem *item)
{
    g_free(item->kind);
    g_free(item->schema);
    g_free(item->table);
    g_free(item->name);
    json_decref(item->facts);
    json_decref(item->notes);
    g_free(item);
}

void catalog_free(Catalog *catalog)
{
    if (catalog == NULL)
        return;
    g_hash_table_unref(catalog->index);
    g_ptr_array_unref(catalog->items);
    g_free(catalog);
}

/* Names may hold anything but NUL; a unit separator in two of them at once is not worth more. */
static char *key_of(const char *kind, const char *schema, const char *table, const char *name)
{
    return g_strjoin("\x1f", kind, schema, table, name, NULL);
}

static json_t *parse(const PgResult *rows, int row, int column, GError **error)
{
    const char *text = pg_value(rows, row, column);
    return json_parse(text, strlen(text), "the catalog", error);
}

static bool add(Catalog *catalog, const PgResult *rows, int row, GError **error)
{
    CatalogItem *item = g_new0(CatalogItem, 1);
    item->kind = g_strdup(pg_value(rows, row, 0));
    item->schema = g_strdup(pg_value(rows, row, 1));
    item->table = g_strdup(pg_value(rows, row, 2));
    item->name = g_strdup(pg_value(rows, row, 3));
    item->facts = parse(rows, row, 4, error);
    item->notes = item->facts != NULL ? parse(rows, row, 5, error) : NULL;
    g_ptr_array_add(catalog->items, item);
    g_hash_table_insert(catalog->index, key_of(item->kind, item->schema, item->table, item->name),
                        item);
    return item->notes != NULL;
}

/* Every name qualified, whatever the search_path of the application is. */
static PgResult *read_rows(PgConnection *connection, const char *schema, const char *table,
                           GError **error)
{
    PgResult *rows = NULL;
    if (!pg_exec(connection, "BEGIN READ ONLY; SET LOCAL search_path = ''", error))
        return NULL;
    rows = pg_query(connection, error, pg_sql_adopt_catalog, 2, schema, table);
    if (!pg_exec(connection, "ROLLBACK", rows != NULL ? error : NULL))
        g_clear_pointer(&rows, pg_result_free);
    return rows;
}

Catalog *catalog_read(PgConnection *connection, const char *schema, const char *table,
                      GError **error)
{
    g_autoptr(Catalog) catalog = g_new0(Catalog, 1);
    g_autoptr(PgResult) rows = NULL;
    catalog->items = g_ptr_array_new_with_free_func((GDestroyNotify)item_free);
    catalog->index = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    rows = read_rows(connection, schema, table, error);
    for (int row = 0; rows != NULL && row < pg_rows(rows); row++) {
        if (!add(catalog, rows, row, error))
            g_clear_pointer(&rows, pg_result_free);
    }
    if (rows != NULL)
        return g_steal_pointer(&catalog);
    g_prefix_error(error, "cannot read the catalog of database '%s': ", pg_database(connection));
    return NULL;
}

const CatalogItem *catalog_find(const Catalog *catalog, const char *kind, const char *schema,
                                const char *table, const char *name)
{
    g_autofree char *key = key_of(kind, schema, table, name);
    return g_hash_table_lookup(catalog->index, key);
}

const CatalogItem *catalog_same(const Catalog *catalog, const CatalogItem *item)
{
    return catalog_find(catalog, item->kind, item->schema, item->table, item->name);
}

bool catalog_is(const CatalogItem *item, const char *kind)
{
    return strcmp(item->kind, kind) == 0;
}

const char *catalog_fact(const CatalogItem *item, const char *key)
{
    return json_get_text(item->facts, key);
}

const char *catalog_note(const CatalogItem *item, const char *key)
{
    return json_get_text(item->notes, key);
}
