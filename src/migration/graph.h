/* Which migration needs which: every `requires` must be there, be older (or be repeatable, as the
 * one that says it), and not come back to where it began. */
#pragma once

#include "migration/migration.h"
#include <glib.h>
#include <stdbool.h>

/* requirements: Requirement *, all those of the set. ERROR_CONFIG "file:line:column: ..." for the
 * first that does not hold. */
bool graph_check(const MigrationSet *set, const GPtrArray *requirements, GError **error);

/* Puts the repeatable ones, which come sorted by name, behind those that they require. The set has
 * passed graph_check(). */
void graph_order_repeatables(MigrationSet *set);
