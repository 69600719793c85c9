"""`snapshot` and `restore` die at each of their failpoints and at any moment: nothing is left that looks finished, no session,
no child, and nothing that the next attempt stumbles over."""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from bench import NAME, end, wait_until

import bed as beds
import content as contents

SPLIT = "1MiB"
MORE = """
CREATE TABLE cargo (id integer PRIMARY KEY, note text, ship bigint REFERENCES ships);
ALTER TABLE cargo ALTER note SET STORAGE PLAIN;
INSERT INTO cargo SELECT n, repeat('cargo ' || n, 150), 1 + n % 200 FROM generate_series(1, 3000) n;
CREATE INDEX cargo_note ON cargo (left(note, 20));
CREATE MATERIALIZED VIEW heaviest AS SELECT max(id) FROM cargo;
"""


class Harness:
    """A database, a folder for snapshots of it, and one good snapshot."""

    def __init__(self, bench):
        self.bench, self.drydock, self.cluster = bench, bench.drydock, bench.cluster
        self.folder = bench.folder / "snapshots"
        self.folder.mkdir(exist_ok=True)
        self.cluster.query(f"SET ROLE {beds.OWNER};" + MORE, database=NAME)
        self.state = contents.content(self.cluster, NAME)
        self.good = self.folder / "good"
        done = self.drydock(*self.snapshot(self.good), dsn=self.dsn())
        assert done.code == 0, str(done)

    def dsn(self):
        return self.cluster.dsn(NAME, "postgres")

    @staticmethod
    def snapshot(folder):
        return ("snapshot", "--out", folder, "--split", SPLIT, "--jobs", "2")

    def restore(self, name="back", *more):
        return ("restore", "--from", self.good, "--database", name, "--jobs", "2", *more)

    def clear(self):
        for path in self.folder.iterdir():
            subprocess.run(["rm", "-rf", str(path)], check=True)

    # -- looking --------------------------------------------------------------------------------

    def children(self):
        """pg_dump and pg_restore processes that work for the test server."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                words = (path / "cmdline").read_bytes().split(b"\0")
                environment = (path / "environ").read_bytes()
            except OSError:
                continue
            if os.path.basename(words[0]) in (b"pg_dump", b"pg_restore") and \
                    str(self.cluster.folder).encode() in b"\0".join(words) + environment:
                found.append((path.name, words))
        return found

    def quiet(self):
        """No session and no child is left, soon."""
        self.bench.wait_without_sessions()
        wait_until(lambda: not self.children(), f"children are left: {self.children()}", 20)
        # The tests' own may be slower to go than to look.
        others = "SELECT application_name, query FROM pg_stat_activity WHERE datname IS NOT NULL AND application_name <> 'drydock tests'"
        wait_until(lambda: not self.cluster.query(others), "a session is left", 20)

    def manifests(self):
        return sorted(str(path) for path in self.folder.rglob("manifest.json") if path.parent != self.good)

    def names(self):
        return [name for name in self.bench.databases() if name != NAME]

    def check_snapshot(self, out, told):
        """After a death: either no snapshot, or a whole one under its name (its last step was done). The next attempt succeeds."""
        self.quiet()
        # The manifest is written last: where there is one, everything is.
        for found in self.manifests():
            assert self.drydock("verify", "snapshot", os.path.dirname(found)).code == 0, f"{found} looks like a snapshot: {told}"
        if out.exists() and (out / "manifest.json").exists():
            out = out.with_name(out.name + "-again")
        done = self.drydock(*self.snapshot(out), dsn=self.dsn())
        assert done.code == 0, f"the next attempt: {done}\nafter {told}"
        assert self.drydock("verify", "snapshot", out).code == 0
        assert not self.names()

    def check_restore(self, told, died=True):
        """After a death: no database of that name, unless it is complete; the next attempt succeeds."""
        self.quiet()
        if "back" in self.names():
            assert contents.content(self.cluster, "back") == self.state, f"half a database: {told}"
            self.cluster.query("DROP DATABASE back WITH (FORCE)")
        for name in self.names():
            # What is left says by its name and comment that it is nothing, and lets nobody in.
            assert died, f"'{name}' is left: {told}"
            properties = contents.properties(self.cluster, name)
            assert "drydock" in name + (properties["comment"] or ""), f"'{name}' is left: {told}"
            public = [grant for grant in properties["acl"] if "PUBLIC=CONNECT" in grant]
            assert not (properties["open"] and public), f"everybody gets into '{name}': {properties}"
        # Its id is the second it began in, and so is the name of what was left.
        time.sleep(1 - time.time() % 1)
        done = self.drydock(*self.restore(), dsn=self.cluster.dsn())
        assert done.code == 0, f"the next attempt: {done}\nafter {told}"
        assert contents.content(self.cluster, "back") == self.state
        assert contents.properties(self.cluster, "back")["acl"] == contents.properties(self.cluster, NAME)["acl"]
        left = [name for name in self.names() if name != "back"]
        for name in [*left, "back"]:
            self.cluster.query(f'DROP DATABASE "{name}" WITH (FORCE)')
        return left


@pytest.fixture
def harness(bench):
    made = Harness(bench)
    yield made
    if not made.cluster.running():
        made.cluster.start()
    made.clear()


def passed(harness, *command, dsn):
    """The failpoints that a command passes, each once, and the last time of those passed often."""
    log = harness.folder.parent / "points.log"
    log.unlink(missing_ok=True)
    done = harness.drydock(*command, dsn=dsn, env={"DRYDOCK_FAILPOINT_LOG": str(log)})
    assert done.code == 0, str(done)
    names = log.read_text(encoding="utf-8").split()
    once = list(dict.fromkeys(names))
    return once + [f"{name}#{names.count(name)}" for name in once if names.count(name) > 1]


def ways(config, number):
    """Each point with a kill; asked to end at every third, or at all of them."""
    both = (("kill", -signal.SIGKILL), ("term", 128 + signal.SIGTERM))
    return both if config.getoption("--all") or number % 3 == 0 else both[:1]


def test_snapshot_dies_at_each_point(harness, record, pytestconfig):
    points = passed(harness, *harness.snapshot(harness.folder / "learn"), dsn=harness.dsn())
    assert len(points) >= 5, points
    subprocess.run(["rm", "-rf", str(harness.folder / "learn")], check=True)
    for number, point in enumerate(points):
        out = harness.folder / f"s{number}"
        for how, code in ways(pytestconfig, number):
            done = harness.drydock(*harness.snapshot(out), dsn=harness.dsn(), env={"DRYDOCK_FAILPOINT": f"{point}={how}"})
            assert done.code == code or (how == "term" and done.code == 0), f"{point}={how}: {done}"
            if how == "term" and done.code != 0:
                assert not out.exists(), f"{out} is left at {point}: {done}"
            harness.check_snapshot(out, f"{point}={how}: {done}")
            record(point, how)
            for path in harness.folder.glob(f"s{number}*"):
                subprocess.run(["rm", "-rf", str(path)], check=True)


def test_restore_dies_at_each_point(harness, record, pytestconfig):
    points = passed(harness, *harness.restore("learn"), dsn=harness.cluster.dsn())
    assert len(points) >= 5, points
    harness.cluster.query("DROP DATABASE learn WITH (FORCE)")
    if not pytestconfig.getoption("--all"):
        points = [point for point in points if "#" not in point]
    for number, point in enumerate(points):
        for how, code in ways(pytestconfig, number):
            done = harness.drydock(*harness.restore(), dsn=harness.cluster.dsn(), env={"DRYDOCK_FAILPOINT": f"{point}={how}"})
            assert done.code == code or (how == "term" and done.code == 0), f"{point}={how}: {done}"
            harness.check_restore(f"{point}={how}: {done}", died=how == "kill")
            record(point, how)


def test_dies_at_any_moment(harness, record):
    """Killed, or asked to end, after a random time; in one of four cases the server goes instead."""
    chance = random.Random(17)
    for number in range(8):
        taking = number % 2 == 0
        how = ("kill", "term", "kill", "server")[number // 2 % 4]
        out = harness.folder / f"r{number}"
        command = harness.snapshot(out) if taking else harness.restore()
        with harness.drydock.started(*command, dsn=harness.dsn() if taking else harness.cluster.dsn()) as process:
            time.sleep(chance.uniform(0.01, 0.5 if taking else 0.9))
            if how == "server":
                # It waits for the server to come back, to clean up.
                harness.cluster.restart("immediate")
            else:
                process.send_signal({"kill": signal.SIGKILL, "term": signal.SIGTERM}[how])
            done = end(process, 60)
        told = f"number {number}, {how}: {done}"
        if how == "server":
            assert done.code in (0, 1), told
        if taking:
            harness.check_snapshot(out, told)
        else:
            harness.check_restore(told, died=how != "term")
        record("snapshot" if taking else "restore", how if done.code else "done")


@pytest.mark.parametrize("point", ["snapshot.exported", "snapshot.part"])
def test_server_goes_while_it_stands(harness, record, point):
    """The server restarts under a snapshot that stands still: it ends with an error, and leaves nothing."""
    out = harness.folder / "s"
    with harness.drydock.started(*harness.snapshot(out), dsn=harness.dsn(), env={"DRYDOCK_FAILPOINT": f"{point}=stop"}) as process:
        wait_until(lambda: Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] == "T", point)
        harness.cluster.restart("immediate")
        os.kill(process.pid, signal.SIGCONT)
        done = end(process, 60)
    assert done.code == 1, str(done)
    assert not out.exists(), str(done)
    harness.check_snapshot(out, str(done))
    record(point, "server")


def test_disk_is_full(harness, record):
    """No room for the snapshot: words, exit 1, nothing left."""
    place = harness.folder / "tiny"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], check=False, capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    try:
        done = harness.drydock(*harness.snapshot(place / "s"), dsn=harness.dsn())
        assert done.code == 1 and "No space left" in done.stdout + done.stderr, str(done)
        assert os.listdir(place) == [], str(done)
        harness.quiet()
    finally:
        subprocess.run(["umount", str(place)], check=True)
    record("disk", "full")


def test_signal_of_a_terminal(harness, record):
    """Ctrl-C ends drydock, and pg_dump with it; the exit code says so."""
    out = harness.folder / "s"
    with harness.drydock.started(*harness.snapshot(out), dsn=harness.dsn(), env={"DRYDOCK_FAILPOINT": "snapshot.part=stop"}) as process:
        wait_until(lambda: Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] == "T", "stops")
        process.send_signal(signal.SIGINT)
        os.kill(process.pid, signal.SIGCONT)
        done = end(process, 60)
    assert done.code == 128 + signal.SIGINT, str(done)
    assert not out.exists() and not harness.children(), str(done)
    assert json.loads((harness.good / "manifest.json").read_text(encoding="utf-8"))["database"] == NAME
    record("snapshot.part", "int")
