"""Runs without a fence: the live database is migrated while users write; the way back are the down files."""

import json
import re
import signal

import pytest

import bed as beds
import maintenance
from cluster import quote
from content import databases
from program import kill_both

MARKER = "SELECT run, phase FROM drydock.unfinished"


@pytest.fixture
def online(project):
    """A project whose policy has no fence, and nothing but White Cross's own migrations."""
    write_policy(project)
    return project


def write_policy(project, accept="", assertions=None):
    project.policy(assertions=assertions)
    path = project.folder / "policy.yaml"
    text = path.read_text(encoding="utf-8").replace("fence: { drain: 5s }", "strategy: in_place\nfence: { how: none }")
    path.write_text(text + f"accept: [{accept}]\n", encoding="utf-8")


def add(project, name, sql, down=None, verify=None):
    migration = project.add(name, sql, verify)
    if down:
        (project.migrations / f"{migration}-{name}.down.sql").write_text(down, encoding="utf-8")
    return migration


def broken(project):
    """A last migration that fails; it could be taken back."""
    return add(project, "broken", "CREATE TABLE half (x int);\nSELECT 1 / 0;\n", "DROP TABLE half;\n")


def history(database):
    return database.query("SELECT id, canonical_sha256, run FROM drydock.migrations ORDER BY id")


def as_before(database):
    """Schema, history and properties; rows are the users'."""
    return (database.schema(without=("drydock", "clients")), history(database), database.properties(),
            database.row_version(), databases(database.cluster))


def recover(project, database, *more):
    return project.drydock("recover", "--policy", project.folder / "policy.yaml", "--state", project.state, *more,
                           dsn=database.dsn())


def check_taken_back(done, database, before):
    assert done.code == 7, str(done)
    assert f"failed and restored: '{database}' is in service as before the run, proven: " in done.last_line, str(done)
    assert as_before(database) == before
    assert database.query(MARKER) == []
    maintenance.check_nothing_left(database.cluster)


def test_migrates_while_users_write(live, online, start_clients):
    """By an owner who may not even make databases: nobody is ended, nothing is renamed."""
    clients = start_clients(live)
    oid = live.row_version()[0]
    live.cluster.query("ALTER ROLE wc_owner NOCREATEDB")
    try:
        with online.started(live, env={"DRYDOCK_FAILPOINT": "verify.check.intent=stop"}) as run:
            run.wait_for_stop()
            clients.wait_for_writes()
            run.signal(signal.SIGCONT)
            done = run.done()
    finally:
        live.cluster.query("ALTER ROLE wc_owner CREATEDB")
    clients.stop()
    assert done.code == 0, str(done)
    assert f"done: '{live}' is migrated; it was in service all the time" in done.last_line
    assert clients.refused() == 0
    clients.check()
    assert live.row_version()[0] == oid
    assert maintenance.copies(live) == {}
    assert [entry[0] for entry in history(live)] == beds.migration_ids()
    assert live.query(MARKER) == []
    maintenance.check_nothing_left(live.cluster)
    folder, = online.runs()
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert [phase["phase"] for phase in report["phases"]] == ["preflight", "snapshot", "publish", "migrate", "verify", "end"]
    assert len(report["published"]) == 1
    assert "users write" in report["data"] and "data_proof" not in report
    assert (folder / "snapshot" / "manifest.json").exists()
    again = online.run(live)
    assert again.code == 0 and "nothing is pending" in again.last_line, str(again)


@pytest.mark.sanitized
def test_takes_back_what_was_applied(live, online, start_clients):
    """The last one fails, three were applied before it; what users wrote meanwhile stays."""
    broken(online)
    clients = start_clients(live)
    before = as_before(live)
    done = online.run(live)
    clients.wait_for_writes()
    clients.stop()
    check_taken_back(done, live, before)
    assert "down files" in done.last_line and "division by zero" in done.last_line
    clients.check()
    assert clients.refused() == 0


def test_the_first_one_fails(live, online):
    """PostgreSQL has rolled it back: nothing is left to take back."""
    for path in online.migrations.glob("202510100*.up.sql"):
        path.write_text(path.read_text(encoding="utf-8") + "\nSELECT 1 / 0;\n", encoding="utf-8")
    before = as_before(live)
    done = online.run(live)
    check_taken_back(done, live, before)
    assert "no migration of the run is applied" in done.last_line


@pytest.mark.parametrize("how", ["verify", "assertion", "health"])
def test_what_is_not_proven_is_taken_back(live, online, how):
    if how == "health":
        add(online, "test", "ALTER TABLE students ADD CONSTRAINT graded CHECK (grade <> '') NOT VALID;",
            "ALTER TABLE students DROP CONSTRAINT graded;")
    else:
        write_policy(online, assertions="SELECT 1 WHERE to_regclass('fine') IS NOT NULL;" if how == "assertion" else None)
        add(online, "test", "CREATE TABLE fine (x int);", "DROP TABLE fine;",
            "SELECT 1 FROM fine HAVING count(*) = 1;" if how == "verify" else None)
    if how == "verify":
        # It holds in its own transaction, and does not any more at the end.
        add(online, "late", "INSERT INTO fine VALUES (1);", "DELETE FROM fine;")
    before = as_before(live)
    done = online.run(live)
    check_taken_back(done, live, before)


def test_refuses_what_it_could_not_take_back(live, online):
    add(online, "test", "CREATE TABLE fine (x int);")
    before = as_before(live)
    done = online.run(live)
    assert done.code == 3 and "cannot be taken back: it has no down file" in done.stderr, str(done)
    assert as_before(live) == before and online.runs() == []


def test_names_what_stays_applied(live, online):
    """Accepted by name: what has no down file stays, and so does what is below it. The database says so until a person
    has decided."""
    write_policy(online, accept="irreversible")
    kept = add(online, "kept", "CREATE TABLE kept (x int);")
    above = add(online, "above", "CREATE TABLE above (x int);", "DROP TABLE above;")
    broken(online)
    done = online.run(live)
    assert done.code == 8 and "failed and NOT restored" in done.last_line and "in service" in done.last_line, str(done)
    assert f"migration {kept} stays applied: it has no down file" in done.last_line
    assert f"migration {beds.migration_ids()[-1]} stays applied" in done.last_line
    assert above not in done.last_line
    assert [entry[0] for entry in history(live)] == [*beds.migration_ids(), kept]
    (run, phase), = live.query(MARKER)
    assert phase == "undo"
    refused = online.run(live)
    assert refused.code == 3 and run in refused.last_line and "drydock recover" in refused.stderr, str(refused)
    again = recover(online, live)
    assert again.code == 8 and kept in again.last_line, str(again)
    # A person takes it back by hand; then recovery proves the rest.
    live.query(f"DROP TABLE kept; DELETE FROM drydock.migrations WHERE id = '{kept}'")
    mended = recover(online, live)
    assert mended.code == 7, str(mended)
    assert [entry[0] for entry in history(live)] == beds.migration_ids()[:5]
    assert live.query(MARKER) == []


@pytest.mark.parametrize("down, told", [
    ("SELECT 1 / 0;", "division by zero"),
    ("SELECT 1;", "table 'public.wrong' was created")], ids=["fails", "does less"])
def test_a_down_file_that_is_wrong(live, online, down, told):
    add(online, "wrong", "CREATE TABLE wrong (x int);", down)
    broken(online)
    done = online.run(live)
    assert done.code == 8 and "failed and NOT restored" in done.last_line and told in done.last_line, str(done)
    assert live.query(MARKER) != []


def test_the_schema_is_compared_as_a_whole(live, online):
    """Each of these is no longer as it was, and is named."""
    changes = {
        "table 'public.more' was created": "CREATE TABLE more (x int)",
        "column 'public.students.grade' was changed": "ALTER TABLE students ALTER grade SET DEFAULT '1'",
        "column 'public.users.email' was changed": "COMMENT ON COLUMN users.email IS 'x'",
        "table 'public.contacts' was changed": "REVOKE SELECT ON contacts FROM wc_app",
        "table 'public.allergies' was changed": "ALTER TABLE allergies ENABLE ROW LEVEL SECURITY",
        "policy 'mine of public.allergies' was created": "CREATE POLICY mine ON allergies USING (true)",
        "constraint 'graded of public.students' was created": "ALTER TABLE students ADD CONSTRAINT graded CHECK (true)",
        "index 'public.late' was created": "CREATE INDEX late ON students (grade)",
        "view 'public.seen' was created": "CREATE VIEW seen AS SELECT 1 AS one",
        "sequence 'public.counted' was created": "CREATE SEQUENCE counted",
        "function 'public.one()' was created": "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "trigger 'noted of public.students' was created":
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
            " CREATE TRIGGER noted BEFORE INSERT ON students FOR EACH ROW EXECUTE FUNCTION note()",
        "type 'public.mood' was created": "CREATE TYPE mood AS ENUM ('calm')",
        "schema 'other' was created": "CREATE SCHEMA other",
        "default privileges 'of wc_owner for r' was created": "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO wc_app",
    }
    add(online, "wrong", "SELECT 1;", ";\n".join(changes.values()) + ";\n")
    broken(online)
    done = online.run(live)
    assert done.code == 8 and "more differences, which the log names" in done.last_line, str(done)
    missing = [told for told in changes if f"not as before: {told}" not in done.stderr]
    assert not missing, f"{missing}: {done}"


def test_a_down_file_is_parsed_before(live, online):
    add(online, "test", "CREATE TABLE fine (x int);", "DROP TABEL fine;")
    done = online.run(live)
    assert done.code == 2 and re.search(r"test\.down\.sql:1:\d+", done.last_line), str(done)
    assert live.value("SELECT to_regclass('drydock.unfinished')") is None


def test_repeatable_migrations_are_as_fresh_as_before(live, online):
    """An undo makes them stale, since it cannot know; here the schema is proven to be as before."""
    (online.migrations / "names.repeat.sql").write_text("CREATE OR REPLACE VIEW names AS SELECT 1 AS one;\n", encoding="utf-8")
    done = online.drydock("migrate", "--policy", online.folder / "policy.yaml", dsn=live.dsn())
    assert done.code == 0, str(done)
    add(online, "test", "CREATE TABLE fine (x int);", "DROP TABLE fine;")
    broken(online)
    before = as_before(live)
    check_taken_back(online.run(live), live, before)
    assert live.query("SELECT name, stale FROM drydock.repeatables") == [("names", False)]


@pytest.mark.sanitized
def test_a_signal_takes_it_back(live, online):
    add(online, "test", "SELECT pg_sleep(100);", "SELECT 1;")
    before = as_before(live)
    with online.started(live) as run:
        run.wait_for("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(100)%' AND state = 'active'")
        run.signal()
        done = run.done()
    check_taken_back(done, live, before)


def test_a_lock_that_is_not_to_be_had(live, online):
    """Who blocks it is named, and not ended: the run fails, and is taken back."""
    live.query("CREATE TABLE busy (x int); GRANT SELECT ON busy TO wc_app", user=beds.OWNER)
    add(online, "test", "-- drydock: lock_timeout 100ms\nALTER TABLE busy ADD COLUMN extra text;",
        "ALTER TABLE busy DROP COLUMN extra;")
    path = online.folder / "policy.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("lock: 2s", "lock: 2s, lock_attempts: 2"), encoding="utf-8")
    before = as_before(live)
    with online.started(live, env={"DRYDOCK_FAILPOINT": "migrate.begin.done=stop"}) as run:
        run.wait_for_stop()
        with live.session("wc_app") as connection, connection.cursor() as cursor:
            connection.autocommit = False
            cursor.execute("SELECT count(*) FROM busy")
            run.signal(signal.SIGCONT)
            done = run.done()
    check_taken_back(done, live, before)
    assert "wc_app" in done.stderr


def test_while_it_has_not_ended(live, online):
    """The lock keeps others off while it lives; after its death the database says it, to everybody who would change it."""
    options = ("--policy", online.folder / "policy.yaml")
    before = as_before(live)
    with online.started(live, env={"DRYDOCK_FAILPOINT": "verify.check.intent=stop"}) as run:
        run.wait_for_stop()
        assert online.drydock("migrate", *options, dsn=live.dsn()).code == 5
        kill(run)
    (dead, _), = live.query(MARKER)
    for command in (("migrate",), ("undo",), ("run", "--state", online.state, "--yes")):
        done = online.drydock(command[0], *options, *command[1:], dsn=live.dsn())
        assert done.code == 3 and dead in done.stderr and "drydock recover" in done.stderr, str(done)
    plan = online.drydock("plan", *options, dsn=live.dsn())
    assert plan.code == 3 and dead in plan.stderr, str(plan)
    status = online.drydock("status", *options, "--json", dsn=live.dsn())
    assert status.code == 0 and json.loads(status.stdout)["unfinished_run"] == dead, str(status)
    assert dead in online.drydock("status", *options, dsn=live.dsn()).stdout
    check_taken_back(recover(online, live), live, before)
    assert json.loads(online.drydock("status", *options, "--json", dsn=live.dsn()).stdout)["unfinished_run"] is None


def kill(run):
    kill_both(run.process)
    run.process.wait()


def killed(online, live, point):
    """The run that is killed there."""
    with online.started(live, env={"DRYDOCK_FAILPOINT": f"{point}=stop"}) as run:
        run.wait_for_stop()
        kill(run)
    (dead, _), = live.query(MARKER)
    return dead


def limit(live, words):
    live.cluster.query(f"ALTER DATABASE {quote(str(live))} {words}")


def test_nobody_can_look_into_it(live, online):
    """Whether a run has not ended, a closed database does not say: nothing is told of it, with its journal or without."""
    before = as_before(live)
    allowed = f"CONNECTION LIMIT {before[2]['connection_limit']}"
    killed(online, live, "migrate.apply.done")
    for words in ("CONNECTION LIMIT 0", "ALLOW_CONNECTIONS false"):
        limit(live, words)
        for state in (online.state, online.folder / "fresh"):
            done = online.drydock("recover", "--policy", online.folder / "policy.yaml", "--state", state, dsn=live.dsn())
            assert done.code == 9 and words in done.last_line and "is closed" in done.last_line, str(done)
        limit(live, f"{allowed} ALLOW_CONNECTIONS true")
    done = recover(online, live)
    assert done.code == 7 and "taken back" in done.last_line, str(done)
    assert as_before(live)[:3] == before[:3]
    limit(live, "CONNECTION LIMIT 0")
    try:
        done = recover(online, live)
    finally:
        limit(live, allowed)
    assert done.code == 0 and "nothing to recover" in done.last_line, str(done)


@pytest.mark.parametrize("point", ["migrate.apply.done", "online.after_begin"])
def test_its_row_is_taken_away_when_it_is_dead(live, online, point):
    """The journal knows that it had begun; also if recovery went on with it, and died in turn."""
    dead = killed(online, live, point)
    if point == "online.after_begin":
        online.drydock("recover", "--policy", online.folder / "policy.yaml", "--state", online.state, "--on-crash", "continue",
                       dsn=live.dsn(), env={"DRYDOCK_FAILPOINT": "migrate.apply.done=kill"})
    applied = history(live)
    live.query("DELETE FROM drydock.unfinished")
    done = recover(online, live)
    assert done.code == 8 and dead in done.last_line and "drydock status" in done.last_line, str(done)
    assert "was not changed" not in done.last_line and "NOT restored" in done.last_line, str(done)
    assert history(live) == applied and [run for _, _, run in applied].count(dead) == 1
    again = recover(online, live)
    assert again.code == 0 and "nothing to recover" in again.last_line, str(again)


def test_its_row_is_taken_away_while_it_lives(live, online):
    with online.started(live, env={"DRYDOCK_FAILPOINT": "verify.check.intent=stop"}) as run:
        run.wait_for_stop()
        live.query("DELETE FROM drydock.unfinished")
        run.signal(signal.SIGCONT)
        done = run.done()
    assert done.code == 8 and "NOT restored" in done.last_line and "drydock status" in done.last_line, str(done)
    assert [entry[0] for entry in history(live)] == beds.migration_ids()
    maintenance.check_nothing_left(live.cluster)


def test_its_lock_is_held_by_a_session_that_is_dead(live, online):
    """The server may notice late that a session has ended: the way back waits for that."""
    before = as_before(live)
    key = f"('x' || substr(encode(sha256('drydock:{live}'), 'hex'), 1, 16))::bit(64)::bigint"
    with online.started(live, env={"DRYDOCK_FAILPOINT": "verify.check.intent=stop"}) as run:
        run.wait_for_stop()
        with live.cluster.session(user=beds.OWNER) as holding, holding.cursor() as cursor:
            live.cluster.query("SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = database"
                               " WHERE locktype = 'advisory' AND datname = 'postgres'")
            cursor.execute(f"SELECT pg_advisory_lock({key})")
            run.signal(signal.SIGCONT)
            waited = any("trying again" in line for line in run.process.stderr)
        done = run.done()
    assert waited, str(done)
    check_taken_back(done, live, before)


def test_a_copy_does_not_say_it(live, online, bed):
    """A database that was copied from one with a dead run has no run of its own."""
    with online.started(live, env={"DRYDOCK_FAILPOINT": "verify.check.intent=stop"}) as run:
        run.wait_for_stop()
        kill(run)
    live.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
               (str(live),))
    live.cluster.query(f"CREATE DATABASE copied TEMPLATE {quote(str(live))} OWNER wc_owner")
    copy = beds.Database(live.cluster, "copied")
    bed.made.append("copied")
    status = online.drydock("status", "--policy", online.folder / "policy.yaml", "--json", dsn=copy.dsn())
    assert json.loads(status.stdout)["unfinished_run"] is None, str(status)


def test_a_statement_outside_a_transaction(live, online):
    """A run that died in CREATE INDEX CONCURRENTLY: it is finished, and taken back with the others."""
    add(online, "test", "CREATE INDEX CONCURRENTLY late ON students (grade);", "DROP INDEX CONCURRENTLY IF EXISTS late;")
    before = as_before(live)
    with online.started(live, env={"DRYDOCK_FAILPOINT": "migration.after_statement=stop"}) as run:
        run.wait_for_stop()
        kill(run)
    check_taken_back(recover(online, live), live, before)


def test_plan_says_it(live, online):
    before = as_before(live)
    done = online.drydock("plan", "--policy", online.folder / "policy.yaml", dsn=live.dsn())
    assert done.code == 0, str(done)
    assert "in service all the time" in done.stdout and "_keep" not in done.stdout and "down files" in done.stdout
    plan = json.loads(online.drydock("plan", "--policy", online.folder / "policy.yaml", "--json", dsn=live.dsn()).stdout)
    assert plan["strategy"] == "online" and "copies" not in plan and "clone" not in plan["estimates"]
    assert as_before(live) == before


def test_not_from_a_snapshot(live, online):
    done = online.run(live, "--from", "nowhere")
    assert done.code == 2 and "fence: {how: none}" in done.stderr, str(done)
