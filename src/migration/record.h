/* The last words of a migration in its last transaction: its verify file, its row in the history.
 */
#pragma once

#include "migration/attempt.h"

/* In the open transaction: runs the verify file and writes the history row, or takes it away. */
bool record_migration(Attempt *attempt, GError **error);

/* A CommitEvidence: the history says that this run has done it. */
bool record_is_there(Attempt *attempt, gconstpointer unused, bool *there, GError **error);
