"""Snapshots, restores, clones and renames: drydock against PostgreSQL's own programs, taking turns on one server.

    tests/bench/run.sh snapshot [--gigabytes N] [--scale N] [--rounds N] [--jobs N] [--large] [--only WHAT]

Prints medians and ratios; nothing fails because a machine is slow. Everything is read from memory: nobody has to wait for
a disk, which is the hardest for whoever computes most.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from measure import DRYDOCK, Cluster, clean_environment, in_turns, measured, peak_memory, program, run, scaling

ROWS_PER_GIGABYTE = 1_550_000  # of the large table of records.sql
SETTINGS = {"fsync": "off", "wal_level": "replica", "shared_buffers": "512MB", "max_wal_size": "4GB",
            "checkpoint_timeout": "30min", "autovacuum": "off"}
OURS = "drydock"
LARGEST = {"records": "visits", "pgbench": "pgbench_accounts"}


@dataclass
class Alternative:
    """A way to do it: the commands, what has to be removed before and after, and what was measured."""
    name: str
    commands: list
    clear: callable
    made: Path = None
    took: list = field(default_factory=list)
    memory: int = 0
    size: int = 0

    def median(self, what):
        return statistics.median(getattr(took, what) for took in self.took)


def compare(cluster, alternatives, rounds, settle):
    """Measures all in turns, after a round that warms the caches and watches the memory. Leaves what the last ones made."""
    for alternative in alternatives:
        alternative.clear()
        alternative.memory = peak_memory(alternative.commands, environment())
        alternative.size = size_of(alternative.made)
    for alternative in in_turns(alternatives, rounds):
        alternative.clear()
        settle()
        alternative.took.append(measured(cluster, alternative.commands, environment()))


def environment():
    return clean_environment() | {"NO_COLOR": "1"}


def size_of(path):
    if path is None:
        return 0
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def show(title, alternatives, reference=None):
    ours = alternatives[0]
    print(f"\n{title}\n  {'':44}{'median':>9}{'drydock is':>12}{'CPU client':>12}{'server':>8}{'memory':>9}"
          + (f"{'size':>10}{'to gzip':>9}" if reference else ""))
    for one in alternatives:
        times = one.median("seconds") / ours.median("seconds")
        line = (f"  {one.name:44}{one.median('seconds'):>7.2f} s{times:>10.2f} x{one.median('client_cpu'):>10.2f} s"
                f"{one.median('server_cpu'):>6.2f} s{one.memory / 2**20:>5.0f} MiB")
        if reference:
            line += f"{one.size / 1e6:>7.1f} MB{one.size / reference.size:>9.3f}"
        print(line, flush=True)


# -- data ---------------------------------------------------------------------------------------


def make_records(cluster, gigabytes):
    cluster.query("CREATE DATABASE records")
    script = Path(__file__).with_name("records.sql").read_text(encoding="utf-8")
    with cluster.session("records") as connection, connection.cursor() as cursor:
        cursor.execute(f"SET bench.rows = {max(100, int(gigabytes * ROWS_PER_GIGABYTE))}")
        cursor.execute(script)
        cursor.execute("VACUUM ANALYZE")


def make_pgbench(cluster, scale):
    cluster.query("CREATE DATABASE pgbench")
    run([program("pgbench"), "-q", "-i", "-I", "dtGvpf", "-s", scale, "-d", cluster.dsn("pgbench")])


def make_plain(cluster, name, gigabytes):
    cluster.query(f"CREATE DATABASE {name}")
    cluster.query(f"CREATE TABLE filler AS SELECT n, repeat(md5(n::text), 30) AS text "
                  f"FROM generate_series(1, {int(gigabytes * 1_000_000)}) n", database=name)


def describe(cluster, database):
    size = cluster.value("SELECT pg_database_size(%s)", (database,))
    rows = cluster.value("SELECT sum(reltuples)::bigint FROM pg_class WHERE relkind = 'r' "
                         "AND relnamespace = 'public'::regnamespace", database=database)
    return f"{database} ({size / 1e9:.2f} GB with indexes, {rows:,} rows)"


# -- snapshot -----------------------------------------------------------------------------------


def dump_commands(cluster, database, folder, jobs):
    """{name: (what it makes, command)}, drydock first."""
    dsn = cluster.dsn(database)
    dump = [program("pg_dump"), "-d", dsn]
    found = {
        OURS: (folder / "snapshot", [DRYDOCK, "snapshot", "-q", "--dsn", dsn, "--jobs", jobs]),
        "pg_dump -Fc": (folder / "custom", [*dump, "-Fc"]),
        f"pg_dump -Fd -j{jobs}": (folder / "directory", [*dump, "-Fd", "-j", jobs]),
        f"pg_dump -Fd -j{jobs} -Z0": (folder / "bare", [*dump, "-Fd", "-j", jobs, "-Z0"]),
    }
    if version() >= 16:
        found[f"pg_dump -Fd -j{jobs} -Z zstd:1"] = (folder / "zstd", [*dump, "-Fd", "-j", jobs, "-Z", "zstd:1"])
    return {name: (made, [*command, "--out" if name == OURS else "-f", made])
            for name, (made, command) in found.items()}


def version():
    done = Path(program("pg_dump")).resolve().parent.parent.name
    return int(done) if done.isdigit() else 0


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def bench_snapshot(cluster, database, folder, options):
    alternatives = [Alternative(name, [command], lambda made=made: remove(made), made)
                    for name, (made, command) in dump_commands(cluster, database, folder, options.jobs).items()]
    compare(cluster, alternatives, options.rounds, lambda: None)
    show(f"Snapshot of {describe(cluster, database)}", alternatives, alternatives[1])


# -- restore ------------------------------------------------------------------------------------


# What the server itself can say about the content, on as many connections as everybody has: a hash of every row, summed.
HASH = """SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {} t"""


def bench_restore(cluster, database, folder, options):
    jobs, new = options.jobs, f"{database}_restored"
    made = {name: path for name, (path, _) in dump_commands(cluster, database, folder, jobs).items()}
    restore = [program("pg_restore"), "-d", cluster.dsn(new), "-j", jobs]
    create = [program("createdb"), "--maintenance-db", cluster.dsn(), "-T", "template0", new]
    custom, directory = made["pg_dump -Fc"], made[f"pg_dump -Fd -j{jobs}"]
    analyze = [program("vacuumdb"), "-q", "--analyze-only", "-j", jobs, "-d", cluster.dsn(new)]
    checked = ["sh", "-c", 'cd "$1" && sha256sum * >/dev/null', "sh", directory]
    tables = [name for name, in cluster.query(
        "SELECT format('%%I.%%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'public'", (), database)]
    hashed = [program("psql"), "-q", "-X", "-d", cluster.dsn(new)]
    for table in tables:
        hashed += ["-c", HASH.format(table)]
    ours = [DRYDOCK, "restore", "-q", "--dsn", cluster.dsn(), "--from", made[OURS], "--database", new, "--jobs", jobs]

    def clear():
        cluster.query(f"DROP DATABASE IF EXISTS {new} WITH (FORCE)")

    alternatives = [
        Alternative(f"{OURS}: SHA-256, restore, ANALYZE, digests", [ours], clear),
        Alternative(f"pg_restore -j{jobs}, of -Fc", [create, [*restore, custom]], clear),
        Alternative(f"pg_restore -j{jobs}, of -Fd", [create, [*restore, directory]], clear),
        Alternative("sha256sum, that, ANALYZE", [checked, create, [*restore, directory], analyze], clear),
        Alternative("sha256sum, that, ANALYZE, a hash of each row",
                    [checked, create, [*restore, directory], analyze, hashed], clear),
    ]
    compare(cluster, alternatives, options.rounds, lambda: cluster.query("CHECKPOINT"))
    show(f"Restore of {describe(cluster, database)}", alternatives)
    clear()


# -- clone and rename ---------------------------------------------------------------------------


def bench_clone(cluster, options):
    methods = ["wal_log", "file_copy"] if cluster.value("SHOW server_version_num") >= "150000" else [None]
    print(f"\nClone and rename\n  {'size':12}" + "".join(f"{method or 'clone':>14}" for method in methods)
          + f"{'rename':>14}")
    for gigabytes in [0.1, 1] + ([5] if options.large else []):
        make_plain(cluster, "plain", gigabytes)
        size = cluster.value("SELECT pg_database_size('plain')") / 1e9
        clone = {method: [] for method in methods}
        rename = []
        for method in in_turns(methods, options.rounds):
            cluster.query("CHECKPOINT")
            strategy = f" STRATEGY {method}" if method else ""
            clone[method].append(clocked(cluster, f"CREATE DATABASE copy TEMPLATE plain{strategy}"))
            rename.append(clocked(cluster, "ALTER DATABASE copy RENAME TO copy_renamed"))
            cluster.query("DROP DATABASE copy_renamed")
        print(f"  {size:>5.2f} GB    " + "".join(f"{statistics.median(clone[method]):>12.2f} s" for method in methods)
              + f"{statistics.median(rename) * 1000:>11.1f} ms", flush=True)
        cluster.query("DROP DATABASE plain")


def clocked(cluster, sql):
    with cluster.session() as connection, connection.cursor() as cursor:
        start = time.monotonic()
        cursor.execute(sql)
        return time.monotonic() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gigabytes", type=float, default=1, help="size of the database 'records'")
    parser.add_argument("--scale", type=int, default=35, help="of pgbench; 15 MB each")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--large", action="store_true", help="also clone 5 GB")
    parser.add_argument("--only", choices=["records", "pgbench", "clone"])
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="drydock-bench-"))
    cluster = Cluster(SETTINGS)
    try:
        cluster.start()
        print("settings: " + ", ".join(f"{name} {value}" for name, value in SETTINGS.items()))
        for database, make in (("records", lambda: make_records(cluster, options.gigabytes)),
                               ("pgbench", lambda: make_pgbench(cluster, options.scale))):
            if options.only in (None, database):
                make()
                print(f"\n{options.jobs} sessions at once copy {scaling(cluster, database, LARGEST[database], options.jobs):.2f}"
                      " times as much as one")
                (folder / database).mkdir()
                bench_snapshot(cluster, database, folder / database, options)
                bench_restore(cluster, database, folder / database, options)
                cluster.query(f"DROP DATABASE {database}")
                shutil.rmtree(folder / database)
        if options.only in (None, "clone"):
            bench_clone(cluster, options)
    finally:
        cluster.destroy()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
