package proxy

import (
	"cmp"
	"strconv"

	"ringmain/command"
	"ringmain/proxy/fanout"
	"ringmain/proxy/local"
	"ringmain/proxy/pubsub"
	"ringmain/resp"
	"ringmain/router"
)

// wholeFleet sends a command without keys to every server of the session's
// fleet.
func (s *Session) wholeFleet(cmd *command.Command, r *resp.Request, size int) bool {
	if s.tenant != nil && (cmd.Policy == command.FleetSum || cmd.Policy == command.FleetRandom) {
		return s.survey(cmd, size)
	}
	f := s.core.snapshot.Fleet(s.scope)
	if !s.admitted(f.Count, f.Place, size) {
		return false
	}
	if s.refused(f.Count, f.Place) {
		return true
	}
	each := 1
	if cmd.Policy == command.FleetRandom {
		each = 2
	}
	m := s.newFleetMerge(cmd, f, each, size)
	for part := range len(m.parts) {
		request := appendFleetRequest(s.scratch(), cmd, r.Args, part, f.Database)
		s.core.keepScratch(request)
		place := f.Place(part / each)
		s.connTo(place).Send(m, uint64(part), request, cmd.MayWrite(), cmd.Slow)
	}
	return true
}

var (
	flushallID = command.ByName([]byte("flushall")).ID()
	flushdb    = []byte("FLUSHDB")
)

// appendFleetRequest appends a part of a whole-fleet command.
func appendFleetRequest(dst []byte, cmd *command.Command, args [][]byte, part int, database int32) []byte {
	switch {
	case cmd.Policy == command.FleetRandom:
		return fanout.AppendRandomRequest(dst, part)
	case cmd.ID() == flushallID && database != 0:
		// The client sees one database of the servers; the others are not its own.
		args = append([][]byte{flushdb}, args[1:]...)
	}
	return resp.AppendCommand(dst, args...)
}

// newFleetMerge awaits parts from all servers of a fleet.
func (s *Session) newFleetMerge(cmd *command.Command, f router.Fleet, each, size int) *merge {
	m := s.newMerge(cmd, f.Count*each, size)
	m.fleet = fleet{scope: s.scope, first: f.First, each: int32(each)}
	for i := range f.Count * each {
		m.addPart(s.core.snapshot.Servers[f.First+int32(i/each)].Name, 0)
	}
	return m
}

// shows reports whether a key that a part's server has told is that server's own
// and not the proxy's.
func (m *merge) shows(part int, key []byte) bool {
	owner := m.s.core.snapshot.Pick(m.fleet.scope, key).Server
	return owner == m.fleet.first+int32(part)/m.fleet.each && !isReserved(key)
}

// scan asks one server for a page; the cursor says which.
func (s *Session) scan(cmd *command.Command, r *resp.Request, size int) bool {
	f := s.core.snapshot.Fleet(s.scope)
	cursors, own, ok := fanout.ParseCursor(r.Args[1], f.Count)
	if !ok {
		s.fail("ERR invalid cursor")
		return true
	}
	place := f.Place(cursors.Server)
	node := s.core.nodes[place.Server]
	if !node.Admits(size) {
		s.waitFor(node)
		return false
	}
	m := s.newMerge(cmd, 1, size)
	m.fleet = fleet{scope: s.scope, first: place.Server, each: 1, cursors: cursors}
	m.addPart(s.core.snapshot.Servers[place.Server].Name, 0)
	request := fanout.AppendScanRequest(s.scratch(), r.Args, own)
	s.core.keepScratch(request)
	s.connTo(place).Send(m, 0, request, false, cmd.Slow)
	return true
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
	m.fleet = fleet{scope: s.scope, first: f.First, each: 1, sections: sections, view: view}
	for part := range f.Count {
		m.addPart(s.core.snapshot.Servers[f.First+int32(part)].Name, 0)
	}
	for part := range f.Count {
		s.connTo(f.Place(part)).Send(m, uint64(part), infoRequest, false, false)
	}
}

func (c *Core) serverStates() []local.ServerState {
	var states []local.ServerState
	for i, n := range c.nodes {
		server := c.Servers[i]
		states = append(states, local.ServerState{Pool: server.Pool, Name: server.Name, Address: cmp.Or(n.Address(), server.Address), Replica: i >= len(c.snapshot.Servers), Down: n.Down(),
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
	f := s.core.snapshot.Fleet(m.fleet.scope)
	view := m.fleet.view
	view.Totals = local.NewTotals(int(f.Database))
	for i := range m.parts {
		view.Totals.Add(m.parts[i].Node, m.parts[i].Reply)
	}
	m.emit(s.core.Local.AppendInfo(nil, s.client.Protocol, m.fleet.sections, view))
}
