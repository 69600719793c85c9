/* What pg_restore writes, taken apart: which text belongs to which entry, and under which settings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "snapshot/entry_sql.h"
#include "snapshot/restore_state.h"
#include <string.h>

static const char script_text[] =
    "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\n"
    "-- Dumped from database version 15.20\nSET statement_timeout = 0;\n"
    "SELECT pg_catalog.set_config('search_path', '', false);\n\n"
    "--\n-- TOC entry 8 (class 2615 OID 16387)\n-- Name: s; Type: SCHEMA; Schema: -; Owner: "
    "o\n--\n\n"
    "CREATE SCHEMA s;\n\n\nALTER SCHEMA s OWNER TO o;\n\n"
    "--\n-- TOC entry 351 (class 1255 OID 16634)\n--\n\n"
    "CREATE FUNCTION s.g() RETURNS text LANGUAGE plpgsql AS $$ begin\n"
    "-- TOC entry 5 (class 0 OID 0)\n return ';'; end $$;\n"
    "COMMENT ON FUNCTION s.g() IS '\n-- TOC entry 6 (class 0 OID 0)\n';\n"
    "SET default_tablespace = fast;\n\nSET default_table_access_method = heap;\n\n"
    "--\n-- TOC entry 219 (class 1259 OID 16636)\n-- Dependencies: 8\n--\n\n"
    "CREATE TABLE s.t (\n    id bigint NOT NULL, -- TOC entry 7 (class 0 OID 0)\n    b text\n);\n\n"
    "--\n-- TOC entry 3702 (class 0 OID 0)\n-- Name: nothing; Type: SCHEMA\n--\n\n"
    "-- *not* creating schema, since initdb creates it\n\n"
    "SET default_tablespace = '';\n"
    "--\n-- TOC entry 3468 (class 1259 OID 16655)\n--\n\nCREATE INDEX i ON s.t USING btree "
    "(id);\n\n"
    "-- Completed on 2026-11-22 16:33:03 UTC\n\n--\n-- PostgreSQL database dump complete\n--\n\n"
    "\\unrestrict abc\n\n";

static EntryScript *split(const char *text, GError **error)
{
    return entry_script_split(text, strlen(text), error);
}

static void test_entries(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autoptr(EntryScript) script = split(script_text, &error);
    static const int ids[] = {8, 351, 219, 3702, 3468};
    assert_null(error);
    assert_int_equal(script->entries->len, G_N_ELEMENTS(ids));
    for (guint i = 0; i < script->entries->len; i++) {
        const EntrySql *entry = g_ptr_array_index(script->entries, i);
        assert_int_equal(entry->id, ids[i]);
        assert_ptr_equal(entry, entry_script_find(script, ids[i]));
    }
    assert_string_equal(entry_script_find(script, 8)->sql,
                        "CREATE SCHEMA s;\nALTER SCHEMA s OWNER TO o;\n");
    assert_int_equal(entry_script_find(script, 8)->statements, 2);
    assert_non_null(strstr(entry_script_find(script, 351)->sql, "-- TOC entry 5"));
    assert_non_null(strstr(entry_script_find(script, 351)->sql, "-- TOC entry 6"));
    assert_non_null(strstr(entry_script_find(script, 219)->sql, "b text\n);"));
    assert_string_equal(entry_script_find(script, 3702)->sql, "");
    assert_int_equal(entry_script_find(script, 3702)->statements, 0);
    assert_string_equal(entry_script_find(script, 3468)->sql,
                        "CREATE INDEX i ON s.t USING btree (id);\n");
    assert_null(entry_script_find(script, 5));
}

static void test_settings(void **state)
{
    (void)state;
    g_autoptr(EntryScript) script = split(script_text, NULL);
    assert_null(entry_script_find(script, 8)->settings[0]);
    assert_string_equal(entry_script_find(script, 219)->settings[0],
                        "SET default_tablespace = fast;");
    assert_string_equal(entry_script_find(script, 219)->settings[1],
                        "SET default_table_access_method = heap;");
    assert_string_equal(entry_script_find(script, 3468)->settings[0],
                        "SET default_tablespace = '';");
    assert_null(strstr(entry_script_find(script, 351)->sql, "default_tablespace"));
}

static void test_malformed(void **state)
{
    static const char *const texts[] = {
        "-- TOC entry 8 (class 1 OID 1)\nCREATE SCHEMA s",
        "-- TOC entry 8 (class 1 OID 1)\nSELECT 'open;\n",
        "-- TOC entry 8 (class 1 OID 1)\nSELECT 1;\n-- TOC entry 8 (class 1 OID 1)\nSELECT 2;\n"};
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        assert_null(split(texts[i], &error));
        assert_true(error_is(error, ERROR_INTEGRITY));
    }
}

/* Other encodings than UTF-8: bytes are bytes. */
static void test_bytes(void **state)
{
    (void)state;
    g_autoptr(EntryScript) script =
        split("-- TOC entry 8 (class 1 OID 1)\nCREATE SCHEMA \"\xe4\xf6;\";\n", NULL);
    assert_string_equal(entry_script_find(script, 8)->sql, "CREATE SCHEMA \"\xe4\xf6;\";\n");
}

static void test_words(void **state)
{
    (void)state;
    g_autofree char *words = restore_filter_message(
        "pg_restore: while PROCESSING TOC:\n"
        "pg_restore: from TOC entry 217; 1259 16386 TABLE t postgres\n"
        "pg_restore: error: could not execute query: ERROR:  invalid input syntax for type "
        "integer: "
        "\"secret\"\nDETAIL:  Key (email)=(a@b) exists.\nCommand was: INSERT INTO t VALUES "
        "('secret');\n");
    assert_null(strstr(words, "secret"));
    assert_null(strstr(words, "a@b"));
    assert_non_null(strstr(words, "from TOC entry 217"));
    assert_non_null(strstr(words, "invalid input syntax"));
    g_free(words);
    words = restore_filter_message(/* lc_messages = de_DE.UTF-8 */
                                   "pg_restore: error: COPY failed for table \"t\": FEHLER:  "
                                   "ungültige Eingabesyntax für Typ "
                                   "integer: »secret«\n");
    assert_null(strstr(words, "secret"));
    assert_non_null(strstr(words, "COPY failed for table \"t\": "));
}

static void check_shape(const char *sql, const char *collate, const char *ctype, char provider,
                        const char *locale)
{
    g_auto(DatabaseShape) shape = {0};
    assert_true(restore_shape_of_script(sql, strlen(sql), &shape));
    assert_string_equal(shape.encoding, "UTF8");
    assert_string_equal(shape.collate, collate);
    assert_string_equal(shape.ctype, ctype);
    assert_int_equal(shape.provider, provider);
    if (locale != NULL)
        assert_string_equal(shape.locale, locale);
}

static void test_shape(void **state)
{
    (void)state;
    check_shape("SET x = 1; CREATE DATABASE a WITH TEMPLATE = template0 ENCODING = 'UTF8' "
                "LOCALE_PROVIDER = libc LOCALE = 'C.UTF-8';",
                "C.UTF-8", "C.UTF-8", 'c', NULL);
    check_shape("CREATE DATABASE \"a;b\" WITH TEMPLATE = template0 ENCODING = 'UTF8' LC_COLLATE = "
                "'de_DE.utf8' LC_CTYPE = 'C';",
                "de_DE.utf8", "C", '\0', NULL);
    check_shape(
        "CREATE DATABASE a WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = icu "
        "LOCALE = 'C' ICU_LOCALE = 'de-DE';",
        "C", "C", 'i', "de-DE");
    g_auto(DatabaseShape) none = {0};
    assert_false(restore_shape_of_script("CREATE TABLE a (b int);", 23, &none));
    assert_false(restore_shape_of_script("CREATE DATABASE a WITH ENC", 26, &none));
}

static void split_constraint(const char *sql, const char *index, const char *rest)
{
    g_autofree char *text = g_strdup_printf("-- TOC entry 5 (class 0 OID 0)\n%s", sql);
    g_autoptr(EntryScript) script = split(text, NULL);
    EntrySql *entry = entry_script_find(script, 5);
    const bool divided = entry_sql_build_index_first(entry);
    assert_int_equal(divided, index != NULL);
    if (index != NULL)
        assert_string_equal(entry->index_sql, index);
    else
        assert_null(entry->index_sql);
    assert_string_equal(entry->sql, rest);
}

static void split_nothing(const char *sql)
{
    split_constraint(sql, NULL, sql);
}

static void test_index_first(void **state)
{
    (void)state;
    split_constraint("ALTER TABLE ONLY s.t\n    ADD CONSTRAINT t_pkey PRIMARY KEY (id);\n",
                     "CREATE UNIQUE INDEX t_pkey ON s.t USING btree (id);\n",
                     "ALTER TABLE ONLY s.t ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX "
                     "t_pkey;\n");
    split_constraint(
        "ALTER TABLE ONLY \"S\".\"a.\"\"b (\"\n    ADD CONSTRAINT \"x)\" UNIQUE (\"A,\", b);\n",
        "CREATE UNIQUE INDEX \"x)\" ON \"S\".\"a.\"\"b (\" USING btree (\"A,\", b);\n",
        "ALTER TABLE ONLY \"S\".\"a.\"\"b (\" ADD CONSTRAINT \"x)\" UNIQUE USING INDEX "
        "\"x)\";\n");
    split_nothing("ALTER TABLE ONLY s.t ADD CONSTRAINT c PRIMARY KEY (id) INCLUDE (b);\n");
    split_nothing("ALTER TABLE ONLY s.t ADD CONSTRAINT c UNIQUE NULLS NOT DISTINCT (id);\n");
    split_nothing("ALTER TABLE ONLY s.t ADD CONSTRAINT c UNIQUE (id) DEFERRABLE;\n");
    split_nothing("ALTER TABLE ONLY s.t ADD CONSTRAINT c UNIQUE (id) WITH (fillfactor='50');\n");
    split_nothing("ALTER TABLE ONLY s.t ADD CONSTRAINT c PRIMARY KEY (id, v WITHOUT OVERLAPS);\n");
    split_nothing("ALTER TABLE ONLY s.t ADD CONSTRAINT c EXCLUDE USING gist (v WITH &&);\n");
    split_nothing("ALTER TABLE s.t ADD CONSTRAINT c CHECK ((id > 0)) NOT VALID;\n");
    split_nothing("ALTER TABLE ONLY s.t ADD CONSTRAINT c PRIMARY KEY (id);\nALTER TABLE s.t "
                  "CLUSTER ON c;\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries),  cmocka_unit_test(test_index_first),
        cmocka_unit_test(test_settings), cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_bytes),    cmocka_unit_test(test_words),
        cmocka_unit_test(test_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
