/* What can be known before a run in the live database: nothing of it is renamed or cloned, so that
 * what matters is whether its migrations can be taken back. */
#include "base/error.h"
#include "migration/step.h"
#include "migration/undo.h"
#include "run/context.h"
#include "run/estimate.h"
#include "run/trust.h"
#include <string.h>

/* A copy that a dead run has left says that the database may be about to be put back. */
static bool survey_leftovers(Run *run, GError **error)
{
    g_autoptr(GPtrArray) records = run_records_read(run->control, run->database, error);
    if (records == NULL)
        return false;
    trust_by_journal(records, run->options->state_folder);
    trust_warn(records);
    for (guint i = 0; i < records->len; i++) {
        const RunRecord *record = g_ptr_array_index(records, i);
        if (record->trusted &&
            (strcmp(record->role, "keep") == 0 || strcmp(record->role, "work") == 0))
            run_finding(run, "leftover", true, "run drydock recover",
                        "'%s' is left over from run %s, which has not ended", record->name,
                        record->run);
    }
    return true;
}

/* Why the way back may have to leave a migration applied; NULL: it has none to fear. */
static char *obstacle(const Migration *migration)
{
    const char *why =
        migration->repeatable ? "what it replaces is not known" : undo_obstacle(migration);
    g_autoptr(GArray) steps = migration_steps(&migration->up);
    if (why != NULL)
        return g_strdup_printf("migration %s cannot be taken back: %s", migration->title, why);
    if (steps->len > 1)
        return g_strdup_printf("migration %s is committed in %u steps: if a later one fails, those "
                               "before it stay",
                               migration->title, steps->len);
    return NULL;
}

static void survey_way_back(Run *run)
{
    for (guint i = 0; i < run->pending->len; i++) {
        const Migration *migration = g_ptr_array_index(run->pending, i);
        g_autofree char *why = obstacle(migration);
        if (why != NULL)
            run_finding(run, "irreversible", true,
                        "write its down file, or migrate in a window with a fence; with \"accept: "
                        "[irreversible]\" a failure may leave it applied",
                        "%s", why);
    }
}

bool run_survey_online(Run *run, GError **error)
{
    run->before = pg_properties_read(run->control, run->database, error);
    if (run->before == NULL || !survey_leftovers(run, error))
        return false;
    survey_way_back(run);
    return run_fits(run, "the run", estimate_whole_us(run), error);
}
