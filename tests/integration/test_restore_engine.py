"""Restoring by the engine: all kinds of objects come back, what is damaged is refused, and no failure leaves anything."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg2
import pytest

import content as contents
from cluster import SUPERUSER, Cluster, clean_environment, program, quote
from program import REPOSITORY

ENGINE = Path(os.environ.get("DRYDOCK_BIN", REPOSITORY / "build" / "dev" / "drydock")).parent / "tests" / "restore"
KINDS = REPOSITORY / "tests" / "data" / "kinds.sql"
SOURCE = "engine kinds"
POINTS = ["restore.after_create", "restore.in_data", "restore.after_data", "restore.in_post_data",
          "restore.before_digests"]
LARGE = """
    CREATE TABLE "Odd, ""large"" (" (id bigint PRIMARY KEY, "a)" int NOT NULL, b int, c int, v text, UNIQUE ("a)", id),
        CONSTRAINT "b;" UNIQUE (b) DEFERRABLE INITIALLY DEFERRED, CONSTRAINT other UNIQUE (id) INCLUDE (c), CHECK (id > 0));
    INSERT INTO "Odd, ""large"" (" SELECT n, n, n, n % 1000, repeat('text ', 20) || n FROM generate_series(1, 90000) n;
    CREATE INDEX ON "Odd, ""large"" (" (c);
    CREATE TABLE parts (id int, p int, v text, PRIMARY KEY (p, id)) PARTITION BY LIST (p);
    CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1);
    CREATE TABLE part_2 PARTITION OF parts FOR VALUES IN (2);
    INSERT INTO parts SELECT n, 1 + n % 2, repeat('text ', 40) || n FROM generate_series(1, 100000) n;
    ALTER TABLE part_1 CLUSTER ON part_1_pkey;
    ALTER TABLE "Odd, ""large"" (" ADD FOREIGN KEY (id) REFERENCES "Odd, ""large"" (";
    ALTER TABLE "Odd, ""large"" (" REPLICA IDENTITY USING INDEX "Odd, ""large"" (_a)_id_key";
    COMMENT ON CONSTRAINT "Odd, ""large"" (_pkey" ON "Odd, ""large"" (" IS 'a key';
"""


def engine(*arguments, env=None, timeout=120):
    done = subprocess.run([ENGINE, *map(str, arguments)], env={**clean_environment(), **(env or {})},
                          capture_output=True, text=True, timeout=timeout, check=False)
    assert "Sanitizer" not in done.stderr and "runtime error:" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout) if done.stdout.strip() else {"stderr": done.stderr}


def drop(cluster, name):
    if cluster.value("SELECT count(*) FROM pg_database WHERE datname = %s", (name,)) == 0:
        return
    cluster.query(f"ALTER DATABASE {quote(name)} ALLOW_CONNECTIONS true")
    for subscription in [row[0] for row in cluster.query("SELECT subname FROM pg_subscription s JOIN pg_database d"
                                                         " ON d.oid = subdbid WHERE datname = %s", (name,))]:
        for what in ("ALTER SUBSCRIPTION %s DISABLE", "ALTER SUBSCRIPTION %s SET (slot_name = NONE)",
                     "DROP SUBSCRIPTION %s"):
            cluster.query(what % quote(subscription), database=name)
    cluster.query(f"DROP DATABASE {quote(name)} WITH (FORCE)")


@pytest.fixture(scope="module")
def snapshot(cluster, tmp_path_factory):
    """The folder of a snapshot of the database with every kind of object, its large tables in parts."""
    folder = tmp_path_factory.mktemp("engine") / "snapshot"
    cluster.query(f"CREATE DATABASE {quote(SOURCE)} TEMPLATE template0")
    subprocess.run([program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", cluster.dsn(SOURCE), "-f", KINDS],
                   check=True, capture_output=True, env=clean_environment())
    code, told = engine("take", cluster.dsn(), SOURCE, folder, 2, 100000)
    assert code == 0, told
    yield folder
    drop(cluster, SOURCE)


@pytest.fixture
def name(cluster):
    """The name of the database to restore into, which is gone afterwards."""
    yield "engine restored"
    drop(cluster, "engine restored")


@pytest.fixture
def copy(snapshot, tmp_path):
    return Path(shutil.copytree(snapshot, tmp_path / "copy"))


def load(cluster, folder, name, jobs=3, env=None, user=SUPERUSER):
    return engine("load", cluster.dsn(user=user), folder, name, jobs, env=env)


def exists(cluster, name):
    return cluster.value("SELECT count(*) FROM pg_database WHERE datname = %s", (name,)) == 1


def sessions_in(cluster, name):
    return cluster.value("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", (name,))


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def schema_of(cluster, database):
    """As pg_dump sees it, without the settings that are the database's own."""
    options = ["-c", "timezone=UTC", "-c", "standard_conforming_strings=on", "-c", "escape_string_warning=on"]
    done = subprocess.run([program("pg_dump"), "-s", "--restrict-key=x", "-E", "UTF8", "-d", cluster.dsn(database)], check=True,
                          capture_output=True, text=True,
                          env={**clean_environment(), "PGOPTIONS": " ".join(options)})
    return done.stdout


def rows_of(cluster, database):
    """What every table, materialized view and sequence holds by itself, partitions by the moved enum together."""
    found = {}
    with cluster.session(database) as connection, connection.cursor() as cursor:
        cursor.execute("SET TimeZone = 'UTC'; SET search_path = ''; SET standard_conforming_strings = on;"
                       "SET extra_float_digits = 1; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';"
                       "SET bytea_output = 'hex'; SET lc_monetary = 'C'")
        cursor.execute("""
            SELECT n.nspname, c.relname, c.relkind,
                   array_agg(a.attname::text ORDER BY a.attname) FILTER (WHERE a.attname IS NOT NULL)
              FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
              LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             WHERE (c.relkind IN ('r', 'S') OR (c.relkind = 'm' AND c.relispopulated)) AND c.relpersistence <> 't'
               AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' GROUP BY c.oid, n.nspname""")
        for schema, table, kind, columns in cursor.fetchall():
            chosen = "last_value, is_called" if kind == "S" else ", ".join(f"{quote(column)}::text" for column in columns or [])
            cursor.execute(f"SELECT {chosen} FROM ONLY {quote(schema)}.{quote(table)}" if kind != "S" else
                           f"SELECT {chosen} FROM {quote(schema)}.{quote(table)}")
            key = (schema, "by_mood" if table.startswith("by_mood") else table)
            found[key] = sorted(found.get(key, []) + [repr(row) for row in cursor.fetchall()])
        cursor.execute("SELECT m.oid, m.lomowner::regrole::text, m.lomacl::text, pg_catalog.lo_get(m.oid)"
                       " FROM pg_catalog.pg_largeobject_metadata m")
        found["large objects"] = sorted((oid, owner, acl, bytes(data)) for oid, owner, acl, data in cursor.fetchall())
    return found


def seal(folder, manifest):
    """Writes the manifest with a SHA-256 of itself that fits."""
    manifest.pop("manifest_sha256", None)
    line = json.dumps(manifest, ensure_ascii=False, separators=(",", ":"))
    manifest["manifest_sha256"] = hashlib.sha256(line.encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest, ensure_ascii=False), encoding="utf-8")


# -- what comes back ----------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, 4])
def test_every_kind_of_object(cluster, snapshot, name, jobs):
    code, told = load(cluster, snapshot, name, jobs)
    assert code == 0, told
    assert told["proven"]
    assert schema_of(cluster, name) == schema_of(cluster, SOURCE)
    before, now = rows_of(cluster, SOURCE), rows_of(cluster, name)
    assert before.keys() == now.keys()
    assert [key for key in before if before[key] != now[key]] == []
    assert len(before["large objects"]) > 10


def test_nobody_else_may_connect(cluster, snapshot, name):
    code, told = load(cluster, snapshot, name)
    assert code == 0, told
    assert not cluster.value("SELECT has_database_privilege('public', %s, 'CONNECT')", (name,))
    assert cluster.value("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
                         (name,)) == "a restore that is not finished"
    assert sessions_in(cluster, name) == 0


def test_foreign_keys_of_split_tables(cluster, tmp_path, name):
    """Keys on a table in parts, both ways, with many workers: never too early, never a deadlock."""
    source = "engine keys"
    cluster.query(f"CREATE DATABASE {quote(source)}")
    try:
        cluster.query("CREATE TABLE a (id int PRIMARY KEY, b int, t text);"
                      "CREATE TABLE b (id int PRIMARY KEY, a int, t text);"
                      "INSERT INTO a SELECT n, n, repeat('x', 100) FROM generate_series(1, 20000) n;"
                      "INSERT INTO b SELECT n, n, repeat('y', 100) FROM generate_series(1, 20000) n;"
                      "CREATE INDEX ON a (b); CREATE INDEX ON a (t, id); CREATE INDEX ON b (a); CREATE INDEX ON b (t);"
                      "ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b, ADD FOREIGN KEY (id) REFERENCES a;"
                      "ALTER TABLE b ADD FOREIGN KEY (a) REFERENCES a", database=source)
        assert engine("take", cluster.dsn(), source, tmp_path / "keys", 2, 300000)[0] == 0
        for _ in range(5):
            code, told = load(cluster, tmp_path / "keys", name, 6)
            assert code == 0, told
            assert cluster.value("SELECT count(*) FROM pg_constraint WHERE convalidated AND contype = 'f'",
                                 database=name) == 3
            assert schema_of(cluster, name) == schema_of(cluster, source)
            drop(cluster, name)
    finally:
        drop(cluster, source)


@pytest.fixture(scope="module")
def large(cluster, tmp_path_factory):
    """The folder of a snapshot whose tables are large enough to have their keys' indexes built first and to be read early."""
    folder = tmp_path_factory.mktemp("engine") / "large"
    cluster.query("CREATE DATABASE engine_large")
    cluster.query(LARGE, database="engine_large")
    code, told = engine("take", cluster.dsn(), "engine_large", folder, 2, 4000000)
    assert code == 0, told
    yield folder
    drop(cluster, "engine_large")


@pytest.mark.parametrize("jobs", [1, 4])
def test_keys_of_large_tables(cluster, large, name, jobs):
    """Their indexes are built on their own, and the keys are what they were."""
    code, told = load(cluster, large, name, jobs)
    assert code == 0 and told["proven"], told
    assert schema_of(cluster, name) == schema_of(cluster, "engine_large")
    keys = ("SELECT c.conname, pg_get_constraintdef(c.oid), i.indisprimary, i.indisunique, i.indisvalid, i.indisreplident,"
            " i.indisclustered, pg_get_indexdef(i.indexrelid), obj_description(c.oid, 'pg_constraint'),"
            " (SELECT count(*) FROM pg_depend d WHERE d.objid = i.indexrelid AND d.refobjid = c.oid AND d.deptype = 'i')"
            " FROM pg_constraint c JOIN pg_index i ON i.indexrelid = c.conindid WHERE c.contype IN ('p', 'u') ORDER BY 1")
    assert cluster.query(keys, database=name) == cluster.query(keys, database="engine_large")


@pytest.mark.parametrize("point, change", [
    ("restore.after_data", "UPDATE part_1 SET v = 'changed' WHERE id = 2"),
    ("restore.after_data", "DELETE FROM part_2 WHERE id = 99999"),
])
def test_large_tables_are_read_back(cluster, large, name, point, change):
    """What was loaded and is changed before it is read is found."""
    process = subprocess.Popen([ENGINE, "load", cluster.dsn(), large, name, "2"], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True,
                               env={**clean_environment(), "DRYDOCK_FAILPOINT": f"{point}=stop"})
    wait_for(lambda: Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] == "T")
    cluster.query(change, database=name)
    process.send_signal(signal.SIGCONT)
    told = json.loads(process.communicate(timeout=60)[0])
    assert process.returncode == 1 and told["exit_code"] == 4 and "public.part_" in told["error"], told
    assert not exists(cluster, name)


def test_large_tables_that_are_written_to_after_they_were_read(cluster, tmp_path, name):
    """The archive's own SQL writes to a table that was read back already: it is read again, and the restore is refused."""
    source = "engine writes"
    cluster.query(f"CREATE DATABASE {quote(source)}")
    try:
        cluster.query("CREATE TABLE log (id int PRIMARY KEY, v text);"
                      "INSERT INTO log SELECT n, repeat(md5(n::text), 5) FROM generate_series(1, 60000) n;"
                      "CREATE FUNCTION looked() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1);"
                      " INSERT INTO public.log SELECT max(id) + 1, 'seen' FROM public.log; RETURN 1; END $$;"
                      "CREATE MATERIALIZED VIEW seen AS SELECT public.looked() AS one", database=source)
        assert engine("take", cluster.dsn(), source, tmp_path / "writes", 2, 0)[0] == 0
        code, told = load(cluster, tmp_path / "writes", name, 4)
        assert code == 1 and told["exit_code"] == 4 and "public.log" in told["error"], told
        assert not exists(cluster, name)
    finally:
        drop(cluster, source)


def test_more_tables_than_locks(cluster, tmp_path, name):
    """No transaction of a restore locks more than a few tables: not when they are made, not when they are read."""
    source, tables = "engine many", 500
    cluster.query(f"CREATE DATABASE {quote(source)}")
    small = Cluster({"max_locks_per_transaction": "10", "max_connections": "12", "max_prepared_transactions": "0"})
    try:
        cluster.query(f"DO $$ BEGIN FOR i IN 1..{tables} LOOP"
                      " EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, a int UNIQUE, v text)', i);"
                      " EXECUTE format('INSERT INTO t%s VALUES (1, 1, %L)', i, i); END LOOP; END $$", database=source)
        assert engine("take", cluster.dsn(), source, tmp_path / "many", 2, 0)[0] == 0
        small.start()
        code, told = load(small, tmp_path / "many", name, 2)
        assert code == 0, told
        assert small.value("SELECT count(*) FROM pg_constraint WHERE contype IN ('p', 'u')"
                           " AND connamespace = 'public'::regnamespace", database=name) == 2 * tables
    finally:
        small.destroy()
        drop(cluster, source)


def test_encoding_and_locale(cluster, tmp_path, name):
    source = "engine latin"
    cluster.query(f"CREATE DATABASE {quote(source)} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
    try:
        cluster.query("CREATE TABLE \"täble\" (ü text DEFAULT 'ä;''\\'); INSERT INTO \"täble\" VALUES ('öß'), (DEFAULT);"
                      "COMMENT ON TABLE \"täble\" IS 'Überschrift'", database=source)
        assert engine("take", cluster.dsn(), source, tmp_path / "latin", 2, 0)[0] == 0
        code, told = load(cluster, tmp_path / "latin", name)
        assert code == 0, told
        assert cluster.query("SELECT pg_encoding_to_char(encoding), datcollate FROM pg_database WHERE datname = %s",
                             (name,)) == [("LATIN1", "C")]
        assert contents.content(cluster, name) == contents.content(cluster, source)
        assert schema_of(cluster, name) == schema_of(cluster, source)
    finally:
        drop(cluster, source)


@pytest.mark.parametrize("form", ["c", "d"])
def test_archives_of_pg_dump(cluster, snapshot, tmp_path, name, form):
    archive = tmp_path / "archive"
    subprocess.run([program("pg_dump"), f"-F{form}", "-f", archive, "-d", cluster.dsn(SOURCE)],
                   check=True, capture_output=True, env=clean_environment())
    code, told = load(cluster, archive, name)
    assert code == 0, told
    assert not told["proven"]
    before, now = rows_of(cluster, SOURCE), rows_of(cluster, name)
    assert len(now) > 50 and [key for key in now if before[key] != now[key]] == []
    assert snapshot.exists()


# -- what is refused ----------------------------------------------------------------------------


def refused(cluster, folder, name, code, words):
    """Refused before the database was created."""
    log = folder.parent / "points"
    got, told = load(cluster, folder, name, env={"DRYDOCK_FAILPOINT_LOG": str(log)})
    assert got == 1 and told["exit_code"] == code and words in told["error"], told
    assert not exists(cluster, name)
    assert not log.exists() or "restore.after_create" not in log.read_text(encoding="utf-8")
    return told


def test_missing_extra_and_short_files(cluster, copy, name):
    victim = next(copy.glob("*.dat.zst"))
    stored = victim.read_bytes()
    victim.write_bytes(stored[:-1])
    refused(cluster, copy, name, 4, victim.name)
    victim.unlink()
    refused(cluster, copy, name, 4, f"'{victim.name}' is missing")
    victim.symlink_to("/etc/passwd")
    refused(cluster, copy, name, 4, f"'{victim.name}' is not a regular file")
    victim.unlink()
    victim.write_bytes(stored)
    (copy / "extra.dat").write_bytes(b"")
    refused(cluster, copy, name, 4, "'extra.dat' is not in the manifest")


def test_every_flip_is_found(cluster, copy, name):
    """One byte, somewhere in each data file and large object list, and everywhere in what tells of the others."""
    groups = {}
    for path in sorted(copy.iterdir()):
        kind = "large object" if path.name.startswith("blob_") else path.suffixes[0] if path.suffixes else path.name
        groups.setdefault((kind, path.name if kind not in ("large object",) else ""), path)
    chosen = [path for path in groups.values() if path.name not in ("README.txt",)]
    # The first byte of one, the middle of the next, the last of the third: all are read by the same code.
    turns = [(path, (number % 3,)) for number, path in enumerate(chosen[::max(1, len(chosen) // 12)])]
    for path, turn in [*turns, (copy / "toc.dat", (0, 1, 2)), (copy / "manifest.json", (0, 1, 2))]:
        stored = path.read_bytes()
        for place in ((0, len(stored) // 2, len(stored) - 1)[which] for which in turn):
            changed = bytearray(stored)
            changed[place] ^= 0x01
            path.write_bytes(changed)
            code, told = load(cluster, copy, name)
            # A manifest may still say the same: blanks and line feeds mean nothing in it.
            if path.name == "manifest.json" and code == 0:
                drop(cluster, name)
                continue
            assert code == 1 and told["exit_code"] == 4, (path.name, place, told)
            assert not exists(cluster, name), (path.name, place)
        path.write_bytes(stored)


def test_rows_that_are_not_the_recorded_ones(cluster, copy, name):
    """Bytes as recorded, rows not: the digest of the rows itself is looked at, before the commit."""
    manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    files = [file for file in manifest["files"] if file.get("rows", 0) > 1]
    for change in ("digest", "rows"):
        changed = json.loads(json.dumps(manifest))
        victim = next(file for file in changed["files"] if file["name"] == files[0]["name"])
        victim[change] = "0" * 32 if change == "digest" else victim["rows"] + 1
        seal(copy, changed)
        code, told = load(cluster, copy, name)
        assert code == 1 and told["exit_code"] == 4 and files[0]["name"] in told["error"], told
        assert not exists(cluster, name)


def test_large_objects_that_are_not_the_recorded_ones(cluster, copy, name):
    """Nothing of a piece with a wrong object is committed, although most of it was sent before that is known."""
    manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    large = next(file for file in manifest["files"] if file["name"] == "blob_900003.dat.zst")  # 4 MB
    large["sha256"] = "0" * 64
    seal(copy, manifest)
    code, told = load(cluster, copy, name)
    assert code == 1 and told["exit_code"] == 4 and "large object" in told["error"], told
    assert not exists(cluster, name)
    subprocess.run([ENGINE, "load", cluster.dsn(), copy, name, "1"], capture_output=True, check=False,
                   env={**clean_environment(), "DRYDOCK_FAILPOINT": "restore.failed=kill"})
    wait_for(lambda: sessions_in(cluster, name) == 0)
    assert cluster.value("SELECT count(*) FROM pg_largeobject_metadata", database=name) > 10
    assert cluster.value("SELECT count(*) FROM pg_largeobject", database=name) == 0


def test_a_database_that_exists(cluster, snapshot, tmp_path, name):
    cluster.query(f"CREATE DATABASE {quote(name)}")
    code, told = load(cluster, snapshot, name)
    assert code == 1 and told["exit_code"] == 3 and "exists already" in told["error"], told
    assert "rename" in told["hint"]
    assert exists(cluster, name)


def test_everything_that_is_missing_is_named_at_once(cluster, copy, name):
    manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    manifest["source"]["roles"] += ["nobody here", "nor here"]
    manifest["source"]["tablespaces"].append("no space")
    seal(copy, manifest)
    told = refused(cluster, copy, name, 3, "role 'nobody here' is missing")
    assert "tablespace 'no space' is missing" in told["error"]
    assert 'CREATE ROLE "nobody here";' in told["hint"] and 'CREATE ROLE "nor here";' in told["hint"]
    manifest["source"]["server_version_num"] = 990000
    seal(copy, manifest)
    refused(cluster, copy, name, 3, "PostgreSQL 99")


def test_a_locale_that_is_not_here(cluster, copy, name):
    manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    manifest["source"]["locale"]["collate"] = "xx_YY.utf8"
    seal(copy, manifest)
    told = refused(cluster, copy, name, 3, "locale")
    assert "xx_YY.utf8" in told["hint"]


# -- what goes wrong on the way -----------------------------------------------------------------


@pytest.mark.parametrize("point", POINTS)
def test_killed(cluster, snapshot, name, point):
    """What is left is a database under the working name, with its comment, and no session."""
    done = subprocess.run([ENGINE, "load", cluster.dsn(), snapshot, name, "3"], capture_output=True, check=False,
                          env={**clean_environment(), "DRYDOCK_FAILPOINT": f"{point}=kill"})
    assert done.returncode == -signal.SIGKILL
    wait_for(lambda: sessions_in(cluster, name) == 0)
    assert cluster.value("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
                         (name,)) == "a restore that is not finished"


@pytest.mark.parametrize("point", POINTS)
def test_interrupted(cluster, snapshot, name, point):
    """A signal leaves nothing at all."""
    code, told = load(cluster, snapshot, name, env={"DRYDOCK_FAILPOINT": f"{point}=term"})
    assert code == 1 and told["exit_code"] == 128 + signal.SIGTERM, told
    assert not exists(cluster, name)


def started(cluster, snapshot, name, point):
    process = subprocess.Popen([ENGINE, "load", cluster.dsn(), snapshot, name, "3"], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True,
                               env={**clean_environment(), "DRYDOCK_FAILPOINT": f"{point}=sleep:1500"})
    wait_for(lambda: exists(cluster, name) and sessions_in(cluster, name) >= 3)
    return process


def test_a_session_is_ended(cluster, snapshot, name):
    process = started(cluster, snapshot, name, "restore.in_data")
    cluster.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
    told = json.loads(process.communicate(timeout=60)[0])
    assert process.returncode == 1 and told["exit_code"] == 1, told
    assert "connection" in told["error"]
    assert not exists(cluster, name)


def test_the_server_crashes(cluster, snapshot, name):
    """It comes back by itself, and the unfinished database goes."""
    process = started(cluster, snapshot, name, "restore.in_data")
    pid = cluster.value("SELECT pid FROM pg_stat_activity WHERE datname = %s LIMIT 1", (name,))
    os.kill(pid, signal.SIGKILL)
    told = json.loads(process.communicate(timeout=60)[0])
    assert process.returncode == 1 and "is left" not in told["error"], told

    def is_back():
        try:
            return not exists(cluster, name)
        except psycopg2.OperationalError:
            return False

    wait_for(is_back)


def test_sql_that_fails_is_located(cluster, copy, name):
    """The entry is named, and nothing is left."""
    cluster.query("CREATE ROLE engine_plain LOGIN CREATEDB")
    try:
        code, told = load(cluster, copy, name, user="engine_plain")
        assert code == 1 and told["exit_code"] == 3 and "membership in role" in told["error"], told
        assert not exists(cluster, name)
    finally:
        cluster.query("DROP ROLE engine_plain")
