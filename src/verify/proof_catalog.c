#include "verify/proof_catalog.h"
#include "base/error.h"
#include "pg/sql.h"
#include <string.h>

static void relation_free(ProofRelation *relation)
{
    digest_table_free(relation->table);
    json_decref(relation->above);
    g_free(relation);
}

void proof_catalog_free(ProofCatalog *catalog)
{
    if (!catalog)
        return;
    g_clear_pointer(&catalog->relations, g_hash_table_unref);
    g_clear_pointer(&catalog->feeds, g_hash_table_unref);
    g_free(catalog);
}

static json_t *json_value(const PgResult *result, int row, int column, GError **error)
{
    const char *text = pg_value(result, row, column);
    return json_parse(text, strlen(text), "catalog", error);
}

static bool set_columns(DigestTable *table, const json_t *numbers, const json_t *names,
                        const json_t *types)
{
    size_t i;
    json_t *number;
    json_array_foreach(numbers, i, number)
    {
        const char *name = json_string_value(json_array_get(names, i));
        int attnum = (int)json_integer_value(number);
        ColumnType type = {(uint32_t)json_integer_value(json_array_get(types, i)), -1};
        if (!name)
            return false;
        digest_table_add_column(table, attnum, name, type);
    }
    return true;
}

static ProofRelation *relation_from_row(const PgResult *result, int row, GError **error)
{
    g_autoptr(json_t) numbers = json_value(result, row, 5, error);
    g_autoptr(json_t) names = numbers ? json_value(result, row, 6, error) : NULL;
    g_autoptr(json_t) types = names ? json_value(result, row, 7, error) : NULL;
    g_autoptr(json_t) above = types ? json_value(result, row, 8, error) : NULL;
    if (!above)
        return NULL;
    g_autoptr(DigestTable) table = digest_table_new();
    table->oid = (uint32_t)pg_integer(result, row, 0);
    table->schema = g_strdup(pg_value(result, row, 1));
    table->name = g_strdup(pg_value(result, row, 2));
    table->kind = pg_value(result, row, 3)[0];
    if (!set_columns(table, numbers, names, types)) {
        error_set(error, ERROR_INTEGRITY, "the columns of table '%s.%s' cannot be read",
                  table->schema, table->name);
        return NULL;
    }
    ProofRelation *relation = g_new0(ProofRelation, 1);
    relation->table = g_steal_pointer(&table);
    relation->populated = pg_flag(result, row, 4);
    relation->above = g_steal_pointer(&above);
    return relation;
}

static bool read_relations(ProofCatalog *catalog, PgConnection *connection, GError **error)
{
    g_autoptr(PgResult) result = pg_query(connection, error, pg_sql_proof_tables, 0);
    for (int row = 0; result && row < pg_rows(result); row++) {
        ProofRelation *relation = relation_from_row(result, row, error);
        if (!relation)
            return false;
        g_hash_table_insert(catalog->relations, GUINT_TO_POINTER(relation->table->oid), relation);
    }
    return result;
}

static bool read_feeds(ProofCatalog *catalog, PgConnection *connection, GError **error)
{
    g_autoptr(PgResult) result = pg_query(connection, error, pg_sql_proof_sequences, 0);
    for (int row = 0; result && row < pg_rows(result); row++) {
        gpointer sequence = GUINT_TO_POINTER((uint32_t)pg_integer(result, row, 0));
        uint32_t table = (uint32_t)pg_integer(result, row, 1);
        GArray *tables = g_hash_table_lookup(catalog->feeds, sequence);
        if (!tables) {
            tables = g_array_new(FALSE, FALSE, sizeof(uint32_t));
            g_hash_table_insert(catalog->feeds, sequence, tables);
        }
        g_array_append_val(tables, table);
    }
    return result;
}

ProofCatalog *proof_catalog_read(PgConnection *connection, GError **error)
{
    g_autoptr(ProofCatalog) catalog = g_new0(ProofCatalog, 1);
    catalog->relations =
        g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, (GDestroyNotify)relation_free);
    catalog->feeds =
        g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, (GDestroyNotify)g_array_unref);
    if (!read_relations(catalog, connection, error) || !read_feeds(catalog, connection, error)) {
        g_prefix_error(error, "while reading the catalog for the data proof: ");
        return NULL;
    }
    return g_steal_pointer(&catalog);
}

const ProofRelation *proof_catalog_find(const ProofCatalog *catalog, uint32_t oid)
{
    return g_hash_table_lookup(catalog->relations, GUINT_TO_POINTER(oid));
}
