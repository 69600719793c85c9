/*
 * The steps of a migration file: what is committed together. A file is one step, unless it has
 * `-- drydock: commit`, is `transaction off`, or has a statement that cannot run in a transaction:
 * the segment with such a statement is taken for `transaction off` without being told.
 */
#pragma once

#include "migration/bare.h"
#include "migration/migration.h"
#include <glib.h>
#include <stdbool.h>

typedef struct {
    guint first, count; /* statements of the file; count may be 0 in an empty file */
    bool off;           /* each statement of the segment is committed by itself */
    bool bare;          /* one statement, outside a transaction */
} MigrationStep;

/* MigrationStep, at least one. The caller frees the array. */
GArray *migration_steps(const MigrationFile *file);

/* Whether step number (from 1) of the file is one of whose outcome the catalog knows nothing, so
 * that only a person can say what became of it. */
bool migration_step_is_riddle(const MigrationFile *file, int number);

/* Whether what the file does is not one transaction, so that its steps are recorded. */
bool migration_has_steps(const GArray *steps);
