/*
 * What age v1 is made of: X25519, HKDF-SHA-256, HMAC-SHA-256, ChaCha20-Poly1305 and scrypt, by
 * OpenSSL. Everything that fails for another reason than the input is a failure of OpenSSL itself
 * and ends the program, as running out of memory does.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AGE_KEY_BYTES 32      /* of ChaCha20-Poly1305, of an X25519 scalar or point, of a MAC */
#define AGE_FILE_KEY_BYTES 16 /* what a header wraps for each recipient */
#define AGE_TAG_BYTES 16
#define AGE_NONCE_BYTES 12
#define AGE_WRAPPED_BYTES (AGE_FILE_KEY_BYTES + AGE_TAG_BYTES)

typedef struct {
    uint8_t bytes[AGE_KEY_BYTES];
} AgeKey;

typedef struct {
    uint8_t bytes[AGE_FILE_KEY_BYTES];
} AgeFileKey;

/* Overwrites what must not stay in memory. */
void age_wipe(void *data, size_t size_bytes);
void age_random(void *data, size_t size_bytes);
/* Whether they are the same, in a time that does not depend on where they differ. */
bool age_same(const void *a, const void *b, size_t size_bytes);

/* The public key of a secret one. */
AgeKey age_x25519_public(const AgeKey *secret);
/* False if the point is one of low order, with which nothing is secret. */
bool age_x25519_shared(const AgeKey *secret, const AgeKey *point, AgeKey *shared);

AgeKey age_hkdf(const void *secret, size_t secret_bytes, const void *salt, size_t salt_bytes,
                const char *info);
AgeKey age_hmac(const AgeKey *key, const void *data, size_t size_bytes);
/* N = 2^log_n, r = 8, p = 1: needs 2^log_n KiB. False without the memory. */
bool age_scrypt(const char *passphrase, const void *salt, size_t salt_bytes, unsigned log_n,
                AgeKey *key);

/* ChaCha20-Poly1305 under one key, for one thread. */
typedef struct AgeCipher AgeCipher;
AgeCipher *age_cipher_new(const AgeKey *key, bool encrypts);
void age_cipher_free(AgeCipher *cipher);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AgeCipher, age_cipher_free)
/* out gets size_bytes, and the tag behind them. */
void age_seal(AgeCipher *cipher, const uint8_t nonce[AGE_NONCE_BYTES], const uint8_t *in,
              size_t size_bytes, uint8_t *out);
/* size_bytes without the tag, which stands behind them in in. False if it is not what was sealed;
 * then out holds nothing that may be used. */
bool age_unseal(AgeCipher *cipher, const uint8_t nonce[AGE_NONCE_BYTES], const uint8_t *in,
                size_t size_bytes, uint8_t *out);
