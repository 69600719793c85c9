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

# With two lanes: the backup is done before migrating begins, or taken when all is migrated; a migration fails while the
# snapshot is taken; the snapshot is published when users are at work.
LANES = {
    "lanes-ahead": ("lanes", "migrate.begin.done=sleep:700"),
    "lanes-behind": ("lanes", "snapshot.rows=sleep:1000"),
    "lanes-broken": ("lanes_broken", "snapshot.rows=sleep:700"),
    "lanes-late": ("late", "publish.put.intent=sleep:1000"),
}
KINDS.update(LANES)

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


# Deaths with the snapshot unpublished.
LANES_DEATHS = {"verify.check.done": ("lanes", "publish.put.intent=sleep:3000"),
                "open.rename.done": ("late", "publish.put.intent=sleep:3000")}


def of_death(bench, death):
    """Policy, failpoint and further arguments of a run that dies so: of a kind, at a point."""
    kind, _, point = death.rpartition(" ")
    bench.kind = kind if kind in KINDS else "success"
    policy, failpoint = LANES_DEATHS[point] if kind == "lanes" else KINDS[kind] if kind in KINDS else ("good", None)
    return (getattr(bench, policy), f"{failpoint},{point}=kill" if failpoint else f"{point}=kill",
            ("--from", bench.archive) if kind == "from" else ())


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
    deaths = [*DEATHS, *(f"from {death}" for death in FROM_DEATHS), *(f"lanes {death}" for death in LANES_DEATHS),
              *(f"{kind} {death}" for kind, deaths in PLACE_DEATHS.items() for death in deaths)]
    for death in deaths:
        policy, failpoint, more = of_death(bench, death)
        bench.make()
        bench.kill_run(policy, failpoint, more=more)
        passed[death] = bench.points(policy, "recover")
        bench.clear()
    return passed
