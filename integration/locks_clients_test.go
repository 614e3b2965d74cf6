package integration

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"ringmain/internal/redistest"
)

// What a client of locks does, by the names of its steps. Each step has keys of its own,
// which begin with "lock:".
var lockSteps = []string{
	"acquire",  // a free lock; its key has the client's token, and a TTL
	"contend",  // it is refused to a second client, which gets it once it is released
	"extend",   // its TTL becomes longer, and shorter
	"release",  // it is free at once; a second release is refused
	"expiry",   // somebody else gets it after its TTL; who had it can neither extend nor release it
	"stranger", // whoever has another token can neither extend nor release it
}

// lockClient is a program under clients/ with one library of locks that is given one
// Redis.
type lockClient struct {
	program func(t *testing.T) []string
	// without is the step that its library has no call for.
	without string
}

func (c lockClient) steps() []string {
	return slices.DeleteFunc(slices.Clone(lockSteps), func(step string) bool { return step == c.without })
}

var lockClients = map[string]lockClient{
	"redis-py":      {program: interpreted("/usr/bin/python3", "python/locks.py")},
	"redsync":       {program: golang("redsync")},
	"bsm/redislock": {program: golang("redislock")},
	"redlock 4":     {program: node("redlock.js", "4")},
	"redlock 5":     {program: node("redlock.js", "5")},
	"redlock-rb":    {program: interpreted("/usr/bin/ruby", "ruby/locks.rb")},
	"php-lock":      {program: interpreted("/usr/bin/php", "php/malkusch.php"), without: "extend"},
	"Laravel":       {program: interpreted("/usr/bin/php", "php/laravel.php")},
}

// As one Redis: in front of three, and on Redis itself, which shows that the programs are
// right.
func TestEveryLockClientWorksUnchangedOnAQuorum(t *testing.T) {
	t.Parallel()
	quorums := []*testQuorum{startQuorum(t, 3, keepsAll, 0), startQuorum(t, 3, keepsNothing, 0)}
	var proxies []*ringmain
	for _, q := range quorums {
		q.longest, q.patient = 10*time.Second, true
		proxies = append(proxies, q.startProxies(t, 1)[0])
	}
	try := func(kind string, target clientTarget, names ...string) {
		for _, name := range names {
			c := lockClients[name]
			t.Run(kind+"/"+name, func(t *testing.T) { target.try(t, c.program(t), c.steps()) })
		}
	}
	all := slices.Sorted(maps.Keys(lockClients))
	try("redis", clientTarget{Server: redistest.Start(t)}, all...) // first: new quorums grant no locks for a while
	quorums[0].awaitVotes(t, proxies[:1])
	try(keepsAll, clientTarget{inside: proxies[0]}, all...)
	quorums[1].awaitVotes(t, proxies[1:])
	try(keepsNothing, clientTarget{inside: proxies[1]}, "redis-py", "redsync") // which clients cannot tell from the other
}

func TestLocksOfRedisPyWorkForUsersWithAKeyPrefixEachWithItsOwn(t *testing.T) {
	t.Parallel()
	r := startFrom(t, `listeners: [{address: '127.0.0.1:0'}]
pools: {main: {embedded: 1}}
quorums: {safe: {embedded: 3}}
locks: [{keys: '?:lock:*', quorum: safe, max_ttl: 10s}]
users: [{name: a, password: pa, access: write, key_prefix: 'a:'}, {name: b, password: pb, access: write, key_prefix: 'b:'}]
`)
	w := map[string]*wire{}
	for _, name := range []string{"a", "b"} { // b while a still has the lock of its first step
		c := lockClients["redis-py"]
		program := append([]string{"env", "LOCKS_USER=" + name, "LOCKS_PASSWORD=p" + name}, c.program(t)...)
		t.Run(name, func(t *testing.T) { clientTarget{inside: r}.try(t, program, c.steps()) })
		w[name] = dial(t, r.Addr())
		expect(t, "AUTH", w[name].do("AUTH", name, "p"+name), "+OK\r\n")
	}
	a, b := w["a"].do("GET", "lock:py:acquire"), w["b"].do("GET", "lock:py:acquire")
	if a == b || a[0] != '$' || b[0] != '$' || a == "$-1\r\n" || b == "$-1\r\n" {
		t.Errorf("the lock of a is %q, that of b %q", a, b)
	}
	expect(t, "another script", w["a"].do("EVAL", "return redis.call('get', 'b:lock:py:acquire')", "1", "k"), "-NOPERM this user has no permissions to run the 'eval' command\r\n")
	if reply := w["a"].do("EVAL", "return redis.call('get', 'b:lock:py:acquire')", "1", "lock:x"); !strings.HasPrefix(reply, "-ERR the script ") {
		t.Errorf("another script on a lock: %q", reply)
	}
}
