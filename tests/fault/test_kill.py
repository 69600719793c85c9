"""drydock is killed at each of its failpoints; `recover` makes it before or after, with its state folder or without."""

import pytest
from bench import check
from conftest import learned
from points import DEATHS, of_kind, of_recoveries, of_runs


def together(first, second):
    return f"{first},{second}" if first else second


def choose(config, passed):
    """Cases (start, point, with_state) from {start: its points}: all, or a sample that takes each point once, in turn of
    starts and of having the state folder."""
    if config.getoption("--all"):
        return [(start, point, state) for start, points in passed.items() for point in points for state in (True, False)]
    starts = {}
    for start, points in passed.items():
        for point in points:
            starts.setdefault(point, []).append(start)
    return [(those[number // 2 % len(those)], point, number % 2 == 0)
            for number, (point, those) in enumerate(starts.items())]


def pytest_generate_tests(metafunc):
    makers = {"run_case": of_runs, "recovery_case": of_recoveries}
    for name, make in makers.items():
        if name in metafunc.fixturenames:
            cases = choose(metafunc.config, learned(metafunc.config, make))
            metafunc.parametrize(name, cases, ids=[f"{a}-{b}-{'state' if c else 'lost'}" for a, b, c in cases])


def expected(fenced):
    """After a death that left the name there, recovery may not know of a run: before it had begun, or without a journal."""
    return ("after", "restored", "back") + (() if fenced else ("nothing",))


def test_killed_run(bench, record, run_case):
    kind, point, with_state = run_case
    policy, failpoint, more = of_kind(bench, kind)
    bench.kill_run(policy, together(failpoint, f"{point}=kill"), more=more)
    left = [name for name in bench.databases() if "_drydock_" in name]
    done = bench.recover(policy, with_state)
    record(point, check(bench, done, expected(bool(left))))
    again = bench.recover(policy)
    assert again.code == 0 and "nothing to recover" in again.last_line, str(again)


def test_killed_recovery(bench, record, recovery_case):
    death, point, with_state = recovery_case
    start, more = death.removeprefix("from "), ("--from", bench.archive) if death.startswith("from ") else ()
    bench.kill_run(bench.good, f"{start}=kill", more=more)
    if not with_state:
        bench.drydock.fresh_state()
    first = bench.run(bench.good, f"{point}=kill", command="recover")
    if with_state:
        assert first.code == -9, f"the point was not passed: {first}"
    left = [name for name in bench.databases() if "_drydock_" in name]
    done = bench.recover(bench.good)
    record(point, check(bench, done, expected(bool(left))))


@pytest.mark.parametrize("death", DEATHS)
def test_run_after_recovery(bench, record, death):
    """What recovery has left is no obstacle: the next run succeeds."""
    bench.kill_run(bench.good, f"{death}=kill")
    refused = bench.run(bench.good)
    assert refused.code in (2, 3), str(refused)
    kind = check(bench, bench.recover(bench.good))
    done = bench.run(bench.good)
    assert done.code == 0, str(done)
    record(death, kind)
    assert bench.state() == bench.after
