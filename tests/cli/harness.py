# SPDX-License-Identifier: MIT
"""What the tests of the command line share: the program, places for its locks, and how tests are found and run.

A test is a function that takes a Place.  Nothing sleeps and hopes: what another process does is waited for."""

import difflib
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATIENCE = 60  # seconds, until something that must happen has not

is_short = []
program = [os.path.join(ROOT, "build", "latchkey")]
tests = []


def test(function):
    tests.append(function)
    return function


class Server:
    """A Redis server of these tests' own, begun when the first test wants it; each test has a prefix in it."""

    latch = threading.Lock()
    process = None
    folder = None
    last = 0

    @staticmethod
    def is_there():
        return shutil.which("redis-server") is not None

    @classmethod
    def begin(cls):
        cls.folder = tempfile.mkdtemp(prefix="latchkey-cli-")
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                cls.port = s.getsockname()[1]
            cls.process = subprocess.Popen(
                ["redis-server", "--bind", "127.0.0.1", "--port", str(cls.port), "--save", "", "--dir", cls.folder],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            while cls.process.poll() is None:  # it ends if others have taken the port meanwhile
                with socket.socket() as s:
                    if s.connect_ex(("127.0.0.1", cls.port)) == 0:
                        return
                time.sleep(0.01)
        raise Wrong("redis-server does not begin")

    @classmethod
    def url(cls):
        with cls.latch:
            if cls.process is None:
                cls.begin()
            cls.last += 1
            # a server of a very busy machine answers late, and no test is about that
            return f"redis://127.0.0.1:{cls.port}?prefix=t{cls.last}&timeout_ms=20000"

    @classmethod
    def end(cls):
        if cls.process is not None:
            cls.process.kill()
            cls.process.wait()
            shutil.rmtree(cls.folder, ignore_errors=True)


def over(*urls):
    """The same test for several stores: `file`, `sqlite`, `redis`."""

    def take(function):
        for kind in urls[:1] if is_short else urls:
            if kind == "redis" and not Server.is_there():
                print(f"skipped: {function.__name__} over redis (there is no redis-server)")
                continue
            def one(place, function=function, kind=kind):
                place.use(kind)
                function(place)
            one.__name__ = f"{function.__name__}[{kind}]"
            one.__module__ = function.__module__
            one.is_slow = getattr(function, "is_slow", False)
            tests.append(one)
        return function

    return take


class Wrong(AssertionError):
    pass


def same(got, wanted, what=""):
    if got != wanted:
        raise Wrong(f"{what}: got {got!r}, not {wanted!r}")


def has(text, *parts):
    for part in parts:
        if part not in text:
            raise Wrong(f"{part!r} is not in {text!r}")


GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
golden_update = []


def golden(name, text):
    """As it was: tests/cli/golden/NAME.  With --golden these files are written anew."""
    path = os.path.join(GOLDEN, name)
    if golden_update:
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    with open(path, encoding="utf-8") as f:
        wanted = f.read()
    if text != wanted:
        raise Wrong(f"not as {path}:\n" + "".join(difflib.unified_diff(wanted.splitlines(True), text.splitlines(True))))


def wait_until(condition, what="it"):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise Wrong(f"{what} does not come")
        time.sleep(0.005)


class Place:
    """A folder of a test's own, with its locks in it; and the processes that it began, which end with it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="latchkey-cli-")
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith(("LATCHKEY", "XDG_", "NO_COLOR"))}
        # sanitizers load libraries on behalf of themselves, and do not look beside the program
        self.env.update(HOME=self.folder, LC_ALL="C.UTF-8", LD_LIBRARY_PATH=os.path.dirname(program[0]))
        self.begun = []
        self.terminals = []
        self.use("file")

    def use(self, kind):
        self.kind = kind
        name = self.path("locks.db" if kind == "sqlite" else "locks")
        self.url = Server.url() if kind == "redis" else f"{kind}:{name}"
        self.env["LATCHKEY_URL"] = self.url

    def path(self, name):
        return os.path.join(self.folder, name)

    def call(self, *words, stdin="", env=None, **more):
        """Runs it to its end: (code, standard output, standard error)."""
        done = subprocess.run([*program, *words], input=stdin, capture_output=True, text=True,
                              env={**self.env, **(env or {})}, cwd=self.folder,
                              timeout=PATIENCE, **more)
        return done.returncode, done.stdout, done.stderr

    def begin(self, *words, **more):
        more.setdefault("stdin", subprocess.DEVNULL)
        more.setdefault("stdout", subprocess.PIPE)
        more.setdefault("stderr", subprocess.PIPE)
        process = subprocess.Popen([*program, *words], text=True, env=self.env, cwd=self.folder,
                                   **more)
        self.begun.append(process)
        return process

    def hold(self, name, *options):
        """Another process holds it, until its standard input ends: see let_go()."""
        process = self.begin("run", name, *options, "--", "sh", "-c", "echo held; read x",
                             stdin=subprocess.PIPE)
        same(process.stdout.readline(), "held\n", "the holder")
        return process

    def is_waited_for(self, name):
        """Somebody stands in the line of the name: whoever is refused is told so."""
        code, _, err = self.call("run", name, "--nowait", "--", "true")
        return code == 1 and "waited for in" in err

    def is_free(self, name):
        """It can be had: at once, or as soon as a process has given back what none of its threads has."""
        return self.call("run", name, "--wait", f"{PATIENCE - 20}s", "--", "true")[0] == 0

    def is_taken(self, name):
        code = 69
        while code == 69:  # the store did not answer in time, on a machine that is very busy
            code = self.call("run", name, "--nowait", "--", "true")[0]
        return code == 1

    def close(self):
        for terminal in self.terminals:
            terminal.close()
        for process in self.begun:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
            for file in (process.stdin, process.stdout, process.stderr):
                if file:
                    try:
                        file.close()
                    except BrokenPipeError:
                        pass
        shutil.rmtree(self.folder, ignore_errors=True)


def let_go(process):
    process.stdin.close()
    process.stdin = None
    return ended(process)


def ended(process):
    """(code, standard output, standard error) of one that was begun."""
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


class Terminal:
    """A real terminal, with a command in it; its screen as text."""

    def __init__(self, place, command, columns=80, rows=24, env=None):
        self.place = place
        self.socket = place.path(f"tmux{len(place.terminals)}")
        os.makedirs(place.path("bin"), exist_ok=True)
        if not os.path.exists(place.path("bin/latchkey")):
            os.symlink(program[0], place.path("bin/latchkey"))
        self.env = {**place.env, "PATH": place.path("bin") + ":" + os.environ["PATH"], **(env or {})}
        self.env.pop("TMUX", None)
        place.terminals.append(self)
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), command)

    def tmux(self, *words):
        done = subprocess.run(["tmux", "-S", self.socket, "-f", "/dev/null", *words], env=self.env,
                              cwd=self.place.folder, capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode != 0:
            raise Wrong(f"tmux {words}: {done.stderr}")
        return done.stdout

    def screen(self, *words):
        return self.tmux("capture-pane", "-p", *words)

    def lines(self):
        return self.screen().splitlines()

    def press(self, *keys):
        self.tmux("send-keys", *keys)

    def record(self):
        """All that it shows from now on, whether or not somebody looked in time: a file."""
        path = self.socket + ".out"
        self.tmux("pipe-pane", f"cat >'{path}'")
        wait_until(lambda: os.path.exists(path), "the record")
        return path

    def shows(self, *parts):
        wait_until(lambda: all(p in self.screen() for p in parts), f"{parts} on the screen")

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], env=self.env, capture_output=True)


class Talk:
    """A `latchkey stdio`, and its answers by their ids."""

    def __init__(self, place, *options):
        self.process = place.begin("stdio", *options, stdin=subprocess.PIPE)
        self.lines = queue.Queue()
        self.answers = {}
        self.events = []
        self.last = 0
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def send(self, op, **fields):
        self.last += 1
        self.write(json.dumps({"id": self.last, "op": op, **fields}) + "\n")
        return self.last

    def write(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def next(self):
        line = self.lines.get(timeout=PATIENCE)
        if line is None:
            raise Wrong("it has ended: " + self.process.stderr.read())
        return line

    def answer(self, number):
        while number not in self.answers:
            line = self.next()
            if "event" in line:
                self.events.append(line)
            else:
                self.answers[line["id"]] = line
        return self.answers.pop(number)

    def ask(self, op, **fields):
        return self.answer(self.send(op, **fields))

    def result(self, op, **fields):
        said = self.ask(op, **fields)
        if not said["ok"]:
            raise Wrong(f"{op}: {said}")
        return said["result"]

    def event(self, kind):
        while True:
            for e in self.events:
                if e["event"] == kind:
                    self.events.remove(e)
                    return e
            line = self.next()
            if "event" in line:
                self.events.append(line)
            else:
                self.answers[line["id"]] = line

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=PATIENCE)
        self.reader.join()
        return self.process.returncode


def one(function):
    place = Place()
    try:
        function(place)
        return None
    except Exception:  # whatever it is, the test has failed
        return "\n".join(line if len(line) < 1000 else line[:500] + " [...] " + line[-400:]
                         for line in traceback.format_exc().splitlines())
    finally:
        place.close()


def slow(function):
    """It waits for time to pass: it is begun first, while others run."""
    function.is_slow = True
    return function


def run_all(wanted, at_once):
    todo = queue.Queue()
    for function in sorted(tests, key=lambda f: not getattr(f, "is_slow", False)):
        name = f"{function.__module__}.{function.__name__}"
        if not wanted or any(w in name for w in wanted):
            todo.put((name, function))
    counts = {True: 0, False: 0}
    latch = threading.Lock()

    def work():
        while True:
            try:
                name, function = todo.get_nowait()
            except queue.Empty:
                return
            begin = time.monotonic()
            wrong = one(function)
            took = time.monotonic() - begin
            with latch:
                if took > 5:
                    print(f"slow: {name} took {took:.1f} s", flush=True)
                counts[wrong is None] += 1
                if wrong:
                    print(f"FAILED {name}\n{wrong}", flush=True)

    threads = [threading.Thread(target=work) for _ in range(at_once)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    Server.end()
    print(f"{counts[True]} passed, {counts[False]} failed")
    sys.exit(1 if counts[False] or not counts[True] else 0)
