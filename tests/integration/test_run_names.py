"""Databases, schemas and tables with names that break programs."""

import pytest

import bed as beds
import maintenance
from cluster import quote

NAMES = {
    "quotes": 'it\'s a "database"',
    "blanks": " leading and trailing ",
    "upper case": "WhiteCross",
    "not ASCII": "gesundheit–für–kinder ✓",
    "a backslash and a percent sign": r"back\slash 100%s $1",
    "an option": "--help",
    "control characters": "two\nlines\x1b[31m",
    "a conninfo string": "host=nowhere dbname=x",
    "63 bytes": "w" * 63,
    "63 bytes of two each": "w" + "ü" * 31,
}

TABLE = '''"Odd ""schema"""."it's a ""täble"" %s"'''

TABLES = f'''
CREATE SCHEMA "Odd ""schema""";
CREATE TABLE {TABLE} (
    "select" int PRIMARY KEY,
    "Ünï ""x""" text,
    "back\\slash" numeric[]);
INSERT INTO {TABLE}
SELECT n, E'a\\tb\\nc\\\\ "' || n, ARRAY[n, NULL] FROM generate_series(1, 20) n;
CREATE TABLE "Odd ""schema"""." " (x int);
INSERT INTO "Odd ""schema"""." " VALUES (1), (2);
CREATE SEQUENCE "Odd ""schema"""."Séq '1'";
'''

CHANGE = f'''
-- drydock: adds {TABLE}
INSERT INTO {TABLE} VALUES (21, 'more', NULL);
'''

# The other table, of which nothing is declared.
WRONG = '''
DELETE FROM "Odd ""schema"""." " WHERE x = 1;
'''


@pytest.fixture
def odd(bed, watch, project, request):
    """A database of that name with oddly named things in it, and no White Cross at all."""
    database = bed.empty(request.param)
    database.query(TABLES, user=beds.OWNER)
    database.query(f"COMMENT ON DATABASE {quote(request.param)} IS 'it''s \"odd\" \\ %s'")
    database.query(f"REVOKE CONNECT ON DATABASE {quote(request.param)} FROM PUBLIC")
    project.without_white_cross()
    return watch(database)


@pytest.mark.parametrize("odd", NAMES.values(), ids=NAMES.keys(), indirect=True)
def test_fails_and_succeeds(odd, project):
    """A failing run is put back, a succeeding one comes into service; copies have names of 63 bytes at most."""
    project.add("change", CHANGE)
    wrong = project.add("wrong", WRONG)
    before = maintenance.as_in_service(odd)
    done = project.run(odd)
    assert done.code == 7, str(done)
    assert done.last_line.startswith("failed and restored: '") and done.last_line.endswith("(exit 7)"), done.last_line
    assert "\x1b" not in done.stdout + done.stderr
    assert maintenance.as_in_service(odd) == before
    maintenance.check_closed(odd.cluster, maintenance.copies(odd)["failed"])
    project.remove(wrong)
    done = project.run(odd)
    assert done.code == 0, str(done)
    assert done.last_line.startswith("done: '") and done.last_line.endswith("(exit 0)"), done.last_line
    status = project.drydock("status", "--policy", project.folder / "policy.yaml", dsn=odd.dsn())
    assert status.last_line.startswith("1 applied, 0 pending in '"), str(status)
    assert odd.properties() == before["properties"]
    assert odd.value(f"SELECT count(*) FROM {TABLE}") == 21
    kept = maintenance.copies(odd)["before"]
    maintenance.check_closed(odd.cluster, kept)
    with odd.cluster.opened(kept):
        assert beds.Database(odd.cluster, kept).content() == before["content"]
    assert all(len(name.encode()) <= 63 for name in maintenance.copies(odd).values())
    maintenance.check_nothing_left(odd.cluster)
