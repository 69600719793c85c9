/* The digests of a whole database, read by several sessions in one snapshot. */
#pragma once

#include "pg/connection.h"
#include "verify/digest.h"

typedef struct {
    const char *database;      /* NULL: the target's */
    const char *application;   /* application_name; required */
    int connect_timeout_s;     /* 0: 10 s */
    int jobs;                  /* sessions; at least 1 */
    int64_t latest_us;         /* monotonic moment at which to give up (ERROR_TIMEOUT); 0: never */
    const DigestSet *expected; /* to be compared with: digests are taken as these were
                                  (digest_align); may be NULL */
} DigestDatabaseOptions;

/* ERROR_LOCK_TIMEOUT if somebody changes tables meanwhile. */
DigestSet *digest_database(const PgTarget *target, const DigestDatabaseOptions *options,
                           GError **error);
