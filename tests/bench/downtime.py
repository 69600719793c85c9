"""Downtime of a maintenance window: drydock with two lanes and with one, against the shell pipeline that people write.

    tests/bench/run.sh downtime [--gigabytes N] [--rounds N] [--jobs N]

All work on copies of one White Cross database with four migrations applied and the others pending. Downtime is from the
moment that the name is taken (for the pipeline: that pg_dump is started) until the migrated, checked database is in service.
Then the last migration fails: how long until the database is in service again, against pg_restore of the pipeline's dump.
Prints medians and ratios; nothing fails because a machine is slow.
"""

import argparse
import json
import shutil
import statistics
import tempfile
from datetime import datetime
from pathlib import Path

from measure import DRYDOCK, REPOSITORY, Cluster, clean_environment, in_turns, program, run, timed
from migrate import psql_script

STUDENTS_PER_GIGABYTE = 540_000
APPLIED = 4
SETTINGS = {"fsync": "off", "wal_level": "replica", "shared_buffers": "512MB", "max_wal_size": "4GB",
            "checkpoint_timeout": "30min", "autovacuum": "off"}
DATABASE, TEMPLATE = "white_cross", "bench_template"
CHECKS = REPOSITORY / "policies" / "white-cross"
POLICY = """policy: bench
migrations: {migrations}
fence: {{ drain: 0s }}
snapshot: {{ jobs: {jobs} }}
verify: {{ assertions: ["{checks}/*.sql"] }}
publish: {{ before: {before}, to: [{store}] }}
"""


class Bench:
    def __init__(self, cluster, folder, jobs):
        self.cluster, self.folder, self.jobs = cluster, folder, jobs
        self.migrations = REPOSITORY / "migrations"
        self.ids = sorted(path.name[:14] for path in self.migrations.glob("*.up.sql"))
        self.dsn = cluster.dsn(DATABASE)
        self.store = folder / "store"
        self.dump = folder / "white_cross.dump"
        self.runs = 0

    def make_template(self, students):
        self.cluster.query(f"CREATE DATABASE {TEMPLATE}")
        run((DRYDOCK, "migrate", "-q", "--migrations", self.migrations, "--dsn", self.cluster.dsn(TEMPLATE), "--to",
             self.ids[APPLIED - 1]))
        with self.cluster.session(TEMPLATE) as connection, connection.cursor() as cursor:
            cursor.execute(f"SET drydock.students = '{students}'")
            cursor.execute((REPOSITORY / "tests" / "data" / "white_cross.sql").read_text(encoding="utf-8"))
        with self.cluster.session(TEMPLATE) as connection, connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        return int(self.cluster.value(f"SELECT pg_database_size('{TEMPLATE}')"))

    def fresh(self):
        for name, in self.cluster.query("SELECT datname FROM pg_database WHERE datname LIKE 'white_cross%'"):
            self.cluster.query(f'DROP DATABASE "{name}" WITH (FORCE)')
        self.cluster.query(f"CREATE DATABASE {DATABASE} TEMPLATE {TEMPLATE}")
        self.cluster.query("CHECKPOINT")
        shutil.rmtree(self.store, ignore_errors=True)
        self.store.mkdir()

    def window(self, before, store, migrations=None, expected=0):
        """A run of drydock; its report and journal."""
        self.runs += 1
        state, policy = self.folder / f"state{self.runs}", self.folder / "policy.yaml"
        policy.write_text(POLICY.format(migrations=migrations or self.migrations, jobs=self.jobs, checks=CHECKS, before=before,
                                        store=f'"file://{self.store}"' if store else ""), encoding="utf-8")
        command = (DRYDOCK, "run", "--policy", policy, "--state", state, "--yes", "--dsn", self.dsn)
        if expected == 0:
            run(command)
        else:
            run(("/bin/sh", "-c", f'"$@"; test $? = {expected}', "sh", *command))
        folder, = (state / "runs").iterdir()
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        journal = [json.loads(line) for line in (folder / "journal.jsonl").read_text(encoding="utf-8").splitlines()]
        shutil.rmtree(state)
        return report, journal

    def downtime(self, before, store):
        self.fresh()
        return self.window(before, store)[0]["downtime_ms"] / 1000

    def take_dump(self):
        self.dump.unlink(missing_ok=True)
        return timed(program("pg_dump"), "--format=custom", "--file", self.dump, "--dbname", self.dsn)

    def pipeline(self):
        """pg_dump, then the migrations that are pending, then the checks: as a careful person would have them, with psql."""
        self.fresh()
        pending = self.folder / "pending"
        if not pending.exists():
            pending.mkdir()
            for path in self.migrations.glob("*.sql"):
                if path.name[:14] > self.ids[APPLIED - 1]:
                    shutil.copy(path, pending)
            psql_script(pending, self.folder / "pending.sql")
        psql = (program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-d", self.dsn)
        checks = [word for path in sorted(CHECKS.glob("*.sql")) for word in ("-f", path)]
        return self.take_dump() + timed(*psql, "-f", self.folder / "pending.sql") + timed(*psql, *checks)

    def way_back(self):
        """From the failure of the last migration to a proven database in service."""
        failing = self.folder / "failing"
        if not failing.exists():
            shutil.copytree(self.migrations, failing)
            (failing / "20990101000000-fails.up.sql").write_text("SELECT 1 / (count(*) - count(*)) FROM students;\n",
                                                                 encoding="utf-8")
        self.fresh()
        report, journal = self.window("open", False, failing, 7)
        migrate = next(phase for phase in report["phases"] if phase["phase"] == "migrate")
        failed = moment(migrate["started"]) + migrate["duration_ms"] / 1000
        back = next(line for line in journal if (line["kind"], line["phase"], line["step"]) == ("done", "restore", "rename"))
        return moment(back["time"]) - failed

    def pg_restore(self):
        self.fresh()
        self.take_dump()
        self.cluster.query(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        self.cluster.query(f"CREATE DATABASE {DATABASE}")
        return timed(program("pg_restore"), "--exit-on-error", f"--jobs={self.jobs}", "--dbname", self.dsn, self.dump)


def moment(text):
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()


def compare(title, alternatives, rounds, base):
    took = {name: [] for name in alternatives}
    for name in in_turns(alternatives, rounds):
        took[name].append(alternatives[name]())
    print(f"\n{title}\n  {'':44}{'median':>10}{'to ' + base:>16}")
    reference = statistics.median(took[base])
    for name, values in took.items():
        print(f"  {name:44}{statistics.median(values):>8.2f} s{statistics.median(values) / reference:>16.3f}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gigabytes", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="drydock-bench-"))
    cluster = Cluster(settings=SETTINGS)
    try:
        cluster.start()
        bench = Bench(cluster, folder, options.jobs)
        size = bench.make_template(max(100, int(options.gigabytes * STUDENTS_PER_GIGABYTE)))
        pending = len(bench.ids) - APPLIED
        print(f"White Cross, {size / 1e9:.2f} GB, {pending} migrations pending, {options.jobs} jobs, {options.rounds} rounds")
        compare("Downtime", {
            "pipeline": bench.pipeline,
            "drydock, two lanes": lambda: bench.downtime("open", False),
            "drydock, one lane": lambda: bench.downtime("migrate", False),
            "drydock, two lanes, a store before opening": lambda: bench.downtime("open", True),
            "drydock, two lanes, a store behind opening": lambda: bench.downtime("nothing", True),
        }, options.rounds, "pipeline")
        compare("From a failing last migration to a database in service", {
            "pg_restore": bench.pg_restore,
            "drydock": bench.way_back,
        }, options.rounds, "pg_restore")
    finally:
        cluster.destroy()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
