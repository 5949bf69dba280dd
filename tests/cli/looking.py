# SPDX-License-Identifier: MIT
"""Commands that look at what other processes hold: ls, tree, why, watch, stats, metrics, fence."""

import json
import signal

from harness import ended, has, let_go, over, same, test, wait_until


def rows(place, *words):
    code, out, err = place.call("ls", "--json", *words)
    same((code, err), (0, ""))
    return json.loads(out)


@over("file", "sqlite", "redis")
def what_others_hold_is_listed(place):
    same(rows(place), [])
    same(place.call("ls"), (0, "", ""))
    holder = place.hold("db/a", "--mode", "S")
    same([(r["name"], r["held"]) for r in rows(place)], [("db", "IS"), ("db/a", "S")])
    has(rows(place)[0]["who"], "latchkey run@")
    same([r["name"] for r in rows(place, "db/*")], ["db/a"])
    same([r["name"] for r in rows(place, "db/**")], ["db", "db/a"])
    same([r["name"] for r in rows(place, "d?")], ["db"])
    same(rows(place, "x*"), [])
    code, out, _ = place.call("ls")
    lines = out.splitlines()
    same((code, len(lines), lines[0].split()), (0, 3, ["NAME", "STATE", "SINCE", "WHO"]))
    same(lines[2].split()[:2], ["db/a", "S"])
    same([x.index("latchkey run@") for x in lines[1:]], [lines[0].index("WHO")] * 2)
    tree = place.call("tree")[1].splitlines()
    same([x.split()[0] for x in tree], ["db", "IS", "a", "S"])
    same([len(x) - len(x.lstrip()) for x in tree], [0, 4, 2, 6])
    let_go(holder)
    same(rows(place), [])


@test
def names_of_any_bytes_do_no_harm(place):
    name = "a\033[31m\n\u00e4\udcff"
    holder = place.hold(name)
    out = place.call("ls")[1]
    has(out, "a\\x1b[31m\\x0a\u00e4\\xff")
    same(rows(place)[0]["name_hex"], "611b5b33316d0ac3a4ff")
    let_go(holder)


@over("file", "sqlite", "redis")
def why_names_who_is_in_the_way(place):
    same(place.call("why", "db/a"), (0, "db/a can be had in X\n", ""))
    holder = place.hold("db/a", "--mode", "S")
    same(place.call("why", "db/a", "--mode", "S")[0], 0)
    code, out, _ = place.call("why", "db/a", "--mode", "U")
    same(code, 0)
    code, out, _ = place.call("why", "db/a")
    same(code, 1)
    has(out, "db/a cannot be had in X:\n  db/a is held in S by latchkey run@")
    code, out, _ = place.call("why", "db", "--json")
    same((code, [b["held"] for b in json.loads(out)["blockers"]]), (1, ["IS"]))
    above = place.hold("other", "--mode", "X")
    code, out, _ = place.call("why", "other/below")
    same(code, 1)
    has(out, "other is held in X")
    waiter = place.begin("run", "db/a", "--", "true")
    wait_until(lambda: any(r.get("wanted") == "X" for r in rows(place)), "the waiter")
    code, out, _ = place.call("why", "db/a", "--mode", "S")
    same(code, 1)
    has(out, "db/a is waited for in X by")
    let_go(holder)
    same(ended(waiter)[0], 0)
    let_go(above)
    same(place.call("why", "x", "--mode", "Q")[0], 64)


@test
def a_killed_one_is_in_nobody_s_way(place):
    holder = place.hold("a")
    holder.kill()
    wait_until(lambda: place.call("why", "a")[0] == 0, "its end")


@over("file", "sqlite", "redis")
def fences_are_told(place):
    same(place.call("fence", "a"), (0, "0\n", ""))
    holder = place.begin("run", "a", "--", "sh", "-c", "echo $LATCHKEY_FENCE; read x", stdin=-1)
    fence = int(holder.stdout.readline())
    code, out, _ = place.call("fence", "a")
    if code != 0 or int(out) < fence:
        raise AssertionError((code, out, fence))
    same(json.loads(place.call("fence", "a", "--json")[1]), {"name": "a", "fence": out.strip()})
    let_go(holder)
    same(place.call("fence", "")[0], 64)


@over("file", "sqlite", "redis")
def everything_is_counted(place):
    one = place.hold("db/a", "--mode", "S")
    two = place.hold("db/a", "--mode", "S")
    waiter = place.begin("run", "db/a", "--", "true")
    wait_until(lambda: any(r.get("wanted") for r in rows(place)), "the waiter")
    said = json.loads(place.call("stats", "--json")[1])
    same((said["names"], said["holders"], said["waiters"], said["damaged"]), (2, 5, 1, 0))
    has(place.call("stats")[1], "names              2  ")
    text = place.call("metrics")[1]
    has(text, "# TYPE latchkey_store_waiters gauge\n", "\nlatchkey_store_waiters 1\n")
    same(text.endswith("# EOF\n"), True)
    let_go(one)
    let_go(two)
    same(ended(waiter)[0], 0)


@over("file", "sqlite", "redis")
def what_happens_is_told(place):
    watch = place.begin("watch", "db/*", "--json", "--every", "20ms")
    holder = place.hold("db/a")
    e = json.loads(watch.stdout.readline())
    same((e["event"], e["name"], e["held"]), ("granted", "db/a", "X"))
    waiter = place.begin("run", "db/a", "--", "sh", "-c", "echo mine; read x", stdin=-1)
    e = json.loads(watch.stdout.readline())
    same((e["event"], e["name"], e["wanted"]), ("waits", "db/a", "X"))
    elsewhere = place.hold("other")
    let_go(holder)
    same(waiter.stdout.readline(), "mine\n")
    same(sorted(json.loads(watch.stdout.readline())["event"] for _ in range(2)), ["granted", "released"])
    third = place.begin("run", "db/a", "--", "true")
    same(json.loads(watch.stdout.readline())["event"], "waits")
    third.send_signal(signal.SIGINT)
    same(json.loads(watch.stdout.readline())["event"], "gave up")
    let_go(elsewhere)
    watch.send_signal(signal.SIGINT)
    same(ended(watch)[0], 128 + 2)
    let_go(waiter)


@test
def who_watches_ends_when_nobody_reads(place):
    watch = place.begin("watch", "--every", "20ms")
    watch.stdout.close()
    watch.stdout = None
    same(watch.wait(timeout=60), 74)
    has(watch.stderr.read(), "Broken pipe")


@test
def in_memory_there_is_nothing_to_look_at(place):
    for words in (["ls"], ["tree"], ["why", "a"], ["stats"], ["metrics"], ["fence", "a"]):
        code, out, err = place.call(*words, "--store", "memory:")
        same((code, out), (64, ""), words)
        has(err, f"latchkey {words[0]}: ")
