"""Moments that no failpoint stands at: what the server still does for a client that is gone, and what others do."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from bench import GOOD, NAME, check, end, go_on, wait_until, wait_until_stopped
from program import inner, kill_both

SLEEPING = {**GOOD, "20250105000000-slow": "SELECT pg_sleep(600);\n"}


def backend_of(bench, pattern):
    """The pid of the one session of drydock whose last statement is like pattern."""
    rows = bench.cluster.query("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'drydock %%'"
                               " AND query ILIKE %s AND pid <> pg_backend_pid()", (pattern,))
    assert len(rows) == 1, rows
    return rows[0][0]


def recover_against(bench, pid, with_state=True):
    """Starts recovery while a backend of the dead run is frozen, as on a busy machine, and thaws that a moment later."""
    if not with_state:
        bench.drydock.fresh_state()
    try:
        with bench.drydock.started(*bench.arguments("recover", bench.good), dsn=bench.dsn()) as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1)
            waits = process.poll() is None
            os.kill(pid, signal.SIGCONT)
            done = end(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    assert waits, f"it did not wait for the dead run's session: {done}"
    return done


@pytest.mark.parametrize("with_state", [True, False], ids=["state", "lost"])
@pytest.mark.parametrize("point", ["fence.before_commit", "name.before_commit"])
def test_commit_of_a_dead_client(bench, record, point, with_state):
    """COMMIT is sent, the client dies, the server has not come to it: it may still happen while recovery looks."""
    with bench.stopped(bench.good, point) as process:
        pid = backend_of(bench, "%ALTER DATABASE%")
        os.kill(pid, signal.SIGSTOP)
        go_on(process)
        time.sleep(0.3)  # COMMIT is sent; the run can only be waiting for the answer
    done = recover_against(bench, pid, with_state)
    kind = check(bench, done)
    record(point, kind)
    assert check(bench, bench.recover(bench.good)) == "nothing"


def test_clone_of_a_dead_client(bench, record):
    """CREATE DATABASE goes on though its client is dead: the clone does not appear after recovery."""
    bench.cluster.query("CREATE TABLE ballast AS SELECT n, repeat('x', 1000) AS t FROM generate_series(1, 60000) n;"
                        " ALTER TABLE ballast OWNER TO wc_owner; GRANT SELECT ON ballast TO wc_owner", database=NAME)
    with bench.drydock.started(*bench.arguments("run", bench.good), dsn=bench.dsn()) as process:
        creating = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'CREATE DATABASE%' AND state = 'active'"
        wait_until(lambda: bench.cluster.query(creating), "no clone is made")
        pid = bench.cluster.value(creating)
        os.kill(pid, signal.SIGSTOP)
        kill_both(process)
        process.wait()
    done = recover_against(bench, pid)
    kind = check(bench, done, ("back",), content=False)
    record("CREATE DATABASE", kind)


def test_migration_of_a_dead_client(bench, record):
    """A migration's statement goes on though its client is dead; recovery ends it."""
    policy = bench.policy(SLEEPING)
    with bench.drydock.started(*bench.arguments("run", policy), dsn=bench.dsn()) as process:
        sleeping = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'"
        wait_until(lambda: bench.cluster.query(sleeping), "the migration does not come to it")
        kill_both(process)
    assert bench.cluster.query(sleeping)
    done = bench.recover(policy)
    record("a statement", check(bench, done, ("restored",)))


def test_pg_dump_is_killed(bench, record):
    """Half of a snapshot is no snapshot: the run puts the database back. (pg_dump may be done before it is killed.)"""
    with bench.stopped(bench.good, "snapshot.take.intent") as process:
        go_on(process)
        wait_until(lambda: kill_child(process, "--snapshot") or process.poll() is not None, "pg_dump was not started")
        done = end(process)
    record("pg_dump", check(bench, done, ("back", "after")))


def kill_child(process, argument):
    """Kills the child that was started with an argument that begins so; False if there is none."""
    with contextlib.suppress(OSError):
        for pid in Path(f"/proc/{inner(process)}/task/{inner(process)}/children").read_text(encoding="ascii").split():
            if f"\0{argument}" in Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8"):
                os.kill(int(pid), signal.SIGKILL)
                return True
    return False


@pytest.mark.parametrize("point", ["fence.after_commit", "migrate.apply.done", "verify.check.done", "open.rename.intent"])
def test_recovery_while_the_run_is_stopped(bench, record, point):
    """A run that only stands still holds its lock: recovery keeps off. When the run goes on it succeeds."""
    with bench.stopped(bench.good, point) as process:
        refused = bench.recover(bench.good)
        assert refused.code == 5, str(refused)
        assert refused.last_line.startswith("locked"), str(refused)
        go_on(process)
        done = end(process)
    record(point, check(bench, done, ("after",)))


@pytest.mark.parametrize("point", ["fence.after_commit", "snapshot.take.intent", "migrate.apply.done", "verify.check.done",
                                   "name.before_commit"])
def test_run_goes_on_after_recovery(bench, record, point):
    """A run whose sessions were lost is recovered while it stands still. When it goes on it does no harm, and tells
    the truth."""
    with bench.stopped(bench.good, point) as process:
        bench.cluster.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                            " WHERE application_name LIKE 'drydock run %'")
        bench.wait_without_sessions()
        kind = check(bench, bench.recover(bench.good))
        go_on(process)
        done = end(process)
    assert check(bench, done) == kind
    record(point, kind)


@pytest.mark.parametrize("comment", ["NULL", "'mine'"])
def test_migration_takes_the_comment(bench, record, comment):
    """The work copy's comment is the record of it; a migration that writes there does not mislead recovery."""
    taking = ("DO $$ BEGIN EXECUTE format('COMMENT ON DATABASE %I IS %L', current_database(), "
              + comment + "::text); END $$;\n")
    policy = bench.policy({**GOOD, "20250102120000-comment": taking})
    bench.kill_run(policy, "migrate.apply.done#3=kill")
    record("migrate.apply.done#3", check(bench, bench.recover(policy, with_state=False), ("restored",)))


def test_content_of_a_copy_that_stood_open(bench, record):
    """Whoever was in the kept copy while it stood open has changed it: that is found, also by a second recovery. The
    snapshot is the way back then, and the changed copy is kept; without the snapshot a person is needed.
    """
    bench.kill_run(bench.good, "verify.open_keep.acted=kill")
    keep = next(name for name in bench.databases() if name.endswith("_keep"))
    with bench.cluster.session(keep) as connection, connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = off")
        cursor.execute("DELETE FROM calls")
    first = bench.run(bench.good, "restore.close_keep.done=kill", command="recover")
    assert first.code == -signal.SIGKILL, str(first)
    snapshot = next(bench.drydock.state.glob("runs/*/snapshot"))
    snapshot.rename(snapshot.with_name("elsewhere"))
    for _ in range(2):
        done = bench.recover(bench.good)
        assert done.code == 8 and keep in done.last_line, str(done)
        assert NAME not in bench.databases()
    snapshot.with_name("elsewhere").rename(snapshot)
    done = bench.recover(bench.good)
    assert done.code == 7 and "every digest equals" in done.last_line and "_unproven_" in done.last_line, str(done)
    assert NAME in bench.databases() and any("_unproven_" in name for name in bench.databases())
    record("verify.open_keep.acted", "restored")


def test_copy_without_a_record(bench, record):
    """State folder and record are lost: recovery names the copy and does not say that all is well."""
    bench.kill_run(bench.good, "clone.dress.done=kill")
    keep = next(name for name in bench.databases() if name.endswith("_keep"))
    bench.cluster.query(f"COMMENT ON DATABASE {keep} IS NULL;")
    bench.cluster.query(f"COMMENT ON DATABASE {keep.replace('_keep', '_work')} IS NULL")
    done = bench.recover(bench.good, with_state=False)
    assert done.code == 8 and keep in done.last_line, str(done)
    record("clone.dress.done", "person")


def test_half_dropped_clone(bench, record):
    """The server dies while the clone is dropped."""
    bench.kill_run(bench.good, "clone.dress.done=kill")
    first = bench.run(bench.good, "name.after_commit=kill", command="recover")
    assert first.code == -signal.SIGKILL, str(first)
    work = next(name for name in bench.databases() if name.endswith("_work"))
    bench.cluster.query("UPDATE pg_database SET datconnlimit = -2 WHERE datname = %s", (work,))
    record("DROP DATABASE", check(bench, bench.recover(bench.good), ("back",)))


def test_monitor_of_a_superuser(bench, record):
    """A superuser's monitor that looks into every database that lets it in, again and again."""
    stopping = threading.Event()

    def watch():
        while not stopping.is_set():
            with contextlib.suppress(Exception):
                for name, in bench.cluster.query("SELECT datname FROM pg_database WHERE datallowconn", user="wc_monitor"):
                    bench.cluster.query("SELECT count(*) FROM pg_class", database=name, user="wc_monitor")
            stopping.wait(0.02)
    thread = threading.Thread(target=watch)
    thread.start()
    try:
        for point in ("snapshot.open_keep.acted", "verify.check.done"):
            bench.kill_run(bench.good, f"{point}=kill")
            kind = check(bench, bench.recover(bench.good))
            record(point, kind)
    finally:
        stopping.set()
        thread.join()
    assert kind == "after"


def test_two_runs_in_the_same_second(bench, record):
    """Two databases, one state folder, one timer: each run has its own names."""
    other = NAME + "_two"
    bench.cluster.query(f"CREATE DATABASE {other} OWNER wc_owner TEMPLATE bed_harbour")
    dsn = {name: bench.cluster.dsn(name, "wc_owner") for name in (NAME, other)}
    env = {"DRYDOCK_FAILPOINT": "clone.dress.done=stop"}
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(bench.drydock.started(*bench.arguments("run", bench.good), dsn=each, env=env))
                     for each in dsn.values()]
        for process in processes:
            wait_until_stopped(process)
            kill_both(process)
    done = bench.run(bench.good, command="recover", dsn=dsn[other])
    assert done.code == 1, str(done)
    for name in bench.databases():
        if name.startswith(other):
            bench.cluster.query(f'DROP DATABASE "{name}"')
    record("clone.dress.done", check(bench, bench.recover(bench.good), ("back",)))
