#include "run/hooks.h"

#include "base/child.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include <string.h>

static void log_output(const char *which, const char *output)
{
    g_auto(GStrv) lines = g_strsplit(output, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        g_autofree char *text = text_printable(*line);
        if (text[0] != '\0')
            log_info("%s: %s", which, text);
    }
}

/* result is NULL in front of the fence. The environment of a child has no secrets. */
static char **environment(const Run *run, const char *result)
{
    GStrvBuilder *list = g_strv_builder_new();
    const char *const pairs[][2] = {
        {"DRYDOCK_RUN", run->id}, {"DRYDOCK_DATABASE", run->database}, {"DRYDOCK_RESULT", result}};
    char **made = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
        g_autofree char *line = g_strdup_printf("%s=%s", pairs[i][0], pairs[i][1]);
        if (pairs[i][1] != NULL)
            g_strv_builder_add(list, line);
    }
    made = g_strv_builder_end(list);
    g_strv_builder_unref(list);
    return made;
}

static bool wait_for(Child *child, int64_t timeout_ms, GError **error)
{
    g_autofree char *limit = clock_format_duration(timeout_ms * 1000);
    bool ended = false;
    if (!child_wait(child, timeout_ms, &ended, error)) {
        child_stop(child);
        return false;
    }
    if (ended)
        return child_check(child, error);
    child_stop(child);
    error_set(error, ERROR_TIMEOUT, "it did not end within %s, and was ended", limit);
    return false;
}

/* A child that has ended well, for its standard output. */
static Child *run_shell(const Run *run, const char *which, const char *command, const char *result,
                        int64_t timeout_ms, GError **error)
{
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    g_auto(GStrv) variables = environment(run, result);
    g_autoptr(Child) child = child_start(argv, (const char *const *)variables, error);
    bool done = child != NULL && wait_for(child, timeout_ms, error);
    if (child != NULL)
        log_output(which, child_errors(child));
    if (done)
        return g_steal_pointer(&child);
    if (child != NULL)
        log_output(which, child_output(child));
    g_prefix_error(error, "%s: ", which);
    return NULL;
}

char *hooks_read(const Run *run, const char *which, const char *command, GError **error)
{
    g_autoptr(Child) child =
        run_shell(run, which, command, NULL, run->policy->hook_timeout_ms, error);
    return child != NULL ? g_strdup(child_output(child)) : NULL;
}

/* The number-th command of a list, between its lines of the journal. */
static bool run_hook(Run *run, const char *list, unsigned number, const char *command,
                     const char *result, int64_t timeout_ms, GError **error)
{
    g_autofree char *which = g_strdup_printf("command %u of '%s'", number, list);
    g_autoptr(Child) child = NULL;
    g_autoptr(GError) cause = NULL;
    log_info("%s: begins", which);
    if (!journal_intent(run->journal, "hooks", "command",
                        json_pack("{s:s, s:i}", "list", list, "number", (int)number), &cause)) {
        /* What was begun is ended, also where the journal cannot be written any more. */
        if (result == NULL) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        log_warning("%s: %s", which, cause->message);
    }
    child = run_shell(run, which, command, result, timeout_ms, error);
    if (child == NULL)
        return false;
    log_output(which, child_output(child));
    return journal_done(run->journal, "hooks", "command", NULL, error);
}

/* What is left for a command in front of the fence. */
static int64_t time_left_ms(const Run *run)
{
    const int64_t latest_us = run_latest_us(run);
    const int64_t left_ms = (latest_us - clock_monotonic_us()) / 1000;
    return latest_us == 0 ? run->policy->hook_timeout_ms
                          : CLAMP(left_ms, 0, run->policy->hook_timeout_ms);
}

static bool has_hooks(const Run *run)
{
    return run->policy->fence_before[0] != NULL || run->policy->fence_after[0] != NULL;
}

bool hooks_before(Run *run, GError **error)
{
    char **commands = run->policy->fence_before;
    if (!has_hooks(run))
        return true;
    if (!run_fits(run, "the commands of 'fence.before'", 0, error))
        return false;
    run->hooks_begun = true;
    if (!journal_intent(run->journal, "hooks", "before", NULL, error))
        return false;
    for (unsigned i = 0; commands[i] != NULL; i++) {
        if (run_hook(run, "fence.before", i + 1, commands[i], NULL, time_left_ms(run), error))
            continue;
        if (error_is(*error, ERROR_CHILD) || error_is(*error, ERROR_TIMEOUT))
            error_recode(error, ERROR_REFUSED);
        return false;
    }
    return journal_done(run->journal, "hooks", "before", NULL, error);
}

static const char *result_of(int exit_code)
{
    return exit_code == 0 ? "migrated" : exit_code == 8 ? "failed" : "restored";
}

static void warn_of_journal(const GError *error)
{
    if (error != NULL)
        log_warning("fence.after: %s", error->message);
}

void hooks_after(Run *run, int exit_code)
{
    const char *result = result_of(exit_code);
    char **commands = run->policy->fence_after;
    g_autoptr(GError) error = NULL;
    /* Of an outcome that is unknown, or not decided, recovery will know more. */
    if (!run->hooks_begun || exit_code == 9 || run->undecided != NULL ||
        g_strcmp0(run->hooks_told, result) == 0)
        return;
    (void)journal_intent(run->journal, "hooks", "after", json_pack("{s:s}", "result", result),
                         &error);
    warn_of_journal(error);
    g_clear_error(&error);
    for (unsigned i = 0; commands[i] != NULL; i++) {
        g_autoptr(GError) cause = NULL;
        if (run_hook(run, "fence.after", i + 1, commands[i], result, run->policy->hook_timeout_ms,
                     &cause))
            continue;
        log_error(cause);
        g_ptr_array_add(run->remarks, g_strdup(cause->message));
    }
    (void)journal_done(run->journal, "hooks", "after", json_pack("{s:s}", "result", result),
                       &error);
    warn_of_journal(error);
    g_free(run->hooks_told);
    run->hooks_told = g_strdup(result);
}

void hooks_adopt(Run *run, const json_t *lines)
{
    const json_t *after = journal_find(lines, "done", "hooks", "after");
    run->hooks_begun = has_hooks(run) && (json_array_size(lines) == 0 ||
                                          journal_find(lines, "intent", "hooks", "before") != NULL);
    g_free(run->hooks_told);
    run->hooks_told = g_strdup(json_get_text(json_object_get(after, "details"), "result"));
}
