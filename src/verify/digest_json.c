/* Sets of digests as JSON, and the one hash for all of a set. */
#include "base/error.h"
#include "base/hash.h"
#include "verify/digest.h"
#include <string.h>

#define ALGORITHM "sum of XXH3-128 over COPY rows"

static json_t *columns_to_json(const DigestTable *table, bool with_numbers)
{
    json_t *columns = json_array();
    for (guint i = 0; i < table->columns->len; i++) {
        const char *name = g_ptr_array_index(table->columns, i);
        json_t *column = json_object();
        if (with_numbers)
            json_set_integer(column, "number", g_array_index(table->attnums, int, i));
        json_set_text(column, "name", name);
        json_array_append_new(columns, column);
    }
    return columns;
}

void row_digest_to_json(json_t *object, RowDigest digest)
{
    g_autofree char *text = digest_format(digest);
    json_set_integer(object, "rows", digest.rows);
    json_set_text(object, "digest", strchr(text, ':') + 1);
}

/* local: with what is true of this very database only (OID, column numbers, size, ...). */
static json_t *table_to_json(const DigestTable *table, bool local)
{
    const char kind[] = {table->kind, '\0'};
    json_t *object = json_object();
    json_set_text(object, "schema", table->schema);
    json_set_text(object, "name", table->name);
    json_set_text(object, "kind", kind);
    if (local) {
        json_set_integer(object, "oid", table->oid);
        json_object_set_new(object, "unlogged", json_boolean(table->unlogged));
        json_object_set_new(object, "archived", json_boolean(table->archived));
        json_set_integer(object, "size_bytes", table->size_bytes);
        if (table->spread_name != NULL)
            json_object_set_new(object, "spread",
                                json_pack("{s:s, s:s}", "schema", table->spread_schema, "name",
                                          table->spread_name));
    }
    if (table->kind == 'S') {
        json_set_text(object, "value", table->value);
    } else {
        json_set_text(object, "format", copy_format_name(table->format));
        json_object_set_new(object, "columns", columns_to_json(table, local));
        row_digest_to_json(object, table->digest);
    }
    return object;
}

json_t *digest_set_to_json(const DigestSet *set)
{
    json_t *object = json_object(), *tables = json_array(), *large_objects = json_object(),
           *access = json_object();
    json_set_text(object, "algorithm", ALGORITHM);
    for (guint i = 0; i < set->tables->len; i++)
        json_array_append_new(tables, table_to_json(g_ptr_array_index(set->tables, i), true));
    json_object_set_new(object, "tables", tables);
    row_digest_to_json(large_objects, set->large_objects);
    json_object_set_new(object, "large_objects", large_objects);
    row_digest_to_json(access, set->large_object_access);
    json_object_set_new(object, "large_object_access", access);
    return object;
}

char *digest_set_hash(const DigestSet *set)
{
    g_autoptr(HashStream) stream = hash_stream_new();
    g_autofree char *large_objects = digest_format(set->large_objects);
    g_autofree char *access = digest_format(set->large_object_access);
    HashHex hex;
    for (guint i = 0; i < set->tables->len; i++) {
        g_autoptr(json_t) object = table_to_json(g_ptr_array_index(set->tables, i), false);
        g_autofree char *line = json_to_line(object);
        hash_stream_update(stream, line, strlen(line));
        hash_stream_update(stream, "\n", 1);
    }
    hash_stream_update(stream, large_objects, strlen(large_objects));
    hash_stream_update(stream, "\n", 1);
    hash_stream_update(stream, access, strlen(access));
    hex = hash_stream_end(stream);
    return g_strdup(hex.hex);
}

static bool malformed(GError **error, const char *what)
{
    error_set(error, ERROR_INTEGRITY, "the list of digests is malformed: %s", what);
    return false;
}

static bool read_half(const char *hex, uint64_t *out)
{
    *out = 0;
    for (int i = 0; i < 16; i++) {
        const int digit = g_ascii_xdigit_value(hex[i]);
        if (digit < 0)
            return false;
        *out = *out << 4 | (uint64_t)digit;
    }
    return true;
}

bool row_digest_from_json(const json_t *object, RowDigest *out, GError **error)
{
    const char *sum = json_get_text(object, "digest");
    out->rows = json_get_integer(object, "rows", -1);
    if (out->rows < 0)
        return malformed(error, "'rows' is missing or no count");
    if (sum == NULL || strlen(sum) != 32 || !read_half(sum, &out->high) ||
        !read_half(sum + 16, &out->low))
        return malformed(error, "'digest' is not 32 hexadecimal digits");
    return true;
}

static bool columns_from_json(const json_t *columns, DigestTable *table, GError **error)
{
    if (!json_is_array(columns))
        return malformed(error, "'columns' of a table is missing");
    for (size_t i = 0; i < json_array_size(columns); i++) {
        const json_t *column = json_array_get(columns, i);
        const char *name = json_get_text(column, "name");
        const int64_t number = json_get_integer(column, "number", 0);
        if (name == NULL || number < 1 || number > 1600)
            return malformed(error, "a column has no name or number");
        digest_table_add_column(table, (int)number, name, (ColumnType){0});
    }
    return true;
}

/* What tables and materialized views have, and sequences have not. */
static bool rows_from_json(const json_t *object, DigestTable *table, GError **error)
{
    if (!copy_format_from_name(json_get_text(object, "format"), &table->format))
        return malformed(error, "'format' of a table is missing or not known");
    return columns_from_json(json_object_get(object, "columns"), table, error) &&
           row_digest_from_json(object, &table->digest, error);
}

static DigestTable *table_from_json(const json_t *object, GError **error)
{
    g_autoptr(DigestTable) table = digest_table_new();
    const char *kind = json_get_text(object, "kind");
    const json_t *spread = json_object_get(object, "spread");
    const int64_t oid = json_get_integer(object, "oid", 0);
    table->schema = g_strdup(json_get_text(object, "schema"));
    table->name = g_strdup(json_get_text(object, "name"));
    if (table->schema == NULL || table->name == NULL) {
        (void)malformed(error, "a table has no schema or name");
        return NULL;
    }
    if (kind == NULL || strlen(kind) != 1 || strchr("rmS", kind[0]) == NULL || oid < 1 ||
        oid > UINT32_MAX) {
        (void)malformed(error, "a table has no kind or OID");
        return NULL;
    }
    table->kind = kind[0];
    table->oid = (uint32_t)oid;
    table->unlogged = json_get_flag(object, "unlogged", false);
    table->archived = json_get_flag(object, "archived", true);
    table->spread_schema = g_strdup(json_get_text(spread, "schema"));
    table->spread_name = g_strdup(json_get_text(spread, "name"));
    table->size_bytes = json_get_integer(object, "size_bytes", 0);
    if (table->kind == 'S') {
        table->value = g_strdup(json_get_text(object, "value"));
        if (table->value == NULL) {
            (void)malformed(error, "a sequence has no value");
            return NULL;
        }
    } else if (!rows_from_json(object, table, error)) {
        return NULL;
    }
    return g_steal_pointer(&table);
}

static int by_name(gconstpointer a, gconstpointer b)
{
    const DigestTable *const *left = a, *const *right = b;
    const int order = strcmp((*left)->schema, (*right)->schema);
    return order != 0 ? order : strcmp((*left)->name, (*right)->name);
}

DigestSet *digest_set_from_json(const json_t *json, GError **error)
{
    g_autoptr(DigestSet) set = g_new0(DigestSet, 1);
    const json_t *tables = json_object_get(json, "tables");
    set->tables = g_ptr_array_new_with_free_func((GDestroyNotify)digest_table_free);
    if (g_strcmp0(json_get_text(json, "algorithm"), ALGORITHM) != 0) {
        (void)malformed(error, "its algorithm is missing or not known to this version");
        return NULL;
    }
    if (!json_is_array(tables)) {
        (void)malformed(error, "'tables' is missing");
        return NULL;
    }
    for (size_t i = 0; i < json_array_size(tables); i++) {
        DigestTable *table = table_from_json(json_array_get(tables, i), error);
        if (table == NULL)
            return NULL;
        g_ptr_array_add(set->tables, table);
    }
    g_ptr_array_sort(set->tables, by_name);
    if (!row_digest_from_json(json_object_get(json, "large_objects"), &set->large_objects, error) ||
        !row_digest_from_json(json_object_get(json, "large_object_access"),
                              &set->large_object_access, error))
        return NULL;
    return g_steal_pointer(&set);
}
