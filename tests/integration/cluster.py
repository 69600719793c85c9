"""A PostgreSQL server of our own: in a temporary folder, reachable through a Unix socket in it, gone afterwards.

The server is a direct child that dies with us, however we die; the folder goes in destroy(), which also runs at exit. It is
in DRYDOCK_TEST_SERVERS, if that is set: thousands of databases are made and dropped, which is quicker in memory.
As root the server runs as an unprivileged account, because initdb refuses root.
"""

import atexit
import contextlib
import ctypes
import glob
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg2
import psycopg2.extensions

SUPERUSER = "postgres"
PORT = 5432

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "fsync": "off",
    "max_connections": "60",
    "wal_level": "logical",
    "max_prepared_transactions": "10",
    "max_wal_senders": "5",
    "logging_collector": "off",
    "shared_buffers": "64MB",
    # Files in the data folder, so that a server that is killed leaves nothing in /dev/shm.
    "dynamic_shared_memory_type": "mmap",
}


def bin_folder():
    """Where PostgreSQL's programs are: DRYDOCK_PG_BIN, or the newest that Debian has installed."""
    chosen = os.environ.get("DRYDOCK_PG_BIN")
    if chosen:
        return Path(chosen)
    found = glob.glob("/usr/lib/postgresql/*/bin")
    if not found:
        raise RuntimeError("no PostgreSQL in /usr/lib/postgresql; set DRYDOCK_PG_BIN")
    return Path(max(found, key=lambda path: [int(n) for n in re.findall(r"\d+", path)]))


def program(name):
    return str(bin_folder() / name)


def server_account():
    """The account the server runs as: None is our own."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("root needs an account 'postgres' or 'nobody' to run a server as")


def servers_folder():
    """Where servers are made. The path of a Unix socket has room for 107 bytes only."""
    chosen = os.environ.get("DRYDOCK_TEST_SERVERS") or tempfile.gettempdir()
    return chosen if len(chosen) < 60 else "/tmp"


def quote(name):
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def clean_environment():
    """Our environment without what libpq, a store or a test's own settings would read from it."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PG", "AWS_")) and k != "DRYDOCK_FAILPOINT"}


_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG


class Cluster:
    """A server. start(), stop() and restart() as often as wanted; destroy() once."""

    def __init__(self, settings=None):
        self.settings = {**SETTINGS, **(settings or {})}
        self.account = server_account()
        self.standbys = []
        self.process = None
        self.strategy = None
        self.folder = Path(tempfile.mkdtemp(prefix="drydock-pg-", dir=servers_folder()))
        atexit.register(self.destroy)
        if self.account:
            os.chown(self.folder, self.account.pw_uid, self.account.pw_gid)
        # Clients of every account must be able to reach the socket; the data folder is closed by initdb.
        os.chmod(self.folder, 0o755)
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self._create()

    def _create(self):
        self.run("initdb", "-D", self.data, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8",
                 "--locale=C.UTF-8", "--no-sync")
        (self.data / "pg_hba.conf").write_text(
            "local all all trust\nlocal replication all trust\n", encoding="ascii")

    # -- processes ------------------------------------------------------------------------------

    def _as_account(self):
        if not self.account:
            return {}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}

    def run(self, name, *arguments):
        """Runs one of PostgreSQL's programs as the server's account; returns what it printed."""
        done = subprocess.run([program(name), *map(str, arguments)], cwd=self.folder, text=True,
                              env=clean_environment(), capture_output=True, check=False, **self._as_account())
        if done.returncode != 0:
            raise RuntimeError(f"{name} failed with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def start(self, timeout=60):
        options = [f"-c{name}={value}" for name, value in self.settings.items()]
        command = [program("postgres"), "-D", str(self.data), "-k", str(self.folder), *options]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=clean_environment(), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, preexec_fn=_die_with_parent, start_new_session=True, **self._as_account())
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.connect().close()
                return self
            except psycopg2.OperationalError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the server did not start: {error}\n{self.log_tail()}") from error
            time.sleep(0.02)

    def stop(self, mode="fast", timeout=60):
        """mode: smart, fast, immediate (no shutdown checkpoint), or kill (SIGKILL, of the postmaster alone)."""
        if self.process is None:
            return
        self.process.send_signal({"smart": signal.SIGTERM, "fast": signal.SIGINT,
                                  "immediate": signal.SIGQUIT, "kill": signal.SIGKILL}[mode])
        self.process.wait(timeout)
        self.process = None

    def restart(self, mode="fast"):
        self.stop(mode)
        return self.start()

    def running(self):
        return self.process is not None and self.process.poll() is None

    def destroy(self):
        """Ends the server and its standbys, and removes the folder. May be called again."""
        for standby in self.standbys:
            standby.destroy()
        self.standbys = []
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.stop("fast", timeout=10)
        if self.process is not None:
            self.stop("immediate")
        self._remove_shared_memory()
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.destroy)

    def _remove_shared_memory(self):
        """A postmaster that was killed leaves its System V segment; line 7 of its pid file names it."""
        with contextlib.suppress(OSError, IndexError, ValueError):
            lines = (self.data / "postmaster.pid").read_text(encoding="ascii").splitlines()
            segment = int(lines[6].split()[1])
            subprocess.run(["ipcrm", "-m", str(segment)], check=False, capture_output=True)

    def log_tail(self, lines=30):
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    # -- connections ----------------------------------------------------------------------------

    def dsn(self, database="postgres", user=SUPERUSER):
        """A conninfo string."""
        return psycopg2.extensions.make_dsn(host=str(self.folder), port=PORT, dbname=database, user=user)

    @contextlib.contextmanager
    def session(self, database="postgres", user=SUPERUSER):
        """A connection in autocommit that is closed at the end of the with."""
        connection = self.connect(database, user)
        try:
            yield connection
        finally:
            connection.close()

    def connect(self, database="postgres", user=SUPERUSER, autocommit=True):
        connection = psycopg2.connect(self.dsn(database, user), connect_timeout=10,
                                      application_name="drydock tests")
        connection.autocommit = autocommit
        return connection

    def query(self, sql, arguments=None, database="postgres", user=SUPERUSER):
        """Runs one command in a connection of its own; returns its rows, or [] where it has none."""
        with self.session(database, user) as connection, connection.cursor() as cursor:
            cursor.execute(sql, arguments)
            return cursor.fetchall() if cursor.description else []

    def value(self, sql, arguments=None, database="postgres", user=SUPERUSER):
        """The first column of the first row, None if there is no row."""
        rows = self.query(sql, arguments, database, user)
        return rows[0][0] if rows else None

    def create_database(self, name, owner=SUPERUSER, template="template0"):
        """Copies files, where nothing is synced the quickest way, instead of logging each page (the default since 15)."""
        if self.strategy is None:
            is_old = int(self.value("SHOW server_version_num")) < 150000
            self.strategy = "" if is_old else "STRATEGY file_copy"
        self.query(f"CREATE DATABASE {quote(name)} OWNER {quote(owner)} TEMPLATE {quote(template)} {self.strategy}")

    @contextlib.contextmanager
    def opened(self, database):
        """Lets connections into a closed database for the length of the with, then closes it again."""
        name = quote(database)
        was_open = self.value("SELECT datallowconn FROM pg_database WHERE datname = %s", (database,))
        if not was_open:
            self.query(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        try:
            yield
        finally:
            if not was_open:
                self.query(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")

    # -- standbys -------------------------------------------------------------------------------

    def standby(self):
        """A started hot standby that follows this server; destroyed with it, or by its own destroy()."""
        standby = Standby(self)
        self.standbys.append(standby)
        return standby.start()


class Standby(Cluster):
    """A streaming standby of another cluster, made by pg_basebackup."""

    def __init__(self, primary):
        self.primary = primary
        super().__init__(primary.settings)

    def _create(self):
        self.run("pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "--no-sync",
                 "-d", self.primary.dsn())

    def caught_up(self, timeout=30):
        """Waits until everything the primary has written so far is replayed here."""
        target = self.primary.value("SELECT pg_current_wal_lsn()")
        deadline = time.monotonic() + timeout
        while not self.value("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", (target,)):
            if time.monotonic() > deadline:
                raise AssertionError("the standby does not catch up")
            time.sleep(0.02)
