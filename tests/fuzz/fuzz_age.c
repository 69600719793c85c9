/*
 * libFuzzer on age: any bytes are read as a file, as a header whose MAC is made to fit, and as a
 * file of identities; what is read is proven or refused. The first byte chooses.
 */
#include "base/error.h"
#include "stream/age.h"
#include "stream/age_chunks.h"
#include "stream/age_header.h"
#include "stream/age_keys.h"
#include <glib.h>
#include <stdint.h>
#include <string.h>

#define SECRET "AGE-SECRET-KEY-15M7FPYZWMA9SPFSN4J0WCFJ4ZAMKDVL8QAYJTAV9AA2X7X2G2HCSNPMTA3"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    Source source;
    const uint8_t *data;
    size_t size;
} Bytes;

static bool read_bytes(Source *source, void *data, size_t size_bytes, size_t *got, GError **error)
{
    Bytes *bytes = (Bytes *)source;
    (void)error;
    *got = MIN(size_bytes, bytes->size);
    if (*got > 0)
        memcpy(data, bytes->data, *got);
    bytes->data += *got;
    bytes->size -= *got;
    return true;
}

static void clear_bytes(Source *source)
{
    (void)source;
}

/* To the end or an error. */
static void read_file(const uint8_t *data, size_t size, const AgeIdentities *identities)
{
    static const SourceKind kind = {read_bytes, clear_bytes};
    Bytes *bytes = g_new0(Bytes, 1);
    uint8_t block[4096];
    size_t got = 0;
    bool done = false;
    g_autoptr(GError) error = NULL;
    bytes->source.kind = &kind;
    bytes->data = data;
    bytes->size = size;
    g_autoptr(Source) source = source_age_new(&bytes->source, "it", identities);
    do
        done = source_read(source, block, sizeof block, &got, &error);
    while (done && got > 0);
    g_assert_true(done == (error == NULL));
}

/* Bytes behind a header that opens: a payload. */
static void read_payload(const uint8_t *data, size_t size, const AgeIdentities *identities)
{
    const AgeFileKey file_key = {{1}};
    g_autoptr(GByteArray) file = g_byte_array_new();
    const AgeOpeners openers = age_identities_openers(identities);
    const AgeKey recipient = age_x25519_public(&g_array_index(openers.keys, AgeKey, 0));
    g_autoptr(GString) header = age_header_make(&file_key, &recipient, 1, NULL);
    g_byte_array_append(file, (const uint8_t *)header->str, (guint)header->len);
    g_byte_array_append(file, data, (guint)size);
    read_file(file->data, file->len, identities);
}

/* Bytes between the version and the MAC. An expensive work factor is not tried. */
static void read_header(const uint8_t *data, size_t size, const AgeIdentities *identities)
{
    const AgeOpeners openers = age_identities_openers(identities);
    AgeFileKey file_key;
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) header = g_string_new(AGE_VERSION_LINE);
    g_string_append_len(header, (const char *)data, (gssize)size);
    g_string_append(header, "--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n");
    const bool opened = age_header_open(header->str, header->len, &openers, &file_key, &error);
    g_assert_true(opened == (error == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static AgeIdentities *identities = NULL;
    if (identities == NULL) {
        identities = age_identities_new();
        g_assert_true(age_identities_add_text(identities, "keys", SECRET, strlen(SECRET), NULL));
    }
    if (size == 0)
        return 0;
    switch (data[0] % 4) {
    case 0:
        read_file(data + 1, size - 1, identities);
        break;
    case 1:
        read_header(data + 1, size - 1, identities);
        break;
    case 2:
        read_payload(data + 1, size - 1, identities);
        break;
    default: {
        g_autoptr(AgeIdentities) own = age_identities_new();
        g_autoptr(GError) error = NULL;
        const bool added =
            age_identities_add_text(own, "it", (const char *)data + 1, size - 1, &error);
        g_assert_true(added == (error == NULL));
    }
    }
    return 0;
}
