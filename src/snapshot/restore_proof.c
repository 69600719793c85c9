/* The proof: every table, sequence and large object of the new database is read, and compared with
 * what was read when the snapshot was taken. Large tables are read as soon as their rows are in,
 * by workers that have nothing else to do, and again at the end if anything was written to them
 * since; nobody else is in the database. */
#include "base/clock.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "pg/sql.h"
#include "snapshot/restore_state.h"

#define LINES_IN_ERROR 20
#define FLUSH_VERSION 150000 /* pg_stat_force_next_flush() */
#define READ_ONLY "SET default_transaction_read_only = on"

static bool go_on(gpointer data, GError **error)
{
    const Restore *restore = data;
    if (restore->options->latest_us == 0 || clock_monotonic_us() < restore->options->latest_us)
        return true;
    error_set(error, ERROR_TIMEOUT, "the restore was stopped at its time limit");
    return false;
}

/* ---- while indexes are built ---- */

/* The session's settings are those of loading: what is set in here goes with the transaction. */
static bool begin_reading(PgConnection *connection, GError **error)
{
    return pg_exec(connection, "BEGIN READ ONLY", error) && digest_pin(connection, error);
}

static bool end_reading(PgConnection *connection, GError **error)
{
    return pg_exec(connection, "ROLLBACK", error);
}

bool restore_list_tables(Restore *restore, GError **error)
{
    PgConnection *connection = g_ptr_array_index(restore->workers, 0);
    if (pg_server_version(connection) < FLUSH_VERSION)
        return true;
    if (!begin_reading(connection, error))
        return false;
    restore->read_back = digest_list(connection, error);
    if (restore->read_back == NULL)
        return false;
    digest_align(restore->read_back, restore->manifest->digests);
    return end_reading(connection, error);
}

/* How many pages it has now that all its rows are in, which is asked only once. */
static bool count_pages(Restore *restore, PgConnection *connection, DigestTable *table,
                        GError **error)
{
    g_autofree char *oid = g_strdup_printf("%" G_GUINT32_FORMAT, table->oid);
    g_autoptr(PgResult) pages = NULL;
    bool counted = false;
    g_mutex_lock(&restore->read_lock);
    counted = table->is_read;
    if (!counted) {
        pages = pg_query(connection, error, pg_sql_restore_pages, 1, oid);
        if (pages != NULL)
            table->pages = pg_integer(pages, 0, 0);
        table->is_read = pages != NULL;
    }
    g_mutex_unlock(&restore->read_lock);
    return counted || pages != NULL;
}

static bool read_part(Restore *restore, PgConnection *connection, DigestTable *table,
                      const Work *work, GError **error)
{
    RowDigest digest = {0};
    int64_t first = 0, end = 0;
    if (!count_pages(restore, connection, table, error))
        return false;
    first = table->pages * work->first / work->count;
    if (work->first + 1 < work->count)
        end = table->pages * (work->first + 1) / work->count;
    /* Where rows cannot be read in ranges of pages the first one reads them all. */
    if (table->pages == 0 ? work->first > 0 : work->first + 1 < work->count && first == end)
        return true;
    if (!(table->pages == 0
              ? digest_read_table(connection, table, NULL, table->format, &restore->watch, &digest,
                                  error)
              : digest_read_pages(connection, table, first, end, &restore->watch, &digest, error)))
        return false;
    g_mutex_lock(&restore->read_lock);
    digest_add(&table->digest, digest);
    g_mutex_unlock(&restore->read_lock);
    return true;
}

bool restore_read_back(Restore *restore, PgConnection *connection, const Work *work, GError **error)
{
    const TocEntry *entry = g_ptr_array_index(work->entries, 0);
    DigestTable *table =
        restore->read_back == NULL
            ? NULL
            : (DigestTable *)digest_find_name(restore->read_back, entry->schema, entry->tag);
    if (table == NULL) /* its name is not written as UTF-8 in the archive: it is read at the end */
        return true;
    return begin_reading(connection, error) && read_part(restore, connection, table, work, error) &&
           end_reading(connection, error);
}

/* ---- at the end ---- */

/* The archive's own SQL may write: a function that a view, an index or a check calls. The server
 * counts what each session has written when that is told to say it. */
static bool flush_counts(const Restore *restore, GError **error)
{
    for (guint i = 0; i < restore->workers->len; i++) {
        g_autoptr(PgResult) flushed = pg_query(g_ptr_array_index(restore->workers, i), error,
                                               "SELECT pg_catalog.pg_stat_force_next_flush()", 0);
        if (flushed == NULL)
            return false;
    }
    return true;
}

/* Whether nothing was ever written to the table but the rows that were read. Where counts are
 * missing or more than that it is not known, and the table is read again. */
static bool is_unchanged(PgConnection *connection, const DigestTable *read, bool *unchanged,
                         GError **error)
{
    g_autofree char *oid = g_strdup_printf("%" G_GUINT32_FORMAT, read->oid);
    g_autofree char *rows = g_strdup_printf("%" G_GINT64_FORMAT, read->digest.rows);
    g_autofree char *pages = g_strdup_printf("%" G_GINT64_FORMAT, read->pages);
    g_autoptr(PgResult) result =
        pg_query(connection, error, pg_sql_restore_unchanged, 3, oid, rows, pages);
    if (result == NULL)
        return false;
    *unchanged = pg_rows(result) == 1 && !pg_is_null(result, 0, 0) && pg_flag(result, 0, 0);
    return true;
}

/* What was read back already, with the same columns in the same format, and is unchanged. */
static bool take_read_back(const Restore *restore, DigestSet *set, GError **error)
{
    PgConnection *connection = g_ptr_array_index(restore->workers, 0);
    for (guint i = 0; i < set->tables->len; i++) {
        DigestTable *table = g_ptr_array_index(set->tables, i);
        const DigestTable *read = digest_find_name(restore->read_back, table->schema, table->name);
        if (read == NULL || !read->is_read || read->oid != table->oid ||
            read->format != table->format || !digest_same_columns(read, table))
            continue;
        if (!is_unchanged(connection, read, &table->is_read, error))
            return false;
        table->digest = read->digest;
    }
    return true;
}

/* Each table is read in a transaction of its own: nobody else is in the database, so that all see
 * one state without sharing a snapshot, and the locks of many thousand tables in one transaction
 * would be more than a server has room for. */
static DigestSet *read_digests(Restore *restore, GError **error)
{
    GPtrArray *workers = restore->workers;
    g_autoptr(DigestSet) set = NULL;
    if (restore->read_back != NULL && !flush_counts(restore, error))
        return NULL;
    for (guint i = 0; i < workers->len; i++) {
        PgConnection *worker = g_ptr_array_index(workers, i);
        if (!pg_reset_session(worker, "", error) || !digest_pin(worker, error) ||
            !pg_exec(worker, READ_ONLY, error))
            return NULL;
    }
    set = digest_list(g_ptr_array_index(workers, 0), error);
    if (set == NULL)
        return NULL;
    if (restore->manifest != NULL)
        digest_align(set, restore->manifest->digests);
    if (restore->read_back != NULL && !take_read_back(restore, set, error))
        return NULL;
    if (!digest_fill_while(set, (PgConnection *const *)workers->pdata, (int)workers->len, go_on,
                           restore, error))
        return NULL;
    return g_steal_pointer(&set);
}

bool restore_take_digests(Restore *restore, GError **error)
{
    RestoreResult *result = restore->result;
    const int64_t began_us = clock_monotonic_us();
    failpoint("restore.before_digests");
    result->digests = read_digests(restore, error);
    if (result->digests == NULL) {
        g_prefix_error(error, "while reading the restored database: ");
        return false;
    }
    result->content_hash = digest_set_hash(result->digests);
    result->verify_us = clock_monotonic_us() - began_us;
    return true;
}

static void set_different(const GPtrArray *lines, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < lines->len && i < LINES_IN_ERROR; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? "; " : "",
                               (const char *)g_ptr_array_index(lines, i));
    if (lines->len > LINES_IN_ERROR)
        g_string_append_printf(text, "; and %u more", lines->len - LINES_IN_ERROR);
    error_set(error, ERROR_INTEGRITY, "what was restored is not what the snapshot holds: %s",
              text->str);
}

bool restore_compare(Restore *restore, GError **error)
{
    g_autoptr(GPtrArray) lines = digest_compare_restored(
        restore->manifest->digests, restore->result->digests, restore->result->notes);
    if (lines->len > 0) {
        set_different(lines, error);
        return false;
    }
    restore->result->proven = true;
    return true;
}
