"""Subscriptions: disabled for a run, enabled again in the database that they belong to, whatever becomes of the run."""

import json
import signal

import pytest

from cluster import SUPERUSER
from refusals import run_folders, tells, wait_until, write_migrations, write_policy

GOOD = {"20990101000000-piers.up.sql": "-- drydock: adds piers\nCREATE TABLE piers (id int);\n"}
BAD = {"20990101000000-wrong.up.sql": "SELECT 1 / (count(*) - count(*)) FROM students;\n"}
COMMENT = 'from the "other" office'


class Pair:
    """A publisher, and a White Cross database that subscribes to its table of ticks."""

    def __init__(self, cluster, database):
        self.cluster = cluster
        self.database = database
        self.ticks = 0
        cluster.query("CREATE DATABASE publisher TEMPLATE template0")
        self.publish("CREATE TABLE ticks (id int PRIMARY KEY); CREATE PUBLICATION ticks FOR TABLE ticks")
        self.publish("SELECT pg_create_logical_replication_slot('ticks', 'pgoutput')")
        database.query("CREATE TABLE ticks (id int PRIMARY KEY)")
        database.query("ALTER TABLE ticks OWNER TO wc_owner")
        database.query(f"CREATE SUBSCRIPTION ticks CONNECTION '{cluster.dsn('publisher')}' PUBLICATION ticks"
                       f" WITH (create_slot = false, copy_data = false)")
        database.query(f"COMMENT ON SUBSCRIPTION ticks IS '{COMMENT}'")
        self.arrives()

    def publish(self, sql):
        return self.cluster.query(sql, database="publisher")

    def tick(self):
        self.ticks += 1
        self.publish(f"INSERT INTO ticks VALUES ({self.ticks})")

    def arrives(self):
        """Every tick so far, and a new one, arrives in what has the name."""
        self.tick()
        wait_until(lambda: self.database.value("SELECT count(*) FROM ticks") == self.ticks, "the ticks have arrived")
        assert self.told() == (self.database.name, True)
        assert self.database.value("SELECT obj_description(oid, 'pg_subscription') FROM pg_subscription") == COMMENT

    def told(self):
        """The database that it belongs to, and whether it is enabled."""
        [row] = self.cluster.query("SELECT d.datname, s.subenabled FROM pg_subscription s"
                                   " JOIN pg_database d ON d.oid = s.subdbid")
        return row

    def drop(self):
        name, _ = self.told()
        with self.cluster.opened(name):
            for what in ("DISABLE", "SET (slot_name = NONE)"):
                self.cluster.query(f"ALTER SUBSCRIPTION ticks {what}", database=name)
            self.cluster.query("DROP SUBSCRIPTION ticks", database=name)
        self.cluster.query("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active")
        wait_until(lambda: not self.publish("SELECT FROM pg_replication_slots WHERE active"), "the slot is free")
        self.publish("SELECT pg_drop_replication_slot('ticks')")


@pytest.fixture(scope="module", autouse=True)
def quick_workers(cluster):
    """Workers come back at once, not after five seconds."""
    for value in ("'50ms'", "DEFAULT"):
        cluster.query(f"ALTER SYSTEM SET wal_retrieve_retry_interval = {value}")
        cluster.query("SELECT pg_reload_conf()")
        if value != "DEFAULT":
            yield


@pytest.fixture
def pair(cluster, white_cross):
    made = Pair(cluster, white_cross(students=5))
    yield made
    made.drop()


def policy(tmp_path, migrations, **keys):
    return write_policy(tmp_path, write_migrations(tmp_path, migrations), accept=["subscription"], **keys)


def run(drydock, pair, path, failpoint=None, command="run"):
    env = {"DRYDOCK_FAILPOINT": failpoint} if failpoint else {}
    return drydock(command, "--policy", path, dsn=pair.database.dsn(SUPERUSER), env=env)


def test_refused(drydock, pair, tmp_path):
    """What would be lost is accepted by name; who may not disable it does not begin."""
    path = write_policy(tmp_path)
    done = drydock("run", "--policy", path, dsn=pair.database.dsn(SUPERUSER))
    tells(done, 3, ['subscription "ticks" is bound to this database: the migrated copy would not have it',
                    'DROP SUBSCRIPTION "ticks"', "accept: [subscription]"])
    done = drydock("plan", "--policy", write_policy(tmp_path, strategy="in_place"), dsn=pair.database.dsn(SUPERUSER))
    tells(done, 3, ["what is put back after a failure would not have it"])
    done = drydock("plan", "--policy", policy(tmp_path, GOOD), dsn=pair.database.dsn())
    tells(done, 3, ['subscription "ticks" is enabled', "this role may not disable it", "(as postgres or a superuser)"])
    snapshot = tmp_path / "snapshot"
    tells(drydock("snapshot", "--out", snapshot, dsn=pair.database.dsn(SUPERUSER)), 0, [])
    done = drydock("run", "--policy", policy(tmp_path, GOOD), "--from", snapshot, dsn=pair.database.dsn(SUPERUSER))
    tells(done, 3, ["would go aside with it"])
    pair.arrives()


def test_shadow_success(drydock, pair, tmp_path):
    """It stays with the copy from before, disabled, and that is told; enabled again if that gets the name back."""
    done = run(drydock, pair, policy(tmp_path, GOOD, publish={"before": "nothing", "to": [f"file://{tmp_path}"]}))
    tells(done, 0, [])
    name, enabled = pair.told()
    assert name.startswith("white_cross_before_") and not enabled
    assert done.last_line.count(f"; but subscription 'ticks' is disabled: it stays with '{name}'") == 1
    [folder] = run_folders(drydock)
    opened = next(line["time"] for line in map(json.loads, (folder / "journal.jsonl").open(encoding="utf-8"))
                  if (line["kind"], line["phase"], line["step"]) == ("done", "open", "rename"))
    done = drydock("restore", "--run", folder.name, "--database", pair.database.name, "--state", drydock.state,
                   "--discard-writes-since", opened, dsn=pair.database.dsn(SUPERUSER))
    tells(done, 0, [])
    pair.arrives()


@pytest.mark.parametrize("strategy, migrations, failpoint, code", [
    ("shadow", BAD, None, 7), ("in_place", GOOD, None, 0), ("in_place", GOOD, "snapshot.take.done=term", 143),
    ("shadow", GOOD, "fence.subscriptions.acted=error", 1), ("in_place", GOOD, "migrate.apply.done=die", 0)])
def test_enabled_again(drydock, pair, tmp_path, strategy, migrations, failpoint, code):
    """What was published meanwhile arrives, too."""
    path = policy(tmp_path, migrations, strategy=strategy, on_crash="continue")
    done = run(drydock, pair, path, failpoint)
    assert done.code in (code, 1), str(done)
    assert "but subscription" not in done.last_line, str(done)
    pair.arrives()


@pytest.mark.parametrize("point, code", [("fence.subscriptions.acted", 0), ("fence.after_commit", 1),
                                         ("name.after_commit", 0)])
def test_recover_without_state(drydock, pair, tmp_path, point, code):
    """The server alone tells what was disabled."""
    path = policy(tmp_path, GOOD, strategy="in_place")
    pair.database.query(f"ALTER DATABASE {pair.database} OWNER TO {SUPERUSER}")  # who needs no journal to be believed
    assert run(drydock, pair, path, f"{point}=kill").code == -signal.SIGKILL
    assert not pair.told()[1]
    pair.tick()
    drydock.fresh_state()
    tells(run(drydock, pair, path, command="recover"), code, ["subscription 'ticks' is enabled again"])
    pair.arrives()


def test_in_place_failure(drydock, pair, tmp_path):
    """What was put back is the clone, which has none."""
    done = run(drydock, pair, policy(tmp_path, BAD, strategy="in_place"))
    tells(done, 7, ["is disabled: it stays with 'white_cross_failed_"])
    assert pair.told()[0].startswith("white_cross_failed_")
