/*
 * How a database stands to a folder of migrations: its history read and compared, versioned and
 * repeatable ones. Read by every command that asks what is pending.
 *
 * Repeatable ones are applied behind the versioned ones, when their canonical text differs from
 * what was applied last. One whose file is gone is shown as unknown, and nothing is done about it.
 */
#pragma once

#include "migration/history.h"
#include "migration/migration.h"
#include "migration/step_table.h"
#include "pg/connection.h"
#include <glib.h>
#include <stdbool.h>

typedef struct {
    const MigrationSet *set;
    GPtrArray *history;     /* HistoryEntry * by id */
    GPtrArray *repeated;    /* HistoryEntry * by name */
    GPtrArray *steps;       /* StepRecord * */
    GPtrArray *statuses;    /* MigrationStatus * by id */
    GPtrArray *repeatables; /* MigrationStatus *: applied, pending (with an entry if it was applied
                               before) or unknown; in the order they run, unknown ones last */
    GError *disagreement;   /* how an adopted history of another tool differs; NULL: it does not */
} Standing;

/* allowed: ids that may be out of order, NULL-terminated; NULL: none. It refers to the set. Drift
 * is no error here: see standing_check(). */
Standing *standing_read(PgConnection *connection, const MigrationSet *set, char *const *allowed,
                        GError **error);
void standing_free(Standing *standing);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Standing, standing_free)

/* ERROR_INTEGRITY as history_check(), step_table_check() and sequelize_check(); applied as
 * history_check_applied(). */
bool standing_check(const Standing *standing, GError **error);
bool standing_check_applied(const Standing *standing, GError **error);

/* Whether something of it is still to be applied, in order or not. */
bool standing_is_pending(const MigrationStatus *status);

/* How repeatable ones stand to what was applied; MigrationStatus *. The caller frees the array. */
GPtrArray *standing_compare_repeatables(const MigrationSet *set, const GPtrArray *repeated);

/* What is to be applied, in order; const Migration *: the versioned ones up to and including `to`
 * (NULL: all), then, if no versioned one stays pending, the repeatable ones. Errors as
 * history_pending(). */
GPtrArray *standing_pending(const Standing *standing, const char *to, GError **error);

/* What is applied, the last one last; const MigrationStatus *. That is the order of ids, except
 * that those that were applied out of order stand where they were applied. */
GPtrArray *standing_applied(const Standing *standing);

/* Whether a migration is pending out of order, and allowed to be. */
bool standing_is_out_of_order(const Standing *standing, const char *id);
