"""The rollback suite: every White Cross migration applies, is right, is undone without a trace, applies again, and
runs twice.

With data in the tables. Where drydock can, drydock applies and undoes; "twice" executes the file's SQL again.
tests/data/white_cross.json is what the design asks for; tests/data/catalog/<id>.json is the whole catalog after each.
"""

import json
import re

import psycopg2
import pytest

import bed as beds

IDS = beds.migration_ids()
FACTS = json.loads((beds.DATA / "white_cross.json").read_text(encoding="utf-8"))
STUDENTS = 120


each = pytest.mark.parametrize("migration", IDS)


# -- how migrations are run -----------------------------------------------------------------------


class BySql:
    """Executes the files. Obeys any order, and runs things twice."""

    def up(self, database, migration):
        self._execute(database, migration, "up")

    def down(self, database, migration):
        self._execute(database, migration, "down")

    @staticmethod
    def _execute(database, migration, kind):
        with database.session(beds.OWNER) as connection:
            beds.execute_migration(connection, beds.migration_files(kind)[migration])


class ByDrydock:
    """Asks drydock, which obeys its history."""

    def __init__(self, drydock):
        self.drydock = drydock

    def up(self, database, migration):
        self._ask(database, "migrate", "--to", migration)

    def down(self, database, migration):
        self._ask(database, "undo", "--to", migration, "--yes")

    def _ask(self, database, *arguments):
        done = self.drydock(*arguments, "--migrations", str(beds.MIGRATIONS), dsn=database.dsn())
        assert done.code == 0, str(done)


@pytest.fixture
def runner(bed):
    if bed.drydock.can("migrate") and bed.drydock.can("undo"):
        return ByDrydock(bed.drydock)
    return BySql()


@pytest.fixture
def database(bed):
    return bed.empty("white_cross")


# An undo refuses while there are rows with labels that it must remove.
ADDED_LABELS = [f'"{name}".{label}' for facts in FACTS.values() for name, added in facts["enums"].items()
                for label in added if name in ("ConfigCategory", "IncidentType")
                and not (set(added) & {"GENERAL", "INJURY"})]


def fill(database):
    with database.session(beds.OWNER) as connection:
        beds.load_data(connection, STUDENTS, ADDED_LABELS)


def prepared(runner, database, migration):
    """Everything before a migration is applied and filled."""
    for earlier in IDS[:IDS.index(migration)]:
        runner.up(database, earlier)
    fill(database)
    return database


def expected(migration):
    return json.loads((beds.DATA / "catalog" / f"{migration}.json").read_text(encoding="utf-8"))


def rows(database):
    """The content, without drydock's own."""
    return database.content(without=("drydock",))


# -- what is checked ------------------------------------------------------------------------------


def columns(database):
    found = {}
    for table, column in database.query(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"):
        found.setdefault(table, set()).add(column)
    return found


def labels(database):
    return {name: set(found) for name, found in database.query(
        "SELECT typname, array_agg(enumlabel::text) FROM pg_enum JOIN pg_type t ON t.oid = enumtypid GROUP BY 1")}


def foreign_keys(database):
    return {row[0] for row in database.query(
        "SELECT format('%s.%s -> %s', r.relname, a.attname, f.relname)"
        " FROM pg_constraint c JOIN pg_class r ON r.oid = conrelid JOIN pg_class f ON f.oid = confrelid"
        " JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = ANY (conkey)"
        " WHERE contype = 'f' AND convalidated")}


FOREIGN_KEYS_WITHOUT_INDEX = """
SELECT conrelid::regclass::text, conname FROM pg_constraint c
WHERE contype = 'f' AND NOT EXISTS (
    SELECT FROM pg_index i
    WHERE i.indrelid = c.conrelid AND i.indisvalid
      AND (i.indkey::smallint[])[0:cardinality(c.conkey) - 1] @> c.conkey
      AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) ~ 'IS NOT NULL'))"""

DUPLICATE_INDEXES = """
SELECT a.indexrelid::regclass::text, b.indexrelid::regclass::text
FROM pg_index a JOIN pg_index b ON a.indrelid = b.indrelid AND a.indexrelid > b.indexrelid
     JOIN pg_class x ON x.oid = a.indexrelid JOIN pg_class y ON y.oid = b.indexrelid
WHERE x.relam = y.relam AND a.indkey::text = b.indkey::text AND a.indclass::text = b.indclass::text
  AND coalesce(pg_get_expr(a.indpred, a.indrelid), '') = coalesce(pg_get_expr(b.indpred, b.indrelid), '')
  AND coalesce(pg_get_expr(a.indexprs, a.indrelid), '') = coalesce(pg_get_expr(b.indexprs, b.indrelid), '')
  AND a.indrelid >= 16384"""

UNFIT = """
SELECT conname::text FROM pg_constraint WHERE NOT convalidated
UNION ALL SELECT indexrelid::regclass::text FROM pg_index WHERE NOT (indisvalid AND indisready AND indislive)"""

LEFT_BEHIND = """
WITH ours (oid) AS (SELECT oid FROM pg_namespace WHERE nspname = 'drydock')
SELECT 'relation', relname::text FROM pg_class
WHERE oid >= 16384 AND relnamespace NOT IN (SELECT oid FROM ours) AND relnamespace <> 'pg_toast'::regnamespace
UNION ALL SELECT 'type', typname FROM pg_type WHERE oid >= 16384 AND typnamespace NOT IN (SELECT oid FROM ours)
UNION ALL SELECT 'function', proname FROM pg_proc WHERE oid >= 16384 AND pronamespace NOT IN (SELECT oid FROM ours)
UNION ALL SELECT 'schema', nspname FROM pg_namespace
          WHERE oid >= 16384 AND nspname !~ '^pg_(toast_)?temp' AND nspname <> 'drydock'
UNION ALL SELECT 'extension', extname FROM pg_extension WHERE oid >= 16384
UNION ALL SELECT 'event trigger', evtname FROM pg_event_trigger"""


def check_design(database, migration):
    """Tables, columns, labels and foreign keys that the design asks of a migration are there."""
    facts = FACTS[migration]
    there = columns(database)
    for table, wanted in {**facts["tables"], **facts["added"]}.items():
        assert table in there, f"{table} is missing"
        assert set(wanted) <= there[table], f"{table} lacks {set(wanted) - there[table]}"
    for name, wanted in facts["enums"].items():
        assert set(wanted) <= labels(database).get(name, set()), f"{name} lacks labels"
    assert set(facts["foreign_keys"]) <= foreign_keys(database)


def check_health(database):
    assert database.query(FOREIGN_KEYS_WITHOUT_INDEX) == []
    assert database.query(DUPLICATE_INDEXES) == []
    assert database.query(UNFIT) == []


# -- one migration at a time ----------------------------------------------------------------------


@each
def test_creates_what_the_design_asks(runner, database, migration):
    prepared(runner, database, migration)
    runner.up(database, migration)
    check_design(database, migration)
    check_health(database)
    assert database.catalog() == expected(migration)


@each
def test_keeps_the_data(runner, database, migration):
    """What the earlier columns hold is the same after the migration."""
    before = rows(prepared(runner, database, migration))
    runner.up(database, migration)
    after = rows(database)
    with database.session() as connection, connection.cursor() as cursor:
        for name, (old_columns, count, digest) in before["tables"].items():
            kept = beds.contents.table_digest(cursor, *name.split(".", 1), old_columns)
            assert kept == (count, digest), f"{name} has changed"
    assert before["large_objects"] == after["large_objects"]


@each
@pytest.mark.sanitized
def test_is_undone_without_a_trace(runner, database, migration):
    prepared(runner, database, migration)
    catalog, content = database.catalog(), rows(database)
    runner.up(database, migration)
    assert database.catalog() != catalog, "the migration does nothing"
    runner.down(database, migration)
    assert database.catalog() == catalog
    assert rows(database) == content
    runner.up(database, migration)
    assert database.catalog() == expected(migration)


@each
def test_up_twice_changes_nothing(runner, database, migration):
    prepared(runner, database, migration)
    runner.up(database, migration)
    fill(database)
    content = rows(database)
    BySql().up(database, migration)
    assert database.catalog() == expected(migration)
    assert rows(database) == content


@each
def test_down_twice_changes_nothing(runner, database, migration):
    prepared(runner, database, migration)
    catalog = database.catalog()
    runner.up(database, migration)
    runner.down(database, migration)
    BySql().down(database, migration)
    assert database.catalog() == catalog


@pytest.mark.parametrize("migration, row", [
    ("20251009013303", "UPDATE system_configurations SET category = 'HEALTHCARE'"
                       " WHERE key = (SELECT min(key) FROM system_configurations)"),
    ("20251103204744", "UPDATE incident_reports SET type = 'SAFETY'"
                       " WHERE id::text = (SELECT min(id::text) FROM incident_reports)"),
])
def test_undo_refuses_to_lose_a_label(database, migration, row):
    """A row with a label that the undo would have to remove stops it, before anything is lost."""
    prepared(BySql(), database, migration)
    BySql().up(database, migration)
    database.query(row)
    catalog, content = database.catalog(), rows(database)
    with pytest.raises(psycopg2.errors.RaiseException):
        BySql().down(database, migration)
    assert database.catalog() == catalog
    assert rows(database) == content


# -- all of them ----------------------------------------------------------------------------------


@pytest.mark.sanitized
def test_all_in_order_and_back(runner, database):
    nothing = database.catalog()
    catalogs = [nothing]
    for migration in IDS:
        runner.up(database, migration)
        fill(database)
        assert database.catalog() == expected(migration)
        catalogs.append(database.catalog())
    for migration in reversed(IDS):
        runner.down(database, migration)
        catalogs.pop()
        assert database.catalog() == catalogs[-1], f"undoing {migration} left another catalog"
    assert database.catalog() == nothing


def test_down_leaves_nothing(runner, database):
    for migration in IDS:
        runner.up(database, migration)
    for migration in reversed(IDS):
        runner.down(database, migration)
    left = [row for row in database.query(LEFT_BEHIND) if row[1] != "SequelizeMeta"]
    assert left == []


def test_all_eight_are_there():
    assert list(FACTS) == IDS
    assert set(beds.migration_files("down")) == set(IDS)


def test_requires_are_those_of_the_design():
    assert requires() == {migration: set(FACTS[migration]["requires"]) for migration in IDS}


# -- orders ---------------------------------------------------------------------------------------


def requires():
    """{id: ids that must be applied before}, from the files' directives."""
    found = {}
    for migration, path in beds.migration_files().items():
        text = path.read_text(encoding="utf-8")
        named = re.findall(r"^-- drydock: requires (.+)$", text, re.M)
        found[migration] = set(re.findall(r"\d{14}", " ".join(named)))
    return found


def order_with(first, second, graph):
    """An order that the graph allows in which first comes before second; None if it allows none."""
    graph = {migration: set(needs) for migration, needs in graph.items()}
    graph[second].add(first)
    order = []
    while len(order) < len(graph):
        ready = [m for m in graph if m not in order and graph[m] <= set(order)]
        if not ready:
            return None
        order.append(ready[-1] if len(order) % 2 else ready[0])
    return order


def orders():
    """Orders that together have every pair both ways round where the graph allows it."""
    if not IDS:
        return []
    graph = requires()
    found = {tuple(order) for first in IDS for second in IDS if first != second
             if (order := order_with(first, second, graph))}
    return sorted(found)


def order_name(order):
    return "-".join(str(IDS.index(migration) + 1) for migration in order) if isinstance(order, tuple) else None


@pytest.mark.parametrize("order", orders(), ids=order_name)
def test_any_order_gives_the_same(database, order):
    """And each is undone in its own reverse."""
    runner = BySql()
    for migration in order:
        runner.up(database, migration)
    assert database.catalog() == expected(IDS[-1])
    fill(database)
    for migration in reversed(order):
        runner.down(database, migration)
    assert database.query(LEFT_BEHIND) == []
