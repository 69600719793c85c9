"""Large tables and many tables: memory is bounded whatever the database, and thousands of tables are no special case."""

import os
import subprocess
import sys

import pytest

from cluster import SUPERUSER, Cluster
from snapshots import manifest_of

MIB = 2 ** 20
BASE_MIB, WORKER_MIB = 64, 8


@pytest.fixture(scope="module")
def server():
    server = Cluster()
    try:
        yield server.start()
    finally:
        server.destroy()


# A process begins with the peak of the one that started it: that must be a small one.
WATCH = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss)
"""


def peak_memory(drydock, *arguments, dsn):
    """What a command gave, and the most memory that it, or a child of it, has had."""
    watched = subprocess.run([sys.executable, "-c", WATCH, *drydock.command(*arguments, dsn=dsn)],
                             env=drydock.environment(), capture_output=True, text=True, check=True)
    code, peak_kib = map(int, watched.stdout.split())
    return code, watched.stderr, peak_kib * 1024


@pytest.fixture(scope="module")
def large(server):
    server.query("CREATE DATABASE large")
    server.query("CREATE TABLE filler AS SELECT n, repeat(md5(n::text), 12) AS text, md5((n * 7)::text) AS other"
                 " FROM generate_series(1, 420000) n", database="large")
    yield server.dsn("large", SUPERUSER)
    server.query("DROP DATABASE large WITH (FORCE)")


@pytest.mark.parametrize("level", [1, 6, 9])
def test_memory_with_a_large_table_and_eight_workers(drydock, large, tmp_path, level):
    folder = tmp_path / "snapshot"
    code, errors, peak = peak_memory(drydock, "snapshot", "--out", folder, "--jobs", "8", "--level", str(level),
                                     "--split", "4MiB", dsn=large)
    assert code == 0, errors
    assert len([entry for entry in manifest_of(folder)["files"] if "rows" in entry]) > 16
    assert peak < (BASE_MIB + 8 * WORKER_MIB) * MIB, f"{peak / MIB:.0f} MiB"


MANY = 5000


@pytest.fixture
def crowded():
    """A server as it is after initdb: locks for 64 objects a connection."""
    cluster = Cluster({"max_connections": "100", "shared_buffers": "128MB"})
    try:
        yield cluster.start()
    finally:
        cluster.destroy()


def test_five_thousand_tables(crowded, drydock, tmp_path):
    """With the server's own settings it works, or says which setting is too small, and leaves nothing in both cases. Memory is
    bounded too."""
    crowded.query("CREATE DATABASE many")
    for start in range(0, MANY, 500):
        crowded.query(f"DO $$ BEGIN FOR n IN {start} + 1 .. {start} + 500 LOOP"
                      " EXECUTE format('CREATE TABLE t_%s (id serial PRIMARY KEY, t text)', n);"
                      " EXECUTE format('INSERT INTO t_%s VALUES (%s, ''x'')', n, n); END LOOP; END $$", database="many")
    folder = tmp_path / "s"
    take = "snapshot", "--out", folder, "--jobs", "2"
    code, errors, peak = peak_memory(drydock, *take, dsn=crowded.dsn("many"))
    if code != 0:
        assert "max_locks_per_transaction" in errors
        assert os.listdir(tmp_path) == []
        crowded.settings["max_locks_per_transaction"] = "256"
        crowded.restart()
        code, errors, peak = peak_memory(drydock, *take, dsn=crowded.dsn("many"))
    assert code == 0, errors
    assert peak < (BASE_MIB + 2 * WORKER_MIB) * MIB, f"{peak / MIB:.0f} MiB"
    assert len([entry for entry in manifest_of(folder)["files"] if "rows" in entry]) == MANY
    assert drydock("verify", "snapshot", folder).code == 0
    done = drydock("restore", "--from", folder, "--database", "back", "--jobs", "2", dsn=crowded.dsn(), timeout=300)
    assert done.code == 0, str(done)
    assert crowded.value("SELECT count(*) FROM pg_class WHERE relname ~ '^t_\\d+$' AND relkind = 'r'", database="back") == MANY
    assert crowded.value("SELECT id || t FROM t_4711", database="back") == "4711x"
