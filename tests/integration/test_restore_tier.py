"""The way back when the kept copy is gone, or is not what it was: the run's own snapshot is restored and proven."""

import signal

import pytest

import maintenance
from cluster import SUPERUSER, quote
from content import databases, properties

NAME = "white_cross"
PROOF = "restored from the snapshot"
EQUAL = "every digest equals the one taken before the first migrating statement"


@pytest.fixture(autouse=True)
def backed_up(project):
    """Nothing is migrated before the snapshot is complete."""
    project.policy(before="migrate")


@pytest.fixture
def live(white_cross):
    return white_cross(NAME, students=30)


@pytest.fixture
def broken(project):
    """A migration that waits and then fails."""
    project.add("broken", maintenance.WAIT + "SELECT 1 / (count(*) - count(*)) FROM students;")
    return project


def kept_copy(cluster):
    return next((name for name in databases(cluster) if name.endswith("_keep")), None)


def spoil(cluster, name):
    """A superuser changes a row of it, which takes his opening it."""
    cluster.query(f"ALTER DATABASE {quote(name)} ALLOW_CONNECTIONS true")
    cluster.query("BEGIN READ WRITE;"
                  "UPDATE students SET \"firstName\" = 'Somebody else' WHERE id = (SELECT min(id::text)::uuid FROM students); COMMIT", database=name)
    cluster.query(f"ALTER DATABASE {quote(name)} ALLOW_CONNECTIONS false")


def drop(cluster, name):
    cluster.query(f"DROP DATABASE {quote(name)}")


WAYS = {"dropped": drop, "changed": spoil}


def check_restored(live, done, before, way, code=7):
    """In service with content and properties from before; the evidence is there, closed."""
    assert done.code == code, str(done)
    assert f"failed and restored: '{NAME}' is in service as before the run, proven: {PROOF} " in done.last_line
    assert EQUAL in done.last_line
    now = live.state()
    del now["shared"]["databases"]
    assert now == before
    left = maintenance.copies(live)
    assert ("unproven" in left) == (way != "dropped"), left
    if "unproven" in left:
        assert f"the kept copy that is not what it was is '{left['unproven']}', closed" in done.last_line
    for name in left.values():
        assert not properties(live.cluster, name)["open"]
    assert [name for name in databases(live.cluster) if "_drydock_" in name] == []
    maintenance.check_nothing_left(live.cluster)


def state(live):
    found = live.state()
    del found["shared"]["databases"]
    return found


@pytest.mark.parametrize("way", WAYS)
def test_run(live, broken, cluster, way):
    before = state(live)
    with broken.started(live, user=SUPERUSER) as run:
        run.wait_for_migration()
        WAYS[way](cluster, kept_copy(cluster))
        done = run.go_on()
    check_restored(live, done, before, way)
    assert set(maintenance.copies(live)) == {"failed"} | ({"unproven"} if way == "changed" else set())


@pytest.mark.parametrize("way", WAYS)
def test_run_that_would_have_succeeded(live, project, cluster, way):
    """It is noticed at opening at the latest that there is no way back any more: dropped; a change while it was
    closed is no matter to a success."""
    project.add("wait", maintenance.WAIT)
    before = state(live)
    with project.started(live, user=SUPERUSER) as run:
        run.wait_for_migration()
        WAYS[way](cluster, kept_copy(cluster))
        done = run.go_on()
    if done.code == 0:
        assert way == "changed"
        return
    check_restored(live, done, before, way)


def test_changed_while_it_is_open_for_reading(live, broken, project, cluster):
    """A superuser who came in through the open gate and is still there when it closes."""
    before = state(live)
    with broken.started(live, user=SUPERUSER, env={"DRYDOCK_FAILPOINT": "snapshot.close_keep.intent=stop"}) as run:
        run.wait_for_stop()
        inside = cluster.connect(kept_copy(cluster), "wc_monitor")
        with inside.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = off")
            cursor.execute("DELETE FROM allergies")
        run.signal(signal.SIGCONT)
        run.wait_for_migration()
        done = run.go_on()
    check_restored(live, done, before, "changed")


def test_a_session_that_calls_itself_ours(live, broken, cluster):
    """A plain role in the kept copy, under the run's own application_name: it is an intruder all the same."""
    before = state(live)
    with broken.started(live, user=SUPERUSER, env={"DRYDOCK_FAILPOINT": "snapshot.close_keep.intent=stop"}) as run:
        run.wait_for_stop()
        kept = kept_copy(cluster)
        inside = cluster.connect(kept, "wc_app")
        with inside.cursor() as cursor:
            name = cluster.value("SELECT application_name FROM pg_stat_activity WHERE datname = %s"
                                 " AND application_name LIKE 'drydock run %%'", (kept,))
            cursor.execute("SET default_transaction_read_only = off; SET application_name = %s", (name,))
            cursor.execute("DELETE FROM allergies")
        run.signal(signal.SIGCONT)
        run.wait_for_migration()
        done = run.go_on()
    check_restored(live, done, before, "changed")


@pytest.mark.parametrize("with_row", [True, False], ids=["changed", "only looked"])
def test_who_only_looked_is_no_harm(live, broken, cluster, with_row):
    """Whoever was inside makes the content the only proof; where it is the same, the kept copy gets its name back."""
    before = maintenance.as_in_service(live)
    with broken.started(live, user=SUPERUSER, env={"DRYDOCK_FAILPOINT": "snapshot.close_keep.intent=stop"}) as run:
        run.wait_for_stop()
        inside = cluster.connect(kept_copy(cluster), "wc_monitor")
        with inside.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = off")
            cursor.execute("DELETE FROM allergies" if with_row else "SELECT 1")
        run.signal(signal.SIGCONT)
        run.wait_for_migration()
        done = run.go_on()
    assert done.code == 7, str(done)
    if with_row:
        assert PROOF in done.last_line
    else:
        assert PROOF not in done.last_line and EQUAL in done.last_line
        assert maintenance.as_in_service(live) == before


def rename(cluster, old, new):
    cluster.query(f"ALTER DATABASE {quote(old)} RENAME TO {quote(new)}")


@pytest.mark.parametrize("end", ["renamed back", "dropped"])
def test_renamed_while_migrating(live, broken, project, cluster, end):
    """The snapshot takes its place; the copy that a person has renamed is named until it is gone or has its name."""
    before = state(live)
    with broken.started(live, user=SUPERUSER) as run:
        run.wait_for_migration()
        kept = kept_copy(cluster)
        rename(cluster, kept, "looked at")
        done = run.go_on()
    assert done.code == 8, str(done)
    assert (f"failed; '{NAME}' is in service as before the run, except: somebody has renamed the kept copy to 'looked at'"
            in done.last_line), str(done)
    now = state(live)
    assert now == before
    there = databases(cluster)
    for _ in range(2):
        done = recover(project, live)
        assert done.code == 8 and databases(cluster) == there, str(done)
        assert f"'looked at' bears the record of the kept copy of run {kept.split('_')[-2]}" in done.last_line
        assert 'DROP DATABASE "looked at"; else take its record away' in done.stderr
    if end == "dropped":
        drop(cluster, "looked at")
    else:
        rename(cluster, "looked at", kept)
        done = recover(project, live)
        assert done.code == 7, str(done)
        unproven = maintenance.copies(live)["unproven"]
        assert f"the kept copy that is not what it was is '{unproven}', closed" in done.last_line
    done = recover(project, live)
    assert done.code == 0 and "nothing to recover" in done.last_line, str(done)
    assert state(live) == before
    plan = project.drydock("plan", "--policy", project.folder / "policy.yaml", dsn=live.dsn(SUPERUSER))
    assert plan.code == 0 and "left over" not in plan.stdout, str(plan)


# -- recovery -------------------------------------------------------------------------------------


def test_recovery_of_a_renamed_copy(live, project, cluster):
    """Nobody else may say what the name means that it has now: it is told how it gets its own again."""
    before = state(live)
    kill(project, live, "migrate.apply.acted")
    kept = kept_copy(cluster)
    rename(cluster, kept, "looked at")
    there = databases(cluster)
    done = recover(project, live)
    assert done.code == 8 and databases(cluster) == there, str(done)
    told = f'ALTER DATABASE "looked at" RENAME TO "{kept}"'
    assert told in done.stderr and f"there is no database '{NAME}'" in done.last_line, str(done)
    cluster.query(told)
    done = recover(project, live)
    assert done.code == 7, str(done)
    assert state(live) == before
    assert list(maintenance.copies(live)) == ["failed"]


def kill(project, live, point):
    done = project.drydock(*project.arguments(), dsn=live.dsn(SUPERUSER), env={"DRYDOCK_FAILPOINT": f"{point}=kill"})
    assert done.code == -signal.SIGKILL, str(done)
    maintenance.wait_until(lambda: not live.cluster.query(
        "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'drydock run %'"))


def recover(project, live, failpoint=None):
    env = {"DRYDOCK_FAILPOINT": failpoint} if failpoint else None
    return project.drydock("recover", "--policy", project.folder / "policy.yaml", "--state", project.state, "--yes",
                           dsn=live.dsn(SUPERUSER), env=env)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("point", ["migrate.apply.acted", "verify.open_keep.acted", "migrate.begin.intent"])
def test_recovery(live, project, cluster, point, way):
    # Some columns of a table that was written to are declared: the others are compared with the kept copy.
    project.add("names", "-- drydock: writes students(\"lastName\")\nUPDATE students SET \"lastName\" = 'x';")
    before = state(live)
    kill(project, live, point)
    WAYS[way](cluster, kept_copy(cluster))
    done = recover(project, live)
    check_restored(live, done, before, way)
    again = recover(project, live)
    assert again.code == 0 and "nothing to recover" in again.last_line, str(again)


POINTS = ("restore.snapshot.intent", "restore.snapshot.acted", "restore.snapshot.done", "name.before_commit",
          "name.after_commit", "restore.rename.acted", "restore.rename.done")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("point", POINTS)
def test_recovery_is_killed(live, project, cluster, point, way):
    """At any moment of it: the next recovery begins again, or finds it done."""
    before = state(live)
    kill(project, live, "migrate.apply.acted")
    WAYS[way](cluster, kept_copy(cluster))
    assert recover(project, live, f"{point}=kill").code == -signal.SIGKILL
    done = recover(project, live)
    assert done.code == 7, str(done)
    now = state(live)
    assert now == before
    assert [name for name in databases(cluster) if "_drydock_" in name] == []
    assert ("unproven" in maintenance.copies(live)) == (way == "changed")
    again = recover(project, live)
    assert again.code == 0 and "nothing to recover" in again.last_line, str(again)


# -- the snapshot is no help either ---------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_damaged_snapshot(live, broken, cluster, way):
    with broken.started(live, user=SUPERUSER) as run:
        run.wait_for_migration()
        WAYS[way](cluster, kept_copy(cluster))
        toc = broken.runs()[-1] / "snapshot" / "toc.dat"
        toc.write_bytes(toc.read_bytes()[:-1] + b"?")
        done = run.go_on()
    assert done.code == 8, str(done)
    assert done.last_line.startswith("failed and NOT restored, a person is needed: "), str(done)
    assert "toc.dat" in done.last_line
    assert NAME not in databases(cluster)
    left = [name for name in databases(cluster) if name.startswith(NAME)]
    assert [name for name in left if name.endswith("_restore")] == []
    assert any(name.endswith("_work") for name in left)
    if way == "changed":
        assert f"the kept copy is '{kept_copy(cluster)}', closed" in done.last_line


def test_no_snapshot(live, project, cluster):
    """The state folder is lost, and the kept copy too: a person is needed, and nothing is dropped."""
    kill(project, live, "migrate.apply.acted")
    drop(cluster, kept_copy(cluster))
    there = databases(cluster)
    for folder in project.runs():
        maintenance.shutil.rmtree(folder)
    done = recover(project, live)
    assert done.code == 8, str(done)
    assert databases(cluster) == there


def test_the_clone_is_all_that_is_left(live, project, cluster):
    """Before the snapshot is taken, the clone that no statement was sent to is the only copy: it stays."""
    kill(project, live, "clone.dress.done")
    drop(cluster, kept_copy(cluster))
    there = databases(cluster)
    done = recover(project, live)
    assert done.code == 8, str(done)
    assert databases(cluster) == there


# -- where it is no way back any more -------------------------------------------------------------


@pytest.mark.parametrize("left", ["before", "nothing"])
@pytest.mark.parametrize("point", ["name.after_commit", "open.rename.done"])
def test_not_after_opening(live, project, cluster, point, left):
    """Users have written to what had the name: that somebody has renamed it is no reason to bring back older data."""
    project.add("anything", "CREATE TABLE anything (id int);")
    kill(project, live, point)
    if left == "nothing":
        drop(cluster, maintenance.copies(live)["before"])
    cluster.query(f"ALTER DATABASE {NAME} RENAME TO in_use")
    there = databases(cluster)
    done = recover(project, live)
    assert done.code == 8, str(done)
    assert left == "nothing" or "had given the name" in done.last_line, str(done)
    assert databases(cluster) == there


def test_not_after_putting_back(live, project, cluster):
    """The same, of a run that had given the name back."""
    project.add("broken", "SELECT 1 / (count(*) - count(*)) FROM students;")
    kill(project, live, "name.after_commit")
    assert NAME in databases(cluster)
    cluster.query(f"ALTER DATABASE {NAME} RENAME TO in_use")
    there = databases(cluster)
    done = recover(project, live)
    assert done.code == 8, str(done)
    assert databases(cluster) == there


def test_restored_copy_that_cannot_be_dropped(live, broken, cluster):
    """Somebody has opened it, so that it proves nothing, and keeps it from being dropped: it is closed, and named."""
    with broken.started(live, user=SUPERUSER, env={"DRYDOCK_FAILPOINT": "restore.before_digests=stop"}) as run:
        run.wait_for_migration()
        drop(cluster, kept_copy(cluster))
        run.signal()
        run.wait_for_stop()
        copy = next(name for name in databases(cluster) if name.endswith("_restore"))
        with cluster.opened(copy):
            cluster.query("BEGIN; CREATE TABLE meanwhile (id int); PREPARE TRANSACTION 'meanwhile'", database=copy)
        run.signal(signal.SIGCONT)
        done = run.done()
    try:
        assert done.code == 8, str(done)
        assert f"the restored copy '{copy}' is left" in done.last_line
        assert f"somebody changed database '{copy}' while it was restored" in done.last_line
        assert not properties(cluster, copy)["open"]
    finally:
        with cluster.opened(copy):
            cluster.query("ROLLBACK PREPARED 'meanwhile'", database=copy)
