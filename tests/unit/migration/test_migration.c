#include "base/error.h"
#include "base/file.h"
#include "migration/file.h"
#include "migration/migration.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#define A "20250101000000"
#define B "20250102000000"
#define C "20250103000000"

/* Name and text, in turns, up to a NULL name. */
typedef const char *Files[11];

static char *folder_with(const Files files)
{
    char *folder = g_dir_make_tmp("drydock-XXXXXX", NULL);
    for (size_t i = 0; files[i] != NULL; i += 2) {
        g_autofree char *path = g_build_filename(folder, files[i], NULL);
        assert_true(g_file_set_contents(path, files[i + 1], -1, NULL));
    }
    return folder;
}

static MigrationSet *load(const Files files, GError **error)
{
    g_autofree char *folder = folder_with(files);
    MigrationSet *set = migration_set_load(folder, error);
    assert_true(file_remove_tree(folder, NULL));
    return set;
}

static void test_set(void **state)
{
    (void)state;
    static const Files files = {
        B "-second_One.up.sql",
        "-- requires nothing\n"
        "-- drydock: requires " A "\n"
        "--drydock:risk high\r\n"
        "-- Drydock : phi yes\n"
        "/* talk */\n\\restrict x\n"
        "-- drydock: lock_timeout 2s\n-- drydock: statement_timeout 10min  \n"
        "-- drydock: irreversible drops a column: gone\n-- drydock: ticket ABC-123\n"
        "-- drydock: writes students\n-- drydock: writes public.students(name, \"E \"\"Mail\")\n"
        "-- drydock: adds \"a.b\" . \"Ü\"\n-- drydock: removes s.t\n"
        "select 1; -- drydock is fine\nselect 2",
        B "-second_One.verify.sql",
        "select 1 where false;",
        A "-first.up.sql",
        "",
        A "-first.down.sql",
        "select 3;",
        NULL,
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(MigrationSet) set = load(files, &error);
    if (set == NULL) {
        fail_msg("%s", error->message);
        return;
    }
    assert_int_equal(set->migrations->len, 2);
    const Migration *first = g_ptr_array_index(set->migrations, 0);
    const Migration *second = migration_find(set, B);
    assert_ptr_equal(second, g_ptr_array_index(set->migrations, 1));
    assert_null(migration_find(set, C));

    assert_string_equal(first->name, "first");
    assert_int_equal(first->up.statements->len, 0);
    assert_int_equal(first->down->statements->len, 1);
    assert_null(first->verify);
    assert_null(first->depends_on[0]);
    assert_null(first->risk);
    assert_false(first->phi);
    assert_int_equal(first->lock_timeout_ms, -1);
    assert_int_equal(first->statement_timeout_ms, -1);
    assert_int_equal(first->effects->len, 0);

    assert_string_equal(second->name, "second_One");
    assert_null(second->down);
    assert_int_equal(second->verify->statements->len, 1);
    assert_string_equal(second->depends_on[0], A);
    assert_null(second->depends_on[1]);
    assert_string_equal(second->risk, "high");
    assert_true(second->phi);
    assert_int_equal(second->lock_timeout_ms, 2000);
    assert_int_equal(second->statement_timeout_ms, 600000);
    assert_string_equal(second->irreversible, "drops a column: gone");
    assert_string_equal(second->ticket, "ABC-123");

    static const struct {
        EffectKind kind;
        const char *schema, *table, *columns;
    } effects[] = {
        {EFFECT_WRITES, NULL, "students", NULL},
        {EFFECT_WRITES, "public", "students", "name|E \"Mail"},
        {EFFECT_ADDS, "a.b", "Ü", NULL},
        {EFFECT_REMOVES, "s", "t", NULL},
    };
    assert_int_equal(second->effects->len, G_N_ELEMENTS(effects));
    for (guint i = 0; i < second->effects->len; i++) {
        const MigrationEffect *effect = g_ptr_array_index(second->effects, i);
        g_autofree char *columns = effect->columns ? g_strjoinv("|", effect->columns) : NULL;
        assert_int_equal(effect->kind, effects[i].kind);
        assert_int_equal(g_strcmp0(effect->schema, effects[i].schema), 0);
        assert_string_equal(effect->table, effects[i].table);
        assert_int_equal(g_strcmp0(columns, effects[i].columns), 0);
    }
}

#define UP(sql)                                                                                    \
    {                                                                                              \
        A "-a.up.sql", sql                                                                         \
    }

/* Each text ends the load with this message behind the folder's path. */
static const struct {
    Files files;
    const char *message;
    const char *hint; /* a piece of it; NULL: not looked at */
} refused[] = {
    {UP("select 1;\nselect 'x"), A "-a.up.sql:2:8: string is not closed", NULL},
    {{A "-a.up.sql", "", A "-a.down.sql", "\n("},
     A "-a.down.sql:2:1: parenthesis is not closed",
     NULL},
    /* directives */
    {UP("-- drydock: riks high"), A "-a.up.sql:1:1: unknown directive 'riks': did you mean 'risk'?",
     "requires, risk, phi, lock_timeout"},
    {UP("\n  -- drydock: xyzzy"), A "-a.up.sql:2:3: unknown directive 'xyzzy'", "known directives"},
    {UP("-- drydock:"), A "-a.up.sql:1:1: directive without a word", NULL},
    {UP("-- drydock: RISK high"), A "-a.up.sql:1:1: unknown directive 'RISK': did you mean 'risk'?",
     NULL},
    {UP("-- drydock risk high"),
     A "-a.up.sql:1:1: directive without its colon: it is '-- drydock: risk'", NULL},
    {UP("-- drydock: risk"), A "-a.up.sql:1:1: risk '': it is low, medium, high or critical", NULL},
    {UP("-- drydock: risk low\n-- drydock: risk high"),
     A "-a.up.sql:2:1: directive 'risk' is said twice", NULL},
    {UP("-- drydock: phi maybe"), A "-a.up.sql:1:1: phi 'maybe': it is yes or no", NULL},
    {UP("-- drydock: lock_timeout 2"),
     A "-a.up.sql:1:1: lock_timeout '2': it is a duration above zero, such as 2s or 10min", NULL},
    {UP("-- drydock: statement_timeout 0"),
     A "-a.up.sql:1:1: statement_timeout '0': it is a duration above zero, such as 2s or 10min",
     NULL},
    {UP("-- drydock: irreversible"), A "-a.up.sql:1:1: 'irreversible' gives no reason", NULL},
    {UP("-- drydock: ticket "), A "-a.up.sql:1:1: 'ticket' names no ticket", NULL},
    {UP("-- drydock: writes"),
     A "-a.up.sql:1:1: 'writes' names no table: it is TABLE or SCHEMA.TABLE, with (COLUMN, ...) "
       "where only these are written",
     NULL},
    {UP("-- drydock: adds s."),
     A "-a.up.sql:1:1: 'adds' names no table: it is TABLE or SCHEMA.TABLE", NULL},
    {UP("-- drydock: adds \"t"),
     A "-a.up.sql:1:1: 'adds' names no table: it is TABLE or SCHEMA.TABLE", NULL},
    {UP("-- drydock: adds t(a)"),
     A "-a.up.sql:1:1: 'adds' is about whole rows and takes no columns", NULL},
    {UP("-- drydock: writes t()"),
     A "-a.up.sql:1:1: 'writes': columns are named as (COLUMN, COLUMN)", NULL},
    {UP("-- drydock: writes t(a, b"),
     A "-a.up.sql:1:1: 'writes': columns are named as (COLUMN, COLUMN)", NULL},
    {UP("-- drydock: writes a, b"), A "-a.up.sql:1:1: 'writes': ', b' is one too many",
     "a table a line"},
    {UP("-- drydock: writes a.b.c"), A "-a.up.sql:1:1: 'writes': '.c' is one too many", NULL},
    {UP("select 1;\n-- drydock: risk high"),
     A "-a.up.sql:2:1: directive 'risk' stands behind the first statement", NULL},
    {UP("select\n-- drydock: risk high\n1"),
     A "-a.up.sql:2:1: directive 'risk' stands behind the first statement", NULL},
    {{A "-a.up.sql", "", A "-a.down.sql", "-- drydock: risk low"},
     A "-a.down.sql:1:1: directive 'risk' belongs into the .up.sql file",
     NULL},
    /* how a file is committed */
    {UP("-- drydock: transaction on"),
     A "-a.up.sql:1:1: transaction 'on': it is 'off', or not said", NULL},
    {UP("select 1;\n-- drydock: transaction off"),
     A "-a.up.sql:2:1: directive 'transaction' stands behind the first statement", NULL},
    {UP("-- drydock: transaction off\nselect 1;\n-- drydock: commit\nselect 2;"),
     A "-a.up.sql:3:1: 'commit' in a migration that is 'transaction off'", "committed by itself"},
    {UP("select 1;\n-- drydock: commit now\nselect 2;"),
     A "-a.up.sql:2:1: 'commit' takes no words: 'now'", NULL},
    {UP("select 1; -- drydock: commit\nselect 2;"),
     A "-a.up.sql:1:11: 'commit' stands on a line of its own, between statements", NULL},
    {UP("select 1\n-- drydock: commit\n+ 2;"),
     A "-a.up.sql:2:1: 'commit' stands on a line of its own, between statements", NULL},
    {UP("-- drydock: commit\nselect 1;"),
     A "-a.up.sql:1:1: 'commit' has no statement before it that it could commit", NULL},
    {UP("select 1;\n-- drydock: commit\n;\n-- drydock: commit\nselect 2;"),
     A "-a.up.sql:4:1: 'commit' has no statement before it that it could commit", NULL},
    {UP("select 1;\n  -- drydock: commit\n"),
     A "-a.up.sql:2:3: 'commit' has no statement behind it", NULL},
    {{A "-a.up.sql", "", A "-a.verify.sql", "select 1;\n-- drydock: commit\nselect 2;"},
     A "-a.verify.sql:2:1: 'commit' has no place in a verify file",
     NULL},
    /* requires */
    {UP("-- drydock: requires"), A "-a.up.sql:1:1: 'requires' names no migration", NULL},
    {UP("-- drydock: requires 2025"), A "-a.up.sql:1:1: requires '2025': an id has 14 digits",
     NULL},
    {UP("-- drydock: requires " A),
     A "-a.up.sql:1:1: requires " A ", which is this migration itself", NULL},
    {{B "-b.up.sql", "\n-- drydock: requires " A},
     B "-b.up.sql:2:1: requires " A ", which is not there",
     "begins with " A "-"},
    {{A "-a.up.sql", "-- drydock: requires " B, B "-b.up.sql", ""},
     A "-a.up.sql:1:1: requires " B ", which is newer and would run after it",
     "order of their ids"},
    {{A "-a.up.sql", "-- drydock: requires " C, B "-b.up.sql", "-- drydock: requires " A,
      C "-c.up.sql", "-- drydock: requires " B},
     A "-a.up.sql:1:1: requires " C ", which requires this one in turn: a circle",
     NULL},
    /* names */
    {{"2025-a.up.sql", ""},
     "2025-a.up.sql: the file name does not fit: it begins with 4 digits, not with 14",
     "20250103000000-create-base-schema.up.sql"},
    {{A "1-a.up.sql", ""},
     A "1-a.up.sql: the file name does not fit: it begins with 15 digits, not with 14",
     NULL},
    {{A "_a.up.sql", ""},
     A "_a.up.sql: the file name does not fit: after the digits stand a hyphen and a name",
     NULL},
    {{A "-.up.sql", ""},
     A "-.up.sql: the file name does not fit: after the digits stand a hyphen and a name",
     NULL},
    {{A "-a b.up.sql", ""},
     A "-a b.up.sql: the file name does not fit: its name has other characters than letters, "
       "digits, '-' and '_'",
     NULL},
    {{A "-a.sql", ""},
     A "-a.sql: the file name does not fit: it does not end in .up.sql, .down.sql, .verify.sql "
       "or .repeat.sql",
     NULL},
    {{A "-a.up.SQL", ""},
     A "-a.up.SQL: the file name does not fit: it does not end in .up.sql, .down.sql, .verify.sql "
       "or .repeat.sql",
     NULL},
    {{A "-a.up.sql", "", A "-b.up.sql", ""},
     A "-b.up.sql: the id " A " is that of 'a' already",
     "another id"},
    {{A "-a.down.sql", ""}, A "-a.down.sql: there is no " A "-a.up.sql beside it", NULL},
    {{A "-a.verify.sql", ""}, A "-a.verify.sql: there is no " A "-a.up.sql beside it", NULL},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *folder = folder_with(refused[i].files);
        g_autofree char *message = g_build_filename(folder, refused[i].message, NULL);
        g_autoptr(MigrationSet) set = migration_set_load(folder, &error);
        assert_true(file_remove_tree(folder, NULL));
        if (set != NULL)
            fail_msg("no error: %s", refused[i].message);
        assert_string_equal(error->message, message);
        assert_true(error_is(error, ERROR_CONFIG));
        if (refused[i].hint != NULL)
            assert_non_null(strstr(error_hint(error), refused[i].hint));
    }
}

static void test_passed_over(void **state)
{
    (void)state;
    static const Files files = {"README.md", "x", ".gitkeep", "",  ".a.sql", "'",
                                "notes.txt", "'", "a.sql~",   "'", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(MigrationSet) set = load(files, &error);
    assert_non_null(set);
    assert_int_equal(set->migrations->len, 0);
}

static void test_links(void **state)
{
    (void)state;
    static const Files files = {"README-real.sql", "select 1;", NULL};
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = folder_with(files);
    g_autofree char *link = g_build_filename(folder, A "-a.up.sql", NULL);
    g_autofree char *dangling = g_build_filename(folder, B "-b.up.sql", NULL);
    g_autofree char *sub = g_build_filename(folder, C "-c.up.sql", NULL);
    assert_int_equal(symlink("README-real.sql", link), 0);
    g_autoptr(MigrationSet) set = migration_set_load(folder, &error);
    assert_non_null(set);
    assert_int_equal(set->migrations->len, 1);
    assert_int_equal(symlink("nowhere", dangling), 0);
    assert_null(migration_set_load(folder, &error));
    assert_true(error_is(error, ERROR_IO));
    g_clear_error(&error);
    assert_int_equal(unlink(dangling), 0);
    assert_true(file_make_folder(sub, NULL));
    assert_null(migration_set_load(folder, &error));
    assert_true(error_is(error, ERROR_CONFIG));
    g_clear_error(&error);
    assert_true(file_remove_tree(folder, NULL));
    assert_null(migration_set_load(folder, &error));
    assert_true(error_is(error, ERROR_CONFIG));
    assert_non_null(error_hint(error));
}

static void test_canonical(void **state)
{
    (void)state;
    static const struct {
        const char *text, *canonical;
    } texts[] = {
        {"", ""},
        {" \n\t\r\n", ""},
        {"a", "a\n"},
        {"a\n\n\n", "a\n"},
        {"\xEF\xBB\xBF"
         "a  \r\n\r\n  b\t\r\n",
         "a\n\n  b\n"},
        {"a\rb", "a\nb\n"},
        {"\n\n a b \n", "\n\n a b\n"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        const HashHex want = hash_text(texts[i].canonical);
        const HashHex got = migration_canonical_hash(texts[i].text, strlen(texts[i].text));
        if (strcmp(got.hex, want.hex) != 0)
            fail_msg("'%s'", texts[i].text);
    }
}

static void test_digests(void **state)
{
    (void)state;
    static const Files files = {A "-a.up.sql", "select 1;\r\n", NULL};
    g_autoptr(MigrationSet) set = load(files, NULL);
    const Migration *migration = g_ptr_array_index(set->migrations, 0);
    const HashHex bytes = hash_text("select 1;\r\n"), canonical = hash_text("select 1;\n");
    assert_string_equal(migration->up.sha256.hex, bytes.hex);
    assert_string_equal(migration->up.canonical.hex, canonical.hex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),         cmocka_unit_test(test_refused),
        cmocka_unit_test(test_passed_over), cmocka_unit_test(test_links),
        cmocka_unit_test(test_canonical),   cmocka_unit_test(test_digests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
