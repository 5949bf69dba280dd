#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Tests of latchkey-bench: which cases a filter takes, who takes part, and whether the goals are
what comes out of the samples.  Ends with `N passed, N failed`.

usage: tests/bench/run_test.py LATCHKEY-BENCH REPORT.json     a whole run, however quick"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import unittest

CALM = 1.1
BENCH, WHOLE = sys.argv[1:3] if len(sys.argv) > 2 else (None, None)


def quick(*arguments):
    """What such a quick run writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "out.json")
        subprocess.run([BENCH, "--quick", "--json", path, *arguments], check=True,
                       stdout=subprocess.DEVNULL)
        with open(path, encoding="utf-8") as f:
            return json.load(f)


def names(run):
    return [c["name"] for c in run["cases"]]


class Run:
    def __init__(self, data):
        self.data = data
        self.results = {(c["name"], r["contestant"]): (c, r)
                        for c in data["cases"] for r in c["results"]}
        self.best = data["best_pace"]

    def rounds(self, place, figure):
        """The figure in each round, and the pace around it."""
        case, r = self.results[place["case"], place["contestant"]]
        factor = {"ns": 1, "thread_ns": case["threads"]}.get(figure)
        values = [1e9 / s if figure == "throughput" else s * factor for s in r["samples"]]
        return list(zip(values, r.get("paces", [0] * len(values))))

    def judge(self, goal):
        """The ratios of the rounds that count, and how many rounds there are."""
        ours, theirs = (self.rounds(goal[who], goal["figure"]) for who in ("ours", "theirs"))
        both = list(zip(ours, theirs))
        calm = [a / b for (a, p), (b, q) in both if max(p, q) <= CALM * self.best]
        return (calm if len(calm) >= 3 else [a / b for (a, _), (b, _) in both]), len(both)


class Goals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(WHOLE, encoding="utf-8") as f:
            cls.run_ = Run(json.load(f))

    def ratios(self):
        return [g for g in self.run_.data["goals"] if "theirs" in g and "measured" in g and
                g["figure"] in ("ns", "thread_ns", "throughput")]

    def test_are_medians_of_the_ratios_in_each_round(self):
        self.assertGreater(len(self.ratios()), 20)
        for goal in self.ratios():
            with self.subTest(goal["what"]):
                ratios, n = self.run_.judge(goal)
                self.assertEqual((goal["counted"], goal["rounds"]), (len(ratios), n))
                self.assertEqual(goal["calm"] < goal["counted"], goal["calm"] < 3 <= n)
                self.assertAlmostEqual(goal["measured"] / statistics.median(ratios), 1, places=4)
                q1, _, q3 = statistics.quantiles(ratios, n=4, method="inclusive")
                self.assertAlmostEqual(goal["q1"] / q1, 1, places=4)
                self.assertAlmostEqual(goal["q3"] / q3, 1, places=4)

    def test_know_the_best_pace(self):
        paces = [p for _, r in self.run_.results.values() for p in r.get("paces", [])]
        least = min(p for p in paces if p > 0)
        self.assertLessEqual(self.run_.best, least)
        self.assertGreater(self.run_.best, least / 2)  # it may be of a sample with waits

    def test_are_reached_if_the_median_is_within_the_limit(self):
        for goal in self.run_.data["goals"]:
            if "measured" in goal:
                least = goal["direction"] == "at least"
                low, high = (goal["limit"], goal["measured"]) if least else \
                    (goal["measured"], goal["limit"])
                self.assertEqual(goal["reached"], low <= high, goal["what"])

    def test_say_what_the_floor_has_against_the_same_contestant(self):
        with_floor = [g for g in self.ratios() if "floor" in g]
        self.assertGreater(len(with_floor), 10)
        for goal in with_floor:
            with self.subTest(goal["what"]):
                floor = {**goal, "ours": {**goal["ours"],
                                          "contestant": goal["floor"]["contestant"]}}
                ratios, _ = self.run_.judge(floor)
                self.assertAlmostEqual(
                    goal["floor"]["measured"] / statistics.median(ratios), 1, places=4)
                self.assertFalse(goal["theirs"]["contestant"].startswith("latchkey"))

    def test_are_of_cases_that_were_measured_in_the_same_rounds(self):
        for goal in self.ratios():
            n = [len(self.run_.results[goal[w]["case"], goal[w]["contestant"]][1]["samples"])
                 for w in ("ours", "theirs")]
            self.assertEqual(goal["rounds"], min(n), goal["what"])


class Filter(unittest.TestCase):
    def test_takes_what_a_goal_compares_with_the_case(self):
        run = quick("--filter", "path-in-transaction/S", "--contestant", "striped_mutex")
        self.assertEqual(names(run), ["name/1000", "path-in-transaction/S"])
        measured = [g["theirs"]["case"] for g in run["goals"] if "measured" in g and "theirs" in g]
        self.assertIn("name/1000", measured)

    def test_takes_nothing_else(self):
        run = quick("--filter", "handle/U", "--contestant", "pthread_mutex")
        self.assertEqual(names(run), ["handle/U"])
        # A case that others are compared with is enough for itself.
        run = quick("--filter", "one-by-one/64-cold", "--contestant", "sharded_table")
        self.assertEqual(names(run), ["one-by-one/64-cold"])

    def test_takes_both_halves_of_what_is_held(self):
        run = quick("--filter", "held/1000000/release", "--contestant", "held_floor")
        self.assertEqual(names(run), ["held/1000000/acquire", "held/1000000/release"])
        for case in run["cases"]:
            self.assertEqual([r["contestant"] for r in case["results"]], ["latchkey", "held_floor"])


class Floors(unittest.TestCase):
    def test_take_part_alone_and_where_they_can(self):
        listed = subprocess.run([BENCH, "--list"], check=True, capture_output=True, text=True)
        lines = listed.stdout.split("\nContestants:")[0].splitlines()
        cases = {a.split(":")[0]: b.split() for a, b in zip(lines, lines[1:])
                 if a[:1].isalpha() and b.startswith("    ")}
        having = {floor: {name for name, who in cases.items() if floor in who}
                  for floor in ("handle_floor", "name_floor", "held_floor")}
        self.assertEqual(having["handle_floor"],
                         {f"handle/{m}" for m in ("IS", "IX", "S", "SIX", "U", "X")} |
                         {f"shared-hot/{m}/1-thread" for m in ("IS", "S")})
        self.assertEqual({name.split("/")[0] for name in having["name_floor"]},
                         {"name", "zipf", "name-mode"})
        self.assertEqual({name.split("/")[0] for name in having["held_floor"]}, {"held"})


if __name__ == "__main__":
    if WHOLE is None:
        sys.exit(__doc__)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(
        unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]))
    bad = len({t.id() if not hasattr(t, "test_case") else t.test_case.id()
               for t, _ in result.failures + result.errors})
    print(f"{result.testsRun - bad} passed, {bad} failed")
    sys.exit(1 if bad or not result.testsRun else 0)
