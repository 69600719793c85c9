/*
 * Names of the copies of a database during and after a run: the role, not the origin.
 *
 *     app_drydock_<run>_keep   never written to          app_before_<run>   after success
 *     app_drydock_<run>_work   migrated                  app_failed_<run>   after a failure
 *     app_drydock_<run>_restore   a snapshot on its way into service
 *     app_rehearsal_<run>         a snapshot that is migrated for trial
 *     app_replaced_<run>          what a restored database took the place of
 *     app_unproven_<run>          a kept copy that is not what it was
 *
 * PostgreSQL cuts names at 63 bytes without an error; we shorten them ourselves, with a piece of
 * the SHA-256 of the whole name so that two long names do not meet. The original name stands in the
 * record (run/record.h).
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define NAME_MAX_BYTES 63

typedef struct {
    char *live;
    char *keep, *work;
    char *before, *failed;
    char *restore, *rehearsal, *replaced, *unproven;
} RunNames;

RunNames *run_names_new(const char *database, const char *run);
void run_names_free(RunNames *names);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RunNames, run_names_free)

/* A new run id from a moment of the wall clock: "20261122t130501". Of two commands that begin in
 * one second, the second takes the next one if it meets what the first has called by it: the
 * folder, or a copy with its record. The caller frees it. */
char *run_id_new(int64_t wall_us);

/* Whether a text that others may have written (NULL: no) can be an id: names, patterns and paths
 * are made from it. */
bool run_id_is_valid(const char *text);
