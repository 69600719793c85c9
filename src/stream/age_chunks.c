#include "stream/age_chunks.h"

#include <string.h>

#define MOST_THREADS 4
#define MOST_BLOCKS (2 * MOST_THREADS + 2)

struct AgeChunks {
    AgeKey key;
    bool encrypts;
    guint n_threads, n_blocks;
    AgeBlock blocks[MOST_BLOCKS]; /* a ring */
    uint64_t next_chunk;
    AgeCipher *own; /* of the calling thread */
    GThread *threads[MOST_THREADS];
    bool started;

    /* How many were submitted, begun and released; a ring's places are modulo n_blocks. released is
     * the calling thread's alone. */
    uint64_t submitted, begun, released;
    bool stop;
    GMutex lock; /* of submitted, begun, stop, and of done in the blocks */
    GCond changed, finished;
};

static AgeBlock *block_at(AgeChunks *chunks, uint64_t i)
{
    return &chunks->blocks[i % chunks->n_blocks];
}

/* ---- the work ---- */

/* Eleven bytes of the chunk's number, big-endian, and one that says whether it is the last. */
static void make_nonce(uint64_t chunk, bool is_last, uint8_t nonce[AGE_NONCE_BYTES])
{
    memset(nonce, 0, AGE_NONCE_BYTES);
    for (unsigned i = 0; i < sizeof chunk; i++)
        nonce[AGE_NONCE_BYTES - 2 - i] = (uint8_t)(chunk >> (8 * i));
    nonce[AGE_NONCE_BYTES - 1] = is_last ? 1 : 0;
}

static void seal_block(AgeCipher *cipher, AgeBlock *block)
{
    size_t at = 0;
    uint64_t chunk = block->first_chunk;
    block->out_bytes = 0;
    do {
        const size_t size_bytes = MIN(block->in_bytes - at, AGE_CHUNK_BYTES);
        uint8_t nonce[AGE_NONCE_BYTES];
        make_nonce(chunk++, block->is_last && at + size_bytes == block->in_bytes, nonce);
        age_seal(cipher, nonce, block->in + at, size_bytes, block->out + block->out_bytes);
        at += size_bytes;
        block->out_bytes += size_bytes + AGE_TAG_BYTES;
    } while (at < block->in_bytes);
}

/* A chunk has at least its tag, and nothing but its tag only where it is all there is. */
static bool open_chunk(AgeCipher *cipher, AgeBlock *block, uint64_t chunk, size_t at,
                       size_t sealed_bytes)
{
    const size_t size_bytes = sealed_bytes - AGE_TAG_BYTES;
    uint8_t nonce[AGE_NONCE_BYTES];
    if (sealed_bytes < AGE_TAG_BYTES || (size_bytes == 0 && chunk > 0))
        return false;
    make_nonce(chunk, block->is_last && at + sealed_bytes == block->in_bytes, nonce);
    if (!age_unseal(cipher, nonce, block->in + at, size_bytes, block->out + block->out_bytes))
        return false;
    block->out_bytes += size_bytes;
    return true;
}

static void open_block(AgeCipher *cipher, AgeBlock *block)
{
    size_t at = 0;
    uint64_t chunk = block->first_chunk;
    block->out_bytes = 0;
    block->bad = false;
    do {
        const size_t sealed_bytes = MIN(block->in_bytes - at, AGE_SEALED_BYTES);
        block->bad = !open_chunk(cipher, block, chunk++, at, sealed_bytes);
        at += sealed_bytes;
    } while (!block->bad && at < block->in_bytes);
    if (block->bad)
        block->out_bytes = 0;
}

static void do_block(const AgeChunks *chunks, AgeCipher *cipher, AgeBlock *block)
{
    if (chunks->encrypts)
        seal_block(cipher, block);
    else
        open_block(cipher, block);
}

/* ---- threads ---- */

static gpointer work(gpointer data)
{
    AgeChunks *chunks = data;
    g_autoptr(AgeCipher) cipher = age_cipher_new(&chunks->key, chunks->encrypts);
    g_mutex_lock(&chunks->lock);
    for (;;) {
        AgeBlock *block = NULL;
        while (!chunks->stop && chunks->begun == chunks->submitted)
            g_cond_wait(&chunks->changed, &chunks->lock);
        if (chunks->stop)
            break;
        block = block_at(chunks, chunks->begun++);
        g_mutex_unlock(&chunks->lock);
        do_block(chunks, cipher, block);
        g_mutex_lock(&chunks->lock);
        block->done = true;
        g_cond_signal(&chunks->finished);
    }
    g_mutex_unlock(&chunks->lock);
    return NULL;
}

static void start(AgeChunks *chunks)
{
    for (guint i = 0; i < chunks->n_threads; i++)
        chunks->threads[i] = g_thread_new("age", work, chunks);
    chunks->started = true;
}

AgeChunks *age_chunks_new(const AgeFileKey *file_key, const uint8_t *nonce, bool encrypts)
{
    AgeChunks *chunks = g_new0(AgeChunks, 1);
    chunks->key = age_hkdf(file_key->bytes, sizeof file_key->bytes, nonce, AGE_PAYLOAD_NONCE_BYTES,
                           "payload");
    chunks->encrypts = encrypts;
    chunks->n_threads = CLAMP(g_get_num_processors(), 1, MOST_THREADS);
    chunks->n_blocks = 2 * chunks->n_threads + 2;
    g_mutex_init(&chunks->lock);
    g_cond_init(&chunks->changed);
    g_cond_init(&chunks->finished);
    return chunks;
}

void age_chunks_free(AgeChunks *chunks)
{
    if (chunks == NULL)
        return;
    g_mutex_lock(&chunks->lock);
    chunks->stop = true;
    g_cond_broadcast(&chunks->changed);
    g_mutex_unlock(&chunks->lock);
    for (guint i = 0; i < chunks->n_threads && chunks->started; i++)
        g_thread_join(chunks->threads[i]);
    for (guint i = 0; i < chunks->n_blocks; i++) {
        g_free(chunks->blocks[i].in);
        g_free(chunks->blocks[i].out);
    }
    age_cipher_free(chunks->own);
    g_cond_clear(&chunks->changed);
    g_cond_clear(&chunks->finished);
    g_mutex_clear(&chunks->lock);
    age_wipe(&chunks->key, sizeof chunks->key);
    g_free(chunks);
}

AgeBlock *age_chunks_free_block(AgeChunks *chunks)
{
    AgeBlock *block = block_at(chunks, chunks->submitted);
    if (chunks->submitted - chunks->released == chunks->n_blocks)
        return NULL;
    if (block->in == NULL) {
        block->in = g_malloc(AGE_BLOCK_MAX);
        block->out = g_malloc(AGE_BLOCK_MAX);
    }
    return block;
}

void age_chunks_submit(AgeChunks *chunks, bool is_last)
{
    AgeBlock *block = block_at(chunks, chunks->submitted);
    block->first_chunk = chunks->next_chunk;
    block->is_last = is_last;
    block->done = block->bad = false;
    chunks->next_chunk += AGE_BLOCK_CHUNKS;
    if (!chunks->started && is_last) {
        chunks->own = age_cipher_new(&chunks->key, chunks->encrypts);
        do_block(chunks, chunks->own, block);
        block->done = true;
        chunks->begun = ++chunks->submitted;
        return;
    }
    if (!chunks->started)
        start(chunks);
    g_mutex_lock(&chunks->lock);
    chunks->submitted++;
    g_cond_signal(&chunks->changed);
    g_mutex_unlock(&chunks->lock);
}

AgeBlock *age_chunks_oldest(AgeChunks *chunks)
{
    AgeBlock *block = block_at(chunks, chunks->released);
    if (chunks->released == chunks->submitted)
        return NULL;
    g_mutex_lock(&chunks->lock);
    while (!block->done)
        g_cond_wait(&chunks->finished, &chunks->lock);
    g_mutex_unlock(&chunks->lock);
    return block;
}

void age_chunks_release(AgeChunks *chunks)
{
    block_at(chunks, chunks->released)->in_bytes = 0;
    chunks->released++;
}
