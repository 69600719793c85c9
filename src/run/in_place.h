/*
 * Strategy in_place: the database itself is migrated, so that it keeps its OID. Until a migrating
 * statement is to be sent, everything is as in shadow. Then the two copies are exchanged: the
 * database itself becomes the work copy, and the clone, which nobody was ever in, the kept copy.
 * Names go on telling the role, so that everything behind that is as in shadow, too.
 *
 * Without a clone ("clone: { method: none }") the database is the work copy alone. The way back is
 * then PostgreSQL's own, if it rolled back all there was, else the run's snapshot.
 */
#pragma once

#include "run/context.h"

/* The beginning of migrating: the exchange, if it has not happened. Afterwards the record of the
 * work copy tells the version of its row, which is the same until somebody is let in.
 * ERROR_INTEGRITY if one of the copies is not what it was. */
bool in_place_begin(Run *run, GError **error);

/* On the way back: learns whether the exchange has happened, if its answer was lost, and takes it
 * back if nobody has been let into the database itself since. */
bool in_place_settle(Run *run, GError **error);

/* The way back without a clone: gives the database its name back if everything was rolled back;
 * else *why says why not, and nothing was changed. */
bool in_place_give_back(Run *run, GPtrArray *exceptions, char **why, GError **error);
