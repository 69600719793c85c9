"""Taking snapshots: what is in them, for stock pg_restore and for proof, and that nothing half-made is left."""

import hashlib
import json
import os
import signal
import subprocess
import threading

import pytest

from cluster import SUPERUSER, clean_environment, program
from refusals import go_on, process_state, wait_until
from snapshots import manifest_of, pg_restore, stock_copy

# Mixed types, three of whose tables may not travel as binary; a parent that large tables refer to.
SHOP = """
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO customers SELECT n, 'Kunde ' || n FROM generate_series(1, 2000) n;
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer int NOT NULL REFERENCES customers,
    at timestamptz NOT NULL, price numeric(10, 2), tags text[], doc jsonb, paint colour,
    doubled numeric GENERATED ALWAYS AS (price * 2) STORED);
INSERT INTO orders (customer, at, price, tags, doc, paint)
SELECT 1 + n % 2000, timestamptz '2025-01-01' + n * interval '1 minute', n / 7.0, ARRAY['a' || n % 5, NULL],
       jsonb_build_object('n', n, 'text', repeat(md5(n::text), 3)), (ARRAY['red', 'green'])[1 + n % 2]::colour
  FROM generate_series(1, 30000) n;
CREATE INDEX ON orders (customer);
CREATE TABLE paints (colours colour[], which regclass, whole customers);
INSERT INTO paints VALUES ('{red,green}', 'customers', ROW(1, E'tab\\t\\\\'));
CREATE TABLE nothing ();
INSERT INTO nothing DEFAULT VALUES;
CREATE MATERIALIZED VIEW totals AS SELECT customer, sum(price) FROM orders GROUP BY 1;
SELECT lo_from_bytea(0, ''), lo_from_bytea(0, repeat('x', 3000000)::bytea), lo_from_bytea(4000000000, '\\xff00');
GRANT SELECT ON LARGE OBJECT 4000000000 TO wc_app;
SELECT setval('orders_id_seq', 41000, false);
"""

# Where a snapshot can be stopped, in this order.
POINTS = ["snapshot.locked", "snapshot.exported", "snapshot.entered", "snapshot.toc", "snapshot.part", "snapshot.rows",
          "snapshot.before_manifest", "snapshot.before_rename"]


@pytest.fixture
def shop(bed):
    database = bed.empty("shop")
    database.query(SHOP, user=SUPERUSER)
    return database


@pytest.fixture
def take(drydock, tmp_path):
    """take(database, ...) takes a snapshot and gives its folder."""
    def taken(database, *arguments, name="snapshot"):
        folder = tmp_path / name
        done = drydock("snapshot", "--out", folder, *arguments, dsn=database.dsn(SUPERUSER))
        assert done.code == 0, str(done)
        return folder
    return taken


@pytest.fixture
def restore(cluster, bed, tmp_path):
    """restore(snapshot) gives a database that stock pg_restore has made of it."""
    def restored(snapshot, name="restored"):
        cluster.query(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        database = bed.empty(name)
        done = pg_restore(cluster, stock_copy(snapshot, tmp_path), "--exit-on-error", "--jobs=4", database=name)
        assert done.returncode == 0, done.stderr
        return database
    return restored


def files_of(snapshot, table):
    """The manifest's files with rows of a table, by pg_restore's list."""
    listed = subprocess.run([program("pg_restore"), "-l", snapshot], text=True, capture_output=True, check=True,
                            env=clean_environment()).stdout
    ids = [line.split(";")[0] for line in listed.splitlines() if f" TABLE DATA public {table} " in line]
    return [entry for entry in manifest_of(snapshot)["files"] if entry["name"].split(".")[0] in ids]


def sessions(cluster, database="shop"):
    return cluster.query("SELECT pid, application_name FROM pg_stat_activity WHERE datname = %s", (database,))


def nothing_left(cluster, folder, partial=False):
    wait_until(lambda: not sessions(cluster), "no session is left")
    assert not folder.exists()
    assert folder.with_name(folder.name + ".partial").exists() == partial


# -- what is in it ------------------------------------------------------------------------------


def test_stock_pg_restore_brings_everything_back(shop, take, restore, drydock):
    snapshot = take(shop, "--split", "1MiB", "--jobs", "3")
    orders = files_of(snapshot, "orders")
    assert len(orders) > 4 and sum(entry["rows"] for entry in orders) == 30000
    for round_ in range(3):
        database = restore(snapshot)
        assert database.schema() == shop.schema(), round_
    assert database.content() == shop.content()
    done = drydock("verify", "database", "--against", snapshot, dsn=database.dsn(SUPERUSER))
    assert done.code == 0, str(done)
    assert database.value("SELECT lomacl::text FROM pg_largeobject_metadata WHERE oid = 4000000000") == \
        shop.value("SELECT lomacl::text FROM pg_largeobject_metadata WHERE oid = 4000000000")


def test_files_are_what_the_manifest_says(shop, take, drydock):
    snapshot = take(shop)
    manifest = manifest_of(snapshot)
    assert manifest["version"] == 2 and manifest["archive"]["compression"] == "zstd"
    assert {entry["name"] for entry in manifest["files"]} | {"manifest.json"} == {path.name for path in snapshot.iterdir()}
    for entry in manifest["files"]:
        path = snapshot / entry["name"]
        assert path.stat().st_mode & 0o777 == 0o600
        assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]
        if "raw_bytes" in entry:
            raw = subprocess.run(["zstd", "-dc", path], check=True, capture_output=True).stdout
            assert len(raw) == entry["raw_bytes"]
            assert raw.startswith(b"PGCOPY\n\xff\r\n\0") == (entry["copy_format"] == "binary")
    assert drydock("verify", "snapshot", snapshot).code == 0
    binary = {table: {entry["copy_format"] for entry in files_of(snapshot, table)}
              for table in ("customers", "orders", "paints")}
    assert binary == {"customers": {"binary"}, "orders": {"binary"}, "paints": {"text"}}


def test_tables_that_are_not_archived_are_digested(shop, take):
    digests = {table["name"]: table for table in manifest_of(take(shop))["digests"]["tables"]}
    assert digests["totals"]["archived"] is False and digests["totals"]["rows"] == 2000
    assert digests["orders"]["rows"] == 30000
    assert digests["orders_id_seq"]["value"] == "41000,f"


def test_text_can_be_fed_to_psql(bed, shop, take, tmp_path):
    snapshot = take(shop, "--format", "text")
    assert {entry.get("copy_format") for entry in manifest_of(snapshot)["files"]} == {None, "text"}
    script = tmp_path / "script.sql"
    done = subprocess.run(
        [program("pg_restore"), "-f", str(script), stock_copy(snapshot, tmp_path)], capture_output=True, text=True,
        check=False, env=clean_environment())
    assert done.returncode == 0, done.stderr
    restored = bed.empty("restored")
    subprocess.run([program("psql"), "-q", "-X", "-v", "ON_ERROR_STOP=1", "-f", script, restored.dsn(SUPERUSER)], check=True,
                   capture_output=True, env=clean_environment())
    assert restored.content() == shop.content()


def test_readme_has_the_lines_for_this_snapshot(shop, take):
    parts = (take(shop, "--split", "1MiB", name="parts") / "README.txt").read_text(encoding="utf-8")
    assert "15.3" in parts and "cannot be fed" in parts and "unzstd" in parts and "--create" in parts
    whole = (take(shop, "--format", "text", name="whole") / "README.txt").read_text(encoding="utf-8")
    assert "15.3" not in whole and "cannot be fed" not in whole and "PGOPTIONS" not in whole


def test_create_makes_the_database_by_its_name(cluster, shop, take, tmp_path):
    shop.query("ALTER DATABASE shop SET work_mem = '7MB'; COMMENT ON DATABASE shop IS 'it''s ours';"
               " REVOKE CONNECT ON DATABASE shop FROM PUBLIC; GRANT CONNECT ON DATABASE shop TO wc_app")
    snapshot, properties, content = take(shop), shop.properties(), shop.content()
    cluster.query("DROP DATABASE shop")
    done = pg_restore(cluster, stock_copy(snapshot, tmp_path), "--create", "--exit-on-error", "--jobs=2")
    assert done.returncode == 0, done.stderr
    assert (shop.properties(), shop.content()) == (properties, content)


def test_extension_s_configuration(bed, take, restore, cluster):
    """Of a configuration table the rows that its condition selects are in the archive; of its other tables none."""
    database = bed.empty("shop")
    database.query("""
        CREATE TABLE settings (name text, own boolean); CREATE TABLE inner_state (n int);
        INSERT INTO settings VALUES ('a', false), ('b', true); INSERT INTO inner_state VALUES (1);
        CREATE EXTENSION pg_trgm;
        ALTER EXTENSION pg_trgm ADD TABLE settings; ALTER EXTENSION pg_trgm ADD TABLE inner_state;
        UPDATE pg_extension SET extconfig = ARRAY['settings'::regclass::oid], extcondition = ARRAY['WHERE own']
         WHERE extname = 'pg_trgm'""")
    snapshot = take(database)
    manifest = manifest_of(snapshot)
    assert [entry["rows"] for entry in files_of(snapshot, "settings")] == [1]
    assert {table["name"]: (table["archived"], table["rows"]) for table in manifest["digests"]["tables"]} == {
        "settings": (False, 2), "inner_state": (False, 1)}


# -- locks --------------------------------------------------------------------------------------


class Altering(threading.Thread):
    """Somebody whose ALTER TABLE waits."""

    def __init__(self, database):
        super().__init__(daemon=True)
        self.connection = database.cluster.connect(database.name)
        self.database, self.done = database, False
        self.start()
        wait_until(lambda: database.query("SELECT pid FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"),
                   "the ALTER waits")

    def run(self):
        with self.connection.cursor() as cursor:
            cursor.execute("ALTER TABLE orders ADD late int")
        self.done = True


def stopped_at(drydock, database, folder, point, *arguments):
    return drydock.started("snapshot", "--out", folder, *arguments, dsn=database.dsn(SUPERUSER),
                           env={"DRYDOCK_FAILPOINT": f"{point}=stop"})


@pytest.mark.parametrize("point", ["snapshot.exported", "snapshot.toc"])
def test_a_queued_alter_ends_in_a_refusal_that_names_it(cluster, drydock, shop, tmp_path, point):
    """At the first point pg_dump finds it in its way, at the second a worker."""
    folder = tmp_path / "snapshot"
    with stopped_at(drydock, shop, folder, point) as process:
        wait_until(lambda: process_state(process.pid) == "T", "it stops")
        altering = Altering(shop)
        done = go_on(process)
    assert done.code == 1, str(done)
    assert "drydock tests" in done.stderr and "waits for ACCESS EXCLUSIVE on public.orders" in done.stderr, str(done)
    altering.join(30)
    assert altering.done
    altering.connection.close()
    nothing_left(cluster, folder)


def test_a_held_lock_is_named(cluster, drydock, shop, tmp_path):
    with shop.session() as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE customers")
        done = drydock("snapshot", "--out", tmp_path / "snapshot", dsn=shop.dsn(SUPERUSER))
    assert done.code == 1 and "holds ACCESS EXCLUSIVE on public.customers" in done.stderr, str(done)
    nothing_left(cluster, tmp_path / "snapshot")


def test_a_lock_that_is_given_back_in_time_is_waited_for(shop, drydock, tmp_path):
    connection = shop.cluster.connect(shop.name)
    with connection.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE customers")
    timer = threading.Timer(2, connection.close)
    timer.start()
    done = drydock("snapshot", "--out", tmp_path / "snapshot", dsn=shop.dsn(SUPERUSER))
    timer.join()
    assert done.code == 0, str(done)


def test_a_schema_change_before_the_locks_is_seen(drydock, shop, tmp_path):
    """What is in the snapshot is one state, whatever happens around it."""
    folder = tmp_path / "snapshot"
    with stopped_at(drydock, shop, folder, "snapshot.toc") as process:
        wait_until(lambda: process_state(process.pid) == "T", "it stops")
        shop.query("INSERT INTO customers VALUES (0, 'late'); DELETE FROM orders WHERE id < 100; CREATE TABLE later ();"
                   " SELECT nextval('orders_id_seq')")
        done = go_on(process)
    assert done.code == 0, str(done)
    digests = {table["name"]: table for table in manifest_of(folder)["digests"]["tables"]}
    assert digests["customers"]["rows"] == 2000 and digests["orders"]["rows"] == 30000 and "later" not in digests
    assert digests["orders_id_seq"]["value"] == "41000,f"


def test_only_one_at_a_time(drydock, shop, tmp_path):
    with stopped_at(drydock, shop, tmp_path / "first", "snapshot.toc") as process:
        wait_until(lambda: process_state(process.pid) == "T", "it stops")
        done = drydock("snapshot", "--out", tmp_path / "second", dsn=shop.dsn(SUPERUSER))
        assert done.code == 5 and "drydock snapshot" in done.stderr, str(done)
        assert go_on(process).code == 0


# -- refusals and faults ------------------------------------------------------------------------


def test_row_security_is_refused(cluster, drydock, shop, tmp_path):
    shop.query("CREATE TABLE secrets (x int); ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;"
               " GRANT SELECT ON ALL TABLES IN SCHEMA public TO wc_app; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO"
               " wc_app; DROP TABLE paints; SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
    done = drydock("snapshot", "--out", tmp_path / "snapshot", dsn=shop.dsn("wc_app"))
    assert done.code == 3 and "row security hides rows of table 'public.secrets'" in done.stderr, str(done)
    nothing_left(cluster, tmp_path / "snapshot")


@pytest.mark.parametrize("arguments, says", [
    ((), "--out must be given"),
    (("--out", "x", "--level", "10"), "--level must be from 1 to 9"),
    (("--out", "x", "--format", "binary"), "--format must be auto or text"),
    (("--out", "x", "--split", "1kB"), "--split must be a size"),
    (("--out", "x", "--jobs", "0"), "--jobs"),
])
def test_wrong_options(drydock, shop, arguments, says):
    done = drydock("snapshot", *arguments, dsn=shop.dsn(SUPERUSER))
    assert done.code == 2 and says in done.stderr, str(done)


def test_json(drydock, shop, tmp_path):
    done = drydock("snapshot", "--json", "--out", tmp_path / "snapshot", dsn=shop.dsn(SUPERUSER))
    document = json.loads(done.stdout)
    assert (document["schema"], document["exit_code"], document["database"]) == (1, 0, "shop")
    assert document["snapshot"] == str(tmp_path / "snapshot")
    assert document["content_hash"] == manifest_of(tmp_path / "snapshot")["content_hash"]


def test_nothing_is_overwritten(drydock, shop, tmp_path, take):
    take(shop)
    done = drydock("snapshot", "--out", tmp_path / "snapshot", dsn=shop.dsn(SUPERUSER))
    assert done.code == 1 and "it exists already" in done.stderr, str(done)
    assert drydock("verify", "snapshot", tmp_path / "snapshot").code == 0


@pytest.mark.parametrize("point", POINTS)
def test_killed_at(cluster, drydock, shop, tmp_path, point):
    folder = tmp_path / "snapshot"
    done = drydock("snapshot", "--out", folder, dsn=shop.dsn(SUPERUSER), env={"DRYDOCK_FAILPOINT": f"{point}=kill"})
    assert done.code == -signal.SIGKILL, f"{point} was not passed: {done}"
    nothing_left(cluster, folder, partial=True)
    assert drydock("verify", "snapshot", folder.with_name("snapshot.partial")).code == (
        0 if point == "snapshot.before_rename" else 4)


def test_interrupted(cluster, drydock, shop, tmp_path):
    folder = tmp_path / "snapshot"
    done = drydock("snapshot", "--out", folder, dsn=shop.dsn(SUPERUSER), env={"DRYDOCK_FAILPOINT": "snapshot.part=term"})
    assert done.code == 128 + signal.SIGTERM, str(done)
    nothing_left(cluster, folder)


@pytest.mark.parametrize("point", ["snapshot.toc", "snapshot.rows"])
def test_lost_sessions(cluster, drydock, shop, tmp_path, point):
    folder = tmp_path / "snapshot"
    with stopped_at(drydock, shop, folder, point) as process:
        wait_until(lambda: process_state(process.pid) == "T", "it stops")
        cluster.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'shop'")
        done = go_on(process)
    assert done.code == 1, str(done)
    nothing_left(cluster, folder)


def test_a_full_disk(cluster, drydock, shop, tmp_path):
    """Some bytes fit, but not all: by a small file system where we may mount one, else by a limit on files."""
    small = tmp_path / "small"
    small.mkdir()
    command = drydock.command("snapshot", "--out", small / "snapshot", dsn=shop.dsn(SUPERUSER))
    mounted = os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small], check=False,
                                                   capture_output=True).returncode == 0
    limit = [] if mounted else ["prlimit", "--fsize=65536"]
    try:
        done = subprocess.run([*limit, *command], env=drydock.environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stderr
        assert "cannot write '" in done.stderr and ("No space left" in done.stderr or "too large" in done.stderr)
        nothing_left(cluster, small / "snapshot")
        assert list(small.iterdir()) == []
    finally:
        if mounted:
            subprocess.run(["umount", small], check=True)


def test_file_size_limit(cluster, drydock, shop, tmp_path):
    command = ["prlimit", "--fsize=65536", *drydock.command("snapshot", "--out", tmp_path / "snapshot",
                                                            dsn=shop.dsn(SUPERUSER))]
    done = subprocess.run(command, env=drydock.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "File too large" in done.stderr, done.stderr
    nothing_left(cluster, tmp_path / "snapshot")
