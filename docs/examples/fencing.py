"""A lock is lost while its holder is away, and the resource refuses what it does then.

    python3 fencing.py [PORT]

Two workers write a report, one at a time, under a lock of redis-py. The first one stalls for
longer than its lock lasts. The report is in a database, which takes no write whose number is
smaller than that of an earlier one: this is the only thing that a lock with a time to
live cannot do for you.
"""

import sqlite3
import sys

import redis

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 6380


class Stale(Exception):
    """Somebody who got the lock later has written already."""


class Reports:
    """The resource. It compares and writes in one step, in its own transaction."""

    def __init__(self):
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.execute("CREATE TABLE report (name TEXT PRIMARY KEY, text TEXT, fence INTEGER NOT NULL)")

    def write(self, name, text, fence):
        written = self.db.execute(
            """INSERT INTO report VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE
               SET text = excluded.text, fence = excluded.fence WHERE fence <= excluded.fence""",
            (name, text, fence)).rowcount
        if written == 0:
            raise Stale

    def read(self, name):
        return self.db.execute("SELECT text FROM report WHERE name = ?", (name,)).fetchone()[0]


def take(ttl):
    """Takes the lock as any program with redis-py does, and asks for its number."""
    client = redis.Redis(port=PORT)
    lock = client.lock("lock:report", timeout=ttl)
    lock.acquire()  # waits for as long as somebody has it
    return lock, client.execute_command("RINGMAIN.FENCE", "lock:report", lock.local.token)


reports = Reports()
first, number = take(ttl=2)
reports.write("march", "by the first", number)
print("the first has the lock, and a number")

# An operator would type: redis-cli -p 6380 RINGMAIN LOCKS
for entry in redis.Redis(port=PORT).execute_command("RINGMAIN", "LOCKS"):
    lock = dict(zip(entry[::2], entry[1::2]))
    if lock[b"token"] == first.local.token and lock[b"fence"] == number:
        print("an operator sees", lock[b"key"].decode(), "of quorum", lock[b"quorum"].decode())

# The first worker stalls. Its lock expires, and the second one, which waits, gets it.
second, later = take(ttl=10)
reports.write("march", "by the second", later)
print("the second has the lock, and a", "larger" if later > number else "SMALLER", "number")

# The first worker goes on. It does not know.
try:
    reports.write("march", "by the first, late", number)
except Stale:
    print("the first is refused by the database: the report is", reports.read("march"))
try:
    first.release()
except redis.exceptions.LockNotOwnedError:
    print("the first is told that the lock is not its own any more")
second.release()
