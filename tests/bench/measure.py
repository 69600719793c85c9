"""How the benchmarks measure: programs take turns on one private server; time, processor time of both sides, and memory."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "integration"))

from cluster import Cluster, clean_environment, program  # noqa: E402, F401

DRYDOCK = os.environ.get("DRYDOCK_BIN", str(REPOSITORY / "build" / "release" / "drydock"))
TICKS = os.sysconf("SC_CLK_TCK")


def in_turns(alternatives, rounds):
    """Every alternative once a round, each round beginning with another one."""
    alternatives = list(alternatives)
    for number in range(rounds):
        first = number % len(alternatives)
        yield from alternatives[first:] + alternatives[:first]


def scaling(cluster, database, table, sessions):
    """How much more so many sessions copy at once than one: less than their number where processors share a core."""
    command = [program("psql"), "-q", "-X", "-d", cluster.dsn(database), "-o", "/dev/null", "-c", f"COPY {table} TO STDOUT"]

    def seconds(n):
        threads = [threading.Thread(target=run, args=(command,)) for _ in range(n)]
        start = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.monotonic() - start

    return sessions * min(seconds(1) for _ in range(3)) / min(seconds(sessions) for _ in range(3))


def timed(*command, cwd=None, env=None):
    """Seconds that a command took; it must succeed."""
    start = time.monotonic()
    run(command, cwd, env)
    return time.monotonic() - start


def run(command, cwd=None, env=None):
    """Runs a command that must succeed; the processor seconds of it and its children."""
    command = [str(word) for word in command]
    process = subprocess.Popen(command, cwd=cwd, env=env or clean_environment(), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} failed with {process.returncode}:\n{output}")
    return usage.ru_utime + usage.ru_stime


@dataclass
class Took:
    """What some commands took together. On a machine that does other things too, the processor seconds say more."""
    seconds: float
    client_cpu: float
    server_cpu: float


def measured(cluster, commands, env=None):
    """Runs the commands one after the other."""
    before = server_cpu(cluster)
    start = time.monotonic()
    client = sum(run(command, env=env) for command in commands)
    seconds = time.monotonic() - start
    return Took(seconds, client, server_cpu(cluster) - before)


def server_cpu(cluster):
    """Processor seconds of the server so far: its processes that ended, and those that are there."""
    def fields(pid):
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return None

    server = cluster.process.pid
    ticks = sum(int(n) for n in fields(server)[11:15])
    for entry in Path("/proc").iterdir():
        found = fields(entry.name) if entry.name.isdigit() else None
        if found and int(found[1]) == server:
            ticks += int(found[11]) + int(found[12])
    return ticks / TICKS


def peak_memory(commands, env=None):
    """Bytes: the most that the commands' processes had at one time, memory that they share counted once."""
    peak = 0
    done = threading.Event()

    def watch():
        nonlocal peak
        while not done.wait(0.02):
            peak = max(peak, sum(proportional_memory(pid) for pid in descendants(os.getpid())))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for command in commands:
            run(command, env=env)
    finally:
        done.set()
        watcher.join()
    return peak


def descendants(pid):
    """The processes below a process, without servers."""
    found = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                if Path(f"/proc/{child}/comm").read_text(encoding="utf-8").strip() != "postgres":
                    found += [int(child), *descendants(int(child))]
    return found


def proportional_memory(pid):
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
