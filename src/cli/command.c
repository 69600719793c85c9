#include "cli/command.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "report/report.h"
#include "run/record.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NO_JOBS INT_MIN /* not given */

void cli_clear(Cli *cli)
{
    g_free(cli->dsn);
    g_free(cli->policy_path);
    g_free(cli->migrations_path);
    g_free(cli->state_path);
    g_free(cli->to);
    g_free(cli->window_end);
    g_free(cli->against);
    g_free(cli->from);
    g_free(cli->database);
    g_strfreev(cli->identity_paths);
    g_free(cli->passphrase_path);
    g_strfreev(cli->recipients);
    age_identities_free(cli->identities);
    g_free(cli->run);
    g_free(cli->discard_since);
    g_free(cli->on_crash);
    g_free(cli->schema);
    g_free(cli->table);
    g_free(cli->repair);
    g_free(cli->again);
    g_free(cli->done);
    g_free(cli->reason);
    g_free(cli->out);
    g_free(cli->format);
    g_free(cli->split);
    g_strfreev(cli->allowed);
    g_free(cli->migrations);
    g_strfreev(cli->words);
    pg_target_free(cli->target);
    policy_free(cli->policy);
    migration_set_free(cli->set);
    g_free(cli->state_folder);
    memset(cli, 0, sizeof *cli);
}

/* The entries of the options that a command has. */
static GArray *option_entries(Cli *cli, CliOptions options)
{
    const struct {
        int flag; /* 0: everybody's */
        GOptionEntry entry;
    } all[] = {
        {0,
         {"dsn", 'd', 0, G_OPTION_ARG_STRING, &cli->dsn, "the database: a conninfo string or URI",
          "CONNINFO"}},
        {0,
         {"policy", 'p', 0, G_OPTION_ARG_FILENAME, &cli->policy_path, "the policy to act under",
          "FILE"}},
        {CLI_MIGRATIONS | CLI_FOLDER,
         {"migrations", 'm', 0, G_OPTION_ARG_FILENAME, &cli->migrations_path,
          "folder of the migrations", "DIR"}},
        {CLI_STATE,
         {"state", 0, 0, G_OPTION_ARG_FILENAME, &cli->state_path,
          "folder for journals, snapshots and reports", "DIR"}},
        {CLI_TO,
         {"to", 0, 0, G_OPTION_ARG_STRING, &cli->to, "the last migration of this command", "ID"}},
        {CLI_ALLOW,
         {"allow-out-of-order", 0, 0, G_OPTION_ARG_STRING_ARRAY, &cli->allowed,
          "apply this one although newer ones are applied; may be repeated", "ID"}},
        {CLI_REASON,
         {"reason", 0, 0, G_OPTION_ARG_STRING, &cli->reason, "why; it is recorded", "TEXT"}},
        {CLI_REPEATABLE,
         {"repeatable", 0, 0, G_OPTION_ARG_NONE, &cli->repeatable,
          "one that is applied again whenever it changes", NULL}},
        {CLI_WINDOW_END,
         {"window-end", 0, 0, G_OPTION_ARG_STRING, &cli->window_end,
          "when everything must be done or undone", "TIME"}},
        {CLI_SNAPSHOT,
         {"out", 'o', 0, G_OPTION_ARG_FILENAME, &cli->out,
          "the folder to make, or a file: its name says which", "DIR|[URL/]FILE.tar[.age]"}},
        {CLI_SNAPSHOT,
         {"recipient", 'r', 0, G_OPTION_ARG_STRING_ARRAY, &cli->recipients,
          "who may decrypt FILE.tar.age: a public key of age; may be repeated", "age1..."}},
        {CLI_SNAPSHOT,
         {"level", 0, 0, G_OPTION_ARG_INT, &cli->level, "of compression, 1 to 9", "N"}},
        {CLI_SNAPSHOT,
         {"format", 0, 0, G_OPTION_ARG_STRING, &cli->format,
          "auto: binary where that is safe; text: never", "auto|text"}},
        {CLI_SNAPSHOT,
         {"split", 0, 0, G_OPTION_ARG_STRING, &cli->split,
          "tables larger than this are cut into parts; 256MiB", "SIZE"}},
        {CLI_FROM,
         {"from", 'f', 0, G_OPTION_ARG_FILENAME, &cli->from,
          "a snapshot, or what pg_dump wrote; - is standard input", "DIR|FILE|URL|-"}},
        {CLI_FROM | CLI_IDENTITY,
         {"identity", 'i', 0, G_OPTION_ARG_FILENAME_ARRAY, &cli->identity_paths,
          "secret keys of age, to decrypt with; may be repeated", "FILE"}},
        {CLI_FROM | CLI_IDENTITY,
         {"passphrase-file", 0, 0, G_OPTION_ARG_FILENAME, &cli->passphrase_path,
          "the passphrase of what age encrypted with one", "FILE"}},
        {CLI_RESTORE,
         {"database", 0, 0, G_OPTION_ARG_STRING, &cli->database, "what it shall be called",
          "NAME"}},
        {CLI_RESTORE,
         {"swap", 0, 0, G_OPTION_ARG_NONE, &cli->swap,
          "take the name from the database that has it, which is kept", NULL}},
        {CLI_RESTORE,
         {"run", 0, 0, G_OPTION_ARG_STRING, &cli->run,
          "take back a run that was opened, instead of --from", "RUN"}},
        {CLI_RESTORE,
         {"discard-writes-since", 0, 0, G_OPTION_ARG_STRING, &cli->discard_since,
          "what users wrote since then may be lost; not later than the opening of the run",
          "TIME"}},
        {CLI_FROM,
         {"allow-known-holes", 0, 0, G_OPTION_ARG_NONE, &cli->allow_known_holes,
          "use a pg_restore that a crafted archive can make run code", NULL}},
        {CLI_KEEP,
         {"keep", 0, 0, G_OPTION_ARG_NONE, &cli->keep, "keep the rehearsal's database, closed",
          NULL}},
        {CLI_ON_CRASH,
         {"on-crash", 0, 0, G_OPTION_ARG_STRING, &cli->on_crash,
          "what is done with a run that died; default: as the policy says",
          "restore|continue|ask"}},
        {CLI_AGAINST,
         {"against", 0, 0, G_OPTION_ARG_FILENAME, &cli->against,
          "compare with the digests of this snapshot", "DIR"}},
        {CLI_JOBS,
         {"jobs", 'j', 0, G_OPTION_ARG_INT, &cli->jobs,
          "how many work at the same time; default: as many as there are processors", "N"}},
        {CLI_DECIDE,
         {"again", 0, 0, G_OPTION_ARG_STRING, &cli->again,
          "a step of this migration whose outcome is unknown runs again", "ID"}},
        {CLI_DECIDE,
         {"done", 0, 0, G_OPTION_ARG_STRING, &cli->done,
          "a step of this migration whose outcome is unknown is done", "ID"}},
        {CLI_DECIDE,
         {"reason", 0, 0, G_OPTION_ARG_STRING, &cli->reason,
          "why --again or --done is right; it is recorded", "TEXT"}},
        {CLI_ALL, {"all", 0, 0, G_OPTION_ARG_NONE, &cli->all, "all that are applied", NULL}},
        {CLI_YES, {"yes", 'y', 0, G_OPTION_ARG_NONE, &cli->yes, "do not ask", NULL}},
        {CLI_EXIT_CODE,
         {"exit-code", 0, 0, G_OPTION_ARG_NONE, &cli->exit_code,
          "exit with 10 if something is pending", NULL}},
        {CLI_ADOPT,
         {"schema", 0, 0, G_OPTION_ARG_STRING, &cli->schema,
          "where the other tool's history is; found if there is only one", "NAME"}},
        {CLI_ADOPT,
         {"table", 0, 0, G_OPTION_ARG_STRING, &cli->table,
          "how the other tool's history is called: SequelizeMeta", "NAME"}},
        {CLI_ADOPT,
         {"no-compare", 0, 0, G_OPTION_ARG_NONE, &cli->no_compare,
          "do without a scratch database and the comparison with it", NULL}},
        {CLI_ADOPT,
         {"repair", 0, 0, G_OPTION_ARG_STRING, &cli->repair,
          "write a migration of this name that repairs what differs", "NAME"}},
        {CLI_ADOPT,
         {"accept-differences", 0, 0, G_OPTION_ARG_NONE, &cli->accept_differences,
          "baseline: take it over although it differs", NULL}},
        {CLI_ADOPT,
         {"reason", 0, 0, G_OPTION_ARG_STRING, &cli->reason,
          "why the differences are accepted; it is recorded", "TEXT"}},
        {0,
         {"json", 0, 0, G_OPTION_ARG_NONE, &cli->json, "one JSON document on standard output",
          NULL}},
        {0, {"quiet", 'q', 0, G_OPTION_ARG_NONE, &cli->quiet, "warnings and errors only", NULL}},
        {0, {"verbose", 'v', 0, G_OPTION_ARG_NONE, &cli->verbose, "details, too", NULL}},
        {0, {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &cli->words, NULL, NULL}},
    };
    GArray *entries = g_array_new(TRUE, TRUE, sizeof(GOptionEntry));
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        if (all[i].flag == 0 || ((int)options & all[i].flag) != 0)
            g_array_append_val(entries, all[i].entry);
    }
    return entries;
}

static bool parse(Cli *cli, const char *command, CliOptions options, const char *synopsis,
                  const char *description, int argc, char **argv, GError **error)
{
    g_autoptr(GOptionContext) context = g_option_context_new(synopsis);
    g_autoptr(GArray) entries = option_entries(cli, options);
    g_autoptr(GError) cause = NULL;
    g_autofree char *program = g_strdup_printf("drydock %s", command);
    g_set_prgname(program);
    g_option_context_add_main_entries(context, (const GOptionEntry *)(void *)entries->data, NULL);
    g_option_context_set_description(context, description);
    if (!g_option_context_parse(context, &argc, &argv, &cause)) {
        error_set(error, ERROR_USAGE, "%s", cause->message);
        error_hint_set(error, "drydock %s --help lists the options", command);
        return false;
    }
    if (cli->words == NULL)
        cli->words = g_new0(char *, 1);
    /* A word that is passed over may have been meant: "undo 20250103000000". */
    if (synopsis[0] == '\0' && cli->words[0] != NULL) {
        error_set(error, ERROR_USAGE, "'%s' is not understood: drydock %s takes options only",
                  cli->words[0], command);
        error_hint_set(error, "drydock %s --help lists the options", command);
        return false;
    }
    return true;
}

static void from_environment(char **value, const char *variable)
{
    const char *found = getenv(variable);
    if (*value == NULL && found != NULL && found[0] != '\0')
        *value = g_strdup(found);
}

static char *state_folder(const Cli *cli)
{
    const char *given = cli->state_path != NULL ? cli->state_path : cli->policy->state;
    if (given != NULL)
        return g_canonicalize_filename(given, NULL);
    if (geteuid() == 0)
        return g_strdup("/var/lib/drydock");
    const char *base = getenv("XDG_STATE_HOME");
    return base != NULL && g_path_is_absolute(base)
               ? g_build_filename(base, "drydock", NULL)
               : g_build_filename(g_get_home_dir(), ".local", "state", "drydock", NULL);
}

static bool set_jobs(Cli *cli, GError **error)
{
    if (cli->jobs == NO_JOBS) {
        cli->jobs = policy_jobs(cli->policy);
        return true;
    }
    if (cli->jobs >= 1 && cli->jobs <= POLICY_JOBS_MAX)
        return true;
    error_set(error, ERROR_USAGE, "'--jobs %d' is not possible: 1 to %d are", cli->jobs,
              POLICY_JOBS_MAX);
    return false;
}

static bool set_on_crash(Cli *cli, GError **error)
{
    if (cli->on_crash == NULL || policy_on_crash_parse(cli->on_crash, &cli->policy->on_crash))
        return true;
    error_set(error, ERROR_USAGE, "'--on-crash %s' is not possible: restore, continue and ask are",
              cli->on_crash);
    return false;
}

/* At once, since they may be pipes, and a wrong one shall not be found out in the window. */
static bool read_identities(Cli *cli, GError **error)
{
    cli->identities = age_identities_new();
    for (char **path = cli->identity_paths; path != NULL && *path != NULL; path++) {
        if (!age_identities_add_file(cli->identities, *path, error))
            return false;
    }
    return cli->passphrase_path == NULL ||
           age_identities_add_passphrase_file(cli->identities, cli->passphrase_path, error);
}

static bool load(Cli *cli, CliOptions options, GError **error)
{
    from_environment(&cli->dsn, "DRYDOCK_DSN");
    from_environment(&cli->policy_path, "DRYDOCK_POLICY");
    from_environment(&cli->migrations_path, "DRYDOCK_MIGRATIONS");
    from_environment(&cli->state_path, "DRYDOCK_STATE");
    if ((options & CLI_NEEDS_POLICY) != 0 && cli->policy_path == NULL) {
        error_set(error, ERROR_USAGE, "there is no policy to act under");
        error_hint_set(error, "name one with --policy FILE");
        return false;
    }
    cli->policy =
        cli->policy_path != NULL ? policy_load(cli->policy_path, error) : policy_new_default();
    if (cli->policy == NULL || ((options & CLI_JOBS) != 0 && !set_jobs(cli, error)) ||
        !set_on_crash(cli, error))
        return false;
    cli->target = pg_target_new(cli->dsn, error);
    if (cli->target == NULL ||
        ((options & (CLI_FROM | CLI_IDENTITY)) != 0 && !read_identities(cli, error)))
        return false;
    if ((options & CLI_STATE) != 0)
        cli->state_folder = state_folder(cli);
    if ((options & (CLI_MIGRATIONS | CLI_FOLDER)) != 0)
        cli->migrations =
            g_strdup(cli->migrations_path != NULL ? cli->migrations_path : cli->policy->migrations);
    if ((options & CLI_MIGRATIONS) == 0)
        return true;
    cli->set = migration_set_load(cli->migrations, error);
    return cli->set != NULL;
}

bool cli_read(Cli *cli, const char *command, CliOptions options, const char *synopsis,
              const char *description, int argc, char **argv, GError **error)
{
    cli->jobs = NO_JOBS;
    if (!parse(cli, command, options, synopsis, description, argc, argv, error))
        return false;
    if (cli->quiet)
        log_set_level(LOG_WARNING);
    else if (cli->verbose)
        log_set_level(LOG_DETAIL);
    return load(cli, options, error);
}

void cli_print(const Cli *cli, const json_t *document, const char *text)
{
    g_autofree char *json = cli->json ? json_to_text(document) : NULL;
    (void)fputs(json != NULL ? json : text, stdout);
    (void)fflush(stdout);
}

int cli_fail(const Cli *cli, const GError *error)
{
    const int exit_code = error_exit_code(error);
    log_error(error);
    if (cli->json) {
        g_autoptr(json_t) document = json_object();
        json_set_integer(document, "schema", 1);
        json_set_integer(document, "exit_code", exit_code);
        json_set_text(document, "error", error->message);
        json_set_text(document, "hint", error_hint(error));
        cli_print(cli, document, NULL);
    }
    return exit_code;
}

static bool is_missing(const Cli *cli, PgConnection *control)
{
    g_autoptr(PgResult) result =
        pg_query(control, NULL, "SELECT FROM pg_database WHERE datname = $1", 1,
                 pg_target_database(cli->target));
    return result != NULL && pg_rows(result) == 0;
}

PgConnection *cli_connect_as(const Cli *cli, const PgConnectOptions *options, GError **error)
{
    PgConnectOptions aside = *options;
    g_autoptr(GError) cause = NULL;
    g_autoptr(PgConnection) control = NULL;
    PgConnection *connection = pg_connect(cli->target, options, &cause);
    if (connection != NULL)
        return connection;
    aside.database = cli->policy->control_database;
    aside.catalog_only = true;
    control = pg_connect(cli->target, &aside, NULL);
    if (control != NULL && is_missing(cli, control))
        run_records_explain_missing(control, cli->target, pg_target_database(cli->target), error);
    else
        g_propagate_error(error, g_steal_pointer(&cause));
    return NULL;
}

PgConnection *cli_connect(const Cli *cli, const char *application, GError **error)
{
    const PgConnectOptions options = {.application = application,
                                      .connect_timeout_s =
                                          (int)(cli->policy->connect_timeout_ms / 1000),
                                      .read_only = true};
    return cli_connect_as(cli, &options, error);
}

bool cli_confirm(const Cli *cli, const char *question)
{
    char answer[16] = "";
    if (cli->yes || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return true;
    (void)fprintf(stderr, "%s [y/N] ", question);
    return fgets(answer, sizeof answer, stdin) != NULL && g_ascii_tolower(answer[0]) == 'y';
}

bool cli_decide(const Cli *cli, const char *question, GError **error)
{
    if (!cli->yes && (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))) {
        error_set(error, ERROR_USAGE, "there is nobody to ask: %s", question);
        error_hint_set(error, "give --yes if that is decided");
        return false;
    }
    if (cli_confirm(cli, question))
        return true;
    error_set(error, ERROR_REFUSED, "not confirmed; nothing was done");
    return false;
}

bool cli_run_options(const Cli *cli, RunOptions *options, GError **error)
{
    *options = (RunOptions){.kind = cli->policy->fence_how == FENCE_NONE ? RUN_ONLINE : RUN_WINDOW,
                            .target = cli->target,
                            .policy = cli->policy,
                            .set = cli->set,
                            .migrations = cli->migrations,
                            .state_folder = cli->state_folder,
                            .to = cli->to,
                            .allowed = cli->allowed,
                            .from = cli->from,
                            .identities = cli->identities,
                            .jobs = cli->jobs,
                            .swap = cli->swap,
                            .keep = cli->keep,
                            .allow_known_holes = cli->allow_known_holes,
                            .needs_policy_window = cli->window_end == NULL};
    options->back = cli->run;
    return (cli->discard_since == NULL || clock_parse_time(cli->discard_since, clock_wall_us(),
                                                           &options->discard_since_us, error)) &&
           (cli->window_end == NULL ||
            clock_parse_time(cli->window_end, clock_wall_us(), &options->window_end_us, error));
}

int cli_print_outcome(const Cli *cli, const RunOutcome *outcome)
{
    g_autofree char *report = report_text(outcome->report);
    g_autoptr(GString) text = g_string_new(NULL);
    if (outcome->folder != NULL) {
        g_string_append_printf(text, "%s\n", report);
        text_append_line(text, "Report: %s/report.txt", outcome->folder);
    }
    text_append_line(text, "%s (exit %d)", outcome->last_line, outcome->exit_code);
    cli_print(cli, outcome->report, text->str);
    return outcome->exit_code;
}
