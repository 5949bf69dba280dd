# SPDX-License-Identifier: MIT
"""The tables: all figures of a run, and two runs beside each other."""

import math

from . import plots
from .looks import title
from .markup import h
from .scale import Ratio, number
from .sections import facts, figure, section

SHARES = {"jain", "slowest"}


def _latency(key):
    return lambda r: (r.latency or {}).get(key)


# Head, what it says when pointed at, and how it is found in a result.
COLUMNS = (
    ("threads", "threads", lambda r: r.case.threads),
    ("median", "ns for each operation", lambda r: r.median),
    ("min", "ns, the best sample", lambda r: r.min),
    ("iqr", "ns between the first and the third quartile", lambda r: round(r.spread, 3)),
    ("M/s", "million operations a second", lambda r: r.per_second / 1e6),
    ("Jain", "Jain's index: 1 is fair", lambda r: r.jain),
    ("slowest", "slowest thread / mean", lambda r: r.slowest),
    ("p50", "ns, latency of an acquire", _latency("p50")),
    ("p99", "ns, latency of an acquire", _latency("p99")),
    ("p99.9", "ns, latency of an acquire", _latency("p99.9")),
    ("max", "ns, latency of an acquire", _latency("max")),
    ("bytes", "bytes for each lock held", lambda r: r.bytes),
)


def _cell(value):
    return h("td", number(value), class_="n", data_v=None if value is None else repr(value))


def scrolled(caption, heads, rows):
    """A table that scrolls by itself where the page is narrow.  Heads are (text, tip, class)."""
    return h("div", h("table", h("caption", h("span", caption)),
                      h("thead", h("tr", [h("th", t, scope="col", class_=c, title=tip)
                                          for t, tip, c in heads])),
                      h("tbody", rows), class_="sortable"),
             class_="scroll", tabindex="0", role="region", aria_label=caption)


def _row(result, cells, case=True):
    return h("tr", h("th", result.case.name, scope="row"),
             h("th", result.contestant, scope="row", class_="who"), cells,
             class_="us" if result.ours else None)


def everything(run):
    rows = [_row(r, [_cell(find(r)) for _, _, find in COLUMNS])
            for c in run.cases for r in c.results]
    heads = [("case", None, None), ("contestant", None, None)]
    heads += [(name, tip, "n") for name, tip, _ in COLUMNS]
    return section("figures", "All figures",
                   scrolled("Times in nanoseconds. Latencies (p50 to max) are of one acquire as a "
                            "thread saw it; what does not apply is a dash.", heads, rows))


def contestants(run):
    if not run.contestants:
        return None
    rows = [h("tr", h("th", c["name"], scope="row"), h("td", c.get("by", "")),
              h("td", c.get("what", "")),
              class_="us" if c["name"].startswith("latchkey") else None)
            for c in run.contestants]
    return section("contestants", "Contestants",
                   scrolled("Who takes part, and how each is set up", (
                       ("name", None, None), ("locks by", None, None), ("what it is", None, None)),
                       rows))


# -------------------------------------------------------------------------- before and after


def _apart(a, b):
    """The ranges between the quartiles have nothing in common."""
    return a.q3 < b.q1 or b.q3 < a.q1


def _pairs(first, last):
    """Results of one case and contestant in both runs; not of open loops, whose rate is given."""
    for case in last.cases:
        before = first.case(case.name) if case.group != "open" else None
        for r in case.results if before is not None else ():
            old = before.of(r.contestant)
            if old is not None:
                yield old, r


def _scale(pairs):
    """Room for all ratios of Latchkey, and for those of the others but the farthest twentieth, one
    of which would leave no room for the rest."""
    ours = [new.median / old.median for old, new in pairs if new.ours]
    others = sorted((new.median / old.median for old, new in pairs if not new.ours),
                    key=lambda ratio: abs(math.log(ratio)))
    return Ratio(ours + others[:math.ceil(len(others) * 0.95)], 178, 346)


def _group_plots(pairs, looks):
    scale = _scale(pairs)
    groups = {}
    for old, new in pairs:
        groups.setdefault(new.case.group, {}).setdefault(new.case.name, []).append((old, new))
    for group, cases in groups.items():
        rows = [(name, [(looks[new.contestant], new.median / old.median, _apart(old, new))
                        for old, new in both]) for name, both in cases.items()]
        yield figure(title(group), None, plots.ratios(f"Ratios: {title(group)}", rows, scale,
                                                      lambda x: f"{x:.2f}"))


def _ratio_rows(runs, pairs):
    for old, new in pairs:
        medians = []
        for run in runs:
            case = run.case(new.case.name)
            found = case.of(new.contestant) if case is not None else None
            medians.append(_cell(found.median if found is not None else None))
        apart = "yes" if _apart(old, new) else "no"
        yield _row(new, [medians, _cell(new.median / old.median), h("td", apart)])


def _differences(first, last):
    """What was not the same in the two runs although it should be."""
    before, after = dict(facts(first)), dict(facts(last))
    for name in dict.fromkeys([*before, *after]):
        if name in ("Latchkey", "Commit", "Date", "Note", "Clock of latencies", "Calm samples"):
            continue
        a, b = before.get(name) or "–", after.get(name) or "–"
        if a != b:
            yield f"{name}: {a}, then {b}."


def compare(runs, looks):
    """The first and the last of several runs."""
    if len(runs) < 2:
        return None
    first, last = runs[0], runs[-1]
    pairs = list(_pairs(first, last))
    differences = list(_differences(first, last))
    files = h("ol", [h("li", h("code", r.path), " ", " ".join(
        filter(None, (r.commit, r.date, r.note)))) for r in runs])
    warned = h("div", h("p", "Not the same in both runs, so the ratios may say more about this "
                        "than about the program:"), [h("p", d) for d in differences],
               class_="warning") if differences else None
    if not pairs:
        return section("compare", "Before and after", files, warned,
                       h("p", "The first and the last file have no case and contestant in common."))
    heads = [("case", None, None), ("contestant", None, None)]
    heads += [(f"median {i}", r.path, "n") for i, r in enumerate(runs, 1)]
    heads += [("ratio", "last / first", "n"), ("apart", "quartile ranges do not overlap", None)]
    return section(
        "compare", "Before and after", files, warned,
        h("p", "Median of the last file divided by that of the first: left of the line is faster. "
          "Latchkey is the large mark, full if the quartile ranges of the two runs do not "
          "overlap. The small ones are the other contestants, whose code did not change: as far "
          "as they are from 1, the machine was another one; a few that are beyond the axis stand "
          "at its edge. The other sections show the last file."),
        h("div", list(_group_plots(pairs, looks)), class_="plots"),
        h("details", h("summary", "All ratios"),
          scrolled("Medians in nanoseconds, and the last divided by the first", heads,
                   list(_ratio_rows(runs, pairs)))))
