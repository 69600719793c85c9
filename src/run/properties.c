#include "run/properties.h"

#include "base/error.h"

bool properties_run(Run *run, const GPtrArray *statements, GPtrArray *notes, GError **error)
{
    for (guint i = 0; i < statements->len; i++) {
        const char *sql = g_ptr_array_index(statements, i);
        g_autoptr(GError) cause = NULL;
        if (!pg_exec(run->control, "SAVEPOINT property", error))
            return false;
        if (!pg_exec(run->control, sql, &cause)) {
            if (!error_is(cause, ERROR_QUERY) ||
                (run->kind != RUN_REHEARSAL && !policy_accepts(run->policy, "role_settings"))) {
                g_propagate_prefixed_error(error, g_steal_pointer(&cause),
                                           "while giving the copy a property of the database: ");
                return false;
            }
            g_ptr_array_add(notes, g_strdup_printf("a property of the database was left out: %s",
                                                   cause->message));
            if (!pg_exec(run->control, "ROLLBACK TO property", error))
                return false;
        }
        if (!pg_exec(run->control, "RELEASE property", error))
            return false;
    }
    return true;
}
