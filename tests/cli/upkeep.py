# SPDX-License-Identifier: MIT
"""Commands for whoever looks after a store: check-health, repair, break."""

import json
import sqlite3

from harness import PATIENCE, ended, has, over, same, test


@over("file", "sqlite", "redis")
def a_store_that_is_well_is_said_to_be(place):
    code, out, err = place.call("check-health")
    same((code, err), (0, ""))
    has(out, "store", "session", "holders")
    said = json.loads(place.call("check-health", "--json")[1])
    if said["status"] == "bad":
        raise AssertionError(said)
    has(said["parts"]["store"]["status"], "")
    same(place.call("check-health", "--store", "memory:")[0], 0)


@over("file", "sqlite", "redis")
def a_lock_is_taken_from_its_holder(place):
    show = "echo $LATCHKEY_FENCE; read x"
    holder = place.begin("run", "a", "--grace", "100ms", "--", "sh", "-c", show, stdin=-1)
    fence = int(holder.stdout.readline())
    code, out, err = place.call("break", "a")
    same((code, out), (64, ""))
    has(err, "say --yes")
    same(place.is_taken("a"), True)
    code, out, _ = place.call("break", "a", "--yes", "--json")
    said = json.loads(out)
    same((code, said["ended"]), (0, 1))
    if int(said["fence"]) < fence:
        raise AssertionError((said, fence))
    holder.wait(timeout=PATIENCE)  # its input goes on
    code, _, err = ended(holder)
    same(code, 79)
    has(err, "a: the lock is lost")
    code, out, _ = place.call("run", "a", "--", "sh", "-c", "echo $LATCHKEY_FENCE")
    if code != 0 or int(out) <= int(said["fence"]):
        raise AssertionError((out, said))
    code, _, err = place.call("break", "a", "--yes")
    same(code, 1)
    has(err, "nobody holds it")


def damage(place, name):
    """A byte of the record of that name, in the database."""
    with sqlite3.connect(place.path("locks.db")) as db:
        columns = [c[1] for c in db.execute("PRAGMA table_info(latchkey_records)")]
        key, value = columns[0], next(c for c in columns if c in ("bytes", "record", "value", "data"))
        found = db.execute(f"SELECT {value} FROM latchkey_records WHERE {key} = ?", (b"n" + name,)).fetchone()
        bad = bytearray(found[0])
        bad[-1] ^= 1
        db.execute(f"UPDATE latchkey_records SET {value} = ? WHERE {key} = ?", (bytes(bad), b"n" + name))
    db.close()


@over("sqlite")
def what_is_damaged_is_made_anew(place):
    holder = place.begin("run", "a", "--", "sh", "-c", "echo ready; read x", stdin=-1)
    same(holder.stdout.readline(), "ready\n")
    holder.kill()
    holder.wait()
    same(place.call("repair")[0], 0)
    damage(place, b"a")
    same(place.call("run", "a", "--nowait", "--", "true")[0], 65)
    for words in ([], ["a"]):
        code, out, _ = place.call("repair", *words)
        same(code, 65)
        has(out, "a: damaged: would be made anew", "1 damaged, 0 made anew")
    same(place.call("fence", "a")[0], 65)
    code, out, _ = place.call("repair", "--write", "--json")
    said = json.loads(out)
    same((code, said["damaged"], said["done"]), (0, 1, 1))
    same(place.call("repair", "a")[:2], (0, "a: fine\n1 looked at, 0 damaged, 0 made anew\n"))
    same(place.call("run", "a", "--wait", "30s", "--", "true")[0], 0)
