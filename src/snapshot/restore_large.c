/*
 * Large objects: a list (blobs.toc, or blobs_ID.toc since 16: "OID FILE" a line) and a file for
 * each. The objects exist by the time they are written; what is written are pieces of at most 1
 * MiB, many small ones in one statement.
 */
#include "base/error.h"
#include "pg/sql.h"
#include "snapshot/restore_state.h"
#include <string.h>

#define LIST_MAX_BYTES ((size_t)512 * 1024 * 1024)
#define PIECE_BYTES ((size_t)1 << 20)
#define BATCH_OBJECTS 1000

/* Of the work that one worker takes at a time. */
#define WORK_BYTES ((uint64_t)64 << 20)
#define WORK_OBJECTS 5000

/* A run of restore->large that one worker writes. */
typedef struct {
    int entry; /* dump id */
    guint first, count;
    uint64_t size_bytes;
} LargePiece;

/* ---- which there are ---- */

static bool set_malformed(const ManifestFile *list, GError **error)
{
    error_set(error, ERROR_INTEGRITY, "file '%s' of the snapshot is no list of large objects",
              list->name);
    return false;
}

static bool add_object(Restore *restore, const ManifestFile *list, const char *line, GError **error)
{
    char *end = NULL;
    const guint64 oid = g_ascii_strtoull(line, &end, 10);
    LargeObject object = {.oid = (uint32_t)oid};
    if (end == line || *end != ' ' || oid == 0 || oid > G_MAXUINT32)
        return set_malformed(list, error);
    object.file = restore_data_file(restore, end + 1);
    if (object.file == NULL) {
        error_set(error, ERROR_INTEGRITY,
                  "the manifest does not list the file of large object %" G_GUINT64_FORMAT, oid);
        return false;
    }
    g_array_append_val(restore->large, object);
    return true;
}

static char *read_list(const Restore *restore, const ManifestFile *list, GError **error)
{
    g_autoptr(Source) source = restore_open_source(restore, list, error);
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[4096];
    size_t got = 0;
    if (source == NULL)
        return NULL;
    do {
        if (!source_read(source, buffer, sizeof buffer, &got, error))
            return NULL;
        g_string_append_len(text, buffer, (gssize)got);
    } while (got > 0 && text->len <= LIST_MAX_BYTES);
    if (text->len > LIST_MAX_BYTES || memchr(text->str, '\0', text->len) != NULL) {
        (void)set_malformed(list, error);
        return NULL;
    }
    return g_strndup(text->str, text->len);
}

static void cut(Restore *restore, const TocEntry *entry, guint from)
{
    LargePiece piece = {.entry = entry->id, .first = from};
    for (guint i = from; i < restore->large->len; i++) {
        const LargeObject *object = &g_array_index(restore->large, LargeObject, i);
        piece.count++;
        piece.size_bytes += object->file->size_bytes;
        if (piece.size_bytes < WORK_BYTES && piece.count < WORK_OBJECTS &&
            i + 1 < restore->large->len)
            continue;
        g_array_append_val(restore->large_pieces, piece);
        piece = (LargePiece){.entry = entry->id, .first = i + 1};
    }
}

static bool list_entry(Restore *restore, const TocEntry *entry, GError **error)
{
    const ManifestFile *list = restore_data_file(restore, entry->file);
    const guint from = restore->large->len;
    g_autofree char *text = NULL;
    if (list == NULL) {
        error_set(error, ERROR_INTEGRITY, "the manifest has no list of large objects");
        return false;
    }
    text = read_list(restore, list, error);
    for (char *line = text; line != NULL && *line != '\0';) {
        char *end = strchr(line, '\n');
        if (end != NULL)
            *end = '\0';
        if (!add_object(restore, list, line, error))
            return false;
        line = end != NULL ? end + 1 : line + strlen(line);
    }
    if (text != NULL)
        cut(restore, entry, from);
    return text != NULL;
}

/* Which data entries are lists: up to 15 the name is not in the table of contents of the directory
 * format, but fixed. */
bool restore_list_large(Restore *restore, GError **error)
{
    restore->large = g_array_new(FALSE, FALSE, sizeof(LargeObject));
    restore->large_pieces = g_array_new(FALSE, FALSE, sizeof(LargePiece));
    for (guint i = 0; i < restore->toc->entries->len; i++) {
        TocEntry *entry = g_ptr_array_index(restore->toc->entries, i);
        if (!entry->has_data || strcmp(entry->desc, "TABLE DATA") == 0)
            continue;
        if (entry->file == NULL || entry->file[0] == '\0') {
            g_free(entry->file);
            entry->file = g_strdup("blobs.toc");
        }
        if (!list_entry(restore, entry, error))
            return false;
    }
    return true;
}

int restore_large_pieces(const TocEntry *entry, gpointer data)
{
    const Restore *restore = data;
    int n = 0;
    for (guint i = 0; i < restore->large_pieces->len; i++)
        n += g_array_index(restore->large_pieces, LargePiece, i).entry == entry->id;
    return n;
}

void restore_large_piece(const TocEntry *entry, int piece, Work *work, gpointer data)
{
    const Restore *restore = data;
    for (guint i = 0; i < restore->large_pieces->len; i++) {
        const LargePiece *at = &g_array_index(restore->large_pieces, LargePiece, i);
        if (at->entry != entry->id || piece-- > 0)
            continue;
        work->first = (int)at->first;
        work->count = (int)at->count;
        work->weight = at->size_bytes;
        return;
    }
}

/* ---- writing them ---- */

/* Three arrays in the binary format of PostgreSQL (array_recv()); their heads are filled in last.
 */
#define OID_ARRAY 1028
#define BIGINT_ARRAY 1016
#define BYTEA_ARRAY 1001
#define OID_TYPE 26
#define BIGINT_TYPE 20
#define BYTEA_TYPE 17
#define HEAD_BYTES 20

typedef struct {
    PgConnection *connection;
    GByteArray *oids, *offsets, *bytes;
    guint32 count;
} Batch;

static void append_number(GByteArray *array, guint32 number)
{
    const guint32 big = GUINT32_TO_BE(number);
    g_byte_array_append(array, (const guint8 *)&big, sizeof big);
}

static void start(GByteArray *array)
{
    static const guint8 head[HEAD_BYTES] = {0};
    g_byte_array_set_size(array, 0);
    g_byte_array_append(array, head, HEAD_BYTES);
}

/* dimensions, has nulls, element type, length, first subscript */
static void set_head(GByteArray *array, guint32 type, guint32 count)
{
    const guint32 head[] = {GUINT32_TO_BE(1), 0, GUINT32_TO_BE(type), GUINT32_TO_BE(count),
                            GUINT32_TO_BE(1)};
    memcpy(array->data, head, sizeof head);
}

static void batch_start(Batch *batch)
{
    batch->count = 0;
    start(batch->oids);
    start(batch->offsets);
    start(batch->bytes);
}

static void batch_clear(Batch *batch)
{
    g_byte_array_free(batch->oids, TRUE);
    g_byte_array_free(batch->offsets, TRUE);
    g_byte_array_free(batch->bytes, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Batch, batch_clear)

static bool batch_write(Batch *batch, GError **error)
{
    g_autoptr(PgResult) result = NULL;
    if (batch->count == 0)
        return true;
    set_head(batch->oids, OID_TYPE, batch->count);
    set_head(batch->offsets, BIGINT_TYPE, batch->count);
    set_head(batch->bytes, BYTEA_TYPE, batch->count);
    const PgBytes parameters[] = {
        {batch->oids->data, batch->oids->len, OID_ARRAY},
        {batch->offsets->data, batch->offsets->len, BIGINT_ARRAY},
        {batch->bytes->data, batch->bytes->len, BYTEA_ARRAY},
    };
    result = pg_query_bytes(batch->connection, error, pg_sql_restore_large_objects,
                            G_N_ELEMENTS(parameters), parameters);
    batch_start(batch);
    return result != NULL;
}

static bool batch_add(Batch *batch, uint32_t oid, uint64_t offset, const void *data, size_t size,
                      GError **error)
{
    append_number(batch->oids, sizeof oid);
    append_number(batch->oids, oid);
    append_number(batch->offsets, sizeof offset);
    append_number(batch->offsets, (guint32)(offset >> 32));
    append_number(batch->offsets, (guint32)offset);
    append_number(batch->bytes, (guint32)size);
    g_byte_array_append(batch->bytes, data, (guint)size);
    batch->count++;
    return (batch->count < BATCH_OBJECTS && batch->bytes->len < PIECE_BYTES) ||
           batch_write(batch, error);
}

static bool read_piece(Source *source, char *buffer, size_t *size, GError **error)
{
    size_t got = 0;
    *size = 0;
    do {
        if (!source_read(source, buffer + *size, PIECE_BYTES - *size, &got, error))
            return false;
        *size += got;
    } while (got > 0 && *size < PIECE_BYTES);
    return true;
}

static bool load_object(Restore *restore, Batch *batch, const LargeObject *object, char *buffer,
                        GError **error)
{
    g_autoptr(Source) source = restore_open_source(restore, object->file, error);
    uint64_t offset = 0;
    size_t size = 0;
    if (source == NULL)
        return false;
    do {
        if (!read_piece(source, buffer, &size, error) ||
            (size > 0 && !batch_add(batch, object->oid, offset, buffer, size, error)))
            return false;
        offset += size;
    } while (size > 0);
    atomic_fetch_add_explicit(&restore->done_bytes, object->file->size_bytes, memory_order_relaxed);
    return true;
}

static bool load_objects(Restore *restore, Batch *batch, const Work *work, GError **error)
{
    g_autofree char *buffer = g_malloc(PIECE_BYTES);
    for (int i = 0; i < work->count; i++) {
        const LargeObject *object = &g_array_index(restore->large, LargeObject, work->first + i);
        if (atomic_load_explicit(&restore->stop, memory_order_relaxed)) {
            error_set(error, ERROR_FAILED, "given up because other work failed");
            return false;
        }
        if (!load_object(restore, batch, object, buffer, error)) {
            g_prefix_error(error, "large object %u: ", object->oid);
            return false;
        }
    }
    return batch_write(batch, error);
}

/* The bytes of an object are known to be the recorded ones when the last of them are sent: so all
 * of the piece is one transaction. */
bool restore_load_large(Restore *restore, PgConnection *connection, const Work *work,
                        GError **error)
{
    g_auto(Batch)
        batch = {connection, g_byte_array_new(), g_byte_array_new(), g_byte_array_new(), 0};
    batch_start(&batch);
    if (pg_exec(connection, "BEGIN", error) && load_objects(restore, &batch, work, error) &&
        pg_exec(connection, "COMMIT", error))
        return true;
    restore_roll_back(connection);
    g_prefix_error(error, "while restoring large objects: ");
    return false;
}
