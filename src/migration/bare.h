/*
 * Statements that run outside a transaction, and what must be known of each to look up afterwards
 * what became of it: which index of which table, which partition.
 */
#pragma once

#include "migration/splitter.h"
#include <glib.h>
#include <stdbool.h>

typedef enum {
    BARE_NOT,          /* runs in a transaction like any other */
    BARE_CREATE_INDEX, /* CONCURRENTLY */
    BARE_DROP_INDEX,   /* CONCURRENTLY */
    BARE_REINDEX,      /* in any form: some cannot run in a transaction, and all may be repeated */
    BARE_DETACH,       /* DETACH PARTITION CONCURRENTLY */
    BARE_REPEATABLE,   /* VACUUM, CLUSTER: the second time does no harm */
    BARE_COMMITS,      /* CALL, and DO that may commit: what they did is not in the catalog */
} BareKind;

typedef struct {
    BareKind kind;
    bool if_exists;    /* IF EXISTS or IF NOT EXISTS */
    const char *scope; /* of REINDEX: "index", "table" or "schema"; else "" */
    char *name; /* CREATE INDEX: the index as in the catalog, NULL if it has no name. Otherwise what
                   the statement is about, as it is written in it; NULL: not named */
    char *table; /* CREATE INDEX, DETACH: the table as it is written; NULL otherwise */
} BareStatement;

/* Reads a statement's words. What it is about is not looked up here. */
void bare_parse(const SqlStatement *statement, BareStatement *out);
void bare_clear(BareStatement *bare);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BareStatement, bare_clear)
