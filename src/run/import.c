#include "run/import.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "run/estimate.h"
#include "run/gate.h"
#include "run/leftover.h"
#include "verify/health.h"
#include <string.h>

#define SESSIONS_WAIT_MS 10000

bool import_check(Run *run, GError **error)
{
    const RestoreOptions options = {.from = run->from,
                                    .database = run->names->work,
                                    .control_database = run->policy->control_database,
                                    .application = run->application,
                                    .jobs = 1};
    return snapshot_restore_check(run->target, &options, error);
}

/* The gate of the database that is restored. */
typedef struct {
    Run *run;
    const char *name;
    char *version; /* of its row, while nobody but our own sessions can be inside */
} Gate;

static bool close_behind(gpointer data, GError **error)
{
    Gate *gate = data;
    Run *run = gate->run;
    int ended = 0;
    if (!gate_set(run->control, gate->name, false, error) ||
        !gate_end_sessions(run->control, gate->name, run->application, SESSIONS_WAIT_MS, &ended,
                           error))
        return false;
    /* What they did before is part of what is digested now. */
    if (ended > 0)
        log_warning("%s: %d session%s that came into '%s' while it was open %s ended", run->phase,
                    ended, ended == 1 ? "" : "s", gate->name, ended == 1 ? "was" : "were");
    run->intruders += ended;
    gate->version = gate_version(run->control, gate->name, error);
    return gate->version != NULL;
}

/* What was read inside is what is there only if nobody has been inside since. */
static bool stayed_closed(const Gate *gate, GError **error)
{
    g_autofree char *now = gate_version(gate->run->control, gate->name, error);
    if (now == NULL || g_strcmp0(now, gate->version) == 0)
        return now != NULL;
    error_set(error, ERROR_FAILED,
              "somebody changed database '%s' while it was restored: its row in pg_database is not "
              "the one that was written when it was closed, so that nobody knows who was inside",
              gate->name);
    error_hint_set(error, "leave the copy alone until it has its name (no GRANT ON DATABASE, no "
                          "ALTER DATABASE), and restore again");
    return false;
}

static RestoreResult *restore_closed(Run *run, RestoreOptions *options, GError **error)
{
    Gate gate = {.run = run, .name = options->database};
    g_autoptr(RestoreResult) result = NULL;
    bool closed = false;
    options->entered = close_behind;
    options->data = &gate;
    result = snapshot_restore(run->target, options, error);
    closed = result != NULL && stayed_closed(&gate, error);
    g_free(gate.version);
    return closed ? g_steal_pointer(&result) : NULL;
}

RestoreResult *import_restore(Run *run, const Intake *from, const char *name,
                              const RunRecord *record, bool own, GError **error)
{
    g_autofree char *comment = run_record_text(record);
    RestoreOptions options = {
        .from = from,
        .database = name,
        .control_database = run->policy->control_database,
        .comment = comment,
        .application = run->application,
        .passfolder = run->scratch != NULL ? scratch_folder(run->scratch) : run->folder,
        .jobs = run->options->jobs > 0 ? run->options->jobs : policy_jobs(run->policy),
        .latest_us = own ? 0 : run_latest_us(run),
        .allow_known_holes = own || run->options->allow_known_holes};
    g_autoptr(RestoreResult) result = restore_closed(run, &options, error);
    if (result == NULL) {
        if (error != NULL && error_is(*error, ERROR_TIMEOUT))
            error_recode(error, ERROR_TOO_LATE);
        return NULL;
    }
    for (guint i = 0; result->notes != NULL && i < result->notes->len; i++)
        log_warning("%s: %s", run->phase, (const char *)g_ptr_array_index(result->notes, i));
    /* Our own have said goodbye, and are gone in a moment. */
    if (!gate_end_sessions(run->control, name, NULL, SESSIONS_WAIT_MS, NULL, error))
        return NULL;
    return g_steal_pointer(&result);
}

static void report_restore(Run *run, const RestoreResult *result)
{
    json_t *notes = json_array();
    for (guint i = 0; result->notes != NULL && i < result->notes->len; i++)
        json_array_append_new(notes, json_string(g_ptr_array_index(result->notes, i)));
    json_object_set_new(run->report, "restored",
                        json_pack("{s:s, s:b, s:i, s:I, s:I, s:I, s:I, s:o}", "content",
                                  result->content_hash, "proven", result->proven, "tables",
                                  (int)result->digests->tables->len, "pre_data_ms",
                                  (json_int_t)(result->pre_data_us / 1000), "data_ms",
                                  (json_int_t)(result->data_us / 1000), "post_data_ms",
                                  (json_int_t)(result->post_data_us / 1000), "verify_ms",
                                  (json_int_t)(result->verify_us / 1000), "notes", notes));
}

/* A database that was restored from what tells no properties has those of a new one. That of a
 * rehearsal never goes into service, and stays closed to everybody but its owner. */
static bool learn_properties(Run *run, GError **error)
{
    g_autoptr(PgProperties) work = NULL;
    if (run->before != NULL)
        return true;
    work = pg_properties_read(run->control, run->names->work, error);
    if (work == NULL)
        return false;
    if (run->kind == RUN_REHEARSAL) {
        pg_properties_set_comment(work, NULL);
        run->before = g_steal_pointer(&work);
    } else {
        run->before = pg_properties_fresh(work);
    }
    return true;
}

static bool restore(Run *run, GError **error)
{
    const RunRecord record = {
        .run = run->id,
        .database = run->database,
        .role = (char *)run_work_role(run),
        .strategy = (char *)run_strategy(run),
        .phase = (char *)"import",
        .comment = run->before != NULL ? (char *)pg_properties_comment(run->before) : NULL};
    g_autoptr(RestoreResult) result = NULL;
    g_autofree char *oid = NULL;
    run->cloned = true; /* it may appear even if we do not hear of it */
    result = import_restore(run, run->from, run->names->work, &record, false, error);
    if (result == NULL)
        return false;
    report_restore(run, result);
    run->digests = g_steal_pointer(&result->digests);
    run->content = g_strdup(result->content_hash);
    run->from_proven = result->proven;
    log_info("import: %s restored, %d tables and sequences digested%s", run->from->description,
             (int)run->digests->tables->len, result->proven ? ", all as the snapshot tells" : "");
    oid = pg_query_text(run->control, error, "SELECT oid FROM pg_database WHERE datname = $1", 1,
                        run->names->work);
    return oid != NULL && learn_properties(run, error) && run_dress(run, "import", error) &&
           journal_done(run->journal, "import", "restore",
                        json_pack("{s:s, s:s}", "content", run->content, "oid", oid), error) &&
           audit_event(run->audit, "import",
                       json_pack("{s:s, s:s, s:b}", "from", run->from->given, "content",
                                 run->content, "proven", run->from_proven),
                       error);
}

/* What preflight learns of a live database. */
static bool look_inside(Run *run, PgConnection *work, GError **error)
{
    if (!run_survey_size(run, work, error))
        return false;
    run->not_valid = health_baseline(work, error);
    return run->not_valid != NULL && run_survey_migrations(run, work, error) &&
           estimate_fill(run, work, error);
}

static bool survey(Run *run, GError **error)
{
    bool looked = false;
    if (!run_enter(run, run->names->work, true, 1, &run->work, error))
        return false;
    looked = look_inside(run, run->work, error);
    g_clear_pointer(&run->work, pg_disconnect);
    if (!looked)
        return false;
    json_object_set_new(run->report, "pending", run_pending_json(run));
    return run_judge(run, error) &&
           journal_note(run->journal, "import", "pending",
                        json_pack("{s:o}", "pending", run_pending_json(run)), error);
}

/* What was restored must be what gets the name, however long what is in service is waited for. */
static bool note_row(Run *run, GError **error)
{
    g_free(run->proven_row);
    run->proven_row = gate_version(run->control, run->names->work, error);
    return run->proven_row != NULL;
}

bool run_import(Run *run, GError **error)
{
    if (run->stands)
        return true;
    estimate_import(run);
    if (!run_fits(run, "the restore", estimate_us(run, "restore"), error) ||
        !journal_intent(run->journal, "import", "restore",
                        json_pack("{s:s, s:s}", "from", run->from->given, "name", run->names->work),
                        error) ||
        !restore(run, error))
        return false;
    return run->kind == RUN_RESTORE ? note_row(run, error) : survey(run, error);
}
