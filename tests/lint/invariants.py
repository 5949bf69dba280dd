#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Invariants are numbered where they are kept, ` * W3  text` in a comment or **W3** in
src/README.md, once; every (W3) that code, tests or docs cite must be one of them."""

import re

import tree

ID = r"[A-Z]{1,2}[0-9]{1,2}[a-z]?"
DEFINED_IN_C = re.compile(rf"^[ \t]*(?:/?\*)[ \t]+({ID})[ \t]{{1,4}}(?=\S)(?![.,;:)])", re.M)
DEFINED_IN_README = re.compile(rf"\*\*({ID})\*\*")
CITED = re.compile(rf"\(((?:{ID})(?:(?:, ?| ?[-–] ?| and )(?:{ID}))*)\)")

found = tree.Findings()
defined = {}

for path in tree.files("src", "adapters", "tests", ends=(".c", ".h")):
    text = tree.comments(tree.read(path))
    for m in DEFINED_IN_C.finditer(text):
        name = m.group(1)
        if name in defined:
            found.at(path, text, m.start(), f"{name} is defined in {defined[name]} already")
        defined[name] = path
if tree.exists("src/README.md"):
    for m in DEFINED_IN_README.finditer(tree.read("src/README.md")):
        defined.setdefault(m.group(1), "src/README.md")

cited_in = tree.files("src", "adapters", "tests", ends=(".c", ".h"))
cited_in += tree.files("docs", "src", "README.md", "CONTRIBUTING.md", ends=".md")
for path in cited_in:
    text = tree.read(path)
    text = text if path.endswith(".md") else tree.comments(text)
    for m in CITED.finditer(text):
        for name in re.findall(ID, m.group(1)):
            if name not in defined:
                found.at(path, text, m.start(), f"({name}) is cited but nowhere defined")
found.end()
