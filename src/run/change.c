/* The change: pending migrations are applied to the work copy, and the result is proven. */
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "migration/apply.h"
#include "migration/history.h"
#include "pg/shared.h"
#include "pg/sql.h"
#include "run/backup.h"
#include "run/context.h"
#include "run/estimate.h"
#include "run/gate.h"
#include "run/in_place.h"
#include "verify/health.h"
#include "verify/proof.h"
#include <string.h>

static bool contains(const GPtrArray *lines, const char *line)
{
    for (guint i = 0; i < lines->len; i++) {
        if (strcmp(g_ptr_array_index(lines, i), line) == 0)
            return true;
    }
    return false;
}

/* What a migration changed outside its database is taken back with its transaction, and by nothing
 * else once that has committed. Its own session sees the change already and no other does; what
 * somebody else does there meanwhile is not in both readings of the other session. */
static bool check_reach(const Run *run, const Migration *migration, GError **error)
{
    g_autoptr(json_t) before = run_read_shared(run, run->helper, error);
    g_autoptr(json_t) inside = before != NULL ? run_read_shared(run, run->work, error) : NULL;
    g_autoptr(json_t) after = inside != NULL ? run_read_shared(run, run->helper, error) : NULL;
    g_autoptr(GPtrArray) changes = NULL;
    g_autoptr(GPtrArray) again = NULL;
    if (after == NULL)
        return false;
    changes = shared_compare(before, inside);
    again = shared_compare(after, inside);
    for (guint i = 0; i < changes->len; i++) {
        const char *change = g_ptr_array_index(changes, i);
        if (!contains(again, change))
            continue;
        error_set(error, ERROR_REFUSED, "%s: it reaches outside its database: %s",
                  migration->up.path, change);
        error_hint_set(error, "do it by hand before the run; it was taken back here");
        return false;
    }
    return true;
}

/* Names of the tables that the open transaction may have changed, for the report and the audit log.
 */
static bool record_tables(Run *run, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *names = pg_query_text(run->work, &cause, pg_sql_change_tables, 0);
    g_clear_pointer(&run->tables, json_decref);
    if (cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    run->tables = names != NULL ? json_parse(names, strlen(names), "tables", error) : json_array();
    return run->tables != NULL;
}

/* In the transaction of a migration, before it commits: what it locked for writing, that it stays
 * within its database, that the lock is still ours, and its number. */
static bool before_commit(const Migration *migration, const char *xid, gpointer data,
                          GError **error)
{
    Run *run = data;
    return proof_record_locks(run->work, run->touched, error) && record_tables(run, error) &&
           check_reach(run, migration, error) &&
           run_lock_check_both(run->lock, run->live_lock, error) &&
           journal_note(run->journal, "migrate", "commit",
                        json_pack("{s:s, s:s}", "migration", migration->id, "xid", xid), error);
}

/* What a migration did on its way stands in the journal and in the audit log. */
static bool on_event(const char *event, const json_t *details, gpointer data, GError **error)
{
    Run *run = data;
    g_autofree char *name = g_strdup_printf("migration.%s", event);
    /* What it wrote was committed before its locks could be read. */
    if (json_get_flag(details, "commits", false))
        run->writes_unknown = true;
    return journal_note(run->journal, "migrate", event, json_deep_copy(details), error) &&
           audit_event(run->audit, name, json_deep_copy(details), error);
}

/* A new session instead of one that was lost alone. Without its lock the run may not go on, and
 * without the connection that opens the gate it cannot: it goes back then, at once, and finds out
 * for itself how things stand. */
static PgConnection *reenter(gpointer data, GError **error)
{
    Run *run = data;
    PgConnection *work = NULL;
    if (!run_lock_check(run->lock, error) || !pg_exec(run->control, "SELECT 1", error)) {
        error_recode(error, ERROR_FAILED);
        return NULL;
    }
    if (run->kind == RUN_ONLINE)
        return run_enter_live(run, false, error) ? run->work : NULL;
    if (!run_enter(run, run->names->work, false, 1, &work, error))
        return NULL;
    pg_disconnect(run->work);
    run->work = work;
    return work;
}

static bool migrate_one(Run *run, const Migration *migration, json_t *list, GError **error)
{
    const ApplyOptions options = {.run = run->id,
                                  .search_path = run->search_path,
                                  .lock_timeout_ms = run->policy->lock_timeout_ms,
                                  .statement_timeout_ms = run->policy->statement_timeout_ms,
                                  .lock_attempts = run->policy->lock_attempts,
                                  .latest_us = run_latest_us(run),
                                  .observer = run->helper,
                                  .history_made = &run->history_made,
                                  .end_applications = run->policy->end_applications,
                                  .before_commit = before_commit,
                                  .reconnect = reenter,
                                  .event = on_event,
                                  .data = run};
    const bool out_of_order = standing_is_out_of_order(run->standing, migration->id);
    g_autofree char *took = NULL;
    int64_t duration_us = 0;
    if (!run_fits(run, migration->title, estimate_migration_us(run, migration->id), error) ||
        !journal_intent(run->journal, "migrate", "apply",
                        json_pack("{s:s}", "migration", migration->id), error) ||
        !apply_up(run->work, migration, &options, &duration_us, error))
        return false;
    took = clock_format_duration(duration_us);
    log_info("migrate: %s applied%s, %s", migration->title,
             run->kind == RUN_ONLINE ? "" : " to the work copy", took);
    json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b, s:b, s:I, s:O}", "id",
                                          migration->id, "name", migration->name, "title",
                                          migration->title, "repeatable", migration->repeatable,
                                          "out_of_order", out_of_order, "duration_ms",
                                          (json_int_t)(duration_us / 1000), "tables", run->tables));
    return journal_done(run->journal, "migrate", "apply",
                        json_pack("{s:s}", "migration", migration->id), error) &&
           audit_event(run->audit, "migration.applied",
                       json_pack("{s:s, s:s, s:b, s:s?, s:b, s:b, s:I, s:O}", "migration",
                                 migration->id, "sha256", migration->up.sha256.hex, "phi",
                                 migration->phi, "ticket", migration->ticket, "repeatable",
                                 migration->repeatable, "out_of_order", out_of_order, "duration_ms",
                                 (json_int_t)(duration_us / 1000), "tables", run->tables),
                       error);
}

/* What it did before the run died, the history of the work copy tells. */
static bool is_applied(Run *run, const Migration *migration, bool *applied, GError **error)
{
    *applied = run->applied != NULL && g_hash_table_contains(run->applied, migration->id);
    if (!*applied)
        return true;
    log_info("migrate: %s was applied before the run died", migration->title);
    return audit_event(
        run->audit, "migration.found_applied",
        json_pack("{s:s, s:s}", "migration", migration->id, "sha256", migration->up.sha256.hex),
        error);
}

bool run_apply_pending(Run *run, GError **error)
{
    json_t *list = json_array();
    json_object_set_new(run->report, "migrations", list);
    for (guint i = 0; i < run->pending->len; i++) {
        const Migration *migration = g_ptr_array_index(run->pending, i);
        bool applied = false;
        if (!is_applied(run, migration, &applied, error) ||
            (!applied && !migrate_one(run, migration, list, error)))
            return false;
    }
    /* What a migration left in its session (temporary tables, roles that were set) goes with it. */
    g_clear_pointer(&run->work, pg_disconnect);
    return true;
}

/* From here on the work copy counts as changed: its record says so before it is. */
static bool begin(Run *run, GError **error)
{
    if (!journal_intent(run->journal, "migrate", "begin", NULL, error))
        return false;
    run->migrating = true;
    return run_write_keep_record(run, "migrate", error) &&
           run_write_work_record(run, "migrate", error) &&
           journal_done(run->journal, "migrate", "begin", NULL, error);
}

/* Where there is no clone, in the transaction of the first migration, so that it is rolled back
 * with it. */
static bool make_history(Run *run, GError **error)
{
    run->history_made = !run->alone;
    return run->alone || history_create(run->work, error);
}

bool run_migrate(Run *run, GError **error)
{
    if (!run_fits(run, "the migrations and their proof",
                  estimate_us(run, "migrations") + estimate_us(run, "verify"), error))
        return false;
    /* What was restored may be up to date. */
    return (run->pending->len == 0 ||
            ((run->in_place ? in_place_begin : begin)(run, error) &&
             run_enter(run, run->names->work, false, 1, &run->work, error) &&
             make_history(run, error))) &&
           run_apply_pending(run, error);
}

static GHashTable *touched_oids(const Run *run)
{
    GHashTable *oids = g_hash_table_new(NULL, NULL);
    GHashTableIter iter;
    gpointer oid = NULL;
    g_hash_table_iter_init(&iter, run->touched->relations);
    while (g_hash_table_iter_next(&iter, &oid, NULL))
        g_hash_table_add(oids, oid);
    return oids;
}

static void take_findings(const char *what, const GPtrArray *from, GPtrArray *into)
{
    for (guint i = 0; i < from->len; i++)
        g_ptr_array_add(into,
                        g_strdup_printf("%s: %s", what, (const char *)g_ptr_array_index(from, i)));
}

static bool reads_all(const Run *run)
{
    return run->policy->verify_all || run->writes_unknown;
}

static bool verify_health(Run *run, GPtrArray *findings, GError **error)
{
    g_autoptr(GHashTable) touched = touched_oids(run);
    g_autoptr(GPtrArray) health =
        health_check(run->work, run->not_valid, reads_all(run) ? NULL : touched, error);
    if (health == NULL)
        return false;
    take_findings("health", health, findings);
    return true;
}

/* Verify files run again: in their own transaction each saw its own migration only. */
static bool verify_files(Run *run, GPtrArray *findings, GError **error)
{
    for (guint i = 0; i < run->pending->len; i++) {
        const Migration *migration = g_ptr_array_index(run->pending, i);
        g_autoptr(GError) cause = NULL;
        if (apply_verify(run->work, migration, &cause))
            continue;
        if (!error_is(cause, ERROR_INTEGRITY)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        g_ptr_array_add(findings, g_strdup(cause->message));
    }
    return true;
}

static bool verify_assertions(Run *run, GPtrArray *findings, GError **error)
{
    for (guint i = 0; i < run->assertions->len; i++) {
        const AssertionFile *file = g_ptr_array_index(run->assertions, i);
        if (!health_assert(run->work, file->statements, file->path, findings, error))
            return false;
    }
    return true;
}

static PgConnection *open_keep(gpointer data, GError **error)
{
    Run *run = data;
    if (run->keep == NULL && !run_enter(run, run->names->keep, true, 1, &run->keep, error))
        return NULL;
    pg_set_deadline(run->keep, run_latest_us(run), run->helper);
    return run->keep;
}

static bool verify_data(Run *run, GPtrArray *findings, GError **error)
{
    g_autoptr(ProofResult) proof =
        proof_check(run->work, run->digests, run->touched, run->pending, reads_all(run),
                    run->kind == RUN_WINDOW && !run->alone ? open_keep : NULL, run, error);
    g_clear_pointer(&run->keep, pg_disconnect);
    if (proof == NULL)
        return false;
    json_object_set_new(run->report, "data_proof", proof_result_to_json(proof));
    take_findings("data", proof->findings, findings);
    log_info("verify: %d tables and sequences compared, %d of them read again",
             (int)proof->tables->len, proof->read_again);
    return true;
}

bool run_judge_findings(Run *run, const GPtrArray *findings, GError **error)
{
    json_t *list = json_array();
    json_object_set_new(run->report, "verification", list);
    for (guint i = 0; i < findings->len; i++) {
        const char *finding = g_ptr_array_index(findings, i);
        json_array_append_new(list, json_string(finding));
        log_message(LOG_ERROR, "verify: %s", finding);
    }
    if (findings->len == 0)
        return true;
    error_set(error, ERROR_INTEGRITY, "the migrated %s is not what it must be: %s%s",
              run->kind == RUN_ONLINE ? "database" : "copy",
              (const char *)g_ptr_array_index(findings, 0),
              findings->len > 1 ? " (and more, see the report)" : "");
    return false;
}

static bool set_search_path(Run *run, GError **error)
{
    g_autoptr(PgResult) result = pg_query(
        run->work, error, "SELECT set_config('search_path', $1, false)", 1, run->search_path);
    return result != NULL;
}

bool run_check_work(Run *run, GPtrArray *findings, GError **error)
{
    return set_search_path(run, error) && verify_health(run, findings, error) &&
           verify_files(run, findings, error) && verify_assertions(run, findings, error);
}

bool run_verify(Run *run, GError **error)
{
    g_autoptr(GPtrArray) findings = g_ptr_array_new_with_free_func(g_free);
    const int64_t latest_us = run_latest_us(run);
    if (!run_fits(run, "the verification", estimate_us(run, "verify"), error) ||
        !journal_intent(run->journal, "verify", "check", NULL, error) ||
        !run_enter(run, run->names->work, true, 1, &run->work, error))
        return false;
    /* What is found right here must be what gets the name. */
    run->proven_row = gate_version(run->control, run->names->work, error);
    if (run->proven_row == NULL)
        return false;
    pg_set_deadline(run->work, latest_us, run->helper);
    if (!run_check_work(run, findings, error) || !backup_await_snapshot(run, error) ||
        !verify_data(run, findings, error) || !run_judge_findings(run, findings, error))
        return false;
    g_clear_pointer(&run->work, pg_disconnect);
    return run_write_work_record(run, "verified", error) &&
           journal_done(run->journal, "verify", "check", NULL, error) &&
           audit_event(run->audit, "verified", NULL, error);
}
