#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""The checks themselves: each must find the breach that is planted in a copy of the tree."""

import os
import shutil
import subprocess
import sys
import tempfile

import tree

FOLDERS = ["src", "adapters", "include", "docs", "tests"]
# script, file that is appended to, what is appended, a word of the finding
PLANTED = [
    ("layers.py", "src/base/planted.h", '#include "core/planted.h"\n', "a layer above it"),
    ("layers.py", "src/mode/planted.h", "#include <urcu-bp.h>\n", "only src/base"),
    ("layers.py", "tests/api/planted.c", '#include "word/word.h"\n', "is internal"),
    ("layers.py", "adapters/file/planted.h", '#include "base/env.h"\n', "not for the store"),
    ("shim.py", "src/wait/planted.h", "pthread_mutex_t latch;\n", "`pthread_mutex_t`"),
    ("shim.py", "src/core/planted.h", "volatile int seen;\n", "`volatile`"),
    ("invariants.py", "src/wait/planted.h", "/* kept by (ZZ7) */\n", "(ZZ7) is cited"),
    ("features.py", "docs/features.md", "| Z-1 | a | b | done | tests/api/no.c: no.test |\n",
     "no test no.test"),
    ("features.py", "docs/features.md", "| Z-2 | a | b | done | |\n", "names no test"),
    ("text.py", "docs/planted.md", "see /" + "root/notes\n", "a path of one machine"),
    ("text.py", "src/core/planted.h", "int x;\n", "no SPDX"),
    ("text.py", "src/core/planted.h", "\n" * 801, "more than 800"),
    ("mutations.py", "tests/interleave/mutations/planted.mut",
     "what: x\nfile: mode/mode.h\nscripts: batch\n--- old\nnot there\n--- new\n--- end\n", "0 times"),
    ("symbols.py --man", "include/latchkey.h", "LK_API int lk_planted(void);\n", "lk_planted"),
]


def check(copy, script, path, text, word):
    """Append, look, and take it back."""
    target = os.path.join(copy, path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    before = open(target).read() if os.path.exists(target) else None
    with open(target, "a") as f:
        f.write(text)
    command, *args = script.split()
    run = subprocess.run([sys.executable, "-B", os.path.join(copy, "tests/lint", command), *args],
                         capture_output=True, text=True)
    if before is None:
        os.remove(target)
    else:
        with open(target, "w") as f:
            f.write(before)
    return run.returncode == 1 and word in run.stdout


found = tree.Findings()
with tempfile.TemporaryDirectory() as copy:
    for folder in FOLDERS:
        shutil.copytree(os.path.join(tree.ROOT, folder), os.path.join(copy, folder))
    for script, path, text, word in PLANTED:
        if not check(copy, script, path, text, word):
            found.add(f"tests/lint/{script}", f"does not find {text.strip()[:60]!r} in {path}")
found.end()
