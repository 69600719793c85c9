/*
 * What a stream of bytes is, by its beginning and never by its name.
 *
 * Sources: RFC 1952 (gzip), RFC 8878 (zstd), the xz, LZ4 frame and bzip2 formats, POSIX ustar,
 * PKWARE's APPNOTE (zip), ReadHead() of pg_backup_archiver.c, age-encryption.org/v1.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define INTAKE_HEAD_BYTES ((size_t)64 * 1024) /* that intake_detect() wants to see */

typedef enum {
    MAGIC_EMPTY,
    MAGIC_GZIP,
    MAGIC_ZSTD,
    MAGIC_XZ,
    MAGIC_LZ4,
    MAGIC_BZIP2,
    MAGIC_AGE,
    MAGIC_PGP,
    MAGIC_ZIP,
    MAGIC_TAR,
    MAGIC_CUSTOM, /* pg_dump -Fc */
    MAGIC_TOC,    /* toc.dat of pg_dump -Fd or -Ft */
    MAGIC_SQL,    /* text that begins as SQL does */
    MAGIC_TEXT,   /* text that does not */
    MAGIC_UTF16,
    MAGIC_UNKNOWN,
} IntakeMagic;

/* Of the first INTAKE_HEAD_BYTES, or of all there is. */
IntakeMagic intake_detect(const char *head, size_t size_bytes);

bool intake_is_compression(IntakeMagic magic);
const char *intake_magic_name(IntakeMagic magic); /* "gzip" */
