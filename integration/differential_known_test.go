package integration

import (
	"slices"
	"strings"
	"testing"

	"ringmain/command"
	"ringmain/internal/difftest"
)

// tolerated is a difference that is meant to be, and that a mode does not
// describe. It has to occur: one that is gone is taken off the list.
type tolerated struct {
	command string // as in command.Differences
	matches func(a *arena, args []string, got, want *difftest.Reply) bool
}

var differences = []tolerated{
	{"sort", sortDenied},
	{"sort_ro", sortDenied},
	{"scan", func(_ *arena, _ []string, got, want *difftest.Reply) bool {
		return got.Raw == "-ERR invalid cursor\r\n" && !strings.Contains(want.Raw, "cursor")
	}},
	{"client|setinfo", unknownToRedis},
	{"client|no-touch", unknownToRedis},
	{"command|getkeys", guessed},
	{"config|set", func(_ *arena, args []string, got, _ *difftest.Reply) bool {
		return hasWord(args, "slowlog-max-len") && strings.Contains(got.Raw, "between 0 and 10000 inclusive")
	}},
	{"asking", noCluster}, {"readonly", noCluster}, {"readwrite", noCluster}, {"cluster|count-failure-reports", noCluster},
	{"cluster|help", noCluster}, {"cluster|info", noCluster}, {"cluster|keyslot", noCluster}, {"cluster|links", noCluster},
	{"cluster|myid", noCluster}, {"cluster|nodes", noCluster}, {"cluster|replicas", noCluster}, {"cluster|shards", noCluster},
	{"cluster|slaves", noCluster}, {"cluster|slots", noCluster},
}

// noCluster: what the lone server would say in a cluster is compared elsewhere.
func noCluster(_ *arena, _ []string, _, want *difftest.Reply) bool {
	return want.Raw == "-ERR This instance has cluster support disabled\r\n"
}

// guessed: COMMAND GETKEYS of a request that is an error. Redis then finds
// keys by rules of thumb.
func guessed(a *arena, args []string, _, want *difftest.Reply) bool {
	_, err := a.lone.Do(words(args[2:])...)
	return err != nil && want.IsAggregate()
}

// sortDenied: BY or GET might need keys of other servers. That comes first,
// whatever else is wrong.
func sortDenied(_ *arena, args []string, got, _ *difftest.Reply) bool {
	return hasWord(args, "by") && strings.HasPrefix(got.Raw, "-ERR BY option of SORT denied ") ||
		hasWord(args, "get") && strings.HasPrefix(got.Raw, "-ERR GET option of SORT denied ")
}

// unknownToRedis: a command that Redis 7.0 does not have yet.
func unknownToRedis(_ *arena, _ []string, _, want *difftest.Reply) bool {
	return strings.HasPrefix(want.Raw, "-ERR unknown subcommand")
}

func hasWord(args []string, word string) bool {
	return slices.ContainsFunc(args, func(a string) bool { return strings.EqualFold(a, word) })
}

// tolerate names the difference that explains two replies; empty if none does.
func (a *arena) tolerate(args []string, got, want *difftest.Reply) string {
	name := nameOf(args)
	for _, d := range differences {
		if d.command == name && d.matches(a, args, got, want) {
			return d.command
		}
	}
	return ""
}

// notShown are the listed differences that replies to single requests do not
// show: of servers that fail, of time between two servers, of several pools, of keys under
// contracts.
var notShown = []string{"set", "get", "ttl", "pttl", "move", "client|tracking", "multi", "exec", "watch", "wait", "waitaof", "select", "copy", "keys", "dbsize", "flushall", "flushdb", "mset", "mget", "del", "unlink", "exists", "touch", "time", "quit", "client|no-evict",
	"command|getkeysandflags", "eval", "evalsha", "evalsha_ro", "fcall", "script|load", "script|exists", "script|kill", "script|flush", "function|kill",
	"publish", "spublish", "subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe",
	"pubsub|channels", "pubsub|numsub", "pubsub|numpat", "pubsub|shardchannels", "pubsub|shardnumsub",
	"debug", "memory|purge", "monitor", "config|resetstat", "slowlog|get", "slowlog|len", "slowlog|reset", "latency|latest", "latency|history", "latency|graph", "latency|doctor", "latency|reset", "function|load", "function|delete", "function|flush", "function|restore", "function|list", "function|dump", "function|stats"}

func TestToleratedDifferencesAreThoseThatUsersReadOf(t *testing.T) {
	listed := map[string]bool{}
	for _, d := range command.Differences {
		for _, name := range d.Commands {
			listed[name] = true
		}
	}
	shown := map[string]bool{}
	for _, d := range differences {
		shown[d.command] = true
	}
	for name, m := range modes {
		if m.reason == "" {
			t.Errorf("%s is not compared byte for byte, without a reason", name)
		}
		if m.listed {
			shown[name] = true
		}
	}
	for name := range shown {
		if !listed[name] {
			t.Errorf("%s: a difference is tolerated that users do not read of", name)
		}
	}
	for name := range listed {
		if !shown[name] && !slices.Contains(notShown, name) {
			t.Errorf("%s: a difference is listed that no test has", name)
		}
	}
}

// occurred fails the test for differences of commands that were played and
// never showed one.
func (c *tally) occurred(t *testing.T) {
	t.Helper()
	for _, d := range differences {
		if c.commands[d.command] > 0 && c.tolerated[d.command] == 0 {
			t.Errorf("%s: the difference that is tolerated does not occur in %d requests", d.command, c.commands[d.command])
		}
	}
}

const crossSlot = "-CROSSSLOT Keys in request don't hash to the same slot\r\n"

// refused is how an error begins that says that a command is not served.
func refused(name string) string {
	return "-ERR command '" + strings.ToLower(name) + "' is not supported: "
}
