/* SHA-256 (OpenSSL) of memory, of files and of streams, as 64 lower-case hexadecimal digits; and,
 * for the protocols of stores, its raw bytes, HMAC-SHA-256 and MD5. */
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

typedef struct {
    uint8_t bytes[32];
} HashRaw;

HashRaw hash_raw(const void *data, size_t size_bytes);
HashRaw hash_hmac(const void *key, size_t key_bytes, const void *data, size_t size_bytes);
HashHex hash_raw_to_hex(const HashRaw *raw);

/* MD5, which protects against accidents alone. *out gets 16 bytes; false where this OpenSSL may not
 * (FIPS). */
bool hash_md5(const void *data, size_t size_bytes, uint8_t out[16]);
