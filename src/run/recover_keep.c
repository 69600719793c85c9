#include "run/recover_keep.h"

#include "base/error.h"
#include "base/log.h"
#include "run/gate.h"
#include "run/recover_journal.h"
#include <string.h>

bool recover_check_one_keep(const GPtrArray *records, GError **error)
{
    const RunRecord *first = NULL;
    for (guint i = 0; i < records->len; i++) {
        const RunRecord *record = g_ptr_array_index(records, i);
        if (strcmp(record->role, "keep") != 0 || !record->trusted)
            continue;
        if (first != NULL) {
            error_set(error, ERROR_NEEDS_PERSON,
                      "there are two kept copies of database '%s': '%s' and '%s'", record->database,
                      first->name, record->name);
            error_hint_set(error,
                           "see whose each is (psql \\l); COMMENT ON DATABASE ... IS NULL on "
                           "the one that is none, then recover again");
            return false;
        }
        first = record;
    }
    return true;
}

/* Nobody else may say what it is called: it may be in service under that name. */
static void explain_renamed(const Run *run, const RunRecord *keep, bool live, GError **error)
{
    const bool is_keep = strcmp(keep->role, "keep") == 0;
    const char *was = is_keep ? run->names->keep : run->names->work;
    g_autofree char *now = pg_identifier(keep->name);
    g_autofree char *wanted = pg_identifier(was);
    error_set(error, ERROR_NEEDS_PERSON,
              "'%s' bears the record of the %s copy of run %s: somebody has renamed it, it was "
              "'%s'; %s '%s'",
              keep->name, is_keep ? "kept" : "work", keep->run, was,
              live ? "it is left alone, and there is another database" : "there is no database",
              run->database);
    if (live)
        error_hint_set(error,
                       "if nobody needs it, DROP DATABASE %s; else take its record away: COMMENT "
                       "ON DATABASE %s IS NULL; then recover again",
                       now, now);
    else
        error_hint_set(error,
                       "ALTER DATABASE %s ALLOW_CONNECTIONS false; ALTER DATABASE %s RENAME TO %s; "
                       "then recover again",
                       now, now, wanted);
}

/* Whether the run's snapshot was restored and has the name: it got it in the transaction that put
 * the migrated copy aside. */
static bool snapshot_is_live(Run *run, const json_t *lines, const GPtrArray *records, bool *is_live,
                             GError **error)
{
    bool restoring = false;
    if (!run_database_exists(run, run->names->restore, &restoring, error))
        return false;
    *is_live = !restoring && (run_records_find(records, run->id, "failed") != NULL ||
                              (journal_find(lines, "done", "restore", "snapshot") != NULL &&
                               journal_find(lines, "intent", "restore", "rename") != NULL));
    return true;
}

static bool put_aside(Run *run, const RunRecord *keep, GError **error)
{
    const RunRecord record = {.run = run->id,
                              .database = run->database,
                              .role = (char *)"unproven",
                              .phase = (char *)"restored",
                              .comment = keep->comment};
    g_autofree char *from = pg_identifier(keep->name);
    g_autofree char *to = pg_identifier(run->names->unproven);
    g_autofree char *comment = run_record_statement(run->names->unproven, &record);
    if (gate_set(run->control, keep->name, false, error) &&
        gate_end_sessions(run->control, keep->name, NULL, 10000, NULL, error) &&
        pg_execf(run->control, error, "BEGIN; ALTER DATABASE %s RENAME TO %s; %s; COMMIT", from, to,
                 comment))
        return true;
    if (pg_is_alive(run->control))
        (void)pg_exec(run->control, "ROLLBACK", NULL);
    return false;
}

/* It has its own name again, but the way back went on without it. */
static void settle_late(Run *run, const GPtrArray *records, const RunRecord *keep,
                        RunOutcome *outcome)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) lines = recover_adopt_journal(run, &error);
    if (lines == NULL || !run_end_own_sessions(run, &error) || !put_aside(run, keep, &error)) {
        log_error(error);
        run_conclude(run, 9, error, NULL, outcome);
        return;
    }
    run->unproven_left = true;
    run->failed_left = run_records_find(records, run->id, "failed") != NULL;
    json_set_text(run->report, "proof",
                  "the snapshot of the run was restored and proven while the kept copy was away");
    error_set(&error, ERROR_FAILED, "somebody had renamed the kept copy");
    run_conclude(run, 7, error, NULL, outcome);
}

bool recover_renamed_work(Run *run, const RunRecord *work, RunOutcome *outcome)
{
    g_autoptr(RunNames) names = run_names_new(run->database, work->run);
    g_autoptr(GError) error = NULL;
    bool live = false;
    if (strcmp(work->name, names->work) == 0)
        return false;
    run_take_id(run, "recover", work->run);
    if (run_database_exists(run, run->database, &live, &error))
        explain_renamed(run, work, live, &error);
    log_error(error);
    run_conclude(run, error_is(error, ERROR_NEEDS_PERSON) ? 8 : 9, error, NULL, outcome);
    return true;
}

bool recover_displaced_keep(Run *run, const GPtrArray *records, const RunRecord *keep,
                            RunOutcome *outcome)
{
    g_autoptr(RunNames) names = run_names_new(run->database, keep->run);
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) lines = NULL;
    g_autofree char *folder = NULL;
    const bool renamed = strcmp(keep->name, names->keep) != 0;
    bool live = false, settled = false;
    if (run_database_exists(run, run->database, &live, &error) && !renamed && !live)
        return false;
    run_take_id(run, "recover", keep->run);
    if (error == NULL && renamed) {
        explain_renamed(run, keep, live, &error);
        log_error(error);
        run_conclude(run, 8, error, NULL, outcome);
        return true;
    }
    folder = g_build_filename(run->options->state_folder, "runs", run->id, NULL);
    lines = journal_read(folder, NULL);
    if (error != NULL || !snapshot_is_live(run, lines, records, &settled, &error)) {
        log_error(error);
        run_conclude(run, 9, error, NULL, outcome);
        return true;
    }
    if (settled)
        settle_late(run, records, keep, outcome);
    return settled;
}
