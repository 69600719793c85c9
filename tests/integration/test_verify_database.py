"""verify database --against: a database compared with a snapshot's digests, one difference after the other.

One run takes the snapshot at which the tests look; each changes a clone of what was backed up, or restores it.
"""

import contextlib
import json
import subprocess
from dataclasses import dataclass

import psycopg2
import psycopg2.extras
import pytest

import bed as beds
import maintenance
from cluster import SUPERUSER, clean_environment, program, quote

# Types whose bytes mean the same everywhere, and others; what pg_dump treats in its own way.
CONTENT = """
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TYPE pair AS (a int, b text);
CREATE TYPE moods AS RANGE (subtype = mood);
CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%');
CREATE DOMAIN feeling AS mood;
CREATE DOMAIN numbers AS int[];

CREATE TABLE pupils (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text, doubled text GENERATED ALWAYS AS (name || name) STORED,
    initial "char", code char(5), alias varchar(9), label name, born date, at timestamptz, daily time, there timetz,
    ago interval, weight numeric(6,2), height float4, score float8, paid money, present bool, seen bigint,
    grade smallint, photo bytea, key uuid, notes jsonb, raw json, host inet, net cidr, mac macaddr, bits bit(3),
    place point, area polygon, words tsvector, lsn pg_lsn, mood mood, mail email,
    tags text[], matrix int[][], weeks daterange, spans int4multirange, several numrange[]);
INSERT INTO pupils (name, initial, code, alias, label, born, at, daily, there, ago, weight, height, score, paid,
    present, seen, grade, photo, key, notes, raw, host, net, mac, bits, place, area, words, lsn, mood, mail,
    tags, matrix, weeks, spans, several)
SELECT 'Ünal ' || n, 'x', 'ab', 'al' || n, 'label', date '2015-01-01' + n, timestamptz '2025-01-01 06:00+00' + n * interval '1 h',
    '08:30', '08:30+02', interval '1 mon 2 days 3.5 s', n / 7.0, n / 3.0, n / 7.0, n, n % 2 = 0, n * 1000000000::bigint,
    n, decode(repeat('00ff0a5c2e', n), 'hex'), md5(n::text)::uuid, '{"a": [1, null]}', '{"b":  2}', '10.0.0.1',
    '10.0.0.0/8', '08:00:2b:01:02:03', B'101', '(1,2)', '((0,0),(1,1),(1,0))', 'a:1 b:2', '16/B374D848',
    CASE WHEN n % 2 = 0 THEN 'glad' ELSE 'sad' END::mood, 'a@b', ARRAY['x', NULL, E'\\t\\n'], '{{1,2},{3,4}}',
    '[2025-01-01,2025-02-01)', '{[1,3),[5,9)}', ARRAY[numrange(1, 2)]
FROM generate_series(1, 40) n;
INSERT INTO pupils (name) VALUES (NULL), (''), ('\\.'), (E'\\\\.');

CREATE TABLE kept_as_text (
    id serial PRIMARY KEY, relation regclass, all_moods mood[], a_pair pair, felt feeling, list numbers, between_moods moods,
    document xml, thing citext, number oid);
INSERT INTO kept_as_text (relation, all_moods, a_pair, felt, list, between_moods, document, thing, number)
VALUES ('pupils', '{glad,sad}', '(1,x)', 'glad', '{1,2}', '[glad,sad]', '<a/>', 'Thing', 4711), (NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL);

-- The server does not read the bytes that it writes of an empty one.
CREATE TABLE searches (wanted tsquery);
INSERT INTO searches VALUES ('a & b'), ('');

CREATE TABLE nothing ();
INSERT INTO nothing DEFAULT VALUES;
INSERT INTO nothing DEFAULT VALUES;
CREATE TABLE parent (a int, b text);
CREATE TABLE child (c int) INHERITS (parent);
ALTER TABLE parent ADD d date;
INSERT INTO child VALUES (1, 'x', 3, '2025-01-01');
INSERT INTO parent VALUES (2, 'y', '2025-01-02');
CREATE TABLE log (day date, what text) PARTITION BY RANGE (day);
CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE log_2 PARTITION OF log DEFAULT;
INSERT INTO log SELECT date '2025-12-20' + n, 'day ' || n FROM generate_series(1, 30) n;
CREATE UNLOGGED TABLE cache (x int);
INSERT INTO cache VALUES (1);
CREATE SEQUENCE unused;

CREATE MATERIALIZED VIEW fresh AS SELECT id, name FROM pupils;
CREATE MATERIALIZED VIEW stale AS SELECT count(*) AS pupils FROM pupils;
CREATE MATERIALIZED VIEW never_filled AS SELECT 1 AS one WITH NO DATA;
INSERT INTO pupils (name) VALUES ('new');
REFRESH MATERIALIZED VIEW fresh;

CREATE TABLE members (x int);
INSERT INTO members VALUES (1);
ALTER EXTENSION citext ADD TABLE members;

SELECT lo_from_bytea(70001, decode(repeat('00ff5a', 900000), 'hex')), lo_create(70002), lo_from_bytea(70003, 'third');
GRANT SELECT ON LARGE OBJECT 70001 TO wc_app;
ALTER LARGE OBJECT 70003 OWNER TO wc_app;
"""

TEXT = {"public.kept_as_text", "public.searches"}


@dataclass
class Backup:
    """A snapshot and the closed copy that it was taken from."""
    cluster: object
    drydock: object
    folder: object
    copy: str

    @property
    def manifest(self):
        return json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))

    def clone(self, name="cloned"):
        self.cluster.query(f"CREATE DATABASE {quote(name)} TEMPLATE {quote(self.copy)}")
        return beds.Database(self.cluster, name)

    def verify(self, database, *more):
        return self.drydock("verify", "database", "--against", self.folder, *more, dsn=database.dsn(SUPERUSER))


def back_up(cluster, drydock, folder, name, sql):
    """A run with a migration that does nothing takes the snapshot."""
    cluster.query(f"CREATE DATABASE {quote(name)} TEMPLATE template0")
    database = beds.Database(cluster, name)
    database.query("CREATE EXTENSION citext")
    database.query(sql)
    project = maintenance.Project(folder, drydock)
    project.without_white_cross()
    project.add("one", "CREATE TABLE one (x int);\n")
    done = project.run(database, user=SUPERUSER)
    assert done.code == 0, str(done)
    return Backup(cluster, drydock, project.runs()[0] / "snapshot", maintenance.copies(database)["before"])


def drop(cluster, *databases):
    for name in databases:
        cluster.query(f"DROP DATABASE IF EXISTS {quote(name)} WITH (FORCE)")


@pytest.fixture(scope="module")
def backup(cluster, _program, tmp_path_factory):
    made = back_up(cluster, _program, tmp_path_factory.mktemp("backup") / "project", "school", CONTENT)
    yield made
    drop(cluster, "school", made.copy)


@pytest.fixture
def cloned(backup):
    yield backup.clone()
    drop(backup.cluster, "cloned")


@pytest.fixture
def restored(backup, cloned, tmp_path):
    """By PostgreSQL's own programs, from a dump of their own; types and relations have other OIDs."""
    archive = tmp_path / "dump"
    subprocess.run([program("pg_dump"), "--format=custom", "--file", archive, cloned.dsn(SUPERUSER)],
                   env=clean_environment(), check=True, capture_output=True)
    backup.cluster.query("CREATE DATABASE restored TEMPLATE template0")
    database = beds.Database(backup.cluster, "restored")
    database.query("CREATE TYPE takes_an_oid AS (x int); DROP TYPE takes_an_oid")
    subprocess.run([program("pg_restore"), "--exit-on-error", "--dbname", database.dsn(SUPERUSER), archive],
                   env=clean_environment(), check=True, capture_output=True)
    yield database
    drop(backup.cluster, "restored")


def test_formats_in_the_manifest(backup):
    """Binary where the bytes mean the same in every database; a generated column is in no archive."""
    tables = {f"{each['schema']}.{each['name']}": each for each in backup.manifest["digests"]["tables"]
              if each["kind"] != "S"}
    assert {name for name, each in tables.items() if each["format"] == "text"} == TEXT
    assert {name for name, each in tables.items() if not each["archived"]} == {
        "public.members", "public.fresh", "public.stale"}
    names = [column["name"] for column in tables["public.pupils"]["columns"]]
    assert names[:3] == ["id", "name", "initial"]
    assert backup.manifest["digests"]["large_objects"]["rows"] == 3


def test_each_type_is_judged_for_itself(backup, cloned):
    """What makes a table one of text: one column of a type that holds OIDs, or may."""
    expected = {"regclass": "text", "oid": "text", "mood[]": "text", "pair": "text", "pair[]": "text", "feeling": "text",
                "numbers": "text", "moods": "text", "xml": "text", "citext": "text", "citext[]": "text",
                "email[]": "text", "regtype[]": "text", "oidvector": "text", "int2vector": "text", "pupils": "text",
                "mood": "binary", "email": "binary", "name[]": "binary", "int4multirange[]": "binary",
                "tsrange": "binary", "box[]": "binary", "interval[]": "binary", "jsonpath": "binary", "xid8": "binary",
                "information_schema.sql_identifier": "binary"}
    for number, type_ in enumerate(expected):
        cloned.query(f"CREATE TABLE typed_{number} (id int, c {type_})")
    sql = (beds.REPOSITORY / "src/pg/sql/digest_binary.sql").read_text(encoding="utf-8")
    binary = {oid for oid, in cloned.query(sql)}
    oids = dict(cloned.query("SELECT relname, oid FROM pg_class WHERE relname ~ '^typed_'"))
    found = {type_: "binary" if oids[f"typed_{number}"] in binary else "text"
             for number, type_ in enumerate(expected)}
    assert found == expected


@pytest.mark.parametrize("jobs", [(), ("--jobs", "1"), ("--jobs", "5")])
def test_equal(backup, cloned, jobs):
    done = backup.verify(cloned, *jobs)
    assert done.code == 0, str(done)
    assert done.stdout == "verified: 'cloned' has 0 findings, compared with the snapshot (exit 0)\n"


# what is done to a clone; what is said of it; what the document says
CHANGES = [
    ("UPDATE pupils SET name = 'other' WHERE id = 7",
     "table public.pupils: 45 rows as expected, but their content differs",
     {"difference": "content", "object": "table", "name": "pupils", "rows_expected": 45, "rows_found": 45}),
    ("UPDATE kept_as_text SET all_moods = '{sad}' WHERE id = 1",
     "table public.kept_as_text: 2 rows as expected, but their content differs",
     {"difference": "content", "object": "table", "name": "kept_as_text"}),
    ("ALTER TYPE mood RENAME VALUE 'sad' TO 'unhappy'",
     "table public.pupils: 45 rows as expected, but their content differs", {"difference": "content"}),
    ("INSERT INTO pupils (name) VALUES ('one more')",
     "table public.pupils: 45 rows expected, 46 found",
     {"difference": "rows", "name": "pupils", "rows_expected": 45, "rows_found": 46}),
    ("INSERT INTO nothing DEFAULT VALUES", "table public.nothing: 2 rows expected, 3 found", {"difference": "rows"}),
    ("DELETE FROM ONLY parent", "table public.parent: 1 rows expected, 0 found", {"difference": "rows"}),
    ("DROP TABLE cache", "table public.cache is missing",
     {"difference": "missing", "object": "table", "schema": "public", "name": "cache", "rows_expected": 1}),
    ("CREATE TABLE extra AS SELECT 1 AS x", "table public.extra was not expected",
     {"difference": "extra", "object": "table", "name": "extra", "rows_found": 1}),
    ("ALTER TABLE cache RENAME x TO y", "table public.cache: its columns differ", {"difference": "columns"}),
    ("ALTER TABLE cache ALTER x TYPE oid", "table public.cache: its columns have other types", {"difference": "columns"}),
    ("DROP TABLE cache; CREATE MATERIALIZED VIEW cache AS SELECT 1 AS x",
     "table public.cache expected, materialized view public.cache found", {"difference": "kind"}),
    ("DROP MATERIALIZED VIEW fresh", "materialized view public.fresh is missing", {"difference": "missing"}),
    ("SELECT setval('kept_as_text_id_seq', 77)", "sequence public.kept_as_text_id_seq: value 2 expected, 77 found",
     {"difference": "value", "object": "sequence", "value_expected": "2", "value_found": "77"}),
    ("SELECT nextval('unused')", "sequence public.unused: value 1 (not used yet) expected, 1 found",
     {"difference": "value", "value_expected": "1 (not used yet)", "value_found": "1"}),
    ("SELECT lo_put(70001, 2000000, 'x')", "large objects: 3 as expected, but their content differs",
     {"difference": "objects", "object": "large objects", "rows_expected": 3, "rows_found": 3}),
    ("SELECT lo_unlink(70002)", "large objects: 3 expected, 2 found",
     {"difference": "objects", "rows_expected": 3, "rows_found": 2}),
    ("SELECT lo_unlink(70003); SELECT lo_from_bytea(70004, 'third'); ALTER LARGE OBJECT 70004 OWNER TO wc_app",
     "large objects: 3 as expected, but their content differs", {"difference": "objects"}),
    ("REVOKE SELECT ON LARGE OBJECT 70001 FROM wc_app", "large objects: their owners or access rights differ",
     {"difference": "access", "object": "large objects"}),
    ("ALTER LARGE OBJECT 70002 OWNER TO wc_app", "large objects: their owners or access rights differ",
     {"difference": "access"}),
]


@pytest.mark.parametrize("change,line,document", CHANGES, ids=[change[:40] for change, _, _ in CHANGES])
def test_difference(backup, cloned, change, line, document):
    cloned.query(change)
    done = backup.verify(cloned)
    assert done.code == 4, str(done)
    assert line in done.stdout and "failed: 'cloned' has " in done.last_line, str(done)
    assert done.last_line.endswith("compared with the snapshot (exit 4)")
    told = backup.verify(cloned, "--json", "--jobs", "3")
    assert told.code == 4, str(told)
    told = told.json()
    assert told["exit_code"] == 4 and told["database"] == "cloned"
    difference, = [each for each in told["differences"] if each["text"].startswith(line)]
    assert document.items() <= difference.items()
    assert difference["text"] in told["findings"]


def test_only_the_table_that_differs(backup, cloned):
    cloned.query("UPDATE log SET what = 'other' WHERE day = '2026-01-02'")
    told = backup.verify(cloned, "--json").json()
    assert [(each["schema"], each["name"]) for each in told["differences"]] == [("public", "log_2")]
    assert told["findings"] == ["table public.log_2: 19 rows as expected, but their content differs"]


def test_unfresh_view_is_a_note(backup, cloned):
    cloned.query("REFRESH MATERIALIZED VIEW stale")
    done = backup.verify(cloned)
    assert done.code == 0, str(done)
    assert "note: materialized view public.stale: 1 rows as expected, but their content differs" in done.stdout
    assert "verified: 'cloned' has 0 findings" in done.last_line
    told = backup.verify(cloned, "--json").json()
    assert told["differences"] == [] and told["findings"] == []
    assert [note["name"] for note in told["notes"]] == ["stale"]


def test_what_an_extension_fills_is_not_compared(backup, cloned):
    cloned.query("DELETE FROM members")
    assert backup.verify(cloned).code == 0
    cloned.query("DROP EXTENSION citext CASCADE")
    told = backup.verify(cloned, "--json").json()
    assert [each["name"] for each in told["differences"]] == ["kept_as_text"]


def test_restored_by_stock_programs(backup, restored):
    """Enum labels, composites and the like have other OIDs there, an inheriting table another order of columns."""
    moods = "SELECT 'mood'::regtype::oid::bigint, 'mood'::regtype::oid::bigint"
    assert restored.query(moods) != backup.cluster.query(moods, database="school")
    assert restored.query("SELECT attname FROM pg_attribute WHERE attrelid = 'child'::regclass AND attnum > 0"
                          " ORDER BY attnum") == [("a",), ("b",), ("d",), ("c",)]
    done = backup.verify(restored)
    assert done.code == 0, str(done)
    assert [line for line in done.stdout.splitlines() if line.startswith("note: ")] != []
    restored.query("UPDATE pupils SET mood = 'sad' WHERE mood = 'glad' AND id = 2; UPDATE child SET d = NULL")
    told = backup.verify(restored, "--json").json()
    assert [each["name"] for each in told["differences"]] == ["child", "pupils"]


def test_health_is_told_as_well(backup, cloned):
    cloned.query("CREATE TABLE sick (x int REFERENCES pupils); ALTER TABLE sick DISABLE TRIGGER ALL;"
                 " INSERT INTO sick VALUES (4711)")
    told = backup.verify(cloned, "--json").json()
    assert [each["difference"] for each in told["differences"]] == ["extra"]
    assert len(told["findings"]) == 3 and all("sick" in each and "4711" not in each for each in told["findings"])


@contextlib.contextmanager
def queued(database, table):
    """Somebody reads the table and somebody else waits to change it, so that whoever comes waits behind both."""
    waiting = psycopg2.connect(database.dsn(SUPERUSER), application_name="the release", async_=True)
    with database.session() as reader, reader.cursor() as cursor:
        psycopg2.extras.wait_select(waiting)
        cursor.execute(f"BEGIN; LOCK TABLE {table} IN ACCESS SHARE MODE")
        waiting.cursor().execute(f"BEGIN; LOCK TABLE {table} /* secret_reason */")
        maintenance.wait_until(lambda: database.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"))
        try:
            yield
        finally:
            waiting.close()


def test_somebody_changes_a_table(backup, cloned):
    """Neither the check of a database's health nor the comparison waits for ever; they say whose change it is."""
    other = backup.clone("cloned_too")
    command = ("verify", "database", "--against", backup.folder)
    with queued(cloned, "pupils"), queued(other, "log_2"):
        with backup.drydock.started(*command, dsn=cloned.dsn(SUPERUSER)) as health:
            comparing = backup.verify(other)
            told = health.communicate(timeout=60)
    drop(backup.cluster, "cloned_too")
    assert (health.returncode, comparing.code) == (1, 1), str(comparing) + str(told)
    for table, text in (("pupils", "".join(told)), ("log_2", comparing.stdout + comparing.stderr)):
        assert f"(postgres, the release) waits for ACCESS EXCLUSIVE on public.{table}" in text, text
        assert "pg_cancel_backend(PID)" in text and "secret_reason" not in text


@pytest.mark.parametrize("jobs", ["0", "-1", "129", "many"])
def test_impossible_jobs(backup, cloned, jobs):
    done = backup.verify(cloned, "--jobs", jobs)
    assert done.code == 2 and (jobs == "many" or f"'--jobs {jobs}' is not possible: 1 to 128 are" in done.stderr), str(done)


def test_no_manifest(backup, cloned, tmp_path):
    done = backup.drydock("verify", "database", "--against", tmp_path, dsn=cloned.dsn(SUPERUSER))
    assert done.code == 4 and "manifest.json" in done.stderr, str(done)


def test_large_tables_and_many_objects_are_shared(cluster, _program, tmp_path):
    """Read in parts by several sessions, or as a whole by one: the digest is the same."""
    made = None
    try:
        made = back_up(cluster, _program, tmp_path / "project", "big", """
            CREATE TABLE wide (id int, note text);
            ALTER TABLE wide ALTER note SET STORAGE PLAIN;
            INSERT INTO wide SELECT n, repeat(n::text || ' ', 7000 / length(n::text || ' ')) FROM generate_series(1, 13000) n;
            DELETE FROM wide WHERE id % 1000 < 150;
            UPDATE wide SET note = 'short' WHERE id % 1000 = 500;
            SELECT count(lo_from_bytea(0, n::text::bytea)) FROM generate_series(1, 500) n;
            """)
        table, = [each for each in made.manifest["digests"]["tables"] if each["name"] == "wide"]
        assert table["size_bytes"] > 96 << 20 and table["rows"] == 13000 - 13 * 150
        clone = made.clone("big_cloned")
        for jobs in ("1", "2", "7"):
            done = made.verify(clone, "--jobs", jobs)
            assert done.code == 0, str(done)
        clone.query("DELETE FROM wide WHERE id = 13000 - 1")
        clone.query("SELECT lo_put(max(oid), 0, 'x') FROM pg_largeobject_metadata")
        for jobs in ("1", "7"):
            told = made.verify(clone, "--json", "--jobs", jobs).json()
            assert told["findings"] == ["table public.wide: 11050 rows expected, 11049 found",
                                        "large objects: 500 as expected, but their content differs"]
    finally:
        drop(cluster, "big_cloned", "big", *([made.copy] if made else []))
