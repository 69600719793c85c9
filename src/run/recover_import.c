#include "run/recover_import.h"

#include "base/error.h"
#include "base/log.h"
#include "run/gate.h"
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

static void settle(Run *run, bool verified, RunOutcome *outcome)
{
    g_autoptr(GError) error = NULL;
    run->phase = "open";
    if (verified && !run->displaces && gate_set(run->control, run->names->work, false, &error) &&
        run_take_over(run, &error)) {
        run_conclude(run, 0, NULL, NULL, outcome);
        return;
    }
    if (error == NULL)
        error_set(&error, ERROR_FAILED, "the run died %s",
                  verified         ? "before its copy took the name, and the database has been in "
                                     "service since"
                  : run->migrating ? "while the work copy was migrated or verified"
                                   : "before anything was migrated");
    run_go_back(run, error, outcome);
}

void recover_import(Run *run, const RunRecord *work, RunOutcome *outcome)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) lines = NULL;
    const bool verified = strcmp(work->phase, "verified") == 0;
    run->kind = RUN_IMPORT;
    run_take_id(run, "recover", work->run);
    if (!check_name(run, work, &error)) {
        log_error(error);
        run_conclude(run, 8, error, NULL, outcome);
        return;
    }
    run->migrating = verified || strcmp(work->phase, "migrate") == 0;
    lines = recover_adopt_journal(run, &error);
    if (lines == NULL || !adopt(run, lines, work->comment, &error)) {
        log_error(error);
        run_conclude(run, 9, error, NULL, outcome);
        return;
    }
    log_info("recover: run %s from a snapshot has not ended: its copy is '%s'%s", run->id,
             work->name, verified ? ", and is proven" : "");
    settle(run, verified, outcome);
}

/* Whether the restored copy has the name: its OID tells. */
static bool learn_opened(Run *run, const json_t *lines, GError **error)
{
    const json_t *imported = journal_find(lines, "done", "import", "restore");
    const char *oid = json_get_text(json_object_get(imported, "details"), "oid");
    g_autoptr(GError) cause = NULL;
    g_autofree char *now = pg_query_text(
        run->control, &cause, "SELECT oid FROM pg_database WHERE datname = $1", 1, run->database);
    if (cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    run->opened = oid != NULL && now != NULL && strcmp(oid, now) == 0;
    return true;
}

static bool learn(Run *run, const json_t *lines, const GPtrArray *records, bool *work,
                  GError **error)
{
    if (!run_database_exists(run, run->names->work, work, error))
        return false;
    /* Its record is gone: a migration may have taken it, or it had not got it yet. */
    if (*work)
        return adopt(run, lines, NULL, error);
    if (!look_at_live(run, error) || !learn_opened(run, lines, error))
        return false;
    run->migrating = run->failed_left = run_records_find(records, run->id, "failed") != NULL;
    if (run->opened)
        run->displaces = run_records_find(records, run->id, "before") != NULL;
    return true;
}

void recover_import_words(Run *run, const json_t *lines, const GPtrArray *records,
                          RunOutcome *outcome)
{
    g_autoptr(GError) error = NULL;
    bool work = false;
    run->kind = RUN_IMPORT;
    run_take_names(run);
    if (!learn(run, lines, records, &work, &error)) {
        log_error(error);
        run_conclude(run, 9, error, NULL, outcome);
    } else if (work) {
        settle(run, false, outcome);
    } else if (run->opened) {
        run_conclude(run, 0, NULL, NULL, outcome);
    } else {
        error_set(&error, ERROR_FAILED, "the run died");
        json_set_text(run->report, "proof", "this run changed nothing but its own copy");
        run_conclude(run, run->migrating ? 7 : 1, error, NULL, outcome);
    }
}
