"""What tests/matrix.sh does with the majors of PostgreSQL that it has found: snapshots, restored in every way, compared.

    matrix.py FOLDER MAJOR...        FOLDER/MAJOR holds the programs of that major

For each major a database with every kind of object is taken by drydock, restored by drydock, by pg_restore -j4 and by
pg_restore alone, and each of them must be the original again: by pg_dump's text of the schema, by rows that Python
compares, and by drydock's own digests. Then snapshots go from one major into a newer one, where the content must be the
same, and the schema what pg_dump and pg_restore alone make of it.
"""

import contextlib
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "tests" / "integration"))

import kinds  # noqa: E402
import psycopg2  # noqa: E402
from cluster import Cluster, clean_environment, program  # noqa: E402
from program import Drydock  # noqa: E402
from snapshots import pg_restore, pg_restore_list, stock_copy  # noqa: E402

UPWARDS = [(14, 18), (15, 17), (16, 17), (17, 18)]


class Failure(Exception):
    """What one check found; the others go on."""


class Matrix:
    """The results as they come: one row a check."""

    def __init__(self):
        self.rows = []

    @contextlib.contextmanager
    def check(self, subject, title):
        """A step that may fail without ending the others. Gives whether it went well to whoever asks ok()."""
        try:
            yield
        except (Failure, AssertionError, RuntimeError, psycopg2.Error, subprocess.TimeoutExpired) as error:
            self.rows.append((subject, title, False))
            print(f"  {title}: FAILED\n{indented(str(error))}", flush=True)
        else:
            self.rows.append((subject, title, True))
            print(f"  {title}: ok", flush=True)

    def ok(self, subject, title):
        return (subject, title, True) in self.rows

    def show(self):
        subjects = list(dict.fromkeys(subject for subject, _, _ in self.rows))
        titles = list(dict.fromkeys(title for _, title, _ in self.rows))
        found = {(subject, title): ok for subject, title, ok in self.rows}
        print("\n" + " " * 52 + "".join(f"{subject:>10}" for subject in subjects))
        for title in titles:
            marks = ({None: "", True: "ok", False: "FAILED"}[found.get((subject, title))] for subject in subjects)
            print(f"{title:52}" + "".join(f"{mark:>10}" for mark in marks))
        failed = sum(not ok for _, _, ok in self.rows)
        print(f"\n{len(self.rows) - failed} passed, {failed} failed")
        return failed == 0


def indented(text, most=40):
    lines = text.splitlines()
    if len(lines) > most:
        lines = [*lines[:most], f"... {len(lines) - most} lines more"]
    return "\n".join("      " + line for line in lines)


def run(*command):
    done = subprocess.run([str(word) for word in command], env=clean_environment(), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=600)
    if done.returncode != 0:
        raise Failure(f"{Path(command[0]).name} failed with {done.returncode}:\n{done.stdout}")
    return done.stdout


def program_major(name):
    return int(run(program(name), "--version").split(") ")[1].split(".")[0].split("beta")[0])


def use(folder, major):
    """From here on PostgreSQL's programs are this major's, also those that drydock starts."""
    os.environ["DRYDOCK_PG_BIN"] = str(folder / str(major))


def drydock_does(drydock, *arguments, dsn=None):
    done = drydock(*arguments, dsn=dsn, timeout=600)
    if done.code != 0:
        raise Failure(f"drydock {arguments[0]}: {done}")


def drydock_snapshot(drydock, cluster, folder):
    """Takes it, verifies it, and compares it with the database that it is of."""
    drydock_does(drydock, "snapshot", "--out", folder, "--jobs", "2", dsn=cluster.dsn("kinds"))
    drydock_does(drydock, "verify", "snapshot", folder)
    drydock_does(drydock, "verify", "database", "--against", folder, dsn=cluster.dsn("kinds"))
    pg_restore_list(folder)


def drydock_restore(drydock, cluster, snapshot, name):
    drydock_does(drydock, "restore", "--from", snapshot, "--database", name, "--jobs", "2",
                 "--allow-known-holes", dsn=cluster.dsn())
    drydock_does(drydock, "verify", "database", "--against", snapshot, dsn=cluster.dsn(name))


def stock_restore(cluster, archive, name, *options):
    """pg_restore into a new database. That of 17 and later sets what older servers do not know, and says so."""
    cluster.query(f"CREATE DATABASE {name} TEMPLATE template0")
    strange = program_major("pg_restore") >= 17 and int(cluster.value("SHOW server_version_num")) < 170000
    done = pg_restore(cluster, archive, *options, *([] if strange else ["--exit-on-error"]), database=name)
    errors = [line for line in done.stderr.splitlines() if line.startswith("pg_restore: error:")]
    if done.returncode != 0 and not (strange and errors and all('"transaction_timeout"' in line for line in errors)):
        raise Failure(f"pg_restore failed with {done.returncode}:\n{done.stderr}")


def schema(cluster, name):
    """pg_dump's text; newer servers' dumps of the same differ in their comments alone."""
    return re.sub(r"^-- .*$", "--", kinds.schema(cluster, name).decode("utf-8"), flags=re.M)


def same_schema(expected, found):
    if expected != found:
        lines = difflib.unified_diff(expected.splitlines(), found.splitlines(), "expected", "found", "", "", 1, "")
        raise Failure("the schema differs\n" + "\n".join(lines))


def rows(cluster, name):
    """What is in the tables. Which names the server quotes differs between majors."""
    return {label.replace('"', ""): found for label, found in kinds.rows(cluster, name).items()}


def same_rows(expected, found):
    if expected != found:
        lines = (f"{name}: {expected.get(name)} is {found.get(name)}" for name in kinds.differences(expected, found))
        raise Failure("the content differs\n" + "\n".join(lines))


@contextlib.contextmanager
def servers(folder, *majors):
    """A started server of each major; the programs in use are the last one's."""
    started = []
    try:
        for major in majors:
            use(folder, major)
            started.append(Cluster({"max_locks_per_transaction": "256"}))
            started[-1].start()
        yield started
    finally:
        for cluster in started:
            cluster.destroy()


def one_major(matrix, drydock, folder, major, scratch):
    """A database, its snapshot, and every way to restore it, on one server."""
    subject = str(major)
    with matrix.check(subject, "server, every kind of object"), servers(folder, major) as (cluster,):
        print(f"\nPostgreSQL {major}: server {run(program('postgres'), '--version').split()[2]}, "
              f"client {run(program('pg_dump'), '--version').split()[2]}", flush=True)
        kinds.make(cluster, "kinds")
        expected = {"schema": schema(cluster, "kinds"), "rows": rows(cluster, "kinds")}
        snapshot, control = scratch / f"snapshot-{major}", scratch / f"control-{major}"

        def as_expected(name):
            same_schema(expected["schema"], schema(cluster, name))
            same_rows(expected["rows"], rows(cluster, name))

        # If this fails, it is none of ours. What a newer pg_dump writes is for newer servers: what comes of it is the model.
        with matrix.check(subject, "control: pg_dump and pg_restore alone"):
            run(program("pg_dump"), "-Fc", "-f", control, "-d", cluster.dsn("kinds"))
            stock_restore(cluster, control, "control")
            if program_major("pg_dump") > major:
                expected["schema"] = schema(cluster, "control")
            as_expected("control")
        with matrix.check(subject, "drydock snapshot"):
            drydock_snapshot(drydock, cluster, snapshot)
        if not matrix.ok(subject, "drydock snapshot"):
            return
        with matrix.check(subject, "drydock restore"):
            drydock_restore(drydock, cluster, snapshot, "ours")
            as_expected("ours")
        archive = snapshot if program_major("pg_restore") >= 16 else stock_copy(snapshot, scratch)
        for name, options in (("stock_4", ["-j4"]), ("stock_1", [])):
            with matrix.check(subject, " ".join(["pg_restore", *options, "of the snapshot"])):
                stock_restore(cluster, archive, name, *options)
                as_expected(name)
                drydock_does(drydock, "verify", "database", "--against", snapshot, dsn=cluster.dsn(name))


def upwards(matrix, drydock, folder, old, new, scratch):
    """A snapshot with the newer major's programs, restored there, next to what pg_dump and pg_restore make of it."""
    subject = f"{old} to {new}"
    with matrix.check(subject, "two servers, every kind of object"), servers(folder, old, new) as (source, target):
        print(f"\n{subject}", flush=True)
        snapshot, control = scratch / f"snapshot-{subject}", scratch / f"control-{subject}"
        kinds.make(source, "kinds")
        kinds.create_outside(target)
        with matrix.check(subject, "control: pg_dump and pg_restore alone"):
            run(program("pg_dump"), "-Fc", "-f", control, "-d", source.dsn("kinds"))
            stock_restore(target, control, "control")
            same_rows(rows(source, "kinds"), rows(target, "control"))
        with matrix.check(subject, "drydock snapshot"):
            drydock_snapshot(drydock, source, snapshot)
        if not matrix.ok(subject, "drydock snapshot"):
            return
        with matrix.check(subject, "drydock restore"):
            drydock_restore(drydock, target, snapshot, "ours")
            same_rows(rows(source, "kinds"), rows(target, "ours"))
            same_schema(schema(target, "control"), schema(target, "ours"))


def main():
    folder, majors = Path(sys.argv[1]), [int(word) for word in sys.argv[2:]]
    matrix, drydock = Matrix(), Drydock()
    scratch = Path(tempfile.mkdtemp(prefix="drydock-matrix-"))
    try:
        for major in majors:
            if not (folder / str(major) / "pg_dump").exists():
                print(f"\nPostgreSQL {major}: no client of this major or a newer one is to be had here")
                continue
            one_major(matrix, drydock, folder, major, scratch)
        for old, new in UPWARDS:
            if old in majors and new in majors:
                upwards(matrix, drydock, folder, old, new, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    sys.exit(0 if matrix.show() else 1)


if __name__ == "__main__":
    main()
