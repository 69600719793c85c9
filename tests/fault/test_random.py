"""Runs that are killed or terminated at any moment, while clients write all the time. Nothing they were promised is lost."""

import os
import random
import signal

import clients
from bench import NAME, check, end
from points import of_kind
from program import inner, kill_both


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        first = 1000 * metafunc.config.getoption("--seed")
        metafunc.parametrize("seed", range(first, first + metafunc.config.getoption("--rounds")))


def test_random_death(bench, record, seed):
    chance = random.Random(seed)
    policy, _, _ = of_kind(bench, chance.choice(("success", "bad", "in_place", "in_place-bad")))
    on_crash = chance.choice(("restore", "continue"))
    how = chance.choice((kill_both, kill_inner, lambda process: process.send_signal(signal.SIGTERM)))
    with_state = chance.random() < 0.7
    with clients.Clients(bench.cluster, NAME, count=2) as writers:
        writers.wait_for_writes()
        with bench.drydock.started(*bench.arguments("run", policy), dsn=bench.dsn()) as process:
            try:
                process.wait(chance.uniform(0.0, 1.3 * bench.seconds))
            except Exception:
                how(process)
            done = end(process)
        if done.code < 0:
            if not with_state:
                bench.drydock.fresh_state()
            done = bench.run(policy, command="recover", more=("--on-crash", on_crash))
        assert NAME in bench.databases(), str(done)
        wait_for_writes(bench, writers, done)
    writers.check(NAME)
    kind = judge(bench, done)
    record("any", kind)


def wait_for_writes(bench, writers, done):
    try:
        writers.wait_for_writes()
    except AssertionError as error:
        sessions = bench.cluster.query("SELECT datname, usename, state, wait_event, application_name FROM pg_stat_activity")
        raise AssertionError(f"{error}: {done}\n{bench.databases()}\n{sessions}") from error


def kill_inner(process):
    """The guardian is left: it recovers."""
    worker = inner(process)
    if worker is not None:
        os.kill(worker, signal.SIGKILL)


def judge(bench, done):
    """As check(), over everything but what the clients wrote."""
    bench.cluster.query("DROP SCHEMA clients CASCADE", database=NAME)
    for name in bench.databases():
        assert "_drydock_" not in name, str(done)
    return check(bench, done)
