"""migrate, undo, status, plan and verify: the commands that work in the live database, or only look at it."""

import pytest

import bed as beds
from content import databases
from refusals import (all_refused, ended, nobody_left, refused, run_folders, tells, untouched, wait_until,
                      write_migrations, write_policy)

NEXT, AFTER = "20260101000000", "20260102000000"


@pytest.fixture
def database(white_cross):
    return white_cross(students=20)


class Files:
    """A folder of migrations, the first five of White Cross and more, and a policy that names it."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, files, applied=5):
        return write_policy(self.folder, write_migrations(self.folder, files, applied))


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def applied(database):
    return [migration for migration, in database.query("SELECT id FROM drydock.migrations ORDER BY id")]


# -- migrate ----------------------------------------------------------------------------------------


def test_migrate_to(drydock, database, tmp_path):
    ids = beds.migration_ids()
    policy = write_policy(tmp_path)
    done = drydock("migrate", "--policy", policy, "--to", ids[5], dsn=database.dsn())
    assert done.code == 0, str(done)
    assert done.last_line == "done: 1 of 1 migrations applied in 'white_cross' (exit 0)"
    assert applied(database) == ids[:6]
    for wanted, says in ((ids[0], "is applied already"), ("20990101000000", "no such migration")):
        refused(drydock, database, "migrate", "--policy", policy, "--to", wanted, code=2, says=[f"--to {wanted}", says])


def test_first_step_fails(drydock, database, files):
    """Nothing is changed, and the place is told."""
    policy = files({f"{NEXT}-one.up.sql": "CREATE TABLE visits ();\nINSERT INTO nowhere VALUES (1);\n"})
    done = refused(drydock, database, "migrate", "--policy", policy, code=1,
                   says=[f"{NEXT}-one.up.sql:2:13:", 'relation "nowhere" does not exist', "42P01"])
    assert done.last_line.startswith("failed: 0 of 1 migrations applied in 'white_cross'; cause: ")


def test_somebody_cancels_it(drydock, database, files):
    """Which is told apart from a statement whose time is up: the server has one SQLSTATE for both."""
    policy = files({f"{NEXT}-one.up.sql": "-- drydock: statement_timeout 60s\nSELECT pg_sleep(100);\n"})
    with drydock.started("migrate", "--policy", policy, dsn=database.dsn()) as process:
        wait_until(lambda: database.value("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE state = 'active'"
                                          " AND wait_event = 'PgSleep'"), "it sleeps")
        told = "".join(process.communicate(timeout=30))
    assert process.returncode == 1 and "somebody cancelled it (pg_cancel_backend)" in told and "57014" in told, told
    policy = files({f"{NEXT}-one.up.sql": "-- drydock: statement_timeout 200ms\nSELECT pg_sleep(100);\n"})
    done = refused(drydock, database, "migrate", "--policy", policy, code=1, says=["57014"])
    assert "cancelled it" not in done.stderr


def test_first_step_of_all_fails(bed, drydock, files):
    """Not even an empty history is left."""
    database = bed.empty("white_cross")
    policy = files({f"{NEXT}-one.up.sql": "CREATE TABLE visits ();\nINSERT INTO nowhere VALUES (1);\n"}, applied=0)
    refused(drydock, database, "migrate", "--policy", policy, code=1, says=[f"{NEXT}-one.up.sql:2:13:"])


def test_later_step_fails(drydock, database, files):
    """Earlier ones stay, and that is told apart."""
    policy = files({f"{NEXT}-one.up.sql": "CREATE TABLE visits ();\n",
                    f"{AFTER}-two.up.sql": "CREATE TABLE calls ();\nSELECT 1 / 0;\n"})
    done = drydock("migrate", "--policy", policy, dsn=database.dsn())
    tells(done, 11, [f"{AFTER}-two.up.sql:2:", "division by zero"])
    assert done.last_line.startswith("failed: 1 of 2 migrations applied in 'white_cross'; cause: ")
    assert applied(database) == [*beds.migration_ids()[:5], NEXT]
    assert database.value("SELECT to_regclass('visits') IS NOT NULL AND to_regclass('calls') IS NULL")
    nobody_left(database.cluster)


def test_verify_file_returns_a_row(drydock, database, files):
    policy = files({f"{NEXT}-one.up.sql": "CREATE TABLE visits ();\n",
                    f"{NEXT}-one.verify.sql": "SELECT 1 WHERE false;\nSELECT id FROM students;\n"})
    refused(drydock, database, "migrate", "--policy", policy, code=4,
            says=[f"{NEXT}-one.verify.sql:2:1:", "returned 20 rows, expected none"])


def test_lock_that_is_not_free(drydock, database, files):
    """Tried again, and who is in the way is named; what the session does is not."""
    policy = files({f"{NEXT}-one.up.sql": "ALTER TABLE students ADD extra int;\n"})
    with database.session("wc_app") as session, session.cursor() as cursor:
        cursor.execute("BEGIN; SELECT 'a literal' FROM students")
        refused_with = ["attempt 1 of 2", "lock timeout", "blocked by", f"pid {session.info.backend_pid}", "wc_app",
                        "drydock tests"]
        done = refused(drydock, database, "migrate", "--policy", policy, code=1, says=refused_with)
    assert "a literal" not in str(done)


def test_lock_that_becomes_free(drydock, database, tmp_path):
    """Another attempt finds it free."""
    folder = write_migrations(tmp_path, {f"{NEXT}-one.up.sql": "ALTER TABLE students ADD extra int;\n"})
    policy = write_policy(tmp_path, folder, timeouts={"lock": "1s", "lock_attempts": 50})
    with database.session("wc_app") as session, session.cursor() as cursor, \
            drydock.started("migrate", "--policy", policy, dsn=database.dsn()) as process:
        cursor.execute("BEGIN; SELECT FROM students")
        said = process.stderr.readline()
        assert "attempt 1 of 50" in said and f"pid {session.info.backend_pid}" in said
        cursor.execute("COMMIT")
        assert ended(process).code == 0
    assert applied(database)[-1] == NEXT


# -- undo -------------------------------------------------------------------------------------------


def test_undo_and_its_limits(white_cross, drydock, tmp_path):
    database = white_cross(students=None)
    ids = beds.migration_ids()
    policy = write_policy(tmp_path)
    for arguments, says in (["--all"], "needs --yes"), (["--to", ids[2]], "needs --yes"), \
            (["--all", "--to", ids[2], "--yes"], "exclude each other"), (["--to", ids[6], "--yes"], "is not applied"):
        refused(drydock, database, "undo", "--policy", policy, *arguments, code=2, says=[says])
    done = drydock("undo", "--policy", policy, dsn=database.dsn())
    assert done.code == 0, str(done)
    assert done.last_line == "done: 1 of 1 migrations undone in 'white_cross' (exit 0)"
    assert applied(database) == ids[:4]
    done = drydock("undo", "--policy", policy, "--all", "--yes", dsn=database.dsn())
    assert done.code == 0 and "4 of 4 migrations undone" in done.last_line, str(done)
    assert applied(database) == []


@pytest.mark.parametrize("text, says", [
    ("CREATE TABLE visits ();\n", "it has no down file"),
    ("-- drydock: irreversible the old values are gone\nCREATE TABLE visits ();\n", "the old values are gone"),
])
def test_undo_of_what_cannot_be_undone(drydock, database, files, text, says):
    """Asked for several, none is undone if one of them cannot be."""
    policy = files({f"{NEXT}-one.up.sql": text, f"{AFTER}-two.up.sql": "CREATE TABLE calls ();\n",
                    f"{AFTER}-two.down.sql": "DROP TABLE calls;\n"})
    assert drydock("migrate", "--policy", policy, dsn=database.dsn()).code == 0
    refused(drydock, database, "undo", "--policy", policy, "--to", NEXT, "--yes", code=3,
            says=[f"migration {NEXT} cannot be undone: {says}"])


def test_undo_step_fails(drydock, database, files):
    policy = files({f"{NEXT}-one.up.sql": "CREATE TABLE visits ();\n", f"{NEXT}-one.down.sql": "DROP TABLE nowhere;\n",
                    f"{AFTER}-two.up.sql": "CREATE TABLE calls ();\n", f"{AFTER}-two.down.sql": "DROP TABLE calls;\n"})
    assert drydock("migrate", "--policy", policy, dsn=database.dsn()).code == 0
    done = drydock("undo", "--policy", policy, "--to", NEXT, "--yes", dsn=database.dsn())
    tells(done, 11, [f"{NEXT}-one.down.sql:1:1:", 'table "nowhere" does not exist'])
    assert applied(database) == [*beds.migration_ids()[:5], NEXT]


# -- looking ----------------------------------------------------------------------------------------


def test_status(drydock, database, tmp_path):
    policy = write_policy(tmp_path)
    with untouched(drydock, database):
        asked = drydock("status", "--policy", policy, dsn=database.dsn())
        exact = drydock("status", "--policy", policy, "--exit-code", dsn=database.dsn())
    assert asked.code == 0 and exact.code == 10
    assert asked.stdout.splitlines()[:-1] == exact.stdout.splitlines()[:-1]
    assert asked.last_line == "5 applied, 3 pending in 'white_cross' (exit 0)"
    assert drydock("migrate", "--policy", policy, dsn=database.dsn()).code == 0
    done = drydock("status", "--policy", policy, "--exit-code", dsn=database.dsn())
    assert done.code == 0 and done.last_line == "8 applied, 0 pending in 'white_cross' (exit 0)", str(done)


def test_plan_touches_nothing(cluster, drydock, database, tmp_path):
    """It says what a run would do, takes no lock and makes no folder."""
    policy = write_policy(tmp_path)
    there = databases(cluster)
    with untouched(drydock, database):
        done = drydock("plan", "--policy", policy, "--state", drydock.state, dsn=database.dsn())
    tells(done, 0, beds.migration_ids()[5:])
    assert databases(cluster) == there
    assert not drydock.state.exists()


def test_plan_says_what_a_restore_needs(drydock, database, tmp_path):
    """Membership in roles that own something, except as an extension's; it stops no run, whose ways back are copies."""
    policy = write_policy(tmp_path)
    database.query("CREATE EXTENSION citext; CREATE TABLE superusers (); GRANT USAGE ON SCHEMA public TO PUBLIC; GRANT SELECT ON superusers TO PUBLIC")
    done = drydock("plan", "--policy", policy, dsn=database.dsn())
    assert done.code == 0 and "role wc_reports owns objects" in done.stdout and "GRANT wc_reports TO wc_owner;" in done.stdout, str(done)
    assert "role postgres owns objects" in done.stdout and "run drydock as a superuser" in done.stdout
    database.query("DROP TABLE superusers; GRANT wc_reports TO wc_owner")
    try:
        assert "owns objects" not in drydock("plan", "--policy", policy, dsn=database.dsn()).stdout
    finally:
        database.query("REVOKE wc_reports FROM wc_owner")


def test_plan_needs_no_lock(drydock, database, tmp_path):
    """Whoever holds it, and however long."""
    policy = write_policy(tmp_path)
    with database.cluster.session(user=beds.OWNER) as holding, holding.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(('x' || substr(encode(sha256('drydock:white_cross'), 'hex'), 1, 16))"
                       "::bit(64)::bigint)")
        assert drydock("plan", "--policy", policy, dsn=database.dsn()).code == 0
        done = drydock("migrate", "--policy", policy, dsn=database.dsn())
        tells(done, 5, [f"pid {holding.info.backend_pid}", "drydock tests", "role wc_owner"])


def test_verify_database(drydock, database):
    with untouched(drydock, database):
        done = drydock("verify", "database", dsn=database.dsn())
    assert done.code == 0 and done.last_line == "verified: 'white_cross' has 0 findings (exit 0)", str(done)
    database.query("ALTER TABLE students ADD CONSTRAINT grades CHECK (grade <> '?') NOT VALID")
    refused(drydock, database, "verify", "database", code=4, says=["grades", "has 1 finding (exit 4)"])


# -- for programs -----------------------------------------------------------------------------------


def test_json(drydock, database, tmp_path):
    """One document on stdout, with a schema and the exit code; what is said goes to stderr."""
    policy = write_policy(tmp_path)
    asked = {command: drydock(*command, "--policy", policy, "--json", dsn=database.dsn())
             for command in (("status",), ("plan",), ("verify", "database"), ("migrate",), ("undo",), ("run",))}
    for command, done in asked.items():
        document = done.json()
        assert done.code == 0, str(done)
        assert document["schema"] == 1 and document["database"] == "white_cross", command
        assert document.get("exit_code", 0) == 0, command
    ids = beds.migration_ids()
    assert asked[("status",)].json()["pending"] == 3
    assert [found["id"] for found in asked[("plan",)].json()["migrations"]] == ids[5:]
    assert asked[("migrate",)].json()["applied"] == ids[5:]
    assert asked[("undo",)].json()["undone"] == ids[7:]
    assert [found["id"] for found in asked[("run",)].json()["pending"]] == ids[7:]


@pytest.mark.sanitized
@pytest.mark.parametrize("arguments, code", [
    (["status", "--policy", "/nowhere"], 2),
    (["run"], 2),
    (["migrate", "--to", "20990101000000", "--policy", "POLICY"], 2),
    (["undo", "--all", "--policy", "POLICY"], 2),
    (["verify", "snapshot", "/nowhere"], 4),
    (["plan", "--policy", "POLICY"], 3),
    (["run", "--policy", "POLICY"], 3),
])
def test_json_of_errors(drydock, database, tmp_path, arguments, code):
    """Also what fails is one document, with the reason and the exit code."""
    database.query("ALTER TABLE reports.runs ENABLE ROW LEVEL SECURITY")
    policy = write_policy(tmp_path)
    arguments = [policy if argument == "POLICY" else argument for argument in arguments]
    with untouched(drydock, database):
        done = drydock(*arguments, "--json", dsn=database.dsn())
    document = done.json()
    assert done.code == code, str(done)
    assert document["schema"] == 1 and document["exit_code"] == code, done.stdout
    assert document.get("error") or document.get("cause") or document["findings"], done.stdout


def test_json_of_a_failed_step(drydock, database, files):
    policy = files({f"{NEXT}-one.up.sql": "CREATE TABLE visits ();\n", f"{AFTER}-two.up.sql": "SELECT 1 / 0;\n"})
    document = drydock("migrate", "--policy", policy, "--json", dsn=database.dsn()).json()
    assert document["applied"] == [NEXT] and document["exit_code"] == 11
    assert "division by zero" in document["error"]


def test_json_of_drift(drydock, database, files):
    """The state of each migration is in the document, and the exit code says it."""
    policy = files({}, applied=4)
    done = drydock("status", "--policy", policy, "--json", dsn=database.dsn())
    states = {found["id"]: found["state"] for found in done.json()["migrations"]}
    assert done.code == 4 and states[beds.migration_ids()[4]] == "unknown", str(done)
    (document,) = {done.stdout for done in all_refused(
        drydock, database, ("migrate", "undo"), "--policy", policy, "--json", code=4, says=['"exit_code": 4'])}
    assert "there is no file" in document
    assert run_folders(drydock) == []
