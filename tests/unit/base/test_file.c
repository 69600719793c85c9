#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"

static char *path_of(void **state, const char *name)
{
    return g_build_filename(*state, name, NULL);
}

static void assert_content(const char *path, const char *expected)
{
    g_autofree char *text = NULL;
    size_t size_bytes = 0;
    assert_true(file_read(path, 1000, &text, &size_bytes, NULL));
    assert_string_equal(text, expected);
    assert_int_equal(size_bytes, strlen(expected));
}

static void a_write_replaces_or_leaves(void **state)
{
    g_autofree char *path = path_of(state, "report.json");
    g_autofree char *nowhere = path_of(state, "missing/report.json");
    g_autofree char *partial = g_strconcat(path, ".partial", NULL);
    g_autoptr(GError) error = NULL;
    struct stat status;
    assert_true(file_write_atomic(path, "one", 3, NULL));
    assert_true(file_write_atomic(path, "two", 3, NULL));
    assert_content(path, "two");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_false(file_exists(partial));
    assert_false(file_write_atomic(nowhere, "x", 1, &error));
    assert_true(error_is(error, ERROR_IO));
}

static void a_torn_line_is_cut_off(void **state)
{
    g_autofree char *path = path_of(state, "journal.jsonl");
    FileLog *log = NULL;
    assert_true(file_write_atomic(path, "one\ntwo\nto", 10, NULL));
    log = file_log_open(path, NULL);
    assert_non_null(log);
    assert_true(file_log_append(log, "three", NULL));
    file_log_close(log);
    assert_content(path, "one\ntwo\nthree\n");
}

static void a_log_that_is_all_torn_starts_again(void **state)
{
    g_autofree char *path = path_of(state, "audit.jsonl");
    g_autofree char *long_text = g_strnfill(10000, 'x');
    FileLog *log = NULL;
    assert_true(file_write_atomic(path, long_text, 10000, NULL));
    log = file_log_open(path, NULL);
    assert_true(file_log_append(log, "one", NULL));
    file_log_close(log);
    assert_content(path, "one\n");
}

static void reading_is_bounded(void **state)
{
    g_autofree char *path = path_of(state, "large");
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    size_t size_bytes = 0;
    assert_true(file_write_atomic(path, "12345", 5, NULL));
    assert_false(file_read(path, 4, &text, &size_bytes, &error));
    assert_non_null(strstr(error->message, "larger than 4 bytes"));
    g_clear_error(&error);
    assert_false(file_read(*state, 4, &text, &size_bytes, &error));
    assert_non_null(strstr(error->message, "not a regular file"));
}

static void removing_does_not_follow_links(void **state)
{
    g_autofree char *kept = path_of(state, "kept");
    g_autofree char *tree = path_of(state, "tree");
    g_autofree char *link = path_of(state, "tree/link");
    g_autofree char *inner = path_of(state, "tree/a/b");
    assert_true(file_make_folder(inner, NULL));
    assert_true(file_write_atomic(kept, "x", 1, NULL));
    assert_int_equal(symlink(kept, link), 0);
    assert_true(file_remove_tree(tree, NULL));
    assert_false(file_exists(tree));
    assert_true(file_exists(kept));
    assert_true(file_remove_tree(tree, NULL));
}

static void digests_are_those_of_sha256sum(void **state)
{
    g_autofree char *path = path_of(state, "abc");
    HashHex hash;
    uint64_t size_bytes = 0;
    assert_true(file_write_atomic(path, "abc", 3, NULL));
    assert_true(hash_file(path, &hash, &size_bytes, NULL));
    assert_int_equal(size_bytes, 3);
    assert_string_equal(hash.hex,
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_replaces_or_leaves),
        cmocka_unit_test(a_torn_line_is_cut_off),
        cmocka_unit_test(a_log_that_is_all_torn_starts_again),
        cmocka_unit_test(reading_is_bounded),
        cmocka_unit_test(removing_does_not_follow_links),
        cmocka_unit_test(digests_are_those_of_sha256sum),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
