package admin

import (
	"slices"
	"strings"
	"time"

	"ringmain/quorum"
)

// quorumState is how a quorum is, for people.
type quorumState struct {
	Name string `json:"name"`
	// Majority is how many servers it takes, and Voting how many may vote on everything.
	Majority int `json:"majority"`
	Voting   int `json:"voting"`
	// Repaired is how many servers this process has filled again.
	Repaired uint64         `json:"repaired"`
	Servers  []quorumServer `json:"servers"`
}

// quorumServer is how one of its servers is: State is a word of package quorum's.
type quorumServer struct {
	Node   string    `json:"node"`
	State  string    `json:"state"`
	Since  time.Time `json:"since"`
	Reason string    `json:"reason,omitempty"`
	// Copied is how many registers have been copied there, while it is repaired.
	Copied int `json:"copied,omitempty"`
}

// quorums are those of all loops, in order of their names.
func (a *Admin) quorums(now time.Time) []quorumState {
	list := []quorumState{}
	readings, _ := a.readers.read()
	for _, r := range readings {
		if r == nil {
			continue
		}
		for _, q := range r.Quorums {
			state := quorumState{Name: q.Name, Majority: len(q.Servers)/2 + 1, Repaired: q.Repaired}
			for _, s := range q.Servers {
				if s.State == quorum.StateVotes {
					state.Voting++
				}
				state.Servers = append(state.Servers, quorumServer{
					Node: s.Name, State: s.State, Since: now.Add(-s.Since).UTC(), Reason: s.Reason, Copied: s.Copied,
				})
			}
			list = append(list, state)
		}
	}
	slices.SortFunc(list, func(a, b quorumState) int { return strings.Compare(a.Name, b.Name) })
	return list
}
