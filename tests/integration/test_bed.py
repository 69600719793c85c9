"""The test bed itself: what the other tests trust."""

import re

import psycopg2
import pytest

import bed as beds
from content import shared

EVERY_COLUMN = """
SELECT c.relname, a.attname, t.typtype = 'e'
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
  AND c.relname <> 'SequelizeMeta' ORDER BY 1, a.attnum"""

# Districts and schools come before the users.
EMPTY = [(table, column) for table in ("districts", "schools") for column in ("createdBy", "updatedBy")]

UNUSED_LABELS = """
SELECT enumlabel FROM pg_enum JOIN pg_attribute a ON a.atttypid = enumtypid
WHERE a.attrelid = 'public.{0}'::regclass AND a.attname = '{1}'
  AND enumlabel NOT IN (SELECT DISTINCT "{1}"::text FROM public.{0} WHERE "{1}" IS NOT NULL)"""


@pytest.mark.parametrize("applied", [5, 8])
def test_data_fill_everything(white_cross, applied):
    """Each column has values, some that may be NULL have NULLs, each label is used wherever its type is."""
    database = white_cross(applied=applied, students=300)
    with_nulls = 0
    for table, column, is_enum in database.query(EVERY_COLUMN):
        nulls, values = database.query(
            f'SELECT count(*) FILTER (WHERE "{column}" IS NULL), count("{column}") FROM public."{table}"')[0]
        assert values > 0 or (table, column) in EMPTY, f"{table}.{column} is empty"
        with_nulls += nulls > 0
        if is_enum:
            assert database.query(UNUSED_LABELS.format(table, column)) == [], f"{table}.{column}"
    assert with_nulls > 100


def test_data_name_no_column_in_vain(white_cross):
    """The generator leaves out columns that do not exist, so that a misspelt one would not be noticed."""
    database = white_cross(applied=8)
    there = {(table, column) for table, column, _ in database.query(EVERY_COLUMN)}
    text = (beds.DATA / "white_cross.sql").read_text(encoding="utf-8")
    named = {(table, column) for table, spec in re.findall(r"fill\('(\w+)', '[^']*', \$\$(.*?)\$\$\)", text, re.S)
             for column in re.findall(r"^\s+(\w+) \|", spec, re.M)}
    assert named <= there
    assert len({table for table, _ in named}) == 20


def test_data_have_what_breaks_programs(white_cross):
    database = white_cross()
    assert database.value("SELECT count(*) FROM contacts WHERE notes = ''") > 0
    assert database.value("SELECT count(*) FROM contacts WHERE notes ~ '[^[:ascii:]]'") > 0
    assert database.value("SELECT count(*) FROM contacts WHERE notes ~ E'[\\n\\t\\r]'") > 0
    assert database.value("SELECT count(*) FROM students WHERE \"deletedAt\" IS NOT NULL") > 0


def test_two_copies_are_the_same(white_cross):
    one, two = white_cross("one"), white_cross("two")
    assert one.content() == two.content()
    assert one.schema() == two.schema()
    assert one.properties() == two.properties()


def test_data_are_the_same_every_time(bed, white_cross):
    """Not only copies: a second generation gives the same rows, but for what the server stamps."""
    first = white_cross("first", students=50)
    with bed.empty("second").session(beds.OWNER) as connection:
        for path in list(beds.migration_files().values())[:5]:
            beds.execute_migration(connection, path)
        beds.load_data(connection, 50)
    second = beds.Database(bed.cluster, "second")
    for table in ("students", "health_records", "medication_logs", "configuration_history"):
        assert first.content()["tables"][f"public.{table}"] == second.content()["tables"][f"public.{table}"]


@pytest.mark.parametrize("change", [
    "UPDATE students SET grade = '3' WHERE id = (SELECT min(id::text)::uuid FROM students)",
    "DELETE FROM allergies WHERE id = (SELECT min(id::text)::uuid FROM allergies)",
    "SELECT nextval(pg_get_serial_sequence('reports.runs', 'id'))",
    "SELECT lo_put(900001, 0, '\\x01')",
    "CREATE TABLE more (x int)",
    "ALTER TABLE students ADD extra int",
    "COMMENT ON DATABASE white_cross IS 'other'",
    "ALTER DATABASE white_cross CONNECTION LIMIT 51",
    "ALTER ROLE wc_app IN DATABASE white_cross SET work_mem = '5MB'",
    "GRANT CONNECT ON DATABASE white_cross TO wc_outsider",
])
def test_a_change_is_seen(white_cross, change):
    database = white_cross()
    before = database.state()
    database.query(change)
    assert database.state() != before


def test_who_may_do_what(cluster, white_cross):
    database = white_cross()
    assert database.value("SELECT count(*) FROM students", user="wc_app") == 300
    assert database.value("SELECT count(*) FROM reports.runs", user="wc_owner") == 25
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        database.query("SELECT 1", user="wc_outsider")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        database.query("DELETE FROM reports.runs", user="wc_owner")
    assert cluster.value("SELECT rolsuper FROM pg_roles WHERE rolname = 'wc_owner'") is False


def test_clients_find_losses(cluster, white_cross, start_clients):
    database = white_cross()
    clients = start_clients(database)
    clients.wait_for_writes()
    cluster.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'wc_app'")
    cluster.restart("immediate")
    clients.wait_for_writes()
    clients.stop()
    clients.check()
    database.query("DELETE FROM clients.tokens WHERE token = %s", (clients.acknowledged()[0],))
    with pytest.raises(AssertionError, match="lost"):
        clients.check()
    database.query("INSERT INTO clients.tokens SELECT token FROM clients.tokens")
    database.query("INSERT INTO clients.tokens VALUES (%s)", (clients.acknowledged()[0],))
    with pytest.raises(AssertionError, match="twice"):
        clients.check()


def test_standby_follows(cluster, white_cross):
    database = white_cross()
    standby = cluster.standby()
    try:
        standby.caught_up()
        assert standby.value("SELECT count(*) FROM students", database=database.name) == 300
    finally:
        standby.destroy()
        cluster.standbys.remove(standby)


def test_shared_things_are_compared(cluster, white_cross):
    white_cross()
    before = shared(cluster)
    cluster.query("GRANT wc_app TO wc_reports")
    try:
        assert shared(cluster) != before
    finally:
        cluster.query("REVOKE wc_app FROM wc_reports")
    assert shared(cluster) == before
