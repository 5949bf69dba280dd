#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""docs/features.md: a row claimed `done` names tests that exist, `tests/api/x.c: suite.name`
(or a script that checks)."""

import re

import tree

PAGE = "docs/features.md"
TEST = re.compile(r"(tests/[\w/]+\.c):\s*(\w+)\.(\w+)")
SCRIPT = re.compile(r"tests/[\w/]+(?:\.py|\.sh|/run)\b")
STATES = {"done", "partly", "planned"}

found = tree.Findings()


def has_test(path, suite, name):
    return tree.exists(path) and re.search(rf"\bTest\(\s*{suite}\s*,\s*{name}\b", tree.read(path))


def check_done(where, cell):
    tests, scripts = TEST.findall(cell), SCRIPT.findall(cell)
    if not tests and not scripts:
        found.add(where, "claimed done, but names no test")
    for path, suite, name in tests:
        if not has_test(path, suite, name):
            found.add(where, f"there is no test {suite}.{name} in {path}")
    for path in scripts:
        if not tree.exists(path):
            found.add(where, f"there is no {path}")


rows = 0
text = tree.read(PAGE) if tree.exists(PAGE) else ""
for number, line in enumerate(text.splitlines(), 1):
    cells = [c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]]
    if not cells or not re.fullmatch(r"[A-Z]-\d+[a-z]?", cells[0]):
        continue
    rows += 1
    if len(cells) != 5:
        found.add(f"{PAGE}:{number}", f"{len(cells)} cells instead of 5")
        continue
    state = cells[3].strip("*` ").split(" ")[0].rstrip(":,;")
    if state not in STATES:
        found.add(f"{PAGE}:{number}", f"`{cells[3]}` is none of {', '.join(sorted(STATES))}")
    elif state == "done":
        check_done(f"{PAGE}:{number}", cells[4])
if rows == 0:
    found.add(PAGE, "has no rows `| A-1 | what | here | state | test |`")
found.end()
