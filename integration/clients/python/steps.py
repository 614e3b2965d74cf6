"""Tries redis-py with its default settings: steps.py HOST PORT sharded|whole STEP...

Each step prints one line, "ok STEP" or "FAIL STEP: reason".
"""

import hashlib
import sys
import time

import redis

HOST, PORT, KIND = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def client():
    """A client whose replies are bytes, with default settings."""
    return redis.Redis(host=HOST, port=PORT)


r = client()
other = client()


def same(got, want):
    if got != want:
        raise AssertionError(f"{got!r:.200}, want {want!r:.200}")


def ask(*words):
    print(">", *words, flush=True)


def works_again():
    """Calls until the library has connected again by itself."""
    for _ in range(1000):
        try:
            return same(r.set("again", "yes"), True)
        except redis.ConnectionError:
            time.sleep(0.005)
    raise AssertionError("it never connects again")


def connect():
    same(r.ping(), True)
    same(r.client_setname("python"), True)
    same(r.client_getname(), "python")


def values():
    every = bytes(range(256))
    same(r.set("bytes", every), True)
    same(r.get("bytes"), every)
    same(r.get("nothing"), None)
    same(r.hset("hash", mapping={"a": 1, "b": 2}), 2)
    same(r.hgetall("hash"), {b"a": b"1", b"b": b"2"})


def pipeline():
    p = r.pipeline(transaction=False)
    for i in range(1000):
        p.incr(f"count{i % 10}")
    same(p.execute(), [i // 10 + 1 for i in range(1000)])


def mebibytes():
    want = [(chr(65 + i) + "123456789abcdef").encode() * 65536 for i in range(8)]
    p = r.pipeline(transaction=False)
    for i in range(8):
        p.set(f"mebibyte{i}", want[i])
    same(p.execute(), [True] * 8)
    for i in range(1000):
        p.get(f"mebibyte{i % 8}")
    got = p.execute()
    same(len(got), 1000)
    for i in range(1000):
        if got[i] != want[i % 8]:
            raise AssertionError(f"value {i} has {len(got[i])} bytes and is not what was set")


def many():
    pairs = {f"many{i}": f"value{i}".encode() for i in range(200)}
    same(r.mset(pairs), True)
    same(r.mget(list(pairs) + ["none"]), list(pairs.values()) + [None])


def multi():
    p = r.pipeline()
    p.set("{m}a", "1").incr("{m}a").lpush("{m}l", "x", "y").lrange("{m}l", 0, -1)
    same(p.execute(), [True, 2, 2, [b"y", b"x"]])


def watch():
    r.set("{w}a", "1")
    with r.pipeline() as p:
        p.watch("{w}a")
        other.set("{w}a", "2")
        p.multi()
        p.set("{w}b", "lost")
        try:
            p.execute()
            raise AssertionError("the conflict is not noticed")
        except redis.WatchError:
            pass
    same(r.exists("{w}b"), 0)
    with r.pipeline() as p:
        p.watch("{w}a")
        same(p.get("{w}a"), b"2")
        p.multi()
        p.set("{w}b", "won")
        same(p.execute(), [True])
    same(r.get("{w}b"), b"won")


def block():
    ask("push", "queue", "work")
    same(r.blpop("queue", 20), (b"queue", b"work"))
    same(r.blpop("queue", 0.05), None)


def pubsub():
    s = r.pubsub(ignore_subscribe_messages=True)

    def receives(*want):
        message = None
        while not message:
            message = s.get_message(timeout=20)
        same((message["type"], message["pattern"], message["channel"], message["data"]), want)

    s.subscribe("channel")
    ask("publish", "channel", "first")
    receives("message", None, b"channel", b"first")
    s.psubscribe("patt*")
    ask("match", "pattern", "second")
    receives("pmessage", b"patt*", b"pattern", b"second")
    same(other.publish("channel", "third"), 1)
    receives("message", None, b"channel", b"third")
    same(other.publish("pattern", "fourth"), 1)
    receives("pmessage", b"patt*", b"pattern", b"fourth")
    s.unsubscribe()
    s.punsubscribe()
    while s.subscribed:
        same(s.get_message(timeout=20), None)
    same(other.publish("channel", "fifth"), 0)
    s.close()


def scan():
    keys = {f"scan{i}".encode() for i in range(1000)}
    p = r.pipeline(transaction=False)
    for key in keys:
        p.set(key, "")
    p.execute()
    same(set(r.scan_iter("scan*")), keys)


def script():
    double = "return {KEYS[1], tonumber(ARGV[1]) * 2}"
    digest = hashlib.sha1(double.encode()).hexdigest()
    try:
        r.evalsha(digest, 1, "s", 21)
        raise AssertionError("EVALSHA knows a script that nobody has sent")
    except redis.exceptions.NoScriptError:
        same(r.eval(double, 1, "s", 21), [b"s", 42])
    same(r.evalsha(digest, 1, "s", 4), [b"s", 8])
    same(r.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")(keys=["s"], args=[5]), 5)


def errors():
    def refused(begin, *command):
        try:
            r.execute_command(*command)
        except redis.ResponseError as e:
            # The library takes the code off the messages that it knows.
            if str(e).startswith(begin):
                return
            raise
        raise AssertionError(f"{command} is not refused")

    before = r.client_id()
    r.set("string", "x")
    refused("WRONGTYPE Operation against", "LPUSH", "string", "y")
    refused("unknown command 'NOSUCH', with args beginning with: 'x' ", "NOSUCH", "x")
    refused("value is not an integer or out of range", "INCR", "string")
    refused("wrong number of arguments for 'get' command", "GET")
    crossed = 0
    for i in range(50):
        r.set(f"from{i}", "x")
        try:
            r.rename(f"from{i}", f"to{i}")
        except redis.ResponseError as e:
            same(str(e), "CROSSSLOT Keys in request don't hash to the same slot")
            crossed += 1
    same(crossed > 0, KIND == "sharded")
    same(r.client_id(), before)


def killed():
    before = r.client_id()
    same(other.client_kill_filter(_id=before), 1)
    works_again()
    same(r.client_id() > before, True)


def restarted():
    ask("restart")
    same(sys.stdin.readline(), "done\n")
    works_again()
    same(r.get("again"), b"yes")


for step in sys.argv[4:]:
    try:
        globals()[step]()
        print("ok", step, flush=True)
    except Exception as e:
        print(f"FAIL {step}: {type(e).__name__}: {e}", flush=True)
