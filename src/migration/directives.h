/*
 * Directives: `-- drydock: WORD ...` in the comment lines before the first statement of a
 * migration. They say what the SQL cannot: what it needs, how risky it is, what it does to rows
 * that exist.
 */
#pragma once

#include "migration/migration.h"
#include "migration/splitter.h"
#include <glib.h>
#include <stdbool.h>

/* `requires ID`, and where it stands. */
typedef struct {
    char *from; /* the id of the migration that says it */
    char *id;
    char *path;
    int line, column;
} Requirement;

Requirement *requirement_new(const char *from, const char *id, const char *path,
                             const SqlComment *comment);
void requirement_free(Requirement *requirement);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Requirement, requirement_free)

typedef struct {
    const char *path; /* of the file that is read, for messages */
    Migration
        *migration; /* gets what they say; NULL: this kind of file has none, and they are refused */
    MigrationFile *file;     /* gets `transaction off` and `commit`; NULL: they are refused */
    GPtrArray *requirements; /* Requirement *; gets them */
    unsigned seen;           /* which of those that stand once have been there */
} Directives;

void migration_effect_free(MigrationEffect *effect);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MigrationEffect, migration_effect_free)

/* What can be said of `commit` and `transaction off` once all is read. ERROR_CONFIG if they do not
 * go together, or if nothing stands behind the last `commit`. */
bool directives_finish(const Directives *directives, GError **error);

/* A SplitterNote whose data is a Directives. ERROR_CONFIG "file:line:column: ..." for an unknown or
 * malformed one (with the nearest known one), one that is said twice, and one behind the first
 * statement. Other comments are passed over. */
bool directives_note(const SqlComment *comment, gpointer directives, GError **error);
