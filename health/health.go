// Package health decides which servers are fit to be used: a Detector judges probes and
// what the data path reports, as a function of its inputs and a clock, and a Prober
// carries its probes out.
package health

import "time"

// Settings say how the servers of a pool are judged.
type Settings struct {
	// Interval is between two probes of a server.
	Interval time.Duration
	// Fall is how many probes must fail in a row for a server to be down, Rise how many
	// must succeed for it to be up again.
	Fall, Rise int
	// Hold is how long a server that fell stays down at least. It doubles with each
	// fall that follows soon on the last, up to HoldMax.
	Hold, HoldMax time.Duration
	// Slow is how long a server may rightly be busy with one command.
	Slow time.Duration
}

// State is what is thought of a server.
type State uint8

// The states.
const (
	// Up: it is used. Servers are up until a probe says otherwise.
	Up State = iota
	// Down: it is not used.
	Down
)

// String is the state as people read it.
func (s State) String() string {
	if s == Down {
		return "down"
	}
	return "up"
}

// Outcome is what a probe says of a server.
type Outcome struct {
	// Kind says what it means.
	Kind Kind
	// Reason is a clause for people, which reads well after the server's name: "is
	// loading its data". It is empty for OK.
	Reason string
}

// Kind is what an Outcome means.
type Kind uint8

// The kinds of outcome.
const (
	// OK: it answers, and is what it should be.
	OK Kind = iota
	// Busy: it answers that one command keeps it from others. That is no failure until
	// it takes longer than Settings.Slow.
	Busy
	// Failed: it does not answer, or answers that it cannot serve.
	Failed
)

// Verdict is the state of a server, since when, and why.
type Verdict struct {
	State  State
	Since  time.Time
	Reason string // empty for one that was never down
	Falls  int    // how often it has fallen
}

// Change is a server's new verdict.
type Change struct {
	Server int
	Verdict
}
