/* A plan for people. */
#include "plan/plan.h"

#include "base/clock.h"
#include "base/text.h"

static void add_effects(GString *text, const json_t *migration)
{
    size_t i = 0;
    const json_t *effect = NULL;
    json_array_foreach(json_object_get(migration, "effects"), i, effect)
        g_string_append_printf(text, "      declares  %s\n", json_string_value(effect));
}

static void add_statements(GString *text, const json_t *migration)
{
    size_t i = 0;
    const json_t *statement = NULL;
    json_array_foreach(json_object_get(migration, "statements"), i, statement)
        g_string_append_printf(text, "      line %4d  %s\n",
                               (int)json_get_integer(statement, "line", 0),
                               json_get_text(statement, "title"));
}

static void add_migrations(GString *text, const json_t *plan)
{
    size_t i = 0;
    const json_t *migration = NULL;
    const json_t *list = json_object_get(plan, "migrations");
    g_string_append_printf(text, "Pending: %d\n", (int)json_array_size(list));
    json_array_foreach(list, i, migration)
    {
        const char *risk = json_get_text(migration, "risk");
        const char *way_back = json_get_flag(migration, "repeatable", false) ? "repeatable"
                               : json_get_flag(migration, "can_undo", false) ? "can be undone"
                                                                             : "cannot be undone";
        g_string_append_printf(
            text, "\n  %d. %s  [risk %s%s, %s%s]\n", (int)i + 1, json_get_text(migration, "title"),
            risk != NULL ? risk : "not said", json_get_flag(migration, "phi", false) ? ", PHI" : "",
            way_back,
            json_get_flag(migration, "out_of_order", false) ? ", OUT OF ORDER as allowed" : "");
        add_effects(text, migration);
        add_statements(text, migration);
    }
}

/* How long a step takes, and who says so. The caller frees it. */
static char *about(const json_t *estimates, const char *step)
{
    const json_t *estimate = json_object_get(estimates, step);
    const char *source = json_get_text(estimate, "source");
    g_autofree char *duration = clock_format_duration(json_get_integer(estimate, "ms", 0) * 1000);
    if (g_strcmp0(source, "size") == 0)
        return g_strdup_printf("about %s, by size", duration);
    return g_strdup_printf("about %s, as in %s", duration, source != NULL ? source : "?");
}

static void add_deadline(GString *text, const json_t *plan)
{
    g_autofree char *way_back =
        clock_format_duration(json_get_integer(plan, "way_back_ms", 0) * 1000);
    text_append_line(text, "The way back takes %s %s at any time.",
                     json_object_get(plan, "copies") != NULL ? "at most" : "about", way_back);
    if (json_get_text(plan, "window_end") != NULL)
        text_append_line(text, "The window ends at %s: the run must begin before %s.",
                         json_get_text(plan, "window_end"), json_get_text(plan, "latest_start"));
}

static void add_steps(GString *text, const json_t *plan)
{
    const json_t *copies = json_object_get(plan, "copies");
    const json_t *estimates = json_object_get(plan, "estimates");
    const char *database = json_get_text(plan, "database");
    const char *work = json_get_text(copies, "work");
    g_autofree char *size = size_format((uint64_t)json_get_integer(plan, "size_bytes", 0));
    g_autofree char *clone = about(estimates, "clone");
    g_autofree char *snapshot = about(estimates, "snapshot");
    g_autofree char *publish = about(estimates, "publish");
    g_autofree char *migrate = about(estimates, "migrations");
    g_autofree char *verify = about(estimates, "verify");
    g_autofree char *whole = clock_format_duration(json_get_integer(plan, "whole_ms", 0) * 1000);
    g_autofree char *way_back =
        clock_format_duration(json_get_integer(plan, "way_back_ms", 0) * 1000);
    g_string_append(text, "\nWhat happens to which copy\n");
    text_append_line(text,
                     "  fence     '%s' becomes '%s': closed, never written to; sessions are ended",
                     database, json_get_text(copies, "keep"));
    text_append_line(text, "  clone     '%s' is made of it (%s, %s), closed", work, size, clone);
    text_append_line(text, "  snapshot  the kept copy is read (%s)", snapshot);
    text_append_line(text, "  publish   the snapshot goes where the policy says (%s)", publish);
    text_append_line(text, "  migrate   the pending migrations are applied to '%s' (%s)", work,
                     migrate);
    text_append_line(text, "  verify    '%s' is compared with the kept copy (%s)", work, verify);
    text_append_line(text, "  open      '%s' becomes '%s', the kept copy becomes '%s'", work,
                     database, json_get_text(copies, "before"));
    text_append_line(text,
                     "  on a failure the kept copy becomes '%s' again (about %s), and '%s' becomes "
                     "'%s'",
                     database, way_back, work, json_get_text(copies, "failed"));
    text_append_line(text,
                     "The database gets a new OID: what is bound to that (statistics counters, "
                     "logical slots) does not follow it.");
    text_append_line(text, "The name in the copies is that of a run which began now.");
    text_append_line(text, "The database is out of service for about %s.", whole);
}

/* Of a run without a fence. */
static void add_online_steps(GString *text, const json_t *plan)
{
    const json_t *estimates = json_object_get(plan, "estimates");
    g_autofree char *snapshot = about(estimates, "snapshot");
    g_autofree char *publish = about(estimates, "publish");
    g_autofree char *migrate = about(estimates, "migrations");
    g_autofree char *verify = about(estimates, "verify");
    text_append_line(text, "\nWhat happens to '%s', in service all the time",
                     json_get_text(plan, "database"));
    text_append_line(text, "  snapshot  it is read (%s)", snapshot);
    text_append_line(text, "  publish   the snapshot goes where the policy says (%s)", publish);
    text_append_line(text, "  migrate   the pending migrations are applied to it (%s)", migrate);
    text_append_line(text,
                     "  verify    health, verify files and assertions (%s); rows are not "
                     "compared, since users write",
                     verify);
    text_append_line(text, "  on a failure PostgreSQL rolls back what failed, and down files take "
                           "back what was applied before;");
    text_append_line(text, "  history and schema must be as before then. The snapshot is no way "
                           "back: what users write since would be lost.");
}

static void add_findings(GString *text, const json_t *plan)
{
    size_t i = 0;
    const json_t *finding = NULL;
    const json_t *list = json_object_get(plan, "findings");
    if (json_array_size(list) > 0)
        g_string_append(text, "\nFindings\n");
    json_array_foreach(list, i, finding)
    {
        const char *fix = json_get_text(finding, "fix");
        text_append_line(text, "  %-8s  %s", json_get_text(finding, "severity"),
                         json_get_text(finding, "text"));
        if (fix != NULL)
            text_append_line(text, "            to mend it: %s", fix);
    }
}

char *plan_text(const json_t *plan)
{
    GString *text = g_string_new(NULL);
    text_append_line(text, "Plan for '%s' under policy '%s'", json_get_text(plan, "database"),
                     json_get_text(plan, "policy"));
    g_string_append_c(text, '\n');
    add_migrations(text, plan);
    if (json_array_size(json_object_get(plan, "migrations")) > 0) {
        if (json_object_get(plan, "copies") != NULL)
            add_steps(text, plan);
        else
            add_online_steps(text, plan);
        add_deadline(text, plan);
    }
    add_findings(text, plan);
    return g_string_free(text, FALSE);
}
