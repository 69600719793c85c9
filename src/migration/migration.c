#include "migration/migration.h"

#include "base/error.h"
#include "migration/directives.h"
#include "migration/file.h"
#include "migration/graph.h"
#include "migration/statement.h"
#include <stdlib.h>
#include <string.h>

/* A migration whose files are known and not read yet. */
typedef struct {
    Migration *migration; /* owned until it is taken */
    char *paths[4];       /* by MigrationPart; NULL: there is none */
} Found;

static void migration_free(Migration *migration)
{
    if (migration == NULL)
        return;
    MigrationFile *files[] = {&migration->up, migration->down, migration->verify};
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
        if (files[i] != NULL)
            migration_file_clear(files[i]);
    g_free(migration->down);
    g_free(migration->verify);
    g_free(migration->id);
    g_free(migration->name);
    g_free(migration->title);
    g_strfreev(migration->aliases);
    g_strfreev(migration->depends_on);
    g_free(migration->risk);
    g_free(migration->irreversible);
    g_free(migration->ticket);
    g_ptr_array_unref(migration->effects);
    g_free(migration);
}

static Migration *migration_new(const MigrationFileName *name)
{
    Migration *migration = g_new0(Migration, 1);
    migration->repeatable = name->part == MIGRATION_REPEAT;
    migration->id = g_strdup(migration->repeatable ? name->name : name->id);
    migration->name = g_strdup(name->name);
    migration->title = migration->repeatable ? g_strdup(name->name)
                                             : g_strdup_printf("%s-%s", name->id, name->name);
    migration->aliases = g_new0(char *, 1);
    migration->depends_on = g_new0(char *, 1);
    migration->lock_timeout_ms = -1;
    migration->statement_timeout_ms = -1;
    migration->effects = g_ptr_array_new_with_free_func((GDestroyNotify)migration_effect_free);
    return migration;
}

static void found_free(Found *found)
{
    migration_free(found->migration);
    for (size_t i = 0; i < G_N_ELEMENTS(found->paths); i++)
        g_free(found->paths[i]);
    g_free(found);
}

static MigrationSet *migration_set_new(const char *folder)
{
    MigrationSet *set = g_new0(MigrationSet, 1);
    set->folder = g_strdup(folder);
    set->migrations = g_ptr_array_new_with_free_func((GDestroyNotify)migration_free);
    set->repeatables = g_ptr_array_new_with_free_func((GDestroyNotify)migration_free);
    return set;
}

void migration_set_free(MigrationSet *set)
{
    if (set == NULL)
        return;
    g_free(set->folder);
    g_ptr_array_unref(set->migrations);
    g_ptr_array_unref(set->repeatables);
    g_free(set);
}

static int compare_strings(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* File names, sorted: so are the ids, and the first error is the same on every machine. */
static GPtrArray *list_folder(const char *folder, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GDir) directory = g_dir_open(folder, 0, &cause);
    if (directory == NULL) {
        error_set(error, ERROR_CONFIG, "cannot open the folder of migrations: %s", cause->message);
        error_hint_set(error, "name it with --migrations, or with 'migrations' in the policy");
        return NULL;
    }
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name = g_dir_read_name(directory); name != NULL;
         name = g_dir_read_name(directory))
        if (!migration_file_passed_over(name))
            g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_strings);
    return names;
}

/* Adds a file to the last migration, or begins the next one: the names come sorted, so that those
 * of an id stand together. */
static bool add_file(GPtrArray *all, const char *folder, const char *file_name, GError **error)
{
    g_auto(MigrationFileName) name = {0};
    g_autofree char *why = NULL;
    g_autofree char *path = g_build_filename(folder, file_name, NULL);
    if (!migration_file_name_parse(file_name, &name, &why)) {
        error_set(error, ERROR_CONFIG, "%s: the file name does not fit: %s", path, why);
        error_hint_set(error,
                       "migrations are called like 20250103000000-create-base-schema.up.sql, "
                       "repeatable ones like active-students.repeat.sql; keep other SQL in "
                       "another folder");
        return false;
    }
    Found *found = all->len > 0 ? g_ptr_array_index(all, all->len - 1) : NULL;
    if (found == NULL || name.part == MIGRATION_REPEAT ||
        strcmp(found->migration->id, name.id) != 0) {
        found = g_new0(Found, 1);
        found->migration = migration_new(&name);
        g_ptr_array_add(all, found);
    }
    if (strcmp(found->migration->name, name.name) != 0) {
        error_set(error, ERROR_CONFIG, "%s: the id %s is that of '%s' already", path, name.id,
                  found->migration->name);
        error_hint_set(error, "give one of them another id; the up, down and verify files of one "
                              "migration have the same name");
        return false;
    }
    found->paths[name.part] = g_steal_pointer(&path);
    return true;
}

/* A verify file runs in the transaction of its migration, which it must neither end nor add to. */
static bool check_queries(const MigrationFile *file, GError **error)
{
    for (guint i = 0; i < file->statements->len; i++) {
        const SqlStatement *statement = g_ptr_array_index(file->statements, i);
        if (statement_is_query(statement))
            continue;
        error_set(error, ERROR_CONFIG, "%s:%d:%d: not a query", file->path, statement->line,
                  statement->column);
        error_hint_set(error, "a verify file holds queries that return no row when all is well: "
                              "SELECT, WITH, VALUES or TABLE");
        return false;
    }
    return true;
}

static bool load_part(const Found *found, MigrationPart part, MigrationFile **file, GError **error)
{
    Directives none = {0};
    if (found->paths[part] == NULL)
        return true;
    *file = g_new0(MigrationFile, 1);
    none.file = part == MIGRATION_VERIFY ? NULL : *file;
    return migration_file_load(*file, found->paths[part], &none, error) &&
           (part != MIGRATION_VERIFY || check_queries(*file, error));
}

static bool load_found(Found *found, GPtrArray *requirements, GError **error)
{
    Migration *migration = found->migration;
    Directives directives = {.migration = migration,
                             .file = migration->repeatable ? NULL : &migration->up,
                             .requirements = requirements};
    migration->up.repeatable = migration->repeatable;
    if (migration->repeatable)
        return migration_file_load(&migration->up, found->paths[MIGRATION_REPEAT], &directives,
                                   error);
    if (found->paths[MIGRATION_UP] == NULL) {
        const char *other = found->paths[MIGRATION_DOWN] ? found->paths[MIGRATION_DOWN]
                                                         : found->paths[MIGRATION_VERIFY];
        error_set(error, ERROR_CONFIG, "%s: there is no %s-%s.up.sql beside it", other,
                  migration->id, migration->name);
        return false;
    }
    return migration_file_load(&migration->up, found->paths[MIGRATION_UP], &directives, error) &&
           load_part(found, MIGRATION_DOWN, &migration->down, error) &&
           load_part(found, MIGRATION_VERIFY, &migration->verify, error);
}

/* A name in another tool's history must mean one migration. */
static bool check_aliases(const MigrationSet *set, GError **error)
{
    g_autoptr(GHashTable) owners = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < set->migrations->len; i++) {
        const Migration *migration = g_ptr_array_index(set->migrations, i);
        g_hash_table_insert(owners, g_strdup_printf("%s-%s", migration->id, migration->name),
                            (gpointer)migration);
    }
    for (guint i = 0; i < set->migrations->len; i++) {
        const Migration *migration = g_ptr_array_index(set->migrations, i);
        for (char **alias = migration->aliases; *alias != NULL; alias++) {
            const Migration *other = g_hash_table_lookup(owners, *alias);
            if (other != NULL && other != migration) {
                error_set(error, ERROR_CONFIG, "%s: the alias '%s' is that of migration %s already",
                          migration->up.path, *alias, other->id);
                error_hint_set(error, "a name in the history of another tool means one migration");
                return false;
            }
            g_hash_table_insert(owners, g_strdup(*alias), (gpointer)migration);
        }
    }
    return true;
}

MigrationSet *migration_set_load(const char *folder, GError **error)
{
    g_autoptr(MigrationSet) set = migration_set_new(folder);
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func((GDestroyNotify)found_free);
    g_autoptr(GPtrArray) requirements =
        g_ptr_array_new_with_free_func((GDestroyNotify)requirement_free);
    g_autoptr(GPtrArray) names = list_folder(folder, error);
    if (names == NULL)
        return NULL;
    for (guint i = 0; i < names->len; i++)
        if (!add_file(all, folder, g_ptr_array_index(names, i), error))
            return NULL;
    for (guint i = 0; i < all->len; i++) {
        Found *found = g_ptr_array_index(all, i);
        if (!load_found(found, requirements, error))
            return NULL;
        GPtrArray *into = found->migration->repeatable ? set->repeatables : set->migrations;
        g_ptr_array_add(into, g_steal_pointer(&found->migration));
    }
    if (!graph_check(set, requirements, error) || !check_aliases(set, error))
        return NULL;
    graph_order_repeatables(set);
    return g_steal_pointer(&set);
}

static int compare_id(gconstpointer id, gconstpointer migration)
{
    return strcmp(id, (*(const Migration *const *)migration)->id);
}

const Migration *migration_find(const MigrationSet *set, const char *id)
{
    if (migration_is_id(id)) {
        const Migration **found = set->migrations->len > 0
                                      ? bsearch(id, set->migrations->pdata, set->migrations->len,
                                                sizeof(gpointer), compare_id)
                                      : NULL;
        return found != NULL ? *found : NULL;
    }
    for (guint i = 0; i < set->repeatables->len; i++) {
        const Migration *migration = g_ptr_array_index(set->repeatables, i);
        if (strcmp(migration->id, id) == 0)
            return migration;
    }
    return NULL;
}
