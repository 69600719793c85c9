/* What is told of a run whose process was killed, by its guardian. */
#include "base/file.h"
#include "base/guardian.h"
#include "base/log.h"
#include "run/journal.h"
#include "run/run.h"
#include <string.h>

/* A run that died before its plan was written down leaves nothing, such as what it unpacked. */
static void tidy(const char *folder, const json_t *lines)
{
    g_autofree char *journal = g_build_filename(folder, "journal.jsonl", NULL);
    g_autoptr(GError) cause = NULL;
    if (file_exists(journal) &&
        (lines == NULL || journal_find(lines, "note", "preflight", "passed") != NULL))
        return;
    if (!file_remove_tree(folder, &cause))
        log_warning("%s", cause->message);
}

/* How a run has ended, as its journal says: an object of exit_code and result, or NULL. */
static json_t *find_end(const char *folder)
{
    g_autoptr(json_t) lines = journal_read(folder, NULL);
    tidy(folder, lines);
    return json_incref(json_object_get(journal_find(lines, "note", "run", "end"), "details"));
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
    const bool missing = outcome->exit_code != 0;
    g_free(outcome->last_line);
    outcome->exit_code = 1;
    outcome->last_line = g_strdup_printf(
        "failed before anything was migrated: %s'%s'%s; cause: the process of the "
        "run was ended by "
        "signal %d (%s)",
        missing ? "there is no database " : "", database,
        missing ? ", as before the run" : " was not changed", number, strsignal(number));
    json_set_integer(outcome->report, "exit_code", 1);
    json_set_text(outcome->report, "result", outcome->last_line);
}

void run_recover_killed(const RunOptions *options, int number, RunOutcome *outcome)
{
    const char *database =
        options->database != NULL ? options->database : pg_target_database(options->target);
    const char *id = guardian_left();
    char *folder = id[0] != '\0' ? g_build_filename(options->state_folder, "runs", id, NULL) : NULL;
    RunOptions recovery = *options;
    g_autoptr(json_t) end = NULL;
    log_message(LOG_ERROR, "the process of the run was ended by signal %d (%s); recovering", number,
                strsignal(number));
    recovery.kind = 0;
    recovery.after_death = true;
    recovery.from = NULL;
    run_recover(&recovery, outcome);
    if (outcome->idle && folder != NULL)
        end = find_end(folder);
    if (end != NULL) {
        tell_ended(end, folder, outcome);
        return;
    }
    g_free(folder);
    if (outcome->idle)
        tell_untouched(database, number, outcome);
}
