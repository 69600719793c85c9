#include "run/recover_missing.h"

#include "base/error.h"
#include "base/log.h"
#include "run/trust.h"
#include <string.h>

static bool has_record(const GPtrArray *records, const char *name)
{
    for (guint i = 0; i < records->len; i++) {
        const RunRecord *record = g_ptr_array_index(records, i);
        if (strcmp(record->name, name) == 0)
            return true;
    }
    return false;
}

/* Databases that bear the name of a copy, though their record is gone; NULL if there is none. */
static char *nameless_copies(const Run *run, const GPtrArray *records)
{
    g_autofree char *start = g_strconcat(run->database, "_drydock_", NULL);
    g_autoptr(GString) list = g_string_new(NULL);
    g_autoptr(PgResult) names = pg_query(run->control, NULL,
                                         "SELECT datname FROM pg_database "
                                         "WHERE starts_with(datname, $1) ORDER BY datname",
                                         1, start);
    for (int row = 0; names != NULL && row < pg_rows(names); row++) {
        const char *name = pg_value(names, row, 0);
        if (!has_record(records, name))
            g_string_append_printf(list, "%s'%s'", list->len > 0 ? ", " : "", name);
    }
    return list->len > 0 ? g_strdup(list->str) : NULL;
}

/* A restore that died has touched nothing but its own half database; one of a run's snapshot was
 * on the way back. */
static const RunRecord *half_restored(const GPtrArray *records, bool by_command)
{
    for (guint i = 0; i < records->len; i++) {
        const RunRecord *record = g_ptr_array_index(records, i);
        const bool is_command = g_strcmp0(record->strategy, "import") == 0;
        if (strcmp(record->role, "restore") == 0 && is_command == by_command)
            return record;
    }
    return NULL;
}

static bool explain_opened(const Run *run, const char *id, GError **error)
{
    if (!run->opened)
        return false;
    error_set(error, ERROR_NEEDS_PERSON,
              "run %s had given the name '%s' to the migrated copy, and somebody has renamed or "
              "dropped it since",
              id, run->database);
    error_hint_set(error, "what users have written since is in what was renamed, where it is "
                          "still there: ALTER DATABASE ... RENAME TO ...");
    return true;
}

static bool explain_nameless(const Run *run, const GPtrArray *records, GError **error)
{
    g_autofree char *copies = nameless_copies(run, records);
    if (copies == NULL)
        return false;
    error_set(error, ERROR_NEEDS_PERSON,
              "database '%s' does not exist, and what looks like its copies has lost the record in "
              "its comment: %s",
              run->database, copies);
    error_hint_set(error, "the one that ends in _keep was never written to: ALTER DATABASE ... "
                          "RENAME TO ..., ALLOW_CONNECTIONS true, and put its comment back");
    return true;
}

/* The way back had begun, and neither the kept copy nor the journal is there to go on with. */
static bool explain_way_back(const Run *run, const GPtrArray *records, GError **error)
{
    const RunRecord *half = half_restored(records, false);
    if (half == NULL)
        return false;
    error_set(error, ERROR_NEEDS_PERSON,
              "database '%s' does not exist; '%s' is what was restored from the snapshot of run "
              "%s, which died over it",
              run->database, half->name, half->run);
    error_hint_set(error, "drop it, and restore the snapshot of that run: drydock restore --from "
                          "SNAPSHOT --database NAME");
    return true;
}

/* A run or a restore has ended, and what it gave the name to is gone since. */
static bool explain_aside(const Run *run, const GPtrArray *records, GError **error)
{
    const RunRecord *before = run_records_find(records, NULL, "before");
    const RunRecord *aside = before != NULL ? before : run_records_find(records, NULL, "replaced");
    if (aside == NULL)
        return false;
    error_set(error, ERROR_NEEDS_PERSON,
              "database '%s' does not exist: what run %s had given the name to was renamed or "
              "dropped since; the database from before that run is '%s', closed",
              run->database, aside->run, aside->name);
    error_hint_set(error, "what users have written since is in what was renamed, where it is "
                          "still there: ALTER DATABASE ... RENAME TO ...");
    return true;
}

static bool explain_restore(Run *run, const GPtrArray *records, GError **error)
{
    const RunRecord *half = half_restored(records, true);
    if (half == NULL)
        return false;
    run->kind = RUN_RESTORE;
    error_set(error, ERROR_CONFIG,
              "there is nothing to recover: a drydock restore that died has left '%s', and touched "
              "nothing else",
              half->name);
    error_hint_set(error, "the next drydock restore of that name drops it");
    return true;
}

void recover_missing(Run *run, const GPtrArray *records, const char *id, RunOutcome *outcome)
{
    g_autoptr(GError) cause = NULL;
    /* For its words: there is no such database. */
    run->looked = true;
    run->displaces = false;
    if (!explain_opened(run, id, &cause) && trust_settled(records, &cause) &&
        !explain_nameless(run, records, &cause) && !explain_way_back(run, records, &cause) &&
        !explain_aside(run, records, &cause) && !explain_restore(run, records, &cause))
        error_set(&cause, id != NULL ? ERROR_NEEDS_PERSON : ERROR_CONFIG,
                  "database '%s' does not exist and no copy of it is known", run->database);
    run->idle = error_is(cause, ERROR_CONFIG);
    if (run->idle && run->kind == RUN_WINDOW)
        run->kind = RUN_IMPORT;
    log_error(cause);
    run_conclude(run, error_exit_code(cause), cause, NULL, outcome);
}
