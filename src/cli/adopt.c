/* drydock adopt sequelize, drydock adopt baseline */
#include "adopt/adopt.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/command.h"
#include <string.h>

static bool check_words(const Cli *cli, bool *baseline, GError **error)
{
    const char *how = cli->words[0];
    if (how == NULL || cli->words[1] != NULL ||
        (strcmp(how, "sequelize") != 0 && strcmp(how, "baseline") != 0)) {
        error_set(error, ERROR_USAGE, "adopt what? 'sequelize', or 'baseline'");
        error_hint_set(error, "drydock adopt --help says what each of them does");
        return false;
    }
    *baseline = strcmp(how, "baseline") == 0;
    return true;
}

static bool check_options(const Cli *cli, bool baseline, GError **error)
{
    if (baseline && (cli->schema != NULL || cli->table != NULL))
        error_set(error, ERROR_USAGE, "--schema and --table belong to 'adopt sequelize'");
    else if (baseline && cli->to == NULL)
        error_set(error, ERROR_USAGE,
                  "adopt baseline needs --to ID, the last migration that the "
                  "schema has already");
    else if (!baseline && (cli->to != NULL || cli->accept_differences || cli->reason != NULL))
        error_set(error, ERROR_USAGE,
                  "--to, --accept-differences and --reason belong to 'adopt baseline'");
    else if (cli->accept_differences != (cli->reason != NULL && *cli->reason != '\0'))
        error_set(error, ERROR_USAGE, "--accept-differences and --reason go together");
    else if (cli->repair != NULL && cli->no_compare)
        error_set(error, ERROR_USAGE, "--repair needs the comparison that --no-compare leaves out");
    else
        return true;
    return false;
}

int command_adopt(int argc, char **argv)
{
    g_auto(Cli) cli = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(AdoptResult) result = NULL;
    bool baseline = false;
    if (!cli_read(&cli, "adopt", CLI_MIGRATIONS | CLI_TO | CLI_YES | CLI_ADOPT,
                  "sequelize | baseline --to ID",
                  "sequelize takes over the history of sequelize-cli (table \"SequelizeMeta\") and "
                  "keeps it in step from then on;\nbaseline marks migrations up to --to as applied "
                  "without running them. Both compare the schema with the one\nthat the migrations "
                  "give, on a scratch database. Without --yes the database is not changed.",
                  argc, argv, &error) ||
        !check_words(&cli, &baseline, &error) || !check_options(&cli, baseline, &error))
        return cli_fail(&cli, error);
    const AdoptOptions options = {.target = cli.target,
                                  .policy = cli.policy,
                                  .set = cli.set,
                                  .baseline = baseline,
                                  .to = cli.to,
                                  .schema = cli.schema,
                                  .table = cli.table,
                                  .skip_compare = cli.no_compare,
                                  .repair = cli.repair,
                                  .accept_differences = cli.accept_differences,
                                  .reason = cli.reason,
                                  .write = cli.yes};
    result = adopt_run(&options, &error);
    if (result == NULL)
        return cli_fail(&cli, error);
    if (result->refused != NULL)
        log_error(result->refused);
    cli_print(&cli, result->report, result->text);
    return result->refused != NULL ? error_exit_code(result->refused) : 0;
}
