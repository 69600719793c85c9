/*
 * The workers of a snapshot: a queue of parts, one thread for each connection, the first error wins
 * and stops the others. The calling thread waits and shows how far they are.
 */
#pragma once

#include "snapshot/part.h"

/* Called several times a second in the calling thread; when it fails the workers are stopped and
 * its error is returned. */
typedef bool (*CrewGoOnFunc)(gpointer data, GError **error);

/* Does all parts, in their order. */
bool crew_work(const GPtrArray *parts, PartContext *context, const GPtrArray *connections,
               CrewGoOnFunc go_on, gpointer data, GError **error);
