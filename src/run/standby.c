#include "run/standby.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "pg/sql.h"
#include "run/gate.h"
#include <string.h>

#define SESSIONS_WAIT_MS 5000
#define POLL_MS 20

/* What a listed standby tells of itself, to be found among those that are attached. */
typedef struct {
    char *name, *address, *slot;
    bool found;
} Listed;

static void listed_free(Listed *listed)
{
    g_free(listed->name);
    g_free(listed->address);
    g_free(listed->slot);
    g_free(listed);
}

static PgConnection *connect_to(const Run *run, const PgTarget *target, GError **error)
{
    const PgConnectOptions options = {.database = run->policy->control_database,
                                      .application = run->application,
                                      .connect_timeout_s =
                                          (int)(run->policy->connect_timeout_ms / 1000),
                                      .catalog_only = true};
    PgConnection *connection = pg_connect(target, &options, error);
    if (connection == NULL)
        g_prefix_error(error, "standby of 'fence.standbys': ");
    return connection;
}

GPtrArray *standbys_connect(const Run *run, GError **error)
{
    g_autoptr(GPtrArray) standbys = g_ptr_array_new_with_free_func((GDestroyNotify)pg_disconnect);
    for (char **conninfo = run->policy->fence_standbys; *conninfo != NULL; conninfo++) {
        g_autoptr(PgTarget) target = pg_target_new(*conninfo, error);
        PgConnection *connection = target != NULL ? connect_to(run, target, error) : NULL;
        if (connection == NULL) {
            if (!error_is(*error, ERROR_INTERRUPTED))
                error_recode(error, ERROR_REFUSED);
            return NULL;
        }
        g_ptr_array_add(standbys, connection);
    }
    return g_steal_pointer(&standbys);
}

/* Sessions in the database there that this role may not end. */
static bool survey_sessions(Run *run, PgConnection *standby, const char *place, GError **error)
{
    g_autoptr(GPtrArray) sessions = gate_sessions(standby, run->database, NULL, error);
    g_autofree char *who = NULL;
    if (sessions == NULL)
        return false;
    for (guint i = sessions->len; i-- > 0;) {
        const GateSession *session = g_ptr_array_index(sessions, i);
        if (session->endable)
            g_ptr_array_remove_index(sessions, i);
    }
    who = gate_describe(sessions);
    if (sessions->len > 0)
        run_finding(run, "sessions", true,
                    "SELECT pg_terminate_backend(PID); on the standby (as a superuser), or GRANT "
                    "pg_signal_backend to this role",
                    "this role may not end the sessions of %s on standby %s", who, place);
    return true;
}

static void add_listed(GPtrArray *list, const PgResult *facts)
{
    Listed *listed = g_new0(Listed, 1);
    listed->name = g_strdup(pg_value(facts, 0, 3));
    listed->address = g_strdup(pg_value_or_null(facts, 0, 4));
    listed->slot = g_strdup(pg_value_or_null(facts, 0, 5));
    g_ptr_array_add(list, listed);
}

static void survey_facts(Run *run, const PgResult *facts, const char *system, const char *place,
                         GPtrArray *list)
{
    const bool in_recovery = pg_flag(facts, 0, 0);
    if (!in_recovery || strcmp(pg_value(facts, 0, 1), system) != 0) {
        run_finding(run, "standby_wrong", true, "mend 'fence.standbys' in the policy",
                    "the server %s of 'fence.standbys' is %s", place,
                    in_recovery ? "a standby of another server"
                                : "no standby (it is not in recovery)");
        return;
    }
    add_listed(list, facts);
    if (pg_flag(facts, 0, 7))
        run_finding(run, "standby_wrong", true, "SELECT pg_wal_replay_resume(); on the standby",
                    "the replay of standby %s is paused", place);
    if (!pg_flag(facts, 0, 2))
        run_finding(run, "session_roles", false, "GRANT pg_signal_backend TO ...; (as a superuser)",
                    "role %s may end only sessions of roles that it is a member of, on standby %s",
                    pg_value(facts, 0, 6), place);
}

static bool survey_one(Run *run, const PgTarget *target, const char *system, GPtrArray *list,
                       GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(PgConnection) standby = connect_to(run, target, &cause);
    g_autoptr(PgResult) facts = NULL;
    if (standby == NULL && error_is(cause, ERROR_CONNECTION)) {
        run_finding(run, "standby_wrong", true, "start it, or take it out of 'fence.standbys'",
                    "%s", cause->message);
        return true;
    }
    if (standby == NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    facts = pg_query(standby, error, pg_sql_standby_facts, 0);
    if (facts == NULL)
        return false;
    survey_facts(run, facts, system, pg_target_place(target), list);
    return survey_sessions(run, standby, pg_target_place(target), error);
}

/* Listed *, of those that can be reached. */
static GPtrArray *survey_listed(Run *run, GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)listed_free);
    g_autofree char *system =
        pg_query_text(run->control, error, "SELECT system_identifier FROM pg_control_system()", 0);
    for (char **conninfo = run->policy->fence_standbys; system != NULL && *conninfo != NULL;
         conninfo++) {
        g_autoptr(PgTarget) target = pg_target_new(*conninfo, error);
        if (target == NULL || !survey_one(run, target, system, list, error))
            return NULL;
    }
    return system != NULL ? g_steal_pointer(&list) : NULL;
}

/* By its slot where both are known, else by name and address, as far as they are known. */
static bool is_same(const Listed *listed, const char *name, const char *address, const char *slot)
{
    if (listed->slot != NULL || slot != NULL)
        return g_strcmp0(listed->slot, slot) == 0;
    return strcmp(listed->name, name) == 0 &&
           (listed->address == NULL || address == NULL || strcmp(listed->address, address) == 0);
}

static bool is_listed(const GPtrArray *list, const PgResult *attached, int row)
{
    for (guint i = 0; i < list->len; i++) {
        Listed *listed = g_ptr_array_index(list, i);
        if (listed->found ||
            !is_same(listed, pg_value(attached, row, 1), pg_value_or_null(attached, row, 2),
                     pg_value_or_null(attached, row, 3)))
            continue;
        listed->found = true;
        return true;
    }
    return false;
}

bool standbys_survey(Run *run, GError **error)
{
    g_autoptr(GPtrArray) list = survey_listed(run, error);
    g_autoptr(PgResult) attached = NULL;
    if (list == NULL)
        return false;
    attached = pg_query(run->control, error, pg_sql_survey_standbys, 0);
    for (int row = 0; attached != NULL && row < pg_rows(attached); row++)
        if (!is_listed(list, attached, row))
            run_finding(run, "standby", true,
                        "list it in 'fence.standbys' of the policy, so that its sessions are "
                        "ended; or end them and detach it; or accept stale reads with \"accept: "
                        "[standby]\"",
                        "a standby is attached (%s, pid %s): sessions on it would follow the old "
                        "copy",
                        pg_value(attached, row, 1), pg_value(attached, row, 0));
    return attached != NULL;
}

/* What the standby calls the database, and whether it is closed there; NULL: it has none. */
static char *name_there(PgConnection *standby, const char *oid, bool *closed, GError **error)
{
    g_autoptr(PgResult) row =
        pg_query(standby, error,
                 "SELECT datname, NOT datallowconn FROM pg_database WHERE oid = $1::oid", 1, oid);
    if (row == NULL || pg_rows(row) == 0)
        return NULL;
    *closed = pg_flag(row, 0, 1);
    return g_strdup(pg_value(row, 0, 0));
}

/* Sessions there can hold up the replay; so they are ended while it is waited for. */
static bool wait_for_replay(const Run *run, PgConnection *standby, const char *oid,
                            const char *copy, GError **error)
{
    const int64_t end_us = clock_monotonic_us() + run->policy->standby_timeout_ms * 1000;
    for (;;) {
        bool closed = false;
        g_autoptr(GError) cause = NULL;
        g_autofree char *name = name_there(standby, oid, &closed, &cause);
        if (cause != NULL) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        if (closed && g_strcmp0(name, copy) == 0)
            return true;
        if (name != NULL)
            pg_result_free(pg_query(standby, NULL, pg_sql_fence_end_sessions, 1, name));
        if (clock_monotonic_us() >= end_us) {
            error_set(error, ERROR_REFUSED, "it has not replayed the renaming in time");
            error_hint_set(error, "pg_stat_replication on the primary tells its lag, which "
                                  "'timeouts.standby' in the policy must allow for; SELECT "
                                  "pg_wal_replay_resume() on it ends a pause");
            return false;
        }
        (void)clock_sleep_ms(POLL_MS);
        if (interrupt_check(error))
            return false;
    }
}

bool standbys_fence(Run *run, const GPtrArray *standbys, const char *copy, GError **error)
{
    g_autofree char *oid = NULL;
    if (standbys->len == 0)
        return true;
    oid = pg_query_text(run->control, error, "SELECT oid FROM pg_database WHERE datname = $1", 1,
                        copy);
    for (guint i = 0; oid != NULL && i < standbys->len; i++) {
        PgConnection *standby = g_ptr_array_index(standbys, i);
        if (wait_for_replay(run, standby, oid, copy, error) &&
            gate_end_sessions(standby, copy, NULL, SESSIONS_WAIT_MS, NULL, error))
            continue;
        g_prefix_error(error, "standby %s: ", run->policy->fence_standbys[i]);
        if (!error_is(*error, ERROR_INTERRUPTED))
            error_recode(error, ERROR_REFUSED);
        return false;
    }
    return oid != NULL;
}
