# SPDX-License-Identifier: MIT
"""latchkey run: a command under locks."""

import os
import signal
import subprocess

from harness import PATIENCE, ended, has, let_go, over, program, same, slow, test, wait_until


@test
def the_code_of_the_command_is_passed_on(place):
    for wanted in (0, 1, 7, 64, 79, 255):
        same(place.call("run", "a", "--", "sh", "-c", f"exit {wanted}")[0], wanted)
    same(place.call("run", "a", "--", "sh", "-c", "kill -TERM $$")[0], 128 + 15)
    same(place.call("run", "a", "--", "sh", "-c", "kill -KILL $$")[0], 128 + 9)


@test
def a_command_that_cannot_be_started_has_a_code(place):
    code, _, err = place.call("run", "a", "--", "no-such-command-here")
    same(code, 127)
    has(err, "no-such-command-here: No such file or directory")
    with open(place.path("text"), "w") as f:
        f.write("no program")
    code, _, err = place.call("run", "a", "--", "./text")
    same(code, 126)
    has(err, "Permission denied")
    same(place.is_free("a"), True)


@test
def input_output_and_words_are_the_command_s_own(place):
    code, out, err = place.call("run", "a", "--", "sh", "-c", 'cat; echo "$@" >&2', "sh", "--wait",
                                "x y", "--", stdin="some text")
    same((code, out, err), (0, "some text", "--wait x y --\n"))


@over("file", "sqlite", "redis")
def it_finds_its_lock_in_its_environment(place):
    show = "echo $LATCHKEY_NAME $LATCHKEY_FENCE $LATCHKEY_TOKEN $LATCHKEY_URL"
    code, out, err = place.call("run", "jobs/nightly", "--", "sh", "-c", show)
    same((code, err), (0, ""))
    name, fence, token, url = out.split()
    same((name, url), ("jobs/nightly", place.url))
    same(token.split("-")[:2], ["lk1", f"{int(fence):016x}"])
    later = place.call("run", "jobs/nightly", "--", "sh", "-c", show)[1].split()[1]
    if int(later) <= int(fence):
        raise AssertionError(f"{later} after {fence}")


@test
def of_several_names_it_finds_all(place):
    show = "echo $LATCHKEY_NAME_1 $LATCHKEY_NAME_2 $LATCHKEY_NAME $LATCHKEY_FENCE_2 $LATCHKEY_TOKEN_1"
    code, out, _ = place.call("run", "a", "b/c", "--mode", "u", "--", "sh", "-c", show)
    words = out.split()
    same((code, words[:3]), (0, ["a", "b/c", "a"]))
    if int(words[3]) == 0 or not words[4].startswith("lk1-"):
        raise AssertionError(out)


@over("file", "sqlite", "redis")
def two_that_do_not_agree_are_kept_apart(place):
    holder = place.hold("a", "--mode", "S")
    same(place.call("run", "a", "--mode", "S", "--wait", "40s", "--", "true")[0], 0)
    same(place.is_free("b"), True)
    for words in (["--nowait"], ["--wait", "0"], ["--wait", "20ms"]):
        code, _, err = place.call("run", "a", *words, "--", "false")
        same(code, 1)
        has(err, "latchkey run: a: ", "held in S by latchkey run@")
    code, _, err = place.call("run", "b", "a", "--nowait", "--", "false")
    same(code, 1)
    has(err, "b, …: ")
    same(place.is_free("b"), True, "of a batch nothing is kept")
    same(let_go(holder)[0], 1)  # its read met the end
    same(place.is_free("a"), True)


@over("file", "sqlite", "redis")
def who_waits_gets_it(place):
    holder = place.hold("a")
    waiter = place.begin("run", "a", "--", "echo", "mine")
    wait_until(lambda: place.is_waited_for("a"), "the waiter")
    same(waiter.poll(), None)
    let_go(holder)
    same(ended(waiter), (0, "mine\n", ""))


@over("file", "sqlite", "redis")
def of_eight_processes_each_counts(place):
    """Read, add one, write: not one is lost."""
    with open(place.path("count"), "w") as f:
        f.write("0")
    # 69: the store did not answer in time, on a machine that is very busy
    script = ('for i in 1 2 3 4 5; do '
              'until "$0" run count -- sh -c \'n=$(cat count); echo $((n + 1)) >count\'; do [ $? = 69 ] || exit; done; '
              'done')
    workers = [subprocess.Popen(["sh", "-c", script, *program], env=place.env, cwd=place.folder)
               for _ in range(8)]
    place.begun += workers
    for w in workers:
        same(w.wait(timeout=2 * PATIENCE), 0)
    with open(place.path("count")) as f:
        same(f.read(), "40\n")


@test
def a_signal_ends_the_wait(place):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        holder = place.hold("a")
        waiter = place.begin("run", "a", "--", "true")
        wait_until(lambda: place.is_waited_for("a"), "the waiter")
        waiter.send_signal(number)
        code, _, err = ended(waiter)
        same(code, 128 + number)
        has(err, "a: given up by a signal")
        wait_until(lambda: not place.is_waited_for("a"), "the end of the wait")
        let_go(holder)
        same(place.is_free("a"), True)


@test
def what_was_told_to_be_ignored_is(place):
    holder = place.hold("a")
    waiter = place.begin("run", "a", "--", "true",
                         preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    wait_until(lambda: place.is_waited_for("a"), "the waiter")
    waiter.send_signal(signal.SIGHUP)
    same(waiter.poll(), None)
    let_go(holder)
    same(ended(waiter)[0], 0)


@test
def the_command_gets_signals(place):
    for number, name in ((signal.SIGINT, "INT"), (signal.SIGTERM, "TERM"), (signal.SIGUSR1, "USR1")):
        script = f"trap 'echo told; exit 9' {name}; echo ready; while :; do sleep 0.02; done"
        process = place.begin("run", "a", "--", "sh", "-c", script)
        same(process.stdout.readline(), "ready\n")
        process.send_signal(number)
        same(ended(process)[:2], (9, "told\n"))
        same(place.is_free("a"), True)
    process = place.begin("run", "a", "--", "sh", "-c", "echo ready; exec sleep 1000")
    same(process.stdout.readline(), "ready\n")
    process.send_signal(signal.SIGTERM)
    same(ended(process)[0], 128 + 15)


@over("redis")
@slow
def a_killed_one_is_gone_after_its_time_to_live(place):
    process = place.begin("run", "a", "--store", place.url + "&ttl_ns=8s", "--", "sh", "-c", "echo ready; read x",
                          stdin=subprocess.PIPE)
    same(process.stdout.readline(), "ready\n")
    process.kill()
    same(place.is_free("a"), True)


@over("file", "sqlite")
def a_killed_one_has_nothing_and_its_command_is_told(place):
    script = "trap 'echo told >end; exit' TERM; echo ready; while :; do sleep 0.02; done"
    process = place.begin("run", "a", "--", "sh", "-c", script)
    same(process.stdout.readline(), "ready\n")
    process.kill()
    wait_until(lambda: os.path.exists(place.path("end")), "the end of the command")
    wait_until(lambda: place.is_free("a"), "the lock")


LEASE = "3s"  # long enough for a busy machine to renew it


@over("file")
@slow
def a_lock_that_is_lost_ends_the_command(place):
    """Its store is taken away under it: it is told, and has a time of grace to end by itself."""
    for grace, does, wanted in (("1h", "echo told; exit", "told\n"), ("100ms", "", "")):
        script = f"trap '{does}' TERM; echo ready; while :; do sleep 0.02; done"
        process = place.begin("run", "a", "--lease", LEASE, "--grace", grace, "--store",
                              place.url + "?linger_ns=off", "--", "sh", "-c", script)
        same(process.stdout.readline(), "ready\n")
        stop_until_lost(place, process)
        code, out, err = ended(process)
        same((code, out), (79, wanted))
        has(err, "a: the lock is lost; the command is told to end")


def stop_until_lost(place, process):
    """Who is stopped for longer than its lease cannot renew it."""
    process.send_signal(signal.SIGSTOP)
    end_of_lease(3.2)
    process.send_signal(signal.SIGCONT)


def end_of_lease(seconds):
    """Time itself is what is waited for: the clock of leases goes on whatever the machine does."""
    import time

    begin = time.clock_gettime(time.CLOCK_BOOTTIME)
    while time.clock_gettime(time.CLOCK_BOOTTIME) < begin + seconds:
        time.sleep(0.05)


@over("file")
@slow
def a_loss_can_be_a_warning_or_nothing(place):
    for what, said in (("warn", True), ("ignore", False)):
        process = place.begin("run", "a", "--lease", LEASE, "--lost", what, "--", "sh", "-c",
                              "echo ready; read x; exit 5", stdin=subprocess.PIPE)
        same(process.stdout.readline(), "ready\n")
        stop_until_lost(place, process)
        code, _, err = let_go(process)
        same(code, 5, what)
        same("the lock" in err, said, err)


@over("file")
@slow
def a_lease_is_renewed_while_the_command_runs(place):
    process = place.begin("run", "a", "--lease", "6s", "--", "sh", "-c", "echo ready; read x; exit 5",
                          stdin=subprocess.PIPE)
    same(process.stdout.readline(), "ready\n")
    end_of_lease(7.0)
    same(place.is_taken("a"), True)
    same(let_go(process)[0], 5)
