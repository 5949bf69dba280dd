# SPDX-License-Identifier: MIT
"""The whole page."""

import os

from . import figures, plots, sections
from .looks import number_all
from .markup import h, join, raw
from .scale import nanoseconds, plain

HERE = os.path.dirname(os.path.abspath(__file__))
README = os.path.join(os.path.dirname(HERE), "README.md")
TITLE = "Latchkey: what a lock costs"
HATCH = raw('<svg class="none" aria-hidden="true"><defs><pattern id="hatch" width="6" height="6" '
            'patternUnits="userSpaceOnUse"><path d="M-1 7L7 -1M-1 1L1 -1M5 7L7 5"></path></pattern>'
            '</defs></svg>')


def _file(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def _method(run):
    s = run.settings
    samples = "several samples"
    if "n_samples" in s and "sample_ns" in s:
        samples = f"{s['n_samples']} samples of about {nanoseconds(s['sample_ns'], plain)}"
    return sections.section(
        "method", "Method",
        h("p", f"Each figure is the median of {samples}, taken from one contestant after the other "
          "and beginning with another each time, so that whatever slows the machine for a while "
          "slows all of them. The timed loop is compiled into each contestant, so that calls are "
          "direct; it is run warm, on pinned threads that overlap to the end, and where threads "
          "share a lock it is checked that they exclude each other. Latencies are taken in samples "
          "of their own, in open-loop cases from when a request was due, so that one long wait is "
          "not hidden by the requests that it kept from being made. ",
          h("a", "All of it", href="#readme"), "."),
        h("details", h("summary", "bench/README.md"), h("pre", _file(README), id="readme")))


def _nav(shown):
    return h("nav", h("ul", [h("li", h("a", text, href=f"#{name}")) for name, text in shown]),
             aria_label="Sections")


def make(runs):
    plots.restart()
    run, looks = runs[-1], number_all(runs)
    parts = [
        ("goals", "Goals", sections.goals(run)),
        ("compare", "Before and after", figures.compare(runs, looks)),
        ("medians", "Cost", sections.medians(run, looks)),
        ("names", "Number of names", sections.names(run, looks)),
        ("latency", "Latency", sections.latencies(run, looks)),
        ("fairness", "Throughput and fairness", sections.fairness(run, looks)),
        ("memory", "Bytes", sections.memory(run, looks)),
        ("figures", "All figures", figures.everything(run)),
        ("contestants", "Contestants", figures.contestants(run)),
        ("method", "Method", _method(run)),
    ]
    parts = [p for p in parts if p[2] is not None]
    return join([raw("<!DOCTYPE html>\n"), h(
        "html",
        h("head", h("meta", charset="utf-8"),
          h("meta", name="viewport", content="width=device-width, initial-scale=1"),
          h("meta", name="color-scheme", content="light dark"),
          h("title", TITLE), h("style", raw(_file(os.path.join(HERE, "style.css"))))), "\n",
        h("body",
          h("header", h("h1", TITLE), h("p", "Locks side by side in one run, on one machine. "
                                        "Times move from machine to machine: compare within a "
                                        "page, not between pages.", class_="soft"),
            sections.head(run), _nav([p[:2] for p in parts])),
          h("main", [[p[2], "\n"] for p in parts]), HATCH,
          h("script", raw(_file(os.path.join(HERE, "script.js"))))),
        lang="en"), "\n"])
