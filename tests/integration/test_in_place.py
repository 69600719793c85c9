"""Strategy in_place: the database itself is migrated, and keeps what is bound to its OID; its clone, or else the snapshot
of the run, is the way back."""

import json
import signal

import pytest

import bed as beds
import maintenance
from cluster import SUPERUSER, quote
from content import databases, properties

NAME = "white_cross"
PENDING = beds.migration_ids()[5:]
CLONE = "the clone that was made before anything was migrated"
ROLLED_BACK = "no migration was committed, PostgreSQL rolled back what was sent: every digest equals"
SNAPSHOT = "restored from the snapshot"


@pytest.fixture
def live(white_cross):
    return white_cross(NAME, students=30)


@pytest.fixture
def cloned(project):
    project.in_place()
    return project


@pytest.fixture
def alone(project):
    """Without a clone."""
    project.in_place(clone=False, accept=["owners"])
    return project


def oid(live):
    return live.value("SELECT oid FROM pg_database WHERE datname = %s", (live.name,))


def state(live):
    found = live.state()
    del found["shared"]["databases"]
    return found


def applied(live):
    return [name for name, in live.query("SELECT id FROM drydock.migrations ORDER BY id")]


def report(project):
    return json.loads((project.runs()[-1] / "report.json").read_text(encoding="utf-8"))


def only_pending(project, *keep):
    """Of the migrations that wait, these alone."""
    for migration in PENDING:
        if migration not in keep:
            project.remove(migration)


def kill(project, live, point, user=SUPERUSER):
    done = project.drydock(*project.arguments(), dsn=live.dsn(user), env={"DRYDOCK_FAILPOINT": f"{point}=kill"})
    assert done.code == -signal.SIGKILL, str(done)
    maintenance.wait_until(lambda: not live.cluster.query(
        "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'drydock run %'"))


def recover(project, live, user=SUPERUSER):
    return project.drydock("recover", "--policy", project.folder / "policy.yaml", "--state", project.state, "--yes",
                           dsn=live.dsn(user))


def lose_state(project):
    for folder in project.runs():
        maintenance.shutil.rmtree(folder)


# -- with a clone ---------------------------------------------------------------------------------


def test_success_keeps_the_oid(live, project):
    """And what is bound to it: a logical slot, counters; properties that this role could not give to a clone."""
    before = live.content()
    was = oid(live)
    live.query("SELECT pg_create_logical_replication_slot('bound', 'pgoutput')")
    project.in_place(accept=["logical_slot", "role_settings"])
    live.query("ALTER ROLE wc_app IN DATABASE white_cross SET statement_timeout = '45s'")
    settings = properties(live.cluster, NAME)
    try:
        done = project.run(live)
        assert done.code == 0, str(done)
        assert oid(live) == was
        assert live.value("SELECT database FROM pg_replication_slots WHERE slot_name = 'bound'") == NAME
    finally:
        live.query("SELECT pg_drop_replication_slot('bound')")
    assert properties(live.cluster, NAME) == settings
    assert applied(live) == beds.migration_ids()
    left = maintenance.copies(live)
    assert list(left) == ["before"] and f"the copy from before is '{left['before']}', closed" in done.last_line
    with live.cluster.opened(left["before"]):
        assert beds.Database(live.cluster, left["before"]).content() == before
    maintenance.check_closed(live.cluster, left["before"])
    maintenance.check_nothing_left(live.cluster)


def test_failure_gives_the_clone(live, cloned):
    cloned.add("undeclared", "UPDATE students SET grade = '12';")
    before, was = state(live), oid(live)
    done = cloned.run(live)
    assert done.code == 7, str(done)
    assert f"failed and restored: '{NAME}' is in service as before the run, proven: {CLONE}" in done.last_line
    assert state(live) == before
    left = maintenance.copies(live)
    assert list(left) == ["failed"]
    assert live.value("SELECT oid FROM pg_database WHERE datname = %s", (left["failed"],)) == was != oid(live)
    maintenance.check_closed(live.cluster, left["failed"])
    maintenance.check_nothing_left(live.cluster)


def test_what_cannot_be_given_back(live, project):
    """A property that this role could not give to the clone is named when the clone has the name."""
    project.in_place(accept=["role_settings"])
    project.add("undeclared", "UPDATE students SET grade = '12';")
    live.query("ALTER ROLE wc_app IN DATABASE white_cross SET statement_timeout = '45s'")
    done = project.run(live)
    assert done.code == 8, str(done)
    assert f"failed; '{NAME}' is in service as before the run, except: " in done.last_line
    assert "a property of the database was left out" in done.last_line


def plan(project, live, *more):
    return project.drydock("plan", "--policy", project.folder / "policy.yaml", *more, dsn=live.dsn())


def test_plan(live, project):
    project.in_place(accept=["owners"])
    told = json.loads(plan(project, live, "--json").stdout)
    assert (told["strategy"], told["way_back"]) == ("in_place", "clone")
    assert "clone" in told["estimates"]
    text = plan(project, live).stdout
    assert "keeps its OID, and gets a new one on the way back only" in text, text
    assert "then the two change their names" in text


def test_plan_without_a_clone(live, alone):
    told = json.loads(plan(alone, live, "--json").stdout)
    assert (told["strategy"], told["way_back"]) == ("in_place", "snapshot")
    assert told["way_back_ms"] > 1000 and "clone" not in told["estimates"]
    findings = {finding["finding"]: finding for finding in told["findings"]}
    assert findings["clone"]["severity"] == "note" and "restoring the snapshot alone" in findings["clone"]["text"]
    assert findings["owners"]["severity"] == "note"
    text = plan(alone, live).stdout
    assert "becomes 'white_cross' again if PostgreSQL has rolled back all; else the snapshot is restored" in text, text


def test_what_is_lost_on_the_way_back_is_refused(live, project):
    """Owners that this role cannot become, where the snapshot is the only way back; and a slot that stays with the OID."""
    project.in_place(clone=False)
    live.query("SELECT pg_create_logical_replication_slot('bound', 'pgoutput')")
    try:
        done = project.run(live)
    finally:
        live.query("SELECT pg_drop_replication_slot('bound')")
    assert done.code == 3, str(done)
    assert "role wc_reports owns objects" in done.stderr and "GRANT wc_reports TO wc_owner" in done.stderr
    assert "if the run fails, it stays with the failed copy" in done.stderr


def test_what_only_a_superuser_can_make(live, alone):
    """It is refused where the snapshot is the only way back: this role could not restore it. What a type or an extension
    brings with it, and what anybody can make, is no matter."""
    live.query("CREATE EXTENSION dblink")
    live.query("CREATE FUNCTION in_c(text) RETURNS text LANGUAGE internal AS 'textin'")
    live.query("CREATE PUBLICATION everything FOR ALL TABLES")
    live.query("CREATE PUBLICATION schemas FOR TABLES IN SCHEMA public")
    live.query("CREATE TYPE floats AS RANGE (subtype = float8)")
    live.query("CREATE AGGREGATE total(int) (sfunc = int4pl, stype = int)")
    told = json.loads(plan(alone, live, "--json").stdout)["findings"]
    told = [finding for finding in told if finding["finding"] == "superuser_objects"]
    assert [finding["text"].split(":")[0] for finding in told] == [
        f"only a superuser can make the {what}"
        for what in ("extension dblink", "function public.in_c(text)", "publication everything", "publication schemas")]
    done = alone.run(live)
    assert done.code == 3 and "only a superuser can make the extension dblink" in done.stderr, str(done)
    told = alone.drydock("plan", "--policy", alone.folder / "policy.yaml", dsn=live.dsn(SUPERUSER))
    assert told.code == 0 and "only a superuser" not in told.stdout, str(told)


def test_a_superuser_restores_what_the_role_could_not(live, project):
    project.in_place(clone=False, accept=["owners", "superuser_objects"])
    project.add("broken", BROKEN)
    live.query("CREATE EXTENSION dblink")
    before = state(live)
    done = project.run(live)
    assert done.code == 8 and NAME not in databases(live.cluster), str(done)
    check_snapshot(live, recover(project, live), before)


HOW = {True: "same digest over columns not declared",
       False: "same count only: there is no copy to compare columns with"}


@pytest.mark.parametrize("clone", HOW, ids=["clone", "alone"])
def test_columns_that_are_not_declared(live, project, clone):
    """Only some columns are compared: in the clone, which is opened for that and closed again."""
    project.in_place(clone, accept=["owners"])
    project.add("names", "-- drydock: writes students(\"lastName\", \"updatedAt\")\nUPDATE students SET \"lastName\" = 'x';")
    was = oid(live)
    done = project.run(live)
    assert done.code == 0, str(done)
    tables = {table["name"]: table["how"] for table in report(project)["data_proof"]["tables"]}
    assert tables["students"] == HOW[clone], tables["students"]
    assert oid(live) == was


@pytest.mark.parametrize("point", ["exchange.after_commit", "migrate.exchange.done"])
@pytest.mark.parametrize("clone", [True, False], ids=["clone", "alone"])
@pytest.mark.parametrize("with_state", [True, False], ids=["state", "lost"])
def test_nobody_was_let_in(live, project, point, clone, with_state):
    """Dead between the exchange and the first statement: the database itself gets its name back."""
    project.in_place(clone, accept=["owners"])
    before = maintenance.as_in_service(live)
    kill(project, live, point, beds.OWNER)
    if not with_state:
        lose_state(project)
    done = recover(project, live, beds.OWNER)
    assert done.code == 1 and f"'{NAME}' was not changed and is in service again" in done.last_line, str(done)
    assert maintenance.as_in_service(live) == before
    assert maintenance.copies(live) == {}
    maintenance.check_nothing_left(live.cluster)


@pytest.mark.parametrize("changed", ["keep", "work"])
def test_somebody_opened_a_copy(live, cloned, changed):
    """Before the exchange: neither of them is what it must be to be migrated, or to be the way back."""
    before = maintenance.as_in_service(live)
    with cloned.started(live, env={"DRYDOCK_FAILPOINT": "migrate.exchange.intent=stop"}) as run:
        run.wait_for_stop()
        with live.cluster.opened(run.copy(changed)):
            pass
        run.signal(signal.SIGCONT)
        done = run.done()
    assert done.code in (1, 4) and "was changed by someone else" in done.last_line, str(done)
    assert maintenance.as_in_service(live) == before
    assert maintenance.copies(live) == {}


@pytest.mark.parametrize("written", [True, False], ids=["written", "only looked"])
def test_somebody_was_in_the_database(live, cloned, written):
    """While the snapshot read it: it is migrated only if its content, and that of the clone, is the snapshot's."""
    was = oid(live)
    with cloned.started(live, user=SUPERUSER, env={"DRYDOCK_FAILPOINT": "snapshot.close_keep.intent=stop"}) as run:
        run.wait_for_stop()
        inside = live.cluster.connect(run.copy("keep"), "wc_monitor")
        with inside.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = off")
            cursor.execute("DELETE FROM allergies" if written else "SELECT 1")
        run.signal(signal.SIGCONT)
        done = run.done()
    if written:
        assert done.code == 7 and SNAPSHOT in done.last_line, str(done)
        assert live.value("SELECT count(*) FROM allergies") > 0
        assert applied(live) == beds.migration_ids()[:5]
    else:
        assert done.code == 0 and oid(live) == was, str(done)


def test_renamed_clone(live, cloned):
    """Nobody may say what the name means that a person has given it: the snapshot takes its place, and it is named."""
    cloned.add("broken", maintenance.WAIT + BROKEN)
    before = state(live)
    with cloned.started(live, user=SUPERUSER) as run:
        run.wait_for_migration()
        live.cluster.query(f"ALTER DATABASE {quote(run.copy('keep'))} RENAME TO looked_at")
        done = run.go_on()
    assert done.code == 8, str(done)
    assert "is in service as before the run, except: somebody has renamed the kept copy to 'looked_at'" in done.last_line
    assert state(live) == before


# -- without a clone ------------------------------------------------------------------------------


def test_success_without_a_clone(live, alone):
    was = oid(live)
    done = alone.run(live)
    assert done.code == 0 and "there is no copy from before (clone: none)" in done.last_line, str(done)
    assert oid(live) == was and applied(live) == beds.migration_ids()
    assert maintenance.copies(live) == {}
    assert report(alone)["copies"] == {}
    maintenance.check_nothing_left(live.cluster)


def test_the_only_migration_is_rolled_back(live, alone):
    """By PostgreSQL: the database itself has its name back, proven by digests."""
    only_pending(alone)
    alone.add("broken", "UPDATE students SET grade = '12';\nSELECT 1 / (count(*) - count(*)) FROM students;")
    before = maintenance.as_in_service(live)
    done = alone.run(live)
    assert done.code == 7, str(done)
    assert f"'{NAME}' is in service as before the run, proven: {ROLLED_BACK}" in done.last_line
    assert maintenance.as_in_service(live) == before
    assert maintenance.copies(live) == {}
    maintenance.check_nothing_left(live.cluster)


def check_snapshot(live, done, before):
    assert done.code == 7, str(done)
    assert f"'{NAME}' is in service as before the run, proven: {SNAPSHOT}" in done.last_line
    assert state(live) == before
    left = maintenance.copies(live)
    assert list(left) == ["failed"]
    maintenance.check_closed(live.cluster, left["failed"])
    maintenance.check_nothing_left(live.cluster)


BROKEN = "SELECT 1 / (count(*) - count(*)) FROM students;"
COMMITTED = {
    "migrations": BROKEN,
    "a sequence": "SELECT setval(pg_get_serial_sequence('reports.runs', 'id'), 1000);\n" + BROKEN,
    "a statement outside": "-- drydock: transaction off\nCREATE INDEX CONCURRENTLY students_grade ON students (grade);\n" + BROKEN,
}


@pytest.mark.parametrize("what", COMMITTED)
def test_what_is_not_rolled_back(live, alone, what):
    """Then the snapshot is restored, and the migrated database is evidence."""
    if what != "migrations":
        only_pending(alone)
    alone.add("broken", COMMITTED[what])
    before = state(live)
    done = alone.run(live, user=SUPERUSER)
    check_snapshot(live, done, before)


DEATHS = {"migrate.apply.acted": 7, "verify.check.intent": 7, "verify.check.done": 0, "open.rename.acted": 0}


@pytest.mark.parametrize("point", DEATHS)
def test_recovery_without_a_clone(live, alone, point):
    before, was = state(live), oid(live)
    kill(alone, live, point)
    refused = alone.run(live, user=SUPERUSER)
    assert refused.code in (0, 2, 3) and ("drydock recover" in refused.stderr or DEATHS[point] == 0), str(refused)
    done = recover(alone, live)
    if DEATHS[point] == 0:
        assert done.code == 0 and oid(live) == was and applied(live) == beds.migration_ids(), str(done)
        assert "there is no copy from before" in done.last_line
        maintenance.check_nothing_left(live.cluster)
    else:
        check_snapshot(live, done, before)
    again = recover(alone, live)
    assert again.code == 0 and "nothing to recover" in again.last_line, str(again)


def test_recovery_where_all_was_rolled_back(live, alone):
    only_pending(alone)
    alone.add("broken", "UPDATE students SET grade = '12';")
    before = maintenance.as_in_service(live)
    kill(alone, live, "migration.before_commit")
    done = recover(alone, live)
    assert done.code == 7 and ROLLED_BACK in done.last_line, str(done)
    assert maintenance.as_in_service(live) == before
    assert maintenance.copies(live) == {}


def test_neither_clone_nor_state(live, alone):
    """There is nothing to restore from: what is where is said, and stays."""
    kill(alone, live, "migrate.apply.acted", beds.OWNER)
    lose_state(alone)
    there = databases(live.cluster)
    work, = (name for name in there if name.endswith("_work"))
    for _ in range(2):
        done = recover(alone, live, beds.OWNER)
        assert done.code == 8 and databases(live.cluster) == there, str(done)
        assert f"the database as the migrations have left it is '{work}', closed" in done.last_line
        assert not properties(live.cluster, work)["open"]


@pytest.mark.parametrize("with_state", [True, False], ids=["state", "lost"])
def test_proven_without_state(live, alone, with_state):
    was = oid(live)
    kill(alone, live, "verify.check.acted", beds.OWNER)
    if not with_state:
        lose_state(alone)
    done = recover(alone, live, beds.OWNER)
    assert done.code == 0 and oid(live) == was, str(done)


def test_renamed_by_a_person(live, alone):
    before = state(live)
    kill(alone, live, "migrate.apply.acted")
    work, = (name for name in databases(live.cluster) if name.endswith("_work"))
    live.cluster.query(f"ALTER DATABASE {quote(work)} RENAME TO looked_at")
    done = recover(alone, live)
    told = f'ALTER DATABASE "looked_at" RENAME TO "{work}"'
    assert done.code == 8 and told in done.stderr, str(done)
    live.cluster.query(told)
    check_snapshot(live, recover(alone, live), before)


def test_a_migration_takes_the_record_away(live, alone):
    alone.add("comment", "DO $$ BEGIN EXECUTE format('COMMENT ON DATABASE %I IS NULL', current_database()); END $$;")
    before = state(live)
    kill(alone, live, "verify.check.intent")
    check_snapshot(live, recover(alone, live), before)


def test_somebody_made_a_database_of_that_name(live, alone):
    before = state(live)
    kill(alone, live, "migrate.apply.acted")
    live.cluster.create_database(NAME, beds.OWNER)
    done = recover(alone, live)
    assert done.code == 8 and f"somebody created a database '{NAME}'" in done.last_line, str(done)
    live.cluster.query(f"DROP DATABASE {NAME}")
    check_snapshot(live, recover(alone, live), before)


# -- going on after a death -----------------------------------------------------------------------


@pytest.mark.parametrize("point", ["snapshot.take.done", "migrate.exchange.done", "migrate.apply.done"])
def test_going_on(live, cloned, point):
    """Before the exchange, behind it, and in the middle of the migrations."""
    before, was = live.content(), oid(live)
    kill(cloned, live, point)
    done = cloned.drydock("recover", "--policy", cloned.folder / "policy.yaml", "--state", cloned.state, "--yes",
                          "--on-crash", "continue", dsn=live.dsn(SUPERUSER))
    assert done.code == 0, str(done)
    assert oid(live) == was and applied(live) == beds.migration_ids()
    left = maintenance.copies(live)
    assert list(left) == ["before"]
    with live.cluster.opened(left["before"]):
        assert beds.Database(live.cluster, left["before"]).content() == before
