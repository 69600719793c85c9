/*
 * The SQL that restores the entries of an archive, entry by entry, as pg_restore itself writes it:
 * it knows what owners, tablespaces, access methods and large objects of each version need.
 *
 * `pg_restore --verbose --file=-` announces every entry in a comment ("-- TOC entry 217 (class 1259
 * OID 16411)"); comments outside of statements are its own. Settings that it changes on the way
 * (default_tablespace, ...) apply to all that follows: since entries are run out of order, each
 * carries those that were in force.
 */
#pragma once

#include "snapshot/toc.h"
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENTRY_SETTINGS 3

typedef struct {
    int id;          /* dump id */
    char *sql;       /* its statements, each with its semicolon; "" if there are none */
    int statements;  /* as far as semicolons tell */
    char *index_sql; /* builds the index that sql then makes a constraint of; NULL: sql does all */
    char *settings[ENTRY_SETTINGS]; /* SET statements that must be in force; NULL: the default */
} EntrySql;

typedef struct {
    GPtrArray *entries; /* EntrySql *, in the order of pg_restore: of its passes */
    GHashTable *by_id;  /* dump id as pointer -> EntrySql *, which is in entries */
} EntryScript;

void entry_script_free(EntryScript *script);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntryScript, entry_script_free)

/* NULL if there is none. */
EntrySql *entry_script_find(const EntryScript *script, int id);

/* Divides "ALTER TABLE ONLY t ADD CONSTRAINT c PRIMARY KEY (columns)", or UNIQUE, in two: index_sql
 * and sql. False, and nothing is changed, if the entry is anything else or says anything more. Not
 * for partitioned tables, where USING INDEX is not to be had. */
bool entry_sql_build_index_first(EntrySql *entry);

/* Takes pg_restore's output apart. ERROR_INTEGRITY if an entry comes twice, or the last statement
 * does not end. */
EntryScript *entry_script_split(const char *text, size_t size_bytes, GError **error);

typedef struct {
    const char *program; /* path of pg_restore */
    const char *folder;  /* of the archive */
    int64_t latest_us;   /* monotonic; 0: never */
} EntryScriptOptions;

/* Asks pg_restore for everything in toc that is no data. ERROR_INTEGRITY if an entry is missing in
 * its output. */
EntryScript *entry_script_read(const EntryScriptOptions *options, const Toc *toc, GError **error);

/* Whether the entry is about the database itself, or about the archive: no part of the script. */
bool entry_is_of_database(const TocEntry *entry);
bool entry_is_of_archive(const TocEntry *entry);
