#include "migration/history.h"

#include "base/error.h"
#include "migration/sequelize.h"
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
    g_free(entry);
}

bool history_exists(PgConnection *connection, bool *exists, GError **error)
{
    g_autoptr(PgResult) result =
        pg_query(connection, error, "SELECT to_regclass('drydock.migrations') IS NOT NULL", 0);
    if (result == NULL)
        return false;
    *exists = pg_flag(result, 0, 0);
    return true;
}

GPtrArray *history_read(PgConnection *connection, GError **error)
{
    g_autoptr(GPtrArray) history = g_ptr_array_new_with_free_func((GDestroyNotify)entry_free);
    g_autoptr(PgResult) result = NULL;
    bool exists = false;
    if (!history_exists(connection, &exists, error))
        return NULL;
    if (!exists)
        return g_steal_pointer(&history);
    result = pg_query(connection, error, pg_sql_history_read, 0);
    if (result == NULL) {
        g_prefix_error(error,
                       "cannot read the history of database '%s': ", pg_database(connection));
        return NULL;
    }
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
        g_ptr_array_add(history, entry);
    }
    return g_steal_pointer(&history);
}

bool history_create(PgConnection *connection, GError **error)
{
    bool exists = false;
    if (!history_exists(connection, &exists, error))
        return false;
    if (exists || pg_exec(connection, pg_sql_history_create, error))
        return true;
    g_prefix_error(error, "cannot create the history table drydock.migrations: ");
    error_hint_set(error, "the role needs CREATE on database '%s'", pg_database(connection));
    return false;
}

bool history_insert(PgConnection *connection, const Migration *migration, const char *run,
                    int64_t duration_ms, GError **error)
{
    g_autofree char *duration = g_strdup_printf("%" G_GINT64_FORMAT, duration_ms);
    g_autoptr(PgResult) result = pg_query(
        connection, error, pg_sql_history_insert, 7, migration->id, migration->name,
        migration->up.sha256.hex, migration->up.canonical.hex, run, duration, DRYDOCK_VERSION);
    if (result == NULL)
        g_prefix_error(error, "while recording migration %s in the history: ", migration->id);
    return result != NULL && sequelize_insert(connection, migration, error);
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

bool history_delete(PgConnection *connection, const Migration *migration, GError **error)
{
    g_autoptr(PgResult) result = NULL;
    if (!sequelize_delete(connection, migration, error))
        return false;
    result = pg_query(connection, error, "DELETE FROM drydock.migrations WHERE id = $1", 1,
                      migration->id);
    if (result == NULL)
        g_prefix_error(error, "while removing migration %s from the history: ", migration->id);
    return result != NULL;
}

const char *migration_state_name(MigrationState state)
{
    static const char *const names[] = {"applied", "pending",      "changed",
                                        "unknown", "out of order", "partial"};
    return names[state];
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
    const char *newest = NULL;
    for (guint i = 0; i < history->len; i++) {
        HistoryEntry *entry = g_ptr_array_index(history, i);
        if (newest == NULL || strcmp(entry->id, newest) > 0)
            newest = entry->id;
        if (migration_find(set, entry->id) == NULL)
            g_ptr_array_add(statuses, status_new(NULL, entry, NULL));
    }
    for (guint i = 0; i < set->migrations->len; i++) {
        const Migration *migration = g_ptr_array_index(set->migrations, i);
        g_ptr_array_add(statuses,
                        status_new(migration, find_entry(history, migration->id), newest));
    }
    g_ptr_array_sort(statuses, by_id);
    return statuses;
}

void history_add_steps(GPtrArray *statuses, const GPtrArray *records)
{
    for (guint i = 0; i < statuses->len; i++) {
        MigrationStatus *status = g_ptr_array_index(statuses, i);
        const MigrationState state = status->state;
        if (state != STATE_PENDING && state != STATE_APPLIED)
            continue;
        for (guint j = 0; j < records->len; j++) {
            const StepRecord *record = g_ptr_array_index(records, j);
            if (strcmp(record->migration, status->migration->id) != 0)
                continue;
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

bool history_check(const GPtrArray *statuses, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < statuses->len; i++)
        describe_drift(text, g_ptr_array_index(statuses, i));
    if (text->len == 0)
        return true;
    error_set(error, ERROR_INTEGRITY, "history and files disagree: %s", text->str);
    error_hint_set(error, "put the files back as they were when they were applied (see drydock "
                          "status); a correction is a new migration");
    return false;
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
