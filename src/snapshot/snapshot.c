/*
 * Taking a snapshot. The order matters: locks, snapshot, workers, pg_dump, and when all of them are
 * inside the caller may close the database behind them. Then pg_dump's table of contents, the
 * layout, the rows. Everything is written to FOLDER.partial; the manifest is its last file, and the
 * rename to FOLDER the last act.
 */
#include "snapshot/snapshot.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "pg/locks.h"
#include "snapshot/archive.h"
#include "snapshot/crew.h"
#include "snapshot/dump.h"
#include "snapshot/layout.h"
#include "snapshot/manifest.h"
#include "snapshot/objects.h"
#include "snapshot/partial.h"
#include "snapshot/reader.h"
#include "snapshot/readme.h"
#include "snapshot/shipment.h"
#include <string.h>
#include <sys/stat.h>

#define ENTER_POLL_MS 20
#define LEAVE_WAIT_US (10 * G_USEC_PER_SEC)

typedef struct {
    const PgTarget *target;
    const SnapshotOptions *options;
    Partial *partial;
    Sink *sink;         /* of the tar, before it is the shipment's */
    Shipment *shipment; /* of a snapshot that is a file; else NULL */
    Reader *reader;
    char *known; /* our own sessions */
    Dump *dump;
    Toc *toc;
    Layout *layout;
    Manifest *manifest;
    guint n_shipped; /* of the manifest's files */
} Take;

/* Sessions and children first, then their files. */
static void take_clear(Take *take)
{
    dump_free(take->dump);
    reader_free(take->reader);
    layout_free(take->layout);
    toc_free(take->toc);
    manifest_free(take->manifest);
    shipment_free(take->shipment);
    sink_free(take->sink);
    partial_free(take->partial);
    g_free(take->known);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Take, take_clear)

/* pg_dump waits for its locks on the server; who is in its way then is known to us. */
static bool explain_dump(Take *take, GError **error)
{
    locks_name_blockers(take->reader->exporter, error);
    return false;
}

/* Waits until pg_dump is in, or has ended; then tells the caller. */
static bool wait_until_entered(Take *take, GError **error)
{
    const SnapshotOptions *options = take->options;
    int inside = 0;
    bool ended = false;
    while (!ended && inside < 1) {
        if (!dump_wait(take->dump, ENTER_POLL_MS, &ended, error))
            return explain_dump(take, error);
        if (!ended && !reader_count_others(take->reader, take->known, &inside, error))
            return false;
    }
    failpoint("snapshot.entered");
    return options->entered == NULL || options->entered(options->data, error);
}

static bool read_toc(Take *take, const char *encoding, GError **error)
{
    Reader *reader = take->reader;
    take->known = reader_known_sessions(reader, error);
    if (take->known == NULL)
        return false;
    take->dump = dump_start(
        take->target, take->options,
        take->options->passfolder != NULL ? take->options->passfolder : partial_path(take->partial),
        encoding, reader->snapshot_id, pg_server_version(reader->exporter), error);
    if (take->dump == NULL || !wait_until_entered(take, error))
        return false;
    take->toc = dump_read_toc(take->dump, error);
    failpoint("snapshot.toc");
    return take->toc != NULL || explain_dump(take, error);
}

/* pg_dump was stopped long ago; its session on the server must be gone, too, or it would be in the
 * way of whoever renames or clones the database next. */
static bool wait_until_left(Take *take, GError **error)
{
    const int64_t latest_us = clock_monotonic_us() + LEAVE_WAIT_US;
    int inside = 0;
    for (;;) {
        if (!reader_count_others(take->reader, take->known, &inside, error))
            return false;
        if (inside == 0)
            return true;
        if (clock_monotonic_us() >= latest_us) {
            error_set(error, ERROR_FAILED, "pg_dump was ended and its session does not end");
            return false;
        }
        (void)clock_sleep_ms(ENTER_POLL_MS);
        if (interrupt_check(error))
            return false;
    }
}

static bool go_on(gpointer data, GError **error)
{
    Take *take = data;
    return reader_sign_of_life(take->reader, error) &&
           (take->shipment == NULL || shipment_check(take->shipment, error));
}

static void ship_part(const Part *part, gpointer data)
{
    Shipment *shipment = data;
    for (guint i = 0; shipment != NULL && i < part->files->len; i++)
        shipment_add(shipment, ((const ManifestFile *)g_ptr_array_index(part->files, i))->name);
}

static bool read_rows(Take *take, GError **error)
{
    const SnapshotOptions *options = take->options;
    PartContext context = {.folder = partial_path(take->partial),
                           .level = options->level > 0 ? options->level : SNAPSHOT_LEVEL,
                           .taken = ship_part,
                           .data = take->shipment};
    take->layout = layout_make(take->toc, take->reader, options, error);
    if (take->layout == NULL ||
        !crew_work(take->layout->parts, &context, take->reader->workers, go_on, take, error))
        return false;
    failpoint("snapshot.rows");
    return !interrupt_check(error) && wait_until_left(take, error) &&
           reader_finish(take->reader, error);
}

static json_t *archive_facts(const Take *take)
{
    const SnapshotOptions *options = take->options;
    g_autofree char *version = archive_version(take->toc);
    json_t *archive = json_object();
    json_set_text(archive, "format", "pg_dump directory");
    json_set_text(archive, "version", version);
    json_set_text(archive, "copy_format", options->format == SNAPSHOT_TEXT ? "text" : "auto");
    json_set_text(archive, "pg_dump", dump_version(take->dump));
    json_set_text(archive, "compression", "zstd");
    json_set_integer(archive, "level", options->level > 0 ? options->level : SNAPSHOT_LEVEL);
    json_set_integer(archive, "jobs", options->jobs);
    return archive;
}

static void add_files(Manifest *manifest, const Layout *layout)
{
    for (guint i = 0; i < layout->parts->len; i++) {
        Part *part = g_ptr_array_index(layout->parts, i);
        while (part->files->len > 0)
            manifest_add(manifest, g_ptr_array_steal_index_fast(part->files, 0));
    }
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
    add_files(manifest, take->layout);
    take->n_shipped = manifest->files->len;
    take->manifest = manifest;
}

/* The lists of large objects and the digests of all that was read. */
static bool add_up(Take *take, GError **error)
{
    Manifest *manifest = take->manifest;
    DigestSet *digests = take->reader->list;
    layout_add_up(take->layout);
    if (!objects_finish(take->toc, take->layout->parts, digests, manifest,
                        partial_path(take->partial), error))
        return false;
    manifest->digests = g_steal_pointer(&take->reader->list);
    manifest->content_hash = digest_set_hash(manifest->digests);
    return true;
}

/* What came to the manifest since all parts were shipped; before it is ordered. */
static void ship_rest(Take *take)
{
    const GPtrArray *files = take->manifest->files;
    for (guint i = take->n_shipped; take->shipment != NULL && i < files->len; i++)
        shipment_add(take->shipment, ((const ManifestFile *)g_ptr_array_index(files, i))->name);
}

static bool give_name(Take *take, GError **error)
{
    if (take->shipment == NULL)
        return partial_publish(take->partial, error);
    shipment_add(take->shipment, MANIFEST_NAME);
    return shipment_finish(take->shipment, error) &&
           (take->options->sink != NULL || partial_publish_file(take->partial, error));
}

static bool publish(Take *take, GError **error)
{
    const ReadmeFacts facts = {.has_parts = layout_has_parts(take->layout),
                               .has_money = take->layout->money};
    if (!archive_finish(take->toc, take->options, take->manifest, partial_path(take->partial),
                        error) ||
        !readme_write(take->manifest, facts, partial_path(take->partial), error))
        return false;
    /* For thousands of tables each of these is large; the manifest needs none of them. */
    g_clear_pointer(&take->layout, layout_free);
    g_clear_pointer(&take->toc, toc_free);
    ship_rest(take);
    failpoint("snapshot.before_manifest");
    if (!manifest_write(take->manifest, partial_path(take->partial), error))
        return false;
    failpoint("snapshot.before_rename");
    return give_name(take, error);
}

static SnapshotResult *make_result(Take *take, int64_t began_us)
{
    SnapshotResult *result = g_new0(SnapshotResult, 1);
    Manifest *manifest = take->manifest;
    const char *folder = take->options->folder;
    g_autofree char *path =
        take->shipment != NULL ? g_strdup(folder) : g_build_filename(folder, MANIFEST_NAME, NULL);
    struct stat status;
    result->size_bytes =
        take->shipment != NULL && take->options->sink == NULL ? 0 : manifest_size(manifest);
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
    if (options->jobs >= 1 && options->level >= 0 && options->level <= SNAPSHOT_LEVEL_MAX)
        return true;
    error_set(error, ERROR_CONFIG,
              "cannot take a snapshot with %d jobs and compression level %d: at least 1 and from 1 "
              "to %d are possible",
              options->jobs, options->level, SNAPSHOT_LEVEL_MAX);
    return false;
}

static bool begin_shipment(Take *take, GError **error)
{
    const SnapshotOptions *options = take->options;
    g_autofree char *path = g_build_filename(partial_path(take->partial), PARTIAL_FILE, NULL);
    Sink *sink = take->sink != NULL ? g_steal_pointer(&take->sink) : sink_file_new(path, error);
    if (sink != NULL && options->n_recipients > 0)
        sink = sink_age_new(sink, options->recipients, options->n_recipients, error);
    if (sink == NULL)
        return false;
    take->shipment = shipment_new(sink, partial_path(take->partial));
    return true;
}

static bool take_all(Take *take, GError **error)
{
    g_autoptr(json_t) facts = NULL;
    take->partial = partial_make(take->options->folder, error);
    if (take->partial == NULL || (take->options->as_tar && !begin_shipment(take, error)))
        return false;
    take->reader = reader_open(take->target, take->options, error);
    if (take->reader == NULL)
        return false;
    facts = reader_facts(take->reader, error);
    if (facts == NULL || !read_toc(take, json_get_text(facts, "digest_encoding"), error) ||
        !read_rows(take, error))
        return false;
    describe(take, g_steal_pointer(&facts));
    return add_up(take, error) && publish(take, error);
}

/* WIN1252 and its like accept bytes that they give no meaning to; UTF-8 has nothing for them. */
static void hint_at_encoding(GError **error)
{
    if (error != NULL && g_strcmp0(error_sqlstate(*error), "22P05") == 0)
        error_hint_set(error, "the table holds bytes that mean nothing in the database's own "
                              "encoding, and a snapshot is in UTF-8: find the rows with "
                              "convert_to(COLUMN, 'UTF8') and mend them");
}

SnapshotResult *snapshot_take(const PgTarget *target, const SnapshotOptions *options,
                              GError **error)
{
    const int64_t began_us = clock_monotonic_us();
    g_auto(Take) take = {.target = target, .options = options, .sink = options->sink};
    if (!check_options(options, error))
        return NULL;
    if (!take_all(&take, error)) {
        hint_at_encoding(error);
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
