/* Folders and files for stores that have objects alone. */
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "store/backend.h"
#include <string.h>
#include <sys/stat.h>

#define BLOCK_BYTES ((size_t)256 * 1024)
#define MAX_DEPTH 16
#define LAST_NAME "manifest.json"

/* A folder on its way. */
typedef struct {
    Store *store;
    const char *key;
    GPtrArray *names; /* of files, relative to the folder */
    GPtrArray *put;   /* keys that are there because of us */
    uint64_t written;
} Transfer;

static void transfer_clear(Transfer *transfer)
{
    g_clear_pointer(&transfer->names, g_ptr_array_unref);
    g_clear_pointer(&transfer->put, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Transfer, transfer_clear)

static bool copy(Source *source, Sink *sink, uint64_t *written, GError **error)
{
    g_autofree char *block = g_malloc(BLOCK_BYTES);
    size_t got = 0;
    do {
        if (interrupt_check(error) || !source_read(source, block, BLOCK_BYTES, &got, error) ||
            (got > 0 && !sink_write(sink, block, got, error)))
            return false;
        *written += got;
        log_progress("sending: %.1f MB", (double)*written / 1e6);
    } while (got > 0);
    return sink_commit(sink, error);
}

static bool send_file(Store *store, const char *key, const char *file, StorePutOptions *options,
                      uint64_t *written, GError **error)
{
    g_autoptr(Source) source = NULL;
    g_autoptr(Sink) sink = NULL;
    struct stat status;
    if (lstat(file, &status) != 0) {
        error_set_errno(error, errno, "cannot look at '%s'", file);
        return false;
    }
    options->size_hint_bytes = (uint64_t)status.st_size;
    source = source_file_new(file, error);
    sink = source != NULL ? store_put(store, key, options, error) : NULL;
    return sink != NULL && copy(source, sink, written, error);
}

bool store_transfer_file(Store *store, const char *key, const char *file, GError **error)
{
    StorePutOptions options = {0};
    uint64_t written = 0;
    const bool done = send_file(store, key, file, &options, &written, error);
    log_progress_end();
    return done;
}

static bool find_files(const char *folder, const char *inner, int depth, GPtrArray *names,
                       GError **error);

static bool find_member(const char *folder, char *name, int depth, GPtrArray *names, GError **error)
{
    g_autofree char *owned = name;
    g_autofree char *path = g_build_filename(folder, name, NULL);
    struct stat status;
    if (lstat(path, &status) != 0) {
        error_set_errno(error, errno, "cannot look at '%s'", path);
        return false;
    }
    if (S_ISDIR(status.st_mode))
        return find_files(folder, name, depth + 1, names, error);
    if (!S_ISREG(status.st_mode)) {
        error_set(error, ERROR_IO, "cannot copy '%s': it is neither a file nor a folder", path);
        return false;
    }
    g_ptr_array_add(names, g_steal_pointer(&owned));
    return true;
}

static bool find_files(const char *folder, const char *inner, int depth, GPtrArray *names,
                       GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *path = g_build_filename(folder, inner, NULL);
    g_autoptr(GDir) members = g_dir_open(path, 0, &cause);
    const char *name = NULL;
    if (members == NULL || depth > MAX_DEPTH) {
        error_set(error, ERROR_IO, "cannot read folder '%s': %s", path,
                  cause != NULL ? cause->message : "too many folders in folders");
        return false;
    }
    while ((name = g_dir_read_name(members)) != NULL) {
        char *member = inner[0] == '\0' ? g_strdup(name) : g_strconcat(inner, "/", name, NULL);
        if (!find_member(folder, member, depth, names, error))
            return false;
    }
    return true;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    const char *one = *(const char *const *)a;
    const char *other = *(const char *const *)b;
    const bool one_is_last = strcmp(one, LAST_NAME) == 0;
    const bool other_is_last = strcmp(other, LAST_NAME) == 0;
    return one_is_last != other_is_last ? one_is_last - other_is_last : strcmp(one, other);
}

/* A whole folder at key ends the attempt; what an attempt that died left there does not. */
static bool check_absent(const Transfer *transfer, GError **error)
{
    const char *last = g_ptr_array_index(transfer->names, transfer->names->len - 1);
    g_autofree char *key = g_strconcat(transfer->key, "/", last, NULL);
    g_autofree char *place = store_locate(transfer->store, transfer->key);
    g_autoptr(StoreObject) object = NULL;
    if (!store_head(transfer->store, key, &object, error))
        return false;
    if (object == NULL)
        return true;
    store_set_exists(place, error);
    return false;
}

static bool send_all(Transfer *transfer, const char *folder, GError **error)
{
    for (guint i = 0; i < transfer->names->len; i++) {
        const char *name = g_ptr_array_index(transfer->names, i);
        g_autofree char *file = g_build_filename(folder, name, NULL);
        g_autofree char *key = g_strconcat(transfer->key, "/", name, NULL);
        /* The last one makes the folder count: it alone must be the first of its name. */
        StorePutOptions options = {.resume = true, .if_absent = i == transfer->names->len - 1};
        if (!send_file(transfer->store, key, file, &options, &transfer->written, error))
            return false;
        g_ptr_array_add(transfer->put, g_steal_pointer(&key));
    }
    return true;
}

/* After a failure nothing is left. */
static void take_back(const Transfer *transfer)
{
    for (guint i = transfer->put->len; i > 0; i--) {
        const char *key = g_ptr_array_index(transfer->put, i - 1);
        g_autofree char *place = store_locate(transfer->store, key);
        g_autoptr(GError) cause = NULL;
        if (!store_take_back(transfer->store, key, &cause)) {
            log_warning("%s is left behind: %s", place, cause->message);
            break; /* it is not going to be better with the next */
        }
    }
}

bool store_transfer_folder(Store *store, const char *key, const char *folder, uint64_t *size_bytes,
                           GError **error)
{
    g_auto(Transfer) transfer = {.store = store,
                                 .key = key,
                                 .names = g_ptr_array_new_with_free_func(g_free),
                                 .put = g_ptr_array_new_with_free_func(g_free)};
    bool done = false;
    if (!find_files(folder, "", 0, transfer.names, error))
        return false;
    if (transfer.names->len == 0) {
        error_set(error, ERROR_IO, "cannot copy '%s': there is no file in it", folder);
        return false;
    }
    g_ptr_array_sort(transfer.names, compare_names);
    done = check_absent(&transfer, error) && send_all(&transfer, folder, error);
    log_progress_end();
    if (!done)
        take_back(&transfer);
    *size_bytes = transfer.written;
    return done;
}
