/* The end of a run: one line that says what is true, the report, and the last entries of journal
 * and audit log. */
#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/text.h"
#include "report/report.h"
#include "run/context.h"
#include "run/hooks.h"
#include "run/publish.h"
#include "run/subscription.h"

static void append_copy(GString *line, const char *what, const char *name)
{
    g_string_append_printf(line, "; %s is '%s', closed", what, name);
}

static void append_downtime(GString *line, const Run *run)
{
    g_autofree char *downtime = clock_format_duration(run->downtime_us);
    if (run->downtime_us > 0)
        g_string_append_printf(line, ", it was out of service for %s", downtime);
}

/* Of what has got the name. */
static const char *standing(const Run *run)
{
    return run->shut      ? " and stays closed (ALLOW_CONNECTIONS false)"
           : run->limited ? " and stays closed to all but superusers (CONNECTION LIMIT 0)"
                          : " and in service";
}

static void rehearsal_line(const Run *run, GString *line)
{
    const int n = run->pending != NULL ? (int)run->pending->len : 0;
    g_string_append_printf(line,
                           "done: the rehearsal of '%s' succeeded: %d migration%s applied to the "
                           "restored copy, and the result is proven; ",
                           run->database, n, n == 1 ? "" : "s");
    if (run->kept_scratch)
        g_string_append_printf(line, "it is kept as '%s', closed", run->names->work);
    else
        g_string_append(line, "it is dropped");
}

/* What came from a snapshot has the name. */
static void import_line(const Run *run, GString *line)
{
    g_string_append_printf(line, "done: '%s' is %s%s", run->database,
                           run->stands ? "as it was before the run that is taken back"
                           : run->kind == RUN_RESTORE ? "restored"
                           : run->pending == NULL     ? "restored from the snapshot, migrated"
                           : run->pending->len == 0   ? "restored from the snapshot"
                                                      : "restored from the snapshot, migrated",
                           standing(run));
    append_downtime(line, run);
    g_string_append(line,
                    run->from_proven ? "; every digest is the one that the snapshot tells" : "");
    if (run->stands)
        g_string_append_printf(line, "; proven: %s", json_get_text(run->report, "proof"));
    else if (run->kind == RUN_RESTORE && !run->from_proven)
        g_string_append(line, "; the archive tells no digests to compare its content with");
    if (run->before_gone)
        g_string_append(line, "; the copy from before is not there any more");
    else if (run->displaces)
        append_copy(line, "the database from before", run_aside_name(run));
}

static char *success_line(const Run *run)
{
    GString *line = g_string_new(NULL);
    if (run->idle) {
        g_string_append_printf(
            line, "nothing to recover: '%s' is in service and no run of it is open", run->database);
    } else if (run->kind == RUN_REHEARSAL) {
        rehearsal_line(run, line);
    } else if (!run->opened) {
        g_string_append_printf(line, "done: nothing is pending for '%s'; it was not touched",
                               run->database);
    } else if (run->kind == RUN_ONLINE) {
        g_string_append_printf(line,
                               "done: '%s' is migrated; it was in service all the time, so that "
                               "its rows are not compared with those before",
                               run->database);
    } else if (run->kind != RUN_WINDOW) {
        import_line(run, line);
    } else {
        g_string_append_printf(line, "done: '%s' is migrated%s", run->database, standing(run));
        append_downtime(line, run);
        if (run->alone)
            g_string_append(line, "; there is no copy from before (clone: none)");
        else if (run->before_gone)
            g_string_append(line, "; the copy from before is not there any more");
        else
            append_copy(line, "the copy from before", run->names->before);
    }
    if (run->published_late)
        g_string_append_printf(line, "; the snapshot of run %s is published now", run->id);
    return g_string_free(line, FALSE);
}

/* How the name stands after a failure that left it as it was. */
static char *as_before(const Run *run)
{
    if (run->kind != RUN_WINDOW && run->looked && !run->displaces)
        return g_strdup_printf("there is no database '%s', as before the run", run->database);
    if (run->kind != RUN_WINDOW && (run->shut || run->limited))
        return g_strdup_printf("'%s' is closed%s as before the run", run->database,
                               run->shut ? "" : " to all but superusers");
    return g_strdup_printf("'%s' is in service as before the run", run->database);
}

static void append_exceptions(GString *line, const GPtrArray *exceptions)
{
    for (guint i = 0; exceptions != NULL && i < exceptions->len; i++)
        g_string_append_printf(line, "%s%s", i > 0 ? "; " : "",
                               (const char *)g_ptr_array_index(exceptions, i));
    if (exceptions == NULL || exceptions->len == 0)
        g_string_append(line, "see the cause");
}

static void restored_line(const Run *run, GString *line)
{
    g_autofree char *standing = as_before(run);
    g_string_append_printf(line, "failed and restored: %s, proven: %s", standing,
                           json_get_text(run->report, "proof"));
    if (run->failed_left)
        append_copy(line, "the failed copy", run->names->failed);
    if (run->unproven_left)
        append_copy(line, "the kept copy that is not what it was", run->names->unproven);
}

static void not_restored_line(const Run *run, GString *line, const GPtrArray *exceptions)
{
    g_autofree char *standing = as_before(run);
    if (run->undecided != NULL) {
        g_string_append_printf(line, "a person must decide, and nothing was changed: %s",
                               run->undecided);
        return;
    }
    if (json_get_text(run->report, "proof") != NULL)
        g_string_append_printf(line, "failed; %s, except: ", standing);
    else if (run->kind == RUN_ONLINE)
        g_string_append_printf(line,
                               "failed and NOT restored, a person is needed; '%s' is in service, "
                               "and not as before the run: ",
                               run->database);
    else if (run->kind != RUN_WINDOW && run->opened)
        g_string_append(line, "failed, a person is needed: ");
    else if (run->kind != RUN_WINDOW)
        g_string_append(line, "failed, a person is needed; the name was not touched: ");
    else
        g_string_append(line, "failed and NOT restored, a person is needed: ");
    append_exceptions(line, exceptions);
}

static void unknown_line(const Run *run, GString *line, const char *exception)
{
    if (run->kind == RUN_RESTORE)
        g_string_append_printf(line,
                               "outcome unknown: '%s' may be in service, or its copy '%s' may be "
                               "left, which the next drydock restore drops: %s",
                               run->database, run->names->work, exception);
    else if (run->kind == RUN_ONLINE)
        g_string_append_printf(line,
                               "outcome unknown, run drydock recover: '%s' is %s, and some of the "
                               "migrations may be applied: %s",
                               run->database,
                               run->shut      ? "closed"
                               : run->limited ? "closed to all but superusers"
                                              : "in service",
                               exception);
    else if (run->kind == RUN_IMPORT)
        g_string_append_printf(line,
                               "outcome unknown, run drydock recover: '%s' may be as before the "
                               "run, or come from the snapshot: %s",
                               run->database, exception);
    else
        g_string_append_printf(line,
                               "outcome unknown, run drydock recover: '%s' may be out of "
                               "service as '%s': %s",
                               run->database,
                               run->alone && run->exchanged ? run->names->work : run->names->keep,
                               exception);
}

static const char *verdict(const Run *run, int exit_code)
{
    return exit_code == 3                                           ? "refused"
           : exit_code == 6                                         ? "too late"
           : run->kind == RUN_RESTORE || run->kind == RUN_REHEARSAL ? "failed"
                                                                    : "failed before anything was "
                                                                      "migrated";
}

/* Nothing in service was changed. */
static void untouched_line(const Run *run, int exit_code, GString *line,
                           const GPtrArray *exceptions)
{
    if (exit_code == 5) {
        g_string_append(line, "locked: this run touched nothing");
    } else if (run->kind == RUN_REHEARSAL) {
        g_string_append_printf(line, "%s: the rehearsal of '%s'; nothing in service was touched",
                               verdict(run, exit_code), run->database);
        if (run->kept_scratch)
            append_copy(line, "its database", run->names->work);
    } else if (run->kind != RUN_WINDOW && run->looked && !run->displaces) {
        g_string_append_printf(line, "%s: there is no database '%s', as before",
                               verdict(run, exit_code), run->database);
    } else {
        g_string_append_printf(line, "%s: '%s' was not changed%s", verdict(run, exit_code),
                               run->database, run->fenced ? " and is in service again" : "");
    }
    if (exceptions != NULL && exceptions->len > 0) {
        g_string_append(line, "; ");
        append_exceptions(line, exceptions);
    }
}

static char *failure_line(const Run *run, int exit_code, const GError *cause,
                          const GPtrArray *exceptions)
{
    GString *line = g_string_new(NULL);
    const char *why = cause != NULL ? cause->message : "the run did not end";
    const char *exception =
        exceptions != NULL && exceptions->len > 0 ? g_ptr_array_index(exceptions, 0) : NULL;
    if (exit_code == 7)
        restored_line(run, line);
    else if (exit_code == 8)
        not_restored_line(run, line, exceptions);
    else if (exit_code == 9)
        unknown_line(run, line, exception != NULL ? exception : "see the cause");
    else
        untouched_line(run, exit_code, line, exceptions);
    g_string_append_printf(line, "; cause: %s", why);
    return g_string_free(line, FALSE);
}

static void report_copies(Run *run)
{
    json_t *copies = json_object();
    if (run->opened && !run->before_gone && !run->alone &&
        (run->kind == RUN_WINDOW || run->displaces))
        json_set_text(copies, run_aside_role(run), run_aside_name(run));
    if (run->failed_left)
        json_set_text(copies, "failed", run->names->failed);
    if (run->unproven_left)
        json_set_text(copies, "unproven", run->names->unproven);
    if (run->kept_scratch)
        json_set_text(copies, "rehearsal", run->names->work);
    json_object_set_new(run->report, "copies", copies);
}

static void write_end(Run *run, int exit_code, const char *last_line)
{
    g_autoptr(GError) error = NULL;
    if (run->folder == NULL)
        return;
    if (!journal_note(run->journal, "run", "end",
                      json_pack("{s:i, s:s}", "exit_code", exit_code, "result", last_line),
                      &error) ||
        !audit_event(run->audit, "run.end",
                     json_pack("{s:i, s:s}", "exit_code", exit_code, "result", last_line),
                     &error) ||
        !report_write(run->folder, run->report, &error))
        log_warning("the end of the run could not be written down: %s", error->message);
    else if (run->journal != NULL && run->kind != RUN_REHEARSAL &&
             run->options->policy->publish_to[0] != NULL && !publish_end(run, &error))
        log_warning("the report is not published: %s", error->message);
}

/* The line, and what was left undone: whoever reads it may have to do it. */
static char *last_line(const Run *run, int exit_code, const GError *cause,
                       const GPtrArray *exceptions)
{
    g_autoptr(GString) line = g_string_new(NULL);
    g_autofree char *outcome =
        exit_code == 0 ? success_line(run) : failure_line(run, exit_code, cause, exceptions);
    g_string_append(line, outcome);
    for (guint i = 0; i < run->remarks->len; i++)
        g_string_append_printf(line, "; but %s", (const char *)g_ptr_array_index(run->remarks, i));
    return text_printable(line->str);
}

static void report_exceptions(Run *run, const GPtrArray *exceptions)
{
    const GPtrArray *const lists[] = {exceptions, run->remarks};
    json_t *list = json_array();
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
        for (guint j = 0; lists[i] != NULL && j < lists[i]->len; j++)
            json_array_append_new(list, json_string(g_ptr_array_index(lists[i], j)));
    json_object_set_new(run->report, "exceptions", list);
}

void run_outcome_is_known(Run *run, int exit_code)
{
    if (exit_code != 9 && run->kind != RUN_REHEARSAL)
        subscriptions_settle(run);
    hooks_after(run, exit_code);
}

void run_conclude(Run *run, int exit_code, const GError *cause, const GPtrArray *exceptions,
                  RunOutcome *outcome)
{
    g_autofree char *ended = NULL;
    interrupt_shield(true);
    interrupt_set_latest(0);
    run_outcome_is_known(run, exit_code);
    ended = clock_format_utc(clock_wall_us());
    outcome->exit_code = exit_code;
    outcome->last_line = last_line(run, exit_code, cause, exceptions);
    report_exceptions(run, exceptions);
    json_set_text(run->report, "ended", ended);
    json_set_integer(run->report, "exit_code", exit_code);
    json_set_text(run->report, "result", outcome->last_line);
    json_set_text(run->report, "cause", cause != NULL ? cause->message : NULL);
    json_set_text(run->report, "hint", cause != NULL ? error_hint(cause) : NULL);
    json_set_text(run->report, "folder", run->folder);
    json_set_integer(run->report, "downtime_ms", run->downtime_us / 1000);
    report_copies(run);
    write_end(run, exit_code, outcome->last_line);
    outcome->report = json_incref(run->report);
    outcome->folder = g_strdup(run->folder);
    outcome->idle = run->idle;
}
