"""What a command that is refused, or fails before it begins, must leave alone; and the files such commands are given.

    refused(drydock, database, "run", "--policy", policy, code=3, says=["prepared transaction", "ROLLBACK PREPARED"])
"""

import contextlib
import json
import shutil
import signal
import time

import bed as beds
import content
from program import Done, is_stopped

# Sessions that the program opened; the tests' own is called "drydock tests".
OURS = "application_name ~ '^drydock (run|plan|recover|status|migrate|undo|verify|snapshot|restore)'"

# How each outcome begins its line.
WORDS = {1: "failed before anything was migrated", 2: "failed before anything was migrated", 3: "refused",
         4: "failed before anything was migrated", 5: "locked", 6: "too late"}


# -- files ------------------------------------------------------------------------------------------


def write_policy(folder, migrations=beds.MIGRATIONS, name="policy.yaml", **keys):
    """A policy in that folder that waits for nobody; keys are added as they are, or replace these."""
    settings = {"policy": "refusals", "migrations": str(migrations), "fence": {"drain": "0s"},
                "timeouts": {"connect": "5s", "lock": "200ms", "lock_attempts": 2}, **keys}
    path = folder / name
    # JSON is YAML.
    path.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in settings.items()), encoding="utf-8")
    return path


def write_migrations(folder, files=None, applied=5):
    """A folder with the first migrations of White Cross and more files, {name: text}; the files win."""
    folder = folder / "migrations"
    folder.mkdir(exist_ok=True)
    for migration in beds.migration_ids()[:applied]:
        for path in beds.MIGRATIONS.glob(f"{migration}-*.sql"):
            shutil.copy(path, folder)
    for name, text in (files or {}).items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder


# -- runs under way -----------------------------------------------------------------------------------


def ended(process, timeout=120):
    """What a started program gave back."""
    stdout, stderr = process.communicate(timeout=timeout)
    return Done(process.returncode, stdout, stderr)


@contextlib.contextmanager
def run_that_stops(drydock, database, policy, point, dsn=None):
    """A run that stands still at a failpoint; go_on() lets it go on."""
    with drydock.started("run", "--policy", policy, dsn=dsn or database.dsn(),
                         env={"DRYDOCK_FAILPOINT": f"{point}=stop"}) as process:
        def stopped():
            assert process.poll() is None, f"the run ended before {point}: {ended(process)}"
            return is_stopped(process)
        wait_until(stopped, f"the run stands still at {point}")
        yield process


def process_state(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0]


def go_on(process):
    process.send_signal(signal.SIGCONT)
    return ended(process)


# -- nothing touched --------------------------------------------------------------------------------


def wait_until(condition, what, timeout=60):
    """Waits until condition() is true, and returns what it is."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, f"timed out waiting until {what}"
        time.sleep(0.01)
    return found


def sessions(cluster):
    """(application, database) of the program's sessions."""
    return cluster.query(f"SELECT application_name, datname FROM pg_stat_activity WHERE {OURS}")


def nobody_left(cluster):
    """No session of the program, and no lock; a session ends a moment after its client."""
    wait_until(lambda: not sessions(cluster), "the program's sessions are gone")
    assert cluster.query("SELECT * FROM pg_locks WHERE locktype = 'advisory'") == []


def run_folders(drydock):
    """The folders of runs in the state folder."""
    runs = drydock.state / "runs"
    return sorted(runs.iterdir()) if runs.exists() else []


@contextlib.contextmanager
def untouched(drydock, database, readable=True, folders=0):
    """The database, its row, the shared catalogs and the state folder are the same after the with."""
    look = database.state if readable else lambda: (database.properties(), content.shared(database.cluster))
    before, version = look(), database.row_version()
    yield
    nobody_left(database.cluster)
    assert look() == before
    assert database.row_version() == version
    assert len(run_folders(drydock)) == folders


def tells(done, code, says):
    """The exit code, and words that must be in what was said."""
    assert done.code == code, str(done)
    told = done.stdout + done.stderr
    missing = [words for words in says if words not in told]
    assert not missing, f"does not say {missing}: {done}"


def refused(drydock, database, *arguments, code, says, dsn=None, readable=True):
    """Runs a command that must end with that code, say those words and leave everything alone."""
    return all_refused(drydock, database, arguments[:1], *arguments[1:], code=code, says=says, dsn=dsn,
                       readable=readable)[0]


def all_refused(drydock, database, commands, *arguments, code, says, dsn=None, readable=True):
    """The same for several commands with the same arguments."""
    with untouched(drydock, database, readable):
        results = [drydock(command, *arguments, dsn=dsn or database.dsn()) for command in commands]
    for done in results:
        tells(done, code, says)
    return results


def run_refused(drydock, database, policy, code, says, *arguments, dsn=None, readable=True, plan=True):
    """A run that is refused: with the last line, too; and plan says the same and exits with the same code."""
    commands = ("run", "plan") if plan else ("run",)
    done = all_refused(drydock, database, commands, "--policy", policy, *arguments, code=code, says=says, dsn=dsn,
                       readable=readable)[0]
    assert done.last_line.startswith(f"{WORDS[code]}:"), str(done)
    assert done.last_line.endswith(f"(exit {code})"), str(done)
    return done
