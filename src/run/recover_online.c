#include "run/recover_online.h"

#include "base/error.h"
#include "base/log.h"
#include "run/marker.h"
#include "run/recover_continue.h"
#include "run/recover_journal.h"
#include <string.h>

/* Whether there is a database of that name that this role may look into. If it may not, and a run
 * may have left word in there, nothing can be said before somebody opens it. */
static bool can_look(Run *run, bool *can, GError **error)
{
    g_autoptr(PgResult) row = pg_query(
        run->control, error,
        "SELECT datallowconn, datconnlimit <> 0 OR (SELECT rolsuper FROM pg_roles WHERE rolname = "
        "session_user), has_database_privilege(oid, 'CONNECT') FROM pg_database WHERE datname = $1",
        1, run->database);
    *can = false;
    if (row == NULL || pg_rows(row) == 0)
        return row != NULL;
    run->shut = !pg_flag(row, 0, 0);
    run->limited = !pg_flag(row, 0, 1);
    *can = !run->shut && !run->limited && pg_flag(row, 0, 2);
    if (*can || !recover_may_be_marked(run)) {
        run->shut = run->limited = false;
        return true;
    }
    error_set(error, ERROR_NEEDS_PERSON,
              "this role cannot look into database '%s' (%s), which alone tells whether a run "
              "without a fence has not ended",
              run->database,
              run->shut      ? "ALLOW_CONNECTIONS false"
              : run->limited ? "CONNECTION LIMIT 0"
                             : "it has no right to connect");
    error_hint_set(error, "open it, or use a role that may connect, and run drydock recover");
    return false;
}

static Marker *look(Run *run, GError **error)
{
    const PgConnectOptions options = {.database = run->database,
                                      .application = run->application,
                                      .connect_timeout_s =
                                          (int)(run->policy->connect_timeout_ms / 1000),
                                      .read_only = true,
                                      .catalog_only = true};
    g_autoptr(PgConnection) live = NULL;
    bool can = false;
    if (!can_look(run, &can, error) || !can)
        return NULL;
    live = pg_connect(run->target, &options, error);
    return live != NULL ? marker_read(live, error) : NULL;
}

/* Whether the run was to take its row away because it had succeeded, and nothing was taken back
 * since. */
static bool was_to_end(const json_t *lines)
{
    return journal_find(lines, "intent", "end", "marker") != NULL &&
           journal_find(lines, "intent", "restore", "undo") == NULL &&
           journal_find(lines, "intent", "restore", "finish") == NULL &&
           journal_find(lines, "intent", "restore", "end") == NULL;
}

/* Its journal's lines; none if the state folder has none. */
static json_t *adopt(Run *run, GError **error)
{
    g_autoptr(json_t) lines = recover_adopt_journal(run, error);
    const json_t *passed = journal_find(lines, "note", "preflight", "passed");
    run->migrating = run->marked = true;
    /* The dead run's last transaction may be committed after the row was read. */
    run->naming_sent = was_to_end(lines);
    run->shared = json_incref(json_object_get(json_object_get(passed, "details"), "shared"));
    return lines != NULL && run_end_own_sessions(run, error) ? g_steal_pointer(&lines) : NULL;
}

/* What was not valid before the run is no finding behind it. */
static void take_not_valid(Run *run, const json_t *lines)
{
    const json_t *begin = journal_find(lines, "intent", "migrate", "begin");
    const json_t *names = json_object_get(json_object_get(begin, "details"), "not_valid");
    run->not_valid = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (size_t i = 0; i < json_array_size(names); i++)
        g_hash_table_add(run->not_valid, g_strdup(json_string_value(json_array_get(names, i))));
}

static bool go_on(Run *run, const json_t *lines, GError **error)
{
    bool learnt = false;
    if (!recover_take_plan(run, lines, error) || !run_enter_live(run, true, error))
        return false;
    learnt = run_survey_size(run, run->work, error) && recover_read_history(run, lines, error);
    g_clear_pointer(&run->work, pg_disconnect);
    if (!learnt)
        return false;
    take_not_valid(run, lines);
    /* Which tables they locked is known to the dead process alone. */
    run->writes_unknown = true;
    log_info("recover: going on with run %s: %u of %u migrations are applied", run->id,
             g_hash_table_size(run->applied), run->pending->len);
    return journal_note(run->journal, "recover", "continue", NULL, error) &&
           audit_event(run->audit, "continue", NULL, error) && run_go_on(run, "migrate", error);
}

static const char *when_it_died(const Marker *marker)
{
    return strcmp(marker->phase, "verified") == 0 ? "when what it did was proven"
           : strcmp(marker->phase, "undo") == 0   ? "while its migrations were taken back"
                                                  : "while the database was migrated or verified";
}

/* Whether the run came to its end now. What has begun to be taken back is. */
static bool finish(Run *run, const Marker *marker, const json_t *lines, OnCrash decision,
                   GError **error)
{
    const char *when = when_it_died(marker);
    run->phase = "end";
    if (strcmp(marker->phase, "verified") == 0)
        return run_end_online(run, error);
    if (decision == ON_CRASH_CONTINUE && strcmp(marker->phase, "migrate") == 0) {
        if (go_on(run, lines, error))
            return true;
        g_prefix_error(error, "the run died %s, and did not come to its end now: ", when);
        return false;
    }
    error_set(error, ERROR_FAILED, "the run died %s", when);
    return false;
}

static bool decide(Run *run, const Marker *marker, OnCrash *decision, RunOutcome *outcome)
{
    g_autofree char *standing =
        g_strdup_printf("run %s died %s; '%s' is in service, and some of its migrations may be "
                        "applied",
                        marker->run, when_it_died(marker), run->database);
    return recover_decide(run, standing, decision, outcome);
}

bool recover_online(Run *run, RunOutcome *outcome)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Marker) marker = look(run, &error);
    g_autoptr(json_t) lines = NULL;
    OnCrash decision = ON_CRASH_RESTORE;
    if (marker == NULL && error == NULL)
        return false;
    run->kind = RUN_ONLINE;
    if (marker != NULL) {
        run_take_id(run, "recover", marker->run);
        if (!decide(run, marker, &decision, outcome))
            return true;
        lines = adopt(run, &error);
    }
    if (lines == NULL) {
        log_error(error);
        run_conclude(run, 9, error, NULL, outcome);
        return true;
    }
    log_info("recover: run %s, which migrates '%s' in service, died %s", run->id, run->database,
             when_it_died(marker));
    if (finish(run, marker, lines, decision, &error))
        run_conclude(run, 0, NULL, NULL, outcome);
    else
        run_go_back(run, error, outcome);
    return true;
}

bool recover_is_online(const json_t *lines)
{
    const json_t *passed = journal_find(lines, "note", "preflight", "passed");
    return g_strcmp0(json_get_text(json_object_get(passed, "details"), "strategy"), "online") == 0;
}

/* Whether the first transaction of the run was committed, as far as its journal tells. Recovery
 * that goes on applies without beginning once more. */
static bool has_begun(const json_t *lines)
{
    return journal_find(lines, "done", "migrate", "begin") != NULL ||
           journal_find(lines, "intent", "migrate", "apply") != NULL;
}

static void conclude_taken(Run *run, const GError *cause, RunOutcome *outcome)
{
    g_autoptr(GPtrArray) exceptions = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) problem = NULL;
    marker_set_taken(run->id, &problem);
    log_error(problem);
    g_ptr_array_add(exceptions, g_strdup(problem->message));
    run_conclude(run, 8, cause, exceptions, outcome);
}

/* The database says nothing any more: a transaction that was sent has ended the run, or none that
 * has begun it was committed, or somebody has taken the row away. */
void recover_online_words(Run *run, const json_t *lines, RunOutcome *outcome)
{
    g_autoptr(GError) cause = NULL;
    const bool back = journal_find(lines, "intent", "restore", "end") != NULL;
    run->kind = RUN_ONLINE;
    run->opened = was_to_end(lines);
    if (run->opened) {
        run_conclude(run, 0, NULL, NULL, outcome);
        return;
    }
    error_set(&cause, ERROR_FAILED, "the run died");
    if (!back && has_begun(lines)) {
        conclude_taken(run, cause, outcome);
        return;
    }
    json_set_text(run->report, "proof", "the way back was proven before the run died");
    run_conclude(run, back ? 7 : 1, cause, NULL, outcome);
}
