"""A whole maintenance window on the test bed: it does what it says, or it is as if nothing had been."""

import json
import shutil

import pytest

import bed as beds

POLICY = beds.REPOSITORY / "policies" / "development.yaml"

pytestmark = [pytest.mark.sanitized, pytest.mark.skipif(not POLICY.exists(), reason="there are no policies yet")]


@pytest.fixture
def run(bed, drydock):
    if not drydock.can("run"):
        pytest.skip("drydock cannot run yet")

    def start(database, migrations=beds.MIGRATIONS):
        return drydock("run", "--policy", POLICY, "--migrations", migrations, "--yes", dsn=database.dsn())
    return start


def test_succeeds_with_clients_writing(run, white_cross, start_clients):
    database = white_cross()
    before = database.properties()
    clients = start_clients(database)
    clients.wait_for_writes()
    done = run(database)
    assert done.code == 0, str(done)
    clients.wait_for_writes()
    clients.stop()
    clients.check()
    assert database.properties() == before
    wanted = json.loads((beds.DATA / "catalog" / f"{beds.migration_ids()[-1]}.json").read_text(encoding="utf-8"))
    assert database.catalog() == wanted


def test_fails_and_puts_back(run, white_cross, start_clients, tmp_path):
    """A migration fails after others have been applied: everything is as it was."""
    migrations = tmp_path / "migrations"
    shutil.copytree(beds.MIGRATIONS, migrations)
    (migrations / "20260101000000-fails.up.sql").write_text(
        "-- drydock: requires 20251103204744\n-- drydock: writes students(grade)\n"
        "UPDATE students SET grade = '?';\nSELECT 1 / 0;\n", encoding="utf-8")
    (migrations / "20260101000000-fails.down.sql").write_text("SELECT 1;\n", encoding="utf-8")
    database = white_cross()
    content, schema, properties = database.content(), database.schema(), database.properties()
    done = run(database, migrations)
    assert done.code == 7, str(done)
    assert database.content() == content
    assert database.schema() == schema
    assert database.properties() == properties
    clients = start_clients(database)
    clients.wait_for_writes()
