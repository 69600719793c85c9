/* What can be known of the migrations before anything is touched: drift, order, and statements that
 * have no place in a run. */
#include "base/error.h"
#include "migration/check.h"
#include "migration/history.h"
#include "migration/statement.h"
#include "migration/step.h"
#include "migration/undo.h"
#include "run/context.h"
#include "run/marker.h"
#include <string.h>

/* Asks the server's own grammar, so that a slip of the pen costs no downtime. */
static bool check_syntax(Run *run, const char *path, const GPtrArray *statements, GError **error)
{
    for (guint i = 0; i < statements->len; i++) {
        const SqlStatement *statement = g_ptr_array_index(statements, i);
        int line = 0, column = 0;
        g_autofree char *title = NULL;
        if (pg_parses(run->control, statement->text, statement->size_bytes, error))
            continue;
        title = statement_title(statement);
        splitter_locate(statement, MAX(error_position(*error), 1), &line, &column);
        g_prefix_error(error, "%s:%d:%d: %s: ", path, line, column, title);
        if (error_is(*error, ERROR_QUERY))
            error_recode(error, ERROR_CONFIG);
        return false;
    }
    return true;
}

static bool check_file(Run *run, const MigrationFile *file, GError **error)
{
    return check_syntax(run, file->path, file->statements, error);
}

static bool check_assertions(Run *run, GError **error)
{
    if (!run_load_assertions(run, error))
        return false;
    for (guint i = 0; i < run->assertions->len; i++) {
        const AssertionFile *file = g_ptr_array_index(run->assertions, i);
        if (!check_syntax(run, file->path, file->statements, error))
            return false;
    }
    return true;
}

static void check_statements(Run *run, const MigrationFile *file)
{
    g_autoptr(GPtrArray) findings = migration_check_file(file, run->database);
    for (guint i = 0; i < findings->len; i++) {
        const StatementFinding *finding = g_ptr_array_index(findings, i);
        run_finding(run, "statement", finding->refuses, finding->fix, "%s", finding->text);
    }
}

/* Where down files are the way back, a slip of the pen in one must not be found on the bad day. */
static bool check_down(Run *run, const Migration *migration, GError **error)
{
    if (undo_obstacle(migration) != NULL)
        return true;
    check_statements(run, migration->down);
    return check_file(run, migration->down, error);
}

/* A migration that an earlier migrate has begun in the live database is finished in the copy, if it
 * can be known how far it is. */
static void check_partial(Run *run, const GPtrArray *statuses)
{
    for (guint i = 0; i < statuses->len; i++) {
        const MigrationStatus *status = g_ptr_array_index(statuses, i);
        const StepRecord *started = status->started;
        if (status->state != STATE_PARTIAL || status->entry != NULL)
            continue;
        if (started != NULL && started->decision == NULL &&
            migration_step_is_riddle(&status->migration->up, started->number))
            run_finding(run, "statement", true,
                        "finish it with drydock migrate and --again or --done",
                        "migration %s: step %d (line %d, %s) was started and its end was not seen",
                        status->migration->id, started->number, started->line, started->title);
        else if (run->kind == RUN_ONLINE)
            run_finding(run, "partial", true, "finish it with drydock migrate",
                        "migration %s is partly applied already: the way back of this run could "
                        "not leave it so",
                        status->migration->id);
        else
            run_finding(run, "partial", false, NULL,
                        "migration %s is partly applied already: %d of %d steps; the run goes on "
                        "behind them",
                        status->migration->id, status->steps_done, status->steps);
    }
}

bool run_survey_migrations(Run *run, PgConnection *live, GError **error)
{
    if (!marker_check(live, error))
        return false;
    run->standing = standing_read(live, run->options->set, run->options->allowed, error);
    if (run->standing == NULL || !standing_check(run->standing, error))
        return false;
    check_partial(run, run->standing->statuses);
    run->pending = standing_pending(run->standing, run->options->to, error);
    if (run->pending == NULL)
        return false;
    for (guint i = 0; i < run->pending->len; i++) {
        const Migration *migration = g_ptr_array_index(run->pending, i);
        if (!check_file(run, &migration->up, error) ||
            (migration->verify != NULL && !check_file(run, migration->verify, error)) ||
            (run->kind == RUN_ONLINE && !check_down(run, migration, error)))
            return false;
        check_statements(run, &migration->up);
    }
    return check_assertions(run, error);
}
