/*
 * Snapshots: a directory archive as pg_dump writes them, plus manifest.json (files with SHA-256,
 * tables with rows and digests, the server and the database's properties). The table of contents is
 * pg_dump's own, changed where the rows are written otherwise: tables in parts, binary where that
 * is safe, compressed with Zstandard. The manifest is written last: no manifest, no snapshot.
 */
#pragma once

#include "pg/connection.h"
#include "stream/age.h"
#include "stream/sink.h"
#include "verify/digest.h"
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define SNAPSHOT_SPLIT_BYTES (UINT64_C(256) << 20)
#define SNAPSHOT_LEVEL 1
#define SNAPSHOT_LEVEL_MAX 9

/* Binary where every column's bytes mean the same in every database, or text for all. */
typedef enum { SNAPSHOT_AUTO, SNAPSHOT_TEXT } SnapshotFormat;

typedef struct {
    const char *folder; /* of the snapshot; created, must not exist */

    /* folder is the name of a file: a tar of the folder, encrypted to the recipients if there are
     * any, and written while rows are still being read. */
    bool as_tar;
    Sink *sink; /* taken, also on error: the tar goes there, and folder is only where parts wait */
    const AgeKey *recipients;
    size_t n_recipients;

    const char *database;  /* to read */
    const char *real_name; /* what the database is called when it is in service */
    const char *run;       /* for application_name and the manifest */
    const char *application;
    const char
        *passfolder; /* where a temporary password file may be put; NULL: beside the archive */
    int jobs;        /* workers for data and digests; at least 1 */
    int level;       /* of Zstandard, to SNAPSHOT_LEVEL_MAX; 0: SNAPSHOT_LEVEL */
    SnapshotFormat format;
    uint64_t split_bytes;     /* larger tables are cut into parts; 0: SNAPSHOT_SPLIT_BYTES */
    int64_t latest_us;        /* monotonic moment at which to give up (ERROR_TIMEOUT); 0: never */
    const json_t *properties; /* of the database, for manifest and archive; NULL: unknown */

    /* Called once all connections that the snapshot needs are in, so that the caller can close the
     * gate behind them, and before anything is trusted. May be NULL. */
    bool (*entered)(gpointer data, GError **error);
    gpointer data;
} SnapshotOptions;

typedef struct {
    DigestSet *digests;
    char *content_hash;  /* digest_set_hash() */
    uint64_t size_bytes; /* on disk */
    int files;
    int64_t duration_us;
} SnapshotResult;

void snapshot_result_free(SnapshotResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SnapshotResult, snapshot_result_free)

/* Takes a snapshot. On failure nothing is left in options->folder. */
SnapshotResult *snapshot_take(const PgTarget *target, const SnapshotOptions *options,
                              GError **error);

/* Re-reads every byte and compares with the manifest: ERROR_INTEGRITY names each file that is
 * missing, extra or differs. */
bool snapshot_verify(const char *folder, uint64_t *size_bytes, int *files, GError **error);

/* The same for a tar of a snapshot, a file or the URL of an object, which may be encrypted or
 * compressed: nothing is unpacked. */
bool snapshot_verify_file(const char *path, const AgeIdentities *identities, uint64_t *size_bytes,
                          int *files, GError **error);

/* The digests in a snapshot's manifest. */
DigestSet *snapshot_digests(const char *folder, GError **error);
