"""The backup lane beside the change lane: what waits for what, what a failure of one does to the other, and what recovery
makes of either order."""

import json
import os
import signal

import pytest

import bed as beds
import content as contents
import maintenance

SUPERUSER = "postgres"
SLOW_BACKUP = "snapshot.rows=sleep:1500"


@pytest.fixture
def database(white_cross):
    return white_cross(students=20)


@pytest.fixture
def go(project, database):
    """go(command, failpoint) runs it to its end."""
    def run(command="run", failpoint=None, user=beds.OWNER):
        env = {"DRYDOCK_FAILPOINT": failpoint} if failpoint else {}
        return project.drydock(command, *project.arguments()[1:], dsn=database.dsn(user), env=env)
    return run


def journal(project):
    lines = (project.runs()[-1] / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    return [f"{line['phase']}.{line['step']}.{line['kind']}" for line in map(json.loads, lines)]


def report(project):
    return json.loads((project.runs()[-1] / "report.json").read_text(encoding="utf-8"))


def published(project):
    """The names of what is in the store for the last run."""
    folder = project.published / "white_cross" / project.runs()[-1].name / "snapshot"
    return sorted(os.listdir(folder)) if folder.exists() else []


def snapshot(project):
    return sorted(os.listdir(project.runs()[-1] / "snapshot"))


def in_service(database):
    return database.name in contents.databases(database.cluster)


# -- what waits for what ------------------------------------------------------------------------------


def test_lanes_are_side_by_side(go, project, database):
    """Migrations are applied while the snapshot is taken; the report has both, with their times."""
    done = go(failpoint="snapshot.rows=sleep:4000")
    assert done.code == 0, str(done)
    steps = journal(project)
    assert steps.index("migrate.apply.done") < steps.index("snapshot.take.done")
    assert steps.index("snapshot.take.done") < steps.index("publish.put.done") < steps.index("open.rename.intent")
    assert snapshot(project) == published(project)
    phases = report(project)["phases"]
    assert [phase["started"] for phase in phases] == sorted(phase["started"] for phase in phases)
    lanes = {phase["phase"]: phase for phase in phases}
    assert {name for name, phase in lanes.items() if phase.get("lane") == "backup"} == {"snapshot", "publish"}
    assert lanes["snapshot"]["started"] < lanes["migrate"]["started"] and lanes["snapshot"]["duration_ms"] >= 4000
    assert lanes["verify"]["duration_ms"] >= lanes["verify"]["waited_ms"] > 0
    assert "beside the others" in (project.runs()[-1] / "report.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("before", ["migrate", "open"])
def test_publishing_is_waited_for(go, project, before):
    project.policy(before=before)
    done = go(failpoint="publish.put.intent=sleep:1000")
    assert done.code == 0, str(done)
    steps = journal(project)
    at = steps.index("publish.put.done")
    assert at < steps.index("open.rename.intent")
    assert (at < steps.index("migrate.begin.intent")) == (before == "migrate")


@pytest.mark.sanitized
def test_publishing_goes_on_behind_the_opening(project, database):
    """Users are at work, and what the policy starts is started, while the snapshot is copied."""
    project.policy(before="nothing")
    text = (project.folder / "policy.yaml").read_text(encoding="utf-8")
    (project.folder / "policy.yaml").write_text(
        text.replace("drain: 5s", f"drain: 5s, after: ['echo $DRYDOCK_RESULT >> {project.folder}/told']"), encoding="utf-8")
    with project.started(database, env={"DRYDOCK_FAILPOINT": "publish.put.intent=sleep:6000"}) as run:
        run.wait_until(lambda: "before" in maintenance.copies(database))
        run.wait_until((project.folder / "told").exists)
        assert database.value("SELECT count(*) FROM students") == 20
        assert published(project) == []
        done = run.done()
    assert done.code == 0 and "not published" not in done.last_line, str(done)
    assert published(project) == snapshot(project)
    assert (project.folder / "told").read_text(encoding="utf-8") == "migrated\n"
    assert report(project)["downtime_ms"] < 6000
    maintenance.check_nothing_left(database.cluster)


def test_what_could_not_be_published_is_published_by_recovery(go, project, database):
    """Users are at work, so that it is no failure of the run; the last line says it until it is done."""
    project.policy(before="nothing")
    done = go(failpoint="publish.put.intent=error")
    assert done.code == 0 and "is migrated and in service" in done.last_line, str(done)
    assert "is not published, drydock recover tries again: publish: " in done.last_line
    assert published(project) == [] and "publish" in report(project)["exceptions"][0]
    project.published.rename(project.folder / "away")
    still = go("recover")
    assert still.code == 0 and "is not published" in still.last_line, str(still)
    (project.folder / "away").rename(project.published)
    now = go("recover")
    assert now.code == 0 and "nothing to recover" in now.last_line, str(now)
    assert f"the snapshot of run {project.runs()[-1].name} is published now" in now.last_line
    assert published(project) == snapshot(project)
    again = go("recover")
    assert again.code == 0 and "published" not in again.last_line, str(again)


# -- failures -----------------------------------------------------------------------------------------


@pytest.mark.sanitized
@pytest.mark.parametrize("point", ["snapshot.take.acted", "publish.put.intent"])
def test_a_failing_backup_stops_the_migration(go, project, database, point):
    """The statement that runs is cancelled at once; the cause is the backup's."""
    project.add("test", "SELECT pg_sleep(1000);")
    before = maintenance.as_in_service(database)
    with project.started(database, env={"DRYDOCK_FAILPOINT": f"snapshot.rows=sleep:1500,{point}=error"}) as run:
        run.wait_for_statement("pg_sleep(1000)")
        done = run.done(30)
    maintenance.check_put_back(done, database, before)
    assert f"; cause: {point.split('.')[0]}: " in done.last_line and f"failpoint {point}" in done.last_line, str(done)
    assert database.cluster.query("SELECT pid FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(1000)%%'"
                                  " AND pid <> pg_backend_pid()") == []


@pytest.mark.sanitized
def test_a_failing_migration_stops_the_backup(go, project, database):
    """The kept copy is proven by its gate; of the snapshot nothing is left, and no session."""
    project.add("test", "SELECT 1 / (count(*) - count(*)) FROM students;")
    before = maintenance.as_in_service(database)
    done = go(failpoint=SLOW_BACKUP)
    maintenance.check_put_back(done, database, before)
    assert "; cause: migrate: " in done.last_line and "division by zero" in done.last_line, str(done)
    assert "its row in pg_database is the one that was written" in done.last_line
    assert "snapshot.take.done" not in journal(project)
    assert [name for name in os.listdir(project.runs()[-1]) if name.startswith("snapshot")] == []
    assert published(project) == []


def test_a_migration_fails_when_the_backup_is_done(go, project, database):
    project.add("test", "SELECT 1 / (count(*) - count(*)) FROM students;")
    before = maintenance.as_in_service(database)
    done = go(failpoint="migrate.begin.done=sleep:1500")
    maintenance.check_put_back(done, database, before)
    assert published(project) == snapshot(project) != []


@pytest.mark.sanitized
def test_both_lanes_obey_a_signal(project, database):
    project.add("test", "SELECT pg_sleep(1000);")
    before = maintenance.as_in_service(database)
    with project.started(database, env={"DRYDOCK_FAILPOINT": "snapshot.rows=sleep:1500"}) as run:
        run.wait_for_statement("pg_sleep(1000)")
        run.signal(signal.SIGTERM)
        done = run.done(30)
    maintenance.check_put_back(done, database, before)
    assert "stopped by signal 15" in done.last_line
    assert not (project.runs()[-1] / "snapshot").exists()


def test_the_upload_behind_the_opening_obeys_a_signal(project, database):
    """It is the upload that ends, and nothing else."""
    project.policy(before="nothing")
    with project.started(database, env={"DRYDOCK_FAILPOINT": "publish.put.intent=sleep:6000"}) as run:
        run.wait_until(lambda: "before" in maintenance.copies(database))
        run.signal(signal.SIGTERM)
        done = run.done(30)
    assert done.code == 0 and "is not published" in done.last_line and "stopped by signal 15" in done.last_line, str(done)
    assert published(project) == []


def test_the_window_ends_while_the_snapshot_is_published(project, database):
    """The name is given back in time; nothing is opened without its backup."""
    before = maintenance.as_in_service(database)
    with project.started(database, "--window-end", maintenance.window_end(22),
                         env={"DRYDOCK_FAILPOINT": "publish.put.intent=sleep:15000"}) as run:
        done = run.done()
    maintenance.check_put_back(done, database, before)
    assert "the backup, which is not done" in done.last_line, str(done)


def test_a_stranger_in_the_kept_copy_makes_the_change_wait(project, database):
    """Its row proves nothing then: the content is known before anything can fail, so that a way back can be proven."""
    project.add("test", "SELECT 1 / (count(*) - count(*)) FROM students;")
    before = maintenance.as_in_service(database)
    with project.started(database, env={"DRYDOCK_FAILPOINT": "snapshot.open_keep.acted=stop,snapshot.rows=sleep:1500"}) as run:
        run.wait_for_stop()
        with database.cluster.session(run.copy("keep"), beds.OWNER):
            run.signal(signal.SIGCONT)
            done = run.done()
    maintenance.check_put_back(done, database, before)
    assert "every digest equals the one taken before the first migrating statement" in done.last_line, str(done)
    steps = journal(project)
    assert steps.index("snapshot.take.done") < steps.index("migrate.begin.intent")


# -- deaths -------------------------------------------------------------------------------------------


def killed(go, failpoint, **more):
    done = go(failpoint=failpoint, **more)
    assert done.code == -signal.SIGKILL, str(done)


def test_a_proven_copy_waits_for_its_backup_in_recovery(go, project, database):
    """The run died when everything was proven and nothing published: recovery publishes, then opens."""
    killed(go, "publish.put.intent=sleep:3000,verify.check.done=kill")
    assert published(project) == []
    done = go("recover")
    assert done.code == 0 and "is migrated and in service" in done.last_line, str(done)
    assert published(project) == snapshot(project)


def test_a_proven_copy_without_a_backup_is_not_opened(go, project, database):
    """The state folder is lost, and with it the snapshot: what the policy wants before opening cannot be had."""
    before = maintenance.as_in_service(database)
    killed(go, "publish.put.intent=sleep:3000,verify.check.done=kill")
    project.state = project.folder / "another"
    done = go("recover")
    maintenance.check_put_back(done, database, before)
    assert "nothing tells that it was published" in done.last_line, str(done)


def test_what_was_put_before_a_death_is_not_put_again(go, project, database):
    """It died between the last byte and the line in the journal."""
    killed(go, "publish.put.acted=sleep:3000,verify.check.done=kill")
    assert published(project) == snapshot(project)
    done = go("recover")
    assert done.code == 0 and "is migrated and in service" in done.last_line, str(done)


def test_a_death_behind_the_opening_leaves_the_upload_to_recovery(go, project, database):
    project.policy(before="nothing")
    killed(go, "publish.put.intent=sleep:5000,open.rename.done=kill")
    assert in_service(database) and published(project) == []
    done = go("recover")
    assert done.code == 0 and "is published now" in done.last_line, str(done)
    assert published(project) == snapshot(project)


def test_no_tier_three_without_a_whole_snapshot(go, project, database):
    """Somebody drops the kept copy of a run that died before its snapshot was whole: a person is needed."""
    killed(go, f"{SLOW_BACKUP},migrate.apply.done=kill")
    keep, = [name for name in contents.databases(database.cluster) if name.endswith("_keep")]
    database.cluster.query(f'DROP DATABASE "{keep}" WITH (FORCE)')
    done = go("recover")
    assert done.code == 8, str(done)
    assert not in_service(database)


def test_tier_three_with_a_whole_snapshot(go, project, database):
    before = database.content()
    killed(go, "migrate.apply.done=sleep:1500,migrate.apply.done#2=kill", user=SUPERUSER)
    keep, = [name for name in contents.databases(database.cluster) if name.endswith("_keep")]
    database.cluster.query(f'DROP DATABASE "{keep}" WITH (FORCE)')
    done = go("recover", user=SUPERUSER)
    assert done.code == 7 and "restored from the snapshot" in done.last_line, str(done)
    assert database.content() == before
