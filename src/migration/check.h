/* What has no place in a migration, said in words: shared by preflight, plan, migrate and undo. */
#pragma once

#include "migration/migration.h"
#include <glib.h>
#include <stdbool.h>

typedef struct {
    bool refuses; /* or only a remark */
    char *text;   /* "file:line:column: CREATE ROLE reaches outside ..." */
    const char *fix;
} StatementFinding;

/* StatementFinding * for the statements of a file; database is the name in service. The caller
 * frees the array. */
GPtrArray *migration_check_file(const MigrationFile *file, const char *database);

/* ERROR_REFUSED that names the first statement of these files (const MigrationFile *) that is
 * refused. */
bool migration_check(const GPtrArray *files, const char *database, GError **error);
