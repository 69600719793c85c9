/* What a restore does in which order, and what it never does side by side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "snapshot/restore_graph.h"
#include <string.h>

#define MB (UINT64_C(1) << 20)

/* In the order in which a line is read. */
typedef struct { /* NOLINT(clang-analyzer-optin.performance.Padding) */
    int id;
    const char *desc;
    const char *tag;
    TocSection section;
    const char *deps;
    int megabytes; /* of a data entry */
} Line;

static void free_deps(gpointer data)
{
    toc_entry_free(data);
}

static Toc *make_toc(const Line *lines, size_t n)
{
    Toc *toc = g_new0(Toc, 1);
    toc->entries = g_ptr_array_new_with_free_func(free_deps);
    for (size_t i = 0; i < n; i++) {
        TocEntry *entry = g_new0(TocEntry, 1);
        g_auto(GStrv) deps = g_strsplit(lines[i].deps, " ", -1);
        entry->id = lines[i].id;
        entry->desc = g_strdup(lines[i].desc);
        entry->tag = g_strdup(lines[i].tag);
        entry->schema = g_strdup("public");
        entry->section = lines[i].section;
        entry->has_data =
            strcmp(entry->desc, "TABLE DATA") == 0 || strcmp(entry->desc, "BLOBS") == 0;
        entry->deps = g_array_new(FALSE, FALSE, sizeof(int));
        for (char **dep = deps; *dep != NULL && **dep != '\0'; dep++) {
            const int id = (int)g_ascii_strtoll(*dep, NULL, 10);
            g_array_append_val(entry->deps, id);
        }
        g_ptr_array_add(toc->entries, entry);
    }
    return toc;
}

static uint64_t megabytes(const TocEntry *entry, gpointer data)
{
    const Line *lines = data;
    while (lines->id != entry->id)
        lines++;
    return (uint64_t)lines->megabytes * MB;
}

static int two_pieces(const TocEntry *entry, gpointer data)
{
    (void)entry;
    (void)data;
    return 2;
}

static void piece(const TocEntry *entry, int number, Work *work, gpointer data)
{
    (void)entry;
    (void)data;
    work->first = number;
    work->count = 1;
}

static bool never(const TocEntry *entry, gpointer data)
{
    (void)entry;
    (void)data;
    return false;
}

static bool always(const TocEntry *entry, gpointer data)
{
    (void)entry;
    (void)data;
    return true;
}

static RestoreGraph *make_graph(const Toc *toc, const Line *lines, GError **error)
{
    const GraphOptions options = {.toc = toc,
                                  .data_bytes = megabytes,
                                  .large_pieces = two_pieces,
                                  .large_piece = piece,
                                  .index_first = never,
                                  .jobs = 2,
                                  .data = (gpointer)lines};
    return restore_graph_new(&options, error);
}

/* A restore of these lines, with nothing done yet. */
typedef struct {
    Toc *toc;
    RestoreGraph *graph;
    Schedule *schedule;
} Plan;

static void plan_clear(Plan *plan)
{
    schedule_free(plan->schedule);
    restore_graph_free(plan->graph);
    toc_free(plan->toc);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Plan, plan_clear)

static Plan plan_of(Toc *toc, const Line *lines)
{
    RestoreGraph *graph = make_graph(toc, lines, NULL);
    assert_non_null(graph);
    return (Plan){toc, graph, schedule_new(graph)};
}
#define PLAN(lines) plan_of(make_toc(lines, G_N_ELEMENTS(lines)), lines)

/* A large table in two parts, a small one, a foreign key between them. */
static const Line lines[] = {
    {1, "SCHEMA", "s", TOC_PRE_DATA, "", 0},
    {2, "TABLE", "big", TOC_PRE_DATA, "1", 0},
    {3, "TABLE", "small", TOC_PRE_DATA, "1", 0},
    {4, "COMMENT", "TABLE big", TOC_SECTION_NONE, "2", 0},
    {5, "ACL", "TABLE big", TOC_SECTION_NONE, "2", 0},
    {10, "TABLE DATA", "small", TOC_DATA, "3", 1},
    {11, "TABLE DATA", "big", TOC_DATA, "2", 60},
    {12, "TABLE DATA", "big", TOC_DATA, "2", 40},
    {13, "SEQUENCE SET", "seq", TOC_DATA, "2", 0},
    {14, "SEQUENCE SET", "seq2", TOC_DATA, "2", 0},
    {20, "CONSTRAINT", "big big_pkey", TOC_POST_DATA, "2 11 12", 0},
    {21, "INDEX", "big_i", TOC_POST_DATA, "2 11 12", 0},
    {22, "COMMENT", "INDEX big_i", TOC_SECTION_NONE, "21", 0},
    {23, "FK CONSTRAINT", "small fk", TOC_POST_DATA, "3 20 2 11 12", 0},
    {24, "TRIGGER", "small t", TOC_POST_DATA, "3", 0},
    {25, "EVENT TRIGGER", "et", TOC_POST_DATA, "", 0},
    {26, "COMMENT", "EVENT TRIGGER et", TOC_SECTION_NONE, "25", 0},
    {27, "SUBSCRIPTION", "sub", TOC_POST_DATA, "", 0},
    {28, "MATERIALIZED VIEW DATA", "mv", TOC_POST_DATA, "2", 0},
    {29, "DATABASE", "x", TOC_PRE_DATA, "", 0},
    {30, "ENCODING", "ENCODING", TOC_PRE_DATA, "", 0},
};

static bool holds(const GPtrArray *entries, int id)
{
    for (guint i = 0; i < entries->len; i++) {
        if (((const TocEntry *)g_ptr_array_index(entries, i))->id == id)
            return true;
    }
    return false;
}

/* The first entry's id, or the kind negated where there is none. */
static int id_of(const Work *work)
{
    return work->entries->len > 0 ? ((const TocEntry *)work->entries->pdata[0])->id : 0;
}

static void test_passes(void **state)
{
    (void)state;
    g_autoptr(Toc) toc = make_toc(lines, G_N_ELEMENTS(lines));
    g_autoptr(RestoreGraph) graph = make_graph(toc, lines, NULL);
    assert_int_equal(graph->before->len, 4);
    assert_true(holds(graph->before, 1) && holds(graph->before, 4));
    assert_int_equal(graph->last->len, 3);
    assert_true(holds(graph->last, 25) && holds(graph->last, 26) && holds(graph->last, 27));
    for (guint i = 0; i < graph->work->len; i++) {
        const Work *work = g_ptr_array_index(graph->work, i);
        assert_false(holds(work->entries, 29) || holds(work->entries, 30));
        if (holds(work->entries, 21))
            assert_true(holds(work->entries, 22)); /* the comment goes with its index */
        if (holds(work->entries, 13))
            assert_true(holds(work->entries, 14)); /* sequences share a message */
    }
}

static const char *letter_of(const Work *work)
{
    switch (work->kind) {
    case WORK_ANALYZE:
        return "A";
    case WORK_READ:
        return "R";
    case WORK_INDEX:
        return "I";
    default:
        return "";
    }
}

/* With one worker: the order of first come, largest first. */
static void test_order(void **state)
{
    (void)state;
    g_auto(Plan) plan = PLAN(lines);
    Schedule *schedule = plan.schedule;
    g_autoptr(GString) order = g_string_new(NULL);
    Work *work = NULL;
    while ((work = schedule_next(schedule)) != NULL) {
        g_string_append_printf(order, "%s%d ", letter_of(work), id_of(work));
        schedule_done(schedule, work);
    }
    assert_true(schedule_is_finished(schedule));
    /* Both parts of big, its indexes, ANALYZE of it when the foreign key does not touch it any
     * more; access rights, then the view, then the small tables' statistics; and big is read back,
     * for which nothing waits. */
    assert_string_equal(order->str, "11 12 20 21 10 23 A2 24 13 5 28 0 A3 R2 R2 R2 ");
}

/* With many workers: indexes side by side, what locks a table alone. */
static void test_exclusion(void **state)
{
    (void)state;
    g_auto(Plan) plan = PLAN(lines);
    Schedule *schedule = plan.schedule;
    Work *parts[4];
    Work *work = NULL;
    for (size_t i = 0; i < 4; i++) { /* 11, 12, 10, sequences */
        parts[i] = schedule_next(schedule);
        assert_true(parts[i]->is_data);
    }
    assert_null(schedule_next(schedule));
    schedule_done(schedule, parts[0]);
    assert_null(schedule_next(schedule)); /* the other part of big is not in */
    schedule_done(schedule, parts[1]);
    work = schedule_next(schedule);
    assert_int_equal(id_of(work), 20);
    assert_null(schedule_next(schedule)); /* the index waits: the constraint locks the table */
    schedule_done(schedule, work);
    work = schedule_next(schedule);
    assert_int_equal(id_of(work), 21);
    schedule_done(schedule, parts[2]); /* small is in */
    work = schedule_next(schedule);
    assert_int_equal(id_of(work), 24); /* its trigger; the foreign key locks big, which is busy */
    assert_int_equal(schedule_next(schedule)->kind, WORK_READ);
}

static Work *next_of_kind(Schedule *schedule, WorkKind kind)
{
    Work *work = NULL;
    while ((work = schedule_next(schedule)) != NULL && work->kind != kind)
        schedule_done(schedule, work);
    return work;
}

/* A table is read back beside whatever does not lock it against reading, when nothing else is to
 * be done. */
static void test_reading(void **state)
{
    static const Line table[] = {
        {1, "TABLE", "big", TOC_PRE_DATA, "", 0},
        {2, "TABLE DATA", "big", TOC_DATA, "1", 100},
        {3, "FK CONSTRAINT", "big fk", TOC_POST_DATA, "1 2", 0},
        {4, "CONSTRAINT", "big check", TOC_POST_DATA, "1 2", 0},
    };
    (void)state;
    g_auto(Plan) plan = PLAN(table);
    Schedule *schedule = plan.schedule;
    Work *data = schedule_next(schedule), *foreign_key = NULL, *read = NULL, *check = NULL;
    assert_int_equal(data->kind, WORK_ROWS);
    assert_null(schedule_next(schedule)); /* not before all rows are in */
    schedule_done(schedule, data);
    foreign_key = schedule_next(schedule);
    assert_int_equal(id_of(foreign_key), 3);
    read = schedule_next(schedule); /* the other constraint is locked out, reading is not */
    assert_int_equal(read->kind, WORK_READ);
    assert_int_equal(read->first, 0);
    assert_int_equal(read->count, 3);
    schedule_done(schedule, foreign_key);
    assert_null(schedule_next(schedule)); /* no other reader begins: it would be in the way */
    schedule_done(schedule, read);
    check = schedule_next(schedule);
    assert_int_equal(id_of(check), 4);
    assert_null(schedule_next(schedule)); /* nobody reads beside it */
    schedule_done(schedule, check);
    assert_non_null(next_of_kind(schedule, WORK_READ));
    assert_non_null(next_of_kind(schedule, WORK_READ));
    assert_null(next_of_kind(schedule, WORK_READ));
}

/* The index of a constraint on a large table is built beside others, the constraint comes after. */
static void test_index_first(void **state)
{
    (void)state;
    g_autoptr(Toc) toc = make_toc(lines, G_N_ELEMENTS(lines));
    const GraphOptions options = {.toc = toc,
                                  .data_bytes = megabytes,
                                  .large_pieces = two_pieces,
                                  .large_piece = piece,
                                  .index_first = always,
                                  .jobs = 2,
                                  .data = (gpointer)lines};
    g_autoptr(RestoreGraph) graph = restore_graph_new(&options, NULL);
    g_autoptr(Schedule) schedule = schedule_new(graph);
    Work *index = next_of_kind(schedule, WORK_INDEX), *other = NULL;
    assert_int_equal(id_of(index), 20);
    other = schedule_next(schedule);
    assert_int_equal(id_of(other), 21);
    schedule_done(schedule, other);
    other = schedule_next(schedule);
    assert_int_not_equal(id_of(other), 20);
    schedule_done(schedule, other);
    schedule_done(schedule, index);
    other = schedule_next(schedule);
    assert_int_equal(other->kind, WORK_SQL);
    assert_int_equal(id_of(other), 20);
}

/* What is done to a partitioned table waits for the data of its partitions. */
static void test_partitions(void **state)
{
    static const Line partitions[] = {
        {1, "TABLE", "root", TOC_PRE_DATA, "", 0},
        {2, "TABLE", "leaf", TOC_PRE_DATA, "", 0},
        {3, "TABLE ATTACH", "leaf", TOC_PRE_DATA, "2 1", 0},
        {4, "TABLE DATA", "leaf", TOC_DATA, "2", 100},
        {5, "CONSTRAINT", "root root_pkey", TOC_POST_DATA, "1", 0},
    };
    (void)state;
    g_auto(Plan) plan = PLAN(partitions);
    Schedule *schedule = plan.schedule;
    Work *work = schedule_next(schedule);
    assert_int_equal(id_of(work), 4);
    assert_null(schedule_next(schedule));
    schedule_done(schedule, work);
    work = schedule_next(schedule);
    assert_int_equal(id_of(work), 5);
    schedule_done(schedule, work);
    work = schedule_next(schedule); /* and only the root is analyzed, which takes the leaf along */
    assert_int_equal(work->kind, WORK_ANALYZE);
    assert_int_equal(work->entries->len, 1);
    assert_int_equal(id_of(work), 1);
}

/* Rows that go in by way of the root may go into any partition: nothing is done to one before. */
static void test_rows_via_root(void **state)
{
    static const Line partitions[] = {
        {1, "TABLE", "root", TOC_PRE_DATA, "", 0},
        {2, "TABLE", "left", TOC_PRE_DATA, "", 0},
        {3, "TABLE", "right", TOC_PRE_DATA, "", 0},
        {4, "TABLE ATTACH", "left", TOC_PRE_DATA, "2 1", 0},
        {5, "TABLE ATTACH", "right", TOC_PRE_DATA, "3 1", 0},
        {6, "TABLE DATA", "left", TOC_DATA, "2", 100},
        {7, "TABLE DATA", "right", TOC_DATA, "3", 1},
        {8, "TRIGGER", "left trigger", TOC_POST_DATA, "2", 0},
    };
    (void)state;
    for (int via_root = 0; via_root < 2; via_root++) {
        Toc *toc = make_toc(partitions, G_N_ELEMENTS(partitions));
        TocEntry *right = toc_find(toc, 7);
        right->defn = g_strdup(via_root ? "-- load via partition root public.root"
                                        : "-- load via partition root \"public\".\"right\"");
        g_auto(Plan) plan = plan_of(toc, partitions);
        Schedule *schedule = plan.schedule;
        Work *work = schedule_next(schedule);
        assert_int_equal(id_of(work), 6);
        schedule_done(schedule, work);
        work = schedule_next(schedule);
        assert_int_equal(id_of(work), via_root ? 7 : 8);
        schedule_done(schedule, work);
        assert_int_equal(id_of(schedule_next(schedule)), via_root ? 8 : 7);
    }
}

static void test_large_objects(void **state)
{
    static const Line objects[] = {
        {1, "BLOB METADATA", "1..2", TOC_DATA, "", 0},
        {2, "BLOBS", "1..2", TOC_DATA, "", 0},
        {3, "COMMENT", "LARGE OBJECT 1", TOC_SECTION_NONE, "1", 0},
    };
    (void)state;
    g_auto(Plan) plan = PLAN(objects);
    Schedule *schedule = plan.schedule;
    Work *work = schedule_next(schedule);
    assert_int_equal(id_of(work), 1);
    assert_true(holds(work->entries, 3));
    assert_null(schedule_next(schedule));
    schedule_done(schedule, work);
    for (int i = 0; i < 2; i++) {
        work = schedule_next(schedule);
        assert_int_equal(work->kind, WORK_LARGE_OBJECTS);
        assert_int_equal(work->first, i);
    }
}

static void test_circle(void **state)
{
    static const Line circle[] = {
        {1, "INDEX", "a", TOC_POST_DATA, "2", 0},
        {2, "CONSTRAINT", "b", TOC_POST_DATA, "1", 0},
    };
    g_autoptr(GError) error = NULL;
    (void)state;
    g_autoptr(Toc) toc = make_toc(circle, G_N_ELEMENTS(circle));
    assert_null(make_graph(toc, circle, &error));
    assert_true(error_is(error, ERROR_INTEGRITY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes),        cmocka_unit_test(test_order),
        cmocka_unit_test(test_exclusion),     cmocka_unit_test(test_reading),
        cmocka_unit_test(test_index_first),   cmocka_unit_test(test_partitions),
        cmocka_unit_test(test_large_objects), cmocka_unit_test(test_circle),
        cmocka_unit_test(test_rows_via_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
