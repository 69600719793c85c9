"""A database with every kind of object comes back as it was: by drydock, and by stock pg_restore, which knows nothing of us."""

import re
import subprocess

import pytest

import content as contents
import kinds
from cluster import Cluster, clean_environment, program
from snapshots import pg_restore, pg_restore_list, stock_copy

NAME = "kinds"
SPLIT = "1MiB"


@pytest.fixture(scope="module")
def source():
    """A server of its own with the database, and what is in it."""
    with kinds.extension() as extension:
        cluster = Cluster()
        try:
            cluster.start()
            kinds.make(cluster, NAME, extension)
            cluster.kinds_schema = kinds.schema(cluster, NAME)
            cluster.kinds_rows = kinds.rows(cluster, NAME)
            yield cluster
        finally:
            cluster.destroy()


@pytest.fixture(scope="module")
def elsewhere(source):
    """Another server, where everything has another OID."""
    cluster = Cluster({"max_connections": "40"})
    try:
        cluster.start()
        kinds.create_outside(cluster)
        # Each of these takes OIDs: tables, their types, array types, enum labels.
        cluster.query("DO $$ BEGIN FOR n IN 1..40 LOOP EXECUTE format('CREATE TABLE taken_%s (a integer)', n);"
                      " EXECUTE format('CREATE TYPE e_%s AS ENUM (''a'', ''b'')', n); END LOOP; END $$")
        yield cluster
    finally:
        cluster.destroy()


@pytest.fixture(scope="module")
def snapshot(source, _program, tmp_path_factory):
    """A snapshot of it, in many parts."""
    folder = tmp_path_factory.mktemp("kinds") / "snapshot"
    done = _program("snapshot", "--out", folder, "--jobs", "3", "--split", SPLIT, dsn=source.dsn(NAME))
    assert done.code == 0, str(done)
    return folder


@pytest.fixture(scope="module")
def unpacked(snapshot, tmp_path_factory):
    return stock_copy(snapshot, tmp_path_factory.mktemp("stock"))


@pytest.fixture
def place(elsewhere):
    """Databases to restore into, which go afterwards."""
    yield elsewhere
    for name in contents.databases(elsewhere):
        if name not in ("postgres", "template0", "template1"):
            kinds.drop(elsewhere, name)


def check_equal(source, cluster, name):
    assert kinds.differences(source.kinds_rows, kinds.rows(cluster, name)) == []
    assert kinds.schema(cluster, name).split(b"\n") == source.kinds_schema.split(b"\n")


def check_verified(drydock, snapshot, cluster, name):
    done = drydock("verify", "database", "--against", snapshot, dsn=cluster.dsn(name))
    assert done.code == 0, str(done)


def wanted_properties(source, without=()):
    found = contents.properties(source, NAME)
    return {key: value for key, value in found.items() if key not in without}


# -- the three ways back ------------------------------------------------------------------------


@pytest.mark.sanitized
def test_restored_by_drydock(source, place, drydock, snapshot):
    done = drydock("restore", "--from", snapshot, "--database", "back", "--jobs", "3", dsn=place.dsn())
    assert done.code == 0, str(done)
    check_equal(source, place, "back")
    check_verified(drydock, snapshot, place, "back")
    assert contents.properties(place, "back") == wanted_properties(source)
    assert [name for name in contents.databases(place) if name.startswith("back")] == ["back"]


def test_restored_by_pg_restore_in_parallel(source, place, drydock, snapshot, unpacked):
    place.query("CREATE DATABASE stock TEMPLATE template0")
    done = pg_restore(place, unpacked, "-j4", database="stock")
    assert not done.returncode and not done.stderr, done.stderr
    check_equal(source, place, "stock")
    check_verified(drydock, snapshot, place, "stock")


def test_restored_by_pg_restore_alone(source, place, drydock, snapshot, unpacked):
    place.query("CREATE DATABASE stock TEMPLATE template0")
    done = pg_restore(place, unpacked, "--exit-on-error", database="stock")
    assert not done.returncode and not done.stderr, done.stderr
    check_equal(source, place, "stock")
    check_verified(drydock, snapshot, place, "stock")


def test_restored_under_its_own_name(source, place, unpacked):
    """pg_restore -C gives the database its name, owner, access rights, settings, comment and connection limit."""
    done = pg_restore(place, unpacked, "-C", "-j4")
    assert not done.returncode and not done.stderr, done.stderr
    check_equal(source, place, NAME)
    assert contents.properties(place, NAME) == wanted_properties(source)


def test_text_is_a_script_for_psql(source, place, drydock, tmp_path):
    """With --format text, what pg_restore writes can be piped into psql."""
    folder = tmp_path / "snapshot"
    done = drydock("snapshot", "--out", folder, "--format", "text", "--split", SPLIT, "--jobs", "2", dsn=source.dsn(NAME))
    assert done.code == 0, str(done)
    script = tmp_path / "script.sql"
    written = subprocess.run([program("pg_restore"), "-f", script, stock_copy(folder, tmp_path)],
                             capture_output=True, check=False)
    assert (written.returncode, written.stderr) == (0, b"")
    place.query("CREATE DATABASE script TEMPLATE template0")
    done = subprocess.run([program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", place.dsn("script"), "-f", script],
                          capture_output=True, text=True, check=False, env=clean_environment())
    assert done.returncode == 0, done.stderr
    assert "ERROR" not in done.stderr, done.stderr
    check_equal(source, place, "script")
    check_verified(drydock, folder, place, "script")


# -- what is in it ------------------------------------------------------------------------------


def test_pg_restore_lists_everything(source, snapshot, tmp_path):
    """The table of contents has what pg_dump's own has, and more than one part of what was split."""
    own = tmp_path / "own"
    subprocess.run([program("pg_dump"), "-Fd", "-Z0", "-d", source.dsn(NAME), "-f", own], check=True,
                   env=clean_environment())

    def entries(archive, *options):
        lines = [line for line in pg_restore_list(archive, *options).splitlines() if not line.startswith(";")]
        return [re.sub(r"^\d+; ", "", line) for line in lines]

    for options in ([], ["-C"]):
        ours, theirs = entries(snapshot, *options), entries(own, *options)
        assert set(ours) == set(theirs)
        assert len(ours) > len(theirs)
        more = {line for line in ours if ours.count(line) != theirs.count(line)}
        assert all(" TABLE DATA " in line for line in more), more
        assert any(" large " in line for line in more) and any(" heavy " in line for line in more), more
    header = pg_restore_list(snapshot)
    assert re.search(rf"^;     dbname: {NAME}$", header, re.M), header[:500]


def test_oids_are_others(source, place, drydock, snapshot):
    """What holds OIDs was written as text: the same names stand for other numbers, and the values are right."""
    done = drydock("restore", "--from", snapshot, "--database", "back", "--jobs", "2", dsn=place.dsn())
    assert done.code == 0, str(done)
    numbers = "SELECT string_agg(t::oid::text, ',' ORDER BY t::text) FROM unnest(ARRAY['app.mood', 'app.pair', 'app.span'," \
              " 'app.mood_range', 'app.word', 'app.mood_domain', 'app.mood[]']::regtype[]) t"
    mine, theirs = (c.value(numbers, database=n).split(",") for c, n in ((source, NAME), (place, "back")))
    assert all(a != b for a, b in zip(mine, theirs)), (mine, theirs)
    # The numbers of one are in use for something else in the other, or for nothing: bytes would load, and be wrong.
    for sql in ("SELECT t::text, f::text, y::text, s::text, all_of_them::text FROM each.references ORDER BY 1",
                "SELECT id, m::text, p::text, ps::text, n::text, md::text, s::text, mr::text, w::text, r::text, t::text"
                " FROM app.user_types WHERE id % 97 = 0 ORDER BY 1",
                "SELECT v::text, a::text FROM each.regtype ORDER BY 1, 2"):
        sql = "SET search_path = pg_catalog; " + sql
        assert place.query(sql, database="back") == source.query(sql, database=NAME)


def test_binary_only_where_bytes_mean_the_same(source, unpacked):
    """The formats of the data files, by their first bytes: built-in scalar types in binary, what holds OIDs as text."""
    listed = {}
    for line in pg_restore_list(unpacked).splitlines():
        found = re.match(r"(\d+); \d+ \d+ TABLE DATA (\S+) (.+) postgres$", line)
        if found:
            listed.setdefault((found.group(2), found.group(3)), []).append(unpacked / f"{found.group(1)}.dat")

    def is_binary(table):
        heads = {path.read_bytes().startswith(b"PGCOPY\n\xff\r\n\0") for path in listed[("each", table)]}
        assert len(heads) == 1
        return heads.pop()

    names = [name for name, in source.query("SELECT relname FROM pg_class WHERE relnamespace = 'each'::regnamespace AND relkind = 'r' AND relname !~ '\n'",
                                            database=NAME)]
    binary = {name for name in names if is_binary(name)}
    text = {"app.mood", "app.positive", "app.pair", "app.nested", "app.span", "app.spans", "app.mood_range", "app.pair_range",
            "app.word", "regclass", "regtype", "regproc", "regrole", "regnamespace", "aclitem", "references", "app.mood_domain",
            "app.numbers", "app.code", "regconfig", "regoperator", "regcollation", "regdictionary"}
    assert not binary & text
    assert {"integer", "text", "bytea", "numeric", "timestamptz", "jsonb", "uuid", "boolean", "double precision"} <= binary


# -- verify database ----------------------------------------------------------------------------

CHANGES = {
    "app.large": "UPDATE app.large SET word = 'changed' WHERE id = 77777",
    "app.heavy": "UPDATE app.heavy SET stored = overlay(stored PLACING decode('01', 'hex') FROM 1000000) WHERE id = 1000",
    "app.husbands": "INSERT INTO app.husbands VALUES (101, NULL)",
    "other.by_range_2024": "DELETE FROM app.by_range WHERE id = 400",
    "app.by_mood": "UPDATE app.by_mood SET note = '' WHERE id = 17",
    "app.no_columns": "INSERT INTO app.no_columns DEFAULT VALUES",
    "app.forced": "DELETE FROM app.forced WHERE id = 1",
    "app.called": "SELECT nextval('app.called')",
    "large objects": "SELECT lo_put(900003, 3999999, decode('01', 'hex'))",
}


def test_each_change_is_found(source, place, drydock, snapshot):
    """verify database names each table, sequence and large object that is not as it was, with both counts."""
    done = drydock("restore", "--from", snapshot, "--database", "back", "--jobs", "2", dsn=place.dsn())
    assert done.code == 0, str(done)
    for sql in CHANGES.values():
        place.query("SET session_replication_role = replica; " + sql, database="back")
    done = drydock("verify", "database", "--against", snapshot, dsn=place.dsn("back"))
    assert done.code == 4, str(done)
    told = done.stdout + done.stderr
    for name in CHANGES:
        assert re.search(rf"\b{re.escape(name)}\b", told), f"{name} is not named: {told}"
    assert "100" in told and "101" in told
    untouched = ("app.wives", "app.tree", "app.secured")
    assert not [name for name in untouched if re.search(rf"\b{re.escape(name)}\b", told)], told
