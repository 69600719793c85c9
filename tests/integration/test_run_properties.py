"""What lives outside a database's files: changed by a person during a run, by a migration, or where it may not be."""

import json

import pytest

import maintenance
from cluster import SUPERUSER, quote
from content import shared


# Its own database's name is the work copy's: a migration learns it at run time.
BY_MIGRATION = """
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET statement_timeout = ''33s''', current_database());
    EXECUTE format('ALTER DATABASE %I SET work_mem = ''20MB''', current_database());
    EXECUTE format('ALTER ROLE wc_owner IN DATABASE %I SET lock_timeout = ''9s''', current_database());
    EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 70', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO wc_reports', current_database());
    EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM wc_reports', current_database());
END
$$;
"""


# What a person changes meanwhile, on the copy that is kept. The second kind changes its row in pg_database.
SETTINGS = ("ALTER DATABASE %s SET geqo = off", "ALTER DATABASE %s SET work_mem = '24MB'",
            "ALTER DATABASE %s RESET application_name", "ALTER ROLE wc_app IN DATABASE %s SET jit = off")
ROW = ("ALTER DATABASE %s CONNECTION LIMIT 60", "GRANT CONNECT ON DATABASE %s TO wc_outsider")


def by_hand(cluster, name, changes):
    for change in changes:
        cluster.query(change.replace("%s", quote(name)))


def setting(properties, name):
    """'(all): name=value' of a database's settings; None."""
    return next((found for found in properties["settings"] if f": {name}=" in found), None)


def changed(before, now):
    return {name for name in before if before[name] != now[name]}


def test_a_migration_changes_them(live, project):
    before = live.properties()
    project.add("test", BY_MIGRATION)
    done = project.run(live)
    assert done.code == 0, str(done)
    now = live.properties()
    assert changed(before, now) == {"settings", "connection_limit", "acl"}
    assert now["connection_limit"] == 70
    assert set(now["settings"]) - set(before["settings"]) == {
        "(all): statement_timeout=33s", "(all): work_mem=20MB", "wc_owner: lock_timeout=9s"}
    assert set(before["settings"]) - set(now["settings"]) == {"(all): work_mem=16MB"}
    assert [entry for entry in now["acl"] if entry.startswith("wc_reports=")] == [
        "wc_reports=TEMPORARY by wc_owner grantable f"]


def test_a_migration_that_fails_changes_nothing(live, project):
    project.add("test", BY_MIGRATION)
    project.add("wrong", "SELECT 1 / 0;")
    before = maintenance.as_in_service(live)
    maintenance.check_put_back(project.run(live), live, before)


@pytest.mark.parametrize("ends, code", [("SELECT 1;", 0), ("SELECT 1 / 0;", 7)], ids=["success", "failure"])
def test_a_person_changes_settings_meanwhile(live, project, ends, code):
    """They hold, whichever copy comes into service. (By a superuser, as is a run that may carry all of them over.)"""
    project.add("test", maintenance.WAIT)
    project.add("end", ends)
    before = live.properties()
    with project.started(live, user=SUPERUSER) as run:
        run.wait_for_migration()
        by_hand(live.cluster, run.copy("keep"), SETTINGS)
        done = run.go_on()
    assert done.code == code, str(done)
    now = live.properties()
    assert changed(before, now) == {"settings"}
    assert set(now["settings"]) - set(before["settings"]) == {
        "(all): geqo=off", "(all): work_mem=24MB", "wc_app: jit=off"}
    assert setting(now, "application_name") is None


@pytest.mark.parametrize("ends", ["SELECT 1;", "SELECT 1 / 0;"], ids=["would succeed", "fails"])
def test_a_person_changes_the_row_meanwhile(live, project, ends):
    """The row in pg_database does not prove any more that the copy was closed all the time: the run is put back.

    The digests prove the content then, and what the person did holds.
    """
    project.add("test", maintenance.WAIT)
    project.add("end", ends)
    before, content = live.properties(), live.content()
    with project.started(live) as run:
        run.wait_for_migration()
        by_hand(live.cluster, run.copy("keep"), ROW)
        done = run.go_on()
    assert done.code == 7, str(done)
    assert "proven: every digest equals the one taken before the first migrating statement" in done.last_line
    assert live.content() == content
    now = live.properties()
    assert changed(before, now) == {"connection_limit", "acl"}
    assert now["connection_limit"] == 60
    assert live.value("SELECT current_database()", user="wc_outsider") == "white_cross"


def test_a_person_wins_over_a_migration(live, project):
    """Where both change the same; the report says so."""
    project.add("test", BY_MIGRATION)
    project.add("wait", maintenance.WAIT)
    with project.started(live, user=SUPERUSER) as run:
        run.wait_for_migration()
        by_hand(live.cluster, run.copy("keep"), SETTINGS)
        done = run.go_on()
    assert done.code == 0, str(done)
    now = live.properties()
    assert now["connection_limit"] == 70
    assert setting(now, "work_mem") == "(all): work_mem=24MB"
    assert setting(now, "statement_timeout") == "(all): statement_timeout=33s"
    folder, = project.runs()
    notes = " ".join(json.loads((folder / "report.json").read_text(encoding="utf-8"))["notes"])
    assert "work_mem" in notes, notes
    assert "24MB" not in notes and "20MB" not in notes


@pytest.fixture
def extra_role(cluster):
    """The name of a role that a test may make; it and whatever else a migration reached are put right afterwards."""
    yield "wc_extra"
    cluster.query("DROP ROLE IF EXISTS wc_extra; ALTER ROLE wc_app CONNECTION LIMIT -1;"
                  " ALTER ROLE wc_app RESET work_mem;"
                  " REVOKE wc_app FROM wc_reports; ALTER DATABASE postgres CONNECTION LIMIT -1")


def make_role(name):
    return f"DO $$ BEGIN EXECUTE 'CREATE ' || 'ROLE {name}'; END $$;"


@pytest.mark.parametrize("reach, named", [
    (make_role("wc_extra"), "role 'wc_extra' was created"),
    ("DO $$ BEGIN EXECUTE 'ALTER ' || 'ROLE wc_app CONNECTION LIMIT 3'; END $$;", "role 'wc_app' was changed"),
    ("DO $$ BEGIN EXECUTE 'GRANT ' || 'wc_app TO wc_reports'; END $$;", "membership"),
    ("DO $$ BEGIN EXECUTE 'ALTER ' || 'ROLE wc_app SET work_mem = ''1MB'''; END $$;", "setting"),
    ("DO $$ BEGIN EXECUTE 'ALTER ' || 'DATABASE postgres CONNECTION LIMIT 9'; END $$;", "database 'postgres'"),
], ids=["a role", "a role's limit", "a membership", "a role's setting", "another database"])
def test_a_migration_that_reaches_outside_is_put_back(live, project, extra_role, reach, named):
    """Found before it commits, however it was written: nothing of it is left, outside or inside."""
    project.add("test", reach)
    before = maintenance.as_in_service(live)
    done = project.run(live, user=SUPERUSER)
    maintenance.check_put_back(done, live, before)
    assert named in done.last_line, done.last_line


def test_a_role_that_appears_meanwhile_is_named(live, project, extra_role):
    """A run that is put back cannot know whose it is: a person looks."""
    project.add("test", maintenance.WAIT)
    project.add("wrong", "SELECT 1 / 0;")
    before = maintenance.as_in_service(live)
    with project.started(live) as run:
        run.wait_for_migration()
        live.cluster.query(f"CREATE ROLE {extra_role}")
        done = run.go_on()
    assert done.code == 8, str(done)
    assert "'white_cross' is in service as before the run, except: role 'wc_extra' was created" in done.last_line
    live.cluster.query(f"DROP ROLE {extra_role}")
    assert maintenance.as_in_service(live) == before
    assert live.value("SELECT count(*) FROM students", user="wc_app") == 50


def test_a_role_that_appears_meanwhile_stops_no_success(live, project, extra_role):
    """Others may work on the server while a run goes on."""
    project.add("test", maintenance.WAIT)
    before = shared(live.cluster)["roles"]
    with project.started(live) as run:
        run.wait_for_migration()
        live.cluster.query(f"CREATE ROLE {extra_role}")
        done = run.go_on()
    assert done.code == 0, str(done)
    assert [row for row in shared(live.cluster)["roles"] if row[0] != extra_role] == before
