/*
 * Large objects, read in ranges of their OIDs so that several sessions can share them: each in
 * pieces of up to 1 MiB, as rows (oid, offset, bytes) of binary COPY. Their digest is the sum over
 * these rows, and its count that of the objects: digests of ranges give that of all.
 */
#pragma once

#include "pg/connection.h"
#include "verify/rows.h"
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define LARGE_OBJECT_FIRST 0
#define LARGE_OBJECT_LAST UINT32_MAX

typedef struct {
    uint32_t first, last; /* OIDs, inclusive */
    int64_t objects;
} LargeObjectRange;

/* Ranges that have as many objects each, at most n; none if there are no objects. An array of
 * LargeObjectRange. */
GArray *large_objects_ranges(PgConnection *connection, int n, GError **error);

/* COPY ... TO STDOUT (FORMAT binary) of the pieces: one object after the other, each from its
 * beginning to its end. The caller frees it. */
char *large_objects_copy(uint32_t first, uint32_t last);

typedef struct {
    uint32_t oid;
    int64_t offset; /* 0: a new object begins, which may be empty */
    const char *data;
    size_t size_bytes;
} LargeObjectPiece;

/* Reads such a COPY, message by message. digest.rows counts objects. */
typedef struct {
    RowMessages messages; /* {.format = COPY_BINARY} */
    RowDigest digest;
} LargeObjectReading;
#define LARGE_OBJECT_READING                                                                       \
    {                                                                                              \
        .messages = {.format = COPY_BINARY }                                                       \
    }

/* Adds a message; *found: it held a piece, which is valid as long as the message is. */
bool large_objects_add(LargeObjectReading *reading, const char *message, size_t size_bytes,
                       LargeObjectPiece *piece, bool *found, GError **error);
/* Once the COPY has ended. */
bool large_objects_end(const LargeObjectReading *reading, GError **error);

/* Digest over owner and access rights of all large objects, by names. */
bool large_objects_access(PgConnection *connection, RowDigest *out, GError **error);
