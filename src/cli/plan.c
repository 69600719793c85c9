/* drydock plan */
#include "plan/plan.h"
#include "base/error.h"
#include "cli/command.h"

int command_plan(int argc, char **argv)
{
    g_auto(Cli) cli = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) plan = NULL;
    g_autofree char *text = NULL;
    RunOptions options;
    int exit_code = 0;
    if (!cli_read(
            &cli, "plan", CLI_MIGRATIONS | CLI_STATE | CLI_TO | CLI_ALLOW | CLI_WINDOW_END, "",
            "What run would do, and what is in its way; touches nothing. (Of run --from, drydock "
            "rehearse --from\ntells it.)\n"
            "Exits with 3 if run would be refused.",
            argc, argv, &error) ||
        !cli_run_options(&cli, &options, &error))
        return cli_fail(&cli, error);
    plan = plan_make(&options, &exit_code, &error);
    if (plan == NULL)
        return cli_fail(&cli, error);
    json_set_integer(plan, "exit_code", exit_code);
    text = plan_text(plan);
    cli_print(&cli, plan, text);
    return exit_code;
}
