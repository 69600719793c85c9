"""Neither passwords nor anything from a row gets into what the program says, writes, or gives to its children."""

import contextlib
import os
import subprocess
import time
from pathlib import Path

import pytest

from refusals import go_on, run_that_stops, write_migrations, write_policy

PASSWORD = "PasswordThatNobodyMaySee"
ROW = "RowThatNobodyMaySee"
LITERAL = "LiteralThatNobodyMaySee"
NEXT = "20260101000000"

# Each makes the server speak of a row or of a literal: in the message itself, its detail, its hint or its context.
FAILURES = {
    "cast": "ALTER TABLE letters ALTER COLUMN body TYPE integer USING body::integer;",
    "cast of a literal": f"SELECT '{LITERAL}'::date;",
    "unique": "CREATE UNIQUE INDEX ON letters (body);",
    "duplicate key": "INSERT INTO letters SELECT * FROM letters;",
    "not null": "INSERT INTO letters SELECT NULL, body FROM letters;",
    "check": f"ALTER TABLE letters ADD CHECK (body <> '{LITERAL}'); UPDATE letters SET body = '{LITERAL}';",
    "foreign key": "CREATE TABLE answers (body text PRIMARY KEY); ALTER TABLE letters ADD FOREIGN KEY (body) REFERENCES answers;",
    "enum": "CREATE TYPE word AS ENUM ('a'); ALTER TABLE letters ALTER body TYPE word USING body::word;",
    "too long": "ALTER TABLE letters ALTER body TYPE varchar(3);",
    "json": "ALTER TABLE letters ALTER body TYPE json USING body::json;",
    "raise": "DO $$ DECLARE b text; BEGIN SELECT body INTO b FROM letters LIMIT 1;"
             " RAISE EXCEPTION 'wrong: %', b USING HINT = b, DETAIL = b; END $$;",
    "notice": "DO $$ DECLARE b text; BEGIN SELECT body INTO b FROM letters LIMIT 1;"
              " RAISE WARNING 'wrong: %', b; END $$; SELECT 1 / 0;",
    "dynamic SQL": "DO $$ DECLARE b text; BEGIN SELECT body INTO b FROM letters LIMIT 1; EXECUTE 'SELECT ' || b; END $$;",
    "syntax": f"CREATE TABLE x (a int DEFAULT '{LITERAL}' oops);",
    "division in a query": f"SELECT 1 / (length(body) - {len(ROW)}) FROM letters WHERE body <> '{LITERAL}';",
    "undeclared update": "UPDATE letters SET body = body || body;",
    "verify": None,
}


@pytest.fixture
def database(white_cross):
    database = white_cross(students=20)
    database.query("SET ROLE wc_owner; CREATE TABLE letters (id int PRIMARY KEY, body text);"
                   f" INSERT INTO letters VALUES (1, '{ROW}'), (2, '{ROW}')")
    return database


def with_password(database):
    """The server trusts everybody, so that the password is not even asked for."""
    return f"{database.dsn()} password={PASSWORD}"


def written(folder):
    """{path: bytes} of all files in a folder but the rows of snapshots."""
    return {path: path.read_bytes() for path in Path(folder).rglob("*")
            if path.is_file() and not path.name.endswith(".zst")}


def clean(*texts):
    for text in texts:
        data = text if isinstance(text, bytes) else text.encode()
        for mark in (PASSWORD, ROW, LITERAL):
            assert mark.encode() not in data, f"{mark} in {data!r}"


@pytest.mark.parametrize("case", FAILURES)
def test_what_fails_tells_nothing_of_rows(drydock, database, tmp_path, case):
    """In a run that is put back, and in migrate; with everything that is said, written and published."""
    (tmp_path / "published").mkdir()
    sql = FAILURES[case] or "SELECT 1;"
    folder = write_migrations(tmp_path, {f"{NEXT}-one.up.sql": sql + "\n",
                                         f"{NEXT}-one.verify.sql": "SELECT 1 WHERE false;\n" if FAILURES[case] else
                                         f"SELECT body FROM letters WHERE body <> '{LITERAL}';\n"})
    policy = write_policy(tmp_path, folder, publish={"to": [f"file://{tmp_path}/published"]})
    done = drydock("run", "--policy", policy, "--verbose", dsn=with_password(database))
    assert done.code == (2 if case == "syntax" else 7), str(done)
    assert f"{NEXT}-one." in done.last_line or "letters" in done.last_line, "it is said where"
    clean(done.stdout, done.stderr, *written(drydock.state).values(), *written(tmp_path / "published").values())
    if case != "undeclared update":
        done = drydock("migrate", "--policy", policy, "--verbose", "--json", dsn=with_password(database))
        assert done.code in (1, 2, 4), str(done)
        clean(done.stdout, done.stderr)


def descendants(pid):
    """The processes that a process has started, and theirs."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            found += [int(child), *descendants(int(child))]
    return found


def watched(process):
    """Arguments and environment of every process that one has started, until it has ended."""
    seen = set()
    while process.poll() is None:
        with contextlib.suppress(OSError):  # whoever ends while we look
            for pid in descendants(process.pid):
                if os.readlink(f"/proc/{pid}/exe") == os.readlink(f"/proc/{process.pid}/exe"):
                    continue  # drydock itself, as it was started
                seen.add(Path(f"/proc/{pid}/cmdline").read_bytes() + b"|" + Path(f"/proc/{pid}/environ").read_bytes())
        time.sleep(0.002)
    return seen


@pytest.mark.parametrize("place", ["dsn", "DRYDOCK_DSN", "PGPASSWORD"])
def test_processes_have_no_password(drydock, database, tmp_path, place):
    """Neither in arguments nor in environment, where others of this machine read them."""
    secret = with_password(database)
    dsn = {"dsn": secret, "PGPASSWORD": database.dsn()}.get(place)
    env = {"DRYDOCK_DSN": {"DRYDOCK_DSN": secret}, "PGPASSWORD": {"PGPASSWORD": PASSWORD}}.get(place)
    log = (tmp_path / "stderr").open("w+", encoding="utf-8")
    with log, subprocess.Popen(drydock.command("run", "--policy", write_policy(tmp_path), dsn=dsn),
                               env=drydock.environment(env), stdout=log, stderr=log, cwd=tmp_path) as process:
        seen = watched(process)
        log.seek(0)
        said = log.read()
    assert process.returncode == 0, said
    # Until it becomes another program, a child is a copy of drydock, whose environment is the caller's.
    seen = {what for what in seen if not what.startswith(str(drydock.binary).encode())}
    programs = {what.split(b"\0")[0].rpartition(b"/")[2] for what in seen}
    assert b"pg_dump" in programs
    clean(said, *seen)


def test_password_file_of_a_run(drydock, database, tmp_path):
    """pg_dump gets it in a file that nobody else can read, and that is gone afterwards."""
    with run_that_stops(drydock, database, write_policy(tmp_path), "snapshot.close_keep.acted",
                        dsn=with_password(database)) as run:
        holding = [path for path, data in written(drydock.state).items() if PASSWORD.encode() in data]
        assert [path.stat().st_mode & 0o777 for path in holding] == [0o600]
        done = go_on(run)
    assert done.code == 0, str(done)
    clean(done.stdout, done.stderr, *written(drydock.state).values())


def test_password_file_after_a_crash(drydock, database, tmp_path):
    """A run that is killed while pg_dump works leaves the file; recover removes it, and half a snapshot."""
    policy = write_policy(tmp_path)
    dsn = with_password(database)
    done = drydock("run", "--policy", policy, dsn=dsn, env={"DRYDOCK_FAILPOINT": "snapshot.close_keep.intent=kill"})
    folder = next(Path(drydock.state).glob("runs/*"))
    assert done.code < 0 and list(folder.glob("passfile-*")), str(done)
    done = drydock("recover", "--policy", policy, dsn=dsn)
    assert done.code == 1, str(done)
    assert not list(folder.glob("passfile-*")) and not list(folder.glob("snapshot*"))


def test_password_in_a_wrong_dsn(drydock, database, tmp_path):
    """What libpq says about a connection string that it cannot read, or a server that turns it away."""
    policy = write_policy(tmp_path)
    for dsn in (f"postgresql://wc_owner:{PASSWORD}@[::1/white_cross", f"host={tmp_path} password={PASSWORD}",
                f"password={PASSWORD} nonsense", f"pasword={PASSWORD}", f"{with_password(database)} user=nobody_here"):
        for command in ("run", "status"):
            done = drydock(command, "--policy", policy, dsn=dsn)
            assert done.code in (1, 2), str(done)
            clean(done.stdout, done.stderr)


def test_password_in_the_environment(cluster, drydock, database, tmp_path):
    """Nor does it get into the server's log."""
    env = {"DRYDOCK_DSN": with_password(database), "PGPASSWORD": PASSWORD}
    done = drydock("run", "--policy", write_policy(tmp_path), env=env)
    assert done.code == 0, str(done)
    clean(done.stdout, done.stderr, *written(drydock.state).values())
    assert PASSWORD.encode() not in cluster.log.read_bytes()
