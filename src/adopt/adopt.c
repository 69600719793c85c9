#include "adopt/adopt.h"

#include "adopt/scratch.h"
#include "adopt/state.h"
#include "base/clock.h"
#include "base/error.h"
#include "migration/check.h"
#include "run/names.h"
#include "run/record.h"

static void adoption_clear(Adoption *adoption)
{
    pg_disconnect(adoption->live);
    pg_disconnect(adoption->control);
    run_lock_release(adoption->target_lock);
    run_lock_release(adoption->lock);
    g_clear_pointer(&adoption->rows, g_ptr_array_unref);
    g_clear_pointer(&adoption->history, g_ptr_array_unref);
    g_clear_pointer(&adoption->applied, g_ptr_array_unref);
    g_clear_pointer(&adoption->record, g_ptr_array_unref);
    g_clear_pointer(&adoption->gaps, g_ptr_array_unref);
    g_clear_pointer(&adoption->differences, g_ptr_array_unref);
    catalog_free(adoption->actual);
    catalog_free(adoption->expected);
    repair_text_clear(&adoption->repair);
    g_strfreev(adoption->names);
    g_free(adoption->schema);
    g_free(adoption->table);
    g_free(adoption->quoted);
    g_free(adoption->run);
    g_free(adoption->application);
    g_free(adoption->search_path);
    g_free(adoption->repair_path);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Adoption, adoption_clear)

void adopt_result_free(AdoptResult *result)
{
    if (result == NULL)
        return;
    json_decref(result->report);
    g_free(result->text);
    g_clear_error(&result->refused);
    g_free(result);
}

static int timeout_s(const Adoption *adoption)
{
    return (int)(adoption->options->policy->connect_timeout_ms / 1000);
}

/* During a run, and after one that died, there is no database of that name. */
static bool connect_live(Adoption *adoption, const PgConnectOptions *connect, GError **error)
{
    const PgTarget *target = adoption->options->target;
    const char *database = pg_target_database(target);
    g_autoptr(GError) cause = NULL;
    g_autoptr(PgResult) there = NULL;
    adoption->live = pg_connect(target, connect, &cause);
    if (adoption->live != NULL)
        return true;
    there = pg_query(adoption->control, NULL,
                     "SELECT FROM pg_catalog.pg_database WHERE datname = $1", 1, database);
    if (there != NULL && pg_rows(there) == 0)
        run_records_explain_missing(adoption->control, target, database, error);
    else
        g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

static bool open_sessions(Adoption *adoption, GError **error)
{
    const AdoptOptions *options = adoption->options;
    const char *database = pg_target_database(options->target);
    const char *control = options->policy->control_database;
    PgConnectOptions connect = {.application = adoption->application,
                                .connect_timeout_s = timeout_s(adoption)};
    adoption->lock = run_lock_take(options->target, control, database, adoption->application,
                                   timeout_s(adoption), error);
    if (adoption->lock == NULL)
        return false;
    connect.database = control;
    connect.catalog_only = true;
    adoption->control = pg_connect(options->target, &connect, error);
    connect.database = NULL;
    connect.catalog_only = false;
    if (adoption->control == NULL || !connect_live(adoption, &connect, error))
        return false;
    adoption->target_lock = run_lock_take(options->target, database, database,
                                          adoption->application, timeout_s(adoption), error);
    if (adoption->target_lock == NULL)
        return false;
    adoption->search_path =
        pg_query_text(adoption->live, error, "SELECT current_setting('search_path')", 0);
    return adoption->search_path != NULL;
}

/* A scratch database keeps to itself only what stays in its database. */
static bool check_files(const Adoption *adoption, GError **error)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new();
    g_autofree char *fix = NULL;
    for (guint i = 0; i < adoption->applied->len; i++)
        g_ptr_array_add(files, &((Migration *)g_ptr_array_index(adoption->applied, i))->up);
    if (migration_check(files, pg_target_database(adoption->options->target), error))
        return true;
    g_prefix_error(error, "cannot be applied to a scratch database: ");
    fix = g_strdup(error_hint(*error));
    error_hint_set(error, "%s; --no-compare does without the comparison", fix);
    return false;
}

static bool compare(Adoption *adoption, GError **error)
{
    const Policy *policy = adoption->options->policy;
    const ApplyOptions apply = {.run = adoption->run,
                                .search_path = adoption->search_path,
                                .lock_timeout_ms = policy->lock_timeout_ms,
                                .statement_timeout_ms = policy->statement_timeout_ms,
                                .lock_attempts = policy->lock_attempts,
                                .observer = adoption->control};
    const ScratchOptions scratch = {.target = adoption->options->target,
                                    .control = adoption->control,
                                    .live = adoption->live,
                                    .application = adoption->application,
                                    .connect_timeout_s = timeout_s(adoption),
                                    .migrations = adoption->applied,
                                    .apply = &apply};
    const Migration *last = NULL;
    if (adoption->options->skip_compare || adoption->applied->len == 0)
        return true;
    if (!check_files(adoption, error))
        return false;
    last = g_ptr_array_index(adoption->applied, adoption->applied->len - 1);
    adoption->expected = scratch_catalog(&scratch, error);
    if (adoption->expected == NULL)
        return false;
    adoption->actual = catalog_read(adoption->live, adoption->schema, adoption->table, error);
    if (adoption->actual == NULL)
        return false;
    adoption->differences = difference_find(adoption->actual, adoption->expected);
    repair_write(adoption->actual, adoption->expected, adoption->differences, last->id,
                 &adoption->repair);
    return true;
}

static bool carry_out(Adoption *adoption, GError **error)
{
    const AdoptOptions *options = adoption->options;
    if (options->repair != NULL && options->skip_compare) {
        error_set(error, ERROR_USAGE, "--repair needs the comparison that --no-compare leaves out");
        return false;
    }
    return (options->repair == NULL || adoption_write_repair(adoption, error)) &&
           (!options->write || adoption_write(adoption, error));
}

AdoptResult *adopt_run(const AdoptOptions *options, GError **error)
{
    g_auto(Adoption) adoption = {.options = options};
    g_autoptr(AdoptResult) result = g_new0(AdoptResult, 1);
    adoption.run = run_id_new(clock_wall_us());
    adoption.application = run_application("adopt", adoption.run);
    adoption.applied = g_ptr_array_new();
    adoption.record = g_ptr_array_new();
    adoption.gaps = g_ptr_array_new();
    if (!open_sessions(&adoption, error) || !adoption_read(&adoption, error) ||
        !compare(&adoption, error))
        return NULL;
    if (adoption_check(&adoption, &result->refused) && !carry_out(&adoption, error))
        return NULL;
    result->report = adoption_report(&adoption, result->refused);
    result->text = adoption_text(&adoption, result->refused);
    return g_steal_pointer(&result);
}
