/* What file.c and file_object.c share. */
#pragma once

#include "store/backend.h"

typedef struct {
    char *root;
} FileStore;

/* ERROR_CONFIG unless it is a folder that we may write to. */
bool file_store_check_root(const char *root, GError **error);

/* "PARENT/.NAME.partial" for "PARENT/NAME". */
char *file_store_partial(const char *path);
bool file_store_is_partial(const char *name);

/* Gives partial its final name; replaces what is there, or fails. */
bool file_store_publish(const char *partial, const char *path, bool replace, GError **error);

void file_store_set_write_error(const char *path, int saved_errno, GError **error);

/* ---- file_object.c ---- */

Sink *file_store_put(gpointer state, const char *key, const StorePutOptions *options,
                     GError **error);
Source *file_store_get(gpointer state, const char *key, uint64_t offset, uint64_t length_bytes,
                       GError **error);
bool file_store_head(gpointer state, const char *key, StoreObject **object, GError **error);
bool file_store_list(gpointer state, const char *prefix, GPtrArray *objects, GError **error);
bool file_store_delete(gpointer state, const char *key, GError **error);
bool file_store_set_retention(gpointer state, const char *key, const StoreRetention *retention,
                              GError **error);
bool file_store_sweep(gpointer state, const char *prefix, int64_t before_us, int *count,
                      GError **error);
