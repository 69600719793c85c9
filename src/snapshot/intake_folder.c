#include "snapshot/intake_folder.h"

#include "base/error.h"
#include "base/file.h"
#include "snapshot/intake_names.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define TOC_NAME "toc.dat"
#define MAX_TOC_BYTES ((size_t)1024 * 1024 * 1024)
#define MAX_BLOBS_BYTES ((size_t)512 * 1024 * 1024)

typedef struct {
    const char *path;
    GHashTable *files; /* name to uint64_t *: its size; what is no regular file has none */
    uint64_t size_bytes;
} Listing;

static bool is_wrong(const char *name, const char *why, GError **error)
{
    g_autofree char *shown = intake_printable(name);
    error_set(error, ERROR_INTEGRITY, "'%s' %s", shown, why);
    return false;
}

static bool list_file(Listing *listing, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(listing->path, name, NULL);
    struct stat status;
    uint64_t *size = NULL;
    if (lstat(path, &status) != 0) {
        error_set_errno(error, errno, "cannot look at '%s'", path);
        return false;
    }
    if (S_ISREG(status.st_mode)) {
        size = g_new(uint64_t, 1);
        *size = (uint64_t)status.st_size;
        listing->size_bytes += *size;
    } else if (intake_is_dump_member(name)) {
        return is_wrong(name, "is no regular file", error);
    }
    g_hash_table_insert(listing->files, g_strdup(name), size);
    return true;
}

static bool list_files(Listing *listing, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GDir) folder = g_dir_open(listing->path, 0, &cause);
    const char *name = NULL;
    if (folder == NULL) {
        error_set(error, ERROR_IO, "cannot read the folder: %s", cause->message);
        return false;
    }
    while ((name = g_dir_read_name(folder)) != NULL)
        if (!list_file(listing, name, error))
            return false;
    return true;
}

static bool has_file(const Listing *listing, const char *name)
{
    return g_hash_table_lookup(listing->files, name) != NULL;
}

/* pg_restore tries the name, then the name with each ending. */
static bool has_data_file(const Listing *listing, const char *name)
{
    static const char *const endings[] = {"", ".gz", ".lz4", ".zst"};
    for (size_t i = 0; i < G_N_ELEMENTS(endings); i++) {
        g_autofree char *full = g_strconcat(name, endings[i], NULL);
        if (has_file(listing, full))
            return true;
    }
    return false;
}

/* ---- what the table of contents speaks of ---- */

/* "16403 blob_16403.dat" a line: names that pg_restore opens. */
static bool check_blobs(const Listing *listing, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(listing->path, name, NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    size_t size = 0;
    if (!file_read(path, MAX_BLOBS_BYTES, &text, &size, error))
        return false;
    if (strlen(text) != size)
        return is_wrong(name, "is damaged", error);
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        char *file = strchr(*line, ' ');
        if ((*line)[0] == '\0' && line[1] == NULL)
            return true;
        if (file == NULL || !g_str_has_prefix(file, " blob_") || !intake_is_dump_member(file + 1))
            return is_wrong(name, "names a file that is no large object", error);
        if (!has_data_file(listing, file + 1))
            return is_wrong(file + 1, "is missing: a large object", error);
    }
    return is_wrong(name, "is torn", error);
}

static bool check_data_file(const Listing *listing, const char *name, GError **error)
{
    if (strchr(name, '/') != NULL || name[0] == '.' || name[0] == '\0')
        return is_wrong(name, "lies elsewhere, says the table of contents", error);
    if (!has_data_file(listing, name))
        return is_wrong(name, "is missing: the table of contents speaks of it", error);
    if (!g_str_has_prefix(name, "blobs"))
        return true;
    return has_file(listing, name) ? check_blobs(listing, name, error)
                                   : is_wrong(name, "is compressed, which it never is", error);
}

static bool check_toc(const Listing *listing, const Toc *toc, GError **error)
{
    for (guint i = 0; i < toc->entries->len; i++) {
        const TocEntry *entry = g_ptr_array_index(toc->entries, i);
        if (entry->file != NULL && entry->file[0] != '\0' &&
            !check_data_file(listing, entry->file, error))
            return false;
        if (entry->has_data && (entry->file == NULL || entry->file[0] == '\0'))
            return is_wrong(TOC_NAME, "names no file for data", error);
    }
    return true;
}

static Toc *parse_toc(const char *path, GError **error)
{
    g_autofree char *bytes = NULL;
    size_t size = 0;
    Toc *toc = NULL;
    if (!file_read(path, MAX_TOC_BYTES, &bytes, &size, error))
        return NULL;
    toc = toc_parse(bytes, size, error);
    if (toc == NULL)
        g_prefix_error(error, "%s: ", TOC_NAME);
    return toc;
}

static Toc *read_toc(const Listing *listing, GError **error)
{
    g_autofree char *path = g_build_filename(listing->path, TOC_NAME, NULL);
    g_autoptr(Toc) toc = parse_toc(path, error);
    if (toc == NULL || !check_toc(listing, toc, error))
        return NULL;
    return g_steal_pointer(&toc);
}

/* ---- what the manifest lists ---- */

static bool check_listed(const Listing *listing, const Manifest *manifest, GError **error)
{
    for (guint i = 0; i < manifest->files->len; i++) {
        const ManifestFile *file = g_ptr_array_index(manifest->files, i);
        const uint64_t *size = g_hash_table_lookup(listing->files, file->name);
        if (size == NULL)
            return is_wrong(file->name, "is missing: the manifest lists it", error);
        if (*size != file->size_bytes)
            return is_wrong(file->name, "has another size than the manifest says", error);
    }
    return true;
}

static bool check_extra(const Listing *listing, const Manifest *manifest, GError **error)
{
    g_autoptr(GHashTable) listed = g_hash_table_new(g_str_hash, g_str_equal);
    GHashTableIter iter;
    gpointer name = NULL;
    for (guint i = 0; i < manifest->files->len; i++) {
        const ManifestFile *file = g_ptr_array_index(manifest->files, i);
        g_hash_table_add(listed, file->name);
    }
    g_hash_table_iter_init(&iter, listing->files);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        if (!g_hash_table_contains(listed, name) && strcmp(name, MANIFEST_NAME) != 0)
            return is_wrong(name, "is in the folder, and the manifest does not list it", error);
    return true;
}

static bool read_listed(const Listing *listing, IntakeFolder *folder, GError **error)
{
    if (has_file(listing, MANIFEST_NAME)) {
        folder->manifest = manifest_read(listing->path, error);
        if (folder->manifest == NULL || !check_listed(listing, folder->manifest, error) ||
            !check_extra(listing, folder->manifest, error))
            return false;
    }
    if (!has_file(listing, TOC_NAME)) {
        error_set(error, folder->manifest != NULL ? ERROR_INTEGRITY : ERROR_CONFIG,
                  "it has no %s: it is neither a snapshot nor a directory of pg_dump", TOC_NAME);
        return false;
    }
    folder->toc = read_toc(listing, error);
    folder->size_bytes = listing->size_bytes;
    return folder->toc != NULL;
}

static bool rewrite_toc(const Listing *listing, GError **error)
{
    g_autofree char *path = g_build_filename(listing->path, TOC_NAME, NULL);
    g_autoptr(Toc) toc = parse_toc(path, error);
    g_autoptr(GByteArray) bytes = NULL;
    if (toc == NULL)
        return false;
    for (guint i = 0; i < toc->entries->len; i++) {
        TocEntry *entry = g_ptr_array_index(toc->entries, i);
        g_autofree char *numbered = g_strdup_printf("blobs_%d.toc", entry->id);
        if (g_strcmp0(entry->desc, "BLOBS") == 0) {
            g_free(entry->file);
            entry->file = g_strdup(has_file(listing, numbered) ? numbered : "blobs.toc");
        }
    }
    bytes = toc_write(toc);
    return file_write_atomic(path, bytes->data, bytes->len, error);
}

bool intake_folder_from_tar(const char *path, GError **error)
{
    g_autofree char *script = g_build_filename(path, "restore.sql", NULL);
    Listing listing = {.path = path};
    bool done = false;
    listing.files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    done = file_remove_tree(script, error) && list_files(&listing, error);
    /* Without a table of contents it is nothing, which intake_folder_read() says. */
    done = done && (!has_file(&listing, TOC_NAME) || rewrite_toc(&listing, error));
    g_hash_table_unref(listing.files);
    return done;
}

bool intake_folder_read(const char *path, IntakeFolder *folder, GError **error)
{
    Listing listing = {.path = path};
    bool done = false;
    listing.files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    done = list_files(&listing, error) && read_listed(&listing, folder, error);
    g_hash_table_unref(listing.files);
    return done;
}

void intake_folder_clear(IntakeFolder *folder)
{
    g_clear_pointer(&folder->manifest, manifest_free);
    g_clear_pointer(&folder->toc, toc_free);
}
