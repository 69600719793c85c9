"""Who may take and restore a snapshot, what must be there for it, and settings and numbers that stand in the way."""

import os
import re
import subprocess
from decimal import Decimal

import pytest

import content as contents
import kinds
from bed import OWNER, Database
from cluster import Cluster, bin_folder, clean_environment, quote
from snapshots import pg_restore, stock_copy
from test_snapshot_split import take


def restore(drydock, cluster, folder, name="back", user="postgres", *options):
    return drydock("restore", "--from", folder, "--database", name, *options, dsn=cluster.dsn(user=user))


# -- without superuser --------------------------------------------------------------------------


def test_owner_takes_and_restores(white_cross, drydock, tmp_path):
    """The owner of a database, who may create databases and is no superuser, does both, alone."""
    database = white_cross(students=100)
    before = database.content(), database.schema()
    folder = take(drydock, tmp_path / "s", database, "--jobs", "2", user=OWNER)
    done = restore(drydock, database.cluster, folder, "back", OWNER)
    if done.code != 0:
        # What belongs to another role is not his to give: that is named before anything is created.
        assert done.code == 3 and "wc_reports" in done.stdout + done.stderr, str(done)
        assert "back" not in contents.databases(database.cluster)
        database.cluster.query(f"GRANT wc_reports TO {OWNER}")
        try:
            done = restore(drydock, database.cluster, folder, "back", OWNER)
        finally:
            database.cluster.query(f"REVOKE wc_reports FROM {OWNER}")
    assert done.code == 0, str(done)
    back = Database(database.cluster, "back")
    assert (back.content(), back.schema()) == before
    assert back.properties()["owner"] == OWNER
    assert back.properties()["acl"] == database.properties()["acl"]


def test_row_security_is_refused(bed, drydock, tmp_path):
    """A role that would see some of the rows takes no snapshot of some of the rows."""
    database = bed.empty("secured")
    database.query(f"SET ROLE {OWNER}; CREATE TABLE free (id integer); CREATE TABLE secret (id integer);"
                   "INSERT INTO secret VALUES (1), (2); ALTER TABLE secret ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
                   "CREATE POLICY one ON secret USING (id = 1)")
    done = drydock("snapshot", "--out", tmp_path / "s", dsn=database.dsn(OWNER))
    assert done.code in (1, 3), str(done)
    assert "secret" in done.stdout + done.stderr and re.search("row.(level.)?security", done.stdout + done.stderr, re.I), str(done)
    assert not (tmp_path / "s").exists()
    assert os.listdir(tmp_path) == []
    # Not forced, the owner sees all of it.
    database.query("ALTER TABLE secret NO FORCE ROW LEVEL SECURITY")
    folder = take(drydock, tmp_path / "s", database, user=OWNER)
    done = restore(drydock, bed.cluster, folder, "back", OWNER)
    assert done.code == 0, str(done)
    assert Database(bed.cluster, "back").value("SELECT count(*) FROM secret") == 2


def test_no_right_to_read(bed, drydock, tmp_path):
    database = bed.empty("closed")
    database.query("CREATE TABLE foreign_one (id integer); CREATE TABLE mine (id integer); ALTER TABLE mine OWNER TO wc_owner")
    done = drydock("snapshot", "--out", tmp_path / "s", dsn=database.dsn(OWNER))
    assert done.code in (1, 3), str(done)
    assert "foreign_one" in done.stdout + done.stderr
    assert os.listdir(tmp_path) == []


def test_no_right_to_create(bed, drydock, tmp_path):
    database = bed.empty("small")
    database.query("CREATE TABLE t (id integer)")
    folder = take(drydock, tmp_path / "s", database)
    done = restore(drydock, bed.cluster, folder, "back", "wc_app")
    assert done.code in (1, 3) and "CREATEDB" in done.stdout + done.stderr, str(done)
    assert "back" not in contents.databases(bed.cluster)


def test_privileges_that_were_passed_on(bed, drydock, tmp_path):
    """Who passes a privilege on needs the schema for it: stock pg_restore -j may be too early there, drydock is not."""
    database = bed.empty("passed")
    database.query("".join(f"CREATE SCHEMA s{n}; CREATE TABLE s{n}.t (id integer); GRANT USAGE ON SCHEMA s{n} TO wc_app, wc_reports;"
                           f"GRANT SELECT ON s{n}.t TO wc_app WITH GRANT OPTION; SET SESSION AUTHORIZATION wc_app;"
                           f"GRANT SELECT ON s{n}.t TO wc_reports; RESET SESSION AUTHORIZATION;" for n in range(30)))
    folder = take(drydock, tmp_path / "s", database)
    done = restore(drydock, bed.cluster, folder, "back", "postgres", "--jobs", "4")
    assert done.code == 0, str(done)
    assert Database(bed.cluster, "back").schema() == database.schema()


# -- what must be there -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bare():
    """A server without the roles, extensions and tablespaces of the other."""
    cluster = Cluster()
    try:
        yield cluster.start()
    finally:
        cluster.destroy()


def test_missing_things_are_named(bed, bare, drydock, tmp_path):
    """Roles (owners, of access rights, default privileges, policies), extensions, tablespaces: before CREATE DATABASE."""
    cluster = bed.cluster
    kinds.create_outside(cluster)
    with kinds.extension() as extension:
        database = bed.empty("needs")
        database.query("ALTER DATABASE needs OWNER TO postgres; CREATE ROLE role_of_nothing; CREATE TABLE a (id integer); ALTER TABLE a OWNER TO kinds_owner;"
                       "CREATE TABLE b (id integer); GRANT SELECT (id) ON b TO kinds_reader; CREATE POLICY p ON b TO kinds_writer;"
                       f"ALTER DEFAULT PRIVILEGES FOR ROLE {quote(kinds.ODD_ROLE)} GRANT SELECT ON TABLES TO wc_monitor;"
                       f"CREATE TABLE c (id integer) TABLESPACE {kinds.TABLESPACE}")
        wanted = ["kinds_owner", "kinds_reader", "kinds_writer", "wc_monitor", kinds.TABLESPACE]
        if extension:
            database.query(f"CREATE EXTENSION {extension}")
            wanted.append(extension)
        folder = take(drydock, tmp_path / "s", database)
        cluster.query("DROP ROLE role_of_nothing")
    created = bare.value("SELECT max(oid) FROM pg_database")
    done = restore(drydock, bare, folder)
    assert done.code in (1, 3), str(done)
    told = done.stdout + done.stderr
    assert not [name for name in wanted if name not in told], told
    assert "odd" in told
    assert contents.databases(bare) == ["postgres", "template0", "template1"]
    # Nothing was created and dropped again: the next database has the next number.
    bare.query("CREATE DATABASE next")
    assert int(bare.value("SELECT oid FROM pg_database WHERE datname = 'next'")) <= max(int(created), 16383) + 10
    bare.query("DROP DATABASE next")


def test_name_that_is_taken(bed, drydock, tmp_path):
    database = bed.empty("small")
    database.query("CREATE TABLE t (id integer)")
    folder = take(drydock, tmp_path / "s", database)
    version = database.row_version()
    done = restore(drydock, bed.cluster, folder, "small")
    assert done.code in (1, 2, 3), str(done)
    assert "small" in done.stderr + done.stdout and database.row_version() == version
    assert contents.databases(bed.cluster) == ["postgres", "small", "template0", "template1"]
    done = drydock("snapshot", "--out", folder, dsn=database.dsn("postgres"))
    assert done.code in (1, 2, 3), str(done)
    assert drydock("verify", "snapshot", folder).code == 0


@pytest.mark.parametrize("name", ["with space", 'quo"te', "it's", "-x", "x" * 63, "dbname=postgres", "postgresql://x", "a\nb", "ü%s"])
def test_names_of_databases(bed, drydock, tmp_path, name):
    """A name that looks like an option, a connection string or two lines is a name."""
    bed.cluster.query(f"CREATE DATABASE {quote(name)} OWNER {OWNER} TEMPLATE template0")
    database = Database(bed.cluster, name)
    database.query("CREATE TABLE t (id integer); INSERT INTO t VALUES (1)")
    bed.cluster.query(f"COMMENT ON DATABASE {quote(name)} IS 'a comment'")
    folder = take(drydock, tmp_path / "s", database)
    properties = database.properties()
    bed.cluster.query(f"DROP DATABASE {quote(name)}")
    done = drydock("restore", "--from", folder, f"--database={name}", dsn=bed.cluster.dsn())
    assert done.code == 0, str(done)
    assert database.value("SELECT id FROM t") == 1 and database.properties() == properties
    bed.cluster.query(f"DROP DATABASE {quote(name)}")
    done = pg_restore(bed.cluster, stock_copy(folder, tmp_path), "-C")
    assert not done.returncode and not done.stderr, done.stderr
    assert database.value("SELECT id FROM t") == 1 and database.properties() == properties


# -- settings and numbers -----------------------------------------------------------------------

HOSTILE = {"client_encoding": "LATIN1", "quote_all_identifiers": "on", "default_transaction_read_only": "on",
           "array_nulls": "off", "default_tablespace": "no_such_tablespace", "row_security": "on", "backslash_quote": "off",
           "statement_timeout": "300ms", "lock_timeout": "10ms", "idle_in_transaction_session_timeout": "100ms",
           "idle_session_timeout": "100ms", "standard_conforming_strings": "off", "escape_string_warning": "on",
           "DateStyle": "German", "IntervalStyle": "sql_standard", "extra_float_digits": "-15", "bytea_output": "escape",
           "lc_monetary": "C.UTF-8", "TimeZone": "Asia/Kathmandu", "search_path": "nowhere", "enable_tidscan": "off",
           "enable_seqscan": "off", "default_transaction_isolation": "serializable", "default_transaction_deferrable": "on",
           "client_min_messages": "error", "check_function_bodies": "on", "xmloption": "document", "transform_null_equals": "on",
           "default_toast_compression": "pglz", "gin_fuzzy_search_limit": "1", "vacuum_cost_delay": "1ms"}


@pytest.mark.parametrize("role", [False, True])
def test_hostile_settings(bed, drydock, tmp_path, role):
    """Whatever a database or a role sets for its sessions, the snapshot has every byte, and comes back."""
    database = bed.empty("hostile")
    database.query("CREATE TABLE t (id serial PRIMARY KEY, d date, i interval, f float8, b bytea, a text[], t text, z timestamptz, m money);"
                   "INSERT INTO t (d, i, f, b, a, t, z, m) SELECT date '2024-02-01' + n, interval '-1 day 2 hours' * n, n / 7.0, '\\x00ff5c',"
                   " ARRAY['NULL', NULL, 'é'], 'é😀\\n' || n, timestamptz '2024-03-31 01:00+00' + n * interval '1 hour', n FROM generate_series(1, 2000) n;"
                   "CREATE TABLE e (m text[], r regclass); INSERT INTO e VALUES (ARRAY[NULL, 'null'], 'public.t');"
                   "CREATE INDEX ON t USING gin (a); CREATE VIEW v AS SELECT * FROM t WHERE t <> E'a\\\\b';"
                   "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT ''\\'''; SELECT lo_from_bytea(5, '\\x00ff')")
    wanted, schema = kinds.rows(bed.cluster, "hostile"), kinds.schema(bed.cluster, "hostile")
    for name, setting in HOSTILE.items():
        whom = "ROLE postgres IN DATABASE hostile" if role else "DATABASE hostile"
        bed.cluster.query(f"ALTER {whom} SET {name} = '{setting}'")
    properties = database.properties()
    folder = take(drydock, tmp_path / "s", database, "--jobs", "2")
    done = restore(drydock, bed.cluster, folder)
    assert done.code == 0, str(done)
    back = Database(bed.cluster, "back")
    assert back.properties()["settings"] == properties["settings"]
    bed.cluster.query("ALTER DATABASE back RESET ALL")
    bed.cluster.query("ALTER ROLE postgres IN DATABASE back RESET ALL")
    assert kinds.differences(wanted, kinds.rows(bed.cluster, "back")) == []
    assert kinds.schema(bed.cluster, "back") == schema
    done = drydock("verify", "database", "--against", folder, dsn=bed.cluster.dsn("hostile"))
    assert done.code == 0, str(done)


# Money is loaded as it was written, and nothing else has that setting: the view is filled as the server has it.
READ_AS_WRITTEN = """
    CREATE TYPE item AS (amount money, words text[]);
    CREATE TABLE items (i item, CHECK (current_setting('lc_monetary') = 'C'));
    SET lc_monetary = 'C'; INSERT INTO items VALUES (ROW(1234.56, '{NULL,"NULL"}')); SET lc_monetary = 'C.UTF-8';
    CREATE VIEW words AS SELECT '{NULL}'::text[] AS words;
    CREATE MATERIALIZED VIEW monetary AS SELECT current_setting('lc_monetary') AS setting"""


def test_hostile_role_settings_everywhere(bed, drydock, tmp_path):
    """The same for a role in every database: also where the restore connects to first."""
    database = bed.empty("small")
    database.query(f"SET ROLE {OWNER}; CREATE TABLE t (id integer PRIMARY KEY, d date); INSERT INTO t SELECT n, '2024-02-01' FROM generate_series(1, 100) n;" + READ_AS_WRITTEN)
    try:
        for name, setting in HOSTILE.items():
            bed.cluster.query(f"ALTER ROLE {OWNER} SET {name} = '{setting}'")
        folder = take(drydock, tmp_path / "s", database, user=OWNER)
        done = restore(drydock, bed.cluster, folder, "back", OWNER)
        assert done.code == 0, str(done)
    finally:
        bed.cluster.query(f"ALTER ROLE {OWNER} RESET ALL")
    back = Database(bed.cluster, "back")
    assert back.content() == database.content()
    assert back.value("SELECT (words)[1] IS NULL FROM words") and back.value("SELECT setting FROM monetary") == "C.UTF-8"


# Each first statement of a session is compiled, which takes longer than the limit.
BRIEF = {"statement_timeout": "1ms", "lock_timeout": "1ms", "idle_session_timeout": "1ms",
         "idle_in_transaction_session_timeout": "1ms", "jit": "on", "jit_above_cost": "0"}


def test_limits_that_strike_at_once(bed, drydock, tmp_path):
    """A role's time limits end no session before it has set its own: neither of ours nor of PostgreSQL's programs."""
    database = bed.empty("small")
    database.query(f"SET ROLE {OWNER}; CREATE TABLE t (id integer PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100)")
    try:
        for name, setting in BRIEF.items():
            bed.cluster.query(f"ALTER ROLE {OWNER} SET {name} = '{setting}'")
        folder = take(drydock, tmp_path / "s", database, "--jobs", "1", user=OWNER)
        manifest = stock_copy(folder, tmp_path) / "manifest.json"
        manifest.unlink()  # what is left is for pg_restore
        for source, name in ((folder, "back"), (manifest.parent, "stock")):
            done = restore(drydock, bed.cluster, source, name, OWNER, "--jobs", "1")
            assert done.code == 0, str(done)
    finally:
        bed.cluster.query(f"ALTER ROLE {OWNER} RESET ALL")
    for name in ("back", "stock"):
        assert Database(bed.cluster, name).content() == database.content()


def test_money_by_stock_pg_restore(bed, drydock, tmp_path):
    """README.txt has the line that reads it as it was written."""
    database = bed.empty("money")
    database.query(READ_AS_WRITTEN)
    folder = stock_copy(take(drydock, tmp_path / "s", database), tmp_path)
    lines = re.findall(r"^ +((?:PGOPTIONS=.*)?pg_restore .*)$", (folder / "README.txt").read_text(encoding="utf-8"), re.M)
    bed.cluster.query("CREATE DATABASE money_restored TEMPLATE template0")
    environment = {**clean_environment(), "PGHOST": str(bed.cluster.folder), "PGPORT": "5432", "PGUSER": "postgres",
                   "PATH": f"{bin_folder()}:{os.environ['PATH']}"}
    for line, name in zip(lines, ["money_restored", "money"], strict=True):
        if name == "money":
            bed.cluster.query("ALTER DATABASE money RENAME TO money_before")
        done = subprocess.run(line, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert Database(bed.cluster, name).value("SELECT (i).amount::numeric FROM items") == Decimal("1234.56")


def test_hostile_role_settings_and_an_archive(bed, drydock, tmp_path):
    """pg_restore's sessions are those of a role, too: read-only, serializable, with words in place of NULL in arrays."""
    database = bed.empty("small")
    database.query(f"SET ROLE {OWNER}; CREATE TABLE t (id integer PRIMARY KEY, d date, i interval, a text[]);"
                   "INSERT INTO t SELECT n, '2024-02-01', interval '-1 day 2 hours' * n, ARRAY[NULL, 'null'] FROM generate_series(1, 100) n")
    bed.cluster.run("pg_dump", "-Fc", "-f", bed.cluster.folder / "small.dump", "-d", bed.cluster.dsn("small"))
    try:
        for name, setting in HOSTILE.items():
            bed.cluster.query(f"ALTER ROLE {OWNER} SET {name} = '{setting}'")
        done = drydock("restore", "--from", bed.cluster.folder / "small.dump", "--database", "back", dsn=bed.cluster.dsn(user=OWNER),
                       env={"PGOPTIONS": "-c work_mem=5MB"})
        assert done.code == 0, str(done)
    finally:
        bed.cluster.query(f"ALTER ROLE {OWNER} RESET ALL")
    assert Database(bed.cluster, "back").content() == database.content()


def test_encodings(bed, drydock, tmp_path):
    """A database that is not in UTF-8 comes back in its own encoding."""
    bed.cluster.query("CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    database = Database(bed.cluster, "latin")
    database.query("CREATE TABLE \"é\" (\"ü\" text PRIMARY KEY); INSERT INTO \"é\" VALUES ('ß'), ('é'); COMMENT ON TABLE \"é\" IS 'ö'")
    folder = take(drydock, tmp_path / "s", database)
    done = restore(drydock, bed.cluster, folder)
    assert done.code == 0, str(done)
    back = Database(bed.cluster, "back")
    assert back.properties()["encoding"] == "LATIN1"
    assert kinds.schema(bed.cluster, "back") == kinds.schema(bed.cluster, "latin")
    assert kinds.differences(kinds.rows(bed.cluster, "back"), kinds.rows(bed.cluster, "latin")) == []
    bed.cluster.query("DROP DATABASE latin")
    done = pg_restore(bed.cluster, stock_copy(folder, tmp_path), "-C", "-j2")
    assert not done.returncode and not done.stderr, done.stderr
    assert kinds.differences(kinds.rows(bed.cluster, "back"), kinds.rows(bed.cluster, "latin")) == []


def test_bytes_without_a_meaning(bed, drydock, tmp_path):
    """WIN1252 lets them in and UTF-8, in which a snapshot is, has nothing for them: that is said, and nothing is left."""
    bed.cluster.query("CREATE DATABASE windows ENCODING 'WIN1252' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    database = Database(bed.cluster, "windows")
    database.query("CREATE TABLE t (id integer, t text)")
    with database.session() as session, session.cursor() as cursor:
        session.set_client_encoding("WIN1252")
        cursor.execute(b"INSERT INTO t VALUES (2, E'\\x81')")
    done = drydock("snapshot", "--out", tmp_path / "s", dsn=database.dsn("postgres"))
    assert done.code == 1 and "while reading table public.t" in done.stderr and "22P05" in done.stderr, str(done)
    assert "convert_to(COLUMN, 'UTF8')" in done.stderr and os.listdir(tmp_path) == []


def test_sql_ascii(bed, drydock, tmp_path):
    """Bytes that are no text in any encoding survive."""
    bed.cluster.query("CREATE DATABASE bytes ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    database = Database(bed.cluster, "bytes")
    database.query("CREATE TABLE t (id integer, t text); INSERT INTO t VALUES (1, E'\\xff\\xfe\\x80')")
    folder = take(drydock, tmp_path / "s", database)
    done = restore(drydock, bed.cluster, folder)
    assert done.code == 0, str(done)
    back = Database(bed.cluster, "back")
    assert (back.value("SELECT md5(t) FROM t"), back.properties()["encoding"]) == (database.value("SELECT md5(t) FROM t"), "SQL_ASCII")
