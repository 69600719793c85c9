#include "run/discard.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "migration/history.h"
#include "pg/sql.h"
#include "run/gate.h"
#include "run/restore_snapshot.h"
#include "run/trust.h"
#include "snapshot/snapshot.h"
#include <string.h>

#define SESSIONS_WAIT_MS 10000

/* When a run gave the name to its migrated copy. */
typedef struct {
    bool opened;
    int64_t at_us;
    bool exact; /* else that is the beginning of the run: its journal is lost */
} Opening;

static int64_t moment_of(const char *text)
{
    int64_t moment_us = 0;
    return text != NULL && clock_parse_time(text, 0, &moment_us, NULL) ? moment_us : 0;
}

/* "20261122t130501" is a moment in UTC. */
static int64_t beginning_of(const char *id)
{
    int64_t moment_us = 0;
    g_autoptr(GDateTime) begun = NULL;
    g_autofree char *iso = g_strdup_printf("%sZ", id);
    g_autofree char *upper = g_ascii_strup(iso, -1);
    begun = g_date_time_new_from_iso8601(upper, NULL);
    if (begun != NULL)
        moment_us = g_date_time_to_unix(begun) * G_USEC_PER_SEC;
    return moment_us;
}

static void ask_journal(const Run *run, const char *id, Opening *opening)
{
    g_autofree char *folder = g_build_filename(run->options->state_folder, "runs", id, NULL);
    g_autoptr(json_t) lines = journal_read(folder, NULL);
    const json_t *passed = journal_find(lines, "note", "preflight", "passed");
    const json_t *done = journal_find(lines, "done", "open", "rename");
    const char *database = json_get_text(json_object_get(passed, "details"), "database");
    if (done == NULL || g_strcmp0(database, run->database) != 0)
        return;
    opening->at_us = moment_of(json_get_text(done, "time"));
    opening->opened = opening->exact = opening->at_us != 0;
}

/* The migrations of the run are in the database in service. */
static bool ask_history(const Run *run, const char *id, Opening *opening, GError **error)
{
    const PgConnectOptions options = {.database = run->database,
                                      .application = run->application,
                                      .read_only = true,
                                      .catalog_only = true};
    g_autoptr(PgConnection) live = NULL;
    bool has = false;
    if (opening->opened || !run->displaces || run->shut)
        return true;
    live = pg_connect(run->target, &options, error);
    if (live == NULL || !history_has_run(live, id, &has, error))
        return false;
    opening->opened = has;
    return true;
}

static bool learn_opening(const Run *run, const char *id, const RunRecord *before, Opening *opening,
                          GError **error)
{
    *opening = (Opening){.opened = before != NULL, .at_us = beginning_of(id)};
    ask_journal(run, id, opening);
    return ask_history(run, id, opening, error);
}

/* The consent names a moment that is not behind the opening: who gives it knows how much it is. */
static bool check_consent(const Run *run, const char *id, const Opening *opening, GError **error)
{
    const int64_t since_us = run->options->discard_since_us;
    const char *when = opening->exact ? "at" : "after";
    g_autofree char *at = clock_format_utc(opening->at_us);
    if (since_us != 0 && since_us <= opening->at_us)
        return true;
    error_set(error, ERROR_REFUSED,
              since_us == 0 ? "run %s gave '%s' to its migrated copy %s %s: everything that was "
                              "written to it since would be lost"
                            : "run %s gave '%s' to its migrated copy %s %s, which is before the "
                              "moment that --discard-writes-since names: what was written to it in "
                              "between would be lost, too",
              id, run->database, when, at);
    error_hint_set(error,
                   "if that may be: --discard-writes-since %s; a snapshot of the database as it is "
                   "is taken first, and it is kept as '%s', closed",
                   at, run->names->replaced);
    return false;
}

static bool is_closed_since(const Run *run, const RunRecord *before, bool *closed, GError **error)
{
    g_autoptr(PgResult) row = pg_query(run->control, error, pg_sql_discard_gate, 1, before->name);
    *closed = row != NULL && pg_rows(row) > 0 && pg_flag(row, 0, 0) && before->gate != NULL;
    return row != NULL;
}

/* It is proven now, and gets the name much later: until then nobody may have opened it. */
static bool note_row(Run *run, const RunRecord *before, GError **error)
{
    g_free(run->proven_row);
    run->proven_row = gate_version(run->control, before->name, error);
    return run->proven_row != NULL;
}

static bool has_its_content(Run *run, const RunRecord *before, bool *same, GError **error)
{
    PgConnection *connection = NULL;
    g_autofree char *content = NULL;
    *same = false;
    g_clear_pointer(&run->proven_row, g_free);
    if (before->content == NULL)
        return true;
    log_info("preflight: '%s' was opened or changed by someone; its content is compared",
             before->name);
    if (!gate_set(run->control, before->name, false, error) ||
        !gate_end_sessions(run->control, before->name, NULL, SESSIONS_WAIT_MS, NULL, error) ||
        !run_enter(run, before->name, true, 1, &connection, error))
        return false;
    if (note_row(run, before, error))
        content = restore_read_content(connection, error);
    pg_disconnect(connection);
    *same = g_strcmp0(content, before->content) == 0;
    return content != NULL;
}

/* *proof gets how the copy is known to be what it was; NULL: it is not. */
static bool prove(Run *run, const RunRecord *before, const char **proof, GError **error)
{
    bool closed = false, same = false;
    *proof = NULL;
    if (!note_row(run, before, error) || !is_closed_since(run, before, &closed, error))
        return false;
    if (closed) {
        *proof = "closed all the time since: its row in pg_database is the one that was written "
                 "with its record";
        return true;
    }
    if (!has_its_content(run, before, &same, error))
        return false;
    if (same)
        *proof = "every digest equals the one taken before the first migrating statement";
    return true;
}

static bool take_copy(Run *run, const RunRecord *before, const char *proof, GError **error)
{
    run->before = pg_properties_read(run->control, before->name, error);
    if (run->before == NULL)
        return false;
    pg_properties_set_comment(run->before, before->comment);
    g_free(run->names->work);
    run->names->work = g_strdup(before->name);
    run->stands = true;
    json_set_text(run->report, "proof", proof);
    log_info("preflight: '%s' gets the name back; %s", before->name, proof);
    return true;
}

static bool take_snapshot(Run *run, const char *id, const RunRecord *before, GError **error)
{
    g_autofree char *manifest =
        g_build_filename(run->options->state_folder, "runs", id, "snapshot", MANIFEST_NAME, NULL);
    g_autofree char *why =
        before == NULL ? g_strdup_printf("there is no copy from before run %s", id)
                       : g_strdup_printf("'%s' is not known to be what it was before run %s",
                                         before->name, id);
    if (file_exists(manifest)) {
        log_warning("preflight: %s; its snapshot is restored", why);
        run->given = g_path_get_dirname(manifest);
        return true;
    }
    error_set(error, ERROR_REFUSED, "%s, and the state folder '%s' has no snapshot of it", why,
              run->options->state_folder);
    error_hint_set(error, "--state names the state folder of the run; drydock restore --swap "
                          "--from restores a snapshot from elsewhere");
    return false;
}

static bool choose(Run *run, const char *id, const RunRecord *before, GError **error)
{
    const char *proof = NULL;
    if (before != NULL && !prove(run, before, &proof, error))
        return false;
    return proof != NULL ? take_copy(run, before, proof, error)
                         : take_snapshot(run, id, before, error);
}

static RunRecord *find_before(const Run *run, const char *id, GPtrArray *records)
{
    trust_by_journal(records, run->options->state_folder);
    return run_records_find(records, id, "before");
}

bool discard_choose(Run *run, GError **error)
{
    const char *id = run->options->back;
    g_autoptr(GPtrArray) records = run_records_read(run->control, run->database, error);
    const RunRecord *before = records != NULL ? find_before(run, id, records) : NULL;
    Opening opening;
    if (records == NULL || !learn_opening(run, id, before, &opening, error))
        return false;
    if (!opening.opened) {
        error_set(error, ERROR_REFUSED,
                  "run %s is not known to have given '%s' to a migrated copy: there is nothing to "
                  "take back",
                  id, run->database);
        error_hint_set(error, "drydock runs lists the runs and how they ended; --state names the "
                              "state folder");
        return false;
    }
    return check_consent(run, id, &opening, error) && choose(run, id, before, error);
}

bool discard_check(Run *run, GError **error)
{
    const Manifest *manifest = run->from->manifest;
    g_autoptr(GPtrArray) records = NULL;
    Opening opening;
    if (!run->displaces || manifest == NULL || manifest->run == NULL ||
        g_strcmp0(manifest->database, run->database) != 0)
        return true;
    records = run_records_read(run->control, run->database, error);
    return records != NULL &&
           learn_opening(run, manifest->run, find_before(run, manifest->run, records), &opening,
                         error) &&
           (!opening.opened || check_consent(run, manifest->run, &opening, error));
}

bool discard_has_consent(const Run *run)
{
    return run->options->discard_since_us != 0;
}

bool run_snapshot_live(Run *run, GError **error)
{
    g_autofree char *folder = NULL;
    g_autofree char *since = NULL;
    g_autoptr(PgProperties) live = NULL;
    g_autoptr(json_t) properties = NULL;
    g_autoptr(SnapshotResult) result = NULL;
    SnapshotOptions options = {.database = run->database,
                               .real_name = run->database,
                               .run = run->id,
                               .application = run->application,
                               .passfolder = run->folder,
                               .jobs = policy_jobs(run->policy),
                               .level = run->policy->snapshot_level,
                               .format = run->policy->snapshot_text ? SNAPSHOT_TEXT : SNAPSHOT_AUTO,
                               .split_bytes = run->policy->snapshot_split_bytes};
    if (!run->displaces)
        return true;
    folder = g_build_filename(run->folder, "snapshot", NULL);
    since = clock_format_utc(run->options->discard_since_us);
    if (!audit_event(run->audit, "discard",
                     json_pack("{s:s?, s:s}", "run", run->options->back, "writes_since", since),
                     error))
        return false;
    live = pg_properties_read(run->control, run->database, error);
    if (live == NULL || !journal_intent(run->journal, "snapshot", "take",
                                        json_pack("{s:s}", "folder", folder), error))
        return false;
    properties = pg_properties_to_json(live);
    options.folder = folder;
    options.properties = properties;
    result = snapshot_take(run->target, &options, error);
    if (result == NULL)
        return false;
    json_object_set_new(run->report, "snapshot",
                        json_pack("{s:s, s:I, s:s}", "folder", folder, "size_bytes",
                                  (json_int_t)result->size_bytes, "content", result->content_hash));
    log_info("snapshot: '%s' as it is now is in '%s'", run->database, folder);
    return journal_done(run->journal, "snapshot", "take",
                        json_pack("{s:s}", "content", result->content_hash), error) &&
           audit_event(run->audit, "snapshot",
                       json_pack("{s:s, s:s}", "folder", folder, "content", result->content_hash),
                       error);
}
