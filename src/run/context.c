#include "run/context.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "pg/shared.h"
#include "run/backup.h"
#include <stdarg.h>
#include <string.h>

#define SESSION_HASH_BYTES 6
#define RECONNECT_MS 1000
#define RECONNECT_LIMIT_MS 60000

static void finding_free(Finding *finding)
{
    g_free(finding->text);
    g_free(finding->fix);
    g_free(finding);
}

const char *run_strategy(const Run *run)
{
    return run->kind == RUN_ONLINE   ? "online"
           : run->kind != RUN_WINDOW ? "import"
           : run->in_place           ? "in_place"
                                     : "shadow";
}

const char *run_command(const Run *run)
{
    return run->kind == RUN_REHEARSAL ? "rehearse" : run->kind == RUN_RESTORE ? "restore" : "run";
}

const char *run_work_role(const Run *run)
{
    return run->kind == RUN_REHEARSAL ? "rehearsal" : run->kind == RUN_RESTORE ? "restore" : "work";
}

const char *run_aside_role(const Run *run)
{
    return run->kind == RUN_RESTORE ? "replaced" : "before";
}

const char *run_aside_name(const Run *run)
{
    return run->kind == RUN_RESTORE ? run->names->replaced : run->names->before;
}

/* The id alone is not the run's own: it is a second, and two may begin in the same one. */
static void take_application(Run *run)
{
    const HashHex hash = hash_text(run->names->work);
    g_free(run->session);
    g_free(run->application);
    run->session = g_strdup_printf("%s %.*s", run->id, SESSION_HASH_BYTES, hash.hex);
    run->application = run_application(run->command, run->session);
}

void run_take_names(Run *run)
{
    const char *work = NULL;
    run_names_free(run->names);
    run->names = run_names_new(run->database, run->id);
    work = run->kind == RUN_REHEARSAL ? run->names->rehearsal
           : run->kind == RUN_RESTORE ? run->names->restore
                                      : NULL;
    if (work != NULL) {
        g_free(run->names->work);
        run->names->work = g_strdup(work);
    }
    take_application(run);
}

bool run_init(Run *run, const RunOptions *options, const char *command, GError **error)
{
    run->options = options;
    run->policy = options->policy;
    run->target = options->target;
    run->kind = options->kind != 0 ? options->kind : RUN_WINDOW;
    run->database = g_strdup(options->database != NULL ? options->database
                                                       : pg_target_database(options->target));
    run->id = run_id_new(clock_wall_us());
    run->command = command;
    run->in_place = run->kind == RUN_WINDOW && run->policy->strategy == STRATEGY_IN_PLACE;
    run->alone = run->in_place && run->policy->clone_method == CLONE_NONE;
    run_take_names(run);
    run->findings = g_ptr_array_new_with_free_func((GDestroyNotify)finding_free);
    run->remarks = g_ptr_array_new_with_free_func(g_free);
    run->touched = proof_touched_new();
    run->report = json_object();
    run->phase = "preflight";
    run->window_end_us = options->window_end_us;
    json_set_integer(run->report, "schema", 1);
    json_set_text(run->report, "run", run->id);
    json_set_text(run->report, "database", run->database);
    if (strlen(run->database) <= NAME_MAX_BYTES)
        return true;
    error_set(error, ERROR_CONFIG, "the database name '%s' is longer than %d bytes", run->database,
              NAME_MAX_BYTES);
    return false;
}

void run_take_id(Run *run, const char *command, const char *id)
{
    char *own = g_strdup(id);
    g_free(run->id);
    run->id = own;
    run->command = command;
    run_take_names(run);
    json_set_text(run->report, "run", run->id);
}

void run_clear(Run *run)
{
    backup_end(run, NULL);
    pg_disconnect(run->work);
    pg_disconnect(run->keep);
    pg_disconnect(run->control);
    pg_disconnect(run->helper);
    run_lock_release(run->lock);
    run_lock_release(run->live_lock);
    intake_free(run->from);
    scratch_free(run->scratch);
    journal_close(run->journal);
    audit_close(run->audit);
    run_names_free(run->names);
    pg_properties_free(run->before);
    digest_set_free(run->digests);
    proof_touched_free(run->touched);
    json_decref(run->shared);
    json_decref(run->tables);
    json_decref(run->estimates);
    json_decref(run->report);
    g_clear_pointer(&run->findings, g_ptr_array_unref);
    g_clear_pointer(&run->remarks, g_ptr_array_unref);
    g_clear_pointer(&run->pending, g_ptr_array_unref);
    standing_free(run->standing);
    g_clear_pointer(&run->assertions, g_ptr_array_unref);
    g_clear_pointer(&run->not_valid, g_hash_table_unref);
    g_clear_pointer(&run->applied, g_hash_table_unref);
    migration_set_free(run->set);
    g_free(run->database);
    g_free(run->id);
    g_free(run->application);
    g_free(run->session);
    g_free(run->folder);
    g_free(run->lock_name);
    g_free(run->search_path);
    g_free(run->gate);
    g_free(run->work_gate);
    g_free(run->proven_row);
    g_free(run->read_only);
    g_free(run->renamed_keep);
    g_free(run->hooks_told);
    g_free(run->undecided);
    g_free(run->content);
    g_free(run->given);
    memset(run, 0, sizeof *run);
}

void run_finding(Run *run, const char *name, bool refuses, const char *fix, const char *format, ...)
{
    Finding *finding = g_new0(Finding, 1);
    va_list args;
    finding->name = name;
    finding->refuses = refuses && !policy_accepts(run->policy, name);
    finding->fix = g_strdup(fix);
    va_start(args, format);
    finding->text = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(run->findings, finding);
}

static PgConnection *connect_control(const Run *run, GError **error)
{
    const PgConnectOptions options = {.database = run->policy->control_database,
                                      .application = run->application,
                                      .connect_timeout_s =
                                          (int)(run->policy->connect_timeout_ms / 1000),
                                      .catalog_only = true};
    return pg_connect(run->target, &options, error);
}

bool run_connect_control(Run *run, GError **error)
{
    run->control = connect_control(run, error);
    return run->control != NULL;
}

static bool connect_once(Run *run, GError **error)
{
    if (run->lock != NULL && !run_lock_check(run->lock, NULL))
        g_clear_pointer(&run->lock, run_lock_release);
    if (run->lock == NULL)
        run->lock = run_lock_take(run->target, run->policy->control_database,
                                  run->lock_name != NULL ? run->lock_name : run->database,
                                  run->application, 0, error);
    if (run->lock == NULL)
        return false;
    if (run->control == NULL || !pg_is_alive(run->control) ||
        !pg_exec(run->control, "SELECT 1", NULL)) {
        g_clear_pointer(&run->control, pg_disconnect);
        run->control = connect_control(run, error);
    }
    if (run->control == NULL)
        return false;
    if (run->helper == NULL || !pg_is_alive(run->helper) ||
        !pg_exec(run->helper, "SELECT 1", NULL)) {
        g_clear_pointer(&run->helper, pg_disconnect);
        run->helper = connect_control(run, error);
    }
    return run->helper != NULL;
}

bool run_connect_first(Run *run, GError **error)
{
    return connect_once(run, error);
}

bool run_connect(Run *run, GError **error)
{
    const int64_t end_us = clock_monotonic_us() + RECONNECT_LIMIT_MS * (int64_t)1000;
    for (;;) {
        g_autoptr(GError) cause = NULL;
        if (connect_once(run, &cause))
            return true;
        /* A lock that this run never had is another's; one that it had may still be held by its own
         * session, whose end the server has not noticed yet. */
        const bool may_retry = error_is(cause, ERROR_LOCKED)
                                   ? run->fenced || run->marked || run->options->after_death
                                   : error_may_retry(cause);
        if (!may_retry || clock_monotonic_us() >= end_us) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        log_warning("%s; trying again", cause->message);
        (void)clock_sleep_ms(RECONNECT_MS);
    }
}

json_t *run_read_shared(const Run *run, PgConnection *connection, GError **error)
{
    const char *own[] = {run->names->live,     run->names->keep,
                         run->names->work,     run->names->before,
                         run->names->failed,   run->names->restore,
                         run->names->replaced, run->names->unproven,
                         run->renamed_keep,    NULL};
    return shared_read(connection, own, error);
}
