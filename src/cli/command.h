/* What the commands share: options, the things that they name, and writing the result. One file a
 * command. */
#pragma once

#include "base/json.h"
#include "migration/migration.h"
#include "pg/connection.h"
#include "policy/policy.h"
#include "run/run.h"
#include "stream/age.h"
#include <glib.h>
#include <stdbool.h>

/* Which of the shared options a command has; --dsn, --policy, --json, --quiet and --verbose are
 * everybody's. */
typedef enum {
    CLI_MIGRATIONS = 1 << 0,
    CLI_STATE = 1 << 1,
    CLI_TO = 1 << 2,
    CLI_WINDOW_END = 1 << 3,
    CLI_YES = 1 << 4,
    CLI_ALL = 1 << 5,
    CLI_EXIT_CODE = 1 << 6,
    CLI_AGAINST = 1 << 7,
    CLI_DECIDE = 1 << 16,
    CLI_ADOPT = 1 << 14,       /* the options of adopt */
    CLI_NEEDS_POLICY = 1 << 8, /* no option: --policy must be given */
    CLI_ALLOW = 1 << 9,
    CLI_REASON = 1 << 10,
    CLI_REPEATABLE = 1 << 11,
    CLI_JOBS = 1 << 17,
    CLI_SNAPSHOT = 1 << 15, /* the options of snapshot */
    CLI_FROM = 1 << 13,     /* --from, --allow-known-holes */
    CLI_RESTORE = 1 << 18,  /* --database, --swap, --run, --discard-writes-since */
    CLI_KEEP = 1 << 19,
    CLI_ON_CRASH = 1 << 20,
    CLI_IDENTITY = 1 << 24, /* --identity, --passphrase-file; CLI_FROM has them too */
    CLI_FOLDER = 1 << 12,   /* --migrations as with CLI_MIGRATIONS, but nothing is loaded */
} CliOptions;

typedef struct {
    char *dsn, *policy_path, *migrations_path, *state_path, *to, *window_end, *against;
    char *again, *done, *reason;
    char **allowed;                /* --allow-out-of-order; NULL: none */
    char *schema, *table, *repair; /* of adopt */
    char *out, *format, *split;    /* of snapshot */
    int level;                     /* 0: not given */
    gboolean no_compare, accept_differences;
    char *from, *database, *on_crash, *run, *discard_since;
    char **identity_paths, *passphrase_path; /* NULL: none */
    char **recipients;                       /* of snapshot; NULL: none */
    gboolean swap, keep, allow_known_holes;
    gboolean json, yes, all, exit_code, repeatable, quiet, verbose;
    int jobs;     /* with CLI_JOBS: as given, or as the policy says, or one a processor */
    char **words; /* what is no option; NULL-terminated, never NULL */

    AgeIdentities *identities; /* NULL without CLI_IDENTITY or CLI_FROM */
    PgTarget *target;
    Policy *policy;
    MigrationSet *set;  /* NULL without CLI_MIGRATIONS */
    char *state_folder; /* NULL without CLI_STATE */
    char *migrations;   /* the folder; NULL without CLI_FOLDER or CLI_MIGRATIONS */
} Cli;

void cli_clear(Cli *cli);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Cli, cli_clear)

/* Reads the command line (option, then environment, then policy, then default) and loads what it
 * names. synopsis is what stands behind the command in its usage line (where it is empty, words are
 * refused); description stands behind the options in --help. */
bool cli_read(Cli *cli, const char *command, CliOptions options, const char *synopsis,
              const char *description, int argc, char **argv, GError **error);

/* The result on standard output: the document with --json, else the text. */
void cli_print(const Cli *cli, const json_t *document, const char *text);

/* Reports an error and gives its exit code; with --json also a document with the error. */
int cli_fail(const Cli *cli, const GError *error);

/* A session in the target, for reading alone. If there is no such database the error says who has
 * it. */
PgConnection *cli_connect(const Cli *cli, const char *application, GError **error);

/* The same for what may write. */
PgConnection *cli_connect_as(const Cli *cli, const PgConnectOptions *options, GError **error);

/* Asks on the terminal, if there is one and --yes was not given. */
bool cli_confirm(const Cli *cli, const char *question);

/* As above for what a person must decide: off a terminal it is an error not to give --yes. What is
 * not confirmed is ERROR_REFUSED. */
bool cli_decide(const Cli *cli, const char *question, GError **error);

/* The options of a run of the kind that command line and policy want. window_end is parsed here. */
bool cli_run_options(const Cli *cli, RunOptions *options, GError **error);

/* Writes the outcome of a run; gives its exit code. */
int cli_print_outcome(const Cli *cli, const RunOutcome *outcome);

/* The commands. argv[0] is the command's name. */
int command_run(int argc, char **argv);
int command_recover(int argc, char **argv);
int command_restore(int argc, char **argv);
int command_rehearse(int argc, char **argv);
int command_plan(int argc, char **argv);
int command_status(int argc, char **argv);
int command_migrate(int argc, char **argv);
int command_undo(int argc, char **argv);
int command_adopt(int argc, char **argv);
int command_accept(int argc, char **argv);
int command_new(int argc, char **argv);
int command_runs(int argc, char **argv);
int command_snapshot(int argc, char **argv);
int command_verify(int argc, char **argv);
