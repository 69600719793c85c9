#include "verify/digest.h"

#include "base/error.h"
#include "base/text.h"
#include "pg/sql.h"
#include "verify/digest_read.h"
#include "verify/large_objects.h"
#include <string.h>

#define REPORT_ROWS 1024
#define REPORT_BYTES (INT64_C(1) << 20)

bool digest_pin(PgConnection *connection, GError **error)
{
    g_autoptr(PgResult) result = pg_query(connection, error, pg_sql_digest_pin, 0);
    if (result == NULL)
        g_prefix_error(error, "while pinning the session's settings for digests: ");
    return result != NULL;
}

char *digest_describe(const DigestTable *table)
{
    const char *kind = table->kind == 'S'   ? "sequence"
                       : table->kind == 'm' ? "materialized view"
                                            : "table";
    g_autofree char *schema = text_printable(table->schema);
    g_autofree char *name = text_printable(table->name);
    return g_strdup_printf("%s %s.%s", kind, schema, name);
}

/* Columns of digest_list.sql. */
enum {
    OID,
    SCHEMA,
    NAME,
    KIND,
    UNLOGGED,
    SIZE,
    PAGES,
    ARCHIVED,
    SPREAD_SCHEMA,
    SPREAD_NAME,
    ATTNUM,
    ATTNAME,
    TYPE,
    TYPMOD
};

static DigestTable *table_from_row(const PgResult *result, int row)
{
    DigestTable *table = digest_table_new();
    table->oid = (uint32_t)pg_integer(result, row, OID);
    table->schema = g_strdup(pg_value(result, row, SCHEMA));
    table->name = g_strdup(pg_value(result, row, NAME));
    table->kind = pg_value(result, row, KIND)[0];
    table->unlogged = pg_flag(result, row, UNLOGGED);
    table->size_bytes = pg_integer(result, row, SIZE);
    table->pages = pg_integer(result, row, PAGES);
    table->archived = pg_flag(result, row, ARCHIVED);
    if (!pg_is_null(result, row, SPREAD_NAME)) {
        table->spread_schema = g_strdup(pg_value(result, row, SPREAD_SCHEMA));
        table->spread_name = g_strdup(pg_value(result, row, SPREAD_NAME));
    }
    return table;
}

/* The set is written as JSON and compared by name, so its names must be text. */
static bool name_is_valid(const char *name, uint32_t oid, GError **error)
{
    if (g_utf8_validate(name, -1, NULL))
        return true;
    error_set(error, ERROR_REFUSED,
              "cannot list what is to be digested: the name of the relation with OID %u, of one of "
              "its columns or of its schema is not valid UTF-8",
              oid);
    error_hint_set(error, "rename it; the database's encoding does not check its names");
    return false;
}

static bool add_column(DigestTable *table, const PgResult *result, int row, GError **error)
{
    const ColumnType type = {.oid = (uint32_t)pg_integer(result, row, TYPE),
                             .typmod = (int32_t)pg_integer(result, row, TYPMOD)};
    const char *name = pg_value(result, row, ATTNAME);
    if (!name_is_valid(name, table->oid, error))
        return false;
    digest_table_add_column(table, (int)pg_integer(result, row, ATTNUM), name, type);
    return true;
}

static DigestSet *read_list(PgConnection *connection, GError **error)
{
    g_autoptr(PgResult) result = pg_query(connection, error, pg_sql_digest_list, 0);
    g_autoptr(DigestSet) set = g_new0(DigestSet, 1);
    DigestTable *table = NULL;
    set->tables = g_ptr_array_new_with_free_func((GDestroyNotify)digest_table_free);
    if (result == NULL)
        return NULL;
    for (int row = 0; row < pg_rows(result); row++) {
        if (table == NULL || table->oid != (uint32_t)pg_integer(result, row, OID)) {
            table = table_from_row(result, row);
            g_ptr_array_add(set->tables, table);
            if (!name_is_valid(table->schema, table->oid, error) ||
                !name_is_valid(table->name, table->oid, error))
                return NULL;
        }
        if (!pg_is_null(result, row, ATTNUM) && !add_column(table, result, row, error))
            return NULL;
    }
    return g_steal_pointer(&set);
}

GHashTable *digest_binary_relations(PgConnection *connection, GError **error)
{
    g_autoptr(PgResult) result = pg_query(connection, error, pg_sql_digest_binary, 0);
    GHashTable *relations = NULL;
    if (result == NULL) {
        g_prefix_error(error, "while reading which tables may be copied in binary format: ");
        return NULL;
    }
    relations = g_hash_table_new(g_direct_hash, g_direct_equal);
    for (int row = 0; row < pg_rows(result); row++)
        g_hash_table_add(relations, GUINT_TO_POINTER((uint32_t)pg_integer(result, row, 0)));
    return relations;
}

DigestSet *digest_list(PgConnection *connection, GError **error)
{
    g_autoptr(DigestSet) set = read_list(connection, error);
    g_autoptr(GHashTable) binary = set != NULL ? digest_binary_relations(connection, error) : NULL;
    if (binary == NULL) {
        g_prefix_error(error, "while listing tables and sequences: ");
        return NULL;
    }
    for (guint i = 0; i < set->tables->len; i++) {
        DigestTable *table = g_ptr_array_index(set->tables, i);
        if (g_hash_table_contains(binary, GUINT_TO_POINTER(table->oid)))
            table->format = COPY_BINARY;
    }
    return g_steal_pointer(&set);
}

typedef struct {
    DigestWatch *watch;
    int64_t rows, bytes; /* not yet counted in watch */
} Progress;

typedef struct {
    RowMessages messages;
    Progress progress;
} Reading;

typedef struct {
    LargeObjectReading objects;
    Progress progress;
} ObjectsReading;

/* Counters are shared by the workers: touched once for many rows. */
static bool report(Progress *progress, GError **error)
{
    DigestWatch *watch = progress->watch;
    if (watch != NULL) {
        atomic_fetch_add_explicit(&watch->rows, progress->rows, memory_order_relaxed);
        atomic_fetch_add_explicit(&watch->bytes, progress->bytes, memory_order_relaxed);
    }
    progress->rows = progress->bytes = 0;
    if (watch != NULL && atomic_load_explicit(&watch->stop, memory_order_relaxed)) {
        error_set(error, ERROR_FAILED, "given up because other work failed");
        return false;
    }
    return true;
}

static bool count(Progress *progress, int rows, size_t size_bytes, GError **error)
{
    progress->rows += rows;
    progress->bytes += (int64_t)size_bytes;
    if (progress->rows < REPORT_ROWS && progress->bytes < REPORT_BYTES)
        return true;
    return report(progress, error);
}

static bool take_row(const char *row, size_t size_bytes, gpointer data, GError **error)
{
    Reading *reading = data;
    return row_messages_add(&reading->messages, row, size_bytes, error) &&
           count(&reading->progress, 1, size_bytes, error);
}

static bool take_piece(const char *row, size_t size_bytes, gpointer data, GError **error)
{
    ObjectsReading *reading = data;
    LargeObjectPiece piece;
    bool found = false;
    return large_objects_add(&reading->objects, row, size_bytes, &piece, &found, error) &&
           count(&reading->progress, 0, size_bytes, error);
}

static bool append_column(GString *sql, const DigestTable *table, int attnum, GError **error)
{
    for (guint i = 0; i < table->attnums->len; i++) {
        g_autofree char *quoted = NULL;
        if (g_array_index(table->attnums, int, i) != attnum)
            continue;
        quoted = pg_identifier(g_ptr_array_index(table->columns, i));
        g_string_append_printf(sql, "%s%s", g_str_has_suffix(sql->str, " ") ? "" : ", ", quoted);
        return true;
    }
    error_set(error, ERROR_INTEGRITY, "it has no column with number %d", attnum);
    return false;
}

/* where: " WHERE ...", or empty */
static bool copy_table(PgConnection *connection, const DigestTable *table, const GArray *attnums,
                       const char *where, Reading *reading, GError **error)
{
    g_autofree char *qualified = pg_qualified(table->schema, table->name);
    g_autoptr(GString) sql = g_string_new("COPY (SELECT ");
    const bool binary = reading->messages.format == COPY_BINARY;
    for (guint i = 0; i < attnums->len; i++) {
        if (!append_column(sql, table, g_array_index(attnums, int, i), error))
            return false;
    }
    g_string_append_printf(sql, " FROM ONLY %s%s) TO STDOUT%s", qualified, where,
                           binary ? " (FORMAT binary)" : "");
    return pg_copy_out(connection, sql->str, take_row, reading, error) &&
           row_messages_end(&reading->messages, error) && report(&reading->progress, error);
}

static bool read_rows(PgConnection *connection, const DigestTable *table, const GArray *attnums,
                      const char *where, Reading *reading, RowDigest *out, GError **error)
{
    if (!copy_table(connection, table, attnums, where, reading, error)) {
        g_autofree char *what = digest_describe(table);
        g_prefix_error(error, "while reading %s for its digest: ", what);
        return false;
    }
    *out = reading->messages.digest;
    return true;
}

bool digest_read_table(PgConnection *connection, const DigestTable *table, GArray *attnums,
                       CopyFormat format, DigestWatch *watch, RowDigest *out, GError **error)
{
    Reading reading = {.messages.format = format, .progress.watch = watch};
    return read_rows(connection, table, attnums != NULL ? attnums : table->attnums, "", &reading,
                     out, error);
}

bool digest_read_pages(PgConnection *connection, const DigestTable *table, int64_t first,
                       int64_t end, DigestWatch *watch, RowDigest *out, GError **error)
{
    Reading reading = {.messages.format = table->format, .progress.watch = watch};
    g_autofree char *until =
        end > 0 ? g_strdup_printf(" AND ctid < '(%" G_GINT64_FORMAT ",0)'", end) : g_strdup("");
    g_autofree char *where =
        g_strdup_printf(" WHERE ctid >= '(%" G_GINT64_FORMAT ",0)'%s", first, until);
    return read_rows(connection, table, table->attnums, where, &reading, out, error);
}

bool digest_table(PgConnection *connection, const DigestTable *table, GArray *attnums,
                  CopyFormat format, RowDigest *out, GError **error)
{
    return digest_read_table(connection, table, attnums, format, NULL, out, error);
}

bool digest_sequence(PgConnection *connection, DigestTable *table, GError **error)
{
    g_autofree char *qualified = pg_qualified(table->schema, table->name);
    g_autofree char *sql = g_strdup_printf("SELECT last_value, is_called FROM %s", qualified);
    g_autoptr(PgResult) result = pg_query(connection, error, sql, 0);
    if (result == NULL || pg_rows(result) != 1) {
        g_autofree char *what = digest_describe(table);
        if (result != NULL)
            error_set(error, ERROR_INTEGRITY, "it does not have one row");
        g_prefix_error(error, "while reading %s: ", what);
        return false;
    }
    g_free(table->value);
    table->value =
        g_strdup_printf("%s,%s", pg_value(result, 0, 0), pg_flag(result, 0, 1) ? "t" : "f");
    return true;
}

bool digest_read_large_objects(PgConnection *connection, uint32_t first, uint32_t last,
                               DigestWatch *watch, RowDigest *out, GError **error)
{
    ObjectsReading reading = {.objects = LARGE_OBJECT_READING, .progress.watch = watch};
    g_autofree char *sql = large_objects_copy(first, last);
    if (!pg_copy_out(connection, sql, take_piece, &reading, error) ||
        !large_objects_end(&reading.objects, error) || !report(&reading.progress, error)) {
        g_prefix_error(error, "while reading large objects for their digest: ");
        return false;
    }
    *out = reading.objects.digest;
    return true;
}

bool digest_large_objects(PgConnection *connection, RowDigest *out, GError **error)
{
    return digest_read_large_objects(connection, LARGE_OBJECT_FIRST, LARGE_OBJECT_LAST, NULL, out,
                                     error);
}
