"""A small database with migrations, a run of drydock over it that dies somewhere, and what must be true afterwards.

The database is small so that a case takes a second: two tables, a sequence, a large object, an owner who is no
superuser, and properties of every kind that an owner can give.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import bed as beds
import content as contents
from cluster import clean_environment, program, quote
from program import Done, is_stopped

NAME = "harbour"
TEMPLATE = contents.BED_PREFIX + "harbour"

TABLES = """
CREATE TABLE ships (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    tonnes integer);
CREATE TABLE calls (
    ship bigint NOT NULL REFERENCES ships,
    day date NOT NULL,
    note text NOT NULL DEFAULT '');
INSERT INTO ships (name, tonnes) SELECT 'Seefalke ' || n, 100 + n FROM generate_series(1, 200) n;
INSERT INTO calls SELECT 1 + n % 200, date '2025-01-01' + n % 300, 'Café' FROM generate_series(1, 500) n;
SELECT lo_from_bytea(900001, decode(repeat('00ff5a', 4000), 'hex'));
"""

FIRST = {"20250101000000-first": TABLES}

GOOD = {
    "20250102000000-piers": "-- drydock: adds piers\nCREATE TABLE piers (id integer PRIMARY KEY, name text NOT NULL);\n"
                            "INSERT INTO piers SELECT n, 'Pier ' || n FROM generate_series(1, 20) n;\n",
    "20250103000000-flag": "-- drydock: writes ships(tonnes)\nALTER TABLE ships ADD COLUMN flag text;\n"
                           "UPDATE ships SET tonnes = tonnes + 1 WHERE id <= 50;\n",
    "20250104000000-calls": "CREATE INDEX calls_day ON calls (day);\n",
}

# It changes rows and does not say so: verification finds it, after everything was applied.
BAD = {**GOOD, "20250105000000-undeclared": "UPDATE calls SET note = 'changed' WHERE day < '2025-02-01';\n"}

# It fails while it is applied, and is all there is.
ALONE = {"20250105000000-broken": "UPDATE calls SET note = 'changed';\nSELECT 1 / (count(*) - count(*)) FROM ships;\n"}

# It fails while it is applied.
BROKEN = {**GOOD, "20250105000000-broken": "UPDATE calls SET note = 'changed';\nSELECT 1 / (count(*) - count(*)) FROM ships;\n"}

GRANTS = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO wc_app"

POLICY = """policy: fault
migrations: {migrations}
fence: {{ drain: 0s, before: ["echo before >> {hooks}"], after: ["echo after $DRYDOCK_RESULT >> {hooks}"] }}
snapshot: {{ jobs: 2 }}
publish: {{ before: {before}, to: ["file://{store}"] }}
"""

IN_PLACE = "strategy: in_place\n"
NO_CLONE = "clone: { method: none }\n"


@dataclass
class State:
    """What a database is in: compared as a whole."""
    content: dict
    schema: str
    properties: dict
    history: list


class Bench:
    """A server, the small database, and the program under test."""

    def __init__(self, cluster, drydock):
        self.cluster = cluster
        self.drydock = drydock
        self.folder = Path(tempfile.mkdtemp(prefix="drydock-fault-"))
        self.store = self.folder / "store"
        self.hooks = self.folder / "hooks"
        self.before = self.after = self.shared = self.seconds = None
        self._make_template()
        self._learn()

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- making ---------------------------------------------------------------------------------

    def policy(self, migrations, name=None, more="", before="migrate"):
        """A policy file over migrations {id-name: sql}; the first one is always there. more: keys."""
        name = name or f"set{len(list(self.folder.glob('*.yaml')))}"
        folder = self.folder / name
        folder.mkdir()
        for title, sql in {**FIRST, **migrations}.items():
            (folder / f"{title}.up.sql").write_text(sql, encoding="utf-8")
        self.store.mkdir(exist_ok=True)
        path = self.folder / f"{name}.yaml"
        text = POLICY.format(migrations=folder, store=self.store, hooks=self.hooks, before=before)
        path.write_text(text + more, encoding="utf-8")
        return path

    def _make_template(self):
        self.good, self.bad, self.broken = (self.policy(each) for each in (GOOD, BAD, BROKEN))
        self.in_place_good, self.in_place_bad = (self.policy(each, more=IN_PLACE) for each in (GOOD, BAD))
        self.alone_good, self.alone_bad, self.alone_rolled_back = (
            self.policy(each, more=IN_PLACE + NO_CLONE) for each in (GOOD, BAD, ALONE))
        self.lanes, self.lanes_broken = (self.policy(each, before="open") for each in (GOOD, BROKEN))
        self.late = self.policy(GOOD, before="nothing")
        first = self.policy({}, "first")
        self.cluster.create_database(TEMPLATE, beds.OWNER)
        done = self.drydock("migrate", "--policy", first, dsn=self.cluster.dsn(TEMPLATE, beds.OWNER))
        assert done.code == 0, str(done)
        self.cluster.query(GRANTS, database=TEMPLATE)
        self.cluster.query(f"ALTER DATABASE {TEMPLATE} ALLOW_CONNECTIONS false")

    def _learn(self):
        """The states before and after, from a run that nothing happens to."""
        self.make()
        self.shared = self._shared()
        self.before = self.state()
        self.archive = self.folder / "harbour.dump"
        subprocess.run([program("pg_dump"), "--format=custom", "--file", self.archive, "--dbname",
                        self.cluster.dsn(NAME)], env=clean_environment(), check=True)
        started = time.monotonic()
        done = self.run(self.good)
        self.seconds = time.monotonic() - started
        assert done.code == 0, str(done)
        self.after = self.state()
        assert self.after != self.before
        self.clear()

    def make(self):
        """A new database, and no state folder."""
        self.cluster.create_database(NAME, beds.OWNER, TEMPLATE)
        with self.cluster.session() as connection, connection.cursor() as cursor:
            for statement in beds.PROPERTIES.replace("%s", NAME).split(";\n"):
                cursor.execute(statement)
        self.kind = "success"  # of the run (points.py)
        self.oid = self._oid()
        self.hooks.write_text("", encoding="utf-8")
        self.drydock.fresh_state()

    def _oid(self):
        return self.cluster.value("SELECT oid FROM pg_database WHERE datname = %s", (NAME,))

    def clear(self):
        """Drops what a case has left, whatever it is called now."""
        for name in contents.databases(self.cluster):
            if name not in ("postgres", "template0", "template1"):
                self.cluster.query(f"DROP DATABASE {quote(name)} WITH (FORCE)")
        shutil.rmtree(self.store, ignore_errors=True)
        self.store.mkdir()
        self.drydock.fresh_state()

    # -- running --------------------------------------------------------------------------------

    def arguments(self, command, policy, *more):
        return (command, "--policy", policy, "--yes", *more)

    def dsn(self):
        return self.cluster.dsn(NAME, beds.OWNER)

    def run(self, policy, failpoint=None, log=None, command="run", dsn=None, more=()):
        env = {}
        if failpoint:
            env["DRYDOCK_FAILPOINT"] = failpoint
        if log:
            env["DRYDOCK_FAILPOINT_LOG"] = str(log)
        return self.drydock(*self.arguments(command, policy, *more), dsn=dsn or self.dsn(), env=env)

    def kill_run(self, policy, failpoint, command="run", more=()):
        """A run that kills itself there."""
        done = self.run(policy, failpoint, command=command, more=more)
        assert done.code == -signal.SIGKILL, f"the point was not passed: {done}"

    def recover(self, policy, with_state=True, failpoint=None):
        """Recovery, with the state folder or after its loss."""
        if not with_state:
            self.drydock.fresh_state()
        return self.run(policy, failpoint, command="recover")

    @contextlib.contextmanager
    def stopped(self, policy, point, command="run", failpoint=None, more=()):
        """A run that stands still at a point, as a Popen; it is ended at the end of the with if it is still there."""
        env = {"DRYDOCK_FAILPOINT": f"{failpoint},{point}=stop" if failpoint else f"{point}=stop"}
        with self.drydock.started(*self.arguments(command, policy, *more), dsn=self.dsn(), env=env) as process:
            wait_until_stopped(process)
            yield process

    def points(self, policy, command="run", failpoint=None, more=()):
        """The failpoints that a command passes, as NAME or NAME#TIME."""
        log = self.folder / "points.log"
        log.unlink(missing_ok=True)
        self.run(policy, failpoint, log, command, more=more)
        passed, times = [], {}
        for name in log.read_text(encoding="utf-8").split():
            times[name] = times.get(name, 0) + 1
            passed.append(name if times[name] == 1 else f"{name}#{times[name]}")
        return passed

    # -- looking --------------------------------------------------------------------------------

    def _shared(self):
        return {**contents.shared(self.cluster), "databases": None}

    def state(self, name=NAME):
        """The database as a State. The time stamps of the history are no part of it."""
        content = contents.content(self.cluster, name, without=("drydock",))
        return State(content, contents.schema(self.cluster, name), contents.properties(self.cluster, name),
                     self.history(name))

    def history(self, name=NAME):
        return self.cluster.query("SELECT id, name, sha256 FROM drydock.migrations ORDER BY id", database=name)

    def databases(self):
        """The names of the databases, without those every server has."""
        return [name for name in contents.databases(self.cluster) if name not in ("postgres", "template0", "template1")]

    def sessions(self, pattern="drydock %"):
        return self.cluster.query("SELECT pid, application_name, query FROM pg_stat_activity WHERE application_name"
                                  " LIKE %s AND application_name <> 'drydock tests'", (pattern,))

    def wait_without_sessions(self, timeout=30):
        wait_until(lambda: not self.sessions(), "sessions of drydock are still there", timeout)

    def is_fenced(self):
        return NAME not in self.databases()


def wait_until(condition, complaint, timeout=60):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.01)


def wait_until_stopped(process, timeout=60):
    """Waits until a process has stopped itself."""
    def is_there():
        assert process.poll() is None, f"it has ended with {process.returncode}: {process.communicate()}"
        return is_stopped(process)
    wait_until(is_there, "the point was not reached", timeout)


def go_on(process):
    os.kill(process.pid, signal.SIGCONT)


def end(process, timeout=120):
    """Waits for a started command's end and gives what it has told."""
    stdout, stderr = process.communicate(timeout=timeout)
    return Done(process.returncode, stdout, stderr)


# -- judging ------------------------------------------------------------------------------------


def check(bench, done, expect=None, content=True):
    """Asserts that everything is before or after, and that the exit code and the last line of `done` are true to it.

    Returns "after", "restored" (a migrated copy was put aside), "back" (nothing was migrated, or all was rolled back),
    "nothing" (there was nothing to recover), or "person" (in place, without a clone and without the state folder).
    expect: the ones that are right here.
    """
    told = str(done)
    alone = bench.kind.startswith("alone")
    bench.wait_without_sessions()
    names = bench.databases()
    if alone and NAME not in names:
        return check_person(bench, done, names, expect)
    assert NAME in names, f"out of service, with {names}: {told}"
    aside = [name for name in names if name != NAME]
    assert not [name for name in aside if "_drydock_" in name], f"{aside} is left: {told}"
    assert len(aside) <= 1, f"{aside} are left: {told}"
    is_after = any(name.startswith(NAME + "_before_") for name in aside) or (
        alone and bench.history() == bench.after.history)
    is_restored = any(name.startswith(NAME + "_failed_") for name in aside)
    assert bool(aside) == ((is_after and not alone) or is_restored), f"{aside} is left: {told}"
    kind = judge_words(done, is_after, is_restored, alone)
    check_oid(bench, kind, told)
    if content:
        wanted = bench.after if is_after else bench.before
        found = bench.state()
        assert found.content == wanted.content, f"the content is neither before nor after: {told}"
        assert found.schema == wanted.schema, f"the schema is neither before nor after: {told}"
        assert found.history == wanted.history, told
        assert found.properties == wanted.properties, told
    else:
        assert contents.properties(bench.cluster, NAME) == bench.before.properties, told
    assert bench._shared() == bench.shared, told
    check_copies(bench, aside)
    check_hooks(bench, kind, told)
    assert bench.cluster.value("SELECT count(*) FROM ships", database=NAME, user="wc_app") == 200
    assert not bench.cluster.query("SELECT pid FROM pg_locks WHERE locktype = 'advisory'"), told
    assert expect is None or kind in expect, f"{kind}: {told}"
    return kind


def check_oid(bench, kind, told):
    """In place a success keeps the OID, otherwise a way back does; what was not migrated has its own in any case."""
    kept = {"after": bench.kind in ("in_place", "alone"), "restored": not bench.kind.startswith(("in_place", "alone")),
            "back": True}
    assert kind not in kept or (bench._oid() == bench.oid) == kept[kind], told


def check_person(bench, done, names, expect):
    """The migrations are committed, and there is nothing to restore from: it is closed, and named."""
    told = str(done)
    work, = (name for name in names if name.endswith("_work"))
    assert done.code == 8 and f"'{work}'" in done.last_line, told
    # What was half restored from the snapshot is the other one.
    assert set(names) <= {work, work.removesuffix("_work") + "_restore"}, told
    assert not [name for name in names if contents.properties(bench.cluster, name)["open"]], told
    assert expect is None or "person" in expect, told
    return "person"


def judge_words(done, is_after, is_restored, alone=False):
    """The exit code and the last line, against what is there."""
    line, told = done.last_line, str(done)
    if done.code == 0 and "nothing to recover" in line:
        return "nothing"
    if is_after:
        assert done.code == 0 and (f"'{NAME}' is migrated and in service" in line or
                                   f"'{NAME}' is restored from the snapshot, migrated and in service" in line), told
        return "after"
    if is_restored:
        assert done.code == 7 and line.startswith("failed and restored"), told
        return "restored"
    if alone and done.code == 7:
        assert line.startswith("failed and restored") and ("rolled back" in line or "had its name back" in line), told
        return "back"
    assert done.code in (1, 128 + signal.SIGTERM), told
    assert f"'{NAME}' was not changed" in line, told
    return "back"


def check_hooks(bench, kind, told):
    """What was begun by fence.before is ended by fence.after, with the truth; "nothing": nobody could know of the run, or
    it was done already."""
    words = bench.hooks.read_text(encoding="utf-8").splitlines()
    if "before" in words and kind != "nothing":
        assert words[-1] == f"after {'migrated' if kind == 'after' else 'restored'}", f"{words}: {told}"


def check_copies(bench, aside):
    """A copy that is kept is closed, and its row is as closed as the original's was."""
    for name in aside:
        found = contents.properties(bench.cluster, name)
        assert not found["open"], f"'{name}' is open"
        assert found["acl"] == bench.before.properties["acl"], f"'{name}' has another ACL"
