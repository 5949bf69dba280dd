#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Every complete program in the README and the manual pages is built against the library, with
all warnings, and run.  Ends with `N passed, N failed`."""

import os
import re
import subprocess
import sys
import tempfile

import tree

FLAGS = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Iinclude", "-pthread"]
LIBS = ["build/liblatchkey.a", "-lurcu-bp", "-lurcu-common", "-pthread"]
FENCE = re.compile(r"^```c\n(.*?)^```", re.M | re.S)
LITERAL = re.compile(r"^\.Bd -literal.*?\n(.*?)^\.Ed", re.M | re.S)


def unroff(text):
    """What a reader of the page sees: roff's escapes undone."""
    text = re.sub(r"^\\&", "", text, flags=re.M)
    for seen, written in (("\\&", ""), ("\\-", "-"), ("\\(dq", '"'), ("\\(aq", "'"),
                          ("\\e", "\\"), ("\\\\", "\\")):
        text = text.replace(seen, written)
    return text


def programs():
    for path in tree.files("README.md", "docs", ends=".md"):
        for m in FENCE.finditer(tree.read(path)):
            yield path, m.group(1)
    for path in tree.files("docs/man", ends=(".3", ".7")):
        for m in LITERAL.finditer(tree.read(path)):
            yield path, unroff(m.group(1))


def say(path, text, why):
    print(f"FAILED {path}: {why}\n{text}")
    return False


def works(path, text, folder):
    source, program = os.path.join(folder, "snippet.c"), os.path.join(folder, "snippet")
    with open(source, "w") as f:
        f.write(text)
    built = subprocess.run(["gcc", *FLAGS, source, "-o", program, *LIBS], cwd=tree.ROOT,
                           capture_output=True, text=True)
    if built.returncode:
        return say(path, built.stderr, "does not compile")
    try:
        run = subprocess.run([program], cwd=folder, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return say(path, text, "does not end")
    return run.returncode == 0 or say(path, run.stdout + run.stderr, f"status {run.returncode}")


passed = failed = 0
with tempfile.TemporaryDirectory() as folder:
    for path, text in programs():
        if not re.search(r"\bmain\(", text):
            continue
        if works(path, text, folder):
            passed += 1
        else:
            failed += 1
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed or not passed else 0)
