# SPDX-License-Identifier: MIT
"""latchkey acquire, renew, release, check: a lock that outlives the process that took it."""

import json
import signal
import subprocess

from harness import PATIENCE, ended, has, let_go, over, program, same, slow, test, wait_until
from running import end_of_lease

LONG = ("--lease", "1h")


def acquire(place, name, *options):
    code, out, err = place.call("acquire", name, *(options or LONG))
    same((code, err), (0, ""))
    token = out.rstrip("\n")
    same((out, len(token), token[:4]), (token + "\n", 71, "lk2-"))
    return token


def says(place, *words):
    """(code, state) of a command with a token."""
    code, out, _ = place.call(*words, "--json")
    return code, json.loads(out)["state"]


@over("file", "sqlite", "redis")
def what_one_process_takes_others_use(place):
    token = acquire(place, "a/b")
    same(place.call("check", token), (0, "held\n", ""))
    code, _, err = place.call("run", "a/b", "--nowait", "--", "true")
    same(code, 1)
    has(err, "held in X by latchkey acquire@")
    same(place.is_taken("a"), True, "the name above")
    same(place.is_free("a/c"), True, "its neighbour")
    same(place.call("acquire", "a/b", "--nowait", *LONG)[:2], (1, ""))
    same(place.call("acquire", "a/b", "--wait", "20ms", *LONG)[:2], (1, ""))
    has(place.call("ls")[1], "X token")
    same(place.call("renew", token), (0, "", ""))
    same(place.call("renew", token, "--lease", "2h"), (0, "", ""))
    same(place.is_taken("a/b"), True)
    same(place.call("release", token), (0, "", ""))
    same(place.is_free("a/b"), True)
    same(place.is_free("a"), True)
    for command in ("check", "renew", "release"):
        code, out, err = place.call(command, token)
        same((code, out), (1, ""), command)
        has(err, "not held any more")


@over("file", "sqlite", "redis")
def they_say_it_as_json(place):
    code, out, _ = place.call("acquire", "jobs/ü", "--mode", "s", "--json", *LONG)
    said = json.loads(out)
    token = said.pop("token")
    fence = said["fence"]
    same((code, said), (0, {"name": "jobs/ü", "mode": "S", "fence": str(int(token.split("-")[1], 16))}))
    for command, state in (("check", "held"), ("renew", "held"), ("release", "released")):
        code, out, _ = place.call(command, token, "--json")
        same((code, json.loads(out)), (0, {"state": state, "fence": fence}), command)
    same(says(place, "check", token), (1, "gone"))
    later = json.loads(place.call("acquire", "jobs/ü", "--json", *LONG)[1])
    if int(later["fence"]) <= int(fence):
        raise AssertionError(f"{later} after {fence}")


@over("file", "sqlite", "redis")
def those_that_agree_are_held_together(place):
    first = acquire(place, "a", "--mode", "S", *LONG)
    second = acquire(place, "a", "--mode", "S", *LONG)
    same(place.is_taken("a"), True)
    same(place.call("release", first)[0], 0)
    same(place.call("check", first)[0], 1)
    same(place.call("check", second)[0], 0)
    same(place.is_taken("a"), True)
    same(place.call("release", second)[0], 0)
    same(place.is_free("a"), True)


@over("file", "sqlite", "redis")
def it_ends_with_its_lease(place):
    token = acquire(place, "a")
    same(place.is_taken("a"), True)
    same(place.call("renew", token, "--lease", "50ms")[0], 0)
    same(place.is_free("a"), True)
    code, out, err = place.call("check", token)
    same((code, out), (79, ""))
    has(err, "the lock is lost")
    same(says(place, "renew", token), (79, "lost"))
    same(says(place, "release", token), (79, "lost"))
    same(says(place, "release", token), (1, "gone"))
    same(place.is_free("a"), True)


@over("file", "sqlite", "redis")
@slow
def a_renewal_begins_it_anew(place):
    token = acquire(place, "a", "--lease", "2s")
    while place.call("renew", token, *LONG)[0] != 0:  # a very busy machine
        token = acquire(place, "a", "--lease", "2s")
    end_of_lease(2.5)
    same(says(place, "check", token), (0, "held"))
    same(place.is_taken("a"), True)


@test
def most_of_a_lease_can_be_over(place):
    place.env["LATCHKEY_URL"] += "?suspect_pct=1"
    token = acquire(place, "a", "--lease", "100s")
    wait_until(lambda: says(place, "check", token) != (0, "held"), "the end of its time")
    same(says(place, "check", token), (0, "suspect"))
    same(place.call("check", token)[:2], (0, "held, but most of its lease is over\n"))
    same(place.call("renew", token, *LONG)[0], 0)
    same(says(place, "check", token), (0, "held"))


@over("file", "sqlite", "redis")
def it_can_be_taken_away(place):
    token = acquire(place, "a")
    same(place.call("break", "a", "--yes")[0], 0)
    same(says(place, "check", token), (79, "lost"))
    same(place.is_free("a"), True)


@over("file", "sqlite", "redis")
def who_waits_for_one_gets_it(place):
    holder = place.hold("a")
    waiter = place.begin("acquire", "a", *LONG)
    wait_until(lambda: place.is_waited_for("a"), "the waiter")
    same(waiter.poll(), None)
    let_go(holder)
    code, out, err = ended(waiter)
    same((code, err), (0, ""))
    next_one = place.begin("run", "a", "--", "echo", "mine")
    wait_until(lambda: place.is_waited_for("a"), "the next one")
    same(place.call("release", out.strip())[0], 0)
    same(ended(next_one), (0, "mine\n", ""))


@test
def a_signal_ends_the_wait(place):
    holder = place.hold("a")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        waiter = place.begin("acquire", "a", *LONG)
        wait_until(lambda: place.is_waited_for("a"), "the waiter")
        waiter.send_signal(number)
        code, out, err = ended(waiter)
        same((code, out), (128 + number, ""))
        has(err, "a: given up by a signal")
        wait_until(lambda: not place.is_waited_for("a"), "the end of the wait")
    let_go(holder)
    same(place.is_free("a"), True)


@test
def what_was_told_to_be_ignored_is(place):
    holder = place.hold("a")
    waiter = place.begin("acquire", "a", *LONG,
                         preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    wait_until(lambda: place.is_waited_for("a"), "the waiter")
    waiter.send_signal(signal.SIGHUP)
    let_go(holder)
    same(ended(waiter)[0], 0)
    same(place.is_taken("a"), True)


@over("file", "sqlite", "redis")
def what_nobody_was_told_of_is_given_back(place):
    for words in ([], ["--json"]):
        with open("/dev/full", "w") as full:
            process = place.begin("acquire", "a", *LONG, *words, stdout=full)
            code, _, err = ended(process)
        same(code, 74)
        has(err, "standard output")
        same(place.is_free("a"), True)


@test
def wrong_tokens_are_told_apart(place):
    token = acquire(place, "a")
    changed = token[:-1] + ("0" if token[-1] != "0" else "1")
    inner = place.call("run", "b", "--", "sh", "-c", "echo $LATCHKEY_TOKEN")[1].strip()
    for command in ("check", "renew", "release"):
        for wrong in ("x", "", token[:-1], token + "0", token.upper()):
            code, out, err = place.call(command, wrong)
            same((code, out), (64, ""), f"{command} {wrong}")
            has(err, "this is no token")
        code, _, err = place.call(command, inner)
        same(code, 64)
        has(err, "only the process that has this lock")
        same(place.call(command, changed)[0], 1)
        same(place.call(command, token, "--dir", place.path("elsewhere"))[0], 1)
        same(place.call(command)[0], 64)
        same(place.call(command, token, token)[0], 64)
    same(place.call("check", token)[0], 0, "the right one")


@test
def what_cannot_be_is_refused(place):
    for words, part in (([], "--lease is needed"),
                        (["--lease", "0"], "over at once"),
                        (["--lease", "5"], "with its unit"),
                        (["--mode", "W", *LONG], "the modes are"),
                        (["--wait", "1s", "--nowait", *LONG], "say one of them"),
                        (["b", *LONG], "too much")):
        code, out, err = place.call("acquire", "a", *words)
        same((code, out), (64, ""), words)
        has(err, part)
    token = acquire(place, "a")
    same(place.call("renew", token, "--lease", "0")[0], 64)
    for words in (["acquire", "a", *LONG], ["check", token], ["renew", token], ["release", token]):
        code, out, err = place.call(*words, "--store", "memory:")
        same((code, out), (64, ""), words)
        has(err, "memory:: nothing there outlives this process")


@over("file", "sqlite", "redis")
@slow
def of_four_processes_each_counts(place):
    """Read, add one, write, with several commands of a script under the lock: not one is lost."""
    with open(place.path("count"), "w") as f:
        f.write("0")
    # 69: the store did not answer in time, on a machine that is very busy; what came of it is over with the lease
    script = ('for i in 1 2 3 4 5; do\n'
              '  until token=$("$0" acquire count --lease 40s); do [ $? = 69 ] || exit; done\n'
              '  n=$(cat count); "$0" check "$token" >seen.$$; echo $((n + 1)) >count\n'
              '  until "$0" release "$token"; do [ $? = 69 ] || break; done\n'
              'done')
    workers = [subprocess.Popen(["sh", "-c", script, *program], env=place.env, cwd=place.folder)
               for _ in range(4)]
    place.begun += workers
    for w in workers:
        same(w.wait(timeout=2 * PATIENCE), 0)
    with open(place.path("count")) as f:
        same(f.read(), "20\n")
