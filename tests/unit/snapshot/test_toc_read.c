/* Reading and writing tables of contents: every version, both formats, and every way to be wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "snapshot/toc.h"
#include "toc_bytes.h"

/* ---- what is right ---- */

static void assert_item(const TocEntry *entry, const Item *item, const Archive *archive)
{
    const char *const pairs[][2] = {
        {entry->tag, item->tag},
        {entry->desc, item->desc},
        {entry->defn, item->defn},
        {entry->drop, item->drop},
        {entry->copy, item->copy},
        {entry->schema, item->schema},
        {entry->tablespace, item->tablespace},
        {entry->access_method, item->access_method},
        {entry->owner, item->owner},
        {entry->oid, item->oid != NULL ? item->oid : "0"},
        {entry->table_oid, item->table_oid != NULL ? item->table_oid : "0"},
        {entry->with_oids, "false"},
    };
    assert_int_equal(entry->id, item->id);
    assert_int_equal(entry->has_data, item->has_data);
    assert_int_equal(entry->section, item->section);
    assert_int_equal(entry->relkind, archive->minor >= 16 ? item->relkind : 0);
    for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
        if (g_strcmp0(pairs[i][0], pairs[i][1]) != 0)
            fail_msg("entry %d, text %zu", item->id, i);
    }
    for (guint i = 0; i < entry->deps->len; i++)
        assert_int_equal(g_array_index(entry->deps, int, i), item->deps[i]);
    assert_int_equal(item->deps[entry->deps->len], 0);
}

static void assert_reads(const Archive *archive)
{
    g_autoptr(GByteArray) bytes = archive_bytes(archive);
    g_autoptr(GError) error = NULL;
    g_autoptr(Toc) toc = toc_parse(bytes->data, bytes->len, &error);
    assert_null(error);
    assert_int_equal(toc->minor, archive->minor);
    assert_int_equal(toc->compression, archive->compression);
    assert_int_equal(toc->created[5], 126);
    assert_string_equal(toc->database, "a \"b");
    assert_string_equal(toc->server_version, "15.20 (Debian)");
    assert_string_equal(toc->dump_version, "15.20");
    assert_int_equal(toc->entries->len, archive->count);
    for (int i = 0; i < archive->count; i++)
        assert_item(toc->entries->pdata[i], &archive->items[i], archive);
    /* What is written is the directory format, whatever was read. */
    Archive expected = *archive;
    expected.format = 3;
    for (guint i = 0; i < toc->entries->len && archive->format == 1; i++) {
        TocEntry *entry = toc->entries->pdata[i];
        assert_null(entry->file);
        entry->file = g_strdup(archive->items[i].file);
    }
    g_autoptr(GByteArray) same = archive_bytes(&expected);
    g_autoptr(GByteArray) written = toc_write(toc);
    assert_int_equal(written->len, same->len);
    assert_memory_equal(written->data, same->data, same->len);
}

static void reads_and_writes(void **state)
{
    (void)state;
    for (int minor = 14; minor <= 16; minor++) {
        Archive archive = sample_archive(minor, 1);
        for (archive.offset_bytes = 4; archive.offset_bytes <= 8; archive.offset_bytes++)
            assert_reads(&archive);
        archive = sample_archive(minor, 3);
        assert_reads(&archive);
        archive.compression = 0;
        archive.count = 0;
        assert_reads(&archive);
    }
}

typedef struct {
    GByteArray *bytes;
    size_t at, largest;
} Pipe;

static bool read_pipe(void *data, size_t size_bytes, gpointer source, GError **error)
{
    Pipe *pipe = source;
    pipe->largest = MAX(pipe->largest, size_bytes);
    if (size_bytes > pipe->bytes->len - pipe->at) {
        error_set(error, ERROR_IO, "the pipe is at its end");
        return false;
    }
    memcpy(data, pipe->bytes->data + pipe->at, size_bytes);
    pipe->at += size_bytes;
    return true;
}

/* In a pipe the data follow. */
static void stops_behind_it(void **state)
{
    const Archive archive = sample_archive(14, 1);
    g_autoptr(GByteArray) bytes = archive_bytes(&archive);
    const guint end = bytes->len;
    g_autoptr(GError) error = NULL;
    Pipe pipe = {.bytes = bytes};
    (void)state;
    put_text(bytes, "data");
    g_autoptr(Toc) toc = toc_read(read_pipe, &pipe, &error);
    assert_non_null(toc);
    assert_int_equal(pipe.at, end);
    g_autoptr(Toc) parsed = toc_parse(bytes->data, bytes->len, &error);
    assert_null(parsed);
    assert_true(error_is(error, ERROR_INTEGRITY));
    assert_string_equal(error->message, "9 bytes follow the table of contents");
}

static void error_of_the_source_is_kept(void **state)
{
    const Archive archive = sample_archive(14, 1);
    g_autoptr(GByteArray) bytes = archive_bytes(&archive);
    g_autoptr(GError) error = NULL;
    Pipe pipe = {.bytes = bytes};
    (void)state;
    g_byte_array_set_size(bytes, bytes->len - 1);
    g_autoptr(Toc) toc = toc_read(read_pipe, &pipe, &error);
    assert_null(toc);
    assert_true(error_is(error, ERROR_IO));
    assert_true(g_str_has_prefix(error->message, "while reading the table of contents at byte "));
    assert_true(g_str_has_suffix(error->message, ", entry 12 of 12: the pipe is at its end"));
}

static void long_texts_survive(void **state)
{
    g_autofree char *text = g_strnfill(1000001, 'x');
    const Item item = {.id = 1, .tag = "f", .desc = "FUNCTION", .section = 2, .defn = text};
    Archive archive = sample_archive(14, 3);
    g_autoptr(GError) error = NULL;
    (void)state;
    archive.items = &item;
    archive.count = 1;
    g_autoptr(GByteArray) bytes = archive_bytes(&archive);
    g_autoptr(Toc) toc = toc_parse(bytes->data, bytes->len, &error);
    assert_non_null(toc);
    assert_string_equal(toc_find(toc, 1)->defn, text);
}

/* ---- what is wrong ---- */

static void assert_refused(const GByteArray *bytes, ErrorCode code, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Toc) toc = toc_parse(bytes->data, bytes->len, &error);
    assert_null(toc);
    assert_true(error_is(error, code));
    if (strstr(error->message, expected) == NULL)
        fail_msg("'%s' does not say '%s'", error->message, expected);
}

static void unknown_headers(void **state)
{
    static const struct {
        int at, value;
        ErrorCode code;
        const char *says;
    } cases[] = {
        {0, 'X', ERROR_INTEGRITY, "does not begin as an archive of pg_dump does"},
        {5, 0, ERROR_REFUSED, "version 0.14, which is not known"},
        {5, 2, ERROR_REFUSED, "version 2.14, which is not known"},
        {6, 13, ERROR_REFUSED, "version 1.13, which is not known"},
        {6, 17, ERROR_REFUSED, "version 1.17, which is not known"},
        {8, 8, ERROR_INTEGRITY, "at byte 8: the size of a number is 8"},
        {8, 0, ERROR_INTEGRITY, "the size of a number is 0"},
        {8, 32, ERROR_INTEGRITY, "the size of a number is 32"},
        {9, 3, ERROR_INTEGRITY, "the size of an offset is 3"},
        {9, 9, ERROR_INTEGRITY, "the size of an offset is 9"},
        {10, 5, ERROR_INTEGRITY, "the format is 5"},
        {11, 7, ERROR_INTEGRITY, "the compression is no number"},
        {12, 10, ERROR_INTEGRITY, "the compression is -10"},
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Archive archive = sample_archive(14, 3);
        g_autoptr(GByteArray) bytes = archive_bytes(&archive);
        bytes->data[cases[i].at] = (guint8)cases[i].value;
        assert_refused(bytes, cases[i].code, cases[i].says);
    }
    const Archive archive = sample_archive(15, 3);
    g_autoptr(GByteArray) bytes = archive_bytes(&archive);
    bytes->data[11] = 4;
    assert_refused(bytes, ERROR_INTEGRITY, "the compression is 4");
}

/* A header that claims this many entries, then these bytes. */
static void assert_entry_refused(int count, const Item *item, const char *expected)
{
    Archive archive = sample_archive(14, 3);
    g_autoptr(GByteArray) bytes = archive_header(&archive);
    put_int(bytes, count);
    put_item(bytes, &archive, item);
    assert_refused(bytes, ERROR_INTEGRITY, expected);
}

static void impossible_entries(void **state)
{
    const Item good = sample_items[0];
    Item item = good;
    (void)state;
    assert_entry_refused(-1, &good, "the number of entries is -1");
    assert_entry_refused(10000001, &good, "the number of entries is 10000001");
    assert_entry_refused(0, &good, "bytes follow the table of contents");
    assert_entry_refused(2, &good, "entry 2 of 2");
    item.id = 0;
    assert_entry_refused(1, &item, "entry 1 of 1: the id is 0");
    item.id = -5;
    assert_entry_refused(1, &item, "the id is -5");
    item.id = 20000001;
    assert_entry_refused(1, &item, "the id is 20000001");
    item = good;
    item.has_data = 2;
    assert_entry_refused(1, &item, "whether it has data is 2");
    item = good;
    item.section = 5;
    assert_entry_refused(1, &item, "the section is 5");
    item.section = 0;
    assert_entry_refused(1, &item, "the section is 0");
    item = good;
    item.oid = "4294967296";
    assert_entry_refused(1, &item, "the OID is no number");
    item = good;
    item.tag = NULL;
    assert_entry_refused(1, &item, "the tag is missing");
    item = good;
    item.desc = NULL;
    assert_entry_refused(1, &item, "the kind is missing");
    item = good;
    item.deps[0] = -3;
    assert_entry_refused(1, &item, "a dependency is no id");
    item.deps[0] = 20000001;
    assert_entry_refused(1, &item, "a dependency is no id");
}

static void ids_are_unique(void **state)
{
    const Item items[] = {sample_items[0], sample_items[0]};
    Archive archive = sample_archive(14, 3);
    (void)state;
    archive.items = items;
    archive.count = 2;
    g_autoptr(GByteArray) bytes = archive_bytes(&archive);
    assert_refused(bytes, ERROR_INTEGRITY, "entry 2 of 2: the id 21 is there twice");
}

/* A length takes no memory before its bytes arrive, and at most a GiB in all. */
static void hostile_lengths(void **state)
{
    const Archive archive = sample_archive(14, 3);
    static const guint8 longest[] = {0, 0xFF, 0xFF, 0xFF, 0x7F};
    static const guint8 overflow[] = {1, 0xFF, 0xFF, 0xFF, 0xFF};
    const int lengths[] = {1 << 20, 900 << 20, 1 << 30, -2};
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(lengths) + 2; i++) {
        g_autoptr(GByteArray) bytes = archive_header(&archive);
        g_autoptr(GError) error = NULL;
        Pipe pipe = {.bytes = bytes};
        put_int(bytes, 1);
        put_int(bytes, 1);
        put_int(bytes, 0);
        if (i < G_N_ELEMENTS(lengths))
            put_int(bytes, lengths[i]);
        else
            g_byte_array_append(bytes, i == G_N_ELEMENTS(lengths) ? longest : overflow, 5);
        g_byte_array_set_size(bytes, bytes->len + 300000);
        g_autoptr(Toc) toc = toc_read(read_pipe, &pipe, &error);
        assert_null(toc);
        assert_non_null(error);
        assert_true(pipe.largest <= (size_t)1 << 20);
    }
}

static void zero_bytes_in_texts(void **state)
{
    const Archive archive = sample_archive(14, 3);
    g_autoptr(GByteArray) bytes = archive_bytes(&archive);
    (void)state;
    for (guint i = 0; i + 8 <= bytes->len; i++) {
        if (memcmp(bytes->data + i, "ENCODING", 8) == 0) {
            bytes->data[i + 3] = 0;
            break;
        }
    }
    assert_refused(bytes, ERROR_INTEGRITY, "the tag has a zero byte in it");
}

/* ---- every byte ---- */

static void truncated_everywhere(void **state)
{
    (void)state;
    for (int minor = 14; minor <= 16; minor++) {
        for (int format = 1; format <= 3; format += 2) {
            const Archive archive = sample_archive(minor, format);
            g_autoptr(GByteArray) bytes = archive_bytes(&archive);
            for (guint size = 0; size < bytes->len; size++) {
                /* Of that size exactly, so that the sanitizer sees a byte too many. */
                g_autofree guint8 *part = g_memdup2(bytes->data, size);
                g_autoptr(GError) error = NULL;
                g_autoptr(Toc) toc = toc_parse(part, size, &error);
                assert_null(toc);
                assert_true(error_is(error, ERROR_INTEGRITY));
            }
        }
    }
}

static void use(const Toc *toc, const GByteArray *from)
{
    g_autoptr(GByteArray) written = toc_write(toc);
    assert_int_equal(written->len, from->len);
    assert_memory_equal(written->data, from->data, from->len);
    for (guint i = 0; i < toc->entries->len; i++) {
        const TocEntry *entry = toc->entries->pdata[i];
        uint32_t oid = 0;
        g_autofree char *value = toc_sequence_value(toc, entry, &oid);
        g_autoptr(GPtrArray) columns = toc_copy_columns(entry, NULL);
        assert_true(value == NULL || entry->defn != NULL);
        assert_true(columns == NULL || entry->copy != NULL);
    }
}

/* Every byte with each of its bits turned: an error, or exactly what is written again. */
static void flipped_everywhere(void **state)
{
    (void)state;
    for (int minor = 14; minor <= 16; minor++) {
        const Archive archive = sample_archive(minor, 3);
        g_autoptr(GByteArray) bytes = archive_bytes(&archive);
        for (guint i = 0; i < bytes->len * 8; i++) {
            g_autoptr(GError) error = NULL;
            bytes->data[i / 8] ^= (guint8)(1 << i % 8);
            g_autoptr(Toc) toc = toc_parse(bytes->data, bytes->len, &error);
            assert_true((toc == NULL) == (error != NULL));
            if (toc != NULL)
                use(toc, bytes);
            bytes->data[i / 8] ^= (guint8)(1 << i % 8);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes),
        cmocka_unit_test(stops_behind_it),
        cmocka_unit_test(error_of_the_source_is_kept),
        cmocka_unit_test(long_texts_survive),
        cmocka_unit_test(unknown_headers),
        cmocka_unit_test(impossible_entries),
        cmocka_unit_test(ids_are_unique),
        cmocka_unit_test(hostile_lengths),
        cmocka_unit_test(zero_bytes_in_texts),
        cmocka_unit_test(truncated_everywhere),
        cmocka_unit_test(flipped_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
