/*
 * The way back of a run without a fence. PostgreSQL has rolled back the migration that failed; what
 * was applied before it is taken back by the down files, the last one first. It is proven by the
 * history and the schema, which must be what they were when the run began; rows are the users'.
 * What stays applied, the database says until a person has decided (docs/recovery.md).
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "migration/apply.h"
#include "migration/history.h"
#include "migration/undo.h"
#include "pg/sql.h"
#include "run/context.h"
#include "run/marker.h"
#include <string.h>

#define DIFFERENCES_TOLD 5
/* Whoever was in the way of the migration may still be in that of its down file. */
#define MORE_PATIENT 5

static bool lock_held(const Migration *migration, const char *xid, gpointer data, GError **error)
{
    const Run *run = data;
    (void)migration;
    (void)xid;
    return run_lock_check_both(run->lock, run->live_lock, error);
}

static PgConnection *reenter(gpointer data, GError **error)
{
    Run *run = data;
    return run_enter_live(run, false, error) ? run->work : NULL;
}

static const MigrationSet *find_files(Run *run, GError **error)
{
    if (run->options->set != NULL)
        return run->options->set;
    if (run->set == NULL)
        run->set = migration_set_load(run->options->migrations, error);
    return run->set;
}

static bool learn_search_path(Run *run, GError **error)
{
    if (run->search_path == NULL)
        run->search_path = pg_query_text(
            run->work, error, "SELECT reset_val FROM pg_settings WHERE name = 'search_path'", 0);
    return run->search_path != NULL;
}

/* Up or down; no window ends the way back. */
static bool move(Run *run, const Migration *migration, bool down, GError **error)
{
    const ApplyOptions options = {.run = run->id,
                                  .search_path = run->search_path,
                                  .lock_timeout_ms = run->policy->lock_timeout_ms,
                                  .statement_timeout_ms = run->policy->statement_timeout_ms,
                                  .lock_attempts = run->policy->lock_attempts * MORE_PATIENT,
                                  .observer = run->helper,
                                  .history_made = &run->history_made,
                                  .end_applications = run->policy->end_applications,
                                  .before_commit = lock_held,
                                  .reconnect = reenter,
                                  .data = run};
    const char *step = down ? "undo" : "finish";
    g_autofree char *took = NULL;
    int64_t duration_us = 0;
    (void)journal_intent(run->journal, "restore", step,
                         json_pack("{s:s}", "migration", migration->id), NULL);
    if (!(down ? apply_down(run->work, migration, &options, &duration_us, error)
               : apply_up(run->work, migration, &options, &duration_us, error)))
        return false;
    took = clock_format_duration(duration_us);
    log_info("restore: %s %s, %s", migration->title, down ? "taken back" : "finished", took);
    (void)journal_done(run->journal, "restore", step,
                       json_pack("{s:s}", "migration", migration->id), NULL);
    (void)audit_event(run->audit, down ? "migration.undone" : "migration.finished",
                      json_pack("{s:s}", "migration", migration->id), NULL);
    return true;
}

/* The server is gone, or nobody knows what became of a COMMIT: nothing can be said of the database.
 */
static bool is_out_of_reach(const GError *error)
{
    return error_is(error, ERROR_CONNECTION) || error_is(error, ERROR_LOCKED) ||
           error_is(error, ERROR_UNKNOWN_OUTCOME);
}

static const char *obstacle(const MigrationStatus *status)
{
    return status->migration == NULL        ? "its file is gone"
           : status->state == STATE_CHANGED ? "its file was changed since it was applied"
                                            : undo_obstacle(status->migration);
}

static Standing *read_standing(Run *run, GError **error)
{
    const MigrationSet *set = find_files(run, error);
    return set != NULL ? standing_read(run->work, set, NULL, error) : NULL;
}

/* A migration of several transactions that is partly applied: PostgreSQL does not roll it back, and
 * its down file is for the whole. If the run died in it, or lost its connection, it is finished
 * first, to be taken back then, and so it is if nothing but its end is missing; if it failed, it
 * would fail again. */
static bool finish_partial(Run *run, const GError *why, GPtrArray *exceptions, GError **error)
{
    const bool died = strcmp(run->command, "recover") == 0 || error_is(why, ERROR_CONNECTION);
    g_autoptr(Standing) standing = read_standing(run, error);
    for (guint i = 0; standing != NULL && i < standing->statuses->len; i++) {
        const MigrationStatus *status = g_ptr_array_index(standing->statuses, i);
        g_autoptr(GError) cause = NULL;
        if (status->state != STATE_PARTIAL || status->entry != NULL)
            continue;
        if ((died || status->steps_done == status->steps) &&
            undo_obstacle(status->migration) == NULL && move(run, status->migration, false, &cause))
            continue;
        if (cause != NULL && is_out_of_reach(cause)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        g_ptr_array_add(exceptions,
                        g_strdup_printf("migration %s is partly applied (%d of %d steps)%s%s",
                                        status->migration->id, status->steps_done, status->steps,
                                        cause != NULL ? ": " : "",
                                        cause != NULL ? cause->message : ""));
    }
    return standing != NULL;
}

/* What this run has applied, the last one first. As soon as one stays, all before it do. */
static bool undo_all(Run *run, const Marker *marker, int *undone, GPtrArray *exceptions,
                     GError **error)
{
    const json_t *before = json_object_get(marker->history, "migration");
    g_autoptr(Standing) standing = read_standing(run, error);
    g_autoptr(GPtrArray) applied = standing != NULL ? standing_applied(standing) : NULL;
    for (guint i = applied != NULL ? applied->len : 0; i-- > 0;) {
        const MigrationStatus *status = g_ptr_array_index(applied, i);
        const char *why = exceptions->len > 0 ? "it is below what stays" : obstacle(status);
        g_autoptr(GError) cause = NULL;
        if (json_object_get(before, status->entry->id) != NULL)
            continue;
        if (why == NULL && move(run, status->migration, true, &cause)) {
            (*undone)++;
            continue;
        }
        if (cause != NULL && is_out_of_reach(cause)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        if (cause != NULL)
            why = cause->message;
        g_ptr_array_add(exceptions,
                        g_strdup_printf("migration %s stays applied: %s", status->entry->id, why));
    }
    return standing != NULL;
}

/* The last transaction of the run, which is open. */
static bool end(Run *run, GError **error)
{
    g_autoptr(PgResult) fresh = pg_query(run->work, error, pg_sql_marker_fresh, 1, run->id);
    if (fresh == NULL || !marker_end(run->work, run->id, error) ||
        !run_lock_check_both(run->lock, run->live_lock, error))
        return false;
    failpoint("online.before_back");
    if (!pg_exec(run->work, "COMMIT", error))
        return false;
    failpoint("online.after_back");
    return true;
}

/* A COMMIT whose answer was lost: the row tells. */
static bool has_ended(Run *run)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Marker) marker = NULL;
    if (pg_is_alive(run->work) || !run_connect(run, &error) || !run_enter_live(run, false, &error))
        return false;
    marker = marker_read(run->work, &error);
    return marker == NULL && error == NULL;
}

/* All of them stand in the log, the first ones in the last line. */
static void tell_differences(const GPtrArray *differences, GPtrArray *exceptions)
{
    for (guint i = 0; i < differences->len; i++) {
        const char *difference = g_ptr_array_index(differences, i);
        log_message(LOG_ERROR, "restore: not as before: %s", difference);
        if (i < DIFFERENCES_TOLD)
            g_ptr_array_add(exceptions, g_strdup(difference));
    }
    if (differences->len > DIFFERENCES_TOLD)
        g_ptr_array_add(exceptions, g_strdup_printf("and %u more differences, which the log names",
                                                    differences->len - DIFFERENCES_TOLD));
}

/* Proof and end are one transaction. */
static bool prove_and_end(Run *run, const Marker *marker, GPtrArray *exceptions, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GPtrArray) differences = NULL;
    (void)journal_intent(run->journal, "restore", "end", NULL, NULL);
    if (pg_exec(run->work, "BEGIN; SET LOCAL lock_timeout = '60s'", error))
        differences = marker_compare(run->work, marker, error);
    if (differences == NULL)
        return false;
    if (differences->len > 0) {
        tell_differences(differences, exceptions);
        return pg_exec(run->work, "ROLLBACK", error);
    }
    if (!end(run, &cause) && !has_ended(run)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    (void)journal_done(run->journal, "restore", "end", NULL, NULL);
    return true;
}

/* Without the row the run has not begun, or it has ended: which one, the COMMIT tells that was
 * sent. If it had begun and that was not sent, the row is no witness: somebody else took it away.
 */
static WayBack without_marker(Run *run, GError **error)
{
    bool applied = false;
    if (!run->naming_sent && !run->history_made &&
        !history_has_run(run->work, run->id, &applied, error))
        return WAY_BACK_NOT;
    if (!run->naming_sent && (run->history_made || applied)) {
        marker_set_taken(run->id, error);
        return WAY_BACK_NOT;
    }
    run->opened = run->naming_sent;
    json_set_text(run->report, "proof", "the first transaction of the run was not committed");
    return run->opened ? WAY_BACK_OPENED : WAY_BACK_PROVEN;
}

/* Nothing of the run is at work any more, and this is the only session that changes anything. */
static bool enter(Run *run, GError **error)
{
    interrupt_shield(true);
    g_clear_pointer(&run->work, pg_disconnect);
    g_clear_pointer(&run->live_lock, run_lock_release);
    run->phase = "restore";
    if (!run_connect(run, error))
        return false;
    pg_set_deadline(run->control, 0, NULL);
    return run_end_own_sessions(run, error) && run_enter_live(run, false, error);
}

WayBack run_take_back(Run *run, const GError *why, GPtrArray *exceptions, GError **error)
{
    g_autoptr(Marker) marker = NULL;
    g_autoptr(GError) cause = NULL;
    int undone = 0;
    if (!enter(run, error))
        return WAY_BACK_NOT;
    marker = marker_read(run->work, &cause);
    if (marker == NULL && cause == NULL)
        return without_marker(run, error);
    /* From here on it counts as being taken back, also for who comes after us. */
    if (marker == NULL || !learn_search_path(run, &cause) ||
        !marker_set_phase(run->work, run->id, "undo", &cause) ||
        !finish_partial(run, why, exceptions, &cause) ||
        !undo_all(run, marker, &undone, exceptions, &cause) ||
        (exceptions->len == 0 && !prove_and_end(run, marker, exceptions, &cause))) {
        if (error_is(cause, ERROR_UNKNOWN_OUTCOME))
            error_recode(&cause, ERROR_CONNECTION);
        g_propagate_error(error, g_steal_pointer(&cause));
        return WAY_BACK_NOT;
    }
    g_clear_pointer(&run->work, pg_disconnect);
    if (exceptions->len > 0)
        return WAY_BACK_EXCEPTIONS;
    json_set_text(run->report, "proof",
                  undone > 0 ? "its migrations were taken back by their down files; history and "
                               "schema are as before"
                             : "no migration of the run is applied; history and schema are as "
                               "before");
    /* What is left to do is worth a new connection, if this one was lost. */
    if (run_connect(run, &cause))
        run_compare_shared(run, exceptions);
    else
        g_ptr_array_add(exceptions, g_strdup_printf("the shared catalogs could not be compared: %s",
                                                    cause->message));
    return exceptions->len == 0 ? WAY_BACK_PROVEN : WAY_BACK_EXCEPTIONS;
}
