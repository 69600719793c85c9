/*
 * Sinks: where bytes go. A push chain of small writers, each knowing only the next, with an
 * explicit end in two steps, because visible must follow verified: write - commit (flush, then make
 * visible, once) - or free without commit, which discards.
 *
 * A filter owns the sink behind it: committing and freeing travel down the chain.
 */
#pragma once

#include "base/hash.h"
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Sink Sink;

/* What a kind of sink does; sinks embed Sink as their first member. discard frees what the sink
 * holds besides itself and undoes what was not committed; it never fails. */
typedef struct {
    bool (*write)(Sink *sink, const void *data, size_t size_bytes, GError **error);
    bool (*commit)(Sink *sink, GError **error);
    void (*discard)(Sink *sink);
} SinkKind;

struct Sink {
    const SinkKind *kind;
    Sink *next; /* owned; NULL at the end of a chain */
    bool committed;
};

bool sink_write(Sink *sink, const void *data, size_t size_bytes, GError **error);
bool sink_commit(Sink *sink, GError **error);
void sink_free(Sink *sink); /* discards what was not committed */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Sink, sink_free)

/* A new file (it must not exist), 0600. Commit flushes it to the disk; discard removes it. */
Sink *sink_file_new(const char *path, GError **error);

/* Passes everything on and knows, once committed, SHA-256 and length of what went through; result
 * must outlive the sink. */
typedef struct {
    HashHex sha256;
    uint64_t size_bytes;
} SinkSum;
Sink *sink_sum_new(Sink *next, SinkSum *result);

/* Compresses with Zstandard; one frame with a checksum. Takes next, also on error. */
Sink *sink_zstd_new(Sink *next, int level, GError **error);
