/*
 * Behind the point of no return: users write to a database that a run has opened, and who takes
 * that run back discards what they wrote. So restore demands to be told from when on that may be
 * lost, takes a snapshot of the database as it is first, and keeps the database aside.
 */
#pragma once

#include "run/context.h"

/* restore --run: what there is of the database from before that run. Its copy, if that is proven by
 * its row or by its content (then run->stands, and it is the work copy); else the run's snapshot
 * (run->given). ERROR_REFUSED if the run was not opened, nothing is left, or the consent is
 * missing. */
bool discard_choose(Run *run, GError **error);

/* restore --swap --from: ERROR_REFUSED if the snapshot is that of a run that was opened, and the
 * consent is missing. */
bool discard_check(Run *run, GError **error);

/* What users wrote may be lost: a snapshot of it is taken. */
bool discard_has_consent(const Run *run);

/* The phase: a snapshot of the database in service, into the folder of this command. */
bool run_snapshot_live(Run *run, GError **error);
