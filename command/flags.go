package command

import "math/bits"

// Flags are a command's flags in COMMAND INFO.
type Flags uint32

// The flags, in the order in which Redis prints them.
const (
	Write Flags = 1 << iota
	ReadOnly
	DenyOOM
	Module
	Admin
	PubSub
	NoScript
	Blocking
	Loading
	Stale
	SkipMonitor
	SkipSlowlog
	Asking
	Fast
	NoAuth
	MayReplicate
	NoMandatoryKeys
	NoAsyncLoading
	NoMulti
	MovableKeys
	AllowBusy
)

var flagNames = [...]string{
	"write", "readonly", "denyoom", "module", "admin", "pubsub", "noscript", "blocking", "loading", "stale",
	"skip_monitor", "skip_slowlog", "asking", "fast", "no_auth", "may_replicate", "no_mandatory_keys",
	"no_async_loading", "no_multi", "movablekeys", "allow_busy",
}

// Categories are ACL categories.
type Categories uint32

// The ACL categories, in the order in which Redis prints them.
const (
	CatKeyspace Categories = 1 << iota
	CatRead
	CatWrite
	CatSet
	CatSortedSet
	CatList
	CatHash
	CatString
	CatBitmap
	CatHyperLogLog
	CatGeo
	CatStream
	CatPubSub
	CatAdmin
	CatFast
	CatSlow
	CatBlocking
	CatDangerous
	CatConnection
	CatTransaction
	CatScripting
)

var categoryNames = [...]string{
	"@keyspace", "@read", "@write", "@set", "@sortedset", "@list", "@hash", "@string", "@bitmap", "@hyperloglog",
	"@geo", "@stream", "@pubsub", "@admin", "@fast", "@slow", "@blocking", "@dangerous", "@connection",
	"@transaction", "@scripting",
}

// AllCategories are the command's ACL categories, those that follow from its
// flags included.
func (c *Command) AllCategories() Categories {
	cats := c.Categories
	add := func(f Flags, implied Categories) {
		if c.Flags&f != 0 {
			cats |= implied
		}
	}
	add(Write, CatWrite)
	if cats&CatScripting == 0 {
		add(ReadOnly, CatRead)
	}
	add(Admin, CatAdmin|CatDangerous)
	add(PubSub, CatPubSub)
	add(Fast, CatFast)
	add(Blocking, CatBlocking)
	if cats&CatFast == 0 {
		cats |= CatSlow
	}
	return cats
}

// KeyFlags say what a command does with the keys of one KeySpec.
type KeyFlags uint16

// The key flags, in the order in which Redis prints them: first what happens to
// the key (one of four), then to its value, then what is odd about the spec.
const (
	KeyRO KeyFlags = 1 << iota // the value is only read
	KeyRW                      // read and changed
	KeyOW                      // overwritten, whatever it was
	KeyRM                      // deleted
	KeyAccess
	KeyUpdate
	KeyInsert
	KeyDelete
	KeyNot        // a channel or the like, which only is placed like a key
	KeyIncomplete // there may be keys that the spec does not find
	KeyVariable   // the flags depend on the arguments
)

var keyFlagNames = [...]string{
	"RO", "RW", "OW", "RM", "access", "update", "insert", "delete", "not_key", "incomplete", "variable_flags",
}

// onesOf calls f with the name of every bit that is set.
func onesOf(set uint32, names []string, f func(name string)) {
	for ; set != 0; set &= set - 1 {
		f(names[bits.TrailingZeros32(set)])
	}
}
