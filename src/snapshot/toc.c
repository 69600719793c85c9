#include "snapshot/toc.h"

#include "pg/connection.h"
#include <string.h>

/* What pg_restore looks for, byte by byte: is_load_via_partition_root(). */
#define VIA_ROOT "-- load via partition root "

/* ---- values ---- */

void toc_entry_free(TocEntry *entry)
{
    if (entry == NULL)
        return;
    char *texts[] = {entry->table_oid,  entry->oid,           entry->tag,   entry->desc,
                     entry->defn,       entry->drop,          entry->copy,  entry->schema,
                     entry->tablespace, entry->access_method, entry->owner, entry->with_oids,
                     entry->file};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    if (entry->deps != NULL)
        g_array_unref(entry->deps);
    g_free(entry);
}

TocEntry *toc_entry_copy(const TocEntry *entry)
{
    TocEntry *copy = g_memdup2(entry, sizeof *entry);
    char **texts[] = {&copy->table_oid,  &copy->oid,           &copy->tag,   &copy->desc,
                      &copy->defn,       &copy->drop,          &copy->copy,  &copy->schema,
                      &copy->tablespace, &copy->access_method, &copy->owner, &copy->with_oids,
                      &copy->file};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        *texts[i] = g_strdup(*texts[i]);
    copy->deps = g_array_copy(entry->deps);
    return copy;
}

void toc_free(Toc *toc)
{
    if (toc == NULL)
        return;
    g_free(toc->database);
    g_free(toc->server_version);
    g_free(toc->dump_version);
    if (toc->entries != NULL)
        g_ptr_array_unref(toc->entries);
    g_free(toc);
}

TocEntry *toc_find(const Toc *toc, int id)
{
    for (guint i = 0; i < toc->entries->len; i++) {
        TocEntry *entry = g_ptr_array_index(toc->entries, i);
        if (entry->id == id)
            return entry;
    }
    return NULL;
}

/* Ids that entries depend on count too: what a dump left out is still named there. */
int toc_next_id(const Toc *toc)
{
    int highest = 0;
    for (guint i = 0; i < toc->entries->len; i++) {
        const TocEntry *entry = g_ptr_array_index(toc->entries, i);
        highest = MAX(highest, entry->id);
        for (guint k = 0; k < entry->deps->len; k++)
            highest = MAX(highest, g_array_index(entry->deps, int, k));
    }
    return highest + 1;
}

static bool depends_on(const TocEntry *entry, int id)
{
    for (guint i = 0; i < entry->deps->len; i++) {
        if (g_array_index(entry->deps, int, i) == id)
            return true;
    }
    return false;
}

/* ---- parts ---- */

/* The comment is executed: a line feed in a name would end it (sanitize_line() of PostgreSQL's
 * dumputils.c). */
static char *via_root_comment(const TocEntry *entry)
{
    g_autofree char *table =
        entry->schema != NULL ? pg_qualified(entry->schema, entry->tag) : pg_identifier(entry->tag);
    return g_strconcat(VIA_ROOT, g_strdelimit(table, "\r\n", ' '), NULL);
}

static bool is_via_root(const TocEntry *entry)
{
    return entry->defn != NULL && g_str_has_prefix(entry->defn, VIA_ROOT);
}

bool toc_loads_via_root(const TocEntry *entry)
{
    g_autofree char *own = via_root_comment(entry);
    return is_via_root(entry) && strcmp(entry->defn, own) != 0; /* own: a part's comment */
}

static GPtrArray *insert_parts(Toc *toc, TocEntry *entry, int n)
{
    GPtrArray *parts = g_ptr_array_new();
    const int first_id = toc_next_id(toc);
    guint at = 0;
    const bool found = g_ptr_array_find(toc->entries, entry, &at);
    g_assert(found);
    if (!is_via_root(entry)) {
        g_free(entry->defn);
        entry->defn = via_root_comment(entry);
    }
    if (entry->file == NULL || entry->file[0] == '\0') {
        g_free(entry->file);
        entry->file = g_strdup_printf("%d.dat", entry->id);
    }
    g_ptr_array_add(parts, entry);
    for (int i = 1; i < n; i++) {
        TocEntry *part = toc_entry_copy(entry);
        part->id = first_id + i - 1;
        g_free(part->file);
        part->file = g_strdup_printf("%d.dat", part->id);
        g_ptr_array_insert(toc->entries, (int)at + i, part);
        g_ptr_array_add(parts, part);
    }
    return parts;
}

static void add_dependencies(TocEntry *entry, const GPtrArray *parts)
{
    for (guint i = 0; i < parts->len; i++) {
        const TocEntry *part = g_ptr_array_index(parts, i);
        if (!depends_on(entry, part->id))
            g_array_append_val(entry->deps, part->id);
    }
}

/*
 * pg_restore makes whatever in the post-data section depends on a table depend on its data instead,
 * but knows of one data entry a table: the last that names the table as its first dependency
 * (repoint_table_dependencies() and buildTocEntryArrays() in pg_backup_archiver.c).
 */
void toc_split(Toc *toc, TocEntry *entry, int n, GPtrArray *parts)
{
    g_autoptr(GPtrArray) made = NULL;
    const int table = entry->deps->len > 0 ? g_array_index(entry->deps, int, 0) : 0;
    if (n > 1)
        made = insert_parts(toc, entry, n);
    for (guint i = 0; made != NULL && i < toc->entries->len; i++) {
        TocEntry *other = g_ptr_array_index(toc->entries, i);
        if (depends_on(other, entry->id) ||
            (table != 0 && other->section == TOC_POST_DATA && depends_on(other, table)))
            add_dependencies(other, made);
    }
    if (parts != NULL && made == NULL)
        g_ptr_array_add(parts, entry);
    for (guint i = 0; parts != NULL && made != NULL && i < made->len; i++)
        g_ptr_array_add(parts, g_ptr_array_index(made, i));
}

/* ---- rows that are loaded through a root ---- */

/* {dump id of a data entry, or of its table: GPtrArray of all data entries of the same root} */
static GHashTable *find_roots(const Toc *toc)
{
    g_autoptr(GHashTable) roots =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
    GHashTable *members =
        g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
    for (guint i = 0; i < toc->entries->len; i++) {
        TocEntry *entry = g_ptr_array_index(toc->entries, i);
        GPtrArray *root = NULL;
        if (!entry->has_data || !is_via_root(entry))
            continue;
        root = g_hash_table_lookup(roots, entry->defn);
        if (root == NULL) {
            root = g_ptr_array_new();
            g_hash_table_insert(roots, entry->defn, root);
        }
        g_ptr_array_add(root, entry);
        g_hash_table_replace(members, GINT_TO_POINTER(entry->id), g_ptr_array_ref(root));
        if (entry->deps->len > 0)
            g_hash_table_replace(members, GINT_TO_POINTER(g_array_index(entry->deps, int, 0)),
                                 g_ptr_array_ref(root));
    }
    return members;
}

void toc_join_partitions(Toc *toc)
{
    g_autoptr(GHashTable) members = find_roots(toc);
    for (guint i = 0; g_hash_table_size(members) > 0 && i < toc->entries->len; i++) {
        TocEntry *entry = g_ptr_array_index(toc->entries, i);
        const guint own = entry->section == TOC_POST_DATA ? entry->deps->len : 0;
        for (guint n = 0; n < own; n++) {
            const GPtrArray *root =
                g_hash_table_lookup(members, GINT_TO_POINTER(g_array_index(entry->deps, int, n)));
            if (root != NULL)
                add_dependencies(entry, root);
        }
    }
}

/* ---- sequences ---- */

/* SELECT pg_catalog.setval('public.s', 42, true); - read from its end, where no name is. */
char *toc_sequence_value(const Toc *toc, const TocEntry *entry, uint32_t *oid)
{
    g_autoptr(GMatchInfo) match = NULL;
    g_autoptr(GRegex) form = NULL;
    const TocEntry *sequence = NULL;
    if (strcmp(entry->desc, "SEQUENCE SET") != 0 || entry->defn == NULL)
        return NULL;
    for (guint i = 0; i < entry->deps->len && sequence == NULL; i++) {
        const TocEntry *other = toc_find(toc, g_array_index(entry->deps, int, i));
        if (other != NULL && strcmp(other->desc, "SEQUENCE") == 0)
            sequence = other;
    }
    form = g_regex_new("^SELECT pg_catalog\\.setval\\(.*', (-?[0-9]{1,19}), (t|f)(?:rue|alse)\\);"
                       "\\s*$",
                       G_REGEX_RAW | G_REGEX_DOTALL, 0, NULL);
    if (!g_regex_match(form, entry->defn, 0, &match))
        return NULL;
    g_autofree char *value = g_match_info_fetch(match, 1);
    g_autofree char *called = g_match_info_fetch(match, 2);
    *oid = sequence != NULL ? (uint32_t)g_ascii_strtoull(sequence->oid, NULL, 10) : 0;
    return g_strconcat(value, ",", called, NULL);
}
