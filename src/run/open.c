/* Opening: the name is given to the chosen copy, in one transaction, whatever its size. The point
 * of no return. */
#include "base/clock.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "run/context.h"
#include "run/gate.h"
#include "run/properties.h"
#include <string.h>

#define SESSIONS_WAIT_MS 10000

/* A copy's properties with the original's comment in place of our record. */
static PgProperties *read_properties(Run *run, const char *copy, GError **error)
{
    PgProperties *properties = pg_properties_read(run->control, copy, error);
    RunRecord *record = NULL;
    if (properties == NULL)
        return NULL;
    record = run_record_parse(copy, pg_properties_comment(properties));
    if (record != NULL)
        pg_properties_set_comment(properties, pg_properties_comment(run->before));
    run_record_free(record);
    return properties;
}

/* The statements that turn the chosen copy, which has the name already, into what it must be in
 * service. */
static GPtrArray *property_statements(Run *run, const char *chosen, bool work_is_chosen,
                                      GPtrArray *notes, GError **error)
{
    g_autoptr(PgProperties) live = read_properties(run, run->names->keep, error);
    g_autoptr(PgProperties) work = NULL;
    g_autoptr(PgProperties) now = NULL;
    g_autoptr(PgProperties) wanted = NULL;
    if (live == NULL)
        return NULL;
    work = work_is_chosen ? read_properties(run, run->names->work, error)
                          : pg_properties_copy(run->before);
    now = work != NULL ? pg_properties_read(run->control, chosen, error) : NULL;
    if (now == NULL)
        return NULL;
    wanted = pg_properties_merge(run->before, live, work, notes);
    return pg_properties_statements(run->names->live, now, wanted);
}

static bool rename_database(Run *run, const char *from, const char *to, GError **error)
{
    g_autofree char *quoted_from = pg_identifier(from);
    g_autofree char *quoted_to = pg_identifier(to);
    return pg_execf(run->control, error, "ALTER DATABASE %s RENAME TO %s", quoted_from, quoted_to);
}

static bool set_aside(Run *run, bool work_is_chosen, GError **error)
{
    const char *aside = work_is_chosen ? run->names->before : run->names->failed;
    const RunRecord record = {.run = run->id,
                              .database = run->database,
                              .role = (char *)(work_is_chosen ? "before" : "failed"),
                              .phase = (char *)(work_is_chosen ? "opened" : "restored"),
                              .comment = (char *)pg_properties_comment(run->before),
                              .gate = work_is_chosen ? run->gate : NULL,
                              .content = work_is_chosen ? run->content : NULL};
    g_autofree char *comment = run_record_statement(aside, &record);
    return rename_database(run, work_is_chosen ? run->names->keep : run->names->work, aside,
                           error) &&
           gate_set(run->control, aside, false, error) && pg_exec(run->control, comment, error);
}

static bool give_name(Run *run, bool work_is_chosen, GPtrArray *notes, GError **error)
{
    const char *chosen = work_is_chosen ? run->names->work : run->names->keep;
    const bool other_exists = work_is_chosen || run->migrating;
    g_autoptr(GPtrArray) statements =
        property_statements(run, chosen, work_is_chosen, notes, error);
    return statements != NULL && (!other_exists || set_aside(run, work_is_chosen, error)) &&
           rename_database(run, chosen, run->names->live, error) &&
           properties_run(run, statements, notes, error) &&
           gate_set(run->control, run->names->live, true, error);
}

bool run_give_name(Run *run, bool work_is_chosen, GPtrArray *notes, GError **error)
{
    if (!pg_exec(run->control, "BEGIN", error))
        return false;
    if (!give_name(run, work_is_chosen, notes, error) || !run_lock_check(run->lock, error)) {
        if (pg_is_alive(run->control))
            (void)pg_exec(run->control, "ROLLBACK", NULL);
        return false;
    }
    failpoint("name.before_commit");
    if (!pg_exec(run->control, "COMMIT", error))
        return false;
    failpoint("name.after_commit");
    return true;
}

/* The answer to COMMIT was lost: the names tell. */
static bool name_was_given(Run *run, GError **error)
{
    g_autoptr(PgResult) result = NULL;
    if (!run_connect(run, error))
        return false;
    result =
        pg_query(run->control, error, "SELECT count(*) FROM pg_database WHERE datname IN ($1, $2)",
                 2, run->names->live, run->names->before);
    return result != NULL && pg_integer(result, 0, 0) == 2;
}

static void report_notes(Run *run, const GPtrArray *notes)
{
    json_t *list = json_array();
    for (guint i = 0; i < notes->len; i++) {
        const char *note = g_ptr_array_index(notes, i);
        log_warning("open: %s", note);
        json_array_append_new(list, json_string(note));
    }
    json_object_set_new(run->report, "notes", list);
}

bool run_open(Run *run, GError **error)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) cause = NULL;
    if (!run_fits(run, "opening", 0, error) || interrupt_check(error))
        return false;
    /* A signal may not tear the naming apart; before it the way is back, after it there is nothing
     * to obey. */
    interrupt_shield(true);
    if (!gate_end_sessions(run->control, run->names->work, NULL, SESSIONS_WAIT_MS, NULL, error) ||
        !gate_end_sessions(run->control, run->names->keep, NULL, SESSIONS_WAIT_MS, NULL, error) ||
        !journal_intent(run->journal, "open", "rename", NULL, error))
        return false;
    if (!run_give_name(run, true, notes, &cause) &&
        (pg_is_alive(run->control) || !name_was_given(run, NULL))) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    run->opened = true;
    run->downtime_us = run->fenced_at_us != 0 ? clock_monotonic_us() - run->fenced_at_us : 0;
    report_notes(run, notes);
    /* Users write from here on: what fails now is a warning, never a way back. */
    if (!journal_done(run->journal, "open", "rename", NULL, &cause) ||
        !audit_event(run->audit, "open", json_pack("{s:s}", "before", run->names->before), &cause))
        log_warning("%s", cause->message);
    return true;
}
