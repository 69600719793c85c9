/* The published vectors of what age is made of. HMAC and ChaCha20-Poly1305 are tried with age
 * itself (test_age.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/age_crypto.h"
#include <string.h>

static AgeKey from_hex(const char *hex)
{
    AgeKey key = {{0}};
    for (size_t i = 0; i < sizeof key.bytes; i++)
        key.bytes[i] =
            (uint8_t)(g_ascii_xdigit_value(hex[2 * i]) << 4 | g_ascii_xdigit_value(hex[2 * i + 1]));
    return key;
}

static void assert_key(AgeKey key, const char *hex)
{
    const AgeKey expected = from_hex(hex);
    assert_memory_equal(key.bytes, expected.bytes, sizeof key.bytes);
}

/* RFC 7748, 6.1 */
static void x25519_is_as_published(void **state)
{
    const AgeKey secret =
        from_hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    const AgeKey other =
        from_hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    AgeKey shared;
    (void)state;
    assert_key(age_x25519_public(&secret),
               "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    assert_true(age_x25519_shared(&secret, &other, &shared));
    assert_key(shared, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

static void a_point_of_low_order_shares_nothing(void **state)
{
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    AgeKey secret, shared;
    (void)state;
    age_random(secret.bytes, sizeof secret.bytes);
    for (guint i = 0; i < G_N_ELEMENTS(points); i++) {
        const AgeKey point = from_hex(points[i]);
        assert_false(age_x25519_shared(&secret, &point, &shared));
    }
}

/* RFC 5869, A.1 and A.3: the first 32 bytes */
static void hkdf_is_as_published(void **state)
{
    uint8_t secret[22], salt[13];
    (void)state;
    memset(secret, 0x0b, sizeof secret);
    for (size_t i = 0; i < sizeof salt; i++)
        salt[i] = (uint8_t)i;
    assert_key(age_hkdf(secret, sizeof secret, salt, sizeof salt,
                        "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9"),
               "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
    assert_key(age_hkdf(secret, sizeof secret, "", 0, ""),
               "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

/* RFC 7914, 12: the first 32 bytes */
static void scrypt_is_as_published(void **state)
{
    AgeKey key;
    (void)state;
    assert_true(age_scrypt("pleaseletmein", "SodiumChloride", strlen("SodiumChloride"), 14, &key));
    assert_key(key, "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2");
}

static void what_was_sealed_is_opened(void **state)
{
    const AgeKey key = from_hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    g_autoptr(AgeCipher) seals = age_cipher_new(&key, true);
    g_autoptr(AgeCipher) opens = age_cipher_new(&key, false);
    uint8_t nonce[AGE_NONCE_BYTES] = {7}, sealed[5 + AGE_TAG_BYTES], opened[5];
    (void)state;
    age_seal(seals, nonce, (const uint8_t *)"12345", 5, sealed);
    for (int i = 0; i < 2; i++) { /* a cipher is used again */
        assert_true(age_unseal(opens, nonce, sealed, 5, opened));
        assert_memory_equal(opened, "12345", 5);
        nonce[0] ^= 1;
        assert_false(age_unseal(opens, nonce, sealed, 5, opened));
        nonce[0] ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(x25519_is_as_published),
        cmocka_unit_test(a_point_of_low_order_shares_nothing),
        cmocka_unit_test(hkdf_is_as_published),
        cmocka_unit_test(scrypt_is_as_published),
        cmocka_unit_test(what_was_sealed_is_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
