"""Plain SQL scripts as pg_dump writes them, run into a new database without psql."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster import Cluster, clean_environment, program, quote
from program import REPOSITORY

SCRIPT = Path(os.environ.get("DRYDOCK_BIN", REPOSITORY / "build" / "dev" / "drydock")).parent / "tests" / "script"

CONTENT = r"""
CREATE TABLE plain (id int PRIMARY KEY, note text);
INSERT INTO plain SELECT i, 'row ' || i FROM generate_series(1, 3000) i;
INSERT INTO plain VALUES (10001, E'\\.'), (10002, E'\\.\n\\.'), (10003, E'a;\\b\t''"$$'), (10004, NULL), (10005, '');
CREATE TABLE "odd ""name;" ("col;umn" text DEFAULT 'a;''b', b bytea);
INSERT INTO "odd ""name;" SELECT md5(i::text), decode(md5(i::text), 'hex') FROM generate_series(1, 50) i;
CREATE TABLE empty (a int GENERATED ALWAYS AS IDENTITY, b int GENERATED ALWAYS AS (1 + 1) STORED);
CREATE FUNCTION atomic(int) RETURNS int BEGIN ATOMIC SELECT CASE WHEN $1 > 0 THEN 1 ELSE 2 END; SELECT 2; END;
CREATE FUNCTION dollars() RETURNS text LANGUAGE sql AS $_$ SELECT $$a;b$$ || 'c;\' $_$;
CREATE VIEW v AS SELECT count(*) FROM plain;
CREATE MATERIALIZED VIEW m AS SELECT sum(id) FROM plain;
COMMENT ON TABLE plain IS E'\\connect other\n\\! id';
CREATE INDEX ON plain (note);
GRANT SELECT ON plain TO PUBLIC;
SELECT lo_from_bytea(4711, '\x00ff');
COMMENT ON DATABASE "My ""App" IS 'of the original';
ALTER DATABASE "My ""App" SET work_mem = '5MB';
GRANT CONNECT ON DATABASE "My ""App" TO PUBLIC
"""

NAME = 'My "App'


@dataclass
class Ran:
    code: int
    stdout: str
    stderr: str

    @property
    def memory_kb(self):
        return int(self.stdout.rsplit("memory ", 1)[1])


class Runner:
    def __init__(self, cluster, folder):
        self.cluster = cluster
        self.folder = folder
        self.made = []

    def dump(self, *options, database=NAME):
        done = subprocess.run([program("pg_dump"), "-d", self.cluster.dsn(database), *options], check=True,
                              env=clean_environment(), capture_output=True)
        return done.stdout

    def create(self, name, options=""):
        self.cluster.query(f"CREATE DATABASE {quote(name)} TEMPLATE template0 {options}")
        self.made.append(name)

    def __call__(self, text, database="script_new"):
        if database not in self.made:
            self.create(database)
        path = self.folder / "script.sql"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        done = subprocess.run([SCRIPT, path, self.cluster.dsn(database), database], env=clean_environment(),
                              capture_output=True, check=False)
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def rows(self, query, database="script_new"):
        return self.cluster.query(query, database=database)

    def fresh(self, database="script_new"):
        self.cluster.query(f"DROP DATABASE IF EXISTS {quote(database)} WITH (FORCE)")
        self.made = [name for name in self.made if name != database]


@pytest.fixture
def run(cluster, tmp_path):
    runner = Runner(cluster, tmp_path)
    yield runner
    for name in list(runner.made):
        runner.fresh(name)


@pytest.fixture
def content(run, cluster):
    run.create(NAME)
    for statement in CONTENT.strip().split(";\n"):
        cluster.query(statement, database=NAME)
    return run


def lines(dump):
    return [line for line in dump.decode().splitlines() if "restrict " not in line]


@pytest.mark.parametrize("options", [
    [], ["--inserts"], ["--column-inserts", "--rows-per-insert=7"], ["-C"], ["--clean", "--if-exists"],
    ["-C", "--clean", "--if-exists"], ["--quote-all-identifiers"], ["--disable-dollar-quoting"],
    ["--encoding=LATIN1"], ["--no-owner", "--no-privileges"], ["-C", "--inserts"],
], ids=" ".join)
def test_dumps_come_back(content, options):
    before = content.rows("SELECT oid::text, xmin::text, shobj_description(oid, 'pg_database') FROM pg_database "
                          "WHERE datname = 'My \"App'", database="postgres")
    ran = content(content.dump(*options))
    assert ran.code == 0, ran.stderr
    if "--no-privileges" not in options:
        assert lines(content.dump(database="script_new")) == lines(content.dump())
    assert content.rows("SELECT note FROM plain WHERE id > 10000 ORDER BY id") == \
        content.rows("SELECT note FROM plain WHERE id > 10000 ORDER BY id", database=NAME)
    # Nothing was done to the database whose script it is, and what was left out is told.
    assert before == content.rows("SELECT oid::text, xmin::text, shobj_description(oid, 'pg_database') "
                                  "FROM pg_database WHERE datname = 'My \"App'", database="postgres")
    assert ran.stdout.startswith(f"database {NAME if '-C' in options else ''}\n")
    assert ("left out" in ran.stdout) == ("-C" in options)


def test_latin1(run):
    run.create("latin", "ENCODING 'LATIN1' LOCALE 'C'")
    run.cluster.query("CREATE TABLE t (\"gr\u00f6\u00dfe\" text)", database="latin")
    run.cluster.query("INSERT INTO t VALUES ('\u00fc\u00e4'), ('\\.')", database="latin")
    for options in ([], ["--inserts"]):
        text = run.dump(*options, database="latin")
        assert b"\xfc\xe4" in text
        ran = run(text)
        assert ran.code == 0, ran.stderr
        assert run.rows('SELECT "gr\u00f6\u00dfe" FROM t') == [("\u00fc\u00e4",), ("\\.",)]
        run.fresh()
    ran = run(b"SET client_encoding = 'LATIN1';\nSELECT '\xfc', nosuch_\xe4;\n")
    assert ran.code == 1 and ":2:13: " in ran.stderr and "sqlstate 42703" in ran.stderr


def test_carriage_returns_and_a_mark(run):
    ran = run(b"\xef\xbb\xbfCREATE TABLE t (a text, b text);\r\nCOPY t FROM stdin;\r\na\tb\r\n\\.\r\nSELECT nosuch;\r\n")
    assert ran.code == 1 and ":5:8: " in ran.stderr
    assert run.rows("SELECT count(*) FROM t") == [(1,)]


@pytest.mark.parametrize("text, words", [
    ("SELECT 1;\n\\! touch /tmp/drydock-was-here\n", ":2:1: '\\!' is a command of psql"),
    ("SELECT 1;\n  \\i other.sql\n", ":2:3: "),
    ("\\connect other\nSELECT 1;\n\\connect another\n", ":3:1: '\\connect' leads to another database"),
    ("\\connect app otheruser otherhost\n", "leads to another database"),
    ("\\c \"dbname=app host=evil\"\nCREATE DATABASE app;", "another database"),
    ("CREATE DATABASE app;\n\\connect -reuse-previous=on \"dbname='other'\"\n", "leads to another database"),
    ("SELECT 1;\n\\encoding LATIN1\n", ":2:1: '\\encoding' is a command of psql"),
    ("\\restrict abc\nSELECT 1;\n\\unrestrict abd\n", "does not fit"),
    ("\\restrict abc\n\\connect app\n\\unrestrict abc\n", "behind '\\restrict'"),
    ("\\restrict abc\nSELECT 1;\n", "torn"),
    ("CREATE ROLE a;\n", "about roles"),
    ("SELECT 1;\nGRANT a TO b;\n", ":2:1: the statement is about roles"),
    ("ALTER USER a PASSWORD 'geheim';\n", "about roles"),
    ("CREATE TABLESPACE a LOCATION '/';\n", "about the server"),
    ("ALTER SYSTEM SET work_mem = 1;\n", "about the server"),
    ("CREATE DATABASE a;\nCREATE DATABASE b;\n", "about another database"),
    ("\\connect a\nALTER ROLE r IN DATABASE b SET x = 1;\n", "about another database"),
    ("SELECT 'a\n", "not closed"),
    ("CREATE TABLE t (a int);\nCOPY t FROM stdin;\n1\n2\n", ":2:1: the data of COPY"),
    ("SELECT 1; SELECT '\0';\n", ":1:11: there is a NUL byte"),
])
def test_refused_before_anything_is_run(run, text, words):
    ran = run("CREATE TABLE first (a int); " + text)
    assert ran.code in (2, 4), ran
    assert words in ran.stderr.replace(":1:39:", ":1:11:"), ran.stderr
    assert "geheim" not in ran.stderr
    assert run.rows("SELECT count(*) FROM pg_class WHERE relname = 'first'") == [(0,)]
    assert not Path("/tmp/drydock-was-here").exists()


@pytest.mark.parametrize("text", [
    "CREATE EXTENSION postgres_fdw; CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw;\n"
    "CREATE USER MAPPING FOR public SERVER s; DROP USER MAPPING FOR public SERVER s;",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO public;",
    "BEGIN; CREATE TABLE t (a int); INSERT INTO t VALUES (1); INSERT INTO t VALUES (2); COMMIT;",
    "SET transaction_timeout = 0;",
    "COPY (SELECT 1) TO '/dev/null';",
    "CREATE DATABASE app; ALTER DATABASE app SET work_mem = '1MB'; COMMENT ON DATABASE app IS 'x';\n"
    "GRANT ALL ON DATABASE app TO public; ALTER ROLE postgres IN DATABASE app SET work_mem = '1MB';\n"
    "\\connect -reuse-previous=on \"dbname='app'\"\n",
    "",
    "-- nothing\n",
])
def test_accepted(run, text):
    ran = run(text)
    assert ran.code == 0, ran.stderr


def test_errors_have_place_and_state_and_no_rows(run):
    ran = run("CREATE TABLE t (a int PRIMARY KEY, b text);\n"
              + "".join(f"INSERT INTO t VALUES ({n}, 'geheim');\n" for n in range(700))
              + "INSERT INTO t VALUES (5, 'geheim');\nCREATE TABLE after (a int);\n")
    assert ran.code == 1 and ":702:1: " in ran.stderr and "sqlstate 23505" in ran.stderr
    assert "geheim" not in ran.stderr
    assert run.rows("SELECT count(*) FROM t") == [(700,)]
    assert run.rows("SELECT count(*) FROM pg_class WHERE relname = 'after'") == [(0,)]
    ran = run("CREATE TABLE u (a int);\n\nCOPY u FROM stdin;\n1\ngeheim\n\\.\n")
    assert ran.code == 1 and ":3:1: " in ran.stderr and "sqlstate 22P02" in ran.stderr
    assert "geheim" not in ran.stderr
    assert run.rows("SELECT count(*) FROM u") == [(0,)]


def test_memory_is_bounded(run):
    """200 MB of data and 10 MB of INSERT, neither of which is held."""
    row = b"x" * 990 + b"\t123\n"
    text = b"CREATE TABLE t (a text, b int);\nCOPY t FROM stdin;\n" + row * 200_000 + b"\\.\n" \
        + (b"INSERT INTO t VALUES ('" + b"y" * 900 + b"', 1);\n") * 10_000 + b"SELECT nosuch;"
    ran = run(text)
    assert ":210004:8: " in ran.stderr, ran.stderr
    assert ran.memory_kb < 64 * 1024
    assert run.rows("SELECT count(*) FROM t") == [(210_000,)]


@pytest.mark.parametrize("options", [[], ["-C"], ["--inserts"], ["-Fc"], ["-Ft"]], ids=" ".join)
@pytest.mark.parametrize("compress", [None, "gzip"])
def test_restored_into_a_new_database(content, tmp_path, options, compress):
    """From the bytes that somebody brings to a database that is as the original."""
    text = content.dump(*options)
    if compress:
        text = subprocess.run([compress], input=text, capture_output=True, check=True).stdout
    (tmp_path / "given").write_bytes(text)
    (tmp_path / "spool").mkdir()
    content.made.append("script_new")
    done = subprocess.run([SCRIPT, "--restore", tmp_path / "given", content.cluster.dsn("postgres"), "script_new",
                           tmp_path / "spool"], env=clean_environment(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    if options in (["-C"], ["-Fc"], ["-Ft"]):  # what is said of the database itself, and is not done
        assert b"left out" in done.stdout
    assert lines(content.dump(database="script_new")) == lines(content.dump())
    assert not list((tmp_path / "spool").iterdir())


def test_a_script_that_fails_leaves_no_database(content, tmp_path):
    for text in ("CREATE TABLE t (a int);\nSELECT nosuch;\n", "CREATE TABLE t (a int);\n\\! id\n"):
        (tmp_path / "given").write_text(text)
        done = subprocess.run([SCRIPT, "--restore", tmp_path / "given", content.cluster.dsn("postgres"), "script_new",
                               tmp_path], env=clean_environment(), capture_output=True, check=False)
        assert done.returncode != 0 and b"given:2:" in done.stderr
        assert content.rows("SELECT 1 FROM pg_database WHERE datname = 'script_new'", database="postgres") == []


def restore(cluster, folder, text):
    (folder / "given").write_text(text)
    return subprocess.run([SCRIPT, "--restore", folder / "given", cluster.dsn("postgres"), "script_new", folder],
                          env=clean_environment(), capture_output=True, check=False)


@pytest.mark.parametrize("text", [
    "BEGIN;\nCREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\n",
    "CREATE TABLE t (a int);\nSTART TRANSACTION;\nCOPY t FROM stdin;\n1\n\\.\n",
])
def test_a_script_that_ends_inside_a_transaction_leaves_no_database(content, tmp_path, text):
    """Its rows would be gone with the session, and nobody would know."""
    done = restore(content.cluster, tmp_path, text)
    assert done.returncode == 4 and b"ends inside a transaction" in done.stderr
    assert content.rows("SELECT 1 FROM pg_database WHERE datname = 'script_new'", database="postgres") == []


def test_all_of_it_is_on_disk_at_the_end(tmp_path):
    """Where nobody else writes to the log: its end was flushed, though no commit on the way was waited for."""
    server = Cluster({"wal_writer_delay": "10s", "autovacuum": "off", "wal_level": "minimal", "max_wal_senders": "0"})
    flushed = "SELECT pg_current_wal_insert_lsn() = pg_current_wal_flush_lsn()"
    try:
        server.start()
        with server.session() as session, session.cursor() as cursor:
            cursor.execute(flushed)
            done = restore(server, tmp_path, "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\n")
            assert done.returncode == 0, done.stderr.decode()
            cursor.execute(flushed)
            assert cursor.fetchone() == (True,)
    finally:
        server.destroy()
