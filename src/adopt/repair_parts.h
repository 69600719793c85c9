/* The repair migration while it is written: its parts in the order in which they must run. Shared
 * by the files that write it. */
#pragma once

#include "adopt/catalog.h"
#include "adopt/difference.h"
#include <glib.h>
#include <stdbool.h>

typedef enum {
    PART_GUARDS,
    PART_SCHEMAS,
    PART_TYPES,
    PART_DROPS, /* indexes and constraints that are in the way or replaced */
    PART_TABLES,
    PART_COLUMNS,
    PART_FUNCTIONS,
    PART_RENAMES,
    PART_KEYS,
    PART_CHECKS,
    PART_FOREIGN_KEYS,
    PART_INDEXES,
    PART_TRIGGERS,
    PART_OLD_TYPES,
    PART_COMMENTS,
    PART_COUNT,
} RepairPart;

typedef struct {
    const Catalog *live;
    const Catalog *expected;
    const GPtrArray *differences;
    GString *parts[PART_COUNT];
    GString *proposals;  /* statements that a person decides about, each line a comment */
    GString *checks;     /* rows of the verify file's VALUES, see repair_verify.c */
    GString *states;     /* rows of the question whether the repair is done already, likewise */
    GHashTable *retyped; /* live columns (CatalogItem *) whose type changes */
    GHashTable *used;    /* live items that are renamed or dropped */
    GHashTable *by_hand; /* expected tables that are not made here */
} Repair;

/* One statement, without its semicolon. */
void repair_add(Repair *repair, RepairPart part, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* A statement that stands in the file as a comment, and why. */
void repair_propose(Repair *repair, Difference *difference, const char *why, const char *format,
                    ...) G_GNUC_PRINTF(4, 5);

/* Stops the migration while rows of the table meet the condition; what they do is said behind
 * "N rows of TABLE". */
void repair_guard(Repair *repair, const char *table, const char *condition, const char *what,
                  const char *hint);

/* COMMENT ON object, if the item's comment is not that of live (which may be NULL). */
void repair_comment(Repair *repair, const CatalogItem *expected, const CatalogItem *live,
                    const char *object);

/* Whether a fact is among those that differ. */
bool repair_differs(const Difference *difference, const char *fact);

/* The live thing of that kind on the same table that is not expected, not used yet, and says the
 * same under this key of its facts or notes; NULL if there is none. */
const CatalogItem *repair_find_extra(const Repair *repair, const CatalogItem *wanted,
                                     const char *key);

/* Column lists of tables, types and columns. */
void repair_type(Repair *repair, Difference *difference);
void repair_extra_type(Repair *repair, Difference *difference);
void repair_table(Repair *repair, Difference *difference);
void repair_column(Repair *repair, Difference *difference);

/* What hangs on a table. */
void repair_constraint(Repair *repair, Difference *difference);
void repair_index(Repair *repair, Difference *difference);
void repair_trigger(Repair *repair, Difference *difference);
void repair_function(Repair *repair, Difference *difference);

/* Indexes and checks that name a column whose type changes do not follow it: made anew. */
void repair_retyped(Repair *repair);

/* What is repaired, as it is afterwards: for the verify file, and for the question whether there is
 * anything to repair. */
void repair_check_type(Repair *repair, const CatalogItem *type);
void repair_check_column(Repair *repair, const CatalogItem *column);
void repair_check_object(Repair *repair, const CatalogItem *item);
/* kind: "schema" or "function" (there), "no type" or "no index" (not there). */
void repair_check_presence(Repair *repair, const char *kind, const char *quoted);

/* The statement that finds out whether there is anything to repair: on a database that the
 * migrations have made from scratch there is not. The caller frees it. */
char *repair_question_text(const Repair *repair);

/* The text of the verify file; NULL if there is nothing to verify. The caller frees it. */
char *repair_verify_text(const Repair *repair);
