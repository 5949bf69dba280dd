# SPDX-License-Identifier: MIT
"""Which sign each contestant has on the whole page, and what groups and units are called."""

from .plots import Look

# What there is to say about a group; one that is not here is shown by its own name.
GROUPS = {
    "handle": ("By handle", "One lock by handle, one thread, nobody else there."),
    "name": ("By name", "A lock by its name, one thread, nobody else there."),
    "own": ("Threads with names of their own", "Nobody meets anybody: what is shared by accident?"),
    "hot": ("Contended locks", "All threads want the same lock, shared or exclusive."),
    "mix": ("Readers and writers", "Most acquire in S, some in X."),
    "open": ("Open loop", "Requests come when they are due, whether or not the last one is done."),
    "path": ("Hierarchies", "A row, its table and its database: intents above, S or X below."),
    "several": ("Transactions and batches", "Several names together."),
    "convert": ("Conversions", "From one mode to another while the lock is held."),
    "held": ("Many locks held", "Each name is acquired and kept, then all are released."),
    "owner": ("Owners", "An owner or transaction, opened and closed around little or no work."),
    "deadlock": ("Deadlocks", "One search for a ring, among many owners that wait."),
    "store": ("Stores", "Locks that processes share: beside what they are made of, on the same medium."),
}
DISTRIBUTIONS = {"uniform": "uniform", "zipf": "Zipfian (θ = 0.99)"}


def title(group):
    return GROUPS.get(group, (group, ""))[0]


def about(group):
    return GROUPS.get(group, (group, ""))[1]


def number_all(runs):
    """Contestant to Look.  Those by name and those by handle are numbered apart: they meet in no
    plot, and few numbers give signs that differ more."""
    looks, used = {}, {}
    for run in runs:
        kinds = {c["name"]: c.get("by", "") for c in run.contestants}
        for result in (r for c in run.cases for r in c.results):
            name = result.contestant
            if name in looks:
                continue
            if result.ours:
                looks[name] = Look(name, None)
                continue
            kind = kinds.get(name, result.case.by or "")
            looks[name] = Look(name, used.get(kind, 0))
            used[kind] = used.get(kind, 0) + 1
    return looks
