#include "base/error.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_nearest_word_is_found(void **state)
{
    static const char *const words[] = {"run", "recover", "status", "fence", "timeouts", NULL};
    (void)state;
    assert_string_equal(text_nearest("fense", words), "fence");
    assert_string_equal(text_nearest("recvoer", words), "recover");
    assert_string_equal(text_nearest("STATUS", words), "status");
    assert_null(text_nearest("approvals", words));
}

static void characters_are_not_cut(void **state)
{
    g_autofree char *cut = text_shorten("Übermut", 1);
    g_autofree char *whole = text_shorten("Übermut", 20);
    g_autofree char *two = text_shorten("Übermut", 3);
    (void)state;
    assert_string_equal(cut, "");
    assert_string_equal(whole, "Übermut");
    assert_string_equal(two, "Üb");
}

static void control_characters_are_shown(void **state)
{
    g_autofree char *text = text_printable("a\nb\033[31m");
    (void)state;
    assert_string_equal(text, "a\\x0ab\\x1b[31m");
}

static void a_line_stays_one(void **state)
{
    g_autoptr(GString) text = g_string_new("first\n");
    (void)state;
    text_append_line(text, "'%s' (exit %d)", "a\nb", 7);
    assert_string_equal(text->str, "first\n'a\\x0ab' (exit 7)\n");
}

static void errors_carry_what_to_do(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) copy = NULL;
    (void)state;
    error_set(&error, ERROR_REFUSED, "no: '%s'", "x");
    error_hint_set(&error, "do %d", 1);
    error_sql_set(&error, "42P01", 7);
    g_prefix_error(&error, "preflight: ");
    copy = g_error_copy(error);
    assert_string_equal(copy->message, "preflight: no: 'x'");
    assert_string_equal(error_hint(copy), "do 1");
    assert_string_equal(error_sqlstate(copy), "42P01");
    assert_int_equal(error_position(copy), 7);
    assert_int_equal(error_exit_code(copy), 3);
    error_recode(&copy, ERROR_INTEGRITY);
    assert_int_equal(error_exit_code(copy), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_word_is_found),    cmocka_unit_test(characters_are_not_cut),
        cmocka_unit_test(control_characters_are_shown), cmocka_unit_test(a_line_stays_one),
        cmocka_unit_test(errors_carry_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
