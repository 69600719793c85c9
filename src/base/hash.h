/* SHA-256 (OpenSSL) of memory, of files and of streams, as 64 lower-case hexadecimal digits. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_HEX_SIZE 65

typedef struct {
    char hex[HASH_HEX_SIZE];
} HashHex;

typedef struct HashStream HashStream;

HashStream *hash_stream_new(void);
void hash_stream_update(HashStream *stream, const void *data, size_t size_bytes);
/* Ends the stream and gives its digest; the stream can only be freed afterwards. */
HashHex hash_stream_end(HashStream *stream);
void hash_stream_free(HashStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HashStream, hash_stream_free)

HashHex hash_bytes(const void *data, size_t size_bytes);
HashHex hash_text(const char *text);

/* Digest of a whole file; *size_bytes (may be NULL) gets its length. */
bool hash_file(const char *path, HashHex *out, uint64_t *size_bytes, GError **error);
