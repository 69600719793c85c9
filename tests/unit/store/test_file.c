/* file:// stores: URLs, all or nothing, existing names, leftovers of a crash, what is no file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "store/store.h"
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    char *base, *root, *source, *url;
    Store *store;
} Fixture;

static void write_file(const char *folder, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    assert_true(g_file_set_contents(path, text, -1, NULL));
}

static int set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    g_autofree char *inner = NULL;
    g_autoptr(GError) error = NULL;
    fixture->base = g_dir_make_tmp("drydock-XXXXXX", NULL);
    fixture->root = g_build_filename(fixture->base, "the store", NULL);
    fixture->source = g_build_filename(fixture->base, "source", NULL);
    inner = g_build_filename(fixture->source, "inner", NULL);
    assert_int_equal(g_mkdir(fixture->root, 0700), 0);
    assert_int_equal(g_mkdir_with_parents(inner, 0700), 0);
    write_file(fixture->source, "a", "0123456789");
    write_file(fixture->source, "empty", "");
    write_file(inner, "b", "bb");
    fixture->url = g_strdup_printf("file://%s/the%%20store/", fixture->base);
    fixture->store = store_open(fixture->url, &error);
    assert_non_null(fixture->store);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;
    store_free(fixture->store);
    assert_true(file_remove_tree(fixture->base, NULL));
    g_free(fixture->base);
    g_free(fixture->root);
    g_free(fixture->source);
    g_free(fixture->url);
    g_free(fixture);
    return 0;
}

static void assert_content(const Fixture *fixture, const char *path, const char *expected)
{
    g_autofree char *full = g_build_filename(fixture->root, path, NULL);
    g_autofree char *text = NULL;
    GStatBuf status;
    assert_true(g_file_get_contents(full, &text, NULL, NULL));
    assert_string_equal(text, expected);
    assert_int_equal(g_stat(full, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

/* How many names a folder of the store has, hidden ones included. */
static int count_names(const Fixture *fixture, const char *path)
{
    g_autofree char *full = g_build_filename(fixture->root, path, NULL);
    g_autoptr(GDir) folder = g_dir_open(full, 0, NULL);
    int count = 0;
    assert_non_null(folder);
    while (g_dir_read_name(folder) != NULL)
        count++;
    return count;
}

static void put_fails(const Fixture *fixture, const char *key, const char *source, ErrorCode code,
                      const char *words)
{
    g_autoptr(GError) error = NULL;
    assert_false(store_put_folder(fixture->store, key, source, NULL, &error));
    assert_true(error_is(error, code));
    if (strstr(error->message, words) == NULL)
        fail_msg("'%s' does not say '%s'", error->message, words);
}

static void a_folder_arrives_whole(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;
    g_autofree char *place = store_locate(fixture->store, "runs/r1/snapshot");
    g_autofree char *expected = g_build_filename(fixture->root, "runs/r1/snapshot", NULL);
    uint64_t size_bytes = 0;
    assert_true(
        store_put_folder(fixture->store, "runs/r1/snapshot", fixture->source, &size_bytes, &error));
    assert_int_equal(size_bytes, 12);
    assert_content(fixture, "runs/r1/snapshot/a", "0123456789");
    assert_content(fixture, "runs/r1/snapshot/empty", "");
    assert_content(fixture, "runs/r1/snapshot/inner/b", "bb");
    assert_int_equal(count_names(fixture, "runs/r1"), 1);
    assert_string_equal(place, expected);
    assert_string_equal(store_url(fixture->store), fixture->url);
}

static void nothing_is_overwritten(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;
    assert_true(store_put_folder(fixture->store, "r1", fixture->source, NULL, &error));
    write_file(fixture->source, "a", "changed");
    put_fails(fixture, "r1", fixture->source, ERROR_IO, "exists already");
    assert_content(fixture, "r1/a", "0123456789");
    assert_int_equal(count_names(fixture, "."), 1);
}

static void a_crashs_leftover_is_replaced(void **state)
{
    const Fixture *fixture = *state;
    g_autofree char *left = g_build_filename(fixture->root, ".r1.partial", NULL);
    g_autoptr(GError) error = NULL;
    assert_int_equal(g_mkdir(left, 0700), 0);
    write_file(left, "stale", "stale");
    assert_true(store_put_folder(fixture->store, "r1", fixture->source, NULL, &error));
    assert_int_equal(count_names(fixture, "."), 1);
    assert_int_equal(count_names(fixture, "r1"), 3);
}

static void links_and_devices_are_refused(void **state)
{
    const Fixture *fixture = *state;
    g_autofree char *link = g_build_filename(fixture->source, "link", NULL);
    assert_int_equal(symlink("/etc/passwd", link), 0);
    put_fails(fixture, "r1", fixture->source, ERROR_IO, "neither a file nor a folder");
    assert_int_equal(g_unlink(link), 0);
    assert_int_equal(mkfifo(link, 0600), 0);
    put_fails(fixture, "r1", fixture->source, ERROR_IO, "neither a file nor a folder");
    assert_int_equal(count_names(fixture, "."), 0);
}

/* A limit on the size of files stands in for a full disk: the same write(), another errno. */
static void a_failed_write_leaves_nothing(void **state)
{
    const Fixture *fixture = *state;
    struct rlimit limit, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = 4;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    put_fails(fixture, "r1", fixture->source, ERROR_IO, "cannot write");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(count_names(fixture, "."), 0);
}

static void a_missing_source_is_named(void **state)
{
    put_fails(*state, "r1", "/nonexistent/source", ERROR_IO, "/nonexistent/source");
}

#define NOBODY 65534

static void a_read_only_root_is_refused(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(Store) store = NULL;
    const bool root = geteuid() == 0;
    assert_int_equal(g_chmod(fixture->root, 0500), 0);
    /* Root may write everywhere: somebody else tries. */
    if (root)
        assert_int_equal(setresuid(NOBODY, NOBODY, 0), 0);
    store = store_open(fixture->url, &error);
    if (root)
        assert_int_equal(setresuid(0, 0, 0), 0);
    assert_int_equal(g_chmod(fixture->root, 0700), 0);
    assert_null(store);
    assert_true(error_is(error, ERROR_CONFIG));
}

/* A mount that has gone away in the middle of a run. */
static void a_root_that_vanished_is_not_made_again(void **state)
{
    const Fixture *fixture = *state;
    assert_int_equal(g_rmdir(fixture->root), 0);
    put_fails(fixture, "r1", fixture->source, ERROR_CONFIG, "cannot use the store folder");
    assert_false(file_exists(fixture->root));
}

static void a_file_is_replaced(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;
    g_autofree char *file = g_build_filename(fixture->source, "a", NULL);
    assert_true(store_put_file(fixture->store, "audit/audit.jsonl", file, &error));
    assert_content(fixture, "audit/audit.jsonl", "0123456789");
    write_file(fixture->source, "a", "new");
    assert_true(store_put_file(fixture->store, "audit/audit.jsonl", file, &error));
    assert_content(fixture, "audit/audit.jsonl", "new");
    assert_int_equal(count_names(fixture, "audit"), 1);
    assert_false(store_put_file(fixture->store, "audit", file, &error));
    assert_true(error_is(error, ERROR_IO));
}

/* ---- objects ---- */

static bool put_text(Store *store, const char *key, const char *text, bool if_absent,
                     GError **error)
{
    const StorePutOptions options = {.if_absent = if_absent};
    g_autoptr(Sink) sink = store_put(store, key, &options, error);
    return sink != NULL && sink_write(sink, text, strlen(text), error) && sink_commit(sink, error);
}

static void assert_object(Store *store, const char *key, uint64_t offset, uint64_t length,
                          const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Source) source = store_get(store, key, offset, length, &error);
    char text[100] = {0};
    size_t used = 0, got = 0;
    assert_non_null(source);
    do {
        assert_true(source_read(source, text + used, 3, &got, &error));
        used += got;
    } while (got > 0);
    assert_string_equal(text, expected);
}

static void an_object_is_seen_when_it_is_committed(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(StoreObject) before = NULL;
    g_autoptr(StoreObject) after = NULL;
    g_autoptr(Sink) sink = store_put(fixture->store, "a/b c", NULL, &error);
    assert_non_null(sink);
    assert_true(sink_write(sink, "0123456789", 10, &error));
    assert_true(store_head(fixture->store, "a/b c", &before, &error));
    assert_null(before);
    assert_true(sink_commit(sink, &error));
    assert_true(store_head(fixture->store, "a/b c", &after, &error));
    assert_non_null(after);
    assert_int_equal(after->size_bytes, 10);
    assert_object(fixture->store, "a/b c", 0, UINT64_MAX, "0123456789");
    assert_object(fixture->store, "a/b c", 4, 3, "456");
    assert_object(fixture->store, "a/b c", 8, 10, "89");
    assert_object(fixture->store, "a/b c", 10, 1, "");
}

static void an_object_that_is_not_committed_leaves_nothing(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;
    Sink *sink = store_put(fixture->store, "a/b", NULL, &error);
    assert_true(sink_write(sink, "x", 1, &error));
    sink_free(sink);
    assert_int_equal(count_names(fixture, "a"), 0);
}

static void an_existing_object_is_replaced_only_if_it_may_be(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) refused = NULL;
    g_autoptr(GError) late = NULL;
    const StorePutOptions new_only = {.if_absent = true};
    g_autoptr(Sink) sink = store_put(fixture->store, "a", &new_only, &error);
    assert_true(put_text(fixture->store, "a", "one", true, &error));
    assert_true(put_text(fixture->store, "a", "two", false, &error));
    assert_false(put_text(fixture->store, "a", "three", true, &refused));
    assert_non_null(strstr(refused->message, "exists already"));
    /* Somebody else was quicker. */
    assert_false(sink_commit(sink, &late));
    assert_object(fixture->store, "a", 0, UINT64_MAX, "two");
}

static void objects_are_listed_and_deleted(void **state)
{
    static const char *const keys[] = {"b/2", "b/1", "bb", "b/c/3", "a"};
    const Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) some = NULL;
    g_autoptr(GPtrArray) all = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        assert_true(put_text(fixture->store, keys[i], "x", true, &error));
    some = store_list(fixture->store, "b/", &error);
    assert_int_equal(some->len, 3);
    assert_string_equal(((StoreObject *)some->pdata[0])->key, "b/1");
    assert_string_equal(((StoreObject *)some->pdata[2])->key, "b/c/3");
    assert_true(store_delete(fixture->store, "b/c/3", &error));
    assert_true(store_delete(fixture->store, "b/c/3", &error));
    all = store_list(fixture->store, "", &error);
    assert_int_equal(all->len, 4);
    assert_int_equal(count_names(fixture, "b"), 2);
}

static void leftovers_are_swept(void **state)
{
    const Fixture *fixture = *state;
    g_autofree char *left = g_build_filename(fixture->root, "b", ".r1.partial", NULL);
    g_autoptr(GError) error = NULL;
    int count = 0;
    assert_int_equal(g_mkdir_with_parents(left, 0700), 0);
    write_file(left, "stale", "stale");
    assert_true(
        store_sweep(fixture->store, "b/", g_get_real_time() - G_TIME_SPAN_HOUR, &count, &error));
    assert_int_equal(count, 0);
    assert_true(store_sweep(fixture->store, "c/", INT64_MAX, &count, &error));
    assert_int_equal(count, 0);
    assert_true(store_sweep(fixture->store, "b/r", INT64_MAX, &count, &error));
    assert_int_equal(count, 1);
    assert_int_equal(count_names(fixture, "b"), 0);
}

static void a_folder_cannot_lock(void **state)
{
    const Fixture *fixture = *state;
    const StorePutOptions locked = {.retention = {STORE_LOCK_COMPLIANCE, INT64_MAX}};
    g_autoptr(GError) error = NULL;
    assert_null(store_put(fixture->store, "a", &locked, &error));
    assert_true(error_is(error, ERROR_REFUSED));
    assert_int_equal(count_names(fixture, "."), 0);
}

static void keys_stay_in_the_store(void **state)
{
    static const char *const keys[] = {"", "..", "a/../../b", "/a", "a/", "a//b", ".", "a\nb"};
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        put_fails(*state, keys[i], ((Fixture *)*state)->source, ERROR_CONFIG, "as the name");
}

static void bad_urls_are_refused(void **state)
{
    static const char *const urls[] = {
        "/var/backups",       "backups",       "file:/tmp",
        "file://host/tmp",    "file://",       "file:///tmp?x=1",
        "file:///tmp#x",      "file:///tmp%2", "file:///tmp%00x",
        "s4://bucket/x",      "ftp://u:p@h/",  "file:///nonexistent/x",
        "file:///etc/passwd",
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(urls); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Store) store = store_open(urls[i], &error);
        if (store != NULL)
            fail_msg("'%s' was accepted", urls[i]);
        assert_true(error_is(error, ERROR_CONFIG));
        assert_null(strstr(error->message, "u:p"));
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_folder_arrives_whole),
        TEST(nothing_is_overwritten),
        TEST(a_crashs_leftover_is_replaced),
        TEST(links_and_devices_are_refused),
        TEST(a_failed_write_leaves_nothing),
        TEST(a_missing_source_is_named),
        TEST(a_read_only_root_is_refused),
        TEST(a_root_that_vanished_is_not_made_again),
        TEST(a_file_is_replaced),
        TEST(an_object_is_seen_when_it_is_committed),
        TEST(an_object_that_is_not_committed_leaves_nothing),
        TEST(an_existing_object_is_replaced_only_if_it_may_be),
        TEST(objects_are_listed_and_deleted),
        TEST(leftovers_are_swept),
        TEST(a_folder_cannot_lock),
        TEST(keys_stay_in_the_store),
        cmocka_unit_test(bad_urls_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
