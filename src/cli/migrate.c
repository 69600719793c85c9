/* drydock migrate, drydock undo: migrations alone, in the live database, for development and
 * staging. */
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/session.h"
#include "migration/check.h"
#include "migration/undo.h"

/* What a person has decided about a step (session_open() does it) must be whole. */
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

/* *left gets whether something of a migration that failed stays. */
static bool step(Session *session, const Cli *cli, const Migration *migration, bool down,
                 bool *left, GError **error)
{
    const ApplyOptions options = session_apply_options(session, cli, left);
    g_autofree char *took = NULL;
    int64_t duration_us = 0;
    const bool done =
        down ? apply_down(session->connection, migration, &options, &duration_us, error)
             : apply_up(session->connection, migration, &options, &duration_us, error);
    if (!done)
        return false;
    took = clock_format_duration(duration_us);
    log_info("%s: %s, %s", migration->title, down ? "undone" : "applied", took);
    return true;
}

/* Runs the steps; the result names what was done, and what failed. */
static int run_steps(Session *session, const Cli *cli, const GPtrArray *steps, bool down)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) document = json_object();
    g_autoptr(GString) text = g_string_new(NULL);
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
    text_append_line(text, "%s: %d of %d migrations %s in '%s'%s%s (exit %d)",
                     error == NULL ? "done" : "failed", (int)json_array_size(list), (int)steps->len,
                     down ? "undone" : "applied", pg_target_database(cli->target),
                     error != NULL ? "; cause: " : "", error != NULL ? error->message : "",
                     exit_code);
    json_decref(list);
    cli_print(cli, document, text->str);
    return exit_code;
}

int command_migrate(int argc, char **argv)
{
    g_auto(Cli) cli = {0};
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) pending = NULL;
    g_autoptr(GPtrArray) files = g_ptr_array_new();
    if (!cli_read(&cli, "migrate", CLI_MIGRATIONS | CLI_TO | CLI_ALLOW | CLI_DECIDE, "",
                  "Applies pending migrations to the live database, each in its own transaction: "
                  "for development and\nstaging. It takes no backup; drydock run does. A migration "
                  "that cannot be one transaction goes on where an\nearlier attempt has stopped.",
                  argc, argv, &error) ||
        !check_decision(&cli, &error) || !session_open(&session, &cli, "migrate", &error) ||
        !standing_check(session.standing, &error))
        return cli_fail(&cli, error);
    pending = standing_pending(session.standing, cli.to, &error);
    if (pending == NULL)
        return cli_fail(&cli, error);
    for (guint i = 0; i < pending->len; i++)
        g_ptr_array_add(files, (gpointer) & ((const Migration *)g_ptr_array_index(pending, i))->up);
    if (!migration_check(files, pg_target_database(cli.target), &error))
        return cli_fail(&cli, error);
    return run_steps(&session, &cli, pending, false);
}

static bool check_down_files(const Cli *cli, const GPtrArray *steps, GError **error)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new();
    for (guint i = 0; i < steps->len; i++)
        g_ptr_array_add(files, ((const Migration *)g_ptr_array_index(steps, i))->down);
    return migration_check(files, pg_target_database(cli->target), error);
}

static void tell_repeatables(const Standing *standing)
{
    g_autoptr(GString) names = g_string_new(NULL);
    for (guint i = 0; i < standing->repeated->len; i++) {
        const HistoryEntry *entry = g_ptr_array_index(standing->repeated, i);
        g_string_append_printf(names, "%s%s", i > 0 ? ", " : "", entry->name);
    }
    if (names->len > 0)
        log_info("repeatable migrations are left as they are, and applied again by the next "
                 "migrate: %s",
                 names->str);
}

int command_undo(int argc, char **argv)
{
    g_auto(Cli) cli = {0};
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) steps = NULL;
    if (!cli_read(&cli, "undo", CLI_MIGRATIONS | CLI_TO | CLI_ALL | CLI_YES | CLI_DECIDE, "",
                  "Takes back the migration that was applied last, by its down file; with --to ID "
                  "everything down to it, ID\nincluded; with --all everything. --to and --all need "
                  "--yes. Repeatable migrations are left as they are.",
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
    if (!check_decision(&cli, &error) || !session_open(&session, &cli, "undo", &error))
        return cli_fail(&cli, error);
    steps = undo_steps(session.standing, cli.to, cli.all, &error);
    if (steps == NULL || !check_down_files(&cli, steps, &error))
        return cli_fail(&cli, error);
    tell_repeatables(session.standing);
    return run_steps(&session, &cli, steps, true);
}
