#include "verify/rows.h"

#include "base/error.h"
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

/* Source: "Binary Format" in PostgreSQL's documentation of COPY. */
#define SIGNATURE "PGCOPY\n\377\r\n"
#define SIGNATURE_BYTES 11 /* with its NUL */
#define HEADER_BYTES 19    /* signature, flags, length of the extension area */
#define MAX_EXTENSION_BYTES (1 << 16)

const char *copy_format_name(CopyFormat format)
{
    return format == COPY_BINARY ? "binary" : "text";
}

bool copy_format_from_name(const char *name, CopyFormat *format)
{
    if (g_strcmp0(name, "text") != 0 && g_strcmp0(name, "binary") != 0)
        return false;
    *format = strcmp(name, "binary") == 0 ? COPY_BINARY : COPY_TEXT;
    return true;
}

/* ---- digests ---- */

bool digest_equal(RowDigest a, RowDigest b)
{
    return a.rows == b.rows && a.high == b.high && a.low == b.low;
}

void digest_add(RowDigest *sum, RowDigest other)
{
    sum->low += other.low;
    sum->high += other.high + (sum->low < other.low ? 1 : 0);
    sum->rows += other.rows;
}

static void add_hash(RowDigest *sum, XXH128_hash_t hash)
{
    digest_add(sum, (RowDigest){.high = hash.high64, .low = hash.low64, .rows = 1});
}

void digest_add_row(RowDigest *sum, const void *data, size_t size_bytes)
{
    add_hash(sum, XXH3_128bits(data, size_bytes));
}

char *digest_format(RowDigest digest)
{
    return g_strdup_printf("%" G_GINT64_FORMAT ":%016" G_GINT64_MODIFIER "x%016" G_GINT64_MODIFIER
                           "x",
                           digest.rows, digest.high, digest.low);
}

/* ---- messages ---- */

static uint32_t read_number(const unsigned char *bytes, int n)
{
    uint32_t number = 0;
    for (int i = 0; i < n; i++)
        number = number << 8 | bytes[i];
    return number;
}

static bool no_copy_data(GError **error, const char *what)
{
    error_set(error, ERROR_INTEGRITY, "this is no binary COPY data: %s", what);
    return false;
}

static bool check_header(const unsigned char *header, uint32_t *extension_bytes, GError **error)
{
    if (memcmp(header, SIGNATURE, SIGNATURE_BYTES) != 0)
        return no_copy_data(error, "it does not begin with the signature");
    if (read_number(header + SIGNATURE_BYTES, 4) != 0)
        return no_copy_data(error, "its header has flags that are not known");
    *extension_bytes = read_number(header + SIGNATURE_BYTES + 4, 4);
    if (*extension_bytes > MAX_EXTENSION_BYTES)
        return no_copy_data(error, "its header is too long");
    return true;
}

/* Takes the header off the first message. */
static bool begin_messages(RowMessages *rows, const char **message, size_t *size_bytes,
                           GError **error)
{
    uint32_t extension_bytes = 0;
    if (*size_bytes < HEADER_BYTES)
        return no_copy_data(error, "its header is torn");
    if (!check_header((const unsigned char *)*message, &extension_bytes, error))
        return false;
    if (*size_bytes - HEADER_BYTES < extension_bytes)
        return no_copy_data(error, "its header is torn");
    *message += HEADER_BYTES + extension_bytes;
    *size_bytes -= HEADER_BYTES + extension_bytes;
    rows->begun = true;
    return true;
}

static void add_message(RowMessages *rows, const char *row, size_t size_bytes)
{
    rows->row = row;
    rows->row_bytes = size_bytes;
    digest_add_row(&rows->digest, row, size_bytes);
}

bool row_messages_add(RowMessages *rows, const char *message, size_t size_bytes, GError **error)
{
    rows->row = NULL;
    if (rows->format == COPY_TEXT) {
        add_message(rows, message, size_bytes);
        return true;
    }
    if (!rows->begun) {
        if (!begin_messages(rows, &message, &size_bytes, error))
            return false;
        if (size_bytes == 0)
            return true;
    }
    if (rows->ended)
        return no_copy_data(error, "something follows its end");
    if (size_bytes < 2)
        return no_copy_data(error, "a row is torn");
    if (read_number((const unsigned char *)message, 2) != 0xFFFF)
        add_message(rows, message, size_bytes);
    else if (size_bytes == 2)
        rows->ended = true;
    else
        return no_copy_data(error, "something follows its end");
    return true;
}

bool row_messages_end(const RowMessages *rows, GError **error)
{
    if (rows->format == COPY_BINARY && !rows->ended)
        return no_copy_data(error, "it ends without its end mark");
    return true;
}

/* ---- streams ---- */

/* Where in the binary format the next byte belongs. */
typedef enum {
    IN_HEADER,
    IN_EXTENSION,
    IN_COUNT,  /* of fields, 2 bytes */
    IN_LENGTH, /* of a field, 4 bytes */
    IN_FIELD,
    AT_END,
} Place;

struct RowStream {
    CopyFormat format;
    RowDigest digest;
    XXH3_state_t *hash; /* of the row that is not complete yet */
    bool in_row;
    /* binary */
    Place place;
    unsigned char collected[HEADER_BYTES];
    size_t n_collected;
    uint32_t fields;  /* still to come in this row */
    uint64_t to_pass; /* bytes of the field or extension that are still to come */
    /* text: what a line that may be the end mark has so far; it is hashed when it is known not to
     * be one */
    bool at_line_start;
    int mark; /* characters of "\.\n" that were seen at the start of the line */
    bool ended;
};

RowStream *row_stream_new(CopyFormat format)
{
    RowStream *stream = g_new0(RowStream, 1);
    stream->format = format;
    stream->hash = XXH3_createState();
    stream->at_line_start = true;
    return stream;
}

void row_stream_free(RowStream *stream)
{
    if (stream == NULL)
        return;
    (void)XXH3_freeState(stream->hash);
    g_free(stream);
}

static void hash_piece(RowStream *stream, const void *data, size_t size_bytes)
{
    if (!stream->in_row)
        (void)XXH3_128bits_reset(stream->hash);
    stream->in_row = true;
    (void)XXH3_128bits_update(stream->hash, data, size_bytes);
}

/* The last bytes of a row: in one go if it began with them. */
static void hash_last(RowStream *stream, const void *data, size_t size_bytes)
{
    if (!stream->in_row) {
        digest_add_row(&stream->digest, data, size_bytes);
        return;
    }
    (void)XXH3_128bits_update(stream->hash, data, size_bytes);
    add_hash(&stream->digest, XXH3_128bits_digest(stream->hash));
    stream->in_row = false;
}

static const char END_MARK[] = "\\.\n";

/* At the start of a line that may be the end mark. Gives how many bytes it took. */
static size_t take_mark(RowStream *stream, const char *data, size_t size_bytes)
{
    size_t taken = 0;
    while (taken < size_bytes && stream->mark < 3 && data[taken] == END_MARK[stream->mark]) {
        stream->mark++;
        taken++;
    }
    if (stream->mark == 3) {
        stream->ended = true;
    } else if (taken < size_bytes) { /* it is a row after all */
        if (stream->mark > 0)
            hash_piece(stream, END_MARK, (size_t)stream->mark);
        stream->mark = 0;
        stream->at_line_start = false;
    }
    return taken;
}

static size_t take_text(RowStream *stream, const char *data, size_t size_bytes)
{
    const char *end = NULL;
    if (stream->at_line_start)
        return take_mark(stream, data, size_bytes);
    end = memchr(data, '\n', size_bytes);
    if (end == NULL) {
        hash_piece(stream, data, size_bytes);
        return size_bytes;
    }
    hash_last(stream, data, (size_t)(end - data) + 1);
    stream->at_line_start = true;
    return (size_t)(end - data) + 1;
}

static bool add_text(RowStream *stream, const char *data, size_t size_bytes, GError **error)
{
    size_t at = 0;
    while (at < size_bytes && !stream->ended) {
        if (stream->at_line_start && stream->mark == 0 && data[at] != '\\')
            stream->at_line_start = false; /* the usual row */
        at += take_text(stream, data + at, size_bytes - at);
    }
    for (; at < size_bytes; at++) {
        if (data[at] != '\n') {
            error_set(error, ERROR_INTEGRITY, "something follows the end mark of the data");
            return false;
        }
    }
    return true;
}

/* Collects n bytes; true when they are complete. */
static bool collect(RowStream *stream, const unsigned char **data, size_t *size_bytes, size_t n)
{
    const size_t piece = MIN(n - stream->n_collected, *size_bytes);
    memcpy(stream->collected + stream->n_collected, *data, piece);
    stream->n_collected += piece;
    *data += piece;
    *size_bytes -= piece;
    if (stream->n_collected < n)
        return false;
    stream->n_collected = 0;
    return true;
}

/* What is between fields: gives false with an error if it is malformed. *row_ends: the row is
 * complete. */
static bool take_number(RowStream *stream, bool *row_ends, GError **error)
{
    if (stream->place == IN_COUNT) {
        const uint32_t fields = read_number(stream->collected, 2);
        if (fields > 0x7FFF && fields != 0xFFFF)
            return no_copy_data(error, "a row has an impossible number of fields");
        stream->fields = fields;
        stream->place = fields == 0xFFFF ? AT_END : fields > 0 ? IN_LENGTH : IN_COUNT;
        *row_ends = fields == 0;
        return true;
    }
    const uint32_t length = read_number(stream->collected, 4);
    if (length > 0x7FFFFFFF && length != 0xFFFFFFFF)
        return no_copy_data(error, "a field has an impossible length");
    stream->fields--;
    stream->to_pass = length == 0xFFFFFFFF ? 0 : length;
    stream->place = stream->to_pass > 0 ? IN_FIELD : stream->fields > 0 ? IN_LENGTH : IN_COUNT;
    *row_ends = stream->place == IN_COUNT;
    return true;
}

static bool take_header(RowStream *stream, const unsigned char **data, size_t *size_bytes,
                        GError **error)
{
    uint32_t extension_bytes = 0;
    if (stream->place == IN_HEADER) {
        if (!collect(stream, data, size_bytes, HEADER_BYTES))
            return true;
        if (!check_header(stream->collected, &extension_bytes, error))
            return false;
        stream->to_pass = extension_bytes;
        stream->place = IN_EXTENSION;
    }
    const size_t piece = (size_t)MIN(stream->to_pass, *size_bytes);
    *data += piece;
    *size_bytes -= piece;
    stream->to_pass -= piece;
    if (stream->to_pass == 0)
        stream->place = IN_COUNT;
    return true;
}

static bool add_binary(RowStream *stream, const unsigned char *data, size_t size_bytes,
                       GError **error)
{
    while (size_bytes > 0 && stream->place <= IN_EXTENSION) {
        if (!take_header(stream, &data, &size_bytes, error))
            return false;
    }
    const unsigned char *row = data; /* what is not hashed yet of the row that data is in */
    while (size_bytes > 0) {
        bool row_ends = false;
        if (stream->place == AT_END)
            return no_copy_data(error, "something follows its end");
        if (stream->place == IN_FIELD) {
            const size_t piece = (size_t)MIN(stream->to_pass, size_bytes);
            data += piece;
            size_bytes -= piece;
            stream->to_pass -= piece;
            if (stream->to_pass > 0)
                break;
            stream->place = stream->fields > 0 ? IN_LENGTH : IN_COUNT;
            row_ends = stream->fields == 0;
        } else if (!collect(stream, &data, &size_bytes, stream->place == IN_COUNT ? 2 : 4)) {
            break;
        } else if (!take_number(stream, &row_ends, error)) {
            return false;
        }
        if (row_ends) {
            hash_last(stream, row, (size_t)(data - row));
            row = data;
        }
        if (stream->place == AT_END)
            row = data;
    }
    if (stream->place != AT_END && data > row)
        hash_piece(stream, row, (size_t)(data - row));
    return true;
}

bool row_stream_add(RowStream *stream, const void *data, size_t size_bytes, GError **error)
{
    return stream->format == COPY_BINARY ? add_binary(stream, data, size_bytes, error)
                                         : add_text(stream, data, size_bytes, error);
}

bool row_stream_end(RowStream *stream, RowDigest *digest, GError **error)
{
    if (stream->format == COPY_BINARY ? stream->place != AT_END : !stream->ended) {
        error_set(error, ERROR_INTEGRITY, "the data end without their end mark");
        return false;
    }
    *digest = stream->digest;
    return true;
}
