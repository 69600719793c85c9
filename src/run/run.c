#include "run/run.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "report/report.h"
#include "run/backup.h"
#include "run/context.h"
#include "run/discard.h"
#include "run/publish.h"
#include <string.h>

/* What a failure of a phase means. */
typedef enum {
    THEN_STOP,    /* nothing was changed */
    THEN_GO_BACK, /* the name goes back to the kept copy */
    THEN_WARN,    /* users are at work: it is told, and recovery tries again */
} OnFailure;

#define LIVE (RUN_WINDOW | RUN_ONLINE)
#define MIGRATING (RUN_WINDOW | RUN_IMPORT | RUN_REHEARSAL)
#define FROM_SNAPSHOT (RUN_IMPORT | RUN_RESTORE | RUN_REHEARSAL)

static const struct {
    const char *name;
    bool (*run)(Run *run, GError **error);
    OnFailure on_failure;
    int kinds; /* of runs that have this phase */
} phases[] = {
    {"preflight", run_preflight, THEN_STOP, LIVE},
    {"preflight", run_preflight_import, THEN_GO_BACK, FROM_SNAPSHOT},
    {"fence", run_fence, THEN_GO_BACK, RUN_WINDOW},
    {"clone", run_clone, THEN_GO_BACK, RUN_WINDOW},
    /* The backup lane: snapshot and publish, which go on beside what stands between these lines. */
    {"snapshot", run_snapshot, THEN_GO_BACK, LIVE},
    {"publish", run_publish_before_migrate, THEN_GO_BACK, LIVE},
    {"snapshot", run_snapshot_live, THEN_GO_BACK, RUN_RESTORE},
    {"import", run_import, THEN_GO_BACK, FROM_SNAPSHOT},
    {"migrate", run_migrate, THEN_GO_BACK, MIGRATING},
    {"verify", run_verify, THEN_GO_BACK, MIGRATING},
    {"publish", run_publish_before_open, THEN_GO_BACK, RUN_WINDOW},
    {"open", run_open, THEN_GO_BACK, RUN_WINDOW},
    {"publish", run_publish_at_end, THEN_WARN, RUN_WINDOW},
    {"open", run_take_over, THEN_GO_BACK, RUN_IMPORT | RUN_RESTORE},
    {"migrate", run_migrate_online, THEN_GO_BACK, RUN_ONLINE},
    {"verify", run_verify_online, THEN_GO_BACK, RUN_ONLINE},
    {"end", run_end_online, THEN_GO_BACK, RUN_ONLINE},
    {"drop", run_settle_rehearsal, THEN_GO_BACK, RUN_REHEARSAL},
};

void run_outcome_clear(RunOutcome *outcome)
{
    g_free(outcome->last_line);
    g_free(outcome->folder);
    json_decref(outcome->report);
    memset(outcome, 0, sizeof *outcome);
}

json_t *run_report_phase(Run *run, const char *name, const char *lane, const char *began,
                         int64_t took_us, bool done)
{
    json_t *list = json_object_get(run->report, "phases");
    json_t *phase = json_object();
    size_t at = json_array_size(list);
    json_set_text(phase, "phase", name);
    if (lane != NULL)
        json_set_text(phase, "lane", lane);
    json_set_text(phase, "started", began);
    json_set_integer(phase, "duration_ms", took_us / 1000);
    json_set_text(phase, "result", done ? "done" : "failed");
    while (at > 0 && strcmp(json_get_text(json_array_get(list, at - 1), "started"), began) > 0)
        at--;
    json_array_insert_new(list, at, phase);
    return phase;
}

/* The backup lane tells of its phases itself: here they are waited for. */
static bool is_told_elsewhere(const Run *run, size_t i)
{
    return run->backup != NULL &&
           (phases[i].run == run_snapshot || strcmp(phases[i].name, "publish") == 0);
}

static bool run_phase(Run *run, size_t i, GError **error)
{
    const int64_t started_us = clock_monotonic_us();
    g_autofree char *started = clock_format_utc(clock_wall_us());
    g_autofree char *took = NULL;
    json_t *told = NULL;
    bool done = false;
    run->phase = phases[i].name;
    run->waited_us = 0;
    done = !interrupt_check(error) && phases[i].run(run, error);
    if (!done)
        g_prefix_error(error, "%s: ", phases[i].name);
    /* Of what follows; preflight has better words for a window that is too short. */
    if (done)
        interrupt_set_latest(run_latest_us(run));
    if (is_told_elsewhere(run, i))
        return done;
    told = run_report_phase(run, phases[i].name, NULL, started, clock_monotonic_us() - started_us,
                            done);
    if (run->waited_us > 0)
        json_set_integer(told, "waited_ms", run->waited_us / 1000);
    took = clock_format_duration(clock_monotonic_us() - started_us);
    if (done)
        log_info("%s: done, %s", phases[i].name, took);
    return done;
}

/* The exit code of a failure before any migrating statement, when the database is in service and
 * untouched. */
static int code_of_untouched(const Run *run, const GError *cause)
{
    const int code = error_exit_code(cause);
    if (error_is(cause, ERROR_INTERRUPTED))
        return run->fenced ? 1 : code;
    if (run->fenced && code == 2)
        return 1; /* what was wrong showed too late to be called a wrong configuration */
    return code >= 2 && code <= 6 ? code : 1;
}

/* A rehearsal and a restore have nothing that they could leave half-way. */
static bool is_trial(const Run *run)
{
    return run->kind == RUN_REHEARSAL || run->kind == RUN_RESTORE;
}

static int code_of_trial(const GError *cause)
{
    const int code = error_exit_code(cause);
    return code <= 6 || code >= ERROR_EXIT_SIGNAL ? code : 1;
}

static int code_of_proven(const Run *run, bool migrating, const GError *cause)
{
    if (is_trial(run))
        return code_of_trial(cause);
    return (migrating && !run->taken_back) || run->restored_anew ? 7
                                                                 : code_of_untouched(run, cause);
}

/* The way back failed. */
static int code_of_lost(const Run *run, const GError *cause, const GError *problem)
{
    if (is_trial(run) && !run->naming_sent)
        return code_of_trial(cause);
    return error_is(problem, ERROR_CONNECTION) || error_is(problem, ERROR_LOCKED) ? 9 : 8;
}

void run_go_back(Run *run, const GError *cause, RunOutcome *outcome)
{
    g_autoptr(GPtrArray) exceptions = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) problem = NULL;
    const bool migrating = run->migrating;
    log_message(LOG_ERROR, "%s", cause->message);
    if (error_hint(cause) != NULL)
        log_message(LOG_ERROR, "HINT: %s", error_hint(cause));
    if ((run->kind & LIVE) != 0)
        log_info("restore: putting '%s' back", run->database);
    switch (run->kind == RUN_WINDOW   ? run_restore(run, exceptions, &problem)
            : run->kind == RUN_ONLINE ? run_take_back(run, cause, exceptions, &problem)
                                      : run_withdraw(run, exceptions, &problem)) {
    case WAY_BACK_PROVEN:
        run_conclude(run, code_of_proven(run, migrating, cause), cause, exceptions, outcome);
        return;
    case WAY_BACK_EXCEPTIONS:
        run_conclude(run, is_trial(run) ? code_of_trial(cause) : 8, cause, exceptions, outcome);
        return;
    case WAY_BACK_OPENED:
        log_info("restore: nothing to put back: the run has succeeded");
        run_conclude(run, 0, NULL, NULL, outcome);
        return;
    case WAY_BACK_NOT:
        break;
    }
    log_error(problem);
    g_ptr_array_insert(exceptions, 0, g_strdup(problem->message));
    run_conclude(run, code_of_lost(run, cause, problem), cause, exceptions, outcome);
}

static bool has_phase(const Run *run, size_t i)
{
    if (phases[i].run == run_snapshot_live && !discard_has_consent(run))
        return false;
    return (phases[i].kinds & (int)run->kind) != 0;
}

/* The phases of its kind, from the first of this name (NULL: all). *then is what a failure means.
 */
static bool go_through(Run *run, const char *first, OnFailure *then, GError **error)
{
    bool found = first == NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(phases); i++) {
        if (!has_phase(run, i))
            continue;
        found = found || strcmp(phases[i].name, first) == 0;
        if (!found)
            continue;
        if (!run_phase(run, i, error)) {
            backup_end(run, error);
            *then = phases[i].on_failure;
            return false;
        }
        if ((run->kind & LIVE) != 0 && run->pending->len == 0)
            break;
    }
    backup_end(run, NULL);
    return true;
}

/* Whether a failure is one of what may be done later. */
static bool may_be_left(Run *run, OnFailure then, GError **error)
{
    if (then != THEN_WARN)
        return false;
    publish_leave(run, *error);
    g_clear_error(error);
    return true;
}

bool run_go_on(Run *run, const char *first, GError **error)
{
    OnFailure then = THEN_STOP;
    json_object_set_new(run->report, "phases", json_array());
    return go_through(run, first, &then, error) || may_be_left(run, then, error);
}

void run_execute(const RunOptions *options, RunOutcome *outcome)
{
    g_auto(Run) run = {0};
    g_autoptr(GError) error = NULL;
    const RunKind kind = options->kind != 0 ? options->kind : RUN_WINDOW;
    OnFailure then = THEN_STOP;
    bool going = run_init(&run, options, run_command(&(Run){.kind = kind}), &error);
    json_object_set_new(run.report, "phases", json_array());
    json_set_text(run.report, "command", run_command(&run));
    json_set_text(run.report, "policy", options->policy->name);
    going = going && (go_through(&run, NULL, &then, &error) || may_be_left(&run, then, &error));
    if (!going && then == THEN_GO_BACK &&
        (run.fenced || run.cloned || run.marked || run.naming_sent)) {
        run_go_back(&run, error, outcome);
        return;
    }
    if (error != NULL)
        log_error(error);
    run_conclude(&run, error != NULL ? code_of_untouched(&run, error) : 0, error, NULL, outcome);
}
