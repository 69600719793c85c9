/*
 * What a restore has to do, and what must wait for what: a graph made from an archive's table of
 * contents, without any server.
 *
 * Pre-data comes first, in the archive's order, on one connection. Then pieces of work run side by
 * side as soon as all that they wait for is done, the one on the largest table first: data parts,
 * large objects, sequence values, indexes, constraints, triggers, ANALYZE, reading large tables
 * back. Work that locks a table exclusively never runs beside other work on it (what pg_restore
 * does in identify_locking_dependencies()). The passes are those of pg_restore: access rights after
 * everything else, then materialized views; event triggers and subscriptions come last of all, when
 * the content is proven.
 */
#pragma once

#include "snapshot/entry_sql.h"
#include "snapshot/toc.h"
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    WORK_SQL,           /* entries, in one message if possible */
    WORK_ROWS,          /* the data entry: a table or a part of one */
    WORK_LARGE_OBJECTS, /* the data entry's large objects, as far as this piece has them */
    WORK_ANALYZE,       /* tables */
    WORK_INDEX,         /* of the entry, a constraint */
    WORK_READ,          /* the table's rows, or a part of them, for their digest */
} WorkKind;

typedef enum { WORK_WAITING, WORK_READY, WORK_RUNNING, WORK_DONE } WorkState;

typedef struct {
    WorkKind kind;
    GPtrArray *entries; /* const TocEntry * */
    uint64_t weight;    /* bytes that the work is about: order and progress */
    bool is_data;       /* counts as loading, not as post-data */
    int first, count;   /* large objects of this piece, as the caller numbers them; of a table
                           that is read, which part of how many */
    int waits;          /* pieces that must be done before */
    GArray *frees;      /* int: pieces that wait for this one */
    GArray *uses;       /* int: tables (dump ids) that it is about */
    GArray *locks;      /* int: those that it locks against all other work */
    bool lets_read;     /* ... but for reading them */
    WorkState state;
} Work;

typedef struct {
    GPtrArray *before; /* const TocEntry *: pre-data, in order */
    GPtrArray *work;   /* Work * */
    GPtrArray *last;   /* const TocEntry *: when the content is proven, in order */
} RestoreGraph;

void restore_graph_free(RestoreGraph *graph);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RestoreGraph, restore_graph_free)

typedef struct {
    const Toc *toc;
    /* Bytes of a data entry as it will be loaded. */
    uint64_t (*data_bytes)(const TocEntry *entry, gpointer data);
    /* How many pieces of large objects a data entry has, and what is in each. */
    int (*large_pieces)(const TocEntry *entry, gpointer data);
    void (*large_piece)(const TocEntry *entry, int piece, Work *work, gpointer data);
    /* Whether the index of a constraint on a large table can be built first. */
    bool (*index_first)(const TocEntry *entry, gpointer data);
    gpointer data;
    int jobs; /* workers: into so many parts it pays to divide what is read */
} GraphOptions;

/* ERROR_INTEGRITY if something waits for itself, by way of others. The entries belong to
 * options->toc. */
RestoreGraph *restore_graph_new(const GraphOptions *options, GError **error);

/*
 * The schedule over a graph, without threads: next() gives the ready piece with the largest weight
 * that no running one excludes (NULL: none now) and marks it as running; done() marks it done and
 * makes ready what waited for it. Ties go to the archive's order.
 */
typedef struct Schedule Schedule;
Schedule *schedule_new(RestoreGraph *graph);
void schedule_free(Schedule *schedule);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Schedule, schedule_free)
Work *schedule_next(Schedule *schedule);
void schedule_done(Schedule *schedule, Work *work);
bool schedule_is_finished(const Schedule *schedule);
/* Ready and not yet running, without what is only to be read. */
guint schedule_ready(const Schedule *schedule);
