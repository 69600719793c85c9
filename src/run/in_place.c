#include "run/in_place.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "migration/history.h"
#include "run/gate.h"
#include "run/restore_snapshot.h"
#include "run/trust.h"
#include <string.h>

#define SESSIONS_WAIT_MS 10000

static bool same_row(const Run *run, const char *copy, const char *version, bool *same,
                     GError **error)
{
    g_autofree char *now = gate_version(run->control, copy, error);
    *same = now != NULL && g_strcmp0(now, version) == 0;
    return now != NULL;
}

static bool check_row(const Run *run, const char *copy, const char *version, GError **error)
{
    bool same = false;
    if (!same_row(run, copy, version, &same, error))
        return false;
    if (!same)
        error_set(error, ERROR_INTEGRITY,
                  "'%s' was changed by someone else: its row in pg_database is not the one that "
                  "was written when it was closed",
                  copy);
    return same;
}

/* The content of a copy, which is opened for that, as a hash; NULL with an error. */
static char *read_content(Run *run, const char *copy, GError **error)
{
    PgConnection *connection = NULL;
    char *content = NULL;
    if (!run_enter(run, copy, true, 1, &connection, error))
        return NULL;
    content = restore_read_content(connection, error);
    pg_disconnect(connection);
    return content;
}

static bool check_content(Run *run, const char *copy, GError **error)
{
    g_autofree char *content = read_content(run, copy, error);
    if (content == NULL)
        return false;
    if (strcmp(content, run->content) == 0)
        return true;
    error_set(error, ERROR_INTEGRITY, "the content of '%s' is not that of the snapshot", copy);
    return false;
}

/* Somebody was in the database while the snapshot was begun, and may have written to it before or
 * behind that; or recovery goes on, and has let itself into the clone. If clone and database have
 * the content of the snapshot now, nobody has written to them. */
static bool prove_unchanged(Run *run, GError **error)
{
    const int intruders = run->intruders;
    if (!run->unwatched && (run->alone || run->work_gate != NULL))
        return true;
    if (!check_content(run, run->names->keep, error) ||
        (!run->alone && !check_content(run, run->names->work, error)))
        return false;
    if (run->intruders > intruders) {
        error_set(error, ERROR_INTEGRITY, "somebody came into the database while it was read");
        return false;
    }
    if (!run->alone)
        run->work_gate = gate_version(run->control, run->names->work, error);
    run->unwatched = false;
    return (run->alone || run->work_gate != NULL) && run_write_keep_record(run, "snapshot", error);
}

static bool rename_copy(const Run *run, const char *from, const char *to, GError **error)
{
    g_autofree char *quoted_from = pg_identifier(from);
    g_autofree char *quoted_to = pg_identifier(to);
    return pg_execf(run->control, error, "ALTER DATABASE %s RENAME TO %s", quoted_from, quoted_to);
}

/* The database itself goes from one name to the other, and the clone, if there is one, the other
 * way. */
static bool rename_copies(const Run *run, const char *from, const char *to, GError **error)
{
    const char *spare = run->names->before;
    return (run->alone || rename_copy(run, to, spare, error)) &&
           rename_copy(run, from, to, error) &&
           (run->alone || rename_copy(run, spare, from, error));
}

static bool take_versions(Run *run, const char *keep, const char *work, GError **error)
{
    g_clear_pointer(&run->gate, g_free);
    g_clear_pointer(&run->work_gate, g_free);
    if (keep != NULL)
        run->gate = gate_version(run->control, keep, error);
    if (work != NULL)
        run->work_gate = gate_version(run->control, work, error);
    return (keep == NULL || run->gate != NULL) && (work == NULL || run->work_gate != NULL);
}

static bool close_and_empty(Run *run, const char *copy, GError **error)
{
    return gate_end_sessions(run->control, copy, NULL, SESSIONS_WAIT_MS, NULL, error);
}

/* In the transaction of the exchange. */
static bool change_roles(Run *run, GError **error)
{
    const RunNames *names = run->names;
    if (!check_row(run, names->keep, run->gate, error) ||
        (!run->alone && !check_row(run, names->work, run->work_gate, error)) ||
        !rename_copies(run, names->keep, names->work, error) ||
        !take_versions(run, run->alone ? NULL : names->keep, names->work, error))
        return false;
    run->migrating = true;
    return (run->alone || run_write_keep_record(run, "migrate", error)) &&
           run_write_work_record(run, "migrate", error) && run_lock_check(run->lock, error);
}

static bool commit(Run *run, GError **error)
{
    bool done = false;
    failpoint("exchange.before_commit");
    /* From here on the copies may have changed their roles, whatever the answer is. */
    run->exchange_sent = true;
    interrupt_shield(true);
    done = pg_exec(run->control, "COMMIT", error);
    interrupt_shield(false);
    failpoint("exchange.after_commit");
    if (done)
        run->exchange_sent = false;
    return done;
}

/* One transaction; false leaves the run as it was, unless its COMMIT was sent. */
static bool exchange(Run *run, GError **error)
{
    g_autofree char *gate = g_strdup(run->gate);
    g_autofree char *work_gate = g_strdup(run->work_gate);
    if (!pg_exec(run->control, "BEGIN", error))
        return false;
    if (change_roles(run, error)) {
        run->exchanged = commit(run, error);
        return run->exchanged;
    }
    if (pg_is_alive(run->control))
        (void)pg_exec(run->control, "ROLLBACK", NULL);
    g_free(run->gate);
    g_free(run->work_gate);
    run->gate = g_steal_pointer(&gate);
    run->work_gate = g_steal_pointer(&work_gate);
    run->migrating = false;
    return false;
}

bool in_place_begin(Run *run, GError **error)
{
    if (run->exchanged)
        return true;
    return prove_unchanged(run, error) &&
           journal_intent(run->journal, "migrate", "exchange",
                          json_pack("{s:s, s:s}", "from", run->names->keep, "to", run->names->work),
                          error) &&
           close_and_empty(run, run->names->keep, error) &&
           close_and_empty(run, run->names->work, error) && exchange(run, error) &&
           journal_done(run->journal, "migrate", "exchange", json_pack("{s:s?}", "gate", run->gate),
                        error);
}

/* The answer to COMMIT was lost: the records tell what the copies are. */
static bool learn(Run *run, GError **error)
{
    g_autoptr(GPtrArray) records = NULL;
    const RunRecord *keep = NULL, *work = NULL;
    if (!run->exchange_sent)
        return true;
    records = run_records_read(run->control, run->database, error);
    if (records == NULL)
        return false;
    trust_by_journal(records, run->options->state_folder);
    keep = run_records_find(records, run->id, "keep");
    work = run_records_find(records, run->id, "work");
    run->exchange_sent = false;
    run->exchanged = run->migrating =
        keep != NULL ? strcmp(keep->phase, "migrate") == 0 : work != NULL;
    run->taken_back = !run->exchanged;
    g_free(run->gate);
    g_free(run->work_gate);
    run->gate = keep != NULL ? g_strdup(keep->gate) : NULL;
    run->work_gate = run->exchanged && work != NULL ? g_strdup(work->gate) : NULL;
    return true;
}

/* In one transaction; the clone is one again to which nothing was sent. */
static bool take_back(Run *run, bool kept, GError **error)
{
    const RunNames *names = run->names;
    if (!pg_exec(run->control, "BEGIN", error))
        return false;
    run->alone = !kept;
    run->migrating = false;
    if (rename_copies(run, names->work, names->keep, error) &&
        take_versions(run, names->keep, NULL, error) &&
        run_write_keep_record(run, "snapshot", error) &&
        (!kept || run_write_work_record(run, "clone", error)) && run_lock_check(run->lock, error) &&
        pg_exec(run->control, "COMMIT", error))
        return true;
    if (pg_is_alive(run->control))
        (void)pg_exec(run->control, "ROLLBACK", NULL);
    return false;
}

static bool take_back_untouched(Run *run, bool kept, GError **error)
{
    (void)journal_intent(run->journal, "restore", "exchange", NULL, NULL);
    if (!close_and_empty(run, run->names->work, error) ||
        (kept && !close_and_empty(run, run->names->keep, error)) || !take_back(run, kept, error))
        return false;
    (void)journal_done(run->journal, "restore", "exchange", NULL, NULL);
    log_info("restore: nobody was let into '%s' itself since the copies were exchanged",
             run->database);
    run->exchanged = run->unwatched = false;
    run->taken_back = true;
    return true;
}

bool in_place_settle(Run *run, GError **error)
{
    bool work = false, kept = false, untouched = false;
    if (!run->in_place || !learn(run, error) ||
        !run_database_exists(run, run->names->work, &work, error) ||
        !run_database_exists(run, run->names->keep, &kept, error))
        return !run->in_place;
    if (!run->exchanged || !work || run->work_gate == NULL)
        return true;
    return same_row(run, run->names->work, run->work_gate, &untouched, error) &&
           (!untouched || take_back_untouched(run, kept, error));
}

/* Whether everything that was sent to the database was rolled back. What no transaction takes back
 * (sequences) shows in the content. */
static bool check_rolled_back(Run *run, char **why, GError **error)
{
    PgConnection *connection = NULL;
    g_autofree char *content = NULL;
    bool written = false;
    if (!run_enter(run, run->names->work, true, 1, &connection, error))
        return false;
    if (history_has_run(connection, run->id, &written, error) && !written)
        content = restore_read_content(connection, error);
    pg_disconnect(connection);
    if (written)
        *why = g_strdup_printf("migrations were committed to '%s' itself, and there is no clone "
                               "of it",
                               run->database);
    else if (content != NULL && g_strcmp0(content, run->content) != 0)
        *why = g_strdup_printf("no migration was committed to '%s', and its content is another "
                               "all the same",
                               run->database);
    return *why != NULL || content != NULL;
}

bool in_place_give_back(Run *run, GPtrArray *exceptions, char **why, GError **error)
{
    static const char proof[] = "no migration was committed, PostgreSQL rolled back what was sent: "
                                "every digest equals the one taken before the first migrating "
                                "statement";
    const Naming naming = {.chosen = run->names->work, .current = run->names->work};
    bool drop = false;
    if (!restore_settle_work(run, &drop, error) || !check_rolled_back(run, why, error))
        return false;
    if (*why != NULL)
        return true;
    if (!journal_intent(run->journal, "restore", "rename", json_pack("{s:s}", "proof", proof),
                        NULL))
        log_warning("the journal cannot be written");
    if (!restore_give_name(run, &naming, exceptions, error))
        return false;
    run->migrating = false; /* no failed copy is left */
    restore_in_service(run, proof, false, true, exceptions);
    return true;
}
