# SPDX-License-Identifier: MIT
"""latchkey migrate: locks that move from store to store, with processes that hold them, and movers that are killed."""

import json
import random
import subprocess
import time

from harness import PATIENCE, Server, Talk, ended, has, program, same, test


def url(place, kind, n=0):
    if kind == "redis":
        return Server.url() if Server.is_there() else url(place, "file", "-for-it")
    return f"{kind}:" + place.path(f"{kind}{n}" + (".db" if kind == "sqlite" else ""))


def fence(place, at, name="a"):
    code, out, err = place.call("run", name, "--store", at, "--wait", "30s", "--", "sh", "-c", "echo $LATCHKEY_FENCE")
    same((code, err), (0, ""))
    return int(out)


@test
def locks_move_from_store_to_store_and_fences_rise(place):
    sqlite = url(place, "sqlite")
    way = [url(place, "file"), sqlite, url(place, "redis"), url(place, "file", 1), sqlite]
    last = fence(place, way[0])
    for old, new in zip(way, way[1:]):
        same(place.call("migrate", "--from", old, "--to", new)[0::2], (0, ""))
        code, _, err = place.call("run", "a", "--store", old, "--", "true")
        same(code, 69)
        has(err, "in another one", new.split(":")[0], new.split("/")[-1].split("?")[0])
        now = fence(place, new)
        if now <= last:
            raise AssertionError((old, new, last, now))
        last = now


@test
def what_is_held_is_waited_for(place):
    old, new = url(place, "file"), url(place, "sqlite")
    holder = place.hold("a", "--store", old)
    code, _, err = place.call("migrate", "--from", old, "--to", new, "--timeout", "100ms", "--freeze", "20ms")
    same(code, 1)
    has(err, "1 of 1 names")
    mover = place.begin("migrate", "--from", old, "--to", new)
    holder.communicate("", timeout=PATIENCE)
    code, out, err = ended(mover)
    same((code, err), (0, ""))
    has(out, "moved: 1 names")
    fence(place, new)


@test
def keys_move_with_their_values(place):
    old, new = url(place, "file"), url(place, "sqlite")
    t = Talk(place, "--store", old)
    for key in ("", "a/b"):
        same(t.result("tryAcquire", key=key, value="mine", ttl_ms=600000), True)
    t.process.kill()
    t.process.wait(timeout=PATIENCE)
    same(place.call("migrate", "--from", old, "--to", new)[0::2], (0, ""))
    t = Talk(place, "--store", new)
    for key in ("", "a/b"):
        same(t.result("tryAcquire", key=key, value="mine", ttl_ms=600000), False)
        same(t.result("release", key=key, value="another"), False)
        same(t.result("release", key=key, value="mine"), True)
    same(t.end(), 0)


@test
def it_may_only_look(place):
    old, new = url(place, "file"), url(place, "file", 1)
    holder = place.hold("a", "--store", old)
    fence(place, new, "b")
    code, out, err = place.call("migrate", "--from", old, "--to", new, "--dry-run", "--json")
    same((code, err), (0, ""))
    said = json.loads(out)
    same((said["moved"], said["names"], said["in_use"]), (False, 1, 1))
    holder.communicate("", timeout=PATIENCE)
    fence(place, old)
    fence(place, new)


@test
def what_makes_no_sense_is_refused(place):
    old = url(place, "file")
    fence(place, old)
    code, _, err = place.call("migrate")
    same(code, 64)
    has(err, "--to")
    code, _, err = place.call("migrate", "--from", old, "--to", old)
    same(code, 64)
    has(err, "both are one store")
    same(place.call("migrate", "--from", old, "--to", url(place, "file", 1), "--timeout", "x")[0], 64)
    fence(place, old)


def where(place, stores):
    """The one store of them that grants locks; None: none does."""
    open_ones = [s for s in stores if place.call("run", "probe", "--store", s, "--wait", "30s", "--", "true")[0] == 0]
    if len(open_ones) > 1:
        raise AssertionError("both are open")
    return open_ones[0] if open_ones else None


@test
def a_mover_that_is_killed_leaves_the_old_store_or_the_new_one(place):
    kill_movers(place, [url(place, "file"), url(place, "sqlite")], 12)


@test
def a_mover_that_is_killed_is_dead_for_a_server_after_its_time(place):
    kill_movers(place, [url(place, "redis"), url(place, "file")], 3)


def move_once_it_may(place, stores):
    """Who was killed last may have begun in the store that it moved to, and is dead there after its time only."""
    end = time.monotonic() + 60
    while True:
        code, _, words = place.call("migrate", "--from", stores[0], "--to", stores[1])
        if code == 0 or "somebody else moves locks" not in words or time.monotonic() > end:
            break
        time.sleep(0.1)
    same((code, words), (0, ""))


def kill_movers(place, stores, times):
    lot = random.Random(place.folder)
    last = 0
    for n in range(times):
        for name in ("b/c", f"d{n}"):
            fence(place, stores[0], name)
        mover = place.begin("migrate", "--from", stores[0], "--to", stores[1])
        try:
            mover.wait(timeout=lot.random() * 0.06)
        except subprocess.TimeoutExpired:
            mover.kill()
        mover.wait()
        mover.communicate()
        there = where(place, stores[:1])
        if there is None:  # it was done, but for the last step perhaps
            same(place.call("migrate", "--from", stores[0], "--to", stores[1])[0::2], (0, ""))
            same(where(place, stores[:1]), None)
            stores.reverse()
        else:
            same(place.call("run", "a", "--store", stores[0], "--wait", "30s", "--", "true")[0], 0)
        now = fence(place, stores[0])
        if now <= last:
            raise AssertionError((n, last, now))
        last = now
    move_once_it_may(place, stores)


@test
def of_two_movers_at_once_one_does_it(place):
    for n in range(4):
        old, new = url(place, "file", n), url(place, "sqlite", n)
        fence(place, old)
        movers = [place.begin("migrate", "--from", old, "--to", new) for _ in range(2)]
        codes = sorted(ended(m)[0] for m in movers)
        if codes not in ([0, 0], [0, 1]):  # the second came later; or was told that somebody is at it
            raise AssertionError(codes)
        same(place.call("run", "a", "--store", old, "--", "true")[0], 69)
        fence(place, new)


@test
def who_locks_meanwhile_is_not_disturbed(place):
    """Counters under locks, over stores that move: nothing is lost, and who finds them moved goes after them."""
    stores = [url(place, "file"), url(place, "sqlite")]
    script = f"""
n=0
at=0
while [ $n -lt 15 ]; do
    for s in {stores[0]} {stores[1]}; do
        {" ".join(program)} run count --store $s --wait 30s -- sh -c 'echo $(($(cat count) + 1)) > count.new && mv count.new count' 2> /dev/null && n=$((n + 1)) && break
    done
done
"""
    with open(place.path("count"), "w") as f:
        f.write("0")
    workers = [subprocess.Popen(["sh", "-c", script], env=place.env, cwd=place.folder) for _ in range(2)]
    place.begun.extend(workers)
    moves = 0
    while any(w.poll() is None for w in workers) and moves < 6:
        code, _, err = place.call("migrate", "--from", stores[moves % 2], "--to", stores[(moves + 1) % 2])
        if code == 0:
            moves += 1
        elif "in use" not in err and "last look" not in err:
            raise AssertionError(err)
    for w in workers:
        same(w.wait(timeout=PATIENCE), 0)
    with open(place.path("count")) as f:
        same(int(f.read()), 30)
