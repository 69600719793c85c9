/*
 * Restoring into a new database: never into one that exists.
 *
 * The order: create (from template0, with the recorded encoding and locale, closed to everybody
 * else), pre-data, then data in parallel - each part in a transaction that commits only if its
 * bytes and its row digest match - and, as soon as what they need is in, indexes, constraints and
 * the rest in parallel; sequence values, ANALYZE, and the comparison of every digest with the
 * manifest. The SQL of pre-data and post-data is what pg_restore itself writes.
 */
#pragma once

#include "pg/connection.h"
#include "pg/properties.h"
#include "snapshot/intake.h"
#include "verify/digest.h"
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const Intake *from;
    const char *database;         /* to create; ERROR_REFUSED if it exists */
    const char *control_database; /* to connect to for creating it */
    const char *comment;          /* on the database from the moment it exists; NULL: none */
    const char *application;
    const char *passfolder; /* where a temporary password file may be put */
    int jobs;               /* at least 1 */
    int64_t latest_us;      /* monotonic moment at which to give up (ERROR_TIMEOUT); 0: never */
    bool allow_known_holes; /* of pg_restore */

    /* Called once all our own sessions are in it and no other need come in any more, so that the
     * caller can close the gate behind them: before anything is loaded, but for what pg_restore
     * loads with connections of its own, and always before digests are read. May be NULL. */
    bool (*entered)(gpointer data, GError **error);
    gpointer data;
} RestoreOptions;

typedef struct {
    DigestSet *digests; /* of the restored database */
    char *content_hash;
    GPtrArray *notes; /* char *: what is not as it was, and is no failure (a materialized view
                         that was not fresh) */
    bool proven;      /* every digest was compared with a manifest's */
    int64_t pre_data_us, data_us, post_data_us, verify_us, duration_us;
} RestoreResult;

void restore_result_free(RestoreResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RestoreResult, restore_result_free)

/* Restores. The database then has its content and its objects, owned as recorded; where the gate
 * was not closed by entered(), its owner and superusers may connect. Properties (access rights,
 * settings, comment) are the caller's to give: restore_properties(). On failure there is no such
 * database any more. */
RestoreResult *snapshot_restore(const PgTarget *target, const RestoreOptions *options,
                                GError **error);

/* What a snapshot or archive needs and the server does not have (roles, extensions, tablespaces,
 * rights), all of it in one message, and damage that is seen before the rows are read. Creates
 * nothing. */
bool snapshot_restore_check(const PgTarget *target, const RestoreOptions *options, GError **error);

/* What the manifest says that the database had; NULL without an error if it says nothing. */
PgProperties *restore_properties(const Intake *intake, GError **error);

/* Drops a database that a restore has made, with the sessions in it and its subscriptions, which
 * would keep it from being dropped: for them a closed one is opened, and closed again if it cannot
 * be dropped all the same. */
bool restore_drop_database(const PgTarget *target, PgConnection *control, const char *database,
                           const char *application, GError **error);
