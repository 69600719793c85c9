/* What a kind of store must be able to do. Keys have been checked by store.c: relative, no empty
 * part, no "." or "..", no control character. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *scheme; /* "file" */

    /* The backend's own state for a URL of its scheme. */
    gpointer (*open)(const char *url, GError **error);
    void (*close)(gpointer state);

    /* As store_put_folder(), store_put_file() and store_locate(). */
    bool (*put_folder)(gpointer state, const char *key, const char *folder, uint64_t *size_bytes,
                       GError **error);
    bool (*put_file)(gpointer state, const char *key, const char *file, GError **error);
    char *(*locate)(gpointer state, const char *key);
} StoreBackend;

extern const StoreBackend store_file_backend;
