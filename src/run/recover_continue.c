#include "run/recover_continue.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "migration/step.h"
#include "run/gate.h"
#include "snapshot/manifest.h"
#include "verify/health.h"
#include <string.h>

bool recover_decide(Run *run, const char *standing, OnCrash *decision, RunOutcome *outcome)
{
    const RunOptions *options = run->options;
    g_autoptr(GError) cause = NULL;
    *decision = run->policy->on_crash;
    if (*decision == ON_CRASH_ASK && options->ask != NULL)
        *decision = options->ask(standing, options->ask_data);
    if (*decision != ON_CRASH_ASK)
        return true;
    run->undecided = g_strdup(standing);
    error_set(&cause, ERROR_NEEDS_PERSON, "the run died, and on_crash is 'ask'");
    error_hint_set(&cause, "drydock recover --on-crash restore, or --on-crash continue");
    log_error(cause);
    run_conclude(run, 8, cause, NULL, outcome);
    return false;
}

/* The migrations of the run, from the files as they are now, which must be those of then. */
static bool take_pending(Run *run, const json_t *plan, const MigrationSet *set, GError **error)
{
    const json_t *list = json_object_get(plan, "pending");
    run->pending = g_ptr_array_new();
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *planned = json_array_get(list, i);
        const char *id = json_get_text(planned, "id");
        const Migration *migration = id != NULL ? migration_find(set, id) : NULL;
        if (migration == NULL ||
            g_strcmp0(json_get_text(planned, "sha256"), migration->up.sha256.hex) != 0) {
            error_set(error, ERROR_INTEGRITY,
                      "the file of migration %s in '%s' is not the one that the run began with",
                      id != NULL ? id : "?", set->folder);
            return false;
        }
        g_ptr_array_add(run->pending, (gpointer)migration);
    }
    if (run->pending->len > 0)
        return true;
    error_set(error, ERROR_FAILED, "its journal does not tell its migrations");
    return false;
}

static bool check_riddle(const MigrationStatus *status, GError **error)
{
    const StepRecord *started = status->started;
    if (status->state != STATE_PARTIAL || started == NULL || started->decision != NULL ||
        !migration_step_is_riddle(&status->migration->up, started->number))
        return true;
    error_set(error, ERROR_FAILED,
              "migration %s: step %d (line %d) was started, and nothing tells whether it was done",
              status->migration->id, started->number, started->line);
    return false;
}

/* Which of its migrations the work copy has: their rows came with them. */
static bool take_applied(Run *run, const GPtrArray *statuses, GError **error)
{
    for (guint i = 0; i < statuses->len; i++) {
        const MigrationStatus *status = g_ptr_array_index(statuses, i);
        if (status->migration == NULL)
            continue;
        if (!check_riddle(status, error))
            return false;
        if (!standing_is_pending(status) && g_ptr_array_find(run->pending, status->migration, NULL))
            g_hash_table_add(run->applied, g_strdup(status->migration->id));
    }
    return true;
}

/* Those that the run was allowed to apply out of order. */
static char **allowed_ids(const json_t *plan)
{
    const json_t *list = json_object_get(plan, "pending");
    g_autoptr(GStrvBuilder) ids = g_strv_builder_new();
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *planned = json_array_get(list, i);
        if (json_get_flag(planned, "out_of_order", false))
            g_strv_builder_add(ids, json_get_text(planned, "id"));
    }
    return g_strv_builder_end(ids);
}

bool recover_read_history(Run *run, const json_t *lines, GError **error)
{
    const json_t *plan =
        json_object_get(journal_find(lines, "note", "preflight", "passed"), "details");
    const MigrationSet *set = run->options->set != NULL ? run->options->set : run->set;
    g_auto(GStrv) allowed = allowed_ids(plan);
    run->standing = standing_read(run->work, set, allowed, error);
    run->applied = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return run->standing != NULL && standing_check(run->standing, error) &&
           take_applied(run, run->standing->statuses, error) &&
           take_applied(run, run->standing->repeatables, error);
}

/* The digests of the snapshot, with the types of columns that the kept copy tells: files do not
 * hold them, since they mean something in their own database only. */
static bool take_digests(Run *run, const Manifest *manifest, GError **error)
{
    g_autoptr(DigestSet) listed = NULL;
    if (!digest_pin(run->keep, error) || (listed = digest_list(run->keep, error)) == NULL)
        return false;
    for (guint i = 0; i < listed->tables->len; i++) {
        DigestTable *table = g_ptr_array_index(listed->tables, i);
        const DigestTable *then = digest_find(manifest->digests, table->oid);
        if (then == NULL || (table->kind != 'S' && !digest_same_columns(table, then))) {
            error_set(error, ERROR_INTEGRITY,
                      "table %s.%s of the kept copy is not the one of the snapshot", table->schema,
                      table->name);
            return false;
        }
        table->format = then->format;
        table->digest = then->digest;
        g_free(table->value);
        table->value = g_strdup(then->value);
    }
    listed->large_objects = manifest->digests->large_objects;
    listed->large_object_access = manifest->digests->large_object_access;
    run->digests = g_steal_pointer(&listed);
    return true;
}

/* The snapshot is what there is to go back to and to compare with: without it there is no going on.
 */
static Manifest *read_manifest(const Run *run, GError **error)
{
    g_autofree char *folder = NULL;
    g_autofree char *path = NULL;
    g_autoptr(Manifest) manifest = NULL;
    if (run->folder == NULL) {
        error_set(error, ERROR_FAILED, "the state folder has no journal of it");
        return NULL;
    }
    folder = g_build_filename(run->folder, "snapshot", NULL);
    path = g_build_filename(folder, MANIFEST_NAME, NULL);
    if (!file_exists(path)) {
        error_set(error, ERROR_FAILED, "its snapshot was not complete");
        return NULL;
    }
    manifest = manifest_read(folder, error);
    if (manifest == NULL || run->content == NULL ||
        strcmp(run->content, manifest->content_hash) == 0)
        return g_steal_pointer(&manifest);
    error_set(error, ERROR_INTEGRITY, "the snapshot '%s' is not the one of this run", folder);
    return NULL;
}

/* What preflight learnt of the database, read from the kept copy. */
static bool learn_from_keep(Run *run, const Manifest *manifest, GError **error)
{
    bool learnt = false;
    run->phase = "recover";
    if (!run_enter(run, run->names->keep, true, 1, &run->keep, error))
        return false;
    learnt = run_survey_size(run, run->keep, error) &&
             (run->not_valid = health_baseline(run->keep, error)) != NULL &&
             take_digests(run, manifest, error);
    g_clear_pointer(&run->keep, pg_disconnect);
    return learnt;
}

static bool learn_from_work(Run *run, const json_t *lines, GError **error)
{
    bool learnt = false;
    if (!run_enter(run, run->names->work, true, 1, &run->work, error))
        return false;
    learnt = recover_read_history(run, lines, error);
    g_clear_pointer(&run->work, pg_disconnect);
    return learnt;
}

/* The gates as a death may have left them. */
static bool close_gates(Run *run, GError **error)
{
    bool open = false;
    return gate_is_open(run->control, run->names->keep, &open, error) &&
           (!open || run_close_unwatched(run, error)) &&
           gate_set(run->control, run->names->work, false, error);
}

bool recover_take_plan(Run *run, const json_t *lines, GError **error)
{
    const json_t *plan =
        json_object_get(journal_find(lines, "note", "preflight", "passed"), "details");
    const char *end = json_get_text(plan, "window_end");
    const MigrationSet *set = run->options->set;
    if (set == NULL)
        set = run->set = migration_set_load(run->options->migrations, error);
    if (set == NULL ||
        (end != NULL && !clock_parse_time(end, clock_wall_us(), &run->window_end_us, error)))
        return false;
    return run_fits(run, "going on", 0, error) && take_pending(run, plan, set, error) &&
           run_load_assertions(run, error);
}

static bool prepare(Run *run, const json_t *lines, GError **error)
{
    g_autoptr(Manifest) manifest = read_manifest(run, error);
    if (manifest == NULL)
        return false;
    if (run->alone) {
        error_set(error, ERROR_FAILED, "there is no copy from before to compare with");
        return false;
    }
    if (!run->cloned) {
        error_set(error, ERROR_FAILED, "its work copy '%s' is not on the server", run->names->work);
        return false;
    }
    g_free(run->content);
    run->content = g_strdup(manifest->content_hash);
    return recover_take_plan(run, lines, error) && close_gates(run, error) &&
           learn_from_keep(run, manifest, error) && learn_from_work(run, lines, error);
}

bool recover_continue(Run *run, const json_t *lines, GError **error)
{
    if (!prepare(run, lines, error)) {
        g_prefix_error(error, "it cannot go on: ");
        return false;
    }
    log_info("recover: going on with run %s: %u of %u migrations are applied", run->id,
             g_hash_table_size(run->applied), run->pending->len);
    /* Which tables they locked is known to the dead process alone. */
    run->writes_unknown = true;
    return journal_note(run->journal, "recover", "continue", NULL, error) &&
           audit_event(run->audit, "continue", NULL, error) && run_go_on(run, "publish", error);
}
