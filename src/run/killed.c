/* What is told of a run whose process was killed, by its guardian. */
#include "base/clock.h"
#include "base/log.h"
#include "run/journal.h"
#include "run/past.h"
#include "run/run.h"
#include <string.h>

/* How the run of this database that began since then has ended, as its journal says: an object of
 * exit_code and result, or NULL. *folder is the run's. */
static json_t *find_end(const char *state_folder, const char *database, int64_t began_us,
                        char **folder)
{
    g_autoptr(json_t) runs = past_runs(state_folder, NULL);
    const json_t *run = NULL;
    size_t i = 0;
    json_array_foreach(runs, i, run)
    {
        int64_t started_us = 0;
        const char *started = json_get_text(run, "started");
        g_autoptr(json_t) lines = NULL;
        if (g_strcmp0(json_get_text(run, "database"), database) != 0 || started == NULL ||
            !clock_parse_time(started, 0, &started_us, NULL) || started_us < began_us)
            continue;
        *folder = g_strdup(json_get_text(run, "folder"));
        lines = journal_read(*folder, NULL);
        return json_incref(json_object_get(journal_find(lines, "note", "run", "end"), "details"));
    }
    return NULL;
}

static void tell_ended(const json_t *end, char *folder, RunOutcome *outcome)
{
    g_autofree char *path = g_build_filename(folder, "report.json", NULL);
    json_t *report = json_parse_file(path, NULL);
    g_free(outcome->last_line);
    g_free(outcome->folder);
    outcome->exit_code = (int)json_get_integer(end, "exit_code", 1);
    outcome->last_line = g_strdup(json_get_text(end, "result"));
    outcome->folder = folder;
    if (report != NULL) {
        json_decref(outcome->report);
        outcome->report = report;
        return;
    }
    /* It died before it had written its report. */
    json_set_integer(outcome->report, "exit_code", outcome->exit_code);
    json_set_text(outcome->report, "result", outcome->last_line);
}

static void tell_untouched(const char *database, int number, RunOutcome *outcome)
{
    g_free(outcome->last_line);
    outcome->exit_code = 1;
    outcome->last_line =
        g_strdup_printf("failed: the process of the run was ended by signal %d (%s) before it had "
                        "changed anything; '%s' is in service as before the run",
                        number, strsignal(number), database);
    json_set_integer(outcome->report, "exit_code", 1);
    json_set_text(outcome->report, "result", outcome->last_line);
}

void run_recover_killed(const RunOptions *options, int64_t began_us, int number,
                        RunOutcome *outcome)
{
    const char *database =
        options->database != NULL ? options->database : pg_target_database(options->target);
    RunOptions recovery = *options;
    g_autoptr(json_t) end = NULL;
    char *folder = NULL;
    log_message(LOG_ERROR, "the process of the run was ended by signal %d (%s); recovering", number,
                strsignal(number));
    recovery.kind = 0;
    recovery.after_death = true;
    recovery.from = NULL;
    run_recover(&recovery, outcome);
    if (!outcome->idle)
        return;
    /* Times of journals are cut to what is printed of them. */
    end = find_end(options->state_folder, database, began_us - G_USEC_PER_SEC, &folder);
    if (end != NULL) {
        tell_ended(end, folder, outcome);
        return;
    }
    g_free(folder);
    tell_untouched(database, number, outcome);
}
