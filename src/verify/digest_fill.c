/*
 * Filling in a set with several connections: a queue ordered by size, one thread for each
 * connection, the first error wins and stops the others. The calling thread waits, shows how far it
 * is, and asks its caller whether it is still worth going on.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "verify/digest.h"
#include "verify/digest_read.h"

#define TICK_US (G_USEC_PER_SEC / 5)

typedef struct {
    DigestSet *set;
    GPtrArray *queue; /* DigestTable *; NULL stands for the large objects */
    DigestWatch watch;
    GMutex lock; /* of what follows */
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
    const DigestTable *const *left = a, *const *right = b;
    return ((*left)->size_bytes < (*right)->size_bytes) -
           ((*left)->size_bytes > (*right)->size_bytes);
}

/* Large objects come first: their size is not known. */
static GPtrArray *make_queue(const DigestSet *set)
{
    GPtrArray *queue = g_ptr_array_new();
    for (guint i = 0; i < set->tables->len; i++)
        g_ptr_array_add(queue, g_ptr_array_index(set->tables, i));
    g_ptr_array_sort(queue, by_size_descending);
    g_ptr_array_insert(queue, 0, NULL);
    return queue;
}

static bool do_one(Fill *fill, PgConnection *connection, DigestTable *table, GError **error)
{
    if (table == NULL)
        return digest_read_large_objects(connection, &fill->watch, &fill->set->large_objects,
                                         error);
    if (table->kind == 'S')
        return digest_sequence(connection, table, error);
    return digest_read_table(connection, table, NULL, table->format, &fill->watch, &table->digest,
                             error);
}

static void fail(Fill *fill, GError *error)
{
    if (fill->error == NULL)
        fill->error = error;
    else
        g_error_free(error);
    atomic_store(&fill->watch.stop, true);
}

static gpointer work(gpointer data)
{
    const Worker *worker = data;
    Fill *fill = worker->fill;
    g_mutex_lock(&fill->lock);
    while (fill->error == NULL && fill->next < fill->queue->len) {
        DigestTable *table = g_ptr_array_index(fill->queue, fill->next++);
        GError *error = NULL;
        bool done = false;
        g_mutex_unlock(&fill->lock);
        done = do_one(fill, worker->connection, table, &error);
        g_mutex_lock(&fill->lock);
        if (done)
            fill->done++;
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
    log_progress("digests: %u of %u tables and sequences, %" G_GINT64_FORMAT " rows, %s/s", done,
                 fill->queue->len, rows, rate);
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
        threads[i] = g_thread_new("digest", work, &workers[i]);
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
    fill.queue = make_queue(set);
    g_mutex_init(&fill.lock);
    g_cond_init(&fill.changed);
    run_workers(&fill, workers, n_workers, go_on, data);
    g_cond_clear(&fill.changed);
    g_mutex_clear(&fill.lock);
    g_ptr_array_free(fill.queue, TRUE);
    if (fill.error != NULL)
        g_propagate_error(error, fill.error);
    return fill.error == NULL;
}

bool digest_fill(DigestSet *set, PgConnection *const *workers, int n_workers, GError **error)
{
    return digest_fill_while(set, workers, n_workers, NULL, NULL, error);
}
