/*
 * Stores: where artifacts go. A URL names a store and a prefix in it: file:///var/backups/drydock.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Store Store;

/* ERROR_CONFIG for a scheme that is not known, a malformed URL, or a folder that is not there (it
 * is not created: a missing mount must not turn into a backup on the wrong disk) or not writable.
 */
Store *store_open(const char *url, GError **error);
void store_free(Store *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Store, store_free)
const char *store_url(const Store *store);

/* Puts a folder (without links and devices) at key, all or nothing: visible under its name only
 * when every byte was written, flushed, read back and found equal. An existing key is an error.
 * *size_bytes gets what was written. */
bool store_put_folder(Store *store, const char *key, const char *folder, uint64_t *size_bytes,
                      GError **error);

/* Puts one file the same way; an existing one is replaced atomically. */
bool store_put_file(Store *store, const char *key, const char *file, GError **error);

/* Where key is, as a person would type it. The caller frees it. */
char *store_locate(const Store *store, const char *key);
