/*
 * file:// - a folder of this machine, or one that is mounted here.
 *
 * What is put is written under ".NAME.partial" beside its final name, flushed, read back from the
 * medium (the page cache is dropped first, as far as the system obeys), compared with what was read
 * from the source, and renamed. So a name that is visible is complete, and what a crash left has
 * the temporary name and is replaced by the next attempt.
 */
#include "base/file.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "store/file_private.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES ((size_t)1024 * 1024)
#define MAX_DEPTH 16

static bool malformed(const char *why, GError **error)
{
    error_set(error, ERROR_CONFIG, "must name a folder as file:///var/backups/drydock does: %s",
              why);
    error_hint_set(error, "write a blank as %%20");
    return false;
}

/* The folder that a file URL names. */
static bool parse_url(const char *url, char **path, GError **error)
{
    const char *rest = url + strlen("file:");
    if (strpbrk(rest, "?#") != NULL)
        return malformed("it has a query or fragment ('?' is written %3F, '#' %23)", error);
    if (!g_str_has_prefix(rest, "//"))
        return malformed("there is no '//' behind 'file:'", error);
    rest += 2;
    if (g_ascii_strncasecmp(rest, "localhost/", 10) == 0)
        rest += strlen("localhost");
    if (rest[0] != '/')
        return malformed("its path is not absolute, or it names another host", error);
    *path = g_uri_unescape_string(rest, "/");
    if (*path == NULL)
        return malformed("a percent sign is not followed by two hexadecimal digits", error);
    while (strlen(*path) > 1 && g_str_has_suffix(*path, "/"))
        (*path)[strlen(*path) - 1] = '\0';
    return true;
}

/* The folder is not created here: where a mount is missing, that would put the backup on the very
 * disk that it is to survive, and call it a success. */
bool file_store_check_root(const char *root, GError **error)
{
    struct stat status;
    if (stat(root, &status) != 0) {
        error_set(error, ERROR_CONFIG, "cannot use the store folder '%s': %s", root,
                  g_strerror(errno));
        error_hint_set(error, "mount it if it is on another disk, or create it: mkdir -m 700 -p %s",
                       root);
        return false;
    }
    if (!S_ISDIR(status.st_mode)) {
        error_set(error, ERROR_CONFIG, "cannot use the store folder '%s': it is not a folder",
                  root);
        return false;
    }
    if (access(root, R_OK | W_OK | X_OK) != 0) {
        error_set(error, ERROR_CONFIG, "cannot write into the store folder '%s': %s", root,
                  g_strerror(errno));
        error_hint_set(error, "give the user that runs this program the right to write there");
        return false;
    }
    return true;
}

static gpointer file_open(const char *url, GError **error)
{
    g_autofree char *root = NULL;
    FileStore *store = NULL;
    if (!parse_url(url, &root, error) || !file_store_check_root(root, error))
        return NULL;
    store = g_new0(FileStore, 1);
    store->root = g_steal_pointer(&root);
    return store;
}

static void file_close(gpointer state)
{
    FileStore *store = state;
    g_free(store->root);
    g_free(store);
}

static char *file_locate(gpointer state, const char *key)
{
    const FileStore *store = state;
    return g_build_filename(store->root, key, NULL);
}

/* A copy that is under way. */
typedef struct {
    char *final, *partial, *parent;
    uint64_t written;
    const char *shown; /* what progress lines call it */
} Copy;

static void copy_clear(Copy *copy)
{
    g_free(copy->final);
    g_free(copy->partial);
    g_free(copy->parent);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Copy, copy_clear)

void file_store_set_write_error(const char *path, int saved_errno, GError **error)
{
    error_set_errno(error, saved_errno, "cannot write '%s'", path);
    if (saved_errno == ENOSPC || saved_errno == EDQUOT)
        error_hint_set(error, "make room on the file system of '%s', then try again", path);
}

static bool write_block(int fd, const char *data, size_t size_bytes, const char *path,
                        GError **error)
{
    if (file_write_all(fd, data, size_bytes))
        return true;
    file_store_set_write_error(path, errno, error);
    return false;
}

/* Copies from one descriptor to the other; *hex gets the digest of what was read. */
static bool copy_bytes(Copy *copy, int from, int to, const char *source, const char *path,
                       HashHex *hex, GError **error)
{
    g_autoptr(HashStream) stream = hash_stream_new();
    g_autofree char *block = g_malloc(BLOCK_BYTES);
    ssize_t got = 0;
    while ((got = read(from, block, BLOCK_BYTES)) > 0) {
        if (interrupt_check(error) || !write_block(to, block, (size_t)got, path, error))
            return false;
        hash_stream_update(stream, block, (size_t)got);
        copy->written += (uint64_t)got;
        log_progress("copying to %s: %.1f MB", copy->shown, (double)copy->written / 1e6);
    }
    if (got < 0) {
        error_set_errno(error, errno, "cannot read '%s'", source);
        return false;
    }
    if (fsync(to) != 0) {
        file_store_set_write_error(path, errno, error);
        return false;
    }
    (void)posix_fadvise(to, 0, 0, POSIX_FADV_DONTNEED);
    *hex = hash_stream_end(stream);
    return true;
}

static int open_source(const char *source, GError **error)
{
    struct stat status;
    const int fd = open(source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) != 0) {
        error_set_errno(error, errno, "cannot open '%s'", source);
    } else if (!S_ISREG(status.st_mode)) {
        error_set(error, ERROR_IO, "cannot copy '%s': it is not a regular file", source);
    } else {
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Writes path from source, and reads it back. */
static bool copy_file(Copy *copy, const char *source, const char *path, GError **error)
{
    HashHex expected, actual;
    const int from = open_source(source, error);
    int to = -1;
    bool done = false;
    if (from < 0)
        return false;
    to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (to < 0)
        file_store_set_write_error(path, errno, error);
    done = to >= 0 && copy_bytes(copy, from, to, source, path, &expected, error);
    close(from);
    if (to >= 0 && close(to) != 0 && done) {
        file_store_set_write_error(path, errno, error);
        done = false;
    }
    if (!done || !hash_file(path, &actual, NULL, error))
        return false;
    if (strcmp(expected.hex, actual.hex) != 0) {
        error_set(error, ERROR_INTEGRITY, "'%s' was read back and differs from what was written",
                  path);
        error_hint_set(error, "do not trust this disk or mount; check it, and use another store");
        return false;
    }
    return true;
}

static bool copy_folder(Copy *copy, const char *source, const char *path, int depth,
                        GError **error);

static bool copy_member(Copy *copy, const char *source, const char *path, int depth, GError **error)
{
    struct stat status;
    if (lstat(source, &status) != 0) {
        error_set_errno(error, errno, "cannot look at '%s'", source);
        return false;
    }
    if (S_ISDIR(status.st_mode))
        return copy_folder(copy, source, path, depth + 1, error);
    if (S_ISREG(status.st_mode))
        return copy_file(copy, source, path, error);
    error_set(error, ERROR_IO, "cannot copy '%s': it is neither a file nor a folder", source);
    return false;
}

static bool copy_folder(Copy *copy, const char *source, const char *path, int depth, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GDir) folder = g_dir_open(source, 0, &cause);
    const char *name = NULL;
    if (folder == NULL || depth > MAX_DEPTH) {
        error_set(error, ERROR_IO, "cannot read folder '%s': %s", source,
                  cause != NULL ? cause->message : "too many folders in folders");
        return false;
    }
    if (mkdir(path, 0700) != 0) {
        file_store_set_write_error(path, errno, error);
        return false;
    }
    while ((name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *from = g_build_filename(source, name, NULL);
        g_autofree char *to = g_build_filename(path, name, NULL);
        if (!copy_member(copy, from, to, depth, error))
            return false;
    }
    return file_sync_folder(path, error);
}

/* Bytes in a folder, as far as it can be seen; what cannot be read fails later, with its name. */
static uint64_t measure(const char *path, int depth)
{
    struct stat status;
    uint64_t total = 0;
    g_autoptr(GDir) folder = NULL;
    const char *name = NULL;
    if (lstat(path, &status) != 0)
        return 0;
    if (!S_ISDIR(status.st_mode))
        return (uint64_t)status.st_size;
    folder = depth <= MAX_DEPTH ? g_dir_open(path, 0, NULL) : NULL;
    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *member = g_build_filename(path, name, NULL);
        total += measure(member, depth + 1);
    }
    return total;
}

static bool check_space(const Copy *copy, const char *source, GError **error)
{
    const uint64_t needed = measure(source, 0);
    uint64_t available = 0;
    if (!file_free_space(copy->parent, &available, error))
        return false;
    if (available >= needed)
        return true;
    error_set(error, ERROR_IO,
              "cannot copy to '%s': %.1f MB are needed and %.1f MB are free on its file system",
              copy->final, (double)needed / 1e6, (double)available / 1e6);
    error_hint_set(error, "make room on the file system of '%s', then try again", copy->parent);
    return false;
}

/* The root itself must be there still; folders inside it are made. */
static bool begin(const FileStore *store, const char *key, const char *source, Copy *copy,
                  GError **error)
{
    copy->final = g_build_filename(store->root, key, NULL);
    copy->parent = g_path_get_dirname(copy->final);
    copy->partial = file_store_partial(copy->final);
    copy->shown = store->root;
    return file_store_check_root(store->root, error) && file_make_folder(copy->parent, error) &&
           file_remove_tree(copy->partial, error) && check_space(copy, source, error);
}

char *file_store_partial(const char *path)
{
    g_autofree char *parent = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    return g_strdup_printf("%s/.%s.partial", parent, name);
}

bool file_store_is_partial(const char *name)
{
    return name[0] == '.' && g_str_has_suffix(name, ".partial");
}

/* Nobody else may have taken the name meanwhile. File systems that cannot check that in one step
 * (some network ones) have it checked and done. */
static bool publish_new(const char *partial, const char *path, GError **error)
{
    if (!failpoint_error("store.before_rename", error))
        return false;
    if (renameat2(AT_FDCWD, partial, AT_FDCWD, path, RENAME_NOREPLACE) == 0) {
        g_autofree char *parent = g_path_get_dirname(path);
        failpoint("store.after_rename");
        return file_sync_folder(parent, error);
    }
    if (errno == EEXIST || ((errno == EINVAL || errno == ENOSYS) && file_exists(path))) {
        store_set_exists(path, error);
        return false;
    }
    if (errno == EINVAL || errno == ENOSYS)
        return file_rename(partial, path, error);
    error_set_errno(error, errno, "cannot rename '%s' to '%s'", partial, path);
    return false;
}

bool file_store_publish(const char *partial, const char *path, bool replace, GError **error)
{
    return replace ? file_rename(partial, path, error) : publish_new(partial, path, error);
}

/* After a failure nothing is left under the temporary name. */
static bool finish(const Copy *copy, bool done)
{
    log_progress_end();
    if (!done)
        (void)file_remove_tree(copy->partial, NULL);
    return done;
}

static bool file_put_folder(gpointer state, const char *key, const char *folder,
                            uint64_t *size_bytes, GError **error)
{
    g_auto(Copy) copy = {0};
    bool done = false;
    if (!begin(state, key, folder, &copy, error))
        return false;
    if (file_exists(copy.final)) {
        store_set_exists(copy.final, error);
        return false;
    }
    done = copy_folder(&copy, folder, copy.partial, 0, error) &&
           file_store_publish(copy.partial, copy.final, false, error);
    *size_bytes = copy.written;
    return finish(&copy, done);
}

static bool file_put_file(gpointer state, const char *key, const char *file, GError **error)
{
    g_auto(Copy) copy = {0};
    if (!begin(state, key, file, &copy, error))
        return false;
    return finish(&copy, copy_file(&copy, file, copy.partial, error) &&
                             file_rename(copy.partial, copy.final, error));
}

static bool file_check_url(const char *url, GError **error)
{
    g_autofree char *path = NULL;
    if (!parse_url(url, &path, error))
        return false;
    return strcmp(path, "/") != 0 || malformed("it names no folder below the root", error);
}

static void file_set_latest(gpointer state, int64_t latest_us)
{
    (void)state;
    (void)latest_us;
}

static bool file_reach(gpointer state, GError **error)
{
    return file_store_check_root(((FileStore *)state)->root, error);
}

const StoreBackend store_file_backend = {
    .scheme = "file",
    .check_url = file_check_url,
    .open = file_open,
    .close = file_close,
    .set_latest = file_set_latest,
    .reach = file_reach,
    .put = file_store_put,
    .get = file_store_get,
    .head = file_store_head,
    .list = file_store_list,
    .delete = file_store_delete,
    .take_back = file_store_delete,
    .set_retention = file_store_set_retention,
    .sweep = file_store_sweep,
    .put_folder = file_put_folder,
    .put_file = file_put_file,
    .locate = file_locate,
};
