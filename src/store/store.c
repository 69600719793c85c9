#include "store/store.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "store/backend.h"
#include <string.h>

struct Store {
    const StoreBackend *backend;
    gpointer state;
    char *url;
};

static const StoreBackend *const backends[] = {&store_file_backend, &store_s3_backend};

static const StoreBackend *find_backend(const char *scheme)
{
    for (size_t i = 0; i < G_N_ELEMENTS(backends); i++) {
        if (g_ascii_strcasecmp(backends[i]->scheme, scheme) == 0)
            return backends[i];
    }
    return NULL;
}

static char *scheme_names(void)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    g_auto(GStrv) list = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(backends); i++)
        g_strv_builder_add(names, backends[i]->scheme);
    list = g_strv_builder_end(names);
    return g_strjoinv(", ", list);
}

/* The backend for a URL; no message shows the URL, which may hold a password. */
static const StoreBackend *backend_of(const char *url, GError **error)
{
    g_autofree char *scheme = g_uri_parse_scheme(url);
    const StoreBackend *backend = scheme != NULL ? find_backend(scheme) : NULL;
    if (scheme == NULL) {
        error_set(error, ERROR_CONFIG,
                  "must be the URL of a store, for example file:///var/backups/drydock");
    } else if (backend == NULL) {
        g_autofree char *all = scheme_names();
        error_set(error, ERROR_CONFIG, "has the unknown scheme '%s'; there is: %s", scheme, all);
    } else if (backend->check_url(url, error)) {
        return backend;
    }
    return NULL;
}

bool store_check_url(const char *url, GError **error)
{
    return backend_of(url, error) != NULL;
}

Store *store_open(const char *url, GError **error)
{
    const StoreBackend *backend = backend_of(url, error);
    gpointer state = NULL;
    Store *store = NULL;
    if (backend == NULL) {
        g_prefix_error(error, "cannot use the URL of a store: it ");
        return NULL;
    }
    state = backend->open(url, error);
    if (state == NULL)
        return NULL;
    store = g_new0(Store, 1);
    store->backend = backend;
    store->state = state;
    store->url = g_strdup(url);
    return store;
}

void store_free(Store *store)
{
    if (store == NULL)
        return;
    store->backend->close(store->state);
    g_free(store->url);
    g_free(store);
}

const char *store_url(const Store *store)
{
    return store->url;
}

/* A key stays inside the store's prefix and can be typed. */
static bool check_key(const char *key, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(key, "/", -1);
    bool valid = key[0] != '\0' && g_utf8_validate(key, -1, NULL);
    for (const char *at = key; valid && *at != '\0'; at++)
        valid = !g_ascii_iscntrl(*at);
    for (char **part = parts; valid && *part != NULL; part++)
        valid = (*part)[0] != '\0' && strlen(*part) <= 200 && strcmp(*part, ".") != 0 &&
                strcmp(*part, "..") != 0;
    if (!valid)
        error_set(error, ERROR_CONFIG, "cannot use '%s' as the name of something in a store", key);
    return valid;
}

/* The beginning of a key: the same, but for its end, which may stand anywhere. */
static bool check_prefix(const char *prefix, GError **error)
{
    g_autofree char *key = g_strconcat(prefix, "x", NULL);
    return check_key(key, error);
}

void store_set_latest(Store *store, int64_t latest_us)
{
    store->backend->set_latest(store->state, latest_us);
}

bool store_reach(Store *store, GError **error)
{
    return store->backend->reach(store->state, error);
}

void store_object_free(StoreObject *object)
{
    if (object == NULL)
        return;
    g_free(object->key);
    g_free(object->sha256);
    g_free(object);
}

void store_set_exists(const char *place, GError **error)
{
    error_set(error, ERROR_IO, "'%s' exists already", place);
    error_hint_set(error, "nothing in a store is overwritten; move it away if it is not wanted");
}

Sink *store_put(Store *store, const char *key, const StorePutOptions *options, GError **error)
{
    static const StorePutOptions none = {0};
    return check_key(key, error)
               ? store->backend->put(store->state, key, options != NULL ? options : &none, error)
               : NULL;
}

Source *store_get(Store *store, const char *key, uint64_t offset, uint64_t length_bytes,
                  GError **error)
{
    return check_key(key, error)
               ? store->backend->get(store->state, key, offset, length_bytes, error)
               : NULL;
}

bool store_head(Store *store, const char *key, StoreObject **object, GError **error)
{
    *object = NULL;
    return check_key(key, error) && store->backend->head(store->state, key, object, error);
}

static int compare_objects(gconstpointer a, gconstpointer b)
{
    const StoreObject *one = *(const StoreObject *const *)a;
    const StoreObject *other = *(const StoreObject *const *)b;
    return strcmp(one->key, other->key);
}

GPtrArray *store_list(Store *store, const char *prefix, GError **error)
{
    g_autoptr(GPtrArray) objects =
        g_ptr_array_new_with_free_func((GDestroyNotify)store_object_free);
    if (!check_prefix(prefix, error) || !store->backend->list(store->state, prefix, objects, error))
        return NULL;
    g_ptr_array_sort(objects, compare_objects);
    return g_steal_pointer(&objects);
}

bool store_delete(Store *store, const char *key, GError **error)
{
    return check_key(key, error) && store->backend->delete (store->state, key, error);
}

bool store_take_back(Store *store, const char *key, GError **error)
{
    return store->backend->take_back(store->state, key, error);
}

bool store_set_retention(Store *store, const char *key, const StoreRetention *retention,
                         GError **error)
{
    return check_key(key, error) &&
           store->backend->set_retention(store->state, key, retention, error);
}

bool store_sweep(Store *store, const char *prefix, int64_t before_us, int *count, GError **error)
{
    *count = 0;
    return check_prefix(prefix, error) &&
           store->backend->sweep(store->state, prefix, before_us, count, error);
}

static bool put_folder(Store *store, const char *key, const char *folder, uint64_t *written,
                       GError **error)
{
    const StoreBackend *backend = store->backend;
    return backend->put_folder != NULL
               ? backend->put_folder(store->state, key, folder, written, error)
               : store_transfer_folder(store, key, folder, written, error);
}

static bool put_file(Store *store, const char *key, const char *file, GError **error)
{
    const StoreBackend *backend = store->backend;
    return backend->put_file != NULL ? backend->put_file(store->state, key, file, error)
                                     : store_transfer_file(store, key, file, error);
}

bool store_put_folder(Store *store, const char *key, const char *folder, uint64_t *size_bytes,
                      GError **error)
{
    uint64_t written = 0;
    if (!check_key(key, error) || !failpoint_error("store.before_put", error) ||
        !put_folder(store, key, folder, &written, error)) {
        g_prefix_error(error, "while copying '%s' to the store: ", folder);
        return false;
    }
    failpoint("store.after_put");
    if (size_bytes != NULL)
        *size_bytes = written;
    return true;
}

bool store_put_file(Store *store, const char *key, const char *file, GError **error)
{
    if (check_key(key, error) && failpoint_error("store.before_put", error) &&
        put_file(store, key, file, error)) {
        failpoint("store.after_put");
        return true;
    }
    g_prefix_error(error, "while copying '%s' to the store: ", file);
    return false;
}

char *store_locate(const Store *store, const char *key)
{
    return store->backend->locate(store->state, key);
}
