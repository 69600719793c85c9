/*
 * Rows in a stream of COPY bytes, and their digest: row count, and the sum modulo 2^128 of XXH3-128
 * over each row's bytes. A row in text format is a line with its line feed; in binary format it is
 * the tuple from its field count on. The binary header and trailer, and the end mark of a text
 * file ("\."), are no rows.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t high, low; /* sum modulo 2^128 */
    int64_t rows;
} RowDigest;

typedef enum { COPY_TEXT, COPY_BINARY } CopyFormat;

/* "text", "binary" */
const char *copy_format_name(CopyFormat format);
bool copy_format_from_name(const char *name, CopyFormat *format);

bool digest_equal(RowDigest a, RowDigest b);
void digest_add(RowDigest *sum, RowDigest other); /* digests of parts give the whole's */
/* Adds one row of these bytes. */
void digest_add_row(RowDigest *sum, const void *data, size_t size_bytes);
char *digest_format(RowDigest digest); /* "rows:32 hexadecimal digits"; the caller frees it */

/* One message of COPY ... TO STDOUT after the other: each holds one row, in binary format the first
 * one the header besides, and the last one the trailer alone. */
typedef struct {
    CopyFormat format;
    bool begun, ended;
    RowDigest digest;
    const char *row; /* of the last message, in it; NULL: it held none */
    size_t row_bytes;
} RowMessages;
bool row_messages_add(RowMessages *rows, const char *message, size_t size_bytes, GError **error);
/* Once the COPY has ended: ERROR_INTEGRITY if binary data have no trailer. */
bool row_messages_end(const RowMessages *rows, GError **error);

/*
 * The bytes of a data file as they come, cut anywhere. A row is never held in memory: it is hashed
 * as it passes. ERROR_INTEGRITY for what is no COPY data, or does not end as it must
 * (row_stream_end).
 */
typedef struct RowStream RowStream;
RowStream *row_stream_new(CopyFormat format);
bool row_stream_add(RowStream *stream, const void *data, size_t size_bytes, GError **error);
bool row_stream_end(RowStream *stream, RowDigest *digest, GError **error);
void row_stream_free(RowStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RowStream, row_stream_free)
