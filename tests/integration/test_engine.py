"""The migration engine on a real server: what each kind of statement leaves when it succeeds, fails, is killed, or
loses its connection; history, steps and catalog are looked at each time."""

import os
import pty
import re
import signal
import subprocess
import time
from dataclasses import dataclass

import pytest

from bed import OWNER
from proxy import Proxy

ID = "20260101000000"
OFF = "-- drydock: transaction off\n"

SETUP = """
CREATE TABLE t (id int, n int);
INSERT INTO t SELECT i, i % 7 FROM generate_series(1, 500) i;
CREATE INDEX t_old ON t (id);
CREATE TABLE parts (id int) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TYPE mood AS ENUM ('sad');
CREATE TABLE log (n int);
CREATE PROCEDURE two(a int) LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO log VALUES (1); COMMIT; INSERT INTO log VALUES (1 / a); END $$;
"""

VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{}')"
INVALID = "SELECT count(*) FROM pg_index WHERE NOT (indisvalid AND indisready AND indislive)"


@dataclass
class Kind:
    """A statement, one of its kind that fails, and a query that says whether it has worked."""
    sql: str
    failing: str
    worked: str
    bare: bool = True        # outside a transaction in 'transaction off'
    only_off: bool = False   # cannot run in a transaction: 'transaction off' is implied
    knowable: bool = True    # the catalog tells what became of it
    leaves: bool = False     # a failure leaves something that stays


KINDS = {
    "table": Kind("CREATE TABLE made (id int);", "CREATE TABLE made (id int, id int);",
                  "SELECT to_regclass('made') IS NOT NULL", bare=False),
    "update": Kind("UPDATE t SET n = 70;", "UPDATE t SET n = 1 / 0;", "SELECT max(n) = 70 FROM t", bare=False),
    "enum": Kind("ALTER TYPE mood ADD VALUE 'glad';", "ALTER TYPE mood ADD VALUE 'sad';",
                 "SELECT count(*) = 2 FROM pg_enum WHERE enumtypid = 'mood'::regtype", bare=False),
    "index": Kind("CREATE INDEX CONCURRENTLY t_new ON t (n);", "CREATE UNIQUE INDEX CONCURRENTLY t_new ON t (n);",
                  VALID.format("t_new"), only_off=True),
    "index if": Kind("CREATE INDEX CONCURRENTLY IF NOT EXISTS t_new ON t (n);",
                     "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t_new ON t (n);",
                     VALID.format("t_new"), only_off=True),
    "drop index": Kind("DROP INDEX CONCURRENTLY t_old;", "DROP INDEX CONCURRENTLY nothing;",
                       "SELECT to_regclass('t_old') IS NULL", only_off=True),
    "reindex": Kind("REINDEX TABLE CONCURRENTLY t;", "REINDEX TABLE CONCURRENTLY nothing;",
                    "SELECT pg_relation_filenode('t_old') <> {filenode}", only_off=True),
    "vacuum": Kind("VACUUM FULL t;", "VACUUM FULL nothing;", "SELECT pg_relation_filenode('t') <> {table}",
                   only_off=True),
    "detach": Kind("ALTER TABLE parts DETACH PARTITION parts_1 CONCURRENTLY;",
                   "ALTER TABLE parts DETACH PARTITION nothing CONCURRENTLY;",
                   "SELECT count(*) = 0 FROM pg_inherits WHERE inhrelid = 'parts_1'::regclass", only_off=True),
    "call": Kind("CALL two(1);", "CALL two(0);", "SELECT count(*) = 2 FROM log", knowable=False, leaves=True),
    "do": Kind("DO $$ BEGIN INSERT INTO log VALUES (1); COMMIT; INSERT INTO log VALUES (2); END $$;",
               "DO $$ BEGIN INSERT INTO log VALUES (1); COMMIT; INSERT INTO log VALUES (1 / 0); END $$;",
               "SELECT count(*) = 2 FROM log", knowable=False, leaves=True),
    "do in one": Kind("DO $$ BEGIN INSERT INTO log VALUES (1); INSERT INTO log VALUES (2); END $$;",
                      "DO $$ BEGIN INSERT INTO log VALUES (1); INSERT INTO log VALUES (1 / 0); END $$;",
                      "SELECT count(*) = 2 FROM log", bare=False),
}
IN_TRANSACTION = [name for name, kind in KINDS.items() if not kind.only_off and kind.knowable]
BARE = [name for name, kind in KINDS.items() if kind.bare]


class Bench:
    """A database with SETUP, a folder for migrations, and the program."""

    def __init__(self, bed, drydock, folder):
        self.database = bed.empty("engine")
        self.drydock = drydock
        self.folder = folder
        self.folder.mkdir()
        self.database.query(SETUP, user=OWNER)
        self.filenode = self.database.value("SELECT pg_relation_filenode('t_old')")
        self.table = self.database.value("SELECT pg_relation_filenode('t')")

    def write(self, sql, id=ID, part="up"):
        (self.folder / f"{id}-m.{part}.sql").write_text(sql, encoding="utf-8")

    def __call__(self, command="migrate", *arguments, failpoint=None, dsn=None, timeout=60):
        env = {"DRYDOCK_FAILPOINT": failpoint} if failpoint else None
        return self.drydock(command, "--migrations", self.folder, *arguments, dsn=dsn or self.database.dsn(OWNER),
                            env=env, timeout=timeout)

    def started(self, *arguments, failpoint=None, dsn=None):
        env = {"DRYDOCK_FAILPOINT": failpoint} if failpoint else None
        return self.drydock.started("migrate", "--migrations", self.folder, *arguments,
                                    dsn=dsn or self.database.dsn(OWNER), env=env)

    def worked(self, kind):
        return bool(self.database.value(kind.worked.format(filenode=self.filenode, table=self.table)))

    def history(self):
        if not self.database.value("SELECT to_regclass('drydock.migrations') IS NOT NULL"):
            return []
        return [row[0] for row in self.database.query("SELECT id FROM drydock.migrations ORDER BY 1")]

    def steps(self):
        if not self.database.value("SELECT to_regclass('drydock.steps') IS NOT NULL"):
            return []
        return [row[0] for row in self.database.query("SELECT state FROM drydock.steps ORDER BY migration, step")]

    def state(self, id=ID):
        told = self("status", "--json").json()
        return {m["id"]: m for m in told["migrations"]}[id]

    def untouched(self, kind):
        return not self.worked(kind) and self.history() == [] and self.steps() == [] and self.invalid() == 0

    def applied(self, kind):
        return self.worked(kind) and self.history() == [ID] and self.steps() == [] and self.invalid() == 0

    def invalid(self):
        return self.database.value(INVALID)

    def sessions(self):
        return self.database.query("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'drydock migrate %'"
                                   " AND datname = 'engine'")


@pytest.fixture
def bench(bed, drydock, tmp_path):
    return Bench(bed, drydock, tmp_path / "engine")


@pytest.fixture
def proxy(cluster):
    one = Proxy(cluster)
    yield one
    one.close()


def wait_until(condition, timeout=20):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(0.02)


# -- one transaction ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", IN_TRANSACTION)
def test_in_a_transaction(bench, name):
    kind = KINDS[name]
    bench.write(f"CREATE TABLE first ();\n{kind.failing}\n")
    done = bench()
    assert done.code == 1 and f"{ID}-m.up.sql:2:" in done.stderr, str(done)
    assert bench.untouched(kind) and bench.database.value("SELECT to_regclass('first')") is None
    bench.write(f"CREATE TABLE first ();\n{kind.sql}\n")
    assert bench(failpoint="migration.before_commit=kill").code == -signal.SIGKILL
    assert bench.untouched(kind)
    assert bench(failpoint="migration.after_commit=kill").code == -signal.SIGKILL
    assert bench.applied(kind)
    done = bench()
    assert done.code == 0 and "0 of 0" in done.last_line, str(done)


@pytest.mark.sanitized
@pytest.mark.parametrize("off", [False, True])
def test_the_answer_to_commit_is_lost(bench, proxy, off):
    """The server has committed, and nobody heard it: it is asked."""
    kind = KINDS["table"]
    bench.write((OFF if off else "") + kind.sql)
    proxy.lose(b"COMMIT\0")
    done = bench(dsn=proxy.dsn("engine", OWNER))
    assert proxy.lost == 1
    assert done.code == 0 and "is committed, the server says" in done.stderr, str(done)
    assert bench.applied(kind)


@pytest.mark.parametrize("sql", ["COMMIT", "/* a */ COPY t TO stdout", "ROLLBACK", "UPDATE t SET n = 0"])
def test_a_verify_file_only_asks(bench, sql):
    """It would commit the migration without its line in the history."""
    bench.write("CREATE TABLE first ();")
    bench.write(f"SELECT 1 WHERE false;\n{sql};\n", part="verify")
    done = bench()
    assert done.code == 2 and f"{ID}-m.verify.sql:2:" in done.stderr and "not a query" in done.stderr, str(done)
    assert bench.history() == [] and bench.database.value("SELECT to_regclass('first')") is None


def test_commit_did_not_happen(bench):
    """The backend ends before COMMIT reaches it: the server says that it rolled back."""
    kind = KINDS["table"]
    bench.write(kind.sql)
    with bench.started(failpoint="migration.before_commit=stop") as process:
        wait_until(lambda: stopped(process.pid))
        bench.database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_xid IS NOT NULL")
        wait_until(lambda: bench.database.value("SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL")
                   == 0)
        os.kill(process.pid, signal.SIGCONT)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1 and "COMMIT did not happen" in stderr, stderr
    assert bench.untouched(kind)


def test_the_server_crashes_behind_commit(bench, cluster):
    """Both sessions are gone, and the server comes back: a new session asks it."""
    kind = KINDS["table"]
    bench.write(kind.sql)
    with bench.started(failpoint="migration.before_commit=stop") as process:
        wait_until(lambda: stopped(process.pid))
        cluster.stop("immediate")
        os.kill(process.pid, signal.SIGCONT)
        time.sleep(0.7)  # it tries in vain meanwhile
        cluster.start()
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1 and "COMMIT did not happen" in stderr, stderr
    assert bench.untouched(kind)


@pytest.fixture
def lazy_log(cluster):
    """What is not committed is not written to the log, so that a crash loses its number, too."""
    cluster.query("ALTER SYSTEM SET wal_writer_delay = '10s'")
    cluster.query("SELECT pg_reload_conf()")
    time.sleep(0.5)
    yield
    cluster.query("ALTER SYSTEM RESET wal_writer_delay")
    cluster.query("SELECT pg_reload_conf()")


def test_the_number_was_given_to_another(bench, cluster, lazy_log):
    """After a crash the lost number is somebody else's, and committed: that is not the migration."""
    bench.write("CREATE TABLE first ();")
    assert bench().code == 0
    bench.write("COMMENT ON TABLE first IS 'x';", id="20260101000001")
    cluster.query("CHECKPOINT")
    with bench.started(failpoint="migration.before_commit=stop") as process:
        wait_until(lambda: stopped(process.pid))
        cluster.stop("immediate")
        cluster.start()
        for _ in range(8):
            bench.database.query("INSERT INTO log VALUES (1)", user=OWNER)
        os.kill(process.pid, signal.SIGCONT)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1 and "COMMIT did not happen" in stderr, stderr
    assert bench.history() == [ID]


def stopped(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "T"


@pytest.fixture
def no_standby(cluster):
    """Commits wait for a standby that does not exist."""
    def switch():
        cluster.query("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        cluster.query("SELECT pg_reload_conf()")
    yield switch
    with cluster.session() as connection, connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = local")
        cursor.execute("ALTER SYSTEM RESET synchronous_standby_names")
        cursor.execute("SELECT pg_reload_conf()")


@pytest.mark.parametrize("how", ["cancel", "timeout", "terminate", "signal"])
def test_commit_waits_for_a_standby(bench, no_standby, how):
    kind = KINDS["table"]
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name LIKE 'drydock %'"
    bench.write("SELECT 1;", id="20250101000000")
    assert bench().code == 0  # the history table is there
    bench.write(("-- drydock: statement_timeout 1s\n" if how == "timeout" else "") + kind.sql)
    no_standby()
    with bench.started() as process:
        wait_until(lambda: bench.database.query(waiting))
        if how in ("cancel", "terminate"):
            bench.database.query(f"SELECT pg_{how}_backend(pid) FROM ({waiting}) AS w")
        elif how == "signal":
            process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    if how == "terminate":
        assert "is committed, the server says" in stderr, stderr
    else:
        assert "committed here, not yet on the standby" in stderr, stderr
    assert bench.worked(kind) and ID in bench.history()


# -- segments -----------------------------------------------------------------------------------

SEGMENTS = """ALTER TYPE mood ADD VALUE 'glad';
-- drydock: commit
CREATE TABLE feelings (m mood DEFAULT 'glad');
INSERT INTO feelings DEFAULT VALUES;
-- drydock: commit
CREATE INDEX CONCURRENTLY feelings_m ON feelings (m);
-- drydock: commit
INSERT INTO feelings VALUES ('glad');
"""


@pytest.mark.sanitized
def test_segments(bench):
    bench.write(SEGMENTS)
    done = bench()
    assert done.code == 0, str(done)
    assert bench.history() == [ID] and bench.steps() == []
    assert bench.database.value("SELECT count(*) FROM feelings WHERE m = 'glad'") == 2
    assert bench.database.value(VALID.format("feelings_m"))


def test_segments_fail_and_go_on(bench):
    bench.write(SEGMENTS)
    bench.database.query("CREATE TABLE feelings (other int)", user=OWNER)
    done = bench()
    assert done.code == 11, str(done)
    assert bench.steps() == ["done"] and bench.history() == []
    state = bench.state()
    assert (state["state"], state["steps_done"], state["steps"]) == ("partial", 1, 4)
    assert "1 of 4 steps done" in bench("status").stdout
    refused = bench("undo")
    assert refused.code == 3 and "partly applied" in refused.stderr, str(refused)
    bench.database.query("DROP TABLE feelings", user=OWNER)
    done = bench()
    assert done.code == 0, str(done)
    assert bench.history() == [ID] and bench.steps() == []


def test_segments_out_of_order(bench):
    """What was begun out of order is partial, too: nothing is undone before it is finished."""
    newer = "20260101000002"
    bench.write("CREATE TABLE newer ();", id=newer)
    bench.write("DROP TABLE newer;", id=newer, part="down")
    assert bench().code == 0
    bench.write(SEGMENTS)
    bench.database.query("CREATE TABLE feelings (other int)", user=OWNER)
    assert bench().code == 4
    assert bench("migrate", "--allow-out-of-order", ID).code == 11
    assert bench.state()["state"] == "partial"
    refused = bench("undo")
    assert refused.code == 3 and "partly applied" in refused.stderr, str(refused)
    bench.database.query("DROP TABLE feelings", user=OWNER)
    done = bench()
    assert done.code == 0 and bench.history() == [ID, newer], str(done)
    assert bench.state()["out_of_order"]


def test_a_changed_file_is_not_continued(bench):
    bench.write(SEGMENTS)
    bench.database.query("CREATE TABLE feelings (other int)", user=OWNER)
    assert bench().code == 11
    bench.write(SEGMENTS.replace("('glad')", "('sad')"))
    for command in ("migrate", "status", "undo"):
        done = bench(command)
        assert done.code == 4 and "changed since" in done.stderr and "put the file back" in done.stderr, str(done)
    (bench.folder / f"{ID}-m.up.sql").unlink()
    assert bench().code == 4
    bench.write(SEGMENTS.replace("\n", " \r\n"))
    bench.database.query("DROP TABLE feelings", user=OWNER)
    assert bench().code == 0


@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
def test_segments_killed(bench, point):
    bench.write(SEGMENTS)
    for _ in range(6):
        if bench(failpoint=f"migration.{point}=kill").code == 0:
            break
        if point == "before_commit":
            assert bench.steps() == []
            assert bench().code == 0
            break
    assert bench.history() == [ID] and bench.steps() == []
    assert bench.database.value("SELECT count(*) FROM feelings WHERE m = 'glad'") == 2


def test_segments_lose_an_answer(bench, proxy):
    bench.write(SEGMENTS)
    for _ in range(2):
        proxy.lose(b"COMMIT\0")
    done = bench(dsn=proxy.dsn("engine", OWNER))
    assert done.code == 0 and proxy.lost == 2, str(done)
    assert bench.history() == [ID] and bench.steps() == []
    assert bench.database.value("SELECT count(*) FROM feelings WHERE m = 'glad'") == 2


def test_undo_in_segments(bench):
    bench.write("CREATE TABLE a (); CREATE TABLE b ();")
    bench.write("DROP TABLE b;\n-- drydock: commit\nDROP TABLE a;\n", part="down")
    assert bench().code == 0
    bench.database.query("CREATE VIEW v AS SELECT * FROM a", user=OWNER)
    done = bench("undo")
    assert done.code == 11, str(done)
    assert bench.history() == [ID] and bench.steps() == ["done"]
    assert bench.state()["state"] == "partial"
    refused = bench()
    assert refused.code == 3 and "drydock undo" in refused.stderr, str(refused)
    bench.database.query("DROP VIEW v", user=OWNER)
    assert bench("undo").code == 0
    assert bench.history() == [] and bench.steps() == []
    assert bench.database.value("SELECT to_regclass('a') IS NULL AND to_regclass('b') IS NULL")


# -- transaction off ----------------------------------------------------------------------------


def off(kind, sql):
    return ("" if kind.only_off else OFF) + sql


@pytest.mark.parametrize("name", KINDS)
def test_off_succeeds(bench, name):
    kind = KINDS[name]
    bench.write(off(kind, kind.sql))
    done = bench()
    assert done.code == 0, str(done)
    assert bench.applied(kind)


@pytest.mark.sanitized
@pytest.mark.parametrize("name", KINDS)
def test_off_fails(bench, name):
    """What fails leaves nothing that the catalog knows of; what stays is told."""
    kind = KINDS[name]
    bench.write(off(kind, kind.failing))
    done = bench()
    assert bench.invalid() == 0, str(done)
    if kind.leaves:
        assert done.code == 11 and bench.steps() == ["started"] and "--again" in done.stderr, str(done)
        assert bench().code == 9
        return
    assert done.code == 1 and bench.untouched(kind), str(done)
    bench.write(off(kind, kind.sql))
    assert bench().code == 0
    assert bench.applied(kind)


@pytest.mark.parametrize("name", KINDS)
def test_off_fails_behind_a_step(bench, name):
    kind = KINDS[name]
    bench.write(off(kind, f"CREATE TABLE first ();\n{kind.failing}\nCREATE TABLE last ();\n"))
    done = bench()
    assert done.code == 11, str(done)
    assert bench.steps() == ["done", "started"] if kind.leaves else ["done"]
    assert bench.state()["state"] == "partial" and bench.invalid() == 0
    assert bench.database.value("SELECT to_regclass('last')") is None


@pytest.mark.parametrize("point", ["before", "after"])
@pytest.mark.parametrize("name", BARE)
def test_off_killed(bench, name, point):
    """Killed with the step started: the catalog says what became of it; where it cannot, a person does."""
    kind = KINDS[name]
    bench.write(off(kind, kind.sql))
    assert bench(failpoint=f"migration.{point}_statement=kill").code == -signal.SIGKILL
    assert bench.steps() == ["started"] and bench.history() == []
    assert bench.worked(kind) == (point == "after")
    done = bench()
    if kind.knowable:
        assert done.code == 0, str(done)
    else:
        assert done.code == 9 and "its end was not seen" in done.stderr, str(done)
        assert bench.worked(kind) == (point == "after")
        done = bench("migrate", "--again" if point == "before" else "--done", ID, "--reason", "it's looked at")
        assert done.code == 0, str(done)
        note = bench.database.value("SELECT note FROM drydock.migrations")
        assert "it's looked at" in note and OWNER in note
    assert bench.applied(kind)


@pytest.mark.parametrize("name", BARE)
def test_off_loses_the_connection(bench, name, cluster):
    """The session ends with the step started: this attempt fails, the next one looks."""
    kind = KINDS[name]
    bench.write(off(kind, kind.sql))
    with bench.started(failpoint="migration.before_statement=stop") as process:
        wait_until(lambda: stopped(process.pid))
        cluster.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'engine'"
                      " AND application_name LIKE 'drydock %' AND query NOT LIKE '%advisory%'")
        os.kill(process.pid, signal.SIGCONT)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 11, stderr
    assert bench.steps() == ["started"]
    done = bench() if kind.knowable else bench("migrate", "--again", ID, "--reason", "it was not sent")
    assert done.code == 0, str(done)
    assert bench.applied(kind)


@pytest.mark.parametrize("name", ["index", "reindex"])
def test_an_invalid_index_is_left(bench, name):
    """The backend is killed while it waits: what it left is named, removed, and made again."""
    kind = KINDS[name]
    bench.write(kind.sql)
    with bench.database.session(OWNER) as holder, holder.cursor() as cursor:
        cursor.execute("BEGIN; INSERT INTO t VALUES (0, 0)")
        with bench.started() as process:
            wait_until(lambda: bench.invalid() > 0)
            process.kill()
            process.wait()
        bench.database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                             " WHERE application_name LIKE 'drydock migrate %' AND state <> 'idle'")
        wait_until(lambda: not bench.sessions())
        cursor.execute("ROLLBACK")
    assert bench.invalid() == 1 and bench.steps() == ["started"]
    done = bench()
    assert done.code == 0 and "is not valid, removing it" in done.stderr, str(done)
    assert bench.applied(kind)


def test_the_old_statement_still_runs(bench):
    """The process is killed, its statement waits on: the next command waits for it or ends it."""
    kind = KINDS["index"]
    bench.write(kind.sql)
    with bench.database.session(OWNER) as holder, holder.cursor() as cursor:
        cursor.execute("BEGIN; INSERT INTO t VALUES (0, 0)")
        with bench.started() as process:
            wait_until(lambda: bench.invalid() > 0)
            process.kill()
            process.wait()
        with bench.started() as again:
            time.sleep(0.5)
            cursor.execute("ROLLBACK")
            _, stderr = again.communicate(timeout=60)
    assert again.returncode == 0, stderr
    assert bench.applied(kind)


def test_what_is_no_statement_leaves_nothing(bench):
    bench.write("DROP INDEX CONCURRENTLY;")
    done = bench()
    assert done.code == 1 and bench.steps() == [], str(done)
    assert bench.state()["state"] == "pending"


def test_an_invalid_index_of_before_is_kept(bench):
    """It is not ours: CREATE INDEX fails and says so; only IF NOT EXISTS replaces it, or it would be taken for valid."""
    kind = KINDS["index"]
    bench.database.query("CREATE INDEX t_new ON t (n)", user=OWNER)
    bench.database.query("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_new'::regclass")
    bench.write(kind.sql)
    done = bench()
    assert done.code == 1 and "already exists" in done.stderr and bench.invalid() == 1, str(done)
    assert bench.steps() == []
    bench.write(KINDS["index if"].sql)
    done = bench()
    assert done.code == 0 and "is not valid, removing it" in done.stderr, str(done)
    assert bench.applied(kind)


def test_a_half_detached_partition_is_finalized(bench):
    kind = KINDS["detach"]
    bench.write(kind.sql)
    with bench.database.session(OWNER) as holder, holder.cursor() as cursor:
        cursor.execute("BEGIN; SELECT * FROM parts")
        with bench.started() as process:
            wait_until(lambda: bench.database.value("SELECT bool_or(inhdetachpending) FROM pg_inherits"))
            process.kill()
            process.wait()
        bench.database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                             " WHERE application_name LIKE 'drydock migrate %' AND state <> 'idle'")
        wait_until(lambda: not bench.sessions())
        cursor.execute("ROLLBACK")
    assert bench.steps() == ["started"]
    done = bench()
    assert done.code == 0, str(done)
    assert bench.applied(kind)


def test_the_verify_file_fails_at_the_end(bench):
    """The steps are done; the last transaction is tried again."""
    bench.write(KINDS["index"].sql)
    bench.write("SELECT 1 FROM t WHERE id = 1;", part="verify")
    done = bench()
    assert done.code == 11 and bench.steps() == ["done"] and bench.history() == [], str(done)
    bench.database.query("DELETE FROM t WHERE id = 1", user=OWNER)
    assert bench().code == 0
    assert bench.applied(KINDS["index"])


# -- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize("sql, code, words", [
    ("BEGIN; SELECT 1; COMMIT;", 3, "controls the transaction"),
    (OFF + "COMMIT;", 3, "controls the transaction"),
    ("DO $$ BEGIN COMMIT; END $$;", 3, "transaction off"),
    (OFF + "DO $$ BEGIN COMMIT; EXECUTE 'CREATE ROLE x'; END $$;", 3, "CREATE ROLE"),
    (OFF + "DO $$ BEGIN EXECUTE 'VACUUM t'; END $$;", 3, "inside a block"),
    ("CREATE INDEX CONCURRENTLY ON t (n);", 3, "no name"),
    ("CALL two(1);", 1, "transaction off"),
    (OFF + "CREATE DATABASE other;", 3, "outside the database"),
    ("SELECT 1;\n-- drydock: commit\n", 2, "no statement behind"),
    ("-- drydock: commit\nSELECT 1;", 2, "no statement before"),
    ("SELECT 1; -- drydock: commit\nSELECT 2;", 2, "line of its own"),
    ("SELECT 1\n-- drydock: commit\n+ 2;", 2, "between statements"),
    (OFF + "SELECT 1;\n-- drydock: commit\nSELECT 2;", 2, "transaction off"),
])
def test_refused(bench, sql, code, words):
    bench.write(sql)
    done = bench()
    assert done.code == code and words in done.stderr, str(done)
    assert bench.history() == [] and bench.steps() == []


@pytest.mark.parametrize("arguments", [
    ("--again", ID), ("--done", ID), ("--reason", "x"), ("--again", ID, "--done", ID, "--reason", "x"),
    ("--again", ID, "--reason", "x"),
])
def test_decisions_that_decide_nothing(bench, arguments):
    bench.write(KINDS["table"].sql)
    assert bench("migrate", *arguments).code == 2
    assert bench.untouched(KINDS["table"])


@pytest.mark.parametrize("decision", ["--again", "--done"])
def test_the_catalog_is_not_overruled(bench, decision):
    bench.write(KINDS["index"].sql)
    assert bench(failpoint="migration.before_statement=kill").code == -signal.SIGKILL
    done = bench("migrate", decision, ID, "--reason", "it is there")
    assert done.code == 2 and "looked up in the catalog" in done.stderr, str(done)
    assert bench.steps() == ["started"]
    assert bench().code == 0
    assert bench.applied(KINDS["index"])


# -- locks --------------------------------------------------------------------------------------

BLOCKED = "-- drydock: lock_timeout 200ms\nALTER TABLE t ADD COLUMN x int;"


def test_blockers_are_named_each_time(bench, tmp_path, bed):
    bench.write(BLOCKED)
    policy = tmp_path / "policy.yaml"
    policy.write_text("policy: p\ntimeouts: {lock_attempts: 3}\n", encoding="utf-8")
    bed.cluster.query("GRANT SELECT ON t TO wc_app", database="engine")
    with bench.database.session("wc_app") as holder, holder.cursor() as cursor:
        cursor.execute("SET application_name = 'nightly report'; BEGIN; SELECT count(*) FROM t")
        done = bench("migrate", "--policy", policy)
    assert done.code == 1, str(done)
    assert done.stderr.count("(wc_app, nightly report, AccessShareLock") == 3, str(done)


@pytest.mark.sanitized
def test_applications_that_may_be_ended(bench, tmp_path, bed):
    bench.write(BLOCKED)
    policy = tmp_path / "policy.yaml"
    policy.write_text("policy: p\ntimeouts: {lock_attempts: 4, end_applications: [nightly report]}\n",
                      encoding="utf-8")
    bed.cluster.query("GRANT SELECT ON t TO wc_app", database="engine")
    with bench.database.session("wc_app") as holder, holder.cursor() as cursor, \
            bench.database.session("wc_app") as bystander, bystander.cursor() as other:
        cursor.execute("SET application_name = 'nightly report'; BEGIN; SELECT count(*) FROM t")
        other.execute("SET application_name = 'nightly report'")
        done = bench("migrate", "--policy", policy)
        other.execute("SELECT 1")
    assert done.code == 0 and "attempt 1 of 4" in done.stderr, str(done)
    assert done.stderr.count("ended the session of pid") == 1, str(done)
    assert "(nightly report, wc_app), which was in the way of ALTER TABLE t" in done.stderr, str(done)


def test_others_are_not_ended(bench, tmp_path, bed):
    bench.write(BLOCKED)
    policy = tmp_path / "policy.yaml"
    policy.write_text("policy: p\ntimeouts: {lock_attempts: 2, end_applications: [nightly]}\n", encoding="utf-8")
    bed.cluster.query("GRANT SELECT ON t TO wc_app", database="engine")
    with bench.database.session("wc_app") as holder, holder.cursor() as cursor:
        cursor.execute("SET application_name = 'nightly report'; BEGIN; SELECT count(*) FROM t")
        done = bench("migrate", "--policy", policy)
        cursor.execute("SELECT 1")
    assert done.code == 1 and "ended the session" not in done.stderr, str(done)
    assert bench.untouched(KINDS["table"])


def test_an_index_that_waits_for_a_lock_leaves_nothing(bench, tmp_path):
    """Each attempt leaves an invalid index, which is named and removed before the next."""
    bench.write("-- drydock: lock_timeout 300ms\n" + KINDS["index"].sql)
    policy = tmp_path / "policy.yaml"
    policy.write_text("policy: p\ntimeouts: {lock_attempts: 2}\n", encoding="utf-8")
    with bench.database.session(OWNER) as holder, holder.cursor() as cursor:
        cursor.execute("BEGIN; INSERT INTO t VALUES (0, 0)")
        done = bench("migrate", "--policy", policy)
        cursor.execute("ROLLBACK")
    assert done.code in (1, 11), str(done)
    assert "blocked by pid" in done.stderr, str(done)
    done = bench()
    assert done.code == 0, str(done)
    assert bench.applied(KINDS["index"])


def test_progress_is_told(bench):
    """On a terminal every look is shown."""
    bench.write("CREATE INDEX CONCURRENTLY t_new ON t (slow(n));")
    bench.database.query("CREATE FUNCTION slow(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS"
                         " $$ BEGIN PERFORM pg_sleep(0.002); RETURN n; END $$", user=OWNER)
    ours, theirs = pty.openpty()
    command = bench.drydock.command("migrate", "--migrations", bench.folder, dsn=bench.database.dsn(OWNER))
    with subprocess.Popen(command, env=bench.drydock.environment(), stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        told = read_all(ours)
        assert process.wait(60) == 0, told
    assert re.search(r"CREATE INDEX CONCURRENTLY t_new, .*: creating the index: building index[^\r]*, \d+ %", told), told


def read_all(terminal):
    told = b""
    while True:
        try:
            told += os.read(terminal, 65536)
        except OSError:  # the other end is closed
            os.close(terminal)
            return told.decode("utf-8", "replace")


# -- in a run -----------------------------------------------------------------------------------


@pytest.mark.sanitized
def test_in_a_run(bench, tmp_path):
    """The work copy takes steps as well; the journal and the audit log have each of them."""
    bench.write(SEGMENTS + "-- drydock: commit\nVACUUM feelings;\n-- drydock: commit\nINSERT INTO feelings VALUES ('sad');\n")
    bench.write(OFF + "-- drydock: adds log\nCALL two(1);\nREINDEX TABLE CONCURRENTLY t;\n", id="20260102000000")
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"policy: p\nmigrations: {bench.folder}\n", encoding="utf-8")
    done = bench.drydock("run", "--policy", policy, "--yes", dsn=bench.database.dsn(OWNER))
    assert done.code == 0, str(done)
    assert bench.history() == [ID, "20260102000000"] and bench.steps() == []
    assert bench.worked(KINDS["call"])
    runs = list((bench.drydock.state / "runs").iterdir())
    journal = (runs[0] / "journal.jsonl").read_text(encoding="utf-8")
    assert journal.count('"step.done"') == 8 and journal.count('"step.started"') == 4, journal


def test_an_undeclared_write_in_a_run(bench, tmp_path):
    """What commits by itself is not seen in locks; the rows are compared."""
    bench.write(OFF + "CALL two(1);\n")
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"policy: p\nmigrations: {bench.folder}\n", encoding="utf-8")
    done = bench.drydock("run", "--policy", policy, "--yes", dsn=bench.database.dsn(OWNER))
    assert done.code == 7 and "log" in done.stderr, str(done)
    assert bench.untouched(KINDS["call"])


def test_a_riddle_is_refused_by_preflight(bench, tmp_path):
    bench.write(OFF + "-- drydock: adds log\nCREATE TABLE first ();\nCALL two(1);\n")
    assert bench(failpoint="migration.before_statement=kill").code == -signal.SIGKILL
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"policy: p\nmigrations: {bench.folder}\n", encoding="utf-8")
    run = ("run", "--policy", policy, "--yes")
    done = bench.drydock(*run, dsn=bench.database.dsn(OWNER))
    assert done.code == 3 and "its end was not seen" in done.stderr, str(done)
    assert bench("migrate", "--done", ID, "--reason", "no, it has not been there").code == 0


def test_a_run_goes_on_behind_steps(bench, tmp_path):
    bench.write("CREATE TABLE first ();\n-- drydock: commit\nCREATE TABLE second ();\n")
    bench.database.query("CREATE TABLE second ()", user=OWNER)
    assert bench().code == 11
    bench.database.query("DROP TABLE second", user=OWNER)
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"policy: p\nmigrations: {bench.folder}\n", encoding="utf-8")
    done = bench.drydock("run", "--policy", policy, "--yes", dsn=bench.database.dsn(OWNER))
    assert done.code == 0 and "goes on behind them" in done.stderr, str(done)
    assert bench.history() == [ID] and bench.steps() == []
