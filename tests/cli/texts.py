# SPDX-License-Identifier: MIT
"""What people read, as it was when somebody last looked at it: tests/cli/golden."""

import json
import re

from harness import golden, let_go, same, test, wait_until


OTHERS = ("migrate",)  # has tests of its own


def plain(place, text):
    """Without what differs from run to run."""
    text = text.replace(place.url, "URL").replace(place.folder, "FOLDER")
    text = re.sub(r"@[^ \n,:\"]+:\d+", "@HOST:PID", text)
    text = re.sub(r"\b\d+(\.\d+)?(ns|us|ms|s)\b( *)", lambda m: "TIME".ljust(len(m.group(0))) if m.group(3)
                  else "TIME", text)
    return re.sub(r"\b1[0-9]{18}\b", "FENCE", text)


def said(place, *words):
    code, out, err = place.call(*words)
    return f"$ latchkey {' '.join(words)}\n{out}{err}[{code}]\n\n"


@test
def help_is_as_it_was(place):
    out = place.call("help")[1]
    names = [n for n in re.findall(r"^  ([a-z][a-z-]*) +\S", out, re.M) if n not in OTHERS]
    text = said(place, "help") + "".join(said(place, "help", name) for name in names)
    golden("help", re.sub("(?m)^  (" + "|".join(OTHERS) + ") .*\n", "", text))


@test
def views_are_as_they_were(place):
    holder = place.hold("db/orders", "--mode", "S")
    other = place.hold("db/orders", "--mode", "S", "--lease", "1h")
    waiter = place.begin("run", "db/orders/17", "--", "true")
    wait_until(lambda: place.call("why", "db/orders", "--mode", "S")[0] == 1, "the waiter")
    third = place.hold("name with \u00e4\u65e5, \\ and \033")
    text = "".join(said(place, *words) for words in (
        ["ls"], ["ls", "db/*"], ["tree"], ["why", "db/orders"], ["why", "free"], ["stats"], ["metrics"],
        ["fence", "never"], ["guarantee"], ["repair"], ["break", "never", "--yes"], ["sweep"],
        ["run", "db/orders", "--nowait", "--", "true"], ["config", "get", "max_idle"]))
    golden("views", plain(place, text))
    rows = json.loads(place.call("ls", "--json")[1])
    golden("ls.json", json.dumps([{k: v if k in ("name", "held", "wanted", "position") else type(v).__name__
                                   for k, v in r.items()} for r in rows], indent=1) + "\n")
    let_go(holder)
    let_go(other)
    let_go(third)
    same(waiter.wait(timeout=60), 0)
