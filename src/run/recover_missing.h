/*
 * Recovery where nothing has the database's name and no run is there to be finished: says what the
 * server shows instead, and what to do about it. Nothing is changed.
 */
#pragma once

#include "run/context.h"

/* id is the run whose journal has no end; NULL: none. */
void recover_missing(Run *run, const GPtrArray *records, const char *id, RunOutcome *outcome);
