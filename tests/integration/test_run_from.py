"""drydock run --from: the data comes from a snapshot, which takes the name when it is migrated and proven."""

import json
import shutil
import signal
from datetime import datetime, timedelta, timezone

import pytest

import bed as beds
import maintenance
from cluster import SUPERUSER
from content import databases, properties, table_digest
from maintenance import wait_until
from test_restore_command import dump, member  # noqa: F401

NAME = "white_cross"


@pytest.fixture
def live(white_cross):
    return white_cross(NAME, students=30)


@pytest.fixture
def archive(live, tmp_path):
    """A dump of it, after which it has changed."""
    path = dump(live, tmp_path / "white_cross.dump")
    live.dumped = live.content()
    live.query("DELETE FROM allergies")
    return path


@pytest.fixture
def start(project, live):
    def run(source, *more, user=SUPERUSER, failpoint=None):
        env = {"DRYDOCK_FAILPOINT": failpoint} if failpoint else None
        return project.drydock(*project.arguments("--from", source, *more), dsn=live.dsn(user), env=env)
    return run


@pytest.fixture
def recover(project, live):
    def run(*more):
        return project.drydock("recover", "--policy", project.folder / "policy.yaml", "--state", project.state, "--yes", *more,
                               dsn=live.dsn(SUPERUSER))
    return run


def drop(cluster):
    cluster.query(f"DROP DATABASE {NAME} WITH (FORCE)")


def check_migrated(live, done):
    """The dump's content, migrated, is in service."""
    assert live.value("SELECT count(*) FROM drydock.migrations") == 8, str(done)
    columns, rows, digest = live.dumped["tables"]["public.allergies"]
    with live.session() as connection, connection.cursor() as cursor:
        assert table_digest(cursor, "public", "allergies", columns) == (rows, digest)
    assert properties(live.cluster, NAME)["open"]
    maintenance.check_nothing_left(live.cluster)


# -- success --------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", [beds.OWNER, SUPERUSER])
def test_takes_the_name(member, live, archive, start, cluster, user):
    before, now = live.properties(), live.content()
    done = start(archive, user=user)
    assert done.code == 0, str(done)
    check_migrated(live, done)
    assert live.properties() == before
    kept = maintenance.copies(live)["before"]
    assert f"the database from before is '{kept}', closed" in done.last_line
    assert "it was out of service for" in done.last_line
    maintenance.check_closed(cluster, kept)
    with cluster.opened(kept):
        assert beds.Database(cluster, kept).content() == now


def test_without_a_database(live, archive, start, cluster, project):
    drop(cluster)
    done = start(archive, "--json")
    report = done.json()
    assert report["exit_code"] == 0, str(done)
    assert report["copies"] == {}
    assert "is restored from the snapshot, migrated and in service" in report["result"]
    assert [phase["phase"] for phase in report["phases"]] == ["preflight", "import", "migrate", "verify", "open"]
    assert [name for name in databases(cluster) if name.startswith(NAME)] == [NAME]
    assert cluster.value("SELECT count(*) FROM drydock.migrations", database=NAME) == 8
    assert list((project.published / NAME).glob("*/report.json")) != []


def test_a_snapshot_of_its_own(live, project, start, cluster):
    """What a run has taken before: history, content and properties are in it."""
    before = live.state()
    first = project.run(live)
    assert first.code == 0, str(first)
    snapshot = project.runs()[-1] / "snapshot"
    drop(cluster)
    done = start(snapshot)
    assert done.code == 0, str(done)
    assert "every digest is the one that the snapshot tells" in done.last_line
    assert live.properties() == before["properties"]
    assert live.value("SELECT count(*) FROM drydock.migrations") == 8


def test_nothing_is_pending(live, project, start, cluster, tmp_path):
    """An import of what is up to date takes the name all the same."""
    assert project.run(live).code == 0
    path = dump(live, tmp_path / "migrated.dump")
    content = live.content()
    done = start(path)
    assert done.code == 0, str(done)
    assert f"'{NAME}' is restored from the snapshot and in service" in done.last_line
    assert live.content() == content


def test_in_service_until_the_end(live, archive, project, cluster):
    """Users read and write the live database until the name is taken from it."""
    project.add("wait", maintenance.WAIT)
    with project.started(live, "--from", archive, user=SUPERUSER) as run:
        run.wait_for_migration()
        live.query("UPDATE students SET id = id", user="wc_app")
        done = run.go_on()
    assert done.code == 0, str(done)


# -- failure --------------------------------------------------------------------------------------


def test_fails_while_migrating(live, archive, start, project, cluster):
    before = maintenance.as_in_service(live)
    project.add("wrong", "SELECT 1 / (count(*) - count(*)) FROM students;")
    done = start(archive)
    assert done.code == 7, str(done)
    assert f"failed and restored: '{NAME}' is in service as before the run, proven: " in done.last_line
    assert maintenance.as_in_service(live) == before
    (failed,) = maintenance.copies(live).values()
    assert f"the failed copy is '{failed}', closed" in done.last_line
    assert not properties(cluster, failed)["open"]
    maintenance.check_nothing_left(cluster)


def test_stays_closed(live, archive, start, project, cluster):
    """A database that its owner has closed is called so, also where the run fails."""
    cluster.query(f"ALTER DATABASE {NAME} ALLOW_CONNECTIONS false")
    wrong = project.add("wrong", "SELECT 1 / (count(*) - count(*)) FROM students;")
    done = start(archive)
    assert done.code == 7, str(done)
    assert f"'{NAME}' is closed as before the run, proven" in done.last_line
    project.remove(wrong)
    done = start(archive)
    assert done.code == 0, str(done)
    assert "migrated and stays closed (ALLOW_CONNECTIONS false)" in done.last_line
    assert not properties(cluster, NAME)["open"]


def test_the_window_ends_while_transactions_are_open(live, archive, start, project, cluster):
    """They are waited for no longer than that it is in time; then it is too late for taking the name."""
    before = maintenance.as_in_service(live)
    project.policy(drain="30s")
    end = (datetime.now(timezone.utc) + timedelta(seconds=15)).replace(microsecond=0)  # 9 of them for the way back
    with cluster.session(NAME, "wc_app") as user, user.cursor() as cursor:
        cursor.execute("BEGIN; SELECT 1 FROM students")
        done = start(archive, "--window-end", end.strftime("%Y-%m-%dT%H:%M:%SZ"))
        assert datetime.now(timezone.utc) < end
        assert done.code in (6, 7), str(done)  # too late at an earlier step where the machine is slow
        cursor.execute("SELECT 1 FROM students")
    assert maintenance.as_in_service(live) == before
    maintenance.check_nothing_left(cluster)


def test_fails_without_a_database(live, archive, start, project, cluster):
    drop(cluster)
    project.add("wrong", "SELECT 1 / (count(*) - count(*)) FROM students;")
    done = start(archive)
    assert done.code == 7, str(done)
    assert f"failed and restored: there is no database '{NAME}', as before the run" in done.last_line
    assert NAME not in databases(cluster)
    maintenance.check_nothing_left(cluster)


def test_fails_verification(live, archive, start, project, cluster):
    """A table that a migration changes without saying so: found, although there is no copy to compare with."""
    before = maintenance.as_in_service(live)
    project.add("wrong", "DELETE FROM allergies WHERE id = (SELECT min(id::text)::uuid FROM allergies);")
    done = start(archive)
    assert done.code == 7, str(done)
    assert "allergies" in done.last_line
    assert maintenance.as_in_service(live) == before


def test_says_what_only_a_copy_could_prove(live, archive, start, project):
    """Where some columns are declared, or types change, only the row count is known; the report says so."""
    live.query("CREATE TABLE typed (id int PRIMARY KEY, n int); INSERT INTO typed SELECT n, n FROM generate_series(1, 9) n;"
               "ALTER TABLE typed OWNER TO wc_owner")
    dump(live, archive)
    project.add("declared", "-- drydock: writes students(\"firstName\")\nUPDATE students SET \"firstName\" = \"firstName\";\n"
                "ALTER TABLE typed ALTER n TYPE bigint;\n")
    done = start(archive, "--json")
    report = done.json()
    assert report["exit_code"] == 0, str(done)
    how = {table["name"]: table["how"] for table in report["data_proof"]["tables"]}
    assert how["students"] == "same count only: there is no copy to compare columns with"
    assert how["typed"] == "same count only: types changed, and there is no copy to compare with"


def test_counts_without_a_copy(live, archive, start, project):
    """What is declared to change values in some columns takes away a row: the count is enough to find that."""
    before = maintenance.as_in_service(live)
    project.add("declared", "-- drydock: writes allergies(notes)\nUPDATE allergies SET notes = notes;\n"
                "DELETE FROM allergies WHERE id = (SELECT min(id::text)::uuid FROM allergies);\n")
    done = start(archive)
    assert done.code == 7, str(done)
    assert "allergies" in done.last_line and "no migration declares that it removes rows here" in done.stdout + done.stderr, str(done)
    assert maintenance.as_in_service(live) == before


def test_fails_before_migrating(live, archive, start, project, cluster):
    """What is wrong with the history or a file shows after the restore; the copy goes."""
    before = maintenance.as_in_service(live)
    project.add("wrong", "SELEC 1;")
    done = start(archive)
    assert done.code == 2, str(done)
    assert f"'{NAME}' was not changed" in done.last_line
    assert maintenance.as_in_service(live) == before
    assert maintenance.copies(live) == {}
    maintenance.check_nothing_left(cluster)


def test_damaged(live, archive, start, cluster):
    before = maintenance.as_in_service(live)
    data = archive.read_bytes()
    archive.write_bytes(data[:len(data) // 2])
    done = start(archive)
    assert done.code in (1, 4), str(done)
    assert f"'{NAME}' was not changed" in done.last_line
    assert maintenance.as_in_service(live) == before
    assert maintenance.copies(live) == {}


def test_damaged_snapshot(live, project, start, cluster):
    """Its bytes are checked before anything is restored."""
    assert project.run(live).code == 0
    snapshot = project.runs()[-1] / "snapshot"
    toc = snapshot / "toc.dat"
    toc.write_bytes(toc.read_bytes() + b"x")
    there = databases(cluster)
    done = start(snapshot)
    assert done.code == 4, str(done)
    assert "toc.dat" in done.last_line
    assert databases(cluster) == there


def test_signal_while_migrating(live, archive, start, cluster):
    before = maintenance.as_in_service(live)
    done = start(archive, failpoint="migrate.apply.acted=term")
    assert done.code == 7, str(done)
    assert maintenance.as_in_service(live) == before
    maintenance.check_nothing_left(cluster)


def test_signal_before(live, archive, start, cluster):
    before = maintenance.as_in_service(live)
    done = start(archive, failpoint="import.restore.intent=term")
    assert done.code == 128 + signal.SIGTERM, str(done)
    assert maintenance.as_in_service(live) == before
    assert maintenance.copies(live) == {}


def test_locked(live, archive, start, project, cluster):
    env = {"DRYDOCK_FAILPOINT": "import.restore.intent=stop"}
    with project.drydock.started(*project.arguments("--from", archive), dsn=live.dsn(SUPERUSER), env=env) as first:
        wait_until(lambda: cluster.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"))
        assert start(archive).code == 5
        first.send_signal(signal.SIGCONT)
        first.communicate(timeout=100)
        assert first.returncode == 0


# -- recovery -------------------------------------------------------------------------------------


# How far it was, and what recovery makes of it: with a database in service, and without one.
DEATHS = {
    "import.restore.intent": (1, 1),
    "import.restore.acted": (1, 1),
    "migrate.begin.intent": (7, 7),
    "migrate.begin.done": (7, 7),
    "migrate.apply.acted": (7, 7),
    "verify.check.acted": (7, 0),
    "verify.check.done": (7, 0),
    "open.rename.intent": (7, 0),
    "name.before_commit": (7, 0),
    "name.after_commit": (0, 0),
    "open.rename.done": (0, 0),
}


@pytest.mark.parametrize("in_service", [True, False], ids=["in service", "no database"])
@pytest.mark.parametrize("point", DEATHS)
def test_recovery(live, archive, start, recover, cluster, point, in_service):
    before = maintenance.as_in_service(live)
    expected = DEATHS[point][0 if in_service else 1]
    if not in_service:
        drop(cluster)
    killed = start(archive, failpoint=f"{point}=kill")
    assert killed.code == -signal.SIGKILL, str(killed)
    if in_service and expected != 0:
        assert maintenance.as_in_service(live) == before
    done = recover()
    assert done.code == expected, str(done)
    if expected == 0:
        check_migrated(live, done)
    elif in_service:
        assert maintenance.as_in_service(live) == before
    else:
        assert f"there is no database '{NAME}', as before" in done.last_line
        assert NAME not in databases(cluster)
    assert ("failed" in maintenance.copies(live)) == (expected == 7)
    maintenance.check_nothing_left(cluster)
    if in_service or expected == 0:
        again = recover()
        assert again.code == 0 and "nothing to recover" in again.last_line, str(again)


@pytest.mark.parametrize("point, expected", [("import.restore.intent", 1), ("migrate.apply.acted", 7)])
def test_it_is_not_continued(live, archive, start, recover, project, point, expected):
    """It is put back as ever, and the cause says why."""
    start(archive, failpoint=f"{point}=kill")
    done = recover("--on-crash", "continue")
    assert done.code == expected, str(done)
    assert "it cannot go on: a run from a snapshot has no copy from before to compare with" in done.last_line, str(done)
    assert "same --from" in json.loads((project.runs()[-1] / "report.json").read_text(encoding="utf-8"))["hint"]


@pytest.mark.parametrize("point, expected", [("import.restore.acted", 1), ("migrate.apply.acted", 7),
                                             ("verify.check.done", 7), ("name.after_commit", None)])
def test_recovery_without_state(live, archive, start, recover, project, cluster, point, expected):
    """The server's records are enough."""
    before = maintenance.as_in_service(live)
    start(archive, failpoint=f"{point}=kill")
    for folder in project.runs():
        shutil.rmtree(folder)
    done = recover()
    if expected is None:
        assert done.code == 0 and "nothing to recover" in done.last_line, str(done)
        check_migrated(live, done)
    else:
        assert done.code == expected, str(done)
        assert maintenance.as_in_service(live) == before
    maintenance.check_nothing_left(cluster)


def test_recovery_does_not_believe_a_copy_that_was_changed_since(live, archive, start, recover, cluster):
    drop(cluster)
    start(archive, failpoint="verify.check.done=kill")
    work, = (name for name in databases(cluster) if name.endswith("_work"))
    with cluster.opened(work):
        cluster.query("DELETE FROM medication_logs", database=work)
    done = recover()
    assert done.code == 7 and "opened or changed by someone since" in done.stderr, str(done)
    assert NAME not in databases(cluster) and "failed" in maintenance.copies(live)


@pytest.mark.parametrize("point, another", [("name.after_commit", False), ("open.rename.done", True)])
def test_recovery_when_somebody_renamed_it(live, archive, start, recover, cluster, point, another):
    """The copy had the name, and users have written to it: nobody is told that it is as before."""
    start(archive, failpoint=f"{point}=kill")
    cluster.query(f"ALTER DATABASE {NAME} RENAME TO in_use")
    if another:
        cluster.query(f"CREATE DATABASE {NAME}")
    before = maintenance.copies(live)["before"]
    there = databases(cluster)
    done = recover()
    assert done.code == 8, str(done)
    missing = f"'{NAME}' is another database now" if another else f"there is no database '{NAME}'"
    assert done.last_line.startswith(f"failed, a person is needed: {missing}; the restored copy is 'in_use'; "
                                     f"the database from before is '{before}', closed; cause: "), str(done)
    assert f'ALTER DATABASE "in_use" RENAME TO "{NAME}"' in done.stderr
    assert databases(cluster) == there
    if not another:
        again = recover()
        assert again.code == 8 and f"the database from before that run is '{before}'" in again.last_line, str(again)
    else:
        drop(cluster)
    cluster.query(f"ALTER DATABASE in_use RENAME TO {NAME}")
    again = recover()
    assert again.code == 0 and "nothing to recover" in again.last_line, str(again)


def test_run_refuses_until_recovered(live, archive, start, recover):
    start(archive, failpoint="migrate.apply.acted=kill")
    assert start(archive).code == 3
    assert recover().code == 7
    assert start(archive).code == 0
