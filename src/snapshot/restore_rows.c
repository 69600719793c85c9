/* Loading a table, or a part of one: stored bytes, decompressed, digested and fed to COPY in one
 * pass; committed only if all of it is what was recorded. */
#include "base/error.h"
#include "base/failpoint.h"
#include "snapshot/restore_state.h"

#define FEED_BYTES ((size_t)256 * 1024)

typedef struct {
    Restore *restore;
    const ManifestFile *file;
    Source *source;
    RowStream *rows;
    char *buffer;
    uint64_t raw_bytes;
} Feed;

static void feed_clear(Feed *feed)
{
    source_free(feed->source);
    row_stream_free(feed->rows);
    g_free(feed->buffer);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Feed, feed_clear)

/* The end of the file was reached, with the SHA-256 that was recorded. */
static bool check_rows(Feed *feed, GError **error)
{
    const ManifestFile *file = feed->file;
    RowDigest digest;
    if (!row_stream_end(feed->rows, &digest, error))
        return false;
    if (digest.rows != file->rows.rows) {
        error_set(error, ERROR_INTEGRITY,
                  "%" G_GINT64_FORMAT " rows were recorded, and there are %" G_GINT64_FORMAT,
                  file->rows.rows, digest.rows);
        return false;
    }
    if (!digest_equal(digest, file->rows) || feed->raw_bytes != file->raw_bytes) {
        error_set(error, ERROR_INTEGRITY, "its %" G_GINT64_FORMAT " rows are not the recorded ones",
                  digest.rows);
        return false;
    }
    return true;
}

static bool feed_next(const void **bytes, size_t *size_bytes, gpointer data, GError **error)
{
    Feed *feed = data;
    if (atomic_load_explicit(&feed->restore->stop, memory_order_relaxed)) {
        error_set(error, ERROR_FAILED, "given up because other work failed");
        return false;
    }
    if (!source_read(feed->source, feed->buffer, FEED_BYTES, size_bytes, error))
        return false;
    *bytes = feed->buffer;
    if (*size_bytes == 0)
        return check_rows(feed, error);
    feed->raw_bytes += *size_bytes;
    atomic_fetch_add_explicit(&feed->restore->done_bytes, *size_bytes, memory_order_relaxed);
    failpoint("restore.in_data");
    return row_stream_add(feed->rows, feed->buffer, *size_bytes, error);
}

static bool check_count(const Feed *feed, int64_t copied, GError **error)
{
    if (copied == feed->file->rows.rows)
        return true;
    error_set(error, ERROR_INTEGRITY,
              "the server took %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " rows", copied,
              feed->file->rows.rows);
    return false;
}

void restore_roll_back(PgConnection *connection)
{
    if (pg_is_alive(connection) && pg_transaction(connection) != PG_IDLE)
        (void)pg_exec(connection, "ROLLBACK", NULL);
}

/* Money is read as it was written (digest_pin.sql). For the rows alone: what the archive says in
 * SQL is as pg_dump wrote it. */
#define READ_AS_WRITTEN "SET LOCAL lc_monetary TO 'C';"

/* BEGIN travels with the COPY: two exchanges, not three. */
static bool copy(Feed *feed, PgConnection *connection, const TocEntry *entry, GError **error)
{
    const bool text = feed->file->copy_format == COPY_TEXT;
    g_autofree char *sql = g_strconcat("BEGIN;", text ? READ_AS_WRITTEN : "", entry->copy, NULL);
    int64_t copied = 0;
    if (pg_copy_in(connection, sql, feed_next, feed, &copied, error) &&
        check_count(feed, copied, error))
        return pg_exec(connection, "COMMIT", error);
    restore_roll_back(connection);
    return false;
}

static bool load(Restore *restore, PgConnection *connection, const TocEntry *entry, GError **error)
{
    const ManifestFile *file = restore_data_file(restore, entry->file);
    g_auto(Feed) feed = {.restore = restore, .file = file};
    if (file == NULL || !file->has_rows) {
        error_set(error, ERROR_INTEGRITY, "the manifest does not list its data file");
        return false;
    }
    if (entry->copy == NULL || entry->copy[0] == '\0') {
        error_set(error, ERROR_INTEGRITY, "the archive has no COPY statement for it");
        return false;
    }
    feed.source = restore_open_source(restore, file, error);
    if (feed.source == NULL)
        return false;
    feed.rows = row_stream_new(file->copy_format);
    feed.buffer = g_malloc(FEED_BYTES);
    if (copy(&feed, connection, entry, error))
        return true;
    g_prefix_error(error, "file '%s': ", file->name);
    return false;
}

bool restore_load_rows(Restore *restore, PgConnection *connection, const TocEntry *entry,
                       GError **error)
{
    g_autofree char *what = NULL;
    if (load(restore, connection, entry, error))
        return true;
    what = restore_describe(entry);
    g_prefix_error(error, "while restoring %s: ", what);
    return false;
}
