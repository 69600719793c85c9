/*
 * Row digests: the same content gives the same digest, whatever the row order, page layout or
 * server.
 *
 * For a table: row count, and the sum modulo 2^128 of XXH3-128 over each row's bytes as COPY ... TO
 * STDOUT gives them, with every setting that changes a byte pinned (digest_pin); in binary format
 * where every column's bytes mean the same in every database, else in text format. Generated
 * columns are left out: they follow from the others, and no archive holds them. For a sequence: its
 * value. For large objects: count and the same sum over their pieces, and over owner and access
 * rights of each. Detects accidents, not forgery.
 */
#pragma once

#include "base/json.h"
#include "pg/connection.h"
#include "verify/rows.h"
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint32_t oid; /* pg_type.oid */
    int32_t typmod;
} ColumnType;

typedef struct {
    uint32_t oid; /* pg_class.oid; a clone keeps it */
    char *schema;
    char *name;
    char kind; /* relkind: r table or partition, m materialized view, S sequence */
    bool unlogged;
    bool archived; /* an archive of pg_dump holds its rows or value; false for materialized views
                      and for an extension's tables and sequences that are not its configuration */
    char *spread_schema, *spread_name; /* the table among whose partitions a restore divides the
                                          rows anew (they hash by OIDs); NULL: none */
    CopyFormat format;                 /* in which its rows are digested */
    int64_t size_bytes;                /* estimate from the server, for order and progress */
    int64_t pages;      /* of the main fork; 0 if rows cannot be read in ranges of pages */
    GArray *attnums;    /* int: the columns that the digest covers, in attnum order */
    GPtrArray *columns; /* char *: their names */
    GArray *types;      /* ColumnType: theirs; OID 0 if the list was read from JSON */
    RowDigest digest;   /* tables and materialized views */
    bool is_read;       /* the digest is known already: digest_fill() passes the table over */
    char *value;        /* sequences: "last_value,is_called" */
} DigestTable;

typedef struct {
    GPtrArray *tables; /* DigestTable *, ordered by schema and name */
    RowDigest large_objects;
    RowDigest large_object_access; /* their owners and access rights */
} DigestSet;

/* One without columns, archived. */
DigestTable *digest_table_new(void);
void digest_table_add_column(DigestTable *table, int attnum, const char *name, ColumnType type);
void digest_table_free(DigestTable *table);
void digest_set_free(DigestSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DigestTable, digest_table_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DigestSet, digest_set_free)

/* Pins what changes the bytes of text output, for the session. */
bool digest_pin(PgConnection *connection, GError **error);

/* Lists what is to be digested: every table, partition leaf, materialized view (populated) and
 * sequence outside pg_catalog, information_schema and the schema "drydock"; not the table
 * SequelizeMeta. Digests are empty. */
DigestSet *digest_list(PgConnection *connection, GError **error);

/* The relations (pg_class.oid as pointer) whose rows may travel in binary format: every table and
 * materialized view of the database, listed by digest_list() or not. For all others it is text. */
GHashTable *digest_binary_relations(PgConnection *connection, GError **error);

/* From here on everything in the set is digested as text. */
void digest_force_text(DigestSet *set);

/* Digest of one table over the given columns (all of table->columns if attnums is NULL) in a format
 * that its types allow, in the transaction that is open on connection. */
bool digest_table(PgConnection *connection, const DigestTable *table, GArray *attnums,
                  CopyFormat format, RowDigest *out, GError **error);

/* Reads the sequence's value into table->value. */
bool digest_sequence(PgConnection *connection, DigestTable *table, GError **error);

/* Content of all large objects. */
bool digest_large_objects(PgConnection *connection, RowDigest *out, GError **error);

/* Fills in every digest of set with n worker connections, largest first; large tables and large
 * objects are shared by them. Each connection must be in a transaction with the same snapshot
 * already, pinned (digest_pin); in none where nobody else can write, so that locks are not kept.
 * Where others may change tables meanwhile a lock_timeout must be set or the tables be locked: a
 * worker may wait behind an ALTER TABLE that waits for another worker. Shows progress. */
bool digest_fill(DigestSet *set, PgConnection *const *workers, int n_workers, GError **error);

/* The same; go_on is called several times a second in the calling thread, and when it fails the
 * workers are stopped and its error is returned. */
typedef bool (*DigestGoOnFunc)(gpointer data, GError **error);
bool digest_fill_while(DigestSet *set, PgConnection *const *workers, int n_workers,
                       DigestGoOnFunc go_on, gpointer data, GError **error);

/* Makes the digests of a listed set comparable with those of expected: for tables of the same name
 * and the same column names, columns in the order that they have there (pg_dump restores an
 * inheritance child with its parent's columns first); and text where it is text there. To be called
 * before digest_fill() on a restored database. */
void digest_align(DigestSet *set, const DigestSet *expected);

/* The same names in the same order. */
bool digest_same_columns(const DigestTable *a, const DigestTable *b);

const DigestTable *digest_find(const DigestSet *set, uint32_t oid);
const DigestTable *digest_find_name(const DigestSet *set, const char *schema, const char *name);

/* One line for each difference in content between two sets matched by name (missing, extra, rows,
 * digest, value); empty if they are equal. char *; the caller frees the array. Between a database
 * and its clone; more about each in digest_compare.h. */
GPtrArray *digest_compare(const DigestSet *expected, const DigestSet *actual);

/* The same between what was archived and what it was restored to. A materialized view with other
 * rows is added to notes (char *; may be NULL): every restore refreshes it, and it was not fresh
 * when the snapshot was taken. What an extension fills itself is not compared. */
GPtrArray *digest_compare_restored(const DigestSet *expected, const DigestSet *actual,
                                   GPtrArray *notes);

/* SHA-256 over the canonical form of the set (names, columns, counts, digests): one value for the
 * whole content. The caller frees it. */
char *digest_set_hash(const DigestSet *set);

json_t *digest_set_to_json(const DigestSet *set);
DigestSet *digest_set_from_json(const json_t *json, GError **error);

/* Members "rows" and "digest" of an object. */
void row_digest_to_json(json_t *object, RowDigest digest);
bool row_digest_from_json(const json_t *object, RowDigest *out, GError **error);
