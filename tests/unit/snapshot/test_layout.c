/* How tables are cut into parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "snapshot/layout.h"

#define MIB (UINT64_C(1) << 20)

static void parts_keep_all_workers_busy(void **state)
{
    (void)state;
    assert_int_equal(layout_part_bytes(0, 256 * MIB, 2), 16 * MIB);
    assert_int_equal(layout_part_bytes(1024 * MIB, 256 * MIB, 2), 64 * MIB);
    assert_int_equal(layout_part_bytes(1024 * 1024 * MIB, 256 * MIB, 2), 256 * MIB);
    assert_int_equal(layout_part_bytes(1024 * MIB, 1 * MIB, 2), 1 * MIB); /* what was asked for */
    assert_int_equal(layout_part_bytes(1024 * MIB, 256 * MIB, 64), 16 * MIB);
}

static void no_more_parts_than_pages(void **state)
{
    (void)state;
    assert_int_equal(layout_split(0, 0, 16 * MIB), 1);
    assert_int_equal(layout_split(16 * (int64_t)MIB, 2048, 16 * MIB), 1);
    assert_int_equal(layout_split(16 * (int64_t)MIB + 1, 2048, 16 * MIB), 2);
    assert_int_equal(layout_split(INT64_C(10) << 30, 3, 16 * MIB), 3); /* all of it is TOAST */
    assert_int_equal(layout_split(INT64_C(100) << 40, INT64_C(4) << 30, MIB), 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_keep_all_workers_busy),
        cmocka_unit_test(no_more_parts_than_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
