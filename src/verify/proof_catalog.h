/* The relations of the migrated copy as the data proof sees them: names and columns now, by OID. */
#pragma once

#include "base/json.h"
#include "pg/connection.h"
#include "verify/digest.h"
#include <glib.h>
#include <stdbool.h>

typedef struct {
    DigestTable *table; /* now; without digest, format and typmods */
    bool populated;     /* materialized views */
    json_t *above;      /* [[schema, name], ...]: partitioned tables and parents */
} ProofRelation;

typedef struct {
    GHashTable *relations; /* uint32_t oid as pointer -> ProofRelation * */
    GHashTable *feeds;     /* sequence oid -> GArray of uint32_t: the tables that it feeds */
} ProofCatalog;

void proof_catalog_free(ProofCatalog *catalog);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProofCatalog, proof_catalog_free)

ProofCatalog *proof_catalog_read(PgConnection *connection, GError **error);

/* NULL if there is no such relation any more. */
const ProofRelation *proof_catalog_find(const ProofCatalog *catalog, uint32_t oid);
