/* Plain SQL scripts, run into the database that we have created. */
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "snapshot/restore_state.h"
#include "snapshot/script.h"
#include <string.h>

static void tell(uint64_t done_bytes, uint64_t total_bytes, gpointer data)
{
    g_autofree char *done = size_format(done_bytes);
    g_autofree char *total = size_format(total_bytes);
    (void)data;
    log_progress("restoring: %s of %s of the script", done, total);
}

/* In a session of its own: the script leaves it as it likes. */
static bool run(Restore *restore, Script *script, GError **error)
{
    const ScriptOptions options = {.progress = tell, .notes = restore->result->notes};
    const int64_t began_us = clock_monotonic_us();
    g_autoptr(PgConnection) connection = restore_connect(restore, error);
    bool done = false;
    if (connection == NULL || !restore_tell_entered(restore, error) ||
        !pg_exec(connection, "SET synchronous_commit = off", error))
        return false;
    done = script_run(script, connection, &options, error);
    log_progress_end();
    restore->result->data_us = clock_monotonic_us() - began_us;
    return done;
}

bool restore_script(Restore *restore, GError **error)
{
    const RestoreOptions *options = restore->options;
    g_auto(DatabaseShape) shape = {0};
    g_autoptr(Script) script = script_open(options->from->path, options->from->given, error);
    const char *create = NULL;
    if (script == NULL)
        return false;
    create = script_create_database(script);
    if (create != NULL)
        (void)restore_shape_of_script(create, strlen(create), &shape);
    return restore_create_database(restore, &shape, error) &&
           restore_connect_workers(restore, error) && run(restore, script, error) &&
           restore_analyze_all(restore, error);
}
