/*
 * Filling in a set with several connections: a queue ordered by size, one thread for each
 * connection, the first error wins and stops the others. Large tables and the large objects stand
 * in it in several parts, whose digests are added. The calling thread waits, shows how far it is,
 * and asks its caller whether it is still worth going on.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "verify/digest.h"
#include "verify/digest_read.h"
#include "verify/large_objects.h"

#define TICK_US (G_USEC_PER_SEC / 5)
#define MIN_PART_BYTES (INT64_C(32) << 20)
#define PARTS_A_WORKER 4 /* parts are not equally much work */

typedef enum { READ_TABLE, READ_PAGES, READ_OBJECTS, READ_ACCESS } WorkKind;

typedef struct {
    WorkKind kind;
    DigestTable *table; /* tables, sequences */
    int64_t first, end; /* pages; for large objects OIDs, of which end is the last one */
    int64_t size_bytes;
} Work;

typedef struct {
    DigestSet *set;
    GArray *queue; /* Work */
    DigestWatch watch;
    GMutex lock; /* of what follows, and of the digests in set */
    GCond changed;
    guint next, done;
    int running;
    GError *error;
} Fill;

typedef struct {
    Fill *fill;
    PgConnection *connection;
} Worker;

static int by_size_descending(gconstpointer a, gconstpointer b)
{
    const Work *left = a, *right = b;
    return (left->size_bytes < right->size_bytes) - (left->size_bytes > right->size_bytes);
}

static void queue_table(GArray *queue, DigestTable *table, int n_workers)
{
    const int64_t parts = MIN(MIN(table->size_bytes / MIN_PART_BYTES, table->pages),
                              (int64_t)n_workers * PARTS_A_WORKER);
    if (table->is_read)
        return;
    table->digest = (RowDigest){0};
    if (table->kind == 'S' || n_workers == 1 || parts < 2) {
        const Work whole = {READ_TABLE, table, 0, 0, table->size_bytes};
        g_array_append_val(queue, whole);
        return;
    }
    for (int64_t part = 0; part < parts; part++) {
        /* The last one is open: it does not matter whether the table has grown. */
        const Work pages = {.kind = READ_PAGES,
                            .table = table,
                            .first = table->pages * part / parts,
                            .end = part + 1 < parts ? table->pages * (part + 1) / parts : 0,
                            .size_bytes = table->size_bytes / parts};
        g_array_append_val(queue, pages);
    }
}

/* They come first: their size is not known. */
static bool queue_large_objects(GArray *queue, PgConnection *connection, int n_workers,
                                GError **error)
{
    const Work access = {.kind = READ_ACCESS, .size_bytes = G_MAXINT64};
    g_autoptr(GArray) ranges =
        large_objects_ranges(connection, n_workers == 1 ? 1 : n_workers * PARTS_A_WORKER, error);
    if (ranges == NULL)
        return false;
    for (guint i = 0; i < ranges->len; i++) {
        const LargeObjectRange *range = &g_array_index(ranges, LargeObjectRange, i);
        const Work objects = {READ_OBJECTS, NULL, range->first, range->last, G_MAXINT64};
        g_array_append_val(queue, objects);
    }
    if (ranges->len > 0)
        g_array_append_val(queue, access);
    return true;
}

static GArray *make_queue(DigestSet *set, PgConnection *connection, int n_workers, GError **error)
{
    g_autoptr(GArray) queue = g_array_new(FALSE, FALSE, sizeof(Work));
    set->large_objects = set->large_object_access = (RowDigest){0};
    for (guint i = 0; i < set->tables->len; i++)
        queue_table(queue, g_ptr_array_index(set->tables, i), n_workers);
    if (!queue_large_objects(queue, connection, n_workers, error))
        return NULL;
    g_array_sort(queue, by_size_descending);
    return g_steal_pointer(&queue);
}

static bool do_one(Fill *fill, PgConnection *connection, const Work *work, RowDigest *digest,
                   GError **error)
{
    switch (work->kind) {
    case READ_PAGES:
        return digest_read_pages(connection, work->table, work->first, work->end, &fill->watch,
                                 digest, error);
    case READ_OBJECTS:
        return digest_read_large_objects(connection, (uint32_t)work->first, (uint32_t)work->end,
                                         &fill->watch, digest, error);
    case READ_ACCESS:
        return large_objects_access(connection, digest, error);
    case READ_TABLE:
        break;
    }
    if (work->table->kind == 'S')
        return digest_sequence(connection, work->table, error);
    return digest_read_table(connection, work->table, NULL, work->table->format, &fill->watch,
                             digest, error);
}

static void add_result(Fill *fill, const Work *work, RowDigest digest)
{
    RowDigest *sum = work->kind == READ_OBJECTS  ? &fill->set->large_objects
                     : work->kind == READ_ACCESS ? &fill->set->large_object_access
                                                 : &work->table->digest;
    digest_add(sum, digest);
    fill->done++;
}

static void fail(Fill *fill, GError *error)
{
    if (fill->error == NULL)
        fill->error = error;
    else
        g_error_free(error);
    atomic_store(&fill->watch.stop, true);
}

static gpointer work_on(gpointer data)
{
    const Worker *worker = data;
    Fill *fill = worker->fill;
    g_mutex_lock(&fill->lock);
    while (fill->error == NULL && fill->next < fill->queue->len) {
        const Work *work = &g_array_index(fill->queue, Work, fill->next++);
        RowDigest digest = {0};
        GError *error = NULL;
        bool done = false;
        g_mutex_unlock(&fill->lock);
        done = do_one(fill, worker->connection, work, &digest, &error);
        g_mutex_lock(&fill->lock);
        if (done)
            add_result(fill, work, digest);
        else
            fail(fill, error);
    }
    fill->running--;
    g_cond_signal(&fill->changed);
    g_mutex_unlock(&fill->lock);
    return NULL;
}

static void show_progress(Fill *fill, guint done, int64_t began_us)
{
    const double seconds = (double)(clock_monotonic_us() - began_us) / G_USEC_PER_SEC;
    const int64_t rows = atomic_load(&fill->watch.rows);
    const double bytes = (double)atomic_load(&fill->watch.bytes);
    g_autofree char *rate = size_format((uint64_t)(seconds > 0 ? bytes / seconds : 0));
    log_progress("digests: %u of %u parts, %" G_GINT64_FORMAT " rows, %s/s", done, fill->queue->len,
                 rows, rate);
}

/* Until the last worker has ended. */
static void wait_for_workers(Fill *fill, DigestGoOnFunc go_on, gpointer data)
{
    const int64_t began_us = clock_monotonic_us();
    g_mutex_lock(&fill->lock);
    while (fill->running > 0) {
        const guint done = fill->done;
        GError *error = NULL;
        bool going = true;
        if (g_cond_wait_until(&fill->changed, &fill->lock, g_get_monotonic_time() + TICK_US))
            continue;
        g_mutex_unlock(&fill->lock);
        show_progress(fill, done, began_us);
        going = go_on == NULL || go_on(data, &error);
        g_mutex_lock(&fill->lock);
        if (!going)
            fail(fill, error);
    }
    g_mutex_unlock(&fill->lock);
    log_progress_end();
}

static void run_workers(Fill *fill, PgConnection *const *connections, int n_workers,
                        DigestGoOnFunc go_on, gpointer data)
{
    g_autofree Worker *workers = g_new0(Worker, n_workers);
    g_autofree GThread **threads = g_new0(GThread *, n_workers);
    fill->running = n_workers;
    for (int i = 0; i < n_workers; i++) {
        workers[i] = (Worker){fill, connections[i]};
        threads[i] = g_thread_new("digest", work_on, &workers[i]);
    }
    wait_for_workers(fill, go_on, data);
    for (int i = 0; i < n_workers; i++)
        g_thread_join(threads[i]);
}

bool digest_fill_while(DigestSet *set, PgConnection *const *workers, int n_workers,
                       DigestGoOnFunc go_on, gpointer data, GError **error)
{
    Fill fill = {.set = set};
    g_return_val_if_fail(n_workers > 0, false);
    fill.queue = make_queue(set, workers[0], n_workers, error);
    if (fill.queue == NULL)
        return false;
    g_mutex_init(&fill.lock);
    g_cond_init(&fill.changed);
    run_workers(&fill, workers, n_workers, go_on, data);
    g_cond_clear(&fill.changed);
    g_mutex_clear(&fill.lock);
    g_array_free(fill.queue, TRUE);
    if (fill.error != NULL)
        g_propagate_error(error, fill.error);
    return fill.error == NULL;
}

bool digest_fill(DigestSet *set, PgConnection *const *workers, int n_workers, GError **error)
{
    return digest_fill_while(set, workers, n_workers, NULL, NULL, error);
}
