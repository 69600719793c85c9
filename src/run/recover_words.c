#include "run/recover_words.h"

#include "base/error.h"
#include "base/log.h"
#include "run/publish.h"
#include "run/recover_import.h"
#include "run/recover_journal.h"
#include "run/recover_missing.h"
#include "run/recover_online.h"

/* Whether the migrated copy has the name: the copy from before tells, and if there is none (any
 * more), the OID, which is not the one that was fenced; in_place it is. */
static bool learn_opened(Run *run, const json_t *lines, const RunRecord *before, GError **error)
{
    const json_t *fenced = journal_find(lines, "done", "fence", "rename");
    const char *gate = json_get_text(json_object_get(fenced, "details"), "gate");
    g_autofree char *now = NULL;
    g_autoptr(GError) cause = NULL;
    bool same = false;
    run->opened = before != NULL;
    /* What was restored from the snapshot has another OID, too. */
    if (before != NULL || gate == NULL || journal_find(lines, "intent", "open", "rename") == NULL ||
        journal_find(lines, "done", "restore", "snapshot") != NULL)
        return true;
    now = pg_query_text(run->control, &cause, "SELECT oid FROM pg_database WHERE datname = $1", 1,
                        run->database);
    if (cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    same = now != NULL && g_ascii_strtoull(now, NULL, 10) == g_ascii_strtoull(gate, NULL, 10);
    run->opened = now != NULL && same == run->in_place;
    run->before_gone = run->opened;
    return true;
}

/* Whether the database itself was migrated, and rolled back: there is no failed copy of that. */
static bool was_rolled_back(const json_t *lines)
{
    return journal_find(lines, "done", "migrate", "exchange") != NULL &&
           journal_find(lines, "done", "restore", "exchange") == NULL;
}

static void learn_strategy(Run *run, const json_t *lines)
{
    const json_t *passed = journal_find(lines, "note", "preflight", "passed");
    const json_t *exchanged = journal_find(lines, "done", "migrate", "exchange");
    const char *strategy = json_get_text(json_object_get(passed, "details"), "strategy");
    run->in_place = g_strcmp0(strategy, "in_place") == 0;
    run->alone =
        exchanged != NULL && json_get_text(json_object_get(exchanged, "details"), "gate") == NULL;
}

/* How the run that died got the name back. */
static const char *proof_of_words(Run *run, const json_t *lines)
{
    run->restored_anew = journal_find(lines, "done", "restore", "snapshot") != NULL;
    if (run->restored_anew)
        return "the snapshot of the run was restored and proven before the run died";
    return run->migrating ? "the kept copy had its name back before the run died"
                          : "the name was never taken away, or was back already";
}

/* A run that ended well may have left its snapshot unpublished. Its own report and journal stay as
 * they are but for that. */
static void publish_of_ended(Run *run)
{
    g_autofree char *id = recover_unpublished_run(run);
    g_autoptr(json_t) lines = NULL;
    g_autoptr(GError) cause = NULL;
    if (id == NULL)
        return;
    run_take_id(run, "recover", id);
    lines = recover_adopt_journal(run, &cause);
    if (lines == NULL)
        log_warning("%s", cause->message);
    else
        publish_late(run);
    g_clear_pointer(&run->folder, g_free);
}

void recover_words(Run *run, const GPtrArray *records, const char *dropped, RunOutcome *outcome)
{
    g_autofree char *id = dropped != NULL ? g_strdup(dropped) : recover_unfinished_run(run);
    g_autoptr(json_t) lines = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) cause = NULL;
    bool live = false;
    if (id != NULL) {
        run_take_id(run, "recover", id);
        lines = recover_adopt_journal(run, &error);
    }
    if (lines != NULL && recover_is_import(lines)) {
        recover_import_words(run, lines, records, outcome);
        return;
    }
    if (lines != NULL && recover_is_online(lines)) {
        recover_online_words(run, lines, outcome);
        return;
    }
    learn_strategy(run, lines);
    if (lines != NULL &&
        learn_opened(run, lines, run_records_find(records, id, "before"), &error)) {
        run->failed_left = run_records_find(records, id, "failed") != NULL;
        run->migrating = run->failed_left || was_rolled_back(lines);
        run->unproven_left = run_records_find(records, id, "unproven") != NULL;
        run->fenced = run->migrating || dropped != NULL ||
                      journal_find(lines, "intent", "fence", "rename") != NULL;
    }
    if (error != NULL || !run_database_exists(run, run->database, &live, &error)) {
        log_error(error);
        run_conclude(run, 9, error, NULL, outcome);
    } else if (!live) {
        recover_missing(run, records, id, outcome);
    } else if (id == NULL || run->opened) {
        run->idle = !run->opened;
        if (run->opened)
            publish_late(run);
        else
            publish_of_ended(run);
        run_conclude(run, 0, NULL, NULL, outcome);
    } else {
        error_set(&cause, ERROR_FAILED, "the run died");
        json_set_text(run->report, "proof", proof_of_words(run, lines));
        run_conclude(run, run->migrating || run->restored_anew ? 7 : 1, cause, NULL, outcome);
    }
}
