/* What is repeated of pg_dump's words: never a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "snapshot/dump.h"
#include <string.h>

static void errors_are_kept(void **state)
{
    g_autofree char *text = dump_filter_message(
        "pg_dump: error: query failed: ERROR:  permission denied for table students\n"
        "pg_dump: detail: Query was: LOCK TABLE public.students IN ACCESS SHARE MODE");
    (void)state;
    assert_string_equal(text, "error: query failed: ERROR:  permission denied for table students");
}

static void rows_are_dropped(void **state)
{
    g_autofree char *text = dump_filter_message(
        "secret tail of a cut line\n"
        "pg_dump: error: Dumping the contents of table \"students\" failed: PQgetResult() failed.\n"
        "pg_dump: detail: Error message from server: ERROR:  missing chunk number 0\n"
        "DETAIL:  Key (email)=(secret@example.org)\n"
        "with a second secret line\n"
        "CONTEXT:  COPY students, line 7: \"secret\"\n"
        "pg_dump: detail: Command was: COPY public.students (id) TO stdout; -- secret");
    (void)state;
    assert_null(strstr(text, "secret"));
    assert_non_null(strstr(text, "Dumping the contents of table \"students\" failed"));
    assert_non_null(strstr(text, "missing chunk number"));
}

static void only_a_lock_is_called_one(void **state)
{
    static const char of_lock[] =
        "pg_dump: error: query failed: FEHLER:  storniere Anfrage wegen Zeit\xc3\xbc"
        "berschreitung\n"
        "pg_dump: detail: Query was: LOCK TABLE public.a, public.b IN ACCESS SHARE MODE\n";
    static const char of_query[] =
        "pg_dump: error: query failed: ERROR:  canceling statement due to user request\n"
        "pg_dump: detail: Query was: SELECT 'LOCK TABLE'\n";
    (void)state;
    assert_true(dump_waited_for_lock(of_lock, 10 * G_USEC_PER_SEC));
    /* It was refused at once: by access rights, for one. */
    assert_false(dump_waited_for_lock(of_lock, 5 * G_USEC_PER_SEC));
    assert_false(dump_waited_for_lock(of_query, 20 * G_USEC_PER_SEC));
    assert_false(dump_waited_for_lock("", 20 * G_USEC_PER_SEC));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_kept),
        cmocka_unit_test(rows_are_dropped),
        cmocka_unit_test(only_a_lock_is_called_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
