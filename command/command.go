// Package command is the table of Redis commands as data: arity, flags, access,
// key positions and what the proxy does with each; and the look-up of a request
// in it.
//
// The rows are Redis 7.0's own, all of them: a test compares each with what a real
// server says in COMMAND INFO and COMMAND DOCS. What later versions, Valkey and the
// modules add follows their documentation. Policy, Access and Slow are ours.
//
// Everything here is read-only once the program has started: all functions and
// methods may be called concurrently, and nobody may change a Command that this
// package hands out.
package command

import (
	"iter"
	"strings"
)

// Command is one row of the table.
type Command struct {
	// Name is in lower case; that of a subcommand is "client|id".
	Name string
	// Arity is how many arguments a request has, its name (and its
	// subcommand's) counted: exactly Arity, or, if negative, at least -Arity.
	Arity int
	// Flags are those that COMMAND INFO gives.
	Flags Flags
	// Categories are the ACL categories that do not follow from Flags; see
	// AllCategories.
	Categories Categories
	// Access is the least that a user must be allowed.
	Access Access
	// Keys says where the keys are; nil if there are none.
	Keys []KeySpec
	// Policy is what the proxy does with the command.
	Policy Policy
	// Reason says to people why a Refused command is refused: a clause that reads
	// well after "command 'x' is not supported: ". Empty otherwise.
	Reason string
	// Slow commands have the long deadline (they may rightly run for seconds).
	Slow bool
	// Tips are Redis's hints to clients and proxies, as in COMMAND INFO.
	Tips []string
	// Since is the version of Product that brought the command.
	Since string
	// Product is what brought the command if it was not Redis itself: "Valkey",
	// a module, or Own.
	Product string
	// Untested rows follow the documentation of newer versions and of modules;
	// the others were compared with a real server.
	Untested bool
	// System commands are Redis's own, not meant for clients.
	System bool
	// Deprecated is the version that deprecated the command, empty if none did.
	Deprecated string
	// Group is the one in Redis's documentation: "string", "sorted-set", …
	Group string
	// Summary is a short sentence for people, without a full stop.
	Summary string
	// Args is the syntax of the arguments, in the notation of syntax.go.
	Args string

	id       int
	word     string     // the last part of Name
	parent   *Command   // of a subcommand: its container
	children []*Command // of a container: its subcommands, sorted
	firstKey int        // where the first key always is; 0: nowhere, or it depends

	replicated bool
	onReplica  bool
}

// Own is the Product of the commands that no server has, but the proxy.
const Own = "Ringmain"

// Access is the level a user needs for a command. Levels are ordered: who may do
// one may do those below.
type Access uint8

// The levels of access.
const (
	AccessRead Access = iota
	AccessWrite
	AccessAdmin
)

// Policy is what the proxy does with a command.
type Policy uint8

// The policies. A split policy sends its part of the keys to every server
// concerned, a fleet policy asks every server of the pool; both merge the replies
// into the one that Redis would have given.
const (
	// Refused is known and not served; Reason says why. It is the zero value,
	// so that a row without a policy is never sent anywhere.
	Refused Policy = iota
	// Forward has exactly one key, at a fixed position (FirstKey): the whole
	// request goes to the server that owns it.
	Forward
	// SameServer goes whole to the server that owns all its keys, which
	// KeyPositions finds; if they have more than one owner the reply is
	// CROSSSLOT. Commands of one key that may stand in several places, or may be
	// missing, are of this kind too.
	SameServer
	// AnyServer has no keys, and every server says the same: one of them does.
	AnyServer
	// SumInts is split by key; the reply is the sum of the servers' integers.
	SumInts
	// MultiGet is split by key; the reply is an array in the order of the keys.
	MultiGet
	// MultiSet is split by key-value pair; the reply is OK. The arity does not
	// say that pairs must be whole: see WholePairs.
	MultiSet
	// Local is answered by the proxy itself, by the loop that has the client.
	Local
	// Transaction is MULTI and what belongs to it: the proxy keeps the commands of a
	// transaction, and sends them together.
	Transaction
	// Tracking is CLIENT TRACKING: the client gets connections of its own.
	Tracking
	// Unblock is CLIENT UNBLOCK: the proxy knows where the other client waits.
	Unblock
	// FleetWait is WAIT and WAITAOF: every server is asked, and the least counts.
	FleetWait
	// Select is SELECT: it decides where the client's later commands go.
	Select
	// AllLoops is answered by the proxy itself from what all its loops know.
	AllLoops
	// FleetSum asks every server; the reply is the sum of the integers.
	FleetSum
	// FleetArrays asks every server; the reply is one array of all elements.
	FleetArrays
	// FleetOK goes to every server; the reply is OK if all say so.
	FleetOK
	// FleetSame goes to every server; the reply is what all of them say.
	FleetSame
	// ScriptLoad goes to every server; the proxy keeps the script, and gives it to
	// servers that do not have it when they need it.
	ScriptLoad
	// ScriptExists asks every server for each script; what the proxy would give to a
	// server counts as there.
	ScriptExists
	// ScriptFlush goes to every server; the proxy forgets the scripts that it keeps.
	ScriptFlush
	// ScriptKill goes to every server, ahead of all else; the reply is OK if one of
	// them had something to stop.
	ScriptKill
	// FleetRandom asks every server for a key, and how many it has, and chooses
	// among them: RANDOMKEY.
	FleetRandom
	// FleetScan walks the servers one after the other: SCAN.
	FleetScan
	// Subscribe begins or ends to listen to channels, for which the proxy has connections
	// of its own to all servers.
	Subscribe
	// Publish goes to one server, whichever; who listens through the proxy is counted too.
	Publish
	// FleetPubSub asks every server who listens, and counts who does through the proxy.
	FleetPubSub
	// FleetInfo is the proxy's own INFO, with sums over all servers.
	FleetInfo
	// Contract is served on keys under a contract alone, such as locks, which live elsewhere
	// than in pools.
	Contract
)

// mayWrite reports whether requests of this policy may change something on a
// server.
func (p Policy) mayWrite() bool {
	switch p {
	case Refused, AnyServer, Local, Select, Transaction, Tracking, Unblock, FleetWait, AllLoops, FleetInfo, ScriptLoad, ScriptExists,
		Subscribe, FleetPubSub:
		return false
	}
	return true
}

// ID is the command's row number: 0 <= ID < Len(). It is meant as an index into
// slices that hold something for each command (a function, a counter), and
// differs from one build to the next.
func (c *Command) ID() int { return c.id }

// Within reports whether c is a subcommand of container, or container itself.
func (c *Command) Within(container *Command) bool { return c == container || c.parent == container }

// IsContainer reports whether c has subcommands, as CLIENT has.
func (c *Command) IsContainer() bool { return len(c.children) > 0 }

// ArityOK reports whether a request may have n arguments, its name counted.
func (c *Command) ArityOK(n int) bool {
	if c.Arity >= 0 {
		return n == c.Arity
	}
	return n >= -c.Arity
}

// WholePairs reports whether the arguments after the name come in pairs, which
// MultiSet commands need beyond their arity.
func WholePairs(args [][]byte) bool { return len(args)%2 == 1 }

// MayWrite reports whether the command, once sent to a server, may have changed
// something there, so that it must not be sent twice. It errs on the side of
// true: whatever Redis does not call read-only counts, with keys or without.
func (c *Command) MayWrite() bool {
	return c.Flags&ReadOnly == 0 && c.Policy.mayWrite()
}

// alsoReplicated are the commands without the flag Write that CLIENT PAUSE WRITE holds
// back: Redis has a flag for them that it does not tell.
var alsoReplicated = map[string]bool{"eval": true, "evalsha": true, "fcall": true, "pfcount": true, "publish": true, "spublish": true}

// Replicated reports whether replicas may have to see the command: CLIENT PAUSE WRITE
// holds it back.
func (c *Command) Replicated() bool { return c.replicated }

// Blocks reports whether the server may hold back the reply until something
// happens: always with BLPOP, WAIT and the like; with XREAD and XREADGROUP if
// BLOCK stands before STREAMS; with RINGMAIN.LOCK if there is a WAIT.
func (c *Command) Blocks(args [][]byte) bool {
	switch {
	case c.Flags&Blocking == 0:
		return c.Name == "wait"
	case c.Policy == Contract: // RINGMAIN.LOCK
		return waitsForLock(args)
	case c.Flags&MovableKeys == 0 || len(c.Keys) == 0 || c.Keys[0].Keyword != "STREAMS":
		return true
	}
	_, block := streamOptions(args)
	return block > 0
}

// Len is the number of rows, subcommands included.
func Len() int { return len(table) }

// Count is the number of commands without their subcommands, as COMMAND COUNT
// gives it.
func Count() int { return topLevel }

// All yields the commands in order of their names, without the subcommands.
func All() iter.Seq[*Command] {
	return func(yield func(*Command) bool) {
		for i := range table {
			if table[i].parent == nil && !yield(&table[i]) {
				return
			}
		}
	}
}

// Subcommands yields the subcommands of a container in order of their names.
func (c *Command) Subcommands() iter.Seq[*Command] {
	return func(yield func(*Command) bool) {
		for _, sub := range c.children {
			if !yield(sub) {
				return
			}
		}
	}
}

var topLevel int

// init fills in what follows from the rows. A container is sorted before its
// subcommands.
func init() {
	for i := range table {
		c := &table[i]
		c.id = i
		c.firstKey = fixedFirstKey(c.Keys)
		c.onReplica = answersOnReplica(c)
		c.replicated = c.Flags&Write != 0 || alsoReplicated[c.Name]
		container, sub, isSub := strings.Cut(c.Name, "|")
		c.word = container
		if isSub {
			c.word = sub
			c.parent = index.find(nil, []byte(container))
			c.parent.children = append(c.parent.children, c)
		} else {
			topLevel++
		}
		index.add(c)
	}
}
