/*
 * How long the steps of a run will take: as an earlier run or rehearsal of this database measured
 * them (the reports in the state folder), scaled by the size of the database; what nobody has
 * measured yet, from the size of what it touches.
 *
 * An object: clone, snapshot, publish, verify, restore (of a snapshot, where that is the way back)
 * and migrations, each {"ms", "source"}; and "each", an object of the same by migration. It stands
 * in the plan and in the report as it is.
 */
#pragma once

#include "run/context.h"

/* Fills run->estimates, once size and pending migrations are known. inside: a session in the
 * database, or in the copy that is migrated. */
bool estimate_fill(Run *run, PgConnection *inside, GError **error);

/* The same for what is restored first, so that no more is known than what it is restored from. */
void estimate_import(Run *run);

/* Of one step, or one migration by its id; 0 if nothing is known. */
int64_t estimate_us(const Run *run, const char *step);
int64_t estimate_migration_us(const Run *run, const char *id);

/* Of everything from here to the end of a run that has not begun yet. */
int64_t estimate_whole_us(const Run *run);

/* This run's own snapshot has taken so long: better than a guess at how long restoring it takes. */
void estimate_snapshot_took(Run *run, int64_t duration_us);
