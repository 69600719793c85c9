#include "migration/execute.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "migration/statement.h"
#include "migration/watch.h"
#include <string.h>

bool execute_begin(Attempt *attempt, GError **error)
{
    const int64_t latest_us = attempt->options->latest_us;
    g_autoptr(GString) begin = g_string_new("; BEGIN");
    if (latest_us != 0 && pg_server_version(attempt->connection) >= 170000)
        g_string_append_printf(begin, "; SET LOCAL transaction_timeout = %d",
                               (int)CLAMP((latest_us - clock_monotonic_us()) / 1000, 1, G_MAXINT));
    attempt->xid[0] = '\0';
    /* What the migration before has set in the session is not this one's business. */
    return pg_reset_session(attempt->connection, begin->str, error);
}

void execute_end(const Attempt *attempt)
{
    pg_set_deadline(attempt->connection, 0, NULL);
    log_progress_end();
    if (pg_is_alive(attempt->connection) && pg_transaction(attempt->connection) != PG_IDLE)
        (void)pg_exec(attempt->connection, "ROLLBACK", NULL);
}

/* What the server says of statements that want to be outside of a transaction has no hint. */
static void hint_at_transaction(bool bare, GError **error)
{
    const char *sqlstate = error_sqlstate(*error);
    if (bare || sqlstate == NULL)
        return;
    if (strcmp(sqlstate, "2D000") == 0)
        error_hint_set(error, "a procedure that commits can only run in a migration that says "
                              "'-- drydock: transaction off' at its head");
    else if (strcmp(sqlstate, "25001") == 0)
        error_hint_set(error, "say '-- drydock: transaction off' at the head of the migration: "
                              "each statement is committed by itself then");
}

static void locate_error(const Attempt *attempt, const SqlStatement *statement, GError **error)
{
    int line = statement->line, column = statement->column;
    if (error_position(*error) > 0 && error_sqlstate(*error) != NULL)
        splitter_locate(statement, error_position(*error), &line, &column);
    if (error_is(*error, ERROR_LOCK_TIMEOUT) && attempt->blockers != NULL)
        error_hint_set(error, "blocked by %s", attempt->blockers);
    g_prefix_error(error, "%s:%d:%d: %s: ", attempt->file->path, line, column, attempt->title);
}

static bool ended_well(Attempt *attempt, bool bare, GError **error)
{
    if (!bare && pg_transaction(attempt->connection) != PG_IN_TRANSACTION) {
        error_set(error, ERROR_CONFIG, "the statement ended the transaction of its migration");
        return false;
    }
    if (attempt->trouble == NULL)
        return true;
    g_propagate_error(error, g_steal_pointer(&attempt->trouble));
    return false;
}

/* Pins the session and runs the statement: in one flight, where the protocol allows it. */
static bool run(Attempt *attempt, const SqlStatement *statement, bool bare, GError **error)
{
    g_autofree char *pin = NULL;
    int64_t limit_ms = 0;
    if (bare || g_ascii_strncasecmp(statement->text, "copy", 4) == 0)
        return attempt_pin(attempt, error) &&
               pg_statement(attempt->connection, statement->text, statement->size_bytes,
                            statement->copy_data, statement->copy_bytes, NULL, error);
    pin = attempt_pin_sql(attempt, &limit_ms, error);
    if (pin == NULL)
        return false;
    attempt_set_deadline(attempt, limit_ms);
    return pg_statement_after(attempt->connection, pin, statement->text, statement->size_bytes,
                              error);
}

bool execute_statement(Attempt *attempt, const SqlStatement *statement, bool bare, GError **error)
{
    g_autofree char *title = statement_title(statement);
    bool done = false;
    if (interrupt_check(error))
        return false;
    attempt_clear(attempt);
    attempt->title = title;
    attempt->started_us = clock_monotonic_us();
    pg_set_watch(attempt->connection, watch_interval_ms(attempt), watch_statement, attempt);
    done = run(attempt, statement, bare, error);
    pg_set_watch(attempt->connection, 0, NULL, NULL);
    pg_set_deadline(attempt->connection, 0, NULL);
    if (!done)
        hint_at_transaction(bare, error);
    done = done && ended_well(attempt, bare, error);
    if (!done)
        locate_error(attempt, statement, error);
    attempt->title = NULL;
    return done;
}
