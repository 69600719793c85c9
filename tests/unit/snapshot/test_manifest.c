/* The manifest as JSON: there and back, and names that would lead out of its folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "snapshot/manifest.h"
#include <string.h>

static void add_file(Manifest *manifest, const char *name, uint64_t size_bytes)
{
    ManifestFile *file = g_new0(ManifestFile, 1);
    file->name = g_strdup(name);
    file->size_bytes = size_bytes;
    file->sha256 = hash_text(name);
    g_ptr_array_add(manifest->files, file);
}

static Manifest *sample(void)
{
    Manifest *manifest = manifest_new();
    manifest->run = g_strdup("20261122T130000Z");
    manifest->database = g_strdup("ap\"p");
    manifest->read_from = g_strdup("app_keep");
    manifest->properties = json_object();
    json_set_text(manifest->properties, "owner", "ö");
    manifest->digests = g_new0(DigestSet, 1);
    manifest->digests->tables = g_ptr_array_new_with_free_func((GDestroyNotify)digest_table_free);
    manifest->content_hash = digest_set_hash(manifest->digests);
    return manifest;
}

static Manifest *through_json(const Manifest *manifest, GError **error)
{
    g_autoptr(json_t) json = manifest_to_json(manifest);
    g_autofree char *text = json_to_text(json);
    g_autoptr(json_t) parsed = json_parse(text, strlen(text), "test", error);
    return parsed != NULL ? manifest_from_json(parsed, error) : NULL;
}

static void round_trip(void **state)
{
    g_autoptr(Manifest) manifest = sample();
    g_autoptr(Manifest) again = NULL;
    g_autoptr(GError) error = NULL;
    const ManifestFile *file = NULL;
    (void)state;
    add_file(manifest, "b.dat", UINT64_C(1) << 50);
    add_file(manifest, "a.dat", 0);
    again = through_json(manifest, &error);
    assert_null(error);
    assert_string_equal(again->database, "ap\"p");
    assert_string_equal(again->read_from, "app_keep");
    assert_string_equal(again->run, manifest->run);
    assert_string_equal(json_get_text(again->properties, "owner"), "ö");
    assert_int_equal(again->files->len, 2);
    file = g_ptr_array_index(again->files, 1);
    assert_string_equal(file->name, "b.dat");
    assert_true(file->size_bytes == UINT64_C(1) << 50);
    assert_true(manifest_size(again) == UINT64_C(1) << 50);
}

static void names_stay_in_the_folder(void **state)
{
    static const char *const names[] = {"../x",          "/etc/passwd", "a/b",     ".", "..",
                                        "manifest.json", "a\nb",        "\033[2J", ""};
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(Manifest) manifest = sample();
        g_autoptr(GError) error = NULL;
        add_file(manifest, names[i], 1);
        assert_null(through_json(manifest, &error));
        assert_true(error_is(error, ERROR_INTEGRITY));
    }
}

static void a_file_is_listed_once(void **state)
{
    g_autoptr(Manifest) manifest = sample();
    g_autoptr(GError) error = NULL;
    (void)state;
    add_file(manifest, "a.dat", 1);
    add_file(manifest, "b.dat", 1);
    add_file(manifest, "a.dat", 2);
    assert_null(through_json(manifest, &error));
    assert_non_null(strstr(error->message, "listed twice"));
}

static void other_versions_are_refused(void **state)
{
    g_autoptr(Manifest) manifest = sample();
    g_autoptr(json_t) json = NULL;
    g_autoptr(GError) error = NULL;
    (void)state;
    add_file(manifest, "a.dat", 1);
    json = manifest_to_json(manifest);
    json_set_integer(json, "version", 1);
    assert_null(manifest_from_json(json, &error));
    assert_non_null(strstr(error->message, "format version 1"));
    g_clear_error(&error);
    json_set_integer(json, "version", 3);
    assert_null(manifest_from_json(json, &error));
    assert_non_null(strstr(error->message, "format version 3"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(names_stay_in_the_folder),
        cmocka_unit_test(a_file_is_listed_once),
        cmocka_unit_test(other_versions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
