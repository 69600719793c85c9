/*
 * What a restore is given: a snapshot of this program, or an archive or script that pg_dump or
 * somebody else made, bare, compressed (gzip, zstd, xz, lz4, bzip2), encrypted with age, in a tar
 * or zip, as folder, file or standard input. Everything from outside is untrusted: sizes are
 * bounded, paths are confined, links are refused.
 */
#pragma once

#include "snapshot/manifest.h"
#include "snapshot/toc.h"
#include "stream/age.h"
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    INTAKE_SNAPSHOT, /* a folder with a manifest */
    INTAKE_ARCHIVE,  /* pg_dump custom or tar (a file) or directory (a folder): for pg_restore */
    INTAKE_SCRIPT,   /* plain SQL, uncompressed, a file */
} IntakeKind;

typedef struct {
    IntakeKind kind;
    char *given;          /* as it was named, for messages; "standard input" */
    char *description;    /* "a pg_dump custom archive, in gzip" */
    char *path;           /* what is to be read; in spool if it had to be unpacked */
    char *spool;          /* folder with what was unpacked, removed by intake_free(); may be NULL */
    Manifest *manifest;   /* of a snapshot */
    Toc *toc;             /* of an archive */
    char *database;       /* the name that it speaks of; NULL if it does not */
    int dump_version_num; /* 150000 for an archive of pg_dump 15; 0 if unknown */
    uint64_t size_bytes;  /* of what will be read */

    /* Settings, access rights or a comment of the database itself are in the archive: pg_restore
     * applies them with --create alone. */
    bool says_more_of_database;
} Intake;

typedef struct {
    const char *from;         /* folder, file, URL of an object, or "-" for standard input */
    const char *spool_parent; /* where a folder for unpacking may be made */
    uint64_t max_bytes;       /* that unpacking may write; 0: what the file system has free */
    const AgeIdentities *identities; /* to decrypt with; may be NULL */
} IntakeOptions;

/* Finds out what it is and unpacks it where it is needed. ERROR_CONFIG if it is nothing that can be
 * restored, ERROR_INTEGRITY if it is torn, damaged or hostile. */
Intake *intake_open(const IntakeOptions *options, GError **error);
void intake_free(Intake *intake);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Intake, intake_free)
