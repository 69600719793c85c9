#include "snapshot/tar.h"

#include "base/error.h"
#include "base/interrupt.h"
#include "snapshot/manifest.h"
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES ((size_t)256 * 1024)

struct TarWriter {
    Sink *sink;
    struct archive *archive;
    char *folder;
    const atomic_bool *stop;
    char *block;
    bool given_up; /* what libarchive still writes is lost */
    GError *cause; /* of a write that failed below libarchive */
};

/* Never fails for libarchive, which would leak then: check() looks. */
static la_ssize_t feed(struct archive *archive, void *data, const void *bytes, size_t size_bytes)
{
    TarWriter *tar = data;
    (void)archive;
    if (!tar->given_up && !sink_write(tar->sink, bytes, size_bytes, &tar->cause))
        tar->given_up = true;
    return (la_ssize_t)size_bytes;
}

/* After each call of libarchive, which went well as far as it knows. */
static bool check(TarWriter *tar, bool well, GError **error)
{
    const char *said = archive_error_string(tar->archive);
    if (well && tar->cause == NULL)
        return true;
    if (tar->cause != NULL)
        g_propagate_error(error, g_steal_pointer(&tar->cause));
    else
        error_set(error, ERROR_IO, "cannot write the tar: %s",
                  said != NULL ? said : "no reason given");
    return false;
}

static bool add_header(TarWriter *tar, const char *name, const struct stat *status, GError **error)
{
    struct archive_entry *entry = archive_entry_new();
    const bool is_folder = S_ISDIR(status->st_mode);
    bool done = false;
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, is_folder ? AE_IFDIR : AE_IFREG);
    archive_entry_set_perm(entry, is_folder ? 0700 : 0600);
    archive_entry_set_mtime(entry, status->st_mtim.tv_sec, 0);
    archive_entry_set_size(entry, is_folder ? 0 : status->st_size);
    done = check(tar, archive_write_header(tar->archive, entry) == ARCHIVE_OK, error);
    archive_entry_free(entry);
    return done;
}

TarWriter *tar_writer_new(Sink *sink, const char *folder, const atomic_bool *stop, GError **error)
{
    g_autoptr(TarWriter) tar = g_new0(TarWriter, 1);
    g_autofree char *name = g_strconcat(folder, "/", NULL);
    struct stat status = {.st_mode = S_IFDIR};
    tar->sink = sink;
    tar->stop = stop;
    tar->folder = g_strdup(folder);
    tar->block = g_malloc(BLOCK_BYTES);
    tar->archive = archive_write_new();
    (void)clock_gettime(CLOCK_REALTIME, &status.st_mtim);
    /* Nothing is collected here: filters behind do that. The size of a file that ustar cannot hold
     * is the only thing that makes a pax header. */
    const bool opened =
        archive_write_set_format_pax_restricted(tar->archive) == ARCHIVE_OK &&
        archive_write_set_bytes_per_block(tar->archive, 0) == ARCHIVE_OK &&
        archive_write_open2(tar->archive, tar, NULL, feed, NULL, NULL) == ARCHIVE_OK;
    if (!check(tar, opened, error))
        return NULL;
    return add_header(tar, name, &status, error) ? g_steal_pointer(&tar) : NULL;
}

void tar_writer_free(TarWriter *tar)
{
    if (tar == NULL)
        return;
    tar->given_up = true; /* no end mark */
    archive_write_free(tar->archive);
    sink_free(tar->sink);
    g_clear_error(&tar->cause);
    g_free(tar->block);
    g_free(tar->folder);
    g_free(tar);
}

/* ---- one file ---- */

static bool changed(const char *path, GError **error)
{
    error_set(error, ERROR_IO, "'%s' has another size than before", path);
    return false;
}

static bool copy(TarWriter *tar, int fd, const char *path, uint64_t left, GError **error)
{
    for (;;) {
        const ssize_t got = read(fd, tar->block, BLOCK_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            error_set_errno(error, errno, "cannot read '%s'", path);
            return false;
        }
        if (got == 0 || (uint64_t)got > left)
            return (got == 0 && left == 0) || changed(path, error);
        if (atomic_load(tar->stop)) {
            error_set(error, ERROR_FAILED, "given up because other work failed");
            return false;
        }
        if (!check(tar, archive_write_data(tar->archive, tar->block, (size_t)got) == got, error))
            return false;
        left -= (uint64_t)got;
    }
}

bool tar_writer_add(TarWriter *tar, const char *path, const char *name, GError **error)
{
    g_autofree char *inside = g_build_filename(tar->folder, name, NULL);
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat status;
    bool done = false;
    if (fd < 0 || fstat(fd, &status) != 0) {
        error_set_errno(error, errno, "cannot open '%s'", path);
    } else {
        done = add_header(tar, inside, &status, error) &&
               copy(tar, fd, path, (uint64_t)status.st_size, error);
    }
    if (fd >= 0)
        (void)close(fd);
    return done;
}

bool tar_writer_finish(TarWriter *tar, GError **error)
{
    return check(tar, archive_write_close(tar->archive) == ARCHIVE_OK, error) &&
           sink_commit(tar->sink, error);
}

/* ---- a whole snapshot ---- */

static bool add_all(TarWriter *tar, const char *folder, const Manifest *manifest, GError **error)
{
    g_autofree char *last = g_build_filename(folder, MANIFEST_NAME, NULL);
    for (guint i = 0; i < manifest->files->len; i++) {
        const ManifestFile *file = g_ptr_array_index(manifest->files, i);
        g_autofree char *path = g_build_filename(folder, file->name, NULL);
        if (interrupt_check(error) || !tar_writer_add(tar, path, file->name, error))
            return false;
    }
    return tar_writer_add(tar, last, MANIFEST_NAME, error) && tar_writer_finish(tar, error);
}

bool tar_write_snapshot(Sink *sink, const char *folder, uint64_t *size_bytes, GError **error)
{
    static const atomic_bool stop = false;
    g_autoptr(TarWriter) tar = tar_writer_new(sink, TAR_FOLDER, &stop, error);
    g_autoptr(Manifest) manifest = tar != NULL ? manifest_read(folder, error) : NULL;
    if (manifest == NULL)
        return false;
    *size_bytes = manifest_size(manifest);
    return add_all(tar, folder, manifest, error);
}
