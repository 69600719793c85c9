/* The whole program at a glance. */
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"
#include <glib.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"run", command_run, "a whole maintenance window, with the way back if anything fails"},
    {"plan", command_plan, "what run would do, and what is in its way; touches nothing"},
    {"rehearse", command_rehearse,
     "migrate a restored snapshot for trial, prove it, time it, drop it"},
    {"recover", command_recover, "after a crash: say what happened, then finish or put back"},
    {"status", command_status, "applied, pending, changed and unknown migrations"},
    {"migrate", command_migrate, "apply pending migrations only (development and staging)"},
    {"undo", command_undo, "take back the last migration"},
    {"adopt", command_adopt, "take over the history of another tool, or a live schema"},
    {"accept", command_accept, "accept that the file of an applied migration was changed"},
    {"new", command_new, "write an empty migration with the next timestamp"},
    {"restore", command_restore,
     "restore a snapshot into a new database, or in the place of one; take back a run that was "
     "opened"},
    {"runs", command_runs, "past runs, their results and where their artifacts are"},
    {"snapshot", command_snapshot, "take a snapshot, as a folder or as one file, encrypted"},
    {"verify", command_verify, "check a snapshot's bytes, or a database"},
};

static void print_help(void)
{
    (void)printf("Usage: drydock COMMAND [OPTION...]\n\n"
                 "Takes a production PostgreSQL database out of service, migrates it, proves the "
                 "result, and puts it back\n- or puts it back exactly as it was.\n\nCommands:\n");
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        (void)printf("  %-10s%s\n", commands[i].name, commands[i].summary);
    (void)printf("\ndrydock COMMAND --help lists the options of a command.\n\nExit codes, and what "
                 "they say of the database:\n");
    for (const ErrorExit *exit = error_exits; exit->meaning != NULL; exit++) {
        g_autofree char *code =
            exit->code == ERROR_EXIT_SIGNAL ? g_strdup("128+n") : g_strdup_printf("%d", exit->code);
        (void)printf("%5s  %-62s%s\n", code, exit->meaning, exit->database);
    }
}

static int unknown_command(const char *name)
{
    const char *names[G_N_ELEMENTS(commands) + 1] = {NULL};
    const char *nearest = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        names[i] = commands[i].name;
    nearest = text_nearest(name, names);
    log_message(LOG_ERROR, "'%s' is not a command%s%s%s", name,
                nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
                nearest != NULL ? "'?" : "");
    return error_code_exit(ERROR_USAGE);
}

int main(int argc, char **argv)
{
    (void)setlocale(LC_CTYPE, "");
    interrupt_install();
    if (argc < 2) {
        print_help();
        return error_code_exit(ERROR_USAGE);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help();
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("drydock %s\n", DRYDOCK_VERSION);
        return 0;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    return unknown_command(argv[1]);
}
