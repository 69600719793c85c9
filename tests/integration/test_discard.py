"""Behind the point of no return: a run that was opened is taken back only by who says that what users wrote since may be lost; and
that is kept."""

import contextlib
import json
import shutil
import signal
from datetime import datetime, timedelta, timezone

import pytest

import bed as beds
import maintenance
from cluster import SUPERUSER, quote
from content import properties

WRITE = "UPDATE students SET grade = '99'"


class Opened:
    """A database that a run has migrated, and to which users have written since."""

    def __init__(self, live, project):
        self.live, self.project = live, project
        self.before = live.state()
        done = project.run(live)
        assert done.code == 0, str(done)
        self.folder = project.runs()[-1]
        self.run = self.folder.name
        self.copy = maintenance.copies(live)["before"]
        lines = [json.loads(line) for line in (self.folder / "journal.jsonl").read_text(encoding="utf-8").splitlines()]
        self.at = next(each["time"] for each in lines if (each["phase"], each["step"]) == ("open", "rename")
                       and each["kind"] == "done")
        live.query(WRITE)
        self.after = live.state()

    def restore(self, *more, source=None, user=SUPERUSER):
        return self.project.drydock("restore", *(source or ["--run", self.run]), "--database", self.live.name, "--state",
                                    self.project.state, *more, dsn=self.live.cluster.dsn("postgres", user))

    @contextlib.contextmanager
    def started(self, *more, env):
        with self.project.drydock.started("restore", "--run", self.run, "--database", self.live.name, "--state",
                                          self.project.state, *more, dsn=self.live.cluster.dsn(), env=env) as process:
            yield maintenance.Started(process, self.live)

    def later(self, seconds):
        moment = datetime.fromisoformat(self.at.replace("Z", "+00:00")) + timedelta(seconds=seconds)
        return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    def check_refused(self, done, *words):
        """With nothing changed, and nothing left."""
        assert done.code == 3, str(done)
        for word in [*words, self.run, "--discard-writes-since"]:
            assert word in done.stderr, str(done)
        assert self.live.state() == self.after
        assert len(self.project.runs()) == 1
        assert "replaced" not in maintenance.copies(self.live)

    def check_taken_back(self, done, *words):
        """As before the run; what users wrote is in a snapshot and in the copy that was put aside."""
        assert done.code == 0, str(done)
        for word in words:
            assert word in done.last_line, str(done)
        now = self.live.state()
        for each in (now, self.before):
            each["shared"].pop("databases", None)
        assert now == self.before
        replaced = maintenance.copies(self.live)["replaced"]
        assert f"'{replaced}', closed" in done.last_line
        assert not properties(self.live.cluster, replaced)["open"]
        with self.live.cluster.opened(replaced):
            assert self.live.cluster.value("SELECT DISTINCT grade FROM students", database=replaced) == "99"
        taken = self.project.runs()[-1] / "snapshot"
        assert self.project.drydock("verify", "snapshot", taken).code == 0
        compared = self.project.drydock("verify", "database", "--against", taken, dsn=self.live.dsn(SUPERUSER))
        assert compared.code == 4, str(compared)
        assert self.live.cluster.query("SELECT objid FROM pg_locks WHERE locktype = 'advisory'") == []
        assert "nothing to recover" in self.project.drydock(
            "recover", "--policy", self.project.folder / "policy.yaml", "--state", self.project.state, "--yes",
            dsn=self.live.dsn(beds.OWNER)).last_line


@pytest.fixture
def live(white_cross):
    return white_cross(students=30)


@pytest.fixture
def opened(live, project):
    return Opened(live, project)


def test_takes_a_run_back(opened):
    """Not without the consent, nor with one for less than would be lost."""
    opened.check_refused(opened.restore(), opened.at, "everything that was written to it since would be lost")
    opened.check_refused(opened.restore("--discard-writes-since", opened.later(60)), opened.at, "in between would be lost")
    done = opened.restore("--discard-writes-since", opened.at, user=beds.OWNER)
    opened.check_taken_back(done, "as it was before the run that is taken back", "proven: closed all the time since")
    assert "before" not in maintenance.copies(opened.live)
    events = (opened.project.runs()[-1] / "audit.jsonl").read_text(encoding="utf-8")
    assert '"event":"discard","actor":' in events and f'"writes_since":"{opened.at}"' in events


def test_takes_back_a_run_in_place(live, project):
    """The copy from before is the clone."""
    project.in_place()
    opened = Opened(live, project)
    done = opened.restore("--discard-writes-since", opened.at)
    opened.check_taken_back(done, "proven: closed all the time since")


def test_the_copy_was_opened_by_someone(opened):
    """Who has changed nothing: its content proves it."""
    with opened.live.cluster.opened(opened.copy):
        assert opened.live.cluster.value("SELECT count(*) FROM students", database=opened.copy) > 0
    done = opened.restore("--discard-writes-since", opened.at)
    opened.check_taken_back(done, "proven: every digest equals")


def test_the_copy_is_not_what_it_was(opened):
    """The snapshot of the run is restored, and the copy left alone."""
    with opened.live.cluster.opened(opened.copy):
        opened.live.cluster.query("UPDATE students SET grade = '1'", database=opened.copy)
    done = opened.restore("--discard-writes-since", opened.at)
    assert "is not known to be what it was" in done.stderr, str(done)
    opened.check_taken_back(done, "every digest is the one that the snapshot tells")
    assert maintenance.copies(opened.live)["before"] == opened.copy


def test_the_copy_is_changed_when_it_is_proven_already(opened):
    """While what is in service is read for its snapshot: it stays, and the next time the copy is not believed."""
    with opened.started("--discard-writes-since", opened.at, env={"DRYDOCK_FAILPOINT": "snapshot.take.acted=stop"}) as run:
        run.wait_for_stop()
        with opened.live.cluster.opened(opened.copy):
            opened.live.cluster.query("DELETE FROM medication_logs", database=opened.copy)
        run.signal(signal.SIGCONT)
        done = run.done()
    assert done.code == 4 and "was opened or changed by someone" in done.last_line, str(done)
    assert opened.live.state() == opened.after
    assert maintenance.copies(opened.live)["before"] == opened.copy
    done = opened.restore("--discard-writes-since", opened.at)
    opened.check_taken_back(done, "every digest is the one that the snapshot tells")


def test_the_copy_is_gone(opened):
    opened.live.cluster.query(f"DROP DATABASE {quote(opened.copy)}")
    done = opened.restore("--discard-writes-since", opened.at)
    opened.check_taken_back(done, "every digest is the one that the snapshot tells")
    # It was taken back: there is nothing left to do it with once the snapshot is gone, too.
    shutil.rmtree(opened.folder / "snapshot")
    again = opened.restore("--discard-writes-since", opened.at)
    assert again.code == 3 and "has no snapshot of it" in again.stderr, str(again)


def test_the_state_folder_is_lost(opened):
    """The copy's record tells all but the moment; that of the run's beginning is before it."""
    shutil.rmtree(opened.folder)
    begun = datetime.strptime(opened.run, "%Y%m%dt%H%M%S").strftime("%Y-%m-%dT%H:%M:%S")
    done = opened.restore("--discard-writes-since", opened.at)
    assert done.code == 3 and f"after {begun}" in done.stderr, str(done)
    done = opened.restore("--discard-writes-since", f"{begun}Z")
    opened.check_taken_back(done, "proven: closed all the time since")


@pytest.mark.parametrize("known_by", ["journal", "history"])
def test_swapping_in_the_snapshot_of_an_opened_run(opened, tmp_path, known_by):
    """As with --run; also where nothing but the history in the database knows of the run."""
    source, at = opened.folder / "snapshot", opened.at
    if known_by == "history":
        source = tmp_path / "elsewhere"
        shutil.move(opened.folder / "snapshot", source)
        shutil.rmtree(opened.folder)
        opened.live.cluster.query(f"DROP DATABASE {quote(opened.copy)}")
        at = datetime.strptime(opened.run, "%Y%m%dt%H%M%S").strftime("%Y-%m-%dT%H:%M:%SZ")
    done = opened.restore("--swap", source=["--from", source])
    assert done.code == 3 and "--discard-writes-since" in done.stderr and opened.run in done.stderr, str(done)
    assert opened.live.state()["content"] == opened.after["content"]
    done = opened.restore("--swap", "--discard-writes-since", at, source=["--from", source])
    opened.check_taken_back(done, "every digest is the one that the snapshot tells")


def test_a_run_that_was_not_opened(live, project):
    """There is nothing to take back: the database is as before it."""
    project.add("wrong", "SELECT 1 / 0;")
    assert project.run(live).code == 7
    before = live.state()
    done = project.drydock("restore", "--run", project.runs()[0].name, "--database", live.name, "--state", project.state,
                           "--discard-writes-since", "2026-01-01T00:00:00Z", dsn=live.cluster.dsn())
    assert done.code == 3 and "nothing to take back" in done.stderr, str(done)
    assert live.state() == before


def test_sessions_of_users_end_and_nothing_fails_half_way(opened):
    """The name is not to be had: all is as it was, and the snapshot that was taken stays."""
    done = opened.project.drydock("restore", "--run", opened.run, "--database", opened.live.name, "--state",
                                  opened.project.state, "--discard-writes-since", opened.at,
                                  dsn=opened.live.cluster.dsn(), env={"DRYDOCK_FAILPOINT": "name.before_commit=kill"})
    assert done.code == -9, str(done)
    assert opened.live.state() == opened.after
    done = opened.restore("--discard-writes-since", opened.at)
    opened.check_taken_back(done, "proven: closed all the time since")
