# SPDX-License-Identifier: MIT
"""latchkey top: in a real terminal, and without one."""

import json
import os
import signal
import subprocess
import unicodedata

from harness import PATIENCE, Terminal, ended, has, let_go, over, program, same, test, wait_until


def hot(place):
    """A name that somebody holds and another one waits for, and one that is only held."""
    holder = place.hold("hot/\u00fc\u65e5")
    waiter = place.begin("run", "hot/\u00fc\u65e5", "--", "true")
    wait_until(lambda: place.is_waited_for("hot/\u00fc\u65e5"), "the waiter")
    return holder, waiter, place.hold("a\033[31m", "--mode", "S")


def width(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in text)


@test
def in_a_terminal_it_is_a_page(place):
    hot(place)
    t = Terminal(place, "latchkey top --every 50ms; echo code $?; read x")
    t.shows("hot/\u00fc\u65e5", "a\\x1b[31m", "q ends")
    lines = t.lines()
    same((len(lines), lines[0].split()[:3]), (24, ["latchkey", "top", place.url]))
    has(lines[1], "4 hold  1 wait")
    same(lines[5].split(), ["NAME", "MODE", "HOLD", "WAIT", "RATE/S", "FOR", "WAITED", "WHO"])
    same(lines[6].split()[:4], ["hot/\u00fc\u65e5", "X", "1", "1"])
    has(lines[-1], "q ends")
    for line in lines:
        if width(line) > 80:
            raise AssertionError(line)
    t.press("n")
    wait_until(lambda: t.lines()[6].startswith("a\\x1b"), "the order of names")
    t.press("q")
    t.shows("code 0")
    if "hot" in t.screen():
        raise AssertionError("what was on the screen before is not there again")


@test
def it_goes_by_the_size_of_the_terminal(place):
    hot(place)
    t = Terminal(place, "latchkey top --every 50ms; echo code $?; read x")
    t.shows("q ends")
    for columns, rows in ((50, 8), (200, 40), (20, 5), (80, 24)):
        t.resize(columns, rows)
        wait_until(lambda: len(t.lines()) == rows and ("too narrow" in t.screen()) == (columns < 40)
                   and ("q ends; in" in t.screen()) == (rows >= 12), f"{columns} columns, {rows} rows")
        for line in t.lines():
            if width(line) > columns:
                raise AssertionError((columns, line))
    t.press("C-c")
    t.shows("code 130")


@test
def it_can_be_stopped_and_goes_on(place):
    hot(place)
    t = Terminal(place, "bash --norc --noprofile -i")
    t.press("latchkey top --every 50ms", "Enter")
    t.shows("hot", "q ends")
    t.press("C-z")
    t.shows("Stopped")
    t.press("fg", "Enter")
    t.shows("hot", "q ends")
    t.press("q")
    t.press("stty -a; echo over", "Enter")
    t.shows(" icanon", " echo ", "over")


@test
def colour_is_for_terminals_that_want_it(place):
    hot(place)
    for env, wanted in (({}, True), ({"NO_COLOR": "1"}, False)):
        t = Terminal(place, "latchkey top --every 50ms; read x", env=env)
        t.shows("q ends")
        same("\033[" in t.screen("-e"), wanted)
        t.close()
        t = Terminal(place, "latchkey ls; latchkey doctor; echo over; read x", env=env)
        t.shows("over")
        same("\033[" in t.screen("-e"), wanted)
        t.close()


@over("file", "sqlite", "redis")
def elsewhere_pages_follow_each_other(place):
    holder, waiter, other = hot(place)
    top = place.begin("top", "--every", "50ms", "--json", "hot/**")
    page = json.loads(top.stdout.readline())
    same([(n["name"], n["held"], n["waiters"]) for n in page["names"]],
         [("hot/\u00fc\u65e5", "X", 1), ("hot", "IX", 0)])
    same((page["store"], page["holders"], page["waiters"]), (place.url, 3, 1))
    same(page["waits"]["seen"], 0)
    let_go(holder)
    ended(waiter)
    while page["holds"]["seen"] == 0:  # that of the waiter may be over before anybody looks
        page = json.loads(top.stdout.readline())
    if page["holds"]["longest_ms"] <= 0 or page["holds"]["p50_ms"] > page["holds"]["longest_ms"]:
        raise AssertionError(page)
    top.send_signal(signal.SIGTERM)
    same(ended(top)[0], 128 + 15)
    text = place.call("top", "--once", "--every", "20ms")[1]
    has(text, "latchkey top  ", " hold  0 wait", "waits ", "holds ", "a\\x1b[31m")
    if "hot" in text.split("NAME")[1]:
        raise AssertionError(text)


@test
def waits_and_grants_are_seen(place):
    top = place.begin("top", "--every", "50ms", "--json")
    holder = place.hold("a")
    waiter = place.begin("run", "a", "--", "sh", "-c", "echo mine; read x", stdin=subprocess.PIPE)
    wait_until(lambda: json.loads(top.stdout.readline())["waiters"] == 1, "the waiter")
    let_go(holder)
    page = {"waits": {"seen": 0}}
    while page["waits"]["seen"] == 0:
        page = json.loads(top.stdout.readline())
    same((page["waits"]["seen"], page["holders"]), (1, 1))
    if page["grants_per_second"] <= 0 or page["waits"]["p50_ms"] <= 0:
        raise AssertionError(page)
    let_go(waiter)


@test
def what_cannot_be_is_said(place):
    for words, said in ((["--sort", "x"], "it is waiters, grants, holds or names"),
                        (["--every", "x"], "with its unit"), (["a", "b"], "too much")):
        code, out, err = place.call("top", *words)
        same((code, out), (64, ""))
        has(err, said)
    same(place.call("top", "--once", "--store", "memory:")[0], 64)
    with open("/dev/full", "w") as full:
        done = subprocess.run([*program, "top", "--once", "--every", "20ms"], stdout=full, env=place.env,
                              stderr=subprocess.PIPE, text=True)
    same(done.returncode, 74)
    has(done.stderr, "No space left on device")
    top = place.begin("top", "--every", "20ms")
    top.stdout.close()
    top.stdout = None
    same(top.wait(timeout=PATIENCE), 74)
    same(os.path.isdir(place.path("locks")), True)


@test
def a_lock_is_only_broken_if_somebody_says_yes(place):
    place.hold("a")
    for answer, said in (("n", "code 64"), ("", "code 64"), ("y", "code 0")):
        t = Terminal(place, "latchkey break a; echo code $?; read x")
        t.shows("Take a from whoever has it", "[y/N]")
        t.press(answer, "Enter")
        t.shows(said)
        t.close()


def text_of(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


@test
def a_bar_shows_how_far_it_is(place):
    t = Terminal(place, "echo ready; read x; latchkey bench --time 2s; echo code $?; read x")
    t.shows("ready")
    record = t.record()
    t.press("Enter")
    t.shows("locks and releases a second", "p99.9", "code 0")
    wait_until(lambda: "code 0" in text_of(record), "the end of the record")
    has(text_of(record), "[#", "%")
    if "[#" in t.screen():
        raise AssertionError("the bar is still there")
