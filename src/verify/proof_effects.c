#include "verify/proof_effects.h"
#include "migration/migration.h"

/* A name that a declaration may mean. */
typedef struct {
    const char *schema, *name;
    uint32_t oid;
} Candidate;

typedef struct {
    GArray *before, *now, *above; /* Candidate */
} Names;

static void declared_free(ProofDeclared *declared)
{
    g_clear_pointer(&declared->columns, g_hash_table_unref);
    g_free(declared);
}

void proof_effects_free(ProofEffects *effects)
{
    if (!effects)
        return;
    g_hash_table_unref(effects->tables);
    g_ptr_array_unref(effects->ambiguous);
    g_clear_pointer(&effects->large_objects.columns, g_hash_table_unref);
    g_free(effects);
}

static void add_candidate(GArray *list, const char *schema, const char *name, uint32_t oid)
{
    Candidate candidate = {schema, name, oid};
    g_array_append_val(list, candidate);
}

static Names collect_names(const DigestSet *baseline, const ProofCatalog *catalog)
{
    Names names = {
        .before = g_array_new(FALSE, FALSE, sizeof(Candidate)),
        .now = g_array_new(FALSE, FALSE, sizeof(Candidate)),
        .above = g_array_new(FALSE, FALSE, sizeof(Candidate)),
    };
    for (guint i = 0; i < baseline->tables->len; i++) {
        const DigestTable *table = baseline->tables->pdata[i];
        const ProofRelation *relation = proof_catalog_find(catalog, table->oid);
        add_candidate(names.before, table->schema, table->name, table->oid);
        if (!relation)
            continue;
        add_candidate(names.now, relation->table->schema, relation->table->name, table->oid);
        size_t j;
        json_t *parent;
        json_array_foreach(relation->above, j, parent)
        {
            add_candidate(names.above, json_string_value(json_array_get(parent, 0)),
                          json_string_value(json_array_get(parent, 1)), table->oid);
        }
    }
    return names;
}

/* The schema that a name without one means in this list; NULL if there is none or (then *ambiguous
 * is set) more than one. */
static const char *schema_of(const GArray *list, const char *name, bool *ambiguous)
{
    const char *found = NULL;
    bool several = false;
    for (guint i = 0; i < list->len; i++) {
        const Candidate *candidate = &g_array_index(list, Candidate, i);
        if (g_strcmp0(candidate->name, name) != 0)
            continue;
        if (g_strcmp0(candidate->schema, "public") == 0)
            return candidate->schema;
        several = several || (found && g_strcmp0(found, candidate->schema) != 0);
        found = candidate->schema;
    }
    *ambiguous = *ambiguous || several;
    return several ? NULL : found;
}

static void declare(ProofDeclared *declared, const MigrationEffect *effect)
{
    declared->adds = declared->adds || effect->kind == EFFECT_ADDS;
    declared->removes = declared->removes || effect->kind == EFFECT_REMOVES;
    if (effect->kind != EFFECT_WRITES)
        return;
    declared->writes = declared->writes || !effect->columns;
    if (!declared->columns)
        declared->columns = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (char **column = effect->columns; column && *column; column++)
        g_hash_table_add(declared->columns, g_strdup(*column));
}

/* Gives how many of the list the effect was declared for. */
static int declare_matches(ProofEffects *effects, const GArray *list, const MigrationEffect *effect,
                           bool *ambiguous)
{
    int matches = 0;
    const char *schema =
        effect->schema ? effect->schema : schema_of(list, effect->table, ambiguous);
    for (guint i = 0; schema && i < list->len; i++) {
        const Candidate *candidate = &g_array_index(list, Candidate, i);
        if (g_strcmp0(candidate->schema, schema) != 0 ||
            g_strcmp0(candidate->name, effect->table) != 0)
            continue;
        gpointer key = GUINT_TO_POINTER(candidate->oid);
        ProofDeclared *declared = g_hash_table_lookup(effects->tables, key);
        if (!declared) {
            declared = g_new0(ProofDeclared, 1);
            g_hash_table_insert(effects->tables, key, declared);
        }
        declare(declared, effect);
        matches++;
    }
    return matches;
}

static void apply_effect(ProofEffects *effects, const Names *names, const MigrationEffect *effect)
{
    bool ambiguous = false;
    if (g_strcmp0(effect->table, "pg_largeobject") == 0)
        declare(&effects->large_objects, effect);
    int matches = declare_matches(effects, names->before, effect, &ambiguous);
    if (matches == 0 && !ambiguous)
        matches = declare_matches(effects, names->now, effect, &ambiguous);
    matches += declare_matches(effects, names->above, effect, &ambiguous);
    if (matches == 0 && ambiguous)
        g_ptr_array_add(effects->ambiguous,
                        g_strdup_printf("a migration declares an effect on '%s', which is in more "
                                        "than one schema: name the schema",
                                        effect->table));
}

ProofEffects *proof_effects_new(const GPtrArray *pending, const DigestSet *baseline,
                                const ProofCatalog *catalog)
{
    ProofEffects *effects = g_new0(ProofEffects, 1);
    effects->tables =
        g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, (GDestroyNotify)declared_free);
    effects->ambiguous = g_ptr_array_new_with_free_func(g_free);
    Names names = collect_names(baseline, catalog);
    for (guint i = 0; pending && i < pending->len; i++) {
        const Migration *migration = pending->pdata[i];
        for (guint j = 0; migration->effects && j < migration->effects->len; j++)
            apply_effect(effects, &names, migration->effects->pdata[j]);
    }
    g_array_unref(names.before);
    g_array_unref(names.now);
    g_array_unref(names.above);
    return effects;
}

const ProofDeclared *proof_effects_find(const ProofEffects *effects, uint32_t oid)
{
    static const ProofDeclared nothing;
    const ProofDeclared *declared = g_hash_table_lookup(effects->tables, GUINT_TO_POINTER(oid));
    return declared ? declared : &nothing;
}

bool proof_declares_column(const ProofDeclared *declared, const char *before, const char *now)
{
    if (declared->writes)
        return true;
    return declared->columns && (g_hash_table_contains(declared->columns, before) ||
                                 (now && g_hash_table_contains(declared->columns, now)));
}
