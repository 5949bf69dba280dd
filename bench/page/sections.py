# SPDX-License-Identifier: MIT
"""The sections of the page that show one run."""

from . import plots
from .looks import DISTRIBUTIONS, about, title
from .markup import h
from .scale import nanoseconds, number, percentile, plain, power, tick, tick_ns


def section(name, head, *children):
    return h("section", h("h2", head), *children, id=name)


def figure(head, what, *children, level="h3"):
    return h("figure", h(level, head), h("p", what, class_="what") if what else None, *children)


def plural(n, word):
    return f"{number(n)} {word}" + ("" if n == 1 else "s")


# ------------------------------------------------------------------------------------ head


def _bytes(n):
    if n is None:
        return None
    for unit, size in (("GiB", 2 ** 30), ("MiB", 2 ** 20), ("KiB", 2 ** 10)):
        if n >= size:
            return f"{plain(n / size, 3)} {unit}"
    return f"{number(n)} bytes"


def _machine(m):
    caches = ", ".join(f"{level} {_bytes(m[key])}" for level, key in (
        ("L1d", "l1d_bytes"), ("L2", "l2_bytes"), ("L3", "l3_bytes")) if key in m)
    pinned = " ".join(str(c) for c in m.get("cpus", []))
    yield "Processor", m.get("cpu")
    yield "Cores", m.get("n_cpus") and f"{m['n_cpus']}" + (f" (used: {pinned})" if pinned else "")
    yield "Caches", caches
    yield "Memory", _bytes(m.get("memory_bytes"))
    yield "System", " ".join(m[k] for k in ("system", "kernel", "arch") if k in m)
    yield "Virtual machine", {True: "yes", False: "no"}.get(m.get("virtual"))
    yield "Governor", m.get("governor")
    yield "Clock of latencies", m.get("tick_ns") and f"{plain(m['tick_ns'])} ns a tick"


CALM = 1.1  # times the best pace, as in bench/results.c


def _calm(run):
    """In how many samples the processors had their pace."""
    paces = [p for c in run.cases for r in c.results for p in r.paces or () if p > 0]
    if not paces or not run.best_pace:
        return None
    return f"{number(sum(p <= CALM * run.best_pace for p in paces))} of {number(len(paces))}"


def _settings(run):
    s, p = run.settings, run.privileges
    samples = s.get("n_samples")
    yield "Samples", samples and f"{samples} of {nanoseconds(s.get('sample_ns'), plain)}"
    yield "Latency samples", s.get("n_latency_samples")
    yield "Calm samples", _calm(run)
    yield "Only cases with", s.get("filter")
    yield "Pinned", {True: "yes", False: "no"}.get(p.get("pinned"))
    yield "Priority", {True: "real-time where asked for", False: "normal"}.get(p.get("fifo"))


def facts(run):
    """What belongs to the figures of a run, as pairs of a word and a text."""
    yield "Latchkey", run.latchkey
    yield "Commit", run.commit
    yield "Date", run.date
    yield "Note", run.note
    yield from _machine(run.machine)
    yield "Compiler", run.build.get("compiler")
    yield "Flags", run.build.get("flags")
    yield from _settings(run)


def warnings(run):
    if run.build.get("sanitized"):
        yield "Built with a sanitizer: the figures mean nothing."
    if run.settings.get("quick"):
        yield "A quick run, to see that everything works: the figures mean little."
    if run.privileges.get("pinned") is False:
        yield "Threads were not pinned: expect more spread, and contended figures that are none."
    if run.privileges.get("fifo") is False:
        yield "Threads ran at normal priority: other processes took part in the figures."
    if run.missing:
        yield "Not built in, so not measured: " + ", ".join(run.missing) + "."


def head(run):
    shown = [(k, v) for k, v in facts(run) if v not in (None, "")]
    lines = list(warnings(run))
    return [
        h("dl", [h("div", h("dt", k), h("dd", v)) for k, v in shown], class_="head"),
        h("div", [h("p", w) for w in lines], class_="warning") if lines else None,
    ]


# ----------------------------------------------------------------------------------- goals


def _amount(goal, value, write=number):
    unit = goal.get("unit", "")
    if value is None:
        return "–"
    if unit == "ns":
        return nanoseconds(value, write)
    return write(value) + {"x": "×", "bytes": " bytes"}.get(unit, f" {unit}".rstrip())


FIGURES = {
    "ns": "time", "thread_ns": "time of a thread", "slowest": "slowest thread / mean",
    "p99.9": "99.9th percentile of the latency", "max": "longest wait", "bytes": "bytes each",
}


def _of(goal):
    """What is divided by what."""
    ours, theirs = goal["ours"], goal.get("theirs")
    figure_ = FIGURES.get(goal["figure"], goal["figure"])
    text = f"{figure_} of {ours['contestant']} in {ours['case']}"
    if theirs is None:
        return text
    text += f", divided by {theirs['contestant']}"
    return text if theirs["case"] == ours["case"] else text + f" in {theirs['case']}"


def _verdict(goal):
    if "reached" not in goal:
        return h("td", "not measured", class_="soft", role="cell")
    word, class_ = ("✓ reached", "reached") if goal["reached"] else ("✗ not reached", "missed")
    return h("td", word, class_=f"verdict {class_}", role="cell")


def _limits(goal):
    """What is possible at all: of two threads against one what those do that share nothing; else
    what the least that such a lock can be has against the same contestant."""
    text = ""
    if "own_lines" in goal:
        text += f"; two that share nothing do {plain(goal['own_lines'])} times what one does"
    if "floor" in goal:
        text += f"; the floor has {_amount(goal, goal['floor']['measured'], plain)}"
    return text


def _spread(goal):
    """The quartiles over the rounds, and how many rounds these were."""
    if "q1" not in goal or "q3" not in goal:
        return None
    text = f"{_amount(goal, goal['q1'])} to {_amount(goal, goal['q3'])}"
    if "counted" in goal and "rounds" in goal:
        text += f", {goal['counted']} of {plural(goal['rounds'], 'round')}"
        if goal.get("calm", goal["counted"]) < goal["counted"]:
            text += ", not calm"
    return h("div", text, class_="what")


def _goal(goal):
    at_most = goal["direction"] == "at most"
    measured = goal.get("measured")
    bar = None
    if measured is not None:
        bar = plots.bullet(goal["what"], measured, goal["limit"], at_most,
                           goal.get("reached", False), (goal.get("q1"), goal.get("q3")),
                           goal.get("floor", {}).get("measured"))
    return h("tr",
             h("th", goal["what"], h("div", _of(goal) + _limits(goal), class_="what"), scope="row",
               role="rowheader"),
             h("td", _amount(goal, measured), _spread(goal), class_="n", data_head="measured",
               role="cell"),
             h("td", "≤ " if at_most else "≥ ", _amount(goal, goal["limit"], plain), class_="n",
               data_head="to reach", role="cell"),
             h("td", bar, class_="bar-cell", role="cell"), _verdict(goal), role="row")


def goals(run):
    if not run.goals:
        return None
    measured = [g for g in run.goals if "reached" in g]
    reached = sum(g["reached"] for g in measured)
    heads = (("goal", None), ("measured", "n"), ("to reach", "n"), ("against the limit", None),
             ("", None))
    return section(
        "goals", "Goals",
        h("p", f"{reached} of {len(measured)} reached, {len(run.goals) - len(measured)} not "
          "measured in this run. What was measured is the median over the rounds of the run, of "
          "the ratio in each; below it the quartiles, and how many rounds are counted: those in "
          "which the processors had their pace. The line in each bar is the limit, the shaded side "
          "is where the goal is reached; a bar that is not reached is hatched; the thin line at "
          "its end reaches from quartile to quartile. A triangle is the floor: what the least that "
          "such a lock can be has against the same contestant on this machine."),
        h("table",
          h("thead", h("tr", [h("th", t or h("span", "verdict", class_="soft"), scope="col",
                                class_=c, role="columnheader") for t, c in heads], role="row"),
            role="rowgroup"),
          h("tbody", [_goal(g) for g in run.goals], role="rowgroup"),
          class_="goals", role="table"))


# --------------------------------------------------------------------------------- medians


def tip(r):
    return (f"{r.contestant}: {nanoseconds(r.median)}, quartiles {nanoseconds(r.q1)} to "
            f"{nanoseconds(r.q3)}, least {nanoseconds(r.min)}, {plural(len(r.samples), 'sample')}")


def _cost_mark(looks, r):
    return plots.Mark(looks[r.contestant], r.median, r.q1, r.q3, nanoseconds(r.median), tip(r))


def _what(case):
    unit = f"time for each {case.unit}" if case.unit not in (None, "pair") else None
    return "; ".join(filter(None, (case.what, unit)))


def _ranges(cases):
    """Family of cases, which is the first word of their names, to the least and greatest quartile.
    A family has one axis, so that its plots can be compared."""
    ranges = {}
    for r in (r for c in cases for r in c.results):
        low, high = ranges.get(r.case.family, (r.q1, r.q3))
        ranges[r.case.family] = min(low, r.q1), max(high, r.q3)
    return ranges


def _cost_plots(cases, looks):
    ranges = _ranges(cases)
    for c in cases:
        low, high = ranges[c.family]
        marks = [_cost_mark(looks, r) for r in sorted(c.results, key=lambda r: r.median)]
        yield figure(c.name, _what(c), plots.dots(f"Cost in {c.name}", marks, low, high,
                                                  tick_ns), level="h4")


def medians(run, looks):
    parts = []
    for group in run.groups():
        cases = [c for c in run.cases if c.group == group]
        if group == "open":
            continue  # its rate was asked for: see the latencies
        parts += [h("h3", title(group)), h("p", about(group)) if about(group) else None,
                  h("div", list(_cost_plots(cases, looks)), class_="plots")]
    if not parts:
        return None
    return section(
        "medians", "Cost",
        h("p", "Medians of the time for a pair of acquire and release, if nothing else is said; "
          "the bar behind a mark reaches from the first to the third quartile. Latchkey is the ",
          plots.sign(plots.Look("", None)), " on a shaded row. The scales are logarithmic, and the "
          "same where names begin with the same word. With several threads it is the time for each "
          "operation that the machine made, not that a thread waited."), parts)


# ----------------------------------------------------------------------------------- names


def _by_number(cases, looks):
    """A curve for each contestant that was measured with two numbers of names or more."""
    points = {}
    for c in sorted(cases, key=lambda c: c.names):
        for r in c.results:
            points.setdefault(r.contestant, {}).setdefault(c.names, r.median)
    for name, at in points.items():
        at = list(at.items())
        if len(at) > 1:
            tips = [f"{power(n)} names {nanoseconds(ns)}" for n, ns in at]
            yield plots.Curve(looks[name], at, tips, at)


def names(run, looks):
    kinds = {}
    for c in run.cases:
        if c.group == "name" and c.names and c.distribution:
            kinds.setdefault((c.distribution, c.mode or "X"), []).append(c)
    shown = []
    for (kind, mode), cases in kinds.items():
        curves = list(_by_number(cases, looks))
        if curves:
            head_ = f"{DISTRIBUTIONS.get(kind, kind)}, {mode}"
            shown.append(figure(head_[0].upper() + head_[1:], None, plots.against_names(
                f"Cost against the number of names, {head_}", curves, power,
                tick_ns)))
    if not shown:
        return None
    return section("names", "Cost against the number of names",
                   h("p", "Acquire and release by name, one thread; names are drawn at random "
                     "from so many. Medians."),
                   h("div", shown, class_="plots wide"))


# --------------------------------------------------------------------------------- latency


def percentile_points(latency):
    """From a histogram to steps (p, ns): a value stands from the part of the acquires that were
    faster to the part that were no slower.  The slowest stands at 1 - 1/count."""
    buckets = sorted((float(end), n) for end, n in latency["buckets"] if n > 0)
    total = sum(n for _, n in buckets)
    if total == 0:
        return []
    points, below = [], 0
    for end, n in buckets:
        if end > 0:
            points += [(below / total, end), (min(below + n, total - 1) / total, end)]
        below += n
    return points


def thin(points, least=0.01):
    """Without the points that a reader could not tell from the one before."""
    out = []
    for p, ns in points:
        if out and (1 - out[-1][0]) <= (1 - p) * (1 + least) and ns <= out[-1][1] * (1 + least):
            continue
        out.append((p, ns))
    return out + points[-1:] if points and out[-1] != points[-1] else out


def _latency_tips(latency):
    for key in ("p50", "p90", "p99", "p99.9", "p99.99", "max"):
        if key in latency:
            yield f"{key} {nanoseconds(latency[key])}"


def _latency_marks(latency):
    for key, p in (("p50", .5), ("p90", .9), ("p99", .99), ("p99.9", .999), ("p99.99", .9999)):
        if latency.get(key, 0) > 0 and latency["count"] * (1 - p) >= 1:
            yield p, latency[key]


def _latency_plot(case, looks):
    results = [r for r in case.results if r.latency]
    curves = [plots.Curve(looks[r.contestant], points, list(_latency_tips(r.latency)),
                          list(_latency_marks(r.latency)))
              for r in results if (points := thin(percentile_points(r.latency)))]
    if not curves:
        return None
    kind = results[0].latency.get("kind", "closed")
    modes = sorted({r.latency["mode"] for r in results if "mode" in r.latency})
    what = f"{case.what}; " if case.what else ""
    what += "acquires in " + " and ".join(modes) if modes else "acquires"
    if kind == "open":
        what += ", counted from when each was due"
    rates = [r.offered for r in results if r.offered]
    if rates:
        what += f"; {_rates(rates)} arrivals a second"
    return figure(case.name, what, plots.percentiles(
        f"Latency in {case.name}", curves, percentile, tick_ns))


def _rates(rates):
    low, high = number(min(rates)), number(max(rates))
    return low if low == high else f"{low} to {high}"


def latencies(run, looks):
    shown = [p for c in run.cases if (p := _latency_plot(c, looks)) is not None]
    if not shown:
        return None
    return section(
        "latency", "Latency",
        h("p", "How long an acquire took, by percentile: at 99.9 stands what one of a thousand "
          "exceeds. Each step to the right is ten times rarer. Taken apart from the figures "
          "above, with the processor's clock."), h("div", shown, class_="plots wide"))


# -------------------------------------------------------------------------------- fairness


def _shares(r):
    shown = {}
    if r.jain is not None:
        shown["jain"] = (r.jain, f"{r.contestant}: Jain's index {number(r.jain)}")
    if r.slowest is not None:
        shown["slowest"] = (r.slowest, f"{r.contestant}: slowest thread {number(r.slowest)} of "
                            "the mean")
    return shown


def _rate_mark(looks, r):
    millions = r.per_second / 1e6
    return plots.Mark(looks[r.contestant], millions, 1e3 / r.q3, 1e3 / r.q1, number(millions),
                      f"{r.contestant}: {number(millions)} million operations a second")


def fairness(run, looks):
    cases = [c for c in run.cases if c.group in ("hot", "mix") and
             any(r.jain is not None or r.slowest is not None for r in c.results)]
    if not cases:
        return None
    ranges, shown = _ranges(cases), []
    for c in cases:
        results = sorted(c.results, key=lambda r: -r.per_second)
        shown.append(figure(c.name, c.what, plots.two_panes(
            f"Throughput and fairness in {c.name}", ("million a second", "fairness"),
            [_rate_mark(looks, r) for r in results], [_shares(r) for r in results],
            *(1e3 / q for q in reversed(ranges[c.family])), tick)))
    return section(
        "fairness", "Throughput and fairness",
        h("p", "To the left what all threads made together, on a log scale. To the right ",
          plots.key("slowest"), " what the slowest thread made of the mean, and ",
          plots.key("jain"), " Jain's index; at 1 all threads had the same. A lock that wins on "
          "the left by letting one thread starve shows it on the right."),
        h("div", shown, class_="plots"))


# ----------------------------------------------------------------------------------- bytes


def _bytes_mark(looks, r):
    text = number(r.bytes)
    tip_ = f"{r.contestant}: {text} bytes"
    if r.ticket_bytes:
        text += f" + {r.ticket_bytes}"
        tip_ += f", and {plural(r.ticket_bytes, 'byte')} that the caller keeps"
    return plots.Mark(looks[r.contestant], max(r.bytes, 0), None, None, text, tip_)


def memory(run, looks):
    shown, seen = [], set()
    for c in run.cases:
        results = sorted((r for r in c.results if r.bytes is not None), key=lambda r: r.bytes)
        key = tuple((r.contestant, r.bytes) for r in results)
        if results and key not in seen:
            seen.add(key)
            shown.append(figure(c.name, c.what, plots.bars(
                f"Bytes per lock in {c.name}", [_bytes_mark(looks, r) for r in results], tick)))
    if not shown:
        return None
    return section("memory", "Bytes for each lock held",
                   h("p", "What the process grew by, divided by the locks that it held, names "
                     "included; the number after + is what the caller keeps to release each."),
                   h("div", shown, class_="plots"))
