#include "snapshot/restore_graph.h"

#include "base/error.h"
#include "snapshot/restore_build.h"
#include <string.h>

/* Entries that are done in next to no time share a message. */
#define SEQUENCES_AT_ONCE 100

static void work_free(Work *work)
{
    g_ptr_array_free(work->entries, TRUE);
    g_array_free(work->frees, TRUE);
    g_array_free(work->uses, TRUE);
    g_array_free(work->locks, TRUE);
    g_free(work);
}

void restore_graph_free(RestoreGraph *graph)
{
    if (graph == NULL)
        return;
    g_ptr_array_free(graph->before, TRUE);
    g_ptr_array_free(graph->work, TRUE);
    g_ptr_array_free(graph->last, TRUE);
    g_free(graph);
}

static void free_array(gpointer array)
{
    g_array_free(array, TRUE);
}

static void build_clear(Build *build)
{
    g_hash_table_destroy(build->entries);
    g_hash_table_destroy(build->places);
    g_hash_table_destroy(build->parts);
    g_hash_table_destroy(build->bytes);
    g_hash_table_destroy(build->attached);
    g_hash_table_destroy(build->below);
    g_hash_table_destroy(build->is_last);
    restore_graph_free(build->graph);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Build, build_clear)

gpointer build_key(int id)
{
    return GINT_TO_POINTER(id);
}

bool build_is_kind(const TocEntry *entry, const char *desc)
{
    return entry != NULL && strcmp(entry->desc, desc) == 0;
}

static const TocEntry *find(const Build *build, int id)
{
    return g_hash_table_lookup(build->entries, build_key(id));
}

static void append_to(GHashTable *table, int id, int value)
{
    GArray *array = g_hash_table_lookup(table, build_key(id));
    if (array == NULL) {
        array = g_array_new(FALSE, FALSE, sizeof(int));
        g_hash_table_insert(table, build_key(id), array);
    }
    g_array_append_val(array, value);
}

bool build_contains(const GArray *array, int value)
{
    for (guint i = 0; i < array->len; i++) {
        if (g_array_index(array, int, i) == value)
            return true;
    }
    return false;
}

static void add_once(GArray *array, int value)
{
    if (!build_contains(array, value))
        g_array_append_val(array, value);
}

uint64_t build_bytes(const Build *build, int table)
{
    const uint64_t *bytes = g_hash_table_lookup(build->bytes, build_key(table));
    return bytes != NULL ? *bytes : 0;
}

/* ---- passes ---- */

bool build_is_of_acl_pass(const TocEntry *entry)
{
    return build_is_kind(entry, "ACL") || build_is_kind(entry, "DEFAULT ACL");
}

static bool is_of_last_pass(const Build *build, const TocEntry *entry)
{
    if (build_is_kind(entry, "EVENT TRIGGER") || build_is_kind(entry, "SUBSCRIPTION"))
        return true;
    if (entry->section != TOC_SECTION_NONE || build_is_of_acl_pass(entry))
        return false;
    for (guint i = 0; i < entry->deps->len; i++) { /* a comment on one of them */
        if (g_hash_table_contains(build->is_last, build_key(g_array_index(entry->deps, int, i))))
            return true;
    }
    return false;
}

static bool waits_for_work(const Build *build, const TocEntry *entry)
{
    for (guint i = 0; i < entry->deps->len; i++) {
        if (g_hash_table_contains(build->places, build_key(g_array_index(entry->deps, int, i))))
            return true;
    }
    return false;
}

/* Comments and the like (section none) go with what they are about. */
static bool is_before(const Build *build, const TocEntry *entry)
{
    return entry->section == TOC_PRE_DATA ||
           (entry->section == TOC_SECTION_NONE && !waits_for_work(build, entry));
}

/* ---- tables and their data ---- */

/* TABLE ATTACH depends on the partitioned table and its partition. What is done to the one locks
 * the other, so that it waits for the other's data too. Rows that go in by way of the root may go
 * into every partition: no trigger may be there before they are. */
static void pass_on(Build *build, const TocEntry *data, int table)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    g_autoptr(GArray) pending = g_array_new(FALSE, FALSE, sizeof(int));
    const bool via_root = toc_loads_via_root(data);
    g_array_append_val(pending, table);
    for (guint i = 0; i < pending->len; i++) {
        const int id = g_array_index(pending, int, i);
        const GArray *above = g_hash_table_lookup(build->attached, build_key(id));
        const GArray *below = via_root ? g_hash_table_lookup(build->below, build_key(id)) : NULL;
        uint64_t *bytes = g_hash_table_lookup(build->bytes, build_key(id));
        if (!g_hash_table_add(seen, build_key(id)))
            continue;
        if (bytes == NULL) {
            bytes = g_new0(uint64_t, 1);
            g_hash_table_insert(build->bytes, build_key(id), bytes);
        }
        *bytes += build->options->data_bytes(data, build->options->data);
        append_to(build->parts, id, data->id);
        if (above != NULL)
            g_array_append_vals(pending, above->data, above->len);
        if (below != NULL)
            g_array_append_vals(pending, below->data, below->len);
    }
}

/* The partition is named by the tag, its parent is the other table that it depends on. */
static void note_attach(Build *build, const TocEntry *attach)
{
    int child = 0;
    for (guint i = 0; i < attach->deps->len; i++) {
        const TocEntry *table = find(build, g_array_index(attach->deps, int, i));
        if (build_is_kind(table, "TABLE") && g_strcmp0(table->tag, attach->tag) == 0 &&
            g_strcmp0(table->schema, attach->schema) == 0)
            child = table->id;
    }
    for (guint i = 0; child != 0 && i < attach->deps->len; i++) {
        const int id = g_array_index(attach->deps, int, i);
        if (id != child && build_is_kind(find(build, id), "TABLE")) {
            append_to(build->attached, child, id);
            append_to(build->below, id, child);
        }
    }
}

static void note_tables(Build *build)
{
    const GPtrArray *entries = build->options->toc->entries;
    for (guint i = 0; i < entries->len; i++) {
        TocEntry *entry = g_ptr_array_index(entries, i);
        g_hash_table_insert(build->entries, build_key(entry->id), entry);
    }
    for (guint i = 0; i < entries->len; i++) {
        if (build_is_kind(g_ptr_array_index(entries, i), "TABLE ATTACH"))
            note_attach(build, g_ptr_array_index(entries, i));
    }
    for (guint i = 0; i < entries->len; i++) {
        const TocEntry *entry = g_ptr_array_index(entries, i);
        for (guint n = 0; build_is_kind(entry, "TABLE DATA") && n < entry->deps->len; n++) {
            const int id = g_array_index(entry->deps, int, n);
            if (build_is_kind(find(build, id), "TABLE"))
                pass_on(build, entry, id);
        }
    }
}

/* ---- pieces of work ---- */

Work *build_add(Build *build, WorkKind kind, const TocEntry *entry)
{
    Work *work = g_new0(Work, 1);
    work->kind = kind;
    work->entries = g_ptr_array_new();
    work->frees = g_array_new(FALSE, FALSE, sizeof(int));
    work->uses = g_array_new(FALSE, FALSE, sizeof(int));
    work->locks = g_array_new(FALSE, FALSE, sizeof(int));
    g_ptr_array_add(build->graph->work, work);
    if (entry != NULL) {
        g_ptr_array_add(work->entries, (gpointer)entry);
        append_to(build->places, entry->id, (int)build->graph->work->len - 1);
    }
    return work;
}

Work *build_at(const Build *build, int place)
{
    return g_ptr_array_index(build->graph->work, place);
}

void build_wait(const Build *build, int place, int other)
{
    Work *work = build_at(build, place);
    GArray *frees = build_at(build, other)->frees;
    if (place == other)
        return;
    g_array_append_val(frees, place);
    work->waits++;
}

void build_wait_for_entry(const Build *build, int place, int id)
{
    const GArray *places = g_hash_table_lookup(build->places, build_key(id));
    for (guint i = 0; places != NULL && i < places->len; i++)
        build_wait(build, place, g_array_index(places, int, i));
}

/* Behind the data, a table stands for its data (repoint_table_dependencies() of pg_restore). */
void build_wait_for_dependencies(const Build *build, int place, const TocEntry *entry)
{
    for (guint i = 0; i < entry->deps->len; i++) {
        const int id = g_array_index(entry->deps, int, i);
        const GArray *parts = g_hash_table_lookup(build->parts, build_key(id));
        build_wait_for_entry(build, place, id);
        for (guint n = 0; entry->section == TOC_POST_DATA && parts != NULL && n < parts->len; n++)
            build_wait_for_entry(build, place, g_array_index(parts, int, n));
    }
}

static void note_uses(const Build *build, Work *work, const TocEntry *entry)
{
    const bool locks = entry->section == TOC_POST_DATA && !build_is_kind(entry, "INDEX");
    const bool foreign_key = build_is_kind(entry, "FK CONSTRAINT");
    bool first = true;
    /* Both take SHARE ROW EXCLUSIVE. */
    work->lets_read = foreign_key || build_is_kind(entry, "TRIGGER");
    for (guint i = 0; i < entry->deps->len; i++) {
        const int id = g_array_index(entry->deps, int, i);
        const TocEntry *table = find(build, id);
        uint64_t bytes = 0;
        if (build_is_kind(table,
                          "TABLE DATA")) /* a part: its table is among the dependencies too */
            continue;
        if (!build_is_kind(table, "TABLE"))
            continue;
        add_once(work->uses, id);
        if (locks)
            add_once(work->locks, id);
        bytes = build_bytes(build, id);
        /* It is the referencing table that is read. */
        work->weight = foreign_key && !first ? MIN(work->weight, bytes) : MAX(work->weight, bytes);
        first = false;
    }
}

static void add_rows(Build *build, const TocEntry *entry)
{
    Work *work = build_add(build, WORK_ROWS, entry);
    const uint64_t own = build->options->data_bytes(entry, build->options->data);
    work->is_data = true;
    note_uses(build, work, entry);
    work->weight = MAX(work->weight, own);
}

static void add_large_objects(Build *build, const TocEntry *entry)
{
    const int pieces = build->options->large_pieces(entry, build->options->data);
    for (int i = 0; i < pieces; i++) {
        Work *work = build_add(build, WORK_LARGE_OBJECTS, entry);
        work->is_data = true;
        build->options->large_piece(entry, i, work, build->options->data);
    }
}

static void add_sequence(Build *build, const TocEntry *entry)
{
    if (build->sequences < 0 ||
        build_at(build, build->sequences)->entries->len >= SEQUENCES_AT_ONCE) {
        (void)build_add(build, WORK_SQL, entry);
        build->sequences = (int)build->graph->work->len - 1;
        build_at(build, build->sequences)->is_data = true;
        return;
    }
    g_ptr_array_add(build_at(build, build->sequences)->entries, (gpointer)entry);
    append_to(build->places, entry->id, build->sequences);
}

/* The one piece of SQL that everything this entry waits for is in; -1: there is none. */
static int companion_of(const Build *build, const TocEntry *entry)
{
    int found = -1;
    if (entry->section != TOC_SECTION_NONE)
        return -1;
    for (guint i = 0; i < entry->deps->len; i++) {
        const GArray *places =
            g_hash_table_lookup(build->places, build_key(g_array_index(entry->deps, int, i)));
        for (guint n = 0; places != NULL && n < places->len; n++) {
            const int place = g_array_index(places, int, n);
            if ((found >= 0 && found != place) || build_at(build, place)->kind != WORK_SQL)
                return -1;
            found = place;
        }
    }
    return found;
}

/* The index of a constraint on a large table, if it can be built on its own. What depends on the
 * constraint waits for both. */
static void add_index(Build *build, const TocEntry *entry)
{
    bool is_large = false;
    for (guint i = 0; i < entry->deps->len; i++) {
        const int id = g_array_index(entry->deps, int, i);
        if (!build_is_kind(find(build, id), "TABLE"))
            continue;
        if (g_hash_table_contains(build->below, build_key(id))) /* USING INDEX is not for these */
            return;
        is_large |= build_bytes(build, id) >= LARGE_TABLE_BYTES;
    }
    if (!is_large || !build->options->index_first(entry, build->options->data))
        return;
    Work *work = build_add(build, WORK_INDEX, entry);
    note_uses(build, work, entry);
    g_array_set_size(work->locks, 0);
}

static void add_sql(Build *build, const TocEntry *entry)
{
    const int companion = companion_of(build, entry);
    if (companion >= 0) {
        g_ptr_array_add(build_at(build, companion)->entries, (gpointer)entry);
        append_to(build->places, entry->id, companion);
        return;
    }
    if (build_is_kind(entry, "CONSTRAINT"))
        add_index(build, entry);
    Work *work = build_add(build, WORK_SQL, entry);
    work->is_data = entry->section == TOC_DATA;
    note_uses(build, work, entry);
}

static void add_entry(Build *build, const TocEntry *entry)
{
    if (is_of_last_pass(build, entry)) {
        g_ptr_array_add(build->graph->last, (gpointer)entry);
        g_hash_table_add(build->is_last, build_key(entry->id));
    } else if (build_is_kind(entry, "TABLE DATA")) {
        add_rows(build, entry);
    } else if (entry->has_data) {
        add_large_objects(build, entry);
    } else if (build_is_kind(entry, "SEQUENCE SET")) {
        add_sequence(build, entry);
    } else if (is_before(build, entry)) {
        g_ptr_array_add(build->graph->before, (gpointer)entry);
    } else {
        add_sql(build, entry);
    }
}

static bool is_of_main_pass(const TocEntry *entry)
{
    return !build_is_of_acl_pass(entry) && !build_is_kind(entry, "MATERIALIZED VIEW DATA") &&
           !entry_is_of_database(entry) && !entry_is_of_archive(entry);
}

/* Large objects wait for their creation, whether the archive says so or not. */
static void wait_for_creation(const Build *build, int place)
{
    const GPtrArray *entries = build->options->toc->entries;
    for (guint i = 0; i < entries->len; i++) {
        const TocEntry *entry = g_ptr_array_index(entries, i);
        if (build_is_kind(entry, "BLOB METADATA") || build_is_kind(entry, "BLOB"))
            build_wait_for_entry(build, place, entry->id);
    }
}

static void add_edges(const Build *build)
{
    for (guint i = 0; i < build->graph->work->len; i++) {
        const Work *work = build_at(build, (int)i);
        for (guint n = 0; n < work->entries->len; n++)
            build_wait_for_dependencies(build, (int)i, g_ptr_array_index(work->entries, n));
        if (work->kind == WORK_LARGE_OBJECTS)
            wait_for_creation(build, (int)i);
        if (work->kind == WORK_INDEX) /* the constraint is the next piece */
            build_wait(build, (int)i + 1, (int)i);
    }
}

/* ---- the whole ---- */

/* Everything can be done if each piece gets its turn when all before it have had theirs. */
static bool check_circles(const RestoreGraph *graph, GError **error)
{
    g_autofree int *waits = g_new(int, graph->work->len + 1);
    g_autoptr(GArray) ready = g_array_new(FALSE, FALSE, sizeof(int));
    for (guint i = 0; i < graph->work->len; i++) {
        const Work *work = g_ptr_array_index(graph->work, i);
        waits[i] = work->waits;
        if (work->waits == 0)
            g_array_append_val(ready, i);
    }
    for (guint i = 0; i < ready->len; i++) {
        const Work *work = g_ptr_array_index(graph->work, g_array_index(ready, int, i));
        for (guint n = 0; n < work->frees->len; n++) {
            const int freed = g_array_index(work->frees, int, n);
            if (--waits[freed] == 0)
                g_array_append_val(ready, freed);
        }
    }
    if (ready->len == graph->work->len)
        return true;
    error_set(error, ERROR_INTEGRITY,
              "the archive's entries depend on each other in a circle: %u of %u cannot be restored",
              graph->work->len - ready->len, graph->work->len);
    return false;
}

RestoreGraph *restore_graph_new(const GraphOptions *options, GError **error)
{
    const GPtrArray *entries = options->toc->entries;
    g_auto(Build) build = {.options = options, .sequences = -1};
    build.graph = g_new0(RestoreGraph, 1);
    build.graph->before = g_ptr_array_new();
    build.graph->work = g_ptr_array_new_with_free_func((GDestroyNotify)work_free);
    build.graph->last = g_ptr_array_new();
    build.entries = g_hash_table_new(NULL, NULL);
    build.places = g_hash_table_new_full(NULL, NULL, NULL, free_array);
    build.parts = g_hash_table_new_full(NULL, NULL, NULL, free_array);
    build.attached = g_hash_table_new_full(NULL, NULL, NULL, free_array);
    build.bytes = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    build.below = g_hash_table_new_full(NULL, NULL, NULL, free_array);
    build.is_last = g_hash_table_new(NULL, NULL);
    note_tables(&build);
    for (guint i = 0; i < entries->len; i++) {
        if (is_of_main_pass(g_ptr_array_index(entries, i)))
            add_entry(&build, g_ptr_array_index(entries, i));
    }
    add_edges(&build);
    build_add_passes(&build);
    if (!check_circles(build.graph, error))
        return NULL;
    return g_steal_pointer(&build.graph);
}
