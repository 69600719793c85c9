"""Copies hold the same health data as the original: who has no way into that has no way into them, whatever the phase."""

import contextlib
import re
import signal

import psycopg2
import pytest

import maintenance
from content import databases
from refusals import go_on, run_that_stops, wait_until, write_migrations, write_policy

FAILS = {"20260101000000-fails.up.sql": "CREATE TABLE half ();\nSELECT 1 / 0;\n"}

# A point in each phase, and the copies that are there then.
POINTS = {
    "fence.rename.done": ["keep"],
    "clone.create.acted": ["keep", "work"],
    "clone.dress.done": ["keep", "work"],
    "snapshot.open_keep.acted": ["keep", "work"],
    "snapshot.close_keep.done": ["keep", "work"],
    "migrate.begin.done": ["keep", "work"],
    "migration.before_commit": ["keep", "work"],
    "name.after_commit": ["before"],
}


@pytest.fixture
def database(white_cross):
    return white_cross(students=20)


def copies(cluster):
    """{role: name} of the copies by their names."""
    found = {}
    for name in databases(cluster):
        role = re.search(r"_(keep|work)$|_(before|failed)_", name)
        if role:
            found[role.group(1) or role.group(2)] = name
    return found


def turned_away(cluster, name, user):
    """Whether a role is turned away from a database, or let in by mistake."""
    try:
        cluster.connect(name, user).close()
    except psycopg2.OperationalError as error:
        return str(error)
    return None


@pytest.mark.parametrize("point", POINTS)
def test_nobody_gets_into_a_copy(cluster, drydock, database, tmp_path, point):
    """An outsider never; the application's role not while the gate is closed, and it closes by itself."""
    with run_that_stops(drydock, database, write_policy(tmp_path), point) as run:
        there = copies(cluster)
        assert sorted(there) == POINTS[point]
        for role, name in there.items():
            assert turned_away(cluster, name, "wc_outsider"), f"wc_outsider gets into {name} at {point}"
            open_for_reading = (role, point) == ("keep", "snapshot.open_keep.acted")
            if not open_for_reading:
                assert turned_away(cluster, name, "wc_app"), f"wc_app gets into {name} at {point}"
        done = go_on(run)
    assert done.code == 0, str(done)
    assert not turned_away(cluster, database.name, "wc_app")
    assert turned_away(cluster, database.name, "wc_outsider")
    assert turned_away(cluster, copies(cluster)["before"], "wc_app")


def test_who_slips_into_the_kept_copy_can_only_read_and_is_put_out(cluster, drydock, database, tmp_path):
    """While the gate is open for the backup, the application's role may connect to the copy by its name."""
    with run_that_stops(drydock, database, write_policy(tmp_path), "snapshot.open_keep.acted") as run:
        name = copies(cluster)["keep"]
        session = cluster.connect(name, "wc_app")
        with session.cursor() as cursor:
            with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
                cursor.execute("DELETE FROM students")
        done = go_on(run)
    assert done.code == 0, str(done)
    with pytest.raises(psycopg2.OperationalError), session.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert "session that came into" in done.stderr


def test_failed_copy_is_closed(cluster, drydock, database, tmp_path):
    policy = write_policy(tmp_path, write_migrations(tmp_path, FAILS))
    done = drydock("run", "--policy", policy, dsn=database.dsn())
    assert done.code == 7, str(done)
    name = copies(cluster)["failed"]
    for user in ("wc_outsider", "wc_app", "wc_reports"):
        assert turned_away(cluster, name, user)
    # Opened by a superuser, it is as closed to others as the original.
    with cluster.opened(name):
        assert "permission denied" in turned_away(cluster, name, "wc_outsider")


@pytest.mark.parametrize("point, there", [("fence.before_commit", []), ("name.before_commit", ["keep", "work"])])
def test_clients_wait_while_names_change(cluster, drydock, database, tmp_path, point, there):
    """Between a rename and its commit nobody gets in by the old name, and nobody sees the new one."""
    with run_that_stops(drydock, database, write_policy(tmp_path), point) as run:
        assert sorted(copies(cluster)) == there
        name = copies(cluster).get("work", database.name)
        with pytest.raises(psycopg2.OperationalError, match="timeout expired"):
            psycopg2.connect(cluster.dsn(name, "wc_app"), connect_timeout=2).close()
        done = go_on(run)
    assert done.code == 0, str(done)
    wait_until(lambda: not turned_away(cluster, database.name, "wc_app"), "the application is back")


def change(cluster, name):
    """As who may open a copy, and closes it again."""
    with cluster.opened(name):
        cluster.query("DELETE FROM medication_logs", database=name)


def test_a_copy_is_changed_between_its_proof_and_the_name(cluster, project, database):
    before = maintenance.as_in_service(database)
    with project.started(database, env={"DRYDOCK_FAILPOINT": "verify.check.done=stop"}) as run:
        run.wait_for_stop()
        change(cluster, run.copy("work"))
        run.signal(signal.SIGCONT)
        done = run.done()
    maintenance.check_put_back(done, database, before)
    assert "was opened or changed by someone since it was found right" in done.last_line


def test_somebody_slips_into_the_work_copy(cluster, project, database):
    """He is ended, and what he wrote into a table that no migration touches is found."""
    before = maintenance.as_in_service(database)
    with project.started(database, env={"DRYDOCK_FAILPOINT": "enter.open=stop"}) as run:
        run.wait_for_stop()
        with contextlib.closing(cluster.connect(run.copy("work"), "wc_owner")) as session:
            session.autocommit = True
            with session.cursor() as cursor:
                cursor.execute("DELETE FROM medication_logs")
                assert cursor.rowcount > 0
            run.signal(signal.SIGCONT)
            done = run.done()
    maintenance.check_put_back(done, database, before)
    assert "medication_logs" in done.last_line


@pytest.mark.parametrize("in_place", [False, True])
def test_recovery_does_not_believe_a_copy_that_was_changed_since(cluster, project, database, in_place):
    if in_place:
        project.in_place()
    before = database.content()
    killed = project.run(database, env={"DRYDOCK_FAILPOINT": "verify.check.done=kill"})
    assert killed.code == -signal.SIGKILL, str(killed)
    change(cluster, copies(cluster)["work"])
    done = project.drydock("recover", "--policy", project.folder / "policy.yaml", "--state", project.state, "--yes",
                           dsn=database.dsn())
    assert done.code == 7 and "opened or changed by someone since" in done.stderr, str(done)
    assert database.content() == before
    maintenance.check_nothing_left(cluster)


# The server's own format() takes anything; one whose types fit would be called in its place.
PLANTED = """
CREATE TABLE public.called (by_whom text);
GRANT INSERT ON public.called TO PUBLIC;
CREATE FUNCTION public.format(text, oid, xid, tid) RETURNS text LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO public.called VALUES (current_user); RETURN 'unchanged'; END $$;
"""


def test_functions_of_others_are_not_called(cluster, drydock, database, tmp_path):
    """Whoever may create functions in the control database can neither act as us nor forge the gate's version."""
    policy = write_policy(tmp_path, write_migrations(tmp_path, FAILS))
    cluster.query("GRANT CREATE ON SCHEMA public TO wc_outsider")
    try:
        cluster.query(PLANTED, user="wc_outsider")
        done = drydock("run", "--policy", policy, dsn=database.dsn())
        called = cluster.query("SELECT by_whom FROM called")
    finally:
        cluster.query("DROP OWNED BY wc_outsider")
    assert done.code == 7, str(done)
    assert called == []
