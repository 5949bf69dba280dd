# SPDX-License-Identifier: MIT
"""Words, help, places, codes: what all commands have in common."""

import json
import os
import re
import subprocess

from harness import has, program, same, test


@test
def without_a_word_it_says_what_to_do(place):
    code, out, err = place.call()
    same((code, out), (64, ""))
    has(err, "latchkey help")


@test
def wrong_words_name_the_nearest(place):
    for words, said in (
        (["rnu"], "there is no command rnu; do you mean run?"),
        (["wqxyz"], "there is no command wqxyz"),
        (["run", "--wiat", "5s"], "there is no option --wiat; do you mean --wait?"),
        (["run", "--stroe=x"], "do you mean --store?"),
        (["guarantee", "--zzzzzz"], "there is no option --zzzzzz"),
        (["guarantee", "-x"], "there is no option -x"),
        (["help", "rum"], "do you mean run?"),
        (["x" * 5000], "there is no command x"),
    ):
        code, out, err = place.call(*words)
        same((code, out), (64, ""), words)
        has(err, said)


@test
def options_that_are_wrong_are_refused(place):
    start = ["--", "true"]
    for words, said in (
        (["run", *start], "something is missing"),
        (["run", "a"], "something is missing"),
        (["run", "a", "--"], "something is missing"),
        (["run", "a", "--wait"], "--wait needs a value"),
        (["run", "a", "--wait", *start], "--wait needs a value"),
        (["run", "a", "--wait", "5", *start], "with its unit"),
        (["run", "a", "--wait", "-5s", *start], "with its unit"),
        (["run", "a", "--wait", "5.s", *start], "with its unit"),
        (["run", "a", "--wait", "5s5", *start], "with its unit"),
        (["run", "a", "--wait", "", *start], "with its unit"),
        (["run", "a", "--wait", "99999999999999999999s", *start], "with its unit"),
        (["run", "a", "--wait", "9999999999d", *start], "with its unit"),
        (["run", "a", "--wait=1s", "--wait=2s", *start], "--wait is said twice"),
        (["run", "a", "--nowait=1", *start], "--nowait takes no value"),
        (["run", "a", "--nowait", "--wait=1s", *start], "say one of them"),
        (["run", "a", "--nowait", "--nowait", *start], "--nowait is said twice"),
        (["run", "a", "--mode", "Y", *start], "the modes are"),
        (["run", "a", "--lost", "cry", *start], "kill, warn or ignore"),
        (["run", "a", "--lease", "1ms", *start], "less than 100ms"),
        (["run", "a", "--semaphore", "0", *start], "a number from 1"),
        (["run", "a", "--semaphore", "99999999999999999999", *start], "a number from 1"),
        (["run", "a", "--semaphore", "2", "--units", "3", *start], "which is less"),
        (["run", "a", "b", "--semaphore", "2", *start], "for one name"),
        (["run", "a", "--json", "--json", *start], "--json is said twice"),
        (["run", "", *start], "a name must have"),
        (["run", "n" * 4097, *start], "a name must have"),
        (["guarantee", "too", "much"], "too is too much"),
        (["bench", "--threads", "0"], "a number from 1"),
        (["bench", "--threads", "1e3"], "a number from 1"),
        (["stdio", "--cleanup-ms", "x"], "a number from 1"),
    ):
        code, out, err = place.call(*words)
        same((code, out), (64, ""), words)
        has(err, said)
        same(err.count("\n"), 1, "one line")


@test
def places_that_are_wrong_have_their_codes(place):
    place.call("guarantee")
    os.mkdir(place.path("other"))
    with open(place.path("other/file"), "w") as f:
        f.write("something else")
    for words, wanted in (
        (["--store", "nosuch:x"], 64),
        (["--store", "no url"], 64),
        (["--store", "file:x?no-such=1"], 64),
        (["--store", ""], 64),
        (["--dir", "a", "--store", "file:b"], 64),
        (["--dir", place.path("not/there")], 69),
    ):
        code, out, err = place.call("guarantee", *words)
        same((code, out), (wanted, ""), words)
        has(err, "latchkey guarantee: ")
    code, _, err = place.call("guarantee", "--dir", "other")
    if code in (0, 1):
        raise AssertionError(f"a folder with other things in it: {code} {err}")


@test
def help_is_there_for_every_command(place):
    code, out, _ = place.call("help")
    same(code, 0)
    same(place.call("--help")[1], out)
    names = re.findall(r"^  ([a-z][a-z-]*) +\S", out, re.M)
    has(names, "run", "stdio", "help", "guarantee")
    for name in names:
        code, said, err = place.call("help", name)
        same((code, err), (0, ""))
        has(said, f"usage: latchkey {name}")
        same(place.call(name, "--help")[1], said)
        same(place.call(name, "-h")[1], said)
    same(place.call("--version"), place.call("-V"))
    has(place.call("--version")[1], "latchkey 0.")


@test
def no_colour_where_there_is_no_terminal(place):
    for words in (["help"], ["guarantee"], ["doctor"]):
        if "\033" in place.call(*words)[1]:
            raise AssertionError(words)


@test
def the_first_command_needs_no_set_up(place):
    for run_dir in (None, place.path("run")):
        env = {k: v for k, v in place.env.items() if k != "LATCHKEY_URL"}
        if run_dir:
            os.mkdir(run_dir, 0o700)
            env["XDG_RUNTIME_DIR"] = run_dir
        said = subprocess.run([*program, "run", "a", "--", "sh", "-c", "echo $LATCHKEY_URL"],
                              env=env, capture_output=True, text=True)
        where = run_dir or place.path(".cache")
        same((said.returncode, said.stdout), (0, f"file:{where}/latchkey\n"), said.stderr)


@test
def what_is_said_wins_over_the_variable(place):
    code, out, _ = place.call("guarantee", "--dir", place.path("a%b?c&d"), "--json")
    same(code, 0)
    has(json.loads(out)["store"], "a%25b%3Fc%26d")
    if not os.path.isdir(place.path("a%b?c&d")):
        raise AssertionError("the folder has another name")
    code, out, _ = place.call("guarantee", "--store=memory:")
    same(code, 0)
    has(out, "GUARDED")


@test
def output_that_cannot_be_written_is_74(place):
    for words in (["help"], ["guarantee"], ["guarantee", "--json"], ["doctor"], ["--version"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([*program, *words], stdout=full, stderr=subprocess.PIPE,
                                  env=place.env, text=True)
        same(done.returncode, 74, words)
        has(done.stderr, "standard output: No space left on device")
        closed = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *program, *words],
                                stderr=subprocess.PIPE, env=place.env, text=True)
        same(closed.returncode, 74, words)
        has(closed.stderr, "standard output: ")
        reader, writer = os.pipe()
        os.close(reader)
        gone = subprocess.run([*program, *words], stdout=writer, stderr=subprocess.PIPE,
                              env=place.env, text=True)
        os.close(writer)
        same(gone.returncode, 74, words)
        has(gone.stderr, "Broken pipe")


@test
def no_file_of_the_store_becomes_standard_output(place):
    done = subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *program, "run", "a", "--",
                           "sh", "-c", "echo something; exit 3"], env=place.env)
    same(done.returncode, 3)
    same(place.is_free("a"), True, "the store is whole")


@test
def guarantee_and_doctor_tell_of_the_store(place):
    code, out, _ = place.call("guarantee", "--json")
    same((code, json.loads(out)["level"]), (0, "FENCED"))
    code, out, err = place.call("doctor")
    same((code, err), (0, ""))
    has(out, "stores: memory, file", "guarantee: FENCED", "round trip: ", "fences outlive a power cut")
    code, out, _ = place.call("doctor", "--json")
    same(json.loads(out)["round trip"]["ok"], True)
    code, out, _ = place.call("doctor", env={"LATCHKEY_MAX_IDLE": "64"})
    has(out, "setting max_idle: 64 (environment)")


@test
def bench_measures(place):
    for words in ([], ["--kept"], ["--threads", "3"], ["--threads=2", "--shared"]):
        code, out, err = place.call("bench", "--time", "50ms", "--json", *words)
        same((code, err), (0, ""), words)
        said = json.loads(out)
        if said["pairs"] < 1 or said["acquire_ns"]["p50"] > said["acquire_ns"]["max"]:
            raise AssertionError(out)
    code, out, _ = place.call("bench", "--time", "50ms")
    has(out, "locks and releases a second, 1 thread", "p99.9", "acquire ", "release ")
