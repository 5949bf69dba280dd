#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""The include matrix: a layer of src/ includes only itself and the layers before it, and what
uses only the public header does not look inside."""

import re

import tree

LAYERS = ["base", "mode", "record", "word", "index", "wait", "trace", "owner", "deadlock", "lease", "store", "remote", "core", "show"]
BASE_ONLY = re.compile(r"urcu|sys/sdt|ck_pr\.h|xxhash\.h|pthread\.h|stdatomic\.h|linux/")
OUTSIDE = ["examples", "bench", "tests/api", "tests/stress", "src/tool"]
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)

found = tree.Findings()


def check_source(path):
    layer, text = path.split("/")[1], tree.read(path)
    if layer not in LAYERS:
        found.add(path, f"src/{layer} is not a layer (tests/lint/layers.py)")
        return
    for m in INCLUDE.finditer(text):
        mark, name = m.groups()
        target = name.split("/")[0]
        if mark == "<":
            if layer != "base" and BASE_ONLY.match(name):
                found.at(path, text, m.start(), f"only src/base may include <{name}>")
        elif "/" not in name or target not in LAYERS:
            found.at(path, text, m.start(), f'"{name}" does not spell its layer')
        elif LAYERS.index(target) > LAYERS.index(layer):
            found.at(path, text, m.start(), f"{layer} includes {target}, a layer above it")


def check_outsider(path):
    text = tree.read(path)
    for m in INCLUDE.finditer(text):
        if m.group(1) == '"' and m.group(2).split("/")[0] in LAYERS:
            found.at(path, text, m.start(), f'"{m.group(2)}" is internal; use <latchkey.h>')


# The guard of a database decides on records, in the program's own transaction.
READS_RECORDS = {"adapters/sqlite/guard.c": "record"}


def check_adapter(path):
    """A store sees the public headers, its own folder, and what stores share."""
    mine, text = path.split("/")[1], tree.read(path)
    for m in INCLUDE.finditer(text):
        if m.group(1) == '"' and m.group(2).split("/")[0] not in ("common", mine, READS_RECORDS.get(path)):
            found.at(path, text, m.start(), f'"{m.group(2)}" is not for the store {mine}')


for path in tree.files("src", ends=(".c", ".h")):
    if not path.startswith("src/tool/"):
        check_source(path)
for path in tree.files(*OUTSIDE, ends=(".c", ".h")):
    check_outsider(path)
for path in tree.files("adapters", ends=(".c", ".h")):
    check_adapter(path)
found.end()
