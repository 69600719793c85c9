"""The server dies, or the connections to it do, while drydock stands at a point; drydock itself lives and goes on."""

import contextlib
import json

import pytest
from bench import check, end, go_on
from conftest import learned
from points import of_kind, of_runs
from program import kill_both

# Which runs: one that would succeed, one that must restore, and one that comes from a snapshot; those in place; and one
# with two lanes.
RUNS = ("success", "bad", "import", "in_place", "in_place-bad", "alone", "alone-bad", "lanes-behind")
# The sample takes every so manieth case of each test, beginning with another one.
STEP = 61
TURN = {}


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        passed = learned(metafunc.config, of_runs)
        every = [(kind, point) for kind in RUNS for point in passed[kind]]
        first = TURN.setdefault(metafunc.definition.name, len(TURN)) * 10
        cases = every if metafunc.config.getoption("--all") else every[first::STEP]
        metafunc.parametrize("case", cases, ids=["-".join(case) for case in cases])


@contextlib.contextmanager
def stopped(bench, case):
    kind, point = case
    policy, failpoint, more = of_kind(bench, kind)
    with bench.stopped(policy, point, failpoint=failpoint, more=more) as process:
        yield process


def finish(bench, done):
    """A run that could not tell how it ended is recovered."""
    return bench.recover(bench.good) if done.code == 9 else done


def test_server_crashes(bench, record, case):
    """The run waits for the server to come back, and puts the database back or finds it opened."""
    with stopped(bench, case) as process:
        bench.cluster.restart("immediate")
        go_on(process)
        done = end(process)
    record(case[1], check(bench, finish(bench, done)))


def test_server_crashes_and_drydock_is_killed(bench, record, case):
    with stopped(bench, case) as process:
        bench.cluster.restart("immediate")
        kill_both(process)
    record(case[1], check(bench, bench.recover(bench.good)))


def test_connections_are_lost(bench, record, case):
    """Every session of the run is ended at once, the one that holds the lock included."""
    with stopped(bench, case) as process:
        bench.cluster.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                            " WHERE application_name LIKE 'drydock run %'")
        bench.wait_without_sessions()
        go_on(process)
        done = end(process)
    record(case[1], check(bench, finish(bench, done)))


def test_nobody_waits_for_connections_that_are_all_lost(bench, record):
    """A COMMIT whose answer is lost with every connection needs no answer: the run goes back, and users wait no longer for it."""
    with bench.stopped(bench.good, "migration.before_commit") as process:
        bench.cluster.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                            " WHERE application_name LIKE 'drydock run %'")
        go_on(process)
        done = end(process)
    record("migration.before_commit", check(bench, done, ("restored",)))
    report, = bench.drydock.state.rglob("report.json")
    assert json.loads(report.read_text(encoding="utf-8"))["downtime_ms"] < 20000, str(done)


def test_recovery_meets_a_crash_of_the_server(bench, record):
    bench.kill_run(bench.good, "migrate.apply.done#2=kill")
    with bench.stopped(bench.good, "name.before_commit", command="recover") as process:
        bench.cluster.restart("immediate")
        go_on(process)
        done = end(process)
    record("name.before_commit", check(bench, done, ("restored",)))


@pytest.mark.parametrize("kind", ["in_place", "alone"])
def test_the_exchange_did_not_come_about(bench, record, kind):
    """Its answer is lost: what the copies are now tell their records, and that nothing was migrated."""
    policy, _, _ = of_kind(bench, kind)
    with bench.stopped(policy, "exchange.before_commit") as process:
        bench.cluster.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                            " WHERE application_name LIKE 'drydock run %'")
        bench.wait_without_sessions()
        go_on(process)
        done = end(process)
    record("exchange.before_commit", check(bench, done, ("back",)))
