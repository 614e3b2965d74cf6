package proxy

import (
	"bytes"
	"slices"

	"ringmain/backend"
	"ringmain/command"
	"ringmain/metric"
)

// Stats is what a loop has counted since its start, and how it is now.
type Stats struct {
	metric.Clients
	// Connected is how many clients there are.
	Connected int
	// Commands are by family, see Families.
	Commands []metric.Commands
	// Servers are by the server's index in the snapshot.
	Servers []ServerStats
}

// ServerStats is a server as one loop sees it.
type ServerStats struct {
	metric.Server
	// Down: commands for it fail at once.
	Down bool
	// InFlight is how many requests await their replies, Queued how many bytes wait
	// to be handed to the kernel.
	InFlight, Queued int
	// Leases is how many connections sessions have for themselves.
	Leases int
}

// Families are the names of the families of commands that are counted: the
// table's groups, and the unknown ones last.
func Families() []string { return append(command.Families(), "unknown") }

// families are those of the commands, by commandIndex.
var families = func() []uint8 {
	list := make([]uint8, command.Len()+1)
	list[command.Len()] = uint8(len(command.Families()))
	for cmd := range command.All() {
		list[cmd.ID()] = uint8(cmd.Family())
		for sub := range cmd.Subcommands() {
			list[sub.ID()] = uint8(sub.Family())
		}
	}
	return list
}()

// Stats is a copy of what the core has counted. It is called on the loop.
func (c *Core) Stats() Stats {
	stats := c.stats
	stats.Connected = len(c.sessions)
	stats.Commands = slices.Clone(c.stats.Commands)
	for _, n := range c.nodes {
		stats.Servers = append(stats.Servers, serverStats(n))
	}
	return stats
}

func serverStats(n *backend.Node) ServerStats {
	leases, _ := n.Leases()
	return ServerStats{Server: n.Stats(), Down: n.Down(), InFlight: n.InFlight(), Queued: n.Queued(), Leases: leases}
}

// isFailure reports whether a reply that begins so is an error.
func isFailure(reply []byte) bool { return len(reply) > 0 && (reply[0] == '-' || reply[0] == '!') }

// resultOf tells a reply's result by its beginning.
func resultOf(reply []byte) metric.Result {
	switch {
	case !isFailure(reply):
		return metric.ResultOK
	case bytes.HasPrefix(reply, []byte("-CLUSTERDOWN ")):
		return metric.ResultClusterDown
	case bytes.HasPrefix(reply, []byte("-UNCERTAIN ")):
		return metric.ResultUncertain
	}
	return metric.ResultError
}
