#include "verify/health.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "migration/splitter.h"
#include "pg/sql.h"

/* Names of types and functions come out as the queries need them, a policy on rows makes an error
 * rather than a smaller answer, and nothing can be changed. */
#define BEGIN_CHECK                                                                                \
    "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;"                                 \
    "SET LOCAL search_path = pg_catalog; SET LOCAL row_security = off"

static void roll_back(PgConnection *connection)
{
    if (pg_is_alive(connection) && pg_transaction(connection) != PG_IDLE)
        pg_exec(connection, "ROLLBACK", NULL);
}

static bool begin(PgConnection *connection, const char *sql, GError **error)
{
    if (pg_transaction(connection) != PG_IDLE) {
        error_set(error, ERROR_FAILED,
                  "cannot check database '%s': a transaction is open on this connection",
                  pg_database(connection));
        return false;
    }
    return pg_exec(connection, sql, error);
}

static void add_finding(GPtrArray *findings, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void add_finding(GPtrArray *findings, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *line = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_ptr_array_add(findings, text_printable(line));
}

/* The oids as a JSON list; NULL for all. */
static char *touched_list(GHashTable *touched)
{
    if (!touched)
        return NULL;
    g_autoptr(json_t) list = json_array();
    GHashTableIter iter;
    gpointer oid;
    g_hash_table_iter_init(&iter, touched);
    while (g_hash_table_iter_next(&iter, &oid, NULL))
        json_array_append_new(list, json_integer(GPOINTER_TO_UINT(oid)));
    return json_to_line(list);
}

/* ---- what the catalog says ---- */

static bool check_catalog(PgConnection *connection, GHashTable *baseline, GPtrArray *findings,
                          GHashTable *names, GError **error)
{
    g_autoptr(PgResult) result = pg_query(connection, error, pg_sql_health_invalid, 0);
    if (!result) {
        g_prefix_error(error, "while looking for invalid constraints and indexes: ");
        return false;
    }
    for (int row = 0; row < pg_rows(result); row++) {
        const char *name = pg_value(result, row, 0);
        if (names)
            g_hash_table_add(names, g_strdup(name));
        if (findings && !(baseline && g_hash_table_contains(baseline, name)))
            add_finding(findings, "%s %s", name, pg_value(result, row, 1));
    }
    return true;
}

/* ---- what the rows say ---- */

static bool check_foreign_keys(PgConnection *connection, const char *touched, GPtrArray *findings,
                               GError **error)
{
    g_autoptr(PgResult) keys = pg_query(connection, error, pg_sql_health_foreign_keys, 1, touched);
    if (!keys) {
        g_prefix_error(error, "while listing the foreign keys: ");
        return false;
    }
    for (int row = 0; row < pg_rows(keys); row++) {
        const char *name = pg_value(keys, row, 0);
        log_progress("foreign key %d of %d: %s", row + 1, pg_rows(keys), name);
        g_autoptr(PgResult) orphans = pg_query(connection, error, pg_value(keys, row, 1), 0);
        if (!orphans) {
            log_progress_end();
            g_prefix_error(error, "while checking foreign key '%s': ", name);
            error_hint_set(error, "the role must be able to read both tables past row security");
            return false;
        }
        if (pg_rows(orphans) > 0)
            add_finding(findings,
                        "foreign key %s does not hold: there are rows without the row that they "
                        "refer to",
                        name);
    }
    log_progress_end();
    return true;
}

static bool check_sequences(PgConnection *connection, const char *touched, GHashTable *baseline,
                            GPtrArray *findings, GHashTable *names, GError **error)
{
    g_autoptr(PgResult) sequences =
        pg_query(connection, error, pg_sql_health_sequences, 1, touched);
    if (!sequences) {
        g_prefix_error(error, "while listing the sequences: ");
        return false;
    }
    for (int row = 0; row < pg_rows(sequences); row++) {
        const char *name = pg_value(sequences, row, 0);
        const char *column = pg_value(sequences, row, 1);
        g_autofree char *key = g_strdup_printf("sequence %s of %s", name, column);
        g_autoptr(PgResult) behind = pg_query(connection, error, pg_value(sequences, row, 2), 0);
        if (!behind) {
            g_prefix_error(error, "while checking sequence '%s': ", name);
            return false;
        }
        if (pg_rows(behind) == 0)
            continue;
        if (names)
            g_hash_table_add(names, g_strdup(key));
        if (findings && !(baseline && g_hash_table_contains(baseline, key)))
            add_finding(findings,
                        "sequence %s is behind column %s: its next value is taken already", name,
                        column);
    }
    return true;
}

GPtrArray *health_check(PgConnection *connection, GHashTable *baseline, GHashTable *touched,
                        GError **error)
{
    g_autoptr(GPtrArray) findings = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *list = touched_list(touched);
    if (!begin(connection, BEGIN_CHECK, error))
        return NULL;
    bool checked = check_catalog(connection, baseline, findings, NULL, error) &&
                   check_foreign_keys(connection, list, findings, error) &&
                   check_sequences(connection, list, baseline, findings, NULL, error);
    roll_back(connection);
    return checked ? g_steal_pointer(&findings) : NULL;
}

GHashTable *health_baseline(PgConnection *connection, GError **error)
{
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (!begin(connection, BEGIN_CHECK, error))
        return NULL;
    bool read = check_catalog(connection, NULL, NULL, names, error) &&
                check_sequences(connection, NULL, NULL, NULL, names, error);
    roll_back(connection);
    return read ? g_steal_pointer(&names) : NULL;
}

GPtrArray *health_not_valid(PgConnection *connection, GError **error)
{
    g_autoptr(PgResult) result = pg_query(connection, error, pg_sql_health_invalid, 0);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    if (!result) {
        g_prefix_error(error, "while looking for invalid constraints and indexes: ");
        return NULL;
    }
    for (int row = 0; row < pg_rows(result); row++)
        g_ptr_array_add(names, g_strdup(pg_value(result, row, 0)));
    return g_steal_pointer(&names);
}

/* ---- assertions ---- */

static bool assert_one(PgConnection *connection, const SqlStatement *statement, const char *path,
                       GPtrArray *findings, GError **error)
{
    g_autoptr(PgResult) result = pg_query(connection, error, statement->text, 0);
    if (!result) {
        g_prefix_error(error, "%s:%d: ", path, statement->line);
        return false;
    }
    if (pg_columns(result) == 0 && pg_rows(result) == 0) {
        error_set(error, ERROR_CONFIG, "%s:%d: not a query", path, statement->line);
        error_hint_set(error, "an assertion is a query that returns the rows that must not be "
                              "there, with at least one column");
        return false;
    }
    if (pg_rows(result) > 0)
        add_finding(findings, "%s:%d: %d row%s", path, statement->line, pg_rows(result),
                    pg_rows(result) == 1 ? "" : "s");
    return true;
}

bool health_assert(PgConnection *connection, const GPtrArray *statements, const char *path,
                   GPtrArray *findings, GError **error)
{
    /* Policies on rows would hide what is looked for. */
    if (!begin(connection,
               "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;"
               "SET LOCAL row_security = off",
               error))
        return false;
    bool made = true;
    for (guint i = 0; made && i < statements->len; i++)
        made = assert_one(connection, statements->pdata[i], path, findings, error);
    roll_back(connection);
    return made;
}
