#include "base/error.h"
#include "base/file.h"
#include "migration/standing.h"
#include "migration/undo.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#define A "20250101000000"
#define B "20250102000000"
#define C "20250103000000"

/* A folder of migrations, and a history as a server would give it. */
typedef struct {
    MigrationSet *set;
    Standing standing;
} Case;

/* Name and text, in turns, up to a NULL name. */
static void set_files(Case *it, const char *const *files)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("drydock-XXXXXX", NULL);
    for (; *files != NULL; files += 2) {
        g_autofree char *path = g_build_filename(folder, files[0], NULL);
        assert_true(g_file_set_contents(path, files[1], -1, NULL));
    }
    it->set = migration_set_load(folder, &error);
    assert_true(file_remove_tree(folder, NULL));
    if (it->set == NULL)
        fail_msg("%s", error->message);
    it->standing.history = g_ptr_array_new_with_free_func(g_free);
    it->standing.repeated = g_ptr_array_new_with_free_func(g_free);
    it->standing.steps = g_ptr_array_new();
    it->standing.set = it->set;
}

/* The strings belong to the set, or are constants. */
static HistoryEntry *add_entry(GPtrArray *to, const char *id, const char *canonical)
{
    HistoryEntry *entry = g_new0(HistoryEntry, 1);
    entry->id = (char *)id;
    entry->name = (char *)"name";
    entry->canonical = (char *)canonical;
    entry->applied_at = (char *)"2025-11-22T13:05:01Z";
    entry->position = to->len + 1;
    g_ptr_array_add(to, entry);
    return entry;
}

static HistoryEntry *apply(Case *it, const char *id)
{
    const Migration *migration = migration_find(it->set, id);
    return add_entry(migration->repeatable ? it->standing.repeated : it->standing.history, id,
                     migration->up.canonical.hex);
}

static void compare(Case *it)
{
    g_clear_pointer(&it->standing.statuses, g_ptr_array_unref);
    g_clear_pointer(&it->standing.repeatables, g_ptr_array_unref);
    it->standing.statuses = history_compare(it->set, it->standing.history);
    it->standing.repeatables = standing_compare_repeatables(it->set, it->standing.repeated);
}

static void clear(Case *it)
{
    g_clear_pointer(&it->standing.statuses, g_ptr_array_unref);
    g_clear_pointer(&it->standing.repeatables, g_ptr_array_unref);
    g_clear_pointer(&it->standing.history, g_ptr_array_unref);
    g_clear_pointer(&it->standing.repeated, g_ptr_array_unref);
    g_clear_pointer(&it->standing.steps, g_ptr_array_unref);
    migration_set_free(it->set);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Case, clear)

static char *ids_of(const GPtrArray *migrations)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; migrations != NULL && i < migrations->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "",
                               ((const Migration *)g_ptr_array_index(migrations, i))->id);
    return g_string_free(text, FALSE);
}

static void expect_pending(const Case *it, const char *to, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) pending = standing_pending(&it->standing, to, &error);
    g_autofree char *ids = ids_of(pending);
    assert_null(error);
    assert_string_equal(ids, expected);
}

static const char *const three[] = {A "-a.up.sql", "select 1;", A "-a.down.sql", "select 1;",
                                    B "-b.up.sql", "select 2;", B "-b.down.sql", "select 2;",
                                    C "-c.up.sql", "select 3;", C "-c.down.sql", "select 3;",
                                    NULL};

static void test_repeatables_in_order(void **state)
{
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma) */
    static const char *const files[] = {A "-a.up.sql",
                                        "",
                                        "b.repeat.sql",
                                        "-- drydock: requires " A " z\n",
                                        "b-c.repeat.sql",
                                        "",
                                        "a.repeat.sql",
                                        "-- drydock: requires b\nselect 1;",
                                        "z.repeat.sql",
                                        "-- drydock: requires y\n",
                                        "y.repeat.sql",
                                        "",
                                        NULL};
    g_auto(Case) it = {0};
    (void)state;
    set_files(&it, files);
    compare(&it);
    expect_pending(&it, NULL, A " b-c y z b a");
    apply(&it, A);
    for (size_t i = 0; i < 5; i++) {
        static const char *const names[] = {"a", "b", "b-c", "y", "z"};
        apply(&it, names[i]);
    }
    add_entry(it.standing.repeated, "gone", "x");
    compare(&it);
    expect_pending(&it, NULL, "");
    assert_int_equal(it.standing.repeatables->len, 6);
    const MigrationStatus *last = g_ptr_array_index(it.standing.repeatables, 5);
    assert_int_equal(last->state, STATE_UNKNOWN);
    assert_true(history_check(it.standing.statuses, NULL));
    ((HistoryEntry *)g_ptr_array_index(it.standing.repeated, 0))->canonical = (char *)"other";
    ((HistoryEntry *)g_ptr_array_index(it.standing.repeated, 1))->stale = true;
    compare(&it);
    expect_pending(&it, NULL, "b a");
}

static void test_to(void **state)
{
    g_auto(Case) it = {0};
    g_autoptr(GError) error = NULL;
    (void)state;
    set_files(&it, three);
    apply(&it, A);
    compare(&it);
    expect_pending(&it, B, B);
    expect_pending(&it, C, B " " C);
    assert_null(standing_pending(&it.standing, A, &error));
    assert_true(error_is(error, ERROR_USAGE));
    g_clear_error(&error);
    assert_null(standing_pending(&it.standing, "20250101000001", &error));
    assert_true(error_is(error, ERROR_USAGE));
}

static void test_out_of_order(void **state)
{
    static const char *const unknown[] = {"20990101000000", NULL};
    static const char *const allowed[] = {C, B, NULL};
    g_auto(Case) it = {0};
    g_autoptr(GError) error = NULL;
    (void)state;
    set_files(&it, three);
    apply(&it, A);
    apply(&it, C);
    compare(&it);
    assert_false(history_check(it.standing.statuses, &error));
    assert_true(error_is(error, ERROR_INTEGRITY));
    assert_non_null(strstr(error_hint(error), "--allow-out-of-order"));
    assert_true(history_check_applied(it.standing.statuses, NULL));
    g_clear_error(&error);
    assert_false(history_allow(it.standing.statuses, (char *const *)unknown, &error));
    assert_true(error_is(error, ERROR_USAGE));
    assert_false(standing_is_out_of_order(&it.standing, B));
    assert_true(history_allow(it.standing.statuses, (char *const *)allowed, NULL));
    assert_true(history_check(it.standing.statuses, NULL));
    assert_true(standing_is_out_of_order(&it.standing, B));
    assert_false(standing_is_out_of_order(&it.standing, C));
    expect_pending(&it, NULL, B);
}

static void expect_undo(const Case *it, const char *to, bool all, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) steps = undo_steps(&it->standing, to, all, &error);
    g_autofree char *ids = ids_of(steps);
    if (error != NULL)
        fail_msg("%s", error->message);
    assert_string_equal(ids, expected);
}

static void test_undo_order(void **state)
{
    g_auto(Case) it = {0};
    (void)state;
    set_files(&it, three);
    compare(&it);
    expect_undo(&it, NULL, false, "");
    expect_undo(&it, NULL, true, "");
    /* A clock that was set back between two that stand in order is no matter. */
    apply(&it, A)->position = 2;
    apply(&it, C)->position = 1;
    HistoryEntry *late = apply(&it, B);
    late->position = 3;
    late->out_of_order = true;
    compare(&it);
    expect_undo(&it, NULL, false, B);
    expect_undo(&it, NULL, true, B " " C " " A);
    expect_undo(&it, C, false, B " " C);
    expect_undo(&it, A, false, B " " C " " A);
    late->out_of_order = false;
    expect_undo(&it, NULL, false, C);
}

static void refuse_undo(const char *const *files, ErrorCode code, const char *message)
{
    g_auto(Case) it = {0};
    g_autoptr(GError) error = NULL;
    set_files(&it, files);
    apply(&it, A);
    HistoryEntry *entry = apply(&it, B);
    if (code == ERROR_INTEGRITY)
        entry->canonical = (char *)"other";
    compare(&it);
    assert_null(undo_steps(&it.standing, NULL, true, &error));
    if (!error_is(error, code) || strstr(error->message, message) == NULL)
        fail_msg("%s, not '%s'", error->message, message);
}

static void test_undo_refused(void **state)
{
    (void)state;
#define FILES(...)                                                                                 \
    (const char *const[]){A "-a.up.sql", "select 1;", A "-a.down.sql",                             \
                          "select 1;",   __VA_ARGS__, NULL}
    refuse_undo(FILES(B "-b.up.sql", "select 1;"), ERROR_REFUSED, "no down file");
    refuse_undo(FILES(B "-b.up.sql", "select 1;", B "-b.down.sql", "-- later\n"), ERROR_REFUSED,
                "no statement");
    refuse_undo(FILES(B "-b.up.sql", "-- drydock: irreversible it is gone\nselect 1;",
                      B "-b.down.sql", "select 1;"),
                ERROR_REFUSED, "it is gone");
    refuse_undo(FILES(B "-b.up.sql", "select 1;", B "-b.down.sql", "select 1;"), ERROR_INTEGRITY,
                "another text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repeatables_in_order), cmocka_unit_test(test_to),
        cmocka_unit_test(test_out_of_order),         cmocka_unit_test(test_undo_order),
        cmocka_unit_test(test_undo_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
