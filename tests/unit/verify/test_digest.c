/* Sets of digests as values: JSON there and back, comparison, one hash, order of columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "verify/digest.h"
#include <string.h>

static DigestTable *add_table(DigestSet *set, uint32_t oid, char kind, const char *name)
{
    DigestTable *table = digest_table_new();
    table->oid = oid;
    table->kind = kind;
    table->schema = g_strdup("public");
    table->name = g_strdup(name);
    g_ptr_array_add(set->tables, table);
    return table;
}

static void add_column(DigestTable *table, int attnum, const char *name)
{
    digest_table_add_column(table, attnum, name, (ColumnType){23, -1});
}

/* Tables "Odd\"name" and "students", a sequence and one large object. */
static DigestSet *sample(void)
{
    DigestSet *set = g_new0(DigestSet, 1);
    DigestTable *odd = NULL, *students = NULL, *sequence = NULL;
    set->tables = g_ptr_array_new_with_free_func((GDestroyNotify)digest_table_free);
    odd = add_table(set, 4294967295U, 'r', "Odd\"näme\n");
    odd->unlogged = true;
    students = add_table(set, 20, 'm', "students");
    students->size_bytes = INT64_C(1) << 40;
    students->digest = (RowDigest){UINT64_MAX, 1, INT64_C(1) << 33};
    students->format = COPY_BINARY;
    students->archived = false;
    add_column(students, 1, "id");
    add_column(students, 3, "naïve column");
    sequence = add_table(set, 30, 'S', "students_id_seq");
    sequence->value = g_strdup("7,t");
    set->large_objects = (RowDigest){0, UINT64_MAX, 1};
    return set;
}

static DigestSet *through_json(const DigestSet *set)
{
    g_autoptr(json_t) json = digest_set_to_json(set);
    g_autofree char *line = json_to_line(json);
    g_autoptr(json_t) parsed = json_parse(line, strlen(line), "test", NULL);
    g_autoptr(GError) error = NULL;
    DigestSet *again = digest_set_from_json(parsed, &error);
    assert_null(error);
    assert_non_null(again);
    return again;
}

static void json_round_trip(void **state)
{
    g_autoptr(DigestSet) set = sample();
    g_autoptr(DigestSet) again = through_json(set);
    g_autoptr(GPtrArray) lines = digest_compare(set, again);
    g_autofree char *hash = digest_set_hash(set);
    g_autofree char *hash_again = digest_set_hash(again);
    const DigestTable *students = digest_find(again, 20);
    (void)state;
    assert_int_equal(lines->len, 0);
    assert_string_equal(hash, hash_again);
    assert_non_null(students);
    assert_ptr_equal(students, digest_find_name(again, "public", "students"));
    assert_int_equal(g_array_index(students->attnums, int, 1), 3);
    assert_string_equal(g_ptr_array_index(students->columns, 1), "naïve column");
    assert_true(students->size_bytes == INT64_C(1) << 40);
    assert_int_equal(students->kind, 'm');
    assert_int_equal(students->format, COPY_BINARY);
    assert_false(students->archived);
    assert_int_equal(digest_find(again, 4294967295U)->format, COPY_TEXT);
    assert_true(digest_find(again, 4294967295U)->archived);
    assert_true(digest_find(again, 4294967295U)->unlogged);
    assert_null(digest_find(again, 21));
    assert_null(digest_find_name(again, "public", "studentz"));
    assert_null(digest_find_name(again, "publi", "students"));
}

static void format_has_rows_and_32_digits(void **state)
{
    g_autofree char *text = digest_format((RowDigest){0x1a, 0xff, 42});
    (void)state;
    assert_string_equal(text, "42:000000000000001a00000000000000ff");
    assert_true(digest_equal((RowDigest){1, 2, 3}, (RowDigest){1, 2, 3}));
    assert_false(digest_equal((RowDigest){1, 2, 3}, (RowDigest){1, 2, 4}));
    assert_false(digest_equal((RowDigest){1, 2, 3}, (RowDigest){1, 3, 3}));
    assert_false(digest_equal((RowDigest){1, 2, 3}, (RowDigest){2, 2, 3}));
}

static DigestTable *named(DigestSet *set, const char *name)
{
    return (DigestTable *)digest_find_name(set, "public", name);
}

static void assert_one_line(const DigestSet *expected, const DigestSet *actual, const char *line)
{
    g_autoptr(GPtrArray) lines = digest_compare(expected, actual);
    g_autofree char *before = digest_set_hash(expected);
    g_autofree char *after = digest_set_hash(actual);
    assert_int_equal(lines->len, 1);
    assert_string_equal(g_ptr_array_index(lines, 0), line);
    assert_string_not_equal(before, after);
}

static void each_difference_is_named(void **state)
{
    g_autoptr(DigestSet) expected = sample();
    g_autoptr(DigestSet) rows = sample(), content = sample(), value = sample(), large = sample(),
                         kind = sample(), columns = sample(), missing = sample(), format = sample(),
                         access = sample();
    (void)state;
    named(rows, "students")->digest.rows = 5;
    assert_one_line(expected, rows,
                    "materialized view public.students: 8589934592 rows expected, 5 found");
    named(content, "students")->digest.low ^= 1;
    assert_one_line(expected, content,
                    "materialized view public.students: 8589934592 rows as expected, but their "
                    "content differs");
    g_free(named(value, "students_id_seq")->value);
    named(value, "students_id_seq")->value = g_strdup("7,f");
    assert_one_line(expected, value,
                    "sequence public.students_id_seq: value 7 expected, 7 (not used yet) found");
    large->large_objects.high = 1;
    assert_one_line(expected, large, "large objects: 1 as expected, but their content differs");
    access->large_object_access.low = 1;
    assert_one_line(expected, access, "large objects: their owners or access rights differ");
    named(kind, "students")->kind = 'r';
    assert_one_line(expected, kind,
                    "materialized view public.students expected, table public.students found");
    add_column(named(columns, "students"), 4, "more");
    assert_one_line(expected, columns, "materialized view public.students: its columns differ");
    named(format, "students")->format = COPY_TEXT;
    assert_one_line(expected, format,
                    "materialized view public.students: its columns have other types (digests of "
                    "binary rows expected, of text rows found)");
    g_ptr_array_remove_index(missing->tables, 1);
    assert_one_line(expected, missing, "materialized view public.students is missing");
    assert_one_line(missing, expected, "materialized view public.students was not expected");
}

static void names_cannot_forge_a_line(void **state)
{
    g_autoptr(DigestSet) expected = sample(), actual = sample();
    g_autoptr(GPtrArray) lines = NULL;
    (void)state;
    g_ptr_array_remove_index(actual->tables, 0);
    lines = digest_compare(expected, actual);
    assert_int_equal(lines->len, 1);
    assert_null(strchr(g_ptr_array_index(lines, 0), '\n'));
}

/* A clone and a restore differ in OIDs and sizes; the content is the same. */
static void hash_is_of_content_alone(void **state)
{
    g_autoptr(DigestSet) set = sample(), other = sample();
    g_autofree char *before = digest_set_hash(set);
    g_autofree char *after = NULL;
    (void)state;
    named(other, "students")->oid = 99;
    named(other, "students")->size_bytes = 1;
    g_array_index(named(other, "students")->attnums, int, 1) = 2;
    after = digest_set_hash(other);
    assert_string_equal(before, after);
}

static void align_orders_columns_by_name(void **state)
{
    g_autoptr(DigestSet) expected = sample(), restored = sample();
    DigestTable *students = named(restored, "students");
    (void)state;
    g_ptr_array_set_size(students->columns, 0);
    g_array_set_size(students->attnums, 0);
    g_array_set_size(students->types, 0);
    add_column(students, 1, "naïve column");
    add_column(students, 2, "id");
    digest_align(restored, expected);
    assert_string_equal(g_ptr_array_index(students->columns, 0), "id");
    assert_int_equal(g_array_index(students->attnums, int, 0), 2);
    assert_int_equal(g_array_index(students->attnums, int, 1), 1);
    /* With other names nothing is moved. */
    g_free(g_ptr_array_index(students->columns, 0));
    g_ptr_array_index(students->columns, 0) = g_strdup("other");
    digest_align(restored, expected);
    assert_string_equal(g_ptr_array_index(students->columns, 0), "other");
}

/* A restore refreshes materialized views, and leaves to extensions what is theirs. */
static void restored_is_compared_by_what_was_archived(void **state)
{
    g_autoptr(DigestSet) expected = sample(), restored = sample(), refreshed = sample();
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) none = NULL, lines = NULL, missing = NULL;
    (void)state;
    named(refreshed, "students")->digest.rows = 5;
    none = digest_compare_restored(expected, refreshed, notes);
    assert_int_equal(none->len, 0);
    assert_int_equal(notes->len, 1);
    assert_string_equal(g_ptr_array_index(notes, 0),
                        "materialized view public.students: 8589934592 rows expected, 5 found");
    named(refreshed, "students")->kind = named(expected, "students")->kind = 'r';
    none = (g_ptr_array_unref(none), digest_compare_restored(expected, refreshed, NULL));
    assert_int_equal(none->len, 0);
    named(expected, "students")->archived = true;
    lines = digest_compare_restored(expected, refreshed, NULL);
    assert_int_equal(lines->len, 1);
    /* A view that is not there at all is no matter of freshness. */
    named(expected, "students")->kind = 'm';
    named(expected, "students")->archived = false;
    g_ptr_array_remove_index(restored->tables, 1);
    missing = digest_compare_restored(expected, restored, NULL);
    assert_int_equal(missing->len, 1);
    assert_string_equal(g_ptr_array_index(missing, 0),
                        "materialized view public.students is missing");
}

/* A restored database is digested as the original was. */
static void align_takes_over_text(void **state)
{
    g_autoptr(DigestSet) expected = sample(), restored = sample();
    (void)state;
    digest_align(restored, expected);
    assert_int_equal(named(restored, "students")->format, COPY_BINARY);
    named(expected, "students")->format = COPY_TEXT;
    digest_align(restored, expected);
    assert_int_equal(named(restored, "students")->format, COPY_TEXT);
    /* What may not be read in binary format is not, whatever is expected. */
    named(expected, "students")->format = COPY_BINARY;
    digest_align(restored, expected);
    assert_int_equal(named(restored, "students")->format, COPY_TEXT);
    digest_force_text(expected);
    assert_int_equal(named(expected, "students")->format, COPY_TEXT);
}

static void malformed_json_is_an_integrity_error(void **state)
{
    static const char *const texts[] = {
        "{}",
        "{\"algorithm\":\"crc\",\"tables\":[]}",
        "{\"algorithm\":\"sum of XXH3-128 over COPY rows\"}",
        "{\"algorithm\":\"sum of XXH3-128 over COPY rows\",\"tables\":[]}",
        "{\"algorithm\":\"sum of XXH3-128 over COPY rows\",\"tables\":[1]}",
        "{\"algorithm\":\"sum of XXH3-128 over COPY rows\",\"tables\":[{\"schema\":\"s\","
        "\"name\":\"n\",\"kind\":\"x\",\"oid\":1}]}",
        "{\"algorithm\":\"sum of XXH3-128 over COPY rows\",\"tables\":[{\"schema\":\"s\","
        "\"name\":\"n\",\"kind\":\"S\",\"oid\":1}]}",
        "{\"algorithm\":\"sum of XXH3-128 over COPY rows\",\"tables\":[{\"schema\":\"s\","
        "\"name\":\"n\",\"kind\":\"r\",\"oid\":4294967296,\"format\":\"text\",\"columns\":[],"
        "\"rows\":0,"
        "\"digest\":\"00000000000000000000000000000000\"}]}",
        "{\"algorithm\":\"sum of XXH3-128 over COPY rows\",\"tables\":[{\"schema\":\"s\","
        "\"name\":\"n\",\"kind\":\"r\",\"oid\":1,\"format\":\"text\",\"columns\":[{}],\"rows\":0,"
        "\"digest\":\"00000000000000000000000000000000\"}]}",
        "{\"algorithm\":\"sum of XXH3-128 over COPY rows\",\"tables\":[{\"schema\":\"s\","
        "\"name\":\"n\",\"kind\":\"r\",\"oid\":1,\"format\":\"csv\",\"columns\":[],\"rows\":0,"
        "\"digest\":\"00000000000000000000000000000000\"}],"
        "\"large_objects\":{\"rows\":0,\"digest\":\"00000000000000000000000000000000\"}}",
        "{\"algorithm\":\"sum of XXH3-128 over COPY rows\",\"tables\":[],"
        "\"large_objects\":{\"rows\":-1,\"digest\":\"00000000000000000000000000000000\"}}",
        "{\"algorithm\":\"sum of XXH3-128 over COPY rows\",\"tables\":[],"
        "\"large_objects\":{\"rows\":1,\"digest\":\"0000000000000000000000000000000g\"}}",
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(json_t) json = json_parse(texts[i], strlen(texts[i]), "test", NULL);
        g_autoptr(GError) error = NULL;
        assert_non_null(json);
        assert_null(digest_set_from_json(json, &error));
        assert_true(error_is(error, ERROR_INTEGRITY));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_round_trip),
        cmocka_unit_test(format_has_rows_and_32_digits),
        cmocka_unit_test(each_difference_is_named),
        cmocka_unit_test(names_cannot_forge_a_line),
        cmocka_unit_test(hash_is_of_content_alone),
        cmocka_unit_test(align_orders_columns_by_name),
        cmocka_unit_test(align_takes_over_text),
        cmocka_unit_test(restored_is_compared_by_what_was_archived),
        cmocka_unit_test(malformed_json_is_an_integrity_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
