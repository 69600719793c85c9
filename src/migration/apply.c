#include "migration/apply.h"

#include "base/clock.h"
#include "base/error.h"
#include "migration/commit.h"
#include "migration/execute.h"
#include "migration/history.h"
#include "migration/record.h"
#include "migration/stepwise.h"

static bool verify_statement(PgConnection *connection, const char *path,
                             const SqlStatement *statement, GError **error)
{
    g_autofree char *text = g_strndup(statement->text, statement->size_bytes);
    g_autoptr(PgResult) result = pg_query(connection, error, text, 0);
    if (result == NULL) {
        int line = 0, column = 0;
        splitter_locate(statement, MAX(error_position(*error), 1), &line, &column);
        g_prefix_error(error, "%s:%d:%d: ", path, line, column);
        return false;
    }
    if (pg_columns(result) == 0)
        error_set(error, ERROR_CONFIG, "%s:%d:%d: not a query", path, statement->line,
                  statement->column);
    else if (pg_rows(result) > 0)
        error_set(error, ERROR_INTEGRITY, "%s:%d:%d: the query returned %d row%s, expected none",
                  path, statement->line, statement->column, pg_rows(result),
                  pg_rows(result) == 1 ? "" : "s");
    else
        return true;
    return false;
}

bool apply_verify(PgConnection *connection, const Migration *migration, GError **error)
{
    if (migration->verify == NULL)
        return true;
    for (guint i = 0; i < migration->verify->statements->len; i++) {
        const SqlStatement *statement = g_ptr_array_index(migration->verify->statements, i);
        if (!verify_statement(connection, migration->verify->path, statement, error))
            return false;
    }
    return true;
}

/* The whole file in one transaction. */
static bool try_file(gpointer data, GError **error)
{
    Attempt *attempt = data;
    /* The history is made in the transaction, so that a first migration that fails leaves nothing
     * at all. */
    bool *made = attempt->options->history_made;
    bool done = execute_begin(attempt, error) &&
                ((made != NULL && *made) || history_create(attempt->connection, error));
    for (guint i = 0; done && i < attempt->file->statements->len; i++)
        done = execute_statement(attempt, g_ptr_array_index(attempt->file->statements, i), false,
                                 error);
    done = done && attempt_pin(attempt, error) && record_migration(attempt, error) &&
           commit_transaction(attempt, record_is_there, NULL, error);
    if (done && made != NULL)
        *made = true;
    execute_end(attempt);
    return done;
}

static bool apply_file(PgConnection *connection, const Migration *migration,
                       const MigrationFile *file, bool down, const ApplyOptions *options,
                       int64_t *duration_us, GError **error)
{
    g_autoptr(GArray) steps = migration_steps(file);
    g_auto(Attempt) attempt = {.connection = connection,
                               .migration = migration,
                               .file = file,
                               .options = options,
                               .down = down,
                               .since_us = clock_monotonic_us()};
    bool left = false;
    const bool done = migration_has_steps(steps)
                          ? stepwise_apply(&attempt, steps, &left, error)
                          : attempt_repeatedly(&attempt, try_file, &attempt, error);
    if (options->left != NULL)
        *options->left = left;
    if (duration_us != NULL)
        *duration_us = clock_monotonic_us() - attempt.since_us;
    return done;
}

bool apply_up(PgConnection *connection, const Migration *migration, const ApplyOptions *options,
              int64_t *duration_us, GError **error)
{
    return apply_file(connection, migration, &migration->up, false, options, duration_us, error);
}

bool apply_down(PgConnection *connection, const Migration *migration, const ApplyOptions *options,
                int64_t *duration_us, GError **error)
{
    if (migration->irreversible != NULL) {
        error_set(error, ERROR_REFUSED, "migration %s cannot be undone: %s", migration->id,
                  migration->irreversible);
        return false;
    }
    if (migration->down == NULL) {
        error_set(error, ERROR_REFUSED, "migration %s has no down file", migration->id);
        return false;
    }
    return apply_file(connection, migration, migration->down, true, options, duration_us, error);
}
