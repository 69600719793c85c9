#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pg/redact.h"
#include "pg/redact_words.h"
#include <glib.h>

typedef struct {
    const char *sqlstate, *message, *statement, *expected;
} Case;

static void check(const Case *cases, size_t n_cases)
{
    for (size_t i = 0; i < n_cases; i++) {
        g_autofree char *redacted =
            redact_message(cases[i].sqlstate, cases[i].message, cases[i].statement);
        assert_string_equal(redacted, cases[i].expected);
    }
}

static void data_exceptions_lose_their_values(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"22P02", "invalid input syntax for type integer: \"abc\"", NULL,
         "invalid input syntax for type integer: [value]"},
        {"22P02", "invalid input syntax for type integer: \"a\" table \"secret\" b\"", NULL,
         "invalid input syntax for type integer: [value]"},
        {"22P02", "invalid input syntax for type date: \"first line\nsecond\"", NULL,
         "invalid input syntax for type date: [value]"},
        {"22P02", "invalid input value for enum school.mood: \"sad\"", NULL,
         "invalid input value for enum school.mood: [value]"},
        {"22P02", "invalid input value for enum \"Mood\": \"sad\"", NULL,
         "invalid input value for enum \"Mood\": [value]"},
        {"22P02", "malformed array literal: \"{Smith\"", NULL, "malformed array literal: [value]"},
        {"22003", "value \"99999999999\" is out of range for type integer", NULL,
         "value [value] is out of range for type integer"},
        {"22008", "date/time field value out of range: \"1990-02-31\"", NULL,
         "date/time field value out of range: [value]"},
        {"22001", "value too long for type character varying(5)", NULL,
         "value too long for type character varying(5)"},
        {"22023", "invalid value for parameter \"TimeZone\": \"Smith\"", NULL,
         "invalid value for parameter \"TimeZone\": [value]"},
        {"22021", "invalid byte sequence for encoding \"UTF8\": 0xe2 0x28 0xa1", NULL,
         "invalid byte sequence for encoding \"UTF8\": [value]"},
        {"22012", "division by zero", NULL, "division by zero"},
        {"22P02", "invalid input syntax for type integer: \"name\"", "SELECT name FROM t",
         "invalid input syntax for type integer: [value]"},
        {"22007", "unterminated \"Smith", NULL, "unterminated [value]"},
    };
    check(cases, G_N_ELEMENTS(cases));
}

static void names_of_constraints_are_kept(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"23505", "duplicate key value violates unique constraint \"students_email_key\"", NULL,
         "duplicate key value violates unique constraint \"students_email_key\""},
        {"23503",
         "insert or update on table \"visits\" violates foreign key constraint \"visits_fk\"", NULL,
         "insert or update on table \"visits\" violates foreign key constraint \"visits_fk\""},
        {"23502",
         "null value in column \"e mail\" of relation \"Students\" violates not-null "
         "constraint",
         NULL,
         "null value in column \"e mail\" of relation \"Students\" violates not-null constraint"},
        {"23514", "value for domain email_address violates check constraint \"ok\"", NULL,
         "value for domain email_address violates check constraint \"ok\""},
        {"23505", "could not create unique index \"u\"", NULL,
         "could not create unique index \"u\""},
    };
    check(cases, G_N_ELEMENTS(cases));
}

static void names_that_were_looked_for_must_be_the_statements(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"42P01", "relation \"public.pupils\" does not exist", "TABLE public.pupils",
         "relation \"public.pupils\" does not exist"},
        {"42P01", "relation \"John Smith\" does not exist", "SELECT name::regclass FROM t",
         "relation [value] does not exist"},
        {"42601", "syntax error at or near \"Smith\"", "DO $$BEGIN EXECUTE x; END$$",
         "syntax error at or near [value]"},
        {"42601", "syntax error at or near \"FROM\"", "SELECT , FROM t",
         "syntax error at or near \"FROM\""},
        {"42601", "syntax error at or near \")\"", "SELECT )", "syntax error at or near \")\""},
        {"42601", "syntax error at or near \"'Smith'\"", "SELECT 1 'Smith'",
         "syntax error at or near [value]"},
        {"42883", "function grow(integer) does not exist", "SELECT grow(1)",
         "function grow(integer) does not exist"},
        {"42P07", "relation \"students_pkey\" already exists", "ALTER TABLE students ADD ...",
         "relation \"students_pkey\" already exists"},
        {"42501", "permission denied for table Students", "SELECT 1",
         "permission denied for table Students"},
        {"2BP01", "cannot drop table students because other objects depend on it", NULL,
         "cannot drop table students because other objects depend on it"},
    };
    check(cases, G_N_ELEMENTS(cases));
}

static void raised_messages_go_as_far_as_the_migration_has_them(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"P0001", "student John Smith has no email",
         "DO $$BEGIN RAISE EXCEPTION 'student % has no email', n; END$$",
         "student [value] has no email"},
        {"P0001", "can't go on: 5", "DO 'BEGIN RAISE EXCEPTION ''can''''t go on: %'', n; END'",
         "can't go on: [value]"},
        {"P0001", "all is lost", "DO $x$BEGIN RAISE EXCEPTION 'all is lost'; END$x$",
         "all is lost"},
        {"P0001", "John Smith", "DO $$BEGIN RAISE EXCEPTION '%', n; END$$",
         "[message of the migration]"},
        {"P0001", "Johnny", "DO $$BEGIN RAISE EXCEPTION 'John%', n; END$$",
         "[message of the migration]"},
        {"P0001", "John Smith is refused", "INSERT INTO t VALUES ('John Smith')",
         "[message of the migration]"},
        {"P0001", "50% done\nby x", "DO $$BEGIN RAISE EXCEPTION '50%% done\nby %', n; END$$",
         "50% done\nby [value]"},
        {"P0001", "anything", NULL, "[message of the migration]"},
        {"P0002", "query returned no rows", "SELECT f()", "query returned no rows"},
        {"23514", "student John Smith has no email",
         "DO $$BEGIN RAISE check_violation USING MESSAGE = 'student ' || n || ' has no'; END$$",
         "student [...]"},
        {"23514", "student John Smith has no email", "CALL check_students()",
         "[value] has no [value]"},
    };
    check(cases, G_N_ELEMENTS(cases));
}

static void unknown_classes_are_masked_but_for_names_of_the_statement(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"WC001", "table \"visits\" has 'Smith' in it", "UPDATE visits SET a = 'Smith'",
         "table \"visits\" has [value] in it"},
        {"WC001", "Will May Smith 555-1234", "SELECT 1", "[message of the server]"},
        {"WC001", "Fehler: Wert ungültig", "SELECT 1", "[message of the server]"},
    };
    check(cases, G_N_ELEMENTS(cases));
}

static void the_operating_systems_words_are_kept(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"53100", "could not extend file \"base/5/1259\": No space left on device", NULL,
         "could not extend file [value]: No space left on device"},
        {"58P01", "could not open file \"base/5/1259\": No such file or directory", NULL,
         "could not open file [value]: No such file or directory"},
        {"22P02", "value No is wrong", NULL, "value [value] is wrong"},
        {"22P02", "value No spaces is wrong", NULL, "value [value] is wrong"},
        {"WC001", "value No space left on devices is wrong", NULL,
         "value [value] space left on [value] is wrong"},
    };
    check(cases, G_N_ELEMENTS(cases));
}

static void words_are_the_servers_not_peoples(void **state)
{
    (void)state;
    assert_true(redact_words_has("aborted"));
    assert_true(redact_words_has("zone"));
    assert_true(redact_words_has("DEFAULT"));
    assert_false(redact_words_has("May"));
    assert_false(redact_words_has("smith"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_exceptions_lose_their_values),
        cmocka_unit_test(names_of_constraints_are_kept),
        cmocka_unit_test(names_that_were_looked_for_must_be_the_statements),
        cmocka_unit_test(raised_messages_go_as_far_as_the_migration_has_them),
        cmocka_unit_test(unknown_classes_are_masked_but_for_names_of_the_statement),
        cmocka_unit_test(the_operating_systems_words_are_kept),
        cmocka_unit_test(words_are_the_servers_not_peoples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
