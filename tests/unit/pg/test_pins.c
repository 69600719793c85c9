#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pg/pins.h"
#include <string.h>

static bool pins(int version, const char *setting)
{
    g_autofree char *sql = pins_sql(version, false);
    return strstr(sql, setting) != NULL;
}

static void settings_are_those_that_the_server_knows(void **state)
{
    (void)state;
    assert_true(pins(170003, "'transaction_timeout'"));
    assert_false(pins(160007, "'transaction_timeout'"));
    assert_true(pins(160007, "'idle_in_transaction_session_timeout'"));
}

static void parallel_workers_are_not_asked_for_where_a_closed_database_shuts_them_out(void **state)
{
    static const int mended[] = {140016, 150011, 160007, 170003};
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(mended); i++) {
        assert_true(pins(mended[i] - 1, "'max_parallel_workers', '0'"));
        assert_false(pins(mended[i], "max_parallel_workers"));
    }
    assert_false(pins(180000, "max_parallel_workers"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_those_that_the_server_knows),
        cmocka_unit_test(parallel_workers_are_not_asked_for_where_a_closed_database_shuts_them_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
