/* Reading for digests while others look on: how far the workers are, and whether they shall stop.
 */
#pragma once

#include "verify/digest.h"
#include <stdatomic.h>

typedef struct {
    atomic_bool stop;
    atomic_int_least64_t rows, bytes;
} DigestWatch;

/* As digest_table() and digest_large_objects(); counts in watch (may be NULL), and fails with
 * ERROR_FAILED soon after watch->stop was set. */
bool digest_read_table(PgConnection *connection, const DigestTable *table, GArray *attnums,
                       CopyFormat format, DigestWatch *watch, RowDigest *out, GError **error);
/* The same for its rows in pages from first on, up to but without end (0: to the last page that
 * there is then). */
bool digest_read_pages(PgConnection *connection, const DigestTable *table, int64_t first,
                       int64_t end, DigestWatch *watch, RowDigest *out, GError **error);
bool digest_read_large_objects(PgConnection *connection, uint32_t first, uint32_t last,
                               DigestWatch *watch, RowDigest *out, GError **error);

/* "table public.students", safe to print. The caller frees it. */
char *digest_describe(const DigestTable *table);
