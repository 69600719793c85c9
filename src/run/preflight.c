/* Preflight: the lock, the folder of the run, and everything that can be known before. */
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/guardian.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "run/context.h"
#include <glib/gstdio.h>
#include <string.h>

bool run_make_folder(Run *run, GError **error)
{
    g_autofree char *runs = g_build_filename(run->options->state_folder, "runs", NULL);
    if (!file_make_folder(runs, error)) {
        error_hint_set(error, "--state names the folder for journals and snapshots");
        return false;
    }
    for (;;) {
        g_autofree char *folder = g_build_filename(runs, run->id, NULL);
        g_autoptr(GError) cause = NULL;
        g_autofree char *id = NULL;
        bool existed = false;
        if (file_make_new_folder(folder, &existed, &cause)) {
            run->folder = g_steal_pointer(&folder);
            guardian_leave(run->id);
            return true;
        }
        if (!existed) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        /* Another run of this state folder began in the same second: take the next one. */
        (void)clock_sleep_ms(1000);
        if (interrupt_check(error))
            return false;
        id = run_id_new(clock_wall_us());
        run_take_id(run, run_command(run), id);
    }
}

static bool is_taken(const Run *run, bool *taken, GError **error)
{
    g_autoptr(GPtrArray) records = run_records_read(run->control, run->database, error);
    *taken = false;
    for (guint i = 0; records != NULL && i < records->len; i++) {
        const RunRecord *record = g_ptr_array_index(records, i);
        *taken = *taken || strcmp(record->run, run->id) == 0;
    }
    return records != NULL;
}

bool run_connect_new(Run *run, bool *again, GError **error)
{
    g_autofree char *id = NULL;
    *again = false;
    if (!run_connect_first(run, error) || !is_taken(run, again, error))
        return false;
    if (!*again)
        return true;
    g_clear_pointer(&run->control, pg_disconnect);
    g_clear_pointer(&run->helper, pg_disconnect);
    g_clear_pointer(&run->lock, run_lock_release);
    (void)clock_sleep_ms(1000);
    if (interrupt_check(error))
        return false;
    id = run_id_new(clock_wall_us());
    run_take_id(run, run_command(run), id);
    return true;
}

bool run_open_logs(Run *run, GError **error)
{
    g_autofree char *head = g_build_filename(run->options->state_folder, "audit.head", NULL);
    g_autofree char *actor = g_strdup_printf("%s@%s as %s", g_get_user_name(), g_get_host_name(),
                                             pg_target_user(run->target));
    run->journal = journal_open(run->folder, error);
    run->audit = run->journal != NULL ? audit_open(run->folder, head, run->id, actor, error) : NULL;
    return run->audit != NULL;
}

bool run_judge(Run *run, GError **error)
{
    json_t *list = json_array();
    const Finding *first = NULL;
    int refusals = 0;
    for (guint i = 0; i < run->findings->len; i++) {
        const Finding *finding = g_ptr_array_index(run->findings, i);
        json_t *object = json_object();
        json_set_text(object, "finding", finding->name);
        json_set_text(object, "severity", finding->refuses ? "refused" : "note");
        json_set_text(object, "text", finding->text);
        json_set_text(object, "fix", finding->fix);
        json_array_append_new(list, object);
        if (i >= run->findings_told)
            log_message(finding->refuses ? LOG_ERROR : LOG_WARNING, "preflight: %s%s%s",
                        finding->text, finding->fix != NULL ? " - " : "",
                        finding->fix != NULL ? finding->fix : "");
        if (finding->refuses && refusals++ == 0)
            first = finding;
    }
    run->findings_told = run->findings->len;
    json_object_set_new(run->report, "findings", list);
    if (first == NULL)
        return true;
    error_set(error, ERROR_REFUSED, "preflight refuses: %s%s", first->text,
              refusals > 1 ? " (and more, see above)" : "");
    if (first->fix != NULL)
        error_hint_set(error, "%s", first->fix);
    return false;
}

json_t *run_pending_json(const Run *run)
{
    json_t *list = json_array();
    for (guint i = 0; run->pending != NULL && i < run->pending->len; i++) {
        const Migration *migration = g_ptr_array_index(run->pending, i);
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:b, s:s?, s:s?, s:b, s:b}", "id", migration->id,
                            "name", migration->name, "sha256", migration->up.sha256.hex, "phi",
                            migration->phi, "risk", migration->risk, "ticket", migration->ticket,
                            "repeatable", migration->repeatable, "out_of_order",
                            standing_is_out_of_order(run->standing, migration->id)));
    }
    return list;
}

bool run_write_plan(Run *run, GError **error)
{
    json_t *details = json_object();
    json_set_text(details, "database", run->database);
    json_set_text(details, "command", run_command(run));
    json_set_text(details, "strategy", run_strategy(run));
    if (run->from != NULL)
        json_set_text(details, "from", run->from->given);
    json_set_text(details, "role", pg_target_user(run->target));
    json_set_text(details, "policy", run->policy->name);
    json_set_text(details, "control_database", run->policy->control_database);
    json_set_text(details, "read_only", run->read_only);
    json_object_set_new(details, "pending", run_pending_json(run));
    if (run->before != NULL)
        json_object_set_new(details, "properties", pg_properties_to_json(run->before));
    json_object_set(details, "shared", run->shared);
    if (run->window_end_us != 0) {
        g_autofree char *end = clock_format_utc(run->window_end_us);
        json_set_text(details, "window_end", end);
    }
    return journal_note(run->journal, "preflight", "passed", details, error) &&
           audit_event(run->audit, "preflight.passed",
                       json_pack("{s:s, s:s, s:s, s:o}", "database", run->database, "policy",
                                 run->policy->name, "server", pg_target_place(run->target),
                                 "pending", run_pending_json(run)),
                       error);
}

/* Whether there is something to do, and it may be done. */
static bool consider(Run *run, GError **error)
{
    if (!run_survey(run, error))
        return false;
    json_object_set_new(run->report, "pending", run_pending_json(run));
    return run_judge(run, error);
}

/* The folder makes the id ours before anything on the server is called by it. */
static bool begin(Run *run, bool *again, GError **error)
{
    bool connected = false;
    if (!run_make_folder(run, error))
        return false;
    connected = run_connect_new(run, again, error);
    if (connected && !*again)
        return true;
    (void)g_rmdir(run->folder);
    g_clear_pointer(&run->folder, g_free);
    return connected;
}

bool run_preflight(Run *run, GError **error)
{
    bool again = true;
    bool going = false;
    if (run->options->needs_policy_window &&
        !policy_window_end(run->policy, clock_wall_us(), &run->window_end_us, error))
        return false;
    while (again) {
        if (!begin(run, &again, error))
            return false;
    }
    going = consider(run, error);
    if (going && run->pending->len > 0)
        return run_open_logs(run, error) && run_write_plan(run, error);
    /* A run that changes nothing leaves nothing. */
    (void)g_rmdir(run->folder);
    g_clear_pointer(&run->folder, g_free);
    return going;
}
