# SPDX-License-Identifier: MIT
"""Reads what `latchkey-bench --json` wrote, and looks at every value that is used later, so that a
broken file ends in one clear line.  Members that are not known are passed over."""

import json
import math
from dataclasses import dataclass

FORMAT, VERSION = "latchkey-bench", 1


class Broken(Exception):
    """What is wrong with a file, in words."""


class Kind:
    """One kind of value: what it is called, and whether something is one."""

    def __init__(self, name, test):
        self.name, self.test = name, test


def _is_number(v):
    try:
        return type(v) in (int, float) and math.isfinite(v)
    except OverflowError:
        return False


TEXT = Kind("a text", lambda v: isinstance(v, str))
FLAG = Kind("true or false", lambda v: isinstance(v, bool))
NUMBER = Kind("a number", _is_number)
TIME = Kind("a number above 0", lambda v: _is_number(v) and v > 0)
AMOUNT = Kind("a number, 0 or more", lambda v: _is_number(v) and v >= 0)
COUNT = Kind("a whole number, 0 or more", lambda v: _is_number(v) and v >= 0 and v == int(v))
SHARE = Kind("a number from 0 to 1", lambda v: _is_number(v) and 0 <= v <= 1.0001)
DIRECTION = Kind('"at most" or "at least"', lambda v: v in ("at most", "at least"))
BUCKET = Kind("a pair [upper end, count]", lambda v: isinstance(v, list) and len(v) == 2 and
              AMOUNT.test(v[0]) and COUNT.test(v[1]))

# A dictionary is an object, `?` marks what may be absent; a list of one is an array of that.
PLACE = {"case": TEXT, "contestant": TEXT}
LATENCY = {
    "kind?": TEXT, "mode?": TEXT, "count": COUNT, "p50": AMOUNT, "p90?": AMOUNT, "p99": AMOUNT,
    "p99.9": AMOUNT, "p99.99?": AMOUNT, "max": AMOUNT, "mean?": AMOUNT, "buckets": [BUCKET],
}
RESULT = {
    "contestant": TEXT, "samples": [TIME], "median": TIME, "min": TIME, "max": TIME, "q1": TIME,
    "q3": TIME, "iqr?": AMOUNT, "throughput?": AMOUNT, "thread_ns?": TIME, "shares?": [SHARE],
    "jain?": SHARE, "slowest?": AMOUNT, "latency?": LATENCY, "offered?": AMOUNT, "bytes?": NUMBER,
    "ticket_bytes?": COUNT, "paces?": [AMOUNT], "retaken?": COUNT,
}
CASE = {
    "name": TEXT, "group": TEXT, "what?": TEXT, "by?": TEXT, "mode?": TEXT, "threads?": COUNT,
    "processes?": COUNT,
    "names?": COUNT, "distribution?": TEXT, "section_ns?": AMOUNT, "unit?": TEXT,
    "priority?": TEXT, "processors?": TEXT, "results": [RESULT],
}
GOAL = {
    "what": TEXT, "group?": TEXT, "ours": PLACE, "theirs?": PLACE, "figure": TEXT,
    "direction": DIRECTION, "limit": TIME, "unit?": TEXT, "measured?": AMOUNT, "reached?": FLAG,
    "q1?": AMOUNT, "q3?": AMOUNT, "iqr?": AMOUNT, "counted?": COUNT, "calm?": COUNT,
    "rounds?": COUNT,
    "own_lines?": AMOUNT, "floor?": {"contestant": TEXT, "measured": AMOUNT},
}
RUN = {
    "latchkey?": TEXT, "date?": TEXT, "commit?": TEXT, "note?": TEXT,
    "machine": {
        "cpu?": TEXT, "n_cpus?": COUNT, "cpus?": [COUNT], "arch?": TEXT, "kernel?": TEXT,
        "system?": TEXT, "governor?": TEXT, "virtual?": FLAG, "memory_bytes?": AMOUNT,
        "l1d_bytes?": AMOUNT, "l2_bytes?": AMOUNT, "l3_bytes?": AMOUNT, "tick_ns?": AMOUNT,
    },
    "build": {"compiler?": TEXT, "flags?": TEXT, "sanitized?": FLAG},
    "settings": {
        "n_samples?": COUNT, "sample_ns?": AMOUNT, "n_latency_samples?": COUNT, "quick?": FLAG,
        "filter?": TEXT,
    },
    "privileges": {"pinned?": FLAG, "fifo?": FLAG},
    "contestants": [{"name": TEXT, "what?": TEXT, "by?": TEXT}],
    "missing?": [TEXT], "best_pace?": AMOUNT,
    "cases": [CASE],
    "goals": [GOAL],
}


def check(value, shape, where=""):
    if isinstance(shape, Kind):
        if not shape.test(value):
            raise Broken(f"{where} is not {shape.name}")
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise Broken(f"{where} is not an array")
        for i, item in enumerate(value):
            check(item, shape[0], f"{where}[{i}]")
    else:
        _check_object(value, shape, where)


def _check_object(value, shape, where):
    if not isinstance(value, dict):
        raise Broken(f"{where or 'the whole'} is not an object")
    for name, inner in shape.items():
        key = name.rstrip("?")
        place = f"{where}.{key}" if where else key
        if key in value:
            check(value[key], inner, place)
        elif not name.endswith("?"):
            raise Broken(f"{place} is missing")


@dataclass
class Result:
    """One contestant in one case."""

    case: "Case"
    contestant: str
    data: dict

    def __getattr__(self, name):
        # Asked for what is no attribute: a figure, or None where it does not apply.
        return self.data.get(name)

    @property
    def ours(self):
        return self.contestant.startswith("latchkey")

    @property
    def spread(self):
        return self.q3 - self.q1

    @property
    def per_second(self):
        return self.throughput or 1e9 / self.median


class Case:
    def __init__(self, data):
        self.data = data
        self.name, self.group = data["name"], data["group"]
        self.results = [Result(self, r["contestant"], r) for r in data["results"]]

    def __getattr__(self, name):
        return self.data.get(name)

    @property
    def family(self):
        return self.name.split("/")[0]

    def of(self, contestant):
        return next((r for r in self.results if r.contestant == contestant), None)


class Run:
    """One file."""

    def __init__(self, path, data):
        self.path, self.data = path, data
        self.cases = [Case(c) for c in data["cases"]]

    def __getattr__(self, name):
        return self.data.get(name)

    def groups(self):
        """Names of the groups, in the order in which they first come."""
        return list(dict.fromkeys(c.group for c in self.cases))

    def case(self, name):
        return next((c for c in self.cases if c.name == name), None)


def _no_such_number(text):
    raise Broken(f"{text} is no number in JSON")


def _unique(pairs, path):
    seen = set()
    for pair in pairs:
        if pair in seen:
            raise Broken(f"{path} twice: {', '.join(pair)}")
        seen.add(pair)


def read(path):
    """The Run in `path`; Broken if it is none."""
    try:
        with open(path, encoding="utf-8") as f:
            data = json.load(f, parse_constant=_no_such_number)
    except OSError as e:
        raise Broken(e.strerror or "cannot be read") from e
    except UnicodeDecodeError as e:
        raise Broken("is not JSON: not UTF-8") from e
    except RecursionError as e:
        raise Broken("is not JSON: nested too deeply") from e
    except ValueError as e:
        raise Broken(f"is not JSON: {e}") from e
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise Broken(f'has no "format": "{FORMAT}": not written by latchkey-bench --json')
    if data.get("version") != VERSION or isinstance(data["version"], bool):
        raise Broken(f"has version {data.get('version')!r} of the format; this reads {VERSION}")
    check(data, RUN)
    _unique(((c["name"],) for c in data["cases"]), "cases: the same")
    for i, c in enumerate(data["cases"]):
        _unique(((r["contestant"],) for r in c["results"]), f"cases[{i}].results: the same")
        if not c["results"]:
            raise Broken(f"cases[{i}].results is empty")
    if not data["cases"]:
        raise Broken("has no cases: was everything filtered out?")
    return Run(path, data)
