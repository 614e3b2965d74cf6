package tenant

import (
	"strings"

	"ringmain/command"
)

// rule is how a command is served to tenants. The zero value refuses it.
type rule struct {
	rewrite rewrite
	reply   Kind
}

// rules are indexed by command.Command.ID.
var rules = func() []rule {
	list := make([]rule, command.Len())
	set := func(name string, r rule) {
		if c := command.ByName([]byte(name)); c != nil {
			list[c.ID()] = r
		}
	}
	for c := range command.All() {
		byTable(list, c)
		for sub := range c.Subcommands() {
			byTable(list, sub)
		}
	}
	for _, name := range keyless {
		set(name, rule{nothing, AsIs})
	}
	for name, r := range special {
		set(name, r)
	}
	for _, name := range refused {
		set(name, rule{})
	}
	return list
}()

// byTable gives a command its rule that has keys where its key specifications say, for
// sure. Modules may find keys in other ways, and so may commands of newer servers whose
// options the table does not spell out.
func byTable(list []rule, c *command.Command) {
	if len(c.Keys) == 0 || c.Flags&command.Module != 0 || c.Untested && strings.Contains(c.Args, "argument") {
		return
	}
	for i := range c.Keys {
		if s := &c.Keys[i]; s.Flags&command.KeyIncomplete != 0 || s.Find == command.FindUnknown {
			return
		}
	}
	list[c.ID()] = rule{keys, AsIs}
}

// keyless are commands without keys, whose replies tell nothing of anybody's keys.
var keyless = []string{
	"acl|cat", "acl|help", "acl|whoami", "asking", "auth",
	"client|caching", "client|getname", "client|getredir", "client|help", "client|id", "client|info", "client|kill", "client|list",
	"client|no-evict", "client|no-touch", "client|reply", "client|setinfo", "client|setname", "client|trackinginfo",
	"client|unblock",
	"cluster|help", "cluster|info", "cluster|keyslot", "cluster|links", "cluster|myid", "cluster|myshardid", "cluster|nodes",
	"cluster|replicas", "cluster|shards", "cluster|slaves", "cluster|slots",
	"command", "command|count", "command|docs", "command|getkeys", "command|getkeysandflags", "command|help", "command|info",
	"command|list", "config|get", "config|help", "discard", "echo", "exec", "hello", "info", "latency|help", "lolwut", "memory|help", "multi",
	"object|help", "ping", "pubsub|help", "quit", "readonly", "readwrite", "reset", "role", "select", "slowlog|help", "time", "unwatch", "wait",
	"waitaof", "xgroup|help", "xinfo|help",
}

// special are commands whose keys stand elsewhere than the table says, or in the reply.
var special = map[string]rule{
	"scan":    {scan, Page},
	"keys":    {patterns(1), Keys},
	"sort":    {sort, AsIs},
	"sort_ro": {sort, AsIs},

	"blpop": {keys, First}, "brpop": {keys, First}, "bzpopmin": {keys, First}, "bzpopmax": {keys, First},
	"lmpop": {keys, First}, "blmpop": {keys, First}, "zmpop": {keys, First}, "bzmpop": {keys, First},

	"xread": {keys, Streams}, "xreadgroup": {keys, Streams},
	// Their errors have keys.
	"xautoclaim": {keys, Errors}, "xclaim": {keys, Errors}, "xpending": {keys, Errors}, "xsetid": {keys, Errors},
	"xgroup|create": {keys, Errors}, "xgroup|createconsumer": {keys, Errors}, "xgroup|delconsumer": {keys, Errors},
	"xgroup|destroy": {keys, Errors}, "xgroup|setid": {keys, Errors},
	"xinfo|consumers": {keys, Errors}, "xinfo|groups": {keys, Errors}, "xinfo|stream": {keys, Errors},

	"publish":   {channels(1, 1), AsIs},
	"subscribe": {channels(1, all), AsIs}, "unsubscribe": {channels(1, all), AsIs},
	"ssubscribe": {channels(1, all), AsIs}, "sunsubscribe": {channels(1, all), AsIs},
	"psubscribe": {patterns(1), AsIs}, "punsubscribe": {patterns(1), AsIs},
	"pubsub|channels": {channelList, Keys}, "pubsub|shardchannels": {channelList, Keys},
	"pubsub|numsub": {channels(2, all), Pairs}, "pubsub|shardnumsub": {channels(2, all), Pairs},

	"dbsize": {nothing, AsIs}, "randomkey": {nothing, AsIs}, // the session counts with SCAN
	"client|tracking": {nothing, Errors}, // the session sees to the prefixes
}

// refused are commands whose keys the table knows, but not all that they do: scripts may
// use keys that they do not declare, and what the others move or store goes elsewhere.
var refused = []string{
	"eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro",
	"migrate", "move", "restore-asking", "pfdebug",
}
