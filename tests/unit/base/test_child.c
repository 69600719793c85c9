/* What a child is given, and what is kept of its words. */
#include "base/child.h"
#include "base/error.h"
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static Child *run(const char *script, const char *const *environment)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    Child *child = child_start(argv, environment, NULL);
    bool ended = false;
    assert_non_null(child);
    assert_true(child_wait(child, -1, &ended, NULL));
    return child;
}

static void its_words_are_not_translated(void **state)
{
    const char *const listed[] = {"PGHOST=here", NULL};
    g_autoptr(Child) child = NULL;
    (void)state;
    assert_int_equal(setenv("LC_ALL", "de_DE.UTF-8", 1), 0);
    assert_int_equal(setenv("LANG", "de_DE.UTF-8", 1), 0);
    assert_int_equal(setenv("PGPASSWORD", "secret", 1), 0);
    child = run("env", listed);
    assert_true(child_check(child, NULL));
    assert_non_null(strstr(child_output(child), "LC_ALL=C\n"));
    assert_non_null(strstr(child_output(child), "PGHOST=here\n"));
    assert_null(strstr(child_output(child), "de_DE"));
    assert_null(strstr(child_output(child), "secret"));
}

/* An error names the tail; who looks for something in all of it finds the beginning as well. */
static void the_beginning_of_a_long_message_is_kept(void **state)
{
    g_autoptr(Child) child =
        run("echo 'error: first' >&2; head -c 100000 /dev/zero | tr '\\0' z >&2; exit 3", NULL);
    g_autoptr(GError) error = NULL;
    (void)state;
    assert_false(child_check(child, &error));
    assert_true(error_is(error, ERROR_CHILD));
    assert_true(g_str_has_prefix(error->message, "sh failed with status 3: zzz"));
    assert_true(strlen(error->message) < 1100);
    assert_true(g_str_has_prefix(child_errors(child), "error: first\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_words_are_not_translated),
        cmocka_unit_test(the_beginning_of_a_long_message_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
