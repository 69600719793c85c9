"""`run` is two processes: what happens to the one that works is seen, and mended at once, by the one that waits for it."""

import contextlib
import os
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest

import maintenance
from program import REPOSITORY, Done, inner, kill_both


def worker_of(run):
    return run.wait_until(lambda: inner(run.process))


@pytest.mark.parametrize("number", [pytest.param(signal.SIGKILL, marks=pytest.mark.sanitized), signal.SIGSEGV])
def test_the_process_that_works_is_killed(live, project, number):
    """The guardian puts the database back, and says what has happened."""
    project.add("test", "SELECT pg_sleep(100);")
    before = maintenance.as_in_service(live)
    with project.started(live) as run:
        run.wait_for_statement("pg_sleep(100)")
        os.kill(worker_of(run), number)
        done = run.done()
    assert f"the process of the run was ended by signal {int(number)}" in done.stderr, str(done)
    maintenance.check_put_back(done, live, before)


def test_it_is_killed_before_it_changes_anything(live, project):
    """There is nothing to recover, and the run has not done its work."""
    before = maintenance.as_in_service(live)
    with live.session("wc_app") as open_transaction, open_transaction.cursor() as cursor:
        cursor.execute("BEGIN; SELECT count(*) FROM students")
        project.policy(drain="60s")
        with project.started(live) as run:
            run.wait_for_drain()
            os.kill(worker_of(run), signal.SIGKILL)
            done = run.done()
    assert done.code == 1, str(done)
    assert "failed" in done.last_line and "'white_cross'" in done.last_line, str(done)
    assert "nothing to recover" not in done.last_line
    assert maintenance.as_in_service(live) == before


def test_it_is_killed_at_its_end(live, project):
    """Its own end is told, as it wrote it down."""
    with project.started(live, env={"DRYDOCK_FAILPOINT": "run.end.note=die"}) as run:
        done = run.done()
    assert "ended by signal 9" in done.stderr, str(done)
    assert done.code == 0 and "done: 'white_cross' is migrated and in service" in done.last_line, str(done)
    maintenance.check_nothing_left(live.cluster)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_are_passed_on(live, project, number):
    """Whoever knows the one process only can still stop the run."""
    project.add("test", "SELECT pg_sleep(100);")
    before = maintenance.as_in_service(live)
    with project.started(live) as run:
        run.wait_for_statement("pg_sleep(100)")
        assert worker_of(run) != run.process.pid
        os.kill(run.process.pid, number)
        done = run.done()
    maintenance.check_put_back(done, live, before)


def state_of(pid):
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]


def test_the_process_that_works_is_stopped_for_a_while(live, project):
    """By somebody who looks at it (a debugger, kill -STOP): when he lets it go on, everything does."""
    project.add("test", maintenance.WAIT)
    with project.started(live) as run:
        run.wait_for_migration()
        worker = worker_of(run)
        os.kill(worker, signal.SIGSTOP)
        maintenance.wait_until(lambda: state_of(worker) == "T")
        os.kill(worker, signal.SIGCONT)
        done = run.go_on(timeout=30)
    assert done.code == 0, str(done)


def test_both_are_stopped_and_go_on(live, project):
    """As Ctrl-Z and fg do, or as whoever knows the one process only does."""
    project.add("test", maintenance.WAIT)
    with project.started(live) as run:
        run.wait_for_migration()
        both = (run.process.pid, worker_of(run))
        os.kill(run.process.pid, signal.SIGTSTP)
        maintenance.wait_until(lambda: [state_of(pid) for pid in both] == ["T", "T"])
        os.kill(run.process.pid, signal.SIGCONT)
        done = run.go_on(timeout=30)
    assert done.code == 0, str(done)


def test_the_guardian_is_killed(live, project):
    """The run puts the database back: nobody would be there if it died, too."""
    project.add("test", "SELECT pg_sleep(100);")
    before = maintenance.as_in_service(live)
    with project.started(live) as run:
        run.wait_for_statement("pg_sleep(100)")
        worker = worker_of(run)
        os.kill(run.process.pid, signal.SIGKILL)
        run.process.wait()
        maintenance.wait_until(lambda: not Path(f"/proc/{worker}").exists())
    assert maintenance.as_in_service(live) == before
    assert list(maintenance.copies(live)) == ["failed"]


def test_both_are_killed(live, project):
    """The next recovery finds what they left."""
    project.add("test", "SELECT pg_sleep(100);")
    before = maintenance.as_in_service(live)
    with project.started(live) as run:
        run.wait_for_statement("pg_sleep(100)")
        kill_both(run.process)
    arguments = ["recover", *project.arguments()[1:]]
    maintenance.check_put_back(project.drydock(*arguments, dsn=live.dsn("wc_owner")), live, before)


def test_who_starts_it_ignores_children(live, project):
    """An ignored SIGCHLD is inherited: then the kernel would reap the process that works, and its end would not be seen."""
    command = project.drydock.command(*project.arguments(), dsn=live.dsn("wc_owner"))
    done = subprocess.run(command, env=project.drydock.environment(), capture_output=True, text=True, check=False, timeout=60,
                          preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    assert done.returncode == 0 and done.stdout.splitlines()[-1].startswith("done: "), done


def test_a_terminal_quits_both(live, project):
    """Ctrl-\\ sends SIGQUIT to every process of the terminal: the guardian outlives it, and recovers."""
    project.add("test", "SELECT pg_sleep(100);")
    before = maintenance.as_in_service(live)
    inherited = signal.signal(signal.SIGQUIT, signal.SIG_DFL)  # a shell has it ignored by what it starts in the background
    try:
        with project.started(live) as run:
            run.wait_for_statement("pg_sleep(100)")
            for process in (run.process.pid, worker_of(run)):
                os.kill(process, signal.SIGQUIT)
            done = run.done()
    finally:
        signal.signal(signal.SIGQUIT, inherited)
    maintenance.check_put_back(done, live, before)


def test_the_server_notices_its_death_late(live, project):
    """The lock is held for as long as the dead one's session is there: the recovery waits for that, and does not call it another run."""
    project.add("test", "SELECT pg_sleep(100);")
    before = maintenance.as_in_service(live)
    with project.started(live) as run:
        run.wait_for_statement("pg_sleep(100)")
        holder = live.cluster.value("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted")
        os.kill(holder, signal.SIGSTOP)
        try:
            os.kill(worker_of(run), signal.SIGKILL)
            time.sleep(2)
        finally:
            os.kill(holder, signal.SIGCONT)
        done = run.done()
    maintenance.check_put_back(done, live, before)


@contextlib.contextmanager
def unpacking(project, dsn):
    """A run from a snapshot that has begun to unpack what comes through a pipe, and waits for the rest."""
    drydock = project.drydock
    run = subprocess.Popen(drydock.command(*project.arguments("--from", "-"), dsn=dsn), env=drydock.environment(),
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        run.stdin.write("--\n-- PostgreSQL database dump\n--\n\n" + "INSERT INTO x VALUES ('secret');\n" * 100000)
        run.stdin.flush()
        maintenance.wait_until(lambda: [path for path in project.state.rglob("*script.sql") if path.stat().st_size])
        yield run
    finally:
        kill_both(run)
        run.communicate()


def kill_worker(run):
    os.kill(inner(run), signal.SIGKILL)
    stdout, stderr = run.communicate(timeout=60)
    return Done(run.returncode, stdout, stderr)


@pytest.mark.parametrize("name", ["white_cross", "nobody_has_it"])
def test_it_is_killed_while_it_unpacks(live, project, name):
    """Whether there is such a database or not: the run has failed before anything was migrated, and leaves no rows behind."""
    with unpacking(project, live.cluster.dsn(name)) as run:
        done = kill_worker(run)
    assert done.code == 1 and done.last_line.startswith("failed before anything was migrated:"), str(done)
    assert [path for path in project.state.rglob("*") if path.is_file()] == []


def test_another_run_ends_meanwhile(live, project, tmp_path):
    """Only the end of the run itself is told, and not that of a rehearsal of the same database that went well."""
    drydock = project.drydock
    taken = drydock("snapshot", "--out", tmp_path / "snapshot", dsn=live.cluster.dsn("white_cross"))
    assert taken.code == 0, str(taken)
    with unpacking(project, live.cluster.dsn("white_cross")) as run:
        other = drydock("rehearse", *project.arguments()[1:5], "--from", tmp_path / "snapshot", dsn=live.cluster.dsn())
        assert other.code == 0, str(other)
        done = kill_worker(run)
    assert done.code == 1 and "rehears" not in done.last_line, str(done)


# -- the units ------------------------------------------------------------------------------------

UNITS = REPOSITORY / "deploy" / "systemd"


def command_of(unit, key, values):
    """The command line of a unit, with our paths for those of an installation."""
    line = next(line for line in (UNITS / unit).read_text(encoding="utf-8").splitlines() if line.startswith(f"{key}="))
    command = line.partition("=")[2]
    for theirs, ours in values.items():
        assert theirs in command
        command = command.replace(theirs, str(ours))
    return shlex.split(command.replace("$$", "$"))


def test_units_recover_and_run(live, project):
    """Their commands are ones that the program takes."""
    values = {"/usr/local/bin/drydock": project.drydock.binary, "/etc/drydock/%i.yaml": project.folder / "policy.yaml",
              "/var/lib/drydock": project.state}
    with project.started(live, env={"DRYDOCK_FAILPOINT": "migrate.begin.done=kill"}) as run:
        run.process.wait()
    dsn = {"DRYDOCK_DSN": live.dsn("wc_owner")}
    recover = command_of("drydock-recover@.service", "ExecStart", values)
    before = command_of("drydock@.service", "ExecStartPre", values)
    assert " ".join(recover) in before[2]
    found = subprocess.run(before, env=project.drydock.environment(dsn), capture_output=True, text=True, check=False)
    assert found.returncode == 0 and "in service as before the run" in found.stdout, found
    again = subprocess.run(recover, env=project.drydock.environment(dsn), capture_output=True, text=True, check=False)
    assert again.returncode == 0, again
    done = subprocess.run(command_of("drydock@.service", "ExecStart", values), env=project.drydock.environment(dsn),
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
