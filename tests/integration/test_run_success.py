"""A run that succeeds: what is in service afterwards, what is kept, what was written down.

Two runs, as the owner and as a superuser, at which many tests look.
"""

import hashlib
import json
import re
import subprocess
from dataclasses import dataclass

import psycopg2
import pytest

import bed as beds
import maintenance
from cluster import SUPERUSER, clean_environment, program
from content import shared
from snapshots import stock_copy

IDS = beds.migration_ids()
PENDING = IDS[5:]

# What belongs to a role in the database: the owner's own setting is one that the owner can carry over.
OWNERS_SETTING = "ALTER ROLE wc_owner IN DATABASE white_cross SET lock_timeout = '7s'"


@dataclass
class Finished:
    """A run that has ended, and what was before."""
    done: object
    before: dict
    database: object
    project: object
    user: str

    @property
    def cluster(self):
        return self.database.cluster

    @property
    def folder(self):
        folder, = self.project.runs()
        return folder

    @property
    def report(self):
        return json.loads((self.folder / "report.json").read_text(encoding="utf-8"))

    @property
    def before_copy(self):
        return maintenance.copies(self.database)["before"]

    def lines(self, name):
        return [json.loads(line) for line in (self.folder / name).read_text(encoding="utf-8").splitlines()]


def belongs_to_history(name):
    """Drydock's own tables and that of sequelize-cli say which migrations are applied: they change and are no data."""
    return name.startswith("drydock.") or name == "public.SequelizeMeta"


@pytest.fixture(scope="module", params=[beds.OWNER, SUPERUSER])
def finished(request, _bed, _program, tmp_path_factory):
    """A run by the owner, and one by a superuser, who can carry over what the owner may not set."""
    if not _program.exists():
        pytest.fail(f"{_program.binary} has not been built")
    user = request.param
    database = _bed.white_cross(students=100, superuser_settings=user == SUPERUSER)
    database.query(OWNERS_SETTING)
    project = maintenance.Project(tmp_path_factory.mktemp(user) / "project", _program)
    before = database.state()
    monitor = maintenance.Monitor(database).start()
    try:
        done = project.run(database, user=user)
    finally:
        monitor.stop()
    try:
        yield Finished(done, before, database, project, user)
    finally:
        _bed.clear()


# -- what is in service -----------------------------------------------------------------------------


@pytest.mark.sanitized
def test_exits_with_zero_and_says_so(finished):
    assert finished.done.code == 0, str(finished.done)
    assert re.fullmatch(r"done: 'white_cross' is migrated and in service, it was out of service for [\d.]+ \S+; "
                        rf"the copy from before is '{finished.before_copy}', closed \(exit 0\)",
                        finished.done.last_line)


def test_applies_all_eight(finished):
    assert [row[0] for row in finished.database.query("SELECT id FROM drydock.migrations ORDER BY 1")] == IDS
    assert [row["id"] for row in finished.report["migrations"]] == PENDING
    assert finished.database.catalog() == json.loads(
        (beds.DATA / "catalog" / f"{IDS[-1]}.json").read_text(encoding="utf-8"))


def test_keeps_what_migrations_do_not_declare(finished):
    """Every row over the columns that it had, but for the one column that a migration declares."""
    declared = re.findall(r"^-- drydock: writes (\w+)\((\w+)\)",
                          "".join(beds.migration_files()[migration].read_text(encoding="utf-8")
                                  for migration in PENDING), re.M)
    assert declared == [("chronic_conditions", "status")]
    before, after = finished.before["content"], finished.database.content()
    assert before["large_objects"] == after["large_objects"]
    assert before["sequences"].items() <= after["sequences"].items()
    with finished.database.session() as connection, connection.cursor() as cursor:
        for name, (columns, rows, digest) in before["tables"].items():
            schema, table = name.split(".", 1)
            if belongs_to_history(name):
                continue
            if table == "chronic_conditions":
                columns = [column for column in columns if column != "status"]
                with finished.cluster.opened(finished.before_copy), \
                        finished.cluster.session(finished.before_copy) as kept, kept.cursor() as old:
                    rows, digest = beds.contents.table_digest(old, schema, table, columns)
            assert beds.contents.table_digest(cursor, schema, table, columns) == (rows, digest), name


def test_carries_over_the_database_s_properties(finished):
    """Owner, ACL, settings, settings of roles, comment, connection limit."""
    before, now = finished.before["properties"], finished.database.properties()
    assert now == before
    assert now["owner"] == "wc_owner" and now["connection_limit"] == 50 and now["open"]
    assert "wc_owner: lock_timeout=7s" in now["settings"]
    assert ("wc_app: statement_timeout=45s" in now["settings"]) == (finished.user == SUPERUSER)


def test_leaves_what_databases_share(finished):
    now = shared(finished.cluster)
    before = finished.before["shared"]
    assert {**now, "databases": None} == {**before, "databases": None}
    assert set(now["databases"]) == {*before["databases"], finished.before_copy}


def test_lets_in_those_who_had_the_right(finished):
    assert finished.database.value("SELECT count(*) FROM students", user="wc_app") == 100
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        finished.database.query("SELECT 1", user="wc_outsider")


def test_leaves_nothing_behind(finished):
    maintenance.check_nothing_left(finished.cluster)
    assert list(maintenance.copies(finished.database)) == ["before"]


# -- what is kept -----------------------------------------------------------------------------------


def test_keeps_the_copy_from_before(finished):
    """Closed for everybody; once a superuser opens it, its content is that from before, and its ACL too."""
    maintenance.check_closed(finished.cluster, finished.before_copy)
    with finished.cluster.opened(finished.before_copy):
        kept = beds.Database(finished.cluster, finished.before_copy)
        assert kept.content() == finished.before["content"]
        assert kept.schema() == finished.before["schema"]
        assert kept.properties()["acl"] == finished.before["properties"]["acl"]


def test_snapshot_restores_with_stock_pg_restore(finished, request, tmp_path):
    scratch = beds.Database(finished.cluster, "scratch")
    finished.cluster.query("CREATE DATABASE scratch TEMPLATE template0")
    request.addfinalizer(lambda: finished.cluster.query("DROP DATABASE scratch WITH (FORCE)"))
    subprocess.run([program("pg_restore"), "--exit-on-error", "--jobs", "2", "--dbname", scratch.dsn(SUPERUSER),
                    stock_copy(finished.folder / "snapshot", tmp_path)], env=clean_environment(), check=True, capture_output=True)
    assert scratch.content() == finished.before["content"]
    # The ACL of the database itself is in the manifest.
    assert scratch.schema() == finished.before["schema"]
    against = ("--against", finished.folder / "snapshot")
    done = finished.project.drydock("verify", "database", *against, dsn=scratch.dsn(SUPERUSER))
    assert (done.code, "verified: 'scratch' has 0 findings" in done.last_line) == (0, True), str(done)
    scratch.query("UPDATE contacts SET notes = 'x' WHERE id::text = (SELECT min(id::text) FROM contacts)")
    done = finished.project.drydock("verify", "database", *against, dsn=scratch.dsn(SUPERUSER))
    assert done.code == 4 and "public.contacts" in done.stdout, str(done)


def test_manifest_says_what_is_in_the_snapshot(finished):
    folder = finished.folder / "snapshot"
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    listed = {entry["name"]: entry for entry in manifest["files"]}
    assert listed.keys() | {"manifest.json"} == {path.name for path in folder.iterdir()}
    for name, entry in listed.items():
        data = (folder / name).read_bytes()
        assert (entry["size_bytes"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest()), name
    assert manifest["database"] == "white_cross" and manifest["run"] == finished.folder.name
    rows = {f"{table['schema']}.{table['name']}": table["rows"] for table in manifest["digests"]["tables"]
            if table["kind"] != "S"}
    assert {name: count for name, (_, count, _) in finished.before["content"]["tables"].items()
            if not belongs_to_history(name)}.items() <= rows.items()
    assert manifest["properties"]["connection_limit"] == 50


def test_verify_snapshot_reads_every_byte(finished):
    for folder in (finished.folder / "snapshot", finished.report["published"][0]):
        done = finished.project.drydock("verify", "snapshot", folder)
        assert done.code == 0 and "every byte is as it was written" in done.last_line, str(done)


def test_publishes_an_equal_copy(finished):
    place = finished.project.published / "white_cross" / finished.folder.name
    assert finished.report["published"] == [str(place / "snapshot")]
    for path in (finished.folder / "snapshot").iterdir():
        assert (place / "snapshot" / path.name).read_bytes() == path.read_bytes(), path.name
    for name in ("audit.jsonl", "report.json", "report.txt"):
        assert (place / name).read_bytes() == (finished.folder / name).read_bytes(), name


# -- what is written down -----------------------------------------------------------------------------


def test_audit_log_is_a_chain(finished):
    """Each line holds the SHA-256 of the one before; the state folder holds that of the last."""
    raw = (finished.folder / "audit.jsonl").read_bytes().splitlines()
    hashes = ["0" * 64] + [hashlib.sha256(line).hexdigest() for line in raw]
    assert [json.loads(line)["previous"] for line in raw] == hashes[:-1]
    assert (finished.project.state / "audit.head").read_text(encoding="ascii").split()[0] == hashes[-1]
    events = [json.loads(line)["event"] for line in raw]
    backup = [event for event in events if event in ("snapshot", "publish")]
    assert backup == ["snapshot", "publish"] and events.index("publish") < events.index("open")
    assert [event for event in events if event not in backup] == [
        "preflight.passed", "fence", "clone", *["migration.applied"] * len(PENDING), "verified", "open", "run.end"]
    assert {line["actor"].split(" as ")[1] for line in finished.lines("audit.jsonl")} == {finished.user}


def test_journal_has_a_done_for_each_intent(finished):
    waiting = []
    for line in finished.lines("journal.jsonl"):
        what = (line["phase"], line["step"])
        if line["kind"] == "intent":
            waiting.append(what)
        elif line["kind"] == "done":
            assert what in waiting, f"{what} was done without an intent"
            waiting.remove(what)
    assert waiting == []
    end = finished.lines("journal.jsonl")[-1]["details"]
    assert end["exit_code"] == 0 and end["result"].startswith("done: 'white_cross' is migrated and in service"), end


def test_report_for_people_says_the_same(finished):
    text, report = (finished.folder / "report.txt").read_text(encoding="utf-8"), finished.report
    assert text.splitlines()[0] == report["result"]
    assert report["result"] + " (exit 0)" == finished.done.last_line
    for phase in report["phases"]:
        assert re.search(rf"^  {phase['phase']} +done ", text, re.M), text
    for migration in report["migrations"]:
        assert f"{migration['id']}-{migration['name']}" in text
    for fact in (report["run"], report["snapshot"]["folder"], *report["published"], report["copies"]["before"]):
        assert fact in text
    assert text in finished.done.stdout


def test_report_proves_every_table(finished):
    proof = finished.report["data_proof"]
    assert proof["findings"] == [] and finished.report["exceptions"] == []
    assert all(table["ok"] for table in proof["tables"])
    proven = {f"{table['schema']}.{table['name']}" for table in proof["tables"]}
    assert {name for name in finished.before["content"]["tables"] if not belongs_to_history(name)} == proven


def test_says_nothing_of_what_is_in_the_tables(finished):
    """Not in the report, the journal, the audit log, nor on the terminal."""
    told = finished.done.stdout + finished.done.stderr + "".join(
        (finished.folder / name).read_text(encoding="utf-8")
        for name in ("report.json", "report.txt", "journal.jsonl", "audit.jsonl"))
    values = finished.database.query('SELECT "firstName" || \' \' || "lastName" FROM students'
                                     " UNION SELECT \"studentNumber\" FROM students"
                                     " UNION SELECT email FROM users")
    assert len(values) > 100
    assert [value for value, in values if value in told] == []


# -- once more ----------------------------------------------------------------------------------------


def test_nothing_is_pending_then(finished):
    """A second run does nothing at all."""
    before, version = maintenance.as_in_service(finished.database), finished.database.row_version()
    done = finished.project.run(finished.database, user=finished.user)
    assert (done.code, done.last_line) == (
        0, "done: nothing is pending for 'white_cross'; it was not touched (exit 0)"), str(done)
    assert maintenance.as_in_service(finished.database) == before
    assert finished.database.row_version() == version
    assert len(finished.project.runs()) == 1


