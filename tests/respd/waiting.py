#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""respd --async --steps 1 at the port given, while commands wait for their locks: others are served, and
clients may go away.  Ends with `N passed, N failed`.

usage: waiting.py PORT TEST...     the tests by name; without the others: all that leave the server alone"""

import contextlib
import os
import random
import select
import signal
import socket
import struct
import sys
import threading

from protocol import ask, bulk, connect, expect, receive, receive_all, receive_line, request

LONGEST = 1 << 16  # DBSIZEs of a transaction; each takes as many steps as there are stripes


def info(s, section):
    """What INFO says, as a dictionary."""
    s.sendall(request("INFO", section))
    text = receive(s, int(receive_line(s)[1:]) + 2)
    return dict(line.split(b":", 1) for line in text.split(b"\r\n") if b":" in line)


def n_blocked(s):
    return int(info(s, "clients")[b"blocked_clients"])


def counter(s, name):
    return int(info(s, "latchkey")[name])


def has_answer(s):
    return bool(select.select([s], [], [], 0)[0])


def reset(s):
    """Go away at once: the server is told of an error, not of an end."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


class Holder:
    """A transaction that writes `held` at its start and `last` at its end, and is long between them: it has an X on both
    and an SIX on the database."""

    def __init__(self, n):
        self.n = n
        self.n_keys = 2  # `held`, and `other`
        self.rest = b""
        self.s = connect()

    def begin(self):
        parts = request("SET", "held", "A") + request("DBSIZE") * self.n
        parts += request("SET", "last", "A")
        self.s.sendall(request("MULTI") + parts)
        expect(self.s, b"+OK\r\n" + b"+QUEUED\r\n" * (self.n + 2))
        self.s.sendall(request("EXEC"))
        expect(self.s, b"*%d\r\n+OK\r\n" % (self.n + 2))  # it has its locks

    def is_done(self):
        """Has all of the rest come?"""
        if has_answer(self.s):
            self.rest += self.s.recv(1 << 20)
        return self.rest.endswith(b"+OK\r\n")

    def end(self):
        while not self.is_done():
            select.select([self.s], [], [])
        assert self.rest == b":%d\r\n" % self.n_keys * self.n + b"+OK\r\n"


@contextlib.contextmanager
def connections(n):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(connect()) for _ in range(n)]


def while_one_waits(act, *words):
    """With a holder, and a client whose command `words` waits for it: act(holder, client, other).  It says whether the
    holder was still at it when it had seen what it wanted; if not, a longer one is taken."""
    n = 256
    while n <= LONGEST:
        with connections(2) as (client, other):
            holder = Holder(n)
            with holder.s:
                ask(other, b"+OK\r\n", "FLUSHALL")
                ask(other, b"+OK\r\n", "SET", "other", "O")
                holder.begin()
                client.sendall(request(*words))
                while n_blocked(other) == 0 and not has_answer(client):
                    pass
                if not has_answer(client) and act(holder, client, other):
                    return
        n *= 4
    raise AssertionError("nothing was seen while a command waited")


# ---------------------------------------------------------------------------------- tests


def test_others_are_served_while_one_waits():
    def act(holder, client, other):
        ask(other, bulk(b"O"), "GET", "other")
        ask(other, b"+PONG\r\n", "PING")
        waited = n_blocked(other) == 1 and not has_answer(client)
        holder.end()
        expect(client, bulk(b"A"))
        return waited

    while_one_waits(act, "GET", "held")


def test_what_comes_while_a_command_waits_is_answered_after_it():
    def act(holder, client, other):
        client.sendall(request("ECHO", "x" * 100000) + request("GET", "other"))
        waited = n_blocked(other) == 1 and not has_answer(client)
        holder.end()
        expect(client, b"+OK\r\n" + bulk(b"x" * 100000) + bulk(b"O"))
        return waited

    while_one_waits(act, "SET", "held", "B")


def test_a_client_that_goes_away_waits_no_more():
    def act(holder, client, other):
        canceled = counter(other, b"cancels")
        reset(client)
        while n_blocked(other) > 0:
            pass
        waited = not holder.is_done() and counter(other, b"cancels") == canceled + 1
        holder.end()
        if waited:  # its command was never carried out
            ask(other, bulk(b"A"), "GET", "held")
        return waited

    while_one_waits(act, "SET", "held", "B")


def test_a_transaction_that_waits_is_cancelled_as_one():
    def act(holder, client, other):
        canceled = counter(other, b"cancels")
        client.sendall(request("SET", "new", 1) + request("SET", "held", "B") + request("EXEC"))
        expect(client, b"+OK\r\n+QUEUED\r\n+QUEUED\r\n")
        while n_blocked(other) < 2 and not holder.is_done():
            pass
        reset(client)
        while n_blocked(other) > 1:
            pass
        waited = not holder.is_done() and counter(other, b"cancels") == canceled + 1
        holder.end()
        if waited:
            ask(other, b":0\r\n", "EXISTS", "new")
        return waited

    def with_another(holder, client, other):
        with connect() as third:
            third.sendall(request("MULTI"))
            done = act(holder, third, other)
            expect(client, bulk(b"A"))
            return done

    while_one_waits(with_another, "GET", "held")


def test_a_client_that_sends_no_more_is_still_answered():
    def act(holder, client, other):
        client.shutdown(socket.SHUT_WR)
        waited = n_blocked(other) == 1 and not has_answer(client)
        holder.end()
        assert receive_all(client) == bulk(b"A")
        return waited

    while_one_waits(act, "GET", "held")


def test_what_has_begun_is_carried_out_to_the_end():
    def act(holder, client, other):
        waited = not holder.is_done()
        reset(holder.s)
        expect(client, b"*2\r\n" + bulk(b"A") * 2)
        ask(other, b":2\r\n", "EXISTS", "held", "last")
        return waited

    while_one_waits(act, "MGET", "held", "last")


def random_command(dice):
    def key():
        return f"k{dice.randrange(4)}"

    return dice.choice(
        [
            ("SET", key(), "x"),
            ("INCR", f"n{dice.randrange(3)}"),
            ("MGET", key(), key(), key()),
            ("MSET", key(), 1, key(), 2),
            ("MSETNX", key(), 1, key(), 2),
            ("RENAME", key(), key()),
            ("DEL", key(), key()),
            ("DBSIZE",),
            ("KEYS", "*"),
            ("FLUSHDB",),
            ("FLUSHALL",),
            ("SELECT", dice.randrange(2)),
        ]
    )


def random_requests(dice):
    requests = [request(*random_command(dice)) for _ in range(dice.randrange(8))]
    if dice.random() < 0.4:
        requests = [request("MULTI"), *requests, request("EXEC")]
    return b"".join(requests)


def come_and_go(seed, wrong):
    dice = random.Random(seed)
    end = b"this was client %d" % seed
    try:
        for _ in range(20):
            with connect() as s:
                for _ in range(dice.randrange(5)):
                    s.sendall(random_requests(dice) + request("ECHO", end))
                    got = b""
                    while not got.endswith(bulk(end)):
                        piece = s.recv(1 << 16)
                        assert piece, f"the server closed the connection after {got!r}"
                        got += piece
                s.sendall(random_requests(dice))
                reset(s)
    except (AssertionError, OSError) as e:
        wrong.append(f"seed {seed}: {e}")


def test_clients_that_come_and_go_leave_no_locks_behind():
    wrong = []
    clients = [threading.Thread(target=come_and_go, args=(i, wrong)) for i in range(8)]
    for c in clients:
        c.start()
    for c in clients:
        c.join()
    assert not wrong, wrong
    with connect() as s:
        ask(s, b"+OK\r\n", "FLUSHALL")
        while int(info(s, "clients")[b"connected_clients"]) > 1:
            pass
        ask(s, b"+OK\r\n", "FLUSHALL")
        assert n_blocked(s) == 0


# Of a server of its own, with --timeout.
def refused_after_a_while():
    refusal = b"-ERR lock: "

    def act(holder, client, other):
        while not has_answer(client) and not holder.is_done():
            pass
        refused = client.recv(len(refusal)) == refusal
        if refused:
            ask(other, bulk(b"O"), "GET", "other")
        holder.end()
        return refused

    while_one_waits(act, "GET", "held")


# The last one: the server ends, in an orderly way.
def ends_while_commands_wait():
    pid = int(os.environ["RESPD_PID"])

    def act(holder, client, other):
        os.kill(pid, signal.SIGTERM)
        assert receive_all(client) == b""
        assert receive_all(other) == b""
        receive_all(holder.s)
        return True

    while_one_waits(act, "SET", "held", "B")


def main():
    failed = 0
    tests = [(n[5:], f) for n, f in sorted(globals().items()) if n.startswith("test_")]
    if len(sys.argv) > 2:
        tests = [(n, globals()[n]) for n in sys.argv[2:]]
    for name, test in tests:
        try:
            test()
            print(f"ok      {name.replace('_', ' ')}", flush=True)
        except (AssertionError, OSError) as e:
            failed += 1
            print(f"FAILED  {name.replace('_', ' ')}: {e}", flush=True)
    print(f"{len(tests) - failed} passed, {failed} failed")
    return failed != 0


sys.exit(main())
