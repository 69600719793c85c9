/* The end of a run: one line that says what is true, the report, and the last entries of journal
 * and audit log. */
#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "report/report.h"
#include "run/context.h"

static void append_copy(GString *line, const char *what, const char *name)
{
    g_string_append_printf(line, "; %s is '%s', closed", what, name);
}

static char *success_line(const Run *run)
{
    GString *line = g_string_new(NULL);
    g_autofree char *downtime = clock_format_duration(run->downtime_us);
    if (run->idle) {
        g_string_append_printf(
            line, "nothing to recover: '%s' is in service and no run of it is open", run->database);
        return g_string_free(line, FALSE);
    }
    if (!run->opened) {
        g_string_append_printf(line, "done: nothing is pending for '%s'; it was not touched",
                               run->database);
        return g_string_free(line, FALSE);
    }
    g_string_append_printf(line, "done: '%s' is migrated and in service", run->database);
    if (run->downtime_us > 0)
        g_string_append_printf(line, ", it was out of service for %s", downtime);
    if (run->before_gone)
        g_string_append(line, "; the copy from before is not there any more");
    else
        append_copy(line, "the copy from before", run->names->before);
    return g_string_free(line, FALSE);
}

static char *failure_line(const Run *run, int exit_code, const GError *cause,
                          const GPtrArray *exceptions)
{
    GString *line = g_string_new(NULL);
    const char *proof = json_get_text(run->report, "proof");
    const char *why = cause != NULL ? cause->message : "the run did not end";
    const char *exception =
        exceptions != NULL && exceptions->len > 0 ? g_ptr_array_index(exceptions, 0) : NULL;
    switch (exit_code) {
    case 7:
        g_string_append_printf(line,
                               "failed and restored: '%s' is in service as before the run, "
                               "proven: %s",
                               run->database, proof);
        append_copy(line, "the failed copy", run->names->failed);
        break;
    case 8:
        if (proof != NULL)
            g_string_append_printf(
                line, "failed; '%s' is in service as before the run, except: ", run->database);
        else
            g_string_append_printf(line, "failed and NOT restored, a person is needed: ");
        for (guint i = 0; exceptions != NULL && i < exceptions->len; i++)
            g_string_append_printf(line, "%s%s", i > 0 ? "; " : "",
                                   (const char *)g_ptr_array_index(exceptions, i));
        if (exception == NULL)
            g_string_append(line, "see the cause");
        break;
    case 9:
        g_string_append_printf(line,
                               "outcome unknown, run drydock recover: '%s' may be out of "
                               "service as '%s': %s",
                               run->database, run->names->keep,
                               exception != NULL ? exception : "see the cause");
        break;
    default:
        g_string_append_printf(line, "%s: '%s' was not changed%s",
                               exit_code == 3   ? "refused"
                               : exit_code == 6 ? "too late"
                               : exit_code == 5 ? "locked"
                                                : "failed before anything was migrated",
                               run->database, run->fenced ? " and is in service again" : "");
        if (exit_code == 5)
            g_string_assign(line, "locked: this run touched nothing");
        break;
    }
    g_string_append_printf(line, "; cause: %s", why);
    return g_string_free(line, FALSE);
}

static void report_copies(Run *run, int exit_code)
{
    json_t *copies = json_object();
    if (run->opened && !run->before_gone)
        json_set_text(copies, "before", run->names->before);
    if (exit_code == 7 || (exit_code == 8 && run->migrating))
        json_set_text(copies, "failed", run->names->failed);
    json_object_set_new(run->report, "copies", copies);
}

static void write_end(Run *run, int exit_code, const char *last_line)
{
    g_autoptr(GError) error = NULL;
    if (run->folder == NULL)
        return;
    if (!journal_note(run->journal, "run", "end", json_pack("{s:i}", "exit_code", exit_code),
                      &error) ||
        !audit_event(run->audit, "run.end",
                     json_pack("{s:i, s:s}", "exit_code", exit_code, "result", last_line),
                     &error) ||
        !report_write(run->folder, run->report, &error))
        log_warning("the end of the run could not be written down: %s", error->message);
    else if (run->journal != NULL && run->options->policy->publish_to[0] != NULL &&
             !run_finish(run, &error))
        log_warning("the report is not published: %s", error->message);
}

void run_conclude(Run *run, int exit_code, const GError *cause, const GPtrArray *exceptions,
                  RunOutcome *outcome)
{
    g_autofree char *ended = clock_format_utc(clock_wall_us());
    json_t *list = json_array();
    interrupt_shield(true);
    outcome->exit_code = exit_code;
    outcome->last_line =
        exit_code == 0 ? success_line(run) : failure_line(run, exit_code, cause, exceptions);
    for (guint i = 0; exceptions != NULL && i < exceptions->len; i++)
        json_array_append_new(list, json_string(g_ptr_array_index(exceptions, i)));
    json_object_set_new(run->report, "exceptions", list);
    json_set_text(run->report, "ended", ended);
    json_set_integer(run->report, "exit_code", exit_code);
    json_set_text(run->report, "result", outcome->last_line);
    json_set_text(run->report, "cause", cause != NULL ? cause->message : NULL);
    json_set_text(run->report, "hint", cause != NULL ? error_hint(cause) : NULL);
    json_set_text(run->report, "folder", run->folder);
    json_set_integer(run->report, "downtime_ms", run->downtime_us / 1000);
    report_copies(run, exit_code);
    write_end(run, exit_code, outcome->last_line);
    outcome->report = json_incref(run->report);
    outcome->folder = g_strdup(run->folder);
}
