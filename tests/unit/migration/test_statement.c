#include "base/clock.h"
#include "migration/statement.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#define OTHER STATEMENT_OTHER
#define TRANSACTION STATEMENT_TRANSACTION_CONTROL
#define ALONE STATEMENT_NO_TRANSACTION
#define COMMITS STATEMENT_COMMITS_INSIDE
#define CLUSTER STATEMENT_CLUSTER
#define OWN STATEMENT_OWN_DATABASE
#define SESSION STATEMENT_SESSION

/* The database in service is "app". */
static const struct {
    const char *sql;
    StatementClass kind;
    const char *words; /* NULL: none */
} cases[] = {
    {"create table role (a int)", OTHER, NULL},
    {"select 'create role x'", OTHER, NULL},
    {"/* create role x */ select 1", OTHER, NULL},
    {"\"create\" role x", OTHER, NULL},
    {"(", OTHER, NULL},
    {"", OTHER, NULL},
    /* roles */
    {"CREATE ROLE x", CLUSTER, "CREATE ROLE"},
    {"create /* a */ -- b\n user x", CLUSTER, "CREATE ROLE"},
    {"create group x", CLUSTER, "CREATE ROLE"},
    {"alter role x set search_path = a", CLUSTER, "ALTER ROLE"},
    {"alter user all reset all", CLUSTER, "ALTER ROLE"},
    {"drop role if exists x", CLUSTER, "DROP ROLE"},
    {"alter role x in database app set work_mem = '1GB'", OWN, "ALTER ROLE IN DATABASE"},
    {"alter role x in database other set a = 1", CLUSTER, "ALTER ROLE IN DATABASE"},
    {"create user mapping for x server y", OTHER, NULL},
    {"alter user mapping for x server y", OTHER, NULL},
    {"drop user mapping if exists for x server y", OTHER, NULL},
    {"alter default privileges for role x grant select on tables to y", OTHER, NULL},
    {"drop owned by x", CLUSTER, "DROP OWNED"},
    {"reassign owned by x to y", CLUSTER, "REASSIGN OWNED"},
    /* GRANT */
    {"grant a to b", CLUSTER, "GRANT of a role"},
    {"grant a, \"on\" to b with admin option", CLUSTER, "GRANT of a role"},
    {"revoke admin option for a from b", CLUSTER, "REVOKE of a role"},
    {"grant select (\"to\", b) on t to a", OTHER, NULL},
    {"grant all on all tables in schema s to a", OTHER, NULL},
    {"revoke grant option for select on t from a", OTHER, NULL},
    {"grant connect on database app to a", OWN, "GRANT ON DATABASE"},
    {"grant connect on database other, APP to a", OWN, "GRANT ON DATABASE"},
    {"revoke all on database other from a", CLUSTER, "REVOKE ON DATABASE"},
    {"grant connect on database \"APP\" to a", CLUSTER, "GRANT ON DATABASE"},
    {"grant create on tablespace x to a", CLUSTER, "GRANT ON TABLESPACE"},
    {"grant set on parameter x to a", CLUSTER, "GRANT ON PARAMETER"},
    {"grant execute on function f to a", OTHER, NULL},
    /* databases and what else all share */
    {"create database x", CLUSTER, "CREATE DATABASE"},
    {"alter database app set a = 1", OWN, "ALTER DATABASE"},
    {"alter database \"app\" connection limit 1", OWN, "ALTER DATABASE"},
    {"alter database other owner to a", CLUSTER, "ALTER DATABASE"},
    {"drop database if exists app", OWN, "DROP DATABASE"},
    {"comment on database app is 'x'", OWN, "COMMENT ON DATABASE"},
    {"comment on database other is 'x'", CLUSTER, "COMMENT ON DATABASE"},
    {"comment on role app is 'x'", CLUSTER, "COMMENT ON ROLE"},
    {"comment on tablespace app is 'x'", CLUSTER, "COMMENT ON TABLESPACE"},
    {"comment on table app is 'on database app'", OTHER, NULL},
    {"security label for p on database app is 'x'", OWN, "SECURITY LABEL ON DATABASE"},
    {"security label for 'p' on role x is 'x'", CLUSTER, "SECURITY LABEL ON ROLE"},
    {"security label on table x is 'x'", OTHER, NULL},
    {"create tablespace x location '/x'", CLUSTER, "CREATE TABLESPACE"},
    {"alter table t set tablespace x", OTHER, NULL},
    {"create subscription x connection 'dbname=app' publication y", CLUSTER, "CREATE SUBSCRIPTION"},
    {"alter subscription x disable", CLUSTER, "ALTER SUBSCRIPTION"},
    {"create publication x", OTHER, NULL},
    {"alter system set a = 1", CLUSTER, "ALTER SYSTEM"},
    {"select dblink('dbname=app', 'x')", OTHER, NULL},
    {"update pg_catalog.pg_database set datallowconn = true", CLUSTER, "UPDATE pg_database"},
    {"delete from only pg_auth_members", CLUSTER, "DELETE FROM pg_auth_members"},
    {"insert into pg_class values (1)", OTHER, NULL},
    {"copy t to program 'x'", CLUSTER, "COPY TO PROGRAM"},
    {"copy t (a) from program 'x'", CLUSTER, "COPY FROM PROGRAM"},
    {"copy (select 1 from t) to '/x'", CLUSTER, "COPY TO a file of the server"},
    {"copy t from '/x'", OTHER, NULL},
    {"copy t from stdin", OTHER, NULL},
    /* transactions */
    {"begin", TRANSACTION, "BEGIN"},
    {"BEGIN ISOLATION LEVEL SERIALIZABLE", TRANSACTION, "BEGIN"},
    {"start transaction", TRANSACTION, "START TRANSACTION"},
    {"commit and chain", TRANSACTION, "COMMIT"},
    {"end work", TRANSACTION, "END"},
    {"abort", TRANSACTION, "ABORT"},
    {"rollback", TRANSACTION, "ROLLBACK"},
    {"rollback work to savepoint a", OTHER, NULL},
    {"rollback transaction to a", OTHER, NULL},
    {"rollback to a", OTHER, NULL},
    {"savepoint a", OTHER, NULL},
    {"release a", OTHER, NULL},
    {"prepare transaction 'x'", TRANSACTION, "PREPARE TRANSACTION"},
    {"prepare p as select 1", OTHER, NULL},
    {"commit prepared 'x'", TRANSACTION, "COMMIT PREPARED"},
    {"rollback prepared 'x'", TRANSACTION, "ROLLBACK PREPARED"},
    {"set transaction isolation level serializable", TRANSACTION, "SET TRANSACTION"},
    {"set local transaction read only", TRANSACTION, "SET LOCAL TRANSACTION"},
    {"set constraints all deferred", OTHER, NULL},
    /* cannot run in a transaction */
    {"vacuum", ALONE, "VACUUM"},
    {"vacuum (full) t", ALONE, "VACUUM"},
    {"create unique index concurrently i on t (a)", ALONE, "CREATE INDEX CONCURRENTLY"},
    {"create index concurrently_i on t (a)", OTHER, NULL},
    {"drop index concurrently i", ALONE, "DROP INDEX CONCURRENTLY"},
    {"drop index i", OTHER, NULL},
    {"reindex (verbose, concurrently) table t", ALONE, "REINDEX CONCURRENTLY"},
    {"reindex (concurrently false) table t", OTHER, NULL},
    {"reindex table concurrently t", ALONE, "REINDEX CONCURRENTLY"},
    {"reindex table t", OTHER, NULL},
    {"reindex schema s", ALONE, "REINDEX SCHEMA"},
    {"reindex (verbose) database app", CLUSTER, "REINDEX DATABASE"},
    {"reindex system app", CLUSTER, "REINDEX SYSTEM"},
    {"cluster", ALONE, "CLUSTER without a table"},
    {"cluster verbose", ALONE, "CLUSTER without a table"},
    {"cluster (verbose)", ALONE, "CLUSTER without a table"},
    {"cluster verbose t using i", OTHER, NULL},
    {"alter table s.t detach partition p concurrently", ALONE, "DETACH PARTITION CONCURRENTLY"},
    {"alter table s.t detach partition p", OTHER, NULL},
    {"refresh materialized view concurrently v", OTHER, NULL},
    {"alter type t add value 'x'", OTHER, NULL},
    {"analyze", OTHER, NULL},
    /* session */
    {"set timezone to 'UTC'", SESSION, "SET TimeZone"},
    {"set local time zone 'UTC'", SESSION, "SET LOCAL TimeZone"},
    {"SET \"DateStyle\" = iso", SESSION, "SET DateStyle"},
    {"set session lock_timeout = 0", SESSION, "SET lock_timeout"},
    {"set local lock_timeout = 0", OTHER, NULL},
    {"set local statement_timeout = 0", OTHER, NULL},
    {"set local search_path to s", OTHER, NULL},
    {"set local transaction_timeout = 0", SESSION, "SET LOCAL transaction_timeout"},
    {"set search_path = s", SESSION, "SET search_path"},
    {"set schema 's'", SESSION, "SET search_path"},
    {"set client_encoding = 'UTF8'", OTHER, NULL},
    {"set names 'utf-8'", OTHER, NULL},
    {"set client_encoding to latin1", SESSION, "SET client_encoding"},
    {"set work_mem = '1GB'", OTHER, NULL},
    {"set role.x = 'a'", OTHER, NULL},
    {"set role x", SESSION, "SET role"},
    {"set local role x", SESSION, "SET LOCAL role"},
    {"reset role", SESSION, "RESET role"},
    {"set session authorization x", SESSION, "SET SESSION AUTHORIZATION"},
    {"set session session authorization x", SESSION, "SET SESSION AUTHORIZATION"},
    {"set local session authorization x", SESSION, "SET LOCAL SESSION AUTHORIZATION"},
    {"reset session authorization", SESSION, "RESET SESSION AUTHORIZATION"},
    {"set session characteristics as transaction read only", SESSION,
     "SET SESSION CHARACTERISTICS"},
    {"set session_replication_role = replica", SESSION, "SET session_replication_role"},
    {"reset all", SESSION, "RESET ALL"},
    {"reset application_name", SESSION, "RESET application_name"},
    {"discard all", SESSION, "DISCARD"},
    {"discard temp", SESSION, "DISCARD"},
    {"select pg_catalog.set_config('search_path', '', false)", SESSION,
     "set_config of search_path"},
    {"select set_config('search_path', f(1, 2), true)", OTHER, NULL},
    {"select set_config('a.b', '', false), set_config(E'TIMEZONE', '', true)", SESSION,
     "set_config of TimeZone"},
    {"create function f() returns int language sql set search_path = s as 'select 1'", OTHER, NULL},
    /* bodies */
    {"do $$ begin create role x; end $$", CLUSTER, "CREATE ROLE"},
    {"do language plpgsql 'begin create role x; end'", CLUSTER, "CREATE ROLE"},
    {"do E'begin\\ncreate role x; end'", CLUSTER, "CREATE ROLE"},
    {"do $$ begin if not exists (select 1) then create user x; end if; end $$", CLUSTER,
     "CREATE ROLE"},
    {"do $$ <<a>> declare b int; begin alter database app set x = 1; end $$", OWN,
     "ALTER DATABASE"},
    {"do $$ begin execute 'alter database app set x = 1'; end $$", OWN, "ALTER DATABASE"},
    {"do $$ begin execute format('alter database %I set x = 1', current_database()); end $$", OTHER,
     NULL},
    {"do $$ begin execute 'alter database ' || quote_ident(current_database()); end $$", OTHER,
     NULL},
    {"do $$ begin execute format('grant connect on database %I to a', current_database()); end $$",
     OTHER, NULL},
    {"do $$ begin execute format($f$create role %I$f$, x); end $$", CLUSTER, "CREATE ROLE"},
    {"do $$ begin execute 'do ''begin execute ''''create role x''''; end'''; end $$", CLUSTER,
     "CREATE ROLE"},
    {"do $$ begin raise notice 'create role x'; /* create role x; */ end $$", OTHER, NULL},
    {"do $$ begin commit; end $$", COMMITS, "COMMIT"},
    {"do $$ begin rollback and chain; end $$", COMMITS, "ROLLBACK"},
    /* what is allowed somewhere hides nothing worse behind it */
    {"do $$ begin commit; create role x; end $$", CLUSTER, "CREATE ROLE"},
    {"do $$ begin set search_path = a; commit; grant a to b; end $$", CLUSTER, "GRANT of a role"},
    {"do $$ begin commit; set search_path = a; end $$", COMMITS, "COMMIT"},
    {"do $$ begin execute 'set search_path = a'; execute 'vacuum'; end $$", ALONE, "VACUUM"},
    {"do $$ begin update t set a = case when b then commit else rollback end; end; $$", OTHER,
     NULL},
    {"do $$ declare vacuum int; begin vacuum := 1; vacuum = 2; end $$", OTHER, NULL},
    {"do $$ begin update t set timezone = 'a', role = 'b'; end $$", OTHER, NULL},
    {"do $$ begin set search_path = a; end $$", SESSION, "SET search_path"},
    {"do $$ begin set local search_path = a; end $$", OTHER, NULL},
    {"do $$ begin perform set_config('search_path', '', false); end $$", SESSION,
     "set_config of search_path"},
    {"do $$ begin begin grant a to b; exception when others then null; end; end $$", CLUSTER,
     "GRANT of a role"},
    {"do $$ begin grant select on t to b; end $$", OTHER, NULL},
    {"do $$ begin x := 'it', \"a", OTHER, NULL},
    {"create function f() returns int language plpgsql as $$ begin create role x; end $$", OTHER,
     NULL},
};

static SqlStatement on(const char *sql)
{
    return (SqlStatement){.text = (char *)sql, .size_bytes = strlen(sql), .line = 1, .column = 1};
}

static void test_classes(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const SqlStatement statement = on(cases[i].sql);
        g_autofree char *words = NULL;
        const StatementClass kind = statement_classify(&statement, "app", &words);
        if (kind != cases[i].kind || g_strcmp0(words, cases[i].words) != 0)
            fail_msg("'%s' is %d (%s)", cases[i].sql, (int)kind, words);
        assert_int_equal(statement_classify(&statement, "app", NULL), kind);
    }
}

static void test_no_database(void **state)
{
    (void)state;
    const SqlStatement statement = on("alter database app set a = 1");
    assert_int_equal(statement_classify(&statement, NULL, NULL), STATEMENT_CLUSTER);
}

/* A name is cut where the server cuts it. */
static void test_long_name(void **state)
{
    (void)state;
    g_autofree char *name = g_strnfill(70, 'a');
    g_autofree char *sql = g_strdup_printf("alter database %s reset all", name);
    const SqlStatement statement = on(sql);
    name[63] = '\0';
    assert_int_equal(statement_classify(&statement, name, NULL), STATEMENT_OWN_DATABASE);
}

static const struct {
    const char *sql, *title;
} titles[] = {
    {"alter table allergies add column a int default 'secret'", "ALTER TABLE allergies"},
    {"ALTER TABLE IF EXISTS ONLY public.\"Allergies\" ADD x",
     "ALTER TABLE IF EXISTS ONLY public.\"Allergies\""},
    {"create unique index concurrently if not exists i on t (a)",
     "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i"},
    {"create or replace function s . f(a int) returns int as 'x'",
     "CREATE OR REPLACE FUNCTION s.f"},
    {"insert /* x */ into students values ('Jane')", "INSERT INTO students"},
    {"delete from students where name = 'Jane'", "DELETE FROM students"},
    {"update only students set a = 1", "UPDATE ONLY students"},
    {"select name from students", "SELECT"},
    {"do $$ begin x; end $$", "DO"},
    {"create role x password 'secret'", "CREATE ROLE x"},
    {"copy t (a) from stdin", "COPY t"},
    {"copy (select 1) to stdout", "COPY"},
    {"create view \"a\nb\" as select 1", "CREATE VIEW \"a\\x0ab\""},
    {"(select 1)", "statement"},
    {"", "statement"},
    {"drop table", "DROP TABLE"},
    {"alter table a.", "ALTER TABLE a."},
};

static void test_titles(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(titles); i++) {
        const SqlStatement statement = on(titles[i].sql);
        g_autofree char *title = statement_title(&statement);
        assert_string_equal(title, titles[i].title);
    }
}

static void test_large(void **state)
{
    (void)state;
    static const char *const pieces[] = {"(1,'a''b'),", "then grant a; ", "execute 'do ''x''';"};
    for (size_t i = 0; i < G_N_ELEMENTS(pieces); i++) {
        g_autoptr(GString) sql = g_string_new(i == 0 ? "insert into t values " : "do $$ begin ");
        while (sql->len < 5000000)
            g_string_append(sql, pieces[i]);
        g_string_append(sql, i == 0 ? "(1)" : "$$");
        const SqlStatement statement = on(sql->str);
        const int64_t begun = clock_monotonic_us();
        assert_int_equal(statement_classify(&statement, "app", NULL), STATEMENT_OTHER);
        assert_true(clock_monotonic_us() - begun < 5 * G_USEC_PER_SEC);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),   cmocka_unit_test(test_no_database),
        cmocka_unit_test(test_long_name), cmocka_unit_test(test_titles),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
