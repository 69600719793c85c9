"""Runs without a fence on the bench: the same migrations with down files, and what must be true when they have died."""

import re

import bench as benches
import content as contents
from bench import GOOD, NAME, wait_until

DOWN = {
    "20250102000000-piers": "DROP TABLE piers;\n",
    "20250103000000-flag": "ALTER TABLE ships DROP COLUMN flag;\nUPDATE ships SET tonnes = tonnes - 1 WHERE id <= 50;\n",
    "20250104000000-calls": "DROP INDEX calls_day;\n",
    "20250105000000-late": "DROP INDEX CONCURRENTLY IF EXISTS calls_note;\n",
    "20250106000000-broken": "SELECT 1;\n",
}
# One of them runs outside a transaction.
UP = {**GOOD, "20250105000000-late": "CREATE INDEX CONCURRENTLY calls_note ON calls (note);\n"}
BROKEN = {**UP, "20250106000000-broken": "UPDATE calls SET note = 'changed';\nSELECT 1 / (count(*) - count(*)) FROM ships;\n"}

# A run of each kind: its migrations, and a failpoint that makes it so.
KINDS = {
    "online": (UP, None),
    "online-broken": (BROKEN, None),
    "online-interrupted": (UP, "verify.check.intent=term"),
}

# Deaths that leave recovery different things to do.
DEATHS = ("online.after_begin", "migrate.apply.done#2", "migration.after_statement", "verify.check.done", "end.marker.acted")


def _make(bench, name, migrations):
    path = bench.policy(migrations, name)
    text = re.sub(r"^fence:.*\n(?: .*\n)*", "strategy: in_place\nfence: { how: none }\n",
                  path.read_text(encoding="utf-8"), flags=re.M)
    path.write_text(text, encoding="utf-8")
    for title in migrations:
        (path.with_suffix("") / f"{title}.down.sql").write_text(DOWN[title], encoding="utf-8")
    return path


def of_kind(bench, kind):
    """Policy and failpoint of a run of a kind."""
    if not hasattr(bench, "online"):
        bench.online = {name: _make(bench, name, migrations) for name, (migrations, _) in KINDS.items()}
    return bench.online[kind], KINDS[kind][1]


def of_online_runs(bench):
    """Every point that a run of each kind passes."""
    passed = {}
    for kind in KINDS:
        policy, failpoint = of_kind(bench, kind)
        bench.make()
        passed[kind] = bench.points(policy, failpoint=failpoint)
        bench.clear()
    return passed


def of_online_recoveries(bench):
    """Every point that recovery passes after each death."""
    passed = {}
    for death in DEATHS:
        policy, _ = of_kind(bench, "online")
        bench.make()
        bench.kill_run(policy, f"{death}=kill")
        passed[death] = bench.points(policy, "recover")
        bench.clear()
    return passed


def state(bench):
    """The schema of the history is left out: it gets a table when the first such run begins."""
    history = bench.cluster.query("SELECT id, name, sha256 FROM drydock.migrations ORDER BY id", database=NAME)
    return benches.State(contents.content(bench.cluster, NAME, without=("drydock",)),
                         contents.schema(bench.cluster, NAME, without=("drydock",)),
                         contents.properties(bench.cluster, NAME), history)


def learn(bench):
    """The states before and after, from a run that nothing happens to."""
    if hasattr(bench, "online_states"):
        return
    policy, _ = of_kind(bench, "online")
    before = state(bench)
    done = bench.run(policy)
    assert done.code == 0, str(done)
    bench.online_states = before, state(bench)
    bench.clear()
    bench.make()


def is_marked(bench):
    """Whether the database says that a run has not ended."""
    return bench.cluster.value("SELECT to_regclass('drydock.unfinished')", database=NAME) is not None and \
        bench.cluster.value("SELECT count(*) FROM drydock.unfinished", database=NAME) > 0


def check(bench, done, expect=None):
    """Asserts that everything is before or after, and that exit code and last line are true to it: "after", "restored",
    "back" (the run had not begun to migrate), or "nothing"."""
    told, line = str(done), done.last_line
    bench.wait_without_sessions()
    assert bench.databases() == [NAME], told
    before, after = bench.online_states
    found = state(bench)
    assert found in (before, after), f"neither before nor after: {told}"
    assert not is_marked(bench), told
    assert bench._shared() == bench.shared, told
    wait_until(lambda: not bench.cluster.query("SELECT pid FROM pg_locks WHERE locktype = 'advisory'"), told)
    if done.code == 0 and "nothing to recover" in line:
        kind = "nothing"
    elif done.code == 0:
        kind = "after"
        assert "is migrated; it was in service all the time" in line and found == after, told
    elif done.code == 7:
        kind = "restored"
        assert line.startswith("failed and restored") and found == before, told
    else:
        kind = "back"
        assert done.code == 1 and f"'{NAME}' was not changed" in line and found == before, told
    assert expect is None or kind in expect, f"{kind}: {told}"
    return kind
