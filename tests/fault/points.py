"""Which failpoints a run of each kind passes, and recovery after each death: found out by running them."""

# A run of each kind: its policy (a name of the bench's), and a failpoint that makes it so.
KINDS = {
    "success": ("good", None),
    "bad": ("bad", None),
    "broken": ("broken", None),
    "interrupted": ("good", "publish.put.done=term"),
}

# The same in place, with a clone and without: what PostgreSQL does not roll back is restored from the snapshot then.
KINDS |= {
    "in_place": ("in_place_good", None),
    "in_place-bad": ("in_place_bad", None),
    "alone": ("alone_good", None),
    "alone-bad": ("alone_bad", None),
    "alone-rolled_back": ("alone_rolled_back", None),
}

# The same of a run from a snapshot.
FROM = {"import": ("good", None), "import-bad": ("bad", None)}

# Deaths of one.
FROM_DEATHS = ("import.restore.acted", "migrate.apply.done", "verify.check.done")

# Deaths that leave recovery different things to do.
DEATHS = ("fence.after_commit", "clone.create.acted", "snapshot.open_keep.acted", "migrate.apply.done",
          "verify.open_keep.acted", "verify.check.done")

# The same of a run in place.
PLACE_DEATHS = {"in_place": ("exchange.after_commit", "migrate.apply.done", "verify.check.done"),
                "alone": ("exchange.after_commit", "migrate.apply.done", "verify.check.done"),
                "alone-rolled_back": ("migrate.apply.intent",)}


def of_kind(bench, kind):
    """Policy, failpoint and further arguments of a run of a kind."""
    policy, failpoint = {**KINDS, **FROM}[kind]
    bench.kind = kind
    return getattr(bench, policy), failpoint, ("--from", bench.archive) if kind in FROM else ()


def of_runs(bench):
    """Every point that a run of each kind passes."""
    passed = {}
    for kind in (*KINDS, *FROM):
        policy, failpoint, more = of_kind(bench, kind)
        bench.make()
        passed[kind] = bench.points(policy, failpoint=failpoint, more=more)
        bench.clear()
    return passed


def of_recoveries(bench):
    """Every point that recovery passes after each death."""
    passed = {}
    for death in DEATHS:
        bench.make()
        bench.kill_run(bench.good, f"{death}=kill")
        passed[death] = bench.points(bench.good, "recover")
        bench.clear()
    for death in FROM_DEATHS:
        bench.make()
        bench.kill_run(bench.good, f"{death}=kill", more=("--from", bench.archive))
        passed[f"from {death}"] = bench.points(bench.good, "recover")
        bench.clear()
    for kind, deaths in PLACE_DEATHS.items():
        for death in deaths:
            bench.make()
            bench.kill_run(of_kind(bench, kind)[0], f"{death}=kill")
            passed[f"{kind} {death}"] = bench.points(bench.good, "recover")
            bench.clear()
    return passed
