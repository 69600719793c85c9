/* Runs a plain SQL script into a database: script FILE CONNINFO DATABASE. The last line says how
 * much memory it took.
 *
 * script --restore FROM CONNINFO DATABASE FOLDER restores what somebody else made into a new
 * database; FOLDER is for what must be unpacked. */
#include "snapshot/script.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "pg/connection.h"
#include "snapshot/restore.h"
#include <stdio.h>
#include <string.h>

static bool run(char **argv, GPtrArray *notes, GError **error)
{
    const ScriptOptions options = {.notes = notes};
    const PgConnectOptions connect = {.application = "drydock script", .database = argv[3]};
    g_autoptr(Script) script = script_open(argv[1], argv[1], error);
    g_autoptr(PgTarget) target = script != NULL ? pg_target_new(argv[2], error) : NULL;
    g_autoptr(PgConnection) connection =
        target != NULL ? pg_connect(target, &connect, error) : NULL;
    if (connection == NULL)
        return false;
    (void)printf("database %s\n", script_database(script) != NULL ? script_database(script) : "");
    return script_run(script, connection, &options, error);
}

static bool restore(char **argv, GPtrArray *notes, GError **error)
{
    const IntakeOptions from = {.from = argv[2], .spool_parent = argv[5]};
    g_autoptr(PgTarget) target = pg_target_new(argv[3], error);
    g_autoptr(Intake) intake = target != NULL ? intake_open(&from, error) : NULL;
    g_autoptr(RestoreResult) result = NULL;
    if (intake == NULL)
        return false;
    const RestoreOptions options = {.from = intake,
                                    .database = argv[4],
                                    .control_database = "postgres",
                                    .application = "drydock script",
                                    .passfolder = argv[5],
                                    .jobs = 2};
    result = snapshot_restore(target, &options, error);
    for (guint i = 0; result != NULL && i < result->notes->len; i++)
        g_ptr_array_add(notes, g_strdup(g_ptr_array_index(result->notes, i)));
    return result != NULL;
}

/* The peak in kB; getrusage() would count what the parent had when it started us. */
static void print_memory(void)
{
    g_autofree char *status = NULL;
    const char *peak = NULL;
    if (g_file_get_contents("/proc/self/status", &status, NULL, NULL) &&
        (peak = strstr(status, "VmHWM:")) != NULL)
        (void)printf("memory %lld\n", (long long)g_ascii_strtoll(peak + 6, NULL, 10));
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    if (argc != 4 && argc != 6)
        return 64;
    interrupt_install();
    const bool done = argc == 6 ? restore(argv, notes, &error) : run(argv, notes, &error);
    for (guint i = 0; i < notes->len; i++)
        (void)printf("note %s\n", (char *)g_ptr_array_index(notes, i));
    if (!done)
        (void)fprintf(stderr, "%s\nsqlstate %s\n", error->message,
                      error_sqlstate(error) != NULL ? error_sqlstate(error) : "");
    print_memory();
    return done ? 0 : error_exit_code(error);
}
