#include "migration/stepwise.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "migration/commit.h"
#include "migration/execute.h"
#include "migration/history.h"
#include "migration/leftover.h"
#include "migration/record.h"
#include "migration/statement.h"
#include "migration/step_table.h"

typedef enum { STEP_UNTOUCHED, STEP_STARTED, STEP_DONE } StepState;

/* A file on its way. */
typedef struct {
    Attempt *attempt;
    const GArray *steps;
    StepState *states; /* one for each step, as far as known here */
    guint at;          /* the step that runs; steps->len: the end */

    /* Of a step outside a transaction. */
    BareStatement bare;
    char *before;   /* leftover_before() of its first start */
    char *decision; /* of a person, before this command */
} Way;

static void way_clear(Way *way)
{
    g_free(way->states);
    g_free(way->before);
    g_free(way->decision);
    bare_clear(&way->bare);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Way, way_clear)

static const SqlStatement *statement_of(const Way *way)
{
    const MigrationStep *step = &g_array_index(way->steps, MigrationStep, way->at);
    return g_ptr_array_index(way->attempt->file->statements, step->first);
}

static bool put(const Way *way, bool done, GError **error)
{
    const Attempt *attempt = way->attempt;
    const SqlStatement *statement = statement_of(way);
    g_autofree char *title = statement_title(statement);
    const StepRecord record = {.migration = attempt->migration->id,
                               .number = (int)way->at + 1,
                               .count = (int)way->steps->len,
                               .down = attempt->down,
                               .canonical = (char *)attempt->file->canonical.hex,
                               .line = statement->line,
                               .title = title,
                               .done = done,
                               .run = (char *)attempt->options->run,
                               .before = way->before};
    return step_table_put(attempt->connection, &record, error);
}

static bool tell(const Way *way, const char *event, GError **error)
{
    const SqlStatement *statement = statement_of(way);
    const MigrationStep *step = &g_array_index(way->steps, MigrationStep, way->at);
    g_autofree char *title = statement_title(statement);
    log_detail("%s: step %d of %d (line %d, %s): %s", way->attempt->migration->id, (int)way->at + 1,
               (int)way->steps->len, statement->line, title, event);
    return attempt_event(way->attempt, event,
                         json_pack("{s:i, s:i, s:i, s:s, s:b, s:b}", "step", (int)way->at + 1,
                                   "steps", (int)way->steps->len, "line", statement->line,
                                   "statement", title, "transaction", !step->bare, "commits",
                                   way->bare.kind == BARE_COMMITS),
                         error);
}

/* A CommitEvidence: the row of the step at hand is done. */
static bool step_is_done(Attempt *attempt, gconstpointer data, bool *there, GError **error)
{
    const Way *way = data;
    g_autoptr(GPtrArray) records = step_table_read(attempt->connection, error);
    const StepRecord *record = NULL;
    if (records == NULL)
        return false;
    record = step_table_find(records, attempt->migration->id, (int)way->at + 1);
    *there = record != NULL && record->done;
    return true;
}

/* ---- steps in a transaction ---- */

/* Behind the statements of the last step, or alone where that was outside a transaction. */
static bool end_of_file(const Way *way, GError **error)
{
    Attempt *attempt = way->attempt;
    return attempt_pin(attempt, error) && history_create(attempt->connection, error) &&
           record_migration(attempt, error) &&
           step_table_remove(attempt->connection, attempt->migration->id, 0, error);
}

static bool statements(const Way *way, GError **error)
{
    const MigrationStep *step = &g_array_index(way->steps, MigrationStep, way->at);
    for (guint i = step->first; i < step->first + step->count; i++)
        if (!execute_statement(way->attempt, g_ptr_array_index(way->attempt->file->statements, i),
                               false, error))
            return false;
    return true;
}

/* One attempt at a step in a transaction, or at the end of the file. */
static bool try_transaction(Way *way, GError **error)
{
    Attempt *attempt = way->attempt;
    const bool at_end = way->at == way->steps->len;
    const bool last = at_end || way->at + 1 == way->steps->len;
    bool done =
        execute_begin(attempt, error) && (at_end || statements(way, error)) &&
        (last ? end_of_file(way, error)
              : attempt_pin(attempt, error) && step_table_create(attempt->connection, error) &&
                    put(way, true, error)) &&
        (last ? commit_transaction(attempt, record_is_there, NULL, error)
              : commit_transaction(attempt, step_is_done, way, error));
    execute_end(attempt);
    if (done && !at_end) {
        way->states[way->at] = STEP_DONE;
        done = tell(way, "step.done", error);
    }
    return done;
}

/* ---- steps outside of a transaction ---- */

/* The row that says "started" is there before the statement is sent. That it is on disk here is
 * enough: whatever a standby gets later, it gets after it. */
static bool start(Way *way, GError **error)
{
    PgConnection *connection = way->attempt->connection;
    if (!pg_exec(connection, "BEGIN; SET LOCAL synchronous_commit = local", error) ||
        !step_table_create(connection, error) || !put(way, false, error) ||
        !pg_exec(connection, "COMMIT", error))
        return false;
    way->states[way->at] = STEP_STARTED;
    g_clear_pointer(&way->decision, g_free);
    return tell(way, "step.started", error);
}

static bool finish(Way *way, const char *event, GError **error)
{
    Attempt *attempt = way->attempt;
    if (!execute_begin(attempt, error) || !attempt_pin(attempt, error) || !put(way, true, error) ||
        !commit_transaction(attempt, step_is_done, way, error))
        return false;
    way->states[way->at] = STEP_DONE;
    return tell(way, event, error);
}

static bool set_riddle(const Way *way, GError **error)
{
    const SqlStatement *statement = statement_of(way);
    const char *command = way->attempt->down ? "undo" : "migrate";
    const char *id = way->attempt->migration->id;
    g_autofree char *title = statement_title(statement);
    error_set(
        error, ERROR_UNKNOWN_OUTCOME,
        "%s:%d:%d: %s was started and its end was not seen: it may have done all of its work, "
        "some or none, and the catalog does not say",
        way->attempt->file->path, statement->line, statement->column, title);
    error_hint_set(error,
                   "look at what it should have done; then 'drydock %s --again %s --reason TEXT' "
                   "runs it again, 'drydock %s --done %s --reason TEXT' takes it for done",
                   command, id, command, id);
    return false;
}

/* Before a step that was started earlier is started again: what became of it. */
static bool look_up(Way *way, bool *done, GError **error)
{
    Attempt *attempt = way->attempt;
    Outcome outcome = OUTCOME_UNKNOWN;
    if (!leftover_outcome(attempt->connection, &way->bare, way->before, &outcome, error))
        return false;
    switch (outcome) {
    case OUTCOME_FINALIZE:
        if (!leftover_finalize(attempt->connection, &way->bare, error))
            return false;
        *done = true;
        return finish(way, "step.done", error);
    case OUTCOME_DONE:
        log_info("%s: step %d was done by an earlier attempt, the catalog says",
                 attempt->migration->id, (int)way->at + 1);
        *done = true;
        return finish(way, "step.found", error);
    case OUTCOME_UNKNOWN:
        if (g_strcmp0(way->decision, "again") != 0)
            return set_riddle(way, error);
        break;
    case OUTCOME_AGAIN:
        break;
    }
    return leftover_remove(attempt, &way->bare, way->before, false, NULL, error) &&
           tell(way, "step.again", error);
}

static bool try_bare(Way *way, GError **error)
{
    Attempt *attempt = way->attempt;
    bool found = false;
    if (!pg_reset_session(attempt->connection, "", error) || !attempt_pin(attempt, error))
        return false;
    if (way->states[way->at] == STEP_STARTED && !look_up(way, &found, error))
        return false;
    if (found)
        return true;
    if (way->before == NULL)
        way->before = leftover_before(attempt->connection, &way->bare, error);
    if (way->before == NULL || !leftover_replace(attempt, &way->bare, error) || !start(way, error))
        return false;
    failpoint("migration.before_statement");
    if (!execute_statement(attempt, statement_of(way), true, error))
        return false;
    failpoint("migration.after_statement");
    return leftover_assert(attempt->connection, &way->bare, error) &&
           finish(way, "step.done", error);
}

/* What the statement left is removed, or at least named. What it has done to the end is no
 * leftover: only its record failed, and the next attempt finds it. */
static void remove_leftover(Way *way, bool stopped, char **stays, GError **error)
{
    Attempt *attempt = way->attempt;
    Outcome outcome = OUTCOME_UNKNOWN;
    if (leftover_outcome(attempt->connection, &way->bare, way->before, &outcome, error) &&
        outcome != OUTCOME_DONE &&
        leftover_remove(attempt, &way->bare, way->before, stopped, stays, error) &&
        *stays == NULL &&
        step_table_remove(attempt->connection, attempt->migration->id, (int)way->at + 1, error))
        way->states[way->at] = STEP_UNTOUCHED;
}

/* After the last attempt. */
static void clean_up(Way *way, GError **error)
{
    Attempt *attempt = way->attempt;
    const bool stopped = error_is(*error, ERROR_INTERRUPTED) || error_is(*error, ERROR_TOO_LATE);
    g_autofree char *stays = NULL;
    g_autoptr(GError) trouble = NULL;
    if (way->states[way->at] != STEP_STARTED || error_is(*error, ERROR_UNKNOWN_OUTCOME) ||
        !pg_is_alive(attempt->connection))
        return;
    if (way->bare.kind == BARE_COMMITS) {
        error_hint_set(error,
                       "what it committed before it failed stays; once that is looked at, "
                       "'drydock %s --again %s --reason TEXT' runs it again",
                       attempt->down ? "undo" : "migrate", attempt->migration->id);
        return;
    }
    interrupt_shield(true);
    remove_leftover(way, stopped, &stays, &trouble);
    interrupt_shield(false);
    if (stays != NULL)
        g_prefix_error(error, "%s stays; ", stays);
    if (trouble != NULL)
        log_warning("%s: what the statement left could not be removed: %s", attempt->migration->id,
                    trouble->message);
    if (stays != NULL && error_hint(*error) == NULL)
        error_hint_set(error, "the next attempt takes care of what stays");
}

/* ---- the file ---- */

static bool try_step(gpointer data, GError **error)
{
    Way *way = data;
    const bool bare =
        way->at < way->steps->len && g_array_index(way->steps, MigrationStep, way->at).bare;
    const bool done = bare ? try_bare(way, error) : try_transaction(way, error);
    execute_end(way->attempt);
    return done;
}

/* A statement that commits inside may have done part of its work when it fails: it is not tried
 * again by itself. */
static bool run_step(Way *way, GError **error)
{
    if (way->bare.kind == BARE_COMMITS) {
        way->attempt->number = 1;
        return try_step(way, error);
    }
    return attempt_repeatedly(way->attempt, try_step, way, error);
}

static bool step(Way *way, const GPtrArray *records, GError **error)
{
    const StepRecord *record =
        step_table_find(records, way->attempt->migration->id, (int)way->at + 1);
    bool done = false;
    g_clear_pointer(&way->before, g_free);
    g_clear_pointer(&way->decision, g_free);
    bare_clear(&way->bare);
    way->bare = (BareStatement){.kind = BARE_NOT, .scope = ""};
    if (way->states[way->at] == STEP_DONE)
        return true;
    if (g_array_index(way->steps, MigrationStep, way->at).bare)
        bare_parse(statement_of(way), &way->bare);
    if (record != NULL) {
        way->before = g_strdup(record->before);
        way->decision = g_strdup(record->decision);
    }
    done = run_step(way, error);
    if (!done)
        clean_up(way, error);
    return done;
}

static bool take_up(Way *way, const GPtrArray *records, GError **error)
{
    const Attempt *attempt = way->attempt;
    for (guint i = 0; i < records->len; i++) {
        const StepRecord *record = g_ptr_array_index(records, i);
        if (!g_str_equal(record->migration, attempt->migration->id))
            continue;
        if (record->down != attempt->down ||
            !g_str_equal(record->canonical, attempt->file->canonical.hex) ||
            record->number > (int)way->steps->len) {
            error_set(error, ERROR_INTEGRITY,
                      "migration %s is partly %s, from another text than '%s' holds",
                      attempt->migration->id, record->down ? "undone" : "applied",
                      attempt->file->path);
            error_hint_set(error, "finish with the file as it was");
            return false;
        }
        way->states[record->number - 1] = record->done ? STEP_DONE : STEP_STARTED;
    }
    return true;
}

static bool all_steps(Way *way, GError **error)
{
    g_autoptr(GPtrArray) records = NULL;
    const MigrationStep *last = &g_array_index(way->steps, MigrationStep, way->steps->len - 1);
    records = step_table_read(way->attempt->connection, error);
    if (records == NULL || !take_up(way, records, error))
        return false;
    const bool over = way->states[way->steps->len - 1] == STEP_DONE;
    for (way->at = 0; way->at < way->steps->len; way->at++)
        if (!step(way, records, error))
            return false;
    /* The last step has written the history in its own transaction, if it has one. */
    bare_clear(&way->bare);
    way->bare = (BareStatement){.kind = BARE_NOT, .scope = ""};
    return (!last->bare && !over) || run_step(way, error);
}

bool stepwise_apply(Attempt *attempt, const GArray *steps, bool *left, GError **error)
{
    g_auto(Way) way = {.attempt = attempt,
                       .steps = steps,
                       .states = g_new0(StepState, steps->len),
                       .bare = {.kind = BARE_NOT, .scope = ""}};
    const bool done = all_steps(&way, error);
    *left = false;
    for (guint i = 0; !done && i < steps->len; i++)
        *left = *left || way.states[i] != STEP_UNTOUCHED;
    return done;
}
