#include "stream/age_crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>

#define SCRYPT_R 8
#define SCRYPT_P 1
#define SCRYPT_ROOM (UINT64_C(1) << 20) /* what OpenSSL counts besides the table */

static void check(bool done)
{
    if (!done)
        g_error("the cryptography of this OpenSSL does not work");
}

void age_wipe(void *data, size_t size_bytes)
{
    OPENSSL_cleanse(data, size_bytes);
}

void age_random(void *data, size_t size_bytes)
{
    check(RAND_bytes(data, (int)size_bytes) == 1);
}

bool age_same(const void *a, const void *b, size_t size_bytes)
{
    return CRYPTO_memcmp(a, b, size_bytes) == 0;
}

/* ---- X25519 ---- */

AgeKey age_x25519_public(const AgeKey *secret)
{
    EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret->bytes, sizeof secret->bytes);
    AgeKey public_key = {{0}};
    size_t size_bytes = sizeof public_key.bytes;
    check(key != NULL && EVP_PKEY_get_raw_public_key(key, public_key.bytes, &size_bytes) == 1);
    EVP_PKEY_free(key);
    return public_key;
}

/* OpenSSL refuses a result of zeros, which is what a point of low order gives. */
bool age_x25519_shared(const AgeKey *secret, const AgeKey *point, AgeKey *shared)
{
    EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret->bytes, sizeof secret->bytes);
    EVP_PKEY *peer =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, point->bytes, sizeof point->bytes);
    EVP_PKEY_CTX *context = key != NULL ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    static const AgeKey zero;
    size_t size_bytes = sizeof shared->bytes;
    bool derived = false;
    check(peer != NULL && context != NULL && EVP_PKEY_derive_init(context) == 1 &&
          EVP_PKEY_derive_set_peer(context, peer) == 1);
    derived = EVP_PKEY_derive(context, shared->bytes, &size_bytes) == 1 &&
              !age_same(shared->bytes, zero.bytes, sizeof zero.bytes);
    ERR_clear_error(); /* who uses TLS in this thread must not find it */
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(key);
    return derived;
}

/* ---- keys from keys ---- */

AgeKey age_hkdf(const void *secret, size_t secret_bytes, const void *salt, size_t salt_bytes,
                const char *info)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    AgeKey key = {{0}};
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret, secret_bytes),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, strlen(info)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt, salt_bytes),
        OSSL_PARAM_construct_end(),
    };
    check(context != NULL && EVP_KDF_derive(context, key.bytes, sizeof key.bytes, params) == 1);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return key;
}

AgeKey age_hmac(const AgeKey *key, const void *data, size_t size_bytes)
{
    AgeKey mac = {{0}};
    size_t mac_bytes = 0;
    check(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key->bytes, sizeof key->bytes, data,
                    size_bytes, mac.bytes, sizeof mac.bytes, &mac_bytes) != NULL &&
          mac_bytes == sizeof mac.bytes);
    return mac;
}

bool age_scrypt(const char *passphrase, const void *salt, size_t salt_bytes, unsigned log_n,
                AgeKey *key)
{
    const uint64_t n = UINT64_C(1) << log_n;
    return EVP_PBE_scrypt(passphrase, strlen(passphrase), salt, salt_bytes, n, SCRYPT_R, SCRYPT_P,
                          n * 128 * SCRYPT_R + SCRYPT_ROOM, key->bytes, sizeof key->bytes) == 1;
}

/* ---- ChaCha20-Poly1305 ---- */

struct AgeCipher {
    EVP_CIPHER_CTX *context;
};

AgeCipher *age_cipher_new(const AgeKey *key, bool encrypts)
{
    AgeCipher *cipher = g_new0(AgeCipher, 1);
    cipher->context = EVP_CIPHER_CTX_new();
    check(cipher->context != NULL &&
          EVP_CipherInit_ex(cipher->context, EVP_chacha20_poly1305(), NULL, key->bytes, NULL,
                            encrypts ? 1 : 0) == 1);
    return cipher;
}

void age_cipher_free(AgeCipher *cipher)
{
    if (cipher == NULL)
        return;
    EVP_CIPHER_CTX_free(cipher->context);
    g_free(cipher);
}

void age_seal(AgeCipher *cipher, const uint8_t nonce[AGE_NONCE_BYTES], const uint8_t *in,
              size_t size_bytes, uint8_t *out)
{
    int n = 0;
    check(EVP_EncryptInit_ex(cipher->context, NULL, NULL, NULL, nonce) == 1 &&
          EVP_EncryptUpdate(cipher->context, out, &n, in, (int)size_bytes) == 1 &&
          n == (int)size_bytes && EVP_EncryptFinal_ex(cipher->context, out + n, &n) == 1 &&
          EVP_CIPHER_CTX_ctrl(cipher->context, EVP_CTRL_AEAD_GET_TAG, AGE_TAG_BYTES,
                              out + size_bytes) == 1);
}

bool age_unseal(AgeCipher *cipher, const uint8_t nonce[AGE_NONCE_BYTES], const uint8_t *in,
                size_t size_bytes, uint8_t *out)
{
    int n = 0;
    check(EVP_DecryptInit_ex(cipher->context, NULL, NULL, NULL, nonce) == 1 &&
          EVP_CIPHER_CTX_ctrl(cipher->context, EVP_CTRL_AEAD_SET_TAG, AGE_TAG_BYTES,
                              (void *)(in + size_bytes)) == 1 &&
          EVP_DecryptUpdate(cipher->context, out, &n, in, (int)size_bytes) == 1);
    return EVP_DecryptFinal_ex(cipher->context, out + n, &n) == 1;
}
