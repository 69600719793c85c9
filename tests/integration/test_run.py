"""Whole windows with clients that reconnect and write all the time: nothing acknowledged is lost or doubled."""

import json

import pytest

import bed as beds
import maintenance

IDS = beds.migration_ids()
LAST_CATALOG = beds.DATA / "catalog" / f"{IDS[-1] if IDS else ''}.json"

pytestmark = pytest.mark.sanitized


@pytest.fixture
def clients(live, start_clients):
    """Clients of the live database that have been writing for a while."""
    started = start_clients(live)
    started.wait_for_writes()
    return started


def tokens(database):
    return {token for token, in database.query("SELECT token::text FROM clients.tokens")}


def test_succeeds(live, project, clients):
    properties = live.properties()
    done = project.run(live)
    assert done.code == 0, str(done)
    clients.wait_for_writes()
    clients.stop()
    clients.check()
    assert clients.refused() > 0, "the clients have not noticed that the database was out of service"
    assert live.properties() == properties
    catalog = json.loads(LAST_CATALOG.read_text(encoding="utf-8"))
    assert live.catalog() == catalog
    # What was acknowledged before is in the copy from before, and nothing of what came after.
    kept = maintenance.copies(live)["before"]
    with live.cluster.opened(kept):
        before = tokens(beds.Database(live.cluster, kept))
    assert before < tokens(live)


@pytest.mark.parametrize("sql", ["SELECT 1 / 0;", "INSERT INTO clients.tokens VALUES (gen_random_uuid());"],
                         ids=["an error", "a change that is not declared"])
def test_is_put_back(live, project, clients, sql):
    schema, properties = live.schema(), live.properties()
    project.add("test", sql)
    done = project.run(live)
    assert done.code == 7, str(done)
    clients.wait_for_writes()
    clients.stop()
    clients.check()
    assert (live.schema(), live.properties()) == (schema, properties)
    maintenance.check_closed(live.cluster, maintenance.copies(live)["failed"])
    maintenance.check_nothing_left(live.cluster)


def test_fails_and_succeeds_in_turn(live, project, clients):
    """The life of a release that needs more than one attempt."""
    for _ in range(2):
        wrong = project.add("test", "SELECT 1 / 0;")
        assert project.run(live).code == 7
        clients.wait_for_writes()
        project.remove(wrong)
    assert project.run(live).code == 0
    clients.wait_for_writes()
    clients.stop()
    clients.check()


def test_transactions_may_end_first(live, project):
    """Those that are open when the drain begins have its time to commit."""
    live.query("CREATE TABLE answers (x int); GRANT INSERT ON answers TO wc_app", user=beds.OWNER)
    with live.session("wc_app") as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN; INSERT INTO answers VALUES (1)")
        project.policy(drain="100s")
        with project.started(live) as run:
            run.wait_for_drain()
            cursor.execute("COMMIT")
            done = run.done()
    assert done.code == 0, str(done)
    assert live.value("SELECT count(*) FROM answers") == 1


@pytest.fixture
def busy_autovacuum(cluster):
    """The server looks for something to vacuum every second."""
    cluster.query("ALTER SYSTEM SET autovacuum_naptime = 1")
    cluster.query("SELECT pg_reload_conf()")
    yield
    cluster.query("ALTER SYSTEM RESET autovacuum_naptime")
    cluster.query("SELECT pg_reload_conf()")


def test_autovacuum_is_in_nobody_s_way(live, project, busy_autovacuum):
    """Its workers are no sessions that somebody would have to end: a plain role could not."""
    live.query("CREATE TABLE vacuumed (x int) WITH (autovacuum_vacuum_threshold = 0,"
               " autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_limit = 1,"
               " autovacuum_vacuum_cost_delay = 100);"
               " INSERT INTO vacuumed SELECT generate_series(1, 50000);"
               " DELETE FROM vacuumed WHERE x % 2 = 0", user=beds.OWNER)
    maintenance.wait_until(lambda: live.cluster.query(
        "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'autovacuum worker' AND query LIKE '%vacuumed%'"))
    done = project.run(live)
    assert done.code == 0, str(done)


def test_transactions_that_do_not_end_are_ended(live, project):
    """After the drain; what they have not committed is gone, as after any lost connection."""
    live.query("CREATE TABLE answers (x int); GRANT INSERT ON answers TO wc_app", user=beds.OWNER)
    project.policy(drain="100ms")
    with live.session("wc_app") as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN; INSERT INTO answers VALUES (1)")
        done = project.run(live)
    assert done.code == 0, str(done)
    assert live.value("SELECT count(*) FROM answers") == 0
