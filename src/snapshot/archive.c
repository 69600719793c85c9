#include "snapshot/archive.h"

#include "base/error.h"
#include "pg/properties.h"

#define COMPRESSION_ZSTD                                                                           \
    3 /* since archive version 1.15; before, pg_restore looks for gzip alone                       \
       */

char *archive_version(const Toc *toc)
{
    return g_strdup_printf("1.%d", toc->minor);
}

static bool set_database(Toc *toc, const SnapshotOptions *options, GError **error)
{
    const char *name = options->real_name != NULL ? options->real_name : options->database;
    g_autoptr(PgProperties) wanted = NULL;
    g_autoptr(PgProperties) fresh = NULL;
    g_autoptr(GPtrArray) statements = NULL;
    if (options->properties == NULL)
        return toc_set_database(toc, name, NULL, NULL, error);
    wanted = pg_properties_from_json(options->properties, error);
    if (wanted == NULL)
        return false;
    fresh = pg_properties_fresh(wanted);
    statements = pg_properties_statements(name, fresh, wanted);
    return toc_set_database(toc, name, pg_properties_owner(wanted), statements, error);
}

bool archive_finish(Toc *toc, const SnapshotOptions *options, Manifest *manifest,
                    const char *folder, GError **error)
{
    g_autoptr(GByteArray) bytes = NULL;
    if (!set_database(toc, options, error)) {
        g_prefix_error(error, "while naming the database in the archive: ");
        return false;
    }
    toc->compression = toc->minor >= 15 ? COMPRESSION_ZSTD : 0;
    bytes = toc_write(toc);
    return manifest_write_file(manifest, folder, "toc.dat", bytes->data, bytes->len, error);
}
