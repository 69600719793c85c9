"""What is in a database and around it, as plain values that can be compared: before == after.

Made by SQL and Python alone, so that it is independent of the program under test.
"""

import contextlib
import hashlib
import re
import subprocess

from cluster import SUPERUSER, clean_environment, program, quote

# Databases that the test bed itself keeps are no part of any comparison.
BED_PREFIX = "bed_"

TABLES = """
SELECT n.nspname, c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY 1, 2"""

SEQUENCES = """
SELECT n.nspname, c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND c.relpersistence <> 't' ORDER BY 1, 2"""

# A closed ACL and a NULL one that means the same are the same.
PROPERTIES = """
SELECT pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding), d.datcollate, d.datctype,
       d.datlocprovider, d.daticulocale, d.datcollversion, d.datistemplate, d.datallowconn, d.datconnlimit,
       (SELECT spcname FROM pg_tablespace t WHERE t.oid = d.dattablespace),
       (SELECT array_agg(format('%%s=%%s by %%s grantable %%s', coalesce(g.rolname, 'PUBLIC'),
                                a.privilege_type, pg_get_userbyid(a.grantor), a.is_grantable)
                         ORDER BY g.rolname, a.privilege_type, a.grantor)
        FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
             LEFT JOIN pg_roles g ON g.oid = a.grantee),
       (SELECT array_agg(format('%%s: %%s', coalesce(r.rolname, '(all)'), s.setting)
                         ORDER BY r.rolname, s.setting)
        FROM pg_db_role_setting c LEFT JOIN pg_roles r ON r.oid = c.setrole,
             unnest(c.setconfig) AS s (setting)
        WHERE c.setdatabase = d.oid),
       shobj_description(d.oid, 'pg_database'),
       (SELECT array_agg(format('%%s: %%s', provider, label) ORDER BY provider)
        FROM pg_shseclabel l WHERE l.classoid = 'pg_database'::regclass AND l.objoid = d.oid)
FROM pg_database d WHERE d.datname = %s"""

PROPERTY_NAMES = ("owner", "encoding", "collate", "ctype", "provider", "icu_locale", "collation_version", "template",
                  "open", "connection_limit", "tablespace", "acl", "settings", "comment", "labels")

ROLES = """
SELECT r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication,
       r.rolbypassrls, r.rolconnlimit, md5(r.rolpassword), r.rolvaliduntil::text,
       (SELECT array_agg(x ORDER BY x) FROM pg_db_role_setting c, unnest(c.setconfig) x
        WHERE c.setrole = r.oid AND c.setdatabase = 0),
       shobj_description(r.oid, 'pg_authid')
FROM pg_authid r ORDER BY 1"""

MEMBERSHIPS = """
SELECT pg_get_userbyid(roleid), pg_get_userbyid(member), pg_get_userbyid(grantor), admin_option
FROM pg_auth_members ORDER BY 1, 2, 3"""


class _Rows:
    """A file for COPY ... TO STDOUT: counts lines and adds their hashes, so that row order does not matter."""

    def __init__(self):
        self.rows = 0
        self.sum = 0
        self.rest = b""

    def write(self, data):
        lines = (self.rest + data).split(b"\n")
        self.rest = lines.pop()
        for line in lines:
            self.rows += 1
            self.sum += int.from_bytes(hashlib.blake2b(line, digest_size=16).digest(), "little")
        return len(data)

    def result(self):
        assert not self.rest, "COPY ended within a line"
        return self.rows, f"{self.sum % (1 << 128):032x}"


def table_digest(cursor, schema, table, columns=None):
    """(rows, digest) of a table over the columns named, all if none are; independent of row order."""
    rows = _Rows()
    chosen = ", ".join(map(quote, columns)) if columns else "*"
    cursor.copy_expert(f"COPY (SELECT {chosen} FROM {quote(schema)}.{quote(table)}) TO STDOUT", rows)
    return rows.result()


def _columns(cursor, schema, table):
    cursor.execute("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
                   " AND NOT attisdropped ORDER BY attnum", (f"{quote(schema)}.{quote(table)}",))
    return [name for name, in cursor.fetchall()]


def _large_objects(cursor):
    cursor.execute("SELECT oid, pg_get_userbyid(lomowner), lomacl::text FROM pg_largeobject_metadata")
    found = cursor.fetchall()
    result = {}
    for oid, owner, acl in found:
        cursor.execute("SELECT lo_get(%s)", (oid,))
        result[oid] = (owner, acl, hashlib.sha256(cursor.fetchone()[0]).hexdigest())
    return result


def content(cluster, database, without=()):
    """Every table's columns, row count and digest, sequences and large objects. without: schemas to leave out."""
    connection = cluster.connect(database, autocommit=False)
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL search_path = pg_catalog; SET LOCAL TimeZone = 'UTC';"
                       " SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'postgres';"
                       " SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'")
        cursor.execute(TABLES)
        tables = {}
        for schema, table in cursor.fetchall():
            if schema not in without:
                tables[f"{schema}.{table}"] = (_columns(cursor, schema, table),
                                               *table_digest(cursor, schema, table))
        cursor.execute(SEQUENCES)
        sequences = {}
        for schema, name in cursor.fetchall():
            if schema not in without:
                cursor.execute(f"SELECT last_value, is_called FROM {quote(schema)}.{quote(name)}")
                sequences[f"{schema}.{name}"] = cursor.fetchone()
        return {"tables": tables, "sequences": sequences, "large_objects": _large_objects(cursor)}


def schema(cluster, database, without=()):
    """pg_dump's text of the schema, without what differs from one dump to the next."""
    command = [program("pg_dump"), "--schema-only", "--dbname", cluster.dsn(database, SUPERUSER)]
    command += [f"--exclude-schema={name}" for name in without]
    done = subprocess.run(command, env=clean_environment(), text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = (line for line in done.stdout.splitlines() if not re.match(r"--|\\(un)?restrict|\s*$", line))
    return "\n".join(lines)


def properties(cluster, database):
    """What pg_database and its neighbours say of a database, by name; None if there is none of that name."""
    rows = cluster.query(PROPERTIES, (database,))
    return dict(zip(PROPERTY_NAMES, rows[0])) if rows else None


def row_version(cluster, database):
    """The version of a database's row in pg_database: unchanged as long as nobody altered it."""
    rows = cluster.query("SELECT oid::text, xmin::text, ctid::text FROM pg_database WHERE datname = %s", (database,))
    return rows[0] if rows else None


def databases(cluster):
    """The names of all databases but the test bed's own."""
    rows = cluster.query("SELECT datname FROM pg_database ORDER BY 1")
    return [name for name, in rows if not name.startswith(BED_PREFIX)]


def shared(cluster):
    """What databases share: roles, memberships, tablespaces, and which databases there are."""
    return {"roles": cluster.query(ROLES), "memberships": cluster.query(MEMBERSHIPS),
            "tablespaces": cluster.query("SELECT spcname, pg_get_userbyid(spcowner), spcacl::text"
                                         " FROM pg_tablespace ORDER BY 1"),
            "databases": databases(cluster)}


def state_of(cluster, database, without=()):
    """All of the above, for a comparison of before and after."""
    return {"content": content(cluster, database, without), "schema": schema(cluster, database, without),
            "properties": properties(cluster, database), "shared": shared(cluster)}
