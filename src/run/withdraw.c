/* The way back of a run from a snapshot: nothing in service was touched, so that all there is to do
 * is to take its own copy away, or to put it aside if it was migrated. */
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "run/context.h"
#include "run/gate.h"
#include "run/leftover.h"
#include <string.h>

static bool rename_aside(Run *run, GError **error)
{
    const RunRecord record = {.run = run->id,
                              .database = run->database,
                              .role = (char *)"failed",
                              .strategy = (char *)run_strategy(run),
                              .phase = (char *)"restored"};
    g_autofree char *work = pg_identifier(run->names->work);
    g_autofree char *failed = pg_identifier(run->names->failed);
    g_autofree char *comment = run_record_statement(run->names->failed, &record);
    if (!gate_set(run->control, run->names->work, false, error) ||
        !gate_end_sessions(run->control, run->names->work, NULL, 10000, NULL, error) ||
        !pg_execf(run->control, error, "BEGIN; ALTER DATABASE %s RENAME TO %s; %s; COMMIT", work,
                  failed, comment)) {
        if (pg_is_alive(run->control))
            (void)pg_exec(run->control, "ROLLBACK", NULL);
        return false;
    }
    run->failed_left = true;
    return true;
}

static bool keep_scratch(Run *run, GError **error)
{
    if (!run_write_work_record(run, "kept", error) ||
        !gate_set(run->control, run->names->work, false, error) ||
        !gate_end_sessions(run->control, run->names->work, NULL, 10000, NULL, error))
        return false;
    run->kept_scratch = true;
    return true;
}

/* Whether what has the copy's name is the copy: it bears our record, or was born closed and has
 * none yet. Who has restored or migrated it knows it. */
static bool is_own(Run *run, bool *own, GError **error)
{
    g_autoptr(PgResult) row =
        pg_query(run->control, error,
                 "SELECT shobj_description(oid, 'pg_database'), datallowconn FROM pg_database "
                 "WHERE datname = $1",
                 1, run->names->work);
    RunRecord *record = NULL;
    *own = false;
    if (run->stands)
        return row != NULL;
    *own = run->migrating || run->digests != NULL;
    if (row == NULL)
        return false;
    if (*own || pg_rows(row) == 0)
        return true;
    record = run_record_parse(run->names->work, pg_value_or_null(row, 0, 0));
    *own = record != NULL ? strcmp(record->run, run->id) == 0
                          : pg_is_null(row, 0, 0) && !pg_flag(row, 0, 1);
    run_record_free(record);
    if (!*own)
        log_warning("'%s' was made by somebody else, and is left alone", run->names->work);
    return true;
}

/* What becomes of the copy. */
static bool settle(Run *run, GError **error)
{
    const char *step = run->migrating ? "rename" : "drop";
    if (run->kind == RUN_REHEARSAL)
        return run_settle_rehearsal(run, error);
    if (!journal_intent(run->journal, "restore", step, NULL, NULL))
        log_warning("the journal cannot be written");
    if (!(run->migrating ? rename_aside(run, error) : run_drop_copy(run, run->names->work, error)))
        return false;
    (void)journal_done(run->journal, "restore", step, NULL, NULL);
    return true;
}

bool run_settle_rehearsal(Run *run, GError **error)
{
    /* A restore that failed has left nothing that is worth looking at. */
    if (run->options->keep && run->digests != NULL)
        return keep_scratch(run, error);
    if (!run_drop_copy(run, run->names->work, error))
        return false;
    run->cloned = false;
    return true;
}

/* A lost COMMIT may have given it the name all the same. */
static bool was_opened(Run *run, bool work, bool *opened, GError **error)
{
    bool live = false;
    *opened = false;
    if (work || !run->naming_sent)
        return true;
    if (!run_database_exists(run, run->database, &live, error))
        return false;
    *opened = live;
    return !live || run_learn_closed(run, run->database, error);
}

WayBack run_withdraw(Run *run, GPtrArray *exceptions, GError **error)
{
    const bool migrated = run->migrating;
    bool work = false, own = false;
    interrupt_shield(true);
    g_clear_pointer(&run->work, pg_disconnect);
    run->phase = "restore";
    if (!run_connect(run, error))
        return WAY_BACK_NOT;
    if (pg_transaction(run->control) != PG_IDLE && !pg_exec(run->control, "ROLLBACK", error))
        return WAY_BACK_NOT;
    pg_set_deadline(run->control, 0, NULL);
    if (!run_end_own_sessions(run, error) ||
        !run_database_exists(run, run->names->work, &work, error) ||
        !was_opened(run, work, &run->opened, error))
        return WAY_BACK_NOT;
    if (run->opened)
        return WAY_BACK_OPENED;
    if (work && !is_own(run, &own, error))
        return WAY_BACK_NOT;
    if (own && work && !settle(run, error)) {
        g_prefix_error(error, "the copy '%s' is left: ", run->names->work);
        return WAY_BACK_NOT;
    }
    if (run->kind == RUN_IMPORT)
        json_set_text(run->report, "proof", "this run changed nothing but its own copy");
    if (migrated && run->kind == RUN_IMPORT)
        run_compare_shared(run, exceptions);
    return exceptions->len == 0 ? WAY_BACK_PROVEN : WAY_BACK_EXCEPTIONS;
}
