#include "migration/sequelize.h"

#include "base/error.h"
#include "base/text.h"
#include "pg/sql.h"

bool sequelize_is_adopted(PgConnection *connection, bool *adopted, GError **error)
{
    g_autoptr(PgResult) result =
        pg_query(connection, error,
                 "SELECT pg_catalog.to_regclass('drydock.sequelize_meta') IS NOT NULL", 0);
    if (result == NULL)
        return false;
    *adopted = pg_flag(result, 0, 0);
    return true;
}

bool sequelize_insert(PgConnection *connection, const Migration *migration, GError **error)
{
    bool adopted = false;
    if (!sequelize_is_adopted(connection, &adopted, error))
        return false;
    if (!adopted)
        return true;
    g_autoptr(PgResult) result =
        pg_query(connection, error, pg_sql_sequelize_insert, 2, migration->id, migration->name);
    if (result == NULL)
        g_prefix_error(
            error, "while recording migration %s in the history of sequelize-cli: ", migration->id);
    return result != NULL;
}

bool sequelize_delete(PgConnection *connection, const Migration *migration, GError **error)
{
    bool adopted = false;
    if (!sequelize_is_adopted(connection, &adopted, error))
        return false;
    if (!adopted)
        return true;
    g_autoptr(PgResult) result =
        pg_query(connection, error, pg_sql_sequelize_delete, 2, migration->id, migration->name);
    if (result != NULL && pg_affected(result) > 0)
        return true;
    if (result != NULL) {
        error_set(error, ERROR_INTEGRITY, "there is no row of it");
        error_hint_set(error, "sequelize-cli has taken it back already, or the row was deleted by "
                              "hand; drydock status says how the two histories differ");
    }
    g_prefix_error(
        error, "while removing migration %s from the history of sequelize-cli: ", migration->id);
    return false;
}

bool sequelize_check(PgConnection *connection, GError **error)
{
    g_autoptr(PgResult) result = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    bool adopted = false;
    if (!sequelize_is_adopted(connection, &adopted, error))
        return false;
    if (!adopted)
        return true;
    result = pg_query(connection, error, pg_sql_sequelize_disagreements, 0);
    if (result == NULL) {
        g_prefix_error(error, "cannot compare the history with that of sequelize-cli: ");
        return false;
    }
    for (int row = 0; row < pg_rows(result); row++) {
        g_autofree char *name = text_printable(pg_value(result, row, 0));
        g_string_append_printf(text, "%s'%s' is not in %s", row > 0 ? "; " : "", name,
                               pg_flag(result, row, 1) ? "that of sequelize-cli" : "ours");
    }
    if (text->len == 0)
        return true;
    error_set(error, ERROR_INTEGRITY, "our history and that of sequelize-cli disagree: %s",
              text->str);
    error_hint_set(error, "once adopted, migrations are applied and taken back by drydock alone; "
                          "take back with sequelize-cli what it applied since, or put the row "
                          "back into its table");
    return false;
}
