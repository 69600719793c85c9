"""Two runs of one database at the same moment: one of them does something, the other keeps off."""

import contextlib

from bench import check, end


def pytest_generate_tests(metafunc):
    if "attempt" in metafunc.fixturenames:
        metafunc.parametrize("attempt", range(50 if metafunc.config.getoption("--all") else 5))


def test_two_runs_at_once(bench, record, attempt):
    with contextlib.ExitStack() as stack:
        both = [stack.enter_context(bench.drydock.started(*bench.arguments("run", bench.good), dsn=bench.dsn()))
                for _ in range(2)]
        done = [end(process) for process in both]
    told = "\n".join(map(str, done))
    acted = [each for each in done if "is migrated and in service" in each.last_line]
    kept_off = [each for each in done if each not in acted]
    assert len(acted) == 1 and acted[0].code == 0, told
    # It was locked out, met a name that was taken away, or came when nothing was left to be done.
    assert len(kept_off) == 1 and kept_off[0].code in (0, 2, 3, 5), told
    assert kept_off[0].code != 0 or "nothing is pending" in kept_off[0].last_line, told
    record("two runs", check(bench, acted[0], ("after",)))
