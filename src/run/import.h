/* A snapshot becomes a database of a run. */
#pragma once

#include "run/context.h"
#include "snapshot/restore.h"

/* Whether the snapshot can be restored as far as is known without creating anything. */
bool import_check(Run *run, GError **error);

/* Restores into a new database `name`, which bears this record from its first moment, and closes
 * it. own: it is this run's own snapshot, so that no archive from outside is read. */
RestoreResult *import_restore(Run *run, const Intake *from, const char *name,
                              const RunRecord *record, bool own, GError **error);
