/* Rows in COPY bytes: both formats, cut at every place, whole and torn, and what is no COPY. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "verify/rows.h"
#include <string.h>

/* ---- making data ---- */

typedef struct {
    GByteArray *bytes; /* of the file */
    RowDigest digest;  /* that it must have */
    GArray *ends;      /* guint: where each row ends in bytes */
} Data;

static Data *data_new(void)
{
    Data *data = g_new0(Data, 1);
    data->bytes = g_byte_array_new();
    data->ends = g_array_new(FALSE, FALSE, sizeof(guint));
    return data;
}

static void data_free(Data *data)
{
    g_byte_array_unref(data->bytes);
    g_array_unref(data->ends);
    g_free(data);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Data, data_free)

static void put(Data *data, const void *bytes, size_t size_bytes)
{
    g_byte_array_append(data->bytes, bytes, (guint)size_bytes);
}

static void put_number(Data *data, uint32_t number, int size_bytes)
{
    for (int i = size_bytes - 1; i >= 0; i--) {
        const guint8 byte = (guint8)(number >> (8 * i));
        put(data, &byte, 1);
    }
}

/* What was put since begin is a row. */
static void end_row(Data *data, guint begin)
{
    const guint end = data->bytes->len;
    digest_add_row(&data->digest, data->bytes->data + begin, end - begin);
    g_array_append_val(data->ends, end);
}

static void put_line(Data *data, const char *line)
{
    const guint begin = data->bytes->len;
    put(data, line, strlen(line));
    put(data, "\n", 1);
    end_row(data, begin);
}

static void put_header(Data *data, const char *extension)
{
    put(data, "PGCOPY\n\377\r\n", 11);
    put_number(data, 0, 4);
    put_number(data, (uint32_t)strlen(extension), 4);
    put(data, extension, strlen(extension));
}

#define NULL_FIELD UINT32_MAX

/* Fields of these lengths, filled with bytes that look like counts, lengths and ends. */
static void put_tuple(Data *data, const uint32_t *lengths, guint16 fields)
{
    static const guint8 filling[] = {0xFF, 0xFF, 0, 0, 0, 1, '\n', '\\', '.'};
    const guint begin = data->bytes->len;
    put_number(data, fields, 2);
    for (guint i = 0; i < fields; i++) {
        put_number(data, lengths[i], 4);
        for (uint32_t at = 0; lengths[i] != NULL_FIELD && at < lengths[i]; at++)
            put(data, &filling[(at + i) % sizeof filling], 1);
    }
    end_row(data, begin);
}

static void put_trailer(Data *data)
{
    put_number(data, 0xFFFF, 2);
}

static Data *text_rows(void)
{
    Data *data = data_new();
    static const char *const lines[] = {
        "1\tAda\t\\N", "",           "\\N",  "\\N\t\\N",   "\\\\.",
        "\\.x",        "\\",         ".",    "\\..",       "2\t\\\\.\\n\t\\.\t",
        "\\.",         "3\tnaïve\t", "\\\\", "\\.\\.\t\\."};
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        if (strcmp(lines[i], "\\.") != 0) /* alone it is the end mark */
            put_line(data, lines[i]);
    }
    put(data, "\\.\n", 3);
    return data;
}

static Data *binary_rows(const char *extension)
{
    Data *data = data_new();
    const uint32_t usual[] = {4, 0, NULL_FIELD, 17}, nulls[] = {NULL_FIELD, NULL_FIELD},
                   empty[] = {0, 0, 0}, one[] = {300}, last_null[] = {1, NULL_FIELD};
    put_header(data, extension);
    put_tuple(data, usual, 4);
    put_tuple(data, nulls, 2);
    put_tuple(data, NULL, 0);
    put_tuple(data, empty, 3);
    put_tuple(data, one, 1);
    put_tuple(data, NULL, 0);
    put_tuple(data, last_null, 2);
    put_trailer(data);
    return data;
}

/* ---- reading it ---- */

/* Whether it is read; cuts: where the bytes are cut, ascending. */
static bool read_cut(CopyFormat format, const Data *data, guint size_bytes, const guint *cuts,
                     int n_cuts, RowDigest *digest, GError **error)
{
    g_autoptr(RowStream) stream = row_stream_new(format);
    guint at = 0;
    for (int i = 0; i <= n_cuts; i++) {
        const guint end = i < n_cuts ? MIN(cuts[i], size_bytes) : size_bytes;
        /* A copy of its own, so that a sanitizer sees what is read beyond it. */
        g_autofree guint8 *piece = g_memdup2(data->bytes->data + at, end - at);
        if (!row_stream_add(stream, piece, end - at, error))
            return false;
        at = end;
    }
    return row_stream_end(stream, digest, error);
}

static void assert_reads(CopyFormat format, const Data *data, const guint *cuts, int n_cuts)
{
    RowDigest digest = {0};
    g_autoptr(GError) error = NULL;
    const bool done = read_cut(format, data, data->bytes->len, cuts, n_cuts, &digest, &error);
    assert_null(error);
    assert_true(done);
    assert_int_equal(digest.rows, data->digest.rows);
    assert_true(digest_equal(digest, data->digest));
}

/* Whole, byte by byte, and cut at every place and every pair of places. */
static void assert_reads_however_cut(CopyFormat format, const Data *data)
{
    const guint size_bytes = data->bytes->len;
    g_autofree guint *each = g_new(guint, size_bytes + 1);
    assert_reads(format, data, NULL, 0);
    for (guint i = 0; i <= size_bytes; i++) {
        each[i] = i;
        assert_reads(format, data, &i, 1);
    }
    assert_reads(format, data, each, (int)size_bytes + 1);
    for (guint i = 0; i <= size_bytes; i++) {
        for (guint j = i; j <= MIN(size_bytes, i + 25); j++)
            assert_reads(format, data, (const guint[]){i, j}, 2);
    }
}

static void assert_refused(CopyFormat format, const Data *data, guint size_bytes, const char *says)
{
    g_autofree guint *each = g_new(guint, size_bytes + 1);
    for (guint i = 0; i <= size_bytes; i++)
        each[i] = i;
    for (int n_cuts = 0; n_cuts <= (int)size_bytes; n_cuts += MAX((int)size_bytes, 1)) {
        RowDigest digest = {0};
        g_autoptr(GError) error = NULL;
        assert_false(read_cut(format, data, size_bytes, each, n_cuts, &digest, &error));
        assert_true(error_is(error, ERROR_INTEGRITY));
        assert_int_equal(digest.rows, 0);
        if (says != NULL && strstr(error->message, says) == NULL)
            fail_msg("'%s' does not say '%s'", error->message, says);
    }
}

/* ---- tests: streams ---- */

static void text_is_read_however_it_is_cut(void **state)
{
    g_autoptr(Data) data = text_rows(), none = data_new(), zero_columns = data_new();
    (void)state;
    assert_int_equal(data->digest.rows, 13);
    assert_reads_however_cut(COPY_TEXT, data);
    put(none, "\\.\n", 3);
    assert_reads_however_cut(COPY_TEXT, none);
    put_line(zero_columns, "");
    put_line(zero_columns, "");
    put(zero_columns, "\\.\n\n\n", 5); /* as pg_dump ends a data file */
    assert_reads_however_cut(COPY_TEXT, zero_columns);
    assert_int_equal(zero_columns->digest.rows, 2);
}

static void binary_is_read_however_it_is_cut(void **state)
{
    g_autoptr(Data) data = binary_rows(""), extended = binary_rows("an extension \377\377"),
                    none = data_new();
    (void)state;
    assert_int_equal(data->digest.rows, 7);
    assert_reads_however_cut(COPY_BINARY, data);
    assert_reads_however_cut(COPY_BINARY, extended);
    assert_true(digest_equal(data->digest, extended->digest));
    put_header(none, "");
    put_trailer(none);
    assert_reads_however_cut(COPY_BINARY, none);
}

/* The hash of long rows works in blocks. */
static void long_rows_are_read_in_pieces(void **state)
{
    const uint32_t lengths[] = {1023, 70000, NULL_FIELD, 1}, second[] = {100000};
    g_autoptr(GRand) random = g_rand_new_with_seed(5);
    g_autoptr(Data) binary = data_new(), text = data_new();
    g_autofree char *line = g_strnfill(90000, 'x');
    (void)state;
    put_header(binary, "");
    put_tuple(binary, lengths, 4);
    put_tuple(binary, second, 1);
    put_trailer(binary);
    put_line(text, line);
    put_line(text, line + 50000);
    put(text, "\\.\n", 3);
    for (int round = 0; round < 200; round++) {
        const Data *data = round % 2 == 0 ? binary : text;
        guint cuts[8];
        for (guint i = 0, from = 0; i < G_N_ELEMENTS(cuts); i++)
            from = cuts[i] =
                (guint)g_rand_int_range(random, (gint32)from, (gint32)data->bytes->len + 1);
        assert_reads(round % 2 == 0 ? COPY_BINARY : COPY_TEXT, data, cuts, G_N_ELEMENTS(cuts));
    }
}

static void torn_text_is_refused(void **state)
{
    g_autoptr(Data) data = text_rows();
    (void)state;
    for (guint i = 0; i < data->bytes->len; i++)
        assert_refused(COPY_TEXT, data, i, "without their end mark");
}

static void torn_binary_is_refused(void **state)
{
    g_autoptr(Data) data = binary_rows("");
    (void)state;
    for (guint i = 0; i < data->bytes->len; i++)
        assert_refused(COPY_BINARY, data, i, "without their end mark");
}

static void what_follows_the_end_is_refused(void **state)
{
    g_autoptr(Data) text = text_rows(), binary = binary_rows("");
    (void)state;
    put_line(text, "");
    put_line(text, "4\tafter");
    assert_refused(COPY_TEXT, text, text->bytes->len, "follows the end mark");
    put_number(binary, 0, 1);
    assert_refused(COPY_BINARY, binary, binary->bytes->len, "follows its end");
}

static void other_bytes_give_another_digest(void **state)
{
    g_autoptr(Data) data = text_rows();
    (void)state;
    for (guint i = 0; i + 3 < data->bytes->len; i++) {
        RowDigest digest = {0};
        data->bytes->data[i] ^= 1;
        if (read_cut(COPY_TEXT, data, data->bytes->len, NULL, 0, &digest, NULL))
            assert_false(digest_equal(digest, data->digest));
        data->bytes->data[i] ^= 1;
    }
    assert_reads(COPY_TEXT, data, NULL, 0);
}

static void garbage_is_refused(void **state)
{
    g_autoptr(Data) signature = binary_rows(""), flags = binary_rows(""),
                    extension = binary_rows(""), fields = binary_rows(""), length = binary_rows("");
    (void)state;
    signature->bytes->data[10] = 'x';
    assert_refused(COPY_BINARY, signature, signature->bytes->len, "signature");
    flags->bytes->data[12] = 1;
    assert_refused(COPY_BINARY, flags, flags->bytes->len, "flags");
    extension->bytes->data[15] = 0x7F;
    assert_refused(COPY_BINARY, extension, extension->bytes->len, "header is too long");
    fields->bytes->data[19] = 0x80;
    assert_refused(COPY_BINARY, fields, fields->bytes->len, "number of fields");
    length->bytes->data[21] = 0x80;
    assert_refused(COPY_BINARY, length, length->bytes->len, "impossible length");
    /* A field that is longer than the file. */
    length->bytes->data[21] = 0x7F;
    assert_refused(COPY_BINARY, length, length->bytes->len, "without their end mark");
    assert_refused(COPY_BINARY, signature, 0, "without their end mark");
    assert_refused(COPY_TEXT, signature, 0, "without their end mark");
}

/* Neither accepts the other's, whatever bytes it has. */
static void formats_are_not_mixed_up(void **state)
{
    g_autoptr(Data) text = text_rows(), binary = binary_rows("");
    (void)state;
    assert_refused(COPY_BINARY, text, text->bytes->len, "signature");
    assert_refused(COPY_TEXT, binary, binary->bytes->len, NULL);
}

/* Whatever comes in, it ends in an error or a digest. */
static void random_bytes_do_no_harm(void **state)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(4);
    (void)state;
    for (int round = 0; round < 2000; round++) {
        const CopyFormat format = round % 2 == 0 ? COPY_TEXT : COPY_BINARY;
        g_autoptr(Data) data = format == COPY_TEXT ? text_rows() : binary_rows("");
        guint cuts[4];
        RowDigest digest = {0};
        for (int i = 0; i < 3; i++) {
            const gint32 at = g_rand_int_range(random, 0, (gint32)data->bytes->len);
            data->bytes->data[at] = (guint8)g_rand_int_range(random, 0, 256);
        }
        for (guint i = 0, from = 0; i < 4; i++)
            from = cuts[i] =
                (guint)g_rand_int_range(random, (gint32)from, (gint32)data->bytes->len + 1);
        g_autoptr(GError) error = NULL, error_whole = NULL;
        RowDigest whole = {0};
        const bool done = read_cut(format, data, data->bytes->len, cuts, 4, &digest, &error);
        /* The cuts make no difference. */
        assert_true(done ==
                    read_cut(format, data, data->bytes->len, NULL, 0, &whole, &error_whole));
        assert_true(digest_equal(digest, whole));
        assert_true(done || error_is(error, ERROR_INTEGRITY));
    }
}

/* ---- tests: messages ---- */

/* As the server sends it: the header with the first row, the trailer alone. */
static void assert_messages(const Data *data, CopyFormat format, guint header_bytes)
{
    RowMessages rows = {.format = format};
    guint at = 0;
    for (guint i = 0; i < data->ends->len; i++) {
        const guint end = g_array_index(data->ends, guint, i);
        const char *message = (const char *)data->bytes->data + at;
        assert_true(row_messages_add(&rows, message, end - at, NULL));
        assert_non_null(rows.row);
        assert_ptr_equal(rows.row + rows.row_bytes, message + (end - at));
        assert_int_equal(rows.row_bytes, end - at - (i == 0 ? header_bytes : 0));
        at = end;
    }
    if (format == COPY_BINARY) {
        g_autoptr(GError) error = NULL;
        assert_false(row_messages_end(&rows, &error));
        assert_true(error_is(error, ERROR_INTEGRITY));
        assert_true(row_messages_add(&rows, (const char *)data->bytes->data + at,
                                     data->bytes->len - at, NULL));
        assert_null(rows.row);
    }
    assert_true(row_messages_end(&rows, NULL));
    assert_true(digest_equal(rows.digest, data->digest));
}

static void messages_give_the_digest_of_the_stream(void **state)
{
    g_autoptr(Data) text = text_rows(), binary = binary_rows(""), extended = binary_rows("more");
    (void)state;
    assert_messages(text, COPY_TEXT, 0);
    assert_messages(binary, COPY_BINARY, 19);
    assert_messages(extended, COPY_BINARY, 23);
}

static void no_rows_are_one_message(void **state)
{
    RowMessages rows = {.format = COPY_BINARY}, apart = {.format = COPY_BINARY};
    g_autoptr(Data) data = data_new();
    (void)state;
    put_header(data, "");
    assert_true(row_messages_add(&apart, (const char *)data->bytes->data, data->bytes->len, NULL));
    assert_null(apart.row);
    put_trailer(data);
    assert_true(row_messages_add(&rows, (const char *)data->bytes->data, data->bytes->len, NULL));
    assert_null(rows.row);
    assert_true(row_messages_end(&rows, NULL));
    assert_int_equal(rows.digest.rows, 0);
    assert_true(row_messages_add(&apart, "\377\377", 2, NULL));
    assert_true(row_messages_end(&apart, NULL));
}

static void assert_bad_message(const RowMessages *before, const void *message, size_t size_bytes,
                               const char *says)
{
    RowMessages rows = *before;
    g_autoptr(GError) error = NULL;
    assert_false(row_messages_add(&rows, message, size_bytes, &error));
    assert_true(error_is(error, ERROR_INTEGRITY));
    assert_non_null(strstr(error->message, says));
    assert_null(rows.row);
    assert_int_equal(rows.digest.rows, before->digest.rows);
}

static void bad_messages_are_refused(void **state)
{
    RowMessages fresh = {.format = COPY_BINARY}, begun = fresh, ended = fresh;
    g_autoptr(Data) data = data_new(), extended = data_new();
    (void)state;
    put_header(data, "");
    put_header(extended, "more");
    for (guint i = 0; i < data->bytes->len; i++)
        assert_bad_message(&fresh, data->bytes->data, i, "torn");
    for (guint i = 0; i < extended->bytes->len; i++)
        assert_bad_message(&fresh, extended->bytes->data, i, "torn");
    assert_true(row_messages_add(&begun, (const char *)data->bytes->data, data->bytes->len, NULL));
    assert_bad_message(&begun, "", 0, "torn");
    assert_bad_message(&begun, "\0", 1, "torn");
    assert_bad_message(&begun, "\377\377x", 3, "follows its end");
    ended = begun;
    assert_true(row_messages_add(&ended, "\377\377", 2, NULL));
    assert_bad_message(&ended, "\0\0", 2, "follows its end");
    assert_bad_message(&ended, "\377\377", 2, "follows its end");
    data->bytes->data[0] = 'x';
    assert_bad_message(&fresh, data->bytes->data, data->bytes->len, "signature");
}

/* ---- tests: digests ---- */

static void order_and_parts_do_not_matter(void **state)
{
    RowDigest forward = {0}, backward = {0}, parts = {0}, part = {0};
    (void)state;
    for (int i = 0; i < 1000; i++) {
        const int other = 999 - i;
        digest_add_row(&forward, &i, sizeof i);
        digest_add_row(&backward, &other, sizeof other);
        digest_add_row(&part, &i, sizeof i);
        if (i % 7 == 0) {
            digest_add(&parts, part);
            part = (RowDigest){0};
        }
    }
    digest_add(&parts, part);
    assert_true(digest_equal(forward, backward));
    assert_true(digest_equal(forward, parts));
    assert_int_equal(forward.rows, 1000);
    digest_add_row(&backward, "", 0);
    assert_false(digest_equal(forward, backward));
}

/* Twice the same row is not the same as none, and the sum carries from its lower half. */
static void sums_carry(void **state)
{
    RowDigest sum = {.high = 1, .low = UINT64_MAX, .rows = 2};
    (void)state;
    digest_add(&sum, (RowDigest){.high = UINT64_MAX, .low = 2, .rows = 3});
    assert_true(digest_equal(sum, (RowDigest){.high = 1, .low = 1, .rows = 5}));
}

/* The digest is a format: other versions must compute the same. The first value is xxHash's own of
 * no bytes. */
static void digest_is_known(void **state)
{
    RowDigest none = {0}, line = {0};
    g_autofree char *none_text = NULL, *line_text = NULL;
    (void)state;
    digest_add_row(&none, "", 0);
    none_text = digest_format(none);
    assert_string_equal(none_text, "1:99aa06d3014798d86001c324468d497f");
    digest_add_row(&line, "1\n", 2);
    line_text = digest_format(line);
    assert_string_equal(line_text, "1:be573118fb47cf582ef3a1a12238c2e5");
}

static void formats_have_names(void **state)
{
    CopyFormat format = COPY_TEXT;
    (void)state;
    assert_true(copy_format_from_name(copy_format_name(COPY_BINARY), &format));
    assert_int_equal(format, COPY_BINARY);
    assert_true(copy_format_from_name(copy_format_name(COPY_TEXT), &format));
    assert_int_equal(format, COPY_TEXT);
    assert_false(copy_format_from_name("csv", &format));
    assert_false(copy_format_from_name(NULL, &format));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_read_however_it_is_cut),
        cmocka_unit_test(binary_is_read_however_it_is_cut),
        cmocka_unit_test(long_rows_are_read_in_pieces),
        cmocka_unit_test(torn_text_is_refused),
        cmocka_unit_test(torn_binary_is_refused),
        cmocka_unit_test(what_follows_the_end_is_refused),
        cmocka_unit_test(other_bytes_give_another_digest),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(formats_are_not_mixed_up),
        cmocka_unit_test(random_bytes_do_no_harm),
        cmocka_unit_test(messages_give_the_digest_of_the_stream),
        cmocka_unit_test(no_rows_are_one_message),
        cmocka_unit_test(bad_messages_are_refused),
        cmocka_unit_test(order_and_parts_do_not_matter),
        cmocka_unit_test(sums_carry),
        cmocka_unit_test(digest_is_known),
        cmocka_unit_test(formats_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
