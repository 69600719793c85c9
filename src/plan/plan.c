#include "plan/plan.h"

#include "base/clock.h"
#include "migration/statement.h"
#include "policy/window.h"
#include "run/context.h"
#include "run/estimate.h"
#include "run/publish.h"

static json_t *statements_json(const MigrationFile *file)
{
    json_t *list = json_array();
    for (guint i = 0; i < file->statements->len; i++) {
        const SqlStatement *statement = g_ptr_array_index(file->statements, i);
        g_autofree char *title = statement_title(statement);
        json_array_append_new(list,
                              json_pack("{s:i, s:s}", "line", statement->line, "title", title));
    }
    return list;
}

static json_t *effects_json(const Migration *migration)
{
    static const char *const words[] = {"writes", "adds", "removes"};
    json_t *list = json_array();
    for (guint i = 0; i < migration->effects->len; i++) {
        const MigrationEffect *effect = g_ptr_array_index(migration->effects, i);
        g_autofree char *columns =
            effect->columns != NULL ? g_strjoinv(", ", effect->columns) : NULL;
        g_autofree char *text = g_strdup_printf(
            "%s %s%s%s%s", words[effect->kind], effect->table, columns != NULL ? "(" : "",
            columns != NULL ? columns : "", columns != NULL ? ")" : "");
        json_array_append_new(list, json_string(text));
    }
    return list;
}

static json_t *migrations_json(const Run *run)
{
    json_t *list = json_array();
    for (guint i = 0; i < run->pending->len; i++) {
        const Migration *migration = g_ptr_array_index(run->pending, i);
        json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:s, s:b, s:b, s:s?, s:b, s:b, s:o, s:o}", "id", migration->id,
                      "name", migration->name, "title", migration->title, "repeatable",
                      migration->repeatable, "out_of_order",
                      standing_is_out_of_order(run->standing, migration->id), "risk",
                      migration->risk, "phi", migration->phi, "can_undo",
                      migration->down != NULL && migration->irreversible == NULL, "effects",
                      effects_json(migration), "statements", statements_json(&migration->up)));
    }
    return list;
}

static json_t *findings_json(const Run *run, int *exit_code)
{
    json_t *list = json_array();
    for (guint i = 0; i < run->findings->len; i++) {
        const Finding *finding = g_ptr_array_index(run->findings, i);
        if (finding->refuses)
            *exit_code = 3;
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s?}", "finding", finding->name,
                                              "severity", finding->refuses ? "refused" : "note",
                                              "text", finding->text, "fix", finding->fix));
    }
    return list;
}

/* The window that is, or the next: a plan may be made at any time. */
static void find_window(Run *run)
{
    g_auto(Window) window = {0};
    int64_t next_us = 0, ignored_us = 0;
    if (run->options->needs_policy_window && run->policy->window.schedule != NULL &&
        window_parse(run->policy->window.schedule, &window, NULL) &&
        !window_find(&window, clock_wall_us(), &run->window_end_us, &next_us))
        (void)window_find(&window, next_us, &run->window_end_us, &ignored_us);
}

/* The way back, and when a run must begin at the latest to be done, or undone, in its window. */
static void add_deadline(const Run *run, json_t *plan)
{
    const int64_t whole_us = estimate_whole_us(run);
    g_autofree char *end = clock_format_utc(run->window_end_us);
    g_autofree char *latest =
        clock_format_utc(run->window_end_us - whole_us - run_way_back_us(run) -
                         run->policy->window.margin_ms * 1000);
    json_set_integer(plan, "way_back_ms", run_way_back_us(run) / 1000);
    json_set_integer(plan, "whole_ms", whole_us / 1000);
    json_set_text(plan, "window_end", run->window_end_us != 0 ? end : NULL);
    json_set_text(plan, "latest_start", run->window_end_us != 0 ? latest : NULL);
}

json_t *plan_make(const RunOptions *options, int *exit_code, GError **error)
{
    g_auto(Run) run = {0};
    json_t *plan = NULL;
    *exit_code = 0;
    if (!run_init(&run, options, "plan", error) || !run_connect_control(&run, error) ||
        !run_survey(&run, error))
        return NULL;
    find_window(&run);
    plan = json_incref(run.report);
    json_set_text(plan, "policy", options->policy->name);
    json_set_text(plan, "publish_before", publish_before_name(publish_before(&run)));
    json_set_text(plan, "strategy", run_strategy(&run));
    json_set_text(plan, "way_back",
                  run.kind == RUN_ONLINE ? "down files"
                  : run.alone            ? "snapshot"
                  : run.in_place         ? "clone"
                                         : "kept copy");
    json_object_set_new(plan, "migrations", migrations_json(&run));
    json_object_set_new(plan, "findings", findings_json(&run, exit_code));
    if (run.kind != RUN_ONLINE)
        json_object_set_new(plan, "copies",
                            json_pack("{s:s, s:s, s:s, s:s}", "keep", run.names->keep, "work",
                                      run.names->work, "before", run.names->before, "failed",
                                      run.names->failed));
    add_deadline(&run, plan);
    json_object_del(plan, "run");
    return plan;
}
