/*
 * A graph while it is made; for src/snapshot/restore_{graph,passes}.c alone. Ids are dump ids, as
 * pointers; places are indexes into graph->work.
 */
#pragma once

#include "snapshot/restore_graph.h"

#define LARGE_TABLE_BYTES ((uint64_t)8 << 20)

typedef struct {
    const GraphOptions *options;
    RestoreGraph *graph;
    GHashTable *entries;  /* id -> TocEntry * */
    GHashTable *places;   /* id -> GArray of places */
    GHashTable *parts;    /* id of a table -> GArray of ids of its data, and of its partitions' */
    GHashTable *bytes;    /* id of a table -> uint64_t *: of all its data */
    GHashTable *attached; /* id of a partition -> GArray of ids of what it is a partition of */
    GHashTable *below;    /* id of a partitioned table -> GArray of ids of its partitions */
    GHashTable *is_last;  /* ids in graph->last */
    int sequences;        /* place of the work that takes the next sequence; -1: none */
} Build;

/* ---- restore_graph.c ---- */

gpointer build_key(int id);
bool build_is_kind(const TocEntry *entry, const char *desc);
bool build_contains(const GArray *array, int value);
/* Bytes of all data of a table. */
uint64_t build_bytes(const Build *build, int table);
bool build_is_of_acl_pass(const TocEntry *entry);

/* A new piece; entry may be NULL. */
Work *build_add(Build *build, WorkKind kind, const TocEntry *entry);
Work *build_at(const Build *build, int place);
void build_wait(const Build *build, int place, int other);
void build_wait_for_entry(const Build *build, int place, int id);
void build_wait_for_dependencies(const Build *build, int place, const TocEntry *entry);

/* ---- restore_passes.c: what comes when everything of the archive's main pass has its piece ----
 */

/* ANALYZE, access rights, materialized views, and reading back. */
void build_add_passes(Build *build);
