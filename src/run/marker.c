#include "run/marker.h"

#include "base/error.h"
#include "pg/shared.h"
#include "pg/sql.h"
#include "run/names.h"
#include "verify/schema.h"
#include <string.h>

void marker_free(Marker *marker)
{
    if (marker == NULL)
        return;
    g_free(marker->run);
    g_free(marker->phase);
    g_free(marker->began_at);
    g_free(marker->began_by);
    g_free(marker->host);
    json_decref(marker->history);
    json_decref(marker->schema);
    g_free(marker);
}

bool marker_begin(PgConnection *connection, const char *run, GError **error)
{
    g_autoptr(json_t) schema = schema_read(connection, error);
    g_autofree char *text = schema != NULL ? json_to_line(schema) : NULL;
    g_autoptr(PgResult) inserted = NULL;
    /* What a copy of a database has brought along says nothing here. */
    if (text == NULL || !pg_exec(connection, pg_sql_marker_create, error) ||
        !pg_exec(connection, "DELETE FROM drydock.unfinished", error))
        return false;
    inserted = pg_query(connection, error, pg_sql_marker_begin, 4, run, g_get_host_name(), text,
                        DRYDOCK_VERSION);
    return inserted != NULL;
}

/* Whoever may not read it is told nothing, as where there is none: he could not change the history
 * either. */
static bool is_readable(PgConnection *connection, bool *readable, GError **error)
{
    g_autoptr(PgResult) result =
        pg_query(connection, error,
                 "SELECT pg_catalog.has_table_privilege("
                 "pg_catalog.to_regclass('drydock.unfinished')::oid, 'SELECT')",
                 0);
    *readable = result != NULL && pg_flag(result, 0, 0);
    return result != NULL;
}

static json_t *parse(const PgResult *rows, int column, GError **error)
{
    const char *text = pg_value(rows, 0, column);
    return json_parse(text, strlen(text), "drydock.unfinished", error);
}

Marker *marker_read(PgConnection *connection, GError **error)
{
    g_autoptr(Marker) marker = NULL;
    g_autoptr(PgResult) rows = NULL;
    bool readable = false;
    if (!is_readable(connection, &readable, error) || !readable)
        return NULL;
    rows = pg_query(connection, error, pg_sql_marker_read, 0);
    if (rows == NULL || pg_rows(rows) == 0)
        return NULL;
    if (!run_id_is_valid(pg_value(rows, 0, 0))) {
        error_set(error, ERROR_INTEGRITY, "drydock.unfinished holds what no run has written");
        return NULL;
    }
    marker = g_new0(Marker, 1);
    marker->run = g_strdup(pg_value(rows, 0, 0));
    marker->phase = g_strdup(pg_value(rows, 0, 1));
    marker->began_at = g_strdup(pg_value(rows, 0, 2));
    marker->began_by = g_strdup(pg_value(rows, 0, 3));
    marker->host = g_strdup(pg_value(rows, 0, 4));
    marker->history = parse(rows, 5, error);
    marker->schema = marker->history != NULL ? parse(rows, 6, error) : NULL;
    return marker->schema != NULL ? g_steal_pointer(&marker) : NULL;
}

bool marker_set_phase(PgConnection *connection, const char *run, const char *phase, GError **error)
{
    g_autoptr(PgResult) result =
        pg_query(connection, error, "UPDATE drydock.unfinished SET phase = $2 WHERE run = $1", 2,
                 run, phase);
    return result != NULL;
}

bool marker_end(PgConnection *connection, const char *run, GError **error)
{
    g_autoptr(PgResult) result =
        pg_query(connection, error, "DELETE FROM drydock.unfinished WHERE run = $1", 1, run);
    if (result == NULL)
        return false;
    if (pg_affected(result) == 1)
        return true;
    error_set(error, ERROR_INTEGRITY,
              "somebody has taken away the row of run %s in drydock.unfinished", run);
    return false;
}

void marker_set_taken(const char *run, GError **error)
{
    error_set(error, ERROR_NEEDS_PERSON,
              "the row of run %s in drydock.unfinished is not there (any more, or for this role), "
              "and the run has not taken it away: nothing was taken back; what is applied, drydock "
              "status tells",
              run);
    error_hint_set(error, "if it shall not stay, take it back with drydock undo");
}

GPtrArray *marker_compare(PgConnection *connection, const Marker *marker, GError **error)
{
    g_autofree char *text = pg_query_text(connection, error, pg_sql_marker_history, 1, marker->run);
    g_autoptr(json_t) history =
        text != NULL ? json_parse(text, strlen(text), "the history", error) : NULL;
    g_autoptr(json_t) schema = history != NULL ? schema_read(connection, error) : NULL;
    g_autoptr(GPtrArray) more = NULL;
    GPtrArray *lines = NULL;
    if (schema == NULL) {
        if (error != NULL && *error == NULL)
            error_set(error, ERROR_INTEGRITY,
                      "somebody has taken away the row of run %s in drydock.unfinished",
                      marker->run);
        return NULL;
    }
    lines = shared_compare(marker->history, history);
    more = schema_compare(marker->schema, schema);
    g_ptr_array_extend_and_steal(lines, g_steal_pointer(&more));
    return lines;
}

char *marker_text(const Marker *marker)
{
    return g_strdup_printf("run %s, which migrates it in service, has not ended (begun %s by %s "
                           "on %s)",
                           marker->run, marker->began_at, marker->began_by, marker->host);
}

bool marker_check(PgConnection *connection, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(Marker) marker = marker_read(connection, &cause);
    g_autofree char *text = NULL;
    if (marker == NULL && cause == NULL)
        return true;
    if (cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    text = marker_text(marker);
    error_set(error, ERROR_REFUSED, "database '%s': %s", pg_database(connection), text);
    error_hint_set(error, "wait for it; if it died, run drydock recover");
    return false;
}
