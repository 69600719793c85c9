/* What the parts of a restore share; for src/snapshot/restore*.c alone. */
#pragma once

#include "snapshot/entry_sql.h"
#include "snapshot/restore.h"
#include "snapshot/restore_graph.h"
#include "snapshot/toc.h"
#include "stream/source.h"
#include "verify/digest_read.h"
#include <stdatomic.h>

/* As CREATE DATABASE wants it; NULL: the template's. */
typedef struct {
    char *encoding, *collate, *ctype, *locale, *icu_rules;
    char provider; /* pg_database.datlocprovider: c, i, b */
} DatabaseShape;

void database_shape_clear(DatabaseShape *shape);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DatabaseShape, database_shape_clear)

typedef struct {
    uint32_t oid;
    const ManifestFile *file;
} LargeObject;

typedef struct {
    const PgTarget *target;
    const RestoreOptions *options;
    PgConnection *control;
    GPtrArray *workers; /* PgConnection * */
    bool created;       /* the database is ours to drop */
    RestoreResult *result;
    GMutex notes_lock; /* of result->notes, while there are threads */
    const char *owner; /* of the database; NULL: whoever restores */
    /* Digests of large tables, as far as they have been read back; NULL: before pre-data is done.
     */
    DigestSet *read_back;
    GMutex read_lock; /* of it, while there are threads */
    DigestWatch watch;

    /* of a snapshot */
    const Manifest *manifest;
    GHashTable *files; /* name -> ManifestFile * */
    Toc *toc;
    EntryScript *script;
    RestoreGraph *graph;
    GArray *large;        /* LargeObject */
    GArray *large_pieces; /* LargePiece, of restore_large.c */
    char *client_encoding, *conforming_strings;

    /* progress; bytes and the stop flag are the workers' too */
    uint64_t total_bytes;
    atomic_uint_least64_t done_bytes;
    atomic_bool stop;
    int64_t began_us;
} Restore;

/* ---- restore_files.c: the folder and its table of contents ---- */

/* Names and sizes of all files, the digest of toc.dat, and what toc.dat says. */
bool restore_open_files(Restore *restore, GError **error);
const ManifestFile *restore_file(const Restore *restore, const char *name);
/* The data file of an entry, which may have the suffix of its compression; NULL if there is none.
 */
const ManifestFile *restore_data_file(const Restore *restore, const char *name);
/* Its bytes as they were before they were compressed, and checked. */
Source *restore_open_source(const Restore *restore, const ManifestFile *file, GError **error);
/* Whether our own workers can load every data file: all have their row digests, in a compression
 * that we read. */
bool restore_can_load(const Restore *restore);

/* ---- restore_needs.c: what must be there before anything is created ---- */

bool restore_check_name(Restore *restore, GError **error);
/* Of a snapshot whose files are open, or of an archive. */
bool restore_check_needs(Restore *restore, GError **error);

/* ---- restore_database.c ---- */

/* From the manifest; what it does not say is NULL. */
void database_shape_of(const Manifest *manifest, DatabaseShape *shape);
bool restore_create_database(Restore *restore, const DatabaseShape *shape, GError **error);
/* Drops it after a failure, whose error is amended if it cannot be dropped. */
void restore_remove_database(Restore *restore, GError **error);
PgConnection *restore_connect(Restore *restore, GError **error);
/* Gives a session the settings for loading and for the archive's SQL. */
bool restore_prepare_session(const Restore *restore, PgConnection *connection, GError **error);
bool restore_connect_workers(Restore *restore, GError **error);
/* Says so to who restores: every session of ours is in. */
bool restore_tell_entered(const Restore *restore, GError **error);
/* Ends the sessions of workers whose statements must not go on. */
void restore_end_workers(Restore *restore);

/* ---- restore_entries.c: SQL ---- */

/* Entries (const TocEntry *) in order, many in a message. */
bool restore_run_entries(const Restore *restore, PgConnection *connection, const GPtrArray *entries,
                         GError **error);
/* The index that belongs to a constraint. */
bool restore_build_index(const Restore *restore, PgConnection *connection, const TocEntry *entry,
                         GError **error);
bool restore_run_analyze(Restore *restore, PgConnection *connection, const GPtrArray *entries,
                         GError **error);
/* "TABLE public.students", safe to print. The caller frees it. */
char *restore_describe(const TocEntry *entry);

/* ---- restore_rows.c, restore_large.c: data, committed only if it is what was recorded ---- */

bool restore_load_rows(Restore *restore, PgConnection *connection, const TocEntry *entry,
                       GError **error);
/* Ends the transaction of a piece that failed. */
void restore_roll_back(PgConnection *connection);
/* Reads which large objects there are, and cuts them into pieces of work. */
bool restore_list_large(Restore *restore, GError **error);
int restore_large_pieces(const TocEntry *entry, gpointer data);
void restore_large_piece(const TocEntry *entry, int piece, Work *work, gpointer data);
bool restore_load_large(Restore *restore, PgConnection *connection, const Work *work,
                        GError **error);

/* ---- restore_crew.c: everything between pre-data and proof ---- */

bool restore_run_graph(Restore *restore, GError **error);

/* ---- restore_proof.c ---- */

/* What there is to be read back, once the tables exist. */
bool restore_list_tables(Restore *restore, GError **error);
/* Reads a large table, or a part of it, on a connection that also loads. */
bool restore_read_back(Restore *restore, PgConnection *connection, const Work *work,
                       GError **error);
bool restore_take_digests(Restore *restore, GError **error);
/* ERROR_INTEGRITY if they are not the manifest's. */
bool restore_compare(Restore *restore, GError **error);

/* ---- for tests ---- */

/* What may be repeated of the words of pg_restore. The caller frees it. */
char *restore_filter_message(const char *message);
/* The options of the CREATE DATABASE in a script; false if it is not there, or not complete. */
bool restore_shape_of_script(const char *text, size_t size_bytes, DatabaseShape *shape);

/* ---- restore_archive.c: through pg_restore ---- */

bool restore_archive(Restore *restore, GError **error);
bool restore_analyze_all(Restore *restore, GError **error);

/* ---- restore_script.c: plain SQL ---- */

bool restore_script(Restore *restore, GError **error);
