#include "snapshot/objects.h"

#include "base/error.h"
#include "stream/sink.h"
#include "verify/large_objects.h"
#include <string.h>

#define PARTS_PER_JOB 8
#define FIRST_WITH_GROUPS 16 /* minor version of the archive's format */

static bool is_list(const TocEntry *entry)
{
    return entry->has_data && g_strcmp0(entry->desc, "BLOBS") == 0;
}

/* ---- planning ---- */

static void name_lists(const Toc *toc)
{
    for (guint i = 0; i < toc->entries->len; i++) {
        TocEntry *entry = g_ptr_array_index(toc->entries, i);
        if (!is_list(entry))
            continue;
        g_free(entry->file);
        entry->file = toc->minor < FIRST_WITH_GROUPS ? g_strdup("blobs.toc")
                                                     : g_strdup_printf("blobs_%d.toc", entry->id);
    }
}

static int64_t count_objects(const GArray *ranges)
{
    int64_t objects = 0;
    for (guint i = 0; i < ranges->len; i++)
        objects += g_array_index(ranges, LargeObjectRange, i).objects;
    return objects;
}

static bool add_parts(const GArray *ranges, PgConnection *connection, GPtrArray *parts,
                      GError **error)
{
    g_autofree char *size = pg_query_text(
        connection, error, "SELECT pg_catalog.pg_table_size('pg_catalog.pg_largeobject')", 0);
    const int64_t objects = count_objects(ranges);
    if (size == NULL)
        return false;
    for (guint i = 0; i < ranges->len; i++) {
        const LargeObjectRange *range = &g_array_index(ranges, LargeObjectRange, i);
        const double share = (double)range->objects / (double)objects;
        Part *part =
            part_new(PART_OBJECTS, (uint64_t)((double)g_ascii_strtoull(size, NULL, 10) * share));
        part->first_object = range->first;
        part->last_object = range->last;
        part->objects = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        g_ptr_array_add(parts, part);
    }
    g_ptr_array_add(parts, part_new(PART_ACCESS, 0));
    return true;
}

bool objects_plan(Toc *toc, Reader *reader, int jobs, GPtrArray *parts, GError **error)
{
    g_autoptr(GArray) ranges = large_objects_ranges(reader->exporter, jobs * PARTS_PER_JOB, error);
    if (ranges == NULL)
        return false;
    name_lists(toc);
    return ranges->len == 0 || add_parts(ranges, reader->exporter, parts, error);
}

/* ---- reading ---- */

typedef struct {
    Part *part;
    PartContext *context;
    LargeObjectReading reading;
    Sink *sink; /* of the object that is being read */
    SinkSum sum;
    uint32_t oid;
    int64_t end; /* where its next piece begins */
} Taking;

static bool end_object(Taking *taking, GError **error)
{
    ManifestFile *file = NULL;
    if (taking->sink == NULL)
        return true;
    if (!sink_commit(taking->sink, error))
        return false;
    g_clear_pointer(&taking->sink, sink_free);
    file = g_new0(ManifestFile, 1);
    file->name = g_strdup_printf("blob_%u.dat.zst", taking->oid);
    file->size_bytes = taking->sum.size_bytes;
    file->sha256 = taking->sum.sha256;
    g_ptr_array_add(taking->part->files, file);
    g_array_append_val(taking->part->objects, taking->oid);
    return true;
}

static bool begin_object(Taking *taking, uint32_t oid, GError **error)
{
    g_autofree char *name = g_strdup_printf("blob_%u.dat.zst", oid);
    g_autofree char *path = g_build_filename(taking->context->folder, name, NULL);
    taking->oid = oid;
    taking->end = 0;
    taking->sink = part_open_file(path, taking->context->level, &taking->sum, error);
    return taking->sink != NULL;
}

static bool take_piece(const char *row, size_t size_bytes, gpointer data, GError **error)
{
    Taking *taking = data;
    LargeObjectPiece piece;
    bool found = false;
    if (!large_objects_add(&taking->reading, row, size_bytes, &piece, &found, error))
        return false;
    if (!found)
        return true;
    if (piece.offset == 0 &&
        (!end_object(taking, error) || !begin_object(taking, piece.oid, error)))
        return false;
    if (taking->sink == NULL || piece.oid != taking->oid || piece.offset != taking->end) {
        error_set(error, ERROR_FAILED, "the server gave pieces of large objects out of order");
        return false;
    }
    taking->end += (int64_t)piece.size_bytes;
    return sink_write(taking->sink, piece.data, piece.size_bytes, error) &&
           part_report(taking->part, taking->context, (int64_t)size_bytes, error);
}

bool objects_take(Part *part, PartContext *context, PgConnection *connection, GError **error)
{
    g_autofree char *sql = large_objects_copy(part->first_object, part->last_object);
    Taking taking = {.part = part, .context = context, .reading = LARGE_OBJECT_READING};
    const bool done = pg_copy_out(connection, sql, take_piece, &taking, error) &&
                      large_objects_end(&taking.reading, error) && end_object(&taking, error);
    sink_free(taking.sink);
    part->rows = taking.reading.digest;
    return done;
}

/* ---- lists ---- */

static bool append_line(GString *list, const char *oid, GHashTable *objects, GError **error)
{
    const uint32_t number = (uint32_t)g_ascii_strtoull(oid, NULL, 10);
    if (!g_hash_table_remove(objects, GUINT_TO_POINTER(number))) {
        error_set(error, ERROR_FAILED,
                  "pg_dump has a large object %u that was not found in the snapshot", number);
        return false;
    }
    g_string_append_printf(list, "%u blob_%u.dat\n", number, number);
    return true;
}

/* Up to 1.15 each object has an entry. */
static bool list_all(const Toc *toc, GString *list, GHashTable *objects, GError **error)
{
    for (guint i = 0; i < toc->entries->len; i++) {
        const TocEntry *entry = g_ptr_array_index(toc->entries, i);
        if (g_strcmp0(entry->desc, "BLOB") == 0 && !append_line(list, entry->oid, objects, error))
            return false;
    }
    return true;
}

/* Since 1.16 a group's entry of data depends on that of its metadata, whose definition is the
 * group's OIDs, one a line (see IssueCommandPerBlob() in pg_backup_archiver.c). */
static bool list_group(const Toc *toc, const TocEntry *data, GString *list, GHashTable *objects,
                       GError **error)
{
    for (guint i = 0; i < data->deps->len; i++) {
        const TocEntry *entry = toc_find(toc, g_array_index(data->deps, int, i));
        g_auto(GStrv) lines = NULL;
        if (entry == NULL || g_strcmp0(entry->desc, "BLOB METADATA") != 0 || entry->defn == NULL)
            continue;
        lines = g_strsplit(entry->defn, "\n", -1);
        for (char **line = lines; *line != NULL; line++) {
            if ((*line)[0] != '\0' && !append_line(list, *line, objects, error))
                return false;
        }
    }
    return true;
}

static bool write_lists(const Toc *toc, GHashTable *objects, Manifest *manifest, const char *folder,
                        GError **error)
{
    for (guint i = 0; i < toc->entries->len; i++) {
        const TocEntry *entry = g_ptr_array_index(toc->entries, i);
        g_autoptr(GString) list = g_string_new(NULL);
        if (!is_list(entry))
            continue;
        if (!(toc->minor < FIRST_WITH_GROUPS ? list_all(toc, list, objects, error)
                                             : list_group(toc, entry, list, objects, error)) ||
            !manifest_write_file(manifest, folder, entry->file, list->str, list->len, error))
            return false;
    }
    return true;
}

bool objects_finish(const Toc *toc, const GPtrArray *parts, DigestSet *digests, Manifest *manifest,
                    const char *folder, GError **error)
{
    g_autoptr(GHashTable) objects = g_hash_table_new(g_direct_hash, g_direct_equal);
    for (guint i = 0; i < parts->len; i++) {
        const Part *part = g_ptr_array_index(parts, i);
        if (part->kind == PART_ACCESS)
            digests->large_object_access = part->rows;
        if (part->kind != PART_OBJECTS)
            continue;
        digest_add(&digests->large_objects, part->rows);
        for (guint j = 0; j < part->objects->len; j++)
            g_hash_table_add(objects, GUINT_TO_POINTER(g_array_index(part->objects, uint32_t, j)));
    }
    if (!write_lists(toc, objects, manifest, folder, error))
        return false;
    if (g_hash_table_size(objects) == 0)
        return true;
    error_set(error, ERROR_FAILED, "%u large objects are in the snapshot and not in pg_dump's list",
              g_hash_table_size(objects));
    return false;
}
