#include "run/publish.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "snapshot/manifest.h"
#include "snapshot/tar.h"
#include "store/store.h"
#include "stream/age.h"
#include <string.h>

/* What is left to be put when the database is in service: nobody waits longer for a store. */
#define END_US ((int64_t)60 * G_USEC_PER_SEC)

PublishBefore publish_before(const Run *run)
{
    return strcmp(run_strategy(run), "shadow") == 0 ? run->policy->publish_before
                                                    : PUBLISH_BEFORE_MIGRATE;
}

const char *publish_before_name(PublishBefore before)
{
    static const char *const names[] = {[PUBLISH_BEFORE_OPEN] = "open",
                                        [PUBLISH_BEFORE_MIGRATE] = "migrate",
                                        [PUBLISH_BEFORE_NOTHING] = "nothing"};
    return names[before];
}

/* <database>/<run>/<name>. */
static char *store_key(const Run *run, const char *name)
{
    g_autofree char *database = g_uri_escape_string(run->database, NULL, TRUE);
    return g_build_filename(database, run->id, name, NULL);
}

static bool is_encrypted(const Run *run)
{
    return run->policy->encrypt_recipients[0] != NULL;
}

/* A folder, or one file for the recipients of the policy. */
static char *snapshot_key(const Run *run)
{
    return store_key(run, is_encrypted(run) ? "snapshot.tar.age" : "snapshot");
}

static Sink *encrypt(const Run *run, Sink *next, GError **error)
{
    char *const *recipients = run->policy->encrypt_recipients;
    const guint n = g_strv_length(run->policy->encrypt_recipients);
    g_autofree AgeKey *keys = g_new0(AgeKey, n);
    g_autoptr(Sink) sink = next;
    for (guint i = 0; i < n; i++) {
        if (!age_recipient_parse(recipients[i], &keys[i], error))
            return NULL;
    }
    return sink_age_new(g_steal_pointer(&sink), keys, n, error);
}

static bool put_encrypted(const Run *run, Store *store, const char *key, const char *folder,
                          uint64_t *size_bytes, GError **error)
{
    const StorePutOptions options = {.if_absent = true};
    Sink *sink = store_put(store, key, &options, error);
    sink = sink != NULL ? encrypt(run, sink, error) : NULL;
    return sink != NULL && tar_write_snapshot(sink, folder, size_bytes, error);
}

/* What this run has begun to put may be there already: it died before it could write that down. */
static bool put(const Run *run, Store *store, const char *key, bool begun, uint64_t *size_bytes,
                GError **error)
{
    g_autofree char *folder = g_build_filename(run->folder, "snapshot", NULL);
    g_autofree char *last =
        is_encrypted(run) ? g_strdup(key) : g_build_filename(key, MANIFEST_NAME, NULL);
    g_autoptr(StoreObject) held = NULL;
    if (begun && !store_head(store, last, &held, error))
        return false;
    if (held != NULL)
        return true;
    return is_encrypted(run) ? put_encrypted(run, store, key, folder, size_bytes, error)
                             : store_put_folder(store, key, folder, size_bytes, error);
}

/* Whether the journal has a line of this kind about a place. */
static bool has_line(const json_t *lines, const char *kind, const char *place)
{
    size_t i = 0;
    const json_t *line = NULL;
    json_array_foreach(lines, i, line)
    {
        if (g_strcmp0(json_get_text(line, "kind"), kind) == 0 &&
            g_strcmp0(json_get_text(line, "phase"), "publish") == 0 &&
            g_strcmp0(json_get_text(json_object_get(line, "details"), "place"), place) == 0)
            return true;
    }
    return false;
}

/* lines: the journal so far; NULL: of a run that has not died. */
static bool publish_to(const Run *run, const char *url, const json_t *lines, int64_t latest_us,
                       json_t *places, GError **error)
{
    g_autoptr(Store) store = store_open(url, error);
    g_autofree char *log = g_build_filename(run->folder, "audit.jsonl", NULL);
    g_autofree char *key = snapshot_key(run);
    g_autofree char *log_key = store_key(run, "audit.jsonl");
    g_autofree char *place = NULL;
    uint64_t size_bytes = 0;
    if (store == NULL)
        return false;
    store_set_latest(store, latest_us);
    place = store_locate(store, key);
    if (!journal_intent(run->journal, "publish", "put", json_pack("{s:s}", "place", place),
                        error) ||
        !put(run, store, key, has_line(lines, "intent", place), &size_bytes, error) ||
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

bool publish_snapshot(const Run *run, int64_t latest_us, json_t *places, GError **error)
{
    for (char **url = run->policy->publish_to; *url != NULL; url++) {
        if (!publish_to(run, *url, NULL, latest_us, places, error))
            return false;
    }
    return true;
}

/* Whether the journal says that the snapshot is in the store. A store that cannot be opened is
 * asked later. */
static bool is_published(const Run *run, const char *url, const json_t *lines)
{
    g_autoptr(Store) store = store_open(url, NULL);
    g_autofree char *key = snapshot_key(run);
    g_autofree char *place = store != NULL ? store_locate(store, key) : NULL;
    return place != NULL && has_line(lines, "done", place);
}

static bool has_snapshot(const Run *run, GError **error)
{
    g_autofree char *manifest =
        run->folder != NULL ? g_build_filename(run->folder, "snapshot", MANIFEST_NAME, NULL) : NULL;
    if (manifest != NULL && file_exists(manifest))
        return true;
    error_set(error, ERROR_FAILED,
              "the snapshot of the run is in the state folder no more, and nothing tells that it "
              "was published");
    return false;
}

bool publish_missing(Run *run, bool *any, GError **error)
{
    g_autoptr(json_t) lines = run->folder != NULL ? journal_read(run->folder, NULL) : NULL;
    json_t *places = json_array();
    json_object_set_new(run->report, "published", places);
    *any = false;
    for (char **url = run->policy->publish_to; *url != NULL; url++) {
        if (is_published(run, *url, lines))
            continue;
        *any = true;
        if (!has_snapshot(run, error) ||
            !publish_to(run, *url, lines, run->opened ? 0 : run_latest_us(run), places, error))
            return false;
    }
    return true;
}

void publish_leave(Run *run, const GError *cause)
{
    log_warning("%s; drydock recover tries again", cause->message);
    g_ptr_array_add(run->remarks,
                    g_strdup_printf("the snapshot of run %s is not published, drydock "
                                    "recover tries again: %s",
                                    run->id, cause->message));
    (void)journal_note(run->journal, "publish", "missing", NULL, NULL);
}

void publish_late(Run *run)
{
    g_autoptr(GError) cause = NULL;
    bool any = false;
    if (!publish_missing(run, &any, &cause))
        publish_leave(run, cause);
    run->published_late = any && cause == NULL;
}

bool publish_end(const Run *run, GError **error)
{
    static const char *const files[] = {"audit.jsonl", "report.json", "report.txt"};
    for (char **url = run->policy->publish_to; *url != NULL; url++) {
        g_autoptr(Store) store = store_open(*url, error);
        if (store == NULL)
            return false;
        store_set_latest(store, clock_monotonic_us() + END_US);
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
