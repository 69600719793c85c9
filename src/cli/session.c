#include "cli/session.h"

#include "base/clock.h"
#include "base/error.h"
#include "migration/orphan.h"
#include "migration/step.h"
#include "migration/step_table.h"
#include "run/marker.h"
#include "run/names.h"
#include <string.h>

void session_clear(Session *session)
{
    pg_disconnect(session->connection);
    pg_disconnect(session->observer);
    run_lock_release(session->target_lock);
    run_lock_release(session->lock);
    standing_free(session->standing);
    g_free(session->id);
    g_free(session->application);
    g_free(session->search_path);
}

/* Of a step whose outcome the catalog knows it is believed, and nobody is asked. */
static bool check_decision(const Migration *migration, const GPtrArray *steps, const char *decision,
                           GError **error)
{
    for (guint i = 0; migration != NULL && i < steps->len; i++) {
        const StepRecord *record = g_ptr_array_index(steps, i);
        const MigrationFile *file = record->down ? migration->down : &migration->up;
        if (strcmp(record->migration, migration->id) != 0 || record->done ||
            migration_step_is_riddle(file, record->number))
            continue;
        error_set(error, ERROR_USAGE, "--%s %s: what became of '%s' is looked up in the catalog",
                  decision, migration->id, record->title);
        error_hint_set(error, "leave --%s out", decision);
        return false;
    }
    return true;
}

/* What a person has decided about a step, before it is known how things stand. */
static bool decide(const Session *session, const Cli *cli, GError **error)
{
    const char *id = cli->again != NULL ? cli->again : cli->done;
    const char *decision = cli->again != NULL ? "again" : "done";
    g_autoptr(GPtrArray) steps = NULL;
    if (id == NULL)
        return true;
    steps = step_table_read(session->connection, error);
    return steps != NULL && step_table_check(steps, cli->set, error) &&
           check_decision(migration_find(cli->set, id), steps, decision, error) &&
           step_table_decide(session->connection, id, decision, cli->reason, error);
}

/* How things stand now that nobody else is at work. */
static bool read_state(Session *session, const Cli *cli, GError **error)
{
    if (!orphan_sessions_end(session->observer, pg_target_database(cli->target),
                             session->application, error) ||
        !marker_check(session->connection, error) || !decide(session, cli, error))
        return false;
    session->search_path =
        pg_query_text(session->connection, error, "SELECT current_setting('search_path')", 0);
    if (session->search_path == NULL)
        return false;
    session->standing = standing_read(session->connection, cli->set, cli->allowed, error);
    return session->standing != NULL;
}

bool session_open(Session *session, const Cli *cli, const char *command, GError **error)
{
    const char *database = pg_target_database(cli->target);
    const int timeout_s = (int)(cli->policy->connect_timeout_ms / 1000);
    PgConnectOptions options = {.connect_timeout_s = timeout_s};
    session->target = cli->target;
    session->connect_timeout_s = timeout_s;
    session->id = run_id_new(clock_wall_us());
    session->application = run_application(command, session->id);
    options.application = session->application;
    /* The lock comes first: during a run there is no database of that name to connect to. */
    session->lock = run_lock_take(cli->target, cli->policy->control_database, database,
                                  session->application, timeout_s, error);
    if (session->lock == NULL)
        return false;
    session->connection = cli_connect_as(cli, &options, error);
    if (session->connection == NULL)
        return false;
    options.database = cli->policy->control_database;
    options.catalog_only = true;
    session->observer = pg_connect(cli->target, &options, error);
    if (session->observer == NULL)
        return false;
    session->target_lock =
        run_lock_take(cli->target, database, database, session->application, timeout_s, error);
    return session->target_lock != NULL && read_state(session, cli, error);
}

static PgConnection *reconnect(gpointer data, GError **error)
{
    Session *session = data;
    const PgConnectOptions options = {.application = session->application,
                                      .connect_timeout_s = session->connect_timeout_s};
    PgConnection *connection = pg_connect(session->target, &options, error);
    if (connection == NULL)
        return NULL;
    pg_disconnect(session->connection);
    session->connection = connection;
    return connection;
}

static bool before_commit(const Migration *migration, const char *xid, gpointer data,
                          GError **error)
{
    const Session *session = data;
    (void)migration;
    (void)xid;
    return run_lock_check_both(session->lock, session->target_lock, error);
}

ApplyOptions session_apply_options(Session *session, const Cli *cli, bool *left)
{
    return (ApplyOptions){.run = session->id,
                          .search_path = session->search_path,
                          .lock_timeout_ms = cli->policy->lock_timeout_ms,
                          .statement_timeout_ms = cli->policy->statement_timeout_ms,
                          .lock_attempts = cli->policy->lock_attempts,
                          .observer = session->observer,
                          .end_applications = cli->policy->end_applications,
                          .before_commit = before_commit,
                          .reconnect = reconnect,
                          .data = session,
                          .history_made = &session->history_made,
                          .left = left};
}
