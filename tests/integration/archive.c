/*
 * Changes the table of contents of an archive, for tests/integration/test_toc.py:
 *
 *   archive [--name NAME] [--properties DSN DATABASE] [--binary TAG] [--split TAG N] < ARCHIVE
 *
 * The new toc.dat goes to stdout; its data entries and sequences go to stderr, as JSON lines.
 */
#include "base/error.h"
#include "base/json.h"
#include "pg/properties.h"
#include "snapshot/toc.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool read_stdin(void *data, size_t size_bytes, gpointer source, GError **error)
{
    char *to = data;
    (void)source;
    while (size_bytes > 0) {
        const ssize_t got = read(STDIN_FILENO, to, size_bytes);
        if (got <= 0) {
            error_set(error, ERROR_IO, "the archive ends too early");
            return false;
        }
        to += got;
        size_bytes -= (size_t)got;
    }
    return true;
}

static bool take_properties(Toc *toc, const char *dsn, const char *database, GError **error)
{
    const PgConnectOptions options = {.database = "postgres", .application = "drydock tests"};
    g_autoptr(PgTarget) target = pg_target_new(dsn, error);
    g_autoptr(PgConnection) connection =
        target != NULL ? pg_connect(target, &options, error) : NULL;
    g_autoptr(PgProperties) properties =
        connection != NULL ? pg_properties_read(connection, database, error) : NULL;
    g_autoptr(PgProperties) fresh = properties != NULL ? pg_properties_fresh(properties) : NULL;
    g_autofree char *name = g_strdup(toc->database);
    if (fresh == NULL)
        return false;
    g_autoptr(GPtrArray) statements = pg_properties_statements(name, fresh, properties);
    return toc_set_database(toc, name, pg_properties_owner(properties), statements, error);
}

static TocEntry *data_entry(const Toc *toc, const char *tag, GError **error)
{
    for (guint i = 0; i < toc->entries->len; i++) {
        TocEntry *entry = g_ptr_array_index(toc->entries, i);
        if (entry->has_data && strcmp(entry->tag, tag) == 0)
            return entry;
    }
    error_set(error, ERROR_USAGE, "no data of '%s'", tag);
    return NULL;
}

static bool change(Toc *toc, char **arguments, GError **error)
{
    for (char **at = arguments; *at != NULL;) {
        const char *option = *at++;
        const char *first = *at++;
        TocEntry *entry = NULL;
        bool done = true;
        if (strcmp(option, "--name") == 0) {
            done = toc_set_database(toc, first, NULL, NULL, error);
        } else if (strcmp(option, "--properties") == 0) {
            done = take_properties(toc, first, *at++, error);
        } else if ((entry = data_entry(toc, first, error)) == NULL) {
            return false;
        } else if (strcmp(option, "--binary") == 0) {
            toc_copy_set_binary(entry);
        } else {
            toc_split(toc, entry, (int)g_ascii_strtoll(*at++, NULL, 10), NULL);
        }
        if (!done)
            return false;
    }
    return true;
}

static bool tell(const Toc *toc, TocEntry *entry, GError **error)
{
    g_autoptr(json_t) object = json_object();
    uint32_t oid = 0;
    g_autofree char *value = toc_sequence_value(toc, entry, &oid);
    if (entry->has_data && strcmp(entry->desc, "TABLE DATA") == 0) {
        g_autoptr(GPtrArray) columns = toc_copy_columns(entry, error);
        json_t *names = json_array();
        if (columns == NULL)
            return false;
        for (guint i = 0; i < columns->len; i++)
            json_array_append_new(names, json_string(columns->pdata[i]));
        json_object_set_new(object, "columns", names);
        json_set_text(object, "file", entry->file);
    } else if (value == NULL) {
        return true;
    }
    json_set_integer(object, "id", entry->id);
    json_set_text(object, "schema", entry->schema);
    json_set_text(object, "tag", entry->tag);
    json_set_text(object, "value", value);
    json_set_integer(object, "oid", (int64_t)oid);
    g_autofree char *line = json_to_line(object);
    (void)fprintf(stderr, "%s\n", line);
    return true;
}

static bool run(char **arguments, GError **error)
{
    g_autoptr(Toc) toc = toc_read(read_stdin, NULL, error);
    if (toc == NULL)
        return false;
    /* The custom format has no file names. */
    for (guint i = 0; i < toc->entries->len; i++) {
        TocEntry *entry = g_ptr_array_index(toc->entries, i);
        if (entry->has_data && entry->file == NULL)
            entry->file = g_strdup_printf("%d.dat", entry->id);
    }
    if (!change(toc, arguments, error))
        return false;
    for (guint i = 0; i < toc->entries->len; i++) {
        if (!tell(toc, g_ptr_array_index(toc->entries, i), error))
            return false;
    }
    g_autoptr(GByteArray) bytes = toc_write(toc);
    return fwrite(bytes->data, 1, bytes->len, stdout) == bytes->len && fflush(stdout) == 0;
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    (void)argc;
    if (run(argv + 1, &error))
        return 0;
    (void)fprintf(stderr, "%s\n", error != NULL ? error->message : "cannot write");
    return 1;
}
