/* snapshot_verify() on a snapshot made by hand, damaged in every way that a disk or a person can.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "snapshot/manifest.h"
#include "snapshot/snapshot.h"
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define MANY_FILES 2000

typedef struct {
    char *folder;
} Fixture;

static char *member(const Fixture *fixture, const char *name)
{
    return g_build_filename(fixture->folder, name, NULL);
}

static void write_member(const Fixture *fixture, const char *name, const char *data, size_t size)
{
    g_autofree char *path = member(fixture, name);
    assert_true(g_file_set_contents(path, data, (gssize)size, NULL));
}

static void add_member(const Fixture *fixture, Manifest *manifest, const char *name,
                       const char *data)
{
    assert_true(manifest_write_file(manifest, fixture->folder, name, data, strlen(data), NULL));
}

static int set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    g_autoptr(Manifest) manifest = manifest_new();
    g_autoptr(GError) error = NULL;
    fixture->folder = g_dir_make_tmp("drydock-XXXXXX", NULL);
    add_member(fixture, manifest, "toc.dat", "PGDMP");
    add_member(fixture, manifest, "1.dat.zst", "0123456789");
    add_member(fixture, manifest, "empty.dat", "");
    manifest->run = g_strdup("r1");
    manifest->database = g_strdup("app");
    manifest->read_from = g_strdup("app_drydock_r1_keep");
    manifest->digests = g_new0(DigestSet, 1);
    manifest->digests->tables = g_ptr_array_new_with_free_func((GDestroyNotify)digest_table_free);
    manifest->content_hash = digest_set_hash(manifest->digests);
    assert_true(manifest_write(manifest, fixture->folder, &error));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;
    assert_true(file_remove_tree(fixture->folder, NULL));
    g_free(fixture->folder);
    g_free(fixture);
    return 0;
}

static void assert_damaged(const Fixture *fixture, const char *expected)
{
    g_autoptr(GError) error = NULL;
    assert_false(snapshot_verify(fixture->folder, NULL, NULL, &error));
    assert_true(error_is(error, ERROR_INTEGRITY));
    if (strstr(error->message, expected) == NULL)
        fail_msg("'%s' does not say '%s'", error->message, expected);
}

static void intact_is_accepted(void **state)
{
    g_autoptr(GError) error = NULL;
    uint64_t size_bytes = 0;
    int files = 0;
    const Fixture *fixture = *state;
    g_autoptr(DigestSet) digests = NULL;
    g_autofree char *path = member(fixture, "toc.dat");
    GStatBuf status;
    assert_true(snapshot_verify(fixture->folder, &size_bytes, &files, &error));
    assert_int_equal(size_bytes, 15);
    assert_int_equal(files, 3);
    digests = snapshot_digests(fixture->folder, &error);
    assert_non_null(digests);
    assert_int_equal(digests->tables->len, 0);
    assert_int_equal(g_stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void every_flipped_bit_is_found(void **state)
{
    for (size_t bit = 0; bit < 80; bit++) {
        char data[] = "0123456789";
        data[bit / 8] = (char)(data[bit / 8] ^ (1 << bit % 8));
        write_member(*state, "1.dat.zst", data, 10);
        assert_damaged(*state, "'1.dat.zst' was changed");
    }
}

static void sizes_are_compared(void **state)
{
    write_member(*state, "1.dat.zst", "012345678", 9);
    assert_damaged(*state, "'1.dat.zst' has 9 bytes, expected 10");
    write_member(*state, "empty.dat", "x", 1);
    assert_damaged(*state, "'empty.dat' has 1 bytes, expected 0");
    assert_damaged(*state, "'1.dat.zst' has 9 bytes");
}

static void missing_and_extra_are_named(void **state)
{
    g_autofree char *toc = member(*state, "toc.dat");
    g_autofree char *link = member(*state, "empty.dat");
    write_member(*state, "more.dat", "x", 1);
    assert_damaged(*state, "'more.dat' is not in the manifest");
    assert_int_equal(g_unlink(toc), 0);
    assert_damaged(*state, "'toc.dat' is missing");
    assert_int_equal(g_unlink(link), 0);
    assert_int_equal(symlink("/dev/null", link), 0);
    assert_damaged(*state, "'empty.dat' is not a regular file");
}

static void no_manifest_is_no_snapshot(void **state)
{
    g_autofree char *path = member(*state, MANIFEST_NAME);
    g_autoptr(GError) error = NULL;
    assert_int_equal(g_unlink(path), 0);
    assert_damaged(*state, "it has no manifest.json");
    assert_null(snapshot_digests(((Fixture *)*state)->folder, &error));
    assert_true(error_is(error, ERROR_INTEGRITY));
}

/* So many that asking each for each would be noticed. */
static void many_files_are_checked(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(Manifest) manifest = manifest_read(fixture->folder, &error);
    int files = 0;
    assert_non_null(manifest);
    for (int i = 0; i < MANY_FILES; i++) {
        g_autofree char *name = g_strdup_printf("%d.dat", 1000 + i);
        g_autofree char *path = member(fixture, name);
        ManifestFile *file = g_new0(ManifestFile, 1);
        assert_true(g_file_set_contents(path, "", 0, NULL));
        file->name = g_steal_pointer(&name);
        file->sha256 = hash_bytes("", 0);
        manifest_add(manifest, file);
    }
    assert_true(manifest_write(manifest, fixture->folder, &error));
    assert_true(snapshot_verify(fixture->folder, NULL, &files, &error));
    assert_int_equal(files, MANY_FILES + 3);
    write_member(fixture, "999.dat", "", 0);
    assert_damaged(fixture, "'999.dat' is not in the manifest");
}

/* Every byte of the manifest is under its own SHA-256, or is a blank that JSON cannot do without.
 */
static void manifest_changes_are_found(void **state)
{
    const Fixture *fixture = *state;
    g_autofree char *path = member(fixture, MANIFEST_NAME);
    g_autofree char *text = NULL;
    gsize size = 0;
    assert_true(g_file_get_contents(path, &text, &size, NULL));
    for (gsize i = 0; i < size; i++) {
        g_autoptr(json_t) json = NULL;
        text[i] = (char)(text[i] ^ 1);
        json = json_parse(text, size, "test", NULL);
        if (json != NULL) {
            g_autoptr(GError) error = NULL;
            g_autoptr(Manifest) manifest = manifest_from_json(json, &error);
            if (manifest != NULL)
                fail_msg("byte %zu was changed unseen", i);
            assert_true(error_is(error, ERROR_INTEGRITY));
        }
        text[i] = (char)(text[i] ^ 1);
    }
}

static void a_cut_manifest_is_found(void **state)
{
    write_member(*state, MANIFEST_NAME, "{\"format\":", 10);
    assert_damaged(*state, "not valid JSON");
    write_member(*state, MANIFEST_NAME, "", 0);
    assert_damaged(*state, "not valid JSON");
    write_member(*state, MANIFEST_NAME, "[]", 2);
    assert_damaged(*state, "malformed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(intact_is_accepted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_flipped_bit_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sizes_are_compared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(missing_and_extra_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_files_are_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_manifest_is_no_snapshot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(manifest_changes_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cut_manifest_is_found, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
