"""Large tables and many tables: memory is bounded whatever the database, and thousands of tables are no special case."""

import subprocess
import sys
import time

import pytest

from cluster import SUPERUSER, Cluster, SETTINGS, clean_environment, program
from snapshots import manifest_of

MIB = 2 ** 20
BASE_MIB, WORKER_MIB = 64, 8


@pytest.fixture(scope="module")
def server():
    server = Cluster({**SETTINGS, "max_locks_per_transaction": "512"})
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


@pytest.fixture
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


def test_thousands_of_small_tables(drydock, server, tmp_path, record_property):
    server.query("CREATE DATABASE many")
    for first in range(0, 5000, 500):
        server.query("".join(f"CREATE TABLE t{n} (id serial PRIMARY KEY, note text);"
                             f"INSERT INTO t{n} (note) VALUES ('{n}');" for n in range(first, first + 500)), database="many")
    folder, dsn = tmp_path / "snapshot", server.dsn("many", SUPERUSER)
    began = time.monotonic()
    code, errors, peak = peak_memory(drydock, "snapshot", "--out", folder, "--jobs", "2", dsn=dsn)
    ours = time.monotonic() - began
    assert code == 0, errors
    assert peak < (BASE_MIB + 2 * WORKER_MIB) * MIB, f"{peak / MIB:.0f} MiB"
    assert len([entry for entry in manifest_of(folder)["files"] if "rows" in entry]) == 5000
    assert drydock("verify", "snapshot", folder).code == 0
    began = time.monotonic()
    subprocess.run([program("pg_dump"), "-Fd", "-j2", "-f", tmp_path / "theirs", dsn], check=True, env=clean_environment())
    record_property("seconds", f"{ours:.1f}, pg_dump -Fd -j2 {time.monotonic() - began:.1f}")
    print(f"5,000 tables: {ours:.1f} s, {peak / MIB:.0f} MiB; pg_dump -Fd -j2 {time.monotonic() - began:.1f} s")
    server.query("DROP DATABASE many WITH (FORCE)")
