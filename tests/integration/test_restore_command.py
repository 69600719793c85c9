"""drydock restore: a snapshot, or what pg_dump wrote, becomes a new database, or takes the place of one."""

import contextlib
import os
import shutil
import signal
import subprocess
import time

import psycopg2
import pytest

import bed as beds
import maintenance
from cluster import SUPERUSER, clean_environment, program, quote
from content import databases, properties, row_version
from maintenance import wait_until
from program import Done

NEW = "white_cross_restored"


@pytest.fixture
def source(white_cross):
    return white_cross("white_cross", students=30)


@pytest.fixture
def member(cluster):
    """The owner may give things to wc_reports, as who restores them must."""
    cluster.query(f"GRANT wc_reports TO {beds.OWNER}")
    yield
    cluster.query(f"REVOKE wc_reports FROM {beds.OWNER}")


@pytest.fixture
def archive(source, tmp_path):
    """A pg_dump custom archive of it."""
    return dump(source, tmp_path / "white_cross.dump")


@pytest.fixture
def snapshot(source, project):
    """A snapshot of its own making, with a manifest: that of a run."""
    project.add("anything", "CREATE TABLE anything (id int);")
    before = source.state()
    done = project.run(source)
    assert done.code == 0, str(done)
    folder = project.runs()[-1] / "snapshot"
    source.before = before
    return folder


@pytest.fixture
def taken(source, drydock, tmp_path):
    """A snapshot that no run has taken."""
    done = drydock("snapshot", "--out", tmp_path / "taken", dsn=source.dsn(SUPERUSER))
    assert done.code == 0, str(done)
    return tmp_path / "taken"


def dump(database, path):
    command = [program("pg_dump"), "--format=custom", "--file", str(path), "--dbname", database.dsn(SUPERUSER)]
    subprocess.run(command, env=clean_environment(), check=True)
    return path


def restore(drydock, cluster, source, *more, name=NEW, user=SUPERUSER, env=None, stdin=None):
    return drydock("restore", "--from", source, "--database", name, *more, dsn=cluster.dsn("postgres", user), env=env,
                   stdin=stdin)


def check_no_traces(cluster, *names):
    """Exactly these databases, and no session or lock of a restore."""
    assert [name for name in databases(cluster) if name not in ("postgres", "template0", "template1")] == sorted(names)
    assert cluster.query("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'drydock restore %'") == []
    assert cluster.query("SELECT objid FROM pg_locks WHERE locktype = 'advisory'") == []


def scratch_folders(drydock):
    return list(drydock.folder.glob("tmp/drydock-restore-*"))


def is_stopped(process):
    """At a failpoint."""
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as status:
        return status.read().rsplit(")", 1)[1].split()[0] == "T"


@contextlib.contextmanager
def stopped_at(point, drydock, cluster, source, *more, name=NEW):
    """A restore that stands at a failpoint, and the name of its copy there; send it CONT to go on."""
    arguments = ("restore", "--from", source, "--database", name, *more)
    with drydock.started(*arguments, dsn=cluster.dsn(), env={"DRYDOCK_FAILPOINT": f"{point}=stop"}) as process:
        wait_until(lambda: is_stopped(process))
        yield process, next((each for each in databases(cluster) if each.endswith("_restore")), None)


def go_on(process):
    process.send_signal(signal.SIGCONT)
    stdout, stderr = process.communicate(timeout=60)
    return Done(process.returncode, stdout, stderr)


# -- what it makes --------------------------------------------------------------------------------


def test_restores_what_pg_dump_wrote(source, archive, drydock, cluster):
    done = restore(drydock, cluster, archive)
    assert done.code == 0, str(done)
    assert done.last_line.startswith(f"done: '{NEW}' is restored and in service"), str(done)
    assert "no digests to compare" in done.last_line
    new = beds.Database(cluster, NEW)
    assert new.content() == source.content()
    assert new.schema() == source.schema()
    assert properties(cluster, NEW)["open"]
    assert properties(cluster, NEW)["comment"] is None
    check_no_traces(cluster, "white_cross", NEW)


def test_an_archive_gives_the_properties_of_a_new_database(source, archive, drydock, cluster):
    """It tells none, and users get in as into any new database."""
    assert restore(drydock, cluster, archive).code == 0
    cluster.query("CREATE DATABASE fresh")
    assert properties(cluster, NEW)["acl"] == properties(cluster, "fresh")["acl"]
    cluster.connect(NEW, "wc_app").close()


def test_restores_a_snapshot_with_its_properties(source, snapshot, drydock, cluster):
    before = source.before
    done = restore(drydock, cluster, snapshot)
    assert done.code == 0, str(done)
    assert "every digest is the one that the snapshot tells" in done.last_line
    new = beds.Database(cluster, NEW)
    assert new.content() == before["content"]
    assert new.schema() == before["schema"]
    assert new.properties() == before["properties"]


def test_says_it_as_json(source, snapshot, drydock, cluster):
    done = restore(drydock, cluster, snapshot, "--json")
    document = done.json()
    assert (document["schema"], document["command"], document["exit_code"]) == (1, "restore", 0)
    assert document["database"] == NEW and document["restored"]["proven"] is True
    assert document["from"]["database"] == "white_cross"
    assert [phase["phase"] for phase in document["phases"]] == ["preflight", "import", "open"]


# -- what has the name ----------------------------------------------------------------------------


def test_refuses_a_name_that_is_taken(source, archive, drydock, cluster):
    version = row_version(cluster, "white_cross")
    done = restore(drydock, cluster, archive, name="white_cross")
    assert done.code == 3, str(done)
    assert "refused: 'white_cross' was not changed" in done.last_line
    assert "--swap" in done.stderr
    assert row_version(cluster, "white_cross") == version
    check_no_traces(cluster, "white_cross")


def test_swaps(source, snapshot, drydock, cluster):
    """What had the name is kept, closed, with all that was written to it; its sessions are ended."""
    now = source.state()
    kept_before = maintenance.copies(source)
    user = cluster.connect("white_cross", "wc_app")
    done = restore(drydock, cluster, snapshot, "--swap", "--discard-writes-since", "2026-01-01T00:00:00Z", "--state",
                   drydock.state, name="white_cross")
    assert done.code == 0, str(done)
    with pytest.raises(psycopg2.OperationalError):
        user.cursor().execute("SELECT 1")
    assert source.content() == source.before["content"]
    assert source.properties() == source.before["properties"]
    replaced = maintenance.copies(source)["replaced"]
    assert replaced.startswith("white_cross_replaced_")
    assert f"'{replaced}', closed" in done.last_line
    assert "it was out of service for" in done.last_line
    maintenance.check_closed(cluster, replaced)
    with cluster.opened(replaced):
        assert beds.Database(cluster, replaced).content() == now["content"]
    check_no_traces(cluster, "white_cross", replaced, *kept_before.values())


def test_swap_gives_a_dump_what_the_old_one_had(source, archive, drydock, cluster):
    """An archive of pg_dump tells no access rights and settings: those of the database in service stay."""
    before = source.properties()
    done = restore(drydock, cluster, archive, "--swap", name="white_cross")
    assert done.code == 0, str(done)
    assert source.properties() == before


def test_swap_keeps_what_is_changed_meanwhile(source, archive, drydock, cluster):
    """Rights and settings that a person gives to the database in service while the archive is restored."""
    with stopped_at("import.restore.done", drydock, cluster, archive, "--swap", name="white_cross") as (process, _):
        for statement in ("GRANT CONNECT ON DATABASE white_cross TO wc_outsider",
                          "ALTER DATABASE white_cross SET work_mem = '32MB'",
                          "COMMENT ON DATABASE white_cross IS 'changed meanwhile'"):
            cluster.query(statement)
        expected = source.properties()
        done = go_on(process)
    assert done.code == 0, str(done)
    assert source.properties() == expected


CLOSED = {"ALLOW_CONNECTIONS false": "stays closed (ALLOW_CONNECTIONS false)",
          "CONNECTION LIMIT 0": "stays closed to all but superusers (CONNECTION LIMIT 0)"}


@pytest.mark.parametrize("how", CLOSED)
def test_swap_leaves_a_closed_database_closed(source, taken, drydock, cluster, how):
    """Its owner has closed it: what takes its place is closed in the same way, though the snapshot knows nothing of it."""
    cluster.query(f"ALTER DATABASE white_cross {how}")
    before = properties(cluster, "white_cross")
    done = restore(drydock, cluster, taken, "--swap", name="white_cross")
    assert done.code == 0, str(done)
    assert done.last_line.startswith(f"done: 'white_cross' is restored and {CLOSED[how]}"), str(done)
    assert properties(cluster, "white_cross") == before
    with pytest.raises(psycopg2.OperationalError):
        cluster.connect("white_cross", "wc_app")


def test_swap_without_anything_to_replace(source, archive, drydock, cluster):
    done = restore(drydock, cluster, archive, "--swap")
    assert done.code == 0, str(done)
    assert "replaced" not in done.last_line
    check_no_traces(cluster, "white_cross", NEW)


def test_refuses_while_a_run_has_the_database(source, snapshot, project, drydock, cluster):
    """A name that is missing because of a dead run is not free."""
    project.add("more", "CREATE TABLE more (id int);")
    killed = drydock(*project.arguments(), dsn=source.dsn(), env={"DRYDOCK_FAILPOINT": "migrate.begin.done=kill"})
    assert killed.code == -signal.SIGKILL, str(killed)
    there = databases(cluster)
    done = restore(drydock, cluster, snapshot, name="white_cross")
    assert done.code == 3, str(done)
    assert "drydock recover" in done.stderr
    assert databases(cluster) == there


def test_one_at_a_time(source, archive, drydock, cluster):
    arguments = ("restore", "--from", archive, "--database", NEW)
    with drydock.started(*arguments, dsn=cluster.dsn(), env={"DRYDOCK_FAILPOINT": "import.restore.intent=stop"}) as first:
        wait_until(lambda: cluster.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"))
        done = restore(drydock, cluster, archive)
        assert done.code == 5, str(done)
        assert done.last_line.startswith("locked: ")
        first.send_signal(signal.SIGCONT)
        first.communicate(timeout=60)
        assert first.returncode == 0


def test_one_at_a_time_from_any_control_database(source, archive, drydock, cluster, tmp_path):
    """Whoever works from another control database meets the lock all the same."""
    cluster.query("CREATE DATABASE admin")
    policy = tmp_path / "admin.yaml"
    policy.write_text("policy: admin\ncontrol_database: admin\n", encoding="ascii")
    arguments = ("restore", "--from", archive, "--database", NEW)
    with drydock.started(*arguments, dsn=cluster.dsn(), env={"DRYDOCK_FAILPOINT": "import.restore.done=stop"}) as first:
        wait_until(lambda: is_stopped(first))
        there = databases(cluster)
        done = restore(drydock, cluster, archive, "--policy", policy)
        assert done.code == 5, str(done)
        assert "drydock restore " in done.stderr
        assert databases(cluster) == there
        first.send_signal(signal.SIGCONT)
        first.communicate(timeout=60)
        assert first.returncode == 0


def test_ends_no_sessions_of_another_run(source, archive, drydock, cluster):
    """One of another database that has begun in the same second has the same id."""
    arguments = ("restore", "--from", archive, "--database", NEW)
    with drydock.started(*arguments, dsn=cluster.dsn(), env={"DRYDOCK_FAILPOINT": "import.restore.intent=stop"}) as started:
        wait_until(lambda: cluster.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"))
        words = cluster.value("SELECT min(application_name) FROM pg_stat_activity WHERE application_name LIKE 'drydock restore %'").split()
        words[3] = "123456"
        other = psycopg2.connect(cluster.dsn(), application_name=" ".join(words))
        wait_until(lambda: is_stopped(started))
        started.send_signal(signal.SIGTERM)
        started.send_signal(signal.SIGCONT)
        started.communicate(timeout=60)
    assert started.returncode == 128 + signal.SIGTERM
    with other.cursor() as cursor:
        cursor.execute("SELECT 1")
    other.close()


# -- what goes wrong ------------------------------------------------------------------------------


def test_damaged_snapshot(source, snapshot, drydock, cluster):
    damaged = snapshot.parent / "damaged"
    shutil.copytree(snapshot, damaged)
    largest = max((path for path in damaged.iterdir() if path.suffix in (".gz", ".zst", ".dat")),
                  key=lambda path: path.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 1
    largest.write_bytes(data)
    there = databases(cluster)
    done = restore(drydock, cluster, damaged)
    assert done.code == 4, str(done)
    assert f"failed: there is no database '{NEW}', as before" in done.last_line
    assert databases(cluster) == there


def test_truncated_archive(source, archive, drydock, cluster):
    data = archive.read_bytes()
    archive.write_bytes(data[:len(data) // 2])
    version = row_version(cluster, "white_cross")
    done = restore(drydock, cluster, archive, "--swap", name="white_cross")
    assert done.code in (1, 4), str(done)
    assert "'white_cross' was not changed" in done.last_line
    assert row_version(cluster, "white_cross") == version
    check_no_traces(cluster, "white_cross")


def test_what_an_archive_needs_is_named_before(source, archive, drydock, cluster):
    """Owners that the role cannot become, and roles that are not there: all at once, nothing is created."""
    done = restore(drydock, cluster, archive, user=beds.OWNER)
    assert done.code == 3 and done.last_line.startswith("refused"), str(done)
    assert "membership in role 'wc_reports' is missing" in done.stderr
    assert "GRANT wc_reports TO wc_owner;" in done.stderr and NEW not in databases(cluster)
    cluster.query("CREATE ROLE gone_owner; CREATE ROLE gone_too")
    source.query("CREATE TABLE theirs (); ALTER TABLE theirs OWNER TO gone_owner; CREATE VIEW hers AS SELECT 1;"
                 "ALTER VIEW hers OWNER TO gone_too; CREATE TABLE superusers ()")
    later = dump(source, archive.with_suffix(".later"))
    source.query("DROP TABLE theirs; DROP VIEW hers; DROP ROLE gone_owner; DROP ROLE gone_too")
    done = restore(drydock, cluster, later, user=beds.OWNER)
    assert done.code == 3 and all(f"role '{name}' is missing" in done.stderr for name in ("gone_owner", "gone_too")), str(done)
    assert "CREATE ROLE gone_owner;" in done.stderr and "membership in role 'postgres' is missing" in done.stderr
    assert "restore as a superuser" in done.stderr and "GRANT postgres" not in done.stderr
    assert not [name for name in databases(cluster) if name.startswith(NEW)]


@pytest.mark.parametrize("arguments", [
    (), ("--from", "."), ("--database", "x"), ("--from", ".", "--database", ""), ("--from", ".", "--database", "x", "y"),
    ("--from", ".", "--database", "x", "--jobs", "-1"), ("--from", ".", "--database", "x", "--jobs", "129"),
    ("--from", "/nowhere", "--database", "x"),
], ids=["nothing", "no name", "no source", "empty name", "a word", "jobs", "too many jobs", "no file"])
def test_usage(arguments, drydock, bed, cluster):
    done = drydock("restore", *arguments, dsn=cluster.dsn())
    assert done.code == 2, str(done)
    check_no_traces(cluster)


@pytest.mark.parametrize("name", ["postgres", "template1"])
def test_refuses_the_control_database(source, archive, drydock, cluster, name):
    done = restore(drydock, cluster, archive, "--swap", name=name)
    assert done.code == 3, str(done)


def test_a_property_that_the_role_may_not_give(white_cross, project, drydock, cluster, tmp_path):
    """It is refused before anything is restored, or left out and named if the policy says so."""
    source = white_cross("white_cross", students=10, superuser_settings=True)
    project.add("anything", "CREATE TABLE anything (id int);")
    assert project.run(source, user="postgres").code == 0
    snapshot = project.runs()[-1] / "snapshot"
    there = databases(cluster)
    done = restore(drydock, cluster, snapshot, user=beds.OWNER)
    assert done.code == 3, str(done)
    assert "property" in done.stderr and "wc_reports" in done.stderr, str(done)
    assert "import" not in [phase for phase in done.stdout.split()]
    assert databases(cluster) == there


# -- who comes in meanwhile -----------------------------------------------------------------------


def test_nobody_comes_in(source, taken, drydock, cluster):
    """The gate is closed behind the restore's own sessions, before anything is loaded."""
    with stopped_at("restore.in_data", drydock, cluster, taken) as (process, copy):
        assert not properties(cluster, copy)["open"]
        with pytest.raises(psycopg2.OperationalError, match="not currently accepting connections"):
            cluster.connect(copy)
        done = go_on(process)
    assert done.code == 0, str(done)
    assert beds.Database(cluster, NEW).content() == source.content()
    check_no_traces(cluster, "white_cross", NEW)


def test_who_opens_it_is_noticed(source, taken, drydock, cluster):
    """Whether a superuser has written there before or behind the reading is not known: it is no restore then."""
    with stopped_at("restore.before_digests", drydock, cluster, taken) as (process, copy):
        with cluster.opened(copy):
            cluster.query("SELECT 1", database=copy)
        done = go_on(process)
    assert done.code == 1, str(done)
    assert f"there is no database '{NEW}', as before" in done.last_line
    assert f"somebody changed database '{copy}' while it was restored" in done.last_line
    check_no_traces(cluster, "white_cross")


def test_who_comes_in_with_pg_restore_is_ended(source, archive, drydock, cluster):
    """It has sessions of its own, so that the gate is open while it loads; then it closes, before digests are read."""
    with stopped_at("restore.in_data", drydock, cluster, archive) as (process, copy):
        inside = cluster.connect(copy)
        done = go_on(process)
    assert done.code == 0, str(done)
    assert f"1 session that came into '{copy}' while it was open was ended" in done.stderr
    with pytest.raises(psycopg2.OperationalError), inside.cursor() as cursor:
        cursor.execute("SELECT 1")
    check_no_traces(cluster, "white_cross", NEW)


def test_a_script_is_alone_too(source, drydock, cluster, tmp_path):
    path = tmp_path / "white_cross.sql"
    subprocess.run([program("pg_dump"), "--file", str(path), "--dbname", source.dsn(SUPERUSER)],
                   env=clean_environment(), check=True)
    with path.open("a", encoding="utf-8") as script:
        script.write("CREATE TABLE public.gate AS SELECT datallowconn AS open FROM pg_database WHERE datname = current_database();\n")
    done = restore(drydock, cluster, path)
    assert done.code == 0, str(done)
    assert cluster.query("SELECT open FROM gate", database=NEW) == [(False,)]


def test_a_copy_that_cannot_be_dropped(source, archive, drydock, cluster):
    """It is closed, and the last line names it."""
    with stopped_at("import.restore.done", drydock, cluster, archive) as (process, copy):
        with cluster.opened(copy):
            cluster.query("BEGIN; CREATE TABLE meanwhile (id int); PREPARE TRANSACTION 'meanwhile'", database=copy)
        process.send_signal(signal.SIGTERM)
        done = go_on(process)
    try:
        assert done.code == 128 + signal.SIGTERM, str(done)
        assert f"the copy '{copy}' is left" in done.last_line
        assert not properties(cluster, copy)["open"]
    finally:
        with cluster.opened(copy):
            cluster.query("ROLLBACK PREPARED 'meanwhile'", database=copy)


# -- being stopped --------------------------------------------------------------------------------


POINTS = ("import.restore.intent", "import.restore.acted", "import.restore.done", "open.rename.intent",
          "name.before_commit", "name.after_commit", "open.rename.acted", "open.rename.done")


@pytest.mark.parametrize("point", POINTS)
def test_killed(source, archive, drydock, cluster, point):
    """It leaves the finished database, or at most its own copy, which the next one drops; nothing is half-way."""
    before = source.state()
    done = restore(drydock, cluster, archive, "--swap", name="white_cross", env={"DRYDOCK_FAILPOINT": f"{point}=kill"})
    assert done.code == -signal.SIGKILL, str(done)
    wait_until(lambda: not cluster.query("SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'drydock restore%'"))
    after = [name for name in databases(cluster) if name.startswith("white_cross_")]
    assert source.content() == before["content"]
    if POINTS.index(point) > POINTS.index("name.before_commit"):
        assert [name.startswith("white_cross_replaced_") for name in after] == [True]
        return
    assert source.properties() == before["properties"]
    assert len(after) <= 1 and all(name.endswith("_restore") for name in after)
    for name in after:
        assert not properties(cluster, name)["open"]
        assert '"role":"restore"' in properties(cluster, name)["comment"]
    again = restore(drydock, cluster, archive, "--swap", name="white_cross")
    assert again.code == 0, str(again)
    for name in after:
        assert f"dropped '{name}'" in again.stderr
    assert [name for name in databases(cluster) if name.endswith("_restore")] == []


def test_recover_knows_a_dead_restore(archive, project, drydock, cluster):
    """It is none of its runs: nothing is recovered, and the words are about a restore."""
    killed = restore(drydock, cluster, archive, env={"DRYDOCK_FAILPOINT": "import.restore.acted=kill"})
    assert killed.code == -signal.SIGKILL, str(killed)
    there = databases(cluster)
    half, = (name for name in there if name.endswith("_restore"))
    done = drydock("recover", "--policy", project.folder / "policy.yaml", dsn=cluster.dsn(NEW))
    assert done.code == 2, str(done)
    assert done.last_line == (f"failed: there is no database '{NEW}', as before; cause: there is nothing to recover: a drydock "
                              f"restore that died has left '{half}', and touched nothing else (exit 2)")
    assert databases(cluster) == there


def test_drops_nothing_but_its_own(source, archive, drydock, cluster):
    """A database that only has such a name, or only such a record, is somebody's."""
    named = f"{NEW}_drydock_20250101t000000_restore"
    recorded = "innocent"
    record = ('{"drydock":1,"run":"20250101t000000","database":"%s","role":"restore","strategy":"import",'
              '"phase":"import","comment":null}' % NEW)
    for name in (named, recorded):
        cluster.query(f"CREATE DATABASE {quote(name)}")
    with cluster.session() as connection, connection.cursor() as cursor:
        cursor.execute(f"COMMENT ON DATABASE {recorded} IS '{record}'")
    done = restore(drydock, cluster, archive)
    assert done.code == 0, str(done)
    assert f"'{named}' may be left over" in done.stderr
    assert f"'{recorded}' bears the record" in done.stderr
    check_no_traces(cluster, "white_cross", NEW, named, recorded)


def test_leaves_alone_what_has_the_name_of_its_copy(source, archive, drydock, cluster):
    """Somebody else's database that appears under it is no copy to be taken away after the failure."""
    arguments = ("restore", "--from", archive, "--database", NEW)
    with drydock.started(*arguments, dsn=cluster.dsn(), env={"DRYDOCK_FAILPOINT": "import.restore.intent=stop"}) as started:
        wait_until(lambda: cluster.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"))
        application = cluster.value("SELECT min(application_name) FROM pg_stat_activity WHERE application_name LIKE 'drydock restore %'")
        wait_until(lambda: is_stopped(started))
        name = f"{NEW}_drydock_{application.split()[2]}_restore"
        cluster.query(f"CREATE DATABASE {quote(name)}")
        started.send_signal(signal.SIGCONT)
        stdout, stderr = started.communicate(timeout=60)
    assert started.returncode == 3, stdout
    assert f"'{name}' was made by somebody else" in stderr
    check_no_traces(cluster, "white_cross", name)


def test_goes_on_where_a_leftover_is_anothers(source, archive, member, drydock, cluster):
    """What this role may not drop is told, and in nobody's way."""
    named = f"{NEW}_drydock_20250101t000000_restore"
    record = ('{"drydock":1,"run":"20250101t000000","database":"%s","role":"restore","strategy":"import",'
              '"phase":"import","comment":null}' % NEW)
    cluster.query(f"CREATE DATABASE {quote(named)}")
    with cluster.session() as connection, connection.cursor() as cursor:
        cursor.execute(f"COMMENT ON DATABASE {quote(named)} IS '{record}'")
    done = restore(drydock, cluster, archive, user=beds.OWNER)
    assert done.code == 0, str(done)
    assert f"'{named}', which a dead restore had left, could not be dropped" in done.stderr
    check_no_traces(cluster, "white_cross", NEW, named)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal(source, archive, drydock, cluster, number):
    arguments = ("restore", "--from", archive, "--database", NEW)
    with drydock.started(*arguments, dsn=cluster.dsn(), env={"DRYDOCK_FAILPOINT": "import.restore.intent=stop"}) as started:
        wait_until(lambda: cluster.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"))
        time.sleep(0.2)
        started.send_signal(number)
        started.send_signal(signal.SIGCONT)
        stdout, _ = started.communicate(timeout=60)
    assert started.returncode == 128 + number, stdout
    assert f"there is no database '{NEW}', as before" in stdout
    check_no_traces(cluster, "white_cross")


def test_leaves_no_scratch_folder(source, archive, drydock, cluster):
    """What a killed one has unpacked, or its password file, goes with the next."""
    folder = drydock.folder / "tmp"
    folder.mkdir(exist_ok=True)
    env = {"TMPDIR": str(folder)}
    restore(drydock, cluster, archive, env={**env, "DRYDOCK_FAILPOINT": "import.restore.done=kill"})
    assert len(scratch_folders(drydock)) == 1
    assert os.stat(scratch_folders(drydock)[0]).st_mode & 0o777 == 0o700
    assert restore(drydock, cluster, archive, env=env).code == 0
    assert scratch_folders(drydock) == []


# -- no room --------------------------------------------------------------------------------------


@pytest.fixture
def tiny(cluster):
    """The folder of a tablespace 'tiny' on a file system of 4 MB, all of which is given back."""
    folder = cluster.folder / "tiny"
    folder.mkdir()
    options = f"size=4m,mode=0700,uid={cluster.account.pw_uid if cluster.account else os.getuid()}"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False, capture_output=True)
    if mounted.returncode != 0:
        folder.rmdir()
        pytest.skip("a small file system cannot be mounted here")
    try:
        (folder / "space").mkdir(mode=0o700)
        if cluster.account:
            os.chown(folder / "space", cluster.account.pw_uid, cluster.account.pw_gid)
        cluster.query(f"CREATE TABLESPACE tiny LOCATION '{folder / 'space'}'")
        yield folder / "space"
        for name in databases(cluster):
            if name not in ("postgres", "template0", "template1"):
                cluster.query(f"DROP DATABASE {quote(name)} WITH (FORCE)")
        cluster.query("DROP TABLESPACE tiny")
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


def test_the_server_has_no_room(bed, drydock, cluster, tiny, tmp_path):
    """Nobody but the server knows its room: it says so, and what was loaded until then is given back."""
    database = bed.empty("large")
    database.query("CREATE TABLE t (v text) TABLESPACE tiny; ALTER TABLE t ALTER v SET STORAGE EXTERNAL;"
                   "INSERT INTO t SELECT repeat('x', 4000) FROM generate_series(1, 600)")
    assert drydock("snapshot", "--out", tmp_path / "s", dsn=database.dsn(SUPERUSER)).code == 0
    dump(database, tmp_path / "large.dump")
    before = {path.name for path in tiny.rglob("*")}
    for source in ("s", "large.dump"):
        done = restore(drydock, cluster, tmp_path / source)
        assert done.code == 1 and "space left on device" in done.stderr, str(done)
        assert "a disk of the server is full" in done.stderr or source != "s", str(done)
        assert f"failed: there is no database '{NEW}', as before" in done.last_line, str(done)
        check_no_traces(cluster, "large")
        # What others have dropped may go meanwhile.
        wait_until(lambda: {path.name for path in tiny.rglob("*")} <= before)
