#include "migration/check.h"

#include "base/error.h"
#include "migration/statement.h"

static const struct {
    const char *why, *fix;
    bool refuses;
} classes[] = {
    [STATEMENT_TRANSACTION_CONTROL] = {"controls the transaction, which is drydock's business",
                                       "take the statement out: each migration runs in one "
                                       "transaction",
                                       true},
    [STATEMENT_NO_TRANSACTION] = {"cannot run in a transaction",
                                  "use the plain form: each migration runs in one transaction",
                                  true},
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

GPtrArray *migration_check_file(const MigrationFile *file, const char *database)
{
    GPtrArray *findings = g_ptr_array_new_with_free_func((GDestroyNotify)finding_free);
    for (guint i = 0; i < file->statements->len; i++) {
        const SqlStatement *statement = g_ptr_array_index(file->statements, i);
        g_autofree char *words = NULL;
        const StatementClass class = statement_classify(statement, database, &words);
        StatementFinding *finding = NULL;
        if (class == STATEMENT_OTHER)
            continue;
        finding = g_new0(StatementFinding, 1);
        finding->refuses = classes[class].refuses;
        finding->fix = classes[class].fix;
        finding->text =
            g_strdup_printf("%s:%d:%d: %s %s", file->path, statement->line, statement->column,
                            words != NULL ? words : "the statement", classes[class].why);
        g_ptr_array_add(findings, finding);
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
