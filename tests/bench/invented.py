# SPDX-License-Identifier: MIT
"""What `latchkey-bench --json` might write: all groups, many contestants, invented figures from a
fixed seed.  As a program it writes them to a file: `invented.py OUT.json [FACTOR]`; the factor is
on Latchkey's times."""

import functools
import json
import math
import random
import sys

BY_HANDLE = {"latchkey": 8.5, "pthread_mutex": 7.0, "pthread_rwlock": 8.4, "pthread_spin": 3.1,
             "ck_rwlock": 2.5, "ck_pflock": 5.5, "absl_mutex": 7.5, "std_shared_mutex": 8.4}
BY_NAME = {"latchkey": 24, "striped_mutex": 10.5, "striped_rwlock": 14, "sharded_table": 90,
           "shared_mutex_map": 106, "tbb_map": 19.4, "tbb_map_erase": 65, "berkeley_db": 150,
           "rocksdb": 481, "cds_lfht": 22, "ck_hs": 26}
KEEP = ("tbb_map", "cds_lfht", "ck_hs")  # names stay in their tables


class Inventor:
    def __init__(self, seed, factor):
        self.chance, self.factor = random.Random(seed), factor

    def samples(self, name, ns):
        ns *= self.factor if name == "latchkey" else 1
        return [round(ns * self.chance.lognormvariate(0, 0.03), 4) for _ in range(11)]

    def latency(self, ns, kind):
        buckets, count = {}, 200000
        for _ in range(2000):
            rare = self.chance.random() < 0.01
            value = ns * self.chance.lognormvariate(2.5 if rare else 0, 1.2 if rare else 0.2)
            end = 2 ** (math.ceil(math.log2(value) * 16) / 16)
            buckets[round(end, 2)] = buckets.get(round(end, 2), 0) + count // 2000
        ends = sorted(buckets)

        def at(p):
            below = 0
            for end in ends:
                below += buckets[end]
                if below >= p * count:
                    return end
            return ends[-1]

        return {"kind": kind, "mode": "X", "count": count, "p50": at(.5), "p90": at(.9),
                "p99": at(.99), "p99.9": at(.999), "p99.99": at(.9999), "max": ends[-1],
                "mean": ns * 1.1, "buckets": [[end, buckets[end]] for end in ends]}

    def result(self, name, ns, threads=1, **more):
        samples = self.samples(name, ns)
        s = sorted(samples)
        r = {"contestant": name, "samples": samples, "paces": [10856] * 8 + [19369] * 3,
             "retaken": 1, "median": s[5], "min": s[0], "max": s[10], "q1": s[2], "q3": s[8],
             "iqr": s[8] - s[2], "throughput": 1e9 / s[5],
             "thread_ns": s[5] * threads}
        if threads > 1:
            slowest = 1 - self.chance.random() ** 3
            r.update(shares=[1 / threads] * threads, jain=(1 + slowest) / 2, slowest=slowest)
        return {**r, **more}

    def case(self, name, group, costs, **more):
        threads = more.setdefault("threads", 1)
        results = [self.result(n, ns, threads) for n, ns in costs.items()]
        return {"name": name, "group": group, "mode": "X", "section_ns": 0, "unit": "pair",
                "priority": "fifo", **more, "results": results}

    def by_names(self):
        for kind in ("uniform", "zipf"):
            for e in range(3, 8):
                cold = {n: ns * (1 + (0.8 * (e - 3) ** 1.3 if n in KEEP else 0.06 * (e - 3)))
                        for n, ns in BY_NAME.items() if not (n == "rocksdb" and e == 7)}
                prefix = "name" if kind == "uniform" else "zipf"
                yield self.case(f"{prefix}/{10 ** e}", "name", cold, by="name", names=10 ** e,
                                distribution=kind, what="a lock by name, in X")

    def contended(self):
        for name, threads, inside in (("exclusive-hot/0ns/2-threads", 2, 0),
                                      ("exclusive-hot/100ns/2-threads", 2, 100),
                                      ("convoy/16-threads", 16, 100)):
            case = self.case(name, "hot", {n: ns * 6 + inside for n, ns in BY_HANDLE.items()},
                             by="handle", threads=threads, section_ns=inside,
                             what=f"{threads} threads on one lock in X, {inside} ns inside")
            for r in case["results"]:
                r["latency"] = self.latency(r["median"] * threads, "closed")
            yield case
        case = self.case("open/half", "open", dict.fromkeys(("latchkey", "pthread_mutex"), 200),
                         by="handle", threads=2, what="arrivals by schedule, half of what fits")
        for r in case["results"]:
            r.update(offered=2.5e6, latency=self.latency(90, "open"))
        yield case

    def held(self):
        for what, factor in (("acquire", 8), ("release", 2)):
            case = self.case(f"held/1000000/{what}", "held",
                             {n: ns * factor for n, ns in BY_NAME.items() if "striped" not in n},
                             by="name", names=1000000, what="a million names held", unit=what)
            for i, r in enumerate(case["results"]):
                r.update(bytes=144 + 37.5 * i, ticket_bytes=8 * (i % 4))
            yield case

    def cases(self):
        for mode in ("IS", "IX", "S", "U", "SIX", "X"):
            peers = {n: ns for n, ns in BY_HANDLE.items() if mode in "SX" or "_rw" not in n}
            yield self.case(f"handle/{mode}", "handle", peers, by="handle", mode=mode,
                            what=f"one lock by handle, in {mode}")
        yield from self.by_names()
        yield self.case("own-names/2-threads", "own", BY_NAME, by="name", threads=2, names=1000,
                        distribution="uniform", what="two threads, a thousand names each")
        yield from self.contended()
        yield from self.held()
        yield self.case("deadlock/search", "deadlock", {"latchkey": 780000}, by="name",
                        names=100000, owners=1000, unit="search", what="many owners that wait")
        yield self.case("something/new", "a group of tomorrow", {"latchkey": 12}, by="name")


def goal(what, case, theirs, limit, direction, measured, figure="ns", unit="x", floor=None):
    g = {"what": what, "group": case.split("/")[0], "figure": figure, "direction": direction,
         "ours": {"case": case, "contestant": "latchkey"}, "limit": limit, "unit": unit}
    if theirs:
        g["theirs"] = {"case": case, "contestant": theirs}
    if measured is not None:
        g.update(measured=measured,
                 reached=measured <= limit if direction == "at most" else measured >= limit)
        if figure != "bytes":  # one figure for all rounds
            g.update(q1=measured * 0.96, q3=measured * 1.03, iqr=measured * 0.07, counted=12,
                     rounds=31)
    if floor is not None:
        g["floor"] = {"contestant": "name_floor", "measured": floor}
    return g


def run(seed=1, factor=1.0):
    """A new object each time, for tests to spoil."""
    return json.loads(_text(seed, factor))


@functools.lru_cache(None)
def _text(seed, factor):
    return json.dumps(_invent(seed, factor))


def _invent(seed, factor):
    inventor = Inventor(seed, factor)
    return {
        "format": "latchkey-bench", "version": 1, "latchkey": "0.1.0",
        "date": "2025-11-22T04:40:00Z", "commit": f"abc123{seed}", "note": "invented figures",
        "machine": {"cpu": "Invented 9000 8-Core", "n_cpus": 2, "cpus": [0, 1], "arch": "x86_64",
                    "kernel": "6.1.0", "system": "Linux", "virtual": True, "tick_ns": 0.385,
                    "memory_bytes": 25000000000, "l1d_bytes": 32768, "l2_bytes": 524288,
                    "l3_bytes": 33554432},
        "build": {"compiler": "gcc 12.2.0", "flags": "-O2 -g", "sanitized": False},
        "settings": {"n_samples": 11, "sample_ns": 20000000, "n_latency_samples": 5,
                     "quick": False, "filter": ""},
        "privileges": {"pinned": True, "fifo": True},
        "contestants": [{"name": n, "what": f"{n}, default settings", "by": by}
                        for by, all_ in (("handle", BY_HANDLE), ("name", BY_NAME)) for n in all_],
        "missing": ["ck_bytelock"], "best_pace": 10856,
        "cases": list(inventor.cases()),
        "goals": [
            goal("by handle, X", "handle/X", "pthread_mutex", 1.15, "at most", 1.04 * factor),
            goal("a thousand names", "name/1000", "striped_mutex", 2.3, "at most", 2.6 * factor),
            goal("against Berkeley DB", "name/1000", "berkeley_db", 6, "at least", 15.2 / factor,
                 floor=17.3),
            goal("16 threads on 2 cores", "convoy/16-threads", None, 0.3, "at least", 0.21,
                 "slowest", ""),
            goal("100 ns inside", "exclusive-hot/100ns/2-threads", None, 1000, "at most", 640,
                 "p99.9", "ns"),
            goal("a search", "deadlock/search", None, 1e7, "at most", 780000, "ns", "ns"),
            goal("a million held", "held/1000000/acquire", None, 160, "at most", 144, "bytes",
                 "bytes"),
            goal("cold batch", "batch/64-cold", "one-by-one", 1.5, "at least", None),
        ],
    }


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        json.dump(run(factor=float(sys.argv[2]) if len(sys.argv) > 2 else 1.0), out)
