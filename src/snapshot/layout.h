/*
 * The layout of a snapshot: which tables the archive holds (as pg_dump's table of contents says),
 * what is known of them, and into which parts their rows are cut. The table of contents is changed
 * to match: entries for the parts, binary COPY statements, names of files.
 */
#pragma once

#include "snapshot/part.h"
#include "snapshot/reader.h"

typedef struct {
    GPtrArray *tables; /* TakenTable * */
    GPtrArray *parts;  /* Part *, in the order in which they are done */
    bool money;        /* there are columns of money in tables that are read as text */
} Layout;

/* ERROR_REFUSED if rows would be hidden, ERROR_FAILED if the table of contents is not of this
 * database as the snapshot sees it. Parts of the digest list that the archive does not hold are
 * planned to be read. */
Layout *layout_make(Toc *toc, Reader *reader, const SnapshotOptions *options, GError **error);
void layout_free(Layout *layout);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Layout, layout_free)

/* Once all parts are done: the digests of the tables from those of their parts. */
void layout_add_up(Layout *layout);

/* Whether a table is cut into parts. */
bool layout_has_parts(const Layout *layout);

/* How many parts a table is cut into, each of about part_bytes. */
int layout_split(int64_t size_bytes, int64_t pages, uint64_t part_bytes);
/* How large a part is to be: at most split_bytes, small enough for all workers to be busy. */
uint64_t layout_part_bytes(uint64_t total_bytes, uint64_t split_bytes, int jobs);
