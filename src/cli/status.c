/* drydock status */
#include "base/error.h"
#include "base/log.h"
#include "cli/command.h"
#include "migration/history.h"
#include "migration/sequelize.h"
#include "pg/connection.h"

static json_t *status_json(const GPtrArray *statuses, int *pending)
{
    json_t *list = json_array();
    *pending = 0;
    for (guint i = 0; i < statuses->len; i++) {
        const MigrationStatus *status = g_ptr_array_index(statuses, i);
        const HistoryEntry *entry = status->entry;
        json_t *object = json_object();
        json_set_text(object, "id", status->migration != NULL ? status->migration->id : entry->id);
        json_set_text(object, "name",
                      status->migration != NULL ? status->migration->name : entry->name);
        json_set_text(object, "state", migration_state_name(status->state));
        if (entry != NULL) {
            json_set_text(object, "applied_at", entry->applied_at);
            json_set_text(object, "applied_by", entry->applied_by);
            json_set_text(object, "run", entry->run);
            json_set_integer(object, "duration_ms", entry->duration_ms);
        }
        if (status->state == STATE_PARTIAL) {
            json_set_integer(object, "steps_done", status->steps_done);
            json_set_integer(object, "steps", status->steps);
            json_set_text(object, "started",
                          status->started != NULL ? status->started->title : NULL);
        }
        *pending += (status->state == STATE_PARTIAL && entry == NULL) ||
                    status->state == STATE_PENDING || status->state == STATE_OUT_OF_ORDER;
        json_array_append_new(list, object);
    }
    return list;
}

static char *status_text(const json_t *list, int pending)
{
    GString *text = g_string_new(NULL);
    size_t i = 0;
    const json_t *object = NULL;
    json_array_foreach(list, i, object)
    {
        const char *at = json_get_text(object, "applied_at");
        const char *started = json_get_text(object, "started");
        g_string_append_printf(text, "%-13s%s-%s", json_get_text(object, "state"),
                               json_get_text(object, "id"), json_get_text(object, "name"));
        if (at != NULL)
            g_string_append_printf(
                text, "  %s by %s, run %s, %d ms", at, json_get_text(object, "applied_by"),
                json_get_text(object, "run"), (int)json_get_integer(object, "duration_ms", 0));
        if (json_object_get(object, "steps") != NULL)
            g_string_append_printf(
                text, "  %d of %d steps %s%s%s", (int)json_get_integer(object, "steps_done", 0),
                (int)json_get_integer(object, "steps", 0), at != NULL ? "undone" : "done",
                started != NULL ? ", started and not done: " : "", started != NULL ? started : "");
        g_string_append_c(text, '\n');
    }
    g_string_append_printf(text, "%d pending\n", pending);
    return g_string_free(text, FALSE);
}

/* *disagreement gets how an adopted history of another tool differs; it is told after the list. */
static GPtrArray *read_history(const Cli *cli, GPtrArray **steps, GError **disagreement,
                               GError **error)
{
    const PgConnectOptions options = {.application = "drydock status",
                                      .connect_timeout_s =
                                          (int)(cli->policy->connect_timeout_ms / 1000),
                                      .read_only = true};
    g_autoptr(PgConnection) connection = pg_connect(cli->target, &options, error);
    *steps = connection != NULL ? step_table_read(connection, error) : NULL;
    if (*steps != NULL)
        (void)sequelize_check(connection, disagreement);
    return *steps != NULL ? history_read(connection, error) : NULL;
}

int command_status(int argc, char **argv)
{
    g_auto(Cli) cli = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) disagreement = NULL;
    g_autoptr(GPtrArray) history = NULL;
    g_autoptr(GPtrArray) steps = NULL;
    g_autoptr(GPtrArray) statuses = NULL;
    g_autoptr(json_t) document = NULL;
    g_autofree char *text = NULL;
    json_t *list = NULL;
    int pending = 0, exit_code = 0;
    if (!cli_read(&cli, "status", CLI_MIGRATIONS | CLI_EXIT_CODE, "",
                  "Applied, pending, partial, changed, unknown and out-of-order migrations.\n"
                  "Exits with 4 if history and files disagree.",
                  argc, argv, &error))
        return cli_fail(&cli, error);
    history = read_history(&cli, &steps, &disagreement, &error);
    if (history == NULL)
        return cli_fail(&cli, error);
    statuses = history_compare(cli.set, history);
    history_add_steps(statuses, steps);
    list = status_json(statuses, &pending);
    if (history_check(statuses, &error) && step_table_check(steps, cli.set, &error) &&
        disagreement != NULL)
        error = g_steal_pointer(&disagreement);
    if (error != NULL)
        exit_code = error_exit_code(error);
    else if (cli.exit_code && pending > 0)
        exit_code = error_code_exit(ERROR_PENDING);
    document = json_pack("{s:i, s:s, s:o, s:i, s:i}", "schema", 1, "database",
                         pg_target_database(cli.target), "migrations", list, "pending", pending,
                         "exit_code", exit_code);
    text = status_text(list, pending);
    cli_print(&cli, document, text);
    if (error != NULL)
        log_error(error);
    return exit_code;
}
