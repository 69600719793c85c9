/*
 * Migration files: <14 digits>-<name>.up.sql, with optional .down.sql and .verify.sql, and the
 * directives in their leading comments; and repeatable ones, <name>.repeat.sql, which are applied
 * again whenever they differ from what was applied. A set is loaded, checked and put in order;
 * nothing here talks to a server.
 */
#pragma once

#include "base/hash.h"
#include "migration/splitter.h"
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* `-- drydock: commit`: what stands before it is committed. */
typedef struct {
    unsigned statements; /* that stand before it; at least one more than before the mark before */
    int line, column;
} CommitMark;

/* One file of a migration. */
typedef struct {
    char *path;
    HashHex sha256;        /* of the bytes */
    HashHex canonical;     /* of the text with LF line ends, no BOM and no trailing blanks */
    GPtrArray *statements; /* SqlStatement * */
    bool repeatable;       /* of a repeatable one: it is one transaction, whatever it holds */
    bool transaction_off;  /* `transaction off`: each statement is committed by itself */
    GArray *commits;       /* CommitMark; NULL: none */
} MigrationFile;

/* `writes TABLE[(COLUMN, ...)]`, `adds TABLE`, `removes TABLE`: what happens to rows that exist. */
typedef enum { EFFECT_WRITES, EFFECT_ADDS, EFFECT_REMOVES } EffectKind;
typedef struct {
    EffectKind kind;
    char *schema; /* NULL: not named */
    char *table;
    char **columns; /* NULL-terminated; NULL: all (writes only) */
} MigrationEffect;

typedef struct {
    char *id;    /* 14 digits; of a repeatable one its name */
    char *name;  /* "create-base-schema" */
    char *title; /* for people: the id and the name; of a repeatable one its name */
    bool repeatable;
    MigrationFile up;
    MigrationFile *down;   /* NULL: cannot be undone by a file */
    MigrationFile *verify; /* NULL: none */

    char **aliases;    /* "alias": file names without extension in the history of another tool;
                          NULL-terminated, never NULL */
    char **depends_on; /* "requires": ids (of repeatables also names), NULL-terminated, never NULL
                        */
    char *risk;        /* low, medium, high, critical; NULL: not said */
    bool phi;
    int64_t lock_timeout_ms;      /* -1: the policy's */
    int64_t statement_timeout_ms; /* -1: the policy's */
    char *irreversible;           /* reason; NULL: reversible as far as it says */
    char *ticket;
    GPtrArray *effects; /* MigrationEffect * */
} Migration;

typedef struct {
    char *folder;
    GPtrArray *migrations;  /* Migration *, in the order they run: by id */
    GPtrArray *repeatables; /* Migration *, in the order they run: what is required first, then by
                               name */
} MigrationSet;

void migration_set_free(MigrationSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MigrationSet, migration_set_free)

/* Loads every migration of a folder. ERROR_CONFIG, with file, line and column, for: a file name
 * that does not fit, a duplicated id, a down or verify without an up, an unknown or malformed
 * directive (with the nearest known one), text that does not split, a `requires` that is missing,
 * circular, or not older than the migration, an alias that two migrations have. */
MigrationSet *migration_set_load(const char *folder, GError **error);

/* By id, or by name if it is repeatable. NULL if there is none. */
const Migration *migration_find(const MigrationSet *set, const char *id);
