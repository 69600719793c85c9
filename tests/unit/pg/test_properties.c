#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "pg/properties.h"
#include <string.h>

/* Single quotes for double ones. */
static PgProperties *parse(const char *text)
{
    g_autofree char *json_text = g_strdup(text);
    g_strdelimit(json_text, "'", '"');
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) json = json_parse(json_text, strlen(json_text), "test", &error);
    assert_null(error);
    PgProperties *properties = pg_properties_from_json(json, &error);
    assert_null(error);
    return properties;
}

#define REST "'settings': [], 'labels': [], 'connection_limit': -1, 'template': false}"
#define PLAIN "{'owner': 'ann', 'acl': null, " REST
#define GRANT(grantor, grantee, privilege, grantable)                                              \
    "{'grantor': '" grantor "', 'grantee': " grantee ", 'privilege': '" privilege                  \
    "', 'grantable': " grantable "}"
#define OWNERS(owner)                                                                              \
    GRANT(owner, "'" owner "'", "CONNECT", "false")                                                \
    ", " GRANT(owner, "'" owner "'", "CREATE", "false") ", " GRANT(owner, "'" owner "'",           \
                                                                   "TEMPORARY", "false")
#define PUBLIC(owner)                                                                              \
    GRANT(owner, "null", "CONNECT", "false") ", " GRANT(owner, "null", "TEMPORARY", "false")

static char *statements(const char *now_text, const char *wanted_text)
{
    g_autoptr(PgProperties) now = parse(now_text);
    g_autoptr(PgProperties) wanted = parse(wanted_text);
    g_autoptr(GPtrArray) list = pg_properties_statements("db", now, wanted);
    GString *joined = g_string_new(NULL);
    for (guint i = 0; i < list->len; i++)
        g_string_append_printf(joined, "%s%s", i > 0 ? "; " : "", (const char *)list->pdata[i]);
    return g_string_free(joined, FALSE);
}

static void equal_properties_give_no_statement(void **state)
{
    (void)state;
    g_autofree char *same = statements(PLAIN, PLAIN);
    g_autofree char *null_is_the_default =
        statements(PLAIN, "{'owner': 'ann', 'acl': [" OWNERS("ann") ", " PUBLIC("ann") "], " REST);
    g_autofree char *back =
        statements("{'owner': 'ann', 'acl': [" OWNERS("ann") ", " PUBLIC("ann") "], " REST, PLAIN);
    assert_string_equal(same, "");
    assert_string_equal(null_is_the_default, "");
    assert_string_equal(back, "");
}

static void the_acl_is_granted_before_it_is_revoked(void **state)
{
    (void)state;
    g_autofree char *closed =
        statements(PLAIN, "{'owner': 'ann', 'acl': [" OWNERS("ann") ", " GRANT(
                              "b\\\"b", "'carl'", "CONNECT",
                              "false") ", " GRANT("ann", "'b\\\"b'", "CONNECT", "true") "], " REST);
    assert_string_equal(closed,
                        "GRANT CONNECT ON DATABASE \"db\" TO \"b\"\"b\" WITH GRANT OPTION; "
                        "SET LOCAL ROLE \"b\"\"b\"; GRANT CONNECT ON DATABASE \"db\" TO \"carl\"; "
                        "RESET ROLE; REVOKE CONNECT ON DATABASE \"db\" FROM PUBLIC; "
                        "REVOKE TEMPORARY ON DATABASE \"db\" FROM PUBLIC");
}

static void grants_that_rest_on_others_are_revoked_first(void **state)
{
    (void)state;
    g_autofree char *opened =
        statements("{'owner': 'ann', 'acl': [" OWNERS("ann") ", " PUBLIC("ann") ", " GRANT(
                       "ann", "'bob'", "CREATE", "true") ", " GRANT("bob", "'carl'", "CREATE",
                                                                    "false") "], " REST,
                   PLAIN);
    assert_string_equal(opened, "SET LOCAL ROLE \"bob\"; REVOKE CREATE ON DATABASE \"db\" FROM "
                                "\"carl\"; RESET ROLE; REVOKE CREATE ON DATABASE \"db\" FROM "
                                "\"bob\"");
    g_autofree char *option =
        statements("{'owner': 'ann', 'acl': [" GRANT("ann", "'bob'", "CREATE", "true") "], " REST,
                   "{'owner': 'ann', 'acl': [" GRANT("ann", "'bob'", "CREATE", "false") "], " REST);
    assert_string_equal(option, "REVOKE GRANT OPTION FOR CREATE ON DATABASE \"db\" FROM \"bob\"");
}

static void grants_follow_the_owner(void **state)
{
    (void)state;
    g_autofree char *changed =
        statements(PLAIN, "{'owner': 'bob', 'acl': [" OWNERS("bob") "], " REST);
    assert_string_equal(changed,
                        "ALTER DATABASE \"db\" OWNER TO \"bob\"; SET LOCAL ROLE \"bob\"; REVOKE "
                        "CONNECT ON DATABASE \"db\" FROM PUBLIC; RESET ROLE; SET LOCAL ROLE "
                        "\"bob\"; REVOKE TEMPORARY ON DATABASE \"db\" FROM PUBLIC; RESET ROLE");
    g_autofree char *only_owner =
        statements(PLAIN, "{'owner': 'bob', 'acl': [" OWNERS("bob") ", " PUBLIC("bob") "], " REST);
    assert_string_equal(only_owner, "ALTER DATABASE \"db\" OWNER TO \"bob\"");
}

#define SETTING(role, name, value) "{'role': " role ", 'name': '" name "', 'value': '" value "'}"
#define WITH_SETTINGS(settings)                                                                    \
    "{'owner': 'ann', 'acl': null, 'connection_limit': -1, 'template': false, 'labels': [], "      \
    "'settings': [" settings "]}"

static void settings_are_replayed_as_pg_dump_does(void **state)
{
    (void)state;
    g_autofree char *set = statements(
        WITH_SETTINGS(SETTING("null", "work_mem", "1MB")),
        WITH_SETTINGS(SETTING("null", "search_path", "\\\"$user\\\", a, \\\"B, c\\\"") ", " SETTING(
            "null", "app.list", "a, b") ", " SETTING("'x y'", "temp_tablespaces", "\\\"\\\"")));
    assert_string_equal(set,
                        "ALTER DATABASE \"db\" RESET \"work_mem\"; "
                        "ALTER DATABASE \"db\" SET \"app.list\" TO 'a, b'; "
                        "ALTER DATABASE \"db\" SET \"search_path\" TO '$user', 'a', 'B, c'; "
                        "ALTER ROLE \"x y\" IN DATABASE \"db\" SET \"temp_tablespaces\" TO ''");
    g_autofree char *empty =
        statements(PLAIN, WITH_SETTINGS(SETTING("null", "temp_tablespaces", "")));
    assert_string_equal(empty, "SELECT pg_catalog.set_config('temp_tablespaces', '', true); "
                               "ALTER DATABASE \"db\" SET \"temp_tablespaces\" FROM CURRENT");
}

static void the_rest_is_replayed(void **state)
{
    (void)state;
    g_autofree char *all = statements(
        "{'owner': 'ann', 'acl': null, 'comment': 'old', 'settings': [], 'labels': [], "
        "'connection_limit': -1, 'template': false}",
        "{'owner': 'ann', 'acl': null, 'settings': [], 'connection_limit': 7, 'template': true, "
        "'labels': [{'provider': 'p', 'label': 'l'}]}");
    assert_string_equal(all, "COMMENT ON DATABASE \"db\" IS NULL; "
                             "ALTER DATABASE \"db\" CONNECTION LIMIT 7; "
                             "ALTER DATABASE \"db\" IS_TEMPLATE true; "
                             "SECURITY LABEL FOR \"p\" ON DATABASE \"db\" IS 'l'");
}

static void a_merge_keeps_both_changes_and_the_hand_wins(void **state)
{
    (void)state;
    g_autoptr(PgProperties) before = parse(WITH_SETTINGS(
        SETTING("null", "a", "1") ", " SETTING("null", "b", "1") ", " SETTING("null", "c", "1")));
    g_autoptr(PgProperties) live = parse(WITH_SETTINGS(
        SETTING("null", "a", "2") ", " SETTING("null", "b", "1") ", " SETTING("null", "c", "2")));
    g_autoptr(PgProperties) work =
        parse(WITH_SETTINGS(SETTING("null", "a", "1") ", " SETTING("null", "c", "3")));
    g_autoptr(PgProperties) wanted =
        parse(WITH_SETTINGS(SETTING("null", "a", "2") ", " SETTING("null", "c", "2")));
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(PgProperties) merged = pg_properties_merge(before, live, work, notes);
    g_autoptr(GPtrArray) lines = pg_properties_compare(wanted, merged);
    assert_int_equal(lines->len, 0);
    assert_int_equal(notes->len, 1);
    assert_non_null(strstr(notes->pdata[0], "setting 'c'"));
}

static void a_new_owner_does_not_clash_with_the_acl(void **state)
{
    (void)state;
    g_autoptr(PgProperties) before = parse(PLAIN);
    g_autoptr(PgProperties) live = parse("{'owner': 'bob', 'acl': null, " REST);
    g_autoptr(PgProperties) work = parse("{'owner': 'ann', 'acl': [" OWNERS("ann") "], " REST);
    g_autoptr(PgProperties) wanted = parse("{'owner': 'bob', 'acl': [" OWNERS("bob") "], " REST);
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(PgProperties) merged = pg_properties_merge(before, live, work, notes);
    g_autoptr(GPtrArray) lines = pg_properties_compare(wanted, merged);
    assert_int_equal(lines->len, 0);
    assert_int_equal(notes->len, 0);
}

static void differences_are_named_without_values(void **state)
{
    (void)state;
    g_autoptr(PgProperties) expected = parse(WITH_SETTINGS(SETTING("'bob'", "app.key", "secret1")));
    g_autoptr(PgProperties) actual = parse(WITH_SETTINGS(SETTING("'bob'", "app.key", "secret2")));
    pg_properties_set_comment(actual, "x");
    g_autoptr(GPtrArray) lines = pg_properties_compare(expected, actual);
    assert_int_equal(lines->len, 2);
    assert_string_equal(lines->pdata[0], "setting 'app.key' of role 'bob' differs");
    assert_string_equal(lines->pdata[1], "comment should not be there");
}

static void json_gives_back_what_it_got(void **state)
{
    (void)state;
    g_autoptr(PgProperties) properties = parse("{'owner': 'bob', 'acl': [" OWNERS("bob") ", " GRANT(
        "bob", "'eve'", "CREATE",
        "true") "], 'settings': [" SETTING("'bob'", "a",
                                           "1") "], 'labels': [{'provider': 'p', "
                                                "'label': 'l'}], 'connection_limit': 3, "
                                                "'template': true, 'comment': 'hello', "
                                                "'facts': {'encoding': 'UTF8'}}");
    g_autoptr(json_t) json = pg_properties_to_json(properties);
    g_autoptr(PgProperties) again = pg_properties_from_json(json, NULL);
    g_autoptr(json_t) json_again = pg_properties_to_json(again);
    assert_true(json_equal(json, json_again));
    assert_string_equal(pg_properties_comment(again), "hello");

    g_autoptr(GError) error = NULL;
    json_object_del(json, "acl");
    assert_null(pg_properties_from_json(json, &error));
    assert_true(error_is(error, ERROR_INTEGRITY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_properties_give_no_statement),
        cmocka_unit_test(the_acl_is_granted_before_it_is_revoked),
        cmocka_unit_test(grants_that_rest_on_others_are_revoked_first),
        cmocka_unit_test(grants_follow_the_owner),
        cmocka_unit_test(settings_are_replayed_as_pg_dump_does),
        cmocka_unit_test(the_rest_is_replayed),
        cmocka_unit_test(a_merge_keeps_both_changes_and_the_hand_wins),
        cmocka_unit_test(a_new_owner_does_not_clash_with_the_acl),
        cmocka_unit_test(differences_are_named_without_values),
        cmocka_unit_test(json_gives_back_what_it_got),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
