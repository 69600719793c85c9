#include "run/backup.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "run/estimate.h"
#include "run/publish.h"
#include "snapshot/snapshot.h"

/* How far the thread has come. */
typedef enum { BEGUN, ENTERED, TAKEN, PUBLISHED } Progress;

/* A part of its work, for the report. */
typedef struct {
    const char *name;
    int64_t began_us, took_us;
    char *began; /* NULL: not begun */
    bool done, told;
} Step;

struct Backup {
    const Run *run;
    char *folder;
    json_t *properties;
    int64_t latest_us;
    bool may_fail; /* to publish: nothing waits for it */
    bool awaited;  /* the change lane waited for what has failed */
    GThread *thread;

    GMutex lock; /* of what follows, until the thread has ended */
    GCond changed;
    Progress progress;
    bool closed;       /* the gate is closed: what is read may be trusted */
    bool refused;      /* it will not be */
    bool ended;        /* the thread has nothing more to do */
    bool failed_first; /* before the change lane */
    GError *error;
    SnapshotResult *snapshot;
    json_t *places;
    Step steps[2];
};

/* ---- the thread ---- */

static void advance(Backup *backup, Progress progress)
{
    g_mutex_lock(&backup->lock);
    backup->progress = progress;
    g_cond_broadcast(&backup->changed);
    g_mutex_unlock(&backup->lock);
}

/* All sessions are in. */
static bool wait_until_closed(gpointer data, GError **error)
{
    Backup *backup = data;
    bool closed = false;
    advance(backup, ENTERED);
    g_mutex_lock(&backup->lock);
    while (!backup->closed && !backup->refused)
        g_cond_wait(&backup->changed, &backup->lock);
    closed = backup->closed;
    g_mutex_unlock(&backup->lock);
    if (!closed)
        interrupt_set_error(error);
    return closed;
}

static SnapshotResult *read_keep(Backup *backup, GError **error)
{
    const Run *run = backup->run;
    const bool live = run->kind == RUN_ONLINE;
    const SnapshotOptions options = {.folder = backup->folder,
                                     .database = live ? run->database : run->names->keep,
                                     .real_name = run->database,
                                     .run = run->id,
                                     .application = run->application,
                                     .passfolder = run->folder,
                                     .jobs = policy_jobs(run->policy),
                                     .level = run->policy->snapshot_level,
                                     .format =
                                         run->policy->snapshot_text ? SNAPSHOT_TEXT : SNAPSHOT_AUTO,
                                     .split_bytes = run->policy->snapshot_split_bytes,
                                     .latest_us = backup->latest_us,
                                     .properties = backup->properties,
                                     .entered = live ? NULL : wait_until_closed,
                                     .data = backup};
    return snapshot_take(run->target, &options, error);
}

static bool take(Backup *backup, GError **error)
{
    const Run *run = backup->run;
    g_autofree char *size = NULL;
    g_autoptr(SnapshotResult) result = read_keep(backup, error);
    if (result == NULL) {
        if (error_is(*error, ERROR_TIMEOUT))
            error_recode(error, ERROR_TOO_LATE);
        return false;
    }
    size = size_format(result->size_bytes);
    log_info("snapshot: %d tables and sequences digested, %s in '%s'",
             (int)result->digests->tables->len, size, backup->folder);
    if (!journal_done(run->journal, "snapshot", "take",
                      json_pack("{s:s}", "content", result->content_hash), error) ||
        !audit_event(run->audit, "snapshot",
                     json_pack("{s:s, s:I, s:s}", "folder", backup->folder, "size_bytes",
                               (json_int_t)result->size_bytes, "content", result->content_hash),
                     error))
        return false;
    backup->snapshot = g_steal_pointer(&result);
    return true;
}

static bool publish(Backup *backup, GError **error)
{
    return publish_snapshot(backup->run, backup->may_fail ? 0 : backup->latest_us, backup->places,
                            error);
}

/* The first failure stops the change lane, too; a signal needs no help for that. */
static void fail(Backup *backup, GError *error, bool stops)
{
    const bool first = stops && !error_is(error, ERROR_INTERRUPTED) && interrupt_stop();
    g_mutex_lock(&backup->lock);
    backup->error = error;
    backup->failed_first = first;
    g_mutex_unlock(&backup->lock);
}

static void begin_step(Step *step)
{
    g_free(step->began);
    step->began = clock_format_utc(clock_wall_us());
    step->began_us = clock_monotonic_us();
}

static bool run_step(Backup *backup, Step *step, bool (*act)(Backup *backup, GError **error),
                     bool may_fail)
{
    GError *error = NULL;
    begin_step(step);
    step->done = !interrupt_check(&error) && act(backup, &error);
    step->took_us = clock_monotonic_us() - step->began_us;
    if (step->done) {
        g_autofree char *took = clock_format_duration(step->took_us);
        log_info("%s: done, %s", step->name, took);
        return true;
    }
    g_prefix_error(&error, "%s: ", step->name);
    fail(backup, error, !may_fail);
    return false;
}

static gpointer work(gpointer data)
{
    Backup *backup = data;
    if (run_step(backup, &backup->steps[0], take, false)) {
        advance(backup, TAKEN);
        if (run_step(backup, &backup->steps[1], publish, backup->may_fail))
            advance(backup, PUBLISHED);
    }
    g_mutex_lock(&backup->lock);
    backup->ended = true;
    g_cond_broadcast(&backup->changed);
    g_mutex_unlock(&backup->lock);
    return NULL;
}

/* ---- the main thread ---- */

/* Phases stand in the report as they began. */
static void tell_step(Run *run, Step *step)
{
    const char *lane = publish_before(run) != PUBLISH_BEFORE_MIGRATE ? "backup" : NULL;
    if (step->began != NULL && !step->told)
        (void)run_report_phase(run, step->name, lane, step->began, step->took_us, step->done);
    step->told = true;
}

static bool wait_for(Run *run, Progress progress, int64_t latest_us, GError **error)
{
    Backup *backup = run->backup;
    const int64_t began_us = clock_monotonic_us();
    bool in_time = true, reached = false;
    g_mutex_lock(&backup->lock);
    while (in_time && !backup->ended && backup->progress < progress) {
        if (latest_us == 0)
            g_cond_wait(&backup->changed, &backup->lock);
        else
            in_time = g_cond_wait_until(&backup->changed, &backup->lock, latest_us);
    }
    reached = backup->progress >= progress;
    g_mutex_unlock(&backup->lock);
    run->waited_us += clock_monotonic_us() - began_us;
    backup->awaited = !reached && in_time;
    if (backup->awaited)
        error_set(error, ERROR_FAILED, "the backup has failed");
    else if (!reached)
        error_set(error, ERROR_TOO_LATE,
                  "not enough of the window is left for the backup, which is not done");
    return reached;
}

static void let_read(Backup *backup)
{
    g_mutex_lock(&backup->lock);
    backup->closed = true;
    g_cond_broadcast(&backup->changed);
    g_mutex_unlock(&backup->lock);
}

static Backup *backup_new(Run *run)
{
    Backup *backup = g_new0(Backup, 1);
    backup->run = run;
    backup->folder = g_build_filename(run->folder, "snapshot", NULL);
    backup->properties = pg_properties_to_json(run->before);
    backup->latest_us = run_latest_us(run);
    backup->may_fail = publish_before(run) == PUBLISH_BEFORE_NOTHING;
    backup->places = json_array();
    backup->steps[0].name = "snapshot";
    backup->steps[1].name = "publish";
    g_mutex_init(&backup->lock);
    g_cond_init(&backup->changed);
    return backup;
}

/* Returns when its sessions are in the kept copy, whose gate is closed again. */
static bool start(Run *run, GError **error)
{
    Backup *backup = run->backup = backup_new(run);
    begin_step(&backup->steps[0]);
    if (!run_fits(run, "the snapshot", estimate_us(run, "snapshot"), error) ||
        !journal_intent(run->journal, "snapshot", "take",
                        json_pack("{s:s}", "folder", backup->folder), error) ||
        (run->kind != RUN_ONLINE && !run_open_keep(run, error)))
        return false;
    backup->thread = g_thread_new("backup", work, backup);
    if (run->kind == RUN_ONLINE)
        return true;
    if (!wait_for(run, ENTERED, 0, error) || !run_close_keep(run, error))
        return false;
    let_read(backup);
    return true;
}

/* What the thread has learnt becomes the run's. */
static void take_over(Run *run)
{
    SnapshotResult *result = run->backup->snapshot;
    if (result == NULL || run->digests != NULL)
        return;
    run->digests = g_steal_pointer(&result->digests);
    run->content = g_strdup(result->content_hash);
    estimate_snapshot_took(run, run->backup->steps[0].took_us);
    json_object_set_new(run->report, "snapshot",
                        json_pack("{s:s, s:I, s:i, s:s, s:i}", "folder", run->backup->folder,
                                  "size_bytes", (json_int_t)result->size_bytes, "files",
                                  result->files, "content", run->content, "tables",
                                  (int)run->digests->tables->len));
}

bool backup_await_snapshot(Run *run, GError **error)
{
    if (run->backup == NULL || run->digests != NULL)
        return true;
    if (!wait_for(run, TAKEN, 0, error))
        return false;
    take_over(run);
    tell_step(run, &run->backup->steps[0]);
    failpoint("snapshot.joined");
    return run_write_keep_record(run, run->migrating ? "migrate" : "snapshot", error);
}

static void backup_free(Backup *backup)
{
    for (size_t i = 0; i < G_N_ELEMENTS(backup->steps); i++)
        g_free(backup->steps[i].began);
    g_free(backup->folder);
    json_decref(backup->properties);
    json_decref(backup->places);
    snapshot_result_free(backup->snapshot);
    g_clear_error(&backup->error);
    g_mutex_clear(&backup->lock);
    g_cond_clear(&backup->changed);
    g_free(backup);
}

/* Waits for the thread. Signals count again: the upload may have to be ended by one. */
static void join(Backup *backup)
{
    if (backup->thread == NULL)
        return;
    (void)interrupt_shield(false);
    (void)interrupt_stop();
    g_mutex_lock(&backup->lock);
    backup->refused = true;
    g_cond_broadcast(&backup->changed);
    g_mutex_unlock(&backup->lock);
    g_thread_join(backup->thread);
    interrupt_go_on();
}

void backup_end(Run *run, GError **error)
{
    Backup *backup = run->backup;
    if (backup == NULL)
        return;
    join(backup);
    take_over(run);
    if (run->digests == NULL)
        json_set_text(run->report, "snapshot", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(backup->steps); i++)
        tell_step(run, &backup->steps[i]);
    json_object_set(run->report, "published", backup->places);
    if (error != NULL && (backup->failed_first || backup->awaited)) {
        g_clear_error(error);
        g_propagate_error(error, g_steal_pointer(&backup->error));
    }
    g_clear_pointer(&run->backup, backup_free);
}

/* ---- phases ---- */

bool run_snapshot(Run *run, GError **error)
{
    if (!start(run, error))
        return false;
    /* If somebody else was in the kept copy, its row proves nothing any more: its content must be
     * known before anything can need a proof. */
    if (publish_before(run) == PUBLISH_BEFORE_MIGRATE || run->unwatched)
        return backup_await_snapshot(run, error);
    return true;
}

/* A run that recovery goes on with has no lane. */
static bool publish_in_time(Run *run, int64_t latest_us, GError **error)
{
    bool any = false;
    return run->backup != NULL ? wait_for(run, PUBLISHED, latest_us, error)
                               : publish_missing(run, &any, error);
}

bool run_publish_before_migrate(Run *run, GError **error)
{
    return publish_before(run) != PUBLISH_BEFORE_MIGRATE ||
           (run_fits(run, "publishing", estimate_us(run, "publish"), error) &&
            publish_in_time(run, run_latest_us(run), error));
}

bool run_publish_before_open(Run *run, GError **error)
{
    return publish_before(run) != PUBLISH_BEFORE_OPEN ||
           publish_in_time(run, run_latest_us(run), error);
}

/* Users are at work again, and what the policy starts is not kept waiting: a signal ends the upload
 * and nothing else. */
bool run_publish_at_end(Run *run, GError **error)
{
    if (publish_before(run) != PUBLISH_BEFORE_NOTHING)
        return true;
    run_outcome_is_known(run, 0);
    (void)interrupt_shield(false);
    interrupt_set_latest(0);
    return publish_in_time(run, 0, error);
}
