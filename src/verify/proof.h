/*
 * The data proof: what the migrations do not declare has not happened to rows that existed.
 *
 * Tables are matched by OID and columns by number (a clone keeps both), so that a rename is no
 * difference. A table that no migration locked in a mode that can write is the same by construction
 * and is not read again.
 */
#pragma once

#include "migration/migration.h"
#include "pg/connection.h"
#include "verify/digest.h"
#include <glib.h>
#include <stdbool.h>

/* What a table was locked for, collected from pg_locks of our own backend before each commit. */
typedef struct {
    GHashTable *relations; /* uint32_t oid as pointer -> char *: name of the mode in which most can
                              be written */
} ProofTouched;

ProofTouched *proof_touched_new(void);
void proof_touched_free(ProofTouched *touched);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProofTouched, proof_touched_free)

/* Adds what the open transaction of this connection holds in ROW EXCLUSIVE and stronger modes. */
bool proof_record_locks(PgConnection *connection, ProofTouched *touched, GError **error);
/* Whether a mode lets rows change (ROW EXCLUSIVE, EXCLUSIVE, ACCESS EXCLUSIVE), as far as the
 * record tells. */
bool proof_may_have_written(const ProofTouched *touched, uint32_t oid);
/* Adds one relation with the name of a lock mode, as pg_locks gives it. */
void proof_touched_add(ProofTouched *touched, uint32_t oid, const char *mode);

typedef struct {
    char *schema, *name; /* before */
    const char *how; /* "not locked for writing", "same digest", "same digest over kept columns",
                        "declared: adds", ... */
    int64_t rows_before, rows_after;
    bool ok;
    char *difference; /* NULL if ok */
} ProofTable;

typedef struct {
    GPtrArray *tables;   /* ProofTable * */
    GPtrArray *findings; /* char *; empty: proven */
    int read_again;      /* tables whose rows were read again */
} ProofResult;
void proof_result_free(ProofResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProofResult, proof_result_free)
json_t *proof_result_to_json(const ProofResult *result);

/* Compares the migrated copy (work) with the content before: baseline has the whole-row digests;
 * keep is opened (by open_keep, at most once, only if a table must be read over some of its
 * columns) for what they cannot answer. pending: Migration * with the declared effects. all: read
 * every table. Both connections must be outside of a transaction, and are so again
 * afterwards; the one to keep stays its opener's. open_keep may be NULL: what would need it is then
 * proven by its row count only. */
typedef PgConnection *(*ProofOpenFunc)(gpointer data, GError **error);
ProofResult *proof_check(PgConnection *work, const DigestSet *baseline, const ProofTouched *touched,
                         const GPtrArray *pending, bool all, ProofOpenFunc open_keep, gpointer data,
                         GError **error);
