/* drydock runs */
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/table.h"
#include "report/report.h"
#include "run/past.h"

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static char *exit_text(const json_t *run)
{
    const json_t *code = json_object_get(run, "exit_code");
    if (json_is_integer(code))
        return g_strdup_printf("%d", (int)json_integer_value(code));
    return g_strdup("-");
}

/* Folders hold reports under the same names, so that one path a run says it all. */
static char *runs_text(const json_t *runs)
{
    g_autoptr(Table) table =
        table_new("Run", "Database", "Command", "Started", "Took", "Exit", "Snapshot", NULL);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *rows = NULL;
    size_t i = 0;
    const json_t *run = NULL;
    json_array_foreach(runs, i, run)
    {
        const int64_t duration_ms = json_get_integer(run, "duration_ms", -1);
        g_autofree char *took =
            duration_ms >= 0 ? clock_format_duration(duration_ms * 1000) : g_strdup("-");
        g_autofree char *code = exit_text(run);
        table_add(table, json_get_text(run, "run"), or_empty(json_get_text(run, "database")),
                  or_empty(json_get_text(run, "command")), or_empty(json_get_text(run, "started")),
                  took, code, json_get_text(run, "snapshot") != NULL ? "yes" : "no", NULL);
    }
    rows = table_text(table);
    g_string_append(text, rows);
    json_array_foreach(runs, i, run)
    {
        const char *problem = json_get_text(run, "problem");
        g_string_append_c(text, '\n');
        text_append_line(text, "%s", json_get_text(run, "run"));
        text_append_line(text, "  %s", or_empty(json_get_text(run, "result")));
        text_append_line(text, "  in %s", json_get_text(run, "folder"));
        if (problem != NULL)
            text_append_line(text, "  its files do not tell everything: %s", problem);
    }
    if (text->len == 0)
        g_string_append(text, "no runs\n");
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* The report, or what the journal tells where there is none. */
static int show_one(const Cli *cli, const json_t *run)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) list = json_array();
    g_autoptr(json_t) report = NULL;
    g_autofree char *text = NULL;
    const char *path = json_get_text(run, "report");
    if (path == NULL) {
        json_array_append(list, (json_t *)run);
        text = runs_text(list);
        cli_print(cli, run, text);
        return 0;
    }
    report = json_parse_file(path, &error);
    if (report == NULL)
        return cli_fail(cli, error);
    text = report_text(report);
    cli_print(cli, report, text);
    return 0;
}

int command_runs(int argc, char **argv)
{
    g_auto(Cli) cli = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) runs = NULL;
    g_autoptr(json_t) document = NULL;
    g_autofree char *text = NULL;
    const json_t *one = NULL;
    if (!cli_read(
            &cli, "runs", CLI_STATE, "[RUN]",
            "Past runs, the newest first: database, times, exit code, result, and where the "
            "report and the snapshot are.\nWith RUN (or the beginning of its name) the report "
            "of one. No server is asked.",
            argc, argv, &error))
        return cli_fail(&cli, error);
    runs = past_runs(cli.state_folder, &error);
    if (runs != NULL && cli.words[0] != NULL) {
        one = past_runs_find(runs, cli.words[0], &error);
        return one != NULL ? show_one(&cli, one) : cli_fail(&cli, error);
    }
    if (runs == NULL)
        return cli_fail(&cli, error);
    document = json_pack("{s:i, s:s, s:O, s:i}", "schema", 1, "state", cli.state_folder, "runs",
                         runs, "exit_code", 0);
    text = runs_text(runs);
    cli_print(&cli, document, text);
    return 0;
}
