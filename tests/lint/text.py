#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Plain text rules: no path of somebody's machine, no file without a licence line, no source
of more than 800 lines, no blank at the end of a line."""

import re

import tree

LONGEST = 800
MACHINE = re.compile(r"(?<![\w.$}/])/(?:%s)/\w" % "|".join(["work", "root", "home", "Users"]))
SOURCES = (".c", ".h", ".py", ".sh")

found = tree.Findings()


def is_program(text):
    return text.startswith("#!")


for path in tree.files():
    if path.startswith("tests/fuzz/corpus/"):
        continue  # any bytes
    text = tree.read(path)
    if "\0" in text:
        continue
    for m in MACHINE.finditer(text):
        found.at(path, text, m.start(), "a path of one machine")
    for m in re.finditer(r"[ \t]+$", text, re.M):
        if not path.endswith(".md"):
            found.at(path, text, m.start(), "blank at the end of the line")
    if path.endswith(SOURCES) or is_program(text):
        if "SPDX-License-Identifier: MIT" not in text[:200]:
            found.add(path, "no SPDX licence line at the top")
        if text.count("\n") > LONGEST:
            found.add(path, f"more than {LONGEST} lines: one idea per file")
    if text and not text.endswith("\n"):
        found.add(path, "no newline at the end")
found.end()
