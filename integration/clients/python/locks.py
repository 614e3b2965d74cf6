"""Tries redis-py's Lock: locks.py HOST PORT sharded|whole STEP...

The user and the password, if any, are LOCKS_USER and LOCKS_PASSWORD in the environment.
Each step prints one line, "ok STEP" or "FAIL STEP: reason".
"""

import os
import sys

import redis
from redis.exceptions import LockError, LockNotOwnedError

HOST, PORT = sys.argv[1], int(sys.argv[2])


def client():
    user, password = os.environ.get("LOCKS_USER"), os.environ.get("LOCKS_PASSWORD")
    return redis.Redis(host=HOST, port=PORT, username=user, password=password)


r = client()
other = client()


def same(got, want):
    if got != want:
        raise AssertionError(f"{got!r:.200}, want {want!r:.200}")


def between(low, got, high):
    if not low <= got <= high:
        raise AssertionError(f"{got!r}, want {low} to {high}")


def refused(error, call, *args, **options):
    try:
        got = call(*args, **options)
    except error as e:
        return same(type(e), error)
    raise AssertionError(f"it is not refused but gives {got!r}")


def acquire():
    lock = r.lock("lock:py:acquire", timeout=10)
    same(lock.locked(), False)
    same(lock.acquire(), True)
    same((lock.locked(), lock.owned()), (True, True))
    same(r.get("lock:py:acquire"), lock.local.token)
    between(9000, r.pttl("lock:py:acquire"), 10000)
    same(r.exists("lock:py:acquire"), 1)


def contend():
    first = r.lock("lock:py:contend", timeout=10)
    second = other.lock("lock:py:contend", timeout=10)
    same(first.acquire(), True)
    same(second.acquire(blocking=False), False)
    same(second.acquire(blocking_timeout=0.25), False)
    same((second.locked(), second.owned()), (True, False))
    first.release()
    same(second.acquire(blocking=True, blocking_timeout=5), True)
    same((first.owned(), second.owned()), (False, True))
    second.release()


def extend():
    lock = r.lock("lock:py:extend", timeout=5)
    same(lock.acquire(), True)
    same(lock.extend(5), True)
    between(6000, r.pttl("lock:py:extend"), 10000)
    same(lock.extend(3, replace_ttl=True), True)
    between(500, r.pttl("lock:py:extend"), 3000)
    same(lock.reacquire(), True)
    between(3001, r.pttl("lock:py:extend"), 5000)
    lock.release()


def release():
    lock = r.lock("lock:py:release", timeout=10)
    with lock:
        same(lock.owned(), True)
    same(lock.locked(), False)
    same(r.get("lock:py:release"), None)
    refused(LockError, lock.release)
    same(other.lock("lock:py:release", timeout=10).acquire(blocking=False), True)


def expiry():
    first = r.lock("lock:py:expiry", timeout=0.4)
    second = other.lock("lock:py:expiry", timeout=10)
    same(first.acquire(), True)
    same(second.acquire(blocking_timeout=10), True)
    refused(LockNotOwnedError, first.extend, 10)
    refused(LockNotOwnedError, first.reacquire)
    refused(LockNotOwnedError, first.release)
    same(second.owned(), True)
    between(1000, r.pttl("lock:py:expiry"), 10000)
    second.release()


def stranger():
    lock = r.lock("lock:py:stranger", timeout=10)
    same(lock.acquire(), True)
    foreign = other.lock("lock:py:stranger", timeout=10)
    foreign.local.token = b"a stranger's"
    refused(LockNotOwnedError, foreign.reacquire)
    refused(LockNotOwnedError, foreign.release)
    same(lock.owned(), True)
    lock.release()


for step in sys.argv[4:]:
    try:
        globals()[step]()
        print("ok", step, flush=True)
    except Exception as e:
        print(f"FAIL {step}: {type(e).__name__}: {e}", flush=True)
