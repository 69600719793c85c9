/* Sources: whole, torn, changed, with bytes too many, and with a window that no writer of ours
 * makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "stream/source.h"
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#define RAW_BYTES ((size_t)1000000)

typedef struct {
    char *folder, *path;
    char *raw;
    GByteArray *packed; /* one frame of raw, with a checksum */
} Fixture;

static GByteArray *pack(const void *data, size_t size_bytes, int window_log)
{
    GByteArray *out = g_byte_array_new();
    ZSTD_CCtx *context = ZSTD_createCCtx();
    size_t n = 0;
    g_byte_array_set_size(out, (guint)ZSTD_compressBound(size_bytes));
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    if (window_log > 0) {
        ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
        ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
    }
    ZSTD_inBuffer in = {data, size_bytes, 0};
    ZSTD_outBuffer to = {out->data, out->len, 0};
    n = ZSTD_compressStream2(context, &to, &in, window_log > 0 ? ZSTD_e_flush : ZSTD_e_end);
    if (window_log > 0)
        n = ZSTD_compressStream2(context, &to, &in, ZSTD_e_end);
    assert_int_equal(n, 0);
    g_byte_array_set_size(out, (guint)to.pos);
    ZSTD_freeCCtx(context);
    return out;
}

static int set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    fixture->folder = g_dir_make_tmp("drydock-XXXXXX", NULL);
    fixture->path = g_build_filename(fixture->folder, "data", NULL);
    fixture->raw = g_malloc(RAW_BYTES);
    for (size_t i = 0; i < RAW_BYTES; i++)
        fixture->raw[i] = (char)((i * i) >> 7);
    fixture->packed = pack(fixture->raw, RAW_BYTES, 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;
    assert_true(file_remove_tree(fixture->folder, NULL));
    g_byte_array_free(fixture->packed, TRUE);
    g_free(fixture->raw);
    g_free(fixture->path);
    g_free(fixture->folder);
    g_free(fixture);
    return 0;
}

static void write_packed(Fixture *fixture)
{
    assert_true(g_file_set_contents(fixture->path, (char *)fixture->packed->data,
                                    (gssize)fixture->packed->len, NULL));
}

/* Reads to the end with reads of size_bytes; NULL with an error if it does not end well. */
static GByteArray *read_all(Source *source, size_t size_bytes, GError **error)
{
    g_autoptr(GByteArray) all = g_byte_array_new();
    g_autofree unsigned char *buffer = g_malloc(size_bytes);
    size_t got = 0;
    do {
        if (!source_read(source, buffer, size_bytes, &got, error))
            return NULL;
        g_byte_array_append(all, buffer, (guint)got);
    } while (got > 0);
    /* The end is the end however often one asks. */
    assert_true(source_read(source, buffer, size_bytes, &got, NULL));
    assert_int_equal(got, 0);
    return g_steal_pointer(&all);
}

static Source *open_file(Fixture *fixture)
{
    GError *error = NULL;
    Source *source = source_file_new(fixture->path, &error);
    assert_null(error);
    return source;
}

/* The chain as a restore has it: file, what was recorded of fixture->packed, Zstandard. */
static Source *open_chain(Fixture *fixture, HashHex recorded, uint64_t size_bytes)
{
    GError *error = NULL;
    Source *check = source_check_new(open_file(fixture), "file 'data'", recorded.hex, size_bytes);
    Source *source = source_zstd_new(check, "file 'data'", &error);
    assert_null(error);
    return source;
}

static void refuse(Source *source, const char *words)
{
    g_autoptr(Source) owned = source;
    g_autoptr(GError) error = NULL;
    assert_null(read_all(owned, 65536, &error));
    assert_true(error_is(error, ERROR_INTEGRITY));
    assert_non_null(strstr(error->message, words));
}

static void test_whole(void **state)
{
    Fixture *fixture = *state;
    static const size_t sizes[] = {1, 7, 4096, 262144, 2 * RAW_BYTES};
    const HashHex hash = hash_bytes(fixture->packed->data, fixture->packed->len);
    write_packed(fixture);
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(Source) source = open_chain(fixture, hash, fixture->packed->len);
        g_autoptr(GError) error = NULL;
        g_autoptr(GByteArray) all = read_all(source, sizes[i], &error);
        assert_null(error);
        assert_int_equal(all->len, RAW_BYTES);
        assert_memory_equal(all->data, fixture->raw, RAW_BYTES);
    }
}

static void test_empty(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GByteArray) empty = pack("", 0, 0);
    g_autoptr(GError) error = NULL;
    const HashHex hash = hash_bytes(empty->data, empty->len);
    assert_true(g_file_set_contents(fixture->path, (char *)empty->data, (gssize)empty->len, NULL));
    g_autoptr(Source) source = open_chain(fixture, hash, empty->len);
    g_autoptr(GByteArray) all = read_all(source, 4096, &error);
    assert_null(error);
    assert_int_equal(all->len, 0);
    /* No frame at all is not an empty one. */
    assert_true(g_file_set_contents(fixture->path, "", 0, NULL));
    refuse(source_zstd_new(open_file(fixture), "file 'data'", NULL), "torn");
}

static void test_torn(void **state)
{
    Fixture *fixture = *state;
    const HashHex hash = hash_bytes(fixture->packed->data, fixture->packed->len);
    const guint whole = fixture->packed->len;
    static const guint missing[] = {1, 4, 5, 100};
    for (size_t i = 0; i < G_N_ELEMENTS(missing); i++) {
        g_byte_array_set_size(fixture->packed, whole - missing[i]);
        write_packed(fixture);
        refuse(source_zstd_new(open_file(fixture), "file 'data'", NULL), "torn");
        refuse(open_chain(fixture, hash, whole), "bytes where");
        refuse(source_check_new(open_file(fixture), "file 'data'", hash.hex, whole), "bytes where");
    }
}

static void test_flipped(void **state)
{
    Fixture *fixture = *state;
    const HashHex hash = hash_bytes(fixture->packed->data, fixture->packed->len);
    const guint whole = fixture->packed->len;
    const guint places[] = {0, 5, whole / 2, whole - 1};
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        fixture->packed->data[places[i]] ^= 0x10;
        write_packed(fixture);
        refuse(source_check_new(open_file(fixture), "file 'data'", hash.hex, whole), "was changed");
        refuse(source_zstd_new(open_file(fixture), "file 'data'", NULL), "file 'data' cannot be");
        refuse(open_chain(fixture, hash, whole), "file 'data'");
        fixture->packed->data[places[i]] ^= 0x10;
    }
}

static void test_trailing(void **state)
{
    Fixture *fixture = *state;
    const HashHex hash = hash_bytes(fixture->packed->data, fixture->packed->len);
    const guint whole = fixture->packed->len;
    g_byte_array_append(fixture->packed, (const guint8 *)"x", 1);
    write_packed(fixture);
    refuse(source_zstd_new(open_file(fixture), "file 'data'", NULL), "something follows");
    refuse(open_chain(fixture, hash, whole), "more than the");
    refuse(source_check_new(open_file(fixture), "file 'data'", hash.hex, whole), "more than the");
    /* A second frame is no part of the first. */
    g_byte_array_set_size(fixture->packed, whole);
    g_autoptr(GByteArray) second = pack("more", 4, 0);
    g_byte_array_append(fixture->packed, second->data, second->len);
    write_packed(fixture);
    refuse(source_zstd_new(open_file(fixture), "file 'data'", NULL), "something follows");
}

static void test_window(void **state)
{
    Fixture *fixture = *state;
    g_byte_array_free(fixture->packed, TRUE);
    fixture->packed = pack(fixture->raw, RAW_BYTES, 28);
    write_packed(fixture);
    refuse(source_zstd_new(open_file(fixture), "file 'data'", NULL), "file 'data' cannot be");
    g_byte_array_free(fixture->packed, TRUE);
    fixture->packed = pack(fixture->raw, RAW_BYTES, 27);
    write_packed(fixture);
    g_autoptr(Source) source = source_zstd_new(open_file(fixture), "file 'data'", NULL);
    g_autoptr(GByteArray) all = read_all(source, 65536, NULL);
    assert_int_equal(all->len, RAW_BYTES);
}

static void test_no_file(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *link = g_build_filename(fixture->folder, "link", NULL);
    g_autofree char *pipe = g_build_filename(fixture->folder, "pipe", NULL);
    const char *const paths[] = {fixture->path, link, pipe, fixture->folder};
    assert_int_equal(symlink("/etc/passwd", link), 0);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GError) error = NULL;
        assert_null(source_file_new(paths[i], &error));
        assert_non_null(strstr(error->message, paths[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_torn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flipped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_trailing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_window, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_file, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
