/*
 * manifest.json: what a snapshot consists of, where it came from and what was in it.
 *
 *   { "format": "drydock-snapshot", "version": 2, "created_by", "run", "database", "read_from",
 *     "source": { server, locale, roles, ... },
 *     "archive": { "format", "version", "copy_format", "compression", "level", "jobs", "pg_dump" },
 *     "properties": { ... },
 *     "files": [ { "name", "size_bytes", "sha256",
 *                  and for the rows of a table: "copy_format", "raw_bytes", "rows", "digest" } ],
 *     "digests": { ... }, "content_hash", "manifest_sha256" }
 *
 * manifest_sha256 is the SHA-256 of the document as one line without that member, as
 * `jq -cj 'del(.manifest_sha256)' manifest.json | sha256sum` computes it.
 */
#pragma once

#include "base/hash.h"
#include "base/json.h"
#include "verify/digest.h"
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define MANIFEST_NAME "manifest.json"

typedef struct {
    char *name; /* in the snapshot's folder, which has no folders in it */
    uint64_t size_bytes;
    HashHex sha256;
    /* Of what is in a data file (has_rows), uncompressed: for a part of a table its own rows. */
    bool has_rows;
    CopyFormat copy_format;
    RowDigest rows;
    uint64_t raw_bytes;
} ManifestFile;

typedef struct {
    char *run;
    char *database;                        /* its name in service */
    char *read_from;                       /* its name when it was read */
    json_t *source, *archive, *properties; /* objects */
    GPtrArray *files;                      /* ManifestFile *, ordered by name */
    DigestSet *digests;
    char *content_hash;
} Manifest;

Manifest *manifest_new(void);
void manifest_free(Manifest *manifest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Manifest, manifest_free)

void manifest_file_free(ManifestFile *file);

/* Adds what was written to the folder by others; the manifest takes it. */
void manifest_add(Manifest *manifest, ManifestFile *file);

/* Writes a file into the folder, atomically, and adds it. */
bool manifest_write_file(Manifest *manifest, const char *folder, const char *name, const void *data,
                         size_t size_bytes, GError **error);

uint64_t manifest_size(const Manifest *manifest); /* of its files together */

json_t *manifest_to_json(const Manifest *manifest);
/* ERROR_INTEGRITY if it is malformed or was changed. */
Manifest *manifest_from_json(const json_t *json, GError **error);

/* Writes it into the folder, atomically, with its files in order. */
bool manifest_write(Manifest *manifest, const char *folder, GError **error);
/* ERROR_INTEGRITY if it is missing, malformed or was changed. */
Manifest *manifest_read(const char *folder, GError **error);
