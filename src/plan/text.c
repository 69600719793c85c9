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

/* The database itself is migrated; and there is no clone of it. */
static bool is_in_place(const json_t *plan)
{
    return g_strcmp0(json_get_text(plan, "strategy"), "in_place") == 0;
}

static bool is_alone(const json_t *plan)
{
    return g_strcmp0(json_get_text(plan, "way_back"), "snapshot") == 0;
}

/* What waits for the snapshot. */
static const char *waiting(const json_t *plan)
{
    const char *before = json_get_text(plan, "publish_before");
    return g_strcmp0(before, "migrate") == 0 ? "migrating waits for it"
           : g_strcmp0(before, "open") == 0
               ? "both go on beside migrate and verify, and opening waits for them"
               : "both go on beside migrate and verify, and opening waits for the snapshot alone";
}

/* Until migrating begins. */
static void add_copies(GString *text, const json_t *plan, const char *work)
{
    const json_t *estimates = json_object_get(plan, "estimates");
    const char *keep = json_get_text(json_object_get(plan, "copies"), "keep");
    g_autofree char *size = size_format((uint64_t)json_get_integer(plan, "size_bytes", 0));
    g_autofree char *clone = about(estimates, "clone");
    g_autofree char *snapshot = about(estimates, "snapshot");
    g_autofree char *publish = about(estimates, "publish");
    g_string_append(text, "\nWhat happens to which copy\n");
    text_append_line(text, "  fence     '%s' becomes '%s': closed, %ssessions are ended",
                     json_get_text(plan, "database"), keep,
                     is_in_place(plan) ? "" : "never written to; ");
    if (is_alone(plan))
        text_append_line(text, "  clone     none, by the policy (%s)", size);
    else
        text_append_line(text, "  clone     '%s' is made of it (%s, %s), closed", work, size,
                         clone);
    text_append_line(text, "  snapshot  the kept copy is read (%s)", snapshot);
    text_append_line(text, "  publish   the snapshot goes where the policy says (%s); %s", publish,
                     waiting(plan));
}

static void add_change(GString *text, const json_t *plan, const char *work)
{
    const json_t *copies = json_object_get(plan, "copies");
    const json_t *estimates = json_object_get(plan, "estimates");
    const char *database = json_get_text(plan, "database");
    g_autofree char *migrate = about(estimates, "migrations");
    g_autofree char *verify = about(estimates, "verify");
    if (is_alone(plan))
        text_append_line(text, "            then '%s' becomes '%s'", json_get_text(copies, "keep"),
                         work);
    else if (is_in_place(plan))
        text_append_line(
            text,
            "            then the two change their names: '%s' is the database itself, "
            "'%s' its clone",
            work, json_get_text(copies, "keep"));
    text_append_line(text, "  migrate   the pending migrations are applied to '%s' (%s)", work,
                     migrate);
    text_append_line(text, "  verify    '%s' is compared with %s (%s)", work,
                     is_alone(plan) ? "the digests of the snapshot" : "the kept copy", verify);
    if (is_alone(plan))
        text_append_line(text, "  open      '%s' becomes '%s' again", work, database);
    else
        text_append_line(text, "  open      '%s' becomes '%s', the kept copy becomes '%s'", work,
                         database, json_get_text(copies, "before"));
}

static void add_way_back(GString *text, const json_t *plan, const char *work)
{
    const char *failed = json_get_text(json_object_get(plan, "copies"), "failed");
    const char *database = json_get_text(plan, "database");
    g_autofree char *way_back =
        clock_format_duration(json_get_integer(plan, "way_back_ms", 0) * 1000);
    if (is_alone(plan))
        text_append_line(
            text,
            "  on a failure '%s' becomes '%s' again if PostgreSQL has rolled back all; "
            "else the snapshot is restored (about %s), and '%s' becomes '%s'",
            work, database, way_back, work, failed);
    else
        text_append_line(text,
                         "  on a failure the kept copy becomes '%s'%s (about %s), and '%s' becomes "
                         "'%s'",
                         database, is_in_place(plan) ? "" : " again", way_back, work, failed);
    text_append_line(text,
                     "The database %s: what is bound to that (statistics counters, logical slots) "
                     "%s.",
                     is_in_place(plan) ? "keeps its OID, and gets a new one on the way back only"
                                       : "gets a new OID",
                     is_in_place(plan) ? "is lost there" : "does not follow it");
}

static void add_steps(GString *text, const json_t *plan)
{
    const char *work = json_get_text(json_object_get(plan, "copies"), "work");
    g_autofree char *whole = clock_format_duration(json_get_integer(plan, "whole_ms", 0) * 1000);
    add_copies(text, plan, work);
    add_change(text, plan, work);
    add_way_back(text, plan, work);
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
