"""A disk is full, of the state folder, of a store, or of the server's data, from some moment on: the last line is true all the same,
and when there is room again the next recovery finds nothing that would be wrong."""

import contextlib
import os
import subprocess

import pytest
from bench import NAME, check, end, go_on

# A moment of every phase.
POINTS = ("preflight.passed.note", "fence.rename.intent", "clone.create.intent", "snapshot.take.intent", "publish.put.intent",
          "migrate.begin.intent", "migrate.apply.intent#2", "verify.check.intent", "open.rename.intent", "run.end.note")


class Disk:
    """A small file system, which can be filled."""

    def __init__(self, folder):
        self.folder = folder

    def fill(self):
        with open(self.folder / "filler", "wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        assert os.statvfs(self.folder).f_bavail == 0

    def give_room(self):
        (self.folder / "filler").unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(folder, size, options="mode=0700"):
    folder.mkdir(parents=True, exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},{options}", "tmpfs", folder], check=False,
                      capture_output=True).returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def run_with(bench, disk, point, policy=None):
    """A run during which the disk is full from a point on."""
    with bench.stopped(policy or bench.good, point) as process:
        disk.fill()
        go_on(process)
        return end(process)


def check_recovered(bench, disk):
    """With room again: there is nothing to recover, or recovery says the same."""
    disk.give_room()
    again = bench.recover(bench.good)
    assert again.code in (0, 1, 7), str(again)
    again = bench.recover(bench.good)
    assert again.code == 0 and "nothing to recover" in again.last_line, str(again)


@pytest.mark.parametrize("point", POINTS)
def test_state_folder(bench, record, point):
    """Nothing is begun that cannot be written down; what is begun is put back. Behind the opening it is a warning."""
    with small_disk(bench.drydock.state, "12m") as disk:
        done = run_with(bench, disk, point)
        opened = point in ("open.rename.intent", "run.end.note")  # the intent is written
        record(point, check(bench, done, ("after",) if opened else ("back", "restored")))
        assert "o space left" in done.stdout + done.stderr, str(done)
        check_recovered(bench, disk)


@pytest.mark.parametrize("point", ["migrate.apply.intent#2", "name.after_commit"])
def test_state_folder_of_a_recovery(bench, record, point):
    """A run has died, and what recovers it cannot write anything down: the database comes first."""
    with small_disk(bench.drydock.state, "12m") as disk:
        bench.kill_run(bench.good, f"{point}=kill")
        disk.fill()
        done = bench.recover(bench.good)
        record(point, check(bench, done, ("restored",) if "migrate" in point else ("after",)))
        check_recovered(bench, disk)


@pytest.mark.parametrize("point, ended", [("publish.put.intent", "back"), ("run.end.note", "after")])
def test_store(bench, record, point, ended):
    with small_disk(bench.store, "3m") as disk:
        done = run_with(bench, disk, point)
        record(point, check(bench, done, (ended,)))
        assert "o space left" in done.stderr or "are free on its file system" in done.stderr, str(done)
        check_recovered(bench, disk)


@contextlib.contextmanager
def in_small_tablespace(bench):
    """The database, and so its clone, on a small disk."""
    folder, account = bench.cluster.folder / "small", bench.cluster.account
    options = f"mode=0700,uid={account.pw_uid}" if account else "mode=0700"
    with small_disk(folder, "40m", options) as disk:
        (folder / "space").mkdir()
        if account:
            os.chown(folder / "space", account.pw_uid, account.pw_gid)
        bench.cluster.query(f"CREATE TABLESPACE small LOCATION '{folder / 'space'}'")
        bench.cluster.query(f"ALTER DATABASE {NAME} SET TABLESPACE small")
        shared, before, after = bench.shared, bench.before, bench.after
        bench.shared = bench._shared()
        bench.before = bench.state()
        bench.after = type(after)(after.content, after.schema, bench.before.properties, after.history)
        try:
            yield disk
        finally:
            disk.give_room()
            bench.shared, bench.before, bench.after = shared, before, after
            bench.clear()
            bench.cluster.query("DROP TABLESPACE small")


@pytest.mark.parametrize("point, ended", [("clone.create.intent", "back"), ("migrate.apply.intent", "restored"),
                                          ("migrate.apply.intent#3", "restored"), ("open.rename.intent", "after")])
def test_data_of_the_server(bench, record, point, ended):
    """The way back needs no room, and neither does the opening."""
    with in_small_tablespace(bench) as disk:
        done = run_with(bench, disk, point)
        record(point, check(bench, done, (ended,)))
        if ended != "after":
            assert "space left on device" in done.last_line and "a disk of the server is full" in done.stderr, str(done)
        check_recovered(bench, disk)
