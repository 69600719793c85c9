/* The folder of a snapshot: nothing is missing, nothing is there that the manifest does not know,
 * and the table of contents is the one that was recorded before anything reads it. */
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "snapshot/restore_state.h"
#include <string.h>
#include <sys/stat.h>

#define TOC_NAME "toc.dat"
#define MAX_TOC_BYTES ((size_t)1 << 30)

const ManifestFile *restore_file(const Restore *restore, const char *name)
{
    return g_hash_table_lookup(restore->files, name);
}

const ManifestFile *restore_data_file(const Restore *restore, const char *name)
{
    static const char *const suffixes[] = {"", ".zst", ".gz", ".lz4"};
    for (size_t i = 0; name != NULL && name[0] != '\0' && i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *full = g_strconcat(name, suffixes[i], NULL);
        const ManifestFile *file = restore_file(restore, full);
        if (file != NULL)
            return file;
    }
    return NULL;
}

static char *path_of(const Restore *restore, const char *name)
{
    return g_build_filename(restore->options->from->path, name, NULL);
}

Source *restore_open_source(const Restore *restore, const ManifestFile *file, GError **error)
{
    g_autofree char *path = path_of(restore, file->name);
    g_autofree char *what = g_strdup_printf("file '%s' of the snapshot", file->name);
    Source *source = source_file_new(path, error);
    if (source == NULL)
        return NULL;
    source = source_check_new(source, what, file->sha256.hex, file->size_bytes);
    return g_str_has_suffix(file->name, ".zst") ? source_zstd_new(source, what, error) : source;
}

/* ---- names and sizes ---- */

/* What is not read while restoring is read for its digest: a snapshot is whole, or it is not used.
 */
static bool is_as_recorded(const ManifestFile *file, const char *path)
{
    const bool is_read_later = file->has_rows || g_str_has_prefix(file->name, "blob");
    HashHex hash;
    return is_read_later ||
           (hash_file(path, &hash, NULL, NULL) && strcmp(hash.hex, file->sha256.hex) == 0);
}

static void check_file(const Restore *restore, const ManifestFile *file, GString *problems)
{
    g_autofree char *path = path_of(restore, file->name);
    struct stat status;
    const char *separator = problems->len > 0 ? "; " : "";
    if (lstat(path, &status) != 0)
        g_string_append_printf(problems, "%s'%s' is missing", separator, file->name);
    else if (!S_ISREG(status.st_mode))
        g_string_append_printf(problems, "%s'%s' is not a regular file", separator, file->name);
    else if ((uint64_t)status.st_size != file->size_bytes)
        g_string_append_printf(problems,
                               "%s'%s' has %" G_GUINT64_FORMAT " bytes where %" G_GUINT64_FORMAT
                               " were recorded",
                               separator, file->name, (uint64_t)status.st_size, file->size_bytes);
    else if (!is_as_recorded(file, path))
        g_string_append_printf(problems, "%s'%s' was changed: its SHA-256 is not the recorded one",
                               separator, file->name);
}

static bool check_extra(const Restore *restore, GString *problems, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GDir) members = g_dir_open(restore->options->from->path, 0, &cause);
    const char *name = NULL;
    if (members == NULL) {
        error_set(error, ERROR_IO, "cannot read folder '%s': %s", restore->options->from->path,
                  cause->message);
        return false;
    }
    while ((name = g_dir_read_name(members)) != NULL) {
        g_autofree char *printable = text_printable(name);
        if (strcmp(name, MANIFEST_NAME) != 0 && restore_file(restore, name) == NULL)
            g_string_append_printf(problems, "%s'%s' is not in the manifest",
                                   problems->len > 0 ? "; " : "", printable);
    }
    return true;
}

static bool check_files(const Restore *restore, GError **error)
{
    g_autoptr(GString) problems = g_string_new(NULL);
    for (guint i = 0; i < restore->manifest->files->len; i++)
        check_file(restore, g_ptr_array_index(restore->manifest->files, i), problems);
    if (!check_extra(restore, problems, error))
        return false;
    if (problems->len == 0)
        return true;
    error_set(error, ERROR_INTEGRITY, "the snapshot '%s' is not as it was taken: %s",
              restore->options->from->given, problems->str);
    error_hint_set(error, "use another copy of it; drydock verify snapshot tells all that is wrong "
                          "with this one");
    return false;
}

/* ---- the table of contents ---- */

static bool read_toc(Restore *restore, GError **error)
{
    const ManifestFile *file = restore_file(restore, TOC_NAME);
    g_autofree char *path = path_of(restore, TOC_NAME);
    g_autofree char *bytes = NULL;
    size_t size_bytes = 0;
    HashHex hash;
    if (file == NULL) {
        error_set(error, ERROR_INTEGRITY, "the snapshot '%s' has no %s",
                  restore->options->from->given, TOC_NAME);
        return false;
    }
    if (!file_read(path, MAX_TOC_BYTES, &bytes, &size_bytes, error))
        return false;
    hash = hash_bytes(bytes, size_bytes);
    if (strcmp(hash.hex, file->sha256.hex) != 0) {
        error_set(error, ERROR_INTEGRITY, "'%s' was changed: its SHA-256 is not the recorded one",
                  path);
        return false;
    }
    restore->toc = toc_parse(bytes, size_bytes, error);
    return restore->toc != NULL;
}

/* "SET client_encoding = 'UTF8';": what stands between the quotes, if it is a plain word. */
static char *quoted_word(const char *defn)
{
    const char *begin = defn != NULL ? strchr(defn, '\'') : NULL;
    const size_t size = begin != NULL ? strcspn(begin + 1, "'") : 0;
    if (size == 0)
        return NULL;
    for (size_t i = 1; i <= size; i++) {
        if (!g_ascii_isalnum(begin[i]) && begin[i] != '_')
            return NULL;
    }
    return g_strndup(begin + 1, size);
}

static void read_settings(Restore *restore)
{
    for (guint i = 0; i < restore->toc->entries->len; i++) {
        const TocEntry *entry = g_ptr_array_index(restore->toc->entries, i);
        if (strcmp(entry->desc, "ENCODING") == 0 && restore->client_encoding == NULL)
            restore->client_encoding = quoted_word(entry->defn);
        else if (strcmp(entry->desc, "STDSTRINGS") == 0 && restore->conforming_strings == NULL)
            restore->conforming_strings = quoted_word(entry->defn);
    }
    if (restore->client_encoding == NULL)
        restore->client_encoding = g_strdup("UTF8");
    if (restore->conforming_strings == NULL)
        restore->conforming_strings = g_strdup("on");
}

bool restore_open_files(Restore *restore, GError **error)
{
    restore->files = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < restore->manifest->files->len; i++) {
        ManifestFile *file = g_ptr_array_index(restore->manifest->files, i);
        g_hash_table_insert(restore->files, file->name, file);
    }
    if (!check_files(restore, error) || !read_toc(restore, error))
        return false;
    read_settings(restore);
    return true;
}

bool restore_can_load(const Restore *restore)
{
    for (guint i = 0; i < restore->toc->entries->len; i++) {
        const TocEntry *entry = g_ptr_array_index(restore->toc->entries, i);
        const ManifestFile *file = entry->has_data ? restore_data_file(restore, entry->file) : NULL;
        if (file != NULL && strcmp(entry->desc, "TABLE DATA") == 0 &&
            (!file->has_rows || g_str_has_suffix(file->name, ".gz") ||
             g_str_has_suffix(file->name, ".lz4")))
            return false;
    }
    return true;
}
