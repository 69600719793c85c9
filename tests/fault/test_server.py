"""The server dies, or the connections to it do, while drydock stands at a point; drydock itself lives and goes on."""

from bench import check, end, go_on
from program import kill_both

POINTS = ("fence.before_commit", "fence.after_commit", "clone.create.intent", "snapshot.take.intent",
          "migration.before_commit#2", "migrate.apply.done#2", "verify.check.intent", "name.before_commit",
          "name.after_commit")

MORE = ("clone.dress.intent", "snapshot.open_keep.acted", "snapshot.close_keep.done", "migrate.begin.acted",
        "migration.after_commit#3", "verify.open_keep.acted", "verify.check.acted", "open.rename.intent",
        "open.rename.done")

TURN = {}


def pytest_generate_tests(metafunc):
    if "point" in metafunc.fixturenames:
        every = POINTS + MORE
        # The sample: each test takes every other point, one the even, the next the odd.
        first = TURN.setdefault(metafunc.definition.name, len(TURN)) % 2
        metafunc.parametrize("point", every if metafunc.config.getoption("--all") else POINTS[first::2])


def finish(bench, done):
    """A run that could not tell how it ended is recovered."""
    return bench.recover(bench.good) if done.code == 9 else done


def test_server_crashes(bench, record, point):
    """The run waits for the server to come back, and puts the database back or finds it opened."""
    with bench.stopped(bench.good, point) as process:
        bench.cluster.restart("immediate")
        go_on(process)
        done = end(process)
    record(point, check(bench, finish(bench, done)))


def test_server_crashes_and_drydock_is_killed(bench, record, point):
    with bench.stopped(bench.good, point) as process:
        bench.cluster.restart("immediate")
        kill_both(process)
    record(point, check(bench, bench.recover(bench.good)))


def test_connections_are_lost(bench, record, point):
    """Every session of the run is ended at once, the one that holds the lock included."""
    with bench.stopped(bench.good, point) as process:
        assert len(bench.cluster.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                       " WHERE application_name LIKE 'drydock run %'")) >= 3
        bench.wait_without_sessions()
        go_on(process)
        done = end(process)
    record(point, check(bench, finish(bench, done)))


def test_recovery_meets_a_crash_of_the_server(bench, record):
    bench.kill_run(bench.good, "migrate.apply.done#2=kill")
    with bench.stopped(bench.good, "name.before_commit", command="recover") as process:
        bench.cluster.restart("immediate")
        go_on(process)
        done = end(process)
    record("name.before_commit", check(bench, done, ("restored",)))
