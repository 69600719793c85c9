#include "migration/graph.h"

#include "base/error.h"
#include "migration/directives.h"
#include "migration/file.h"
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

static bool is_repeatable(const char *id)
{
    return !migration_is_id(id);
}

static bool holds(const MigrationSet *set, const Requirement *requirement, GError **error)
{
    if (strcmp(requirement->id, requirement->from) == 0)
        return refuse(requirement, "which is this migration itself", error);
    if (migration_find(set, requirement->id) == NULL) {
        refuse(requirement, "which is not there", error);
        if (is_repeatable(requirement->id))
            error_hint_set(error, "there is no %s.repeat.sql in '%s'", requirement->id,
                           set->folder);
        else
            error_hint_set(error, "no file in '%s' begins with %s-", set->folder, requirement->id);
        return false;
    }
    /* Every circle has a requirement that points to a newer one; only those are followed, so that
     * long chains cost nothing. */
    if (!is_repeatable(requirement->id) && strcmp(requirement->id, requirement->from) < 0)
        return true;
    if (is_repeatable(requirement->from) && !is_repeatable(requirement->id))
        return true;
    if (reaches(set, requirement->id, requirement->from))
        return refuse(requirement, "which requires this one in turn: a circle", error);
    if (!is_repeatable(requirement->id)) {
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

static gint by_name(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const Migration *const *)a)->id, (*(const Migration *const *)b)->id);
}

static bool is_ready(const Migration *migration, GHashTable *taken)
{
    for (char **id = migration->depends_on; *id != NULL; id++)
        if (is_repeatable(*id) && !g_hash_table_contains(taken, *id))
            return false;
    return true;
}

void graph_order_repeatables(MigrationSet *set)
{
    g_autoptr(GHashTable) taken = g_hash_table_new(g_str_hash, g_str_equal);
    GPtrArray *all = set->repeatables;
    guint count = 0;
    g_ptr_array_sort(all, by_name);
    g_autoptr(GPtrArray) order = g_ptr_array_new();
    /* There is no circle: each round takes at least one. */
    do {
        count = order->len;
        for (guint i = 0; i < all->len; i++) {
            Migration *migration = g_ptr_array_index(all, i);
            if (g_hash_table_contains(taken, migration->id) || !is_ready(migration, taken))
                continue;
            g_hash_table_add(taken, migration->id);
            g_ptr_array_add(order, migration);
        }
    } while (order->len > count);
    if (order->len > 0)
        memcpy(all->pdata, order->pdata, order->len * sizeof(gpointer));
}
