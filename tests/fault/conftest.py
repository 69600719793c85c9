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
from bench import Bench  # noqa: E402


class Lazy:
    """The server and the bench, made when the first test, or the list of tests, asks for them."""

    def __init__(self):
        self.cluster = self.drydock = self._bench = None

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


lazy = Lazy()
ended = Counter()
points = set()


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
        points.add(point)
        ended[(request.node.originalname, kind)] += 1
    return remember


def pytest_terminal_summary(terminalreporter):
    if not ended:
        return
    kinds = sorted({kind for _, kind in ended})
    terminalreporter.section("how the cases ended")
    terminalreporter.write_line(f"{'':42}" + "".join(f"{kind:>10}" for kind in kinds))
    for test in dict.fromkeys(test for test, _ in ended):
        terminalreporter.write_line(f"{test:42}" + "".join(f"{ended[(test, kind)]:>10}" for kind in kinds))
    terminalreporter.write_line(f"{len(points)} points, {sum(ended.values())} cases")
