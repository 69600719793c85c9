/* The way back: the kept copy gets its name back, proven by the gate or by digests; where there is
 * none, or it is not what it was, run/restore_snapshot.c has the next tier. */
#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "pg/shared.h"
#include "pg/sql.h"
#include "run/context.h"
#include "run/gate.h"
#include "run/in_place.h"
#include "run/restore_snapshot.h"
#include "run/trust.h"
#include <string.h>

#define SESSIONS_WAIT_MS 30000

bool run_database_exists(Run *run, const char *name, bool *exists, GError **error)
{
    g_autoptr(PgResult) result =
        pg_query(run->control, error, "SELECT FROM pg_database WHERE datname = $1", 1, name);
    if (result == NULL)
        return false;
    *exists = pg_rows(result) > 0;
    return true;
}

bool run_learn_closed(Run *run, const char *name, GError **error)
{
    g_autoptr(PgResult) row = pg_query(
        run->control, error,
        "SELECT NOT datallowconn, datconnlimit = 0 FROM pg_database WHERE datname = $1", 1, name);
    if (row == NULL)
        return false;
    run->shut = pg_rows(row) > 0 && pg_flag(row, 0, 0);
    run->limited = pg_rows(row) > 0 && pg_flag(row, 0, 1);
    return true;
}

/* The pids of the sessions that this process uses, as an array of SQL. */
static char *own_pids(const Run *run)
{
    return g_strdup_printf("{%d,%d,%d}", pg_backend_pid(run->control), pg_backend_pid(run->helper),
                           run_lock_pid(run->lock));
}

/* The names that its copies have while it is at work. */
static char *copies_json(const Run *run)
{
    g_autoptr(json_t) list = json_pack("[s, s, s, s]", run->names->live, run->names->keep,
                                       run->names->work, run->names->restore);
    return json_to_line(list);
}

/* Ends sessions until sql, which ends them, finds none any more. */
static bool end_until_gone(Run *run, const char *sql, const char *whose, const char *copies,
                           const char *what, GError **error)
{
    const int64_t end_us = clock_monotonic_us() + SESSIONS_WAIT_MS * (int64_t)1000;
    g_autofree char *own = own_pids(run);
    for (;;) {
        g_autoptr(PgResult) result = copies != NULL
                                         ? pg_query(run->control, error, sql, 3, whose, own, copies)
                                         : pg_query(run->control, error, sql, 2, whose, own);
        if (result == NULL)
            return false;
        if (pg_rows(result) == 0)
            return true;
        if (clock_monotonic_us() >= end_us) {
            error_set(error, ERROR_FAILED, "%s are still there and do not end", what);
            error_hint_set(error, "SELECT pid, query FROM pg_stat_activity WHERE application_name "
                                  "LIKE 'drydock %%' shows them; run drydock recover when they are "
                                  "gone");
            return false;
        }
        (void)clock_sleep_ms(20);
    }
}

/* Our statements may still run on the server though their client is gone. Sessions that this very
 * process has lost are among them: what counts is the session, not its name. */
bool run_end_own_sessions(Run *run, GError **error)
{
    g_autofree char *pattern = g_strdup_printf("drydock %% %s %%", run->session);
    g_autofree char *what = g_strdup_printf("sessions of run %s", run->id);
    g_autofree char *copies = copies_json(run);
    return end_until_gone(run, pg_sql_recover_end_run, pattern, copies, what, error);
}

bool run_end_renaming_sessions(Run *run, GError **error)
{
    return end_until_gone(run, pg_sql_recover_end_renaming, run->database, NULL,
                          "sessions of a run that rename the database", error);
}

char *restore_read_content(PgConnection *connection, GError **error)
{
    g_autoptr(DigestSet) digests = NULL;
    if (!digest_pin(connection, error) ||
        !pg_exec(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", error))
        return NULL;
    digests = digest_list(connection, error);
    if (digests == NULL || !digest_fill(digests, &connection, 1, error))
        return NULL;
    return digest_set_hash(digests);
}

static bool prove_by_digests(Run *run, bool *proven, GError **error)
{
    PgConnection *connection = NULL;
    g_autofree char *content = NULL;
    if (!run_enter(run, run->names->keep, true, 1, &connection, error))
        return false;
    content = restore_read_content(connection, error);
    pg_disconnect(connection);
    if (content == NULL)
        return false;
    *proven = strcmp(content, run->content) == 0;
    return true;
}

/* Says how the kept copy is known to be what it was, or why it is not. */
static bool prove(Run *run, char **why, const char **proof, GError **error)
{
    g_autofree char *now = gate_version(run->control, run->names->keep, error);
    bool proven = false;
    if (now == NULL)
        return false;
    if (!run->unwatched && run->gate != NULL && strcmp(now, run->gate) == 0) {
        *proof = run->exchanged ? "the clone that was made before anything was migrated: its row "
                                  "in pg_database is the one that was written when it was closed"
                 : run->gate_opened ? "closed, but for this run's own reading: its row in "
                                      "pg_database is the one that was written when it was closed"
                                    : "closed all the time: its row in pg_database is unchanged";
        return true;
    }
    if (run->content != NULL) {
        g_clear_pointer(&run->gate, g_free);
        run->unwatched = true;
        if (!prove_by_digests(run, &proven, error))
            return false;
        *proof = "every digest equals the one taken before the first migrating statement";
        if (!proven)
            *why = g_strdup("the content differs from the digests that were taken before the "
                            "first migrating statement");
        return true;
    }
    if (run->migrating)
        *why = g_strdup("the kept copy was opened by someone else, and there is no digest to "
                        "compare its content with");
    *proof = "no migrating statement was sent to any copy";
    return true;
}

/* The gate of the kept copy as it was left by a crash or an error while it was open for reading. */
static bool close_if_open(Run *run, GError **error)
{
    bool open = false;
    if (!gate_is_open(run->control, run->names->keep, &open, error))
        return false;
    if (!open)
        return gate_end_sessions(run->control, run->names->keep, NULL, SESSIONS_WAIT_MS, NULL,
                                 error);
    log_info("restore: closing the kept copy, which was open for reading");
    return run_close_unwatched(run, error) &&
           gate_end_sessions(run->control, run->names->keep, NULL, SESSIONS_WAIT_MS, NULL, error);
}

bool restore_settle_work(Run *run, bool *drop, GError **error)
{
    bool exists = false;
    *drop = false;
    if (!run_database_exists(run, run->names->work, &exists, error))
        return false;
    if (!exists) {
        run->migrating = false;
        return true;
    }
    *drop = !run->migrating && !run->exchanged;
    /* If we die between giving the name back and the drop, its record is all that tells what it is.
     */
    if (*drop && !run_write_work_record(run, "clone", error))
        return false;
    return gate_set(run->control, run->names->work, false, error) &&
           gate_end_sessions(run->control, run->names->work, NULL, SESSIONS_WAIT_MS, NULL, error);
}

void restore_drop_work(Run *run, GPtrArray *exceptions)
{
    g_autofree char *work = pg_identifier(run->names->work);
    g_autoptr(GError) cause = NULL;
    if (!pg_execf(run->control, &cause, "DROP DATABASE IF EXISTS %s", work))
        g_ptr_array_add(exceptions, g_strdup_printf("the clone '%s' could not be dropped: %s",
                                                    run->names->work, cause->message));
}

void run_compare_shared(Run *run, GPtrArray *exceptions)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(json_t) now = NULL;
    g_autoptr(GPtrArray) differences = NULL;
    if (run->shared == NULL)
        return;
    now = run_read_shared(run, run->control, &cause);
    if (now == NULL) {
        g_ptr_array_add(exceptions, g_strdup_printf("the shared catalogs could not be compared: %s",
                                                    cause->message));
        return;
    }
    differences = shared_compare(run->shared, now);
    for (guint i = 0; i < differences->len; i++) {
        const char *difference = g_ptr_array_index(differences, i);
        /* No migration can create or drop a database: others of the server have lives of their own.
         */
        if (g_str_has_prefix(difference, "database "))
            log_warning("meanwhile on the server: %s", difference);
        else
            g_ptr_array_add(exceptions, g_strdup(difference));
    }
}

bool restore_give_name(Run *run, const Naming *naming, GPtrArray *exceptions, GError **error)
{
    g_autoptr(GError) cause = NULL;
    bool back = false;
    if (naming_give(run, naming, exceptions, &cause))
        return true;
    if (pg_is_alive(run->control)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    /* The connection was lost, maybe with the answer to COMMIT: the names tell, as soon as the lost
     * session cannot change them any more. */
    log_warning("%s; trying again", cause->message);
    return run_connect(run, error) && run_end_own_sessions(run, error) &&
           run_database_exists(run, run->names->live, &back, error) &&
           (back || naming_give(run, naming, exceptions, error));
}

NamingAside restore_work_aside(const Run *run)
{
    return (NamingAside){.name = run->names->work,
                         .aside = run->names->failed,
                         .role = "failed",
                         .phase = "restored"};
}

void restore_in_service(Run *run, const char *proof, bool drop, bool migrated,
                        GPtrArray *exceptions)
{
    g_autoptr(GError) cause = NULL;
    run->downtime_us = run->fenced_at_us != 0 ? clock_monotonic_us() - run->fenced_at_us : 0;
    run->failed_left = run->migrating;
    json_set_text(run->report, "proof", proof);
    if (run->intruders > 0)
        json_set_integer(run->report, "sessions_ended_in_copies", run->intruders);
    (void)journal_done(run->journal, "restore", "rename", NULL, NULL);
    log_info("restore: '%s' is in service again; %s", run->database, proof);
    /* What is left to do is worth a new connection, if this one was lost. */
    if ((drop || migrated) && !run_connect(run, &cause)) {
        g_ptr_array_add(exceptions,
                        g_strdup_printf("%s: %s",
                                        drop ? "the clone could not be dropped"
                                             : "the shared catalogs could not be compared",
                                        cause->message));
        return;
    }
    if (drop)
        restore_drop_work(run, exceptions);
    if (migrated)
        run_compare_shared(run, exceptions);
}

/* The kept copy is there and may have its name back: *why says why not, if it is not what it was.
 */
static bool give_back_and_prove(Run *run, GPtrArray *exceptions, char **why, GError **error)
{
    const char *proof = NULL;
    const bool migrated = run->migrating;
    bool drop = false;
    /* A clone may lack what this role could not give it: that is tried again, and named. */
    Naming naming = {.chosen = run->names->keep,
                     .current = run->exchanged ? NULL : run->names->keep};
    if (!close_if_open(run, error) || !restore_settle_work(run, &drop, error) ||
        !prove(run, why, &proof, error))
        return false;
    if (*why != NULL)
        return true;
    if (run->migrating)
        naming.asides[naming.n_asides++] = restore_work_aside(run);
    if (!journal_intent(run->journal, "restore", "rename", json_pack("{s:s}", "proof", proof),
                        NULL))
        log_warning("the journal cannot be written");
    if (!restore_give_name(run, &naming, exceptions, error))
        return false;
    restore_in_service(run, proof, drop, migrated, exceptions);
    return true;
}

/* The next tier, for what is wrong with the kept copy, if there is one. */
static bool restore_snapshot(Run *run, bool kept, const char *why, GPtrArray *exceptions,
                             GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *kept_copy =
        kept ? g_strdup_printf("; the kept copy is '%s', closed", run->names->keep)
        : run->exchanged
            ? g_strdup_printf("; the database as the migrations have left it is '%s', closed",
                              run->names->work)
            : g_strdup("");
    if (restore_from_snapshot(run, kept, why, exceptions, &cause))
        return true;
    if (error_is(cause, ERROR_CONNECTION) || error_is(cause, ERROR_LOCKED)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (cause == NULL)
        error_set(error, ERROR_NEEDS_PERSON, "%s%s", why, kept_copy);
    else
        error_set(error, ERROR_NEEDS_PERSON,
                  "%s, and the snapshot of the run could not be restored: %s%s", why,
                  cause->message, kept_copy);
    return false;
}

/* What a person has renamed the kept copy to; NULL: nothing that is known. */
static char *renamed_keep(const Run *run)
{
    g_autoptr(GPtrArray) records = run_records_read(run->control, run->database, NULL);
    const RunRecord *keep = NULL;
    if (records == NULL)
        return NULL;
    trust_by_journal(records, run->options->state_folder);
    keep = run_records_find(records, run->id, "keep");
    return keep != NULL ? g_strdup(keep->name) : NULL;
}

/* It still says that it belongs to a run, so that none begins beside it. */
static void name_renamed(const char *renamed, GPtrArray *exceptions)
{
    g_autofree char *quoted = pg_identifier(renamed);
    g_ptr_array_add(exceptions,
                    g_strdup_printf("somebody has renamed the kept copy to '%s', and no run begins "
                                    "until it is dropped, or its record taken away: COMMENT ON "
                                    "DATABASE %s IS NULL",
                                    renamed, quoted));
}

/* Which of the databases of a run are there. */
typedef struct {
    bool live, kept, work, before;
} There;

static bool look(Run *run, There *there, GError **error)
{
    return run_database_exists(run, run->names->keep, &there->kept, error) &&
           run_database_exists(run, run->names->work, &there->work, error) &&
           run_database_exists(run, run->names->live, &there->live, error) &&
           run_database_exists(run, run->names->before, &there->before, error);
}

/* Whether there is a copy that has no name in service: the kept one, or the database itself. */
static bool is_out_of_service(const Run *run, const There *there)
{
    return there->kept || (run->exchanged && there->work);
}

/* The name is given already, or somebody else has it: nothing is left to be done. False if not. */
static bool is_settled(Run *run, const There *there, WayBack *way, GError **error)
{
    const bool out = is_out_of_service(run, there);
    *way = WAY_BACK_NOT;
    if (!out && there->live && (there->before || (run->alone && run->naming_sent))) {
        run->opened = true;
        *way = WAY_BACK_OPENED;
        return true;
    }
    if (!out && there->before) {
        error_set(error, ERROR_NEEDS_PERSON,
                  "the migrated copy had the name '%s', and somebody has renamed or dropped it "
                  "since; the copy from before is '%s', closed",
                  run->database, run->names->before);
        return true;
    }
    if (!out && there->live) {
        if (!run_database_exists(run, run->names->failed, &run->failed_left, error))
            return true;
        json_set_text(run->report, "proof",
                      run->migrating ? "the kept copy had its name back already"
                                     : "the name was never taken away, or was given back already");
        *way = WAY_BACK_PROVEN;
        return true;
    }
    if (there->live)
        error_set(error, ERROR_NEEDS_PERSON,
                  "somebody created a database '%s' during the run; the kept copy is '%s', closed",
                  run->database, there->kept ? run->names->keep : run->names->work);
    return there->live;
}

/* Gives the name back to what is there; *why says why that may not be. */
static bool give_back(Run *run, const There *there, GPtrArray *exceptions, char **why,
                      GError **error)
{
    if (there->kept)
        return give_back_and_prove(run, exceptions, why, error);
    g_free(run->renamed_keep);
    run->renamed_keep = renamed_keep(run);
    if (is_out_of_service(run, there))
        return in_place_give_back(run, exceptions, why, error);
    *why = g_strdup_printf("neither '%s' nor its kept copy '%s' is on the server", run->database,
                           run->names->keep);
    return true;
}

WayBack run_restore(Run *run, GPtrArray *exceptions, GError **error)
{
    There there = {0};
    WayBack way = WAY_BACK_NOT;
    g_autofree char *why = NULL;
    interrupt_shield(true);
    g_clear_pointer(&run->work, pg_disconnect);
    g_clear_pointer(&run->keep, pg_disconnect);
    run->phase = "restore";
    if (!run_connect(run, error))
        return WAY_BACK_NOT;
    /* A transaction that an error left open. */
    if (pg_transaction(run->control) != PG_IDLE && !pg_exec(run->control, "ROLLBACK", error))
        return WAY_BACK_NOT;
    pg_set_deadline(run->control, 0, NULL);
    if (!run_end_own_sessions(run, error) || !in_place_settle(run, error) ||
        !look(run, &there, error))
        return WAY_BACK_NOT;
    if (is_settled(run, &there, &way, error))
        return way;
    if (!give_back(run, &there, exceptions, &why, error) ||
        (why != NULL && !restore_snapshot(run, there.kept, why, exceptions, error)))
        return WAY_BACK_NOT;
    if (run->renamed_keep != NULL)
        name_renamed(run->renamed_keep, exceptions);
    return exceptions->len == 0 ? WAY_BACK_PROVEN : WAY_BACK_EXCEPTIONS;
}
