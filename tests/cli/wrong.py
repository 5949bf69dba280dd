# SPDX-License-Identifier: MIT
"""Every command and every option, said wrongly: one clear line, a code that is documented, nothing held afterwards."""

import os
import re
import subprocess

from completions import commands
from harness import has, program, same, test

OTHERS = ("help", "migrate")  # these have no --store
OPERANDS = {"run": ["a", "--", "true"], "acquire": ["a"], "renew": ["t"], "release": ["t"], "check": ["t"],
            "why": ["a"], "fence": ["a"], "break": ["a"], "config": ["get"]}


def options(place, command):
    """Name, and whether it has a value."""
    found = re.findall(r"^  --([a-z-]+)(?: ([A-Z]+))? ", place.call("help", command)[1], re.M)
    return [(name, bool(value)) for name, value in found]


def refused(place, words, *parts):
    code, out, err = place.call(*words)
    same((code, out), (64, ""), words[:4])
    same((err.count("\n"), err[-1:]), (1, "\n"), words[:4])
    if not err.isprintable() and not err[:-1].isprintable():
        raise AssertionError(err)
    has(err, *parts)


def with_option(command, *option):
    return [command, *option, *OPERANDS.get(command, [])]


@test
def every_option_of_every_command_said_wrongly(place):
    common = ("store", "dir", "json", "help", "version")
    for command in commands(place):
        for name, has_value in options(place, command):
            if name in common and command != "run":
                continue  # the same lines read them for all commands
            if has_value:
                refused(place, [command, *OPERANDS.get(command, [])[:1], f"--{name}"], f"--{name} needs a value")
                refused(place, with_option(command, f"--{name}=1", f"--{name}=1"), f"--{name} is said twice")
            else:
                refused(place, with_option(command, f"--{name}=1"), f"--{name} takes no value")
                if name not in ("help", "version"):
                    refused(place, with_option(command, f"--{name}", f"--{name}"), f"--{name} is said twice")
            refused(place, with_option(command, f"--{name[0]}{name}"), "there is no option", f"do you mean --{name}?")
            if has_value and name not in ("dir", "store", "from", "to"):
                for huge in ("9" * 5000, "\033[31m"):
                    refused(place, with_option(command, f"--{name}={huge}"), f"--{name}")


@test
def operands_that_are_wrong(place):
    for command in commands(place):
        refused(place, [command, "a", "b", "c", "d", "e", *(["--"] if command == "run" else [])], f"latchkey {command}")
        refused(place, [command[:-1] + "\033"], "there is no command " + command[:-1] + "\\x1b")
        if command in OPERANDS:
            refused(place, [command], f"latchkey {command}")


@test
def names_that_are_wrong(place):
    for name in ("", "n" * 4097):
        for words in (["run", name, "--", "true"], ["acquire", name, "--lease", "1m"], ["fence", name],
                      ["break", name, "--yes"]):
            refused(place, words)


@test
def places_of_every_kind_of_wrong(place):
    for url in ("file:a%00b", "file:", "sqlite:a%00b", "x" * 100000, "redis://h/\033", "file:a?stripes=99999999999999999999",
                "\033[31m:x", "file:%zz", "sqlite:" + "y" * 5000):
        code, out, err = place.call("guarantee", "--store", url)
        if code not in (64, 69, 74, 77) or out or err.count("\n") != 1 or not err[:-1].isprintable():
            raise AssertionError((url[:50], code, out, err))


@test
def a_store_that_is_not_there_is_69(place):
    nobody = "redis://127.0.0.1:1?timeout_ms=500"
    for command in commands(place):
        if command in OTHERS:
            continue
        words = with_option(command, "--store", nobody)
        if command in ("renew", "release", "check"):
            words = [command, "lk2-1a1fe1ae83500001-3e2cf7c32cfb1f5b-58cbcb3d0b4b31cd-0000000000000000", "--store", nobody]
        if command == "acquire":
            words += ["--lease", "1m"]
        if command == "break":
            words += ["--yes"]
        code, out, err = place.call(*words)
        same(code, 69, (words, err))
        same(err.count("\n"), 1, err)
        has(err, nobody)


@test
def output_of_every_command_that_cannot_be_written(place):
    holder = place.hold("a")
    for command in commands(place):
        if command in ("run", "acquire", "renew", "release", "check", "stdio", "watch", "break", "migrate"):
            continue
        words = with_option(command, *(["--once", "--every", "10ms"] if command == "top" else
                                       ["--time", "10ms"] if command == "bench" else []))
        for target in ("/dev/full", "pipe"):
            if target == "pipe":
                reader, writer = os.pipe()
                os.close(reader)
            else:
                writer = os.open(target, os.O_WRONLY)
            done = subprocess.run([*program, *words], stdout=writer, stderr=subprocess.PIPE, env=place.env, text=True,
                                  cwd=place.folder)
            os.close(writer)
            same((done.returncode, done.stderr.count("\n")), (74, 1), (words, done.stderr))
            has(done.stderr, "standard output: ")
    same(holder.poll(), None)


@test
def a_nul_in_a_request_is_a_byte_like_others(place):
    # not `try`: that may find a latch of the other one's thread, which has lost its processor
    code, out, err = place.call("stdio", stdin='{"id":1,"op":"acquire","name":"a\\u0000b"}\n{"id":2,"op":"acquire","name":"a"}\n\0\n')
    same((code, err), (0, ""))
    same(sorted(line[6:17] for line in out.splitlines()), ['1,"ok":true', '2,"ok":true', 'null,"ok":f'], out)
