package quorum

import "time"

// Status is how a Set is, for people and metrics.
type Status struct {
	Name    string
	Servers []ServerStatus
	// Repaired is how many servers this proxy has repaired.
	Repaired uint64
}

// ServerStatus is how one of its servers is.
type ServerStatus struct {
	// Name is the address as it is configured.
	Name string
	// State is a word, and Reason a clause why it is not StateVotes.
	State, Reason string
	// Since is for how long the State has been the same.
	Since time.Duration
	// Copied is how many registers this proxy has copied there, in StateRepair.
	Copied int
	// Calls are scripts that were answered or given up, by Outcome.
	Calls [Unknown + 1]uint64
	// InFlight are those under way.
	InFlight int
	// Jumps are those of its clock.
	Jumps uint64
}

// The states of a server.
const (
	// StateVotes: it takes part in everything.
	StateVotes = "votes"
	// StateQuarantine: in counters, but in no vote on locks.
	StateQuarantine = "quarantine"
	// StateRepair: it takes part in nothing, and this proxy is filling it again.
	StateRepair = "repair"
	// StateBarred: it is not what it must be.
	StateBarred = "barred"
	// StateDown: it is not reached.
	StateDown = "down"
)

// Status is how the set is now.
func (q *Set) Status() Status {
	status := Status{Name: q.Name, Repaired: q.Repaired}
	for _, s := range q.servers {
		s.tell() // so that what is said and what is logged is the same
		state, reason := s.state()
		one := ServerStatus{Name: s.name, State: state, Reason: reason, Since: s.now() - s.stateSince,
			Calls: s.counts, InFlight: s.calls, Jumps: s.jumps}
		if state == StateRepair {
			one.Copied = q.repair.registers()
		}
		status.Servers = append(status.Servers, one)
	}
	return status
}

// state is how the server is, and why. Of a quarantine the reason says nothing of how long it
// lasts, so that it stays the same.
func (s *server) state() (state, reason string) {
	if why := s.q.Link.Down(s.index); why != "" {
		return StateDown, why
	}
	if why := s.unfitNow(); why == underRepair {
		return StateRepair, why
	} else if why != "" {
		return StateBarred, why
	}
	if left, why := s.quarantined(s.now()); left > 0 {
		return StateQuarantine, why
	}
	return StateVotes, ""
}
