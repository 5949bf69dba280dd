# SPDX-License-Identifier: MIT
"""The plots, as SVG.  All are 400 wide, so that their letters have one size wherever they stand.

A contestant is told apart by shape, by dashes and by its name beside the line; colour only helps.
What points at a mark sees its numbers (<title>); readers that see no picture get them in <desc>."""

import itertools
from dataclasses import dataclass

from .markup import h
from .scale import Linear, Log, Percentile, tick

WIDTH = 400
ROW = 19
GAP = 12.5  # between labels
LONGEST = 18  # name at the end of a line, in letters
LETTER = 6.3  # about the width of one
N_HUES = 6
SHAPES = ("circle", "square", "up", "down", "cross", "ring")
DASHES = (None, "6 3", "2 3", "8 3 2 3")

_ids = itertools.count(1)


def restart():
    """A new page: its drawings are numbered from 1."""
    global _ids
    _ids = itertools.count(1)


@dataclass(frozen=True)
class Look:
    """How a contestant is drawn everywhere.  `number` is None for Latchkey itself."""

    name: str
    number: int | None

    @property
    def ours(self):
        return self.number is None

    @property
    def class_(self):
        return "us" if self.ours else f"c{self.number % N_HUES}"

    @property
    def shape(self):
        if self.ours:
            return "diamond"
        return SHAPES[(self.number + self.number // len(SHAPES)) % len(SHAPES)]

    @property
    def dash(self):
        return None if self.ours else DASHES[self.number // N_HUES % len(DASHES)]


@dataclass
class Mark:
    """One row of a dot plot: a value, what it lies between, and how it is written."""

    look: Look
    value: float
    low: float
    high: float
    text: str
    tip: str


@dataclass
class Curve:
    look: Look
    points: list  # of (x, y)
    tips: list  # what is to say about it
    marks: list  # of (x, y): where it bears its sign


def shape(look, x, y, size=4.2):
    x, y = float(x), float(y)
    if look.ours:
        size *= 1.45
    if look.shape in ("circle", "ring"):
        return h("circle", cx=x, cy=y, r=size * 0.9,
                 class_="hollow" if look.shape == "ring" else "solid")
    corners = {
        "diamond": ((0, -1), (1, 0), (0, 1), (-1, 0)),
        "square": ((-.85, -.85), (.85, -.85), (.85, .85), (-.85, .85)),
        "up": ((0, -1.05), (1.05, .85), (-1.05, .85)),
        "down": ((0, 1.05), (1.05, -.85), (-1.05, -.85)),
    }.get(look.shape)
    if corners is None:
        d = "".join(f"M{x + sx * size:.1f} {y - size:.1f}L{x - sx * size:.1f} {y + size:.1f}"
                    for sx in (-.9, .9))
        return h("path", d=d, class_="stroke")
    return h("polygon", class_="solid",
             points=" ".join(f"{x + a * size:.1f},{y + b * size:.1f}" for a, b in corners))


def words(x, y, text, class_=None, anchor=None):
    return h("text", text, x=float(x), y=float(y), class_=class_, text_anchor=anchor)


def line(x1, y1, x2, y2, class_, dash=None):
    return h("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=class_,
             stroke_dasharray=dash)


def shorten(text, most):
    return text if len(text) <= most else text[: most - 1] + "…"


def picture(title, desc, height, *children, width=WIDTH):
    n = next(_ids)
    return h("svg", h("title", title, id=f"t{n}"), h("desc", desc, id=f"d{n}"), *children,
             viewBox=f"0 0 {width} {height:.0f}", role="img", aria_labelledby=f"t{n} d{n}")


def group(look, tip, *children):
    return h("g", h("title", tip), *children, class_=look.class_)


def labelled(places, least):
    """Which of the ticks [(place, text, weight)] get their text: heavier ones first, none nearer
    to another than half of both texts and `least`."""
    shown = []
    for x, text, weight in sorted(places, key=lambda p: -p[2]):
        half = len(text) * LETTER / 2
        if all(abs(x - other) > half + reach + least for other, reach, _ in shown):
            shown.append((x, half, text))
    return [(x, text) for x, _, text in shown]


def ticks_below(scale, write, top, bottom):
    ticks = scale.ticks()
    places = [(scale.at(t), write(t), scale.weight(t)) for t in ticks]
    yield [line(x, top, x, bottom, "grid") for x, _, _ in places]
    yield [words(x, bottom + 14, text, "tick", "middle") for x, text in labelled(places, 5)]


# ------------------------------------------------------------------------------------ dots

LEFT, RIGHT = 136, 332


def pane(marks, scale, write, top, x_end):
    """One column of dots: the axis below, the ranges, the marks, the values at `x_end`."""
    bottom = top + ROW * len(marks)
    yield list(ticks_below(scale, write, top, bottom))
    for i, m in enumerate(marks):
        y = top + ROW * (i + 0.5)
        parts = []
        if m is not None and scale.can(m.value):
            if scale.can(m.low) and scale.can(m.high):
                parts.append(line(scale.at(m.low), y, scale.at(m.high), y, "range"))
            parts.append(shape(m.look, scale.at(m.value), y))
        if m is not None:
            parts.append(words(x_end, y + 4, m.text, "value", "end"))
            yield group(m.look, m.tip, *parts)


def names_of(looks, top, right):
    for i, look in enumerate(looks):
        y = top + ROW * i
        if look.ours:
            yield h("rect", x=0, y=y + 1, width=WIDTH, height=ROW - 2, rx=3, class_="band")
        yield words(LEFT - 10, y + ROW / 2 + 4, shorten(look.name, 20),
                    "name us" if look.ours else "name", "end")
        yield line(LEFT, y + ROW / 2, right, y + ROW / 2, "track")


def dots(title, marks, low, high, write, log=True):
    """Contestants below each other, one mark each with its quartiles."""
    top = 4
    scale = (Log if log else Linear)(low, high, LEFT, RIGHT)
    desc = "; ".join(m.tip for m in marks)
    return picture(title, desc, top + ROW * len(marks) + 20,
                   list(names_of([m.look for m in marks], top, RIGHT)),
                   list(pane(marks, scale, write, top, WIDTH - 2)))


def two_panes(title, heads, left, right, low, high, write):
    """Dots on a log scale and, beside them, up to two shares from 0 to 1 for each row.
    `left` are marks; `right` has a list of (look, value, tip) for each of them."""
    top, middle, start, end = 20, 252, 300, 392
    scale = Log(low, high, LEFT, middle)
    parts = Linear(0, 1, start, end)
    bottom = top + ROW * len(left)
    body = [list(names_of([m.look for m in left], top, end)),
            words(LEFT, 12, heads[0], "tick"), words(start, 12, heads[1], "tick"),
            list(pane(left, scale, write, top, start - 10)),
            [line(parts.at(t), top, parts.at(t), bottom, "grid") for t in (0, 0.5, 1)],
            [words(parts.at(t), bottom + 14, w, "tick", "middle")
             for t, w in ((0, "0"), (0.5, "½"), (1, "1"))]]
    for i, shares in enumerate(right):
        y = top + ROW * (i + 0.5)
        for kind, (value, tip) in shares.items():
            if parts.can(value):
                body.append(group(left[i].look, tip, share(kind, parts.at(value), y)))
    desc = "; ".join([m.tip for m in left] + [t for s in right for _, t in s.values()])
    return picture(title, desc, bottom + 20, *body)


def share(kind, x, y):
    if kind == "jain":
        return h("circle", cx=float(x), cy=float(y), r=4, class_="hollow")
    return h("rect", x=x - 1.7, y=y - 6.5, width=3.4, height=13, class_="solid")


def key(kind):
    """The sign of `kind` of share, to stand in a sentence."""
    return h("svg", share(kind, 7, 8), viewBox="0 0 14 16", class_="key", aria_hidden="true")


def sign(look):
    """A contestant's sign, to stand in a table."""
    return h("svg", h("g", shape(look, 7, 7), class_=look.class_), viewBox="0 0 14 14",
             class_="key", aria_hidden="true")


# ----------------------------------------------------------------------------------- lines

def spread_out(wanted, top, bottom):
    """Places for labels near where they are wanted, GAP apart, from `top` to `bottom`."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = [0.0] * len(wanted)
    last = top - GAP
    for i in order:
        last = placed[i] = max(wanted[i], last + GAP)
    last = bottom + GAP
    for i in reversed(order):
        last = placed[i] = min(placed[i], last - GAP)
    return placed


def curve(c, x, y, label_at):
    """A line, its marks, and its name at `label_at` with a thin line to there."""
    places = [(x.at(a), y.at(b)) for a, b in c.points]
    end_x, end_y = places[-1]
    label_x, label_y = label_at
    path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
    name = shorten(c.look.name, LONGEST)
    return group(
        c.look, f"{c.look.name}: " + ", ".join(c.tips),
        h("path", d=path, class_="curve", stroke_dasharray=c.look.dash),
        line(end_x, end_y, label_x, label_y, "leader"),
        [shape(c.look, x.at(a), y.at(b), 3.4) for a, b in c.marks],
        shape(c.look, label_x + 6, label_y, 3.4),
        words(label_x + 14, label_y + 4, name, "name us" if c.look.ours else "name"))


def curves(title, all_curves, make_x, write_x, write_y, x_label):
    """Lines on a log scale, each with its name at its end.  `make_x(start, end)` makes the axis
    from left to right."""
    longest = max(min(len(c.look.name), LONGEST) for c in all_curves)
    left, right, top = 48, WIDTH - 28 - longest * LETTER, 8
    drawn = sorted(all_curves, key=lambda c: c.look.ours)  # Latchkey on top of the others
    bottom = top + max(230, GAP * (len(drawn) + 1))
    x = make_x(left, right)
    values = [v for c in drawn for _, v in c.points]
    y = Log(min(values), max(values), bottom, top)
    labels = spread_out([y.at(c.points[-1][1]) for c in drawn], top + 4, bottom)
    desc = "; ".join(f"{c.look.name}: " + ", ".join(c.tips) for c in drawn)
    return picture(
        title, desc, bottom + 36,
        list(ticks_below(x, write_x, top, bottom)),
        [[line(left, y.at(t), right, y.at(t), "grid"),
          words(left - 5, y.at(t) + 4, write_y(t), "tick", "end")] for t in y.ticks()],
        words((left + right) / 2, bottom + 30, x_label, "tick", "middle"),
        [curve(c, x, y, (right + 12, label)) for c, label in zip(drawn, labels)])


def against_names(title, all_curves, write_x, write_y):
    """Cost over the number of names."""
    counts = [n for c in all_curves for n, _ in c.points]
    return curves(title, all_curves, lambda a, b: Log(min(counts), max(counts), a, b),
                  write_x, write_y, "names")


def percentiles(title, all_curves, write_x, write_y):
    """Latency over percentile; the far right is a chance in so many thousand."""
    highest = max(0.9, *(p for c in all_curves for p, _ in c.points))
    return curves(title, all_curves, lambda a, b: Percentile(highest, a, b),
                  write_x, write_y, "percentile")


# ------------------------------------------------------------------------------------ bars


def bullet(title, measured, limit, at_most, reached, quartiles=(None, None), floor=None):
    """A bar from 0 to what was measured; the limit is always in the middle, and the side where
    the goal is reached is shaded.  What does not fit ends in an arrow.  A thin line is what the
    middle half of the rounds had, a triangle below is the floor."""
    width, height = 220, 22
    scale = Linear(0, 2 * limit, 0, width - 12)
    middle = scale.at(limit)
    end, beyond = scale.at(measured), measured > 2 * limit
    low, high = (None if q is None else scale.at(q) for q in quartiles)
    good = (0, middle) if at_most else (middle, width - middle)
    desc = f"{title}: measured {measured:g}, limit {limit:g}, " + \
        ("reached" if reached else "not reached") + \
        ("" if floor is None else f", the floor has {floor:g}")
    return picture(
        title, desc, height,
        h("rect", x=good[0], y=1, width=good[1], height=height - 2, class_="good"),
        h("rect", x=0, y=6, width=max(end, 1.5), height=height - 12,
          class_="bar reached" if reached else "bar missed"),
        h("polygon", points=f"{end + 2:.1f},5 {end + 10:.1f},11 {end + 2:.1f},17",
          class_="bar reached" if reached else "bar missed") if beyond else None,
        line(low, height / 2, high, height / 2, "middle-half")
        if low is not None and high is not None else None,
        _floor_sign(scale.at(floor), height) if floor is not None else None,
        line(middle, 0, middle, height, "limit"), width=width)


def _floor_sign(x, height):
    return h("polygon", class_="floor",
             points=f"{x:.1f},{height - 6} {x + 4:.1f},{height} {x - 4:.1f},{height}")


def bars(title, marks, write):
    """Contestants below each other, a bar from 0 for each."""
    top = 4
    scale = Linear(0, max(m.value for m in marks) or 1, LEFT, RIGHT - 6)
    bottom = top + ROW * len(marks)
    rows = []
    for i, m in enumerate(marks):
        y = top + ROW * i
        rows.append(group(
            m.look, m.tip,
            h("rect", x=LEFT, y=y + 5, width=max(scale.at(m.value) - LEFT, 1), height=ROW - 10,
              class_="solid"),
            words(WIDTH - 2, y + ROW / 2 + 4, m.text, "value", "end")))
    return picture(title, "; ".join(m.tip for m in marks), bottom + 20,
                   list(names_of([m.look for m in marks], top, LEFT)),
                   list(ticks_below(scale, write, top, bottom)), rows)


def ratios(title, rows, scale, write):
    """Rows of (case, [(look, ratio, whether it is certain)]): the others as small strokes, ours as
    the large mark."""
    left, top = scale.start, 4
    bottom = top + ROW * len(rows)
    body, told = [list(ticks_below(scale, tick, top, bottom)),
                  line(scale.at(1), top, scale.at(1), bottom, "limit")], []
    for i, (name, marks) in enumerate(rows):
        y = top + ROW * (i + 0.5)
        body.append(words(left - 8, y + 4, shorten(name, 29), "name", "end"))
        for look, ratio, certain in sorted(marks, key=lambda m: m[0].ours):
            tip = f"{name}, {look.name}: {write(ratio)}"
            told.append(tip)
            body.append(_ratio(tip, look, scale.at(ratio), y, ratio, certain, write))
    return picture(title, "; ".join(told), bottom + 20, *body)


def _ratio(tip, look, x, y, ratio, certain, write):
    if not look.ours:
        return h("g", h("title", tip), line(x, y - 4, x, y + 4, "stroke"), class_="same")
    way = "same" if not certain else "faster" if ratio < 1 else "slower"
    corners = ((x, y - 6), (x + 6, y), (x, y + 6), (x - 6, y))
    diamond = h("polygon", class_="solid" if certain else "hollow",
                points=" ".join(f"{a:.1f},{b:.1f}" for a, b in corners))
    return h("g", h("title", tip), diamond,
             words(WIDTH - 2, y + 4, write(ratio), "value", "end"), class_=way)
