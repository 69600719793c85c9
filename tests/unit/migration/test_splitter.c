#include "base/clock.h"
#include "base/error.h"
#include "migration/splitter.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

/* What a text splits into: statements one a line, joined by "|". Data of COPY stand behind in
 * braces. */
static char *split(const char *sql, size_t size_bytes, GError **error)
{
    g_autoptr(GPtrArray) statements = splitter_split(sql, size_bytes, "m.sql", error);
    g_autoptr(GString) out = g_string_new(NULL);
    if (statements == NULL)
        return NULL;
    for (guint i = 0; i < statements->len; i++) {
        const SqlStatement *statement = g_ptr_array_index(statements, i);
        assert_int_equal(strlen(statement->text), statement->size_bytes);
        g_string_append_printf(out, "%s%s", i > 0 ? "|" : "", statement->text);
        if (statement->copy_data != NULL)
            g_string_append_printf(out, "{%s}", statement->copy_data);
    }
    return g_strdup(out->str);
}

static const struct {
    const char *sql;
    const char *statements;
} splits[] = {
    {"", ""},
    {" \n\t-- nothing\n/* at all */ ;; ; \n", ""},
    {"select 1", "select 1"},
    {"select 1;", "select 1"},
    {"select 1 ; select 2;", "select 1|select 2"},
    {"-- a\n/* b */ select 1 -- c\n;", "select 1"},
    {"select /* ; */ 1 -- ;\n, 2;", "select /* ; */ 1 -- ;\n, 2"},
    {"select 1--;\r;select 2", "select 1|select 2"},
    /* quotes */
    {"select ';';select '''';", "select ';'|select ''''"},
    {"select 'a\\';select 2;", "select 'a\\'|select 2"},
    {"select E'a\\';b';select 2;", "select E'a\\';b'|select 2"},
    {"select e'\\\\';select 2;", "select e'\\\\'|select 2"},
    {"select E'a'\n'\\';b';select 2", "select E'a'\n'\\';b'|select 2"},
    {"select E'a' -- c\n -- d\n'\\';b';select 2", "select E'a' -- c\n -- d\n'\\';b'|select 2"},
    {"select E'a' '\\';select 2", "select E'a' '\\'|select 2"},
    {"select E'a' /*\n*/ '\\';select 2", "select E'a' /*\n*/ '\\'|select 2"},
    {"select U&'\\';select 2", "select U&'\\'|select 2"},
    {"select u&\"a;\"\"b\";select 2", "select u&\"a;\"\"b\"|select 2"},
    {"select \"a;\"\"';\" ; select 2", "select \"a;\"\"';\"|select 2"},
    {"select b';', X';', n';\\';select 2", "select b';', X';', n';\\'|select 2"},
    {"select tableE';\\';select 2", "select tableE';\\'|select 2"},
    /* dollar quotes */
    {"do $$ ; $$;select 2", "do $$ ; $$|select 2"},
    {"do $a$ $$ ; $b$ ; $a$;select 2", "do $a$ $$ ; $b$ ; $a$|select 2"},
    {"do $a$ ; $b$a$;select 2", "do $a$ ; $b$a$|select 2"},
    {"do $é_1$ ; $é_1$;select 2", "do $é_1$ ; $é_1$|select 2"},
    {"select a$b$;select c$b$;", "select a$b$|select c$b$"},
    {"select $1;select $2;", "select $1|select $2"},
    {"select $1$a$;$a$;select 2", "select $1$a$;$a$|select 2"},
    {"select $ ; select 2", "select $|select 2"},
    {"select 1$a$;$a$;select 1e5$a$;$a$", "select 1$a$;$a$|select 1e5$a$;$a$"},
    {"select 1a$b$;select 1e$b$", "select 1a$b$|select 1e$b$"},
    {"select $1a$;select $1a$", "select $1a$|select $1a$"},
    /* comments */
    {"select /* /* ; */ ; */ 1;select 2", "select /* /* ; */ ; */ 1|select 2"},
    {"select /*/ ; */ 1;select 2", "select /*/ ; */ 1|select 2"},
    {"select /* **/ 1;select 2", "select /* **/ 1|select 2"},
    {"select 1 +-- ;\n 2;select 2", "select 1 +-- ;\n 2|select 2"},
    {"select 1 */* ; */ 2;select 2", "select 1 */* ; */ 2|select 2"},
    {"select '/*';select '--';", "select '/*'|select '--'"},
    /* parentheses */
    {"create rule r as on insert to t do (select 1; select 2);select 3",
     "create rule r as on insert to t do (select 1; select 2)|select 3"},
    {"select 1);select 2", "select 1)|select 2"},
    {"select ('(');select 2", "select ('(')|select 2"},
    /* bodies */
    {"create function f() returns int begin atomic select 1; select 2; end;select 3",
     "create function f() returns int begin atomic select 1; select 2; end|select 3"},
    {"CREATE OR REPLACE PROCEDURE f() BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; END; SELECT 3",
     "CREATE OR REPLACE PROCEDURE f() BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; END|SELECT 3"},
    {"create function f() returns int begin /* x */ atomic select 1 as end; end;select 3",
     "create function f() returns int begin /* x */ atomic select 1 as end; end|select 3"},
    {"create /* x */ function f() begin atomic select t.end; end;select 3",
     "create /* x */ function f() begin atomic select t.end; end|select 3"},
    {"create function begin() returns int return 1;select 3",
     "create function begin() returns int return 1|select 3"},
    {"create table t (a int);begin;select 1;end;", "create table t (a int)|begin|select 1|end"},
    {"create view v as select case when a then 1 end;select 2",
     "create view v as select case when a then 1 end|select 2"},
    /* COPY */
    {"copy t from stdin;\n1\t;\n\\.\nselect 2;", "copy t from stdin{1\t;\n}|select 2"},
    {"COPY public.t (a, b) FROM STDIN WITH (FORMAT csv);\n'\n\"\n\\.\n;",
     "COPY public.t (a, b) FROM STDIN WITH (FORMAT csv){'\n\"\n}"},
    {"copy t from stdin;\n\\.\n", "copy t from stdin{}"},
    {"copy t from stdin; \t\r\n1\r\n\\.\r\nselect 2", "copy t from stdin{1\r\n}|select 2"},
    {"copy t from stdin;\n1\n\\.", "copy t from stdin{1\n}"},
    {"copy t from stdin;\n\\..\n \\.\n\\\\.\n\\.\n", "copy t from stdin{\\..\n \\.\n\\\\.\n}"},
    {"copy t from stdout;\n1\n\\.\n", "copy t from stdout{1\n}"},
    {"copy stdin from 'stdin';select 2", "copy stdin from 'stdin'|select 2"},
    {"copy t from \"stdin\";select 2", "copy t from \"stdin\"|select 2"},
    {"copy (select 1 from stdin) to stdout;select 2",
     "copy (select 1 from stdin) to stdout|select 2"},
    {"select 1 from stdin;select 2", "select 1 from stdin|select 2"},
    /* psql's own */
    {"\\restrict aB3\nselect 1;\n\\unrestrict aB3\n", "select 1"},
    {"\\restrict it's\nselect 1;", "select 1"},
    {"\xEF\xBB\xBFselect 1;", "select 1"},
    {"select :name, :'x', a::int, b[1:2];select 2", "select :name, :'x', a::int, b[1:2]|select 2"},
    {"select 1e-5, .5, 1..2, 0x1F, 1_000;select 2", "select 1e-5, .5, 1..2, 0x1F, 1_000|select 2"},
};

static void test_splits(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(splits); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *got = split(splits[i].sql, strlen(splits[i].sql), &error);
        if (got == NULL)
            fail_msg("'%s': %s", splits[i].sql, error->message);
        else if (strcmp(got, splits[i].statements) != 0)
            fail_msg("'%s' gave '%s'", splits[i].sql, got);
    }
}

static const struct {
    const char *sql;
    size_t size_bytes; /* 0: up to the NUL */
    const char *message;
} errors[] = {
    {"select 1;\n  'a", 0, "m.sql:2:3: string is not closed"},
    {"select 'é', 'a''", 0, "m.sql:1:13: string is not closed"},
    {"select E'\\", 0, "m.sql:1:8: string is not closed"},
    {"select E'a\\'", 0, "m.sql:1:8: string is not closed"},
    {"select E'a'\n'\\'", 0, "m.sql:1:8: string is not closed"},
    {"select U&'", 0, "m.sql:1:8: string is not closed"},
    {"select \"a", 0, "m.sql:1:8: quoted identifier is not closed"},
    {"do\r\n$a$ $b$", 0, "m.sql:2:1: dollar quote is not closed"},
    {"\r\r/* /* */", 0, "m.sql:3:1: comment is not closed"},
    {"/*", 0, "m.sql:1:1: comment is not closed"},
    {"select\n (1, (2);\nselect 3;", 0, "m.sql:2:2: parenthesis is not closed"},
    {"create function f() begin atomic select 1;", 0, "m.sql:1:21: BEGIN ATOMIC has no END"},
    {"copy t from stdin;\n1\n", 0,
     "m.sql:1:1: the data of COPY ... FROM stdin do not end: no line '\\.' follows"},
    {";copy t from stdin", 0,
     "m.sql:1:2: the data of COPY ... FROM stdin do not end: no line '\\.' follows"},
    {"copy t from stdin; select 1;\n\\.\n", 0,
     "m.sql:1:20: the data of COPY ... FROM stdin begin on the next line: nothing may stand here"},
    {"select 1;\n\\.\n", 0,
     "m.sql:2:1: '\\.' ends the data of COPY ... FROM stdin, and there are none here"},
    {"select 1;\n\\connect other\n", 0, "m.sql:2:1: '\\connect' is a command of psql, not SQL"},
    {"select 1 \\gexec", 0, "m.sql:1:10: '\\gexec' is a command of psql, not SQL"},
    {"\\copy t from x", 0, "m.sql:1:1: '\\copy' is a command of psql, not SQL"},
    {"\\! rm x", 0, "m.sql:1:1: '\\!' is a command of psql, not SQL"},
    {"select 1 \\; select 2", 0, "m.sql:1:10: '\\;' is a command of psql, not SQL"},
    {"select\n\\restrict a", 0, "m.sql:2:1: '\\restrict' stands inside a statement"},
    {"select 1 \\", 0, "m.sql:1:10: backslash outside quotes"},
    {"select 1;\n\0", 11, "m.sql:2:1: NUL byte"},
    {"copy t from stdin;\na\0\n\\.\n", 24, "m.sql:2:2: NUL byte"},
    {"\xEF\xBB\xBF-- é\xFF", 0, "m.sql:1:5: not valid UTF-8"},
    {"'\xC3", 0, "m.sql:1:2: not valid UTF-8"},
    {"\xFF\xFEs", 0, "m.sql:1:1: not valid UTF-8"},
};

static void test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(errors); i++) {
        g_autoptr(GError) error = NULL;
        const size_t size = errors[i].size_bytes ? errors[i].size_bytes : strlen(errors[i].sql);
        g_autofree char *got = split(errors[i].sql, size, &error);
        if (got != NULL)
            fail_msg("'%s' gave '%s'", errors[i].sql, got);
        assert_true(error_is(error, ERROR_CONFIG));
        assert_string_equal(error->message, errors[i].message);
    }
}

static void test_places(void **state)
{
    (void)state;
    static const char sql[] = "\xEF\xBB\xBF/* é */ select 'é';select 2;\r\n"
                              "-- x\r\n  copy t from stdin;\r\né\r\n\\.\r\n\r\n\tselect\r\n é,1;";
    static const struct {
        int line, column;
    } places[] = {{1, 9}, {1, 20}, {3, 3}, {7, 2}};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) all = splitter_split(sql, strlen(sql), "m.sql", &error);
    assert_null(error);
    assert_int_equal(all->len, G_N_ELEMENTS(places));
    for (guint i = 0; i < all->len; i++) {
        const SqlStatement *statement = g_ptr_array_index(all, i);
        assert_int_equal(statement->line, places[i].line);
        assert_int_equal(statement->column, places[i].column);
    }
}

static void test_locate(void **state)
{
    (void)state;
    static const char sql[] = "\n  select 'é', x,\r\n  y\n, z;";
    static const struct {
        int position, line, column;
    } places[] = {{0, 2, 3},  {1, 2, 3},  {8, 2, 10}, {13, 2, 15}, {15, 2, 17},
                  {16, 3, 1}, {19, 3, 3}, {21, 4, 1}, {99, 4, 4},  {-5, 2, 3}};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) all = splitter_split(sql, strlen(sql), "m.sql", &error);
    assert_int_equal(all->len, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        int line = 0, column = 0;
        splitter_locate(g_ptr_array_index(all, 0), places[i].position, &line, &column);
        if (line != places[i].line || column != places[i].column)
            fail_msg("position %d is at %d:%d", places[i].position, line, column);
    }
}

static bool note(const SqlComment *comment, gpointer data, GError **error)
{
    (void)error;
    g_string_append_printf(data, "%d:%d%s%.*s|", comment->line, comment->column,
                           comment->leading ? "+" : "-", (int)comment->size_bytes, comment->text);
    return true;
}

static void test_notes(void **state)
{
    (void)state;
    static const char sql[] = "--a\r\n\\restrict x\n /* --b */ --c\n;--d\nselect --e\n 1 --f\n;--g";
    g_autoptr(GString) seen = g_string_new(NULL);
    g_autoptr(GPtrArray) all = splitter_split_noting(sql, strlen(sql), "m.sql", note, seen, NULL);
    assert_int_equal(all->len, 1);
    assert_string_equal(seen->str, "1:1+a|3:12+c|4:2+d|5:8-e|6:4-f|7:2-g|");
}

/* pattern count times, then tail. */
static GString *repeat(const char *pattern, size_t count, const char *tail)
{
    GString *sql = g_string_new("select ");
    for (size_t i = 0; i < count; i++)
        g_string_append(sql, pattern);
    g_string_append(sql, tail);
    return sql;
}

/* Millions of anything are no more than their bytes: no recursion, nothing read twice over. */
static void test_large(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        size_t count;
        const char *tail;
        bool splits;
    } large[] = {
        {"(", 100000, "", false},         {"/*", 100000, "", false},
        {"((", 50000, ";;", false},       {"1,", 5000000, "1;", true},
        {"'a''b',", 1500000, "1;", true}, {"$a$b$a$,", 1000000, "1;", true},
        {"--x\n", 2500000, "1;", true},   {"$x ", 3000000, ";", true},
        {"'a'\n", 2500000, ";", true},    {"case ", 2000000, ";", true},
        {"$", 1000001, "", true},         {"-", 1, "x", true},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(large); i++) {
        g_autoptr(GError) error = NULL;
        GString *sql = repeat(large[i].pattern, large[i].count, large[i].tail);
        const int64_t begun = clock_monotonic_us();
        g_autoptr(GPtrArray) all = splitter_split(sql->str, sql->len, "m.sql", &error);
        const int64_t took = clock_monotonic_us() - begun;
        g_string_free(sql, TRUE);
        if ((all != NULL) != large[i].splits)
            fail_msg("%s", error != NULL ? error->message : large[i].pattern);
        if (took > 5 * G_USEC_PER_SEC)
            fail_msg("'%s' took %d ms", large[i].pattern, (int)(took / 1000));
    }
}

/* Every beginning of a text either splits or says why, and no piece reads beyond its end. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    g_autoptr(GString) sql = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(splits); i++)
        g_string_append_printf(sql, "%s\n;", splits[i].sql);
    for (size_t size = 0; size <= sql->len; size++) {
        g_autofree char *exact = g_memdup2(sql->str, size);
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) all = splitter_split(exact ? exact : "", size, "m.sql", &error);
        assert_true((all != NULL) == (error == NULL));
    }
}

/* ---- one at a time ---- */

/* Lines of every length around the pieces that data are given in, and end marks that are none. */
static GString *make_data(size_t filling)
{
    GString *data = g_string_new(NULL);
    for (size_t i = 0; i < filling; i++)
        g_string_append_c(data, 'x');
    g_string_append(data, "\\.\n\\.x\n \\.\nlast\n");
    return data;
}

static void test_data_in_pieces(void **state)
{
    (void)state;
    for (size_t filling = 128 * 1024 - 24; filling <= 128 * 1024 + 4; filling++) {
        g_autoptr(GString) data = make_data(filling);
        g_autofree char *text = g_strdup_printf("COPY t FROM stdin;\n%s\\.\nSELECT 1", data->str);
        g_autoptr(SqlSplitter) splitter = splitter_open(text, strlen(text), "f", NULL, NULL);
        g_autoptr(GString) joined = g_string_new(NULL);
        const char *piece = NULL;
        SqlView view;
        bool found = false;
        assert_true(splitter_next(splitter, &view, &found, NULL) && found && view.has_data);
        for (size_t size = 1; size > 0;) {
            assert_true(splitter_data(splitter, &piece, &size, NULL));
            g_string_append_len(joined, piece, (gssize)size);
        }
        assert_string_equal(joined->str, data->str);
        assert_true(splitter_next(splitter, &view, &found, NULL) && found && !view.has_data);
        assert_int_equal(view.line, 7);
        assert_int_equal(view.size_bytes, strlen("SELECT 1"));
        assert_true(splitter_next(splitter, &view, &found, NULL) && !found);
    }
}

static void test_data_may_be_passed_over(void **state)
{
    const char *text = "COPY t FROM stdin;\na;b\n'\n\\.\nSELECT 1; SELECT 2";
    g_autoptr(SqlSplitter) splitter = splitter_open(text, strlen(text), "f", NULL, NULL);
    SqlView view;
    bool found = false;
    (void)state;
    assert_true(splitter_next(splitter, &view, &found, NULL) && view.has_data);
    assert_true(splitter_next(splitter, &view, &found, NULL) && !view.has_data);
    assert_int_equal(view.line, 5);
    assert_true(splitter_next(splitter, &view, &found, NULL) && found);
    g_autofree char *place = splitter_place(splitter, &view, 7);
    assert_string_equal(place, "f:5:18");
}

static bool take_command(const char *name, const char *rest, gpointer data, GError **error)
{
    g_string_append_printf(data, "%s(%s)", name, rest);
    if (strcmp(rest, "bad") != 0)
        return true;
    error_set(error, ERROR_CONFIG, "no");
    return false;
}

static void test_commands_are_handed_over(void **state)
{
    const char *text = "\\restrict k \n\\c app\nSELECT 1;\n  \\connect bad";
    g_autoptr(GString) seen = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(SqlSplitter) splitter = splitter_open(text, strlen(text), "f", take_command, seen);
    SqlView view;
    bool found = false;
    (void)state;
    assert_true(splitter_next(splitter, &view, &found, &error) && found);
    assert_false(splitter_next(splitter, &view, &found, &error));
    assert_string_equal(error->message, "f:4:3: no");
    assert_string_equal(seen->str, "restrict(k)c(app)connect(bad)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_splits),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_locate),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_data_in_pieces),
        cmocka_unit_test(test_data_may_be_passed_over),
        cmocka_unit_test(test_commands_are_handed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
