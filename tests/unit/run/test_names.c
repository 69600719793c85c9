#include "run/names.h"
#include "run/record.h"
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define RUN "20261122t130501"

static void names_say_the_role(void **state)
{
    g_autoptr(RunNames) names = run_names_new("app", RUN);
    (void)state;
    assert_string_equal(names->live, "app");
    assert_string_equal(names->keep, "app_drydock_" RUN "_keep");
    assert_string_equal(names->work, "app_drydock_" RUN "_work");
    assert_string_equal(names->before, "app_before_" RUN);
    assert_string_equal(names->failed, "app_failed_" RUN);
}

static void long_names_stay_apart(void **state)
{
    g_autofree char *same = g_strnfill(62, 'x');
    g_autofree char *one = g_strconcat(same, "1", NULL);
    g_autofree char *two = g_strconcat(same, "2", NULL);
    g_autoptr(RunNames) first = run_names_new(one, RUN);
    g_autoptr(RunNames) second = run_names_new(two, RUN);
    (void)state;
    assert_int_equal(strlen(first->keep), NAME_MAX_BYTES);
    assert_string_not_equal(first->keep, second->keep);
    assert_string_not_equal(first->keep, first->work);
    assert_true(g_str_has_suffix(first->work, RUN "_work"));
}

static void characters_are_not_cut(void **state)
{
    g_autofree char *odd = g_strdup("ÜÜÜÜÜÜÜÜÜÜÜÜÜÜÜÜÜÜÜÜÜÜÜÜÜÜÜÜÜÜÜ");
    g_autoptr(RunNames) names = run_names_new(odd, RUN);
    (void)state;
    assert_true(strlen(names->keep) <= NAME_MAX_BYTES);
    assert_true(g_utf8_validate(names->keep, -1, NULL));
}

static void run_ids_sort_by_time(void **state)
{
    g_autofree char *id = run_id_new((int64_t)1795348800 * 1000000);
    (void)state;
    assert_string_equal(id, "20261122t120000");
}

static void records_come_back(void **state)
{
    const RunRecord record = {.run = (char *)RUN,
                              .database = (char *)"we\"ird 'app'\\",
                              .role = (char *)"keep",
                              .phase = (char *)"snapshot",
                              .comment = (char *)"the \"original\"\ncomment",
                              .gate = (char *)"1/2/(0,3)",
                              .read_only = (char *)"off"};
    g_autofree char *sql = run_record_statement("copy", &record);
    const char *prefix = "COMMENT ON DATABASE \"copy\" IS ";
    g_autoptr(RunRecord) parsed = NULL;
    GString *comment = g_string_new(NULL);
    (void)state;
    assert_true(g_str_has_prefix(sql, prefix));
    /* Undo the quoting of the literal. */
    for (const char *at = strchr(sql + strlen(prefix), '\'') + 1; *at != '\0'; at++) {
        if ((*at == '\'' || *at == '\\') && at[1] == *at)
            at++;
        else if (*at == '\'')
            break;
        g_string_append_c(comment, *at);
    }
    parsed = run_record_parse("copy", comment->str);
    g_string_free(comment, TRUE);
    assert_non_null(parsed);
    assert_string_equal(parsed->database, record.database);
    assert_string_equal(parsed->comment, record.comment);
    assert_string_equal(parsed->gate, record.gate);
    assert_string_equal(parsed->read_only, "off");
    assert_null(parsed->content);
}

static void other_comments_are_no_records(void **state)
{
    static const char *const comments[] = {"", "the app", "{\"drydock\":", "{\"drydock\":2}",
                                           "{\"drydock\":1,\"run\":\"x\"}"};
    static const char *const runs[] = {"", "%", "../../tmp/x", "20250101t0000001"};
    (void)state;
    assert_null(run_record_parse("copy", NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(comments); i++)
        assert_null(run_record_parse("copy", comments[i]));
    for (size_t i = 0; i < G_N_ELEMENTS(runs); i++) {
        g_autofree char *comment =
            g_strdup_printf("{\"drydock\":1,\"run\":\"%s\",\"database\":\"app\","
                            "\"role\":\"keep\",\"phase\":\"fence\"}",
                            runs[i]);
        assert_null(run_record_parse("copy", comment));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_say_the_role),     cmocka_unit_test(long_names_stay_apart),
        cmocka_unit_test(characters_are_not_cut), cmocka_unit_test(run_ids_sort_by_time),
        cmocka_unit_test(records_come_back),      cmocka_unit_test(other_comments_are_no_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
