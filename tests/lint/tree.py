# SPDX-License-Identifier: MIT
"""What the checks share: the files of the tree, C without its comments, and how to report."""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SKIPPED = {".git", "build", "__pycache__"}


def files(*tops, ends=""):
    """Paths below `tops` (default: the whole tree), relative to the root, sorted."""
    found = []
    for top in tops or ("",):
        path = os.path.join(ROOT, top)
        if os.path.isfile(path):
            found.append(top)
        for folder, folders, names in os.walk(path):
            folders[:] = [f for f in folders if f not in SKIPPED]
            found += [os.path.relpath(os.path.join(folder, n), ROOT) for n in names]
    return sorted(f for f in found if f.endswith(ends))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as f:
        return f.read()


def exists(path):
    return os.path.exists(os.path.join(ROOT, path))


_TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def code(text):
    """C with comments and the insides of strings blanked; lines stay where they are."""
    return _TOKEN.sub(lambda m: _blank(m.group()), text)


def comments(text):
    """C with everything but comments blanked."""
    out, last = [], 0
    for m in _TOKEN.finditer(text):
        out.append(_blank(text[last:m.start()]))
        out.append(m.group() if m.group()[0] == "/" else _blank(m.group()))
        last = m.end()
    out.append(_blank(text[last:]))
    return "".join(out)


class Findings:
    def __init__(self):
        self.count = 0

    def add(self, where, text):
        self.count += 1
        print(f"{where}: {text}")

    def at(self, path, content, offset, text):
        self.add(f"{path}:{content.count(chr(10), 0, offset) + 1}", text)

    def end(self):
        sys.exit(1 if self.count else 0)
