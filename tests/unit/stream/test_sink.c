/* Sinks: what arrives at the end of a chain, and that nothing is there without a commit. */
#include "folder.h"

#include "base/error.h"
#include "base/file.h"
#include "stream/sink.h"
#include "stream/source.h"
#include <glib/gstdio.h>
#include <malloc.h>
#include <string.h>
#include <sys/stat.h>

static void a_file_appears_with_its_commit(void **state)
{
    g_autofree char *path = g_build_filename(*state, "file", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    struct stat status;
    Sink *sink = sink_file_new(path, &error);
    assert_non_null(sink);
    assert_true(sink_write(sink, "one ", 4, &error));
    assert_true(sink_write(sink, "two", 3, &error));
    assert_true(sink_commit(sink, &error));
    sink_free(sink);
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    assert_string_equal(text, "one two");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_null(sink_file_new(path, &error)); /* it is not written over */
    assert_true(error_is(error, ERROR_IO));
}

static void without_a_commit_there_is_nothing(void **state)
{
    g_autofree char *path = g_build_filename(*state, "file", NULL);
    g_autoptr(GError) error = NULL;
    SinkSum sum = {0};
    Sink *sink = sink_zstd_new(sink_sum_new(sink_file_new(path, &error), &sum), 1, &error);
    assert_true(sink_write(sink, "one", 3, &error));
    sink_free(sink);
    assert_false(file_exists(path));
}

/* size_bytes of text that can be compressed somewhat. */
static char *make_text(size_t size_bytes)
{
    char *text = g_malloc(size_bytes);
    uint32_t number = 1;
    for (size_t i = 0; i < size_bytes; i++) {
        number = number * 1664525 + 1013904223;
        text[i] = (char)('a' + (number >> 28));
    }
    return text;
}

/* Written in pieces of piece_bytes; gives what a source reads of it. */
static void round_trip(const char *folder, int level, size_t size_bytes, size_t piece_bytes)
{
    g_autofree char *path = g_build_filename(folder, "file.zst", NULL);
    g_autofree char *text = make_text(size_bytes), *back = g_malloc(size_bytes + 1);
    g_autoptr(GError) error = NULL;
    g_autoptr(Source) source = NULL;
    SinkSum sum = {0};
    size_t have = 0, got = 1;
    Sink *sink = sink_zstd_new(sink_sum_new(sink_file_new(path, &error), &sum), level, &error);
    assert_non_null(sink);
    for (size_t at = 0; at < size_bytes; at += piece_bytes)
        assert_true(sink_write(sink, text + at, MIN(piece_bytes, size_bytes - at), &error));
    assert_true(sink_commit(sink, &error));
    sink_free(sink);
    source = source_zstd_new(
        source_check_new(source_file_new(path, &error), "file.zst", sum.sha256.hex, sum.size_bytes),
        "file.zst", &error);
    assert_non_null(source);
    while (got > 0) {
        assert_true(source_read(source, back + have, size_bytes + 1 - have, &got, &error));
        have += got;
    }
    assert_int_equal(have, size_bytes);
    assert_memory_equal(back, text, size_bytes);
    assert_int_equal(g_unlink(path), 0);
}

static void what_is_compressed_comes_back(void **state)
{
    static const size_t sizes[] = {0, 1, 262143, 262144, 262145, 3000000};
    for (int level = 1; level <= 9; level += 4) {
        for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
            round_trip(*state, level, sizes[i], 1000);
            round_trip(*state, level, sizes[i], 700000);
        }
    }
}

/* Each worker has one chain: this is what keeps it below 8 MiB. */
static void every_level_needs_little_memory(void **state)
{
    for (int level = 1; level <= 9; level++) {
        g_autofree char *path = g_strdup_printf("%s/%d", (const char *)*state, level);
        g_autofree char *text = make_text(3000000);
        g_autoptr(GError) error = NULL;
        SinkSum sum = {0};
        const struct mallinfo2 before = mallinfo2();
        Sink *sink = sink_zstd_new(sink_sum_new(sink_file_new(path, &error), &sum), level, &error);
        struct mallinfo2 after;
        assert_true(sink_write(sink, text, 3000000, &error));
        after = mallinfo2();
        assert_true(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd < (size_t)7
                                                                                          << 20);
        sink_free(sink);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_appears_with_its_commit, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(without_a_commit_there_is_nothing, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(what_is_compressed_comes_back, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(every_level_needs_little_memory, make_folder,
                                        remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
