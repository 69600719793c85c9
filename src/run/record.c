#include "run/record.h"

#include "base/error.h"
#include "base/json.h"
#include "pg/sql.h"
#include "run/names.h"
#include <string.h>

#define RECORD_VERSION 1

void run_record_free(RunRecord *record)
{
    if (record == NULL)
        return;
    g_free(record->name);
    g_free(record->run);
    g_free(record->database);
    g_free(record->role);
    g_free(record->strategy);
    g_free(record->phase);
    g_free(record->comment);
    g_free(record->gate);
    g_free(record->content);
    g_free(record->read_only);
    g_free(record->owner);
    g_free(record);
}

char *run_record_text(const RunRecord *record)
{
    g_autoptr(json_t) object = json_object();
    json_set_integer(object, "drydock", RECORD_VERSION);
    json_set_text(object, "run", record->run);
    json_set_text(object, "database", record->database);
    json_set_text(object, "role", record->role);
    json_set_text(object, "strategy", record->strategy != NULL ? record->strategy : "shadow");
    json_set_text(object, "phase", record->phase);
    json_set_text(object, "comment", record->comment);
    if (record->gate != NULL)
        json_set_text(object, "gate", record->gate);
    if (record->content != NULL)
        json_set_text(object, "content", record->content);
    if (record->read_only != NULL)
        json_set_text(object, "read_only", record->read_only);
    return json_to_line(object);
}

char *run_record_statement(const char *name, const RunRecord *record)
{
    g_autofree char *line = run_record_text(record);
    g_autofree char *literal = pg_literal(line);
    g_autofree char *identifier = pg_identifier(name);
    return g_strdup_printf("COMMENT ON DATABASE %s IS %s", identifier, literal);
}

RunRecord *run_record_parse(const char *name, const char *comment)
{
    g_autoptr(json_t) object = NULL;
    RunRecord *record = NULL;
    if (comment == NULL || !g_str_has_prefix(comment, "{\"drydock\":"))
        return NULL;
    object = json_parse(comment, strlen(comment), name, NULL);
    if (json_get_integer(object, "drydock", 0) != RECORD_VERSION ||
        !run_id_is_valid(json_get_text(object, "run")) ||
        json_get_text(object, "database") == NULL || json_get_text(object, "role") == NULL ||
        json_get_text(object, "phase") == NULL)
        return NULL;
    record = g_new0(RunRecord, 1);
    record->name = g_strdup(name);
    record->run = g_strdup(json_get_text(object, "run"));
    record->database = g_strdup(json_get_text(object, "database"));
    record->role = g_strdup(json_get_text(object, "role"));
    record->strategy = g_strdup(json_get_text(object, "strategy"));
    record->phase = g_strdup(json_get_text(object, "phase"));
    record->comment = g_strdup(json_get_text(object, "comment"));
    record->gate = g_strdup(json_get_text(object, "gate"));
    record->content = g_strdup(json_get_text(object, "content"));
    record->read_only = g_strdup(json_get_text(object, "read_only"));
    return record;
}

GPtrArray *run_records_read(PgConnection *connection, const char *database, GError **error)
{
    g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func((GDestroyNotify)run_record_free);
    g_autoptr(PgResult) result = pg_query(connection, error, pg_sql_records_read, 1, database);
    if (result == NULL)
        return NULL;
    for (int row = 0; row < pg_rows(result); row++) {
        RunRecord *record = run_record_parse(pg_value(result, row, 0), pg_value(result, row, 1));
        /* No copy has the database's own name: if a comment says so, a person has given it that
         * name and left the comment. */
        if (record != NULL && strcmp(record->name, record->database) != 0 &&
            strcmp(record->database, database) == 0) {
            record->owner = g_strdup(pg_value(result, row, 2));
            record->trusted = pg_flag(result, row, 3);
            g_ptr_array_add(records, record);
        } else {
            run_record_free(record);
        }
    }
    return g_steal_pointer(&records);
}

RunRecord *run_records_find(const GPtrArray *records, const char *run, const char *role)
{
    for (guint i = 0; i < records->len; i++) {
        RunRecord *record = g_ptr_array_index(records, i);
        if (record->trusted && strcmp(record->role, role) == 0 &&
            (run == NULL || strcmp(record->run, run) == 0))
            return record;
    }
    return NULL;
}

/* The kept copy, or what a run in_place migrates. */
static bool is_the_database(const RunRecord *record)
{
    return strcmp(record->role, "keep") == 0 ||
           (strcmp(record->role, "work") == 0 && g_strcmp0(record->strategy, "in_place") == 0 &&
            strcmp(record->phase, "clone") != 0);
}

void run_records_explain_missing(PgConnection *connection, const PgTarget *target,
                                 const char *database, GError **error)
{
    g_autoptr(GPtrArray) records = run_records_read(connection, database, NULL);
    const RunRecord *keep = NULL;
    /* It is told to whoever may connect, a superuser among them, who need not be the one that runs
     * it: words alone depend on it. */
    for (guint i = 0; records != NULL && i < records->len; i++) {
        const RunRecord *record = g_ptr_array_index(records, i);
        if (is_the_database(record) && (keep == NULL || record->trusted))
            keep = record;
    }
    if (keep == NULL) {
        error_set(error, ERROR_CONFIG, "database '%s' does not exist on %s", database,
                  pg_target_place(target));
        return;
    }
    error_set(error, ERROR_REFUSED,
              "database '%s' is in the hands of run %s, which has not ended: it is '%s' now",
              database, keep->run, keep->name);
    error_hint_set(error, "wait for it; if it died, run drydock recover");
}
