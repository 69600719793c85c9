"""A snapshot while names change under it, and with a pg_dump that leaves out data: no archive that says more than it
holds."""

import shutil

import pytest

import cluster as clusters
from cluster import SUPERUSER
from refusals import ended, go_on, process_state, wait_until

CONTENT = """
CREATE SCHEMA one;
CREATE SCHEMA two;
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TABLE one.t (x text, mood mood);
CREATE TABLE two.t (x text, mood mood);
INSERT INTO one.t VALUES ('one', 'glad');
INSERT INTO two.t VALUES ('two', 'sad');
CREATE SEQUENCE numbers;
"""

CHANGES = {
    "schemas change places": ("ALTER SCHEMA one RENAME TO other; ALTER SCHEMA two RENAME TO one;"
                              "ALTER SCHEMA other RENAME TO two", 'schema "two"'),
    "labels change places": ("ALTER TYPE mood RENAME VALUE 'glad' TO 'other'; ALTER TYPE mood RENAME VALUE 'sad' TO 'glad';"
                             "ALTER TYPE mood RENAME VALUE 'other' TO 'sad'", 'a label of type "mood"'),
}


@pytest.fixture
def database(bed):
    made = bed.empty("changing")
    made.query(CONTENT)
    return made


def snapshot_while(drydock, database, folder, sql):
    """A snapshot that has its table of contents, and not yet its rows, when sql is run."""
    with drydock.started("snapshot", "--out", folder, dsn=database.dsn(SUPERUSER),
                         env={"DRYDOCK_FAILPOINT": "snapshot.toc=stop"}) as process:
        def stopped():
            assert process.poll() is None, str(ended(process))
            return process_state(process.pid) == "T"
        wait_until(stopped, "the snapshot has its table of contents")
        database.query("SET statement_timeout = 10000; " + sql)
        return go_on(process)


@pytest.mark.parametrize("name", CHANGES)
def test_a_name_changes(drydock, database, tmp_path, name):
    sql, words = CHANGES[name]
    done = snapshot_while(drydock, database, tmp_path / "snapshot", sql)
    assert done.code == 1 and f"{words} was renamed while the snapshot was taken" in done.stderr, str(done)
    assert "glad" not in done.stderr and list(tmp_path.iterdir()) == []


def test_what_does_not_matter_may_change(drydock, database, tmp_path):
    done = snapshot_while(drydock, database, tmp_path / "snapshot", """
        CREATE SCHEMA three; CREATE TYPE tint AS ENUM ('red');
        GRANT USAGE ON SCHEMA one TO PUBLIC; ALTER TYPE mood ADD VALUE 'calm'""")
    assert done.code == 0, str(done)


@pytest.mark.parametrize("option, what", [("--exclude-table-data=two.t", "table two.t"),
                                          ("--exclude-table-data=numbers", "sequence public.numbers")])
def test_a_pg_dump_that_leaves_out_data(drydock, database, tmp_path, option, what):
    binary = clusters.program("pg_dump")
    script = tmp_path / "bin" / "pg_dump"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\n[ "$1" = --version ] || set -- {option} "$@"\nexec {binary} "$@"\n',
                      encoding="ascii")
    script.chmod(0o755)
    done = drydock("snapshot", "--out", tmp_path / "snapshot", dsn=database.dsn(SUPERUSER),
                   env={"DRYDOCK_PG_BIN": str(script.parent)})
    assert done.code == 1 and f"pg_dump has left out what is in {what}" in done.stderr, str(done)
    shutil.rmtree(script.parent)
    assert list(tmp_path.iterdir()) == []


def test_a_view_that_is_being_refreshed(drydock, database, tmp_path):
    database.query("CREATE MATERIALIZED VIEW seen AS SELECT 1 AS one")
    with database.session() as session, session.cursor() as cursor:
        cursor.execute("BEGIN; REFRESH MATERIALIZED VIEW seen")
        done = drydock("snapshot", "--out", tmp_path / "snapshot", dsn=database.dsn(SUPERUSER))
        pid = session.get_backend_pid()
    assert done.code != 0 and f"pid {pid} (postgres, drydock tests) holds ACCESS EXCLUSIVE on public.seen" in done.stderr
    assert list(tmp_path.iterdir()) == []
