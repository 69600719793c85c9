/* drydock restore, drydock rehearse */
#include "base/error.h"
#include "cli/command.h"

static bool needs_from(const Cli *cli, GError **error)
{
    if (cli->from != NULL && cli->from[0] != '\0')
        return true;
    error_set(error, ERROR_USAGE, "there is nothing to restore");
    error_hint_set(error, "name a snapshot or an archive with --from DIR|FILE, or - for standard "
                          "input");
    return false;
}

/* One of the two. */
static bool needs_source(const Cli *cli, GError **error)
{
    if (cli->run == NULL)
        return needs_from(cli, error);
    if (cli->from == NULL)
        return true;
    error_set(error, ERROR_USAGE, "--run and --from do not go together");
    error_hint_set(error, "--run finds the copy from before that run, or its snapshot, by itself");
    return false;
}

static bool read_restore(Cli *cli, int argc, char **argv, GError **error)
{
    if (!cli_read(cli, "restore", CLI_FROM | CLI_JOBS | CLI_RESTORE | CLI_STATE, "",
                  "Restores a snapshot, or what pg_dump wrote, into a new database. It gets its "
                  "name when it is complete and proven.\n--dsn names the server. With --swap it "
                  "takes the name from a database that has it; that one is kept as\n"
                  "NAME_replaced_ID, closed. Where it fails, everything is as before: 4 if the "
                  "snapshot is damaged.\n\nWith --run a run that was opened is taken back: the "
                  "copy from before it gets the name, or its snapshot is restored.\nWhat users "
                  "wrote since is lost then, which --discard-writes-since must say, as with --swap "
                  "and the snapshot\nof such a run. A snapshot of the database as it is is taken "
                  "first.",
                  argc, argv, error) ||
        !needs_source(cli, error))
        return false;
    if (cli->database != NULL && cli->database[0] != '\0')
        return true;
    error_set(error, ERROR_USAGE, "it is not said what the database shall be called");
    error_hint_set(error, "name it with --database NAME");
    return false;
}

int command_restore(int argc, char **argv)
{
    g_auto(Cli) cli = {0};
    g_auto(RunOutcome) outcome = {0};
    g_autoptr(GError) error = NULL;
    RunOptions options;
    if (!read_restore(&cli, argc, argv, &error) || !cli_run_options(&cli, &options, &error))
        return cli_fail(&cli, error);
    options.kind = RUN_RESTORE;
    options.database = cli.database;
    run_execute(&options, &outcome);
    return cli_print_outcome(&cli, &outcome);
}

int command_rehearse(int argc, char **argv)
{
    g_auto(Cli) cli = {0};
    g_auto(RunOutcome) outcome = {0};
    g_autoptr(GError) error = NULL;
    RunOptions options;
    if (!cli_read(&cli, "rehearse",
                  CLI_FROM | CLI_JOBS | CLI_KEEP | CLI_MIGRATIONS | CLI_STATE | CLI_TO | CLI_ALLOW,
                  "",
                  "Restores a snapshot into a scratch database, migrates it there, verifies the "
                  "result, times every step,\nwrites a report (drydock runs lists it) and drops "
                  "the database. No database in service is touched.\nExits with the code of what "
                  "failed.",
                  argc, argv, &error) ||
        !needs_from(&cli, &error) || !cli_run_options(&cli, &options, &error))
        return cli_fail(&cli, error);
    options.kind = RUN_REHEARSAL;
    options.needs_policy_window = false;
    run_execute(&options, &outcome);
    return cli_print_outcome(&cli, &outcome);
}
