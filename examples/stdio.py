#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Locks for Python, through `latchkey stdio`: a child process that speaks JSON lines.

usage: examples/stdio.py [LATCHKEY]    where the program is, if not in the PATH"""

import json
import subprocess
import sys
import tempfile
import threading


class Latchkey:
    """One child for all threads; whoever asks waits for the answer with his id."""

    def __init__(self, program="latchkey", *options):
        self.child = subprocess.Popen([program, "stdio", *options], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        self.latch = threading.Lock()
        self.waiting = {}
        self.last = 0
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.child.stdout:
            answer = json.loads(line)
            with self.latch:
                asked = self.waiting.pop(answer.get("id"), None)
            if asked:
                asked["answer"] = answer
                asked["event"].set()
        with self.latch:  # it has ended: nobody waits for ever
            left, self.waiting = self.waiting, None
        for asked in left.values():
            asked["event"].set()

    def ask(self, op, **fields):
        asked = {"event": threading.Event(), "answer": {"ok": False, "error": "latchkey has ended"}}
        with self.latch:
            if self.waiting is None:
                raise RuntimeError("latchkey has ended")
            self.last += 1
            self.waiting[self.last] = asked
            self.child.stdin.write(json.dumps({"id": self.last, "op": op, **fields}) + "\n")
            self.child.stdin.flush()
        asked["event"].wait()
        if not asked["answer"]["ok"]:
            raise RuntimeError(f"{op}: {asked['answer']['error']}")
        return asked["answer"]["result"]

    def lock(self, name, **options):
        return Lock(self, name, options)

    def close(self):
        self.child.stdin.close()
        self.child.wait()
        self.reader.join()


class Lock:
    """with keeper.lock("name") as grant: …"""

    def __init__(self, keeper, name, options):
        self.keeper, self.name, self.options = keeper, name, options

    def __enter__(self):
        self.grant = self.keeper.ask("acquire", name=self.name, **self.options)
        return self.grant

    def __exit__(self, *_):
        self.keeper.ask("release", token=self.grant["token"])


def main():
    with tempfile.TemporaryDirectory() as folder:
        keeper = Latchkey(*(sys.argv[1:2] or ["latchkey"]), "--dir", folder + "/locks")
        account = {"balance": 0}

        def pay_in():
            for _ in range(50):
                with keeper.lock("accounts/17"):
                    balance = account["balance"]
                    account["balance"] = balance + 1

        threads = [threading.Thread(target=pay_in) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        keeper.close()
    print(f"four threads paid in 200: {account['balance']}")
    return account["balance"] != 200


if __name__ == "__main__":
    sys.exit(main())
