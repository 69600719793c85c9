#include "migration/step_table.h"

#include "base/error.h"
#include "pg/sql.h"
#include <string.h>

static void record_free(StepRecord *record)
{
    g_free(record->migration);
    g_free(record->canonical);
    g_free(record->title);
    g_free(record->run);
    g_free(record->before);
    g_free(record->decision);
    g_free(record->note);
    g_free(record);
}

static bool exists(PgConnection *connection, bool *there, GError **error)
{
    g_autoptr(PgResult) result =
        pg_query(connection, error, "SELECT to_regclass('drydock.steps') IS NOT NULL", 0);
    if (result == NULL)
        return false;
    *there = pg_flag(result, 0, 0);
    return true;
}

static StepRecord *record_new(const PgResult *result, int row)
{
    StepRecord *record = g_new0(StepRecord, 1);
    record->migration = g_strdup(pg_value(result, row, 0));
    record->number = (int)pg_integer(result, row, 1);
    record->count = (int)pg_integer(result, row, 2);
    record->down = pg_flag(result, row, 3);
    record->canonical = g_strdup(pg_value(result, row, 4));
    record->line = (int)pg_integer(result, row, 5);
    record->title = g_strdup(pg_value(result, row, 6));
    record->done = pg_flag(result, row, 7);
    record->run = g_strdup(pg_value(result, row, 8));
    record->before = g_strdup(pg_value(result, row, 9));
    record->decision = g_strdup(pg_value_or_null(result, row, 10));
    record->note = g_strdup(pg_value(result, row, 11));
    return record;
}

GPtrArray *step_table_read(PgConnection *connection, GError **error)
{
    g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func((GDestroyNotify)record_free);
    g_autoptr(PgResult) result = NULL;
    bool there = false;
    if (!exists(connection, &there, error))
        return NULL;
    if (!there)
        return g_steal_pointer(&records);
    result = pg_query(connection, error, pg_sql_steps_read, 0);
    if (result == NULL) {
        g_prefix_error(error, "cannot read the steps of migrations of database '%s': ",
                       pg_database(connection));
        return NULL;
    }
    for (int row = 0; row < pg_rows(result); row++)
        g_ptr_array_add(records, record_new(result, row));
    return g_steal_pointer(&records);
}

bool step_table_create(PgConnection *connection, GError **error)
{
    bool there = false;
    if (!exists(connection, &there, error))
        return false;
    if (there || pg_exec(connection, pg_sql_steps_create, error))
        return true;
    g_prefix_error(error, "cannot create the table drydock.steps: ");
    error_hint_set(error, "the role needs CREATE on schema drydock of database '%s'",
                   pg_database(connection));
    return false;
}

bool step_table_put(PgConnection *connection, const StepRecord *record, GError **error)
{
    g_autofree char *number = g_strdup_printf("%d", record->number);
    g_autofree char *count = g_strdup_printf("%d", record->count);
    g_autofree char *line = g_strdup_printf("%d", record->line);
    g_autoptr(PgResult) result =
        pg_query(connection, error, pg_sql_steps_put, 10, record->migration, number, count,
                 record->down ? "true" : "false", record->canonical, line, record->title,
                 record->done ? "done" : "started", record->run,
                 record->before != NULL ? record->before : "");
    if (result == NULL)
        g_prefix_error(error, "while recording step %d of migration %s: ", record->number,
                       record->migration);
    return result != NULL;
}

/* The history is up to date here: history_create() came before. */
static bool keep_notes(PgConnection *connection, const char *migration, GError **error)
{
    g_autoptr(PgResult) notes =
        pg_query(connection, error,
                 "SELECT 1 FROM drydock.steps WHERE migration = $1 AND note <> ''", 1, migration);
    g_autoptr(PgResult) result = NULL;
    if (notes == NULL)
        return false;
    if (pg_rows(notes) == 0)
        return true;
    result = pg_query(connection, error, pg_sql_steps_note, 1, migration);
    return result != NULL;
}

bool step_table_remove(PgConnection *connection, const char *migration, int number, GError **error)
{
    g_autofree char *text = g_strdup_printf("%d", number);
    g_autoptr(PgResult) result = NULL;
    if (number == 0 && !keep_notes(connection, migration, error))
        return false;
    result = pg_query(connection, error,
                      "DELETE FROM drydock.steps WHERE migration = $1 AND $2::int IN (0, step)", 2,
                      migration, text);
    if (result == NULL)
        g_prefix_error(error, "while removing the steps of migration %s: ", migration);
    return result != NULL;
}

bool step_table_decide(PgConnection *connection, const char *migration, const char *decision,
                       const char *reason, GError **error)
{
    g_autoptr(PgResult) result = NULL;
    bool there = false;
    if (!exists(connection, &there, error))
        return false;
    if (there) {
        result = pg_query(connection, error, pg_sql_steps_decide, 3, migration, decision, reason);
        if (result == NULL)
            return false;
        if (pg_affected(result) > 0)
            return true;
    }
    error_set(error, ERROR_USAGE, "--%s %s: no step of that migration is started and not done",
              decision, migration);
    error_hint_set(error, "drydock status says how far migrations are");
    return false;
}

const StepRecord *step_table_find(const GPtrArray *records, const char *migration, int number)
{
    for (guint i = 0; i < records->len; i++) {
        const StepRecord *record = g_ptr_array_index(records, i);
        if (record->number == number && strcmp(record->migration, migration) == 0)
            return record;
    }
    return NULL;
}

static bool fits(const StepRecord *record, const Migration *migration)
{
    const MigrationFile *file = record->down ? migration->down : &migration->up;
    return file != NULL && strcmp(record->canonical, file->canonical.hex) == 0;
}

bool step_table_check(const GPtrArray *records, const MigrationSet *set, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const char *told = "";
    for (guint i = 0; i < records->len; i++) {
        const StepRecord *record = g_ptr_array_index(records, i);
        const Migration *migration = migration_find(set, record->migration);
        if ((migration != NULL && fits(record, migration)) || strcmp(told, record->migration) == 0)
            continue;
        told = record->migration;
        g_string_append_printf(text, "%smigration %s is partly %s, and its file %s",
                               text->len > 0 ? "; " : "", told, record->down ? "undone" : "applied",
                               migration == NULL ? "is missing" : "has changed since");
    }
    if (text->len == 0)
        return true;
    error_set(error, ERROR_INTEGRITY, "steps and files disagree: %s", text->str);
    error_hint_set(error,
                   "put the file back as it was, so that it can be finished; or take back by hand "
                   "what its steps did (table drydock.steps names them), and delete their rows "
                   "there");
    return false;
}
