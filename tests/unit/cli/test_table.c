#include "cli/table.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

static void test_aligned(void **state)
{
    g_autoptr(Table) table = table_new("State", "By", "Empty", "Remark", NULL);
    g_autofree char *none = table_text(table);
    (void)state;
    assert_string_equal(none, "");
    table_add(table, "applied", "Jürgen", "", "", NULL);
    table_add(table, "x", "a", "", "two\nlines", NULL);
    g_autofree char *text = table_text(table);
    assert_string_equal(text, "State    By      Remark\n"
                              "applied  Jürgen\n"
                              "x        a       two\\x0alines\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_aligned)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
