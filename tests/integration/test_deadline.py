"""The clock is obeyed, on the server: what cannot be done before the window ends is not begun, and what is under way is stopped
and put back before it ends."""

import json
import os
import signal
from datetime import datetime, timedelta, timezone

import pytest

import bed as beds
import maintenance
from cluster import SUPERUSER
from program import inner, kill_both

SWALLOW = """
DO $$
BEGIN
    LOOP
        BEGIN
            PERFORM pg_sleep(1000);
        EXCEPTION WHEN query_canceled THEN
            NULL;
        END;
    END LOOP;
END
$$;"""

# The rows wait on the server: a trigger holds the first.
STALLED_COPY = """
CREATE TABLE arrivals (x int);
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1000); RETURN NEW; END $$;
CREATE TRIGGER hold BEFORE INSERT ON arrivals FOR EACH ROW EXECUTE FUNCTION hold();
COPY arrivals FROM stdin;
1
\\.
"""


class Window:
    """A window that ends so many seconds from now. Of them eight are for the way back, one is margin."""

    def __init__(self, seconds):
        self.end = (datetime.now(timezone.utc) + timedelta(seconds=seconds + 1)).replace(microsecond=0)
        self.option = ["--window-end", self.end.strftime("%Y-%m-%dT%H:%M:%SZ")]

    def check(self, project):
        """Everything was over before it ended, and in service again."""
        assert datetime.now(timezone.utc) < self.end
        report = json.loads((project.runs()[-1] / "report.json").read_text(encoding="utf-8"))
        assert maintenance.utc(report["ended"]) < self.end
        return report


@pytest.mark.parametrize("sql", [SWALLOW, STALLED_COPY], ids=["swallows the cancel", "stalled COPY"])
def test_a_statement_that_would_outlast_the_window(live, project, sql):
    """It is ended, and the database is back, before the window ends."""
    project.add("test", sql)
    before = maintenance.as_in_service(live)
    window = Window(15)
    done = project.run(live, *window.option)
    window.check(project)
    maintenance.check_put_back(done, live, before)


def stopped_by_the_server(run, words):
    """The client is stopped; the server ends the statement by itself. While it is still stopped."""
    active = ("SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
              f" AND query LIKE '%{words}%'")
    run.wait_for(active)
    os.kill(run.wait_until(lambda: inner(run.process)), signal.SIGSTOP)
    run.wait_until(lambda: run.database.cluster.query(active) == [])


def test_the_server_ends_the_statements_of_the_proof(live, project):
    """Not only those of migrations: nobody is left to cancel them."""
    project.policy(assertions="SELECT 1 FROM pg_sleep(1000);")
    before = maintenance.as_in_service(live)
    window = Window(16)
    with project.started(live, *window.option) as run:
        stopped_by_the_server(run, "pg_sleep(1000)")
        run.signal(signal.SIGCONT)
        done = run.done()
    window.check(project)
    maintenance.check_put_back(done, live, before)


def test_the_client_dies_meanwhile(live, project):
    """The server ends the statement, and recover puts the database back."""
    project.add("test", SWALLOW.replace("pg_sleep(1000)", "pg_sleep(0.1)"))
    before = maintenance.as_in_service(live)
    window = Window(15)
    with project.started(live, *window.option) as run:
        run.wait_for_statement("pg_sleep(0.1)")
        kill_both(run.process)
    done = project.drydock("recover", "--policy", project.folder / "policy.yaml", "--state", project.state,
                           "--yes", dsn=live.dsn(beds.OWNER))
    window.check(project)
    maintenance.check_put_back(done, live, before)


def test_publishing_ends_in_time(live, project):
    """A store that is slow does not outlast the window."""
    project.policy(before="migrate")
    before = maintenance.as_in_service(live)
    window = Window(14)
    done = project.drydock(*project.arguments(*window.option), dsn=live.dsn(beds.OWNER),
                           env={"DRYDOCK_FAILPOINT": "publish.put.intent=sleep:6000"})
    assert done.code == 6, str(done)
    assert "not enough of the window is left for the backup" in done.last_line and "'white_cross' was not changed" in done.last_line
    window.check(project)
    assert maintenance.as_in_service(live) == before
    maintenance.check_nothing_left(live.cluster)


# -- estimates --------------------------------------------------------------------------------------


def plan(project, live, *more):
    done = project.drydock("plan", "--policy", project.folder / "policy.yaml", "--state", project.state, "--json", *more,
                           dsn=live.dsn(beds.OWNER))
    assert done.code == 0, str(done)
    return done.json()


def test_estimates_by_size(live, project):
    """Of each migration, by the tables that its statements name; where nothing was measured."""
    live.query("ANALYZE")
    small = project.add("small", "CREATE TABLE new_one (x int);")
    large = project.add("large", "DO $$ BEGIN UPDATE students SET grade = grade; END $$; UPDATE students SET grade = grade;")
    estimates = plan(project, live)["estimates"]
    assert {step: estimates[step]["source"] for step in estimates if step != "each"} == {
        step: "size" for step in ("clone", "snapshot", "publish", "migrations", "verify", "restore")}
    assert estimates["each"][small]["ms"] == 0
    pages = live.value("SELECT sum(relpages) * 8192 FROM pg_class WHERE oid = 'students'::regclass OR oid IN"
                       " (SELECT indexrelid FROM pg_index WHERE indrelid = 'students'::regclass) OR oid ="
                       " (SELECT reltoastrelid FROM pg_class WHERE oid = 'students'::regclass)")
    assert estimates["each"][large]["ms"] == pytest.approx(2 * int(pages) / 50_000, abs=1)
    assert estimates["migrations"]["ms"] == sum(each["ms"] for each in estimates["each"].values())


def test_estimates_of_a_rehearsal(live, project):
    """What a rehearsal has measured, scaled; not of a migration whose text is another one now."""
    project.drydock("snapshot", "--out", project.folder / "snapshot", dsn=live.dsn(SUPERUSER))
    changed = project.add("changed", "SELECT 1;")
    done = project.drydock("rehearse", "--from", project.folder / "snapshot", "--state", project.state, "--policy",
                           project.folder / "policy.yaml", dsn=live.dsn(SUPERUSER))
    assert done.code == 0, str(done)
    path = project.runs()[0] / "report.json"
    report = json.loads(path.read_text(encoding="utf-8"))
    report["size_bytes"] = live.cluster.value("SELECT pg_database_size(%s) / 2", (live.name,))
    for each in report["migrations"] + report["phases"]:
        each["duration_ms"] = 60_000
    path.write_text(json.dumps(report), encoding="utf-8")
    project.remove(changed)
    project.add("changed", "SELECT 2;")
    planned = plan(project, live)
    source = f"rehearse {project.runs()[0].name}"
    estimates = planned["estimates"]
    for estimate in [estimates["verify"], estimates["restore"], *(estimates["each"][one] for one in beds.migration_ids()[5:])]:
        assert estimate["source"] == source and estimate["ms"] == pytest.approx(120_000, rel=0.01)
    assert estimates["each"][changed] == {"ms": 0, "source": "size"}
    assert estimates["migrations"] == {"ms": pytest.approx(360_000, rel=0.01), "source": "size"}
    # Eight minutes for all of it are too few, and nothing was done to find that out.
    before = maintenance.as_in_service(live)
    done = project.run(live, *Window(480).option)
    assert done.code == 6, str(done)
    assert "not enough of the window is left for the run" in done.last_line and "the step may take 8 min" in done.last_line
    assert maintenance.as_in_service(live) == before and len(project.runs()) == 1


def test_the_plan_says_when_to_begin(live, project):
    """Estimates, way back and margin before the end of the window."""
    window = Window(3600)
    planned = plan(project, live, *window.option)
    left = window.end - datetime.strptime(planned["latest_start"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    assert left.total_seconds() == pytest.approx((planned["whole_ms"] + planned["way_back_ms"]) / 1000 + 1, abs=0.1)
    assert planned["way_back_ms"] >= 5000


def test_the_way_back_of_a_run_without_a_clone(live, project):
    """The snapshot must be restored for it, which takes its time; the run reckons with that."""
    project.in_place(clone=False, accept=["owners"])
    planned = plan(project, live)
    assert "clone" not in planned["estimates"]
    restore = planned["estimates"]["restore"]["ms"]
    assert restore >= 1000 and planned["way_back_ms"] == pytest.approx(8000 + restore, abs=1)
    done = project.run(live, *Window(8).option)
    assert done.code == 6 and "not enough of the window is left for the run" in done.last_line, str(done)
