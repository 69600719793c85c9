"""Migrations: drydock against psql, dbmate and sequelize-cli, on the same server, in the same run, taking turns.

    tests/bench/run.sh migrate [--rounds N] [--many N]

Prints medians and ratios; nothing fails because a machine is slow.
"""

import argparse
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from measure import DRYDOCK, REPOSITORY, Cluster, clean_environment, in_turns, program, timed

HISTORY = "CREATE TABLE IF NOT EXISTS psql_history (id text PRIMARY KEY, applied_at timestamptz DEFAULT now());\n"


class Runner:
    """One way to apply a folder of migrations to a database."""

    def __init__(self, name, prepare, apply, status=None):
        self.name, self.prepare, self.apply, self.status = name, prepare, apply, status


def psql_script(folder, path):
    """What a careful person would feed to one psql: each migration, its checks and its history row in a transaction."""
    parts = [HISTORY]
    for up in sorted(folder.glob("*.up.sql")):
        verify = up.with_name(up.name.replace(".up.sql", ".verify.sql"))
        check = f"\\i {verify}\n" if verify.exists() else ""
        parts.append(f"BEGIN;\n\\i {up}\n{check}INSERT INTO psql_history (id) VALUES ('{up.name[:14]}');\nCOMMIT;\n")
    path.write_text("".join(parts), encoding="utf-8")


def dbmate_folder(folder, target):
    target.mkdir()
    for up in sorted(folder.glob("*.up.sql")):
        name = up.name.removesuffix(".up.sql").replace("-", "_", 1)
        (target / f"{name}.sql").write_text("-- migrate:up\n" + up.read_text(encoding="utf-8") + "\n-- migrate:down\n",
                                            encoding="utf-8")


def sequelize_folder(folder, target, cluster, database):
    (target / "migrations").mkdir(parents=True)
    for up in sorted(folder.glob("*.up.sql")):
        (target / "migrations" / (up.name.removesuffix(".up.sql") + ".js")).write_text(
            "const fs = require('fs');\nmodule.exports = {\n"
            f"  up: (q) => q.sequelize.transaction((transaction) => q.sequelize.query("
            f"fs.readFileSync({str(up)!r}, 'utf8'), {{ transaction }})),\n  down: async () => {{}},\n}};\n",
            encoding="utf-8")
    (target / "config").mkdir()
    (target / "config" / "config.js").write_text(
        "module.exports = { development: { username: 'postgres', database: %r, host: %r, port: 5432, "
        "dialect: 'postgres', logging: false } };\n" % (database, str(cluster.folder)), encoding="utf-8")


def make_runners(cluster, folder, scratch, tools):
    database = "bench"
    dsn = cluster.dsn(database, "postgres")
    script = scratch / "all.sql"
    psql_script(folder, script)
    psql = (program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn)
    drydock_env = clean_environment() | {"DRYDOCK_DSN": dsn, "DRYDOCK_MIGRATIONS": str(folder)}
    runners = [
        Runner("drydock", None, lambda: timed(DRYDOCK, "migrate", "-q", env=drydock_env),
               lambda: timed(DRYDOCK, "status", env=drydock_env)),
        Runner("psql, one process", None, lambda: timed(*psql, "-f", script),
               lambda: timed(*psql, "-c", "TABLE psql_history")),
    ]
    if tools is None:
        return runners
    dbmate_folder(folder, scratch / "dbmate")
    url = f"postgres://postgres@:5432/{database}?socket={cluster.folder}"
    dbmate = (tools / "dbmate", "--url", url, "--migrations-dir", scratch / "dbmate", "--no-dump-schema")
    runners.append(Runner("dbmate", None, lambda: timed(*dbmate, "migrate"), lambda: timed(*dbmate, "status")))
    sequelize = scratch / "sequelize"
    sequelize_folder(folder, sequelize, cluster, database)
    (sequelize / "node_modules").symlink_to(tools.parent)
    runners.append(Runner("sequelize-cli", None,
                          lambda: timed(tools / "sequelize-cli", "db:migrate", cwd=sequelize),
                          lambda: timed(tools / "sequelize-cli", "db:migrate:status", cwd=sequelize)))
    return runners


def fresh_database(cluster):
    connection = cluster.connect("postgres")
    with connection.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
        cursor.execute("CREATE DATABASE bench TEMPLATE template0")
        cursor.execute("CHECKPOINT")
    connection.close()


def small_migrations(folder, count):
    folder.mkdir()
    for n in range(count):
        path = folder / f"20250101{n:06d}-small-{n}.up.sql"
        path.write_text(f"CREATE TABLE small_{n} (id bigint PRIMARY KEY, note text NOT NULL DEFAULT '');\n",
                        encoding="utf-8")


def measure(title, cluster, folder, rounds, scratch, tools):
    runners = make_runners(cluster, folder, scratch, tools)
    applied = {runner.name: [] for runner in runners}
    looked = {runner.name: [] for runner in runners}
    for runner in in_turns(runners, rounds):
        fresh_database(cluster)
        applied[runner.name].append(runner.apply())
        looked[runner.name].append(min(runner.status() for _ in range(3)))
    show(title, applied)
    show(f"{title}: status afterwards", looked)


def show(title, times):
    base = statistics.median(times["psql, one process"])
    print(f"\n{title}\n  {'':20}{'median':>12}{'to psql':>10}")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"  {name:20}{median * 1000:>9.0f} ms{median / base:>10.2f}")


def install_tools(scratch):
    """The alternatives from npm, in a folder of their own; None if they are not to be had."""
    if shutil.which("npm") is None:
        return None
    folder = scratch / "tools"
    folder.mkdir()
    done = subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "dbmate", "sequelize",
                           "sequelize-cli", "pg"], cwd=folder, check=False, capture_output=True)
    return folder / "node_modules" / ".bin" if done.returncode == 0 else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--many", type=int, default=1000)
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="drydock-bench-"))
    cluster = Cluster()
    try:
        cluster.start()
        tools = install_tools(scratch)
        if tools is None:
            print("dbmate and sequelize-cli are not to be had from npm here: psql alone is compared")
        (scratch / "eight").mkdir()
        measure("The eight migrations of White Cross, on an empty database", cluster, REPOSITORY / "migrations",
                options.rounds, scratch / "eight", tools)
        small_migrations(scratch / "small", options.many)
        (scratch / "many").mkdir()
        measure(f"{options.many} small migrations", cluster, scratch / "small", max(3, options.rounds // 2),
                scratch / "many", tools)
    finally:
        cluster.destroy()
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
