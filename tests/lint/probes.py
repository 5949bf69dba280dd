#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""The probes that the library was built with are those that docs/probes.md lists, with as many
arguments each.  Without <sys/sdt.h> there are none, and nothing is checked.

usage: probes.py LIBRARY.so"""

import re
import subprocess
import sys

import tree

PAGE = "docs/probes.md"
found = tree.Findings()


def in_library(path):
    """{name: number of arguments} of the provider latchkey, from the notes."""
    out = subprocess.run(["readelf", "-n", path], capture_output=True, text=True,
                         check=True).stdout
    probes = {}
    for m in re.finditer(r"Provider: latchkey\s+Name: (\w+)\n.*\n\s+Arguments: (.*)", out):
        probes.setdefault(m.group(1), set()).add(len(m.group(2).split()))
    return probes


def on_page():
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\| ([^|]*) \|$", tree.read(PAGE), re.M)
    return {name: len(re.sub(r"\([^)]*\)", "", arguments).split(",")) for name, arguments in rows}


def has_header():
    run = subprocess.run(["gcc", "-E", "-o", "/dev/null", "-xc", "-"],
                         input="#include <sys/sdt.h>\n", capture_output=True, text=True)
    return run.returncode == 0


library, page = in_library(sys.argv[1]), on_page()
if not page:
    found.add(PAGE, "has no rows `| probe | when | arguments |`")
if has_header():
    for name in sorted(page.keys() - library.keys()):
        found.add(sys.argv[1], f"the probe {name} is missing")
    for name in sorted(library.keys() - page.keys()):
        found.add(PAGE, f"the probe {name} is missing")
    for name in sorted(library.keys() & page.keys()):
        if library[name] != {page[name]}:
            found.add(PAGE, f"{name} has {library[name]} arguments, not {page[name]}")
found.end()
