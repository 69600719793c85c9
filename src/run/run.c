#include "run/run.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "report/report.h"
#include "run/context.h"
#include "run/discard.h"
#include <string.h>

/* What a failure of a phase means. */
typedef enum {
    THEN_STOP,    /* nothing was changed */
    THEN_GO_BACK, /* the name goes back to the kept copy */
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
    {"snapshot", run_snapshot, THEN_GO_BACK, LIVE},
    {"publish", run_publish, THEN_GO_BACK, LIVE},
    {"snapshot", run_snapshot_live, THEN_GO_BACK, RUN_RESTORE},
    {"import", run_import, THEN_GO_BACK, FROM_SNAPSHOT},
    {"migrate", run_migrate, THEN_GO_BACK, MIGRATING},
    {"verify", run_verify, THEN_GO_BACK, MIGRATING},
    {"open", run_open, THEN_GO_BACK, RUN_WINDOW},
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

static bool run_phase(Run *run, size_t i, GError **error)
{
    const int64_t started_us = clock_monotonic_us();
    g_autofree char *started = clock_format_utc(clock_wall_us());
    g_autofree char *took = NULL;
    json_t *list = json_object_get(run->report, "phases");
    bool done = false;
    run->phase = phases[i].name;
    done = !interrupt_check(error) && phases[i].run(run, error);
    took = clock_format_duration(clock_monotonic_us() - started_us);
    json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:s}", "phase", phases[i].name,
                                          "started", started, "duration_ms",
                                          (json_int_t)((clock_monotonic_us() - started_us) / 1000),
                                          "result", done ? "done" : "failed"));
    /* Of what follows; preflight has better words for a window that is too short. */
    if (done)
        interrupt_set_latest(run_latest_us(run));
    if (done)
        log_info("%s: done, %s", phases[i].name, took);
    else
        g_prefix_error(error, "%s: ", phases[i].name);
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
            : run->kind == RUN_ONLINE ? run_take_back(run, exceptions, &problem)
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

bool run_go_on(Run *run, const char *first, GError **error)
{
    bool found = false, going = true;
    json_object_set_new(run->report, "phases", json_array());
    for (size_t i = 0; going && i < G_N_ELEMENTS(phases); i++) {
        if ((phases[i].kinds & (int)run->kind) == 0)
            continue;
        found = found || strcmp(phases[i].name, first) == 0;
        going = !found || run_phase(run, i, error);
    }
    return going;
}

static bool has_phase(const Run *run, size_t i)
{
    if (phases[i].run == run_snapshot_live && !discard_has_consent(run))
        return false;
    return (phases[i].kinds & (int)run->kind) != 0;
}

void run_execute(const RunOptions *options, RunOutcome *outcome)
{
    g_auto(Run) run = {0};
    g_autoptr(GError) error = NULL;
    const RunKind kind = options->kind != 0 ? options->kind : RUN_WINDOW;
    bool going = run_init(&run, options, run_command(&(Run){.kind = kind}), &error);
    json_object_set_new(run.report, "phases", json_array());
    json_set_text(run.report, "command", run_command(&run));
    json_set_text(run.report, "policy", options->policy->name);
    for (size_t i = 0; going && i < G_N_ELEMENTS(phases); i++) {
        if (!has_phase(&run, i))
            continue;
        going = run_phase(&run, i, &error);
        if (!going && phases[i].on_failure == THEN_GO_BACK &&
            (run.fenced || run.cloned || run.marked || run.naming_sent)) {
            run_go_back(&run, error, outcome);
            return;
        }
        if (going && (kind & LIVE) != 0 && run.pending->len == 0)
            break;
    }
    if (error != NULL)
        log_error(error);
    run_conclude(&run, error != NULL ? code_of_untouched(&run, error) : 0, error, NULL, outcome);
}
