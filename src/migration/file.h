/* One file of a migration: what its name says, its bytes, its digests and its statements. */
#pragma once

#include "migration/directives.h"
#include "migration/migration.h"
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define MIGRATION_ID_DIGITS 14
#define MIGRATION_NAME_BYTES 200
#define MIGRATION_FILE_BYTES ((size_t)64 * 1024 * 1024)

typedef enum { MIGRATION_UP, MIGRATION_DOWN, MIGRATION_VERIFY, MIGRATION_REPEAT } MigrationPart;

typedef struct {
    char *id; /* NULL: repeatable */
    char *name;
    MigrationPart part;
} MigrationFileName;

bool migration_is_id(const char *text);

/* Why this cannot be the name of a migration (what stands behind its id), or of a repeatable one;
 * NULL if it can. */
const char *migration_name_fault(const char *name, bool repeatable);

/* Whether a file of the folder is none of ours: hidden, README, a backup copy of an editor, or no
 * SQL. */
bool migration_file_passed_over(const char *file_name);

/* Takes <14 digits>-<name>.up|down|verify.sql or <name>.repeat.sql apart. False with the reason in
 * *why, which the caller frees. */
bool migration_file_name_parse(const char *file_name, MigrationFileName *out, char **why);
void migration_file_name_clear(MigrationFileName *name);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MigrationFileName, migration_file_name_clear)

/* Reads path into file, which must be zeroed; directives get what its comments say. Links are
 * followed. ERROR_IO where it cannot be read, ERROR_CONFIG "file:line:column: ..." for its content.
 */
bool migration_file_load(MigrationFile *file, const char *path, Directives *directives,
                         GError **error);
void migration_file_clear(MigrationFile *file);

/* SHA-256 of the text without its BOM, with LF for CR LF and CR, without blanks at the ends of
 * lines and without empty lines at the end: the same for the same migration in every editor and on
 * every checkout. */
HashHex migration_canonical_hash(const char *sql, size_t size_bytes);
