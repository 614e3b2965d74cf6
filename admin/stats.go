package admin

import (
	"ringmain/metric"
	"ringmain/quorum"
)

// LoopStats is what one loop has counted since the start, and how it is now.
type LoopStats struct {
	metric.Clients
	// Connected is how many clients the loop has.
	Connected int
	// Commands are by the index of their family in Options.Families, Servers by
	// that of the server in what Options.Servers gives. What is missing is zero.
	Commands []metric.Commands
	Servers  []ServerStats
	// Iterations are the loop's turns.
	Iterations uint64
	// Posted is how many calls wait for the loop.
	Posted int
	// Buffers is how many bytes the loop's connections hold.
	Buffers int
	// Quorums are those that the loop has.
	Quorums []QuorumStats
}

// QuorumStats is a quorum, and what is counted of what it keeps.
type QuorumStats struct {
	quorum.Status
	Locks    LockStats
	Counters CounterStats
}

// LockStats are the locks of a quorum.
type LockStats struct {
	// Granted, Held (by others) and Failed (no majority, or too late) are acquisitions.
	Granted, Held, Failed uint64
	// Splits are votes without a majority for anybody.
	Splits             uint64
	Extended, Released uint64
	Waiting            int // clients
}

// CounterStats are the counters of a quorum, with the numbers that locks get.
type CounterStats struct {
	Commands, Rounds, Conflicts uint64
	NoQuorum, Uncertain         uint64
	Waiting                     int // commands
}

// ServerStats is a server as one loop sees it.
type ServerStats struct {
	metric.Server
	// Down: commands for it fail at once.
	Down bool
	// InFlight is how many requests await their replies.
	InFlight int
	// Queued is how many bytes wait to be handed to the kernel.
	Queued int
	// Leases is how many connections clients have for themselves.
	Leases int
}

// ProcessStats is what is counted for all loops together.
type ProcessStats struct {
	// Accepted are the clients that have connected since the start, those that
	// were refused included.
	Accepted uint64
	Refused  [metric.Refusals]uint64
	// BufferLimit is the bytes that all buffers may hold.
	BufferLimit int
}

// sum is what all loops have counted together. Each family and server has its
// place, whether or not a loop has counted anything of it.
func sum(readings []*reading, families, servers int) LoopStats {
	total := LoopStats{Commands: make([]metric.Commands, families), Servers: make([]ServerStats, servers)}
	for _, r := range readings {
		if r == nil {
			continue
		}
		total.Clients.Add(&r.Clients)
		total.Connected += r.Connected
		total.Buffers += r.Buffers
		for i := range r.Commands[:min(len(r.Commands), families)] {
			total.Commands[i].Add(&r.Commands[i])
		}
		for i := range r.Servers[:min(len(r.Servers), servers)] {
			total.Servers[i].add(&r.Servers[i])
		}
	}
	return total
}

// add joins what another loop sees.
func (s *ServerStats) add(o *ServerStats) {
	s.Server.Add(&o.Server)
	s.Down = s.Down || o.Down
	s.InFlight += o.InFlight
	s.Queued += o.Queued
	s.Leases += o.Leases
}
