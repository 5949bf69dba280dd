#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""The shim rule: outside src/base no layer touches shared memory, the clock, threads or the
kernel by itself, and none keeps mutable state of its own (objects given as arguments)."""

import re
import subprocess
import sys

import tree

FORBIDDEN = re.compile(
    r"\b(__atomic_\w+|__sync_\w+|_?atomic_\w+|_Atomic|ck_pr_\w+|uatomic_\w+|rcu_read_\w+"
    r"|cmm_\w+|volatile|SYS_\w+|syscall|clock_gettime|nanosleep|sched_yield|pthread_\w+"
    r"|__thread|_Thread_local|thread_local|malloc|calloc|realloc)\b")
CONSTANT = (".rodata", ".data.rel.ro", ".text", ".eh_frame", "*UND*", "*ABS*", "UND", "ABS")

found = tree.Findings()


def check_text(path):
    text = tree.read(path)
    for m in FORBIDDEN.finditer(tree.code(text)):
        found.at(path, text, m.start(), f"`{m.group()}` belongs in src/base")


def check_state(obj):
    """nm -f sysv: name | value | class | type | size | line | section."""
    out = subprocess.run(["nm", "-f", "sysv", obj], capture_output=True, text=True, check=True)
    for line in out.stdout.splitlines():
        cells = [c.strip() for c in line.split("|")]
        if len(cells) != 7 or cells[3] not in ("OBJECT", "TLS"):
            continue
        if not cells[6].startswith(CONSTANT):
            found.add(obj, f"`{cells[0]}` is mutable state of the whole process ({cells[6]})")


for path in tree.files("src", ends=(".c", ".h")):
    if not path.startswith(("src/base/", "src/tool/")):  # a program, as others are
        check_text(path)
for obj in sys.argv[1:]:
    source = obj.partition("/obj/")[2][:-2] + ".c"  # one that is gone may have left its object
    if "/src/base/" not in obj and tree.exists(source):
        check_state(obj)
found.end()
