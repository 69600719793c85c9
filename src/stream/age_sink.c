/* Encryption with age. */
#include "base/error.h"
#include "stream/age.h"
#include "stream/age_chunks.h"
#include "stream/age_header.h"
#include <string.h>

#define BLOCK_BYTES (AGE_BLOCK_CHUNKS * AGE_CHUNK_BYTES)

typedef struct {
    Sink sink;
    AgeChunks *chunks;
} AgeSink;

/* The oldest block goes on. */
static bool hand_on(AgeSink *age, GError **error)
{
    const AgeBlock *block = age_chunks_oldest(age->chunks);
    if (!sink_write(age->sink.next, block->out, block->out_bytes, error))
        return false;
    age_chunks_release(age->chunks);
    return true;
}

static AgeBlock *free_block(AgeSink *age, GError **error)
{
    AgeBlock *block = age_chunks_free_block(age->chunks);
    return block != NULL ? block : hand_on(age, error) ? age_chunks_free_block(age->chunks) : NULL;
}

/* A full block waits for one byte more: until then it may be the last. */
static bool age_write(Sink *sink, const void *data, size_t size_bytes, GError **error)
{
    AgeSink *age = (AgeSink *)sink;
    const uint8_t *at = data;
    while (size_bytes > 0) {
        AgeBlock *block = free_block(age, error);
        size_t piece = 0;
        if (block == NULL)
            return false;
        if (block->in_bytes == BLOCK_BYTES) {
            age_chunks_submit(age->chunks, false);
            continue;
        }
        piece = MIN(size_bytes, BLOCK_BYTES - block->in_bytes);
        memcpy(block->in + block->in_bytes, at, piece);
        block->in_bytes += piece;
        at += piece;
        size_bytes -= piece;
    }
    return true;
}

static bool age_commit(Sink *sink, GError **error)
{
    AgeSink *age = (AgeSink *)sink;
    if (free_block(age, error) == NULL)
        return false;
    age_chunks_submit(age->chunks, true);
    while (age_chunks_oldest(age->chunks) != NULL) {
        if (!hand_on(age, error))
            return false;
    }
    return true;
}

static void age_discard(Sink *sink)
{
    age_chunks_free(((AgeSink *)sink)->chunks);
}

static bool begin(AgeSink *age, const AgeKey *recipients, size_t n_recipients, GError **error)
{
    AgeFileKey file_key;
    uint8_t nonce[AGE_PAYLOAD_NONCE_BYTES];
    g_autoptr(GString) header = NULL;
    age_random(file_key.bytes, sizeof file_key.bytes);
    age_random(nonce, sizeof nonce);
    header = age_header_make(&file_key, recipients, n_recipients, error);
    age->chunks = age_chunks_new(&file_key, nonce, true);
    age_wipe(&file_key, sizeof file_key);
    return header != NULL && sink_write(age->sink.next, header->str, header->len, error) &&
           sink_write(age->sink.next, nonce, sizeof nonce, error);
}

Sink *sink_age_new(Sink *next, const AgeKey *recipients, size_t n_recipients, GError **error)
{
    static const SinkKind kind = {age_write, age_commit, age_discard};
    AgeSink *age = g_new0(AgeSink, 1);
    g_autoptr(Sink) sink = &age->sink;
    sink->kind = &kind;
    sink->next = next;
    return begin(age, recipients, n_recipients, error) ? g_steal_pointer(&sink) : NULL;
}
