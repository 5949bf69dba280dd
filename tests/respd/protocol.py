#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Talk to respd at the port given, byte by byte: requests in pieces, garbage, limits, clients that
do not read or go away, times of expiry.  Ends with `N passed, N failed`.

usage: protocol.py PORT [PID]     with PID, the server's memory is looked at too"""

import socket
import sys
import time

PORT = int(sys.argv[1])
PID = sys.argv[2] if len(sys.argv) > 2 else None
PATIENCE = 60
MB = 1 << 20


def connect():
    s = socket.create_connection(("127.0.0.1", PORT), timeout=PATIENCE)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def request(*words):
    words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%s\r\n" % (len(w), w) for w in words]
    return b"".join(parts)


def receive(s, n):
    """Exactly n bytes."""
    got = bytearray()
    while len(got) < n:
        piece = s.recv(min(n - len(got), MB))
        assert piece, f"the server closed the connection after {len(got)} of {n} bytes"
        got += piece
    return bytes(got)


def receive_all(s):
    """Until the server closes the connection."""
    got = bytearray()
    while True:
        try:
            piece = s.recv(MB)
        except ConnectionResetError:  # it had not read all that we sent
            piece = b""
        if not piece:
            return bytes(got)
        got += piece


def expect(s, wanted):
    got = receive(s, len(wanted))
    assert got == wanted, f"{got!r} instead of {wanted!r}"


def ask(s, wanted, *words):
    s.sendall(request(*words))
    expect(s, wanted)


def receive_line(s):
    line = b""
    while not line.endswith(b"\r\n"):
        line += receive(s, 1)
    return line


def integer(s, *words):
    s.sendall(request(*words))
    line = receive_line(s)
    assert line.startswith(b":"), line
    return int(line[1:])


def is_alive():
    with connect() as s:
        ask(s, b"+PONG\r\n", "PING")


def bulk(data):
    return b"$%d\r\n%s\r\n" % (len(data), data)


# ------------------------------------------------------------------------------ requests


def test_one_byte_at_a_time():
    with connect() as s:
        for byte in request("SET", b"k\0/", b"v\r\n") + request("GET", b"k\0/"):
            s.sendall(bytes([byte]))
        expect(s, b"+OK\r\n" + bulk(b"v\r\n"))


def test_many_in_one_piece():
    with connect() as s:
        s.sendall(request("SET", "n", 0) + request("INCR", "n") * 5000)
        expect(s, b"+OK\r\n" + b"".join(b":%d\r\n" % (i + 1) for i in range(5000)))


def test_lines_of_words():
    with connect() as s:
        s.sendall(b"SET  'one key' \"a\\x41\\n\\\"\" \r\n\r\n\nGET \"one key\"\n")
        expect(s, b"+OK\r\n" + bulk(b'aA\n"'))


def test_empty_requests_are_skipped():
    with connect() as s:
        s.sendall(b"*0\r\n*-1\r\n\r\n   \r\n" + request("PING"))
        expect(s, b"+PONG\r\n")


def test_a_large_value():
    value = bytes(range(256)) * (32 * MB // 256)
    with connect() as s:
        ask(s, b"+OK\r\n", "SET", "large", value)
        ask(s, bulk(value), "GET", "large")
        ask(s, b":1\r\n", "DEL", "large")


def test_many_keys_at_once():
    n = 20000
    keys = [f"many/{i}" for i in range(n)]
    with connect() as s:
        ask(s, b"+OK\r\n", "MSET", *[word for k in keys for word in (k, k)])
        ask(s, b"*%d\r\n" % n + b"".join(bulk(k.encode()) for k in keys), "MGET", *keys)
        ask(s, b":%d\r\n" % n, "DEL", *reversed(keys))


# What is refused, and how the server says it before it closes.
REFUSED = [
    (b"*1048577\r\n", b"invalid multibulk length"),
    (b"*99999999999999999999\r\n", b"invalid multibulk length"),
    (b"*x\r\n", b"invalid multibulk length"),
    (b"*\r\n", b"invalid multibulk length"),
    (b"*1\r\n$-1\r\n", b"invalid bulk length"),
    (b"*1\r\n$67108865\r\n", b"invalid bulk length"),
    (b"*1\r\n$99999999999999999999\r\n", b"invalid bulk length"),
    (b"*1\r\n$-9223372036854775808\r\n", b"invalid bulk length"),
    (b"*1\r\n$ 4\r\n", b"invalid bulk length"),
    (b"*1\r\nPING\r\n", b"expected '$', got 'P'"),
    (b"*1\r\n$4\r\nPINGPONG", b"a bulk string does not end where it should"),
    (b"*" + b"1" * 64, b"too big a line"),
    (b"*1\r\n$" + b"1" * 64, b"too big a line"),
    (b"A" * 65536, b"too big a line"),
    (b"SET 'a b\r\n", b"unbalanced quotes in request"),
    (b"SET \"a\"b c\r\n", b"unbalanced quotes in request"),
]


def test_refused_requests():
    for sent, why in REFUSED:
        with connect() as s:
            s.sendall(request("PING") + sent)
            got = receive_all(s)
            wanted = b"+PONG\r\n-ERR Protocol error: " + why + b"\r\n"
            assert got == wanted, f"{got!r} to {sent[:40]!r}"
    is_alive()


def test_too_big_a_request_is_refused_before_it_comes():
    part = bulk(bytes(64 * MB))
    with connect() as s:
        s.sendall(b"*6\r\n" + bulk(b"MSET"))
        try:
            for _ in range(5):
                s.sendall(part)
            got = receive_all(s)
        except (BrokenPipeError, ConnectionResetError):
            got = receive_all(s)
    assert got in (b"", b"-ERR Protocol error: too big a request\r\n"), got
    is_alive()


def test_announcements_cost_nothing():
    """Many clients that announce the largest request there is, and send none of it."""
    clients = [connect() for _ in range(200)]
    for s in clients:
        s.sendall(b"*1048576\r\n$67108864\r\nx")
    is_alive()
    for s in clients:
        s.close()


def test_keys_too_long_for_a_lock():
    """"db0/" and three bytes for each "/" make at most 4096."""
    with connect() as s:
        ask(s, b"+OK\r\n", "SET", "/" * 1364, 1)
        ask(s, b":1\r\n", "DEL", "/" * 1364)
        ask(s, b"+OK\r\n", "SET", "k" * 4092, 1)
        ask(s, b":1\r\n", "DEL", "k" * 4092)
        refusal = b"-ERR key is too long: escaped, the name of its lock has more than 4096 bytes\r\n"
        ask(s, refusal, "SET", "/" * 1365, 1)
        ask(s, refusal, "SET", "k" * 4093, 1)
        ask(s, refusal, "MSET", "fine", 1, "k" * MB, 1)
        ask(s, b":0\r\n", "EXISTS", "fine")


def test_errors_are_one_line():
    with connect() as s:
        ask(s, b"-ERR unknown command 'a  b'\r\n", "a\r\nb")


def test_too_big_a_transaction_is_refused():
    part = bytes(64 * MB)
    with connect() as s:
        ask(s, b"+OK\r\n", "MULTI")
        for _ in range(3):
            ask(s, b"+QUEUED\r\n", "SET", "part", part)
        ask(s, b"-ERR too big a transaction\r\n", "SET", "part", part)
        ask(s, b"+QUEUED\r\n", "SET", "small", 1)
        refusal = b"-EXECABORT Transaction discarded because of previous errors.\r\n"
        ask(s, refusal, "EXEC")
        ask(s, b":0\r\n", "EXISTS", "part", "small")


def test_a_transaction_ends_with_its_connection():
    with connect() as s:
        s.sendall(request("MULTI") + request("SET", "left", 1))
        expect(s, b"+OK\r\n+QUEUED\r\n")
    with connect() as s:
        ask(s, b":0\r\n", "EXISTS", "left")


def test_a_transaction_whose_locks_are_refused_is_over():
    with connect() as s:
        s.sendall(request("MULTI") + request("SET", "fine", 1) + request("GET", "k" * 4093))
        expect(s, b"+OK\r\n+QUEUED\r\n+QUEUED\r\n")
        s.sendall(request("EXEC"))
        expect(s, b"-ERR key is too long")
        receive_line(s)
        ask(s, b":0\r\n", "EXISTS", "fine")
        ask(s, b"-ERR EXEC without MULTI\r\n", "EXEC")


# ------------------------------------------------------------------------------- clients


def test_quit_is_answered_and_ends():
    with connect() as s:
        s.sendall(request("QUIT") + request("SET", "after", 1))
        assert receive_all(s) == b"+OK\r\n"
    with connect() as s:
        ask(s, b":0\r\n", "EXISTS", "after")


def test_what_came_before_the_end_is_answered():
    with connect() as s:
        s.sendall(request("PING") * 3 + b"*1\r\n$4\r\nPI")
        s.shutdown(socket.SHUT_WR)
        assert receive_all(s) == b"+PONG\r\n" * 3


def test_clients_that_go_away():
    for sent in (b"", b"*", b"*2\r\n$3\r\nGET\r\n$5\r\nab", request("GET", "x") * 1000):
        for _ in range(20):
            connect_and_leave(sent)
    is_alive()


def connect_and_leave(sent):
    s = connect()
    # To go away with a reset, whatever is still on its way.
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    s.sendall(sent)
    s.close()


def peak_memory():
    with open(f"/proc/{PID}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def test_a_client_that_does_not_read_fills_nobody_s_memory():
    n, value = 400, b"x" * MB
    with connect() as s, connect() as other:
        ask(s, b"+OK\r\n", "SET", "much", value)
        if PID:
            with open(f"/proc/{PID}/clear_refs", "w", encoding="ascii") as f:
                f.write("5")  # forget the peak
            before = peak_memory()
        s.sendall(request("GET", "much") * n)
        for _ in range(100):
            ask(other, b"+PONG\r\n", "PING")
        for _ in range(n):
            expect(s, bulk(value))
        ask(s, b":1\r\n", "DEL", "much")
        if PID:
            more = peak_memory() - before
            assert more < 50 * MB, f"{more >> 20} MiB for one client"


def test_an_endless_reply_ends_the_connection():
    with connect() as s:
        ask(s, b"+OK\r\n", "SET", "part", b"x" * (16 * MB))
        s.sendall(request("MGET", *["part"] * 33))
        assert len(receive_all(s)) < 512 * MB
    with connect() as s:
        ask(s, b":1\r\n", "DEL", "part")


# -------------------------------------------------------------------------------- expiry


def test_times_to_live():
    with connect() as s:
        ask(s, b"+OK\r\n", "SET", "t", 1, "EX", 100)
        assert 0 < integer(s, "TTL", "t") <= 100
        assert 0 < integer(s, "PTTL", "t") <= 100000
        ask(s, b":2\r\n", "INCR", "t")
        assert 0 < integer(s, "TTL", "t") <= 100, "INCR keeps the time"
        ask(s, b"+OK\r\n", "RENAME", "t", "u")
        assert 0 < integer(s, "TTL", "u") <= 100, "RENAME takes the time along"
        ask(s, b"+OK\r\n", "SET", "u", 2, "KEEPTTL")
        assert 0 < integer(s, "TTL", "u") <= 100
        ask(s, b"+OK\r\n", "SET", "u", 2)
        ask(s, b":-1\r\n", "TTL", "u")
        ask(s, b":1\r\n", "DEL", "u")


def wait_until_gone(s, key):
    end = time.monotonic() + PATIENCE
    while integer(s, "EXISTS", key) != 0:
        assert time.monotonic() < end, "it does not expire"


def test_what_expired_is_absent():
    with connect() as s:
        for revive, reply in (
            (("SET", "e", 5, "NX"), b"+OK\r\n"),
            (("INCR", "e"), b":1\r\n"),
            (("APPEND", "e", "xy"), b":2\r\n"),
            (("MSETNX", "e", 1), b":1\r\n"),
        ):
            ask(s, b"+OK\r\n", "SET", "e", 41, "PX", 1)
            wait_until_gone(s, "e")
            ask(s, b"$-1\r\n", "GET", "e")
            ask(s, b"*0\r\n", "KEYS", "e")
            ask(s, b":-2\r\n", "TTL", "e")
            ask(s, b":0\r\n", "PERSIST", "e")
            ask(s, b"-ERR no such key\r\n", "RENAME", "e", "f")
            ask(s, reply, *revive)
            ask(s, b":-1\r\n", "TTL", "e")
            ask(s, b":1\r\n", "DEL", "e")


def main():
    failed = 0
    tests = [(n, f) for n, f in sorted(globals().items()) if n.startswith("test_")]
    for name, test in tests:
        try:
            test()
            print(f"ok      {name[5:].replace('_', ' ')}", flush=True)
        except (AssertionError, OSError) as e:
            failed += 1
            print(f"FAILED  {name[5:].replace('_', ' ')}: {e}", flush=True)
    print(f"{len(tests) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
