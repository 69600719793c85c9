#include "migration/record.h"

#include "base/clock.h"
#include "migration/history.h"
#include "migration/sequelize.h"

bool record_migration(Attempt *attempt, GError **error)
{
    const Migration *migration = attempt->migration;
    HistoryWritten written = {"", false};
    if (attempt->down)
        return sequelize_delete(attempt->connection, migration, error) &&
               history_delete(attempt->connection, migration->id, error);
    if (!apply_verify(attempt->connection, migration, error) ||
        !history_insert(attempt->connection, migration, attempt->options->run,
                        (clock_monotonic_us() - attempt->since_us) / 1000, &written, error))
        return false;
    g_strlcpy(attempt->xid, written.xid, sizeof attempt->xid);
    return migration->repeatable || !written.adopted ||
           sequelize_insert(attempt->connection, migration, error);
}

bool record_is_there(Attempt *attempt, gconstpointer unused, bool *there, GError **error)
{
    const bool repeatable = attempt->migration->repeatable;
    g_autoptr(PgResult) rows = NULL;
    bool exists = false;
    (void)unused;
    if (!history_exists(attempt->connection, &exists, error))
        return false;
    *there = false;
    if (!exists) /* it was to be made in that transaction */
        return true;
    rows = pg_query(attempt->connection, error,
                    repeatable ? "SELECT run FROM drydock.repeatables WHERE name = $1"
                               : "SELECT run FROM drydock.migrations WHERE id = $1",
                    1, attempt->migration->id);
    if (rows == NULL)
        return false;
    *there = attempt->down
                 ? pg_rows(rows) == 0
                 : pg_rows(rows) > 0 && g_str_equal(pg_value(rows, 0, 0), attempt->options->run);
    return true;
}
