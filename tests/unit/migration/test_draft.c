#include "base/error.h"
#include "base/file.h"
#include "migration/draft.h"
#include "migration/file.h"
#include "migration/migration.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#define NOW_US ((int64_t)1763816701 * G_USEC_PER_SEC) /* 2025-11-22 13:05:01 UTC */

static void test_id(void **state)
{
    static const struct {
        const char *newest, *id;
    } cases[] = {
        {NULL, "20251122130501"},
        {"20250101000000", "20251122130501"},
        {"20251122130500", "20251122130501"},
        {"20251122130501", "20251122130502"},
        {"20251231235959", "20260101000000"},
        {"20990228235959", "20990301000000"},
        {"20251122139999", "20251122140000"}, /* no moment */
        {"99991231235959", "99991231235960"}, /* no moment behind it */
        {"99999999999998", "99999999999999"},
        {"99999999999999", NULL},
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *id = draft_id(NOW_US, cases[i].newest);
        if (g_strcmp0(id, cases[i].id) != 0)
            fail_msg("behind %s: %s, not %s", cases[i].newest, id, cases[i].id);
    }
}

static void test_files_load(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *parent = g_dir_make_tmp("drydock-XXXXXX", NULL);
    g_autofree char *folder = g_build_filename(parent, "a", "b", NULL);
    g_autoptr(MigrationSet) set = NULL;
    g_autoptr(Draft) one = draft_write(folder, "one", false, NOW_US, &error);
    g_autoptr(Draft) two = draft_write(folder, "two", false, NOW_US, &error);
    g_autoptr(Draft) view = draft_write(folder, "view", true, NOW_US, &error);
    (void)state;
    assert_null(error);
    assert_string_equal(one->id, "20251122130501");
    assert_string_equal(two->id, "20251122130502");
    assert_string_equal(view->id, "view");
    assert_int_equal(one->paths->len, 3);
    assert_int_equal(view->paths->len, 1);
    set = migration_set_load(folder, &error);
    if (set == NULL) {
        fail_msg("%s", error->message);
        return;
    }
    assert_int_equal(set->migrations->len, 2);
    assert_int_equal(set->repeatables->len, 1);
    /* The directives of the template are comments. */
    for (guint i = 0; i < 2; i++) {
        const Migration *migration = g_ptr_array_index(set->migrations, i);
        assert_null(migration->risk);
        assert_null(migration->irreversible);
        assert_int_equal(migration->up.statements->len, 0);
        assert_int_equal(migration->down->statements->len, 0);
        assert_non_null(migration->verify);
    }
    assert_null(draft_write(folder, "view", true, NOW_US, &error));
    assert_true(error_is(error, ERROR_USAGE));
    assert_true(file_remove_tree(parent, NULL));
}

/* Names of other files give no id, and names that do not fit leave nothing. */
static void test_refused(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("drydock-XXXXXX", NULL);
    g_autofree char *taken = g_build_filename(folder, "x-y.down.sql", NULL);
    (void)state;
    assert_true(g_file_set_contents(taken, "SELECT 1;", -1, NULL));
    assert_null(draft_newest_id(folder));
    for (size_t i = 0; i < 3; i++) {
        static const char *const bad[] = {"", "a/b", ".."};
        assert_null(draft_write(folder, bad[i], false, NOW_US, &error));
        assert_true(error_is(error, ERROR_USAGE));
        g_clear_error(&error);
    }
    assert_true(file_exists(taken));
    assert_true(file_remove_tree(folder, NULL));
}

static void test_template_directives_are_known(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("drydock-XXXXXX", NULL);
    g_autoptr(Draft) draft = draft_write(folder, "view", true, NOW_US, &error);
    const char *path = g_ptr_array_index(draft->paths, 0);
    g_autofree char *text = NULL;
    g_autoptr(MigrationSet) set = NULL;
    g_autofree char *other = g_build_filename(folder, "20250103000000-a.up.sql", NULL);
    (void)state;
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_autoptr(GString) used = g_string_new(text);
    assert_true(g_string_replace(used, "-- -- drydock:", "-- drydock:", 0) > 5);
    assert_true(g_file_set_contents(path, used->str, -1, NULL));
    assert_true(g_file_set_contents(other, "", -1, NULL));
    set = migration_set_load(folder, &error);
    if (set == NULL)
        fail_msg("%s", error->message);
    const Migration *view = migration_find(set, "view");
    assert_string_equal(view->risk, "low");
    assert_int_equal(view->effects->len, 3);
    assert_string_equal(view->depends_on[0], "20250103000000");
    assert_true(file_remove_tree(folder, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_id),
        cmocka_unit_test(test_files_load),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_template_directives_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
