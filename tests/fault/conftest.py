"""Fixtures of the fault tests: one server, one small database for each case, and a table of how the cases ended."""

import os
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path[:0] = [os.path.dirname(__file__), str(Path(__file__).resolve().parents[1] / "integration")]

import bed as beds  # noqa: E402
import cluster as clusters  # noqa: E402
import program as programs  # noqa: E402
import online  # noqa: E402
import points  # noqa: E402
from bench import Bench  # noqa: E402


class Lazy:
    """The server and the bench, made when the first test, or the list of tests, asks for them."""

    def __init__(self):
        self.cluster = self.drydock = self._bench = None
        self.learned = {}

    def bench(self):
        if self._bench is None:
            self.cluster = clusters.Cluster().start()
            beds.create_roles(self.cluster)
            self.drydock = programs.Drydock()
            self._bench = Bench(self.cluster, self.drydock)
        return self._bench

    def close(self):
        if self._bench is not None:
            self._bench.close()
        if self.drydock is not None:
            self.drydock.close()
        if self.cluster is not None:
            self.cluster.destroy()
        self.cluster = self.drydock = self._bench = None


lazy = Lazy()


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="every point in every way, not a sample of them")
    parser.addoption("--rounds", type=int, default=10, help="rounds of the random tests")
    parser.addoption("--seed", type=int, default=1, help="of the random tests")


def pytest_configure(config):
    # Without this a TERM would end us before the server is stopped.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", returncode=143))
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]


def pytest_unconfigure(config):
    lazy.close()


# With -n, the process that starts the workers learns for all of them; each must have the same list of tests.
LEARNERS = {learner.__name__: learner for learner in (
    points.of_runs, points.of_recoveries, online.of_online_runs, online.of_online_recoveries)}


def learned(config, learner):
    """What a function of points.py gives."""
    if hasattr(config, "workerinput"):
        return config.workerinput["learned"][learner.__name__]
    if learner.__name__ not in lazy.learned:
        lazy.learned[learner.__name__] = learner(lazy.bench())
    return lazy.learned[learner.__name__]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    if not hasattr(node.config, "learned"):
        node.config.learned = {name: learner(lazy.bench()) for name, learner in LEARNERS.items()}
        lazy.close()
    node.workerinput["learned"] = node.config.learned


@pytest.fixture
def bench():
    """The bench, with a new database on it."""
    made = lazy.bench()
    if not made.cluster.running():
        made.cluster.start()
    made.clear()
    made.make()
    yield made
    if not made.cluster.running():
        made.cluster.start()
    made.clear()


@pytest.fixture
def record(request):
    """record(point, kind) remembers how a case ended, for the table."""
    def remember(point, kind):
        request.node.user_properties.append((request.node.originalname, f"{point} {kind}"))
    return remember


def pytest_terminal_summary(terminalreporter):
    cases = [(test, *case.rsplit(" ", 1)) for reports in terminalreporter.stats.values() for report in reports
             if getattr(report, "when", None) == "call" for test, case in report.user_properties]
    if not cases:
        return
    ended = Counter((test, kind) for test, _, kind in cases)
    passed = {point for _, point, _ in cases}
    kinds = sorted({kind for _, kind in ended})
    terminalreporter.section("how the cases ended")
    terminalreporter.write_line(f"{'':42}" + "".join(f"{kind:>10}" for kind in kinds))
    for test in dict.fromkeys(test for test, _ in ended):
        terminalreporter.write_line(f"{test:42}" + "".join(f"{ended[(test, kind)]:>10}" for kind in kinds))
    terminalreporter.write_line(f"{len(passed)} points, {sum(ended.values())} cases")
