/*
 * Parts: the pieces of work of which taking a snapshot consists. One worker does one part: it reads
 * rows in the snapshot's state and, in the same pass, digests them, compresses them, hashes what is
 * stored and writes it.
 */
#pragma once

#include "snapshot/manifest.h"
#include "snapshot/toc.h"
#include "stream/sink.h"
#include "verify/digest.h"
#include "verify/digest_read.h"
#include <glib.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A table whose rows the archive holds. */
typedef struct {
    uint32_t oid;
    char *schema, *name;
    bool heap;
    bool filtered; /* row security would hide rows */
    int64_t pages, size_bytes;
    char *condition;    /* "WHERE ..." of an extension's configuration table; NULL: all rows */
    GPtrArray *columns; /* char *: those that COPY reads */
    CopyFormat format;
    DigestTable *digest; /* in the snapshot's list; NULL if it is none of those digested */
    int parts;
    atomic_int_least64_t began_us; /* monotonic; 0: not yet */
} TakenTable;

void taken_table_free(TakenTable *table);

typedef enum {
    PART_VIEW,    /* the digest of a materialized view */
    PART_READ,    /* the digest of another table that the archive does not hold */
    PART_TABLE,   /* rows of a table, or of some of its pages */
    PART_OBJECTS, /* large objects, a range of their OIDs */
    PART_ACCESS,  /* the digest of their owners and access rights */
} PartKind;

typedef struct {
    PartKind kind;
    uint64_t weight;     /* bytes, an estimate */
    TakenTable *table;   /* PART_TABLE */
    DigestTable *digest; /* PART_VIEW, PART_READ */
    int64_t first_page;  /* of a table that is split */
    int64_t end_page;    /* 0: to the end */
    char *file;          /* "1234.dat" */
    uint32_t first_object, last_object;

    /* Results, and how far it is. */
    GPtrArray *files; /* ManifestFile *, as they were written */
    RowDigest rows;
    GArray *objects; /* uint32_t: OIDs of the large objects that were read */
    atomic_int_least64_t bytes;
    atomic_bool begun, done;
} Part;

Part *part_new(PartKind kind, uint64_t weight);
void part_free(Part *part);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Part, part_free)

/* "public.students", safe to print; "public.students, part from page 100" where it is split. The
 * caller frees it. */
char *part_describe(const Part *part);

typedef struct {
    const char *folder;
    int level;
    DigestWatch watch; /* stop: given up */

    /* Called in the worker's thread when a part is done, with its files; may be NULL. */
    void (*taken)(const Part *part, gpointer data);
    gpointer data;
} PartContext;

/* A new file for compressed bytes, whose sum is known once it is committed. */
Sink *part_open_file(const char *path, int level, SinkSum *sum, GError **error);

/* Counts; false with an error if others have failed. */
bool part_report(Part *part, PartContext *context, int64_t bytes, GError **error);

/* Does it, in the transaction that is open on connection. */
bool part_take(Part *part, PartContext *context, PgConnection *connection, GError **error);
