/* What can be known before a snapshot is restored: the database whose name it will take, and
 * whether this role may give the new one what the old one has. */
#include "base/error.h"
#include "base/log.h"
#include "pg/sql.h"
#include "run/context.h"
#include "run/gate.h"
#include "run/properties.h"
#include <string.h>

static bool judge_row(Run *run, const PgResult *row, GError **error)
{
    g_autofree char *fix = NULL;
    if (pg_integer(row, 0, 2) == -2) {
        error_set(error, ERROR_REFUSED,
                  "database '%s' is half-dropped: a DROP DATABASE of it was interrupted",
                  run->database);
        error_hint_set(error, "finish it with DROP DATABASE, then there is nothing to replace");
        return false;
    }
    if (pg_flag(row, 0, 0))
        run_finding(run, "template", true, "ALTER DATABASE ... IS_TEMPLATE false",
                    "the database is a template");
    if (pg_flag(row, 0, 4))
        return true;
    fix = g_strdup_printf("ALTER DATABASE ... OWNER TO, or connect as '%s'", pg_value(row, 0, 3));
    run_finding(run, "rights", true, fix, "only the owner %s or a superuser may rename it",
                pg_value(row, 0, 3));
    return true;
}

bool run_survey_displaced(Run *run, bool *exists, GError **error)
{
    g_autoptr(PgResult) row =
        pg_query(run->control, error, pg_sql_survey_database, 1, run->database);
    if (row == NULL)
        return false;
    *exists = pg_rows(row) > 0;
    if (!*exists)
        return true;
    return judge_row(run, row, error) && run_learn_closed(run, run->database, error) &&
           run_survey_obstacles(run, error) && run_survey_sessions(run, error);
}

/* Tries the properties on an empty database, rolled back. */
static bool try_on(Run *run, const char *name, GError **error)
{
    g_autoptr(PgProperties) now = pg_properties_read(run->control, name, error);
    g_autoptr(GPtrArray) statements = NULL;
    if (now == NULL)
        return false;
    pg_properties_set_comment(now, pg_properties_comment(run->before));
    statements = pg_properties_statements(name, now, run->before);
    if (!pg_exec(run->control, "BEGIN", error))
        return false;
    for (guint i = 0; i < statements->len; i++) {
        g_autoptr(GError) cause = NULL;
        if (pg_exec(run->control, g_ptr_array_index(statements, i), &cause))
            continue;
        run_finding(run, "role_settings", true,
                    "run drydock as a superuser, or create the role that is missing; with "
                    "\"accept: [role_settings]\" in the policy the property is left out",
                    "this role may not give the database a property that the snapshot has: %s",
                    cause->message);
        break;
    }
    return pg_exec(run->control, "ROLLBACK", error);
}

bool run_survey_import_properties(Run *run, GError **error)
{
    g_autofree char *name = pg_identifier(run->names->work);
    g_autofree char *owner = NULL;
    g_autoptr(GError) cause = NULL;
    bool tried = false;
    if (run->before == NULL || run->kind == RUN_REHEARSAL)
        return true;
    owner = pg_identifier(pg_properties_owner(run->before));
    run->cloned = true;
    if (!pg_execf(run->control, &cause,
                  "CREATE DATABASE %s TEMPLATE template0 OWNER %s ALLOW_CONNECTIONS false", name,
                  owner)) {
        if (!error_is(cause, ERROR_QUERY)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        run->cloned = false;
        run_finding(run, "owner", true, "create the role, or connect as a superuser or a member",
                    "this role cannot create a database of owner '%s': %s",
                    pg_properties_owner(run->before), cause->message);
        return true;
    }
    tried = run_write_work_record(run, "trial", error) && try_on(run, run->names->work, error);
    if (!run_drop_copy(run, run->names->work, tried ? error : NULL))
        return false;
    run->cloned = false;
    return tried;
}
