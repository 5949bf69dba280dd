# SPDX-License-Identifier: MIT
"""What shells complete, and what the page says: every command and every option of the program, and no other."""

import os
import re
import shutil
import subprocess

from harness import ROOT, Terminal, has, same, test

FILES = {kind: os.path.join(ROOT, "src/tool/cli/completions", name)
         for kind, name in (("bash", "latchkey.bash"), ("zsh", "_latchkey"), ("fish", "latchkey.fish"))}
PAGE = os.path.join(ROOT, "docs/man/latchkey.1")


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def commands(place):
    return re.findall(r"^  ([a-z][a-z-]*) +\S", place.call("help")[1], re.M)


def options(place, command):
    return re.findall(r"^  --([a-z-]+)", place.call("help", command)[1], re.M)


def complete(*words):
    """What bash would offer for the last of the words."""
    script = (f'. {FILES["bash"]}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _latchkey; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", script, "bash", "latchkey", *words], capture_output=True,
                          text=True)
    same(done.stderr, "")
    return done.stdout.split()


@test
def bash_completes_commands_and_options(place):
    same(sorted(complete("")), sorted(commands(place)))
    same(complete("ru"), ["run"])
    for command in commands(place):
        same(sorted(complete(command, "--")), sorted("--" + o for o in options(place, command)), command)
    same(complete("run", "a", "--lost", ""), ["kill", "warn", "ignore"])
    same(complete("run", "a", "--mode", "S"), ["S", "SIX"])


def is_there(shell):
    if shutil.which(shell):
        return True
    print(f"skipped: what {shell} completes (there is no {shell})")
    return False


@test
def fish_completes_them_too(place):
    if not is_there("fish"):
        return
    os.mkdir(place.path("bin"))
    from harness import program
    os.symlink(program[0], place.path("bin/latchkey"))
    env = {**place.env, "PATH": place.path("bin") + ":" + os.environ["PATH"]}

    def offered(line):
        done = subprocess.run(["fish", "--no-config", "-c", f'source {FILES["fish"]}; complete -C "{line}"'], env=env,
                              cwd=place.folder, capture_output=True, text=True)
        same(done.stderr, "")
        return {x.split("\t")[0] for x in done.stdout.splitlines()}

    same(offered("latchkey "), set(commands(place)))
    for command in commands(place):
        same(offered(f"latchkey {command} --"), {"--" + o for o in options(place, command)}, command)
    same(offered("latchkey run --lost "), {"kill", "warn", "ignore"})


@test
def zsh_completes_them_too(place):
    if not is_there("zsh"):
        return
    folder = os.path.dirname(FILES["zsh"])
    t = Terminal(place, "zsh -f", columns=100, rows=40)
    t.press(f"PS1='> '; fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -D; echo ready", "Enter")
    t.shows("\nready")
    for line, wanted in (("latchkey sw", "latchkey sweep"), ("latchkey top --so", "latchkey top --sort"),
                         ("latchkey run --lost wa", "latchkey run --lost warn"),
                         ("latchkey acquire --le", "latchkey acquire --lease"), ("latchkey run a --lea", "latchkey run a --lease"),
                         ("latchkey --json sw", "latchkey --json sweep"), ("latchkey config s", "latchkey config set"),
                         ("latchkey run a -- latchkey sw", "latchkey run a -- latchkey sweep")):
        t.press("C-u", line, "Tab")
        t.shows("> " + wanted)
    t.press("C-u", "latchkey ", "Tab")
    t.shows(*commands(place))


@test
def the_others_and_the_page_name_all(place):
    for command in commands(place):
        for kind in ("zsh", "fish"):
            has(read(FILES[kind]), command)
        has(read(PAGE), f".It Cm {command}")
        for option in options(place, command):
            has(read(FILES["zsh"]), f"--{option}")
            if f"-l {option} " not in read(FILES["fish"]) and f"-l {option}\n" not in read(FILES["fish"]):
                raise AssertionError(f"fish does not know --{option} of {command}")
            has(read(PAGE), f"Fl \\-{option}")


@test
def the_examples_of_the_page_run(place):
    """Those that begin with `latchkey` or `if latchkey`, one after the other, in one folder."""
    text = read(PAGE).split(".Sh EXAMPLES")[1].split(".Sh ")[0]
    blocks = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", text, re.M | re.S)
    if len(blocks) < 3:
        raise AssertionError("there are no examples")
    os.mkdir(place.path("bin"))
    from harness import program
    os.symlink(program[0], place.path("bin/latchkey"))
    env = {**place.env, "PATH": place.path("bin") + ":" + os.environ["PATH"]}
    for block in blocks:
        script = block.replace("\\e", "\\").replace("\\-", "-").replace("\\(aq", "'").replace("\\(dq", '"').replace("\\&", "")
        done = subprocess.run(["sh", "-eu", "-c", script], env=env, cwd=place.folder, text=True,
                              capture_output=True, timeout=60)
        same((done.returncode, done.stderr), (0, ""), script)
