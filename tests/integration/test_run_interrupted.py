"""Runs that are told to stop, and runs whose window ends."""

import json
import signal
from datetime import datetime, timedelta, timezone

import pytest

import maintenance


@pytest.mark.sanitized
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_migration_is_interrupted(live, project, number):
    """The statement is cancelled on the server, and the database put back."""
    project.add("test", "SELECT pg_sleep(100);")
    before = maintenance.as_in_service(live)
    with project.started(live) as run:
        run.wait_for_statement("pg_sleep(100)")
        run.signal(number)
        done = run.done()
    maintenance.check_put_back(done, live, before)


@pytest.mark.sanitized
def test_more_signals_do_not_stop_the_way_back(live, project):
    """The first is obeyed; those that come while the database is put back are not."""
    project.add("test", "SELECT pg_sleep(100);")
    before = maintenance.as_in_service(live)
    with project.started(live, env={"DRYDOCK_FAILPOINT": "restore.rename.intent=stop"}) as run:
        run.wait_for_statement("pg_sleep(100)")
        run.signal()
        # Stopped within the way back: the signals are there when it goes on.
        run.wait_for_stop()
        run.signal(signal.SIGTERM)
        run.signal(signal.SIGINT)
        run.signal(signal.SIGCONT)
        done = run.done()
    maintenance.check_put_back(done, live, before)


@pytest.mark.sanitized
def test_the_opening_is_not_interrupted(live, project):
    """A signal at the point of no return changes nothing about the success."""
    with project.started(live, env={"DRYDOCK_FAILPOINT": "name.after_commit=stop"}) as run:
        run.wait_for_stop()
        run.signal(signal.SIGTERM)
        run.signal(signal.SIGCONT)
        done = run.done()
    assert done.code == 0, str(done)
    assert list(maintenance.copies(live)) == ["before"]
    maintenance.check_nothing_left(live.cluster)


def check_untouched(done, database, before, version, codes):
    assert done.code in codes, str(done)
    assert "failed before anything was migrated: 'white_cross' was not changed" in done.last_line
    assert maintenance.as_in_service(database) == before
    if version:
        assert database.row_version() == version
    assert maintenance.copies(database) == {}
    maintenance.check_nothing_left(database.cluster)


def test_the_preflight_is_interrupted(live, project):
    """Held up by a lock on the history, so that the signal comes in time."""
    before, version = maintenance.as_in_service(live), live.row_version()
    with live.session() as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE drydock.migrations")
        with project.started(live) as run:
            run.wait_for("SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'drydock run %'"
                         " AND wait_event_type = 'Lock'")
            run.signal()
            done = run.done()
    check_untouched(done, live, before, version, {128 + signal.SIGTERM})


def test_the_drain_is_interrupted(live, project):
    """While it waits for a transaction to end, which goes on."""
    before, version = maintenance.as_in_service(live), live.row_version()
    project.policy(drain="100s")
    with live.session("wc_app") as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN; SELECT pg_current_xact_id()")
        with project.started(live) as run:
            run.wait_for_drain()
            run.signal()
            done = run.done()
        cursor.execute("COMMIT")
    check_untouched(done, live, before, version, {128 + signal.SIGTERM})


@pytest.mark.sanitized
@pytest.mark.parametrize("point", ["fence.rename.intent", "clone.create.intent", "snapshot.take.intent",
                                   "publish.put.intent"])
def test_it_is_interrupted_before_it_migrates(live, project, point):
    """The name is given back; the clone is dropped, because no migration has seen it."""
    project.policy(before="migrate")
    before = maintenance.as_in_service(live)
    with project.started(live, env={"DRYDOCK_FAILPOINT": f"{point}=stop"}) as run:
        run.wait_for_stop()
        run.signal()
        run.signal(signal.SIGCONT)
        done = run.done()
    check_untouched(done, live, before, None, {1, 128 + signal.SIGTERM})


def window_end(seconds):
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).replace(microsecond=0)


def test_the_window_ends(live, project):
    """A statement that would outlast it is stopped by the server's own timeout, even when this program is stopped, in time to
    be put back."""
    project.add("test", "SELECT pg_sleep(1000);")
    before = maintenance.as_in_service(live)
    end = window_end(24)
    with project.started(live, "--window-end", end.strftime("%Y-%m-%dT%H:%M:%SZ")) as run:
        run.wait_for_statement("pg_sleep(1000)")
        run.signal(signal.SIGSTOP)
        run.wait_for("SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active'"
                     " AND query LIKE '%pg_sleep(1000)%' AND pid <> pg_backend_pid())")
        assert datetime.now(timezone.utc) < end
        run.signal(signal.SIGCONT)
        done = run.done()
    assert datetime.now(timezone.utc) < end
    maintenance.check_put_back(done, live, before)
    report = json.loads((project.runs()[0] / "report.json").read_text(encoding="utf-8"))
    assert maintenance.utc(report["ended"]) < end
    cause = report["cause"]
    assert "statement timeout" in cause and "20990101000000-test.up.sql:1:" in cause, cause
