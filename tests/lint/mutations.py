#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""tests/interleave/mutations: each still fits the source that it mutates, so that a run of them does not begin with
those that went stale.  `run` applies them by the same rule: an old text is there exactly once."""

import os
import re

import tree

FOLDER = "tests/interleave/mutations"
SCRIPTS = "tests/interleave/scripts"
HUNK = re.compile(r"^--- old\n(.*?)^--- new\n(.*?)^--- end$", re.M | re.S)

found = tree.Findings()


def field(text, name):
    m = re.search(rf"^{name}: (.*)$", text, re.M)
    return m.group(1) if m else ""


def check(path):
    text = tree.read(path)
    source = "src/" + field(text, "file")
    scripts = field(text, "scripts").split()
    hunks = HUNK.findall(text)
    if not field(text, "what") or not hunks:
        found.add(path, "does not say what it does, or does nothing")
    if not scripts:
        found.add(path, "names no script that finds it")
    for script in scripts:
        if not tree.exists(f"{SCRIPTS}/{script}.lks"):
            found.add(path, f"there is no script {script}")
    if not os.path.isfile(os.path.join(tree.ROOT, source)):
        found.add(path, f"there is no {source}")
        return
    code = tree.read(source)
    for number, (old, new) in enumerate(hunks, 1):
        old, new = old.rstrip("\n"), new.rstrip("\n")
        if not old or code.count(old) != 1:
            found.add(path, f"hunk {number} is in {source} {code.count(old) if old else 0} times")
            return
        code = code.replace(old, new)


paths = tree.files(FOLDER, ends=".mut")
for path in paths:
    check(path)
if not paths:
    found.add(FOLDER, "is empty")
found.end()
