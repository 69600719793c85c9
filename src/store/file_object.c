/* file://: single objects, which are files in the folder. */
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "store/file_private.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DEPTH 32

/* ---- putting ---- */

typedef struct {
    Sink sink;
    int fd;
    char *path, *partial;
    bool replace;
    HashStream *hash;
} FilePut;

static bool put_failed(const FilePut *put, GError **error)
{
    file_store_set_write_error(put->partial, errno, error);
    return false;
}

static bool put_write(Sink *sink, const void *data, size_t size_bytes, GError **error)
{
    FilePut *put = (FilePut *)sink;
    if (interrupt_check(error))
        return false;
    if (!file_write_all(put->fd, data, size_bytes))
        return put_failed(put, error);
    hash_stream_update(put->hash, data, size_bytes);
    return true;
}

/* The page cache is dropped first, as far as the system obeys. */
static bool read_back(FilePut *put, GError **error)
{
    const HashHex expected = hash_stream_end(put->hash);
    HashHex actual;
    if (!hash_file(put->partial, &actual, NULL, error))
        return false;
    if (strcmp(expected.hex, actual.hex) == 0)
        return true;
    error_set(error, ERROR_INTEGRITY, "'%s' was read back and differs from what was written",
              put->partial);
    error_hint_set(error, "do not trust this disk or mount; check it, and use another store");
    return false;
}

static bool put_commit(Sink *sink, GError **error)
{
    FilePut *put = (FilePut *)sink;
    const int fd = put->fd;
    if (fsync(fd) != 0)
        return put_failed(put, error);
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    put->fd = -1;
    if (close(fd) != 0)
        return put_failed(put, error);
    return read_back(put, error) &&
           file_store_publish(put->partial, put->path, put->replace, error);
}

static void put_discard(Sink *sink)
{
    FilePut *put = (FilePut *)sink;
    if (put->fd >= 0)
        close(put->fd);
    if (!sink->committed)
        (void)unlink(put->partial);
    hash_stream_free(put->hash);
    g_free(put->path);
    g_free(put->partial);
}

static bool no_locks(GError **error)
{
    error_set(error, ERROR_REFUSED, "a folder cannot lock what is in it");
    error_hint_set(error, "use an object store with Object Lock, or no retention");
    return false;
}

/* The root itself must be there still; folders inside it are made. */
static bool prepare(const FileStore *store, const FilePut *put, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(put->path);
    if (!file_store_check_root(store->root, error) || !file_make_folder(parent, error) ||
        !file_remove_tree(put->partial, error))
        return false;
    if (put->replace || !file_exists(put->path))
        return true;
    store_set_exists(put->path, error);
    return false;
}

Sink *file_store_put(gpointer state, const char *key, const StorePutOptions *options,
                     GError **error)
{
    static const SinkKind kind = {put_write, put_commit, put_discard};
    const FileStore *store = state;
    FilePut *put = NULL;
    if (options->retention.lock != STORE_LOCK_NONE) {
        (void)no_locks(error);
        return NULL;
    }
    put = g_new0(FilePut, 1);
    put->sink.kind = &kind;
    put->path = g_build_filename(store->root, key, NULL);
    put->partial = file_store_partial(put->path);
    put->replace = !options->if_absent;
    put->hash = hash_stream_new();
    put->fd = -1;
    if (prepare(store, put, error)) {
        put->fd = open(put->partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (put->fd >= 0)
            return &put->sink;
        (void)put_failed(put, error);
    }
    sink_free(&put->sink);
    return NULL;
}

/* ---- getting ---- */

typedef struct {
    Source source;
    int fd;
    char *path;
    uint64_t left;
} FileGet;

static bool get_read(Source *source, void *data, size_t size_bytes, size_t *got, GError **error)
{
    FileGet *get = (FileGet *)source;
    const size_t wanted = (size_t)MIN((uint64_t)size_bytes, get->left);
    const ssize_t count = wanted > 0 ? read(get->fd, data, wanted) : 0;
    if (count < 0) {
        error_set_errno(error, errno, "cannot read '%s'", get->path);
        return false;
    }
    *got = (size_t)count;
    get->left -= *got;
    return true;
}

static void get_clear(Source *source)
{
    FileGet *get = (FileGet *)source;
    close(get->fd);
    g_free(get->path);
}

Source *file_store_get(gpointer state, const char *key, uint64_t offset, uint64_t length_bytes,
                       GError **error)
{
    static const SourceKind kind = {get_read, get_clear};
    g_autofree char *path = g_build_filename(((FileStore *)state)->root, key, NULL);
    struct stat status;
    FileGet *get = NULL;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) != 0 || lseek(fd, (off_t)offset, SEEK_SET) < 0) {
        error_set_errno(error, errno, "cannot open '%s'", path);
    } else if (!S_ISREG(status.st_mode)) {
        error_set(error, ERROR_IO, "cannot read '%s': it is not a regular file", path);
    } else {
        get = g_new0(FileGet, 1);
        get->source.kind = &kind;
        get->fd = fd;
        get->path = g_steal_pointer(&path);
        get->left = length_bytes;
        return &get->source;
    }
    if (fd >= 0)
        close(fd);
    return NULL;
}

/* ---- looking ---- */

static StoreObject *object_new(const char *key, const struct stat *status)
{
    StoreObject *object = g_new0(StoreObject, 1);
    object->key = g_strdup(key);
    object->size_bytes = (uint64_t)status->st_size;
    object->modified_us =
        (int64_t)status->st_mtim.tv_sec * G_USEC_PER_SEC + status->st_mtim.tv_nsec / 1000;
    return object;
}

bool file_store_head(gpointer state, const char *key, StoreObject **object, GError **error)
{
    g_autofree char *path = g_build_filename(((FileStore *)state)->root, key, NULL);
    struct stat status;
    if (lstat(path, &status) == 0) {
        if (S_ISREG(status.st_mode))
            *object = object_new(key, &status);
        return true;
    }
    if (errno == ENOENT || errno == ENOTDIR)
        return file_store_check_root(((FileStore *)state)->root, error);
    error_set_errno(error, errno, "cannot look at '%s'", path);
    return false;
}

/* What a walk does with a member: key is relative to the root. */
typedef bool (*Visit)(const char *path, const char *key, const struct stat *status, gpointer data,
                      GError **error);

static bool visit_folder(const char *root, const char *key, int depth, Visit visit, gpointer data,
                         GError **error);

static bool visit_member(const char *root, const char *key, int depth, Visit visit, gpointer data,
                         GError **error)
{
    g_autofree char *path = g_build_filename(root, key, NULL);
    g_autofree char *name = g_path_get_basename(path);
    struct stat status;
    if (lstat(path, &status) != 0) {
        if (errno == ENOENT) /* gone since */
            return true;
        error_set_errno(error, errno, "cannot look at '%s'", path);
        return false;
    }
    if (S_ISDIR(status.st_mode) && !file_store_is_partial(name))
        return visit_folder(root, key, depth + 1, visit, data, error);
    return visit(path, key, &status, data, error);
}

static bool visit_folder(const char *root, const char *key, int depth, Visit visit, gpointer data,
                         GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *path = g_build_filename(root, key, NULL);
    g_autoptr(GDir) folder = g_dir_open(path, 0, &cause);
    const char *name = NULL;
    if (folder == NULL && g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        return true;
    if (folder == NULL || depth > MAX_DEPTH) {
        error_set(error, ERROR_IO, "cannot read folder '%s': %s", path,
                  cause != NULL ? cause->message : "too many folders in folders");
        return false;
    }
    while ((name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *member =
            key[0] == '\0' ? g_strdup(name) : g_strconcat(key, "/", name, NULL);
        if (!visit_member(root, member, depth, visit, data, error))
            return false;
    }
    return true;
}

/* From the folder that a prefix is in. */
static bool walk(const FileStore *store, const char *prefix, Visit visit, gpointer data,
                 GError **error)
{
    const char *slash = strrchr(prefix, '/');
    g_autofree char *start = slash != NULL ? g_strndup(prefix, (gsize)(slash - prefix)) : NULL;
    return file_store_check_root(store->root, error) &&
           visit_folder(store->root, start != NULL ? start : "", 0, visit, data, error);
}

typedef struct {
    const char *prefix;
    GPtrArray *objects;
    int64_t before_us;
    int *count;
} Walk;

static bool list_one(const char *path, const char *key, const struct stat *status, gpointer data,
                     GError **error)
{
    const Walk *listing = data;
    g_autofree char *name = g_path_get_basename(path);
    (void)error;
    if (S_ISREG(status->st_mode) && !file_store_is_partial(name) &&
        g_str_has_prefix(key, listing->prefix))
        g_ptr_array_add(listing->objects, object_new(key, status));
    return true;
}

bool file_store_list(gpointer state, const char *prefix, GPtrArray *objects, GError **error)
{
    Walk listing = {.prefix = prefix, .objects = objects};
    return walk(state, prefix, list_one, &listing, error);
}

/* ---- removing ---- */

/* Folders that were there for the sake of what is gone. */
static void remove_empty_parents(const FileStore *store, const char *path)
{
    g_autofree char *at = g_path_get_dirname(path);
    while (strlen(at) > strlen(store->root) && rmdir(at) == 0) {
        char *parent = g_path_get_dirname(at);
        g_free(at);
        at = parent;
    }
}

bool file_store_delete(gpointer state, const char *key, GError **error)
{
    const FileStore *store = state;
    g_autofree char *path = g_build_filename(store->root, key, NULL);
    if (unlink(path) != 0 && errno != ENOENT && errno != ENOTDIR) {
        error_set_errno(error, errno, "cannot delete '%s'", path);
        return false;
    }
    remove_empty_parents(store, path);
    return true;
}

bool file_store_set_retention(gpointer state, const char *key, const StoreRetention *retention,
                              GError **error)
{
    (void)state;
    (void)key;
    return retention->lock == STORE_LOCK_NONE || no_locks(error);
}

/* ".NAME.partial" stands for NAME. */
static char *key_of_partial(const char *key)
{
    g_autofree char *parent = g_path_get_dirname(key);
    g_autofree char *name = g_path_get_basename(key);
    name[strlen(name) - strlen(".partial")] = '\0';
    return strcmp(parent, ".") == 0 ? g_strdup(name + 1) : g_strconcat(parent, "/", name + 1, NULL);
}

static bool sweep_one(const char *path, const char *key, const struct stat *status, gpointer data,
                      GError **error)
{
    const Walk *sweep = data;
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *meant = file_store_is_partial(name) ? key_of_partial(key) : NULL;
    if (meant == NULL || !g_str_has_prefix(meant, sweep->prefix) ||
        (int64_t)status->st_mtim.tv_sec * G_USEC_PER_SEC >= sweep->before_us)
        return true;
    if (!file_remove_tree(path, error))
        return false;
    ++*sweep->count;
    return true;
}

bool file_store_sweep(gpointer state, const char *prefix, int64_t before_us, int *count,
                      GError **error)
{
    Walk sweep = {.prefix = prefix, .before_us = before_us, .count = count};
    return walk(state, prefix, sweep_one, &sweep, error);
}
