/* Changes to a table of contents: parts, copy statements, values of sequences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "snapshot/toc.h"
#include "toc_bytes.h"

static Toc *sample(void)
{
    const Archive archive = sample_archive(14, 3);
    g_autoptr(GByteArray) bytes = archive_bytes(&archive);
    g_autoptr(GError) error = NULL;
    Toc *toc = toc_parse(bytes->data, bytes->len, &error);
    assert_null(error);
    return toc;
}

static char *dependencies(const Toc *toc, int id)
{
    const TocEntry *entry = toc_find(toc, id);
    GString *text = g_string_new(NULL);
    assert_non_null(entry);
    for (guint i = 0; i < entry->deps->len; i++)
        g_string_append_printf(text, "%s%d", i > 0 ? " " : "", g_array_index(entry->deps, int, i));
    return g_string_free(text, FALSE);
}

static void assert_dependencies(const Toc *toc, int id, const char *expected)
{
    g_autofree char *text = dependencies(toc, id);
    assert_string_equal(text, expected);
}

static void splits_in_parts(void **state)
{
    g_autoptr(Toc) toc = sample();
    g_autoptr(GPtrArray) parts = g_ptr_array_new();
    TocEntry *data = toc_find(toc, 5);
    guint at = 0;
    (void)state;
    toc_split(toc, data, 3, parts);
    assert_int_equal(parts->len, 3);
    assert_ptr_equal(parts->pdata[0], data);
    assert_true(g_ptr_array_find(toc->entries, data, &at));
    for (guint i = 0; i < 3; i++) {
        const TocEntry *part = parts->pdata[i];
        g_autofree char *file = g_strdup_printf("%d.dat", part->id);
        assert_ptr_equal(part, toc->entries->pdata[at + i]);
        assert_int_equal(part->id, i == 0 ? 5 : 25 + (int)i);
        assert_string_equal(part->defn, "-- load via partition root \"public\".\"t\"");
        assert_string_equal(part->file, file);
        assert_true(part->has_data);
        assert_string_equal(part->copy, data->copy);
        assert_dependencies(toc, part->id, "3");
    }
    assert_dependencies(toc, 6, "4 5 26 27"); /* depends on the data */
    assert_dependencies(toc, 7, "3 5 26 27"); /* depends on the table, post-data */
    assert_dependencies(toc, 8, "3");         /* a comment does not wait for data */
    assert_dependencies(toc, 9, "4");
    /* A part is split once more: everything waits for all of them. */
    toc_split(toc, parts->pdata[1], 2, NULL);
    assert_dependencies(toc, 7, "3 5 26 27 28");
    assert_string_equal(toc_find(toc, 28)->file, "28.dat");
}

/* Rows of one partition may come into another: what is behind the one waits for the other's, too.
 */
static void joins_partitions(void **state)
{
    g_autoptr(Toc) toc = sample();
    TocEntry *data = toc_find(toc, 5), *other = toc_entry_copy(data);
    (void)state;
    toc_join_partitions(toc);
    assert_dependencies(toc, 7, "3"); /* each is loaded by itself */
    other->id = toc_next_id(toc);
    g_array_index(other->deps, int, 0) = 4; /* the other table's */
    g_ptr_array_add(toc->entries, other);
    for (int i = 0; i < 2; i++) {
        TocEntry *entry = i == 0 ? data : other;
        g_free(entry->defn);
        entry->defn = g_strdup("-- load via partition root public.root");
    }
    for (int i = 0; i < 2; i++) { /* the second time does no harm */
        toc_join_partitions(toc);
        assert_dependencies(toc, 7, "3 5 26");
        assert_dependencies(toc, 8, "3"); /* a comment */
    }
    toc_split(toc, other, 2, NULL);
    assert_dependencies(toc, 7, "3 5 26 27");
}

static void one_part_changes_nothing(void **state)
{
    g_autoptr(Toc) toc = sample();
    g_autoptr(GByteArray) before = toc_write(toc);
    g_autoptr(GPtrArray) parts = g_ptr_array_new();
    (void)state;
    toc_split(toc, toc_find(toc, 5), 1, parts);
    g_autoptr(GByteArray) after = toc_write(toc);
    assert_int_equal(parts->len, 1);
    assert_int_equal(before->len, after->len);
    assert_memory_equal(before->data, after->data, before->len);
}

/* What a name holds must not become a statement of its own, nor is a root that is there lost. */
static void comment_stays_one_line(void **state)
{
    g_autoptr(Toc) toc = sample();
    TocEntry *data = toc_find(toc, 5);
    (void)state;
    g_free(data->tag);
    data->tag = g_strdup("a\nDROP TABLE x;\r--");
    toc_split(toc, data, 2, NULL);
    assert_string_equal(data->defn, "-- load via partition root \"public\".\"a DROP TABLE x; --\"");
    g_free(data->defn);
    data->defn = g_strdup("-- load via partition root public.parent\n");
    toc_split(toc, data, 2, NULL);
    assert_string_equal(data->defn, "-- load via partition root public.parent\n");
}

static void new_ids_are_above_all(void **state)
{
    g_autoptr(Toc) toc = sample();
    const int missing = 90;
    (void)state;
    assert_int_equal(toc_next_id(toc), 26);
    g_array_append_val(toc_find(toc, 9)->deps, missing);
    assert_int_equal(toc_next_id(toc), 91);
    assert_null(toc_find(toc, 90));
}

static void assert_columns(const char *copy, const char *expected)
{
    g_autoptr(TocEntry) entry = g_new0(TocEntry, 1);
    g_autoptr(GError) error = NULL;
    entry->tag = g_strdup("t");
    entry->schema = g_strdup("public");
    entry->copy = g_strdup(copy);
    g_autoptr(GPtrArray) columns = toc_copy_columns(entry, &error);
    if (expected == NULL) {
        assert_null(columns);
        assert_true(error_is(error, ERROR_INTEGRITY));
        assert_non_null(strstr(error->message, "'public.t'"));
        return;
    }
    assert_null(error);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < columns->len; i++)
        g_string_append_printf(text, "<%s>", (const char *)columns->pdata[i]);
    assert_string_equal(text->str, expected);
    g_string_free(text, TRUE);
}

static void copy_columns(void **state)
{
    (void)state;
    assert_columns("COPY public.t (id) FROM stdin;\n", "<id>");
    assert_columns("COPY public.t (id, _b2, \"C\") FROM stdin;\n", "<id><_b2><C>");
    assert_columns("COPY public.t  FROM stdin;\n", "");
    assert_columns("COPY \"a.b\".\"t (x\" (a, \"b c\", \"d\"\"e\", \"\"\"\", \"(x), y\", "
                   "\"li\nne\", \"ünï\") FROM stdin;\n",
                   "<a><b c><d\"e><\"><(x), y><li\nne><ünï>");
    assert_columns("COPY public.t (\") FROM stdin;\n\") FROM stdin;\n", "<) FROM stdin;\n>");
    assert_columns("COPY public.t (id) FROM stdin WITH (FORMAT binary);\n", "<id>");
    assert_columns("COPY t (id) FROM stdin;\n", "<id>");
}

static void copy_statements_of_others(void **state)
{
    static const char *const texts[] = {
        "",
        "COPY",
        "COPY ",
        "COPY public",
        "COPY public.",
        "COPY public.t",
        "COPY public.t ",
        "COPY public.t (",
        "COPY public.t ()",
        "COPY public.t () FROM stdin;\n",
        "COPY public.t (id",
        "COPY public.t (id,",
        "COPY public.t (id, ",
        "COPY public.t (id, ) FROM stdin;\n",
        "COPY public.t (id,b) FROM stdin;\n",
        "COPY public.t (Id) FROM stdin;\n",
        "COPY public.t (\"id) FROM stdin;\n",
        "COPY public.t (\"id\"\") FROM stdin;\n",
        "COPY public.t (\"\") FROM stdin;\n",
        "COPY public.t (\"",
        "COPY public.t (\"\"",
        "COPY public.t (id) FROM stdin",
        "COPY public.t (id) FROM stdin;\nx",
        "COPY public.t (id) FROM '/etc/passwd';\n",
        "COPY public.t (id) FROM PROGRAM 'x' (FORMAT text);\n",
        "DROP TABLE x; COPY public.t (id) FROM stdin;\n",
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        assert_columns(texts[i], NULL);
    assert_columns(NULL, NULL);
}

static void copy_becomes_binary(void **state)
{
    g_autoptr(Toc) toc = sample();
    TocEntry *data = toc_find(toc, 5);
    (void)state;
    for (int i = 0; i < 2; i++) {
        toc_copy_set_binary(data);
        assert_string_equal(data->copy, "COPY public.t (id) FROM stdin WITH (FORMAT binary);\n");
    }
}

static void assert_sequence(const char *defn, const char *expected)
{
    g_autoptr(Toc) toc = sample();
    TocEntry *entry = toc_find(toc, 6);
    uint32_t oid = 0;
    g_free(entry->defn);
    entry->defn = g_strdup(defn);
    g_autofree char *value = toc_sequence_value(toc, entry, &oid);
    if (expected == NULL) {
        assert_null(value);
        return;
    }
    assert_string_equal(value, expected);
    assert_true(oid == 4000000000U);
}

static void sequence_values(void **state)
{
    g_autoptr(Toc) toc = sample();
    uint32_t oid = 0;
    (void)state;
    assert_sequence("SELECT pg_catalog.setval('public.s', 42, true);\n", "42,t");
    assert_sequence("SELECT pg_catalog.setval('public.s', 1, false);\n", "1,f");
    assert_sequence("SELECT pg_catalog.setval('public.\"x'', 7, true);\n\"', "
                    "-9223372036854775808, true);\n",
                    "-9223372036854775808,t");
    assert_sequence("SELECT pg_catalog.setval( E'a\\\\b', 5, true);\n", "5,t");
    assert_sequence("SELECT pg_catalog.setval('public.s', 42, maybe);\n", NULL);
    assert_sequence("SELECT pg_catalog.setval('public.s', 4 2, true);\n", NULL);
    assert_sequence("SELECT 1;\n", NULL);
    assert_sequence(NULL, NULL);
    assert_null(toc_sequence_value(toc, toc_find(toc, 7), &oid));
    g_ptr_array_remove(toc->entries, toc_find(toc, 4));
    g_autofree char *of_extension = toc_sequence_value(toc, toc_find(toc, 6), &oid);
    assert_string_equal(of_extension, "42,t");
    assert_int_equal(oid, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_in_parts),           cmocka_unit_test(joins_partitions),
        cmocka_unit_test(one_part_changes_nothing),  cmocka_unit_test(comment_stays_one_line),
        cmocka_unit_test(new_ids_are_above_all),     cmocka_unit_test(copy_columns),
        cmocka_unit_test(copy_statements_of_others), cmocka_unit_test(copy_becomes_binary),
        cmocka_unit_test(sequence_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
