/* Decryption with age. */
#include "base/error.h"
#include "stream/age.h"
#include "stream/age_chunks.h"
#include "stream/age_header.h"
#include "stream/age_keys.h"
#include <string.h>

#define BLOCK_BYTES (AGE_BLOCK_CHUNKS * AGE_SEALED_BYTES)
#define HEAD_BYTES ((size_t)4096) /* the first look, and what the buffer grows by at least */

typedef struct {
    Source source;
    char *what;
    const AgeIdentities *identities;

    /* Read behind, and not used: while the header is being read, then what came with it, then the
     * one byte that says that the block before it is not the last. */
    GByteArray *ahead;
    bool ended; /* next is */

    AgeChunks *chunks; /* NULL before the header was read */
    bool submitted_all;
    size_t used; /* of the oldest block */
} AgeSource;

static bool set_damaged(const AgeSource *age, GError **error, const char *how)
{
    error_set(error, ERROR_INTEGRITY, "%s cannot be decrypted: %s", age->what, how);
    return false;
}

/* Appends what one read gives, at most so much. */
static bool read_ahead(AgeSource *age, size_t size_bytes, GError **error)
{
    const guint before = age->ahead->len;
    size_t got = 0;
    g_byte_array_set_size(age->ahead, before + (guint)size_bytes);
    const bool done =
        source_read(age->source.next, age->ahead->data + before, size_bytes, &got, error);
    g_byte_array_set_size(age->ahead, before + (guint)got);
    age->ended = done && got == 0;
    return done;
}

/* ---- the header ---- */

/* A file that is none is told from one that is damaged by its first bytes. */
static bool check_version(const AgeSource *age, GError **error)
{
    const size_t length = MIN(age->ahead->len, strlen(AGE_VERSION_LINE));
    if (memcmp(age->ahead->data, AGE_VERSION_LINE, length) == 0)
        return true;
    if (age->ahead->data[0] != '-')
        return set_damaged(age, error, "it does not begin as a file of age, version 1, does");
    set_damaged(age, error, "it is armoured, which is not supported");
    error_hint_set(error, "decrypt it with age first, or encrypt without --armor");
    return false;
}

static bool read_header(AgeSource *age, size_t *size_bytes, GError **error)
{
    for (;;) {
        if (!read_ahead(age, MAX(age->ahead->len, HEAD_BYTES), error))
            return false;
        if (age->ahead->len > 0 && !check_version(age, error))
            return false;
        *size_bytes = age_header_size((const char *)age->ahead->data, age->ahead->len);
        if (*size_bytes > 0)
            return true;
        if (age->ended)
            return set_damaged(age, error, "it is torn in its header");
        if (age->ahead->len > AGE_HEADER_MAX)
            return set_damaged(age, error, "its header has no end");
    }
}

static bool begin(AgeSource *age, GError **error)
{
    const AgeOpeners openers = age_identities_openers(age->identities);
    size_t header_bytes = 0;
    AgeFileKey file_key;
    if (!read_header(age, &header_bytes, error))
        return false;
    if (!age_header_open((const char *)age->ahead->data, header_bytes, &openers, &file_key,
                         error)) {
        g_prefix_error(error, "%s cannot be decrypted: ", age->what);
        return false;
    }
    g_byte_array_remove_range(age->ahead, 0, (guint)header_bytes);
    while (age->ahead->len < AGE_PAYLOAD_NONCE_BYTES && !age->ended) {
        if (!read_ahead(age, HEAD_BYTES, error))
            return false;
    }
    if (age->ahead->len < AGE_PAYLOAD_NONCE_BYTES)
        return set_damaged(age, error, "it is torn behind its header");
    age->chunks = age_chunks_new(&file_key, age->ahead->data, false);
    age_wipe(&file_key, sizeof file_key);
    g_byte_array_remove_range(age->ahead, 0, AGE_PAYLOAD_NONCE_BYTES);
    return true;
}

/* ---- the payload ---- */

/* To the end of the block, or of everything. */
static bool fill(AgeSource *age, AgeBlock *block, GError **error)
{
    const size_t piece = MIN(age->ahead->len, BLOCK_BYTES);
    memcpy(block->in, age->ahead->data, piece);
    block->in_bytes = piece;
    g_byte_array_remove_range(age->ahead, 0, (guint)piece);
    while (block->in_bytes < BLOCK_BYTES && !age->ended) {
        size_t got = 0;
        if (!source_read(age->source.next, block->in + block->in_bytes,
                         BLOCK_BYTES - block->in_bytes, &got, error))
            return false;
        block->in_bytes += got;
        age->ended = got == 0;
    }
    return age->ended || age->ahead->len > 0 || read_ahead(age, 1, error);
}

/* As many blocks as there is room for are on their way while the oldest is waited for. */
static bool fill_all(AgeSource *age, GError **error)
{
    while (!age->submitted_all) {
        AgeBlock *block = age_chunks_free_block(age->chunks);
        if (block == NULL)
            return true;
        if (!fill(age, block, error))
            return false;
        age->submitted_all = age->ended && age->ahead->len == 0;
        age_chunks_submit(age->chunks, age->submitted_all);
    }
    return true;
}

static bool read_age(Source *source, void *data, size_t size_bytes, size_t *got, GError **error)
{
    AgeSource *age = (AgeSource *)source;
    const AgeBlock *block = NULL;
    if (age->chunks == NULL && !begin(age, error))
        return false;
    for (;;) {
        if (!fill_all(age, error))
            return false;
        block = age_chunks_oldest(age->chunks);
        if (block == NULL)
            return true;
        if (block->bad)
            return set_damaged(age, error, "it is torn, or was changed");
        if (age->used < block->out_bytes)
            break;
        age->used = 0;
        age_chunks_release(age->chunks);
    }
    *got = MIN(size_bytes, block->out_bytes - age->used);
    memcpy(data, block->out + age->used, *got);
    age->used += *got;
    return true;
}

static void clear_age(Source *source)
{
    AgeSource *age = (AgeSource *)source;
    age_chunks_free(age->chunks);
    g_byte_array_free(age->ahead, TRUE);
    g_free(age->what);
}

Source *source_age_new(Source *next, const char *what, const AgeIdentities *identities)
{
    static const SourceKind kind = {read_age, clear_age};
    AgeSource *age = g_new0(AgeSource, 1);
    age->source.kind = &kind;
    age->source.next = next;
    age->what = g_strdup(what);
    age->identities = identities;
    age->ahead = g_byte_array_new();
    return &age->source;
}
