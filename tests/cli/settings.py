# SPDX-License-Identifier: MIT
"""latchkey config: what is in force, and what is stored with the locks."""

import json

from harness import has, let_go, over, same, test


def in_force(place, name, *words):
    said = json.loads(place.call("config", "get", name, "--json", *words)[1])
    return said[name]["value"], said[name]["from"]


@over("file", "sqlite", "redis")
def what_is_stored_counts_for_all(place):
    same(in_force(place, "linger_ns"), ("0", "default"))
    same(place.call("config", "set", "linger_ns", "off"), (0, "", ""))
    same(place.call("config", "set", "timeout_ns", "5ms"), (0, "", ""))
    same(in_force(place, "linger_ns"), ("off", "store"))
    same(place.call("config", "get", "timeout_ns"), (0, "5000000\n", ""))
    same(in_force(place, "timeout_ns", "--store", place.url + ("&" if "?" in place.url else "?") + "timeout_ns=7"),
         ("7", "URL"))
    code, out, _ = place.call("config", "get", env={"LATCHKEY_MAX_IDLE": "64k"})
    rows = [line.split() for line in out.splitlines()]
    same((code, rows[0]), (0, ["SETTING", "VALUE", "FROM"]))
    for row in (["max_idle", "65536", "variable"], ["timeout_ns", "5ms", "store"], ["ttl_ns", "30s", "default"],
                ["separator", "/", "default"]):
        if row not in rows:
            raise AssertionError((row, out))
    holder = place.hold("a")
    code, _, err = place.call("run", "a", "--", "true")  # the time that is stored
    same(code, 1)
    has(err, "held in X")
    let_go(holder)
    same(place.call("config", "set", "timeout_ns", "default")[0], 0)
    same(place.call("config", "set", "linger_ns", "default")[0], 0)
    same(in_force(place, "timeout_ns"), ("off", "default"))


@over("file", "redis")
def in_the_separator_all_agree(place):
    holder = place.hold("x")
    code, _, err = place.call("config", "set", "separator", ".")
    same(code, 1)
    has(err, "others have the store open")
    let_go(holder)
    same(place.call("config", "set", "separator", ".")[0], 0)
    holder = place.hold("a.b")
    same(place.call("why", "a", "--mode", "S")[0], 1)
    same(place.call("why", "a/b")[0], 0)
    same([line.split()[0] for line in place.call("tree")[1].splitlines()], ["a", "IX", "b", "X"])
    let_go(holder)
    code, _, err = place.call("run", "a", "--store", place.url + ("&" if "?" in place.url else "?") + "separator=:",
                              "--", "true")
    same(code, 64)
    has(err, "separator: all must agree in it")


@test
def what_cannot_be_is_refused(place):
    for words, said in ((["set", "lingre_ns", "off"], "do you mean linger_ns?"),
                        (["get", "ttl"], "there is no such setting"),
                        (["set", "zzzzzzz", "off"], "there is no such setting"),
                        (["set", "linger_ns", "5x"], "is not a value of it"),
                        (["set", "label", "x"], "it is not stored"),
                        (["set", "linger_ns"], "config set SETTING VALUE"),
                        (["get", "linger_ns", "off"], "config get [SETTING]"),
                        (["put", "linger_ns", "off"], "it is get or set"),
                        (["set", "linger_ns", "off", "--store", "memory:"], "outlives")):
        code, out, err = place.call("config", *words)
        same((code, out), (64, ""), words)
        has(err, said)
    same(place.call("config", "get", "max_idle", "--store", "memory:?max_idle=9"), (0, "9\n", ""))
