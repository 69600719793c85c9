/* The fence: the name is taken away, in one transaction with the record, while another connection
 * ends the sessions. */
#include "base/clock.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "pg/sql.h"
#include "run/context.h"
#include "run/gate.h"
#include "run/hooks.h"
#include "run/standby.h"
#include "run/subscription.h"
#include <string.h>

#define ATTEMPTS 4
#define WATCH_MS 10
#define DRAIN_POLL_MS 50

bool run_drain(Run *run, GError **error)
{
    const int64_t latest_us = run_latest_us(run);
    const int64_t drained_us = clock_monotonic_us() + run->policy->fence_drain_ms * 1000;
    const int64_t end_us = latest_us != 0 ? MIN(drained_us, latest_us) : drained_us;
    g_autoptr(GError) cause = NULL;
    g_autofree char *open =
        pg_query_text(run->control, &cause, pg_sql_fence_open_transactions, 2, run->database, NULL);
    while (open != NULL && clock_monotonic_us() < end_us && !interrupt_check(&cause)) {
        char *left = NULL;
        log_progress("fence: waiting for open transactions to end");
        (void)clock_sleep_ms(DRAIN_POLL_MS);
        left = pg_query_text(run->control, &cause, pg_sql_fence_open_transactions, 2, run->database,
                             open);
        g_free(open);
        open = left;
    }
    log_progress_end();
    if (cause == NULL)
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

void run_end_live_sessions(gpointer data)
{
    Run *run = data;
    pg_result_free(pg_query(run->helper, NULL, pg_sql_fence_end_sessions, 1, run->database));
}

static char *fence_sql(const Run *run)
{
    const RunRecord record = {.run = run->id,
                              .database = run->database,
                              .role = (char *)"keep",
                              .strategy = (char *)run_strategy(run),
                              .phase = (char *)"fence",
                              .comment = (char *)pg_properties_comment(run->before),
                              .read_only = run->read_only};
    g_autofree char *live = pg_identifier(run->names->live);
    g_autofree char *keep = pg_identifier(run->names->keep);
    g_autofree char *comment = run_record_statement(run->names->keep, &record);
    return g_strdup_printf("BEGIN; ALTER DATABASE %s RENAME TO %s;"
                           "ALTER DATABASE %s ALLOW_CONNECTIONS false; %s",
                           live, keep, keep, comment);
}

/* The transaction. False without an error if sessions were in the way. */
static bool take_name(Run *run, bool *taken, GError **error)
{
    g_autofree char *sql = fence_sql(run);
    g_autoptr(GError) cause = NULL;
    bool done = false;
    *taken = false;
    run_end_live_sessions(run);
    pg_set_watch(run->control, WATCH_MS, run_end_live_sessions, run);
    done = pg_exec(run->control, sql, &cause);
    pg_set_watch(run->control, 0, NULL, NULL);
    if (done && run_lock_check(run->lock, &cause)) {
        failpoint("fence.before_commit");
        /* From here on the name may be gone, whatever the answer is. */
        run->fenced = true;
        interrupt_shield(true);
        done = pg_exec(run->control, "COMMIT", &cause);
        interrupt_shield(false);
        failpoint("fence.after_commit");
    }
    *taken = done && cause == NULL;
    if (*taken)
        return true;
    if (!run->fenced && pg_is_alive(run->control))
        (void)pg_exec(run->control, "ROLLBACK", NULL);
    if (g_strcmp0(error_sqlstate(cause), "55006") == 0)
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

void run_explain_sessions(Run *run, GError **error)
{
    g_autoptr(GPtrArray) sessions =
        gate_sessions(run->control, run->database, run->application, NULL);
    g_autofree char *who = sessions != NULL ? gate_describe(sessions) : NULL;
    error_set(error, ERROR_REFUSED, "sessions that cannot be ended keep the database's name: %s",
              who != NULL && who[0] != '\0' ? who : "they come and go");
    error_hint_set(error, "end them as a superuser with SELECT pg_terminate_backend(PID), or GRANT "
                          "pg_signal_backend to the role that runs drydock");
}

/* Nobody may be inside, and nothing may have been left prepared, once the name is gone. */
static bool prove_empty(Run *run, GError **error)
{
    g_autoptr(PgResult) prepared = NULL;
    if (!gate_end_sessions(run->control, run->names->keep, NULL, 5000, NULL, error))
        return false;
    prepared =
        pg_query(run->control, error, "SELECT gid FROM pg_prepared_xacts WHERE database = $1", 1,
                 run->names->keep);
    if (prepared == NULL)
        return false;
    if (pg_rows(prepared) > 0) {
        error_set(error, ERROR_REFUSED, "a transaction was prepared while the database was fenced");
        return false;
    }
    g_free(run->gate);
    run->gate = gate_version(run->control, run->names->keep, error);
    return run->gate != NULL;
}

bool run_fence(Run *run, GError **error)
{
    g_autoptr(GPtrArray) standbys = NULL;
    bool taken = false;
    int64_t started_us = 0;
    if (!hooks_before(run, error))
        return false;
    standbys = standbys_connect(run, error);
    if (standbys == NULL || !run_drain(run, error) || !subscriptions_disable(run, error))
        return false;
    if (!journal_intent(run->journal, "fence", "rename",
                        json_pack("{s:s, s:s}", "from", run->names->live, "to", run->names->keep),
                        error))
        return false;
    run->fenced_at_us = started_us = clock_monotonic_us();
    for (int attempt = 0; attempt < ATTEMPTS && !taken; attempt++) {
        if (!take_name(run, &taken, error))
            return false;
        if (interrupt_check(error))
            return false;
    }
    if (!taken) {
        run_explain_sessions(run, error);
        return false;
    }
    run->fence_us = clock_monotonic_us() - started_us;
    return prove_empty(run, error) && run_write_keep_record(run, "fence", error) &&
           journal_done(run->journal, "fence", "rename", json_pack("{s:s}", "gate", run->gate),
                        error) &&
           standbys_fence(run, standbys, run->names->keep, error) &&
           audit_event(run->audit, "fence", json_pack("{s:s}", "kept_copy", run->names->keep),
                       error);
}
