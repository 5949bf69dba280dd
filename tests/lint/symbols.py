#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""The exported names, four times the same: declared LK_API in the headers, listed in
src/latchkey.map and tests/abi/symbols.txt, and exported by the library given.

usage: symbols.py LIBRARY.so | --print (the names in the headers) | --man (each has a page)"""

import re
import subprocess
import sys

import tree

NODE = "LATCHKEY_0.1"
found = tree.Findings()


def in_headers():
    paths = ["include/latchkey.h"] + tree.files("include/latchkey", ends=".h")
    code = "\n".join(tree.code(tree.read(path)) for path in paths)
    text = re.sub(r"^[ \t]*#.*$", "", code, flags=re.M)
    return set(re.findall(r"\bLK_API\b[^;(]*?\b(\w+)\s*\(", text))


def in_map():
    block = tree.read("src/latchkey.map").split("global:")[1].split("local:")[0]
    return set(re.findall(r"^\s*(\w+);", block, re.M))


def in_list():
    return {f"{line}" for line in tree.read("tests/abi/symbols.txt").split("\n") if line}


def in_library(path):
    out = subprocess.run(["nm", "-D", "--defined-only", path], capture_output=True, text=True,
                         check=True).stdout
    names = [line.split()[-1] for line in out.splitlines()]
    return {n.replace("@@", "@") for n in names if n.split("@")[0] != NODE}


def compare(what, names, wanted):
    for name in sorted(wanted - names):
        found.add(what, f"{name} is missing")
    for name in sorted(names - wanted):
        found.add(what, f"{name} is not declared LK_API in the headers")


def names_of_page(text):
    """The names in an mdoc page's NAME section."""
    section = re.split(r"^\.Sh ", text, flags=re.M)
    return set(re.findall(r"^\.Nm (\w+)", section[1] if len(section) > 1 else "", re.M))


def check_man(wanted):
    for name in sorted(wanted):
        path = f"docs/man/{name}.3"
        if not tree.exists(path):
            found.add(path, "there is no page of this name")
            continue
        alias = re.match(r"\.so man3/(\S+)", tree.read(path))
        target = f"docs/man/{alias.group(1)}" if alias else path
        if not tree.exists(target):
            found.add(path, f"{target} does not exist")
        elif name not in names_of_page(tree.read(target)):
            found.add(target, f"{name} is not in its NAME section")


header = in_headers()
if sys.argv[1:] == ["--print"]:
    print("\n".join(sorted(header)))
elif sys.argv[1:] == ["--man"]:
    check_man(header)
else:
    versioned = {f"{name}@{NODE}" for name in header}
    compare("src/latchkey.map", in_map(), header)
    compare("tests/abi/symbols.txt", in_list(), versioned)
    compare(sys.argv[1], in_library(sys.argv[1]), versioned)
found.end()
