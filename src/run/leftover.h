/* What a killed restore or rehearsal has left on the server: a database that has the name, the
 * record and nobody who works on it. */
#pragma once

#include "run/context.h"

/* Drops what dead commands of this kind (RUN_RESTORE, RUN_REHEARSAL) have left for this database;
 * to be called with the lock that such a command holds. What a record alone or a name alone speaks
 * for is named in a warning and stays. */
bool leftover_drop(Run *run, GError **error);
