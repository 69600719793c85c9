#include "snapshot/layout.h"

#include "base/error.h"
#include "base/text.h"
#include "pg/sql.h"
#include "snapshot/objects.h"
#include <string.h>

#define LEAST_PART_BYTES (UINT64_C(16) << 20)
#define PARTS_PER_JOB 8
#define MOST_PARTS 10000

/* Columns of snapshot_relations.sql. */
enum { OID, SCHEMA, NAME, KIND, HEAP, PAGES, SIZE, FILTERED, CONDITION, COLUMN };

void layout_free(Layout *layout)
{
    if (layout == NULL)
        return;
    g_ptr_array_free(layout->parts, TRUE);
    g_ptr_array_free(layout->tables, TRUE);
    g_free(layout);
}

/* ---- what is there ---- */

static bool is_table_data(const TocEntry *entry)
{
    return entry->has_data && g_strcmp0(entry->desc, "TABLE DATA") == 0;
}

static char *list_oids(const Toc *toc)
{
    GString *list = g_string_new("{");
    for (guint i = 0; i < toc->entries->len; i++) {
        const TocEntry *entry = g_ptr_array_index(toc->entries, i);
        if (is_table_data(entry))
            g_string_append_printf(list, "%s%s", list->len > 1 ? "," : "", entry->oid);
    }
    g_string_append_c(list, '}');
    return g_string_free(list, FALSE);
}

static TakenTable *table_from_row(const PgResult *result, int row)
{
    TakenTable *table = g_new0(TakenTable, 1);
    const char *condition = pg_value(result, row, CONDITION);
    table->oid = (uint32_t)pg_integer(result, row, OID);
    table->schema = g_strdup(pg_value(result, row, SCHEMA));
    table->name = g_strdup(pg_value(result, row, NAME));
    table->heap = pg_value(result, row, KIND)[0] == 'r' && pg_flag(result, row, HEAP);
    table->pages = pg_integer(result, row, PAGES);
    table->size_bytes = pg_integer(result, row, SIZE);
    table->filtered = pg_flag(result, row, FILTERED);
    table->condition = condition[0] != '\0' ? g_strdup(condition) : NULL;
    table->columns = g_ptr_array_new_with_free_func(g_free);
    return table;
}

/* Every table with data in the archive, by OID (as pointer). */
static GHashTable *read_tables(const Toc *toc, Layout *layout, PgConnection *connection,
                               GError **error)
{
    g_autofree char *oids = list_oids(toc);
    g_autoptr(PgResult) result = pg_query(connection, error, pg_sql_snapshot_relations, 1, oids);
    GHashTable *by_oid = NULL;
    TakenTable *table = NULL;
    if (result == NULL)
        return NULL;
    by_oid = g_hash_table_new(g_direct_hash, g_direct_equal);
    for (int row = 0; row < pg_rows(result); row++) {
        if (table == NULL || table->oid != (uint32_t)pg_integer(result, row, OID)) {
            table = table_from_row(result, row);
            g_ptr_array_add(layout->tables, table);
            g_hash_table_insert(by_oid, GUINT_TO_POINTER(table->oid), table);
        }
        if (!pg_is_null(result, row, COLUMN))
            g_ptr_array_add(table->columns, g_strdup(pg_value(result, row, COLUMN)));
    }
    return by_oid;
}

static bool same_names(const GPtrArray *a, const GPtrArray *b)
{
    bool same = a->len == b->len;
    for (guint i = 0; same && i < a->len; i++)
        same = strcmp(g_ptr_array_index(a, i), g_ptr_array_index(b, i)) == 0;
    return same;
}

/* pg_dump and this program look at the same snapshot and must have seen the same. */
static bool check_table(const TocEntry *entry, const TakenTable *table, GError **error)
{
    g_autofree char *name = g_strdup_printf("%s.%s", entry->schema, entry->tag);
    g_autofree char *printable = text_printable(name);
    g_autoptr(GPtrArray) columns = toc_copy_columns(entry, error);
    if (columns == NULL) {
        g_prefix_error(error, "what pg_dump says of table '%s': ", printable);
        return false;
    }
    if (table == NULL || g_strcmp0(table->schema, entry->schema) != 0 ||
        g_strcmp0(table->name, entry->tag) != 0 || !same_names(columns, table->columns)) {
        error_set(error, ERROR_FAILED, "table '%s' is another one for pg_dump than in the snapshot",
                  printable);
        error_hint_set(error, "somebody changed the schema meanwhile; try again");
        return false;
    }
    if (!table->filtered)
        return true;
    error_set(error, ERROR_REFUSED, "row security hides rows of table '%s' from this role",
              printable);
    error_hint_set(error, "use a role with BYPASSRLS, or the table's owner (unless row security is "
                          "forced on it)");
    return false;
}

/* ---- parts ---- */

uint64_t layout_part_bytes(uint64_t total_bytes, uint64_t split_bytes, int jobs)
{
    const uint64_t share = total_bytes / (PARTS_PER_JOB * (uint64_t)jobs);
    return MIN(split_bytes, MAX(LEAST_PART_BYTES, share));
}

int layout_split(int64_t size_bytes, int64_t pages, uint64_t part_bytes)
{
    const uint64_t parts = ((uint64_t)size_bytes + part_bytes - 1) / part_bytes;
    return (int)MAX(1, MIN(MIN(parts, (uint64_t)pages), MOST_PARTS));
}

static void name_file(TocEntry *entry)
{
    g_free(entry->file);
    entry->file = g_strdup_printf("%d.dat", entry->id);
}

static void add_parts(Layout *layout, Toc *toc, TocEntry *entry, TakenTable *table, int n)
{
    g_autoptr(GPtrArray) entries = g_ptr_array_new();
    if (table->format == COPY_BINARY)
        toc_copy_set_binary(entry);
    if (n > 1)
        toc_split(toc, entry, n, entries);
    else
        g_ptr_array_add(entries, entry);
    table->parts = n;
    for (int i = 0; i < n; i++) {
        TocEntry *own = g_ptr_array_index(entries, i);
        Part *part = part_new(PART_TABLE, (uint64_t)table->size_bytes / (uint64_t)n);
        part->table = table;
        part->first_page = table->pages * i / n;
        part->end_page = i + 1 < n ? table->pages * (i + 1) / n : 0;
        name_file(own);
        part->file = g_strdup(own->file);
        g_ptr_array_add(layout->parts, part);
    }
}

static uint64_t total_bytes(const Layout *layout)
{
    uint64_t total = 0;
    for (guint i = 0; i < layout->tables->len; i++)
        total += (uint64_t)((const TakenTable *)g_ptr_array_index(layout->tables, i))->size_bytes;
    return total;
}

/* The list grows while it is walked: the entries of parts stand behind that of their table, which
 * has its parts by then. */
static bool plan_tables(Layout *layout, Toc *toc, GHashTable *by_oid,
                        const SnapshotOptions *options, GError **error)
{
    const uint64_t part_bytes = layout_part_bytes(
        total_bytes(layout), options->split_bytes > 0 ? options->split_bytes : SNAPSHOT_SPLIT_BYTES,
        options->jobs);
    for (guint i = 0; i < toc->entries->len; i++) {
        TocEntry *entry = g_ptr_array_index(toc->entries, i);
        TakenTable *table = NULL;
        if (!is_table_data(entry))
            continue;
        table = g_hash_table_lookup(
            by_oid, GUINT_TO_POINTER((uint32_t)g_ascii_strtoull(entry->oid, NULL, 10)));
        if (table != NULL && table->parts > 0)
            continue;
        if (!check_table(entry, table, error))
            return false;
        add_parts(layout, toc, entry, table,
                  table->heap && table->condition == NULL
                      ? layout_split(table->size_bytes, table->pages, part_bytes)
                      : 1);
    }
    return true;
}

/* Data of a kind that is not known would be missing. */
static bool check_entries(const Toc *toc, GError **error)
{
    for (guint i = 0; i < toc->entries->len; i++) {
        const TocEntry *entry = g_ptr_array_index(toc->entries, i);
        if (!entry->has_data || is_table_data(entry) || g_strcmp0(entry->desc, "BLOBS") == 0)
            continue;
        error_set(error, ERROR_REFUSED, "pg_dump has data of a kind that is not known: '%s'",
                  entry->desc);
        return false;
    }
    return true;
}

/* ---- digests ---- */

/* What an extension makes has no OID in the archive. */
static char *sequence_key(uint32_t oid, const char *schema, const char *name)
{
    return oid != 0
               ? g_strdup_printf("%u", oid)
               : g_strdup_printf("%s %s", schema != NULL ? schema : "", name != NULL ? name : "");
}

static GHashTable *sequence_values(const Toc *toc)
{
    GHashTable *values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (guint i = 0; i < toc->entries->len; i++) {
        uint32_t oid = 0;
        const TocEntry *entry = g_ptr_array_index(toc->entries, i);
        char *value = toc_sequence_value(toc, entry, &oid);
        if (value != NULL)
            g_hash_table_insert(values, sequence_key(oid, entry->schema, entry->tag), value);
    }
    return values;
}

/* A restore does not look at what the archive does not hold: nobody would miss it. */
static bool set_left_out(const DigestTable *digest, GError **error)
{
    g_autofree char *what = digest_describe(digest);
    error_set(error, ERROR_FAILED, "pg_dump has left out what is in %s", what);
    error_hint_set(error, "is pg_dump a script that adds options? DRYDOCK_PG_BIN names the folder "
                          "of the one to use");
    return false;
}

/* What a sequence has now may be later than the snapshot: pg_dump's word is the archive's. */
static bool set_sequence(DigestTable *table, GHashTable *values, PgConnection *connection,
                         GError **error)
{
    g_autofree char *oid = sequence_key(table->oid, NULL, NULL);
    g_autofree char *name = sequence_key(0, table->schema, table->name);
    const char *value = g_hash_table_lookup(values, oid);
    if (value == NULL)
        value = g_hash_table_lookup(values, name);
    if (value == NULL && table->archived)
        return set_left_out(table, error);
    if (value == NULL) {
        table->archived = false;
        return digest_sequence(connection, table, error);
    }
    table->archived = true;
    g_free(table->value);
    table->value = g_strdup(value);
    return true;
}

static bool plan_digest(Layout *layout, DigestTable *digest, TakenTable *table, GError **error)
{
    Part *part = NULL;
    if (table == NULL && digest->archived)
        return set_left_out(digest, error);
    digest->archived = table != NULL && table->condition == NULL;
    if (digest->archived) {
        table->digest = digest;
        return true;
    }
    part = part_new(digest->kind == 'm' ? PART_VIEW : PART_READ, (uint64_t)digest->size_bytes);
    part->digest = digest;
    g_ptr_array_add(layout->parts, part);
    return true;
}

static bool plan_digests(Layout *layout, const Toc *toc, GHashTable *by_oid, Reader *reader,
                         GError **error)
{
    g_autoptr(GHashTable) values = sequence_values(toc);
    for (guint i = 0; i < reader->list->tables->len; i++) {
        DigestTable *digest = g_ptr_array_index(reader->list->tables, i);
        TakenTable *table = g_hash_table_lookup(by_oid, GUINT_TO_POINTER(digest->oid));
        if (!(digest->kind == 'S' ? set_sequence(digest, values, reader->exporter, error)
                                  : plan_digest(layout, digest, table, error)))
            return false;
    }
    return true;
}

/* ---- the whole ---- */

static bool set_formats(Layout *layout, Reader *reader, const SnapshotOptions *options,
                        GError **error)
{
    g_autoptr(GHashTable) binary = NULL;
    if (options->format == SNAPSHOT_TEXT) {
        digest_force_text(reader->list);
        return true;
    }
    binary = digest_binary_relations(reader->exporter, error);
    for (guint i = 0; binary != NULL && i < layout->tables->len; i++) {
        TakenTable *table = g_ptr_array_index(layout->tables, i);
        if (g_hash_table_contains(binary, GUINT_TO_POINTER(table->oid)))
            table->format = COPY_BINARY;
    }
    return binary != NULL;
}

/* Its text is written as lc_monetary = C has it, and a session that loads it must have that set. */
static bool look_for_money(Layout *layout, PgConnection *connection, GError **error)
{
    g_autoptr(GString) oids = g_string_new("{");
    g_autofree char *found = NULL;
    for (guint i = 0; i < layout->tables->len; i++) {
        const TakenTable *table = g_ptr_array_index(layout->tables, i);
        if (table->format == COPY_TEXT)
            g_string_append_printf(oids, "%s%u", oids->len > 1 ? "," : "", table->oid);
    }
    if (oids->len == 1)
        return true;
    g_string_append_c(oids, '}');
    found = pg_query_text(connection, error, pg_sql_snapshot_money, 1, oids->str);
    layout->money = g_strcmp0(found, "t") == 0;
    return found != NULL;
}

/* Views first: their lock is the shortest. Then the largest. */
static int by_order(gconstpointer a, gconstpointer b)
{
    const Part *const *left = a, *const *right = b;
    const int views = ((*right)->kind == PART_VIEW) - ((*left)->kind == PART_VIEW);
    if (views != 0)
        return views;
    return ((*left)->weight < (*right)->weight) - ((*left)->weight > (*right)->weight);
}

Layout *layout_make(Toc *toc, Reader *reader, const SnapshotOptions *options, GError **error)
{
    g_autoptr(Layout) layout = g_new0(Layout, 1);
    g_autoptr(GHashTable) by_oid = NULL;
    layout->tables = g_ptr_array_new_with_free_func((GDestroyNotify)taken_table_free);
    layout->parts = g_ptr_array_new_with_free_func((GDestroyNotify)part_free);
    if (!check_entries(toc, error))
        return NULL;
    toc_join_partitions(toc);
    by_oid = read_tables(toc, layout, reader->exporter, error);
    if (by_oid == NULL || !set_formats(layout, reader, options, error) ||
        !look_for_money(layout, reader->exporter, error) ||
        !plan_tables(layout, toc, by_oid, options, error) ||
        !plan_digests(layout, toc, by_oid, reader, error) ||
        !objects_plan(toc, reader, options->jobs, layout->parts, error))
        return NULL;
    g_ptr_array_sort(layout->parts, by_order);
    return g_steal_pointer(&layout);
}

void layout_add_up(Layout *layout)
{
    for (guint i = 0; i < layout->parts->len; i++) {
        const Part *part = g_ptr_array_index(layout->parts, i);
        if (part->kind == PART_TABLE && part->table->digest != NULL)
            digest_add(&part->table->digest->digest, part->rows);
    }
}

bool layout_has_parts(const Layout *layout)
{
    for (guint i = 0; i < layout->tables->len; i++) {
        if (((const TakenTable *)g_ptr_array_index(layout->tables, i))->parts > 1)
            return true;
    }
    return false;
}
