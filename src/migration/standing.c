#include "migration/standing.h"

#include "base/error.h"
#include "migration/sequelize.h"
#include <string.h>

void standing_free(Standing *standing)
{
    if (standing == NULL)
        return;
    g_clear_pointer(&standing->statuses, g_ptr_array_unref);
    g_clear_pointer(&standing->repeatables, g_ptr_array_unref);
    g_clear_pointer(&standing->history, g_ptr_array_unref);
    g_clear_pointer(&standing->repeated, g_ptr_array_unref);
    g_clear_pointer(&standing->steps, g_ptr_array_unref);
    g_clear_error(&standing->disagreement);
    g_free(standing);
}

static MigrationStatus *repeatable_status(const Migration *migration, HistoryEntry *entry)
{
    MigrationStatus *status = g_new0(MigrationStatus, 1);
    status->migration = migration;
    status->entry = entry;
    if (migration == NULL)
        status->state = STATE_UNKNOWN;
    else if (entry == NULL || entry->stale ||
             strcmp(entry->canonical, migration->up.canonical.hex) != 0)
        status->state = STATE_PENDING;
    else
        status->state = STATE_APPLIED;
    return status;
}

GPtrArray *standing_compare_repeatables(const MigrationSet *set, const GPtrArray *repeated)
{
    GPtrArray *statuses = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) entries = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < repeated->len; i++) {
        HistoryEntry *entry = g_ptr_array_index(repeated, i);
        g_hash_table_insert(entries, entry->id, entry);
    }
    for (guint i = 0; i < set->repeatables->len; i++) {
        const Migration *migration = g_ptr_array_index(set->repeatables, i);
        HistoryEntry *entry = g_hash_table_lookup(entries, migration->id);
        g_ptr_array_add(statuses, repeatable_status(migration, entry));
        g_hash_table_remove(entries, migration->id);
    }
    for (guint i = 0; i < repeated->len; i++) {
        HistoryEntry *entry = g_ptr_array_index(repeated, i);
        if (g_hash_table_contains(entries, entry->id))
            g_ptr_array_add(statuses, repeatable_status(NULL, entry));
    }
    return statuses;
}

Standing *standing_read(PgConnection *connection, const MigrationSet *set, char *const *allowed,
                        GError **error)
{
    g_autoptr(Standing) standing = g_new0(Standing, 1);
    standing->set = set;
    standing->history = history_read(connection, error);
    if (standing->history == NULL)
        return NULL;
    standing->repeated = history_read_repeatables(connection, error);
    if (standing->repeated == NULL)
        return NULL;
    standing->steps = step_table_read(connection, error);
    if (standing->steps == NULL)
        return NULL;
    standing->statuses = history_compare(set, standing->history);
    standing->repeatables = standing_compare_repeatables(set, standing->repeated);
    if (!history_allow(standing->statuses, allowed, error))
        return NULL;
    history_add_steps(standing->statuses, standing->steps);
    if (!sequelize_check(connection, &standing->disagreement) &&
        !error_is(standing->disagreement, ERROR_INTEGRITY)) {
        g_propagate_error(error, g_steal_pointer(&standing->disagreement));
        return NULL;
    }
    return g_steal_pointer(&standing);
}

static bool agrees(const Standing *standing, GError **error)
{
    if (standing->disagreement != NULL)
        g_propagate_error(error, g_error_copy(standing->disagreement));
    return standing->disagreement == NULL;
}

bool standing_check(const Standing *standing, GError **error)
{
    return history_check(standing->statuses, error) &&
           step_table_check(standing->steps, standing->set, error) && agrees(standing, error);
}

bool standing_check_applied(const Standing *standing, GError **error)
{
    return history_check_applied(standing->statuses, error) &&
           step_table_check(standing->steps, standing->set, error) && agrees(standing, error);
}

bool standing_is_pending(const MigrationStatus *status)
{
    return status->state == STATE_PENDING || status->state == STATE_OUT_OF_ORDER ||
           (status->state == STATE_PARTIAL && status->entry == NULL);
}

static guint count_pending(const GPtrArray *statuses)
{
    guint count = 0;
    for (guint i = 0; i < statuses->len; i++)
        count += standing_is_pending(g_ptr_array_index(statuses, i));
    return count;
}

GPtrArray *standing_pending(const Standing *standing, const char *to, GError **error)
{
    GPtrArray *pending = history_pending(standing->statuses, to, error);
    /* A view may need what a later migration makes. */
    if (pending == NULL || pending->len < count_pending(standing->statuses))
        return pending;
    for (guint i = 0; i < standing->repeatables->len; i++) {
        const MigrationStatus *status = g_ptr_array_index(standing->repeatables, i);
        if (status->state == STATE_PENDING)
            g_ptr_array_add(pending, (gpointer)status->migration);
    }
    return pending;
}

static gint by_position(gconstpointer a, gconstpointer b)
{
    const int64_t one = (*(MigrationStatus *const *)a)->entry->position;
    const int64_t two = (*(MigrationStatus *const *)b)->entry->position;
    return one < two ? -1 : one > two;
}

/* Behind the last one that was applied before it. */
static void insert_late(GPtrArray *applied, MigrationStatus *status)
{
    guint at = applied->len;
    while (at > 0 && ((MigrationStatus *)g_ptr_array_index(applied, at - 1))->entry->position >
                         status->entry->position)
        at--;
    g_ptr_array_insert(applied, (gint)at, status);
}

GPtrArray *standing_applied(const Standing *standing)
{
    GPtrArray *applied = g_ptr_array_new();
    g_autoptr(GPtrArray) late = g_ptr_array_new();
    /* Positions come from a clock, which may have been set back; ids decide wherever they can. */
    for (guint i = 0; i < standing->statuses->len; i++) {
        MigrationStatus *status = g_ptr_array_index(standing->statuses, i);
        if (status->entry != NULL)
            g_ptr_array_add(status->entry->out_of_order ? late : applied, status);
    }
    g_ptr_array_sort(late, by_position);
    for (guint i = 0; i < late->len; i++)
        insert_late(applied, g_ptr_array_index(late, i));
    return applied;
}

bool standing_is_out_of_order(const Standing *standing, const char *id)
{
    for (guint i = 0; i < standing->statuses->len; i++) {
        const MigrationStatus *status = g_ptr_array_index(standing->statuses, i);
        if (status->out_of_order && strcmp(status->migration->id, id) == 0)
            return true;
    }
    return false;
}
