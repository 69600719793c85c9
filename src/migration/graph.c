#include "migration/graph.h"

#include "base/error.h"
#include "migration/directives.h"
#include <string.h>

/* Whether one reaches the other through requirements; visited holds the ids that were looked at. A
 * list instead of recursion: the depth is the author's. */
static bool reaches(const MigrationSet *set, const char *from, const char *to)
{
    g_autoptr(GHashTable) visited = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) open = g_ptr_array_new();
    g_ptr_array_add(open, (gpointer)from);
    while (open->len > 0) {
        const char *id = g_ptr_array_steal_index_fast(open, open->len - 1);
        const Migration *migration = migration_find(set, id);
        if (strcmp(id, to) == 0)
            return true;
        if (migration == NULL || !g_hash_table_add(visited, (gpointer)id))
            continue;
        for (char **next = migration->depends_on; *next != NULL; next++)
            g_ptr_array_add(open, *next);
    }
    return false;
}

static bool refuse(const Requirement *requirement, const char *what, GError **error)
{
    error_set(error, ERROR_CONFIG, "%s:%d:%d: requires %s, %s", requirement->path,
              requirement->line, requirement->column, requirement->id, what);
    return false;
}

static bool holds(const MigrationSet *set, const Requirement *requirement, GError **error)
{
    if (strcmp(requirement->id, requirement->from) == 0)
        return refuse(requirement, "which is this migration itself", error);
    if (migration_find(set, requirement->id) == NULL) {
        refuse(requirement, "which is not there", error);
        error_hint_set(error, "no file in '%s' begins with %s-", set->folder, requirement->id);
        return false;
    }
    if (reaches(set, requirement->id, requirement->from))
        return refuse(requirement, "which requires this one in turn: a circle", error);
    if (strcmp(requirement->id, requirement->from) > 0) {
        refuse(requirement, "which is newer and would run after it", error);
        error_hint_set(error, "migrations run in the order of their ids: give this one an id above "
                              "that, or leave the requirement out");
        return false;
    }
    return true;
}

bool graph_check(const MigrationSet *set, const GPtrArray *requirements, GError **error)
{
    for (guint i = 0; i < requirements->len; i++)
        if (!holds(set, g_ptr_array_index(requirements, i), error))
            return false;
    return true;
}
