/* The database that an archive speaks of, given another name and other properties. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "snapshot/toc.h"
#include "toc_bytes.h"

static Toc *sample(int minor)
{
    const Archive archive = sample_archive(minor, 3);
    g_autoptr(GByteArray) bytes = archive_bytes(&archive);
    g_autoptr(GError) error = NULL;
    Toc *toc = toc_parse(bytes->data, bytes->len, &error);
    assert_null(error);
    return toc;
}

/* The first of a kind; NULL if there is none. */
static TocEntry *entry_of(const Toc *toc, const char *desc)
{
    for (guint i = 0; i < toc->entries->len; i++) {
        TocEntry *entry = toc->entries->pdata[i];
        if (strcmp(entry->desc, desc) == 0)
            return entry;
    }
    return NULL;
}

static void assert_entry(const TocEntry *entry, const char *tag, const char *defn, const char *drop)
{
    assert_non_null(entry);
    assert_string_equal(entry->tag, tag);
    assert_string_equal(entry->defn, defn);
    assert_true(g_strcmp0(entry->drop, drop) == 0);
}

static void renames_what_is_there(void **state)
{
    g_autoptr(GError) error = NULL;
    (void)state;
    for (int minor = 14; minor <= 16; minor++) {
        g_autoptr(Toc) toc = sample(minor);
        assert_true(toc_set_database(toc, "n'e\"w", "boss", NULL, &error));
        assert_string_equal(toc->database, "n'e\"w");
        assert_int_equal(toc->entries->len, G_N_ELEMENTS(sample_items));
        assert_entry(toc_find(toc, 22), "n'e\"w",
                     "CREATE DATABASE \"n'e\"\"w\" WITH TEMPLATE = template0 ENCODING = 'UTF8';\n",
                     "DROP DATABASE \"n'e\"\"w\";\n");
        /* The old name in a value and in the names of roles is theirs. */
        assert_entry(toc_find(toc, 23), "DATABASE \"n'e\"\"w\"",
                     "COMMENT ON DATABASE \"n'e\"\"w\" IS 'DATABASE \"a \"\"b\" it''s';\n", NULL);
        assert_entry(toc_find(toc, 24), "DATABASE \"n'e\"\"w\"",
                     "GRANT CONNECT ON DATABASE \"n'e\"\"w\" TO database;\nSET SESSION "
                     "AUTHORIZATION \"on DATABASE \"\"a \";\nGRANT CONNECT ON DATABASE "
                     "\"n'e\"\"w\" TO \"DATABASE x\";\nRESET SESSION AUTHORIZATION;\n",
                     NULL);
        assert_entry(toc_find(toc, 25), "n'e\"w",
                     "ALTER DATABASE \"n'e\"\"w\" CONNECTION LIMIT = 17;\nALTER ROLE a IN DATABASE "
                     "\"n'e\"\"w\" SET work_mem TO '16MB';\n",
                     "UPDATE pg_catalog.pg_database SET datistemplate = false WHERE datname = "
                     "'n''e\"w';\n");
        for (int id = 22; id <= 25; id++)
            assert_string_equal(toc_find(toc, id)->owner, "boss");
        assert_string_equal(toc_find(toc, 3)->owner, "o");
    }
}

static void plain_names_need_no_quotes_in_tags(void **state)
{
    g_autoptr(Toc) toc = sample(14);
    (void)state;
    assert_true(toc_set_database(toc, "app_2", NULL, NULL, NULL));
    assert_string_equal(toc_find(toc, 22)->tag, "app_2");
    assert_string_equal(toc_find(toc, 22)->owner, "o");
    assert_string_equal(toc_find(toc, 23)->tag, "DATABASE app_2");
    assert_true(toc_set_database(toc, "2app", NULL, NULL, NULL));
    assert_string_equal(toc_find(toc, 23)->tag, "DATABASE \"2app\"");
    assert_non_null(strstr(toc_find(toc, 24)->defn, "DATABASE \"2app\" TO database;\n"));
}

static void name_that_keywords_have(void **state)
{
    g_autoptr(Toc) toc = sample(14);
    TocEntry *acl = toc_find(toc, 24);
    (void)state;
    assert_true(toc_set_database(toc, "database", NULL, NULL, NULL));
    g_free(acl->defn);
    acl->defn = g_strdup("GRANT CONNECT ON DATABASE database TO database;\n"
                         "GRANT CONNECT ON DATABASE databases TO \"database\";\n"
                         "GRANT CONNECT ON DATABASE 'database");
    assert_true(toc_set_database(toc, "DATABASE", NULL, NULL, NULL));
    assert_string_equal(acl->defn, "GRANT CONNECT ON DATABASE \"DATABASE\" TO database;\n"
                                   "GRANT CONNECT ON DATABASE databases TO \"database\";\n"
                                   "GRANT CONNECT ON DATABASE 'database");
}

static GPtrArray *statement_list(const char *const *texts, size_t n)
{
    GPtrArray *list = g_ptr_array_new();
    for (size_t i = 0; i < n; i++)
        g_ptr_array_add(list, (gpointer)texts[i]);
    return list;
}

static void makes_properties_anew(void **state)
{
    static const char *const texts[] = {
        "ALTER DATABASE \"new\" SET \"work_mem\" TO '16MB'",
        "COMMENT ON DATABASE \"new\" IS 'GRANT it'",
        "ALTER DATABASE \"new\" IS_TEMPLATE true",
        "SECURITY LABEL FOR \"p\" ON DATABASE \"new\" IS 'l'",
        "ALTER DATABASE \"new\" OWNER TO \"boss\"",
        "REVOKE CONNECT ON DATABASE \"new\" FROM PUBLIC",
        "GRANT CONNECT ON DATABASE \"new\" TO \"a\" WITH GRANT OPTION",
        "SET LOCAL ROLE \"a\"; GRANT CONNECT ON DATABASE \"new\" TO \"b\"; RESET ROLE",
        "ALTER ROLE \"r\" IN DATABASE \"new\" SET \"work_mem\" TO '1MB'",
    };
    static const char *const order[] = {"DATABASE", "COMMENT", "SECURITY LABEL", "ACL",
                                        "DATABASE PROPERTIES"};
    g_autoptr(Toc) toc = sample(14);
    g_autoptr(GPtrArray) statements = statement_list(texts, G_N_ELEMENTS(texts));
    (void)state;
    assert_true(toc_set_database(toc, "new", "boss", statements, NULL));
    for (guint i = 0; i < G_N_ELEMENTS(order); i++) {
        const TocEntry *entry = toc->entries->pdata[1 + i];
        assert_string_equal(entry->desc, order[i]);
        assert_string_equal(entry->owner, "boss");
        assert_int_equal(entry->section, i == 0 || i == 4 ? TOC_PRE_DATA : TOC_SECTION_NONE);
        if (i > 0) {
            assert_int_equal(entry->deps->len, 1);
            assert_int_equal(g_array_index(entry->deps, int, 0), 22);
        }
    }
    assert_int_equal(toc->entries->len, G_N_ELEMENTS(sample_items) + 1);
    assert_entry(entry_of(toc, "SECURITY LABEL"), "DATABASE new",
                 "SECURITY LABEL FOR \"p\" ON DATABASE \"new\" IS 'l';\n", NULL);
    assert_entry(entry_of(toc, "COMMENT"), "DATABASE new",
                 "COMMENT ON DATABASE \"new\" IS 'GRANT it';\n", NULL);
    assert_entry(entry_of(toc, "ACL"), "DATABASE new",
                 "REVOKE CONNECT ON DATABASE \"new\" FROM PUBLIC;\n"
                 "GRANT CONNECT ON DATABASE \"new\" TO \"a\" WITH GRANT OPTION;\n"
                 "SET ROLE \"a\"; GRANT CONNECT ON DATABASE \"new\" TO \"b\"; RESET ROLE;\n",
                 NULL);
    assert_entry(entry_of(toc, "DATABASE PROPERTIES"), "new",
                 "ALTER DATABASE \"new\" SET \"work_mem\" TO '16MB';\n"
                 "ALTER DATABASE \"new\" IS_TEMPLATE true;\n"
                 "ALTER ROLE \"r\" IN DATABASE \"new\" SET \"work_mem\" TO '1MB';\n",
                 "UPDATE pg_catalog.pg_database SET datistemplate = false WHERE datname = "
                 "'new';\n");
    assert_non_null(toc_find(toc, 8)); /* a table's comment is not the database's */
}

static void nothing_to_say_leaves_nothing(void **state)
{
    g_autoptr(Toc) toc = sample(14);
    g_autoptr(GPtrArray) statements = g_ptr_array_new();
    (void)state;
    assert_true(toc_set_database(toc, "new", NULL, statements, NULL));
    assert_int_equal(toc->entries->len, G_N_ELEMENTS(sample_items) - 3);
    assert_null(entry_of(toc, "ACL"));
    assert_null(entry_of(toc, "DATABASE PROPERTIES"));
    assert_int_equal(entry_of(toc, "COMMENT")->id, 8);
}

/* What was made is read and written like any other. */
static void new_entries_survive_writing(void **state)
{
    static const char *const texts[] = {"COMMENT ON DATABASE \"new\" IS 'x'",
                                        "ALTER DATABASE \"new\" CONNECTION LIMIT 5"};
    g_autoptr(GPtrArray) statements = statement_list(texts, G_N_ELEMENTS(texts));
    (void)state;
    for (int minor = 14; minor <= 16; minor++) {
        g_autoptr(Toc) toc = sample(minor);
        g_autoptr(GError) error = NULL;
        assert_true(toc_set_database(toc, "new", "boss", statements, NULL));
        g_autoptr(GByteArray) bytes = toc_write(toc);
        g_autoptr(Toc) again = toc_parse(bytes->data, bytes->len, &error);
        assert_non_null(again);
        g_autoptr(GByteArray) same = toc_write(again);
        assert_int_equal(bytes->len, same->len);
        assert_memory_equal(bytes->data, same->data, same->len);
    }
}

static void refuse(Toc *toc, const char *expected)
{
    g_autoptr(GByteArray) before = toc_write(toc);
    g_autoptr(GError) error = NULL;
    assert_false(toc_set_database(toc, "new", "boss", NULL, &error));
    assert_true(error_is(error, ERROR_INTEGRITY));
    if (strstr(error->message, expected) == NULL)
        fail_msg("'%s' does not say '%s'", error->message, expected);
    g_autoptr(GByteArray) after = toc_write(toc);
    assert_int_equal(before->len, after->len);
    assert_memory_equal(before->data, after->data, before->len);
}

static void refuses_what_pg_dump_does_not_write(void **state)
{
    static const char *const statements[] = {NULL,
                                             "",
                                             "DROP DATABASE \"a \"\"b\";\n",
                                             "CREATE DATABASE ",
                                             "CREATE DATABASE ab;\n",
                                             "CREATE DATABASE \"a \"\"b;\n"};
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(statements); i++) {
        g_autoptr(Toc) toc = sample(14);
        TocEntry *entry = toc_find(toc, 22);
        g_free(entry->defn);
        entry->defn = g_strdup(statements[i]);
        refuse(toc, "is none that pg_dump writes");
    }
    g_autoptr(Toc) toc = sample(14);
    TocEntry *entry = toc_find(toc, 22);
    g_free(entry->drop);
    entry->drop = g_strdup("DROP DATABASE other;\n");
    refuse(toc, "is none that pg_dump writes");
    g_ptr_array_add(toc->entries, toc_entry_copy(entry));
    refuse(toc, "describes two databases");
    g_ptr_array_set_size(toc->entries, 1);
    refuse(toc, "does not describe its database");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renames_what_is_there),
        cmocka_unit_test(plain_names_need_no_quotes_in_tags),
        cmocka_unit_test(name_that_keywords_have),
        cmocka_unit_test(makes_properties_anew),
        cmocka_unit_test(nothing_to_say_leaves_nothing),
        cmocka_unit_test(new_entries_survive_writing),
        cmocka_unit_test(refuses_what_pg_dump_does_not_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
