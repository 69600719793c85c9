#include "migration/commit.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/interrupt.h"
#include "base/log.h"
#include <string.h>

#define RESOLVE_MS 60000
#define RESOLVE_PAUSE_MS 200
#define END_BACKEND_AFTER_MS 5000

/* A COMMIT whose answer is doubted. */
typedef struct {
    Attempt *attempt;
    const char *xid;
    int pid; /* of the backend that had it */
    CommitEvidence evidence;
    gconstpointer data;
    int64_t since_us;
    bool ended; /* the backend was told to end */
    bool anew;  /* no session from before COMMIT is left to ask */
} Doubt;

typedef enum { FATE_COMMITTED, FATE_ABORTED, FATE_IN_PROGRESS, FATE_FORGOTTEN } Fate;

static Fate fate_of(const char *status)
{
    if (g_strcmp0(status, "committed") == 0)
        return FATE_COMMITTED;
    if (g_strcmp0(status, "aborted") == 0)
        return FATE_ABORTED;
    return g_strcmp0(status, "in progress") == 0 ? FATE_IN_PROGRESS : FATE_FORGOTTEN;
}

/* Transaction numbers are the whole server's, so that any database can be asked. */
static bool ask(PgConnection *connection, const char *xid, Fate *fate, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *status =
        pg_query_text(connection, &cause, "SELECT pg_catalog.pg_xact_status($1::xid8)", 1, xid);
    /* A number "in the future": the server has lost its last records, and the transaction. */
    if (cause != NULL && !error_is(cause, ERROR_QUERY)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    *fate = fate_of(status);
    return true;
}

/* A commit that waits for a standby does not see that its client is gone. */
static void end_backend(Doubt *doubt, PgConnection *connection)
{
    g_autofree char *pid = g_strdup_printf("%d", doubt->pid);
    if (doubt->ended ||
        clock_monotonic_us() < doubt->since_us + END_BACKEND_AFTER_MS * (int64_t)1000)
        return;
    doubt->ended = true;
    pg_result_free(pg_query(connection, NULL,
                            "SELECT pg_catalog.pg_terminate_backend(pid)"
                            " FROM pg_catalog.pg_stat_activity WHERE pid = $1::int"
                            " AND application_name = pg_catalog.current_setting("
                            "'application_name')",
                            1, pid));
}

/* The observer, or a new session in place of the lost one. */
static PgConnection *informant(Doubt *doubt, GError **error)
{
    Attempt *attempt = doubt->attempt;
    if (attempt->options->observer != NULL && pg_is_alive(attempt->options->observer))
        return attempt->options->observer;
    if (pg_is_alive(attempt->connection) && pg_transaction(attempt->connection) == PG_IDLE)
        return attempt->connection;
    doubt->anew = true;
    return attempt_reconnect(attempt, error) ? attempt->connection : NULL;
}

static bool by_evidence(const Doubt *doubt, Fate *fate, GError **error)
{
    bool there = false;
    if (!pg_is_alive(doubt->attempt->connection) && !attempt_reconnect(doubt->attempt, error))
        return false;
    if (!doubt->evidence(doubt->attempt, doubt->data, &there, error))
        return false;
    *fate = there ? FATE_COMMITTED : FATE_ABORTED;
    return true;
}

static bool resolve(Doubt *doubt, Fate *fate, GError **error)
{
    for (;;) {
        g_autoptr(GError) cause = NULL;
        PgConnection *connection = informant(doubt, error);
        if (connection == NULL)
            return false;
        if (!ask(connection, doubt->xid, fate, &cause)) {
            /* The informant died, too: the next one is asked. */
            if (pg_is_alive(connection) ||
                clock_monotonic_us() > doubt->since_us + RESOLVE_MS * (int64_t)1000) {
                g_propagate_error(error, g_steal_pointer(&cause));
                return false;
            }
            continue;
        }
        /* A server that has crashed gives the numbers that it lost to others: only a session from
         * before COMMIT knows that "committed" is said of this transaction. */
        if (*fate == FATE_FORGOTTEN || (*fate == FATE_COMMITTED && doubt->anew))
            return by_evidence(doubt, fate, error);
        if (*fate != FATE_IN_PROGRESS)
            return true;
        if (clock_monotonic_us() > doubt->since_us + RESOLVE_MS * (int64_t)1000) {
            error_set(error, ERROR_TIMEOUT, "the server still has transaction %s in progress",
                      doubt->xid);
            return false;
        }
        end_backend(doubt, connection);
        (void)clock_sleep_ms(RESOLVE_PAUSE_MS);
    }
}

static bool set_unknown(const Attempt *attempt, const GError *cause, const GError *why,
                        GError **error)
{
    const char *reason = why != NULL ? why->message : "no answer";
    error_set(error, ERROR_UNKNOWN_OUTCOME,
              "the answer to COMMIT of migration %s was lost (%s), and the server cannot be asked "
              "what became of it: %s",
              attempt->migration->id, cause->message, reason);
    error_hint_set(error, "drydock status says whether it is applied");
    return false;
}

/* Signals wait while the outcome is looked up: to stop here would be to not know. */
static bool look_up(Doubt *doubt, Fate *fate, GError **error)
{
    bool known = false;
    interrupt_shield(true);
    known = resolve(doubt, fate, error);
    interrupt_shield(false);
    return known;
}

static bool answer_lost(Doubt *doubt, GError *cause, GError **error)
{
    Attempt *attempt = doubt->attempt;
    g_autoptr(GError) why = NULL;
    Fate fate = FATE_FORGOTTEN;
    log_warning("%s: the answer to COMMIT was lost (%s); asking the server", attempt->migration->id,
                cause->message);
    if (!look_up(doubt, &fate, &why))
        return set_unknown(attempt, cause, why, error);
    if (fate == FATE_ABORTED) {
        g_propagate_prefixed_error(error, g_error_copy(cause),
                                   "COMMIT did not happen, the server rolled back: ");
        return false;
    }
    log_warning("%s: transaction %s is committed, the server says", attempt->migration->id,
                doubt->xid);
    if (!attempt_event(attempt, "commit.found", json_pack("{s:s}", "xid", doubt->xid), error))
        return false;
    /* Without a session the next statement fails; this commit has happened all the same. */
    if (!pg_is_alive(attempt->connection) && !attempt_reconnect(attempt, &why))
        log_warning("%s: no new session is to be had: %s", attempt->migration->id, why->message);
    return true;
}

/* Whether commits wait for a standby at all. */
static bool waits_for_standby(PgConnection *connection)
{
    g_autofree char *names = pg_query_text(
        connection, NULL, "SELECT pg_catalog.current_setting('synchronous_standby_names')", 0);
    return names == NULL || names[0] != '\0';
}

/* The server warns, and commits: the wait for a standby was cut short by a cancellation, or by a
 * timeout. */
static bool answer_warns(Doubt *doubt, GError **error)
{
    Attempt *attempt = doubt->attempt;
    g_autoptr(GError) why = NULL;
    Fate fate = FATE_FORGOTTEN;
    if (!look_up(doubt, &fate, &why)) {
        g_autoptr(GError) cause = NULL;
        error_set(&cause, ERROR_QUERY, "COMMIT ended with a warning");
        return set_unknown(attempt, cause, why, error);
    }
    if (fate == FATE_ABORTED) {
        error_set(error, ERROR_QUERY, "COMMIT ended with a warning, and was rolled back");
        return false;
    }
    if (!waits_for_standby(attempt->connection))
        return true; /* a trigger's warning */
    log_warning("%s: committed here, not yet on the standby: the wait for synchronous replication "
                "was cut short",
                attempt->migration->id);
    return attempt_event(attempt, "commit.not_replicated", json_pack("{s:s}", "xid", doubt->xid),
                         error);
}

bool commit_transaction(Attempt *attempt, CommitEvidence evidence, gconstpointer data,
                        GError **error)
{
    const ApplyOptions *options = attempt->options;
    g_autoptr(GError) cause = NULL;
    g_autofree char *xid = NULL;
    Doubt doubt = {.attempt = attempt, .evidence = evidence, .data = data};
    xid = attempt->xid[0] != '\0'
              ? g_strdup(attempt->xid)
              : pg_query_text(attempt->connection, error,
                              "SELECT coalesce(pg_catalog.pg_current_xact_id_if_assigned()::text, "
                              "'')",
                              0);
    if (xid == NULL)
        return false;
    if (options->before_commit != NULL &&
        !options->before_commit(attempt->migration, xid, options->data, error))
        return false;
    doubt.xid = xid;
    doubt.pid = pg_backend_pid(attempt->connection);
    failpoint("migration.before_commit");
    const bool answered = pg_exec(attempt->connection, "COMMIT", &cause);
    doubt.since_us = clock_monotonic_us();
    failpoint("migration.after_commit");
    if (answered && g_str_has_prefix(pg_last_warning(attempt->connection), "01"))
        return answer_warns(&doubt, error);
    if (answered)
        return true;
    if (!pg_is_alive(attempt->connection))
        return answer_lost(&doubt, cause, error);
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}
