"""The White Cross database on a test server, as in life: its roles, its properties, its data."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import content as contents
from cluster import SUPERUSER, quote
from program import REPOSITORY

MIGRATIONS = Path(os.environ.get("DRYDOCK_TEST_MIGRATIONS", REPOSITORY / "migrations"))
DATA = REPOSITORY / "tests" / "data"
OWNER = "wc_owner"

# The owner may make databases and end sessions, and is no superuser. wc_reports owns things that the owner does not.
ROLES = """
CREATE ROLE wc_owner LOGIN CREATEDB;
GRANT pg_signal_backend TO wc_owner;
CREATE ROLE wc_app LOGIN;
CREATE ROLE wc_reports LOGIN;
CREATE ROLE wc_monitor LOGIN SUPERUSER;
CREATE ROLE wc_outsider LOGIN;
"""

# What the owner has besides the White Cross tables: things of another role, a sequence, a large object.
NEIGHBOURS = """
CREATE SCHEMA reports AUTHORIZATION wc_reports;
SET ROLE wc_reports;
CREATE TABLE reports.runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title text NOT NULL,
    made_at timestamptz NOT NULL);
INSERT INTO reports.runs (title, made_at)
SELECT 'Übersicht ' || n, timestamptz '2025-01-01 06:00+00' + n * interval '1 day' FROM generate_series(1, 25) n;
GRANT USAGE ON SCHEMA reports TO wc_owner;
GRANT SELECT ON ALL TABLES IN SCHEMA reports TO wc_owner;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA reports TO wc_owner;
RESET ROLE;
SET ROLE wc_owner;
SELECT lo_from_bytea(900001, decode(repeat('00ff5a', 4000), 'hex'));
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO wc_app;
RESET ROLE;
"""

# Only what an owner can carry over to another database by itself. %s is the quoted name.
PROPERTIES = """
REVOKE CONNECT ON DATABASE %s FROM PUBLIC;
GRANT CONNECT ON DATABASE %s TO wc_app, wc_reports;
ALTER DATABASE %s CONNECTION LIMIT 50;
COMMENT ON DATABASE %s IS 'White Cross: the children''s health records – "do not touch"';
ALTER DATABASE %s SET work_mem = '16MB';
ALTER DATABASE %s SET search_path = public, reports;
ALTER DATABASE %s SET application_name = 'White Cross, "main", it''s ours'
"""

# Two settings that need a superuser.
SUPERUSER_PROPERTIES = """
ALTER DATABASE %s SET white_cross.note = 'a, "b", c';
ALTER ROLE wc_app IN DATABASE %s SET statement_timeout = '45s'
"""


def create_roles(cluster):
    cluster.query(ROLES)


# -- migrations ---------------------------------------------------------------------------------


def migration_files(kind="up"):
    """{id: path} in the order they run."""
    found = {path.name[:14]: path for path in MIGRATIONS.glob(f"*.{kind}.sql")}
    return dict(sorted(found.items()))


def migration_ids():
    return list(migration_files())


def execute_migration(connection, path):
    """Executes a migration file by SQL alone, a transaction for each of its segments."""
    text = Path(path).read_text(encoding="utf-8")
    assert not re.search(r"^-- drydock: transaction off", text, re.M), f"{path} is not transactional"
    with connection.cursor() as cursor:
        cursor.execute("SET search_path = public; SET TimeZone = 'UTC'")
        for segment in re.split(r"^-- drydock: commit\s*$", text, flags=re.M):
            cursor.execute("BEGIN")
            try:
                cursor.execute(segment)
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")


def load_data(connection, students, without_labels=()):
    """Fills every table that there is with made-up rows. without_labels: '"Type".LABEL' not to be used."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('drydock.students', %s, false)", (str(students),))
        cursor.execute("SELECT set_config('drydock.without_labels', %s, false)", (", ".join(without_labels),))
        cursor.execute((DATA / "white_cross.sql").read_text(encoding="utf-8"))


# -- databases ----------------------------------------------------------------------------------


@dataclass
class Database:
    """A database on a cluster, by name: what is behind the name may change during a test."""
    cluster: object
    name: str

    def __str__(self):
        return self.name

    def dsn(self, user=OWNER):
        return self.cluster.dsn(self.name, user)

    def session(self, user=SUPERUSER):
        return self.cluster.session(self.name, user)

    def query(self, sql, arguments=None, user=SUPERUSER):
        return self.cluster.query(sql, arguments, self.name, user)

    def value(self, sql, arguments=None, user=SUPERUSER):
        return self.cluster.value(sql, arguments, self.name, user)

    def content(self, without=()):
        return contents.content(self.cluster, self.name, without)

    def schema(self, without=()):
        return contents.schema(self.cluster, self.name, without)

    def properties(self):
        return contents.properties(self.cluster, self.name)

    def state(self, without=()):
        return contents.state_of(self.cluster, self.name, without)

    def row_version(self):
        return contents.row_version(self.cluster, self.name)

    def catalog(self):
        """The catalog as tests/data/catalog.sql tells it."""
        found = self.value("SET search_path = public;\n" + (DATA / "catalog.sql").read_text(encoding="utf-8"))
        return json.loads(found) if isinstance(found, str) else found


class Bed:
    """Makes White Cross databases on a cluster, each a copy of a template that is made once for its arguments."""

    def __init__(self, cluster, drydock):
        self.cluster = cluster
        self.drydock = drydock
        self.made = []

    def empty(self, name):
        """An empty database of the owner."""
        self.cluster.create_database(name, OWNER)
        self.made.append(name)
        return Database(self.cluster, name)

    def white_cross(self, name="white_cross", applied=5, students=300, superuser_settings=False):
        """A White Cross database with that many migrations applied and that many students (None: no data at all)."""
        template = self._template(applied, students)
        self.cluster.create_database(name, OWNER, template)
        self.made.append(name)
        statements = PROPERTIES + (";" + SUPERUSER_PROPERTIES if superuser_settings else "")
        for statement in statements.replace("%s", quote(name)).split(";\n"):
            self.cluster.query(statement)
        return Database(self.cluster, name)

    def _template(self, applied, students):
        template = f"{contents.BED_PREFIX}template_{applied}_{students if students is not None else 'empty'}"
        if self.cluster.value("SELECT 1 FROM pg_database WHERE datname = %s", (template,)):
            return template
        building = f"{contents.BED_PREFIX}building"
        self.cluster.query(f"DROP DATABASE IF EXISTS {building}")
        self.cluster.create_database(building, OWNER)
        self.apply(Database(self.cluster, building), applied)
        with self.cluster.session(building, OWNER) as connection:
            if students is not None:
                load_data(connection, students)
        self.cluster.query(NEIGHBOURS, database=building)
        self.cluster.query("ANALYZE", database=building)
        self.cluster.query(f"ALTER DATABASE {building} RENAME TO {quote(template)}")
        self.cluster.query(f"ALTER DATABASE {quote(template)} ALLOW_CONNECTIONS false")
        return template

    def apply(self, database, count):
        """Applies the first migrations, by drydock where it can, else by SQL alone."""
        ids = migration_ids()[:count]
        if not ids:
            return
        if self.drydock.can("migrate"):
            done = self.drydock("migrate", "--migrations", str(MIGRATIONS), "--to", ids[-1], dsn=database.dsn())
            assert done.code == 0, done.stderr
            return
        with database.session(OWNER) as connection:
            for migration in ids:
                execute_migration(connection, migration_files()[migration])

    def clear(self):
        """Drops everything that tests have made, whatever it is called now."""
        keep = {"postgres", "template0", "template1"}
        for name in contents.databases(self.cluster):
            if name not in keep:
                # Not without need: PostgreSQL 15 ends the session that alters a half-dropped database.
                if contents.properties(self.cluster, name)["template"]:
                    self.cluster.query(f"ALTER DATABASE {quote(name)} IS_TEMPLATE false")
                self.cluster.query(f"DROP DATABASE {quote(name)} WITH (FORCE)")
        self.made = []
