#include "migration/check.h"

#include "base/error.h"
#include "migration/statement.h"
#include "migration/step.h"

static const struct {
    const char *why, *fix;
    bool refuses;
} classes[] = {
    [STATEMENT_TRANSACTION_CONTROL] = {"controls the transaction, which is drydock's business",
                                       "take the statement out: each migration runs in one "
                                       "transaction; '-- drydock: commit' on a line of its own "
                                       "commits in between",
                                       true},
    [STATEMENT_COMMITS_INSIDE] = {"commits inside a block, which cannot be in a transaction",
                                  "say '-- drydock: transaction off' at the head of the file",
                                  true},
    [STATEMENT_NO_TRANSACTION] = {"cannot run in a transaction: each statement of its segment is "
                                  "committed by itself, and its steps are recorded",
                                  NULL, false},
    [STATEMENT_CLUSTER] = {"reaches outside the database, where no copy can take it back",
                           "do it by hand before the run", true},
    [STATEMENT_OWN_DATABASE] = {"names its own database, which has another name during a run",
                                "use current_database() and EXECUTE format(...) in a DO block",
                                true},
    [STATEMENT_SESSION] = {"changes a setting that is pinned again before the next statement", NULL,
                           false},
};

static void finding_free(StatementFinding *finding)
{
    g_free(finding->text);
    g_free(finding);
}

static StatementFinding *finding_new(const MigrationFile *file, const SqlStatement *statement,
                                     bool refuses, const char *words, const char *why,
                                     const char *fix)
{
    StatementFinding *finding = g_new0(StatementFinding, 1);
    finding->refuses = refuses;
    finding->fix = fix;
    finding->text =
        g_strdup_printf("%s:%d:%d: %s %s", file->path, statement->line, statement->column,
                        words != NULL ? words : "the statement", why);
    return finding;
}

/* What is wrong only where a statement is committed by itself. */
static StatementFinding *check_alone(const MigrationFile *file, const SqlStatement *statement,
                                     StatementClass class, const char *words)
{
    g_auto(BareStatement) bare = {0};
    bare_parse(statement, &bare);
    if (class == STATEMENT_NO_TRANSACTION && (bare.kind == BARE_NOT || bare.kind == BARE_COMMITS))
        return finding_new(file, statement, true, words, "cannot run inside a block",
                           "make it a statement of its own");
    if (bare.kind == BARE_CREATE_INDEX && bare.name == NULL)
        return finding_new(file, statement, true, words,
                           "gives the index no name by which it could be found after a crash",
                           "name the index");
    return NULL;
}

static StatementFinding *check_statement(const MigrationFile *file, guint i, bool alone,
                                         const char *database)
{
    const SqlStatement *statement = g_ptr_array_index(file->statements, i);
    g_autofree char *words = NULL;
    const StatementClass class = statement_classify(statement, database, &words);
    StatementFinding *finding = alone ? check_alone(file, statement, class, words) : NULL;
    if (file->repeatable && class == STATEMENT_NO_TRANSACTION)
        return finding_new(file, statement, true, words,
                           "cannot run in a transaction, and a repeatable migration is one",
                           "use the plain form, or a migration of its own");
    if (file->repeatable && class == STATEMENT_COMMITS_INSIDE)
        return finding_new(file, statement, true, words,
                           "commits inside a block, and a repeatable migration is one transaction",
                           "use a migration of its own, with '-- drydock: transaction off'");
    if (finding != NULL || class == STATEMENT_OTHER ||
        (class == STATEMENT_COMMITS_INSIDE && alone) ||
        (class == STATEMENT_NO_TRANSACTION && file->transaction_off))
        return finding;
    return finding_new(file, statement, classes[class].refuses, words, classes[class].why,
                       classes[class].fix);
}

GPtrArray *migration_check_file(const MigrationFile *file, const char *database)
{
    GPtrArray *findings = g_ptr_array_new_with_free_func((GDestroyNotify)finding_free);
    g_autoptr(GArray) steps = migration_steps(file);
    for (guint s = 0; s < steps->len; s++) {
        const MigrationStep *step = &g_array_index(steps, MigrationStep, s);
        for (guint i = step->first; i < step->first + step->count; i++) {
            StatementFinding *finding = check_statement(file, i, step->off, database);
            if (finding != NULL)
                g_ptr_array_add(findings, finding);
        }
    }
    return findings;
}

bool migration_check(const GPtrArray *files, const char *database, GError **error)
{
    for (guint i = 0; i < files->len; i++) {
        g_autoptr(GPtrArray) findings = migration_check_file(g_ptr_array_index(files, i), database);
        for (guint j = 0; j < findings->len; j++) {
            const StatementFinding *finding = g_ptr_array_index(findings, j);
            if (!finding->refuses)
                continue;
            error_set(error, ERROR_REFUSED, "%s", finding->text);
            error_hint_set(error, "%s", finding->fix);
            return false;
        }
    }
    return true;
}
