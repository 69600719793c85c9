"""The database of tests/data/kinds.sql: made, compared, restored by PostgreSQL's own tools, and dropped again.

Everything here is SQL, Python and stock tools, so that it is independent of the program under test.
"""

import contextlib
import hashlib
import io
import os
import re
import subprocess
from pathlib import Path

import psycopg2

from cluster import SUPERUSER, clean_environment, program, quote
from program import REPOSITORY

DATA = REPOSITORY / "tests" / "data" / "kinds.sql"
ODD_ROLE = 'kinds "odd" rôle, 100%'
ODD_SCHEMA = 'odd "names";\n-- schema %s é'
TABLESPACE = "kinds_space"

# The settings of the database change what pg_dump and COPY write.
PINNED = {"standard_conforming_strings": "on", "quote_all_identifiers": "off", "TimeZone": "UTC", "DateStyle": "ISO",
          "IntervalStyle": "postgres", "extra_float_digits": "3", "bytea_output": "hex", "xmloption": "content",
          "statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0",
          "search_path": "pg_catalog", "default_transaction_isolation": "read\\ committed"}
PGOPTIONS = " ".join(f"-c {name}={value}" for name, value in PINNED.items())

# The rows of a partition are those of its root where a hash of an OID decides on the partition.
TABLES = """
SELECT n.nspname, c.relname,
       coalesce((SELECT r.oid::regclass::text FROM pg_partition_ancestors(c.oid) a JOIN pg_partitioned_table p ON p.partrelid = a.relid
                 JOIN pg_class r ON r.oid = a.relid WHERE p.partstrat = 'h' LIMIT 1), c.oid::regclass::text),
       c.relispopulated,
       (SELECT array_agg(attname ORDER BY attname) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY 1, 2"""

SEQUENCES = """
SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind = 'S' AND c.relpersistence <> 't' ORDER BY 1"""

LARGE_OBJECTS = """
SELECT oid, pg_get_userbyid(lomowner), (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(lomacl) a),
       obj_description(oid, 'pg_largeobject'), md5(lo_get(oid)), length(lo_get(oid))
FROM pg_largeobject_metadata ORDER BY oid"""

EXTENSION_CONTROL = "comment = 'tables that are configuration'\ndefault_version = '1.0'\nrelocatable = false\n"
EXTENSION_SCRIPT = r"""
\echo Use CREATE EXTENSION to load this file. \quit
CREATE TABLE @extschema@.kinds_settings (name text PRIMARY KEY, setting text);
CREATE TABLE @extschema@.kinds_rows (id integer, who text, ours boolean);
CREATE TABLE @extschema@.kinds_internal (id integer);
CREATE SEQUENCE @extschema@.kinds_numbers;
INSERT INTO @extschema@.kinds_rows SELECT n, 'extension', true FROM generate_series(1, 50) n;
INSERT INTO @extschema@.kinds_internal VALUES (1), (2);
SELECT pg_catalog.pg_extension_config_dump('@extschema@.kinds_settings', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.kinds_rows', 'WHERE NOT ours');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.kinds_numbers', '');
"""


@contextlib.contextmanager
def extension():
    """Yields the name of an extension with configuration tables, which is there while the with lasts; None if we may not write
    where extensions are. The name is one of this process, since all servers share that folder."""
    folder = Path(subprocess.run([program("pg_config"), "--sharedir"], text=True, capture_output=True,
                                 check=True).stdout.strip()) / "extension"
    if not os.access(folder, os.W_OK):
        yield None
        return
    name = f"drydock_kinds_{os.getpid()}"
    files = {folder / f"{name}.control": EXTENSION_CONTROL, folder / f"{name}--1.0.sql": EXTENSION_SCRIPT}
    try:
        for path, text in files.items():
            path.write_text(text, encoding="ascii")
        yield name
    finally:
        for path in files:
            path.unlink(missing_ok=True)


def create_outside(cluster):
    """What the database needs outside of it: roles and a tablespace."""
    for role in ("kinds_owner", "kinds_reader", "kinds_writer", ODD_ROLE):
        if not cluster.value("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)):
            cluster.query(f"CREATE ROLE {quote(role)}")
    if int(cluster.value("SHOW server_version_num")) >= 150000 and \
            not cluster.value("SELECT 1 FROM pg_tablespace WHERE spcname = %s", (TABLESPACE,)):
        with cluster.session() as connection, connection.cursor() as cursor:
            cursor.execute("SET allow_in_place_tablespaces = on")
            cursor.execute(f"CREATE TABLESPACE {TABLESPACE} LOCATION ''")


def make(cluster, name, extension_name=None):
    """Makes the database with every kind of object."""
    create_outside(cluster)
    cluster.query(f"CREATE DATABASE {quote(name)} TEMPLATE template0")
    cluster.query(f"SET drydock.kinds_extension = '{extension_name or ''}';\n" + DATA.read_text(encoding="utf-8"), database=name)


def drop(cluster, name):
    """Drops a database that may have a subscription."""
    if not cluster.value("SELECT 1 FROM pg_database WHERE datname = %s", (name,)):
        return
    cluster.query(f"ALTER DATABASE {quote(name)} ALLOW_CONNECTIONS true")
    for subscription, in cluster.query("SELECT subname FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid"
                                       " WHERE datname = %s", (name,)):
        cluster.query(f"DROP SUBSCRIPTION {quote(subscription)}", database=name)
    cluster.query(f"DROP DATABASE {quote(name)} WITH (FORCE)")


# -- comparing ----------------------------------------------------------------------------------


def schema(cluster, name):
    """pg_dump -s, byte by byte, but for the key that is another one each time."""
    done = subprocess.run([program("pg_dump"), "-s", "-d", cluster.dsn(name, SUPERUSER)], capture_output=True, check=False,
                          env={**clean_environment(), "PGOPTIONS": PGOPTIONS, "PGCLIENTENCODING": "UTF8"})
    assert done.returncode == 0, done.stderr
    return re.sub(rb"^\\(un)?restrict .*$", rb"\\restrict", done.stdout, flags=re.M)


def rows(cluster, name):
    """{table: (columns, rows, sum of hashes)}, independent of the order of rows and columns."""
    connection = psycopg2.connect(cluster.dsn(name, SUPERUSER), options=PGOPTIONS, client_encoding="UTF8")
    found = {}
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(TABLES)
        for nspname, relname, label, populated, columns in cursor.fetchall():
            if not populated:
                found[label] = "not populated"
                continue
            copied = io.BytesIO()
            cursor.copy_expert(f"COPY (SELECT {', '.join(map(quote, columns or []))} FROM ONLY {quote(nspname)}.{quote(relname)})"
                               " TO STDOUT", copied)
            lines = copied.getvalue().split(b"\n")[:-1]
            hashes = sum(int.from_bytes(hashlib.blake2b(line, digest_size=16).digest(), "little") for line in lines)
            before = found.get(label, (columns, 0, 0))
            found[label] = (columns, before[1] + len(lines), (before[2] + hashes) % (1 << 128))
        cursor.execute(SEQUENCES)
        for sequence, in cursor.fetchall():
            cursor.execute(f"SELECT last_value, is_called FROM {sequence}")
            found[f"sequence {sequence}"] = cursor.fetchone()
        cursor.execute(LARGE_OBJECTS)
        found["large objects"] = cursor.fetchall()
    return found


def differences(a, b):
    """The names of what is not the same in two results of rows()."""
    return sorted(key for key in a.keys() | b.keys() if a.get(key) != b.get(key))
