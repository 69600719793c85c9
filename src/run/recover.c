/*
 * Recovery: the run's table read backwards, from what the server says of itself (names, records in
 * comments, sessions) and from the journal where there is one.
 *
 *   kept copy  work copy      database   what happened              what is done
 *   ---------  -------------  ---------  -------------------------  ------------------------------
 *   yes        none, clone    no         died before migrating      name back, clone dropped
 *   yes        migrate        no         died while migrating       name back, work put aside
 *   yes        verified       no         died before opening        published, opened
 *   no         clone          yes        died after putting back    clone dropped
 *   no         no             yes        not fenced, or at its end  the journal's end is written
 *   no         any            no         somebody dropped the kept  the run's snapshot restored
 *   renamed    any            any        a person did that          nothing: it is named
 *   yes        any            restored   it was away for a while    it is put aside
 *
 * in_place the kept copy is the clone from "migrate" on, and the work copy the database itself:
 *
 *   yes        untouched      no         nobody was let into it     exchanged back, as above
 *   none       untouched      no         there is no clone          exchanged back, as above
 *   none       migrate        no         died while migrating       name back, if all was rolled
 *                                                                   back; else the run's snapshot
 *   none       verified       no         died before opening        opened
 *
 * That is on_crash: restore. With continue a run that died while migrating goes on, if it can
 * (run/recover_continue.c); with ask nothing is done before somebody has said what.
 *
 * A run without a fence has no copies: the database itself tells of it (run/recover_online.c).
 * A run from a snapshot has no kept copy, and what is in service was never touched; its work copy
 * says so (run/recover_import.c).
 */
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "run/context.h"
#include "run/gate.h"
#include "run/leftover.h"
#include "run/publish.h"
#include "run/recover_continue.h"
#include "run/recover_import.h"
#include "run/recover_journal.h"
#include "run/recover_keep.h"
#include "run/recover_online.h"
#include "run/recover_words.h"
#include "run/trust.h"
#include <string.h>

/* What preflight knew: from the journal, else from the kept copy, which has kept its own
 * properties (or the database itself, where there is no other). */
static bool adopt_properties(Run *run, const json_t *lines, const RunRecord *told, GError **error)
{
    const json_t *passed = journal_find(lines, "note", "preflight", "passed");
    const json_t *details = json_object_get(passed, "details");
    if (details != NULL) {
        run->shared = json_incref(json_object_get(details, "shared"));
        run->before = pg_properties_from_json(json_object_get(details, "properties"), error);
    } else {
        run->before = pg_properties_read(run->control, told->name, error);
        if (run->before != NULL)
            pg_properties_set_comment(run->before, told->comment);
    }
    return run->before != NULL;
}

/* Whether migrating statements may have been sent to the work copy, and whether it was found right.
 */
static bool adopt_work(Run *run, const json_t *lines, const RunRecord *told, const RunRecord *work,
                       bool *verified, GError **error)
{
    bool exists = false;
    g_autofree char *comment = NULL;
    *verified = false;
    if (!run_database_exists(run, run->names->work, &exists, error))
        return false;
    run->cloned = exists;
    if (!exists)
        return true;
    if (work != NULL) {
        run->migrating = strcmp(work->phase, "clone") != 0;
        if (!run_learn_proven(run, work, verified, error))
            return false;
    } else {
        /* A clone is born without a comment: if it has one that is not ours, a migration has put it
         * there. */
        comment = pg_query_text(run->control, NULL,
                                "SELECT shobj_description(oid, 'pg_database') FROM pg_database "
                                "WHERE datname = $1",
                                1, run->names->work);
        run->migrating = comment != NULL;
    }
    if (run->exchanged || strcmp(told->phase, "migrate") == 0 ||
        journal_find(lines, "intent", "migrate", "begin") != NULL)
        run->migrating = true;
    return true;
}

/* The backup lane writes down what the kept copy holds before the record does. */
static const char *content_of(const json_t *lines)
{
    const json_t *taken = journal_find(lines, "done", "snapshot", "take");
    return json_get_text(json_object_get(taken, "details"), "content");
}

/* keep: NULL for a run in_place without a clone, whose work copy is the database itself. */
static bool adopt(Run *run, const json_t *lines, const RunRecord *keep, const RunRecord *work,
                  bool *verified, GError **error)
{
    const RunRecord *told = keep != NULL ? keep : work;
    run->fenced = true;
    run->in_place = g_strcmp0(told->strategy, "in_place") == 0;
    run->alone = keep == NULL;
    run->exchanged = run->in_place && (run->alone || strcmp(keep->phase, "migrate") == 0);
    run->gate = keep != NULL ? g_strdup(keep->gate) : NULL;
    if (run->exchanged && work != NULL && strcmp(work->phase, "migrate") == 0)
        run->work_gate = g_strdup(work->gate);
    run->content = g_strdup(told->content != NULL ? told->content : content_of(lines));
    run->read_only = g_strdup(told->read_only);
    run->gate_opened = strcmp(told->phase, "fence") != 0;
    run->unwatched = run->gate == NULL && run->gate_opened;
    return adopt_properties(run, lines, told, error) &&
           adopt_work(run, lines, told, work, verified, error);
}

/* The run was near its end: nothing is missing but the name, and the snapshot in the stores if the
 * name waits for that. */
static bool finish_opening(Run *run, GError **error)
{
    bool open = false;
    if (!run_publish_before_open(run, error) ||
        !gate_is_open(run->control, run->names->keep, &open, error) ||
        (open && !run_close_unwatched(run, error)) ||
        (run->proven_row == NULL && !gate_set(run->control, run->names->work, false, error)) ||
        !run_open(run, error))
        return false;
    run_outcome_is_known(run, 0);
    publish_late(run);
    return true;
}

static const char *when_it_died(bool migrating, bool verified)
{
    return verified    ? "before its migrated copy, which is proven, took the name"
           : migrating ? "while the work copy was migrated or verified"
                       : "before anything was migrated";
}

/* As far as the records tell it. */
static bool decide(Run *run, const RunRecord *keep, const RunRecord *work, OnCrash *decision,
                   RunOutcome *outcome)
{
    const RunRecord *told = keep != NULL ? keep : work;
    const bool verified = work != NULL && strcmp(work->phase, "verified") == 0;
    const bool migrating =
        strcmp(told->phase, "migrate") == 0 || (work != NULL && strcmp(work->phase, "clone") != 0);
    g_autofree char *standing =
        g_strdup_printf("run %s died %s; '%s' is out of service as '%s'", run->id,
                        when_it_died(migrating, verified), run->database, told->name);
    return recover_decide(run, standing, decision, outcome);
}

/* Whether the run came to its end now. */
static bool finish(Run *run, const json_t *lines, bool verified, OnCrash decision, GError **error)
{
    const char *when = when_it_died(run->migrating, verified);
    if (verified)
        return finish_opening(run, error);
    if (decision == ON_CRASH_CONTINUE) {
        if (recover_continue(run, lines, error))
            return true;
        g_prefix_error(error, "the run died %s; ", when);
        return false;
    }
    error_set(error, ERROR_FAILED, "the run died %s", when);
    return false;
}

static void recover_copies(Run *run, const RunRecord *keep, const RunRecord *work,
                           RunOutcome *outcome)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) lines = NULL;
    OnCrash decision = ON_CRASH_RESTORE;
    bool verified = false;
    run_take_id(run, "recover", keep != NULL ? keep->run : work->run);
    if (!decide(run, keep, work, &decision, outcome))
        return;
    lines = recover_adopt_journal(run, &error);
    if (lines == NULL || !adopt(run, lines, keep, work, &verified, &error) ||
        !run_end_own_sessions(run, &error)) {
        log_error(error);
        run_conclude(run, 9, error, NULL, outcome);
        return;
    }
    log_info("recover: run %s has not ended: '%s' is '%s'%s", run->id, run->database,
             keep != NULL ? keep->name : work->name,
             verified ? ", and its migrated copy is proven" : "");
    if (finish(run, lines, verified, decision, &error))
        run_conclude(run, 0, NULL, NULL, outcome);
    else
        run_go_back(run, error, outcome);
}

/* A clone that was left when the name was back already. */
static bool drop_leftover(Run *run, const RunRecord *work, GError **error)
{
    bool live = false;
    if (strcmp(work->phase, "clone") != 0) {
        error_set(error, ERROR_NEEDS_PERSON,
                  "'%s' is a migrated copy of run %s, whose kept copy is gone", work->name,
                  work->run);
        return false;
    }
    run_take_id(run, "recover", work->run);
    if (!run_database_exists(run, run->database, &live, error))
        return false;
    if (!live) {
        error_set(error, ERROR_NEEDS_PERSON,
                  "neither '%s' nor its kept copy '%s' is on the server; the clone '%s', to which "
                  "no migrating statement was sent, is left alone",
                  run->database, run->names->keep, work->name);
        return false;
    }
    /* A clone that got another name got it from a person, who may have put it into service. */
    if (strcmp(work->name, run->names->work) != 0) {
        error_set(error, ERROR_NEEDS_PERSON,
                  "'%s' bears the record of the clone of run %s, but not its name, and is left "
                  "alone",
                  work->name, work->run);
        error_hint_set(error, "if it is wanted, take the record away: COMMENT ON DATABASE ... IS "
                              "NULL, or the comment that it shall have; else drop it");
        return false;
    }
    if (!run_end_own_sessions(run, error) || !run_drop_copy(run, work->name, error))
        return false;
    log_info("recover: dropped the clone '%s' of run %s", work->name, work->run);
    return true;
}

/* Whether the name may have been given to a copy before the run died: users have written to it
 * since, wherever it is now, so that a snapshot of the run is no way back any more. A transaction
 * that gives the name gives a migrated work copy another one. */
static bool may_have_ended(Run *run, const char *id, const RunRecord *work)
{
    g_autofree char *folder = g_build_filename(run->options->state_folder, "runs", id, NULL);
    g_autoptr(json_t) lines = journal_read(folder, NULL);
    g_autoptr(RunNames) names = run_names_new(run->database, id);
    bool there = false;
    if (!run_database_exists(run, names->work, &there, NULL))
        return true;
    if (!there)
        return journal_find(lines, "intent", "open", "rename") != NULL ||
               journal_find(lines, "intent", "restore", "rename") != NULL;
    return work != NULL && strcmp(work->phase, "clone") == 0 &&
           journal_find(lines, "intent", "restore", "rename") != NULL;
}

/* Whether somebody has taken away a kept copy whose name nobody has: the run has a snapshot then,
 * or a person is needed. */
static bool lost_keep(Run *run, const RunRecord *work)
{
    g_autofree char *id = work != NULL ? g_strdup(work->run) : recover_unfinished_run(run);
    g_autofree char *manifest = id != NULL ? g_build_filename(run->options->state_folder, "runs",
                                                              id, "snapshot", "manifest.json", NULL)
                                           : NULL;
    bool live = true;
    return manifest != NULL && file_exists(manifest) &&
           run_database_exists(run, run->database, &live, NULL) && !live &&
           !may_have_ended(run, id, work);
}

static bool adopt_without_keep(Run *run, const RunRecord *work, GError **error)
{
    g_autofree char *id = work != NULL ? g_strdup(work->run) : recover_unfinished_run(run);
    const RunRecord nothing = {.phase = (char *)""};
    g_autoptr(json_t) lines = NULL;
    const json_t *details = NULL;
    bool verified = false;
    run_take_id(run, "recover", id);
    lines = recover_adopt_journal(run, error);
    if (lines == NULL)
        return false;
    run->fenced = run->gate_opened = run->unwatched = true;
    run->content = g_strdup(content_of(lines));
    details = json_object_get(journal_find(lines, "note", "preflight", "passed"), "details");
    /* A migration may have taken the record of the database itself away. */
    run->in_place = g_strcmp0(json_get_text(details, "strategy"), "in_place") == 0;
    run->alone = run->exchanged = run->in_place && work == NULL &&
                                  journal_find(lines, "intent", "migrate", "exchange") != NULL;
    run->shared = json_incref(json_object_get(details, "shared"));
    if (json_object_get(details, "properties") != NULL)
        run->before = pg_properties_from_json(json_object_get(details, "properties"), error);
    return (run->before != NULL || json_object_get(details, "properties") == NULL) &&
           adopt_work(run, lines, &nothing, work, &verified, error);
}

static void recover_lost_keep(Run *run, const RunRecord *work, RunOutcome *outcome)
{
    g_autofree char *id = work != NULL ? g_strdup(work->run) : recover_unfinished_run(run);
    g_autofree char *standing =
        g_strdup_printf("run %s died, its kept copy is gone, and there is no database '%s'; the "
                        "snapshot of the run is what there is to go back to",
                        id, run->database);
    g_autoptr(GError) error = NULL;
    OnCrash decision = ON_CRASH_RESTORE;
    if (!recover_decide(run, standing, &decision, outcome))
        return;
    if (!adopt_without_keep(run, work, &error) || !run_end_own_sessions(run, &error)) {
        log_error(error);
        run_conclude(run, 9, error, NULL, outcome);
        return;
    }
    error_set(&error, ERROR_FAILED, "the run died, and its kept copy is gone");
    run_go_back(run, error, outcome);
}

/* Whether a work copy is the database that a run in_place migrates. */
static bool is_database_itself(const RunRecord *work)
{
    return work != NULL && g_strcmp0(work->strategy, "in_place") == 0 &&
           strcmp(work->phase, "clone") != 0;
}

void run_recover(const RunOptions *options, RunOutcome *outcome)
{
    g_auto(Run) run = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) records = NULL;
    const RunRecord *keep = NULL, *work = NULL;
    const bool ready = run_init(&run, options, "recover", &error);
    /* How the dead run was done is not what the policy may say by now. */
    run.in_place = run.alone = false;
    json_set_text(run.report, "command", "recover");
    if (ready && run_connect(&run, &error) && run_end_renaming_sessions(&run, &error))
        records = run_records_read(run.control, run.database, &error);
    if (records == NULL) {
        log_error(error);
        run_conclude(&run,
                     error_is(error, ERROR_LOCKED)   ? 5
                     : error_is(error, ERROR_CONFIG) ? 2
                                                     : 9,
                     error, NULL, outcome);
        return;
    }
    trust_by_journal(records, options->state_folder);
    trust_warn(records);
    if (!recover_check_one_keep(records, &error)) {
        log_error(error);
        run_conclude(&run, 8, error, NULL, outcome);
        return;
    }
    keep = run_records_find(records, NULL, "keep");
    work = run_records_find(records, keep != NULL ? keep->run : NULL, "work");
    if (keep != NULL && recover_displaced_keep(&run, records, keep, outcome))
        return;
    if (keep == NULL && is_database_itself(work) && recover_renamed_work(&run, work, outcome))
        return;
    if (keep == NULL && work == NULL && recover_online(&run, outcome))
        return;
    if (keep != NULL || is_database_itself(work)) {
        recover_copies(&run, keep, work, outcome);
    } else if (work != NULL && g_strcmp0(work->strategy, "import") == 0) {
        recover_import(&run, work, outcome);
    } else if (lost_keep(&run, work)) {
        recover_lost_keep(&run, work, outcome);
    } else if (work != NULL && !drop_leftover(&run, work, &error)) {
        log_error(error);
        run_conclude(&run, 8, error, NULL, outcome);
    } else {
        recover_words(&run, records, work != NULL ? work->run : NULL, outcome);
    }
}
