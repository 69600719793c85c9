#include "verify/large_objects.h"

#include "base/error.h"
#include "pg/sql.h"
#include <string.h>

/* In the query, where it can be run as it is. */
#define ALL_OIDS "BETWEEN 0 AND 4294967295"

/* A row: count of fields, then each with its length: oid, bigint, bytea. */
#define OID_AT 2
#define OFFSET_AT (OID_AT + 4 + 4)
#define DATA_AT (OFFSET_AT + 4 + 8)

GArray *large_objects_ranges(PgConnection *connection, int n, GError **error)
{
    g_autofree char *count = g_strdup_printf("%d", n);
    g_autoptr(PgResult) result = pg_query(connection, error, pg_sql_large_object_ranges, 1, count);
    GArray *ranges = NULL;
    if (result == NULL) {
        g_prefix_error(error, "while listing large objects: ");
        return NULL;
    }
    ranges = g_array_new(FALSE, FALSE, sizeof(LargeObjectRange));
    for (int row = 0; row < pg_rows(result); row++) {
        const LargeObjectRange range = {.first = (uint32_t)pg_integer(result, row, 0),
                                        .last = (uint32_t)pg_integer(result, row, 1),
                                        .objects = pg_integer(result, row, 2)};
        g_array_append_val(ranges, range);
    }
    return ranges;
}

char *large_objects_copy(uint32_t first, uint32_t last)
{
    const char *range = strstr(pg_sql_large_object_pieces, ALL_OIDS);
    g_return_val_if_fail(range != NULL, NULL);
    return g_strdup_printf("COPY (%.*sBETWEEN %u AND %u%s) TO STDOUT (FORMAT binary)",
                           (int)(range - pg_sql_large_object_pieces), pg_sql_large_object_pieces,
                           first, last, range + strlen(ALL_OIDS));
}

static uint64_t read_number(const char *bytes, int n)
{
    uint64_t number = 0;
    for (int i = 0; i < n; i++)
        number = number << 8 | (unsigned char)bytes[i];
    return number;
}

static bool split_row(const char *row, size_t size_bytes, LargeObjectPiece *piece, GError **error)
{
    const bool fits = size_bytes >= DATA_AT + 4 && read_number(row, 2) == 3 &&
                      read_number(row + OID_AT, 4) == 4 && read_number(row + OFFSET_AT, 4) == 8 &&
                      read_number(row + DATA_AT, 4) == size_bytes - DATA_AT - 4;
    if (!fits) {
        error_set(error, ERROR_INTEGRITY, "the server gave no piece of a large object");
        return false;
    }
    *piece = (LargeObjectPiece){.oid = (uint32_t)read_number(row + OID_AT + 4, 4),
                                .offset = (int64_t)read_number(row + OFFSET_AT + 4, 8),
                                .data = row + DATA_AT + 4,
                                .size_bytes = size_bytes - DATA_AT - 4};
    return true;
}

bool large_objects_add(LargeObjectReading *reading, const char *message, size_t size_bytes,
                       LargeObjectPiece *piece, bool *found, GError **error)
{
    *found = false;
    if (!row_messages_add(&reading->messages, message, size_bytes, error))
        return false;
    if (reading->messages.row == NULL)
        return true;
    if (!split_row(reading->messages.row, reading->messages.row_bytes, piece, error))
        return false;
    *found = true;
    const int64_t objects = reading->digest.rows + (piece->offset == 0 ? 1 : 0);
    reading->digest = reading->messages.digest;
    reading->digest.rows = objects;
    return true;
}

bool large_objects_end(const LargeObjectReading *reading, GError **error)
{
    return row_messages_end(&reading->messages, error);
}

static bool take_access(const char *row, size_t size_bytes, gpointer data, GError **error)
{
    return row_messages_add(data, row, size_bytes, error);
}

bool large_objects_access(PgConnection *connection, RowDigest *out, GError **error)
{
    RowMessages messages = {.format = COPY_BINARY};
    if (!pg_copy_out(connection, pg_sql_large_object_access, take_access, &messages, error) ||
        !row_messages_end(&messages, error)) {
        g_prefix_error(error, "while reading owners and access rights of large objects: ");
        return false;
    }
    *out = messages.digest;
    return true;
}
