/* drydock run, drydock recover */
#include "base/error.h"
#include "base/guardian.h"
#include "base/log.h"
#include "cli/command.h"
#include <stdio.h>
#include <unistd.h>

/* Asks the person at the terminal, if there is one. */
static OnCrash ask_on_crash(const char *standing, gpointer data)
{
    const Cli *cli = data;
    OnCrash decision = ON_CRASH_ASK;
    char answer[16] = "";
    if (cli->yes || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return ON_CRASH_ASK;
    (void)fprintf(stderr, "%s.\nPut it back (restore), go on (continue), or leave it as it is? ",
                  standing);
    if (fgets(answer, sizeof answer, stdin) == NULL ||
        !policy_on_crash_parse(g_strstrip(answer), &decision))
        return ON_CRASH_ASK;
    return decision;
}

/* The run in a process of its own, with this one as its guardian. */
static int run_guarded(const Cli *cli, const RunOptions *options)
{
    g_auto(RunOutcome) outcome = {0};
    int value = 0;
    (void)fflush(NULL);
    switch (guardian_start(&value)) {
    case GUARDIAN_ENDED:
        return value;
    case GUARDIAN_DIED:
        run_recover_killed(options, value, &outcome);
        break;
    case GUARDIAN_INNER:
        run_execute(options, &outcome);
        break;
    }
    return cli_print_outcome(cli, &outcome);
}

int command_run(int argc, char **argv)
{
    g_auto(Cli) cli = {0};
    g_autoptr(GError) error = NULL;
    g_autofree char *question = NULL;
    RunOptions options;
    if (!cli_read(
            &cli, "run",
            CLI_NEEDS_POLICY | CLI_MIGRATIONS | CLI_STATE | CLI_TO | CLI_ALLOW | CLI_WINDOW_END |
                CLI_YES | CLI_FROM | CLI_JOBS,
            "",
            "A whole maintenance window: preflight, fence, clone, snapshot, publish, migrate, "
            "verify, open.\nIf anything fails the database is put back as it was, and that is "
            "proven.\n\nWith --from the data comes from a snapshot instead: it is restored beside "
            "the live database, migrated and\nverified, and takes the name in the end. What has "
            "the name until then is kept aside, closed; if anything\nfails it was not "
            "touched.\n\nTIME is 2026-11-22T04:00:00-06:00, 2026-11-22T10:00:00Z, or 04:00.",
            argc, argv, &error))
        return cli_fail(&cli, error);
    if (!cli_run_options(&cli, &options, &error))
        return cli_fail(&cli, error);
    if (cli.from != NULL && options.kind == RUN_ONLINE) {
        error_set(&error, ERROR_CONFIG,
                  "--from takes the database's name, and the policy '%s' says 'fence: {how: none}'",
                  cli.policy->name);
        return cli_fail(&cli, error);
    }
    if (cli.from != NULL)
        options.kind = RUN_IMPORT;
    options.ask = ask_on_crash;
    options.ask_data = &cli;
    question = g_strdup_printf(
        cli.from != NULL
            ? "Give the name '%s' on %s to what is restored from the snapshot, under policy '%s'?"
        : options.kind == RUN_ONLINE
            ? "Migrate '%s' on %s while users work, under policy '%s'?"
            : "Take '%s' on %s out of service and migrate it under policy '%s'?",
        pg_target_database(cli.target), pg_target_place(cli.target), cli.policy->name);
    if (!cli_confirm(&cli, question)) {
        error_set(&error, ERROR_REFUSED, "not confirmed; nothing was done");
        return cli_fail(&cli, error);
    }
    return run_guarded(&cli, &options);
}

int command_recover(int argc, char **argv)
{
    g_auto(Cli) cli = {0};
    g_auto(RunOutcome) outcome = {0};
    g_autoptr(GError) error = NULL;
    RunOptions options;
    if (!cli_read(&cli, "recover", CLI_STATE | CLI_YES | CLI_FOLDER | CLI_ON_CRASH, "",
                  "Says what happened to a run that did not end, and finishes it or puts the "
                  "database back.\nWhat is not proven is put back (restore), or goes on where the "
                  "run died (continue), or somebody is\nasked; --on-crash overrides the "
                  "policy.\n\nIt needs the server alone; the state folder, where it is still "
                  "there, tells more.\nExits with what the run would have exited with; 0 also if "
                  "there is nothing to recover.",
                  argc, argv, &error) ||
        !cli_run_options(&cli, &options, &error))
        return cli_fail(&cli, error);
    options.kind = 0;
    options.ask = ask_on_crash;
    options.ask_data = &cli;
    run_recover(&options, &outcome);
    return cli_print_outcome(&cli, &outcome);
}
