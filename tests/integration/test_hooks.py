"""The policy's commands around the fence: in order, once, with the truth, whatever becomes of the run."""

import json
import signal

import pytest

import bed as beds
from refusals import WORDS, run_folders, tells, write_migrations, write_policy

FAILING = {"20990101000000-wrong.up.sql": "SELECT 1 / (count(*) - count(*)) FROM students;\n"}


@pytest.fixture
def ledger(tmp_path):
    """Where the commands write that they were run."""
    return tmp_path / "ledger"


@pytest.fixture
def database(white_cross):
    return white_cross(students=5)


def words(ledger):
    return ledger.read_text(encoding="utf-8").splitlines() if ledger.exists() else []


def policy(tmp_path, ledger, migrations=None, before=(), after=(), **keys):
    """Each command writes its name and how the database stands then."""
    fence = {"drain": "0s", "before": [f"echo before $DRYDOCK_DATABASE $DRYDOCK_RESULT >> {ledger}", *before],
             "after": [f"echo after $DRYDOCK_DATABASE $DRYDOCK_RESULT >> {ledger}", *after]}
    return write_policy(tmp_path, migrations or beds.MIGRATIONS, fence=fence, **keys)


def run(drydock, database, path, failpoint=None, command="run"):
    env = {"PGPASSWORD": "secret", **({"DRYDOCK_FAILPOINT": failpoint} if failpoint else {})}
    return drydock(command, "--policy", path, dsn=database.dsn(), env=env)


def report(drydock):
    return json.loads((run_folders(drydock)[-1] / "report.json").read_text(encoding="utf-8"))


def test_success(drydock, database, tmp_path, ledger):
    """Commands in order, without secrets in their environment; what they say is in the log."""
    path = policy(tmp_path, ledger, before=[f"env > {tmp_path}/env; echo stopped; echo it warns >&2"],
                  after=[f"echo second >> {ledger}"])
    done = run(drydock, database, path)
    tells(done, 0, ["command 2 of 'fence.before': stopped", "command 2 of 'fence.before': it warns"])
    assert words(ledger) == ["before white_cross", "after white_cross migrated", "second"]
    environment = (tmp_path / "env").read_text(encoding="utf-8")
    assert f"DRYDOCK_RUN={run_folders(drydock)[-1].name}\n" in environment
    assert "secret" not in environment and "DRYDOCK_RESULT" not in environment
    assert report(drydock)["exceptions"] == []


def test_nothing_pending(drydock, white_cross, tmp_path, ledger):
    done = run(drydock, white_cross(applied=8, students=None), policy(tmp_path, ledger))
    tells(done, 0, ["nothing is pending"])
    assert words(ledger) == []


@pytest.mark.parametrize("command, says", [("echo no service >&2; exit 4", "sh failed with status 4: no service"),
                                           ("sleep 60", "it did not end within 1.0 s")])
def test_before_fails(drydock, database, tmp_path, ledger, command, says):
    """The name is never taken, no command behind it is run, and what was begun is ended."""
    path = policy(tmp_path, ledger, before=[command, f"echo never >> {ledger}"],
                  timeouts={"hook": "1s"})
    version = database.row_version()
    done = run(drydock, database, path)
    tells(done, 3, [f"command 2 of 'fence.before': {says}"])
    assert done.last_line.startswith(f"{WORDS[3]}: 'white_cross' was not changed; cause:"), str(done)
    assert words(ledger) == ["before white_cross", "after white_cross restored"]
    assert database.row_version() == version


def test_failed_run_and_after_that_fails(drydock, database, tmp_path, ledger):
    """What fence.after cannot do changes nothing of what is true, and is told; the commands behind it are run."""
    path = policy(tmp_path, ledger, write_migrations(tmp_path, FAILING), after=["exit 1", f"echo last >> {ledger}"])
    done = run(drydock, database, path)
    tells(done, 7, ["failed and restored:"])
    failure = "command 2 of 'fence.after': sh failed with status 1: "
    assert f"; but {failure}" in done.last_line, str(done)
    assert report(drydock)["exceptions"] == [failure]
    assert words(ledger) == ["before white_cross", "after white_cross restored", "last"]


def test_interrupted(drydock, database, tmp_path, ledger):
    """A signal ends the command that runs, and the run; then what was begun is ended."""
    path = policy(tmp_path, ledger, before=["kill -TERM $PPID; sleep 60"])
    done = run(drydock, database, path)
    assert done.code == 128 + signal.SIGTERM, str(done)
    assert words(ledger) == ["before white_cross", "after white_cross restored"]


@pytest.mark.parametrize("failpoint, result, code", [("hooks.before.done=die", "restored", 1), ("migrate.apply.done=die", "restored", 7),
                                                     ("open.rename.acted=die", "migrated", 0)])
def test_guardian(drydock, database, tmp_path, ledger, failpoint, result, code):
    done = run(drydock, database, policy(tmp_path, ledger), failpoint)
    tells(done, code, ["ended by signal 9"])
    assert words(ledger) == ["before white_cross", f"after white_cross {result}"]


def test_recover(drydock, database, tmp_path, ledger):
    """Recovery ends what was begun; once more only if it cannot know that it was done; without the state folder, too."""
    path = policy(tmp_path, ledger)
    assert run(drydock, database, path, "migrate.apply.done=kill").code == -signal.SIGKILL
    assert words(ledger) == ["before white_cross"]
    assert run(drydock, database, path, "hooks.after.done=kill", command="recover").code == -signal.SIGKILL
    ended = ["before white_cross", "after white_cross restored"]
    assert words(ledger) == ended
    tells(run(drydock, database, path, command="recover"), 7, [])
    assert words(ledger) == ended
    tells(run(drydock, database, path, command="recover"), 0, ["nothing to recover"])
    path = policy(tmp_path, ledger, on_crash="ask")
    assert run(drydock, database, path, "migrate.apply.done=kill").code == -signal.SIGKILL
    tells(run(drydock, database, path, command="recover"), 8, ["a person must decide"])
    assert words(ledger) == [*ended, ended[0]]
    drydock.fresh_state()
    tells(drydock("recover", "--policy", path, "--on-crash", "restore", dsn=database.dsn()), 7, [])
    assert words(ledger) == ended * 2


def test_after_without_a_journal(drydock, database, tmp_path, ledger):
    """What was begun is ended, also where its line of the journal cannot be written."""
    run(drydock, database, policy(tmp_path, ledger), "hooks.command.intent#2=error")
    assert words(ledger) == ["before white_cross", "after white_cross migrated"]
