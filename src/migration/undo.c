#include "migration/undo.h"

#include "base/error.h"
#include <string.h>

const char *undo_obstacle(const Migration *migration)
{
    if (migration->irreversible != NULL)
        return migration->irreversible;
    if (migration->down == NULL)
        return "it has no down file";
    if (migration->down->statements->len == 0 && migration->up.statements->len > 0)
        return "its down file holds no statement";
    return NULL;
}

/* What was begun is finished before anything else is undone; what has begun to be undone is the
 * last one applied. */
static bool check_partial(const Standing *standing, GError **error)
{
    for (guint i = 0; i < standing->statuses->len; i++) {
        const MigrationStatus *status = g_ptr_array_index(standing->statuses, i);
        if (status->state != STATE_PARTIAL || status->entry != NULL)
            continue;
        error_set(error, ERROR_REFUSED, "migration %s is partly applied (%d of %d steps)",
                  status->migration->id, status->steps_done, status->steps);
        error_hint_set(error, "finish it with drydock migrate before anything is undone");
        return false;
    }
    return true;
}

static bool check_way_back(const GPtrArray *steps, GError **error)
{
    for (guint i = 0; i < steps->len; i++) {
        const Migration *migration = g_ptr_array_index(steps, i);
        const char *why = undo_obstacle(migration);
        if (why == NULL)
            continue;
        error_set(error, ERROR_REFUSED, "migration %s cannot be undone: %s", migration->id, why);
        error_hint_set(error, "nothing was undone; a new migration can correct it, a snapshot from "
                              "before can be restored");
        return false;
    }
    return true;
}

/* Only what was applied out of order can be required by one that was applied before it. */
static bool check_required(const GPtrArray *applied, const GPtrArray *steps, GError **error)
{
    for (guint i = 0; i < steps->len; i++) {
        const Migration *migration = g_ptr_array_index(steps, i);
        for (guint j = 0; j + steps->len < applied->len; j++) {
            const MigrationStatus *stays = g_ptr_array_index(applied, j);
            if (!g_strv_contains((const char *const *)stays->migration->depends_on, migration->id))
                continue;
            error_set(error, ERROR_REFUSED,
                      "migration %s cannot be undone: %s requires it and stays applied",
                      migration->id, stays->migration->title);
            error_hint_set(error, "undo that one, too: --to %s", stays->migration->id);
            return false;
        }
    }
    return true;
}

GPtrArray *undo_steps(const Standing *standing, const char *to, bool all, GError **error)
{
    g_autoptr(GPtrArray) applied = standing_applied(standing);
    g_autoptr(GPtrArray) steps = g_ptr_array_new();
    bool found = to == NULL;
    if (!standing_check_applied(standing, error) || !check_partial(standing, error))
        return NULL;
    for (guint i = applied->len; i-- > 0;) {
        const MigrationStatus *status = g_ptr_array_index(applied, i);
        g_ptr_array_add(steps, (gpointer)status->migration);
        found = found || strcmp(to, status->entry->id) == 0;
        if (found && !all)
            break;
    }
    if (!found) {
        error_set(error, ERROR_USAGE, "--to %s: that migration is not applied", to);
        error_hint_set(error, "drydock status lists those that are");
        return NULL;
    }
    if (!check_way_back(steps, error) || !check_required(applied, steps, error))
        return NULL;
    return g_steal_pointer(&steps);
}
