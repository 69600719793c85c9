/* What a restore needs of the server, asked before anything is created and said in one message. */
#include "base/error.h"
#include "base/text.h"
#include "pg/sql.h"
#include "snapshot/restore_state.h"
#include <string.h>

#define NAME_BYTES 63

bool restore_check_name(Restore *restore, GError **error)
{
    const char *name = restore->options->database;
    g_autoptr(PgResult) found = NULL;
    if (name[0] == '\0' || strlen(name) > NAME_BYTES) {
        error_set(error, ERROR_REFUSED, "'%s' cannot be the name of a database: %s", name,
                  name[0] == '\0' ? "it is empty" : "it is longer than 63 bytes");
        return false;
    }
    found = pg_query(restore->control, error,
                     "SELECT FROM pg_catalog.pg_database WHERE datname = $1", 1, name);
    if (found == NULL)
        return false;
    if (pg_rows(found) == 0)
        return true;
    error_set(error, ERROR_REFUSED, "database '%s' exists already", name);
    error_hint_set(error, "a restore never touches an existing database: choose another name, or "
                          "rename that one (ALTER DATABASE ... RENAME TO ...)");
    return false;
}

/* Of the server that it was taken from; 0 if that is not known. */
static int source_version(const Restore *restore)
{
    return restore->manifest == NULL
               ? 0
               : (int)json_get_integer(restore->manifest->source, "server_version_num", 0);
}

static bool check_version(const Restore *restore, GString *problems)
{
    const int then = source_version(restore);
    const int now = pg_server_version(restore->control);
    if (then / 10000 <= now / 10000)
        return true;
    g_string_append_printf(problems,
                           "it was taken from PostgreSQL %d, and this server is version %d: an "
                           "older version may not understand it",
                           then / 10000, now / 10000);
    return false;
}

/* A set of names as a JSON array; names that are no text cannot be asked for. */
static json_t *names_to_json(GHashTable *names)
{
    json_t *array = json_array();
    GHashTableIter iter;
    gpointer name = NULL;
    g_hash_table_iter_init(&iter, names);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        json_array_append_new(array, json_string(name)); /* nothing if it is not UTF-8 */
    return array;
}

static void add_name(GHashTable *names, const char *name)
{
    if (name != NULL && name[0] != '\0')
        g_hash_table_add(names, g_strdup(name));
}

static void add_names(GHashTable *names, const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        add_name(names, json_string_value(json_array_get(array, i)));
}

typedef struct {
    GHashTable *roles, *owners, *tablespaces, *extensions;
} Needs;

static void needs_clear(Needs *needs)
{
    g_hash_table_destroy(needs->roles);
    g_hash_table_destroy(needs->owners);
    g_hash_table_destroy(needs->tablespaces);
    g_hash_table_destroy(needs->extensions);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Needs, needs_clear)

static GHashTable *new_names(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

/* pg_shdepend, from which the manifest has its roles, does not know the bootstrap superuser. An
 * archive of others has no list of the roles that have access rights. */
static void collect(const Restore *restore, const Toc *toc, Needs *needs)
{
    const json_t *source = restore->manifest != NULL ? restore->manifest->source : NULL;
    add_names(needs->roles, json_object_get(source, "roles"));
    add_names(needs->tablespaces, json_object_get(source, "tablespaces"));
    for (guint i = 0; i < toc->entries->len; i++) {
        const TocEntry *entry = g_ptr_array_index(toc->entries, i);
        if (entry_is_of_database(entry))
            continue;
        /* Access rights and comments have an owner in the archive, and none in the server. */
        if (entry->section != TOC_SECTION_NONE)
            add_name(needs->roles, entry->owner);
        if (entry->section != TOC_SECTION_NONE && !entry->has_data)
            add_name(needs->owners, entry->owner);
        add_name(needs->tablespaces, entry->tablespace);
        if (strcmp(entry->desc, "EXTENSION") == 0)
            add_name(needs->extensions, entry->tag);
    }
    add_name(needs->roles, restore->owner);
    add_name(needs->owners, restore->owner);
}

static PgResult *ask(const Restore *restore, const Needs *needs, GError **error)
{
    g_autoptr(json_t) roles = names_to_json(needs->roles);
    g_autoptr(json_t) owners = names_to_json(needs->owners);
    g_autoptr(json_t) tablespaces = names_to_json(needs->tablespaces);
    g_autoptr(json_t) extensions = names_to_json(needs->extensions);
    g_autofree char *roles_text = json_to_line(roles);
    g_autofree char *owners_text = json_to_line(owners);
    g_autofree char *tablespaces_text = json_to_line(tablespaces);
    g_autofree char *extensions_text = json_to_line(extensions);
    return pg_query(restore->control, error, pg_sql_restore_missing, 4, roles_text, owners_text,
                    tablespaces_text, extensions_text);
}

/* "restore as a superuser", for the second superuser. */
static bool said_before(const PgResult *missing, int row)
{
    for (int earlier = 0; earlier < row; earlier++) {
        if (strcmp(pg_value(missing, earlier, 2), pg_value(missing, row, 2)) == 0)
            return true;
    }
    return false;
}

static void describe_missing(const PgResult *missing, GString *problems, GString *fixes)
{
    for (int row = 0; row < pg_rows(missing); row++) {
        g_autofree char *name = text_printable(pg_value(missing, row, 1));
        g_string_append_printf(problems, "%s%s '%s' is missing", problems->len > 0 ? "; " : "",
                               pg_value(missing, row, 0), name);
        if (!said_before(missing, row))
            g_string_append_printf(fixes, "%s%s;", fixes->len > 0 ? " " : "",
                                   pg_value(missing, row, 2));
    }
}

static bool note_extensions(Restore *restore, GError **error)
{
    const json_t *versions =
        restore->manifest != NULL ? json_object_get(restore->manifest->source, "extensions") : NULL;
    g_autofree char *text = json_is_object(versions) ? json_to_line(versions) : g_strdup("{}");
    g_autoptr(PgResult) others =
        pg_query(restore->control, error, pg_sql_restore_extensions, 1, text);
    if (others == NULL)
        return false;
    for (int row = 0; row < pg_rows(others); row++)
        g_ptr_array_add(restore->result->notes,
                        g_strdup_printf("extension '%s' is version %s here; it was %s",
                                        pg_value(others, row, 0), pg_value(others, row, 2),
                                        pg_value(others, row, 1)));
    return true;
}

bool restore_check_needs(Restore *restore, GError **error)
{
    g_auto(Needs) needs = {new_names(), new_names(), new_names(), new_names()};
    g_autoptr(GString) problems = g_string_new(NULL);
    g_autoptr(GString) fixes = g_string_new(NULL);
    g_autoptr(PgResult) missing = NULL;
    (void)check_version(restore, problems);
    collect(restore, restore->toc != NULL ? restore->toc : restore->options->from->toc, &needs);
    missing = ask(restore, &needs, error);
    if (missing == NULL)
        return false;
    describe_missing(missing, problems, fixes);
    if (problems->len == 0)
        return note_extensions(restore, error);
    error_set(error, ERROR_REFUSED, "this server cannot take the %s: %s",
              restore->manifest != NULL ? "snapshot" : "archive", problems->str);
    if (fixes->len > 0)
        error_hint_set(error, "%s", fixes->str);
    return false;
}
