#include "run/leftover.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "run/gate.h"
#include "snapshot/restore.h"
#include <string.h>

#define SESSIONS_WAIT_MS 10000

/* A template, as the original may have been one, cannot be dropped. What a crash has left half
 * dropped (datconnlimit = -2) lets nobody in, and to alter it costs the session. */
static bool make_droppable(Run *run, const char *name, GError **error)
{
    g_autofree char *quoted = pg_identifier(name);
    g_autoptr(PgResult) result =
        pg_query(run->control, error,
                 "SELECT FROM pg_database WHERE datname = $1 AND datconnlimit <> -2", 1, name);
    if (result == NULL)
        return false;
    return pg_rows(result) == 0 ||
           pg_execf(run->control, error,
                    "ALTER DATABASE %s WITH ALLOW_CONNECTIONS false IS_TEMPLATE false", quoted);
}

bool run_drop_copy(Run *run, const char *name, GError **error)
{
    return make_droppable(run, name, error) &&
           gate_end_sessions(run->control, name, NULL, SESSIONS_WAIT_MS, NULL, error) &&
           restore_drop_database(run->target, run->control, name, run->application, error);
}

/* The dead one's password file and what it unpacked, where it had a folder. */
static void tidy(const Run *run, const char *id)
{
    g_autofree char *folder = NULL;
    g_autoptr(GError) cause = NULL;
    if (run->options->state_folder == NULL || run->kind == RUN_RESTORE)
        return;
    folder = g_build_filename(run->options->state_folder, "runs", id, "spool", NULL);
    if (!file_remove_tree(folder, &cause))
        log_warning("%s", cause->message);
}

static bool drop(Run *run, const RunRecord *record, GError **error)
{
    g_autofree char *own = g_strdup(run->id);
    bool done = false;
    /* Its sessions are called by its id. */
    run_take_id(run, run_command(run), record->run);
    done = run_end_own_sessions(run, error) && run_drop_copy(run, record->name, error);
    run_take_id(run, run_command(run), own);
    if (!done)
        return false;
    log_info("%s: dropped '%s', which a dead %s had left", run_command(run), record->name,
             run_command(run));
    tidy(run, record->run);
    return true;
}

static bool is_leftover(Run *run, const RunRecord *record)
{
    g_autoptr(RunNames) names = run_names_new(run->database, record->run);
    const char *name = run->kind == RUN_RESTORE ? names->restore : names->rehearsal;
    if (strcmp(record->role, run_work_role(run)) != 0 || strcmp(record->phase, "kept") == 0)
        return false;
    if (strcmp(record->name, name) == 0)
        return true;
    log_warning("'%s' bears the record of a %s, but not its name, and is left alone", record->name,
                run_command(run));
    return false;
}

/* Made by somebody else, or by us a moment before a crash. */
static bool warn_of_nameless(Run *run, GError **error)
{
    g_autofree char *start =
        g_strconcat(run->database, run->kind == RUN_RESTORE ? "_drydock_" : "_rehearsal_", NULL);
    g_autoptr(PgResult) result =
        pg_query(run->control, error,
                 "SELECT datname FROM pg_database WHERE starts_with(datname, $1) "
                 "AND shobj_description(oid, 'pg_database') IS NULL ORDER BY datname",
                 1, start);
    if (result == NULL)
        return false;
    for (int row = 0; row < pg_rows(result); row++)
        log_warning("'%s' may be left over, but has no record of drydock in its comment, and is "
                    "left alone",
                    pg_value(result, row, 0));
    return true;
}

bool leftover_drop(Run *run, GError **error)
{
    g_autoptr(GPtrArray) records = run_records_read(run->control, run->database, error);
    if (records == NULL)
        return false;
    for (guint i = 0; i < records->len; i++) {
        const RunRecord *record = g_ptr_array_index(records, i);
        g_autoptr(GError) cause = NULL;
        if (!is_leftover(run, record) || drop(run, record, &cause))
            continue;
        if (!pg_is_alive(run->control) || error_is(cause, ERROR_INTERRUPTED)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        /* It is not in the way. */
        log_warning("'%s', which a dead %s had left, could not be dropped: %s", record->name,
                    run_command(run), cause->message);
    }
    return warn_of_nameless(run, error);
}
