"""Two at once, what an earlier run left, names that are taken, and a window that ends too soon."""

import hashlib
import json
import signal
from datetime import datetime, timedelta, timezone

import pytest

import bed as beds
from cluster import SUPERUSER
from content import databases
from refusals import (OURS, ended, go_on, nobody_left, refused, run_folders, run_refused, run_that_stops, sessions,
                      tells, wait_until, write_policy)


@pytest.fixture
def database(white_cross):
    return white_cross(students=20)


@pytest.fixture
def policy(tmp_path):
    return write_policy(tmp_path)


# -- two at once ------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", ["fence.rename.intent", "clone.create.done"])
def test_second_run(cluster, drydock, database, policy, point):
    """While a run is under way, before it has the name and after: all others are told who it is."""
    with run_that_stops(drydock, database, policy, point) as first:
        (holder, _), *_ = sessions(cluster)
        there = databases(cluster)
        for command in ("run", "migrate", "undo", "recover"):
            done = drydock(command, "--policy", policy, dsn=database.dsn())
            tells(done, 5, ["another run holds the lock for database 'white_cross'", holder, "pid ", "role wc_owner"])
            if command in ("run", "recover"):
                assert done.last_line.startswith("locked: this run touched nothing")
        assert databases(cluster) == there
        assert len(run_folders(drydock)) == 1
        done = go_on(first)
    assert done.code == 0, str(done)
    nobody_left(cluster)


@pytest.mark.parametrize("command", [("status",), ("verify", "database")])
def test_reading_while_a_run_has_the_name(drydock, database, policy, command):
    """Commands that only look say where the database is."""
    with run_that_stops(drydock, database, policy, "clone.create.done") as first:
        done = drydock(*command, "--policy", policy, dsn=database.dsn())
        tells(done, 3, ["database 'white_cross' is in the hands of run", "which has not ended", "drydock recover"])
        assert go_on(first).code == 0


def test_lock_is_per_database(bed, drydock, database, policy):
    """A run does not stand in the way of one for another database."""
    other = bed.white_cross("other", students=20)
    with run_that_stops(drydock, database, policy, "fence.rename.intent") as first:
        done = drydock("run", "--policy", policy, dsn=other.dsn())
        assert done.code == 0, str(done)
        assert go_on(first).code == 0


@pytest.mark.parametrize("attempt", range(10))
def test_two_at_the_same_moment(cluster, white_cross, drydock, policy, attempt):
    """Exactly one does it, and the other says so: locked, or nothing is pending any more, or the name is taken."""
    database = white_cross(students=None)
    with drydock.started("run", "--policy", policy, dsn=database.dsn()) as one, \
            drydock.started("run", "--policy", policy, dsn=database.dsn()) as two:
        results = [ended(one), ended(two)]
    did = [done for done in results if "is migrated and in service" in done.last_line]
    assert len(did) == 1 and did[0].code == 0, f"{results[0]}\n{results[1]}"
    (other,) = [done for done in results if done is not did[0]]
    assert other.code == 5 or (other.code == 0 and "nothing is pending" in other.last_line), str(other)
    assert database.value("SELECT count(*) FROM drydock.migrations") == len(beds.migration_ids())
    assert len([name for name in databases(cluster) if name.startswith("white_cross")]) == 2
    nobody_left(cluster)


# -- leftovers --------------------------------------------------------------------------------------


def killed(drydock, database, policy, point):
    done = drydock("run", "--policy", policy, dsn=database.dsn(), env={"DRYDOCK_FAILPOINT": f"{point}=kill"})
    assert done.code == -signal.SIGKILL, str(done)


def test_run_after_a_crash(cluster, drydock, database, policy):
    """The database is in the hands of a run that died: recover is named, and helps."""
    before = database.content()
    killed(drydock, database, policy, "clone.create.done")
    wait_until(lambda: not sessions(cluster), "the dead run's sessions are gone")
    there = databases(cluster)
    for command in ("run", "plan"):
        done = drydock(command, "--policy", policy, dsn=database.dsn())
        tells(done, 3, ["database 'white_cross' is in the hands of run", "_keep'", "run drydock recover"])
    assert databases(cluster) == there
    done = drydock("recover", "--policy", policy, dsn=database.dsn())
    assert done.code == 1, str(done)
    assert database.content() == before
    done = drydock("run", "--policy", policy, dsn=database.dsn())
    assert done.code == 0, str(done)


def test_leftover_work_copy(cluster, drydock, database, policy):
    """A copy of an earlier run, by its record, while the database is in service again."""
    cluster.query("CREATE DATABASE leftover OWNER wc_owner")
    cluster.query("COMMENT ON DATABASE leftover IS"
                  """ '{"drydock": 1, "run": "20250101t000000", "database": "white_cross", "role": "work","""
                  """ "phase": "clone"}'""")
    run_refused(drydock, database, policy, 3,
                ["'leftover' is left over from run 20250101t000000", "run drydock recover"])


def test_recover_drops_no_clone_that_a_person_named(cluster, drydock, database, policy):
    """A clone that was given a name by hand, the database's own even, and kept the record in its comment."""
    record = {"drydock": 1, "run": "20250101t000000", "database": "white_cross", "role": "work", "phase": "clone"}
    before = database.content()
    cluster.query(f"COMMENT ON DATABASE white_cross IS '{json.dumps(record)}'")
    done = drydock("recover", "--policy", policy, dsn=database.dsn())
    assert done.code == 0, str(done)
    assert database.content() == before
    cluster.query("CREATE DATABASE looked_at OWNER wc_owner")
    cluster.query(f"COMMENT ON DATABASE looked_at IS '{json.dumps(record)}'")
    done = drydock("recover", "--policy", policy, dsn=database.dsn())
    tells(done, 8, ["'looked_at' bears the record of the clone of run 20250101t000000"])
    assert "looked_at" in databases(cluster)


def test_recover_chooses_no_kept_copy(cluster, drydock, database, policy):
    """Whoever may create databases can make one that says it is a kept copy: it does not get the name."""
    drydock("run", "--policy", policy, dsn=database.dsn(), env={"DRYDOCK_FAILPOINT": "fence.rename.done=kill"})
    record = {"drydock": 1, "run": "20200101t000000", "database": "white_cross", "role": "keep", "phase": "fence"}
    forged = "white_cross_drydock_20200101t000000_keep"
    cluster.query(f"CREATE DATABASE {forged}")
    cluster.query(f"COMMENT ON DATABASE {forged} IS '{json.dumps(record)}'")
    there = databases(cluster)
    done = drydock("recover", "--policy", policy, dsn=database.dsn(SUPERUSER))
    tells(done, 8, ["there are two kept copies of database 'white_cross'", forged])
    assert databases(cluster) == there
    cluster.query(f"COMMENT ON DATABASE {forged} IS NULL")
    done = drydock("recover", "--policy", policy, dsn=database.dsn())
    assert done.code == 1, str(done)


@pytest.fixture
def stranger(cluster):
    """A role that may create databases, and is nobody to this one."""
    cluster.query("ALTER ROLE wc_outsider CREATEDB")
    yield "wc_outsider"
    cluster.query("ALTER ROLE wc_outsider NOCREATEDB")


def forge(cluster, user, role, phase, strategy="shadow"):
    """A database with the record and the name of a copy."""
    name = f"white_cross_drydock_20250101t000000_{role}"
    record = {"drydock": 1, "run": "20250101t000000", "database": "white_cross", "role": role, "phase": phase,
              "strategy": strategy, "comment": None}
    cluster.query(f"CREATE DATABASE {name}", user=user)
    cluster.query(f"COMMENT ON DATABASE {name} IS '{json.dumps(record)}'".replace('{"drydock": 1', '{"drydock":1'), user=user)
    return name


@pytest.mark.parametrize("role, phase, strategy", [("work", "verified", "import"), ("keep", "fence", "shadow")])
def test_recover_believes_no_stranger(cluster, drydock, database, policy, stranger, role, phase, strategy):
    """What says that it is a proven copy gets no name if its owner may have made it up, and stands in nobody's way."""
    forged = forge(cluster, stranger, role, phase, strategy)
    done = drydock("recover", "--policy", policy, dsn=database.dsn())
    assert done.code == 0 and done.last_line.startswith("nothing to recover"), str(done)
    assert f"'{forged}' says that it is a copy of run 20250101t000000" in done.stderr
    cluster.query("ALTER DATABASE white_cross RENAME TO elsewhere")
    there = databases(cluster)
    for user in (beds.OWNER, SUPERUSER):
        done = drydock("recover", "--policy", policy, dsn=database.dsn(user))
        tells(done, 8, [f"'{forged}' says that it is the", "it belongs to role 'wc_outsider'"])
        assert databases(cluster) == there
    cluster.query("ALTER DATABASE elsewhere RENAME TO white_cross")
    done = drydock("run", "--policy", policy, dsn=database.dsn())
    assert done.code == 0, str(done)


def test_a_superuser_recovers_by_the_journal(cluster, drydock, database, policy):
    """He is nobody's member: that the kept copy is the database's owner's says the journal, or that owner himself."""
    killed(drydock, database, policy, "clone.create.done")
    lost = policy.parent / "lost"
    done = drydock("recover", "--policy", policy, "--state", lost, dsn=database.dsn(SUPERUSER))
    tells(done, 8, ["it belongs to role 'wc_owner'", "recover connected as it"])
    done = drydock("recover", "--policy", policy, dsn=database.dsn(SUPERUSER))
    assert done.code == 1, str(done)


def test_recover_ends_no_stranger(cluster, drydock, database, policy):
    """A session of a plain role that bears the dead run's name is none of its sessions."""
    killed(drydock, database, policy, "clone.create.done")
    keep, = (name for name in databases(cluster) if name.endswith("_keep"))
    with cluster.session(user="wc_outsider") as connection, connection.cursor() as cursor:
        name = f"drydock run {keep.split('_')[-2]} {session_hash(keep)} host"
        cursor.execute("SET application_name = %s", (name,))
        done = drydock("recover", "--policy", policy, dsn=database.dsn())
        assert done.code == 1, str(done)
        cursor.execute("SHOW application_name")
        assert cursor.fetchone() == (name,)


def session_hash(keep):
    """What tells the sessions of runs that began in the same second."""
    return hashlib.sha256(keep.replace("_keep", "_work").encode()).hexdigest()[:6]


def test_recover_without_the_copy_from_before(cluster, drydock, database, policy):
    """The run died when the migrated copy had the name, and somebody made room: it is migrated all the same."""
    drydock("run", "--policy", policy, dsn=database.dsn(), env={"DRYDOCK_FAILPOINT": "name.after_commit=kill"})
    before, = (name for name in databases(cluster) if name.startswith("white_cross_before_"))
    cluster.query(f"DROP DATABASE {before}")
    done = drydock("recover", "--policy", policy, dsn=database.dsn())
    assert done.code == 0, str(done)
    assert done.last_line.startswith("done: 'white_cross' is migrated and in service; the copy from before is not")


@pytest.mark.parametrize("name", ["white_cross_before_{run}", "white_cross_failed_{run}",
                                  "white_cross_drydock_{run}_work"])
def test_planned_name_is_taken(cluster, drydock, database, policy, name):
    """By a database that is none of ours, made a moment before: found in preflight, and not touched."""
    before = database.state()
    with drydock.started("run", "--policy", policy, dsn=database.dsn()) as process:
        # Preflight reads the comments of all databases before it looks at names; until then it waits here.
        with cluster.session() as holding, holding.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE pg_shdescription IN ACCESS EXCLUSIVE MODE")
            application = wait_until(lambda: waiting_for_lock(cluster), "preflight waits")
            taken = name.format(run=application.split()[2])
            cluster.query(f"CREATE DATABASE {taken}")
            cursor.execute("COMMIT")
        done = ended(process)
    tells(done, 3, [f"a database '{taken}' exists", "rename or drop it"])
    assert done.last_line.startswith("refused: 'white_cross' was not changed")
    assert taken in databases(cluster)
    cluster.query(f"DROP DATABASE {taken}")
    assert database.state() == before
    assert run_folders(drydock) == []


@pytest.mark.parametrize("command", ["run", "restore"])
def test_two_in_the_same_second(cluster, drydock, database, policy, command, tmp_path):
    """The first has ended and left a copy with the id that both have: the second takes the next one."""
    arguments = ["run", "--policy", policy]
    if command == "restore":
        assert drydock("snapshot", "--out", tmp_path / "snapshot", dsn=database.dsn(SUPERUSER)).code == 0
        arguments = ["restore", "--from", tmp_path / "snapshot", "--database", "white_cross", "--swap"]
    with drydock.started(*arguments, dsn=database.dsn(SUPERUSER)) as process:
        with cluster.session() as holding, holding.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE pg_shdescription IN ACCESS EXCLUSIVE MODE")
            run = wait_until(lambda: waiting_for_lock(cluster), "it waits").split()[2]
            role = "before" if command == "run" else "replaced"
            record = {"drydock": 1, "run": run, "database": "white_cross", "role": role, "phase": "opened"}
            text = json.dumps(record, separators=(",", ":"))
            cluster.query(f"CREATE DATABASE white_cross_{role}_{run}")
            cursor.execute(f"COMMENT ON DATABASE white_cross_{role}_{run} IS '{text}'; COMMIT")
        done = ended(process)
    assert done.code == 0, str(done)
    kept = [name for name in databases(cluster) if name.startswith(f"white_cross_{role}_")]
    assert len(kept) == 2, str(done)
    assert [folder.name for folder in run_folders(drydock)] == [
        name.split("_")[-1] for name in kept if command == "run" and not name.endswith(run)]


def waiting_for_lock(cluster):
    return cluster.value(f"SELECT application_name FROM pg_stat_activity WHERE {OURS} AND wait_event_type = 'Lock'")


# -- the window -------------------------------------------------------------------------------------


def clock(minutes):
    moment = datetime.now(timezone.utc) + timedelta(minutes=minutes)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_window_ends_too_soon(drydock, database, policy):
    """The margin of five minutes does not fit into two."""
    run_refused(drydock, database, policy, 6, ["not enough of the window is left", "margin", "5 min"],
                "--window-end", clock(2))


def test_window_is_over(drydock, database, policy):
    run_refused(drydock, database, policy, 6, ["window", "ends at"], "--window-end", clock(-60))


def test_outside_of_the_schedule(drydock, database, tmp_path):
    """With the beginning of the next window. To plan it then is what plan is for."""
    begin = datetime.now(timezone.utc) + timedelta(hours=5)
    end = begin + timedelta(hours=2)
    policy = write_policy(tmp_path, window={"schedule": f"{begin:%a %H:%M}-{end:%H:%M} UTC"})
    run_refused(drydock, database, policy, 6, ["window", f"{begin:%Y-%m-%d %H:%M} UTC"], plan=False)
    done = refused(drydock, database, "plan", "--policy", policy, code=0, says=["20251103204744"])
    assert not [line for line in done.stdout.splitlines() if line.strip().startswith("refused")]


def test_inside_the_schedule_it_runs(drydock, database, tmp_path):
    policy = write_policy(tmp_path, window={"schedule": "daily 00:00-24:00 UTC", "margin": "1s"})
    done = drydock("run", "--policy", policy, dsn=database.dsn())
    assert done.code == 0, str(done)
