"""drydock rehearse: a snapshot is restored, migrated and proven for trial; nothing in service is touched."""

import signal

import pytest

import bed as beds
import maintenance
from cluster import SUPERUSER
from content import databases, properties
from maintenance import wait_until
from test_restore_command import dump, member  # noqa: F401


@pytest.fixture
def live(white_cross):
    return white_cross("white_cross", students=30)


@pytest.fixture
def archive(live, tmp_path):
    return dump(live, tmp_path / "white_cross.dump")


@pytest.fixture
def rehearse(project, live):
    """rehearse(source, *more) under the project's policy."""
    def run(source, *more, policy=True, user=SUPERUSER, env=None):
        return project.drydock(*arguments(project, source, *more, policy=policy), dsn=live.dsn(user), env=env)
    return run


def arguments(project, source, *more, policy=True):
    given = ["rehearse", "--from", source, "--state", project.state]
    given += ["--policy", project.folder / "policy.yaml"] if policy else ["--migrations", project.migrations]
    return [*given, *more]


def rehearsals(cluster):
    return [name for name in databases(cluster) if "_rehearsal_" in name]


def check_untouched(live, before):
    assert maintenance.as_in_service(live) == before
    assert live.cluster.query("SELECT objid FROM pg_locks WHERE locktype = 'advisory'") == []
    assert live.cluster.query("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'drydock rehearse %'") == []


@pytest.mark.parametrize("user", [beds.OWNER, SUPERUSER])
def test_succeeds(member, live, archive, rehearse, project, cluster, user):
    before = maintenance.as_in_service(live)
    done = rehearse(archive, user=user)
    assert done.code == 0, str(done)
    assert "done: the rehearsal of 'white_cross' succeeded: 3 migrations applied" in done.last_line
    assert rehearsals(cluster) == []
    check_untouched(live, before)


def test_a_snapshot_of_its_own(live, rehearse, project, cluster, tmp_path):
    """White Cross as in life: what `drydock snapshot` took, with digests that the restore is compared with."""
    before = maintenance.as_in_service(live)
    folder = tmp_path / "snapshot"
    taken = project.drydock("snapshot", "--out", folder, dsn=live.dsn(SUPERUSER))
    assert taken.code == 0, str(taken)
    report = rehearse(folder, "--json").json()
    assert report["exit_code"] == 0, report["result"]
    assert report["restored"]["proven"] is True
    assert [each["id"] for each in report["migrations"]] == beds.migration_ids()[5:]
    assert rehearsals(cluster) == []
    check_untouched(live, before)


def test_reports(live, archive, rehearse, project):
    """Every phase and migration with its time; `drydock runs` lists it."""
    done = rehearse(archive, "--json")
    report = done.json()
    assert report["command"] == "rehearse" and report["exit_code"] == 0
    assert [phase["phase"] for phase in report["phases"]] == ["preflight", "import", "migrate", "verify", "drop"]
    assert all("duration_ms" in each for each in [*report["phases"], *report["migrations"]])
    assert len(report["migrations"]) == 3
    assert (project.runs()[-1] / "report.json").exists()
    listed = project.drydock("runs", "--json", "--state", project.state).json()["runs"]
    assert [(run["command"], run["database"], run["exit_code"]) for run in listed] == [("rehearse", "white_cross", 0)]


def test_without_a_policy(live, archive, rehearse):
    done = rehearse(archive, policy=False)
    assert done.code == 0, str(done)


def test_keeps_the_database(live, archive, rehearse, project, cluster):
    """Closed, migrated, and no later rehearsal drops it."""
    done = rehearse(archive, "--keep")
    assert done.code == 0, str(done)
    (kept,) = rehearsals(cluster)
    assert f"it is kept as '{kept}', closed" in done.last_line
    maintenance.check_closed(cluster, kept)
    with cluster.opened(kept):
        assert cluster.value("SELECT count(*) FROM drydock.migrations", database=kept) == 8
    assert rehearse(archive).code == 0
    assert rehearsals(cluster) == [kept]


@pytest.mark.parametrize("sql, code", [
    ("SELECT 1 / (count(*) - count(*)) FROM students;", 1),
    ("UPDATE students SET id = id; DELETE FROM allergies WHERE id = (SELECT min(id::text)::uuid FROM allergies);", 4),
    ("SELEC 1;", 2),
], ids=["fails", "not declared", "syntax"])
@pytest.mark.parametrize("keep", [False, True])
def test_fails(live, archive, rehearse, project, cluster, sql, code, keep):
    before = maintenance.as_in_service(live)
    project.add("wrong", sql)
    done = rehearse(archive, *(["--keep"] if keep else []))
    assert done.code == code, str(done)
    assert "nothing in service was touched" in done.last_line
    assert len(rehearsals(cluster)) == keep
    check_untouched(live, before)


def test_beside_a_run(live, archive, rehearse, project):
    """It does not need the lock of the database, but one of its own."""
    project.add("wait", maintenance.WAIT)
    with project.started(live) as run:
        run.wait_for_migration()
        project.remove("20990101000000")
        done = rehearse(archive)
        assert done.code == 0, str(done)
        assert run.go_on().code == 0


def test_one_at_a_time(live, archive, rehearse, project, cluster):
    env = {"DRYDOCK_FAILPOINT": "import.restore.intent=stop"}
    with project.drydock.started(*arguments(project, archive), dsn=live.dsn(SUPERUSER), env=env) as first:
        wait_until(lambda: cluster.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"))
        done = rehearse(archive)
        assert done.code == 5, str(done)
        first.send_signal(signal.SIGCONT)
        first.communicate(timeout=60)
        assert first.returncode == 0


@pytest.mark.parametrize("point", ["import.restore.intent", "import.restore.acted", "migrate.apply.acted",
                                   "verify.check.acted"])
def test_killed(live, archive, rehearse, project, cluster, point):
    """What it leaves is dropped by the next one; recovery has nothing to do with it."""
    before = maintenance.as_in_service(live)
    done = rehearse(archive, env={"DRYDOCK_FAILPOINT": f"{point}=kill"})
    assert done.code == -signal.SIGKILL, str(done)
    left = rehearsals(cluster)
    assert len(left) == (point != "import.restore.intent")
    assert all(not properties(cluster, name)["open"] for name in left)
    assert list(project.runs()[-1].glob("spool/*/*")) == []
    recovered = project.drydock("recover", "--policy", project.folder / "policy.yaml", "--state", project.state, "--yes",
                                dsn=live.dsn(SUPERUSER))
    assert recovered.code == 0 and "nothing to recover" in recovered.last_line, str(recovered)
    assert rehearsals(cluster) == left
    again = rehearse(archive)
    assert again.code == 0, str(again)
    assert all(f"dropped '{name}'" in again.stderr for name in left)
    assert rehearsals(cluster) == []
    check_untouched(live, before)


@pytest.mark.parametrize("point", ["import.restore.intent", "migrate.apply.acted"])
def test_signal(live, archive, rehearse, cluster, point):
    before = maintenance.as_in_service(live)
    done = rehearse(archive, env={"DRYDOCK_FAILPOINT": f"{point}=term"})
    assert done.code == 128 + signal.SIGTERM, str(done)
    assert rehearsals(cluster) == []
    check_untouched(live, before)


def test_without_the_database(white_cross, archive, live, rehearse, cluster):
    """The server need not have a database of that name: it is rehearsed elsewhere."""
    cluster.query("DROP DATABASE white_cross WITH (FORCE)")
    done = rehearse(archive)
    assert done.code == 0, str(done)
    assert [name for name in databases(cluster) if name.startswith("white_cross")] == []


def test_of_a_template(live, project, rehearse, cluster, tmp_path):
    """What the snapshot says of its database does not keep the scratch database from being dropped."""
    cluster.query("ALTER DATABASE white_cross IS_TEMPLATE true")
    try:
        taken = project.drydock("snapshot", "--out", tmp_path / "snapshot", dsn=live.dsn(SUPERUSER))
    finally:
        cluster.query("ALTER DATABASE white_cross IS_TEMPLATE false")
    assert taken.code == 0, str(taken)
    done = rehearse(tmp_path / "snapshot")
    assert done.code == 0, str(done)
    assert rehearsals(cluster) == []
