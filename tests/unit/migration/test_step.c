#include "base/file.h"
#include "migration/check.h"
#include "migration/migration.h"
#include "migration/step.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#define ID "20250101000000"
#define OFF "-- drydock: transaction off\n"
#define COMMIT "\n-- drydock: commit\n"

/* ---- statements outside a transaction ---- */

static const struct {
    const char *sql;
    BareKind kind;
    bool if_exists;
    const char *scope, *name, *table;
} statements[] = {
    {"create index i on t (a)", BARE_NOT, false, "", NULL, NULL},
    {"create index concurrently i on t (a)", BARE_CREATE_INDEX, false, "", "i", "t"},
    {"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"It's\" ON ONLY S.\"T\" (a)",
     BARE_CREATE_INDEX, true, "", "It's", "S.\"T\""},
    {"create index concurrently I /* on x */ on t using btree (a)", BARE_CREATE_INDEX, false, "",
     "i", "t"},
    {"create index concurrently on t (a)", BARE_CREATE_INDEX, false, "", NULL, "t"},
    {"create table t (a int)", BARE_NOT, false, "", NULL, NULL},
    {"drop index i", BARE_NOT, false, "", NULL, NULL},
    {"drop index concurrently s.i", BARE_DROP_INDEX, false, "", "s.i", NULL},
    {"drop index concurrently if exists \"I\" restrict", BARE_DROP_INDEX, true, "", "\"I\"", NULL},
    {"reindex index concurrently s.i", BARE_REINDEX, false, "index", "s.i", NULL},
    {"reindex (verbose, concurrently) table t", BARE_REINDEX, false, "table", "t", NULL},
    {"reindex schema s", BARE_REINDEX, false, "schema", "s", NULL},
    {"vacuum (full) t", BARE_REPEATABLE, false, "", NULL, NULL},
    {"cluster", BARE_REPEATABLE, false, "", NULL, NULL},
    {"alter table p detach partition c", BARE_NOT, false, "", NULL, NULL},
    {"alter table p detach partition c finalize", BARE_NOT, false, "", NULL, NULL},
    {"alter table if exists only s.p detach partition s.\"c\" concurrently", BARE_DETACH, false, "",
     "s.\"c\"", "s.p"},
    {"alter table t add column concurrently int", BARE_NOT, false, "", NULL, NULL},
    {"call p()", BARE_COMMITS, false, "", NULL, NULL},
    {"do $$ begin perform 1; end $$", BARE_NOT, false, "", NULL, NULL},
    {"do $$ begin perform 'commit'; /* commit */ end $$", BARE_NOT, false, "", NULL, NULL},
    {"do $$ begin commit; end $$", BARE_COMMITS, false, "", NULL, NULL},
    {"do language plpgsql 'begin call p(); end'", BARE_COMMITS, false, "", NULL, NULL},
    {"do 'plpy.execute(1)' language plpython3u", BARE_COMMITS, false, "", NULL, NULL},
    {"select 1", BARE_NOT, false, "", NULL, NULL},
    {"refresh materialized view concurrently v", BARE_NOT, false, "", NULL, NULL},
};

static void test_bare(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(statements); i++) {
        const SqlStatement statement = {.text = (char *)statements[i].sql,
                                        .size_bytes = strlen(statements[i].sql)};
        g_auto(BareStatement) bare = {0};
        bare_parse(&statement, &bare);
        if (bare.kind != statements[i].kind || bare.if_exists != statements[i].if_exists ||
            strcmp(bare.scope, statements[i].scope) != 0 ||
            g_strcmp0(bare.name, statements[i].name) != 0 ||
            g_strcmp0(bare.table, statements[i].table) != 0)
            fail_msg("'%s' is %d '%s' '%s' '%s'", statements[i].sql, (int)bare.kind, bare.scope,
                     bare.name, bare.table);
    }
}

/* ---- steps ---- */

/* Steps as "2" (two statements in a transaction), "1" (one by itself), "!" (outside of one). */
static const struct {
    const char *sql, *steps;
} files[] = {
    {"", "0"},
    {OFF, "0"},
    {"select 1; select 2", "2"},
    {"select 1; select 2;" COMMIT "select 3", "2 1"},
    {"select 1;" COMMIT "select 2;\n/* " COMMIT " */\nselect '" COMMIT "';" COMMIT "select 4",
     "1 2 1"},
    {"do $$" COMMIT "$$; select 1", "2"},
    {OFF "select 1; select 2", "1 1"},
    {OFF "select 1; call p(); do $$ begin end $$; reindex table t", "1 ! 1 !"},
    {"create index concurrently i on t (a)", "!"},
    {"select 1; select 2; vacuum", "1 1 !"},
    {"select 1; select 2;" COMMIT "call p(); vacuum;" COMMIT "call p(); select 5", "2 ! ! 2"},
    {"call p()", "1"},
};

static MigrationSet *load(const char *sql)
{
    g_autofree char *folder = g_dir_make_tmp("drydock-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, ID "-a.up.sql", NULL);
    assert_true(g_file_set_contents(path, sql, -1, NULL));
    MigrationSet *set = migration_set_load(folder, NULL);
    assert_true(file_remove_tree(folder, NULL));
    assert_non_null(set);
    return set;
}

static void test_steps(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autoptr(MigrationSet) set = load(files[i].sql);
        g_autoptr(GArray) steps = migration_steps(&migration_find(set, ID)->up);
        g_autoptr(GString) text = g_string_new(NULL);
        guint next = 0;
        for (guint s = 0; s < steps->len; s++) {
            const MigrationStep *step = &g_array_index(steps, MigrationStep, s);
            assert_int_equal(step->first, next);
            next += step->count;
            g_string_append(text, s > 0 ? " " : "");
            if (step->bare)
                g_string_append_c(text, '!');
            else
                g_string_append_printf(text, "%u", step->count);
        }
        if (strcmp(text->str, files[i].steps) != 0)
            fail_msg("'%s' has the steps '%s'", files[i].sql, text->str);
        assert_int_equal(migration_has_steps(steps),
                         strlen(files[i].steps) > 1 || strcmp(files[i].steps, "!") == 0);
    }
}

/* ---- what is refused, and remarked ---- */

static const struct {
    const char *sql;
    int refused, remarked;
} checks[] = {
    {"select 1", 0, 0},
    {"begin; commit", 2, 0},
    {"vacuum", 0, 1},
    {OFF "vacuum", 0, 0},
    {OFF "commit", 1, 0},
    {"do $$ begin commit; end $$", 1, 0},
    {OFF "do $$ begin commit; end $$", 0, 0},
    {"vacuum;" COMMIT "do $$ begin commit; end $$", 1, 1},
    {OFF "do $$ begin execute 'vacuum'; end $$", 1, 0},
    {"do $$ begin execute 'vacuum'; end $$", 1, 0},
    {"create index concurrently on t (a)", 1, 0},
    {OFF "create database x", 1, 0},
    {"call p()", 0, 0},
};

static void test_check(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
        g_autoptr(MigrationSet) set = load(checks[i].sql);
        g_autoptr(GPtrArray) findings = migration_check_file(&migration_find(set, ID)->up, NULL);
        int refused = 0;
        for (guint f = 0; f < findings->len; f++)
            refused += ((const StatementFinding *)g_ptr_array_index(findings, f))->refuses;
        if (refused != checks[i].refused || (int)findings->len - refused != checks[i].remarked)
            fail_msg("'%s' has %d of %u findings that refuse", checks[i].sql, refused,
                     findings->len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bare),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
