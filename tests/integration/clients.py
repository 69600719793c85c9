"""Clients that write all the time, as an application does, and know what the server has promised them."""

import threading
import time
import uuid
from dataclasses import dataclass, field

import psycopg2

TABLE = "clients.tokens"


@dataclass
class Ledger:
    """One client's memory: tokens acknowledged, tokens sent without an answer, and refused attempts to connect."""
    acknowledged: list = field(default_factory=list)
    unknown: list = field(default_factory=list)
    refused: int = 0
    unexpected: list = field(default_factory=list)


class Clients:
    """Threads that connect, write a token, commit and disconnect, until stop(). Disconnects do not stop them.

        with Clients(cluster, "white_cross", count=4) as clients:
            ...
        clients.check("white_cross")
    """

    def __init__(self, cluster, database, count=4, user="wc_app", writes_per_session=3, pause=0.01):
        self.cluster = cluster
        self.database = database
        self.user = user
        self.writes_per_session = writes_per_session
        self.pause = pause
        self.ledgers = [Ledger() for _ in range(count)]
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._write, args=(ledger,), daemon=True)
                        for ledger in self.ledgers]
        prepare(cluster, database, user)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive(), "a client hangs"

    def wait_for_writes(self, more=10, timeout=30):
        """Waits until that many further tokens are acknowledged: the database is in service."""
        wanted = len(self.acknowledged()) + more
        deadline = time.monotonic() + timeout
        while len(self.acknowledged()) < wanted:
            assert time.monotonic() < deadline, "the clients cannot write"
            time.sleep(0.01)

    def acknowledged(self):
        return [token for ledger in self.ledgers for token in list(ledger.acknowledged)]

    def unknown(self):
        return [token for ledger in self.ledgers for token in list(ledger.unknown)]

    def refused(self):
        return sum(ledger.refused for ledger in self.ledgers)

    def _write(self, ledger):
        while not self.stopping.is_set():
            try:
                connection = psycopg2.connect(self.cluster.dsn(self.database, self.user), connect_timeout=5,
                                              application_name="white cross")
            except psycopg2.OperationalError:
                ledger.refused += 1
                time.sleep(self.pause)
                continue
            connection.autocommit = True
            try:
                with connection.cursor() as cursor:
                    for _ in range(self.writes_per_session):
                        self._write_one(cursor, ledger)
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                pass  # the token is in the ledger
            except psycopg2.Error as error:
                ledger.unexpected.append(repr(error))
                self.stopping.wait(self.pause)
            finally:
                connection.close()
            time.sleep(self.pause)

    @staticmethod
    def _write_one(cursor, ledger):
        token = str(uuid.uuid4())
        # Unknown until the server has answered: a session that ends meanwhile may have committed.
        ledger.unknown.append(token)
        cursor.execute(f"INSERT INTO {TABLE} (token) VALUES (%s)", (token,))
        ledger.acknowledged.append(token)
        ledger.unknown.remove(token)

    def check(self, database=None):
        """Asserts that nothing acknowledged is lost, nothing is there twice, and nothing else is there."""
        rows = self.cluster.query(f"SELECT token::text, count(*) FROM {TABLE} GROUP BY 1",
                                  database=database or self.database)
        found = dict(rows)
        acknowledged, unknown = set(self.acknowledged()), set(self.unknown())
        assert acknowledged, "the clients wrote nothing at all"
        assert not (lost := acknowledged - found.keys()), f"{len(lost)} acknowledged writes are lost"
        assert not (doubled := [t for t, n in rows if n > 1]), f"{len(doubled)} writes are there twice"
        assert not (strange := found.keys() - acknowledged - unknown), f"{len(strange)} rows are of nobody"
        problems = [problem for ledger in self.ledgers for problem in ledger.unexpected]
        assert not problems, f"a client met an unexpected error: {problems[0]}"


def prepare(cluster, database, user):
    """Makes the clients' table, without a unique key, so that a doubled write would be seen."""
    cluster.query(f"CREATE SCHEMA IF NOT EXISTS clients AUTHORIZATION wc_owner; SET ROLE wc_owner;"
                  f" CREATE TABLE IF NOT EXISTS {TABLE} (token uuid NOT NULL, at timestamptz NOT NULL DEFAULT now());"
                  f" GRANT USAGE ON SCHEMA clients TO {user};"
                  f" GRANT SELECT, INSERT ON {TABLE} TO {user}", database=database)
