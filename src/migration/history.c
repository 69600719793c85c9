#include "migration/history.h"

#include "base/error.h"
#include "pg/sql.h"
#include <string.h>

static void entry_free(HistoryEntry *entry)
{
    g_free(entry->id);
    g_free(entry->name);
    g_free(entry->sha256);
    g_free(entry->canonical);
    g_free(entry->applied_at);
    g_free(entry->applied_by);
    g_free(entry->run);
    g_free(entry->accepted);
    g_free(entry->accepted_at);
    g_free(entry->accepted_by);
    g_free(entry);
}

static GPtrArray *read_entries(PgConnection *connection, const char *sql, GError **error)
{
    GPtrArray *entries = NULL;
    g_autoptr(PgResult) result = pg_query(connection, error, sql, 0);
    if (result == NULL) {
        g_prefix_error(error,
                       "cannot read the history of database '%s': ", pg_database(connection));
        return NULL;
    }
    entries = g_ptr_array_new_with_free_func((GDestroyNotify)entry_free);
    for (int row = 0; row < pg_rows(result); row++) {
        HistoryEntry *entry = g_new0(HistoryEntry, 1);
        entry->id = g_strdup(pg_value(result, row, 0));
        entry->name = g_strdup(pg_value(result, row, 1));
        entry->sha256 = g_strdup(pg_value(result, row, 2));
        entry->canonical = g_strdup(pg_value(result, row, 3));
        entry->applied_at = g_strdup(pg_value(result, row, 4));
        entry->applied_by = g_strdup(pg_value(result, row, 5));
        entry->run = g_strdup(pg_value(result, row, 6));
        entry->duration_ms = pg_integer(result, row, 7);
        entry->out_of_order = pg_flag(result, row, 8);
        entry->position = pg_integer(result, row, 9);
        entry->stale = pg_columns(result) > 10 && pg_flag(result, row, 10);
        g_ptr_array_add(entries, entry);
    }
    return entries;
}

static bool table_exists(PgConnection *connection, const char *table, bool *exists, GError **error)
{
    g_autoptr(PgResult) result =
        pg_query(connection, error, "SELECT to_regclass($1) IS NOT NULL", 1, table);
    if (result == NULL)
        return false;
    *exists = pg_flag(result, 0, 0);
    return true;
}

bool history_exists(PgConnection *connection, bool *exists, GError **error)
{
    return table_exists(connection, "drydock.migrations", exists, error);
}

static HistoryEntry *find_entry(const GPtrArray *history, const char *id)
{
    for (guint i = 0; i < history->len; i++) {
        HistoryEntry *entry = g_ptr_array_index(history, i);
        if (g_strcmp0(entry->id, id) == 0)
            return entry;
    }
    return NULL;
}

/* There are few. */
static bool read_changes(PgConnection *connection, const GPtrArray *history, GError **error)
{
    bool exists = false;
    g_autoptr(PgResult) result = NULL;
    if (!table_exists(connection, "drydock.changes", &exists, error))
        return false;
    if (!exists)
        return true;
    result = pg_query(connection, error, pg_sql_change_read, 0);
    for (int row = 0; result != NULL && row < pg_rows(result); row++) {
        HistoryEntry *entry = find_entry(history, pg_value(result, row, 0));
        if (entry == NULL)
            continue;
        entry->accepted = g_strdup(pg_value(result, row, 1));
        entry->accepted_by = g_strdup(pg_value(result, row, 2));
        entry->accepted_at = g_strdup(pg_value(result, row, 3));
    }
    return result != NULL;
}

GPtrArray *history_read(PgConnection *connection, GError **error)
{
    g_autoptr(GPtrArray) history = NULL;
    bool exists = false;
    if (!history_exists(connection, &exists, error))
        return NULL;
    if (!exists)
        return g_ptr_array_new();
    history = read_entries(connection, pg_sql_history_read, error);
    if (history == NULL || !read_changes(connection, history, error))
        return NULL;
    return g_steal_pointer(&history);
}

GPtrArray *history_read_repeatables(PgConnection *connection, GError **error)
{
    bool exists = false;
    if (!table_exists(connection, "drydock.repeatables", &exists, error))
        return NULL;
    return exists ? read_entries(connection, pg_sql_repeatable_read, error) : g_ptr_array_new();
}

bool history_has_run(PgConnection *connection, const char *run, bool *has, GError **error)
{
    g_autoptr(PgResult) tables = pg_query(connection, error, pg_sql_history_runs, 0);
    *has = false;
    for (int row = 0; tables != NULL && row < pg_rows(tables); row++) {
        g_autofree char *sql =
            g_strdup_printf("SELECT FROM %s WHERE run = $1", pg_value(tables, row, 0));
        g_autoptr(PgResult) rows = pg_query(connection, error, sql, 1, run);
        if (rows == NULL)
            return false;
        *has = *has || pg_rows(rows) > 0;
    }
    return tables != NULL;
}

bool history_create(PgConnection *connection, GError **error)
{
    g_autoptr(PgResult) result = pg_query(connection, error, pg_sql_history_current, 0);
    if (result == NULL)
        return false;
    if (pg_flag(result, 0, 0) || pg_exec(connection, pg_sql_history_create, error))
        return true;
    g_prefix_error(error, "cannot create the history (schema drydock) or bring it up to date: ");
    error_hint_set(error,
                   "the role needs CREATE on database '%s', or must own the tables of "
                   "schema drydock where they exist",
                   pg_database(connection));
    return false;
}

bool history_insert(PgConnection *connection, const Migration *migration, const char *run,
                    int64_t duration_ms, HistoryWritten *written, GError **error)
{
    g_autofree char *duration = g_strdup_printf("%" G_GINT64_FORMAT, duration_ms);
    const char *sha256 = migration->up.sha256.hex;
    const char *canonical = migration->up.canonical.hex;
    g_autoptr(PgResult) result =
        migration->repeatable
            ? pg_query(connection, error, pg_sql_repeatable_insert, 6, migration->name, sha256,
                       canonical, run, duration, DRYDOCK_VERSION)
            : pg_query(connection, error, pg_sql_history_insert, 7, migration->id, migration->name,
                       sha256, canonical, run, duration, DRYDOCK_VERSION);
    if (result == NULL) {
        g_prefix_error(error, "while recording migration %s in the history: ", migration->id);
        return false;
    }
    g_strlcpy(written->xid, pg_value(result, 0, 0), sizeof written->xid);
    written->adopted = pg_flag(result, 0, 1);
    return true;
}

bool history_adopt(PgConnection *connection, const Migration *migration, const char *run,
                   const char *how, GError **error)
{
    g_autoptr(PgResult) result =
        pg_query(connection, error, pg_sql_history_adopt, 7, migration->id, migration->name,
                 migration->up.sha256.hex, migration->up.canonical.hex, how, run, DRYDOCK_VERSION);
    if (result == NULL)
        g_prefix_error(error, "while recording migration %s in the history: ", migration->id);
    return result != NULL;
}

bool history_delete(PgConnection *connection, const char *id, GError **error)
{
    g_autoptr(PgResult) result =
        pg_query(connection, error, "DELETE FROM drydock.migrations WHERE id = $1", 1, id);
    if (result == NULL ||
        !pg_exec(connection, "UPDATE drydock.repeatables SET stale = true WHERE NOT stale",
                 error)) {
        g_prefix_error(error, "while removing migration %s from the history: ", id);
        return false;
    }
    return true;
}

bool history_accept(PgConnection *connection, const Migration *migration, const HistoryEntry *entry,
                    const char *reason, const char *run, GError **error)
{
    g_autoptr(PgResult) result = pg_query(
        connection, error, pg_sql_change_insert, 8, entry->id, entry->sha256, entry->canonical,
        migration->up.sha256.hex, migration->up.canonical.hex, reason, run, DRYDOCK_VERSION);
    if (result == NULL) {
        g_prefix_error(error,
                       "while recording that the change of migration %s is accepted: ", entry->id);
        return false;
    }
    if (pg_affected(result) == 1)
        return true;
    error_set(error, ERROR_INTEGRITY,
              "the history of migration %s has changed since it was compared", entry->id);
    return false;
}

const char *migration_state_name(MigrationState state)
{
    static const char *const names[] = {"applied", "pending",      "changed",
                                        "unknown", "out of order", "partial"};
    return names[state];
}

static gint by_id(gconstpointer a, gconstpointer b)
{
    const MigrationStatus *one = *(MigrationStatus *const *)a;
    const MigrationStatus *two = *(MigrationStatus *const *)b;
    return strcmp(one->migration != NULL ? one->migration->id : one->entry->id,
                  two->migration != NULL ? two->migration->id : two->entry->id);
}

static MigrationStatus *status_new(const Migration *migration, HistoryEntry *entry,
                                   const char *newest_applied)
{
    MigrationStatus *status = g_new0(MigrationStatus, 1);
    status->migration = migration;
    status->entry = entry;
    if (migration == NULL)
        status->state = STATE_UNKNOWN;
    else if (entry == NULL)
        status->state = newest_applied != NULL && strcmp(migration->id, newest_applied) < 0
                            ? STATE_OUT_OF_ORDER
                            : STATE_PENDING;
    else
        status->state = strcmp(entry->canonical, migration->up.canonical.hex) == 0 ? STATE_APPLIED
                                                                                   : STATE_CHANGED;
    return status;
}

GPtrArray *history_compare(const MigrationSet *set, const GPtrArray *history)
{
    GPtrArray *statuses = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) entries = g_hash_table_new(g_str_hash, g_str_equal);
    const char *newest = NULL;
    for (guint i = 0; i < history->len; i++) {
        HistoryEntry *entry = g_ptr_array_index(history, i);
        g_hash_table_insert(entries, entry->id, entry);
        if (newest == NULL || strcmp(entry->id, newest) > 0)
            newest = entry->id;
        if (migration_find(set, entry->id) == NULL)
            g_ptr_array_add(statuses, status_new(NULL, entry, NULL));
    }
    for (guint i = 0; i < set->migrations->len; i++) {
        const Migration *migration = g_ptr_array_index(set->migrations, i);
        g_ptr_array_add(statuses,
                        status_new(migration, g_hash_table_lookup(entries, migration->id), newest));
    }
    g_ptr_array_sort(statuses, by_id);
    return statuses;
}

static MigrationStatus *find_status(const GPtrArray *statuses, const char *id)
{
    for (guint i = 0; i < statuses->len; i++) {
        MigrationStatus *status = g_ptr_array_index(statuses, i);
        if (status->migration != NULL && strcmp(status->migration->id, id) == 0)
            return status;
    }
    return NULL;
}

bool history_allow(GPtrArray *statuses, char *const *ids, GError **error)
{
    for (; ids != NULL && *ids != NULL; ids++) {
        MigrationStatus *status = find_status(statuses, *ids);
        if (status == NULL) {
            error_set(error, ERROR_USAGE, "--allow-out-of-order %s: there is no such migration",
                      *ids);
            error_hint_set(error, "drydock status lists them");
            return false;
        }
        if (status->state != STATE_OUT_OF_ORDER)
            continue;
        status->state = STATE_PENDING;
        status->out_of_order = true;
    }
    return true;
}

void history_add_steps(GPtrArray *statuses, const GPtrArray *records)
{
    for (guint i = 0; i < statuses->len; i++) {
        MigrationStatus *status = g_ptr_array_index(statuses, i);
        const MigrationState state = status->state;
        if (state != STATE_PENDING && state != STATE_OUT_OF_ORDER && state != STATE_APPLIED)
            continue;
        for (guint j = 0; j < records->len; j++) {
            const StepRecord *record = g_ptr_array_index(records, j);
            if (strcmp(record->migration, status->migration->id) != 0)
                continue;
            /* What was begun out of order was allowed then, and is finished before all else. */
            status->out_of_order = status->out_of_order || state == STATE_OUT_OF_ORDER;
            status->state = STATE_PARTIAL;
            status->steps = record->count;
            status->steps_done += record->done;
            if (!record->done)
                status->started = record;
        }
    }
}

static void describe_drift(GString *text, const MigrationStatus *status)
{
    const char *separator = text->len > 0 ? "; " : "";
    switch (status->state) {
    case STATE_CHANGED:
        g_string_append_printf(
            text, "%smigration %s was applied on %s from another text than '%s' holds", separator,
            status->entry->id, status->entry->applied_at, status->migration->up.path);
        break;
    case STATE_UNKNOWN:
        g_string_append_printf(text, "%sthe history has %s-%s, for which there is no file",
                               separator, status->entry->id, status->entry->name);
        break;
    case STATE_OUT_OF_ORDER:
        g_string_append_printf(text, "%smigration %s is pending but older than an applied one",
                               separator, status->migration->id);
        break;
    case STATE_APPLIED:
    case STATE_PENDING:
    case STATE_PARTIAL:
        break;
    }
}

static const char *advice(const MigrationStatus *status)
{
    switch (status->state) {
    case STATE_CHANGED:
        return "put the file back as it was when it was applied, a correction is a new migration; "
               "or, where the difference is known to be harmless, drydock accept ID";
    case STATE_OUT_OF_ORDER:
        return "give it an id above those that are applied; or, where it does not depend on the "
               "order, --allow-out-of-order ID";
    case STATE_UNKNOWN:
    case STATE_APPLIED:
    case STATE_PENDING:
    case STATE_PARTIAL:
        break;
    }
    return "put the file back that was applied; drydock status shows when and by whom";
}

static bool check(const GPtrArray *statuses, bool in_order, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const char *hint = NULL;
    for (guint i = 0; i < statuses->len; i++) {
        const MigrationStatus *status = g_ptr_array_index(statuses, i);
        if (status->state == STATE_OUT_OF_ORDER && !in_order)
            continue;
        describe_drift(text, status);
        if (text->len > 0 && hint == NULL)
            hint = advice(status);
    }
    if (text->len == 0)
        return true;
    error_set(error, ERROR_INTEGRITY, "history and files disagree: %s", text->str);
    error_hint_set(error, "%s", hint);
    return false;
}

bool history_check(const GPtrArray *statuses, GError **error)
{
    return check(statuses, true, error);
}

bool history_check_applied(const GPtrArray *statuses, GError **error)
{
    return check(statuses, false, error);
}

GPtrArray *history_pending(const GPtrArray *statuses, const char *to, GError **error)
{
    g_autoptr(GPtrArray) pending = g_ptr_array_new();
    bool found = to == NULL;
    for (guint i = 0; i < statuses->len; i++) {
        const MigrationStatus *status = g_ptr_array_index(statuses, i);
        const bool is_to =
            to != NULL && status->migration != NULL && strcmp(status->migration->id, to) == 0;
        if (status->state == STATE_PARTIAL && status->entry != NULL) {
            error_set(error, ERROR_REFUSED, "migration %s is partly undone (%d of %d steps)",
                      status->entry->id, status->steps_done, status->steps);
            error_hint_set(error, "finish that with drydock undo");
            return NULL;
        }
        if (status->state == STATE_PENDING || status->state == STATE_PARTIAL)
            g_ptr_array_add(pending, (gpointer)status->migration);
        else if (is_to) {
            error_set(error, ERROR_USAGE, "--to %s: that migration is applied already", to);
            return NULL;
        }
        found = found || is_to;
        if (is_to)
            break;
    }
    if (!found) {
        error_set(error, ERROR_USAGE, "--to %s: there is no such migration", to);
        error_hint_set(error, "drydock status lists them");
        return NULL;
    }
    return g_steal_pointer(&pending);
}
