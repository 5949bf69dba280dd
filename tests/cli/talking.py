# SPDX-License-Identifier: MIT
"""latchkey stdio: requests about locks, as another program makes them."""

import json
import signal
import subprocess

from harness import PATIENCE, Talk, ended, has, let_go, over, program, same, test, wait_until


@over("file", "sqlite", "redis")
def a_lock_from_its_beginning_to_its_end(place):
    t = Talk(place)
    got = t.result("acquire", name="db/a", mode="X", wait_ms=5000, tag="me")
    same((got["name"], got["mode"]), ("db/a", "X"))
    same(got["token"].split("-")[1], f"{int(got['fence']):016x}")
    same(t.result("check", token=got["token"]), {"state": "held"})
    same(place.is_taken("db/a"), True)
    weaker = t.result("convert", token=got["token"], mode="S")
    same((weaker["mode"], weaker["fence"]), ("S", got["fence"]))
    same(t.result("release", token=got["token"]), True)
    same(t.ask("check", token=got["token"])["code"], "LK_E_STALE")
    same(t.ask("release", token=got["token"])["code"], "LK_E_STALE")
    same(place.is_free("db/a"), True)
    same(t.end(), 0)


@test
def answers_come_when_they_can(place):
    """Whoever waits does not keep others waiting."""
    t = Talk(place)
    first = t.result("acquire", name="a")
    waits = [t.send("acquire", name="a", mode="S") for _ in range(40)]
    same(t.result("acquire", name="b")["name"], "b")
    same(t.answers, {})
    same(t.result("release", token=first["token"]), True)
    tokens = [t.answer(w)["result"]["token"] for w in waits]
    same(len(set(tokens)), 40)
    for token in tokens:
        same(t.result("release", token=token), True)
    same(t.end(), 0)


@over("file", "sqlite", "redis")
def a_refusal_says_who_is_in_the_way(place):
    t = Talk(place)
    t.result("acquire", name="a", tag="nightly", label="import")
    for op, fields, code in (("try", {}, "LK_E_BUSY"), ("acquire", {"wait_ms": 0}, "LK_E_BUSY"),
                             ("acquire", {"wait_ms": 20.5}, "LK_E_TIMEDOUT")):
        said = t.ask(op, name="a", mode="S", **fields)
        same((said["ok"], said["code"]), (False, code))
        by = said["blockers"][0]
        same((by["name"], by["held"], by["tag"], by["label"]), ("a", "X", "nightly", "import"))
    holder = place.hold("other")
    said = t.ask("try", name="other")
    same(said["code"], "LK_E_BUSY")
    has(said["store"], "held in X by latchkey run@")
    let_go(holder)
    same(t.end(), 0)


@test
def several_names_all_or_none(place):
    t = Talk(place)
    got = t.result("acquire_many", names=["a", {"name": "b", "mode": "S"}, "c/d"])["grants"]
    same([(g["name"], g["mode"]) for g in got], [("a", "X"), ("b", "S"), ("c/d", "X")])
    same(t.ask("acquire_many", names=["e", "a"], wait_ms=0)["code"], "LK_E_BUSY")
    same(t.result("acquire", name="e", wait_ms=40000)["name"], "e")
    same(t.result("acquire_many", names=[])["grants"], [])
    for g in got:
        same(t.result("release", token=g["token"]), True)
    for name in ("a", "b", "c/d"):
        same(t.result("acquire", name=name, wait_ms=40000)["name"], name)
    same(t.end(), 0)


@test
def a_wait_can_be_ended(place):
    t = Talk(place)
    first = t.result("acquire", name="a")
    waits = t.send("acquire", name="a")
    wait_until(lambda: any(r.get("wanted") for r in t.result("holders", name="a")), "the waiter")
    same(t.result("cancel", request=waits), True)
    same(t.answer(waits)["code"], "LK_E_CANCELED")
    wait_until(lambda: not t.result("cancel", request=waits), "its end")
    t.result("release", token=first["token"])
    same(t.result("acquire", name="a", wait_ms=40000)["name"], "a")
    same(t.end(), 0)


def with_lease(t, name):
    """A short one, but long enough to be told before it is over."""
    said, ms = {"ok": False}, 20
    while not said["ok"]:
        said = t.ask("acquire", name=name, lease_ms=ms)
        ms *= 2
    return said["result"]


@test
def a_lease_ends_and_a_renewed_one_does_not(place):
    t = Talk(place)
    short = with_lease(t, "a")
    kept = t.result("acquire", name="b", lease_ms=20000, renew=True)
    same(kept["lease_ms"], 20000)
    t.result("acquire", name="a", wait_ms=PATIENCE * 1000)
    same(t.ask("check", token=short["token"])["code"], "LK_E_LOST")
    same(t.ask("renew", token=short["token"])["code"], "LK_E_LOST")
    same(t.ask("release", token=short["token"])["code"], "LK_E_LOST")
    same(t.ask("release", token=short["token"])["code"], "LK_E_STALE")
    same(t.result("renew", token=kept["token"], lease_ms=30000)["state"], "held")
    same(t.end(), 0)


@test
def names_are_any_bytes(place):
    t = Talk(place)
    got = t.result("acquire", name="a\0\u00e4\n")
    same(got["name"], "a\0\u00e4\n")
    same(t.ask("try", name_hex="6100C3a40a")["code"], "LK_E_BUSY")
    same(t.result("acquire", name_hex="ff00", wait_ms=40000)["name_hex"], "ff00")
    for fields, said in (({}, "name is missing"), ({"name": 5}, "name is not text"),
                         ({"name": "a", "name_hex": "61"}, "say one of them"),
                         ({"name_hex": "6"}, "pairs"), ({"name_hex": "zz"}, "hexadecimal")):
        wrong = t.ask("try", **fields)
        same((wrong["ok"], wrong["code"]), (False, "LK_E_INVAL"))
        has(wrong["error"], said)
    same(t.ask("try", name="")["code"], "LK_E_NAME")
    same(t.ask("try", name="x" * 4097)["code"], "LK_E_NAME")
    same(t.end(), 0)


@test
def lines_that_are_no_requests_are_answered(place):
    t = Talk(place)
    for line, said in (
        ("nonsense", "not JSON"), ('{"id":1', "not JSON"), ("[]", "not an object"), ("\0", "not JSON"),
        ('{"id":1,"id":2,"op":"ping"}', "not JSON"), ('{"op":5}', "op is missing"), ("{}", "op is missing"),
        ('{"op":"acqire"}', "do you mean acquire?"), ('{"op":"zzzzzz"}', "there is no op zzzzzz"),
        ('{"op":"try","nmae":"a"}', "there is no field nmae"), ('{"op":"check"}', "token is missing"),
        ('{"op":"release"}', "is missing"), ('{"op":"check","token":7}', "token is missing"),
        ('{"op":"try","name":"a","mode":"Q"}', "mode is one of"), ('{"op":"try","name":"a","wait_ms":-1}', "negative"),
        ('{"op":"try","name":"a","wait_ms":"5"}', "neither a number"), ('{"op":"try","name":"a","lease_ms":0}', "less than"),
        ('{"op":"try","name":"a","renew":1}', "neither true"), ('{"op":"try","name":"a","units":1}', "together"),
        ('{"op":"try","name":"a","priority":3000000000}', "32 bits"),
        ('{"op":"try","name":"\\ud800"}', "not JSON"), ('{"op":"try","name":"a","wait_ms":1e999}', "not JSON"),
        ('{"op":"acquire_many","names":"a"}', "not an array"), ('{"op":"acquire_many","names":[""]}', "empty"),
        ('{"op":"acquire_many","names":[{"nam":"a"}]}', "there is no field nam"),
        ("x" * (1 << 21), "a line of more than"), ("[" * 100000, "not JSON"),
    ):
        t.write(line + "\n")
        wrong = t.next()
        same((wrong["ok"], wrong["code"]), (False, "LK_E_INVAL"), line[:80])
        has(wrong["error"], said)
    t.write("\n  \n\r\n")
    same(t.ask("check", token="lk1-none")["code"], "LK_E_INVAL")
    t.write('{"id":{"any":[1,"x"]},"op":"ping"}\n')
    same(t.next()["id"], {"any": [1, "x"]})
    t.write('{"op":"ping"}\n')
    same(t.next()["id"], None)
    same(t.end(), 0)


@test
def it_shows_what_it_holds(place):
    t = Talk(place)
    t.result("acquire", name="db/a", label="import")
    t.result("acquire", name="c", mode="S")
    rows = t.result("list", pattern="db/**")
    same({(r["name"], r["held"], r["label"]) for r in rows}, {("db", "IX", "import"), ("db/a", "X", "import")})
    same({r["name"] for r in t.result("list")}, {"db", "db/a", "c"})
    same([r["held"] for r in t.result("holders", name="c")], ["S"])
    same(t.result("why", name="c", mode="S")["blockers"], [])
    same(t.result("why", name="db", mode="S")["blockers"][0]["held"], "IX")
    same([n["name"] for n in t.result("tree")["names"]], ["c", "db"])
    same(t.result("stats")["label"], "latchkey stdio")
    has(t.result("metrics"), "# EOF")
    same(t.result("guarantee")["level"], "FENCED")
    same(t.result("fence_pass", name="r", fence="7"), True)
    same(t.result("fence_pass", name="r", fence=6), False)
    t.result("sweep")
    t.result("graph")
    same(t.end(), 0)


@over("file", "sqlite", "redis")
def it_shows_what_others_hold(place):
    t = Talk(place)
    t.result("acquire", name="mine")
    holder = place.hold("db/a", "--mode", "S")
    waiter = place.begin("run", "db/a", "--", "true")
    wait_until(lambda: place.is_waited_for("db/a"), "the waiter")
    rows = t.result("list")
    same([(r["name"], r["held"]) for r in rows if "owner" in r], [("mine", "X")])
    same({(r["name"], r.get("held"), r.get("wanted")) for r in rows if "session" in r and r["name"] != "db"},
         {("db/a", None, "X"), ("db/a", "S", None)})
    same({r["name"] for r in t.result("list", pattern="db/*")}, {"db/a"})
    same({r["name"] for r in t.result("list", pattern_hex=b"m*".hex())}, {"mine"})
    told = t.result("holders", name="db/a")
    same([r.get("held", r.get("wanted")) for r in told], ["S", "X"])
    has(told[0]["who"], "latchkey run@")
    same(type(told[0]["fence"]), str)
    by = t.result("why", name="db/a", mode="S")["blockers"]
    same([b.get("wanted") for b in by], ["X"])
    by = t.result("why", name="db/a/b")["blockers"]
    same([(b["name"], b.get("held")) for b in by if "held" in b], [("db/a", "S")])
    same(t.result("why", name="mine")["blockers"][0]["held"], "X")
    let_go(holder)
    same(ended(waiter)[0], 0)
    same(t.end(), 0)


@test
def values_go_with_names(place):
    t = Talk(place)
    token = t.result("acquire", name="a")["token"]
    same(t.result("value_write", token=token, value="one"), True)
    got = t.result("value_read", token=token)
    same(got["value"], "one")
    same(t.ask("value_write", token=token, value="x" * 65)["code"], "LK_E_INVAL")
    same(t.end(), 0)


@test
def events_are_told_to_who_subscribed(place):
    t = Talk(place)
    number = t.result("subscribe", pattern="db/**", kinds=["acquired", "release", "expire"])["subscription"]
    t.result("acquire", name="elsewhere", wait_ms=40000)
    got = t.result("acquire", name="db/a", wait_ms=40000)
    e = t.event("acquired")
    same((e["name"], e["to"], e["fence"], e["subscription"]), ("db/a", "X", got["fence"], number))
    t.result("release", token=got["token"])
    same(t.event("release")["name"], "db/a")
    with_lease(t, "db/b")
    same(t.event("expire")["code"], "LK_E_LOST")
    same(t.result("unsubscribe", subscription=number), True)
    same(t.result("unsubscribe", subscription=number), False)
    t.events.clear()
    t.result("acquire", name="db/c", wait_ms=40000)
    t.result("ping")
    same(t.events, [])
    has(t.ask("subscribe", kinds=["acquird"])["error"], "there is no kind")
    same(t.end(), 0)


@over("file", "sqlite", "redis")
def when_the_other_program_is_gone_all_is_free(place):
    for way in ("input", "killed", "term", "int"):
        if way == "killed" and place.kind == "redis":
            continue  # it is gone after its time to live
        t = Talk(place)
        t.result("acquire", name="a")
        t.result("tryAcquire", key="k", value="v", ttl_ms="Infinity" if way != "killed" else 1000)
        t.send("acquire", name="a")
        if way == "input":
            t.process.stdin.close()
            wanted = 0
        elif way == "killed":
            t.process.kill()
            wanted = -signal.SIGKILL
        else:
            wanted = 128 + (signal.SIGTERM if way == "term" else signal.SIGINT)
            t.process.send_signal(wanted - 128)
        same(t.process.wait(timeout=PATIENCE), wanted, way)
        same(place.is_free("a") and place.is_free("k"), True, way)


@over("file", "sqlite", "redis")
def when_nobody_reads_any_more_all_is_free(place):
    process = place.begin("stdio", stdin=subprocess.PIPE)
    process.stdin.write('{"id":1,"op":"acquire","name":"a"}\n')
    process.stdin.flush()
    same(json.loads(process.stdout.readline())["ok"], True)
    process.stdout.close()
    process.stdout = None
    same(process.wait(timeout=PATIENCE), 74)
    has(process.stderr.read(), "standard output: Broken pipe")
    same(place.is_free("a"), True)


@test
def a_pipe_of_requests_is_answered_before_it_ends(place):
    lines = [{"id": i, "op": "acquire", "name": f"n{i}"} for i in range(200)]
    code, out, err = place.call("stdio", "--store", "memory:",
                                stdin="".join(json.dumps(x) + "\n" for x in lines)[:-1])
    same((code, err), (0, ""))
    said = sorted((json.loads(x) for x in out.splitlines()), key=lambda x: x["id"])
    same([x["id"] for x in said], list(range(200)))
    same([x for x in said if not x["ok"]], [])


@test
def who_does_not_read_is_waited_for(place):
    """More answers than a pipe holds, before the first one is read."""
    with open(place.path("requests"), "w") as f:
        f.write('{"id":1,"op":"metrics"}\n' * 300)
    with open(place.path("requests")) as f:
        process = place.begin("stdio", "--store", "memory:", stdin=f)
    n = sum(1 for line in process.stdout if json.loads(line)["ok"])
    same((n, process.wait(timeout=PATIENCE)), (300, 0))


@test
def too_many_waits_are_refused_and_a_release_still_gets_through(place):
    t = Talk(place, "--store", "memory:")
    first = t.result("acquire", name="a")
    waits = [t.send("acquire", name="a", mode="S") for _ in range(600)]
    same(t.result("release", token=first["token"]), True)
    said = [t.answer(w) for w in waits]
    refused = [x for x in said if not x["ok"]]
    if not 0 < len(refused) < 200:
        raise AssertionError(len(refused))
    same({x["code"] for x in refused}, {"LK_E_LIMIT"})
    same(t.end(), 0)


@test
def close_ends_it(place):
    t = Talk(place)
    t.result("acquire", name="a")
    same(t.result("close"), True)
    same(t.process.wait(timeout=PATIENCE), 0)
    same(place.is_free("a"), True)


@test
def a_full_disk_is_said(place):
    process = subprocess.run(["sh", "-c", 'exec "$@" >/dev/full', "sh", *program, "stdio"],
                             input='{"op":"ping"}\n', stderr=subprocess.PIPE, text=True, env=place.env)
    same(process.returncode, 74)
    has(process.stderr, "standard output: No space left on device")
