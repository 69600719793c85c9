"""A run without a fence is killed at each of its failpoints; `recover` takes back what it did, or ends it."""

import pytest
from bench import NAME, end, go_on
from conftest import learned
from online import DEATHS, check, is_marked, learn, of_kind, of_online_recoveries, of_online_runs
from test_kill import LEFT, can_fail, choose, together


def pytest_generate_tests(metafunc):
    makers = {"run_case": (of_online_runs, LEFT), "recovery_case": (of_online_recoveries, LEFT[:2]),
              "going_on": (of_online_runs, LEFT[:1]), "server_case": (of_online_runs, LEFT[:1])}
    for name, (make, left) in makers.items():
        if name in metafunc.fixturenames:
            cases = choose(metafunc.config, learned(metafunc.config, make), left)
            if name in ("going_on", "server_case") and not metafunc.config.getoption("--all"):
                cases = cases[::2]
            metafunc.parametrize(name, cases, ids=["-".join(case) for case in cases])


@pytest.fixture
def online(bench):
    learn(bench)
    return bench


def expected(marked):
    return ("after", "restored", "back") if not marked else ("after", "restored")


def check_idle(bench, policy):
    again = bench.recover(policy)
    assert again.code == 0 and "nothing to recover" in again.last_line, str(again)


def test_killed_run(online, record, run_case):
    kind, point, left = run_case
    policy, failpoint = of_kind(online, kind)
    if left == "guardian":
        done = online.run(policy, together(failpoint, f"{point}=die"))
        assert "ended by signal 9" in done.stderr and done.code >= 0, f"the point was not passed: {done}"
        record(point, check(online, done, expected(False)))
    elif left == "error":
        assert can_fail(point)
        done = online.run(policy, together(failpoint, f"{point}=error"))
        # What was done outside a transaction and could not be written down is found by the next attempt.
        if done.code in (8, 9):
            done = online.recover(policy)
        record(point, check(online, done, expected(False)))
    else:
        online.kill_run(policy, together(failpoint, f"{point}=kill"))
        marked = is_marked(online)
        done = online.recover(policy, left == "state")
        record(point, check(online, done, expected(True) if marked else (*expected(False), "nothing")))
    check_idle(online, policy)


def finish(bench, policy, done):
    """A run that could not tell how it ended is recovered."""
    return bench.recover(policy) if done.code == 9 else done


def test_the_server_crashes(online, record, server_case):
    kind, point, _ = server_case
    policy, failpoint = of_kind(online, kind)
    with online.stopped(policy, point, failpoint=failpoint) as process:
        online.cluster.restart("immediate")
        go_on(process)
        done = end(process)
    record(point, check(online, finish(online, policy, done)))


def test_connections_are_lost(online, record, server_case):
    kind, point, _ = server_case
    policy, failpoint = of_kind(online, kind)
    with online.stopped(policy, point, failpoint=failpoint) as process:
        online.cluster.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                             " WHERE application_name LIKE 'drydock run %'")
        online.wait_without_sessions()
        go_on(process)
        done = end(process)
    record(point, check(online, finish(online, policy, done)))


def test_killed_recovery(online, record, recovery_case):
    death, point, left = recovery_case
    policy, _ = of_kind(online, "online")
    online.kill_run(policy, f"{death}=kill")
    if left == "lost":
        online.drydock.fresh_state()
    first = online.run(policy, f"{point}=kill", command="recover")
    if left == "state":
        assert first.code == -9, f"the point was not passed: {first}"
    marked = is_marked(online)
    done = online.recover(policy)
    record(point, check(online, done, expected(True) if marked else (*expected(False), "nothing")))
    check_idle(online, policy)


def test_going_on(online, record, going_on):
    """With on_crash: continue it ends as it would have ended, from its first transaction on; but what was begun to be taken
    back is taken back."""
    kind, point, _ = going_on
    policy, failpoint = of_kind(online, kind)
    online.kill_run(policy, together(failpoint, f"{point}=kill"))
    phase = online.cluster.value("SELECT phase FROM drydock.unfinished", database=NAME) if is_marked(online) else None
    done = online.run(policy, command="recover", more=("--on-crash", "continue"))
    ended = check(online, done)
    if phase in ("migrate", "verified"):
        assert ended == ("restored" if kind == "online-broken" else "after"), str(done)
    record(point, ended)
    check_idle(online, policy)


def test_going_on_without_its_journal(online, record):
    """Nobody knows what it wanted to do: it is taken back."""
    policy, _ = of_kind(online, "online")
    online.kill_run(policy, "migrate.apply.done#2=kill")
    online.drydock.fresh_state()
    done = online.run(policy, command="recover", more=("--on-crash", "continue"))
    record("migrate.apply.done#2", check(online, done, ("restored",)))
    assert "cannot go on" in done.stderr or "did not come to its end" in done.stderr, str(done)


def test_a_person_decides(online, record):
    """Nothing is changed before; both decisions are told."""
    policy, _ = of_kind(online, "online")
    online.kill_run(policy, "migrate.apply.done#2=kill")
    done = online.run(policy, command="recover", more=("--on-crash", "ask"))
    assert done.code == 8 and "is in service" in done.last_line and is_marked(online), str(done)
    done = online.run(policy, command="recover", more=("--on-crash", "continue"))
    record("migrate.apply.done#2", check(online, done, ("after",)))


@pytest.mark.parametrize("death", DEATHS)
def test_run_after_recovery(online, record, death):
    policy, _ = of_kind(online, "online")
    online.kill_run(policy, f"{death}=kill")
    marked = is_marked(online)
    refused = online.run(policy) if marked else None
    assert refused is None or (refused.code == 3 and "drydock recover" in refused.stderr), str(refused)
    record(death, check(online, online.recover(policy)))
    done = online.run(policy)
    assert done.code == 0, str(done)
    assert "nothing is pending" in done.last_line or check(online, done) == "after"
