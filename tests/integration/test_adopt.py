"""Taking over a database that sequelize-cli has migrated, or a live schema: what is reported, recorded, refused, repaired.

tests/data/sequelize_production.sql is such a database; the real sequelize-cli is asked in test_adopt_sequelize_cli.py.
"""

import json
import re
import shutil

import pytest

import bed as beds
from content import databases

IDS = beds.migration_ids()
NAMES = [path.name[:-len(".up.sql")] for path in beds.migration_files().values()]
LAST = f"{IDS[-1]}.json"
PRODUCTION = (beds.DATA / "sequelize_production.sql").read_text(encoding="utf-8")
PARTS = re.split(r"^(?=-- migration )", PRODUCTION, flags=re.M)


@pytest.fixture
def migrations(tmp_path):
    """A folder of its own with the eight migrations."""
    return shutil.copytree(beds.MIGRATIONS, tmp_path / "migrations")


@pytest.fixture
def production(bed):
    """production(applied=5) makes a database as sequelize-cli left it."""
    def make(applied=5, rows=True):
        database = bed.empty("white_cross")
        with database.session(beds.OWNER) as connection, connection.cursor() as cursor:
            for part in PARTS[:applied + 1]:
                cursor.execute(part)
            if rows:
                cursor.execute(ROWS)
        return database
    return make


# One row for each table with something that the repair has to convert.
ROWS = """
INSERT INTO districts (name, code) VALUES ('North', 'N');
INSERT INTO schools (name, code, "districtId") SELECT 'First', 'F', id FROM districts;
INSERT INTO users (email, password, "firstName", "lastName", role) VALUES ('a@example.org', 'x', 'A', 'B', 'ADMIN');
INSERT INTO students ("studentNumber", "firstName", "lastName", "dateOfBirth", grade, gender)
VALUES ('1', 'C', 'D', '2015-05-05', '4', 'PREFER_NOT_TO_SAY');
INSERT INTO allergies ("studentId", allergen, severity) SELECT id, 'nuts', 'LIFE_THREATENING' FROM students;
INSERT INTO health_records ("studentId", "recordType", title, description, "recordDate", attachments)
SELECT id, 'LAB_RESULT', 'e', 'f', '2025-01-01', '[{"b": 1,   "a": 2}]' FROM students;
INSERT INTO chronic_conditions ("studentId", "conditionName", "diagnosedDate", status)
SELECT id, 'asthma', '2024-01-01', 'INACTIVE' FROM students;
INSERT INTO incident_reports ("studentId", "reportedById", type, severity, "occurredAt", description)
SELECT s.id, u.id, 'MEDICATION_ERROR', 'HIGH', '2025-02-02', 'g' FROM students s, users u;
"""


def adopt(drydock, database, migrations, *arguments, user=beds.OWNER, env=None):
    return drydock("adopt", *arguments, "--migrations", migrations, dsn=database.dsn(user), env=env)


def sequelize(drydock, database, migrations, *arguments, **options):
    return adopt(drydock, database, migrations, "sequelize", *arguments, **options)


def command(drydock, name, database, migrations, *arguments):
    return drydock(name, *arguments, "--migrations", migrations, dsn=database.dsn())


def meta(database, table='"SequelizeMeta"'):
    return [name for name, in database.query(f"SELECT name FROM {table} ORDER BY name")]


def history(database):
    return [row[0] for row in database.query("SELECT id FROM drydock.migrations ORDER BY id")]


def expected_catalog(name=LAST):
    return json.loads((beds.DATA / "catalog" / name).read_text(encoding="utf-8"))


def untouched(database, before):
    assert database.state() == before
    assert database.value("SELECT to_regnamespace('drydock')") is None
    assert [name for name in databases(database.cluster) if "scratch" in name] == []


# -- the report -----------------------------------------------------------------------------------


@pytest.mark.sanitized
def test_report_changes_nothing(drydock, production, migrations):
    database = production()
    before = database.state()
    done = sequelize(drydock, database, migrations, "--json")
    assert done.code == 0, str(done)
    report = done.json()
    assert [row["id"] for row in report["rows"]] == IDS[:5]
    assert {row["by"] for row in report["rows"]} == {"name"}
    assert [entry["id"] for entry in report["to_record"]] == IDS[:5]
    assert report["written"] is False and report["gaps"] == []
    found = {(d["table"], d["kind"], d["name"]): d for d in report["differences"]}
    role = found["users", "column", "role"]
    assert role["facts"]["type"] == {"live": "public.enum_users_role", "expected": 'public."UserRole"'}
    assert role["remedy"] == "repaired"
    assert found["", "type", "enum_users_role"]["what"] == "extra"
    assert found["districts", "index", "districts_code_unique"]["what"] == "extra"
    assert found["appointments", "constraint", "appointments_nurseId_fkey"]["what"] == "differs"
    assert {d["remedy"] for d in report["differences"]} == {"repaired"}
    assert not any(d["table"] == "SequelizeMeta" for d in report["differences"])
    untouched(database, before)


def test_text_is_grouped_by_table(drydock, production, migrations):
    done = sequelize(drydock, production(), migrations)
    assert done.stdout.count("  table public.users\n") == 1
    assert "    column role: type public.enum_users_role, expected public.\"UserRole\"" in done.stdout
    assert done.last_line == "5 migrations would be recorded as applied in 'white_cross'; --yes does it (exit 0)"


def test_what_the_migrations_do_not_know_is_told_and_left(drydock, production, migrations):
    database = production()
    database.query('CREATE TABLE documents (id int PRIMARY KEY); CREATE INDEX mine ON users (phone);'
                   ' ALTER TABLE users ADD COLUMN nickname text', user=beds.OWNER)
    done = sequelize(drydock, database, migrations, "--json", "--repair", "mend")
    found = {(d["table"], d["kind"], d["name"]): d["remedy"] for d in done.json()["differences"]}
    assert found["documents", "table", "documents"] == "none"
    assert not [key for key in found if key[0] == "documents" and key[1] != "table"]
    assert found["users", "index", "mine"] == "proposed"
    assert found["users", "column", "nickname"] == "proposed"
    text = (migrations / "20251009013304-mend.up.sql").read_text(encoding="utf-8")
    statements = [line for line in text.splitlines() if not line.startswith("--")]
    assert not [line for line in statements if "nickname" in line or "documents" in line or "mine" in line]
    assert "--     ALTER TABLE public.users DROP COLUMN nickname;" in text
    assert "--     DROP INDEX public.mine;" in text
    assert "public.documents: table documents: extra" in text


# -- adopting, repairing, going on ----------------------------------------------------------------


@pytest.mark.sanitized
@pytest.mark.parametrize("applied", [5, 4])
def test_repair_leads_to_the_same_catalog(drydock, production, migrations, applied):
    database = production(applied)
    repair = f"{int(IDS[applied - 1]) + 1}"
    done = sequelize(drydock, database, migrations, "--repair", "repair-sequelize", "--yes")
    assert done.code == 0, str(done)
    assert history(database) == IDS[:applied]
    assert (migrations / f"{repair}-repair-sequelize.verify.sql").exists()

    # With the repair alone the catalog is the one that these migrations give.
    done = command(drydock, "migrate", database, migrations, "--to", repair)
    assert done.code == 0, str(done)
    assert differences(drydock, database, migrations, applied) == []

    done = command(drydock, "migrate", database, migrations)
    assert done.code == 0, str(done)
    assert without_order(database.catalog()) == without_order(expected_catalog())
    # Columns that the repair adds stand behind those that were there.
    assert other_order(database.catalog(), expected_catalog()) == (["system_configurations"] if applied == 5 else [])
    assert meta(database) == sorted(f"{name}.js" for name in [*NAMES, f"{repair}-repair-sequelize"])
    assert database.query("SELECT role::text, a.severity::text, h.attachments::text, c.status::text, i.type::text"
                          " FROM users, allergies a, health_records h, chronic_conditions c, incident_reports i") == [
        ("ADMIN", "LIFE_THREATENING", '[{"a": 2, "b": 1}]', "INACTIVE", "MEDICATION_ERROR")]


def test_repair_does_nothing_on_a_new_database(drydock, production, bed, migrations):
    """The repair stays among the migrations for good: a database that is made from scratch runs it, too."""
    assert sequelize(drydock, production(rows=False), migrations, "--repair", "mend").code == 0
    fresh = bed.empty("fresh")
    done = command(drydock, "migrate", fresh, migrations)
    assert done.code == 0, str(done)
    assert fresh.catalog() == expected_catalog()


def differences(drydock, database, migrations, applied):
    """What is different from what the first migrations give: another look with the same eyes."""
    done = adopt(drydock, database, migrations, "baseline", "--to", f"{int(IDS[applied - 1]) + 1}", "--json")
    assert done.code == 0, str(done)
    return done.json()["differences"]


def without_order(catalog):
    for table in catalog["tables"].values():
        table["columns"] = sorted(table["columns"], key=lambda column: column["name"])
    return catalog


def other_order(one, two):
    return [name for name, table in one["tables"].items()
            if [c["name"] for c in table["columns"]] != [c["name"] for c in two["tables"][name]["columns"]]]


@pytest.mark.parametrize("table", ['"SequelizeMeta"', 'ops."Applied"'])
def test_a_window_keeps_the_other_history_in_step(production, project, drydock, table):
    """A whole run: the data proof knows which columns are converted, and which table is no data, whatever its name."""
    database = production()
    arguments = []
    if table != '"SequelizeMeta"':
        database.query('CREATE SCHEMA ops; ALTER TABLE "SequelizeMeta" RENAME TO "Applied";'
                       ' ALTER TABLE "Applied" SET SCHEMA ops', user=beds.OWNER)
        arguments = ["--table", "Applied"]
    done = sequelize(drydock, database, project.migrations, "--repair", "mend", "--yes", *arguments)
    assert done.code == 0, str(done)
    done = project.run(database)
    assert done.code == 0, str(done)
    assert meta(database, table) == sorted(f"{name}.js" for name in [*NAMES, "20251009013304-mend"])
    assert history(database) == sorted([*IDS, "20251009013304"])


def test_rows_that_cannot_be_converted_stop_the_repair(drydock, production, migrations):
    database = production()
    database.query("ALTER TYPE enum_users_role ADD VALUE 'WIZARD'", user=beds.OWNER)
    database.query("UPDATE users SET role = 'WIZARD'", user=beds.OWNER)
    assert sequelize(drydock, database, migrations, "--repair", "mend", "--yes").code == 0
    catalog, content = database.catalog(), database.content()
    done = command(drydock, "migrate", database, migrations)
    assert done.code == 1 and "rows of public.users" in done.stderr, str(done)
    assert "WIZARD" not in done.stderr + done.stdout
    assert (database.catalog(), database.content()) == (catalog, content)


def test_repair_of_types_in_use(drydock, production, migrations):
    """Labels that are missing, and a column that is meant to be NOT NULL, on a schema of the migrations' own making."""
    database = production()
    assert sequelize(drydock, database, migrations, "--repair", "mend", "--yes").code == 0
    assert command(drydock, "migrate", database, migrations).code == 0
    before = database.catalog()
    database.query("""
        DROP INDEX idx_appointments_upcoming, idx_appointments_date_range;
        ALTER TABLE appointments ALTER COLUMN status DROP DEFAULT;
        ALTER TYPE "AppointmentStatus" RENAME TO old;
        CREATE TYPE "AppointmentStatus" AS ENUM ('CANCELLED', 'SCHEDULED');
        ALTER TABLE appointments ALTER COLUMN status TYPE "AppointmentStatus" USING status::text::"AppointmentStatus",
            ALTER COLUMN status SET DEFAULT 'SCHEDULED';
        DROP TYPE old;
        CREATE INDEX idx_appointments_date_range ON appointments ("scheduledAt", status) WHERE status <> 'CANCELLED';
        ALTER TABLE allergies ALTER COLUMN "allergyType" DROP NOT NULL;
        ALTER TABLE users RENAME CONSTRAINT users_email_unique TO other""", user=beds.OWNER)
    done = adopt(drydock, database, migrations, "baseline", "--to", IDS[-1], "--repair", "again",
                 "--accept-differences", "--reason", "they are repaired next", "--yes")
    assert done.code == 0, str(done)
    done = command(drydock, "migrate", database, migrations)
    assert done.code == 0, str(done)
    assert database.catalog() == before


# -- names ----------------------------------------------------------------------------------------


def rename(database, old, new):
    database.query('UPDATE "SequelizeMeta" SET name = %s WHERE name = %s', (new, old))


def test_renamed_files_keep_their_names(drydock, production, migrations):
    """By alias and by the id alone; what is undone and applied again gets the row back that it had."""
    database = production()
    rename(database, f"{NAMES[3]}.js", "configuration.ts")
    rename(database, f"{NAMES[4]}.js", f"{IDS[4]}-enhance-FIXED.ts")
    path = migrations / f"{NAMES[3]}.up.sql"
    path.write_text("-- drydock: alias configuration\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    done = sequelize(drydock, database, migrations, "--json", "--yes", "--repair", "mend")
    assert done.code == 0, str(done)
    assert [row["by"] for row in done.json()["rows"]] == ["name", "name", "name", "id", "alias"]
    before = meta(database)
    assert command(drydock, "migrate", database, migrations, "--to", "20251009013304").code == 0
    assert meta(database) == sorted([*before, "20251009013304-mend.ts"])


def test_step_by_step(drydock, production, migrations):
    database = production()
    assert sequelize(drydock, database, migrations, "--yes", "--repair", "mend").code == 0
    assert command(drydock, "migrate", database, migrations).code == 0
    full = meta(database)
    assert command(drydock, "undo", database, migrations).code == 0
    assert meta(database) == [name for name in full if name != f"{NAMES[-1]}.js"]
    assert command(drydock, "migrate", database, migrations).code == 0
    assert meta(database) == full
    assert command(drydock, "status", database, migrations).code == 0


def test_adopting_again_does_nothing(drydock, production, migrations):
    database = production()
    assert sequelize(drydock, database, migrations, "--yes").code == 0
    rows = database.query("SELECT * FROM drydock.migrations")
    done = sequelize(drydock, database, migrations, "--yes", "--json")
    assert done.code == 0 and done.json()["to_record"] == [], str(done)
    assert database.query("SELECT * FROM drydock.migrations") == rows
    assert {(row[0], row[1]) for row in database.query("SELECT applied_by, duration_ms FROM drydock.migrations")} == {
        (f"sequelize (adopted by {beds.OWNER})", 0)}


def test_the_adopted_table_is_known(drydock, production, migrations):
    """Whatever it is called, and renamed since; a second one is refused."""
    database = production(rows=False)
    database.query('ALTER TABLE "SequelizeMeta" RENAME TO "Applied"', user=beds.OWNER)
    assert sequelize(drydock, database, migrations, "--yes", "--no-compare", "--table", "Applied").code == 0
    database.query('ALTER TABLE "Applied" RENAME TO "Done"; CREATE TABLE "SequelizeMeta" (name text)', user=beds.OWNER)
    done = sequelize(drydock, database, migrations, "--no-compare", "--json")
    assert done.code == 0 and done.json()["table"] == 'public."Done"', str(done)
    done = sequelize(drydock, database, migrations, "--yes", "--no-compare", "--table", "SequelizeMeta")
    assert done.code == 3 and "'Done'" in done.stderr, str(done)


# -- refusals -------------------------------------------------------------------------------------


def insert(name):
    return f"INSERT INTO \"SequelizeMeta\" VALUES ('{name}')"


@pytest.mark.parametrize("sql, code, words", [
    (insert("20240101000000-gone.js"), 3, "'20240101000000-gone.js' is unknown"),
    (insert(f"{IDS[4]}-second.js"), 3, f"'{IDS[4]}-second.js' is ambiguous"),
    (f"DELETE FROM \"SequelizeMeta\" WHERE name = '{NAMES[2]}.js'", 4, f"out of order: .*{NAMES[2]}"),
    ('ALTER TABLE "SequelizeMeta" RENAME TO something', 3, "there is no table 'SequelizeMeta' in any schema"),
    ('CREATE SCHEMA o; CREATE TABLE o."SequelizeMeta" (name text)', 3,
     r'several tables .*: o\."SequelizeMeta", public\."SequelizeMeta"'),
    ('ALTER TABLE "SequelizeMeta" RENAME name TO file', 3, "does not look like the history of sequelize-cli"),
])
def test_what_is_not_clear_is_refused(drydock, production, migrations, sql, code, words):
    database = production(rows=False)
    database.query(sql, user=beds.OWNER)
    before = database.state()
    done = sequelize(drydock, database, migrations, "--yes", "--no-compare")
    assert done.code == code, str(done)
    assert re.search(words, done.stderr), str(done)
    assert "HINT" in done.stderr or "hint" in done.stderr
    untouched(database, before)


def test_schema_chooses_the_table(drydock, production, migrations):
    database = production(rows=False)
    database.query('CREATE SCHEMA o; CREATE TABLE o."SequelizeMeta" (name text)', user=beds.OWNER)
    assert sequelize(drydock, database, migrations, "--yes", "--no-compare", "--schema", "public").code == 0
    assert history(database) == IDS[:5]


@pytest.mark.parametrize("arguments", [
    [], ["prisma"], ["sequelize", "baseline"], ["sequelize", "--to", IDS[0] if IDS else "x"], ["baseline"],
    ["baseline", "--to", "20990101000000"], ["baseline", "--to", IDS[0] if IDS else "x", "--table", "x"],
    ["baseline", "--to", IDS[0] if IDS else "x", "--accept-differences"], ["sequelize", "--repair", "x", "--no-compare"],
    ["sequelize", "--repair", "no/name"],
])
def test_wrong_command_lines(drydock, production, migrations, arguments):
    database = production(rows=False)
    assert adopt(drydock, database, migrations, *arguments).code == 2


def test_histories_that_disagree_stop_everything(drydock, production, migrations):
    database = production(rows=False)
    assert sequelize(drydock, database, migrations, "--yes", "--repair", "mend").code == 0
    database.query(insert(f"{NAMES[5]}.js"), user=beds.OWNER)
    for name in ("status", "migrate", "undo"):
        done = command(drydock, name, database, migrations)
        assert done.code == 4, str(done)
        assert f"'{NAMES[5]}.js' is not in ours" in done.stderr
    database.query(f"DELETE FROM \"SequelizeMeta\" WHERE name IN ('{NAMES[5]}.js', '{NAMES[4]}.js')")
    done = command(drydock, "migrate", database, migrations)
    assert done.code == 4 and f"'{NAMES[4]}.js' is not in that of sequelize-cli" in done.stderr, str(done)
    assert history(database) == IDS[:5]


def test_our_history_knows_more(drydock, production, migrations):
    database = production(rows=False)
    assert sequelize(drydock, database, migrations, "--yes", "--no-compare").code == 0
    database.query(f"DELETE FROM \"SequelizeMeta\" WHERE name = '{NAMES[4]}.js'")
    done = sequelize(drydock, database, migrations, "--yes", "--no-compare")
    assert done.code == 4 and "which that of sequelize-cli has not" in done.stderr, str(done)


# -- the scratch database -------------------------------------------------------------------------


def scratches(cluster):
    return [name for name in databases(cluster) if "scratch" in name]


def test_without_the_right_to_make_databases(drydock, production, migrations):
    database = production(rows=False)
    database.query("CREATE ROLE wc_small LOGIN; GRANT wc_owner TO wc_small")
    try:
        done = sequelize(drydock, database, migrations, user="wc_small")
        assert done.code == 3 and "--no-compare" in done.stderr, str(done)
        done = sequelize(drydock, database, migrations, "--no-compare", "--json", user="wc_small")
        assert done.code == 0 and done.json()["differences"] is None, str(done)
    finally:
        database.query("DROP ROLE wc_small")


@pytest.mark.sanitized
def test_scratch_goes_after_a_failure_and_a_crash(drydock, production, migrations):
    database = production(rows=False)
    path = migrations / f"{NAMES[2]}.up.sql"
    sound = path.read_text(encoding="utf-8")
    path.write_text(sound + "\nSELECT 1 / 0;\n", encoding="utf-8")
    done = sequelize(drydock, database, migrations, "--yes")
    assert done.code == 1 and "scratch database" in done.stderr and NAMES[2] in done.stderr, str(done)
    assert scratches(database.cluster) == []
    path.write_text(sound, encoding="utf-8")
    done = sequelize(drydock, database, migrations, env={"DRYDOCK_FAILPOINT": "migration.before_commit=kill"})
    assert done.code == -9
    left, = scratches(database.cluster)
    assert "may be dropped" in database.value(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", (left,))
    done = sequelize(drydock, database, migrations)
    assert done.code == 0 and left in done.stderr, str(done)
    assert scratches(database.cluster) == []


@pytest.mark.parametrize("reach", ["ALTER DATABASE white_cross SET work_mem = '77MB'", "CREATE ROLE wc_reached"])
def test_the_comparison_stays_in_its_database(drydock, production, migrations, reach):
    database = production(rows=False)
    before = database.state()
    with open(migrations / f"{NAMES[2]}.up.sql", "a", encoding="utf-8") as file:
        file.write(f"\n{reach};\n")
    done = sequelize(drydock, database, migrations)
    assert done.code == 3 and "--no-compare" in done.stderr, str(done)
    untouched(database, before)
    assert scratches(database.cluster) == []
    assert not database.value("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'wc_reached')")
    assert not database.value("SELECT EXISTS (SELECT FROM pg_db_role_setting AS s JOIN pg_database AS d"
                              " ON d.oid = s.setdatabase WHERE 'work_mem=77MB' = ANY (s.setconfig))")


def test_killed_before_commit_leaves_nothing(drydock, production, migrations):
    database = production(rows=False)
    done = sequelize(drydock, database, migrations, "--yes", "--no-compare",
                     env={"DRYDOCK_FAILPOINT": "adopt.before_commit=kill"})
    assert done.code == -9
    assert database.value("SELECT to_regclass('drydock.migrations')") is None
    assert sequelize(drydock, database, migrations, "--yes", "--no-compare").code == 0


# -- baseline -------------------------------------------------------------------------------------


@pytest.mark.sanitized
def test_baseline(drydock, bed, migrations):
    """A schema that was made otherwise: by SQL alone."""
    database = bed.empty("white_cross")
    with database.session(beds.OWNER) as connection:
        for migration in IDS[:6]:
            beds.execute_migration(connection, beds.migration_files()[migration])
    done = adopt(drydock, database, migrations, "baseline", "--to", IDS[5], "--json")
    assert done.code == 0 and done.json()["differences"] == [], str(done)
    assert database.value("SELECT to_regnamespace('drydock')") is None
    done = adopt(drydock, database, migrations, "baseline", "--to", IDS[5], "--yes")
    assert done.code == 0 and done.last_line == "done: 6 migrations recorded as applied in 'white_cross' (exit 0)"
    assert command(drydock, "migrate", database, migrations).code == 0
    assert database.catalog() == expected_catalog()


def test_baseline_of_another_schema_is_refused(drydock, bed, migrations):
    database = bed.empty("white_cross")
    with database.session(beds.OWNER) as connection:
        for migration in IDS[:4]:
            beds.execute_migration(connection, beds.migration_files()[migration])
    done = adopt(drydock, database, migrations, "baseline", "--to", IDS[4], "--yes")
    assert done.code == 4, str(done)
    assert "table configuration_history: missing" in done.stdout
    assert database.value("SELECT to_regnamespace('drydock')") is None
    done = adopt(drydock, database, migrations, "baseline", "--to", IDS[4], "--yes",
                 "--accept-differences", "--reason", "repaired next week")
    assert done.code == 0, str(done)
    assert database.query("SELECT DISTINCT reason, differences > 0 FROM drydock.adopted WHERE how = 'baseline'") == [
        ("repaired next week", True)]
