#include "run/past.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "run/journal.h"
#include <string.h>

static gint newest_first(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)b, *(const char *const *)a);
}

static GPtrArray *list_names(const char *runs_folder, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) cause = NULL;
    g_autoptr(GDir) directory = g_dir_open(runs_folder, 0, &cause);
    if (directory == NULL && !g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
        error_set(error, ERROR_IO, "cannot open the folder of runs: %s", cause->message);
        return NULL;
    }
    for (const char *name = NULL;
         directory != NULL && (name = g_dir_read_name(directory)) != NULL;) {
        g_autofree char *folder = g_build_filename(runs_folder, name, NULL);
        if (g_file_test(folder, G_FILE_TEST_IS_DIR))
            g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, newest_first);
    return g_steal_pointer(&names);
}

static void set_path(json_t *run, const char *key, const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    json_set_text(run, key, file_exists(path) ? path : NULL);
}

static void take_texts(json_t *run, const json_t *from, const char *const *keys)
{
    for (; *keys != NULL; keys++)
        json_set_text(run, *keys, json_get_text(from, *keys));
}

static void set_duration(json_t *run)
{
    const char *started = json_get_text(run, "started");
    const char *ended = json_get_text(run, "ended");
    int64_t started_us = 0, ended_us = 0;
    if (started != NULL && ended != NULL && clock_parse_time(started, 0, &started_us, NULL) &&
        clock_parse_time(ended, 0, &ended_us, NULL))
        json_set_integer(run, "duration_ms", (ended_us - started_us) / 1000);
}

static void take_report(json_t *run, const json_t *report)
{
    static const char *const keys[] = {"database", "command", "policy", "ended", "result", NULL};
    take_texts(run, report, keys);
    json_set_integer(run, "downtime_ms", json_get_integer(report, "downtime_ms", 0));
    json_object_set(run, "exit_code", json_object_get(report, "exit_code"));
    json_object_set_new(run, "finished", json_true());
    set_duration(run);
}

/* Of a run without a report: what preflight wrote down, and how far it came. */
static void take_journal(json_t *run, const json_t *lines)
{
    static const char *const keys[] = {"database", "policy", NULL};
    const json_t *passed = journal_find(lines, "note", "preflight", "passed");
    const json_t *last = json_array_get(lines, json_array_size(lines) - 1);
    const char *phase = json_get_text(last, "phase");
    g_autofree char *text =
        g_strdup_printf("not finished: it runs, or it died in phase %s (drydock recover tells)",
                        phase != NULL ? phase : "preflight");
    take_texts(run, json_object_get(passed, "details"), keys);
    json_set_text(run, "command", "run");
    json_set_text(run, "result", text);
    json_object_set_new(run, "finished", json_false());
}

static json_t *read_run(const char *runs_folder, const char *name)
{
    static const char *const keys[] = {"database", "command",     "policy", "started",
                                       "ended",    "duration_ms", "result", "exit_code",
                                       "report",   "problem",     NULL};
    json_t *run = json_object();
    g_autoptr(GError) journal_error = NULL;
    g_autoptr(GError) report_error = NULL;
    g_autofree char *folder = g_build_filename(runs_folder, name, NULL);
    g_autoptr(json_t) lines = journal_read(folder, &journal_error);
    g_autoptr(json_t) report = NULL;
    json_set_text(run, "run", name);
    take_texts(run, NULL, keys);
    json_set_text(run, "started", json_get_text(json_array_get(lines, 0), "time"));
    json_set_text(run, "folder", folder);
    set_path(run, "report", folder, "report.json");
    set_path(run, "snapshot", folder, "snapshot");
    if (json_get_text(run, "report") != NULL)
        report = json_parse_file(json_get_text(run, "report"), &report_error);
    if (report != NULL)
        take_report(run, report);
    else
        take_journal(run, lines);
    if (report_error != NULL)
        json_set_text(run, "problem", report_error->message);
    else if (journal_error != NULL)
        json_set_text(run, "problem", journal_error->message);
    return run;
}

json_t *past_runs(const char *state_folder, GError **error)
{
    g_autofree char *folder = g_build_filename(state_folder, "runs", NULL);
    g_autoptr(GPtrArray) names = list_names(folder, error);
    json_t *runs = NULL;
    if (names == NULL)
        return NULL;
    runs = json_array();
    for (guint i = 0; i < names->len; i++)
        json_array_append_new(runs, read_run(folder, g_ptr_array_index(names, i)));
    return runs;
}

json_t *past_reports(const char *state_folder, const char *database, guint most)
{
    g_autofree char *folder = g_build_filename(state_folder, "runs", NULL);
    g_autoptr(GPtrArray) names = list_names(folder, NULL);
    json_t *reports = json_array();
    for (guint i = 0; names != NULL && i < names->len && json_array_size(reports) < most; i++) {
        g_autofree char *path =
            g_build_filename(folder, g_ptr_array_index(names, i), "report.json", NULL);
        g_autoptr(json_t) report = file_exists(path) ? json_parse_file(path, NULL) : NULL;
        if (g_strcmp0(json_get_text(report, "database"), database) == 0)
            json_array_append(reports, report);
    }
    return reports;
}

const json_t *past_runs_find(const json_t *runs, const char *name, GError **error)
{
    const json_t *found = NULL, *run = NULL;
    size_t i = 0;
    int count = 0;
    json_array_foreach(runs, i, run)
    {
        const char *its_name = json_get_text(run, "run");
        if (strcmp(its_name, name) == 0)
            return run;
        if (!g_str_has_prefix(its_name, name))
            continue;
        found = run;
        count++;
    }
    if (count == 1)
        return found;
    error_set(error, ERROR_USAGE,
              count == 0 ? "there is no run '%s'" : "several runs begin with '%s'", name);
    error_hint_set(error, "drydock runs lists them; --state names the state folder");
    return NULL;
}
