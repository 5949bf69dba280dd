# SPDX-License-Identifier: MIT
"""latchkey stdio: keys and values, as lock libraries of scripting languages ask."""

import json
import os
import sqlite3
import threading
import time

from harness import PATIENCE, Talk, has, let_go, over, same, slow, test, wait_until
from running import end_of_lease

FOREVER = "Infinity"
KEYS = ["k", "", "a/b", "\0", "..", "%", "k\u00e4\U0001f600", "x" * 1000, " ", "K"]


@over("file", "sqlite", "redis")
def each_key_is_a_lock_of_its_own(place):
    t = Talk(place)
    for i, key in enumerate(KEYS):
        same(t.result("exists", key=key), False, key)
        same(t.result("tryAcquire", key=key, value=f"v{i}", ttl_ms=60000), True, key)
        same(t.result("tryAcquire", key=key, value=f"v{i}", ttl_ms=60000), False, "the same again")
        same(t.result("tryAcquire", key=key, value="another", ttl_ms=60000), False)
        same(t.result("exists", key=key), True, key)
    for i, key in enumerate(KEYS):
        same(t.result("release", key=key, value="another"), False)
        same(t.result("release", key=key, value=f"v{i}"), True, key)
        same(t.result("release", key=key, value=f"v{i}"), False)
        same(t.result("exists", key=key), False, key)
    same(t.end(), 0)


@test
def of_two_processes_one_gets_it(place):
    a, b = Talk(place), Talk(place)
    same(a.result("tryAcquire", key="k", value="a", ttl_ms=FOREVER), True)
    same(b.result("tryAcquire", key="k", value="b", ttl_ms=FOREVER), False)
    same(b.result("exists", key="k"), True)
    same(b.result("tryAcquireMultiple", keys=["x", "k"], value="b", ttl_ms=FOREVER), False)
    wait_until(lambda: not a.result("exists", key="x"), "that of several refused none is kept")
    same(a.result("release", key="k", value="a"), True)
    wait_until(lambda: b.result("tryAcquire", key="k", value="b", ttl_ms=FOREVER), "the key")
    same(a.result("exists", key="k"), True)
    same((a.end(), b.end()), (0, 0))


@test
def a_lease_that_is_over_is_nobody_s(place):
    t = Talk(place)
    for ttl in (0, -5, -0.5, 0.0000001):
        same(t.result("tryAcquire", key="k", value="v", ttl_ms=ttl), True, ttl)
        same(t.result("exists", key="k"), False, ttl)
        same(t.result("getLockInfo", key="k"), None, ttl)
        same(t.result("release", key="k", value="v"), False, ttl)
    same(t.result("tryAcquire", key="k", value="v", ttl_ms=1.5), True)
    wait_until(lambda: not t.result("exists", key="k"), "the end of the lease")
    same(t.result("getLockInfo", key="k"), None)
    same(t.result("release", key="k", value="v"), False)
    same(t.result("tryAcquire", key="k", value="w", ttl_ms=60000), True)
    same(t.end(), 0)


@test
def a_lease_that_is_over_before_it_is_told_was_had(place):
    t = Talk(place, "--store", "memory:")
    for i in range(300):
        same(t.result("tryAcquireMultiple", keys=[f"a{i}", f"b{i}"], value="v", ttl_ms=0.001), True, i)
        same(t.result("exists", key=f"a{i}"), False, i)
    same(t.end(), 0)


@test
def several_all_or_none_and_each_once(place):
    t = Talk(place)
    many = t.result
    same(many("tryAcquireMultiple", keys=[], value="v", ttl_ms=1000), True)
    same(many("tryAcquireMultiple", keys=["a", "b", "a"], value="v", ttl_ms=60000), True)
    same(many("tryAcquireMultiple", keys=["c", "b"], value="w", ttl_ms=60000), False)
    same(many("exists", key="c"), False)
    same(many("tryAcquireMultiple", keys=["c", "a"], value="v", ttl_ms=60000), False, "not even its own")
    same(many("releaseMultiple", keys=["a"], value="w"), 0)
    same(many("releaseMultiple", keys=["a", "a", "b", "c"], value="v"), 2)
    same(many("releaseMultiple", keys=[], value="v"), 0)
    same(many("tryAcquireMultiple", keys=["a", "b", "c"], value="w", ttl_ms=FOREVER), True)
    same(many("release", key="b", value="w"), True)
    same([many("exists", key=k) for k in "abc"], [True, False, True])
    same(many("tryAcquireMultiple", keys=["d", "e"], value="w", ttl_ms=0), True)
    same([many("exists", key=k) for k in "de"], [False, False])
    same(many("tryAcquireMultiple", keys=[f"m{i}" for i in range(200)], value="w", ttl_ms=60000), True)
    same(many("releaseMultiple", keys=[f"m{i}" for i in range(200)], value="w"), 200)
    same(t.end(), 0)


@test
def what_is_known_of_a_lock(place):
    t = Talk(place)
    same(t.result("getLockInfo", key="k"), None)
    before = time.time() * 1000
    same(t.result("tryAcquire", key="k", value="v\0w", ttl_ms=90000.5), True)
    info = t.result("getLockInfo", key="k")
    same((info["key"], info["value"]), ("k", "v\0w"))
    if not before - 1 <= info["createdAt"] <= time.time() * 1000 + 1:
        raise AssertionError(info)
    if abs(info["expiresAt"] - info["createdAt"] - 90000.5) > 0.01:
        raise AssertionError(info)
    same(t.result("tryAcquire", key="f", value="", ttl_ms=FOREVER), True)
    same(t.result("getLockInfo", key="f")["expiresAt"], "Infinity")
    same(t.result("tryAcquire", key="g", value="v", ttl_ms=1e300), True)
    same(t.result("exists", key="g"), True)
    same(t.end(), 0)


@test
def what_is_wrong_is_said(place):
    t = Talk(place)
    for op, fields, said in (
        ("tryAcquire", {"value": "v", "ttl_ms": 1}, "key is missing"),
        ("tryAcquire", {"key": "k", "ttl_ms": 1}, "value is missing"),
        ("tryAcquire", {"key": "k", "value": "v"}, "ttl_ms is missing"),
        ("tryAcquire", {"key": "k", "value": "v", "ttl_ms": None}, "neither a number"),
        ("tryAcquire", {"key": "k", "value": "v", "ttl_ms": "1"}, "neither a number"),
        ("tryAcquire", {"key": 5, "value": "v", "ttl_ms": 1}, "key is not text"),
        ("tryAcquire", {"key": "k", "value": "v", "ttl": 1}, "there is no field ttl"),
        ("tryAcquireMultiple", {"keys": "k", "value": "v", "ttl_ms": 1}, "not an array"),
        ("tryAcquireMultiple", {"keys": [1], "value": "v", "ttl_ms": 1}, "a key is not text"),
        ("releaseMultiple", {"value": "v"}, "not an array"),
        ("release", {"key": "k"}, "value is missing"),
        ("tryaquire", {"key": "k"}, "there is no op"),
    ):
        wrong = t.ask(op, **fields)
        same((wrong["ok"], wrong["code"]), (False, "LK_E_INVAL"), op)
        has(wrong["error"], said)
    same(t.ask("tryAcquire", key="x" * 4097, value="v", ttl_ms=1)["code"], "LK_E_NAME")
    has(t.ask("tryAcquire", key="k", value="x" * 70000, ttl_ms=60000)["error"], "longer than a store keeps")
    same(t.result("exists", key="k"), False)
    same(t.end(), 0)


@test
def requests_of_this_form_are_done_in_order(place):
    """Without waiting for answers."""
    t = Talk(place)
    sent = []
    for i in range(100):
        sent.append((t.send("tryAcquire", key="k", value=str(i), ttl_ms=60000), True))
        sent.append((t.send("release", key="k", value=str(i)), True))
        sent.append((t.send("release", key="k", value=str(i)), False))
    for number, wanted in sent:
        same(t.answer(number)["result"], wanted, number)
    same(t.end(), 0)


@test
def cleaning_up_drops_what_is_over(place):
    t = Talk(place, "--store", "memory:")
    for i in range(10):
        t.result("tryAcquire", key=f"k{i}", value="v", ttl_ms=1000 if i % 2 else 60000)
    dropped = []
    wait_until(lambda: dropped.append(t.result("cleanup")) or sum(dropped) == 5, "the last of five")
    same(t.result("exists", key="k0"), True)
    same(t.end(), 0)


def kept(place):
    """How many keys the store keeps something of."""
    with sqlite3.connect(place.path("locks.db")) as db:
        columns = [c[1] for c in db.execute("PRAGMA table_info(latchkey_records)")]
        n = sum(1 for (key,) in db.execute(f"SELECT {columns[0]} FROM latchkey_records") if key[:1] == b"k")
    db.close()
    return n


@over("sqlite")
def it_cleans_up_on_an_interval(place):
    t = Talk(place)
    same(t.result("tryAcquire", key="a", value="v", ttl_ms=1000), True)
    same(t.result("tryAcquire", key="b", value="v", ttl_ms=FOREVER), True)
    same(kept(place), 2)
    u = Talk(place, "--cleanup-ms", "20")
    wait_until(lambda: kept(place) == 1, "a sweep")
    same((u.end(), t.end(), kept(place)), (0, 0, 0))


@over("file", "sqlite", "redis")
def the_value_counts_in_whatever_process(place):
    a, b = Talk(place), Talk(place)
    same(a.result("tryAcquire", key="k", value="mine", ttl_ms=600000), True)
    info = a.result("getLockInfo", key="k")
    same(info["value"], "mine")
    same(b.result("getLockInfo", key="k"), info)
    same(b.result("exists", key="k"), True)
    same(b.result("tryAcquire", key="k", value="mine", ttl_ms=1000), False, "the same value again")
    same(b.result("release", key="k", value="other"), False)
    same(b.result("release", key="k", value="mine"), True)
    same(a.result("release", key="k", value="mine"), False)
    same((a.result("exists", key="k"), a.result("getLockInfo", key="k")), (False, None))
    same(b.result("tryAcquireMultiple", keys=["k", "l", "m"], value="theirs", ttl_ms=FOREVER), True)
    same(a.result("tryAcquireMultiple", keys=["n", "m"], value="mine", ttl_ms=FOREVER), False)
    same(b.result("exists", key="n"), False)
    same(a.result("releaseMultiple", keys=["k", "m", "n"], value="theirs"), 2)
    same(b.result("releaseMultiple", keys=["k", "l", "m"], value="theirs"), 1)
    same((a.end(), b.end()), (0, 0))


@over("file", "sqlite")
def what_a_killed_process_had_lasts_its_time(place):
    a, b = Talk(place), Talk(place)
    same(a.result("tryAcquire", key="k", value="v", ttl_ms=600000), True)
    same(a.result("tryAcquire", key="short", value="v", ttl_ms=50), True)
    a.process.kill()
    a.process.wait()
    same(b.result("exists", key="k"), True)
    same(b.result("getLockInfo", key="k")["value"], "v")
    same(b.result("release", key="k", value="v"), True)
    wait_until(lambda: b.result("tryAcquire", key="short", value="w", ttl_ms=60000), "the end of its time")
    same(b.end(), 0)


@over("file")
@slow
def what_has_no_end_ends_with_its_process(place):
    """It is renewed while that lives, and is over some time after it was killed."""
    a, b = Talk(place, "--store", place.url + "?ttl_ns=6s"), Talk(place)
    same(a.result("tryAcquire", key="k", value="v", ttl_ms=FOREVER), True)
    end_of_lease(7.0)
    same(b.result("getLockInfo", key="k")["expiresAt"], "Infinity")
    a.process.kill()
    a.process.wait()
    wait_until(lambda: b.result("tryAcquire", key="k", value="w", ttl_ms=60000), "its end")
    same(b.end(), 0)


@over("file", "sqlite", "redis")
def whoever_holds_it_the_key_is_taken(place):
    """A key is a name: others may have it by other means."""
    t = Talk(place)
    holder = place.hold("k")
    same((t.result("exists", key="k"), t.result("getLockInfo", key="k")), (True, None))
    same(t.result("tryAcquire", key="k", value="v", ttl_ms=1000), False)
    same(t.result("release", key="k", value="v"), False)
    let_go(holder)
    wait_until(lambda: t.result("tryAcquire", key="k", value="v", ttl_ms=60000), "the key")
    same(place.is_taken("k"), True)
    same(place.call("break", "k", "--yes")[0], 0)
    same((t.result("exists", key="k"), t.result("getLockInfo", key="k")), (False, None))
    same(t.result("release", key="k", value="v"), False)
    same(t.end(), 0)


@over("file")
def of_four_processes_one_has_a_key(place):
    """Whoever has keys makes a file for each, which must not be there."""
    wrong = []

    def work(number):
        t = Talk(place)
        done = 0
        for i in range(400):
            keys = [f"k{(number + i * step) % 5}" for step in (1, 2, 3)][:1 + i % 3]
            if not t.result("tryAcquireMultiple", keys=keys, value=str(number), ttl_ms=600000):
                continue
            try:
                for key in set(keys):
                    os.close(os.open(place.path(key), os.O_CREAT | os.O_EXCL))
                for key in set(keys):
                    os.unlink(place.path(key))
            except FileExistsError as e:
                wrong.append(str(e))
            done += 1
            if t.result("releaseMultiple", keys=keys, value=str(number)) != len(set(keys)):
                wrong.append(f"{keys} were not its own")
        if t.end() != 0 or done == 0:
            wrong.append(f"{number}: {done} times")

    workers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    same(wrong, [])


@test
def close_frees_all_and_ends_it(place):
    t = Talk(place)
    t.result("tryAcquire", key="k", value="v", ttl_ms=FOREVER)
    same(t.result("close"), True)
    same(t.process.wait(timeout=PATIENCE), 0)
    same(place.is_free("k"), True)


@test
def it_takes_a_folder(place):
    lines = ['{"id":1,"op":"tryAcquire","key":"k","value":"v","ttl_ms":1000}', '{"id":2,"op":"close"}']
    code, out, err = place.call("stdio", "--dir", place.path("locks in here"), stdin="\n".join(lines))
    same((code, err), (0, ""))
    same([json.loads(x)["result"] for x in out.splitlines()], [True, True])
