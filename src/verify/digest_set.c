/* Sets of digests as values: making, finding, aligning. */
#include "verify/digest.h"
#include <string.h>

DigestTable *digest_table_new(void)
{
    DigestTable *table = g_new0(DigestTable, 1);
    table->archived = true;
    table->attnums = g_array_new(FALSE, FALSE, sizeof(int));
    table->columns = g_ptr_array_new_with_free_func(g_free);
    table->types = g_array_new(FALSE, FALSE, sizeof(ColumnType));
    return table;
}

void digest_table_add_column(DigestTable *table, int attnum, const char *name, ColumnType type)
{
    g_array_append_val(table->attnums, attnum);
    g_ptr_array_add(table->columns, g_strdup(name));
    g_array_append_val(table->types, type);
}

void digest_table_free(DigestTable *table)
{
    if (table == NULL)
        return;
    g_free(table->schema);
    g_free(table->name);
    g_free(table->spread_schema);
    g_free(table->spread_name);
    g_free(table->value);
    if (table->attnums != NULL)
        g_array_free(table->attnums, TRUE);
    if (table->columns != NULL)
        g_ptr_array_free(table->columns, TRUE);
    if (table->types != NULL)
        g_array_free(table->types, TRUE);
    g_free(table);
}

void digest_set_free(DigestSet *set)
{
    if (set == NULL)
        return;
    if (set->tables != NULL)
        g_ptr_array_free(set->tables, TRUE);
    g_free(set);
}

const DigestTable *digest_find(const DigestSet *set, uint32_t oid)
{
    for (guint i = 0; i < set->tables->len; i++) {
        const DigestTable *table = g_ptr_array_index(set->tables, i);
        if (table->oid == oid)
            return table;
    }
    return NULL;
}

static int compare_names(const DigestTable *table, const char *schema, const char *name)
{
    const int order = strcmp(table->schema, schema);
    return order != 0 ? order : strcmp(table->name, name);
}

const DigestTable *digest_find_name(const DigestSet *set, const char *schema, const char *name)
{
    guint low = 0, high = set->tables->len;
    while (low < high) {
        const guint middle = low + (high - low) / 2;
        const DigestTable *table = g_ptr_array_index(set->tables, middle);
        const int order = compare_names(table, schema, name);
        if (order == 0)
            return table;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool digest_same_columns(const DigestTable *a, const DigestTable *b)
{
    if (a->columns->len != b->columns->len)
        return false;
    for (guint i = 0; i < a->columns->len; i++) {
        if (strcmp(g_ptr_array_index(a->columns, i), g_ptr_array_index(b->columns, i)) != 0)
            return false;
    }
    return true;
}

/* Position of a column's name in a table; -1 if it has none of that name. */
static int find_column(const DigestTable *table, const char *name)
{
    for (guint i = 0; i < table->columns->len; i++) {
        if (strcmp(g_ptr_array_index(table->columns, i), name) == 0)
            return (int)i;
    }
    return -1;
}

#define SWAP(a, b)                                                                                 \
    do {                                                                                           \
        gpointer kept_ = (a);                                                                      \
        (a) = (b);                                                                                 \
        (b) = kept_;                                                                               \
    } while (0)

static void align_columns(DigestTable *table, const DigestTable *expected)
{
    g_autoptr(DigestTable) aligned = digest_table_new();
    if (table->columns->len != expected->columns->len)
        return;
    for (guint i = 0; i < expected->columns->len; i++) {
        const char *name = g_ptr_array_index(expected->columns, i);
        const int at = find_column(table, name);
        if (at < 0)
            return;
        digest_table_add_column(aligned, g_array_index(table->attnums, int, at), name,
                                (guint)at < table->types->len
                                    ? g_array_index(table->types, ColumnType, at)
                                    : (ColumnType){0});
    }
    SWAP(table->attnums, aligned->attnums);
    SWAP(table->columns, aligned->columns);
    SWAP(table->types, aligned->types);
}

void digest_align(DigestSet *set, const DigestSet *expected)
{
    for (guint i = 0; i < set->tables->len; i++) {
        DigestTable *table = g_ptr_array_index(set->tables, i);
        const DigestTable *other = digest_find_name(expected, table->schema, table->name);
        if (other == NULL || table->kind == 'S' || other->kind == 'S')
            continue;
        align_columns(table, other);
        /* The other way round it is not known whether the bytes can be compared. */
        if (other->format == COPY_TEXT)
            table->format = COPY_TEXT;
    }
}

void digest_force_text(DigestSet *set)
{
    for (guint i = 0; i < set->tables->len; i++)
        ((DigestTable *)g_ptr_array_index(set->tables, i))->format = COPY_TEXT;
}
