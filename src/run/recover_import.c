#include "run/recover_import.h"

#include "base/error.h"
#include "base/log.h"
#include "run/gate.h"
#include "run/recover_continue.h"
#include "run/recover_journal.h"
#include <string.h>

bool recover_is_import(const json_t *lines)
{
    const json_t *passed = journal_find(lines, "note", "preflight", "passed");
    return g_strcmp0(json_get_text(json_object_get(passed, "details"), "strategy"), "import") == 0;
}

static bool look_at_live(Run *run, GError **error)
{
    run->looked = true;
    return run_database_exists(run, run->database, &run->displaces, error) &&
           run_learn_closed(run, run->database, error);
}

/* What the copy has itself, with the comment that it will have. */
static bool adopt(Run *run, const json_t *lines, const char *comment, GError **error)
{
    const json_t *passed = journal_find(lines, "note", "preflight", "passed");
    run->cloned = true;
    run->naming_sent = journal_find(lines, "intent", "open", "rename") != NULL;
    run->shared = json_incref(json_object_get(json_object_get(passed, "details"), "shared"));
    if (journal_find(lines, "intent", "migrate", "begin") != NULL)
        run->migrating = true;
    run->before = pg_properties_read(run->control, run->names->work, error);
    if (run->before != NULL)
        pg_properties_set_comment(run->before, comment);
    return run->before != NULL && look_at_live(run, error) && run_end_own_sessions(run, error);
}

/* A copy that got another name got it from a person, who may have put it into service. */
static bool check_name(const Run *run, const RunRecord *work, GError **error)
{
    if (strcmp(work->name, run->names->work) == 0)
        return true;
    error_set(error, ERROR_NEEDS_PERSON,
              "'%s' bears the record of the work copy of run %s, but not its name, and is left "
              "alone",
              work->name, work->run);
    error_hint_set(error, "if it is wanted, take the record away: COMMENT ON DATABASE ... IS NULL, "
                          "or the comment that it shall have; else drop it");
    return false;
}

/* What a table was before it was migrated is read from the kept copy where a run goes on, and here
 * there is none, whatever the state folder has. */
static void set_death(GError **error, OnCrash decision, const char *when)
{
    const bool asked = decision == ON_CRASH_CONTINUE;
    error_set(error, ERROR_FAILED, "the run died%s%s", when,
              asked ? "; it cannot go on: a run from a snapshot has no copy from before to compare "
                      "with"
                    : "");
    if (asked)
        error_hint_set(error, "begin it again, with the same --from");
}

static void settle(Run *run, bool verified, OnCrash decision, RunOutcome *outcome)
{
    g_autoptr(GError) error = NULL;
    run->phase = "open";
    if (verified && !run->displaces &&
        (run->proven_row != NULL || gate_set(run->control, run->names->work, false, &error)) &&
        run_take_over(run, &error)) {
        run_conclude(run, 0, NULL, NULL, outcome);
        return;
    }
    if (error == NULL && verified)
        error_set(
            &error, ERROR_FAILED,
            "the run died before its copy took the name, and the database has been in service "
            "since");
    else if (error == NULL)
        set_death(&error, decision,
                  run->migrating ? " while the work copy was migrated or verified"
                                 : " before anything was migrated");
    run_go_back(run, error, outcome);
}

void recover_import(Run *run, const RunRecord *work, RunOutcome *outcome)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) lines = NULL;
    g_autofree char *standing = NULL;
    OnCrash decision = ON_CRASH_RESTORE;
    bool verified = false;
    run->kind = RUN_IMPORT;
    run_take_id(run, "recover", work->run);
    if (!check_name(run, work, &error)) {
        log_error(error);
        run_conclude(run, 8, error, NULL, outcome);
        return;
    }
    if (!run_learn_proven(run, work, &verified, &error)) {
        log_error(error);
        run_conclude(run, 9, error, NULL, outcome);
        return;
    }
    standing = g_strdup_printf("run %s from a snapshot died; its copy is '%s'%s", run->id,
                               work->name, verified ? ", and is proven" : "");
    if (!recover_decide(run, standing, &decision, outcome))
        return;
    run->migrating = strcmp(work->phase, "verified") == 0 || strcmp(work->phase, "migrate") == 0;
    lines = recover_adopt_journal(run, &error);
    if (lines == NULL || !adopt(run, lines, work->comment, &error)) {
        log_error(error);
        run_conclude(run, 9, error, NULL, outcome);
        return;
    }
    log_info("recover: run %s from a snapshot has not ended: its copy is '%s'%s", run->id,
             work->name, verified ? ", and is proven" : "");
    settle(run, verified, decision, outcome);
}

/* What became of the copy. */
typedef struct {
    bool named;   /* it was given the name */
    bool certain; /* that is known */
    char *now;    /* what it is called now; NULL: it is not on the server */
    const char
        *aside; /* what had the name before; NULL: it is not on the server, or there was none */
} Fate;

static void fate_clear(Fate *fate)
{
    g_free(fate->now);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fate, fate_clear)

/* The copy's OID tells what it is called now. The one that had the name stepped aside in the
 * transaction that gave it away, so that its record proves that, whatever was renamed since. */
static bool learn_fate(Run *run, const json_t *lines, const GPtrArray *records, Fate *fate,
                       GError **error)
{
    const json_t *imported = journal_find(lines, "done", "import", "restore");
    const char *oid = json_get_text(json_object_get(imported, "details"), "oid");
    const RunRecord *before = run_records_find(records, run->id, "before");
    g_autoptr(GError) cause = NULL;
    if (oid != NULL)
        fate->now = pg_query_text(run->control, &cause,
                                  "SELECT datname FROM pg_database WHERE oid = $1::oid", 1, oid);
    if (cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    fate->aside = before != NULL ? before->name : NULL;
    fate->named = g_strcmp0(fate->now, run->database) == 0 || before != NULL ||
                  journal_find(lines, "done", "open", "rename") != NULL;
    fate->certain = fate->named || run_records_find(records, run->id, "failed") != NULL ||
                    journal_find(lines, "intent", "restore", "drop") != NULL;
    /* The transaction was sent, and nothing is left that would tell whether it was committed. */
    if (!fate->certain)
        fate->named = journal_find(lines, "intent", "open", "rename") != NULL;
    return true;
}

/* The copy had the name, and has not any more: users may have written to it. */
static void conclude_lost(Run *run, const Fate *fate, RunOutcome *outcome)
{
    g_autoptr(GPtrArray) exceptions = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) cause = NULL;
    g_ptr_array_add(exceptions, g_strdup_printf(run->displaces ? "'%s' is another database now"
                                                               : "there is no database '%s'",
                                                run->database));
    if (fate->now != NULL)
        g_ptr_array_add(exceptions, g_strdup_printf("the restored copy is '%s'", fate->now));
    else
        g_ptr_array_add(exceptions, g_strdup("the restored copy is not on the server any more"));
    if (fate->aside != NULL)
        g_ptr_array_add(exceptions,
                        g_strdup_printf("the database from before is '%s', closed", fate->aside));
    error_set(&cause, ERROR_NEEDS_PERSON,
              "run %s %s the name '%s' to the copy restored from the snapshot, and somebody has "
              "renamed or dropped it since",
              run->id, fate->certain ? "had given" : "may have given", run->database);
    if (fate->now != NULL) {
        g_autofree char *from = pg_identifier(fate->now);
        g_autofree char *to = pg_identifier(run->database);
        error_hint_set(&cause,
                       "what users have written since is in it: ALTER DATABASE %s RENAME TO %s",
                       from, to);
    }
    run->opened = true;
    run->displaces = fate->aside != NULL;
    log_error(cause);
    run_conclude(run, 8, cause, exceptions, outcome);
}

static bool learn(Run *run, const json_t *lines, const GPtrArray *records, Fate *fate, bool *work,
                  GError **error)
{
    if (!run_database_exists(run, run->names->work, work, error))
        return false;
    /* Its record is gone: a migration may have taken it, or it had not got it yet. */
    if (*work)
        return adopt(run, lines, NULL, error);
    if (!look_at_live(run, error) || !learn_fate(run, lines, records, fate, error))
        return false;
    run->migrating = run->failed_left = run_records_find(records, run->id, "failed") != NULL;
    run->opened = g_strcmp0(fate->now, run->database) == 0;
    if (run->opened)
        run->displaces = fate->aside != NULL;
    return true;
}

void recover_import_words(Run *run, const json_t *lines, const GPtrArray *records,
                          RunOutcome *outcome)
{
    g_autoptr(GError) error = NULL;
    g_auto(Fate) fate = {0};
    bool work = false;
    run->kind = RUN_IMPORT;
    run_take_names(run);
    if (!learn(run, lines, records, &fate, &work, &error)) {
        log_error(error);
        run_conclude(run, 9, error, NULL, outcome);
    } else if (work) {
        settle(run, false, run->policy->on_crash, outcome);
    } else if (run->opened) {
        run_conclude(run, 0, NULL, NULL, outcome);
    } else if (fate.named) {
        conclude_lost(run, &fate, outcome);
    } else {
        set_death(&error, run->policy->on_crash, "");
        json_set_text(run->report, "proof", "this run changed nothing but its own copy");
        run_conclude(run, run->migrating ? 7 : 1, error, NULL, outcome);
    }
}
