/*
 * Sources: where bytes come from. A pull chain: each reads from the one behind it, which it owns.
 * The end is reached only when everything behind it has ended well: what is torn or has bytes too
 * many is ERROR_INTEGRITY.
 */
#pragma once

#include "base/hash.h"
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Source Source;

typedef struct {
    /* Up to size_bytes into data; *got is 0 at the end alone. */
    bool (*read)(Source *source, void *data, size_t size_bytes, size_t *got, GError **error);
    void (*clear)(Source *source); /* frees what the source holds besides itself */
} SourceKind;

struct Source {
    const SourceKind *kind;
    Source *next; /* owned; NULL at the end of a chain */
};

bool source_read(Source *source, void *data, size_t size_bytes, size_t *got, GError **error);
void source_free(Source *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Source, source_free)

/* A regular file; links are not followed. */
Source *source_file_new(const char *path, GError **error);

/* Passes everything through and, at the end, compares with what it must be: ERROR_INTEGRITY that
 * names what (copied). */
Source *source_check_new(Source *next, const char *what, const char *sha256, uint64_t size_bytes);

/* Decompresses one Zstandard frame; takes next, also on error. A window above 128 MiB is refused.
 */
Source *source_zstd_new(Source *next, const char *what, GError **error);
