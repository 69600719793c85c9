#include "run/subscription.h"

#include "base/error.h"
#include "base/log.h"
#include "pg/sql.h"
#include <string.h>

#define MARK_VERSION 1

static void find_lost(Run *run, const char *name)
{
    g_autofree char *quoted = pg_identifier(name);
    const char *kept =
        run->in_place ? "it is disabled for the run, enabled again after a success, and stays, "
                        "disabled, with the failed copy"
                      : "it is disabled for the run, enabled again after a failure, and "
                        "stays, disabled, with the copy from before";
    g_autofree char *fix = g_strdup_printf(
        "ALTER SUBSCRIPTION %s DISABLE; ALTER SUBSCRIPTION %s SET (slot_name = NONE); DROP "
        "SUBSCRIPTION %s; and create it again afterwards; or \"accept: [subscription]\": %s",
        quoted, quoted, quoted, kept);
    run_finding(run, "subscription", true, fix,
                "subscription %s is bound to this database: %s would not have it", quoted,
                run->in_place ? "what is put back after a failure" : "the migrated copy");
}

/* Of a database that loses its name to what comes from a snapshot. */
static void find_bound(Run *run, const char *name)
{
    g_autofree char *quoted = pg_identifier(name);
    g_autofree char *fix =
        g_strdup_printf("ALTER SUBSCRIPTION %s DISABLE; ALTER SUBSCRIPTION %s SET (slot_name = "
                        "NONE); DROP SUBSCRIPTION %s; and create it again afterwards",
                        quoted, quoted, quoted);
    run_finding(run, "subscription_bound", true, fix,
                "subscription %s is bound to this database and would go aside with it", quoted);
}

static void find_rights(Run *run, const char *name, const char *owner)
{
    g_autofree char *quoted = pg_identifier(name);
    g_autofree char *fix = g_strdup_printf("ALTER SUBSCRIPTION %s DISABLE; (as %s or a superuser), "
                                           "or run drydock as such",
                                           quoted, owner);
    run_finding(run, "subscription_rights", true, fix,
                "subscription %s is enabled: its worker would go on writing to the old copy, and "
                "this role may not disable it",
                quoted);
}

bool subscriptions_survey(Run *run, GError **error)
{
    g_autoptr(PgResult) list =
        pg_query(run->control, error, pg_sql_survey_subscriptions, 1, run->database);
    for (int row = 0; list != NULL && row < pg_rows(list); row++) {
        const char *name = pg_value(list, row, 0);
        if (run->kind != RUN_WINDOW)
            find_bound(run, name);
        else
            find_lost(run, name);
        if (pg_flag(list, row, 1) && !pg_flag(list, row, 2))
            find_rights(run, name, pg_value(list, row, 3));
    }
    return list != NULL;
}

static PgConnection *connect_live(const Run *run, GError **error)
{
    const PgConnectOptions options = {.database = run->database,
                                      .application = run->application,
                                      .connect_timeout_s =
                                          (int)(run->policy->connect_timeout_ms / 1000),
                                      .catalog_only = true};
    return pg_connect(run->target, &options, error);
}

static char *mark_of(const Run *run, const char *subscription, const char *comment)
{
    g_autoptr(json_t) mark = json_pack("{s:i}", "drydock", MARK_VERSION);
    json_set_text(mark, "run", run->id);
    json_set_text(mark, "subscription", subscription);
    json_set_text(mark, "comment", comment);
    return json_to_line(mark);
}

/* comment may be NULL. */
static bool change(PgConnection *live, const char *name, const char *action, const char *comment,
                   GError **error)
{
    g_autofree char *quoted = pg_identifier(name);
    g_autofree char *literal = comment != NULL ? pg_literal(comment) : g_strdup("NULL");
    return pg_execf(live, error,
                    "BEGIN; ALTER SUBSCRIPTION %s %s; COMMENT ON SUBSCRIPTION %s IS %s; COMMIT",
                    quoted, action, quoted, literal);
}

static bool disable_all(Run *run, GError **error)
{
    g_autoptr(PgConnection) live = connect_live(run, error);
    g_autoptr(PgResult) list =
        live != NULL ? pg_query(live, error, pg_sql_subscriptions_enabled, 0) : NULL;
    for (int row = 0; list != NULL && row < pg_rows(list); row++) {
        g_autofree char *mark =
            mark_of(run, pg_value(list, row, 2), pg_value_or_null(list, row, 1));
        if (!change(live, pg_value(list, row, 0), "DISABLE", mark, error))
            return false;
    }
    return list != NULL;
}

/* The names of those that are enabled. */
static json_t *read_enabled(Run *run, GError **error)
{
    g_autoptr(PgResult) list =
        pg_query(run->control, error, pg_sql_survey_subscriptions, 1, run->database);
    json_t *names = list != NULL ? json_array() : NULL;
    for (int row = 0; list != NULL && row < pg_rows(list); row++)
        if (pg_flag(list, row, 1))
            json_array_append_new(names, json_string(pg_value(list, row, 0)));
    return names;
}

bool subscriptions_disable(Run *run, GError **error)
{
    g_autoptr(json_t) names = read_enabled(run, error);
    if (names == NULL || json_array_size(names) == 0)
        return names != NULL;
    return journal_intent(run->journal, "fence", "subscriptions",
                          json_pack("{s:O}", "names", names), error) &&
           disable_all(run, error) &&
           journal_done(run->journal, "fence", "subscriptions", NULL, error);
}

static void remark(Run *run, const char *name, const char *what)
{
    g_autofree char *text = g_strdup_printf("subscription '%s' is disabled: %s", name, what);
    if (g_ptr_array_find_with_equal_func(run->remarks, text, g_str_equal, NULL))
        return;
    log_warning("%s", text);
    g_ptr_array_add(run->remarks, g_steal_pointer(&text));
}

static bool enable_all(Run *run, GError **error)
{
    g_autoptr(PgConnection) live = connect_live(run, error);
    g_autoptr(PgResult) list =
        live != NULL ? pg_query(live, error, pg_sql_subscriptions_disabled, 0) : NULL;
    for (int row = 0; list != NULL && row < pg_rows(list); row++) {
        const char *name = pg_value(list, row, 0);
        g_autoptr(GError) cause = NULL;
        if (change(live, name, "ENABLE", pg_value_or_null(list, row, 1), &cause))
            log_info("subscription '%s' is enabled again", name);
        else
            remark(run, name, cause->message);
    }
    return list != NULL;
}

static void settle(Run *run, const PgResult *list)
{
    bool in_live = false;
    g_autoptr(GError) error = NULL;
    for (int row = 0; row < pg_rows(list); row++) {
        const char *database = pg_value(list, row, 0);
        g_autofree char *what = g_strdup_printf("it stays with '%s'", database);
        if (strcmp(database, run->database) == 0)
            in_live = true;
        else
            remark(run, pg_value(list, row, 1), what);
    }
    if (in_live && !enable_all(run, &error))
        g_ptr_array_add(run->remarks,
                        g_strdup_printf("subscriptions may be disabled: %s", error->message));
}

void subscriptions_settle(Run *run)
{
    g_autoptr(json_t) names = json_pack("[s, s, s, s]", run->names->live, run->names->before,
                                        run->names->failed, run->names->unproven);
    g_autofree char *list = json_to_line(names);
    g_autoptr(PgResult) result = NULL;
    g_autoptr(GError) error = NULL;
    /* Without the lock another run may be at work. */
    if (run->control == NULL || run->lock == NULL || !run_lock_check(run->lock, NULL))
        return;
    result = pg_query(run->control, &error, pg_sql_subscriptions_standing, 1, list);
    if (result != NULL)
        settle(run, result);
    else
        log_warning("subscriptions: %s", error->message);
}
