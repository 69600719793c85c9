/* Opening: the name is given to the chosen copy, in one transaction, whatever its size. The point
 * of no return. */
#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "run/context.h"
#include "run/gate.h"
#include "run/hooks.h"
#include "run/naming.h"
#include "run/standby.h"

#define SESSIONS_WAIT_MS 10000

/* The answer to COMMIT was lost: the names tell, as soon as the lost session cannot change them
 * any more. */
static bool name_was_given(Run *run, GError **error)
{
    bool live = false, work = false;
    return run_connect(run, error) && run_end_own_sessions(run, error) &&
           run_database_exists(run, run->names->live, &live, error) &&
           run_database_exists(run, run->names->work, &work, error) && live && !work;
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

static bool open_copy(Run *run, const Naming *naming, GError **error)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) cause = NULL;
    if (!journal_intent(run->journal, "open", "rename", NULL, error))
        return false;
    if (!naming_give(run, naming, notes, &cause) &&
        (pg_is_alive(run->control) || !run->naming_sent || !name_was_given(run, NULL))) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    g_clear_error(&cause);
    run->opened = true;
    if (!run_learn_closed(run, run->names->live, &cause)) {
        log_warning("%s", cause->message);
        g_clear_error(&cause);
    }
    run->downtime_us = run->fenced_at_us != 0 ? clock_monotonic_us() - run->fenced_at_us : 0;
    report_notes(run, notes);
    /* Users write from here on: what fails now is a warning, never a way back. */
    if (!journal_done(run->journal, "open", "rename", NULL, &cause) ||
        !audit_event(
            run->audit, "open",
            json_pack("{s:s?}", "before", naming->n_asides > 0 ? naming->asides[0].aside : NULL),
            &cause))
        log_warning("%s", cause->message);
    return true;
}

/* Who takes this run back later believes the row of the copy from before only if it is now what it
 * was when we closed it. */
static bool learn_watched(Run *run, GError **error)
{
    g_autofree char *now = NULL;
    if (run->alone)
        return true;
    now = gate_version(run->control, run->names->keep, error);
    run->unwatched = run->unwatched || g_strcmp0(now, run->gate) != 0;
    return now != NULL;
}

static bool open_copies(Run *run, GError **error)
{
    /* The database itself has its own properties, whoever has changed them. */
    const Naming naming = {.chosen = run->names->work,
                           .row = run->proven_row,
                           .current = run->in_place ? run->names->work : run->names->keep,
                           .migrated = run->in_place ? NULL : run->names->work,
                           .asides = {{.name = run->names->keep,
                                       .aside = run->names->before,
                                       .role = "before",
                                       .phase = "opened",
                                       .gate = run->unwatched ? NULL : run->gate,
                                       .content = run->content}},
                           .n_asides = run->alone ? 0 : 1};
    return gate_end_sessions(run->control, run->names->work, NULL, SESSIONS_WAIT_MS, NULL, error) &&
           gate_end_sessions(run->control, run->names->keep, NULL, SESSIONS_WAIT_MS, NULL, error) &&
           open_copy(run, &naming, error);
}

bool run_open(Run *run, GError **error)
{
    if (!run_fits(run, "opening", 0, error) || interrupt_check(error))
        return false;
    /* A signal may not tear the naming apart; before it the way is back, after it there is nothing
     * to obey. */
    interrupt_shield(true);
    return learn_watched(run, error) && open_copies(run, error);
}

/* Whether a database has the name may have changed since preflight: others of the server have lives
 * of their own. */
static bool look_again(Run *run, GError **error)
{
    bool exists = false;
    if (!run_database_exists(run, run->database, &exists, error))
        return false;
    if (exists == run->displaces)
        return true;
    error_set(error, ERROR_REFUSED, "somebody %s a database '%s' meanwhile",
              exists ? "created" : "dropped or renamed", run->database);
    return false;
}

/* The transactions in the database in service are waited for, and it is not too late behind that.
 */
static bool drain(Run *run, GError **error)
{
    return !run->displaces || ((run->kind != RUN_IMPORT || hooks_before(run, error)) &&
                               run_drain(run, error) && run_fits(run, "opening", 0, error));
}

/* Sessions on standbys are still in the database that had the name. Users write to the other one by
 * now, so that what cannot be ended is told, and no more. */
static void end_standby_sessions(Run *run, const GPtrArray *standbys)
{
    g_autoptr(GError) error = NULL;
    if (standbys_fence(run, standbys, run_aside_name(run), &error))
        return;
    log_error(error);
    g_ptr_array_add(run->remarks, g_strdup_printf("sessions on a standby may read the old copy: %s",
                                                  error->message));
}

bool run_take_over(Run *run, GError **error)
{
    g_autoptr(GPtrArray) standbys = NULL;
    const Naming naming = {.chosen = run->names->work,
                           .row = run->proven_row,
                           .current = run->before_is_live ? run->database : NULL,
                           .migrated = run->names->work,
                           .asides = {{.name = run->database,
                                       .aside = run_aside_name(run),
                                       .role = run_aside_role(run),
                                       .phase = "opened"}},
                           .n_asides = run->displaces ? 1 : 0,
                           .in_service = run->displaces};
    if (!run_fits(run, "opening", 0, error) || !look_again(run, error))
        return false;
    standbys = standbys_connect(run, error);
    if (standbys == NULL || !drain(run, error) || interrupt_check(error))
        return false;
    interrupt_shield(true);
    run->fenced_at_us = run->displaces ? clock_monotonic_us() : 0;
    if (!gate_end_sessions(run->control, run->names->work, NULL, SESSIONS_WAIT_MS, NULL, error))
        return false;
    if (open_copy(run, &naming, error)) {
        if (run->displaces)
            end_standby_sessions(run, standbys);
        return true;
    }
    if (error_is(*error, ERROR_TIMEOUT)) {
        error_recode(error, ERROR_TOO_LATE);
        g_prefix_error(error, "not enough of the window is left for taking the name: ");
    }
    return false;
}
