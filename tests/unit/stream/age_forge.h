/*
 * Files of age made by hand, so that each part of one can be wrong by itself: header text with a
 * MAC over it, a nonce, and chunks sealed under any number and end mark. Besides: sinks and sources
 * of memory.
 */
#ifndef DRYDOCK_TESTS_AGE_FORGE_H
#define DRYDOCK_TESTS_AGE_FORGE_H

#include "stream/age.h"
#include "stream/age_chunks.h"
#include "stream/age_header.h"
#include <glib.h>
#include <string.h>

/* Two pairs of keys, of age-keygen. */
#define ONE_SECRET "AGE-SECRET-KEY-15M7FPYZWMA9SPFSN4J0WCFJ4ZAMKDVL8QAYJTAV9AA2X7X2G2HCSNPMTA3"
#define ONE_PUBLIC "age185724vv6wd4w770p34eadgadqndf3elhs70y7jk6amnm3hjl6qvs8250up"
#define TWO_SECRET "AGE-SECRET-KEY-1TRMPUZ75CWSQMFGNSHHFNMYZMFV4D99WN7TRQKPNFF2MS006DR0QWUZS9C"
#define TWO_PUBLIC "age1qn9pqtqqz2qguljdux8hce8fz254sd4cjdnj6p72a2csh7xz3pcqgzwua8"
#define PASSPHRASE "correct horse"

static const AgeFileKey forge_file_key = {{'F', 'I', 'L', 'E', ' ', 'K', 'E', 'Y'}};
static const uint8_t forge_nonce[AGE_PAYLOAD_NONCE_BYTES] = {1, 2, 3};

/* ---- memory ---- */

typedef struct {
    Sink sink;
    GByteArray *bytes;
    bool *committed;
    size_t fails_at; /* 0: never */
} MemorySink;

static inline bool memory_write(Sink *sink, const void *data, size_t size_bytes, GError **error)
{
    MemorySink *memory = (MemorySink *)sink;
    if (memory->fails_at > 0 && memory->bytes->len + size_bytes >= memory->fails_at) {
        g_set_error_literal(error, g_quark_from_string("test"), 1, "no room");
        return false;
    }
    g_byte_array_append(memory->bytes, data, (guint)size_bytes);
    return true;
}

static inline bool memory_commit(Sink *sink, GError **error)
{
    (void)error;
    *((MemorySink *)sink)->committed = true;
    return true;
}

static inline void memory_discard(Sink *sink)
{
    (void)sink;
}

static inline Sink *memory_sink(GByteArray *bytes, bool *committed, size_t fails_at)
{
    static const SinkKind kind = {memory_write, memory_commit, memory_discard};
    MemorySink *memory = g_new0(MemorySink, 1);
    memory->sink.kind = &kind;
    memory->bytes = bytes;
    memory->committed = committed;
    memory->fails_at = fails_at;
    return &memory->sink;
}

typedef struct {
    Source source;
    const uint8_t *data;
    size_t size_bytes, piece_bytes;
} MemorySource;

static inline bool memory_read(Source *source, void *data, size_t size_bytes, size_t *got,
                               GError **error)
{
    MemorySource *memory = (MemorySource *)source;
    (void)error;
    *got = MIN(MIN(size_bytes, memory->size_bytes), memory->piece_bytes);
    if (*got > 0)
        memcpy(data, memory->data, *got);
    memory->data += *got;
    memory->size_bytes -= *got;
    return true;
}

static inline void memory_clear(Source *source)
{
    (void)source;
}

/* Gives at most piece_bytes at a time. */
static inline Source *memory_source(const void *data, size_t size_bytes, size_t piece_bytes)
{
    static const SourceKind kind = {memory_read, memory_clear};
    MemorySource *memory = g_new0(MemorySource, 1);
    memory->source.kind = &kind;
    memory->data = data;
    memory->size_bytes = size_bytes;
    memory->piece_bytes = piece_bytes;
    return &memory->source;
}

/* ---- headers ---- */

static inline char *forge_base64(const void *data, size_t size_bytes)
{
    char *text = g_base64_encode(data, size_bytes);
    text[strcspn(text, "=")] = '\0';
    return text;
}

/* "-> X25519 SHARE\nBODY\n" */
static inline char *forge_x25519(const char *recipient)
{
    AgeKey key;
    g_autoptr(GString) header = NULL;
    g_assert_true(age_recipient_parse(recipient, &key, NULL));
    header = age_header_make(&forge_file_key, &key, 1, NULL);
    g_string_truncate(header, (gsize)(strstr(header->str, "---") - header->str));
    return g_strdup(header->str + strlen(AGE_VERSION_LINE));
}

/* The body of "-> scrypt SALT LOG_N". */
static inline char *forge_scrypt_body(const char *passphrase, const char *salt, unsigned log_n)
{
    g_autofree char *labelled = g_strconcat("age-encryption.org/v1/scrypt", salt, NULL);
    uint8_t nonce[AGE_NONCE_BYTES] = {0}, wrapped[AGE_WRAPPED_BYTES];
    g_autoptr(AgeCipher) cipher = NULL;
    AgeKey key;
    g_assert_true(age_scrypt(passphrase, labelled, strlen(labelled), log_n, &key));
    cipher = age_cipher_new(&key, true);
    age_seal(cipher, nonce, forge_file_key.bytes, sizeof forge_file_key.bytes, wrapped);
    return forge_base64(wrapped, sizeof wrapped);
}

/* Of any text, which ends with "---". */
static inline char *forge_mac(const char *text)
{
    const AgeKey key = age_hkdf(forge_file_key.bytes, sizeof forge_file_key.bytes, "", 0, "header");
    const AgeKey mac = age_hmac(&key, text, strlen(text));
    return forge_base64(mac.bytes, sizeof mac.bytes);
}

/* ---- payloads ---- */

static inline void forge_chunk(GByteArray *file, const void *data, size_t size_bytes,
                               uint64_t number, bool is_last)
{
    const AgeKey key = age_hkdf(forge_file_key.bytes, sizeof forge_file_key.bytes, forge_nonce,
                                sizeof forge_nonce, "payload");
    g_autoptr(AgeCipher) cipher = age_cipher_new(&key, true);
    g_autofree uint8_t *sealed = g_malloc(size_bytes + AGE_TAG_BYTES);
    uint8_t nonce[AGE_NONCE_BYTES] = {0};
    nonce[9] = (uint8_t)(number >> 8);
    nonce[10] = (uint8_t)number;
    nonce[11] = is_last ? 1 : 0;
    age_seal(cipher, nonce, data, size_bytes, sealed);
    g_byte_array_append(file, sealed, (guint)(size_bytes + AGE_TAG_BYTES));
}

/* What a whole file decrypts to, as far as it does; error says how it ends. */
static inline GByteArray *forge_read(const GByteArray *file, const AgeIdentities *identities,
                                     size_t piece_bytes, GError **error)
{
    g_autoptr(Source) source =
        source_age_new(memory_source(file->data, file->len, piece_bytes), "the file", identities);
    GByteArray *out = g_byte_array_new();
    uint8_t block[50000];
    size_t got = 0;
    while (source_read(source, block, sizeof block, &got, error) && got > 0)
        g_byte_array_append(out, block, (guint)got);
    return out;
}

#endif
