#include "snapshot/manifest.h"

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include <string.h>

#define FORMAT "drydock-snapshot"
#define FORMAT_VERSION 2

void manifest_file_free(ManifestFile *file)
{
    if (file == NULL)
        return;
    g_free(file->name);
    g_free(file);
}

Manifest *manifest_new(void)
{
    Manifest *manifest = g_new0(Manifest, 1);
    manifest->files = g_ptr_array_new_with_free_func((GDestroyNotify)manifest_file_free);
    return manifest;
}

void manifest_free(Manifest *manifest)
{
    if (manifest == NULL)
        return;
    g_free(manifest->run);
    g_free(manifest->database);
    g_free(manifest->read_from);
    g_free(manifest->content_hash);
    json_decref(manifest->source);
    json_decref(manifest->archive);
    json_decref(manifest->properties);
    g_ptr_array_free(manifest->files, TRUE);
    digest_set_free(manifest->digests);
    g_free(manifest);
}

uint64_t manifest_size(const Manifest *manifest)
{
    uint64_t total = 0;
    for (guint i = 0; i < manifest->files->len; i++) {
        const ManifestFile *file = g_ptr_array_index(manifest->files, i);
        total += file->size_bytes;
    }
    return total;
}

static int by_name(gconstpointer a, gconstpointer b)
{
    const ManifestFile *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

void manifest_add(Manifest *manifest, ManifestFile *file)
{
    g_ptr_array_add(manifest->files, file);
}

bool manifest_write_file(Manifest *manifest, const char *folder, const char *name, const void *data,
                         size_t size_bytes, GError **error)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    ManifestFile *file = NULL;
    if (!file_write_atomic(path, data, size_bytes, error))
        return false;
    file = g_new0(ManifestFile, 1);
    file->name = g_strdup(name);
    file->size_bytes = size_bytes;
    file->sha256 = hash_bytes(data, size_bytes);
    manifest_add(manifest, file);
    return true;
}

static void rows_to_json(json_t *object, const ManifestFile *file)
{
    json_set_text(object, "copy_format", copy_format_name(file->copy_format));
    json_set_integer(object, "raw_bytes", (int64_t)file->raw_bytes);
    row_digest_to_json(object, file->rows);
}

static json_t *files_to_json(const GPtrArray *files)
{
    json_t *array = json_array();
    for (guint i = 0; i < files->len; i++) {
        const ManifestFile *file = g_ptr_array_index(files, i);
        json_t *object = json_object();
        json_set_text(object, "name", file->name);
        json_set_integer(object, "size_bytes", (int64_t)file->size_bytes);
        json_set_text(object, "sha256", file->sha256.hex);
        if (file->has_rows)
            rows_to_json(object, file);
        json_array_append_new(array, object);
    }
    return array;
}

static void set_object(json_t *object, const char *key, const json_t *value)
{
    json_object_set_new(object, key, value != NULL ? json_deep_copy(value) : json_object());
}

static HashHex hash_of(const json_t *object)
{
    g_autofree char *line = json_to_line(object);
    return hash_text(line);
}

json_t *manifest_to_json(const Manifest *manifest)
{
    json_t *object = json_object();
    HashHex own;
    json_set_text(object, "format", FORMAT);
    json_set_integer(object, "version", FORMAT_VERSION);
    json_set_text(object, "created_by", "drydock " DRYDOCK_VERSION);
    json_set_text(object, "run", manifest->run);
    json_set_text(object, "database", manifest->database);
    json_set_text(object, "read_from", manifest->read_from);
    set_object(object, "source", manifest->source);
    set_object(object, "archive", manifest->archive);
    set_object(object, "properties", manifest->properties);
    json_object_set_new(object, "files", files_to_json(manifest->files));
    json_object_set_new(object, "digests", digest_set_to_json(manifest->digests));
    json_set_text(object, "content_hash", manifest->content_hash);
    own = hash_of(object);
    json_set_text(object, "manifest_sha256", own.hex);
    return object;
}

static bool malformed(GError **error, const char *what)
{
    error_set(error, ERROR_INTEGRITY, "the manifest is malformed: %s", what);
    return false;
}

/* Names come from outside: nothing may lead out of the folder, hide or forge a line of a message.
 */
static bool name_is_plain(const char *name)
{
    g_autofree char *printable = NULL;
    if (name == NULL || name[0] == '\0' || strchr(name, '/') != NULL || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0 || strcmp(name, MANIFEST_NAME) == 0)
        return false;
    printable = text_printable(name);
    return strcmp(printable, name) == 0;
}

static bool rows_from_json(const json_t *object, ManifestFile *file, GError **error)
{
    const int64_t raw_bytes = json_get_integer(object, "raw_bytes", -1);
    file->has_rows = true;
    if (raw_bytes < 0 ||
        !copy_format_from_name(json_get_text(object, "copy_format"), &file->copy_format))
        return malformed(error, "a data file has no format or raw size");
    file->raw_bytes = (uint64_t)raw_bytes;
    return row_digest_from_json(object, &file->rows, error);
}

static bool file_from_json(const json_t *object, Manifest *manifest, GError **error)
{
    const char *name = json_get_text(object, "name");
    const char *sha256 = json_get_text(object, "sha256");
    const int64_t size_bytes = json_get_integer(object, "size_bytes", -1);
    ManifestFile *file = NULL;
    if (!name_is_plain(name))
        return malformed(error, "a file has no name, or one that leads elsewhere");
    if (size_bytes < 0 || sha256 == NULL || strlen(sha256) != HASH_HEX_SIZE - 1)
        return malformed(error, "a file has no size or SHA-256");
    file = g_new0(ManifestFile, 1);
    file->name = g_strdup(name);
    file->size_bytes = (uint64_t)size_bytes;
    memcpy(file->sha256.hex, sha256, HASH_HEX_SIZE);
    g_ptr_array_add(manifest->files, file);
    return json_object_get(object, "copy_format") == NULL || rows_from_json(object, file, error);
}

static bool files_from_json(const json_t *array, Manifest *manifest, GError **error)
{
    if (!json_is_array(array) || json_array_size(array) == 0)
        return malformed(error, "'files' is missing or empty");
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (!file_from_json(json_array_get(array, i), manifest, error))
            return false;
    }
    g_ptr_array_sort(manifest->files, by_name);
    for (guint i = 1; i < manifest->files->len; i++) {
        const ManifestFile *last = g_ptr_array_index(manifest->files, i - 1);
        const ManifestFile *file = g_ptr_array_index(manifest->files, i);
        if (strcmp(last->name, file->name) == 0)
            return malformed(error, "a file is listed twice");
    }
    return true;
}

static bool check_format(const json_t *json, GError **error)
{
    const int64_t version = json_get_integer(json, "version", 0);
    if (g_strcmp0(json_get_text(json, "format"), FORMAT) != 0)
        return malformed(error, "it does not say that it is a snapshot of this program");
    if (version == FORMAT_VERSION)
        return true;
    error_set(error, ERROR_INTEGRITY,
              "the manifest has format version %" G_GINT64_FORMAT "; this program knows version %d",
              version, FORMAT_VERSION);
    error_hint_set(error,
                   "pg_restore reads the archive all the same; or take the version of drydock "
                   "that its 'created_by' names");
    return false;
}

static bool check_own_hash(const json_t *json, GError **error)
{
    g_autoptr(json_t) copy = json_copy((json_t *)json);
    const char *stored = json_get_text(json, "manifest_sha256");
    HashHex actual;
    json_object_del(copy, "manifest_sha256");
    actual = hash_of(copy);
    if (g_strcmp0(stored, actual.hex) == 0)
        return true;
    error_set(error, ERROR_INTEGRITY, "the manifest was changed: its own SHA-256 does not fit");
    return false;
}

static bool take_object(const json_t *json, const char *key, json_t **out, GError **error)
{
    json_t *value = json_object_get(json, key);
    if (!json_is_object(value)) {
        error_set(error, ERROR_INTEGRITY, "the manifest is malformed: '%s' is missing", key);
        return false;
    }
    *out = json_incref(value);
    return true;
}

static bool check_content_hash(const Manifest *manifest, GError **error)
{
    g_autofree char *hash = digest_set_hash(manifest->digests);
    if (g_strcmp0(hash, manifest->content_hash) == 0)
        return true;
    error_set(error, ERROR_INTEGRITY,
              "the manifest was changed: its digests and its content hash do not fit");
    return false;
}

Manifest *manifest_from_json(const json_t *json, GError **error)
{
    g_autoptr(Manifest) manifest = manifest_new();
    if (!check_format(json, error) || !check_own_hash(json, error) ||
        !files_from_json(json_object_get(json, "files"), manifest, error) ||
        !take_object(json, "source", &manifest->source, error) ||
        !take_object(json, "archive", &manifest->archive, error) ||
        !take_object(json, "properties", &manifest->properties, error))
        return NULL;
    manifest->run = g_strdup(json_get_text(json, "run"));
    manifest->database = g_strdup(json_get_text(json, "database"));
    manifest->read_from = g_strdup(json_get_text(json, "read_from"));
    manifest->content_hash = g_strdup(json_get_text(json, "content_hash"));
    manifest->digests = digest_set_from_json(json_object_get(json, "digests"), error);
    if (manifest->digests == NULL || !check_content_hash(manifest, error))
        return NULL;
    return g_steal_pointer(&manifest);
}

bool manifest_write(Manifest *manifest, const char *folder, GError **error)
{
    g_autoptr(json_t) json = NULL;
    g_autofree char *text = NULL;
    g_autofree char *path = g_build_filename(folder, MANIFEST_NAME, NULL);
    g_ptr_array_sort(manifest->files, by_name);
    json = manifest_to_json(manifest);
    text = json_to_text(json);
    return file_write_atomic(path, text, strlen(text), error);
}

Manifest *manifest_read(const char *folder, GError **error)
{
    g_autofree char *path = g_build_filename(folder, MANIFEST_NAME, NULL);
    g_autoptr(json_t) json = NULL;
    Manifest *manifest = NULL;
    if (!file_exists(path)) {
        error_set(error, ERROR_INTEGRITY, "'%s' is not a complete snapshot: it has no %s", folder,
                  MANIFEST_NAME);
        error_hint_set(error, "the manifest is written last: without it the snapshot was never "
                              "finished, or is not one");
        return NULL;
    }
    json = json_parse_file(path, error);
    if (json == NULL) {
        if (error != NULL && error_is(*error, ERROR_CONFIG))
            error_recode(error, ERROR_INTEGRITY);
        return NULL;
    }
    manifest = manifest_from_json(json, error);
    if (manifest == NULL)
        g_prefix_error(error, "%s: ", path);
    return manifest;
}
