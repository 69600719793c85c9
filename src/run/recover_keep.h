/*
 * Kept copies that are not where a run that died would have left them: a person has renamed one,
 * or renamed it back when the run's snapshot was in service already, or there are two.
 */
#pragma once

#include "run/context.h"

/* A run does not begin where there is a kept copy: of two, one is somebody else's, who may have put
 * it there to get the name for a database of his own. ERROR_NEEDS_PERSON. */
bool recover_check_one_keep(const GPtrArray *records, GError **error);

/* Whether keep has lost its name, or its place: the outcome is filled in then. */
bool recover_displaced_keep(Run *run, const GPtrArray *records, const RunRecord *keep,
                            RunOutcome *outcome);

/* The same of the database itself, which a run in_place without a clone has as its work copy. */
bool recover_renamed_work(Run *run, const RunRecord *work, RunOutcome *outcome);
