"""Fixtures of the integration tests: a server for the session, databases for each test."""

import os
import signal
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(__file__))

import bed as beds  # noqa: E402
import buckets  # noqa: E402
import clients  # noqa: E402
import cluster as clusters  # noqa: E402
import maintenance  # noqa: E402
import program as programs  # noqa: E402
import radosgw  # noqa: E402


def pytest_configure(config):
    # Without this a TERM would end us before the finalizers have stopped the server.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", returncode=143))
    # libpq reads these in every process; no test may depend on whoever runs it.
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def cluster():
    """The server, with the roles of White Cross."""
    server = clusters.Cluster()
    try:
        server.start()
        beds.create_roles(server)
        yield server
    finally:
        server.destroy()


@pytest.fixture(scope="session")
def _program():
    program = programs.Drydock()
    yield program
    program.close()


@pytest.fixture(scope="session")
def _bed(cluster, _program):
    return beds.Bed(cluster, _program)


@pytest.fixture
def drydock(_program):
    """The program under test with an empty state folder."""
    assert _program.exists(), f"{_program.binary} has not been built"
    _program.fresh_state()
    return _program


@pytest.fixture
def bed(_bed):
    """Makes databases; whatever a test leaves on the server goes after it."""
    if not _bed.cluster.running():
        _bed.cluster.start()
    yield _bed
    if not _bed.cluster.running():
        _bed.cluster.start()
    _bed.clear()


@pytest.fixture
def white_cross(bed):
    """white_cross(name="white_cross", applied=5, students=300) makes a White Cross database."""
    return bed.white_cross


@pytest.fixture
def start_clients(cluster):
    """start_clients(database, count=4) starts clients that write until the test ends or stops them."""
    started = []

    def start(database, **options):
        started.append(clients.Clients(cluster, str(database), **options).start())
        return started[-1]

    yield start
    for each in started:
        each.stop()

@pytest.fixture
def project(tmp_path, _program):
    """The eight migrations, a policy and a state folder, in a folder of the test's own."""
    return maintenance.Project(tmp_path / "project", _program)


@pytest.fixture
def watch(bed):
    """watch(database) lets wc_monitor look in from time to time until the test ends."""
    started = []

    def start(database):
        started.append(maintenance.Monitor(database).start())
        return database

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def live(white_cross, watch):
    """A White Cross database in service: five migrations are applied, wc_monitor looks in from time to time."""
    return watch(white_cross(students=50))


@pytest.fixture(scope="session")
def rgw():
    """An object store that speaks S3."""
    server = radosgw.Radosgw()
    try:
        yield server.start()
    finally:
        server.destroy()


@pytest.fixture
def bucket(rgw):
    """A bucket of the test's own."""
    return buckets.Bucket(rgw)
