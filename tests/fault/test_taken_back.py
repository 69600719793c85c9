"""A run that was opened is taken back, and that dies: the database is in service all the time, as users left it or as it was before
the run, and the next attempt succeeds."""

import random
import signal

import pytest
from bench import NAME

import content as contents
from cluster import quote

WRITE = "INSERT INTO ships (name) VALUES ('written since')"


class Opened:
    """The database behind a run and its users' writes."""

    def __init__(self, bench, tier):
        self.bench, self.tier = bench, tier
        bench.clear()
        bench.make()
        done = bench.run(bench.good)
        assert done.code == 0, str(done)
        self.run = next(iter((bench.drydock.state / "runs").iterdir())).name
        if tier == "snapshot":
            bench.cluster.query(f"DROP DATABASE {quote(f'{NAME}_before_{self.run}')}")
        bench.cluster.query(WRITE, database=NAME)
        self.after = bench.state()

    def take_back(self, failpoint=None, log=None):
        env = {"DRYDOCK_FAILPOINT": failpoint or "", "DRYDOCK_FAILPOINT_LOG": str(log or "/dev/null")}
        return self.bench.drydock("restore", "--policy", self.bench.good, "--run", self.run, "--database", NAME, "--state",
                                  self.bench.drydock.state, "--discard-writes-since", "2026-01-01T00:00:00Z",
                                  dsn=self.bench.cluster.dsn(), env=env)

    def is_taken_back(self):
        """Which of the two it is; nothing else may be."""
        self.bench.wait_without_sessions()
        assert contents.properties(self.bench.cluster, NAME)["open"]
        now = self.bench.state()
        assert now in (self.after, self.bench.before)
        assert not self.bench.cluster.query("SELECT pid FROM pg_locks WHERE locktype = 'advisory'")
        return now == self.bench.before

    def check_done(self, done):
        assert done.code == 0, str(done)
        assert self.is_taken_back()
        names = self.bench.databases()
        assert not [name for name in names if "_drydock_" in name], str(done)
        assert len([name for name in names if name.startswith(f"{NAME}_replaced_")]) == 1, str(done)


def points(bench, tier):
    """Those that it passes."""
    log = bench.folder / "taken_back.log"
    log.unlink(missing_ok=True)
    opened = Opened(bench, tier)
    opened.check_done(opened.take_back(log=log))
    return list(dict.fromkeys(log.read_text(encoding="utf-8").split()))


@pytest.mark.parametrize("tier", ["copy", "snapshot"])
def test_taking_back_dies(bench, record, request, tier):
    passed = points(bench, tier)
    assert "name.before_commit" in passed and "name.after_commit" in passed
    if not request.config.getoption("--all"):
        passed = sorted(random.Random(1).sample(passed, 2) + ["name.before_commit", "name.after_commit"], key=passed.index)
    opened = None
    for point in dict.fromkeys(passed):
        opened = opened or Opened(bench, tier)
        done = opened.take_back(f"{point}=kill")
        assert done.code == -signal.SIGKILL, f"{point}: {done}"
        taken_back = opened.is_taken_back()
        record("taken back", "back" if taken_back else "nothing")
        if taken_back:
            opened = None
    if opened is not None:
        opened.check_done(opened.take_back())
