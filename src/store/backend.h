/* What a kind of store must be able to do. Keys have been checked by store.c: relative, no empty
 * part, no "." or "..", no control character. */
#pragma once

#include "store/store.h"

typedef struct {
    const char *scheme; /* "file" */

    /* The form of a URL of its scheme; the message must not show the URL. */
    bool (*check_url)(const char *url, GError **error);

    /* The backend's own state for a URL of its scheme. */
    gpointer (*open)(const char *url, GError **error);
    void (*close)(gpointer state);

    /* As the functions store_NAME() of store.h. */
    void (*set_latest)(gpointer state, int64_t latest_us);
    bool (*reach)(gpointer state, GError **error);
    Sink *(*put)(gpointer state, const char *key, const StorePutOptions *options, GError **error);
    Source *(*get)(gpointer state, const char *key, uint64_t offset, uint64_t length_bytes,
                   GError **error);
    bool (*head)(gpointer state, const char *key, StoreObject **object, GError **error);
    bool (*list)(gpointer state, const char *prefix, GPtrArray *objects, GError **error);
    bool (*delete)(gpointer state, const char *key, GError **error);
    /* The same for what is ours and must not stay: no signal and no limit ends it. */
    bool (*take_back)(gpointer state, const char *key, GError **error);
    bool (*set_retention)(gpointer state, const char *key, const StoreRetention *retention,
                          GError **error);
    bool (*sweep)(gpointer state, const char *prefix, int64_t before_us, int *count,
                  GError **error);
    char *(*locate)(gpointer state, const char *key);

    /* As store_put_folder() and store_put_file(); NULL: made of the others (store/transfer.c). */
    bool (*put_folder)(gpointer state, const char *key, const char *folder, uint64_t *size_bytes,
                       GError **error);
    bool (*put_file)(gpointer state, const char *key, const char *file, GError **error);
} StoreBackend;

extern const StoreBackend store_file_backend;
extern const StoreBackend store_s3_backend;

/* The error for a put with if_absent whose key is taken. */
void store_set_exists(const char *place, GError **error);

/* Folders and files for stores that have objects alone (transfer.c). */
bool store_transfer_folder(Store *store, const char *key, const char *folder, uint64_t *size_bytes,
                           GError **error);
bool store_take_back(Store *store, const char *key, GError **error);
bool store_transfer_file(Store *store, const char *key, const char *file, GError **error);
