#include "store/store.h"

#include "base/error.h"
#include "store/backend.h"
#include <string.h>

struct Store {
    const StoreBackend *backend;
    gpointer state;
    char *url;
};

static const StoreBackend *const backends[] = {&store_file_backend};

static const StoreBackend *find_backend(const char *scheme)
{
    for (size_t i = 0; i < G_N_ELEMENTS(backends); i++) {
        if (g_ascii_strcasecmp(backends[i]->scheme, scheme) == 0)
            return backends[i];
    }
    return NULL;
}

Store *store_open(const char *url, GError **error)
{
    g_autofree char *scheme = g_uri_parse_scheme(url);
    const StoreBackend *backend = NULL;
    gpointer state = NULL;
    Store *store = NULL;
    if (scheme == NULL) {
        error_set(error, ERROR_CONFIG, "cannot use '%s' as a store: it is not a URL", url);
        error_hint_set(error, "write a folder of this machine as file:///var/backups/drydock");
        return NULL;
    }
    backend = find_backend(scheme);
    if (backend == NULL) {
        /* The rest of the URL may hold a password. */
        error_set(error, ERROR_CONFIG, "cannot use a store of the kind '%s': it is not known",
                  scheme);
        error_hint_set(error, "this version knows file:///FOLDER");
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

bool store_put_folder(Store *store, const char *key, const char *folder, uint64_t *size_bytes,
                      GError **error)
{
    uint64_t written = 0;
    if (!check_key(key, error) ||
        !store->backend->put_folder(store->state, key, folder, &written, error)) {
        g_prefix_error(error, "while copying '%s' to the store: ", folder);
        return false;
    }
    if (size_bytes != NULL)
        *size_bytes = written;
    return true;
}

bool store_put_file(Store *store, const char *key, const char *file, GError **error)
{
    if (check_key(key, error) && store->backend->put_file(store->state, key, file, error))
        return true;
    g_prefix_error(error, "while copying '%s' to the store: ", file);
    return false;
}

char *store_locate(const Store *store, const char *key)
{
    return store->backend->locate(store->state, key);
}
