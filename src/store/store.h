/*
 * Stores: where artifacts go and come back from. A URL names a store and a prefix in it:
 * file:///var/backups/drydock, s3://bucket/prefix (docs/stores.md).
 *
 * Keys are relative, with '/' between their parts. What is visible under a key is whole. Any number
 * of threads may use a store at once; sinks and sources belong to one each, and must be freed
 * before their store.
 */
#pragma once

#include "stream/sink.h"
#include "stream/source.h"
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Store Store;

/* How an object is kept from being deleted or replaced (Object Lock). */
typedef enum { STORE_LOCK_NONE, STORE_LOCK_GOVERNANCE, STORE_LOCK_COMPLIANCE } StoreLock;

typedef struct {
    StoreLock lock;
    int64_t until_us; /* wall clock; whole seconds are kept */
} StoreRetention;

typedef struct {
    bool if_absent;           /* an existing key is an error, also one that comes meanwhile */
    bool resume;              /* the bytes may be the same as those of an attempt that died: what
                                 it left in the store is compared, and taken over if equal */
    const char *content_type; /* NULL: the store's own default */
    uint64_t size_hint_bytes; /* about how much will come; 0: unknown */
    StoreRetention retention;
} StorePutOptions;

typedef struct {
    char *key;
    uint64_t size_bytes;
    int64_t modified_us; /* wall clock */
    char *sha256;        /* of the content, hexadecimal; NULL if the store does not know it. Lists
                            never say it. */
    StoreRetention retention; /* from store_head() alone */
} StoreObject;
void store_object_free(StoreObject *object);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreObject, store_object_free)

/* Whether a URL can name a store: its scheme and form, not whether it can be reached. ERROR_CONFIG,
 * which never shows the URL: it might hold a password. */
bool store_check_url(const char *url, GError **error);

/* ERROR_CONFIG for a scheme that is not known, a malformed URL, or a folder that is not there (it
 * is not created: a missing mount must not turn into a backup on the wrong disk) or not writable.
 * A store behind a network is not asked anything: see store_reach().
 */
Store *store_open(const char *url, GError **error);
void store_free(Store *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Store, store_free)
const char *store_url(const Store *store);

/* No request waits or is tried again beyond this (monotonic clock; 0: a limit of the store's own).
 */
void store_set_latest(Store *store, int64_t latest_us);

/* Asks the store something, with the credentials that will be used: ERROR_CONFIG or ERROR_IO if it
 * refuses, ERROR_CONNECTION if it is not there. */
bool store_reach(Store *store, GError **error);

/* A sink for an object; commit makes it visible, with the store's word that it is what was written,
 * and freeing it without commit leaves nothing. Memory is bounded. NULL on error. */
Sink *store_put(Store *store, const char *key, const StorePutOptions *options, GError **error);

/* The bytes of an object from offset on, at most length_bytes (UINT64_MAX: all). A change of the
 * object meanwhile is an error (ERROR_INTEGRITY). */
Source *store_get(Store *store, const char *key, uint64_t offset, uint64_t length_bytes,
                  GError **error);

/* *object becomes NULL, and the call succeeds, if there is nothing at key. */
bool store_head(Store *store, const char *key, StoreObject **object, GError **error);

/* Everything whose key begins with prefix ("" for all), sorted by key: StoreObject, owned by the
 * array. NULL on error. */
GPtrArray *store_list(Store *store, const char *prefix, GError **error);

/* Deletes an object, all versions of it. One that is not there is fine; a locked one is
 * ERROR_REFUSED. */
bool store_delete(Store *store, const char *key, GError **error);

/* Locks an object, and reads back that it is locked. A lock can be extended, and ends by itself.
 * ERROR_REFUSED where the store cannot. */
bool store_set_retention(Store *store, const char *key, const StoreRetention *retention,
                         GError **error);

/* Removes what attempts that died have left under keys that begin with prefix, if they began before
 * then (wall clock): invisible pieces that cost space all the same. *count gets how many. */
bool store_sweep(Store *store, const char *prefix, int64_t before_us, int *count, GError **error);

/* Puts a folder (without links and devices) at key, all or nothing: whole and verified if it
 * succeeds. An existing key is an error. In a file store the folder appears at once; in an object
 * store manifest.json comes last, and a key without one is no snapshot. *size_bytes gets what was
 * written. */
bool store_put_folder(Store *store, const char *key, const char *folder, uint64_t *size_bytes,
                      GError **error);

/* Puts one file the same way; an existing one is replaced atomically. */
bool store_put_file(Store *store, const char *key, const char *file, GError **error);

/* Where key is, as a person would type it. The caller frees it. */
char *store_locate(const Store *store, const char *key);
