package scripts

// What outcomes are answered with.
var (
	null       = Reply{Shape: Null}
	keyCount   = Reply{Shape: KeyCount}
	ttl        = Reply{Shape: TTL}
	ttlSeconds = Reply{Shape: TTLSeconds}
	holder     = Reply{Shape: Holder}
)

func num(n int64) Reply            { return Reply{Shape: Integer, Int: n} }
func status(word string) Reply     { return Reply{Shape: Status, Text: word} }
func failure(message string) Reply { return Reply{Shape: Failure, Text: message} }

// table is what the scripts mean. known.txt says which texts they are.
var table = []Entry{
	// Releases.
	{
		id: "release", Libraries: []string{"the documentation of Redis", "redsync before 4.12", "bsm/redislock before 0.10", "ShedLock", "Laravel",
			"redlock-rb", "redlock-py", "pottery", "go-zero", "RedLock.net", "php-lock", "redlock-universal", "rslock"},
		Class: Release, Keys: 1, Args: 1, Token: 1,
		OK: num(1), Gone: num(0), Other: num(0),
	},
	{
		id: "release/redis-py", Libraries: []string{"redis-py"},
		Class: Release, Keys: 1, Args: 1, Token: 1,
		OK: num(1), Gone: num(0), Other: num(0),
	},
	{
		id: "release/flat", Libraries: []string{"Medallion DistributedLock", "rueidislock"},
		Class: Release, Keys: 1, Args: 1, Token: 1,
		OK: num(1), Gone: num(0), Other: num(0),
	},
	{
		id: "release/redsync", Libraries: []string{"redsync"},
		Class: Release, Keys: 1, Args: 1, Token: 1,
		OK: num(1), Gone: num(-1), Other: num(0),
	},
	{
		id: "release/aioredlock", Libraries: []string{"aioredlock"},
		Class: Release, Keys: 1, Args: 1, Token: 1,
		OK: num(1), Gone: status("OK"), Other: failure("ERR ERROR"),
	},
	{
		id: "release/spring", Libraries: []string{"Spring Integration (spin lock)"},
		Class: Release, Keys: 1, Args: 1, Token: 1,
		OK: num(1), Gone: null, Other: null,
	},
	{
		id: "release/node-redlock", Libraries: []string{"node-redlock"},
		Class: Release, Args: 1, Token: 1, Each: true,
		OK: keyCount, Gone: keyCount, Other: keyCount,
	},
	{
		id: "release/bsm", Libraries: []string{"bsm/redislock"},
		Class: Release, Args: 1, Token: 1,
		OK: status("OK"), Gone: null, Other: null,
	},

	// Extensions.
	{
		id: "extend", Libraries: []string{"redsync", "ShedLock", "pottery", "redlock-universal", "bsm/redislock before 0.10"},
		Class: Extend, Keys: 1, Args: 2, Token: 1, TTL: 2, Unit: Milliseconds,
		OK: num(1), Gone: num(0), Other: num(0),
	},
	{
		id: "extend/flat", Libraries: []string{"Medallion DistributedLock"},
		Class: Extend, Keys: 1, Args: 2, Token: 1, TTL: 2, Unit: Milliseconds,
		OK: num(1), Gone: num(0), Other: num(0),
	},
	{
		id: "extend/redis-py", Libraries: []string{"redis-py reacquire"},
		Class: Extend, Keys: 1, Args: 2, Token: 1, TTL: 2, Unit: Milliseconds,
		OK: num(1), Gone: num(0), Other: num(0),
	},
	{
		id: "extend/redis-py-add", Libraries: []string{"redis-py extend"},
		Class: Extend, Keys: 1, Args: 3, Token: 1, TTL: 2, Unit: Milliseconds, Adds: 3,
		OK: num(1), Gone: num(0), Other: num(0),
	},
	{
		id: "extend/rslock", Libraries: []string{"rslock"},
		Class: Extend, Keys: 1, Args: 2, Token: 1, TTL: 2, Unit: Milliseconds,
		OK: num(1), Gone: num(0), Other: num(0),
	},
	{
		id: "extend/spring", Libraries: []string{"Spring Integration"},
		Class: Extend, Keys: 1, Args: 2, Token: 1, TTL: 2, Unit: Milliseconds,
		OK: num(1), Gone: null, Other: null,
	},
	{
		id: "extend/laravel", Libraries: []string{"Laravel"},
		Class: Extend, Keys: 1, Args: 2, Token: 1, TTL: 2, Unit: Seconds, Persists: true,
		OK: num(1), Gone: num(0), Other: num(0),
	},
	{
		id: "extend/python-redis-lock", Libraries: []string{"python-redis-lock"},
		Class: Extend, Keys: 1, Args: 2, Token: 2, TTL: 1, Unit: Seconds,
		OK: num(0), Gone: num(1), Other: num(1),
	},
	{
		id: "extend/rueidis", Libraries: []string{"rueidislock"},
		Class: Extend, Keys: 1, Args: 2, Token: 1, TTL: 2, Unit: UnixMilliseconds,
		OK: num(1), Gone: num(0), Other: num(0),
	},
	{
		id: "extend/node-redlock", Libraries: []string{"node-redlock"},
		Class: Extend, Args: 2, Token: 1, TTL: 2, Unit: Milliseconds,
		OK: keyCount, Gone: num(0), Other: num(0),
	},
	{
		id: "extend/bsm", Libraries: []string{"bsm/redislock"},
		Class: Extend, Args: 2, Token: 1, TTL: 2, Unit: Milliseconds,
		OK: status("OK"), Gone: null, Other: null,
	},

	// Acquisitions.
	{
		id: "acquire/node-redlock", Libraries: []string{"node-redlock"},
		Class: Acquire, Args: 2, Token: 1, TTL: 2, Unit: Milliseconds,
		OK: keyCount, Other: num(0),
	},
	{
		id: "acquire/laravel", Libraries: []string{"Laravel Cache::add"},
		Class: Acquire, Keys: 1, Args: 2, Token: 1, TTL: 2, Unit: Seconds,
		OK: status("OK"), Other: null,
	},
	{
		id: "acquire/rueidis", Libraries: []string{"rueidislock"},
		Class: Acquire, Keys: 1, Args: 2, Token: 1, TTL: 2, Unit: Milliseconds,
		OK: status("OK"), Other: null,
	},
	{
		id: "acquire/rueidis-at", Libraries: []string{"rueidislock"},
		Class: Acquire, Keys: 1, Args: 2, Token: 1, TTL: 2, Unit: UnixMilliseconds,
		OK: status("OK"), Other: null,
	},

	// Acquisitions that extend what the token holds.
	{
		id: "take/bsm", Libraries: []string{"bsm/redislock"},
		Class: AcquireOrExtend, Args: 3, Token: 1, Prefix: 2, TTL: 3, Unit: Milliseconds,
		OK: status("OK"), Again: status("OK"), Other: null,
	},
	{
		id: "take/bsm-0.9", Libraries: []string{"bsm/redislock before 0.10"},
		Class: AcquireOrExtend, Keys: 1, Args: 3, Token: 1, Prefix: 2, TTL: 3, Unit: Milliseconds,
		OK: status("OK"), Again: status("OK"), Other: null,
	},
	{
		id: "take/spring", Libraries: []string{"Spring Integration"},
		Class: AcquireOrExtend, Keys: 1, Args: 2, Token: 1, TTL: 2, Unit: Milliseconds,
		OK: num(1), Again: num(1), Other: null,
	},
	{
		id: "take/redlock-rb", Libraries: []string{"redlock-rb"},
		Class: AcquireOrExtend, Keys: 1, Args: 3, Token: 1, TTL: 2, Unit: Milliseconds, New: 3,
		OK: status("OK"), Again: status("OK"), Gone: null, Other: null,
	},
	{
		id: "take/aioredlock", Libraries: []string{"aioredlock"},
		Class: AcquireOrExtend, Keys: 1, Args: 2, Token: 1, TTL: 2, Unit: Milliseconds,
		OK: status("OK"), Again: status("OK"), Other: failure("ERR ERROR"),
	},
	{
		id: "take/go-zero", Libraries: []string{"go-zero"},
		Class: AcquireOrExtend, Keys: 1, Args: 2, Token: 1, TTL: 2, Unit: Milliseconds,
		OK: status("OK"), Again: Reply{Shape: Bulk, Text: "OK"}, Other: null,
	},
	{
		id: "take/redsync", Libraries: []string{"redsync"},
		Class: ExtendOrAcquire, Keys: 1, Args: 2, Token: 1, TTL: 2, Unit: Milliseconds,
		OK: num(1), Again: num(1), Other: num(0),
	},
	{
		id: "take/redlock.net", Libraries: []string{"RedLock.net"},
		Class: ExtendOrAcquire, Keys: 1, Args: 2, Token: 1, TTL: 2, Unit: Milliseconds,
		OK: num(1), Again: num(1), Other: num(-1),
	},

	// Questions.
	{
		id: "query/bsm", Libraries: []string{"bsm/redislock"},
		Class: Query, Args: 1, Token: 1,
		OK: ttl, Gone: null, Other: null,
	},
	{
		id: "query/bsm-0.9", Libraries: []string{"bsm/redislock before 0.10"},
		Class: Query, Keys: 1, Args: 1, Token: 1,
		OK: ttl, Gone: num(-3), Other: num(-3),
	},
	{
		id: "query/pottery", Libraries: []string{"pottery"},
		Class: Query, Keys: 1, Args: 1, Token: 1,
		OK: ttl, Gone: num(0), Other: num(0),
	},
	{
		id: "query/aioredlock", Libraries: []string{"aioredlock"},
		Class: Query, Keys: 1, Args: 1, Token: 1,
		OK: ttlSeconds, Gone: failure("ERR ERROR"), Other: failure("ERR ERROR"),
	},
	{
		id: "query/redlock-rb", Libraries: []string{"redlock-rb"},
		Class: Query, Keys: 1,
		OK: holder, Gone: holder, Other: holder,
	},
	{
		id: "query/redlock-universal", Libraries: []string{"redlock-universal"},
		Class: Query, Keys: 1,
		OK: holder, Gone: null, Other: holder,
	},

	// What no quorum can keep.
	{
		id: "unsupported/spring", Libraries: []string{"Spring Integration (pub-sub lock)"},
		Class: Unsupported,
		Why:   "it publishes a message when it unlocks; use its lock type SPIN_LOCK, or mode: owner",
	},
	{
		id: "unsupported/python-redis-lock", Libraries: []string{"python-redis-lock"},
		Class: Unsupported,
		Why:   "it wakes who waits through a list beside the lock; use mode: owner",
	},
	{
		id: "unsupported/rueidis", Libraries: []string{"rueidislock"},
		Class: Unsupported,
		Why:   "it takes the lock from whoever holds it; use mode: owner",
	},
	{
		id: "unsupported/redisson", Libraries: []string{"Redisson"},
		Class: Unsupported,
		Why:   "its lock is a hash, and it publishes a message when it unlocks; use mode: owner",
	},
	{
		id: "unsupported/redlock-universal", Libraries: []string{"redlock-universal"},
		Class: Unsupported,
		Why:   "it extends or takes locks by more than their tokens; use mode: owner",
	},
}
