// Package topology agrees on how the servers of a pool that reroutes are used: the view.
// When a server falls its keys go to the refuges of others, databases that hold nothing
// else; when it is back it is cleaned of what it does not know to be old. A Controller
// carries that out in steps that are ordered such that no read ever sees an older value
// than one that was acknowledged: ARCHITECTURE.md has the protocol.
//
// Its nearest relative is the gutter pool of Nishtala et al., "Scaling Memcache at
// Facebook" (NSDI 2013), where short lifetimes keep substitutes honest.
package topology

import (
	"log/slog"
	"time"

	"ringmain/router"
)

// Settings are what a Controller knows of its pool. Nothing of it is changed.
type Settings struct {
	Pool string
	// Nodes are the names of the servers, Addresses where they are.
	Nodes, Addresses []string
	// Refuge is the database that holds the keys of others.
	Refuge int
	// Flush has a server emptied whenever it returns.
	Flush bool
	// MostOut is how many servers may be out with their keys rerouted.
	MostOut int
	// Incarnation is random for each process. All its connections are called NamePrefix
	// and that.
	Incarnation string
	// Interval is between two looks at each server.
	Interval time.Duration
	Log      *slog.Logger
	// Told is called whenever how a server is used has changed, on Run's goroutine.
	Told func(server int, s Status)
	// Ended is called when rerouting ends, on Run's goroutine. nil: nobody asks.
	Ended func(reason string)
}

// NamePrefix is what the names of connections to servers begin with.
const NamePrefix = "ringmain-"

// Status is how a server is used.
type Status struct {
	// InUse: its keys are there. Rerouted: they are in refuges.
	InUse, Rerouted bool
	Since           time.Time
	// Reason is a clause such as "is unreachable".
	Reason string
}

// World is what a Controller acts on. Its methods are called by one goroutine, one at a
// time, and return when the thing is done. When the Controller is to end they return at
// once, and Wait reports false.
type World interface {
	Now() time.Time
	// Wait returns when something has been told to the Controller since it last returned,
	// or at a time.
	Wait(until time.Time) bool

	// Call sends a command to a database of a server and returns the reply, in RESP2. An
	// error says that there is none: whether it was or will be executed is not known, but
	// nothing that is sent later overtakes it. Before it anything is executed that was
	// given up on other connections of this process, or it never is.
	Call(server, database int, args ...string) (reply []byte, err error)

	// Fall has every loop stop using a server. What is under way there ends.
	Fall(server int, reason string)
	// Hold has every loop place keys as the view says, and keep what is for the server
	// waiting, until Serve. Nothing is under way then at the places that are left.
	Hold(server int, prepared router.View, left []Left)
	// Serve has every loop use the view.
	Serve(view router.View, servers []Use)
	// Absence hands over what loops have recorded for a server that is out. The flags
	// stay until Forget.
	Absence(server int) Absence
	// Forget ends the record of a server.
	Forget(server int)
}

// Left is a place that is left: a server's refuge, or all else of it.
type Left struct {
	Server int
	Refuge bool
}

// Use is how a server is to be used: not at all, because it is Down, or as the process with
// a run id.
type Use struct{ Down, RunID string }

// Absence is what loops have written and done that a server, which was out, does not know of.
type Absence struct {
	Keys                []string
	Incomplete, Flushed bool
}

// state is how a server is used, as the protocol has it.
type state uint8

const (
	up       state = iota // its keys are at home
	rerouted              // out: its keys are in refuges
	stranded              // out: its keys are nowhere
)

// server is what a Controller knows of a server.
type server struct {
	name   string
	state  state
	reason string // why it is out, a clause
	since  time.Time
	runID  string // of the process that is in use, or was last; "": it was never reached
	marker string // what MarkerKey should be there; "": nothing

	// owing: its refuge may hold something old, and is not used.
	owing bool
	// used: its refuge may hold something.
	used bool

	// complete: the record reaches back to the fall.
	complete bool
	// record is what loops have handed over.
	record map[string]struct{}
	// flagged is why the record does not tell all that is old there; "": it does. It stays
	// until the server is back.
	flagged string

	// cleared: the connections of other incarnations are ended.
	cleared bool
	// stranger: it has data that no marker shows to be the pool's.
	stranger bool
	// adopted is what to do with that, until the server is in use.
	adopted adoption
	// drained: it stays out until it is undrained.
	drained bool
	// trouble is why it was not taken back last.
	trouble string
	// retry is when to try again what did not succeed.
	retry time.Time
}

type adoption uint8

const (
	notAdopted adoption = iota
	adoptData
	adoptEmpty
)
