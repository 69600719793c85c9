/*
 * A run without a fence: the live database is migrated while users work. There is no copy that
 * could be given the name, since what users write would be lost: the way back is what PostgreSQL
 * rolls back and what down files take back (run/online_back.c). The database itself says that the
 * run has not ended (run/marker.h).
 */
#include "base/error.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "migration/history.h"
#include "migration/orphan.h"
#include "run/context.h"
#include "run/estimate.h"
#include "run/marker.h"

bool run_enter_live(Run *run, bool read_only, GError **error)
{
    const int timeout_s = (int)(run->policy->connect_timeout_ms / 1000);
    const PgConnectOptions options = {.database = run->database,
                                      .application = run->application,
                                      .connect_timeout_s = timeout_s,
                                      .read_only = read_only};
    PgConnection *live = NULL;
    if (run->live_lock != NULL && !run_lock_check(run->live_lock, NULL))
        g_clear_pointer(&run->live_lock, run_lock_release);
    if (run->live_lock == NULL)
        run->live_lock = run_lock_take(run->target, run->database, run->database, run->application,
                                       timeout_s, error);
    live = run->live_lock != NULL ? pg_connect(run->target, &options, error) : NULL;
    if (live == NULL)
        return false;
    pg_disconnect(run->work);
    run->work = live;
    return true;
}

/* The history is there afterwards, and the database says that this run has not ended. */
static bool say_begun(Run *run, GError **error)
{
    if (!pg_exec(run->work, "BEGIN; SET LOCAL lock_timeout = '60s'", error) ||
        !history_create(run->work, error) || !marker_begin(run->work, run->id, error) ||
        !run_lock_check_both(run->lock, run->live_lock, error))
        return false;
    failpoint("online.before_begin");
    run->migrating = run->marked = true;
    if (!pg_exec(run->work, "COMMIT", error))
        return false;
    failpoint("online.after_begin");
    run->history_made = true;
    return true;
}

static json_t *not_valid_json(const Run *run)
{
    json_t *names = json_array();
    GHashTableIter iter;
    gpointer name = NULL;
    g_hash_table_iter_init(&iter, run->not_valid);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        json_array_append_new(names, json_string(name));
    return names;
}

/* A run that recovery goes on with has begun already. */
static bool begin(Run *run, GError **error)
{
    return run->marked ||
           (journal_intent(run->journal, "migrate", "begin",
                           json_pack("{s:o}", "not_valid", not_valid_json(run)), error) &&
            say_begun(run, error) && journal_done(run->journal, "migrate", "begin", NULL, error));
}

bool run_migrate_online(Run *run, GError **error)
{
    return run_fits(run, "the migrations and their proof",
                    estimate_us(run, "migrations") + estimate_us(run, "verify"), error) &&
           orphan_sessions_end(run->helper, run->database, run->application, error) &&
           run_enter_live(run, false, error) && begin(run, error) &&
           run_enter_live(run, false, error) && run_apply_pending(run, error);
}

bool run_verify_online(Run *run, GError **error)
{
    g_autoptr(GPtrArray) findings = g_ptr_array_new_with_free_func(g_free);
    if (!run_fits(run, "the verification", estimate_us(run, "verify"), error) ||
        !journal_intent(run->journal, "verify", "check", NULL, error) ||
        !run_enter_live(run, true, error))
        return false;
    pg_set_deadline(run->work, run_latest_us(run), run->helper);
    if (!run_check_work(run, findings, error) || !run_judge_findings(run, findings, error))
        return false;
    json_set_text(run->report, "data", "not compared with what it was: users write all the time");
    log_info("verify: rows were not compared with what they were: users write all the time");
    return run_enter_live(run, false, error) &&
           run_lock_check_both(run->lock, run->live_lock, error) &&
           marker_set_phase(run->work, run->id, "verified", error) &&
           journal_done(run->journal, "verify", "check", NULL, error) &&
           audit_event(run->audit, "verified", NULL, error);
}

bool run_end_online(Run *run, GError **error)
{
    if (!journal_intent(run->journal, "end", "marker", NULL, error) ||
        !run_enter_live(run, false, error) ||
        !pg_exec(run->work, "BEGIN; SET LOCAL lock_timeout = '60s'", error) ||
        !marker_end(run->work, run->id, error) ||
        !run_lock_check_both(run->lock, run->live_lock, error))
        return false;
    failpoint("online.before_end");
    run->naming_sent = true;
    if (!pg_exec(run->work, "COMMIT", error))
        return false;
    failpoint("online.after_end");
    run->opened = true;
    g_clear_pointer(&run->work, pg_disconnect);
    return journal_done(run->journal, "end", "marker", NULL, error);
}
