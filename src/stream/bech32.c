#include "stream/bech32.h"

#include "stream/age_crypto.h"
#include <string.h>

#define CHECKSUM_CHARACTERS 6
#define MOST_VALUES 128 /* of five bits: keys have 52 */

static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static uint32_t polymod(uint32_t sum, uint8_t value)
{
    static const uint32_t generator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                         0x2a1462b3};
    const uint32_t top = sum >> 25;
    sum = (sum & 0x1ffffff) << 5 ^ value;
    for (unsigned i = 0; i < G_N_ELEMENTS(generator); i++)
        sum ^= (top >> i & 1) != 0 ? generator[i] : 0;
    return sum;
}

static uint32_t polymod_prefix(const char *prefix)
{
    uint32_t sum = 1;
    for (const char *at = prefix; *at != '\0'; at++)
        sum = polymod(sum, (uint8_t)(*at >> 5));
    sum = polymod(sum, 0);
    for (const char *at = prefix; *at != '\0'; at++)
        sum = polymod(sum, (uint8_t)(*at & 31));
    return sum;
}

/* In one case, which is not told. */
static bool fold(const char *text, size_t text_bytes, char *folded)
{
    bool lower = false, upper = false;
    for (size_t i = 0; i < text_bytes; i++) {
        lower = lower || g_ascii_islower(text[i]);
        upper = upper || g_ascii_isupper(text[i]);
        folded[i] = g_ascii_tolower(text[i]);
    }
    return !(lower && upper);
}

/* Five bits a character become eight bits a byte; the bits over are zeros, and less than five. */
static bool regroup(const uint8_t *values, size_t n_values, uint8_t *data, size_t data_bytes)
{
    uint32_t bits = 0;
    unsigned n_bits = 0;
    size_t n = 0;
    for (size_t i = 0; i < n_values; i++) {
        bits = (bits << 5 | values[i]) & 0xfff;
        n_bits += 5;
        if (n_bits < 8)
            continue;
        n_bits -= 8;
        if (n == data_bytes)
            return false;
        data[n++] = (uint8_t)(bits >> n_bits);
    }
    return n == data_bytes && n_bits < 5 && (bits & ((1U << n_bits) - 1)) == 0;
}

static bool decode(const char *folded, size_t n, const char *prefix, uint8_t *values, uint8_t *data,
                   size_t data_bytes)
{
    uint32_t sum = polymod_prefix(prefix);
    for (size_t i = 0; i < n; i++) {
        const char *found = folded[i] != '\0' ? strchr(alphabet, folded[i]) : NULL;
        if (found == NULL)
            return false;
        values[i] = (uint8_t)(found - alphabet);
        sum = polymod(sum, values[i]);
    }
    return sum == 1 && regroup(values, n - CHECKSUM_CHARACTERS, data, data_bytes);
}

bool bech32_decode(const char *text, size_t text_bytes, const char *prefix, uint8_t *data,
                   size_t data_bytes)
{
    const size_t before = strlen(prefix) + 1; /* and the 1 that separates */
    char folded[MOST_VALUES] = {0};
    uint8_t values[MOST_VALUES] = {0};
    bool decoded = false;
    if (text_bytes < before + CHECKSUM_CHARACTERS || text_bytes > MOST_VALUES)
        return false;
    decoded = fold(text, text_bytes, folded) && memcmp(folded, prefix, before - 1) == 0 &&
              folded[before - 1] == '1' &&
              decode(folded + before, text_bytes - before, prefix, values, data, data_bytes);
    age_wipe(folded, sizeof folded);
    age_wipe(values, sizeof values);
    return decoded;
}
