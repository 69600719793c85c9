"""`on_crash`: what recovery does with a run that died, by policy, by option, or as somebody at the terminal says."""

import os
import pty
import subprocess
from datetime import datetime, timedelta, timezone

import pytest
from bench import NAME, check
from conftest import learned
from points import of_kind, of_runs

# From the first of these points on a run has what it takes to go on, behind the last one it has its name.
FIRST, LAST = "snapshot.take.done", "name.after_commit"
# The sample takes every so manieth case.
STEP = 14


def pytest_generate_tests(metafunc):
    if "going_on" in metafunc.fixturenames:
        every = [(kind, point) for kind in ("success", "bad", "broken", "in_place", "in_place-bad", "lanes-ahead", "lanes-behind")
                 for point in learned(metafunc.config, of_runs)[kind]]
        cases = every if metafunc.config.getoption("--all") else every[::STEP]
        metafunc.parametrize("going_on", cases, ids=["-".join(case) for case in cases])


def with_key(bench, policy, line):
    """The same policy with one more key."""
    path = policy.with_name(f"{policy.stem}-{line.partition(': ')[2]}.yaml")
    path.write_text(policy.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    return path


def window_end(seconds):
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_between(passed, point):
    return passed.index(FIRST) <= passed.index(point) < passed.index(LAST)


def test_going_on(bench, record, request, going_on):
    """A run goes on where it died, from the moment that its snapshot is complete: it ends as it would have ended."""
    kind, point = going_on
    policy, failpoint, _ = of_kind(bench, kind)
    bench.kill_run(policy, f"{failpoint},{point}=kill" if failpoint else f"{point}=kill")
    done = bench.run(policy, command="recover", more=("--on-crash", "continue"))
    ended = check(bench, done)
    if is_between(learned(request.config, of_runs)[kind], point):
        assert ended == ("restored" if kind in ("bad", "broken", "in_place-bad") else "after"), str(done)
    record(point, ended)
    again = bench.recover(policy)
    assert again.code == 0 and "nothing to recover" in again.last_line, str(again)


@pytest.mark.parametrize("point", ["migrate.apply.acted#2", "verify.open_keep.acted", "name.before_commit"])
def test_going_on_is_killed_too(bench, record, point):
    """It can be run again, and goes on again."""
    bench.kill_run(bench.good, "migrate.apply.intent#2=kill")
    bench.kill_run(bench.good, f"{point}=kill", command="recover", more=("--on-crash", "continue"))
    done = bench.run(bench.good, command="recover", more=("--on-crash", "continue"))
    record(point, check(bench, done, ("after",)))


def test_the_guardian_goes_on(bench, record):
    policy = with_key(bench, bench.good, "on_crash: continue")
    done = bench.run(policy, "migrate.apply.done#2=die")
    assert "ended by signal 9" in done.stderr, str(done)
    assert "piers was applied before the run died" in done.stderr, str(done)
    record("migrate.apply.done#2", check(bench, done, ("after",)))


def test_it_goes_on_with_the_files_it_began_with_only(bench, record):
    """A file that was changed since is none of what was planned, and approved."""
    policy = bench.policy({"20250102000000-one": "CREATE TABLE one (id integer);\n",
                           "20250103000000-two": "CREATE TABLE two (id integer);\n"})
    bench.kill_run(policy, "migrate.apply.done=kill")
    folder = policy.with_suffix("")
    (folder / "20250103000000-two.up.sql").write_text("DROP TABLE calls;\n", encoding="utf-8")
    done = bench.run(policy, command="recover", more=("--on-crash", "continue"))
    assert "it cannot go on: the file of migration 20250103000000" in done.last_line, str(done)
    record("migrate.apply.done", check(bench, done, ("restored",)))


def test_it_does_not_go_on_without_its_files(bench, record):
    bench.kill_run(bench.good, "migrate.apply.done=kill")
    done = bench.run(bench.good, command="recover", more=("--on-crash", "continue", "--migrations", bench.folder / "none"))
    assert "it cannot go on: " in done.last_line, str(done)
    record("migrate.apply.done", check(bench, done, ("restored",)))


def test_it_does_not_go_on_without_its_state(bench, record):
    """The server knows how to put back, and not with what to compare what would come out."""
    bench.kill_run(bench.good, "migrate.apply.done=kill")
    bench.drydock.fresh_state()
    done = bench.run(bench.good, command="recover", more=("--on-crash", "continue"))
    assert "it cannot go on: the state folder has no journal of it" in done.last_line, str(done)
    record("migrate.apply.done", check(bench, done, ("restored",)))


def test_it_does_not_go_on_behind_its_window(bench, record):
    """A run that died and is found when its window is over is put back."""
    end, over = window_end(3600), window_end(1)
    bench.kill_run(bench.good, "migrate.apply.done=kill", more=("--window-end", end))
    journal, = bench.drydock.state.rglob("journal.jsonl")
    text = journal.read_text(encoding="utf-8")
    assert text.count(end.rstrip("Z")) == 1
    journal.write_text(text.replace(end.rstrip("Z"), over.rstrip("Z")), encoding="utf-8")
    done = bench.run(bench.good, command="recover", more=("--on-crash", "continue"))
    assert "it cannot go on: not enough of the window is left" in done.last_line, str(done)
    record("migrate.apply.done", check(bench, done, ("restored",)))


# -- ask ------------------------------------------------------------------------------------------


def fingerprint(bench):
    """The rows of all databases and their comments: nothing was changed if it is the same."""
    return bench.cluster.query("SELECT oid, datname, xmin::text, datallowconn, shobj_description(oid, 'pg_database')"
                               " FROM pg_database ORDER BY oid")


def journals(bench):
    return {path: path.read_bytes() for path in bench.drydock.state.rglob("journal.jsonl")}


def check_undecided(bench, done):
    assert done.code == 8, str(done)
    assert "a person must decide, and nothing was changed: run 2" in done.last_line, str(done)
    assert "--on-crash restore" in done.stderr and "--on-crash continue" in done.stderr, str(done)


@pytest.mark.parametrize("decision, ended", [("restore", "restored"), ("continue", "after")])
def test_asking_changes_nothing(bench, record, decision, ended):
    """Without a terminal it says how things stand and what the commands are; the option decides."""
    policy = with_key(bench, bench.good, "on_crash: ask")
    bench.kill_run(policy, "migrate.apply.done=kill")
    before, journal = fingerprint(bench), journals(bench)
    done = bench.recover(policy)
    check_undecided(bench, done)
    assert "died while the work copy was migrated or verified" in done.last_line, str(done)
    assert f"'{NAME}' is out of service as '{NAME}_drydock_" in done.last_line, str(done)
    assert fingerprint(bench) == before and journals(bench) == journal
    done = bench.run(policy, command="recover", more=("--on-crash", decision))
    record("migrate.apply.done", check(bench, done, (ended,)))


def test_the_guardian_asks(bench, record):
    policy = with_key(bench, bench.good, "on_crash: ask")
    done = bench.run(policy, "migrate.apply.done=die")
    check_undecided(bench, done)
    record("migrate.apply.done", check(bench, bench.run(policy, command="recover", more=("--on-crash", "restore")),
                                       ("restored",)))


def test_asking_of_a_run_from_a_snapshot(bench, record):
    policy = with_key(bench, bench.good, "on_crash: ask")
    bench.kill_run(policy, "migrate.apply.done=kill", more=("--from", bench.archive))
    before = fingerprint(bench)
    check_undecided(bench, bench.recover(policy))
    assert fingerprint(bench) == before
    done = bench.run(policy, command="recover", more=("--on-crash", "restore"))
    record("migrate.apply.done", check(bench, done, ("restored",)))


def at_terminal(bench, policy, answer):
    """recover at a terminal on which somebody types an answer: exit code and what was shown."""
    command = bench.drydock.command("recover", "--policy", policy, "--on-crash", "ask", dsn=bench.dsn())
    ours, its = pty.openpty()
    try:
        process = subprocess.Popen(command, stdin=its, stdout=subprocess.PIPE, stderr=its, text=True,
                                   env=bench.drydock.environment(), cwd=bench.drydock.folder)
        os.close(its)
        shown = ""
        while "leave it as it is? " not in shown:
            shown += os.read(ours, 4096).decode("utf-8")
        os.write(ours, answer.encode() + b"\n")
        stdout = process.communicate(timeout=60)[0]
    finally:
        os.close(ours)
    return process.returncode, shown, stdout


@pytest.mark.parametrize("answer, code", [("restore", 7), ("continue", 0), ("", 8)])
def test_somebody_is_asked(bench, record, answer, code):
    bench.kill_run(bench.good, "migrate.apply.done=kill")
    before = fingerprint(bench)
    found, shown, stdout = at_terminal(bench, bench.good, answer)
    assert found == code, shown + stdout
    assert f"'{NAME}' is out of service as" in shown
    if code == 8:
        assert fingerprint(bench) == before
    ended = check(bench, bench.recover(bench.good), ("restored",) if code == 8 else ("nothing",)) if code == 8 else "decided"
    record("migrate.apply.done", ended)


def test_a_word_that_is_none(bench):
    done = bench.run(bench.good, command="recover", more=("--on-crash", "maybe"))
    assert done.code == 2 and "restore, continue and ask are" in done.last_line, str(done)
