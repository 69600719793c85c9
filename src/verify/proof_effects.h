/*
 * What the pending migrations declare (`writes`, `adds`, `removes`), table by table.
 *
 * A name is looked for among the tables as they were before the migrations, then as they are now (a
 * later migration calls a renamed table by its new name); a partitioned table or a parent stands
 * for all below it too. A name without a schema is the table in public, or else the only one of
 * that name. A name that fits none is a new table's, and nothing is proven about those.
 */
#pragma once

#include "verify/digest.h"
#include "verify/proof_catalog.h"
#include <glib.h>
#include <stdbool.h>

typedef struct {
    bool adds, removes, writes; /* writes: any column */
    GHashTable *columns;        /* char *: the columns that may change; NULL: none by name */
} ProofDeclared;

typedef struct {
    GHashTable *tables;   /* uint32_t oid as pointer -> ProofDeclared * */
    GPtrArray *ambiguous; /* char *: declarations that fit more than one table, as findings */
    ProofDeclared large_objects; /* declared for pg_largeobject */
} ProofEffects;

/* pending: Migration * */
ProofEffects *proof_effects_new(const GPtrArray *pending, const DigestSet *baseline,
                                const ProofCatalog *catalog);
void proof_effects_free(ProofEffects *effects);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProofEffects, proof_effects_free)

/* Never NULL: nothing declared is a value too. */
const ProofDeclared *proof_effects_find(const ProofEffects *effects, uint32_t oid);

/* Whether the values of a column may change, or the column go; the names are those before and now
 * (NULL: gone). */
bool proof_declares_column(const ProofDeclared *declared, const char *before, const char *now);
