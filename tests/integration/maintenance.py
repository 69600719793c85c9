"""A project as an operator has it: migrations, a policy, a place for backups; and whoever looks on while it is run."""

import contextlib
import json
import re
import shutil
import signal
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import psycopg2

import bed as beds
from content import databases
from program import Done, is_stopped

# A migration that waits, in the work copy, until go_on() is called; a minute at most.
GO_ON = "bed: go on"
WAIT = f"""
DO $wait$
BEGIN
    FOR i IN 1 .. 1200 LOOP
        PERFORM pg_stat_clear_snapshot();
        IF EXISTS (SELECT FROM pg_stat_activity WHERE application_name = '{GO_ON}') THEN
            RETURN;
        END IF;
        PERFORM pg_sleep(0.05);
    END LOOP;
    RAISE EXCEPTION 'nobody said to go on';
END
$wait$;
"""

POLICY = """
policy: tests
migrations: {folder}/migrations
fence: {{ drain: {drain} }}
timeouts: {{ lock: 2s, statement: {statement} }}
window: {{ margin: 1s }}
verify: {{ data: {data}, assertions: [{assertions}] }}
publish: {{ before: {before}, to: ["file://{folder}/published"] }}
"""

ASSERTIONS = beds.REPOSITORY / "policies" / "white-cross" / "*.sql"


def wait_until(condition, timeout=60):
    """Waits until a function returns something true; returns that."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, "what was waited for has not happened"
        time.sleep(0.02)
    return found


class Project:
    """A folder with the eight migrations, a policy and a state of its own; more migrations are written next to them."""

    def __init__(self, folder, drydock):
        self.folder = Path(folder)
        self.drydock = drydock
        self.migrations = self.folder / "migrations"
        self.published = self.folder / "published"
        self.state = self.folder / "state"
        self.published.mkdir(parents=True)
        shutil.copytree(beds.MIGRATIONS, self.migrations)
        self.policy()

    def policy(self, drain="5s", statement="2min", data="touched", assertions=None, before="open"):
        """Writes the policy. assertions: SQL of a file of its own next to those of White Cross."""
        patterns = [str(ASSERTIONS)]
        if assertions:
            (self.folder / "assertions.sql").write_text(assertions, encoding="utf-8")
            patterns.append(str(self.folder / "assertions.sql"))
        text = POLICY.format(folder=self.folder, drain=drain, statement=statement, data=data, before=before,
                             assertions=", ".join(f'"{pattern}"' for pattern in patterns))
        (self.folder / "policy.yaml").write_text(text, encoding="utf-8")

    def in_place(self, clone=True, accept=()):
        """The database itself is migrated, with a clone or without."""
        text = "strategy: in_place\n" + ("" if clone else "clone: { method: none }\n")
        text += f"accept: [{', '.join(accept)}]\n" if accept else ""
        with open(self.folder / "policy.yaml", "a", encoding="utf-8") as policy:
            policy.write(text)

    def without_white_cross(self):
        """For databases that are not White Cross: no migration, no assertion about it."""
        for path in self.migrations.iterdir():
            path.unlink()
        text = (self.folder / "policy.yaml").read_text(encoding="utf-8")
        text = re.sub(r", assertions: \[.*\]", "", text)
        (self.folder / "policy.yaml").write_text(text, encoding="utf-8")

    def add(self, name, sql, verify=None):
        """Writes a migration that comes after all others; returns its id."""
        number = sum(1 for _ in self.migrations.glob("20990101*.up.sql"))
        migration = f"20990101{number:06}"
        (self.migrations / f"{migration}-{name}.up.sql").write_text(sql, encoding="utf-8")
        if verify:
            (self.migrations / f"{migration}-{name}.verify.sql").write_text(verify, encoding="utf-8")
        return migration

    def remove(self, migration):
        for path in self.migrations.glob(f"{migration}-*"):
            path.unlink()

    def arguments(self, *more):
        return ["run", "--policy", self.folder / "policy.yaml", "--state", self.state, "--yes", *more]

    def run(self, database, *more, user=beds.OWNER, env=None):
        return self.drydock(*self.arguments(*more), dsn=database.dsn(user), env=env)

    @contextlib.contextmanager
    def started(self, database, *more, user=beds.OWNER, env=None):
        """A run that goes on while the test does something; see Started."""
        with self.drydock.started(*self.arguments(*more), dsn=database.dsn(user), env=env) as process:
            yield Started(process, database)

    def runs(self):
        """The folders of the runs so far, in order."""
        return sorted((self.state / "runs").glob("*")) if self.state.exists() else []


class Started:
    """A run under way."""

    def __init__(self, process, database):
        self.process = process
        self.database = database

    def wait_until(self, condition):
        """Waits until a function returns something true, while the run goes on; returns that."""
        def goes_on():
            if self.process.poll() is not None:
                raise AssertionError(f"the run has ended early:\n{self.done()}")
            return condition()
        return wait_until(goes_on)

    def wait_for(self, sql):
        """Waits until a query on the server returns a row; returns that row."""
        return self.wait_until(lambda: self.database.cluster.query(sql))[0]

    def wait_for_stop(self):
        """Waits until the run has stopped itself at a failpoint."""
        self.wait_until(lambda: is_stopped(self.process))

    def wait_for_drain(self):
        """Waits until the run looks whether the transactions that were open have ended."""
        self.wait_for("SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'drydock run %'"
                      " AND query LIKE '%string_to_array($2%'")

    def wait_for_statement(self, words):
        """Waits until a migration executes a statement with these words; returns the work copy's name."""
        return self.wait_for("SELECT datname FROM pg_stat_activity WHERE application_name LIKE 'drydock run %' AND"
                             f" datname LIKE '%_work' AND state = 'active' AND query LIKE '%{words}%'")[0]

    def wait_for_migration(self):
        """Waits until a migration that WAITs does."""
        return self.wait_for_statement("nobody said to go on")

    def copy(self, role):
        """The name of the run's copy: keep or work."""
        return next(name for name in databases(self.database.cluster) if name.endswith(f"_{role}"))

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def done(self, timeout=120):
        stdout, stderr = self.process.communicate(timeout=timeout)
        return Done(self.process.returncode, stdout, stderr)

    def go_on(self, timeout=120):
        """Lets a migration that WAITs go on, and waits for the end of the run."""
        saying = psycopg2.connect(self.database.cluster.dsn(), application_name=GO_ON)
        try:
            return self.done(timeout)
        finally:
            saying.close()


# -- what was, and what must be -------------------------------------------------------------------


def as_in_service(database):
    """All that a run which is put back must leave as it was, the OID included; not which other databases there are."""
    state = database.state()
    state["oid"] = database.cluster.value("SELECT oid FROM pg_database WHERE datname = %s", (database.name,))
    del state["shared"]["databases"]
    return state


def copies(database):
    """{role: name} of the copies that a database's runs have left on the server, by their records."""
    found = database.cluster.query(
        "SELECT description, datname FROM pg_shdescription JOIN pg_database d ON d.oid = objoid"
        " WHERE classoid = 'pg_database'::regclass AND description LIKE '{\"drydock\":%'")
    records = [(json.loads(description), name) for description, name in found]
    return {record["role"]: name for record, name in records if record["database"] == database.name}


def check_nothing_left(cluster):
    """No session and no lock of a run is left, and no copy whose place is in a run."""
    assert cluster.query("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'drydock run %'") == []
    assert cluster.query("SELECT objid FROM pg_locks WHERE locktype = 'advisory'") == []
    assert [name for name in databases(cluster) if re.search(r"_(keep|work)$", name)] == []


def check_closed(cluster, name, closed_to=("wc_app", "wc_owner", "wc_reports", "wc_outsider", "wc_monitor")):
    """Nobody gets into a copy that is kept; once a superuser opens it, still nobody without a right to the original."""
    for user in closed_to:
        try:
            cluster.connect(name, user).close()
        except psycopg2.OperationalError as error:
            assert "not currently accepting connections" in str(error)
        else:
            raise AssertionError(f"{user} gets into '{name}'")
    with cluster.opened(name):
        try:
            cluster.connect(name, "wc_outsider").close()
        except psycopg2.OperationalError as error:
            assert "permission denied for database" in str(error)
        else:
            raise AssertionError(f"wc_outsider gets into '{name}'")
        assert cluster.value("SELECT current_database()", database=name) == name


def check_put_back(done, database, before):
    """Failed, and everything is as before; the failed copy is there, closed. Returns its name."""
    assert done.code == 7, str(done)
    assert f"failed and restored: '{database}' is in service as before the run, proven: " in done.last_line
    assert done.last_line.endswith("(exit 7)")
    assert as_in_service(database) == before
    left = copies(database)
    assert list(left) == ["failed"], str(done)
    assert f"the failed copy is '{left['failed']}', closed" in done.last_line
    check_closed(database.cluster, left["failed"])
    check_nothing_left(database.cluster)
    return left["failed"]


def window_end(seconds):
    """For --window-end: that many seconds from now."""
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc(text):
    """A time of a report."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


# -- who looks on ---------------------------------------------------------------------------------


class Monitor:
    """A superuser that looks in from time to time, as monitoring does, into the database and every copy it sees."""

    USER = "wc_monitor"
    PAUSES = (0.1, 0.3, 0.2)

    def __init__(self, database):
        self.database = database
        self.looks = 0
        self.failures = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def stop(self):
        """Ends it; it must have seen the database at least once, and met nothing but closed doors."""
        self.stopping.set()
        self.thread.join(30)
        assert not self.thread.is_alive(), "the monitor hangs"
        assert not self.failures, f"the monitor met an unexpected error: {self.failures[0]}"
        assert self.looks > 0, "the monitor has seen nothing"

    def _watch(self):
        round_ = 0
        while not self.stopping.is_set():
            for name in [self.database.name, *self._copies()]:
                self._look(name)
            self.stopping.wait(self.PAUSES[round_ % len(self.PAUSES)])
            round_ += 1

    def _copies(self):
        with contextlib.suppress(psycopg2.OperationalError):
            return [name for name in databases(self.database.cluster)
                    if name.startswith(self.database.name[:20]) and name != self.database.name]
        return []

    def _look(self, name):
        try:
            with self.database.cluster.session(name, self.USER) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM pg_stat_activity")
                cursor.execute("SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace NOT IN"
                               " ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) ORDER BY oid LIMIT 1")
                (table,), = cursor.fetchall()
                cursor.execute(f"SELECT count(*) FROM {table}")
                self.looks += name == self.database.name
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            pass  # there is no such name just now, it is closed, or the session was ended
        except (psycopg2.Error, ValueError) as error:
            self.failures.append(f"{name}: {error!r}")
