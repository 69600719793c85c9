/* The backup: a snapshot of the kept copy, read back, and put where the policy says. */
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "run/context.h"
#include "run/estimate.h"
#include "run/gate.h"
#include "snapshot/snapshot.h"
#include "store/store.h"

/* What is left to be put when the database is in service: nobody waits longer for a store. */
#define FINISH_US ((int64_t)60 * G_USEC_PER_SEC)

static bool close_behind(gpointer data, GError **error)
{
    return run_close_keep(data, error);
}

static SnapshotResult *take(Run *run, const char *folder, GError **error)
{
    g_autoptr(json_t) properties = pg_properties_to_json(run->before);
    const bool live = run->kind == RUN_ONLINE;
    const SnapshotOptions options = {.folder = folder,
                                     .database = live ? run->database : run->names->keep,
                                     .real_name = run->database,
                                     .run = run->id,
                                     .application = run->application,
                                     .passfolder = run->folder,
                                     .jobs = policy_jobs(run->policy),
                                     .level = run->policy->snapshot_level,
                                     .format =
                                         run->policy->snapshot_text ? SNAPSHOT_TEXT : SNAPSHOT_AUTO,
                                     .split_bytes = run->policy->snapshot_split_bytes,
                                     .latest_us = run_latest_us(run),
                                     .properties = properties,
                                     .entered = live ? NULL : close_behind,
                                     .data = run};
    return snapshot_take(run->target, &options, error);
}

bool run_snapshot(Run *run, GError **error)
{
    g_autofree char *folder = g_build_filename(run->folder, "snapshot", NULL);
    g_autofree char *size = NULL;
    g_autoptr(SnapshotResult) result = NULL;
    int64_t started_us = 0;
    if (!run_fits(run, "the snapshot", estimate_us(run, "snapshot"), error))
        return false;
    if (!journal_intent(run->journal, "snapshot", "take", json_pack("{s:s}", "folder", folder),
                        error) ||
        (run->kind != RUN_ONLINE && !run_open_keep(run, error)))
        return false;
    started_us = clock_monotonic_us();
    result = take(run, folder, error);
    if (result == NULL && error_is(*error, ERROR_TIMEOUT))
        error_recode(error, ERROR_TOO_LATE);
    if (result == NULL)
        return false;
    estimate_snapshot_took(run, clock_monotonic_us() - started_us);
    run->digests = g_steal_pointer(&result->digests);
    run->content = g_strdup(result->content_hash);
    size = size_format(result->size_bytes);
    json_object_set_new(run->report, "snapshot",
                        json_pack("{s:s, s:I, s:i, s:s, s:i}", "folder", folder, "size_bytes",
                                  (json_int_t)result->size_bytes, "files", result->files, "content",
                                  run->content, "tables", (int)run->digests->tables->len));
    log_info("snapshot: %d tables and sequences digested, %s in '%s'",
             (int)run->digests->tables->len, size, folder);
    return run_write_keep_record(run, "snapshot", error) &&
           journal_done(run->journal, "snapshot", "take",
                        json_pack("{s:s}", "content", run->content), error) &&
           audit_event(run->audit, "snapshot",
                       json_pack("{s:s, s:I, s:s}", "folder", folder, "size_bytes",
                                 (json_int_t)result->size_bytes, "content", run->content),
                       error);
}

/* Where a run's artifacts are in a store: <database>/<run>/<name>. */
static char *store_key(const Run *run, const char *name)
{
    g_autofree char *database = g_uri_escape_string(run->database, NULL, TRUE);
    return g_build_filename(database, run->id, name, NULL);
}

static bool publish_to(Run *run, const char *url, json_t *places, GError **error)
{
    g_autoptr(Store) store = store_open(url, error);
    g_autofree char *folder = g_build_filename(run->folder, "snapshot", NULL);
    g_autofree char *log = g_build_filename(run->folder, "audit.jsonl", NULL);
    g_autofree char *key = store_key(run, "snapshot");
    g_autofree char *log_key = store_key(run, "audit.jsonl");
    g_autofree char *place = NULL;
    uint64_t size_bytes = 0;
    if (store == NULL)
        return false;
    store_set_latest(store, run_latest_us(run));
    place = store_locate(store, key);
    if (run->published != NULL && g_hash_table_contains(run->published, place)) {
        json_array_append_new(places, json_string(place));
        return true;
    }
    if (!journal_intent(run->journal, "publish", "put", json_pack("{s:s}", "place", place),
                        error) ||
        !store_put_folder(store, key, folder, &size_bytes, error) ||
        !store_put_file(store, log_key, log, error)) {
        g_prefix_error(error, "while publishing to %s: ", url);
        return false;
    }
    json_array_append_new(places, json_string(place));
    log_info("publish: the snapshot is at %s, whole and verified", place);
    return journal_done(run->journal, "publish", "put", json_pack("{s:s}", "place", place),
                        error) &&
           audit_event(
               run->audit, "publish",
               json_pack("{s:s, s:I}", "place", place, "size_bytes", (json_int_t)size_bytes),
               error);
}

bool run_publish(Run *run, GError **error)
{
    json_t *places = json_array();
    json_object_set_new(run->report, "published", places);
    if (!run_fits(run, "publishing", estimate_us(run, "publish"), error))
        return false;
    for (char **url = run->policy->publish_to; *url != NULL; url++) {
        if (!publish_to(run, *url, places, error))
            return false;
    }
    return true;
}

/* The last phase: what became known since the snapshot was published. */
bool run_finish(Run *run, GError **error)
{
    static const char *const files[] = {"audit.jsonl", "report.json", "report.txt"};
    for (char **url = run->policy->publish_to; *url != NULL; url++) {
        g_autoptr(Store) store = store_open(*url, error);
        if (store == NULL)
            return false;
        store_set_latest(store, clock_monotonic_us() + FINISH_US);
        for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
            g_autofree char *file = g_build_filename(run->folder, files[i], NULL);
            g_autofree char *key = store_key(run, files[i]);
            if (!store_put_file(store, key, file, error)) {
                g_prefix_error(error, "while publishing to %s: ", *url);
                return false;
            }
        }
    }
    return true;
}
