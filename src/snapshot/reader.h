/*
 * The sessions that read one state of a database: one that holds the tables' locks and exports its
 * snapshot, and workers that have imported it.
 */
#pragma once

#include "snapshot/snapshot.h"

typedef struct {
    PgConnection *exporter;
    GPtrArray *workers; /* PgConnection * */
    char *snapshot_id;
    DigestSet *list; /* what there is to be digested */
    int64_t seen_us; /* when the exporter's session last answered */
} Reader;

/* Connects, locks every table against being rewritten or dropped, takes the snapshot and gives it
 * to options->jobs workers. */
Reader *reader_open(const PgTarget *target, const SnapshotOptions *options, GError **error);

/* What the manifest says about the server and database; a new reference. */
json_t *reader_facts(Reader *reader, GError **error);

/* Pids of the sessions that have our application name in this database now, as "{1,2}" (the caller
 * frees it), and how many there are besides those. */
char *reader_known_sessions(Reader *reader, GError **error);
bool reader_count_others(Reader *reader, const char *known, int *count, GError **error);

/* Now and then a word with the exporter, whose loss is the snapshot's; to be called often. */
bool reader_sign_of_life(Reader *reader, GError **error);

/* Ends all transactions: proof that the locks were held until now. ERROR_FAILED if a name that rows
 * were read by has changed meanwhile. */
bool reader_finish(Reader *reader, GError **error);

void reader_free(Reader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Reader, reader_free)
