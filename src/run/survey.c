/* What can be known of the server and the database before anything is touched. */
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "pg/sql.h"
#include "pg/tools.h"
#include "run/context.h"
#include "run/estimate.h"
#include "run/gate.h"
#include "run/standby.h"
#include "run/subscription.h"
#include "run/trust.h"
#include "store/store.h"
#include "verify/health.h"
#include <string.h>

#define OLDEST_SERVER 140000
#define VISITOR_WAIT_MS 3000
#define POLL_MS 100

static bool survey_role(Run *run, GError **error)
{
    g_autoptr(PgResult) result = pg_query(run->control, error, pg_sql_survey_server, 0);
    if (result == NULL)
        return false;
    if (pg_flag(result, 0, 0)) {
        error_set(error, ERROR_REFUSED, "the server is a standby (in recovery)");
        error_hint_set(error, "run drydock against the primary");
        return false;
    }
    json_set_text(run->report, "role", pg_value(result, 0, 4));
    if (run->kind != RUN_ONLINE && !pg_flag(result, 0, 1) && !pg_flag(result, 0, 2))
        run_finding(run, "rights", true, "ALTER ROLE ... CREATEDB; (as a superuser)",
                    "role %s may not create databases", pg_value(result, 0, 4));
    if (run->kind != RUN_ONLINE && !pg_flag(result, 0, 1) && !pg_flag(result, 0, 3))
        run_finding(run, "session_roles", false, "GRANT pg_signal_backend TO ...; (as a superuser)",
                    "role %s may end only sessions of roles that it is a member of",
                    pg_value(result, 0, 4));
    return true;
}

bool run_survey_server(Run *run, GError **error)
{
    if (pg_server_version(run->control) < OLDEST_SERVER) {
        error_set(error, ERROR_REFUSED, "the server's version %d is older than 14",
                  pg_server_version(run->control) / 10000);
        return false;
    }
    if (!run_lock_possible(run->control, error))
        return false;
    if (strcmp(run->database, run->policy->control_database) == 0 ||
        strcmp(run->database, "template0") == 0 || strcmp(run->database, "template1") == 0) {
        error_set(error, ERROR_REFUSED, "'%s' is the control database or a template",
                  run->database);
        error_hint_set(error, "name the application's database with --dsn; \"control_database\" in "
                              "the policy names another one to work from");
        return false;
    }
    json_set_integer(run->report, "server_version", pg_server_version(run->control));
    return survey_role(run, error);
}

static bool survey_collation(Run *run, const char *recorded, GError **error)
{
    g_autoptr(PgResult) result = NULL;
    if (recorded == NULL || pg_server_version(run->control) < 150000)
        return true;
    result = pg_query(run->control, error,
                      "SELECT pg_database_collation_actual_version(oid) FROM pg_database "
                      "WHERE datname = $1",
                      1, run->database);
    if (result == NULL)
        return false;
    if (!pg_is_null(result, 0, 0) && strcmp(pg_value(result, 0, 0), recorded) != 0)
        run_finding(run, "collation", true,
                    "REINDEX what depends on it, then ALTER DATABASE ... REFRESH COLLATION VERSION",
                    "the database's collation version is %s, the operating system gives %s",
                    recorded, pg_value(result, 0, 0));
    return true;
}

static bool survey_row(Run *run, GError **error)
{
    g_autoptr(PgResult) result =
        pg_query(run->control, error, pg_sql_survey_database, 1, run->database);
    if (result == NULL)
        return false;
    if (pg_rows(result) == 0) {
        run_records_explain_missing(run->control, run->target, run->database, error);
        return false;
    }
    if (pg_integer(result, 0, 2) == -2) {
        error_set(error, ERROR_REFUSED,
                  "database '%s' is half-dropped: a DROP DATABASE of it was "
                  "interrupted",
                  run->database);
        error_hint_set(error, "what it held is lost in part: finish it with DROP DATABASE, and "
                              "restore a backup");
        return false;
    }
    if (!pg_flag(result, 0, 7)) {
        error_set(error, ERROR_REFUSED, "role '%s' may not connect to database '%s'",
                  pg_target_user(run->target), run->database);
        error_hint_set(error, "connect as its owner '%s', or as a superuser",
                       pg_value(result, 0, 3));
        return false;
    }
    if (run->kind != RUN_ONLINE && pg_flag(result, 0, 0))
        run_finding(run, "template", true, "ALTER DATABASE ... IS_TEMPLATE false",
                    "the database is a template");
    if (run->kind != RUN_ONLINE && !pg_flag(result, 0, 4)) {
        g_autofree char *fix = g_strdup_printf("ALTER DATABASE ... OWNER TO, or connect as '%s'",
                                               pg_value(result, 0, 3));
        run_finding(run, "rights", true, fix, "only the owner %s or a superuser may rename it",
                    pg_value(result, 0, 3));
    }
    run->read_only = g_strdup(pg_value_or_null(result, 0, 6));
    if (!pg_flag(result, 0, 1)) {
        error_set(error, ERROR_REFUSED, "database '%s' does not allow connections", run->database);
        error_hint_set(error, "if no run has it (drydock recover), open it with ALTER DATABASE ... "
                              "ALLOW_CONNECTIONS true");
        return false;
    }
    return survey_collation(run, pg_value_or_null(result, 0, 5), error);
}

bool run_survey_obstacles(Run *run, GError **error)
{
    g_autoptr(PgResult) result = pg_query(run->control, error, pg_sql_survey_obstacles, 2,
                                          run->database, run->in_place ? "true" : "false");
    if (result == NULL)
        return false;
    for (int row = 0; row < pg_rows(result); row++) {
        const char *name = g_intern_string(pg_value(result, row, 0));
        run_finding(run, name, true, pg_value(result, row, 2), "%s", pg_value(result, row, 1));
    }
    return subscriptions_survey(run, error) && standbys_survey(run, error);
}

bool run_survey_sessions(Run *run, GError **error)
{
    const int64_t end_us = clock_monotonic_us() + VISITOR_WAIT_MS * (int64_t)1000;
    for (;;) {
        g_autoptr(GPtrArray) sessions =
            gate_sessions(run->control, run->database, run->application, error);
        if (sessions == NULL)
            return false;
        for (guint i = sessions->len; i-- > 0;) {
            const GateSession *session = g_ptr_array_index(sessions, i);
            if (session->endable)
                g_ptr_array_remove_index(sessions, i);
        }
        if (sessions->len == 0)
            return true;
        if (clock_monotonic_us() >= end_us) {
            g_autofree char *who = gate_describe(sessions);
            run_finding(run, "sessions", true,
                        "SELECT pg_terminate_backend(PID); (as a superuser), or GRANT "
                        "pg_signal_backend to this role",
                        "this role may not end the sessions of %s", who);
            return true;
        }
        (void)clock_sleep_ms(POLL_MS);
    }
}

bool run_survey_names(Run *run, GError **error)
{
    const char *const names[] = {run->names->keep, run->names->work, run_aside_name(run),
                                 run->names->failed, run->names->unproven};
    g_autoptr(GPtrArray) records = run_records_read(run->control, run->database, error);
    bool live = false;
    if (records == NULL || !run_database_exists(run, run->database, &live, error))
        return false;
    /* Where nothing has the name, what may be its copy is not passed over. */
    trust_by_journal(records, run->options->state_folder);
    if (live)
        trust_warn(records);
    for (guint i = 0; i < records->len; i++) {
        const RunRecord *record = g_ptr_array_index(records, i);
        if (strcmp(record->role, "keep") != 0 && strcmp(record->role, "work") != 0)
            continue;
        if (record->trusted || !live)
            run_finding(run, "leftover", true, "run drydock recover",
                        "'%s' is left over from run %s, which has not ended", record->name,
                        record->run);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(PgResult) result = pg_query(
            run->control, error, "SELECT FROM pg_database WHERE datname = $1", 1, names[i]);
        if (result == NULL)
            return false;
        if (pg_rows(result) > 0)
            run_finding(run, "names", true, "rename or drop it", "a database '%s' exists",
                        names[i]);
    }
    return true;
}

/* The properties of the database must be ones that this role may give to a copy: tried on the
 * database itself with the values that it has, and rolled back. */
static bool survey_properties(Run *run, GError **error)
{
    g_autoptr(PgProperties) fresh = NULL;
    g_autoptr(GPtrArray) statements = NULL;
    g_autofree char *fix = g_strdup_printf(
        "run drydock as a superuser, or take the property away; with \"accept: "
        "[role_settings]\" it is left out of %s",
        run->in_place ? "what gets the name if the run fails" : "the migrated database");
    run->before = pg_properties_read(run->control, run->database, error);
    if (run->before == NULL)
        return false;
    fresh = pg_properties_fresh(run->before);
    statements = pg_properties_statements(run->database, fresh, run->before);
    if (!pg_exec(run->control, "BEGIN", error))
        return false;
    for (guint i = 0; i < statements->len; i++) {
        const char *sql = g_ptr_array_index(statements, i);
        g_autoptr(GError) cause = NULL;
        if (!pg_exec(run->control, sql, &cause)) {
            run_finding(run, "role_settings", true, fix,
                        "this role may not give a property of the database to its copy: %s",
                        cause->message);
            break;
        }
    }
    return pg_exec(run->control, "ROLLBACK", error);
}

/* Where there are copies, they are the ways back that a run takes first, so that it is no reason to
 * refuse one: but whoever relies on the snapshot must hear of it before the bad day. */
static bool survey_owners(Run *run, PgConnection *live, GError **error)
{
    g_autoptr(PgResult) owners = pg_query(live, error, pg_sql_survey_owners, 0);
    for (int row = 0; owners != NULL && row < pg_rows(owners); row++)
        run_finding(run, "owners", run->alone, pg_value(owners, row, 1),
                    "role %s owns objects in the database and this role cannot become it: a "
                    "restore from a snapshot as this role would be refused",
                    pg_value(owners, row, 0));
    return owners != NULL;
}

/* Superusers' things: who is none cannot restore them, which matters where that is the way back. */
static bool survey_superuser_objects(Run *run, PgConnection *live, GError **error)
{
    g_autoptr(PgResult) objects = NULL;
    if (!run->alone)
        return true;
    objects = pg_query(live, error, pg_sql_survey_superuser_objects, 0);
    for (int row = 0; objects != NULL && row < pg_rows(objects); row++)
        run_finding(run, "superuser_objects", true,
                    "run drydock as a superuser, or clone: { method: auto }, where there is room "
                    "for one",
                    "only a superuser can make the %s: a restore from a snapshot as this role "
                    "would be refused",
                    pg_value(objects, row, 0));
    return objects != NULL;
}

/* The policy says so, and who reads the plan shall know what it means. */
static void survey_way_back(Run *run)
{
    g_autofree char *duration = clock_format_duration(run_way_back_us(run));
    if (run->alone)
        run_finding(run, "clone", false, "clone: { method: auto }, where there is room for one",
                    "there will be no clone: what was committed is taken back by restoring the "
                    "snapshot alone (about %s)",
                    duration);
}

static bool survey_login_triggers(Run *run, PgConnection *live, GError **error)
{
    g_autoptr(PgResult) result =
        pg_query(live, error,
                 "SELECT evtname FROM pg_event_trigger WHERE evtevent = 'login' "
                 "AND evtenabled <> 'D'",
                 0);
    if (result == NULL)
        return false;
    for (int row = 0; row < pg_rows(result); row++)
        run_finding(run, "login_trigger", true, "ALTER EVENT TRIGGER ... DISABLE",
                    "the login trigger %s would run, and may write, in the kept copy",
                    pg_value(result, row, 0));
    return true;
}

/* What they do fails while the name is away, or begins in the middle; some come in by the OID. */
static bool survey_workers(Run *run, PgConnection *live, GError **error)
{
    g_autoptr(PgResult) result = pg_query(live, error, pg_sql_survey_workers, 0);
    for (int row = 0; result != NULL && row < pg_rows(result); row++) {
        g_autofree char *fix =
            g_strdup_printf("%s in 'fence.before', and the opposite in 'fence.after'; then "
                            "\"accept: [background_workers]\"",
                            pg_value(result, row, 1));
        run_finding(run, "background_workers", true, fix, "%s", pg_value(result, row, 0));
    }
    return result != NULL;
}

bool run_survey_size(Run *run, PgConnection *inside, GError **error)
{
    g_autoptr(PgResult) size =
        pg_query(inside, error,
                 "SELECT pg_database_size(current_database()), reset_val FROM pg_settings "
                 "WHERE name = 'search_path'",
                 0);
    if (size == NULL)
        return false;
    run->size_bytes = pg_integer(size, 0, 0);
    run->search_path = g_strdup(pg_value(size, 0, 1));
    json_set_integer(run->report, "size_bytes", run->size_bytes);
    return true;
}

bool run_survey_database(Run *run, PgConnection *live, GError **error)
{
    g_autoptr(PgResult) access = pg_query(live, error, pg_sql_survey_access, 0);
    g_autofree char *tool = NULL;
    g_autofree char *version = NULL;
    g_autofree char *warning = NULL;
    if (access == NULL)
        return false;
    for (int row = 0; row < pg_rows(access); row++)
        run_finding(run, "access", true, pg_value(access, row, 1), "%s", pg_value(access, row, 0));
    if (!run_survey_size(run, live, error))
        return false;
    tool = pg_tool_find("pg_dump", pg_server_version(live), &version, error);
    if (tool == NULL)
        return false;
    warning = pg_tool_dump_warning(version);
    if (warning != NULL)
        log_warning("%s", warning);
    run_survey_disk(run, live);
    return survey_owners(run, live, error) && survey_superuser_objects(run, live, error) &&
           (run->kind == RUN_ONLINE ||
            (survey_login_triggers(run, live, error) && survey_workers(run, live, error)));
}

/* A store that does not answer for so long is none to rely on. */
#define REACH_US ((int64_t)20 * G_USEC_PER_SEC)

/* A store that cannot be reached now will not be reached in the window either. */
void run_survey_stores(Run *run)
{
    for (char **url = run->policy->publish_to; *url != NULL; url++) {
        g_autoptr(GError) cause = NULL;
        g_autoptr(Store) store = store_open(*url, &cause);
        if (store != NULL)
            store_set_latest(store, clock_monotonic_us() + REACH_US);
        if (store == NULL || !store_reach(store, &cause))
            run_finding(run, "store", true, error_hint(cause), "%s", cause->message);
    }
}

static PgConnection *connect_live(const Run *run, GError **error)
{
    const PgConnectOptions options = {.database = run->database,
                                      .application = run->application,
                                      .connect_timeout_s =
                                          (int)(run->policy->connect_timeout_ms / 1000),
                                      .read_only = true,
                                      .catalog_only = true};
    return pg_connect(run->target, &options, error);
}

static bool may_read(const Run *run)
{
    for (guint i = 0; i < run->findings->len; i++) {
        const Finding *finding = g_ptr_array_index(run->findings, i);
        if (strcmp(finding->name, "access") == 0)
            return false;
    }
    return true;
}

/* What is in the database; a role that may not read all of it is refused for that, with the fix,
 * not for the first thing that it stumbles over. */
static bool survey_content(Run *run, PgConnection *live, GError **error)
{
    if (!may_read(run)) {
        run->pending = g_ptr_array_new();
        return true;
    }
    run->not_valid = health_baseline(live, error);
    return run->not_valid != NULL && run_survey_migrations(run, live, error);
}

bool run_survey(Run *run, GError **error)
{
    g_autoptr(PgConnection) live = NULL;
    if (!run_survey_server(run, error) || !survey_row(run, error))
        return false;
    live = connect_live(run, error);
    if (live == NULL)
        return false;
    if (!run_survey_database(run, live, error) || !survey_content(run, live, error) ||
        !estimate_fill(run, live, error))
        return false;
    survey_way_back(run);
    g_clear_pointer(&live, pg_disconnect);
    run_survey_stores(run);
    run->shared = run_read_shared(run, run->control, error);
    if (run->shared == NULL)
        return false;
    if (run->kind == RUN_ONLINE)
        return run_survey_online(run, error);
    return run_survey_obstacles(run, error) && run_survey_names(run, error) &&
           survey_properties(run, error) && run_survey_sessions(run, error) &&
           run_fits(run, "the run", estimate_whole_us(run), error);
}
