/* The copies of a run at work: their records, and the way into them through the gate. */
#include "base/error.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "run/context.h"
#include "run/gate.h"
#include <string.h>

#define SESSIONS_WAIT_MS 10000

/* A version of the row stands in the record only if the content is known to be what it was then:
 * who comes after us trusts it. */
static RunRecord keep_record(const Run *run, const char *phase)
{
    return (RunRecord){.run = run->id,
                       .database = run->database,
                       .role = (char *)"keep",
                       .strategy = (char *)run_strategy(run),
                       .phase = (char *)phase,
                       .comment = (char *)pg_properties_comment(run->before),
                       .gate = run->unwatched ? NULL : run->gate,
                       .content = run->content,
                       .read_only = run->read_only};
}

/* What the record of the kept copy says once it was read. It tells of the migrating, too, since a
 * migration may take the work copy's own comment away. */
static const char *keep_phase(const Run *run)
{
    return run->migrating ? "migrate" : "snapshot";
}

bool run_write_keep_record(Run *run, const char *phase, GError **error)
{
    const RunRecord record = keep_record(run, phase);
    g_autofree char *sql = NULL;
    if (run->kind != RUN_WINDOW)
        return true;
    sql = run_record_statement(run->names->keep, &record);
    return pg_exec(run->control, sql, error);
}

bool run_write_work_record(Run *run, const char *phase, GError **error)
{
    const RunRecord record = {.run = run->id,
                              .database = run->database,
                              .role = (char *)run_work_role(run),
                              .strategy = (char *)run_strategy(run),
                              .phase = (char *)phase,
                              .comment = (char *)pg_properties_comment(run->before),
                              .gate =
                                  strcmp(phase, "verified") == 0 ? run->proven_row : run->work_gate,
                              .content = run->in_place ? run->content : NULL,
                              .read_only = run->in_place ? run->read_only : NULL};
    g_autofree char *sql = run_record_statement(run->names->work, &record);
    return pg_exec(run->control, sql, error);
}

bool run_learn_proven(Run *run, const RunRecord *work, bool *proven, GError **error)
{
    g_autofree char *now = NULL;
    *proven = strcmp(work->phase, "verified") == 0;
    if (!*proven || work->gate == NULL)
        return true;
    now = gate_version(run->control, work->name, error);
    if (now == NULL)
        return false;
    *proven = strcmp(now, work->gate) == 0;
    if (*proven)
        run->proven_row = g_steal_pointer(&now);
    else
        log_warning("'%s' was found right, and opened or changed by someone since: its row in "
                    "pg_database is not the one that its record tells",
                    work->name);
    return true;
}

/* The kept copy must be as we left it whenever it is about to be opened: else somebody else has
 * opened it. */
static bool check_gate(const Run *run, GError **error)
{
    g_autofree char *now = gate_version(run->control, run->names->keep, error);
    if (now == NULL)
        return false;
    if (run->gate == NULL || strcmp(now, run->gate) == 0)
        return true;
    error_set(error, ERROR_INTEGRITY,
              "the kept copy '%s' was changed by someone else: its row in pg_database is not the "
              "one that was written when it was closed",
              run->names->keep);
    return false;
}

bool run_open_keep(Run *run, GError **error)
{
    g_autofree char *name = pg_identifier(run->names->keep);
    RunRecord record = keep_record(run, keep_phase(run));
    g_autofree char *comment = NULL;
    record.gate = NULL;
    comment = run_record_statement(run->names->keep, &record);
    if (!check_gate(run, error) ||
        !journal_intent(run->journal, run->phase, "open_keep", NULL, error))
        return false;
    run->gate_opened = true;
    if (!pg_execf(run->control, error,
                  "BEGIN; ALTER DATABASE %s SET default_transaction_read_only = on;"
                  "ALTER DATABASE %s ALLOW_CONNECTIONS true; %s; COMMIT",
                  name, name, comment)) {
        (void)pg_exec(run->control, "ROLLBACK", NULL);
        return false;
    }
    return journal_done(run->journal, run->phase, "open_keep", NULL, error);
}

/* The statement that puts back what run_open_keep() set. */
static char *read_only_statement(const Run *run, const char *name)
{
    g_autofree char *value = NULL;
    if (run->read_only == NULL)
        return g_strdup_printf("ALTER DATABASE %s RESET default_transaction_read_only", name);
    value = pg_literal(run->read_only);
    return g_strdup_printf("ALTER DATABASE %s SET default_transaction_read_only = %s", name, value);
}

bool run_close_keep(Run *run, GError **error)
{
    g_autofree char *name = pg_identifier(run->names->keep);
    g_autofree char *read_only = read_only_statement(run, name);
    int ended = 0;
    /* A gate is closed even if that cannot be written down; the line behind it says so then. */
    (void)journal_intent(run->journal, run->phase, "close_keep", NULL, NULL);
    if (!pg_execf(run->control, error,
                  "BEGIN; ALTER DATABASE %s ALLOW_CONNECTIONS false; %s; COMMIT", name,
                  read_only)) {
        (void)pg_exec(run->control, "ROLLBACK", NULL);
        return false;
    }
    if (!gate_end_sessions(run->control, run->names->keep, run->application, SESSIONS_WAIT_MS,
                           &ended, error))
        return false;
    if (ended > 0)
        log_warning("%d session%s that came into '%s' while it was open for reading %s ended",
                    ended, ended == 1 ? "" : "s", run->names->keep, ended == 1 ? "was" : "were");
    run->intruders += ended;
    /* What they did inside is not known: from now on its content alone proves the copy. */
    run->unwatched = run->unwatched || ended > 0;
    g_free(run->gate);
    run->gate = gate_version(run->control, run->names->keep, error);
    return run->gate != NULL && run_write_keep_record(run, keep_phase(run), error) &&
           journal_done(run->journal, run->phase, "close_keep",
                        json_pack("{s:s, s:i}", "gate", run->gate, "ended_sessions", ended), error);
}

bool run_close_unwatched(Run *run, GError **error)
{
    run->unwatched = true;
    return run_close_keep(run, error);
}

static bool connect_n(Run *run, const char *copy, bool read_only, int n, PgConnection **connections,
                      GError **error)
{
    const PgConnectOptions options = {.database = copy,
                                      .application = run->application,
                                      .connect_timeout_s =
                                          (int)(run->policy->connect_timeout_ms / 1000),
                                      .read_only = read_only};
    for (int i = 0; i < n; i++) {
        connections[i] = pg_connect(run->target, &options, error);
        if (connections[i] == NULL) {
            while (i-- > 0)
                g_clear_pointer(&connections[i], pg_disconnect);
            return false;
        }
    }
    return true;
}

bool run_enter(Run *run, const char *copy, bool read_only, int n, PgConnection **connections,
               GError **error)
{
    const bool is_keep = strcmp(copy, run->names->keep) == 0;
    int ended = 0;
    bool in = is_keep ? run_open_keep(run, error) : gate_set(run->control, copy, true, error);
    bool closed = false;
    if (!is_keep) {
        g_clear_pointer(&run->work_gate, g_free);
        g_clear_pointer(&run->proven_row, g_free);
    }
    if (!in)
        return false;
    in = connect_n(run, copy, read_only, n, connections, error);
    failpoint("enter.open");
    /* The gate is closed whatever happened; the first error is the one that is told. */
    if (is_keep)
        closed = run_close_keep(run, in ? error : NULL);
    else
        closed = gate_set(run->control, copy, false, in ? error : NULL) &&
                 gate_end_sessions(run->control, copy, run->application, SESSIONS_WAIT_MS, &ended,
                                   in ? error : NULL);
    run->intruders += ended;
    /* What they wrote into the work copy is not among what migrations locked. */
    run->writes_unknown = run->writes_unknown || ended > 0;
    if (in && !closed) {
        for (int i = 0; i < n; i++)
            g_clear_pointer(&connections[i], pg_disconnect);
    }
    return in && closed;
}
