#include "snapshot/part.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/text.h"
#include "pg/locks.h"
#include "snapshot/objects.h"
#include "verify/large_objects.h"
#include <string.h>

#define REPORT_ROWS 1024
#define REPORT_BYTES (INT64_C(1) << 20)
#define TEXT_END "\\.\n\n\n" /* as pg_dump ends the rows of a table */

void taken_table_free(TakenTable *table)
{
    if (table == NULL)
        return;
    g_free(table->schema);
    g_free(table->name);
    g_free(table->condition);
    if (table->columns != NULL)
        g_ptr_array_free(table->columns, TRUE);
    g_free(table);
}

Part *part_new(PartKind kind, uint64_t weight)
{
    Part *part = g_new0(Part, 1);
    part->kind = kind;
    part->weight = weight;
    part->files = g_ptr_array_new_with_free_func((GDestroyNotify)manifest_file_free);
    return part;
}

void part_free(Part *part)
{
    if (part == NULL)
        return;
    g_free(part->file);
    if (part->objects != NULL)
        g_array_free(part->objects, TRUE);
    g_ptr_array_free(part->files, TRUE);
    g_free(part);
}

char *part_describe(const Part *part)
{
    g_autofree char *name = NULL;
    if (part->kind == PART_OBJECTS || part->kind == PART_ACCESS)
        return g_strdup("large objects");
    if (part->kind != PART_TABLE)
        return digest_describe(part->digest);
    name = g_strdup_printf("table %s.%s", part->table->schema, part->table->name);
    if (part->table->parts == 1)
        return text_printable(name);
    g_autofree char *printable = text_printable(name);
    return g_strdup_printf("%s from page %" G_GINT64_FORMAT, printable, part->first_page);
}

/* ---- rows of a table ---- */

typedef struct {
    Part *part;
    PartContext *context;
    Sink *sink;
    RowMessages messages;
    int64_t raw_bytes;
    int64_t rows, bytes; /* not yet reported */
} Taking;

/* What others look at is touched once for many rows. */
bool part_report(Part *part, PartContext *context, int64_t bytes, GError **error)
{
    atomic_fetch_add_explicit(&part->bytes, bytes, memory_order_relaxed);
    if (!atomic_load_explicit(&context->watch.stop, memory_order_relaxed))
        return true;
    error_set(error, ERROR_FAILED, "given up because other work failed");
    return false;
}

static bool report(Taking *taking, GError **error)
{
    const int64_t bytes = taking->bytes;
    taking->rows = taking->bytes = 0;
    return part_report(taking->part, taking->context, bytes, error);
}

static bool take_row(const char *row, size_t size_bytes, gpointer data, GError **error)
{
    Taking *taking = data;
    taking->raw_bytes += (int64_t)size_bytes;
    taking->bytes += (int64_t)size_bytes;
    taking->rows++;
    if (!row_messages_add(&taking->messages, row, size_bytes, error) ||
        !sink_write(taking->sink, row, size_bytes, error))
        return false;
    return (taking->rows < REPORT_ROWS && taking->bytes < REPORT_BYTES) || report(taking, error);
}

static char *column_list(const TakenTable *table)
{
    GString *list = g_string_new(NULL);
    for (guint i = 0; i < table->columns->len; i++) {
        g_autofree char *quoted = pg_identifier(g_ptr_array_index(table->columns, i));
        g_string_append_printf(list, "%s%s", i > 0 ? ", " : "", quoted);
    }
    return g_string_free(list, FALSE);
}

/* A whole table is copied as such, which spares the planner; COPY leaves generated columns out. */
static char *copy_statement(const Part *part, const char *qualified)
{
    const TakenTable *table = part->table;
    const char *ending = table->format == COPY_BINARY ? "TO STDOUT (FORMAT binary)" : "TO STDOUT";
    g_autofree char *columns = column_list(table);
    g_autoptr(GString) where = g_string_new(table->condition);
    if (table->condition == NULL && part->first_page == 0 && part->end_page == 0)
        return columns[0] != '\0'
                   ? g_strdup_printf("COPY %s (%s) %s", qualified, columns, ending)
                   : g_strdup_printf("COPY (SELECT FROM ONLY %s) %s", qualified, ending);
    if (part->first_page > 0)
        g_string_append_printf(where, "WHERE ctid >= '(%" G_GINT64_FORMAT ",0)'", part->first_page);
    if (part->end_page > 0)
        g_string_append_printf(where, "%s ctid < '(%" G_GINT64_FORMAT ",0)'",
                               part->first_page > 0 ? " AND" : "WHERE", part->end_page);
    return g_strdup_printf("COPY (SELECT %s FROM ONLY %s %s) %s", columns, qualified, where->str,
                           ending);
}

Sink *part_open_file(const char *path, int level, SinkSum *sum, GError **error)
{
    Sink *file = sink_file_new(path, error);
    return file != NULL ? sink_zstd_new(sink_sum_new(file, sum), level, error) : NULL;
}

static void add_file(Part *part, char *name, const SinkSum *sum, const Taking *taking)
{
    ManifestFile *file = g_new0(ManifestFile, 1);
    file->name = name;
    file->size_bytes = sum->size_bytes;
    file->sha256 = sum->sha256;
    file->has_rows = true;
    file->copy_format = taking->messages.format;
    file->rows = taking->messages.digest;
    file->raw_bytes = (uint64_t)taking->raw_bytes;
    g_ptr_array_add(part->files, file);
}

static bool end_rows(Taking *taking, GError **error)
{
    if (taking->messages.format == COPY_TEXT) {
        taking->raw_bytes += (int64_t)strlen(TEXT_END);
        if (!sink_write(taking->sink, TEXT_END, strlen(TEXT_END), error))
            return false;
    }
    return row_messages_end(&taking->messages, error) && report(taking, error);
}

static bool take_rows(Part *part, PartContext *context, PgConnection *connection,
                      const char *qualified, GError **error)
{
    g_autofree char *name = g_strconcat(part->file, ".zst", NULL);
    g_autofree char *path = g_build_filename(context->folder, name, NULL);
    g_autofree char *sql = copy_statement(part, qualified);
    SinkSum sum = {0};
    g_autoptr(Sink) sink = part_open_file(path, context->level, &sum, error);
    Taking taking = {.part = part, .context = context, .sink = sink};
    taking.messages.format = part->table->format;
    if (sink == NULL || !pg_copy_out(connection, sql, take_row, &taking, error) ||
        !end_rows(&taking, error) || !sink_commit(sink, error))
        return false;
    part->rows = taking.messages.digest;
    add_file(part, g_steal_pointer(&name), &sum, &taking);
    return true;
}

static bool take_table(Part *part, PartContext *context, PgConnection *connection, GError **error)
{
    g_autofree char *qualified = pg_qualified(part->table->schema, part->table->name);
    int_least64_t not_yet = 0;
    (void)atomic_compare_exchange_strong(&part->table->began_us, &not_yet, clock_monotonic_us());
    return locks_take(connection, part->table->oid, qualified, &context->watch.stop, error) &&
           take_rows(part, context, connection, qualified, error);
}

/* ---- digests alone ---- */

static bool read_digest(Part *part, PartContext *context, PgConnection *connection, GError **error)
{
    DigestTable *table = part->digest;
    return digest_read_table(connection, table, NULL, table->format, &context->watch,
                             &table->digest, error);
}

/* LOCK TABLE does not take a materialized view, so that nothing keeps a REFRESH from giving it new
 * rows after the snapshot, through which it then looks empty. */
static bool check_not_refreshed(Part *part, PgConnection *connection, GError **error)
{
    g_autofree char *oid = g_strdup_printf("%u", part->digest->oid);
    g_autofree char *same = pg_query_text(
        connection, error,
        "SELECT c.relfilenode IS NOT DISTINCT FROM pg_catalog.pg_relation_filenode(c.oid)"
        " FROM pg_catalog.pg_class c WHERE c.oid = $1::oid",
        1, oid);
    if (same == NULL)
        return false;
    if (g_strcmp0(same, "t") == 0)
        return true;
    error_set(error, ERROR_LOCK_TIMEOUT, "it was refreshed while the snapshot was taken");
    error_hint_set(error, "take the snapshot when it is not being refreshed");
    return false;
}

/* Its lock is given back at once: a REFRESH shall not wait for the whole snapshot. */
static bool take_view(Part *part, PartContext *context, PgConnection *connection, GError **error)
{
    return pg_exec(connection, "SAVEPOINT drydock", error) &&
           read_digest(part, context, connection, error) &&
           check_not_refreshed(part, connection, error) &&
           pg_exec(connection, "ROLLBACK TO SAVEPOINT drydock; RELEASE SAVEPOINT drydock", error);
}

static bool take_reading(Part *part, PartContext *context, PgConnection *connection, GError **error)
{
    g_autofree char *qualified = pg_qualified(part->digest->schema, part->digest->name);
    return locks_take(connection, part->digest->oid, qualified, &context->watch.stop, error) &&
           read_digest(part, context, connection, error);
}

bool part_take(Part *part, PartContext *context, PgConnection *connection, GError **error)
{
    bool done = false;
    atomic_store(&part->begun, true);
    failpoint("snapshot.part");
    switch (part->kind) {
    case PART_VIEW:
        done = take_view(part, context, connection, error);
        break;
    case PART_READ:
        done = take_reading(part, context, connection, error);
        break;
    case PART_TABLE:
        done = take_table(part, context, connection, error);
        break;
    case PART_OBJECTS:
        done = objects_take(part, context, connection, error);
        break;
    case PART_ACCESS:
        done = large_objects_access(connection, &part->rows, error);
        break;
    }
    if (!done) {
        g_autofree char *what = part_describe(part);
        g_prefix_error(error, "while reading %s: ", what);
        return false;
    }
    atomic_store(&part->done, true);
    if (context->taken != NULL)
        context->taken(part, context->data);
    return true;
}
