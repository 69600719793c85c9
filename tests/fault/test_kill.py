"""drydock is killed at each of its failpoints; `recover` makes it before or after, with its state folder or without."""

import pytest
from bench import check
from conftest import learned
from points import DEATHS, of_death, of_kind, of_recoveries, of_runs


def together(first, second):
    return f"{first},{second}" if first else second


# What is left when recovery begins: the state folder, nothing but the server, the guardian of the run; or the run itself,
# which cannot write its journal at that moment.
LEFT = ("state", "lost", "guardian", "error")

# No divisor of how many ways there are, so that the sample has all of them.
SAMPLE = 3


def choose(config, passed, left):
    """Cases (start, point, what is left) from {start: its points}: all, or a sample that takes every third point once, in
    turn of starts and of what is left."""
    if config.getoption("--all"):
        return [(start, point, what) for start, points in passed.items() for point in points for what in left
                if what != "error" or can_fail(point)]
    starts = {}
    for start, points in passed.items():
        for point in points:
            starts.setdefault(point, []).append(start)
    cases = [(those[number // len(left) % len(those)], point, left[number % len(left)])
             for number, (point, those) in enumerate(starts.items())]
    return [(start, point, what if what != "error" or can_fail(point) else left[0]) for start, point, what in cases[::SAMPLE]]


def can_fail(point):
    """Whether it is a moment of the journal, whose line cannot be written then, or one before a file gets its name."""
    return point.partition("#")[0].endswith((".intent", ".acted", ".done", ".note", "file.before_rename", "store.before_put"))


def pytest_generate_tests(metafunc):
    makers = {"run_case": of_runs, "recovery_case": of_recoveries}
    for name, make in makers.items():
        if name in metafunc.fixturenames:
            cases = choose(metafunc.config, learned(metafunc.config, make), LEFT if make is of_runs else LEFT[:2])
            metafunc.parametrize(name, cases, ids=["-".join(case) for case in cases])


def expected(fenced, lost=False):
    """After a death that left the name there, recovery may not know of a run: before it had begun, or without a journal.
    Without that, a database that was migrated itself has no way back."""
    return ("after", "restored", "back") + (() if fenced else ("nothing",)) + (("person",) if lost else ())


def test_killed_run(bench, record, run_case):
    kind, point, left = run_case
    policy, failpoint, more = of_kind(bench, kind)
    if left == "guardian":
        done = bench.run(policy, together(failpoint, f"{point}=die"), more=more)
        assert "ended by signal 9" in done.stderr and done.code >= 0, f"the point was not passed: {done}"
        record(point, check(bench, done, expected(True)))
    elif left == "error":
        done = bench.run(policy, together(failpoint, f"{point}=error"), more=more)
        if done.code == 9:
            done = bench.recover(policy)
        record(point, check(bench, done, expected(True)))
    else:
        bench.kill_run(policy, together(failpoint, f"{point}=kill"), more=more)
        copies = [name for name in bench.databases() if "_drydock_" in name]
        done = bench.recover(policy, left == "state")
        ended = check(bench, done, expected(bool(copies), left == "lost"))
        record(point, ended)
        if ended == "person":
            return
    again = bench.recover(policy)
    assert again.code == 0 and "nothing to recover" in again.last_line, str(again)


def test_killed_recovery(bench, record, recovery_case):
    death, point, left = recovery_case
    policy, failpoint, more = of_death(bench, death)
    bench.kill_run(policy, failpoint, more=more)
    if left == "lost":
        bench.drydock.fresh_state()
    first = bench.run(policy, f"{point}=kill", command="recover")
    if left == "state":
        assert first.code == -9, f"the point was not passed: {first}"
    copies = [name for name in bench.databases() if "_drydock_" in name]
    done = bench.recover(policy)
    record(point, check(bench, done, expected(bool(copies), left == "lost")))


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
