"""Tables in many parts: keys come after the last of them, the parts are of one moment, and a queued ALTER ends in words."""

import contextlib
import re
import threading
import time

import psycopg2
import pytest

import content as contents
import kinds
from bed import OWNER, Database
from cluster import SUPERUSER, program
from refusals import go_on, wait_until
from snapshots import pg_restore, pg_restore_list, stock_copy

KEYS = """
CREATE TABLE parent (id integer PRIMARY KEY, t text);
CREATE TABLE big (id integer, parent integer, self integer, filler text, PRIMARY KEY (id));
CREATE TABLE child (id integer, big integer);
ALTER TABLE big ALTER filler SET STORAGE PLAIN;
INSERT INTO parent SELECT n, 'p' FROM generate_series(1, 2000) n;
INSERT INTO big SELECT n, n % 2000 + 1, 6001 - n, repeat('f', 1900) FROM generate_series(1, 6000) n;
INSERT INTO child SELECT n, 6001 - n FROM generate_series(1, 6000) n;
CREATE UNIQUE INDEX big_self ON big (self);
CREATE INDEX big_filler ON big (left(filler, 5), id);
ALTER TABLE big ADD FOREIGN KEY (parent) REFERENCES parent, ADD FOREIGN KEY (self) REFERENCES big (id),
                ADD CONSTRAINT other_self FOREIGN KEY (id) REFERENCES big (self) DEFERRABLE, ADD CHECK (id > 0);
ALTER TABLE child ADD FOREIGN KEY (big) REFERENCES big;
CREATE TABLE fired (n integer);
CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.fired VALUES (1); RETURN NULL; END $$;
CREATE TRIGGER on_big AFTER INSERT ON big FOR EACH ROW EXECUTE FUNCTION fire();
CREATE MATERIALIZED VIEW counted AS SELECT count(*), sum(id) FROM big;
CREATE VIEW grouped AS SELECT id, filler FROM big GROUP BY id;
CREATE RULE quiet AS ON UPDATE TO big DO ALSO INSERT INTO fired VALUES (2);
ALTER TABLE big ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON big USING (id > 0);
CREATE STATISTICS big_statistics ON id, parent FROM big;
"""

CONSTRAINTS = "SELECT conrelid::regclass::text, conname, convalidated FROM pg_constraint WHERE conrelid <> 0 ORDER BY 1, 2"
INDEXES = "SELECT indexrelid::regclass::text, indisvalid, indisready FROM pg_index WHERE indexrelid >= 16384 AND indrelid IN (SELECT oid FROM pg_class WHERE relkind = 'r') ORDER BY 1"


def take(drydock, folder, database, *options, split="1MiB", user=SUPERUSER, **more):
    done = drydock("snapshot", "--out", folder, "--split", split, *options, dsn=database.dsn(user), **more)
    assert done.code == 0, str(done)
    return folder


@pytest.fixture
def keys(bed):
    database = bed.empty("keys")
    database.query(KEYS)
    return database


def test_stock_pg_restore_twenty_times(keys, drydock, tmp_path):
    """Foreign keys, unique indexes, triggers, views of a table in many parts: all there, without an error, each time."""
    folder = stock_copy(take(drydock, tmp_path / "s", keys, "--jobs", "2"), tmp_path)
    parts = len(re.findall(r" TABLE DATA public big ", pg_restore_list(folder)))
    assert parts >= 8, parts
    wanted = keys.query(CONSTRAINTS), keys.query(INDEXES), keys.content()
    for number in range(20):
        keys.cluster.query(f"CREATE DATABASE stock_{number} TEMPLATE template0")
        done = pg_restore(keys.cluster, folder, "-j4", database=f"stock_{number}")
        assert not done.returncode and not done.stderr, (number, done.stderr)
        back = Database(keys.cluster, f"stock_{number}")
        assert (back.query(CONSTRAINTS), back.query(INDEXES), back.content()) == wanted, number
        assert back.value("SELECT count(*) FROM fired") == 0
        keys.cluster.query(f"DROP DATABASE stock_{number}")


def test_restored_in_many_parts(keys, drydock, tmp_path):
    folder = take(drydock, tmp_path / "s", keys, "--jobs", "2")
    for jobs in ("1", "4"):
        done = drydock("restore", "--from", folder, "--database", f"back{jobs}", "--jobs", jobs, dsn=keys.cluster.dsn())
        assert done.code == 0, str(done)
        back = Database(keys.cluster, f"back{jobs}")
        assert (back.query(CONSTRAINTS), back.query(INDEXES), back.content()) == \
            (keys.query(CONSTRAINTS), keys.query(INDEXES), keys.content())
        assert back.schema() == keys.schema()


HASHED = """
CREATE TYPE mood AS ENUM ('a', 'b', 'c', 'd', 'e', 'f');
CREATE TABLE root (id integer, mood mood, note text, PRIMARY KEY (id, mood)) PARTITION BY HASH (mood);
CREATE TABLE leaf_0 PARTITION OF root FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE leaf_1 PARTITION OF root FOR VALUES WITH (MODULUS 2, REMAINDER 1);
ALTER TABLE root ALTER note SET STORAGE PLAIN;
ALTER TABLE leaf_0 ALTER note SET STORAGE PLAIN;
ALTER TABLE leaf_1 ALTER note SET STORAGE PLAIN;
INSERT INTO root SELECT n, (enum_range(NULL::mood))[1 + n % 6], repeat('n', 1500) FROM generate_series(1, 3000) n;
CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := 'changed'; RETURN NEW; END $$;
CREATE TRIGGER change BEFORE INSERT ON leaf_0 FOR EACH ROW EXECUTE FUNCTION change();
CREATE TRIGGER change BEFORE INSERT ON leaf_1 FOR EACH ROW EXECUTE FUNCTION change();
"""


def test_rows_that_go_to_other_partitions(bed, drydock, tmp_path):
    """The hash of an enum label is that of its OID: rows come into other partitions, which may have no trigger yet."""
    database = bed.empty("hashed")
    database.query(HASHED)
    folder = take(drydock, tmp_path / "s", database, "--jobs", "2")
    stock = stock_copy(folder, tmp_path)
    told = "SELECT count(*), count(DISTINCT id), min(note) = max(note), max(note) FROM root"
    moved = 0
    for number in range(6):
        name = f"back_{number}"
        if number % 2:
            database.cluster.query(f"CREATE DATABASE {name} TEMPLATE template0")
            done = pg_restore(database.cluster, stock, "-j3", database=name)
            assert not done.returncode and not done.stderr, done.stderr
            done = drydock("verify", "database", "--against", folder, dsn=database.cluster.dsn(name))
        else:
            done = drydock("restore", "--from", folder, "--database", name, "--jobs", "3", dsn=database.cluster.dsn())
        assert done.code == 0, str(done)
        back = Database(database.cluster, name)
        assert back.query(told) == database.query(told)
        moved += back.query("SELECT count(*) FROM leaf_0") != database.query("SELECT count(*) FROM leaf_0")
    assert moved, "no row went to another partition: the test shows nothing"


def test_columns_that_change_their_order(bed, drydock, tmp_path):
    """pg_dump writes a child that was attached to its parents with its columns in another order; nothing is lost by that."""
    database = bed.empty("order")
    database.query("CREATE TABLE parent (id integer, note text); CREATE TABLE aunt (extra date);"
                   "CREATE TABLE child (mine numeric, note text, gone integer, extra date, id integer);"
                   "ALTER TABLE child DROP COLUMN gone; ALTER TABLE child INHERIT parent; ALTER TABLE child INHERIT aunt;"
                   "INSERT INTO child SELECT n / 7.0, 'note ' || n, '2024-01-01', n FROM generate_series(1, 3000) n;"
                   "INSERT INTO parent SELECT n, 'p' FROM generate_series(1, 3000) n")
    folder = take(drydock, tmp_path / "s", database, "--jobs", "2")
    done = drydock("restore", "--from", folder, "--database", "back", dsn=database.cluster.dsn())
    assert done.code == 0, str(done)
    assert kinds.differences(kinds.rows(bed.cluster, "order"), kinds.rows(bed.cluster, "back")) == []
    done = drydock("verify", "database", "--against", folder, dsn=database.cluster.dsn("back"))
    assert done.code == 0, str(done)


def test_stale_view(bed, drydock, tmp_path):
    """A materialized view that was not fresh comes back fresh, as with pg_restore: that is said, and is no failure."""
    database = bed.empty("stale")
    database.query("CREATE TABLE t (id integer); INSERT INTO t SELECT generate_series(1, 10);"
                   "CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM t; CREATE MATERIALIZED VIEW r AS SELECT random();"
                   "INSERT INTO t VALUES (11)")
    folder = take(drydock, tmp_path / "s", database)
    done = drydock("restore", "--from", folder, "--database", "back", dsn=database.cluster.dsn())
    assert done.code == 0, str(done)
    assert "public.v" in done.stdout + done.stderr and "public.r" in done.stdout + done.stderr, str(done)
    assert Database(bed.cluster, "back").value("SELECT count FROM v") == 11
    done = drydock("verify", "database", "--against", folder, dsn=database.cluster.dsn("back"))
    assert done.code == 0, str(done)


# -- a queued ALTER TABLE -----------------------------------------------------------------------


@contextlib.contextmanager
def queued_alter(database):
    """A client that waits to alter a table, as a thread; what became of it is in the list."""
    result = []

    def alter():
        connection = psycopg2.connect(database.dsn(SUPERUSER), application_name="the release")
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE public.big ADD COLUMN secret_reason text DEFAULT 'because of 4711'")
            result.append("done")
        except psycopg2.Error as error:
            result.append(str(error))
        finally:
            connection.close()

    thread = threading.Thread(target=alter)
    thread.start()
    try:
        wait_until(lambda: database.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'big'::regclass"),
                   "the ALTER waits")
        yield result
    finally:
        database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'drydock %'"
                       " AND application_name <> 'drydock tests'")
        thread.join(30)
        assert not thread.is_alive()


@pytest.mark.parametrize("point", ["snapshot.locked", "snapshot.toc"])
def test_queued_alter_ends_it_in_words(keys, drydock, tmp_path, point):
    """Behind an ALTER TABLE that waits for the snapshot, the snapshot's own workers would wait for ever."""
    folder = tmp_path / "s"
    started = time.monotonic()
    env = {"DRYDOCK_FAILPOINT": f"{point}=stop"}
    with drydock.started("snapshot", "--out", folder, "--split", "1MiB", "--jobs", "2", dsn=keys.dsn(SUPERUSER), env=env) as process:
        wait_until(lambda: open(f"/proc/{process.pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()[0] == "T", point)
        with queued_alter(keys) as altered:
            done = go_on(process)
            assert time.monotonic() - started < 60
            if done.code != 0:
                assert done.code in (1, 3), str(done)
                told = done.stdout + done.stderr
                assert "public.big" in told and "the release" in told and "ACCESS EXCLUSIVE" in told, told
                assert "secret_reason" not in told and "4711" not in told
                assert not folder.exists() or not (folder / "manifest.json").exists()
            wait_until(lambda: altered == ["done"], "the ALTER was let through")
    # Refused, since the workers had not yet read.
    assert done.code != 0, "the snapshot did not need the table any more: the test shows nothing"
    assert not folder.exists()
    take(drydock, folder, keys)


def test_other_failures_of_pg_dump_are_no_locks(keys, drydock, tmp_path):
    """Somebody waits to alter a table, and that is not why pg_dump fails."""
    pg_dump = tmp_path / "bin" / "pg_dump"
    pg_dump.parent.mkdir()
    pg_dump.write_text(f"""#!/bin/sh
[ "$1" = --version ] && exec {program('pg_dump')} --version
echo 'pg_dump: error: query failed: ERROR:  permission denied for table big' >&2
echo 'pg_dump: detail: Query was: LOCK TABLE public.big IN ACCESS SHARE MODE' >&2
exit 1
""", encoding="ascii")
    pg_dump.chmod(0o755)
    env = {"DRYDOCK_FAILPOINT": "snapshot.exported=stop", "DRYDOCK_PG_BIN": str(pg_dump.parent)}
    with drydock.started("snapshot", "--out", tmp_path / "s", dsn=keys.dsn(SUPERUSER), env=env) as process:
        wait_until(lambda: open(f"/proc/{process.pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()[0] == "T", "it stops")
        with queued_alter(keys):
            done = go_on(process)
    assert done.code == 1 and "pg_dump failed with status 1: error: query failed: ERROR:  permission denied" in done.stderr, str(done)
    assert "the release" not in done.stderr


# -- a database that is written to all the time -------------------------------------------------

BANK = """
CREATE TABLE accounts (id integer PRIMARY KEY, balance integer NOT NULL, moves integer NOT NULL DEFAULT 0, filler text);
ALTER TABLE accounts ALTER filler SET STORAGE PLAIN;
INSERT INTO accounts SELECT n, 100, 0, repeat('x', 1500) FROM generate_series(1, 4000) n;
CREATE TABLE moves (id bigserial PRIMARY KEY, source integer, target integer, amount integer);
CREATE TABLE turned (n integer); INSERT INTO turned VALUES (0);
CREATE TABLE emptied (n integer); INSERT INTO emptied VALUES (0);
CREATE SEQUENCE numbers; SELECT setval('numbers', 1000);
SELECT lo_from_bytea(5, '0');
"""

CONSISTENT = """
SELECT (SELECT sum(balance) FROM accounts) AS balance, (SELECT count(*) FROM accounts) AS accounts,
       (SELECT coalesce(sum(moves), 0) FROM accounts) = 2 * (SELECT count(*) FROM moves) AS moves,
       (SELECT count(*) FROM accounts a WHERE balance <> 100 + (SELECT coalesce(sum(amount), 0) FROM moves WHERE target = a.id)
                                                           - (SELECT coalesce(sum(amount), 0) FROM moves WHERE source = a.id)) AS wrong,
       (SELECT max(n) FROM turned) = (SELECT max(n) FROM emptied) AS turned,
       (SELECT convert_from(lo_get(5), 'UTF8')::integer) = (SELECT max(n) FROM turned) AS object"""


class Writers:
    """Sessions that move amounts, truncate and refill, draw numbers, replace a large object, until the end of the with."""

    def __init__(self, database):
        self.database, self.stopping, self.done, self.errors = database, threading.Event(), 0, []
        self.threads = [threading.Thread(target=self.work, args=(work, number))
                        for number, work in enumerate((self.move, self.move, self.turn))]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        wait_until(lambda: self.done > 20, "they write")
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(30)
        assert not self.errors, self.errors

    def work(self, work, number):
        connection = self.database.cluster.connect(self.database.name, OWNER, autocommit=False)
        try:
            n = number
            while not self.stopping.is_set():
                n += 2
                with connection, connection.cursor() as cursor:
                    work(cursor, n)
                self.done += 1
        except psycopg2.Error as error:
            self.errors.append(repr(error))
        finally:
            connection.close()

    @staticmethod
    def move(cursor, n):
        source, target = sorted((n * 7919 % 4000 + 1, n * 104729 % 4000 + 1))
        cursor.execute("UPDATE accounts SET balance = balance - 3, moves = moves + 1 WHERE id = %s;"
                       "UPDATE accounts SET balance = balance + 3, moves = moves + 1 WHERE id = %s;"
                       "INSERT INTO moves (source, target, amount) VALUES (%s, %s, 3); SELECT nextval('numbers')",
                       (source, target, source, target))

    @staticmethod
    def turn(cursor, n):
        """TRUNCATE is of no snapshot: rows that a snapshot should see are gone when it looks. A lock keeps it out."""
        cursor.execute("UPDATE turned SET n = %s; DELETE FROM emptied; INSERT INTO emptied VALUES (%s);"
                       "SELECT lo_unlink(5); SELECT lo_from_bytea(5, %s)", (n, n, str(n).encode()))


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_one_moment(bed, drydock, tmp_path, jobs):
    """Many sessions read the parts of a database that is written to, and all see the same moment."""
    database = bed.empty("bank")
    database.query(f"SET ROLE {OWNER};" + BANK)
    with Writers(database) as writers:
        for number in range(2):
            before = writers.done
            take(drydock, tmp_path / str(number), database, "--jobs", jobs, user=OWNER)
            wait_until(lambda: writers.done > before + 5, "they still write")
    for number in range(2):
        done = drydock("restore", "--from", tmp_path / str(number), "--database", f"back{number}", "--jobs", "2",
                       dsn=bed.cluster.dsn())
        assert done.code == 0, str(done)
        back = Database(bed.cluster, f"back{number}")
        assert back.query(CONSISTENT) == [(400000, 4000, True, 0, True, True)]
        assert back.value("SELECT last_value FROM moves_id_seq") >= back.value("SELECT max(id) FROM moves")
        done = drydock("verify", "database", "--against", tmp_path / str(number), dsn=bed.cluster.dsn(back.name))
        assert done.code == 0, str(done)


def test_truncate_in_between(bed, drydock, tmp_path):
    """A table that is emptied between the snapshot and its reading would be read as empty: locks keep TRUNCATE out."""
    database = bed.empty("bank")
    database.query(f"SET ROLE {OWNER};" + BANK)
    env = {"DRYDOCK_FAILPOINT": "snapshot.toc=stop"}
    folder = tmp_path / "s"
    with drydock.started("snapshot", "--out", folder, dsn=database.dsn(OWNER), env=env) as process:
        wait_until(lambda: open(f"/proc/{process.pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()[0] == "T", "stops")
        with database.session(OWNER) as connection, connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '300ms'")
            with pytest.raises(psycopg2.errors.LockNotAvailable):
                cursor.execute("TRUNCATE moves, emptied")
            cursor.execute("INSERT INTO moves (source, target, amount) VALUES (1, 2, 1000)")
        done = go_on(process)
    assert done.code == 0, str(done)
    done = drydock("restore", "--from", folder, "--database", "back", dsn=bed.cluster.dsn())
    assert done.code == 0, str(done)
    assert Database(bed.cluster, "back").query(CONSISTENT) == [(400000, 4000, True, 0, True, True)]
    assert contents.databases(bed.cluster)
