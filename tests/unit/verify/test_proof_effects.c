#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "migration/migration.h"
#include "verify/proof_effects.h"
#include <string.h>

/* A relation by name, with one column "x". */
static DigestTable *table_new(uint32_t oid, const char *schema, const char *name)
{
    DigestTable *table = digest_table_new();
    table->oid = oid;
    table->schema = g_strdup(schema);
    table->name = g_strdup(name);
    table->kind = 'r';
    digest_table_add_column(table, 1, "x", (ColumnType){25, -1});
    return table;
}

typedef struct {
    DigestSet baseline;
    ProofCatalog catalog;
} World;

static void put(World *world, uint32_t oid, const char *schema, const char *before, const char *now,
                const char *above)
{
    ProofRelation *relation = g_new0(ProofRelation, 1);
    relation->table = table_new(oid, schema, now);
    relation->above = above ? json_pack("[[s,s]]", schema, above) : json_array();
    g_ptr_array_add(world->baseline.tables, table_new(oid, schema, before));
    g_hash_table_insert(world->catalog.relations, GUINT_TO_POINTER(oid), relation);
}

static void relation_free(ProofRelation *relation)
{
    digest_table_free(relation->table);
    json_decref(relation->above);
    g_free(relation);
}

static int setup(void **state)
{
    World *world = g_new0(World, 1);
    world->baseline.tables = g_ptr_array_new_with_free_func((GDestroyNotify)digest_table_free);
    world->catalog.relations =
        g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, (GDestroyNotify)relation_free);
    put(world, 1, "public", "students", "pupils", NULL);
    put(world, 2, "archive", "students", "students", NULL);
    put(world, 3, "archive", "visits", "visits", NULL);
    put(world, 4, "a", "twice", "twice", NULL);
    put(world, 5, "b", "twice", "twice", NULL);
    put(world, 6, "public", "log_1", "log_1", "log");
    put(world, 7, "public", "log_2", "log_2", "log");
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    World *world = *state;
    g_ptr_array_unref(world->baseline.tables);
    g_hash_table_unref(world->catalog.relations);
    g_free(world);
    return 0;
}

static ProofEffects *declare(World *world, EffectKind kind, const char *schema, const char *table,
                             char **columns)
{
    g_autoptr(GPtrArray) pending = g_ptr_array_new();
    g_autoptr(GPtrArray) effects = g_ptr_array_new();
    MigrationEffect effect = {
        .kind = kind, .schema = (char *)schema, .table = (char *)table, .columns = columns};
    Migration migration = {.effects = effects};
    g_ptr_array_add(effects, &effect);
    g_ptr_array_add(pending, &migration);
    return proof_effects_new(pending, &world->baseline, &world->catalog);
}

static void a_bare_name_is_the_one_in_public_or_the_only_one(void **state)
{
    g_autoptr(ProofEffects) students = declare(*state, EFFECT_ADDS, NULL, "students", NULL);
    assert_true(proof_effects_find(students, 1)->adds);
    assert_false(proof_effects_find(students, 2)->adds);
    g_autoptr(ProofEffects) visits = declare(*state, EFFECT_REMOVES, NULL, "visits", NULL);
    assert_true(proof_effects_find(visits, 3)->removes);
    assert_false(proof_effects_find(visits, 3)->adds);
    g_autoptr(ProofEffects) archive = declare(*state, EFFECT_ADDS, "archive", "students", NULL);
    assert_true(proof_effects_find(archive, 2)->adds);
    assert_false(proof_effects_find(archive, 1)->adds);
}

static void a_name_that_fits_several_is_a_finding(void **state)
{
    g_autoptr(ProofEffects) effects = declare(*state, EFFECT_WRITES, NULL, "twice", NULL);
    assert_int_equal(effects->ambiguous->len, 1);
    assert_false(proof_effects_find(effects, 4)->writes);
    assert_false(proof_effects_find(effects, 5)->writes);
    g_autoptr(ProofEffects) fresh = declare(*state, EFFECT_WRITES, NULL, "brand_new", NULL);
    assert_int_equal(fresh->ambiguous->len, 0);
}

static void a_new_name_and_a_parent_are_understood(void **state)
{
    g_autoptr(ProofEffects) renamed = declare(*state, EFFECT_ADDS, NULL, "pupils", NULL);
    assert_true(proof_effects_find(renamed, 1)->adds);
    g_autoptr(ProofEffects) parent = declare(*state, EFFECT_ADDS, NULL, "log", NULL);
    assert_true(proof_effects_find(parent, 6)->adds);
    assert_true(proof_effects_find(parent, 7)->adds);
}

static void columns_are_declared_by_either_name(void **state)
{
    char *columns[] = {"e mail", NULL};
    g_autoptr(ProofEffects) effects = declare(*state, EFFECT_WRITES, NULL, "students", columns);
    const ProofDeclared *declared = proof_effects_find(effects, 1);
    assert_false(declared->writes);
    assert_true(proof_declares_column(declared, "e mail", NULL));
    assert_true(proof_declares_column(declared, "old", "e mail"));
    assert_false(proof_declares_column(declared, "x", "x"));
    g_autoptr(ProofEffects) all = declare(*state, EFFECT_WRITES, NULL, "students", NULL);
    assert_true(proof_declares_column(proof_effects_find(all, 1), "x", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bare_name_is_the_one_in_public_or_the_only_one),
        cmocka_unit_test(a_name_that_fits_several_is_a_finding),
        cmocka_unit_test(a_new_name_and_a_parent_are_understood),
        cmocka_unit_test(columns_are_declared_by_either_name),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
