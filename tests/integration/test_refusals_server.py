"""What is on the server that must stop a run: each is refused with its fix, and nothing is touched."""

import contextlib
import os
import shutil
import subprocess

import psycopg2
import pytest

import bed as beds
from cluster import clean_environment, program
from refusals import nobody_left, run_refused, tells, untouched, wait_until, write_policy


@pytest.fixture
def database(white_cross):
    return white_cross(students=20)


@pytest.fixture
def policy(tmp_path):
    return write_policy(tmp_path)


# -- sessions ---------------------------------------------------------------------------------------


def test_superuser_session_that_stays(drydock, database, policy):
    """The owner may not end it; it has a name, a pid and a fix."""
    with database.session("wc_monitor") as monitor:
        pid = monitor.info.backend_pid
        run_refused(drydock, database, policy, 3,
                    ["may not end the sessions of", f"pid {pid} (wc_monitor, drydock tests)", "pg_terminate_backend"])
        assert monitor.closed == 0 and monitor.poll() == psycopg2.extensions.POLL_OK


def test_session_of_another_role_without_signal_backend(cluster, drydock, database, policy):
    cluster.query("REVOKE pg_signal_backend FROM wc_owner")
    try:
        with database.session("wc_app") as session:
            run_refused(drydock, database, policy, 3,
                        [f"pid {session.info.backend_pid} (wc_app", "GRANT pg_signal_backend"], plan=False)
    finally:
        cluster.query("GRANT pg_signal_backend TO wc_owner")


# -- standbys -----------------------------------------------------------------------------------------


@pytest.fixture
def standby(cluster):
    made = cluster.standby()
    yield made
    made.destroy()
    cluster.standbys.remove(made)


def standby_policy(tmp_path, *dsns, name="standby.yaml"):
    return write_policy(tmp_path, name=name, fence={"drain": "0s", "standbys": list(dsns)})


def reader(standby, database):
    """A session on the standby that would go on reading."""
    connection = standby.connect(database.name, "wc_app")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM students")
    return connection


def is_ended(connection):
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM students")
    except psycopg2.OperationalError:
        return True
    return False


def test_standby(cluster, drydock, database, tmp_path, standby):
    """Sessions on a standby would follow the old copy: those of a listed one are ended; whoever can live with them says so."""
    standby.caught_up()
    run_refused(drydock, database, write_policy(tmp_path), 3,
                ["a standby is attached", "fence.standbys", "accept: [standby]"])
    listed = standby_policy(tmp_path, standby.dsn(user=beds.OWNER))
    connection = reader(standby, database)
    done = drydock("run", "--policy", listed, dsn=database.dsn())
    assert done.code == 0, str(done)
    assert is_ended(connection)
    standby.caught_up()
    applied = "SELECT count(*) FROM drydock.migrations"
    assert standby.value(applied, database=database.name) == len(beds.migration_ids())
    done = drydock("plan", "--policy", write_policy(tmp_path, accept=["standby"]), dsn=database.dsn())
    assert done.code == 0, str(done)


def test_standby_that_does_not_replay(cluster, drydock, database, tmp_path, standby):
    """The name goes back: 3. What reads there cannot be known to be gone. Preflight sees a pause."""
    standby.caught_up()
    before = database.state()
    pause = f"{program('psql')} --quiet '{standby.dsn()}' --command 'SELECT pg_wal_replay_pause()'"
    listed = write_policy(tmp_path, fence={"drain": "0s", "standbys": [standby.dsn(user=beds.OWNER)],
                                           "before": [pause]}, timeouts={"standby": "1s"})
    standby.query("SELECT pg_wal_replay_pause()")
    run_refused(drydock, database, listed, 3, ["is paused", "SELECT pg_wal_replay_resume();"])
    standby.query("SELECT pg_wal_replay_resume()")
    done = drydock("run", "--policy", listed, dsn=database.dsn())
    tells(done, 3, ["it has not replayed the renaming in time", "pg_wal_replay_resume"])
    assert "is in service again" in done.last_line, str(done)
    assert database.state() == before
    standby.query("SELECT pg_wal_replay_resume()")


def test_import_ends_sessions_on_standbys(cluster, drydock, database, tmp_path, standby):
    """What had the name is read by nobody any more; a standby that cannot be asked is told, and changes no outcome."""
    standby.caught_up()
    snapshot = tmp_path / "snapshot"
    tells(drydock("snapshot", "--out", snapshot, dsn=database.dsn()), 0, [])
    listed = standby_policy(tmp_path, standby.dsn(user=beds.OWNER))
    connection = reader(standby, database)
    tells(drydock("run", "--policy", listed, "--from", snapshot, dsn=database.dsn("postgres")), 0, [])
    assert is_ended(connection)
    pause = f"{program('psql')} --quiet '{standby.dsn()}' --command 'SELECT pg_wal_replay_pause()'"
    listed = write_policy(tmp_path, timeouts={"standby": "1s"}, fence={
        "drain": "0s", "standbys": [standby.dsn(user=beds.OWNER)], "before": [pause]})
    standby.caught_up()
    done = drydock("run", "--policy", listed, "--from", snapshot, dsn=database.dsn("postgres"))
    tells(done, 0, ["; but sessions on a standby may read the old copy: standby "])
    standby.query("SELECT pg_wal_replay_resume()")


def test_wrong_standbys(cluster, drydock, database, tmp_path, standby):
    """Each server that is listed must be a standby of this one, where sessions may be ended; the others are as good as none."""
    standby.caught_up()
    run_refused(drydock, database, standby_policy(tmp_path, cluster.dsn(user=beds.OWNER)), 3,
                ["is no standby (it is not in recovery)", "mend 'fence.standbys'", "a standby is attached"])
    with standby.session(database.name, "wc_monitor") as monitor:
        run_refused(drydock, database, standby_policy(tmp_path, standby.dsn(user=beds.OWNER)), 3,
                    [f"may not end the sessions of pid {monitor.info.backend_pid}", "on standby"])
    run_refused(drydock, database, standby_policy(tmp_path, f"host={tmp_path} user=nobody"), 3,
                ["standby of 'fence.standbys': cannot connect", "take it out of 'fence.standbys'"])


# -- replication ------------------------------------------------------------------------------------


def drop_slot(cluster, name):
    """Waits for its walsender, whose end is noticed a moment later."""
    cluster.query("DO $$ BEGIN FOR i IN 1..1000 LOOP"
                  f" EXIT WHEN NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '{name}' AND active);"
                  f" PERFORM pg_sleep(0.01); END LOOP; PERFORM pg_drop_replication_slot('{name}'); END $$")


def test_logical_slot(cluster, drydock, database, tmp_path):
    database.query("SELECT pg_create_logical_replication_slot('reports', 'pgoutput')")
    try:
        run_refused(drydock, database, write_policy(tmp_path), 3,
                    ["logical replication slot reports", "pg_drop_replication_slot('reports')",
                     "accept: [logical_slot]"])
        accepting = write_policy(tmp_path, accept=["logical_slot"])
        done = drydock("run", "--policy", accepting, dsn=database.dsn())
        assert done.code == 0, str(done)
        assert "logical replication slot reports" in done.stderr, "what is accepted is still said"
    finally:
        drop_slot(cluster, "reports")


def test_prepared_transaction(drydock, database, policy):
    with database.session(beds.OWNER) as session, session.cursor() as cursor:
        cursor.execute("BEGIN; UPDATE students SET grade = grade; PREPARE TRANSACTION 'half done'")
    try:
        run_refused(drydock, database, policy, 3,
                    ["prepared transaction 'half done' of role wc_owner", "ROLLBACK PREPARED 'half done'"])
    finally:
        database.query("ROLLBACK PREPARED 'half done'")


# -- the database itself ----------------------------------------------------------------------------


def test_template_database(cluster, drydock, database, policy):
    cluster.query(f"ALTER DATABASE {database} IS_TEMPLATE true")
    run_refused(drydock, database, policy, 3, ["is a template", "IS_TEMPLATE false"])


@pytest.mark.parametrize("name", ["postgres", "template1"])
def test_maintenance_database(cluster, drydock, name, policy):
    run_refused(drydock, beds.Database(cluster, name), policy, 3,
                [f"'{name}' is the control database or a template", "--dsn", "control_database"],
                dsn=cluster.dsn(name))


def test_control_database_of_the_policy(cluster, bed, drydock, database, tmp_path):
    """Whatever the policy works from cannot be renamed from there."""
    policy = write_policy(tmp_path, control_database=database.name)
    run_refused(drydock, database, policy, 3, [f"'{database}' is the control database"])


def test_missing_database(cluster, bed, drydock, policy):
    done = drydock("run", "--policy", policy, dsn=cluster.dsn("white_crosss", beds.OWNER))
    assert done.code == 2, str(done)
    assert "database 'white_crosss' does not exist" in done.last_line
    nobody_left(cluster)


def test_half_dropped_database(cluster, drydock, database, policy):
    """A DROP DATABASE that was interrupted: what is in it is gone already, in part."""
    cluster.query("UPDATE pg_database SET datconnlimit = -2 WHERE datname = %s", (database.name,))
    run_refused(drydock, database, policy, 3, ["half-dropped", "DROP DATABASE"], readable=False)


def test_closed_database(cluster, drydock, database, policy):
    cluster.query(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
    run_refused(drydock, database, policy, 3, ["does not allow connections", "ALLOW_CONNECTIONS true"],
                readable=False)


def test_collation_version_differs(cluster, bed, drydock, policy):
    """Indexes may be in another order than the operating system's now."""
    cluster.query("CREATE DATABASE white_cross OWNER wc_owner TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'")
    cluster.query("UPDATE pg_database SET datcollversion = '0.1' WHERE datname = 'white_cross'")
    database = beds.Database(cluster, "white_cross")
    run_refused(drydock, database, policy, 3, ["collation version is 0.1", "REFRESH COLLATION VERSION"])


# -- rights -----------------------------------------------------------------------------------------


def test_not_the_owner(drydock, database, policy):
    run_refused(drydock, database, policy, 3, ["only the owner wc_owner or a superuser may rename it", "OWNER TO"],
                dsn=database.dsn("wc_app"))


def test_no_connect_right(drydock, database, policy):
    """The role may not even look."""
    run_refused(drydock, database, policy, 3, ["wc_outsider", database.name], dsn=database.dsn("wc_outsider"))


def test_without_createdb(cluster, drydock, database, policy):
    cluster.query("ALTER ROLE wc_owner NOCREATEDB")
    try:
        run_refused(drydock, database, policy, 3, ["role wc_owner may not create databases", "CREATEDB"])
    finally:
        cluster.query("ALTER ROLE wc_owner CREATEDB")


def test_table_that_cannot_be_read(drydock, database, policy):
    """What cannot be read cannot be backed up or proven."""
    database.query("REVOKE SELECT ON reports.runs FROM wc_owner")
    run_refused(drydock, database, policy, 3,
                ["table reports.runs cannot be read", "GRANT SELECT ON reports.runs TO wc_owner"])


def test_row_security(drydock, database, policy):
    """Rows that are hidden would be missing in the backup, without any error."""
    database.query("ALTER TABLE reports.runs ENABLE ROW LEVEL SECURITY")
    run_refused(drydock, database, policy, 3, ["row security hides rows of reports.runs", "BYPASSRLS"])


def test_settings_that_only_a_superuser_may_give(white_cross, drydock, policy):
    database = white_cross(students=20, superuser_settings=True)
    run_refused(drydock, database, policy, 3, ["may not give a property", "accept: [role_settings]"])


def test_scheduler(drydock, database, tmp_path):
    """Jobs that start by themselves fail while the name is away. The extension is made up: its row is enough."""
    with database.session() as session, session.cursor() as cursor:
        cursor.execute("SET allow_system_table_mods = on; INSERT INTO pg_extension"
                       " VALUES (99999, 'pg_cron', 10, 'public'::regnamespace, false, '1.6', NULL, NULL)")
    tells(drydock("run", "--policy", write_policy(tmp_path), dsn=database.dsn()), 3, [
                 "extension pg_cron starts jobs", "cron.launch_active_jobs = off", "accept: [background_workers]"])
    done = drydock("plan", "--policy", write_policy(tmp_path, accept=["background_workers"]), dsn=database.dsn())
    assert done.code == 0, str(done)


@contextlib.contextmanager
def small_disk(cluster, size_bytes):
    """A file system of that size as a tablespace."""
    folder = cluster.folder / "small"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "none", folder],
                                           check=False, capture_output=True).returncode:
        pytest.skip("needs root, who may mount")
    try:
        if cluster.account:
            os.chown(folder, cluster.account.pw_uid, cluster.account.pw_gid)
        cluster.query(f"CREATE TABLESPACE small LOCATION '{folder}'")
        yield folder
    finally:
        cluster.query("DROP TABLESPACE IF EXISTS small")
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


def test_no_room_for_the_clone(cluster, drydock, database, tmp_path):
    """Where the server is on this host, the room in its folders is measured."""
    size = cluster.value("SELECT pg_database_size(%s)", (database.name,))
    with small_disk(cluster, 3 * size // 2) as folder:
        cluster.query(f"ALTER DATABASE {database} SET TABLESPACE small")
        done = drydock("run", "--policy", write_policy(tmp_path), dsn=database.dsn())
        cluster.query(f"DROP DATABASE {database}")
    tells(done, 3, [f"{folder} has ", " free, the clone needs ", "accept: [disk]", "clone: { method: none }"])


@pytest.mark.parametrize("command, code, says", [
    ("echo 1000", 3, "the server ('clone.free') has 1.0 kB free, the clone needs"),
    ("echo 900000000000", 0, ""), ("echo much", 0, "it must print a number of bytes"),
    ("echo no ssh >&2; exit 3", 0, "is not known: 'clone.free': sh failed with status 3: no ssh")])
def test_room_that_a_command_tells(drydock, database, tmp_path, command, code, says):
    done = drydock("plan", "--policy", write_policy(tmp_path, clone={"free": command}), dsn=database.dsn())
    tells(done, code, [says])


TIMEOUTS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout")


def test_timeouts_of_role_and_database(cluster, drydock, database, policy):
    """What a role or the database has set would end the sessions of a run, and does not."""
    for name in TIMEOUTS:
        cluster.query(f"ALTER ROLE wc_owner SET {name} = '60ms'; ALTER DATABASE {database} SET {name} = '50ms'")
    try:
        done = drydock("run", "--policy", policy, dsn=database.dsn())
        assert done.code == 0, str(done)
    finally:
        cluster.query("; ".join(f"ALTER ROLE wc_owner RESET {name}" for name in TIMEOUTS))


# -- the way to the server --------------------------------------------------------------------------


def test_unreachable_server(drydock, policy, tmp_path):
    done = drydock("run", "--policy", policy, dsn=f"host={tmp_path} dbname=white_cross user=wc_owner")
    assert done.code == 1, str(done)
    assert str(tmp_path) in done.last_line and done.last_line.endswith("(exit 1)")
    assert "trying again" not in done.stderr


def test_standby_as_target(cluster, drydock, database, policy, standby):
    standby.caught_up()
    with untouched(drydock, database):
        done = drydock("run", "--policy", policy, dsn=standby.dsn(database.name, beds.OWNER))
    assert done.code == 3, str(done)
    assert "in recovery" in done.last_line and "primary" in done.stderr


POOLER = """
[databases]
* = host={server} port={port}
[pgbouncer]
unix_socket_dir = {folder}
listen_port = 6432
pool_mode = {mode}
auth_type = trust
auth_file = {folder}/users.txt
"""


@contextlib.contextmanager
def pooler(cluster, folder, mode):
    """A pgbouncer before the server; yields the folder of its socket."""
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin")
    assert program is not None, "pgbouncer is not installed"
    folder = folder / "pooler"
    folder.mkdir()
    (folder / "users.txt").write_text(f'"{beds.OWNER}" ""\n', encoding="utf-8")
    (folder / "pgbouncer.ini").write_text(
        POOLER.format(server=cluster.folder, port=5432, folder=folder, mode=mode), encoding="utf-8")
    account = {}
    if cluster.account:  # it refuses to run as root
        account = {"user": cluster.account.pw_uid, "group": cluster.account.pw_gid, "extra_groups": []}
        os.chown(folder, cluster.account.pw_uid, cluster.account.pw_gid)
        for parent in folder.parents:
            if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([program, str(folder / "pgbouncer.ini")], env=clean_environment(), stdout=log,
                                   stderr=log, stdin=subprocess.DEVNULL, **account)
    try:
        wait_until(lambda: (folder / ".s.PGSQL.6432").exists() or process.poll() is not None, "the pooler listens")
        assert process.poll() is None, (folder / "log").read_text(encoding="utf-8")
        yield folder
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("mode", ["session", "transaction", "statement"])
def test_pooler(cluster, drydock, database, policy, tmp_path, mode):
    """It lends sessions to others: locks and settings would not be ours."""
    with pooler(cluster, tmp_path, mode) as folder:
        dsn = f"host={folder} port=6432 dbname={database} user={beds.OWNER}"
        with untouched(drydock, database):
            ran = {command: drydock(command, "--policy", policy, dsn=dsn) for command in ("run", "plan", "migrate")}
            # Sessions that the pooler keeps for later are its own.
            cluster.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (beds.OWNER,))
    for done in ran.values():
        assert done.code == 3, str(done)
        assert "connection pooler" in str(done) and "connect to the server itself" in done.stderr
