/* The later passes of a restore: access rights, materialized views, ANALYZE, and reading back what
 * was loaded. */
#include "snapshot/restore_build.h"
#include <string.h>

#define ANALYZE_AT_ONCE 50

#define READ_MIN_PART_BYTES ((uint64_t)32 << 20)
#define READ_PARTS_A_WORKER 4 /* parts are not equally much work */

static bool is_analyzed(const Build *build, const TocEntry *entry)
{
    /* Partitions are analyzed with what they are partitions of. */
    return build_is_kind(entry, "MATERIALIZED VIEW") ||
           (build_is_kind(entry, "TABLE") &&
            !g_hash_table_contains(build->attached, build_key(entry->id)));
}

static bool uses_table_or_part(const Build *build, const Work *work, int table)
{
    const GArray *parts = g_hash_table_lookup(build->parts, build_key(table));
    if (build_contains(work->uses, table))
        return true;
    for (guint i = 0; i < work->uses->len; i++) {
        const GArray *above =
            g_hash_table_lookup(build->attached, build_key(g_array_index(work->uses, int, i)));
        if (above != NULL && build_contains(above, table))
            return true;
    }
    for (guint i = 0; parts != NULL && i < work->entries->len; i++) {
        const TocEntry *entry = g_ptr_array_index(work->entries, i);
        if (build_contains(parts, entry->id))
            return true;
    }
    return false;
}

/* A large table as soon as nothing else is to be done with it. */
static void analyze_large(Build *build)
{
    const GPtrArray *entries = build->options->toc->entries;
    const guint n = build->graph->work->len;
    for (guint i = 0; i < entries->len; i++) {
        const TocEntry *entry = g_ptr_array_index(entries, i);
        Work *work = NULL;
        if (!is_analyzed(build, entry) || build_bytes(build, entry->id) < LARGE_TABLE_BYTES)
            continue;
        work = build_add(build, WORK_ANALYZE, NULL);
        g_ptr_array_add(work->entries, (gpointer)entry);
        work->weight = build_bytes(build, entry->id) / 16;
        g_array_append_val(work->uses, entry->id);
        for (guint at = 0; at < n; at++) {
            if (uses_table_or_part(build, build_at(build, (int)at), entry->id))
                build_wait(build, (int)build->graph->work->len - 1, (int)at);
        }
    }
}

/* A piece of work that waits for all that there is so far; gives its place. */
static int add_barrier(Build *build)
{
    const int barrier = (int)build->graph->work->len;
    (void)build_add(build, WORK_SQL, NULL);
    for (int at = 0; at < barrier; at++)
        build_wait(build, barrier, at);
    return barrier;
}

static void analyze_small(Build *build)
{
    const GPtrArray *entries = build->options->toc->entries;
    const int barrier = add_barrier(build);
    Work *work = NULL;
    for (guint i = 0; i < entries->len; i++) {
        const TocEntry *entry = g_ptr_array_index(entries, i);
        if (!is_analyzed(build, entry) || build_bytes(build, entry->id) >= LARGE_TABLE_BYTES)
            continue;
        if (work == NULL || work->entries->len >= ANALYZE_AT_ONCE) {
            work = build_add(build, WORK_ANALYZE, NULL);
            build_wait(build, (int)build->graph->work->len - 1, barrier);
        }
        g_ptr_array_add(work->entries, (gpointer)entry);
    }
}

/* Access rights come when nothing that needs more than they give is left to be done, then what
 * reads as its owner does. */
static void add_later_passes(Build *build)
{
    const GPtrArray *entries = build->options->toc->entries;
    const int barrier = add_barrier(build);
    for (guint i = 0; i < entries->len; i++) {
        const TocEntry *entry = g_ptr_array_index(entries, i);
        if (build_is_of_acl_pass(entry) && !entry_is_of_database(entry))
            g_ptr_array_add(build_at(build, barrier)->entries, (gpointer)entry);
    }
    for (guint i = 0; i < entries->len; i++) {
        if (build_is_kind(g_ptr_array_index(entries, i), "MATERIALIZED VIEW DATA"))
            (void)build_add(build, WORK_SQL, g_ptr_array_index(entries, i));
    }
    for (int at = barrier + 1; at < (int)build->graph->work->len; at++) {
        build_wait(build, at, barrier);
        build_wait_for_dependencies(build, at, g_ptr_array_index(build_at(build, at)->entries, 0));
    }
}

/* ---- reading back ---- */

static void add_read(Build *build, const TocEntry *table, int part, int parts)
{
    const GArray *data = g_hash_table_lookup(build->parts, build_key(table->id));
    const int place = (int)build->graph->work->len;
    Work *work = build_add(build, WORK_READ, NULL);
    g_ptr_array_add(work->entries, (gpointer)table);
    work->first = part;
    work->count = parts;
    work->weight = build_bytes(build, table->id) / (uint64_t)parts;
    g_array_append_val(work->uses, table->id);
    for (guint i = 0; data != NULL && i < data->len; i++)
        build_wait_for_entry(build, place, g_array_index(data, int, i));
}

/* Large tables are read back while others build indexes; what is left is read at the end. */
static void add_reads(Build *build)
{
    const GPtrArray *entries = build->options->toc->entries;
    const int most = build->options->jobs * READ_PARTS_A_WORKER;
    for (guint i = 0; i < entries->len; i++) {
        const TocEntry *entry = g_ptr_array_index(entries, i);
        const uint64_t bytes = build_bytes(build, entry->id);
        const int parts = (int)CLAMP(bytes / READ_MIN_PART_BYTES, 1, (uint64_t)most);
        if (!build_is_kind(entry, "TABLE") || bytes < LARGE_TABLE_BYTES ||
            g_hash_table_contains(build->below, build_key(entry->id)))
            continue;
        for (int part = 0; part < parts; part++)
            add_read(build, entry, part, parts);
    }
}

void build_add_passes(Build *build)
{
    analyze_large(build);
    add_later_passes(build);
    analyze_small(build);
    add_reads(build);
}
