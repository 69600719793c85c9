#include "base/file.h"
#include "migration/sequelize.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#define A "20250101000000"
#define B "20250102000000"

static MigrationSet *load(const char *first, const char *second, GError **error)
{
    g_autofree char *folder = g_dir_make_tmp("drydock-XXXXXX", NULL);
    g_autofree char *a = g_build_filename(folder, A "-base.up.sql", NULL);
    g_autofree char *b = g_build_filename(folder, B "-more.up.sql", NULL);
    assert_true(g_file_set_contents(a, first, -1, NULL));
    assert_true(g_file_set_contents(b, second, -1, NULL));
    MigrationSet *set = migration_set_load(folder, error);
    assert_true(file_remove_tree(folder, NULL));
    return set;
}

static void test_stem(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"a.js", "a"},       {"a.cjs", "a"}, {"a.mjs", "a"},     {"a.ts", "a"},
        {"a.js.js", "a.js"}, {"a", "a"},     {"a.sql", "a.sql"}, {".js", ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *stem = sequelize_stem(names[i][0]);
        assert_string_equal(stem, names[i][1]);
    }
}

/* Names in the table, and what they are taken for: "match id", or "match -". */
static void test_map(void **state)
{
    (void)state;
    static const struct {
        const char *names[4];
        const char *wanted[3];
    } cases[] = {
        {{A "-base.js", B "-more.ts"}, {"name " A, "name " B}},
        {{A "-base", B "-more-FIXED.js"}, {"name " A, "id " B}},
        {{A "-renamed.cjs"}, {"id " A}},
        {{A ".js"}, {"id " A}},
        {{A "_base.mjs"}, {"id " A}},
        {{"older-name.js"}, {"alias " B}},
        {{B "-FIXED.js"}, {"alias " B}},
        /* Two files of one timestamp: each by name or alias, or not at all. */
        {{B "-more.js", B "-FIXED.js"}, {"name " B, "alias " B}},
        {{B "-more.js", B "-other.js"}, {"name " B, "ambiguous -"}},
        {{B "-one.js", B "-other.js"}, {"ambiguous -", "ambiguous -"}},
        /* One that is taken by its id, and another that means the same. */
        {{B "-one.js", "older-name.js"}, {"ambiguous -", "alias " B}},
        {{"20240101000000-gone.js"}, {"unknown -"}},
        {{A "9-base.js"}, {"unknown -"}},
        {{"base.js", ""}, {"unknown -", "unknown -"}},
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(MigrationSet) set =
        load("", "-- drydock: alias older-name\n-- drydock: alias " B "-FIXED.js\n", &error);
    if (set == NULL)
        fail_msg("%s", error->message);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) rows = sequelize_map(set, cases[i].names);
        assert_int_equal(rows->len, g_strv_length((char **)cases[i].names));
        for (guint j = 0; j < rows->len; j++) {
            const SequelizeRow *row = g_ptr_array_index(rows, j);
            g_autofree char *got =
                g_strdup_printf("%s %s", sequelize_match_name(row->match),
                                row->migration != NULL ? row->migration->id : "-");
            assert_string_equal(row->name, cases[i].names[j]);
            assert_string_equal(got, cases[i].wanted[j]);
        }
    }
}

static void test_aliases_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second, *message;
    } cases[] = {
        {"-- drydock: alias\n", "", "it is one file name"},
        {"-- drydock: alias two names\n", "", "it is one file name"},
        {"-- drydock: alias a/b.js\n", "", "it is one file name"},
        {"-- drydock: alias x\n-- drydock: alias x.js\n", "", "alias 'x' is said twice"},
        {"-- drydock: alias x\n", "-- drydock: alias x.ts\n", "that of migration " A " already"},
        {"-- drydock: alias " B "-more\n", "", "that of migration " B " already"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(MigrationSet) set = load(cases[i].first, cases[i].second, &error);
        assert_null(set);
        assert_non_null(strstr(error->message, cases[i].message));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stem),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_aliases_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
