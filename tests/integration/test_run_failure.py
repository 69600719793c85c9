"""A run whose migrations fail or do more than they declare: all is as before, and what failed is kept, closed."""

import json
import re
from dataclasses import dataclass

import pytest

import bed as beds
import maintenance
from cluster import SUPERUSER


@dataclass
class Case:
    """A migration that must not come into service. cause: what the last line says about it, as a pattern."""
    name: str
    sql: str
    cause: str
    verify: str = None
    assertions: str = None
    before: str = None  # SQL of the owner, while the database is still in service


CASES = [
    Case("an error half-way",
         "CREATE TABLE half (x int); INSERT INTO half VALUES (1); SELECT 1 / 0; DROP TABLE half;",
         r"20990101000000-test\.up\.sql:1:\d+: .*division by zero"),
    Case("an error at commit",
         "CREATE TABLE late (x int REFERENCES late2 DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO late VALUES (2);",
         "late", before="CREATE TABLE late2 (x int PRIMARY KEY)"),
    Case("a verify file that returns a row",
         "CREATE TABLE fine (x int);", r"20990101000000-test\.verify\.sql", verify="SELECT 'wrong' AS found;"),
    Case("an assertion of the policy that does not hold",
         "CREATE TABLE fine (x int);", r"assertions\.sql:\d+",
         assertions="SELECT 1 WHERE to_regclass('fine') IS NOT NULL;"),
    Case("an assertion that is a COPY",
         "CREATE TABLE fine (x int);", r"assertions\.sql:1: COPY", assertions="COPY students TO STDOUT;"),
    Case("an update that is not declared",
         "UPDATE students SET grade = '12' WHERE id::text = (SELECT min(id::text) FROM students);",
         r"public\.students"),
    Case("an update of a column that is not declared",
         "-- drydock: writes students(gender)\nUPDATE students SET grade = '12';", r"public\.students"),
    Case("an update that swaps two rows",
         "UPDATE contacts SET notes = CASE notes WHEN '' THEN 'x' ELSE '' END"
         " WHERE notes IN (SELECT notes FROM contacts WHERE notes = '' LIMIT 1);",
         r"public\.contacts"),
    Case("a delete where rows may be added",
         "-- drydock: adds allergies\nDELETE FROM allergies WHERE id::text = (SELECT min(id::text) FROM allergies);",
         r"public\.allergies"),
    Case("an insert where rows may be removed",
         "-- drydock: removes lines\nINSERT INTO lines VALUES (3);", r"public\.lines",
         before="CREATE TABLE lines (x int); INSERT INTO lines VALUES (1), (2)"),
    Case("a cascade",
         "-- drydock: removes parents\nDELETE FROM parents WHERE id = 1;", r"public\.children",
         before="CREATE TABLE parents (id int PRIMARY KEY);"
                " CREATE TABLE children (parent int REFERENCES parents ON DELETE CASCADE);"
                " INSERT INTO parents VALUES (1), (2); INSERT INTO children VALUES (1), (1), (2)"),
    Case("a trigger that writes elsewhere",
         "-- drydock: writes watched\nUPDATE watched SET x = 2;", r"public\.written",
         before="CREATE TABLE watched (x int); INSERT INTO watched VALUES (1); CREATE TABLE written (x int);"
                " CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
                " 'BEGIN INSERT INTO written VALUES (NEW.x); RETURN NEW; END';"
                " CREATE TRIGGER note AFTER UPDATE ON watched FOR EACH ROW EXECUTE FUNCTION note()"),
    Case("a truncated table", "TRUNCATE medication_logs;", r"public\.medication_logs"),
    Case("a dropped table", "DROP TABLE lines;", r"public\.lines",
         before="CREATE TABLE lines (x int); INSERT INTO lines VALUES (1), (2)"),
    Case("a dropped column", "ALTER TABLE contacts DROP COLUMN notes;", r"public\.contacts"),
    Case("a label with another name", "ALTER TYPE mood RENAME VALUE 'calm' TO 'sad';", r"public\.moods",
         before="CREATE TYPE mood AS ENUM ('calm'); CREATE DOMAIN felt AS mood;"
                " CREATE TABLE moods (x felt[]); INSERT INTO moods VALUES ('{calm}')"),
    Case("an attribute taken from a type", "ALTER TYPE place DROP ATTRIBUTE city;", r"public\.places",
         before="CREATE TYPE place AS (street text, city text);"
                " CREATE TABLE places (x place); INSERT INTO places VALUES (ROW('a', 'b'))"),
    Case("a type that loses digits", "ALTER TABLE lines ALTER x TYPE numeric(5, 1);", r"public\.lines",
         before="CREATE TABLE lines (x numeric); INSERT INTO lines VALUES (1.25), (2)"),
    Case("a sequence that moves", "SELECT nextval('numbers');", r"public\.numbers", before="CREATE SEQUENCE numbers"),
    Case("a sequence that goes back", "ALTER SEQUENCE numbers RESTART;", r"public\.numbers",
         before="CREATE SEQUENCE numbers; SELECT nextval('numbers'), nextval('numbers')"),
    Case("a large object that is written", r"SELECT lo_put(900001, 0, '\x01');", "large object"),
    Case("a large object that is made", r"SELECT lo_from_bytea(0, '\x01');", "large object"),
    Case("an empty large object that is made", "SELECT lo_create(0);", "large object"),
    Case("a large object that is gone", "SELECT lo_unlink(900001);", "large object"),
    Case("a constraint that is not valid",
         "ALTER TABLE students ADD CONSTRAINT checked CHECK (grade <> '') NOT VALID;", "checked"),
    Case("a sequence behind its column",
         "CREATE TABLE counted (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY);"
         " INSERT INTO counted VALUES (7);", "counted"),
    Case("a foreign key that triggers did not see",
         "-- drydock: adds children\nALTER TABLE children DISABLE TRIGGER ALL;\nINSERT INTO children VALUES (9);\n"
         "ALTER TABLE children ENABLE TRIGGER ALL;", "children_parent_fkey",
         before="CREATE TABLE parents (id int PRIMARY KEY);"
                " CREATE TABLE children (parent int CONSTRAINT children_parent_fkey REFERENCES parents)"),
    Case("a statement over its time limit",
         "-- drydock: statement_timeout 300ms\nSELECT pg_sleep(100);", r"20990101000000-test\.up\.sql:2:\d+: "),
]

# Needs a superuser: these triggers are the server's own.
AS_SUPERUSER = {"a foreign key that triggers did not see"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_is_put_back(live, project, case):
    if case.before:
        live.query(case.before, user=beds.OWNER)
    project.policy(assertions=case.assertions)
    project.add("test", case.sql, case.verify)
    before = maintenance.as_in_service(live)
    done = project.run(live, user=SUPERUSER if case.name in AS_SUPERUSER else beds.OWNER)
    maintenance.check_put_back(done, live, before)
    assert re.search("cause: .*" + case.cause, done.last_line, re.S), str(done)


def test_report_says_what_happened(live, project):
    """And the failed copy is as the migrations left it: evidence."""
    project.add("test", "UPDATE students SET grade = '12';")
    before = live.content()
    done = project.run(live)
    folder, = project.runs()
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report["exit_code"] == 7 and report["result"] + " (exit 7)" == done.last_line
    assert [(phase["phase"], phase["result"]) for phase in report["phases"] if "lane" not in phase][-2:] == [
        ("migrate", "done"), ("verify", "failed")]
    assert len(report["verification"]) == 1 and "public.students" in report["verification"][0]
    assert report["copies"] == {"failed": maintenance.copies(live)["failed"]}
    assert "closed" in report["proof"] and "pg_database" in report["proof"]
    text = (folder / "report.txt").read_text(encoding="utf-8")
    assert report["result"] in text and report["verification"][0] in text
    failed = beds.Database(live.cluster, report["copies"]["failed"])
    with live.cluster.opened(failed.name):
        assert failed.value("SELECT count(*) FROM students WHERE grade <> '12'") == 0
    assert live.content() == before


def test_can_be_run_again(live, project):
    """The failed copy of the first attempt is no obstacle to the second."""
    wrong = project.add("test", "SELECT 1 / 0;")
    assert project.run(live).code == 7
    project.remove(wrong)
    done = project.run(live)
    assert done.code == 0, str(done)
    assert set(maintenance.copies(live)) == {"before", "failed"}
    assert live.catalog() == json.loads(
        (beds.DATA / "catalog" / f"{beds.migration_ids()[-1]}.json").read_text(encoding="utf-8"))


def test_ends_a_statement_that_swallows_the_cancel(live, project):
    """The server's statement_timeout is caught; five seconds later the session is ended."""
    project.add("test", """-- drydock: statement_timeout 300ms
DO $$
BEGIN
    LOOP
        BEGIN
            PERFORM pg_sleep(100);
        EXCEPTION WHEN query_canceled THEN
            NULL;
        END;
    END LOOP;
END
$$;""")
    before = maintenance.as_in_service(live)
    done = project.run(live)
    maintenance.check_put_back(done, live, before)
    assert "20990101000000-test.up.sql:2:" in done.last_line


def test_everything_is_read_where_the_policy_says_so(live, project):
    """With verify.data: all, and not only what a migration has locked."""
    project.policy(data="all")
    project.add("test", "UPDATE students SET grade = '12';")
    before = maintenance.as_in_service(live)
    done = project.run(live)
    maintenance.check_put_back(done, live, before)
    report = json.loads((project.runs()[0] / "report.json").read_text(encoding="utf-8"))
    assert report["data_proof"]["read_again"] >= len(report["data_proof"]["tables"]) - 1


def test_declared_changes_are_let_through(live, project):
    """What fails above succeeds where it is declared."""
    live.query("CREATE TABLE lines (x int); INSERT INTO lines VALUES (1), (2); CREATE TABLE spare (x int)",
               user=beds.OWNER)
    project.add("test", "-- drydock: writes students(grade, updatedAt)\n-- drydock: adds lines\n"
                        "-- drydock: removes spare\n"
                        "UPDATE students SET grade = '12';\nINSERT INTO lines VALUES (3);\nDROP TABLE spare;\n")
    done = project.run(live)
    assert done.code == 0, str(done)
    assert live.value("SELECT count(*) FROM students WHERE grade <> '12'") == 0
    assert live.value("SELECT sum(x) FROM lines") == 6
    assert live.value("SELECT to_regclass('spare')") is None
