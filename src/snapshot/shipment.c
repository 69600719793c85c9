#include "snapshot/shipment.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/interrupt.h"
#include "snapshot/tar.h"
#include <errno.h>
#include <unistd.h>

#define TICK_US (G_USEC_PER_SEC / 5)

struct Shipment {
    Sink *sink; /* until the thread has taken it */
    char *folder;
    GThread *thread;
    atomic_bool stop;

    GMutex lock; /* of what follows */
    GCond changed;
    GQueue names;  /* char *: finished, and not in the tar */
    bool complete; /* no more will come */
    bool ended;    /* the thread has */
    GError *error;
};

/* Waits for one; NULL once there are no more. */
static char *next_name(Shipment *shipment)
{
    char *name = NULL;
    g_mutex_lock(&shipment->lock);
    while (g_queue_is_empty(&shipment->names) && !shipment->complete)
        g_cond_wait(&shipment->changed, &shipment->lock);
    name = g_queue_pop_head(&shipment->names);
    g_mutex_unlock(&shipment->lock);
    return name;
}

static bool ship(Shipment *shipment, TarWriter *tar, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(shipment->folder, name, NULL);
    if (!tar_writer_add(tar, path, name, error))
        return false;
    failpoint("snapshot.shipped");
    if (unlink(path) == 0)
        return true;
    error_set_errno(error, errno, "cannot remove '%s'", path);
    return false;
}

static bool ship_all(Shipment *shipment, GError **error)
{
    g_autoptr(TarWriter) tar =
        tar_writer_new(g_steal_pointer(&shipment->sink), TAR_FOLDER, &shipment->stop, error);
    if (tar == NULL)
        return false;
    for (;;) {
        g_autofree char *name = next_name(shipment);
        if (atomic_load(&shipment->stop)) {
            error_set(error, ERROR_FAILED, "given up because other work failed");
            return false;
        }
        if (name == NULL)
            return tar_writer_finish(tar, error);
        if (!ship(shipment, tar, name, error))
            return false;
    }
}

static gpointer work(gpointer data)
{
    Shipment *shipment = data;
    GError *error = NULL;
    (void)ship_all(shipment, &error);
    g_mutex_lock(&shipment->lock);
    shipment->error = error;
    shipment->ended = true;
    g_cond_broadcast(&shipment->changed);
    g_mutex_unlock(&shipment->lock);
    return NULL;
}

Shipment *shipment_new(Sink *sink, const char *folder)
{
    Shipment *shipment = g_new0(Shipment, 1);
    shipment->sink = sink;
    shipment->folder = g_strdup(folder);
    g_mutex_init(&shipment->lock);
    g_cond_init(&shipment->changed);
    g_queue_init(&shipment->names);
    shipment->thread = g_thread_new("shipment", work, shipment);
    return shipment;
}

static void complete(Shipment *shipment)
{
    g_mutex_lock(&shipment->lock);
    shipment->complete = true;
    g_cond_broadcast(&shipment->changed);
    g_mutex_unlock(&shipment->lock);
}

void shipment_free(Shipment *shipment)
{
    if (shipment == NULL)
        return;
    atomic_store(&shipment->stop, true);
    complete(shipment);
    g_thread_join(shipment->thread);
    g_queue_clear_full(&shipment->names, g_free);
    g_clear_error(&shipment->error);
    g_cond_clear(&shipment->changed);
    g_mutex_clear(&shipment->lock);
    g_free(shipment->folder);
    g_free(shipment);
}

void shipment_add(Shipment *shipment, const char *name)
{
    g_mutex_lock(&shipment->lock);
    g_queue_push_tail(&shipment->names, g_strdup(name));
    g_cond_broadcast(&shipment->changed);
    g_mutex_unlock(&shipment->lock);
}

/* The caller has the lock. */
static bool is_well(const Shipment *shipment, GError **error)
{
    if (shipment->error == NULL)
        return true;
    g_propagate_error(error, g_error_copy(shipment->error));
    return false;
}

bool shipment_check(Shipment *shipment, GError **error)
{
    g_mutex_lock(&shipment->lock);
    const bool well = is_well(shipment, error);
    g_mutex_unlock(&shipment->lock);
    return well;
}

bool shipment_finish(Shipment *shipment, GError **error)
{
    bool well = true;
    complete(shipment);
    g_mutex_lock(&shipment->lock);
    while (!shipment->ended && well) {
        const gint64 until_us = g_get_monotonic_time() + TICK_US;
        if (!g_cond_wait_until(&shipment->changed, &shipment->lock, until_us))
            well = !interrupt_check(error);
    }
    well = well && is_well(shipment, error);
    g_mutex_unlock(&shipment->lock);
    return well;
}
