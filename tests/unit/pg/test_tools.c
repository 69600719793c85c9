/* Which program is chosen, with scripts in the place of PostgreSQL's programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "pg/tools.h"
#include <glib/gstdio.h>
#include <string.h>

static int set_up(void **state)
{
    *state = g_dir_make_tmp("drydock-XXXXXX", NULL);
    return 0;
}

static int tear_down(void **state)
{
    g_unsetenv("DRYDOCK_PG_BIN");
    assert_true(file_remove_tree(*state, NULL));
    g_free(*state);
    return 0;
}

/* A folder with a program that answers like this; DRYDOCK_PG_BIN names it. */
static void offer(const char *folder, const char *answer)
{
    g_autofree char *path = g_build_filename(folder, "pg_fake", NULL);
    g_autofree char *script = g_strdup_printf("#!/bin/sh\necho '%s'\n", answer);
    assert_true(g_file_set_contents(path, script, -1, NULL));
    assert_int_equal(g_chmod(path, 0700), 0);
    g_setenv("DRYDOCK_PG_BIN", folder, TRUE);
}

static void assert_version(const char *folder, const char *answer, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *version = NULL;
    g_autofree char *path = NULL;
    offer(folder, answer);
    path = pg_tool_find("pg_fake", 150018, &version, &error);
    assert_null(error);
    assert_true(g_str_has_suffix(path, "/pg_fake"));
    assert_string_equal(version, expected);
}

static void versions_are_read(void **state)
{
    assert_version(*state, "pg_fake (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "15.18");
    assert_version(*state, "pg_fake (PostgreSQL) 17.2", "17.2");
    assert_version(*state, "pg_fake (PostgreSQL) 18beta1", "18beta1");
}

static void assert_none_fits(const char *answer, const char *folder, const char *words)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *version = NULL;
    offer(folder, answer);
    assert_null(pg_tool_find("pg_fake", 150018, &version, &error));
    assert_true(error_is(error, ERROR_CONFIG));
    assert_non_null(strstr(error->message, words));
    assert_non_null(error_hint(error));
}

static void older_ones_are_refused(void **state)
{
    assert_none_fits("pg_fake (PostgreSQL) 14.9", *state, "14.9");
    assert_none_fits("something else", *state, "does not run");
}

static void none_at_all_is_said(void **state)
{
    g_autoptr(GError) error = NULL;
    g_setenv("DRYDOCK_PG_BIN", *state, TRUE);
    assert_null(pg_tool_find("pg_fake", 150018, NULL, &error));
    assert_non_null(strstr(error->message, "found: none"));
}

/* PATH is searched too: the lowest major version that fits, of those the newest. */
static void the_nearest_version_is_chosen(void **state)
{
    static const char *const answers[] = {"17.2", "16.1", "16.4", "14.12", "16.3"};
    g_autoptr(GString) path = g_string_new("relative");
    g_autofree char *saved = g_strdup(g_getenv("PATH"));
    g_autofree char *version = NULL, *found = NULL;
    g_autoptr(GError) error = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_autofree char *folder = g_strdup_printf("%s/%zu", (char *)*state, i);
        g_autofree char *answer = g_strdup_printf("pg_fake (PostgreSQL) %s", answers[i]);
        assert_int_equal(g_mkdir(folder, 0700), 0);
        offer(folder, answer);
        g_string_append_printf(path, ":%s", folder);
    }
    g_unsetenv("DRYDOCK_PG_BIN");
    g_setenv("PATH", path->str, TRUE);
    found = pg_tool_find("pg_fake", 150000, &version, &error);
    g_setenv("PATH", saved, TRUE);
    assert_null(error);
    assert_string_equal(version, "16.4");
    assert_true(g_str_has_suffix(found, "/2/pg_fake"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(versions_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(older_ones_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(none_at_all_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_nearest_version_is_chosen, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
