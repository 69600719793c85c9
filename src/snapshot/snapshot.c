/*
 * Taking a snapshot. The order matters: locks, snapshot, workers, pg_dump, and when all of them are
 * inside the caller may close the database behind them. Everything is written to FOLDER.partial;
 * the manifest is its last file, and the rename to FOLDER the last act.
 */
#include "snapshot/snapshot.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "snapshot/dump.h"
#include "snapshot/manifest.h"
#include "snapshot/reader.h"
#include "snapshot/readme.h"
#include <string.h>
#include <sys/stat.h>

#define ENTER_POLL_MS 20
#define DUMP_POLL_MS 500

typedef struct {
    const PgTarget *target;
    const SnapshotOptions *options;
    char *partial;
    bool created; /* partial is ours */
    Reader *reader;
    Dump *dump;
    Manifest *manifest;
} Take;

/* Sessions and children first, then their files. */
static void take_clear(Take *take)
{
    dump_free(take->dump);
    reader_free(take->reader);
    manifest_free(take->manifest);
    if (take->created && !file_remove_tree(take->partial, NULL))
        log_warning("cannot remove the unfinished snapshot '%s': remove it by hand", take->partial);
    g_free(take->partial);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Take, take_clear)

static bool create_folder(Take *take, GError **error)
{
    const char *folder = take->options->folder;
    bool existed = false;
    if (file_exists(folder)) {
        error_set(error, ERROR_IO, "cannot take a snapshot into '%s': it exists already", folder);
        error_hint_set(error, "choose another name; a snapshot is never overwritten");
        return false;
    }
    take->partial = g_strconcat(folder, ".partial", NULL);
    take->created = file_make_new_folder(take->partial, &existed, error);
    if (existed)
        error_hint_set(error,
                       "another snapshot is being taken there, or one was cut short: if no other "
                       "run is working, remove '%s'",
                       take->partial);
    return take->created;
}

static bool start_dump(Take *take, GError **error)
{
    Reader *reader = take->reader;
    take->dump = dump_start(take->target, take->options, take->partial, reader->snapshot_id,
                            pg_server_version(reader->exporter), error);
    return take->dump != NULL;
}

/* Waits until pg_dump and all its workers are in, or it has ended; then tells the caller. Its
 * workers connect only after it has read the catalog. */
static bool wait_until_entered(Take *take, const char *known, GError **error)
{
    const SnapshotOptions *options = take->options;
    int inside = 0;
    bool ended = false;
    while (!ended && inside < dump_sessions(take->dump)) {
        if (!dump_wait(take->dump, ENTER_POLL_MS, &ended, error))
            return false;
        if (!ended && !reader_count_others(take->reader, known, &inside, error))
            return false;
    }
    return options->entered == NULL || options->entered(options->data, error);
}

/* While digests are read: a pg_dump that has failed makes them pointless. */
static bool dump_goes_on(gpointer data, GError **error)
{
    Take *take = data;
    bool ended = false;
    return dump_wait(take->dump, 0, &ended, error);
}

static bool wait_for_dump(Take *take, GError **error)
{
    const int64_t began_us = clock_monotonic_us();
    bool ended = false;
    while (!ended) {
        g_autofree char *waited = clock_format_duration(clock_monotonic_us() - began_us);
        if (!dump_wait(take->dump, DUMP_POLL_MS, &ended, error))
            return false;
        log_progress("digests are taken; waiting for pg_dump (%s)", waited);
    }
    log_progress_end();
    return true;
}

static bool read_everything(Take *take, GError **error)
{
    const GPtrArray *workers = take->reader->workers;
    g_autofree char *known = reader_known_sessions(take->reader, error);
    if (known == NULL || !start_dump(take, error) || !wait_until_entered(take, known, error))
        return false;
    return digest_fill_while(take->reader->list, (PgConnection *const *)workers->pdata,
                             (int)workers->len, dump_goes_on, take, error) &&
           wait_for_dump(take, error) && reader_finish(take->reader, error);
}

static json_t *archive_facts(const Take *take)
{
    json_t *archive = json_object();
    json_set_text(archive, "format", "pg_dump directory");
    json_set_text(archive, "pg_dump", dump_version(take->dump));
    json_set_text(archive, "compression", take->options->level > 0 ? "gzip" : "none");
    json_set_integer(archive, "level", take->options->level);
    json_set_integer(archive, "jobs", take->options->jobs);
    return archive;
}

static void describe(Take *take, json_t *facts)
{
    const SnapshotOptions *options = take->options;
    Manifest *manifest = manifest_new();
    manifest->run = g_strdup(options->run);
    manifest->database =
        g_strdup(options->real_name != NULL ? options->real_name : options->database);
    manifest->read_from = g_strdup(options->database);
    manifest->source = facts;
    manifest->archive = archive_facts(take);
    manifest->properties =
        options->properties != NULL ? json_deep_copy(options->properties) : json_object();
    manifest->digests = g_steal_pointer(&take->reader->list);
    manifest->content_hash = digest_set_hash(manifest->digests);
    take->manifest = manifest;
}

static bool publish(Take *take, GError **error)
{
    if (!readme_write(take->manifest, take->partial, error) ||
        !manifest_add_files(take->manifest, take->partial, error) ||
        !manifest_write(take->manifest, take->partial, error))
        return false;
    log_progress_end();
    if (file_rename(take->partial, take->options->folder, error)) {
        take->created = false;
        return true;
    }
    /* Renamed, but it cannot be known whether that lasts: a failure leaves nothing. */
    if (!file_exists(take->partial))
        (void)file_remove_tree(take->options->folder, NULL);
    return false;
}

static SnapshotResult *make_result(Take *take, int64_t began_us)
{
    SnapshotResult *result = g_new0(SnapshotResult, 1);
    Manifest *manifest = take->manifest;
    g_autofree char *path = g_build_filename(take->options->folder, MANIFEST_NAME, NULL);
    struct stat status;
    result->size_bytes = manifest_size(manifest);
    if (stat(path, &status) == 0)
        result->size_bytes += (uint64_t)status.st_size;
    result->files = (int)manifest->files->len + 1;
    result->digests = g_steal_pointer(&manifest->digests);
    result->content_hash = g_steal_pointer(&manifest->content_hash);
    result->duration_us = clock_monotonic_us() - began_us;
    return result;
}

static bool check_options(const SnapshotOptions *options, GError **error)
{
    if (options->jobs >= 1 && options->level >= 0 && options->level <= 9)
        return true;
    error_set(error, ERROR_CONFIG,
              "cannot take a snapshot with %d jobs and compression level %d: at least 1 and from 0 "
              "to 9 are possible",
              options->jobs, options->level);
    return false;
}

static bool take_all(Take *take, GError **error)
{
    g_autoptr(json_t) facts = NULL;
    if (!create_folder(take, error))
        return false;
    take->reader = reader_open(take->target, take->options, error);
    if (take->reader == NULL)
        return false;
    facts = reader_facts(take->reader, error);
    if (facts == NULL || !read_everything(take, error))
        return false;
    describe(take, g_steal_pointer(&facts));
    return publish(take, error);
}

SnapshotResult *snapshot_take(const PgTarget *target, const SnapshotOptions *options,
                              GError **error)
{
    const int64_t began_us = clock_monotonic_us();
    g_auto(Take) take = {.target = target, .options = options};
    if (!check_options(options, error))
        return NULL;
    if (!take_all(&take, error)) {
        g_prefix_error(error, "while taking a snapshot of database '%s': ", options->database);
        return NULL;
    }
    return make_result(&take, began_us);
}

void snapshot_result_free(SnapshotResult *result)
{
    if (result == NULL)
        return;
    digest_set_free(result->digests);
    g_free(result->content_hash);
    g_free(result);
}
