/* The clone: a work copy of the closed kept copy, born closed, with the original's properties
 * before its gate is ever opened. */
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "run/context.h"
#include "run/estimate.h"
#include "run/gate.h"
#include "run/properties.h"

#define WAL_LOG_MAX_BYTES ((int64_t)1000 * 1000 * 1000)
#define WATCH_MS 500

typedef struct {
    const Run *run;
    int64_t started_us;
} Progress;

static void show_progress(gpointer data)
{
    const Progress *progress = data;
    g_autofree char *size = size_format((uint64_t)progress->run->size_bytes);
    g_autofree char *elapsed = clock_format_duration(clock_monotonic_us() - progress->started_us);
    log_progress("clone: copying %s, %s", size, elapsed);
}

/* WAL_LOG is quick for small databases; FILE_COPY costs two checkpoints and then wins. Servers
 * before 15 know FILE_COPY only. */
static const char *strategy(const Run *run)
{
    if (pg_server_version(run->control) < 150000)
        return "";
    switch (run->policy->clone_method) {
    case CLONE_WAL_LOG:
        return " STRATEGY wal_log";
    case CLONE_FILE_COPY:
        return " STRATEGY file_copy";
    case CLONE_AUTO:
    case CLONE_NONE:
        break;
    }
    return run->in_place || run->size_bytes <= WAL_LOG_MAX_BYTES ? " STRATEGY wal_log"
                                                                 : " STRATEGY file_copy";
}

static bool create(Run *run, GError **error)
{
    Progress progress = {run, clock_monotonic_us()};
    g_autofree char *work = pg_identifier(run->names->work);
    g_autofree char *keep = pg_identifier(run->names->keep);
    g_autofree char *owner = pg_identifier(pg_properties_owner(run->before));
    bool done = false;
    pg_set_deadline(run->control, run_latest_us(run), run->helper);
    pg_set_watch(run->control, WATCH_MS, show_progress, &progress);
    run->cloned = true; /* it may appear even if we do not hear of it */
    done = pg_execf(run->control, error,
                    "CREATE DATABASE %s TEMPLATE %s OWNER %s ALLOW_CONNECTIONS false%s", work, keep,
                    owner, strategy(run));
    pg_set_watch(run->control, 0, NULL, NULL);
    pg_set_deadline(run->control, 0, NULL);
    log_progress_end();
    if (!done && error_is(*error, ERROR_TIMEOUT))
        error_recode(error, ERROR_TOO_LATE);
    return done;
}

/* A copy has inherited none of it. */
bool run_dress(Run *run, const char *phase, GError **error)
{
    g_autoptr(PgProperties) now = NULL;
    g_autoptr(GPtrArray) statements = NULL;
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    now = pg_properties_read(run->control, run->names->work, error);
    if (now == NULL)
        return false;
    /* The comment is the record's place until the copy gets the name. */
    pg_properties_set_comment(now, pg_properties_comment(run->before));
    statements = pg_properties_statements(run->names->work, now, run->before);
    if (!pg_exec(run->control, "BEGIN", error))
        return false;
    if (properties_run(run, statements, notes, error) && run_write_work_record(run, phase, error) &&
        pg_exec(run->control, "COMMIT", error)) {
        for (guint i = 0; i < notes->len; i++)
            log_warning("%s: %s", run->phase, (const char *)g_ptr_array_index(notes, i));
        return true;
    }
    (void)pg_exec(run->control, "ROLLBACK", NULL);
    return false;
}

/* Nobody is let into a clone that becomes the kept copy: its row proves it. */
static bool note_row(Run *run, GError **error)
{
    if (run->in_place)
        run->work_gate = gate_version(run->control, run->names->work, error);
    return !run->in_place || run->work_gate != NULL;
}

bool run_clone(Run *run, GError **error)
{
    if (run->alone)
        return true;
    if (!run_fits(run, "the clone", estimate_us(run, "clone"), error))
        return false;
    if (!journal_intent(run->journal, "clone", "create",
                        json_pack("{s:s}", "name", run->names->work), error))
        return false;
    return create(run, error) && journal_done(run->journal, "clone", "create", NULL, error) &&
           journal_intent(run->journal, "clone", "dress", NULL, error) &&
           run_dress(run, "clone", error) && note_row(run, error) &&
           journal_done(run->journal, "clone", "dress", NULL, error) &&
           audit_event(run->audit, "clone", json_pack("{s:s}", "work_copy", run->names->work),
                       error);
}
