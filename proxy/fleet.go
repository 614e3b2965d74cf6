package proxy

import (
	"cmp"
	"strconv"
	"strings"

	"ringmain/command"
	"ringmain/proxy/fanout"
	"ringmain/proxy/local"
	"ringmain/proxy/pubsub"
	"ringmain/resp"
	"ringmain/router"
)

// wholeFleet sends a command without keys to all places of the session's fleet.
func (s *Session) wholeFleet(cmd *command.Command, r *resp.Request, size int) bool {
	switch {
	case s.tenant != nil && (cmd.Policy == command.FleetSum || cmd.Policy == command.FleetRandom):
		return s.survey(cmd, size)
	case isFlush(cmd):
		return s.flush(cmd, r, size)
	case cmd.Policy == command.FleetOK || cmd.Policy == command.FleetSame: // what it changes, no server may miss
		f := s.core.snapshot.Fleet(s.scope)
		return s.toFleet(cmd, f, f.Count, f.Place, size, func(dst []byte, _ int) []byte { return resp.AppendCommand(dst, r.Args...) })
	}
	f := s.keyFleet()
	switch cmd.Policy {
	case command.FleetRandom:
		place := func(part int) router.Place { return f.Place(part / 2) }
		return s.toFleet(cmd, f, 2*f.Count, place, size, fanout.AppendRandomRequest)
	case command.FleetSum:
		return s.dbsize(cmd, f, size)
	}
	return s.toFleet(cmd, f, f.Count, f.Place, size, func(dst []byte, _ int) []byte { return resp.AppendCommand(dst, r.Args...) })
}

// keyFleet is the places with keys that the client sees.
func (s *Session) keyFleet() router.Fleet {
	return s.core.snapshot.Keys(s.scope, s.client.Database != 0)
}

// dbsize is DBSIZE. Markers do not count, if they are there.
func (s *Session) dbsize(cmd *command.Command, f router.Fleet, size int) bool {
	refuges := 0
	for refuges < f.Count && f.Place(f.Count-refuges-1).Rerouted {
		refuges++
	}
	place := func(part int) router.Place {
		if part >= f.Count {
			part -= refuges
		}
		return f.Place(part)
	}
	return s.toFleet(cmd, f, f.Count+refuges, place, size, func(dst []byte, part int) []byte {
		if part >= f.Count {
			return resp.AppendCommand(dst, "EXISTS", Marker)
		}
		return resp.AppendCommand(dst, "DBSIZE")
	})
}

// toFleet sends the parts of a command to their places, unless one of these is known to be
// down.
func (s *Session) toFleet(cmd *command.Command, f router.Fleet, parts int, place func(int) router.Place, size int, request func([]byte, int) []byte) bool {
	switch {
	case parts == 0:
		s.failAllOut(f)
		return true
	case !s.admitted(parts, place, size):
		return false
	case s.refused(parts, place):
		return true
	}
	s.sendFleet(s.newFleetMerge(cmd, f, parts, place, size), request)
	return true
}

// sendFleet sends a merge's parts to their places.
func (s *Session) sendFleet(m *merge, request func(dst []byte, part int) []byte) {
	for part := range len(m.parts) {
		b := request(s.scratch(), part)
		s.core.keepScratch(b)
		s.connTo(m.fleet.place(part)).Send(m, uint64(part), b, m.cmd.MayWrite(), m.cmd.Slow)
	}
}

// failAllOut answers a command for those servers of a fleet that are in use: none is.
func (s *Session) failAllOut(f router.Fleet) {
	var names []string
	s.core.snapshot.Out(s.scope, func(server int32) { names = append(names, strconv.Quote(s.core.snapshot.Servers[server].Name)) })
	s.fail("CLUSTERDOWN no node of pool " + strconv.Quote(f.Pool) + " is in use: " + strings.Join(names, ", ") + " are out")
}

// newFleetMerge awaits parts from places of a fleet.
func (s *Session) newFleetMerge(cmd *command.Command, f router.Fleet, parts int, place func(int) router.Place, size int) *merge {
	m := s.newMerge(cmd, parts, size)
	m.fleet = fleet{scope: s.scope, first: f.First, place: place, snapshot: s.core.snapshot}
	for i := range parts {
		m.addPart(s.core.snapshot.Servers[place(i).Server].Name, 0)
		m.parts[i].Less = cmd.Policy == command.FleetSum && i >= f.Count
	}
	return m
}

// shows reports whether a key that a part's server has told lives there and is not the
// proxy's.
func (m *merge) shows(part int, key []byte) bool {
	return m.s.placeIn(m.fleet.snapshot, key) == m.fleet.place(part) && !isReserved(key)
}

// info is INFO: what the proxy says of itself, with sums over the servers if they
// are asked for. Servers that do not answer are left out, and counted.
func (s *Session) info(cmd *command.Command, r *resp.Request, size int) bool {
	if len(r.Args) > maxSections {
		s.fail("ERR too many sections in one request, at most " + strconv.Itoa(maxSections))
		return true
	}
	sections := make([]string, 0, len(r.Args)-1)
	for _, arg := range r.Args[1:] {
		sections = append(sections, string(arg))
	}
	if s.tenant != nil {
		sections = local.InfoOfTenant(sections)
	}
	if _, ofLoops := local.InfoNeeds(sections); !ofLoops {
		s.infoFrom(s.awaitLocal(), cmd, sections, nil)
		return true
	}
	return ask(s, (*Core).infoCounts, func(seq uint64, counts []*local.Counts, _ bool) {
		sum := &local.Counts{}
		for _, c := range counts {
			sum.Add(c)
		}
		s.infoFrom(seq, cmd, sections, sum)
	})
}

// infoFrom answers INFO, once the loops have told what they have counted, if they had
// to.
func (s *Session) infoFrom(seq uint64, cmd *command.Command, sections []string, counts *local.Counts) {
	view := &local.View{Counts: counts, Servers: s.core.serverStates()}
	if ofServers, _ := local.InfoNeeds(sections); !ofServers {
		s.Reply(seq, s.core.Local.AppendInfo(nil, s.client.Protocol, sections, view), true)
		return
	}
	f := s.core.snapshot.Fleet(s.scope)
	listening := &s.core.Peers.listening
	view.Channels, view.Patterns = listening.Different(f.First, pubsub.Channel), listening.Different(f.First, pubsub.Pattern)
	view.ShardChannels = listening.Different(f.First, pubsub.Shard)
	m := s.mergeInto(seq, cmd, f.Count)
	m.fleet = fleet{scope: s.scope, first: f.First, snapshot: s.core.snapshot, sections: sections, view: view}
	for part := range f.Count {
		m.addPart(s.core.snapshot.Servers[f.Place(part).Server].Name, 0)
	}
	for part := range f.Count {
		s.connTo(f.Place(part)).Send(m, uint64(part), infoRequest, false, false)
	}
}

func (c *Core) serverStates() []local.ServerState {
	var states []local.ServerState
	for i, n := range c.nodes {
		server, replica := c.Servers[i], i >= len(c.snapshot.Servers)
		if !replica && !c.snapshot.Has(int32(i)) {
			continue
		}
		states = append(states, local.ServerState{Index: i, Pool: server.Pool, Name: n.Name(), Address: cmp.Or(n.Address(), server.Address), Replica: replica, Down: n.Down(),
			Version: server.Learned.Version(), InFlight: n.InFlight()})
	}
	return states
}

// maxSections bounds what INFO may be asked for: there are some twenty.
const maxSections = 100

var infoRequest = resp.AppendCommand(nil, "INFO")

// emitInfo gives out INFO once all servers have answered or failed.
func (m *merge) emitInfo() {
	s := m.s
	f := m.fleet.snapshot.Fleet(m.fleet.scope)
	view := m.fleet.view
	view.Totals = local.NewTotals(int(f.Database), int(f.Refuge))
	used := map[int32]bool{}
	m.fleet.snapshot.Refuges(m.fleet.scope, func(p router.Place) { used[p.Server] = true })
	for i := range m.parts {
		view.Totals.Add(m.parts[i].Node, m.parts[i].Reply, used[f.Place(i).Server])
	}
	m.emit(s.core.Local.AppendInfo(nil, s.client.Protocol, m.fleet.sections, view))
}
