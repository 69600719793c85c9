#include "snapshot/crew.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#define TICK_US (G_USEC_PER_SEC / 5)
#define MOST_SHOWN 2

typedef struct {
    const GPtrArray *parts;
    PartContext *context;
    int64_t began_us;
    GMutex lock; /* of what follows */
    GCond changed;
    guint next;
    guint running;
    GError *error;
} Crew;

typedef struct {
    Crew *crew;
    PgConnection *connection;
} Worker;

static void fail(Crew *crew, GError *error)
{
    if (crew->error == NULL)
        crew->error = error;
    else
        g_error_free(error);
    atomic_store(&crew->context->watch.stop, true);
}

static gpointer work(gpointer data)
{
    const Worker *worker = data;
    Crew *crew = worker->crew;
    g_mutex_lock(&crew->lock);
    while (crew->error == NULL && crew->next < crew->parts->len) {
        Part *part = g_ptr_array_index(crew->parts, crew->next++);
        GError *error = NULL;
        bool done = false;
        g_mutex_unlock(&crew->lock);
        done = part_take(part, crew->context, worker->connection, &error);
        g_mutex_lock(&crew->lock);
        if (!done)
            fail(crew, error);
    }
    crew->running--;
    g_cond_signal(&crew->changed);
    g_mutex_unlock(&crew->lock);
    return NULL;
}

/* ---- progress ---- */

/* What is copied of a table is more or less than what it takes on the server's disk: the estimate
 * is never passed before the end. */
static uint64_t part_progress(Part *part)
{
    const uint64_t bytes = (uint64_t)atomic_load_explicit(&part->bytes, memory_order_relaxed);
    return atomic_load(&part->done) ? part->weight : MIN(bytes, part->weight);
}

static void append_rate(GString *text, uint64_t done, uint64_t all, int64_t elapsed_us)
{
    const double seconds = (double)elapsed_us / G_USEC_PER_SEC;
    const double rate = seconds > 0 ? (double)done / seconds : 0;
    g_autofree char *a_second = size_format((uint64_t)rate);
    g_autofree char *left = clock_format_duration(
        rate > 0 ? (int64_t)((double)(all - done) / rate * G_USEC_PER_SEC) : 0);
    g_string_append_printf(text, "%d %%, %s/s", all > 0 ? (int)(done * 100 / all) : 100, a_second);
    if (done > 0)
        g_string_append_printf(text, ", %s left", left);
}

/* The table of a part that is being read: all its parts together. */
static void append_table(GString *text, const Crew *crew, TakenTable *table)
{
    uint64_t done = 0, all = 0;
    g_autofree char *name = g_strdup_printf("%s.%s", table->schema, table->name);
    g_autofree char *printable = text_printable(name);
    for (guint i = 0; i < crew->parts->len; i++) {
        Part *part = g_ptr_array_index(crew->parts, i);
        if (part->table == table) {
            done += part_progress(part);
            all += part->weight;
        }
    }
    g_string_append_printf(text, "; %s ", printable);
    append_rate(text, done, all, clock_monotonic_us() - atomic_load(&table->began_us));
}

static void show_progress(const Crew *crew)
{
    g_autoptr(GString) text = g_string_new("snapshot: ");
    TakenTable *shown[MOST_SHOWN] = {NULL};
    uint64_t done = 0, all = 0;
    int n = 0;
    for (guint i = 0; i < crew->parts->len; i++) {
        Part *part = g_ptr_array_index(crew->parts, i);
        done += part_progress(part);
        all += part->weight;
        if (n < MOST_SHOWN && part->table != NULL && atomic_load(&part->begun) &&
            !atomic_load(&part->done) && (n == 0 || shown[0] != part->table))
            shown[n++] = part->table;
    }
    append_rate(text, done, all, clock_monotonic_us() - crew->began_us);
    for (int i = 0; i < n; i++)
        append_table(text, crew, shown[i]);
    log_progress("%s", text->str);
}

/* ---- waiting ---- */

/* Until the last worker has ended. */
static void wait_for_workers(Crew *crew, CrewGoOnFunc go_on, gpointer data)
{
    g_mutex_lock(&crew->lock);
    while (crew->running > 0) {
        GError *error = NULL;
        bool going = true;
        if (g_cond_wait_until(&crew->changed, &crew->lock, g_get_monotonic_time() + TICK_US))
            continue;
        g_mutex_unlock(&crew->lock);
        show_progress(crew);
        going = go_on(data, &error);
        g_mutex_lock(&crew->lock);
        if (!going)
            fail(crew, error);
    }
    g_mutex_unlock(&crew->lock);
    log_progress_end();
}

bool crew_work(const GPtrArray *parts, PartContext *context, const GPtrArray *connections,
               CrewGoOnFunc go_on, gpointer data, GError **error)
{
    Crew crew = {.parts = parts, .context = context, .began_us = clock_monotonic_us()};
    g_autofree Worker *workers = g_new0(Worker, connections->len);
    g_autofree GThread **threads = g_new0(GThread *, connections->len);
    g_mutex_init(&crew.lock);
    g_cond_init(&crew.changed);
    crew.running = connections->len;
    for (guint i = 0; i < connections->len; i++) {
        workers[i] = (Worker){&crew, g_ptr_array_index(connections, i)};
        threads[i] = g_thread_new("snapshot", work, &workers[i]);
    }
    wait_for_workers(&crew, go_on, data);
    for (guint i = 0; i < connections->len; i++)
        g_thread_join(threads[i]);
    g_cond_clear(&crew.changed);
    g_mutex_clear(&crew.lock);
    if (crew.error != NULL)
        g_propagate_error(error, crew.error);
    return crew.error == NULL;
}
