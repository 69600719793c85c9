/*
 * The payload of an age file: a nonce, then chunks of 64 KiB, each sealed by itself under its
 * number and whether it is the last. The last is shorter or full, and empty only where there is no
 * other. Blocks of chunks are sealed or opened by threads; they are given and taken in order.
 *
 *     while there is something: block = age_chunks_free_block(); fill block->in;
 * age_chunks_submit() at any time: block = age_chunks_oldest(); use block->out;
 * age_chunks_release()
 *
 * For one calling thread. A payload of a single block is done in that thread; others are started
 * with the second block.
 */
#pragma once

#include "stream/age_crypto.h"
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AGE_PAYLOAD_NONCE_BYTES 16
#define AGE_CHUNK_BYTES ((size_t)64 * 1024)
#define AGE_SEALED_BYTES (AGE_CHUNK_BYTES + AGE_TAG_BYTES)
#define AGE_BLOCK_CHUNKS 8
#define AGE_BLOCK_MAX (AGE_BLOCK_CHUNKS * AGE_SEALED_BYTES) /* of in or out */

typedef struct {
    uint8_t *in, *out;
    size_t in_bytes, out_bytes;
    uint64_t first_chunk;
    bool is_last;
    /* Results: bad if the bytes are not what was sealed; out then holds nothing. */
    bool done, bad;
} AgeBlock;

typedef struct AgeChunks AgeChunks;

/* The payload's key is that of the file key and the payload's nonce. */
AgeChunks *age_chunks_new(const AgeFileKey *file_key, const uint8_t *nonce, bool encrypts);
void age_chunks_free(AgeChunks *chunks);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AgeChunks, age_chunks_free)

/* NULL if all are in use. */
AgeBlock *age_chunks_free_block(AgeChunks *chunks);
/* Hands over what the free block was filled with. Every block but the last is full. */
void age_chunks_submit(AgeChunks *chunks, bool is_last);
/* The oldest one that was submitted and not released, once it is done; NULL if there is none. */
AgeBlock *age_chunks_oldest(AgeChunks *chunks);
void age_chunks_release(AgeChunks *chunks);
