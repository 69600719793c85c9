"""What is wrong with command line, policy, migrations, history or folders: said with its place, and nothing is touched.

All of it is found before the database is taken out of service, so that a slip of the pen costs no downtime.
"""

import os
import pwd
import shutil
import subprocess

import pytest

import bed as beds
from program import Done
from refusals import all_refused, refused, run_refused, untouched, write_migrations, write_policy

NEXT = "20260101000000"


@pytest.fixture
def database(white_cross):
    return white_cross(students=20)


@pytest.fixture
def policy(tmp_path):
    return write_policy(tmp_path)


# -- the command line -------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments, says", [
    (["run"], ["there is no policy", "--policy FILE"]),
    (["run", "--window-end", "tomorrow", "--policy", "POLICY"], ["'tomorrow'", "2026-11-22T04:00:00"]),
    (["run", "--policy", "/nowhere/policy.yaml"], ["/nowhere/policy.yaml", "No such file"]),
    (["run", "--policy", "POLICY", "--migrations", "/nowhere"], ["/nowhere", "No such file"]),
    (["run", "--policy", "POLICY", "--to", "20990101000000"], ["--to 20990101000000", "no such migration"]),
    (["run", "--policy", "POLICY", "--to", "20250103000000"], ["--to 20250103000000", "applied already"]),
    (["run", "--polcy", "x"], ["--polcy", "drydock run --help"]),
    (["run", "--policy", "POLICY", "now"], ["'now'", "drydock run --help"]),
    (["undo", "--policy", "POLICY", "20250103000000"], ["'20250103000000'", "drydock undo --help"]),
    (["migrat"], ["'migrat' is not a command", "did you mean 'migrate'?"]),
    (["verify", "everything"], ["verify what?", "verify database"]),
    (["undo", "--policy", "POLICY", "--all"], ["--all needs --yes"]),
])
def test_command_line(drydock, database, policy, arguments, says):
    arguments = [policy if argument == "POLICY" else argument for argument in arguments]
    refused(drydock, database, *arguments, code=2, says=says, dsn=database.dsn() if arguments[0] != "migrat" else None)


def test_no_command(drydock):
    done = drydock()
    assert done.code == 2 and "Usage: drydock COMMAND" in done.stdout


# -- the policy -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text, says", [
    ("policy: x\nmigratoins: .\n", [":2:1:", "'migratoins'", "did you mean 'migrations'?"]),
    ("policy: x\nfence:\n  drian: 5s\n", [":3:3:", "did you mean 'drain'?"]),
    ("policy: x\nfence: { drain: soon }\n", [":2:17:", "'soon'"]),
    ("policy: x\naccept: [stanby]\n", [":2:10:", "did you mean 'standby'?"]),
    ("policy: x\nwindow: { schedule: \"Sunday night\" }\n", [":2:21:", "Sunday night"]),
    ("policy: x\npublish: { to: [\"s4://bucket\"] }\n", [":2:17:", "'s4'"]),
    ("policy: x\npolicy: y\n", [":2:1:", "'policy'"]),
    ("policy: [x\n", ["policy.yaml:"]),
    ("migrations: .\n", ["policy.yaml", "policy"]),
])
def test_policy(drydock, database, tmp_path, text, says):
    path = tmp_path / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    for done in all_refused(drydock, database, ("run", "plan", "migrate", "status"), "--policy", path, code=2,
                            says=[str(path), *says]):
        assert done.stdout == ""


# -- migration files --------------------------------------------------------------------------------


MALFORMED = {
    "duplicate": ({f"{NEXT}-one.up.sql": "SELECT 1;", f"{NEXT}-two.up.sql": "SELECT 1;"},
                  [f"{NEXT}-two.up.sql", f"the id {NEXT} is that of 'one' already"]),
    "missing requires": ({f"{NEXT}-one.up.sql": "-- drydock: requires 20251231000000\nSELECT 1;"},
                         [f"{NEXT}-one.up.sql:1:", "20251231000000"]),
    "circular requires": ({f"{NEXT}-one.up.sql": "-- drydock: requires 20260102000000\nSELECT 1;",
                           "20260102000000-two.up.sql": f"-- drydock: requires {NEXT}\nSELECT 1;"},
                          [f"{NEXT}-one.up.sql:1:", "20260102000000"]),
    "unknown directive": ({f"{NEXT}-one.up.sql": "-- drydock: requires 20250103000000\n-- drydock: iireversible\n"},
                          [f"{NEXT}-one.up.sql:2:", "did you mean 'irreversible'?"]),
    "down alone": ({f"{NEXT}-one.down.sql": "SELECT 1;"}, [f"{NEXT}-one.down.sql"]),
    "name": ({"add-column.up.sql": "SELECT 1;"}, ["add-column.up.sql", "not with 14", "called like 20250103000000-"]),
    "open quote": ({f"{NEXT}-one.up.sql": "SELECT 1;\n\nSELECT 'x;\n"}, [f"{NEXT}-one.up.sql:3:"]),
    "psql command": ({f"{NEXT}-one.up.sql": "SELECT 1;\n\\i other.sql\n"}, [f"{NEXT}-one.up.sql:2:1:", "\\i"]),
}


@pytest.mark.sanitized
@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_files(drydock, database, tmp_path, case):
    files, says = MALFORMED[case]
    policy = write_policy(tmp_path, write_migrations(tmp_path, files))
    all_refused(drydock, database, ("run", "plan", "migrate", "status"), "--policy", policy, code=2, says=says)


@pytest.mark.parametrize("suffix, sql, says", [
    ("up", "CREATE TABLE visits (\n    id bigint PRIMARY KEI\n);\n", [":4:23:", "CREATE TABLE visits"]),
    ("verify", "SELECT id\n    FROM visits WERE true;\n", [":4:22:", "SELECT"]),
])
def test_syntax_error(drydock, database, tmp_path, suffix, sql, says):
    """With file, line, column and statement, by the server's own grammar, while users go on working."""
    files = {f"{NEXT}-one.up.sql": "SELECT 1;\n", f"{NEXT}-one.{suffix}.sql": f"SELECT 1;\n\n{sql}"}
    policy = write_policy(tmp_path, write_migrations(tmp_path, files))
    run_refused(drydock, database, policy, 2, [f"{NEXT}-one.{suffix}.sql{says[0]}", "syntax error", *says[1:]])


def test_syntax_error_in_an_assertion(drydock, database, tmp_path):
    """The policy's assertions are read before anything is touched, too."""
    (tmp_path / "rules.sql").write_text("SELECT 1 WHERE false;\nSELECT * FORM students;\n", encoding="utf-8")
    policy = write_policy(tmp_path, verify={"assertions": ["rules.sql"]})
    run_refused(drydock, database, policy, 2, ["rules.sql:2:10:", "syntax error"])


REACHES_OUT = {
    "CREATE ROLE nurse": "reaches outside the database",
    "GRANT wc_app TO wc_reports": "reaches outside the database",
    "ALTER SYSTEM SET work_mem = '1GB'": "reaches outside the database",
    "CREATE DATABASE other": "reaches outside the database",
    "ALTER DATABASE white_cross SET work_mem = '1GB'": "names its own database",
    "COMMIT": "controls the transaction",
    "CREATE INDEX CONCURRENTLY ON students (grade)": "gives the index no name",
    "DO $$ BEGIN COMMIT; END $$": "commits inside a block",
}


@pytest.mark.parametrize("statement", REACHES_OUT)
def test_statement_without_a_place_in_a_run(drydock, database, tmp_path, statement):
    policy = write_policy(tmp_path, write_migrations(tmp_path, {
        f"{NEXT}-one.up.sql": f"SELECT 1;\n  {statement};\n"}))
    place = f"{NEXT}-one.up.sql:2:3:"
    done = run_refused(drydock, database, policy, 3, [place, REACHES_OUT[statement]])
    assert " - " in done.stderr, "the fix is there"
    refused(drydock, database, "migrate", "--policy", policy, code=3, says=[place, REACHES_OUT[statement], "HINT: "])


# -- the history ------------------------------------------------------------------------------------


def history_refused(drydock, database, policy, says, commands=("migrate", "undo", "status")):
    """By every command that would apply something; status tells it, too."""
    run_refused(drydock, database, policy, 4, says)
    all_refused(drydock, database, commands, "--policy", policy, code=4, says=says)


def test_changed_migration(drydock, database, tmp_path):
    folder = write_migrations(tmp_path)
    path = next(folder.glob("20250103000001-*.up.sql"))
    path.write_text(path.read_text(encoding="utf-8") + "SELECT 1;\n", encoding="utf-8")
    history_refused(drydock, database, write_policy(tmp_path, folder),
                    ["20250103000001 was applied", "from another text", str(path), "a correction is a new migration"])


def test_only_blanks_and_line_ends_changed(drydock, database, tmp_path):
    """What editors and checkouts do to a file is no change."""
    folder = write_migrations(tmp_path)
    for path in folder.glob("*.up.sql"):
        text = path.read_text(encoding="utf-8").replace("\n", "  \r\n")
        path.write_text("\ufeff" + text + "\r\n\r\n", encoding="utf-8", newline="")
    with untouched(drydock, database):
        done = drydock("run", "--policy", write_policy(tmp_path, folder), dsn=database.dsn())
    assert done.code == 0, str(done)
    assert "nothing is pending" in done.last_line and "it was not touched" in done.last_line


def test_unknown_migration(drydock, database, tmp_path):
    """The history has one for which there is no file: another branch, or files of another day."""
    folder = write_migrations(tmp_path, applied=4)
    history_refused(drydock, database, write_policy(tmp_path, folder),
                    [f"the history has {beds.migration_ids()[4]}-", "there is no file"])


def test_migration_out_of_order(drydock, database, tmp_path):
    folder = write_migrations(tmp_path, {"20250201000000-late.up.sql": "SELECT 1;\n"})
    history_refused(drydock, database, write_policy(tmp_path, folder),
                    ["20250201000000 is pending but older than an applied one", "--allow-out-of-order"],
                    commands=("migrate", "status"))


# -- folders ----------------------------------------------------------------------------------------


def test_publish_folder_is_missing(drydock, database, tmp_path):
    """An unmounted disk must not become a folder on the disk of the system."""
    policy = write_policy(tmp_path, publish={"to": [f"file://{tmp_path}/nowhere"]})
    run_refused(drydock, database, policy, 3, [f"{tmp_path}/nowhere"])
    assert not (tmp_path / "nowhere").exists()


def test_state_folder_cannot_be_made(drydock, database, tmp_path, policy):
    """Root, too, cannot make a folder under a file."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = refused(drydock, database, "run", "--policy", policy, "--state", tmp_path / "file" / "state",
                   code=1, says=[f"cannot create folder '{tmp_path}/file'", "--state"])
    assert done.last_line.startswith("failed before anything was migrated: 'white_cross' was not changed")


def test_state_folder_may_not_be_written(drydock, database, tmp_path, policy):
    """As a user who is not root, as it should be."""
    if os.geteuid() == 0:
        account = pwd.getpwnam("nobody")
        give_to = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    else:
        give_to = {}
    binary = tmp_path / "drydock"
    shutil.copy(drydock.binary, binary)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    for folder in [tmp_path, *tmp_path.parents]:
        if folder.stat().st_uid == os.geteuid() and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    command = drydock.command("run", "--policy", policy, "--migrations", write_migrations(tmp_path, applied=8),
                              "--state", closed, dsn=database.dsn())
    with untouched(drydock, database):
        ran = subprocess.run([str(binary), *command[1:]], env=drydock.environment(), capture_output=True, text=True,
                             cwd="/", check=False, timeout=120, **give_to)
    done = Done(ran.returncode, ran.stdout, ran.stderr)
    assert done.code == 1, str(done)
    assert str(closed) in done.last_line and "Permission denied" in done.last_line
    assert "'white_cross' was not changed" in done.last_line


def test_state_folder_is_full(drydock, database, tmp_path):
    """A limit on the size of files is as a full disk, for root, too: put back, and it is said what could not be written."""
    policy = write_policy(tmp_path, publish={"before": "migrate"})
    before = database.state()
    command = ["/usr/bin/prlimit", "--fsize=20000", *drydock.command("run", "--policy", policy, dsn=database.dsn())]
    # The signal of that limit stays ignored, as it is in Python: writing fails instead.
    ran = subprocess.run(command, env=drydock.environment(), capture_output=True, text=True, cwd=drydock.folder,
                         check=False, timeout=120, restore_signals=False)
    done = Done(ran.returncode, ran.stdout, ran.stderr)
    assert done.code == 1, str(done)
    assert done.last_line.startswith("failed before anything was migrated: 'white_cross' was not changed and")
    assert "in service again" in done.last_line
    assert "write" in done.last_line and "File too large" in done.last_line
    assert database.state() == before
