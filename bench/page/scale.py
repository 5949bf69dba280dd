# SPDX-License-Identifier: MIT
"""From values to places on an axis, and how numbers are written."""

import math


THIN = "\u202f"  # a thin space that does not break the line


def number(x, digits=3):
    """Three digits that matter: 8.72, 154, 2 310 000."""
    if x is None:
        return "–"
    if x == 0 or isinstance(x, int):
        return f"{x:,.0f}".replace(",", THIN)
    x = float(f"{x:.{digits - 1}e}")  # rounded first: 9.999 is 10.0
    places = digits - 1 - math.floor(math.log10(abs(x)))
    return f"{x:,.{max(places, 0)}f}".replace(",", THIN)


def plain(x, digits=4):
    """A number that somebody chose: 1.15, 20, not 20.0."""
    return number(int(x)) if x == int(x) else f"{x:.{digits}g}"


UNITS = (("s", 1e9), ("ms", 1e6), ("µs", 1e3), ("ns", 1))


def nanoseconds(x, write=number):
    """With the unit that suits: 8.72 ns, 22.0 µs."""
    if x is None:
        return "–"
    # 999.9 ns is 1 µs when it is written with three digits.
    unit, size = next((u for u in UNITS if x >= u[1] * 0.9995), UNITS[-1])
    return f"{write(x / size)}\u00a0{unit}"


def tick_ns(x):
    """At a tick of an axis: 20 µs."""
    return nanoseconds(x, lambda v: f"{v:.3g}")


def tick(x):
    return number(int(x)) if x >= 1 and math.isclose(x, round(x)) else f"{x:.3g}"


def power(x):
    """10³ for 1000, else the number."""
    exponent = round(math.log10(x)) if x > 0 else 0
    if x >= 1000 and math.isclose(x, 10.0 ** exponent):
        return "10" + "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(d)] for d in str(exponent))
    return number(x)


class Linear:
    def __init__(self, low, high, start, end):
        self.low, self.high, self.start, self.end = low, high, start, end

    def can(self, x):
        return x is not None and math.isfinite(x)

    def at(self, x):
        x = min(max(x, self.low), self.high)
        return self.start + (self.end - self.start) * (x - self.low) / (self.high - self.low)

    def weight(self, x):
        """Of the ticks whose texts would touch each other the heavier one gets its text."""
        return 0

    def ticks(self):
        raw = (self.high - self.low) / 4
        step = 10.0 ** math.floor(math.log10(raw))
        step *= next(k for k in (1, 2, 5, 10) if k * step >= raw * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [k * step for k in range(first, math.floor(self.high / step + 1e-9) + 1)]


class Log(Linear):
    """Low and high are moved outwards to 1, 2 or 5 times a power of ten."""

    def __init__(self, low, high, start, end):
        super().__init__(self._round(low, -1), self._round(high, 1), start, end)
        if self.low >= self.high:
            self.low, self.high = self._round(low / 2, -1), self._round(high * 2, 1)

    @staticmethod
    def _round(x, direction):
        decade = 10.0 ** math.floor(math.log10(x) + 1e-9)
        steps = [decade * k for k in (1, 2, 5, 10)]
        if direction > 0:
            return next((s for s in steps if s >= x * 0.9999), steps[-1])
        return next((s for s in reversed(steps) if s <= x * 1.0001), steps[0])

    def can(self, x):
        return super().can(x) and x > 0

    def at(self, x):
        x = min(max(x, self.low), self.high)
        part = math.log(x / self.low) / math.log(self.high / self.low)
        return self.start + (self.end - self.start) * part

    def weight(self, x):
        return math.isclose(math.log10(x), round(math.log10(x)), abs_tol=1e-6)

    def ticks(self, most=7):
        """Powers of ten; with 2 and 5 between them, or some left out, as there is room."""
        first = math.floor(math.log10(self.low) + 1e-9)
        last = math.ceil(math.log10(self.high) - 1e-9)
        tight = [10.0 ** e * k for e in range(first, last + 1) for k in (1, 2, 5)]
        tight = [t for t in tight if self.low * 0.999 <= t <= self.high * 1.001]
        if len(tight) <= most:
            return tight
        every = max(1, math.ceil((last - first + 1) / most))
        tens = [10.0 ** e for e in range(first, last + 1, every)]
        return [t for t in tens if self.low * 0.999 <= t <= self.high * 1.001]


class Ratio(Log):
    """As far to the left of 1 as to the right."""

    TICKS = (0.1, 0.2, 0.5, 0.8, 0.9, 1, 1.1, 1.25, 2, 5, 10)

    def __init__(self, ratios, start, end):
        most = max([1.12] + [max(r, 1 / r) * 1.02 for r in ratios])
        Linear.__init__(self, 1 / most, most, start, end)

    def weight(self, x):
        return {1: 2}.get(x, abs(math.log(x)))

    def ticks(self):
        return [t for t in self.TICKS if self.low <= t <= self.high]


class Percentile(Linear):
    """1 - 1/(1 - p): 0, 0.9, 0.99, 0.999 are equally far apart, as HdrHistogram plots them."""

    TICKS = (0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999, 0.9999999)

    def __init__(self, highest, start, end):
        super().__init__(0, self._nines(highest), start, end)

    @staticmethod
    def _nines(p):
        return -math.log10(max(1 - p, 1e-9))

    def at(self, p):
        return super().at(self._nines(p))

    def weight(self, x):
        return x  # the far end is what people look at

    def ticks(self):
        return [p for p in self.TICKS if self._nines(p) <= self.high + 1e-9]


def percentile(p):
    """99.9 for 0.999"""
    return f"{p * 100:.7f}".rstrip("0").rstrip(".")
