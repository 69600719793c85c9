"""The commands around migrations: status, new, accept, undo, runs; order, repeatable ones, an older history."""

import json
import re
from pathlib import Path

import pytest

import bed as beds

POLICY = beds.REPOSITORY / "policies" / "development.yaml"

A, B, C = "20250101000000", "20250102000000", "20250103000000"

# The history as the first version made it.
FIRST_HISTORY = """
CREATE SCHEMA drydock;
CREATE TABLE drydock.migrations (
    id text PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, canonical_sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(), applied_by text NOT NULL DEFAULT session_user,
    run text NOT NULL, duration_ms bigint NOT NULL, version text NOT NULL);
"""


class Project:
    """A database, a folder of migrations, and the program working on both."""

    def __init__(self, drydock, database, folder):
        self.drydock, self.database, self.folder = drydock, database, folder
        folder.mkdir(exist_ok=True)

    def __call__(self, command, *arguments, code=0, env=None):
        done = self.drydock(command, *arguments, "--migrations", self.folder, dsn=self.database.dsn(), env=env)
        assert done.code == code, str(done)
        return done

    def run(self, *arguments, code=0, env=None):
        return self("run", "--policy", POLICY, "--yes", *arguments, code=code, env=env)

    def write(self, id_, name, up, down=None, verify=None):
        for part, text in (("up", up), ("down", down), ("verify", verify)):
            if text is not None:
                (self.folder / f"{id_}-{name}.{part}.sql").write_text(text, encoding="utf-8")

    def table(self, id_, name, directives=""):
        self.write(id_, name, f"{directives}CREATE TABLE {name} (id int);\n", f"DROP TABLE {name};\n")

    def repeat(self, name, text):
        (self.folder / f"{name}.repeat.sql").write_text(text, encoding="utf-8")

    def states(self, code=0):
        document = self("status", "--json", code=code).json()
        return {each["id"]: each["state"] for each in document["migrations"]}

    def applied(self):
        return [id_ for id_, in self.database.query("SELECT id FROM drydock.migrations ORDER BY id")]

    def exists(self, relation):
        return self.database.value("SELECT to_regclass(%s) IS NOT NULL", (relation,))


@pytest.fixture
def project(drydock, bed, tmp_path):
    return Project(drydock, bed.empty("commands"), tmp_path / "migrations")


# -- status ---------------------------------------------------------------------------------------


@pytest.mark.sanitized
def test_status_tells_every_state(project):
    project.table(A, "one")
    project.table(B, "two")
    assert project.states() == {A: "pending", B: "pending"}
    project("status", "--exit-code", code=10)
    project("migrate")
    project("status", "--exit-code")
    project.table(C, "three")
    (project.folder / f"{A}-one.up.sql").write_text("CREATE TABLE one (id bigint);\n", encoding="utf-8")
    for part in ("up", "down"):
        (project.folder / f"{B}-two.{part}.sql").unlink()
    project.table("20250101120000", "between")
    done = project("status", "--exit-code", code=4)
    lines = done.stdout.splitlines()
    column = lines[0].index("Migration")
    assert [(line[:column].strip(), line[column:].split()[0]) for line in lines[1:-1]] == [
        ("changed", f"{A}-one"), ("out of order", "20250101120000-between"), ("unknown", f"{B}-two"),
        ("pending", f"{C}-three")]
    assert lines[-1] == "0 applied, 1 pending, 1 changed, 1 unknown, 1 out of order in 'commands' (exit 4)"
    assert not [line for line in lines if line != line.rstrip()]
    document = project("status", "--json", code=4).json()
    assert document["exit_code"] == 4 and document["pending"] == 2 and "disagree" in document["error"]
    entry = document["migrations"][0]
    assert entry["applied_by"] == beds.OWNER and entry["run"] and entry["duration_ms"] >= 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry["applied_at"])


def test_status_with_many(project):
    """Long chains of requirements and a long history: nothing of it is quadratic (no time is measured here)."""
    ids = [f"2025{n:010d}" for n in range(1000)]
    for before, id_ in zip([None, *ids], ids):
        directive = f"-- drydock: requires {before}\n" if before else ""
        project.write(id_, "step", f"{directive}SELECT {id_[4:]}::bigint;\n")
    project("migrate", "--to", ids[0])
    project.database.query(
        "INSERT INTO drydock.migrations SELECT '2025' || lpad(n::text, 10, '0'), name, sha256, canonical_sha256, "
        "applied_at, applied_by, run, duration_ms, version, false FROM drydock.migrations, generate_series(1, 999) n")
    states = project.states(code=4)
    assert states.pop(ids[0]) == "applied"
    assert set(states.values()) == {"changed"} and len(states) == 999


# -- new ------------------------------------------------------------------------------------------


def test_new(project):
    paths = [Path(line) for line in project("new", "add-things").stdout.splitlines()]
    assert [path.name[14:] for path in paths] == [f"-add-things.{part}.sql" for part in ("up", "down", "verify")]
    assert all(path.parent == project.folder and path.stat().st_mode & 0o077 for path in paths)
    first = paths[0].name[:14]
    assert project.states() == {first: "pending"}
    # A newest id in the future, which is no moment either.
    project.table("29991231235999", "late")
    document = project("new", "later", "--json").json()
    assert document["id"] == "29991231236000"
    project.table("30000101000059", "later")
    assert project("new", "latest", "--json").json()["id"] == "30000101000100"


def test_new_refuses(project):
    for name in ("", "a b", "../a", "a.b", "ä", "x" * 201):
        project("new", name, code=2)
    project("new", code=2)
    project("new", "a", "b", code=2)
    project("new", "--repeatable", "2025", code=2)
    assert not list(project.folder.iterdir())
    project.table("99999999999999", "last")
    assert "no id above" in project("new", "a", code=2).stderr


def test_new_repeatable(project):
    assert project("new", "--repeatable", "active").stdout.endswith("/active.repeat.sql\n")
    assert "already" in project("new", "--repeatable", "active", code=2).stderr
    assert project.states() == {"active": "pending"}


def test_an_untouched_draft_is_not_undone(project):
    """Its down file does nothing, so that the history would lose what the database keeps."""
    up = Path(project("new", "add-things").stdout.splitlines()[0])
    up.write_text("CREATE TABLE things (id int);\n", encoding="utf-8")
    project("migrate")
    assert "no statement" in project("undo", code=3).stderr
    assert project.exists("things") and len(project.applied()) == 1


# -- order ----------------------------------------------------------------------------------------


@pytest.mark.sanitized
def test_to_names_something_that_is_pending(project):
    project.table(A, "one")
    project.table(B, "two")
    for command in ("migrate", "plan"):
        assert "no such migration" in project(command, "--to", C, code=2).stderr
    assert "no such migration" in project.run("--to", C, code=2).stderr
    project("migrate", "--to", A)
    assert project.applied() == [A]
    for command in ("migrate", "plan"):
        assert "applied already" in project(command, "--to", A, code=2).stderr
    assert "applied already" in project.run("--to", A, code=2).stderr
    project("migrate", "--to", B)
    assert project.applied() == [A, B]


@pytest.mark.sanitized
def test_out_of_order_is_allowed_by_name(project):
    project.table(A, "one")
    project.table(C, "three")
    project("migrate")
    project.table(B, "two")
    project.table("20250102000001", "two_more")
    for command in ("migrate", "plan"):
        assert "--allow-out-of-order" in project(command, code=4).stderr
    assert "two_more" not in project("migrate", "--allow-out-of-order", B, code=4).stdout
    assert project.applied() == [A, C]
    (project.folder / "20250102000001-two_more.up.sql").unlink()
    (project.folder / "20250102000001-two_more.down.sql").unlink()
    assert "no such migration" in project("migrate", "--allow-out-of-order", "20990101000000", code=2).stderr
    assert "OUT OF ORDER" in project("plan", "--allow-out-of-order", B).stdout
    project("migrate", "--allow-out-of-order", B)
    assert project.database.query("SELECT id, out_of_order FROM drydock.migrations ORDER BY id") == [
        (A, False), (B, True), (C, False)]
    assert "out of order" in project("status").stdout
    # Given again, it is no matter.
    project("migrate", "--allow-out-of-order", B)


def test_out_of_order_in_a_run(project):
    project.table(A, "one")
    project.table(C, "three")
    project("migrate")
    project.table(B, "two")
    project.run(code=4)
    done = project.run("--allow-out-of-order", B, "--json").json()
    assert [(each["id"], each["out_of_order"]) for each in done["migrations"]] == [(B, True)]
    events = [json.loads(line) for line in (Path(done["folder"]) / "audit.jsonl").read_text("utf-8").splitlines()]
    applied = [each for each in events if each["event"] == "migration.applied"]
    assert [each["details"]["out_of_order"] for each in applied] == [True]
    assert project.database.value("SELECT out_of_order FROM drydock.migrations WHERE id = %s", (B,))


# -- undo -----------------------------------------------------------------------------------------


@pytest.mark.sanitized
def test_undo_goes_back_in_order(project):
    for id_, name in ((A, "one"), (B, "two"), (C, "three")):
        project.table(id_, name)
    project("migrate")
    project("undo")
    assert project.applied() == [A, B]
    project("migrate")
    project("undo", "--to", B, code=2)
    project("undo", "--all", code=2)
    project("undo", "--all", "--to", B, "--yes", code=2)
    assert project("undo", "--to", B, "--yes", "--json").json()["undone"] == [C, B]
    assert project.applied() == [A]
    assert "is not applied" in project("undo", "--to", B, "--yes", code=2).stderr
    project("migrate")
    project("undo", "--all", "--yes")
    assert project.applied() == [] and not project.exists("one")
    assert "0 of 0" in project("undo").stdout


def test_undo_takes_back_what_was_applied_last(project):
    project.table(A, "one")
    project.table(C, "three")
    project("migrate")
    project.table(B, "two")
    project("migrate", "--allow-out-of-order", B)
    assert project("undo", "--json").json()["undone"] == [B]
    project("migrate", "--allow-out-of-order", B)
    assert project("undo", "--to", C, "--yes", "--json").json()["undone"] == [B, C]


def test_undo_refuses_what_another_requires(project):
    project.table(A, "one")
    project.table(C, "three")
    project("migrate")
    project.table(B, "two")
    project.table(C, "three", f"-- drydock: requires {B}\n")
    project("accept", C, "--reason", "it says now what it needs", "--yes")
    project("migrate", "--allow-out-of-order", B)
    done = project("undo", code=3)
    assert f"{C}-three requires it" in done.stderr
    assert project.applied() == [A, B, C]
    assert project("undo", "--to", C, "--yes", "--json").json()["undone"] == [B, C]


@pytest.mark.sanitized
def test_undo_refuses_without_a_way_back(project):
    project.write(A, "one", "CREATE TABLE one (id int);\n")
    project.write(B, "two", "-- drydock: irreversible the rows are gone\nCREATE TABLE two (id int);\n",
                  "DROP TABLE two;\n")
    project("migrate", "--to", A)
    assert "no down file" in project("undo", code=3).stderr
    project("migrate")
    assert "the rows are gone" in project("undo", code=3).stderr
    project.table(C, "three")
    project("migrate")
    # Known before anything is taken back.
    project("undo", "--all", "--yes", code=3)
    assert project.applied() == [A, B, C]


def test_undo_refuses_after_drift(project):
    project.table(A, "one")
    project.table(B, "two")
    project("migrate")
    up = project.folder / f"{B}-two.up.sql"
    text = up.read_text(encoding="utf-8")
    up.write_text(text + "-- changed\n", encoding="utf-8")
    assert "another text" in project("undo", code=4).stderr
    up.write_text(text.replace("\n", "  \r\n"), encoding="utf-8")
    for part in ("up", "down"):
        (project.folder / f"{A}-one.{part}.sql").rename(project.folder / f"gone.{part}")
    assert "there is no file" in project("undo", code=4).stderr
    for part in ("up", "down"):
        (project.folder / f"gone.{part}").rename(project.folder / f"{A}-one.{part}.sql")
    # A pending one that comes too late does not keep anybody from going back.
    project.table("20250101120000", "between")
    project("undo")
    assert project.applied() == [A]


# -- accept ---------------------------------------------------------------------------------------


@pytest.mark.sanitized
def test_accept(project):
    project.table(A, "one")
    project("migrate")
    up = project.folder / f"{A}-one.up.sql"
    old = project.database.query("SELECT sha256, canonical_sha256, applied_at FROM drydock.migrations")[0]
    arguments = ("accept", A, "--reason", "a comment only")
    assert "nothing has changed" in project(*arguments, "--yes", code=2).stderr
    up.write_text(up.read_text(encoding="utf-8").replace("\n", " \r\n"), encoding="utf-8")
    assert "line ends" in project(*arguments, "--yes", code=2).stderr
    up.write_text("-- what it is for\nCREATE TABLE one (id int);\n", encoding="utf-8")
    project("migrate", code=4)
    assert "--yes" in project(*arguments, code=2).stderr
    project("accept", A, "--yes", code=2)
    project("accept", A, "--reason", "  ", "--yes", code=2)
    project("accept", B, "--reason", "x", "--yes", code=2)
    project("accept", "--reason", "x", "--yes", code=2)
    project("migrate", code=4)
    done = project(*arguments, "--yes", "--json").json()
    new = project.database.query("SELECT sha256, canonical_sha256, applied_at FROM drydock.migrations")[0]
    assert (done["old_sha256"], done["new_sha256"]) == (old[0], new[0]) and old[0] != new[0]
    assert new[1] != old[1] and new[2] == old[2]
    assert project.database.query("SELECT migration, old_sha256, old_canonical_sha256, new_sha256, reason, "
                                  "accepted_by, run <> '' FROM drydock.changes") == [
        (A, old[0], old[1], new[0], "a comment only", beds.OWNER, True)]
    assert "a comment only" in project("status").stdout
    project("migrate")
    assert old[0] in json.dumps(done)


def test_accept_needs_the_file(project):
    project.table(A, "one")
    project("migrate")
    for part in ("up", "down"):
        (project.folder / f"{A}-one.{part}.sql").unlink()
    assert "is gone" in project("accept", A, "--reason", "x", "--yes", code=2).stderr


# -- repeatable ones --------------------------------------------------------------------------------


VIEW = "CREATE OR REPLACE VIEW {} AS SELECT {} AS n FROM {};\n"


@pytest.mark.sanitized
def test_repeatables_follow_their_text(project):
    project.table(A, "one")
    project.repeat("b-view", f"-- drydock: requires {A}\n-- drydock: requires a-last\n" +
                   VIEW.format("b_view", 1, "a_last"))
    project.repeat("a-last", "-- drydock: requires c-view\n" + VIEW.format("a_last", 1, "c_view"))
    project.repeat("c-view", VIEW.format("c_view", 1, "one"))
    assert project("plan", "--json").json()["migrations"][1]["repeatable"]
    assert project("migrate", "--json").json()["applied"] == [A, "c-view", "a-last", "b-view"]
    assert project.states() == {A: "applied", "a-last": "applied", "b-view": "applied", "c-view": "applied"}
    assert "0 of 0" in project("migrate").stdout
    # Line ends are no change.
    project.repeat("c-view", VIEW.format("c_view", 1, "one").replace("\n", "\r\n"))
    project("status", "--exit-code")
    project.repeat("c-view", VIEW.format("c_view", 2, "one"))
    assert "repeatable, changed" in project("status", "--exit-code", code=10).stdout
    assert "repeatable]" in project("plan").stdout
    assert project("migrate", "--json").json()["applied"] == ["c-view"]
    (project.folder / "b-view.repeat.sql").unlink()
    assert project.states() == {A: "applied", "a-last": "applied", "b-view": "unknown", "c-view": "applied"}
    project("migrate")
    assert project.exists("b_view")


def test_repeatables_wait_for_the_last_migration(project):
    project.table(A, "one")
    project.table(B, "two")
    project.repeat("view", VIEW.format("view_of_two", 1, "two"))
    assert project("migrate", "--to", A, "--json").json()["applied"] == [A]
    assert project.states() == {A: "applied", B: "pending", "view": "pending"}
    assert project("migrate", "--to", B, "--json").json()["applied"] == [B, "view"]


def test_a_repeatable_that_fails_leaves_nothing(project):
    project.table(A, "one")
    project.repeat("a", VIEW.format("a", 1, "one"))
    project.repeat("b", VIEW.format("b", 1, "one") + "SELECT 1 / 0;\n")
    done = project("migrate", code=11)
    assert "b.repeat.sql:2:1" in done.stderr
    assert project.exists("a") and not project.exists("b")
    assert project.states() == {A: "applied", "a": "applied", "b": "pending"}
    project.repeat("a", "SELECT 1 / 0;\n")
    project("migrate", code=1)
    assert project.states()["a"] == "pending"


@pytest.mark.sanitized
def test_undo_leaves_repeatables_and_has_them_applied_again(project):
    project.write(A, "one", "CREATE TABLE one (id int);\n", "DROP TABLE one CASCADE;\n")
    project.repeat("view", VIEW.format("view_of_one", 1, "one"))
    project("migrate")
    assert "left as they are" in project("undo").stderr
    assert not project.exists("view_of_one")
    assert "after an undo" in project("status").stdout
    assert project("migrate", "--json").json()["applied"] == [A, "view"]
    assert project.exists("view_of_one")


def test_a_run_with_repeatables_alone(project):
    project.table(A, "one")
    project.repeat("view", VIEW.format("view_of_one", 1, "one"))
    project("migrate")
    assert "nothing is pending" in project.run().stdout
    project.repeat("view", VIEW.format("view_of_one", 2, "one"))
    done = project.run("--json").json()
    assert [(each["id"], each["repeatable"]) for each in done["migrations"]] == [("view", True)]
    assert "repeatable" in (Path(done["folder"]) / "report.txt").read_text("utf-8")
    assert project.database.value("SELECT pg_get_viewdef('view_of_one') LIKE '%%2 AS n%%'")
    project("status", "--exit-code")


def test_a_repeatable_is_held_to_what_it_declares(project):
    """The data proof is about repeatable ones, too."""
    project.table(A, "one")
    project("migrate")
    project.database.query("INSERT INTO one VALUES (1)")
    project.repeat("fill", "UPDATE one SET id = 2;\n")
    done = project.run(code=7)
    assert "one" in done.stdout
    assert project.database.value("SELECT id FROM one") == 1
    project.repeat("fill", "-- drydock: writes one(id)\nUPDATE one SET id = 2;\n")
    project.run()
    assert project.database.value("SELECT id FROM one") == 2


def test_a_materialized_view_is_content(project):
    """It can only be made anew, and that must be declared."""
    text = ("-- drydock: removes counts\nDROP MATERIALIZED VIEW IF EXISTS counts;\n"
            "CREATE MATERIALIZED VIEW counts AS SELECT {} AS n FROM one;\n")
    project.table(A, "one")
    project.repeat("counts", text.format(1))
    project("migrate")
    project.repeat("counts", text.format(2).replace("-- drydock: removes counts", ""))
    assert "removes counts" in project.run(code=7).stdout
    project.repeat("counts", text.format(2))
    project.run()


@pytest.mark.parametrize("name, text, message", [
    ("a", "-- drydock: requires b\n", "requires b, which is not there"),
    ("a", f"-- drydock: requires {C}\n", f"requires {C}, which is not there"),
    ("a", "-- drydock: requires a\n", "this migration itself"),
    ("a", "-- drydock: requires z\n", "a circle"),
    ("a", "-- drydock: requires 2025\n", "requires '2025'"),
    ("a", "-- drydock: transaction off\nSELECT 1;", "'transaction' has no place in a repeatable migration"),
    ("a", "SELECT 1;\n-- drydock: commit\nSELECT 1;", "'commit' has no place in a repeatable migration"),
    ("1a", "", "begins with a letter"),
    ("a.b", "", "other characters"),
])
def test_bad_repeatables(project, name, text, message):
    project.repeat("z", "-- drydock: requires a\n" if "circle" in message else "")
    project.repeat(name, text)
    assert message in project("status", code=2).stderr


@pytest.mark.parametrize("text", ["CREATE INDEX CONCURRENTLY one_id ON one (id);", "DO $$ BEGIN COMMIT; END $$;"])
def test_a_repeatable_is_one_transaction(project, text):
    project.table(A, "one")
    project.repeat("a", text)
    assert "a repeatable migration is one" in project("migrate", code=3).stderr
    assert not project.exists("one")


def test_status_tells_how_far_a_partial_one_is(project):
    project.table(A, "one")
    project.write(B, "two", "CREATE TABLE two (id int);\n-- drydock: commit\nSELECT 1 / 0;\n", "DROP TABLE two;\n")
    project.repeat("view", VIEW.format("view", 1, "two"))
    project("migrate", code=11)
    status = project("status", "--exit-code", code=10)
    assert "1 of 2 steps done" in status.stdout and "1 partial" in status.last_line
    assert project.states() == {A: "applied", B: "partial", "view": "pending"}
    assert "partly applied" in project("undo", code=3).stderr


def test_a_migration_does_not_require_a_repeatable(project):
    project.repeat("view", "SELECT 1;\n")
    project.table(A, "one", "-- drydock: requires view\n")
    assert "an id has 14 digits" in project("status", code=2).stderr


# -- the history of an earlier version ----------------------------------------------------------------


@pytest.mark.sanitized
def test_an_earlier_history_is_brought_up_to_date(project):
    project.table(A, "one")
    project("migrate")
    row = project.database.query("SELECT id, name, sha256, canonical_sha256, run, duration_ms, version "
                                 "FROM drydock.migrations")[0]
    project.database.query("DROP SCHEMA drydock CASCADE")
    with project.database.session(beds.OWNER) as connection, connection.cursor() as cursor:
        cursor.execute(FIRST_HISTORY)
        cursor.execute("INSERT INTO drydock.migrations (id, name, sha256, canonical_sha256, run, duration_ms, version) "
                       "VALUES (%s, %s, %s, %s, %s, %s, %s)", row)
    # Looking changes nothing.
    assert project.states() == {A: "applied"}
    assert not project.exists("drydock.repeatables")
    project.table(B, "two")
    project.repeat("view", VIEW.format("view_of_one", 1, "one"))
    project("migrate")
    assert project.applied() == [A, B]
    assert project.database.query("SELECT id, out_of_order FROM drydock.migrations ORDER BY id") == [
        (A, False), (B, False)]
    assert project.states() == {A: "applied", B: "applied", "view": "applied"}


def test_an_earlier_history_can_be_undone(project):
    project.table(A, "one")
    project("migrate")
    project.database.query("DROP TABLE drydock.repeatables, drydock.changes; "
                           "ALTER TABLE drydock.migrations DROP COLUMN out_of_order")
    project("undo")
    assert project.applied() == []


# -- runs -------------------------------------------------------------------------------------------


@pytest.mark.sanitized
def test_runs(project, drydock):
    assert drydock("runs").stdout == "no runs\n"
    project.table(A, "one")
    done = project.run("--json").json()
    project.write(B, "two", "SELECT 1 / 0;\n")
    # The migration fails first, and the snapshot beside it is given up.
    failed = project.run("--json", code=7, env={"DRYDOCK_FAILPOINT": "snapshot.rows=sleep:1500"}).json()
    assert failed["snapshot"] is None and done["snapshot"]["folder"] == str(Path(done["folder"]) / "snapshot")
    runs = drydock("runs", "--json").json()["runs"]
    assert [(each["run"], each["exit_code"], each["finished"]) for each in runs] == [
        (failed["run"], 7, True), (done["run"], 0, True)]
    assert all(each["database"] == "commands" and each["command"] == "run" and each["duration_ms"] >= 0
               and Path(each["report"]).exists() for each in runs)
    assert runs[0]["snapshot"] is None and Path(runs[1]["snapshot"]).is_dir()
    text = drydock("runs").stdout
    assert [re.split(" {2,}", line.strip())[-1] for line in text.splitlines()[1:3]] == ["no", "yes"]
    assert text.index(failed["run"]) < text.index(done["run"]) and failed["result"] in text
    assert drydock("runs", done["run"]).stdout.startswith(done["result"])
    assert "none: the run failed before it was complete" in drydock("runs", failed["run"]).stdout
    assert "before it was complete" not in drydock("runs", done["run"]).stdout
    assert drydock("runs", failed["run"], "--json").json()["exit_code"] == 7
    assert "several runs" in drydock("runs", done["run"][:2]).stderr
    assert drydock("runs", "1999").code == 2
    assert drydock("runs", "..").code == 2
    # One that did not come to its end, and one whose files are broken.
    (Path(failed["folder"]) / "report.json").unlink()
    (Path(done["folder"]) / "report.json").write_text("{", encoding="utf-8")
    runs = drydock("runs", "--json").json()["runs"]
    assert not runs[0]["finished"] and "recover" in runs[0]["result"] and runs[0]["exit_code"] is None
    assert runs[1]["problem"]
    assert "not finished" in drydock("runs", failed["run"]).stdout
