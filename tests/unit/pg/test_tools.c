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

/* ---- pg_restore ---- */

/* Puts programs of these versions into PATH, and nothing else. */
static void install(const char *folder, const char *const *versions)
{
    g_autoptr(GString) path = g_string_new(NULL);
    for (size_t i = 0; versions[i] != NULL; i++) {
        g_autofree char *bin = g_strdup_printf("%s/%s", folder, versions[i]);
        g_autofree char *program = g_build_filename(bin, "pg_restore", NULL);
        g_autofree char *script =
            g_strdup_printf("#!/bin/sh\necho 'pg_restore (PostgreSQL) %s'\n", versions[i]);
        assert_int_equal(g_mkdir(bin, 0700), 0);
        assert_true(g_file_set_contents(program, script, -1, NULL));
        assert_int_equal(g_chmod(program, 0700), 0);
        g_string_append_printf(path, "%s%s", path->len > 0 ? ":" : "", bin);
    }
    g_setenv("PATH", path->str, TRUE);
}

/* The machine's own programs are seen too: versions that no machine has keep them out. */
static void assert_restore(const char *folder, const char *const *versions, int wanted,
                           const char *expected)
{
    g_autofree char *saved = g_strdup(g_getenv("PATH"));
    g_autofree char *version = NULL, *path = NULL;
    g_autoptr(GError) error = NULL;
    install(folder, versions);
    path = pg_tool_find_restore(wanted, false, &version, &error);
    g_setenv("PATH", saved, TRUE);
    assert_null(error);
    assert_non_null(path);
    assert_string_equal(version, expected);
}

static void restore_has_the_archives_version(void **state)
{
    assert_restore(*state, (const char *const[]){"33.1", "31.2", "31.4", "30.9", NULL}, 310000,
                   "31.4");
}

static void restore_is_the_next_newer_one(void **state)
{
    assert_restore(*state, (const char *const[]){"34.1", "33.1", "33.0", "31.4", NULL}, 320000,
                   "33.1");
}

static void restore_is_the_newest_for_an_unknown_version(void **state)
{
    assert_restore(*state, (const char *const[]){"31.1", "33.1", "32.0", NULL}, 0, "33.1");
}

/* Of one made by 18, where 18 has the hole. */
static void a_safe_one_wins(void **state)
{
    assert_restore(*state, (const char *const[]){"18.6", "18.5", "30.1", NULL}, 180000, "30.1");
}

static char *restore_in(const char *folder, const char *version, bool allow, GError **error)
{
    g_autofree char *program = g_build_filename(folder, "pg_restore", NULL);
    g_autofree char *script =
        g_strdup_printf("#!/bin/sh\necho 'pg_restore (PostgreSQL) %s'\n", version);
    assert_true(g_file_set_contents(program, script, -1, NULL));
    assert_int_equal(g_chmod(program, 0700), 0);
    g_setenv("DRYDOCK_PG_BIN", folder, TRUE);
    return pg_tool_find_restore(140000, allow, NULL, error);
}

static void known_holes_are_refused(void **state)
{
    static const char *const holes[] = {"14.24", "15.19", "16.15", "17.11", "18.6", "16beta1"};
    for (size_t i = 0; i < G_N_ELEMENTS(holes); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *allowed = NULL;
        assert_null(restore_in(*state, holes[i], false, &error));
        assert_true(error_is(error, ERROR_REFUSED));
        assert_non_null(strstr(error->message, holes[i]));
        assert_non_null(strstr(error->message, "CVE-2026-116314"));
        assert_non_null(strstr(error_hint(error), "18.7, 17.12, 16.16, 15.20, 14.25"));
        assert_non_null(strstr(error_hint(error), "--allow-known-holes"));
        g_clear_error(&error);
        allowed = restore_in(*state, holes[i], true, &error);
        assert_non_null(allowed);
    }
}

static void versions_without_holes_are_taken(void **state)
{
    static const char *const safe[] = {"14.25", "15.20", "16.16", "17.12", "18.7", "19.0"};
    for (size_t i = 0; i < G_N_ELEMENTS(safe); i++) {
        g_autofree char *path = restore_in(*state, safe[i], false, NULL);
        assert_non_null(path);
    }
}

static void no_restore_is_said(void **state)
{
    g_autoptr(GError) error = NULL;
    assert_null(restore_in(*state, "13.9", true, &error));
    assert_true(error_is(error, ERROR_CONFIG));
    assert_non_null(strstr(error->message, "an archive of pg_dump 14"));
    assert_non_null(strstr(error->message, "13.9"));
    assert_non_null(strstr(error_hint(error), "PostgreSQL 14"));
}

static void assert_dump_warning(const char *version, const char *words)
{
    g_autofree char *warning = pg_tool_dump_warning(version);
    if (words == NULL) {
        assert_null(warning);
        return;
    }
    assert_non_null(warning);
    assert_non_null(strstr(warning, words));
}

static void dump_is_warned_of(void **state)
{
    (void)state;
    assert_dump_warning("15.18", "15.19");
    assert_dump_warning("13.22", "no fixes");
    assert_dump_warning("15.19", NULL);
    assert_dump_warning("19.1", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(versions_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(older_ones_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(none_at_all_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_nearest_version_is_chosen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(restore_has_the_archives_version, set_up, tear_down),
        cmocka_unit_test_setup_teardown(restore_is_the_next_newer_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(restore_is_the_newest_for_an_unknown_version, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_safe_one_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(known_holes_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(versions_without_holes_are_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_restore_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(dump_is_warned_of, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
