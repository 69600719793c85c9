/* What can be known of the migrations before anything is touched: drift, order, and statements that
 * have no place in a run. */
#include "base/error.h"
#include "migration/history.h"
#include "migration/statement.h"
#include "run/context.h"
#include <string.h>

/* Asks the server's own grammar, so that a slip of the pen costs no downtime. */
static bool check_syntax(Run *run, const MigrationFile *file, GError **error)
{
    for (guint i = 0; i < file->statements->len; i++) {
        const SqlStatement *statement = g_ptr_array_index(file->statements, i);
        int line = 0, column = 0;
        g_autofree char *title = NULL;
        if (pg_parses(run->control, statement->text, statement->size_bytes, error))
            continue;
        title = statement_title(statement);
        splitter_locate(statement, MAX(error_position(*error), 1), &line, &column);
        g_prefix_error(error, "%s:%d:%d: %s: ", file->path, line, column, title);
        if (error_is(*error, ERROR_QUERY))
            error_recode(error, ERROR_CONFIG);
        return false;
    }
    return true;
}

static void classify(Run *run, const MigrationFile *file, const SqlStatement *statement)
{
    g_autofree char *words = NULL;
    const char *fix = NULL, *why = NULL;
    bool refuses = true;
    switch (statement_classify(statement, run->database, &words)) {
    case STATEMENT_TRANSACTION_CONTROL:
        why = "controls the transaction, which is the run's business";
        fix = "take the statement out: each migration runs in one transaction";
        break;
    case STATEMENT_NO_TRANSACTION:
        why = "cannot run in a transaction";
        fix = "use the plain form: nobody is inside while the migration runs";
        break;
    case STATEMENT_CLUSTER:
        why = "reaches outside the database, where no copy can take it back";
        fix = "do it by hand before the run";
        break;
    case STATEMENT_OWN_DATABASE:
        why = "names its own database, which has another name during the run";
        fix = "use current_database() and EXECUTE format(...) in a DO block";
        break;
    case STATEMENT_SESSION:
        why = "changes a setting that is pinned again before the next statement";
        refuses = false;
        break;
    case STATEMENT_OTHER:
        return;
    }
    run_finding(run, "statement", refuses, fix, "%s:%d:%d: %s %s", file->path, statement->line,
                statement->column, words != NULL ? words : "the statement", why);
}

bool run_survey_migrations(Run *run, PgConnection *live, GError **error)
{
    g_autoptr(GPtrArray) history = history_read(live, error);
    g_autoptr(GPtrArray) statuses = NULL;
    if (history == NULL)
        return false;
    statuses = history_compare(run->options->set, history);
    if (!history_check(statuses, error))
        return false;
    run->pending = history_pending(statuses, run->options->to, error);
    if (run->pending == NULL)
        return false;
    for (guint i = 0; i < run->pending->len; i++) {
        const Migration *migration = g_ptr_array_index(run->pending, i);
        if (!check_syntax(run, &migration->up, error) ||
            (migration->verify != NULL && !check_syntax(run, migration->verify, error)))
            return false;
        for (guint j = 0; j < migration->up.statements->len; j++)
            classify(run, &migration->up, g_ptr_array_index(migration->up.statements, j));
    }
    return true;
}
