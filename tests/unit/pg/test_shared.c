#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pg/shared.h"
#include <string.h>

static json_t *parse(const char *text)
{
    g_autofree char *json = g_strdup(text);
    g_strdelimit(json, "'", '"');
    return json_parse(json, strlen(json), "test", NULL);
}

static void equal_catalogs_have_no_difference(void **state)
{
    (void)state;
    g_autoptr(json_t) before = parse("{'role': {'a': {'rolsuper': false}}, 'tablespace': {}}");
    g_autoptr(json_t) after = parse("{'role': {'a': {'rolsuper': false}}}");
    g_autoptr(GPtrArray) lines = shared_compare(before, after);
    assert_int_equal(lines->len, 0);
}

static void objects_are_created_dropped_and_changed(void **state)
{
    (void)state;
    g_autoptr(json_t) before = parse("{'role': {'a': {'rolsuper': false, 'rolinherit': true, "
                                     "'comment': null}, 'b': {}}}");
    g_autoptr(json_t) after = parse("{'role': {'a': {'rolsuper': true, 'rolinherit': true, "
                                    "'comment': 'x'}, 'c\\nd': {}}, 'tablespace': {'t': {}}}");
    g_autoptr(GPtrArray) lines = shared_compare(before, after);
    assert_int_equal(lines->len, 4);
    assert_string_equal(lines->pdata[0], "role 'a' was changed: rolsuper, comment");
    assert_string_equal(lines->pdata[1], "role 'b' was dropped");
    assert_null(strchr(lines->pdata[2], '\n'));
    assert_string_equal(lines->pdata[3], "tablespace 't' was created");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_catalogs_have_no_difference),
        cmocka_unit_test(objects_are_created_dropped_and_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
