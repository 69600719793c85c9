/*
 * The workers: a thread and a connection each, taking pieces of work from the schedule until there
 * are none. The calling thread waits, shows how far they are, and ends their sessions as soon as
 * one of them has failed. The first error wins.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "snapshot/restore_state.h"

#define TICK_US (G_USEC_PER_SEC / 5)

typedef struct {
    Restore *restore;
    Schedule *schedule;
    GMutex lock; /* of what follows, and of the schedule */
    GCond changed;
    GError *error;
    guint idle, threads;
    guint data_left, rest_left, rest_done;
    int64_t data_done_us;
} Crew;

typedef struct {
    Crew *crew;
    PgConnection *connection;
    guint parallel; /* as the session has it set */
    bool pinned;
} Member;

/* Indexes are built by the workers side by side. Only when some of them have nothing else to do
 * does the server help with its own. */
static bool set_parallel(Member *member, guint parallel, GError **error)
{
    if (member->pinned && member->parallel == parallel)
        return true;
    member->parallel = parallel;
    member->pinned = true;
    return pg_execf(member->connection, error, "SET max_parallel_maintenance_workers = %u",
                    MIN(parallel, 8));
}

static bool run_sql(Member *member, const Work *work, guint parallel, GError **error)
{
    if (!work->is_data && work->entries->len > 0 && !set_parallel(member, parallel, error))
        return false;
    if (!work->is_data)
        failpoint("restore.in_post_data");
    if (work->kind == WORK_INDEX)
        return restore_build_index(member->crew->restore, member->connection,
                                   g_ptr_array_index(work->entries, 0), error);
    return restore_run_entries(member->crew->restore, member->connection, work->entries, error);
}

static bool run_work(Member *member, Work *work, guint parallel, GError **error)
{
    Restore *restore = member->crew->restore;
    switch (work->kind) {
    case WORK_ROWS:
        return restore_load_rows(restore, member->connection, g_ptr_array_index(work->entries, 0),
                                 error);
    case WORK_LARGE_OBJECTS:
        return restore_load_large(restore, member->connection, work, error);
    case WORK_ANALYZE:
        return restore_run_analyze(restore, member->connection, work->entries, error);
    case WORK_READ:
        return restore_read_back(restore, member->connection, work, error);
    case WORK_INDEX:
    case WORK_SQL:
    default:
        return run_sql(member, work, parallel, error);
    }
}

static void fail(Crew *crew, GError *error)
{
    if (crew->error == NULL)
        crew->error = error;
    else
        g_error_free(error);
    atomic_store(&crew->restore->stop, true);
    atomic_store(&crew->restore->watch.stop, true);
}

static void count_done(Crew *crew, const Work *work)
{
    if (!work->is_data) {
        crew->rest_done += work->kind != WORK_READ;
        return;
    }
    if (--crew->data_left > 0)
        return;
    crew->data_done_us = clock_monotonic_us();
    failpoint("restore.after_data");
}

/* With the lock held, which is let go while there is work to do. */
static void work_once(Member *member, Work *work)
{
    Crew *crew = member->crew;
    const guint parallel = schedule_ready(crew->schedule) == 0 ? crew->idle : 0;
    GError *error = NULL;
    bool done = false;
    g_mutex_unlock(&crew->lock);
    done = run_work(member, work, parallel, &error);
    g_mutex_lock(&crew->lock);
    if (!done) {
        fail(crew, error);
    } else {
        schedule_done(crew->schedule, work);
        count_done(crew, work);
    }
    g_cond_broadcast(&crew->changed);
}

static gpointer run_member(gpointer data)
{
    Member *member = data;
    Crew *crew = member->crew;
    g_mutex_lock(&crew->lock);
    while (crew->error == NULL && !schedule_is_finished(crew->schedule)) {
        Work *work = schedule_next(crew->schedule);
        if (work != NULL) {
            work_once(member, work);
            continue;
        }
        crew->idle++;
        g_cond_wait(&crew->changed, &crew->lock);
        crew->idle--;
    }
    crew->threads--;
    g_cond_broadcast(&crew->changed);
    g_mutex_unlock(&crew->lock);
    return NULL;
}

/* ---- the calling thread ---- */

static void show_progress(const Crew *crew)
{
    const Restore *restore = crew->restore;
    const uint64_t done = atomic_load(&restore->done_bytes), total = restore->total_bytes;
    const double seconds = (double)(clock_monotonic_us() - restore->began_us) / G_USEC_PER_SEC;
    const double rate = seconds > 0 ? (double)done / seconds : 0;
    g_autofree char *done_text = size_format(done);
    g_autofree char *total_text = size_format(total);
    g_autofree char *rate_text = size_format((uint64_t)rate);
    if (crew->data_left > 0) {
        const double left = rate > 0 && total > done ? (double)(total - done) / rate : 0;
        g_autofree char *eta = clock_format_duration((int64_t)(left * G_USEC_PER_SEC));
        log_progress("restoring: %s of %s, %s/s, about %s left; %u of %u indexes, constraints and "
                     "the like",
                     done_text, total_text, rate_text, eta, crew->rest_done, crew->rest_left);
        return;
    }
    log_progress("restoring: %s loaded; %u of %u indexes, constraints and the like", total_text,
                 crew->rest_done, crew->rest_left);
}

/* Waiting connections look at the clock and at signals; idle workers do not. */
static bool go_on(const Restore *restore, GError **error)
{
    if (interrupt_check(error))
        return false;
    if (restore->options->latest_us == 0 || clock_monotonic_us() < restore->options->latest_us)
        return true;
    error_set(error, ERROR_TIMEOUT, "the restore was stopped at its time limit");
    return false;
}

static void wait_for_members(Crew *crew)
{
    bool ended = false;
    g_mutex_lock(&crew->lock);
    while (crew->threads > 0) {
        GError *error = NULL;
        if (crew->error == NULL && !go_on(crew->restore, &error))
            fail(crew, error);
        if (crew->error != NULL && !ended) {
            ended = true;
            g_cond_broadcast(&crew->changed);
            g_mutex_unlock(&crew->lock);
            restore_end_workers(crew->restore);
            g_mutex_lock(&crew->lock);
            continue;
        }
        show_progress(crew);
        (void)g_cond_wait_until(&crew->changed, &crew->lock, g_get_monotonic_time() + TICK_US);
    }
    g_mutex_unlock(&crew->lock);
    log_progress_end();
}

static void run_members(Crew *crew)
{
    const guint n = crew->restore->workers->len;
    g_autofree Member *members = g_new0(Member, n);
    g_autofree GThread **threads = g_new0(GThread *, n);
    crew->threads = n;
    for (guint i = 0; i < n; i++) {
        members[i] =
            (Member){.crew = crew, .connection = g_ptr_array_index(crew->restore->workers, i)};
        threads[i] = g_thread_new("restore", run_member, &members[i]);
    }
    wait_for_members(crew);
    for (guint i = 0; i < n; i++)
        g_thread_join(threads[i]);
}

bool restore_run_graph(Restore *restore, GError **error)
{
    g_autoptr(Schedule) schedule = schedule_new(restore->graph);
    Crew crew = {.restore = restore, .schedule = schedule};
    const int64_t began_us = clock_monotonic_us();
    for (guint i = 0; i < restore->graph->work->len; i++) {
        const Work *work = g_ptr_array_index(restore->graph->work, i);
        if (work->is_data)
            crew.data_left++;
        else
            crew.rest_left += work->kind != WORK_READ;
    }
    crew.data_done_us = began_us;
    g_mutex_init(&crew.lock);
    g_cond_init(&crew.changed);
    run_members(&crew);
    g_cond_clear(&crew.changed);
    g_mutex_clear(&crew.lock);
    restore->result->data_us = crew.data_done_us - began_us;
    restore->result->post_data_us = clock_monotonic_us() - crew.data_done_us;
    if (crew.error != NULL)
        g_propagate_error(error, crew.error);
    return crew.error == NULL;
}
