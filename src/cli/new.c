/* drydock new */
#include "base/clock.h"
#include "base/error.h"
#include "cli/command.h"
#include "migration/draft.h"

int command_new(int argc, char **argv)
{
    g_auto(Cli) cli = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(Draft) draft = NULL;
    g_autoptr(json_t) document = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    json_t *files = json_array();
    if (!cli_read(&cli, "new", CLI_FOLDER | CLI_REPEATABLE, "NAME",
                  "Writes an empty migration: up, down and verify file with the directives as "
                  "comments. Its id is the time (UTC),\nor one above the newest id that is there. "
                  "With --repeatable it writes NAME.repeat.sql.",
                  argc, argv, &error)) {
        json_decref(files);
        return cli_fail(&cli, error);
    }
    if (cli.words[0] == NULL || cli.words[1] != NULL)
        error_set(&error, ERROR_USAGE, "new takes one name, such as add-severity-to-allergies");
    else
        draft = draft_write(cli.migrations, cli.words[0], cli.repeatable, clock_wall_us(), &error);
    for (guint i = 0; draft != NULL && i < draft->paths->len; i++) {
        g_string_append_printf(text, "%s\n", (char *)g_ptr_array_index(draft->paths, i));
        json_array_append_new(files, json_string(g_ptr_array_index(draft->paths, i)));
    }
    if (draft == NULL) {
        json_decref(files);
        return cli_fail(&cli, error);
    }
    document = json_pack("{s:i, s:s, s:s, s:o, s:i}", "schema", 1, "id", draft->id, "name",
                         cli.words[0], "files", files, "exit_code", 0);
    cli_print(&cli, document, text->str);
    return 0;
}
