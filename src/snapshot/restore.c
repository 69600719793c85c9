#include "snapshot/restore.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "pg/tools.h"
#include "snapshot/restore_state.h"
#include "snapshot/snapshot.h"
#include <string.h>

void restore_result_free(RestoreResult *result)
{
    if (result == NULL)
        return;
    digest_set_free(result->digests);
    g_free(result->content_hash);
    g_ptr_array_free(result->notes, TRUE);
    g_free(result);
}

static void restore_clear(Restore *restore)
{
    g_ptr_array_free(restore->workers, TRUE);
    pg_disconnect(restore->control);
    if (restore->result != NULL)
        restore_result_free(restore->result);
    restore_graph_free(restore->graph);
    entry_script_free(restore->script);
    toc_free(restore->toc);
    g_clear_pointer(&restore->files, g_hash_table_destroy);
    if (restore->large != NULL)
        g_array_free(restore->large, TRUE);
    if (restore->large_pieces != NULL)
        g_array_free(restore->large_pieces, TRUE);
    g_free(restore->client_encoding);
    g_free(restore->conforming_strings);
    digest_set_free(restore->read_back);
    g_mutex_clear(&restore->notes_lock);
    g_mutex_clear(&restore->read_lock);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Restore, restore_clear)

PgProperties *restore_properties(const Intake *intake, GError **error)
{
    const Manifest *manifest = intake->manifest;
    if (manifest == NULL || manifest->properties == NULL ||
        json_object_size(manifest->properties) == 0)
        return NULL;
    return pg_properties_from_json(manifest->properties, error);
}

/* ---- a snapshot ---- */

static uint64_t data_bytes(const TocEntry *entry, gpointer data)
{
    const ManifestFile *file = restore_data_file(data, entry->file);
    return file == NULL ? 0 : file->has_rows ? file->raw_bytes : file->size_bytes;
}

static int dump_version(const Restore *restore)
{
    return (int)g_ascii_strtoll(
               restore->toc->dump_version != NULL ? restore->toc->dump_version : "", NULL, 10) *
           10000;
}

static bool read_script(Restore *restore, GError **error)
{
    const RestoreOptions *options = restore->options;
    g_autofree char *program =
        pg_tool_find_restore(dump_version(restore), options->allow_known_holes, NULL, error);
    const EntryScriptOptions script = {
        .program = program, .folder = options->from->path, .latest_us = options->latest_us};
    if (program == NULL)
        return false;
    restore->script = entry_script_read(&script, restore->toc, error);
    return restore->script != NULL;
}

static bool index_first(const TocEntry *entry, gpointer data)
{
    const Restore *restore = data;
    EntrySql *sql = entry_script_find(restore->script, entry->id);
    return sql != NULL && entry_sql_build_index_first(sql);
}

static bool plan(Restore *restore, GError **error)
{
    const GraphOptions options = {.toc = restore->toc,
                                  .data_bytes = data_bytes,
                                  .large_pieces = restore_large_pieces,
                                  .large_piece = restore_large_piece,
                                  .index_first = index_first,
                                  .data = restore,
                                  .jobs = restore->options->jobs};
    if (!restore_list_large(restore, error))
        return false;
    restore->graph = restore_graph_new(&options, error);
    if (restore->graph == NULL)
        return false;
    for (guint i = 0; i < restore->toc->entries->len; i++) {
        const TocEntry *entry = g_ptr_array_index(restore->toc->entries, i);
        if (strcmp(entry->desc, "TABLE DATA") == 0)
            restore->total_bytes += data_bytes(entry, restore);
    }
    for (guint i = 0; i < restore->large->len; i++)
        restore->total_bytes += g_array_index(restore->large, LargeObject, i).file->size_bytes;
    return true;
}

static bool run_pre_data(Restore *restore, GError **error)
{
    const int64_t began_us = clock_monotonic_us();
    log_progress("restoring: %u types, functions, tables and the like",
                 restore->graph->before->len);
    if (!restore_run_entries(restore, g_ptr_array_index(restore->workers, 0),
                             restore->graph->before, error))
        return false;
    restore->result->pre_data_us = clock_monotonic_us() - began_us;
    return true;
}

static bool load_snapshot(Restore *restore, GError **error)
{
    g_auto(DatabaseShape) shape = {0};
    database_shape_of(restore->manifest, &shape);
    return read_script(restore, error) && plan(restore, error) &&
           restore_create_database(restore, &shape, error) &&
           restore_connect_workers(restore, error) && restore_tell_entered(restore, error) &&
           run_pre_data(restore, error) && restore_list_tables(restore, error) &&
           restore_run_graph(restore, error);
}

/* Bytes are checked before pg_restore opens them where our own workers do not read them. */
static bool load_by_tool(Restore *restore, GError **error)
{
    return snapshot_verify(restore->options->from->path, NULL, NULL, error) &&
           restore_archive(restore, error);
}

/* Every commit before was left to be flushed by itself; one that is waited for flushes them all,
 * because the log is one sequence. The server waits only for a transaction that has written to the
 * log: taking a transaction id is not enough. */
static bool make_durable(const Restore *restore, GError **error)
{
    PgConnection *connection = g_ptr_array_index(restore->workers, 0);
    return pg_reset_session(connection, "", error) && /* which commits synchronously */
           pg_exec(connection, "SELECT pg_catalog.pg_logical_emit_message(true, 'drydock', '')",
                   error);
}

/* Event triggers and subscriptions, which would act on what is done here. */
static bool run_last(const Restore *restore, GError **error)
{
    PgConnection *connection = g_ptr_array_index(restore->workers, 0);
    if (restore->graph == NULL || restore->graph->last->len == 0)
        return true;
    /* The session has the settings for digests. */
    return pg_reset_session(connection, "", error) &&
           restore_prepare_session(restore, connection, error) &&
           restore_run_entries(restore, connection, restore->graph->last, error);
}

static bool open_snapshot(Restore *restore, PgProperties **properties, GError **error)
{
    g_autoptr(GError) cause = NULL;
    restore->manifest = restore->options->from->manifest;
    *properties = restore_properties(restore->options->from, &cause);
    if (cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    restore->owner = *properties != NULL ? pg_properties_owner(*properties) : NULL;
    return restore_open_files(restore, error) && restore_check_needs(restore, error);
}

static bool restore_snapshot(Restore *restore, PgProperties **properties, GError **error)
{
    if (!open_snapshot(restore, properties, error))
        return false;
    if (!(restore_can_load(restore) ? load_snapshot(restore, error) : load_by_tool(restore, error)))
        return false;
    return restore_take_digests(restore, error) && restore_compare(restore, error) &&
           run_last(restore, error);
}

/* ---- everything ---- */

static bool restore_any(Restore *restore, PgProperties **properties, GError **error)
{
    switch (restore->options->from->kind) {
    case INTAKE_SNAPSHOT:
        return restore_snapshot(restore, properties, error);
    case INTAKE_ARCHIVE:
        return restore_check_needs(restore, error) && restore_archive(restore, error) &&
               restore_take_digests(restore, error);
    case INTAKE_SCRIPT:
    default:
        return restore_script(restore, error) && restore_take_digests(restore, error);
    }
}

static bool open_control(Restore *restore, GError **error)
{
    const PgConnectOptions connect = {.database = restore->options->control_database,
                                      .application = restore->options->application,
                                      .catalog_only = true};
    restore->control = pg_connect(restore->target, &connect, error);
    if (restore->control == NULL)
        return false;
    pg_set_deadline(restore->control, restore->options->latest_us, NULL);
    return restore_check_name(restore, error);
}

bool snapshot_restore_check(const PgTarget *target, const RestoreOptions *options, GError **error)
{
    g_autoptr(PgProperties) properties = NULL;
    g_auto(Restore)
        restore = {.target = target,
                   .options = options,
                   .workers = g_ptr_array_new_with_free_func((GDestroyNotify)pg_disconnect),
                   .result = g_new0(RestoreResult, 1)};
    restore.result->notes = g_ptr_array_new_with_free_func(g_free);
    if (!open_control(&restore, error))
        return false;
    switch (options->from->kind) {
    case INTAKE_SNAPSHOT:
        return open_snapshot(&restore, &properties, error);
    case INTAKE_ARCHIVE:
        return restore_check_needs(&restore, error);
    case INTAKE_SCRIPT:
    default:
        return true;
    }
}

RestoreResult *snapshot_restore(const PgTarget *target, const RestoreOptions *options,
                                GError **error)
{
    g_autoptr(PgProperties) properties = NULL;
    g_auto(Restore)
        restore = {.target = target,
                   .options = options,
                   .began_us = clock_monotonic_us(),
                   .workers = g_ptr_array_new_with_free_func((GDestroyNotify)pg_disconnect),
                   .result = g_new0(RestoreResult, 1)};
    g_return_val_if_fail(options->jobs >= 1, NULL);
    g_mutex_init(&restore.notes_lock);
    g_mutex_init(&restore.read_lock);
    restore.result->notes = g_ptr_array_new_with_free_func(g_free);
    if (!open_control(&restore, error) || !restore_any(&restore, &properties, error) ||
        !make_durable(&restore, error)) {
        log_progress_end();
        g_prefix_error(error, "while restoring '%s' into database '%s': ", options->from->given,
                       options->database);
        failpoint("restore.failed");
        restore_remove_database(&restore, error);
        return NULL;
    }
    restore.result->duration_us = clock_monotonic_us() - restore.began_us;
    return g_steal_pointer(&restore.result);
}
