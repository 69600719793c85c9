/* Which piece of work comes next: the ready one with the largest weight that no running one
 * excludes. */
#include "snapshot/restore_graph.h"

struct Schedule {
    RestoreGraph *graph;
    GPtrArray *ready;   /* Work *, heaviest first, reading last; ties in the archive's order */
    GPtrArray *running; /* Work * */
    guint done;
};

/* Reading back waits until there is nothing else to do; nothing waits for it. */
static bool goes_before(const Work *work, const Work *other)
{
    if ((work->kind == WORK_READ) != (other->kind == WORK_READ))
        return other->kind == WORK_READ;
    return work->weight > other->weight;
}

/* Before which of the ready ones work belongs. Among equals the first that came comes first. */
static guint place_of(const Schedule *schedule, const Work *work)
{
    guint low = 0, high = schedule->ready->len;
    while (low < high) {
        const guint middle = low + (high - low) / 2;
        const Work *other = g_ptr_array_index(schedule->ready, middle);
        if (goes_before(work, other))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void make_ready(Schedule *schedule, Work *work)
{
    work->state = WORK_READY;
    g_ptr_array_insert(schedule->ready, (gint)place_of(schedule, work), work);
}

Schedule *schedule_new(RestoreGraph *graph)
{
    Schedule *schedule = g_new0(Schedule, 1);
    schedule->graph = graph;
    schedule->ready = g_ptr_array_new();
    schedule->running = g_ptr_array_new();
    for (guint i = 0; i < graph->work->len; i++) {
        Work *work = g_ptr_array_index(graph->work, i);
        if (work->waits == 0)
            make_ready(schedule, work);
    }
    return schedule;
}

void schedule_free(Schedule *schedule)
{
    if (schedule == NULL)
        return;
    g_ptr_array_free(schedule->ready, TRUE);
    g_ptr_array_free(schedule->running, TRUE);
    g_free(schedule);
}

/* Whether work locks what the other one uses. */
static bool locks_out(const Work *work, const Work *other)
{
    const GArray *locks = work->locks, *uses = other->uses;
    if (work->lets_read && other->kind == WORK_READ)
        return false;
    for (guint i = 0; i < locks->len; i++) {
        for (guint n = 0; n < uses->len; n++) {
            if (g_array_index(locks, int, i) == g_array_index(uses, int, n))
                return true;
        }
    }
    return false;
}

static bool is_excluded(const Schedule *schedule, const Work *work)
{
    for (guint i = 0; i < schedule->running->len; i++) {
        const Work *other = g_ptr_array_index(schedule->running, i);
        if (locks_out(work, other) || locks_out(other, work))
            return true;
    }
    return false;
}

static bool waits_for_readers_alone(const Schedule *schedule, const Work *work)
{
    for (guint i = 0; i < schedule->running->len; i++) {
        const Work *other = g_ptr_array_index(schedule->running, i);
        if (other->kind != WORK_READ && (locks_out(work, other) || locks_out(other, work)))
            return false;
    }
    return true;
}

/* Whether a piece that is ready could begin if nobody began to read its table: else one reader
 * after the other would keep it waiting. */
static bool is_in_the_way(const Schedule *schedule, const Work *read)
{
    for (guint i = 0; i < schedule->ready->len; i++) {
        const Work *other = g_ptr_array_index(schedule->ready, i);
        if (other->kind == WORK_READ)
            return false; /* they come last */
        if (locks_out(other, read) && waits_for_readers_alone(schedule, other))
            return true;
    }
    return false;
}

Work *schedule_next(Schedule *schedule)
{
    for (guint i = 0; i < schedule->ready->len; i++) {
        Work *work = g_ptr_array_index(schedule->ready, i);
        if (is_excluded(schedule, work) ||
            (work->kind == WORK_READ && is_in_the_way(schedule, work)))
            continue;
        g_ptr_array_remove_index(schedule->ready, i);
        g_ptr_array_add(schedule->running, work);
        work->state = WORK_RUNNING;
        return work;
    }
    return NULL;
}

void schedule_done(Schedule *schedule, Work *work)
{
    work->state = WORK_DONE;
    schedule->done++;
    g_ptr_array_remove_fast(schedule->running, work);
    for (guint i = 0; i < work->frees->len; i++) {
        Work *freed = g_ptr_array_index(schedule->graph->work, g_array_index(work->frees, int, i));
        if (--freed->waits == 0)
            make_ready(schedule, freed);
    }
}

bool schedule_is_finished(const Schedule *schedule)
{
    return schedule->done == schedule->graph->work->len;
}

guint schedule_ready(const Schedule *schedule)
{
    guint n = 0;
    for (guint i = 0; i < schedule->ready->len; i++)
        n += ((const Work *)g_ptr_array_index(schedule->ready, i))->kind != WORK_READ;
    return n;
}
