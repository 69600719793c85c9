/* drydock migrate, drydock undo: migrations alone, in the live database, for development and
 * staging. */
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/command.h"
#include "migration/apply.h"
#include "migration/check.h"
#include "migration/history.h"
#include "migration/orphan.h"
#include "migration/sequelize.h"
#include "run/lock.h"
#include "run/names.h"

/* The sessions of one command. */
typedef struct {
    char *id;
    char *application;
    char *search_path;
    RunLock *lock;        /* in the control database: against runs */
    RunLock *target_lock; /* in the target: against others that know only it */
    PgConnection *connection;
    PgConnection *observer;
    GPtrArray *history;
    GPtrArray *statuses;
    GPtrArray *steps;
    PgTarget *target; /* borrowed */
    int connect_timeout_s;
} Session;

static void session_clear(Session *session)
{
    pg_disconnect(session->connection);
    pg_disconnect(session->observer);
    run_lock_release(session->target_lock);
    run_lock_release(session->lock);
    g_clear_pointer(&session->statuses, g_ptr_array_unref);
    g_clear_pointer(&session->steps, g_ptr_array_unref);
    g_clear_pointer(&session->history, g_ptr_array_unref);
    g_free(session->id);
    g_free(session->application);
    g_free(session->search_path);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Session, session_clear)

/* What a person has decided about a step, before the steps are read. */
static bool decide(const Session *session, const Cli *cli, GError **error)
{
    const char *id = cli->again != NULL ? cli->again : cli->done;
    return id == NULL ||
           step_table_decide(session->connection, id, cli->again != NULL ? "again" : "done",
                             cli->reason, error);
}

static bool check_decision(const Cli *cli, GError **error)
{
    const bool decides = cli->again != NULL || cli->done != NULL;
    if (cli->again != NULL && cli->done != NULL)
        error_set(error, ERROR_USAGE, "--again and --done exclude each other");
    else if (decides && (cli->reason == NULL || *cli->reason == '\0'))
        error_set(error, ERROR_USAGE, "--again and --done need --reason TEXT");
    else if (!decides && cli->reason != NULL)
        error_set(error, ERROR_USAGE, "--reason belongs to --again or --done");
    else
        return true;
    return false;
}

/* History, files and steps, as they stand now that nobody else is at work. */
static bool read_state(Session *session, const Cli *cli, GError **error)
{
    if (!orphan_sessions_end(session->observer, pg_target_database(cli->target),
                             session->application, error) ||
        !decide(session, cli, error))
        return false;
    session->search_path =
        pg_query_text(session->connection, error, "SELECT current_setting('search_path')", 0);
    session->history =
        session->search_path != NULL ? history_read(session->connection, error) : NULL;
    session->steps = session->history != NULL ? step_table_read(session->connection, error) : NULL;
    if (session->steps == NULL)
        return false;
    session->statuses = history_compare(cli->set, session->history);
    history_add_steps(session->statuses, session->steps);
    return history_check(session->statuses, error) &&
           step_table_check(session->steps, cli->set, error) &&
           sequelize_check(session->connection, error);
}

static bool open_session(Session *session, const Cli *cli, const char *command, GError **error)
{
    const char *database = pg_target_database(cli->target);
    const int timeout_s = (int)(cli->policy->connect_timeout_ms / 1000);
    PgConnectOptions options = {.connect_timeout_s = timeout_s};
    if (!check_decision(cli, error))
        return false;
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
    session->connection = pg_connect(cli->target, &options, error);
    if (session->connection == NULL)
        return false;
    options.database = cli->policy->control_database;
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
    return run_lock_check(session->lock, error) && run_lock_check(session->target_lock, error);
}

/* *left gets whether something of a migration that failed stays. */
static bool step(const Session *session, const Cli *cli, const Migration *migration, bool down,
                 bool *left, GError **error)
{
    const ApplyOptions options = {.run = session->id,
                                  .search_path = session->search_path,
                                  .lock_timeout_ms = cli->policy->lock_timeout_ms,
                                  .statement_timeout_ms = cli->policy->statement_timeout_ms,
                                  .lock_attempts = cli->policy->lock_attempts,
                                  .observer = session->observer,
                                  .end_applications = cli->policy->end_applications,
                                  .before_commit = before_commit,
                                  .reconnect = reconnect,
                                  .data = (gpointer)session,
                                  .left = left};
    g_autofree char *took = NULL;
    int64_t duration_us = 0;
    const bool done =
        down ? apply_down(session->connection, migration, &options, &duration_us, error)
             : apply_up(session->connection, migration, &options, &duration_us, error);
    if (!done)
        return false;
    took = clock_format_duration(duration_us);
    log_info("%s-%s: %s, %s", migration->id, migration->name, down ? "undone" : "applied", took);
    return true;
}

/* Runs the steps; the result names what was done, and what failed. */
static int run_steps(const Session *session, const Cli *cli, const GPtrArray *steps, bool down)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) document = json_object();
    g_autofree char *text = NULL;
    json_t *list = json_array();
    int exit_code = 0;
    bool left = false;
    for (guint i = 0; i < steps->len && error == NULL; i++) {
        const Migration *migration = g_ptr_array_index(steps, i);
        if (step(session, cli, migration, down, &left, &error))
            json_array_append_new(list, json_string(migration->id));
    }
    if (error != NULL) {
        log_error(error);
        exit_code = error_exit_code(error);
        if ((left || json_array_size(list) > 0) && !error_is(error, ERROR_UNKNOWN_OUTCOME))
            exit_code = error_code_exit(ERROR_STEP_FAILED);
    }
    json_set_integer(document, "schema", 1);
    json_set_text(document, "database", pg_target_database(cli->target));
    json_object_set(document, down ? "undone" : "applied", list);
    json_set_integer(document, "exit_code", exit_code);
    json_object_set_new(document, "partial", json_boolean(left));
    json_set_text(document, "error", error != NULL ? error->message : NULL);
    json_set_text(document, "hint", error != NULL ? error_hint(error) : NULL);
    text = g_strdup_printf("%s: %d of %d migrations %s in '%s'%s%s (exit %d)\n",
                           error == NULL ? "done" : "failed", (int)json_array_size(list),
                           (int)steps->len, down ? "undone" : "applied",
                           pg_target_database(cli->target), error != NULL ? "; cause: " : "",
                           error != NULL ? error->message : "", exit_code);
    json_decref(list);
    cli_print(cli, document, text);
    return exit_code;
}

int command_migrate(int argc, char **argv)
{
    g_auto(Cli) cli = {0};
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) pending = NULL;
    g_autoptr(GPtrArray) files = g_ptr_array_new();
    if (!cli_read(&cli, "migrate", CLI_MIGRATIONS | CLI_TO | CLI_DECIDE, "",
                  "Applies pending migrations to the live database, each in its own transaction: "
                  "for development and\nstaging. It takes no backup; drydock run does. A migration "
                  "that cannot be one transaction goes on where an\nearlier attempt has stopped.",
                  argc, argv, &error) ||
        !open_session(&session, &cli, "migrate", &error))
        return cli_fail(&cli, error);
    pending = history_pending(session.statuses, cli.to, &error);
    if (pending == NULL)
        return cli_fail(&cli, error);
    for (guint i = 0; i < pending->len; i++)
        g_ptr_array_add(files, (gpointer) & ((const Migration *)g_ptr_array_index(pending, i))->up);
    if (!migration_check(files, pg_target_database(cli.target), &error))
        return cli_fail(&cli, error);
    return run_steps(&session, &cli, pending, false);
}

/* What is to be undone, the newest first: the last one, everything from --to on (with it), or all.
 */
static GPtrArray *undo_steps(const Session *session, const Cli *cli, GError **error)
{
    g_autoptr(GPtrArray) steps = g_ptr_array_new();
    bool found = cli->to == NULL;
    for (guint i = session->statuses->len; i-- > 0;) {
        const MigrationStatus *status = g_ptr_array_index(session->statuses, i);
        if (status->state == STATE_PARTIAL && status->entry == NULL) {
            error_set(error, ERROR_REFUSED, "migration %s is partly applied (%d of %d steps)",
                      status->migration->id, status->steps_done, status->steps);
            error_hint_set(error, "finish it with drydock migrate before anything is undone");
            return NULL;
        }
        if (status->entry == NULL)
            continue;
        g_ptr_array_add(steps, (gpointer)status->migration);
        found = found || g_str_equal(cli->to, status->entry->id);
        if (found && !cli->all)
            break;
    }
    if (!found) {
        error_set(error, ERROR_USAGE, "--to %s: that migration is not applied", cli->to);
        return NULL;
    }
    return g_steal_pointer(&steps);
}

static bool check_undo(const Cli *cli, const GPtrArray *steps, GError **error)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new();
    for (guint i = 0; i < steps->len; i++) {
        const Migration *migration = g_ptr_array_index(steps, i);
        if (migration->down != NULL)
            g_ptr_array_add(files, migration->down);
        if (migration->down != NULL && migration->irreversible == NULL)
            continue;
        error_set(error, ERROR_REFUSED, "migration %s cannot be undone: %s", migration->id,
                  migration->irreversible != NULL ? migration->irreversible
                                                  : "it has no down file");
        return false;
    }
    return migration_check(files, pg_target_database(cli->target), error);
}

int command_undo(int argc, char **argv)
{
    g_auto(Cli) cli = {0};
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) steps = NULL;
    if (!cli_read(&cli, "undo", CLI_MIGRATIONS | CLI_TO | CLI_ALL | CLI_YES | CLI_DECIDE, "",
                  "Takes back the last migration; with --to ID everything down to it, ID included; "
                  "with --all everything.\n--to and --all need --yes.",
                  argc, argv, &error))
        return cli_fail(&cli, error);
    if (cli.to != NULL && cli.all) {
        error_set(&error, ERROR_USAGE, "--to and --all exclude each other");
        return cli_fail(&cli, error);
    }
    if ((cli.to != NULL || cli.all) && !cli.yes) {
        error_set(&error, ERROR_USAGE, "undo with --to or --all needs --yes");
        return cli_fail(&cli, error);
    }
    if (!open_session(&session, &cli, "undo", &error))
        return cli_fail(&cli, error);
    steps = undo_steps(&session, &cli, &error);
    if (steps == NULL || !check_undo(&cli, steps, &error))
        return cli_fail(&cli, error);
    return run_steps(&session, &cli, steps, true);
}
