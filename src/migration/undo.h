/* What undo takes back, and whether it may. */
#pragma once

#include "migration/standing.h"
#include <glib.h>
#include <stdbool.h>

/* Why a migration cannot be taken back; NULL: it has a down file that does something. Borrowed. */
const char *undo_obstacle(const Migration *migration);

/* The migrations to be taken back, the one that was applied last first; const Migration *: the last
 * one; with `to` everything back to it, with it; or all. Empty if nothing is applied.
 *
 * ERROR_INTEGRITY if a file is gone or was changed since it was applied: its down file need not fit
 * what is there. ERROR_USAGE if `to` is not applied. ERROR_REFUSED, before anything is done, if a
 * migration is partly applied, or if one of them is irreversible, has no down file or one without a
 * statement, or is required by one that stays. */
GPtrArray *undo_steps(const Standing *standing, const char *to, bool all, GError **error);
