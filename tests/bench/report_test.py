#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Tests of bench/report.py: from JSON to a page.  Ends with `N passed, N failed`."""

import contextlib
import copy
import io
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import unittest
from html.parser import HTMLParser

HERE = os.path.dirname(os.path.abspath(__file__))
BENCH = os.path.join(os.path.dirname(os.path.dirname(HERE)), "bench")
REPORT = os.path.join(BENCH, "report.py")
sys.path[:0] = [HERE, BENCH]

import invented  # noqa: E402
import report  # noqa: E402
from page import plots, scale, sections  # noqa: E402

VOID = {"meta", "br", "link", "img", "input", "hr", "col"}


class Element:
    def __init__(self, tag, attributes, parent):
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.children, self.text = [], ""

    def all(self, tag, **attributes):
        wanted = {k.rstrip("_").replace("_", "-"): v for k, v in attributes.items()}
        found = []
        for child in self.children:
            if child.tag == tag and wanted.items() <= child.attributes.items():
                found.append(child)
            found += child.all(tag, **attributes)
        return found

    def one(self, tag, **attributes):
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} of {tag} {attributes}"
        return found[0]

    def everything(self):
        return self.text + "".join(c.everything() for c in self.children)


class Tree(HTMLParser):
    """A page, read strictly: what is opened is closed, in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.root = self.here = Element("", {}, None)
        self.order = []
        self.feed(text)
        self.close()
        assert self.here is self.root, f"<{self.here.tag}> is not closed"

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"an attribute twice in <{tag}>"
        element = Element(tag, dict(attrs), self.here)
        self.here.children.append(element)
        self.order.append(tag)
        if tag not in VOID:
            self.here = element

    def handle_endtag(self, tag):
        assert self.here.tag == tag, f"</{tag}> closes <{self.here.tag}>"
        self.here = self.here.parent

    def handle_data(self, data):
        self.here.text += data


def walk(element):
    yield element
    for child in element.children:
        yield from walk(child)


class WithFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.out = os.path.join(self.folder, "out.html")

    def file(self, name, data):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as f:
            f.write(data if isinstance(data, bytes) else json.dumps(data).encode())
        return path

    def report(self, *paths):
        """In this process: a new one for each of a hundred broken files would take its time."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = report.main([*paths, "-o", self.out])
        return subprocess.CompletedProcess(paths, status, out.getvalue(), err.getvalue())

    def page(self, *runs):
        done = self.report(*(self.file(f"{i}.json", r) for i, r in enumerate(runs)))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        with open(self.out, encoding="utf-8") as f:
            self.text = f.read()
        return Tree(self.text)


def table(section):
    """Rows of a section's table, each as a list of texts."""
    return [[c.everything() for c in row.children] for row in section.one("tbody").all("tr")]


class Page(WithFolder):
    def setUp(self):
        super().setUp()
        self.run_ = invented.run()
        self.tree = self.page(self.run_)
        self.root = self.tree.root

    def test_needs_nothing_else(self):
        for element in walk(self.root):
            for name in ("src", "href", "xlink:href", "action"):
                self.assertTrue(element.attributes.get(name, "#").startswith("#"))
            self.assertNotIn(element.tag, ("link", "iframe", "object", "img"))
        self.assertNotRegex(self.text, r"@import|url\((?!#)|https?://")

    def test_links_and_labels_lead_somewhere(self):
        ids = [e.attributes["id"] for e in walk(self.root) if "id" in e.attributes]
        self.assertEqual(len(ids), len(set(ids)))
        for e in walk(self.root):
            wanted = e.attributes.get("aria-labelledby", "").split()
            if e.attributes.get("href"):
                wanted.append(e.attributes["href"].removeprefix("#"))
            self.assertLessEqual(set(wanted), set(ids))
        self.assertIn("hatch", ids)

    def test_is_told_to_those_who_do_not_see_it(self):
        drawings = self.root.all("svg", role="img")
        self.assertGreater(len(drawings), 30)
        for svg in drawings:
            labels = svg.attributes["aria-labelledby"].split()
            self.assertEqual([c.tag for c in svg.children[:2]], ["title", "desc"])
            self.assertEqual([c.attributes["id"] for c in svg.children[:2]], labels)
            self.assertTrue(all(c.text for c in svg.children[:2]))
        for cell in self.root.all("th"):
            self.assertIn(cell.attributes["scope"], ("row", "col"))
        for each in self.root.all("table"):
            self.assertTrue(each.all("thead"))

    def test_headings_leave_out_no_level(self):
        levels = [int(t[1]) for t in self.tree.order if re.fullmatch("h[1-6]", t)]
        self.assertEqual(levels[0], 1)
        self.assertEqual(levels.count(1), 1)
        for above, below in zip(levels, levels[1:]):
            self.assertLessEqual(below, above + 1)

    def test_has_every_figure_of_every_contestant_in_its_table(self):
        rows = {(r[0], r[1]): r for r in table(self.root.one("section", id="figures"))}
        wanted = {(c["name"], r["contestant"]): (c, r)
                  for c in self.run_["cases"] for r in c["results"]}
        self.assertEqual(set(rows), set(wanted))
        head = [h.text for h in self.root.one("section", id="figures").one("thead").all("th")]
        for key, row in rows.items():
            case, r = wanted[key]
            at = dict(zip(head, row))
            self.assertEqual(at["threads"], str(case["threads"]))
            self.assertAlmostEqual(float(at["median"].replace("\u202f", "")), r["median"],
                                   delta=r["median"] * 0.0051)
            self.assertEqual(at["Jain"] == "–", "jain" not in r)
            self.assertEqual(at["p99.9"] == "–", "latency" not in r)
            self.assertEqual(at["bytes"] == "–", "bytes" not in r)

    def test_plots_every_case_once_with_all_that_took_part(self):
        figures = self.root.one("section", id="medians").all("figure")
        plotted = {f.one("h4").text: f for f in figures}
        cases = [c for c in self.run_["cases"] if c["group"] != "open"]
        self.assertEqual(list(plotted), [c["name"] for c in cases])
        for c in cases:
            names = [t.text for t in plotted[c["name"]].all("text")
                     if t.attributes["class"].startswith("name")]
            by_cost = sorted(c["results"], key=lambda r: r["median"])
            self.assertEqual(names, [r["contestant"] for r in by_cost])

    def test_shows_groups_that_it_does_not_know(self):
        heads = [h.text for h in self.root.one("section", id="medians").all("h3")]
        self.assertIn("a group of tomorrow", heads)

    def test_says_of_each_goal_whether_it_was_reached(self):
        section = self.root.one("section", id="goals")
        rows = section.one("tbody").all("tr")
        self.assertEqual(len(rows), len(self.run_["goals"]))
        for goal, row in zip(self.run_["goals"], rows):
            said = row.children[-1].text
            bars = [e for e in row.all("rect") if e.attributes["class"].startswith("bar ")]
            self.assertIn(goal["what"], row.everything())
            if "reached" not in goal:
                self.assertEqual((said, bars), ("not measured", []))
                continue
            self.assertEqual(said, "✓ reached" if goal["reached"] else "✗ not reached")
            # Not by colour alone: one kind of bar is full, the other hatched.
            self.assertEqual(bars[0].attributes["class"],
                             "bar reached" if goal["reached"] else "bar missed")
            limit = float(row.one("line", class_="limit").attributes["x1"])
            end = float(bars[0].attributes["width"])
            self.assertEqual(end > limit, goal["measured"] > goal["limit"])
        self.assertIn("5 of 7 reached, 1 not measured", section.all("p")[0].text)
        self.assertRegex(self.text, r"\.bar\.missed \{ fill: url\(#hatch\)")

    def test_says_how_far_apart_the_rounds_of_a_goal_were(self):
        rows = self.root.one("section", id="goals").one("tbody").all("tr")
        for goal, row in zip(self.run_["goals"], rows):
            spread = row.all("line", class_="middle-half")
            self.assertEqual(len(spread), 1 if "q1" in goal else 0)
            self.assertEqual("12 of 31 rounds" in row.everything(), "q1" in goal)
            if spread and goal["measured"] < 1.9 * goal["limit"]:
                bar = next(e for e in row.all("rect") if e.attributes["class"].startswith("bar "))
                ends = [float(spread[0].attributes[x]) for x in ("x1", "x2")]
                self.assertTrue(ends[0] < float(bar.attributes["width"]) < ends[1])
        self.assertIn("0.998× to 1.07×, 12 of 31", rows[0].everything().replace("\u00a0", " "))

    def test_says_how_calm_the_machine_was(self):
        n = sum(len(c["results"]) for c in self.run_["cases"])
        calm, all_ = (scale.number(k * n) for k in (8, 11))
        self.assertIn(f"Calm samples{calm} of {all_}", self.root.one("dl").everything())

    def test_says_of_a_goal_what_is_possible_at_all(self):
        rows = self.root.one("section", id="goals").one("tbody").all("tr")
        for goal, row in zip(self.run_["goals"], rows):
            self.assertEqual("the floor has 17.3×" in row.one("th").everything(), "floor" in goal)
            self.assertEqual(len(row.all("polygon", class_="floor")), int("floor" in goal))
        self.assertEqual(sum("floor" in g for g in self.run_["goals"]), 1)

    def test_reads_goals_that_know_of_no_rounds(self):
        for goal in self.run_["goals"]:
            for name in ("q1", "q3", "iqr", "counted", "rounds", "floor"):
                goal.pop(name, None)
        section = self.page(self.run_).root.one("section", id="goals")
        self.assertEqual(section.one("tbody").all("line", class_="middle-half"), [])
        self.assertIn("5 of 7 reached, 1 not measured", section.all("p")[0].text)

    def test_draws_a_curve_for_everybody_by_name(self):
        figures = self.root.one("section", id="names").all("figure")
        self.assertEqual([f.one("h3").text[:4] for f in figures], ["Unif", "Zipf"])
        for f in figures:
            labels = {t.text for t in f.all("text") if t.attributes["class"].startswith("name")}
            self.assertEqual(labels, set(invented.BY_NAME))
            self.assertEqual(len(f.all("path", class_="curve")), len(invented.BY_NAME))

    def test_draws_latencies_where_they_were_taken(self):
        figures = self.root.one("section", id="latency").all("figure")
        timed = [c for c in self.run_["cases"] if any("latency" in r for r in c["results"])]
        self.assertEqual([f.one("h3").text for f in figures], [c["name"] for c in timed])
        for f, c in zip(figures, timed):
            self.assertEqual(len(f.all("path", class_="curve")), len(c["results"]))
        self.assertIn("counted from when each was due", figures[-1].everything())

    def test_shows_fairness_and_bytes_where_they_apply(self):
        fair = [f.one("h3").text for f in self.root.one("section", id="fairness").all("figure")]
        self.assertEqual(fair, [c["name"] for c in self.run_["cases"] if c["group"] == "hot"])
        held = self.root.one("section", id="memory").all("figure")
        self.assertEqual([f.one("h3").text for f in held], ["held/1000000/acquire"])  # once
        self.assertIn("182 + 8", held[0].everything())

    def test_says_on_what_and_how_it_was_measured(self):
        head = self.root.one("dl").everything()
        for text in ("Invented 9000 8-Core", "gcc 12.2.0", "-O2 -g", "abc1231", "2025-11-22T04:40",
                     "Pinned", "real-time", "11 of 20", "invented figures"):
            self.assertIn(text, head)
        readme = self.root.one("pre", id="readme").text
        with open(os.path.join(BENCH, "README.md"), encoding="utf-8") as f:
            self.assertEqual(readme, f.read())

    def test_warns_of_a_run_that_proves_little(self):
        run = copy.deepcopy(self.run_)
        run["build"]["sanitized"] = run["settings"]["quick"] = True
        run["privileges"] = {"pinned": False, "fifo": False}
        said = self.page(run).root.one("header").one("div", class_="warning").everything()
        for word in ("sanitizer", "quick", "not pinned", "normal priority", "ck_bytelock"):
            self.assertIn(word, said)

    def test_is_the_same_each_time(self):
        before = self.text
        self.page(self.run_)
        self.assertEqual(before, self.text)


class Escaping(WithFolder):
    NASTY = "</style></script><script>alert(1)</script>\"'><b>&amp;]]>\x00\x1b\ud800"

    def poisoned(self, value, keep):
        if isinstance(value, dict):
            return {k: v if k in keep else self.poisoned(v, keep) for k, v in value.items()}
        if isinstance(value, list):
            return [self.poisoned(v, keep) for v in value]
        return value + self.NASTY if isinstance(value, str) and value else value

    def test_no_text_becomes_a_tag(self):
        run = invented.run()
        clean = self.page(run)
        # What the page decides by stays; contestants and cases still find each other.
        bad = self.poisoned(run, {"format", "version", "direction", "group", "distribution", "by",
                                  "kind", "figure", "unit"})
        dirty = self.page(bad)
        self.assertEqual(clean.order, dirty.order)
        self.assertEqual(dirty.order.count("script"), 1)
        self.assertIn("<script>alert(1)</script>", dirty.root.one("dl").everything())
        self.assertNotIn("\x00", self.text)
        self.assertNotIn("\x1b", self.text)

    def test_nor_does_a_group_or_a_unit(self):
        run = invented.run()
        for c in run["cases"]:
            c["group"] = c["unit"] = c["distribution"] = c["by"] = self.NASTY
        for g in run["goals"]:
            g["figure"] = g["unit"] = self.NASTY
        self.assertEqual(self.page(run).order.count("script"), 1)
        self.assertNotIn("<b>", self.text)


class Little(WithFolder):
    def test_is_enough_if_only_what_must_be_there_is(self):
        result = {"contestant": "latchkey", "samples": [5], "median": 5, "min": 5, "max": 5,
                  "q1": 5, "q3": 5}
        root = self.page({
            "format": "latchkey-bench", "version": 1, "machine": {}, "build": {}, "settings": {},
            "privileges": {}, "contestants": [], "goals": [],
            "cases": [{"name": "only", "group": "name", "names": 7, "distribution": "uniform",
                       "results": [result]}]}).root
        shown = [s.attributes["id"] for s in root.all("section")]
        self.assertEqual(shown, ["medians", "figures", "method"])  # no empty sections
        links = [a.attributes["href"] for a in root.one("nav").all("a")]
        self.assertEqual(links, ["#medians", "#figures", "#method"])

    def test_survives_extremes(self):
        run = invented.run()
        for c, ns in zip(run["cases"], (1e-3, 1e12, 999.9996, 1, 1e300)):
            for r in c["results"]:
                r.update(dict.fromkeys(("median", "min", "max", "q1", "q3"), ns), samples=[])
        timed = [(c, r) for c in run["cases"] for r in c["results"] if "latency" in r]
        for c, r in timed:
            ours = r["contestant"] == "latchkey"
            r["latency"]["buckets"] = [[1e9, 1]] if ours else [[0, 3]] if c["threads"] > 2 else []
        run["goals"][0].update(measured=0)
        run["goals"][1].update(measured=1e15)
        text = self.page(run) and self.text
        self.assertNotRegex(text, r"\b(nan|inf)\b")
        self.assertEqual(len(timed), 26)


class Compare(WithFolder):
    def setUp(self):
        super().setUp()
        self.first, self.last = invented.run(1), invented.run(2, 0.5)

    def test_shows_the_last_file_and_its_ratio_to_the_first(self):
        self.last["cases"] = self.last["cases"][:5]  # ratios only of what is in both
        self.first["cases"][0]["results"].pop()
        root = self.page(self.first, invented.run(3, 7), self.last).root
        section = root.one("section", id="compare")
        rows = {(r[0], r[1]): r for r in table(section)}
        both = [(a["name"], x["contestant"], y["median"] / x["median"])
                for a, b in zip(self.first["cases"], self.last["cases"])
                for x in a["results"] for y in b["results"] if x["contestant"] == y["contestant"]]
        self.assertEqual(set(rows), {b[:2] for b in both})
        for case, contestant, ratio in both:
            row = rows[case, contestant]
            self.assertEqual(len(row), 7)  # three medians
            self.assertAlmostEqual(float(row[5]), ratio, delta=0.006)
            if contestant == "latchkey":
                self.assertEqual(row[6], "yes")
        self.assertIn("abc1232", root.one("dl").everything())
        diamonds = [g for g in section.all("g") if g.all("polygon")]
        self.assertEqual({g.attributes["class"] for g in diamonds}, {"faster"})

    def test_does_not_call_noise_a_change(self):
        section = self.page(self.first, self.first).root.one("section", id="compare")
        self.assertEqual({r[5] for r in table(section)}, {"no"})
        diamonds = [g for g in section.all("g") if g.all("polygon")]
        self.assertEqual({g.attributes["class"] for g in diamonds}, {"same"})
        self.assertEqual(section.all("div", class_="warning"), [])

    def test_warns_if_the_machine_was_another_one(self):
        self.last["build"]["compiler"] = "clang 14"
        warned = self.page(self.first, self.last).root.one("section", id="compare")
        self.assertIn("Compiler: gcc 12.2.0, then clang 14.",
                      warned.one("div", class_="warning").everything())

    def test_says_if_nothing_is_in_both(self):
        for c in self.last["cases"]:
            c["name"] += "!"
        section = self.page(self.first, self.last).root.one("section", id="compare")
        self.assertIn("no case and contestant in common", section.everything())


def changed(path, value):
    """The bytes of a run in which the member at `path` is `value`, or is gone if that is None."""
    run = invented.run()
    at = run
    for step in path[:-1]:
        at = at[step]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return json.dumps(run).encode()


class Broken(WithFolder):
    FIRST = ("cases", 0, "results", 0)
    CASES = {
        "empty": (b"", "is not JSON"),
        "cut": (json.dumps(invented.run()).encode()[:5000], "is not JSON"),
        "no text": (b"\xff\xfe\x00", "is not JSON"),
        "deep": (b"[" * 100000, "is not JSON"),
        "an array": (b"[]", "latchkey-bench"),
        "another": (b'{"format": "other", "version": 1}', "latchkey-bench"),
        "later": (changed(("version",), 2), "version 2"),
        "no version": (changed(("version",), None), "version None"),
        "true version": (changed(("version",), True), "version True"),
        "no cases": (changed(("cases",), []), "no cases"),
        "no results": (changed(("cases", 3, "results"), []), "cases[3].results is empty"),
        "missing": (changed(("machine",), None), "machine is missing"),
        "no object": (changed(("build",), "gcc"), "build is not an object"),
        "no array": (changed(("goals",), {}), "goals is not an array"),
        "no median": (changed((*FIRST, "median"), None), "cases[0].results[0].median is missing"),
        "a zero": (changed((*FIRST, "median"), 0), "median is not a number above 0"),
        "a text": (changed((*FIRST, "q1"), "7"), "cases[0].results[0].q1 is not a number"),
        "a truth": (changed((*FIRST, "q3"), True), "cases[0].results[0].q3 is not a number"),
        "a sample": (changed((*FIRST, "samples"), [1, None]), "samples[1] is not a number"),
        "no number": (changed((*FIRST, "min"), math.nan), "NaN is no number"),
        "endless": (changed((*FIRST, "max"), math.inf), "Infinity is no number"),
        "huge": (changed((*FIRST, "max"), 10 ** 400), "max is not a number"),
        "a direction": (changed(("goals", 0, "direction"), "up"), "goals[0].direction is not"),
        "a floor": (changed(("goals", 2, "floor"), {"contestant": "name_floor"}),
                    "goals[2].floor.measured is missing"),
        "a pace": (changed((*FIRST, "paces"), [-1]), "paces[0] is not a number"),
        "a bucket": (changed((*FIRST, "latency"), {
            "count": 1, "p50": 1, "p99": 1, "p99.9": 1, "max": 1, "buckets": [[1]]}),
            "latency.buckets[0] is not a pair"),
        "twice": (changed(("cases", 1, "name"), "handle/IS"), "the same twice: handle/IS"),
        "two of one": (changed((*FIRST, "contestant"), "pthread_mutex"), "twice: pthread_mutex"),
    }

    def check(self, done, word):
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertIn("report.py: ", done.stderr)
        self.assertIn(word, done.stderr)

    def test_input_ends_it_with_one_line_and_leaves_the_page_alone(self):
        self.page(invented.run())
        before = self.text
        good = self.file("good.json", invented.run())
        for name, (data, word) in self.CASES.items():
            with self.subTest(name):
                bad = self.file("bad.json", data)
                self.check(self.report(bad), word)
                done = self.report(good, bad)
                self.check(done, word)
                self.assertIn("bad.json", done.stderr)
        with open(self.out, encoding="utf-8") as f:
            self.assertEqual(f.read(), before)

    def test_paths_are_named(self):
        self.check(self.report(os.path.join(self.folder, "none.json")), "none.json: No such file")
        self.check(self.report(self.folder), "Is a directory")
        good = self.file("good.json", invented.run())
        self.out = os.path.join(self.folder, "no", "such", "folder.html")
        self.check(self.report(good), "folder.html: No such file")
        self.assertEqual(os.listdir(self.folder), ["good.json"])

    def test_status_reaches_the_shell(self):
        bad = self.file("bad.json", b"{}")
        good = self.file("good.json", invented.run())
        for path, status in ((bad, 1), (good, 0)):
            done = subprocess.run([sys.executable, REPORT, path, "-o", self.out],
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, status)
            self.assertNotIn("Traceback", done.stderr)
            self.assertEqual(os.path.exists(self.out), status == 0)

    def test_usage_is_status_2(self):
        done = subprocess.run([sys.executable, REPORT], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("usage: ", done.stderr)


class Scales(unittest.TestCase):
    def test_numbers_are_written_with_three_digits_that_matter(self):
        for value, text in ((8.7249, "8.72"), (154.4, "154"), (0.0671, "0.0671"), (0, "0"),
                            (2310499.0, "2\u202f310\u202f000"), (9.999, "10.0"), (None, "–"),
                            (16, "16"), (1234567, "1\u202f234\u202f567")):
            self.assertEqual(scale.number(value), text)
        for value, text in ((8.72, "8.72 ns"), (999.96, "1.00 µs"), (999.4, "999 ns"),
                            (22000.0, "22.0 µs"), (1.5e6, "1.50 ms"), (2e9, "2.00 s")):
            self.assertEqual(scale.nanoseconds(value).replace("\u00a0", " "), text)
        self.assertEqual([scale.power(x) for x in (1, 1000, 10000000, 5000)],
                         ["1", "10³", "10⁷", "5\u202f000"])

    def test_a_decade_has_one_length(self):
        log = scale.Log(1, 1000, 0, 300)
        for value, place in ((1, 0), (10, 100), (100, 200), (1000, 300), (10 ** 1.5, 150)):
            self.assertAlmostEqual(log.at(value), place)
        self.assertFalse(log.can(0) or log.can(None) or log.can(math.nan))

    def test_an_axis_holds_its_values_and_has_few_ticks(self):
        for low, high in ((3, 8), (7, 7), (1, 1), (0.02, 0.05), (12, 31000), (1, 1e12)):
            log = scale.Log(low, high, 0, 100)
            self.assertLessEqual(log.low, low * 1.001)
            self.assertGreaterEqual(log.high, high * 0.999)
            self.assertGreater(log.high, log.low)
            ticks = log.ticks()
            self.assertTrue(2 <= len(ticks) <= 8, (low, high, ticks))
            self.assertTrue(all(log.low * 0.99 <= t <= log.high * 1.01 for t in ticks))

    def test_nines_are_equally_far_apart(self):
        nines = scale.Percentile(0.9999, 0, 400)
        for p, place in ((0, 0), (0.9, 100), (0.99, 200), (0.999, 300), (0.9999, 400)):
            self.assertAlmostEqual(nines.at(p), place, places=3)
        self.assertEqual([scale.percentile(p) for p in nines.ticks()],
                         ["0", "50", "90", "99", "99.9", "99.99"])

    def test_labels_keep_apart(self):
        placed = plots.spread_out([50, 51, 52, 10, 198, 199], 0, 200)
        places = sorted(placed)
        self.assertTrue(all(b - a >= plots.GAP - 1e-9 for a, b in zip(places, places[1:])))
        self.assertTrue(0 <= places[0] and places[-1] <= 200)
        self.assertEqual(placed.index(min(placed)), 3)
        self.assertEqual(placed[3], 10)

    def test_a_histogram_becomes_steps(self):
        latency = {"buckets": [[10, 90], [20, 9], [500, 1], [700, 0]]}
        self.assertEqual(sections.percentile_points(latency),
                         [(0, 10), (0.9, 10), (0.9, 20), (0.99, 20), (0.99, 500), (0.99, 500)])
        self.assertEqual(sections.percentile_points({"buckets": []}), [])

    def test_thinning_keeps_what_can_be_seen(self):
        steps = [(1 - 1 / n, float(n)) for n in range(1, 100000)]
        few = sections.thin(steps)
        self.assertLess(len(few), 2500)
        self.assertEqual((few[0], few[-1]), (steps[0], steps[-1]))
        for p, ns in steps[::997]:
            near = min(few, key=lambda f: abs(math.log((1 - f[0]) / (1 - p))))
            self.assertLess(abs(math.log(near[1] / ns)), 0.03)

    def test_every_contestant_has_a_sign_of_its_own(self):
        for a in range(24):
            for b in range(a):
                one, other = plots.Look("", a), plots.Look("", b)
                self.assertNotEqual((one.class_, one.shape), (other.class_, other.shape))
            self.assertNotEqual(plots.Look("", a).shape, plots.Look("", None).shape)


if __name__ == "__main__":
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(
        unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]))
    bad = len({t.id() if not hasattr(t, "test_case") else t.test_case.id()
               for t, _ in result.failures + result.errors})
    print(f"{result.testsRun - bad} passed, {bad} failed")
    sys.exit(1 if bad or not result.testsRun else 0)
