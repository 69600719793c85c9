/* The table of exit codes: what `drydock --help` prints is what errors exit with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"

static const ErrorExit *find(int code)
{
    for (const ErrorExit *exit = error_exits; exit->meaning != NULL; exit++) {
        if (exit->code == code)
            return exit;
    }
    return NULL;
}

static void every_error_exits_with_a_code_of_the_table(void **state)
{
    (void)state;
    for (int code = 0; code < ERROR_COUNT; code++)
        assert_non_null(find(error_code_exit((ErrorCode)code)));
}

static void every_code_stands_once_and_says_how_the_database_is(void **state)
{
    int last = -1;
    (void)state;
    for (const ErrorExit *exit = error_exits; exit->meaning != NULL; exit++) {
        assert_true(exit->code > last);
        assert_true(exit->database[0] != '\0');
        last = exit->code;
    }
    assert_int_equal(last, ERROR_EXIT_SIGNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_exits_with_a_code_of_the_table),
        cmocka_unit_test(every_code_stands_once_and_says_how_the_database_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
