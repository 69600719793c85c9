/*
 * A snapshot on its way out while it is still being taken: a thread that puts files of its folder
 * into a tar as soon as each is finished.
 *
 * What is not shipped yet lies in the folder, no more than that.
 */
#pragma once

#include "stream/sink.h"

typedef struct Shipment Shipment;

/* Takes sink. Files are removed from the folder once they are in the tar. */
Shipment *shipment_new(Sink *sink, const char *folder);
/* Ends it, and discards what was not finished. */
void shipment_free(Shipment *shipment);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Shipment, shipment_free)

/* The file of that name in the folder is finished. May be called by any thread. */
void shipment_add(Shipment *shipment, const char *name);

/* False if it has failed: then what is still to come need not be made. */
bool shipment_check(Shipment *shipment, GError **error);

/* Waits until everything is in, and commits the sink. A signal ends the wait. */
bool shipment_finish(Shipment *shipment, GError **error);
