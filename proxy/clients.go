package proxy

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"sync"
	"time"

	"ringmain/command"
	"ringmain/proxy/local"
	"ringmain/resp"
)

// Peers are the cores of one process, one for each loop.
type Peers struct {
	mu    sync.Mutex
	cores []*Core
	// scripts are those that any of them has seen.
	scripts sharedScripts
}

func (p *Peers) join(c *Core) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cores = append(p.cores, c)
}

func (p *Peers) leave(c *Core) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cores = slices.DeleteFunc(p.cores, func(other *Core) bool { return other == c })
}

func (p *Peers) all() []*Core {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.cores)
}

// Commands is how many commands all loops have executed. Any goroutine may call
// it.
func (p *Peers) Commands() uint64 {
	var total uint64
	for _, c := range p.all() {
		total += c.commands.Load()
	}
	return total
}

// addSession has a session counted among the core's.
func (c *Core) addSession(s *Session) {
	s.number = len(c.sessions)
	c.sessions = append(c.sessions, s)
}

func (c *Core) removeSession(s *Session) {
	last := len(c.sessions) - 1
	moved := c.sessions[last]
	c.sessions[s.number] = moved
	moved.number = s.number
	c.sessions[last] = nil
	c.sessions = c.sessions[:last]
	c.tellDrained()
}

// inventory gathers what the loops know of their clients, for CLIENT LIST. It is
// used on the loop of the client that asked, of which it is the only one.
type inventory struct {
	s     *Session
	seq   uint64
	lines []clientLine
	left  int // loops that have not answered
	lost  bool
}

// clientLine is one client's line.
type clientLine struct {
	id   int64
	text []byte
}

// errInventory is the answer where a loop could not be asked.
const errInventory = "-ERR an event loop has no time to tell of its clients; try again\r\n"

// askLoops answers from what all loops know. One client of a loop is answered at a
// time, because a list may be long and is work for every loop.
func (s *Session) askLoops(_ *command.Command, args [][]byte) bool {
	filter, text := local.ParseClientFilter(args[2:])
	if text != "" {
		s.fail(text)
		return true
	}
	if s.core.listing {
		s.queued = true
		s.core.listers = append(s.core.listers, s)
		return false
	}
	s.core.listing = true
	peers := s.core.Peers.all()
	v := &inventory{s: s, seq: s.await(0), left: len(peers)}
	s.replies.at(v.seq).local = true
	for _, peer := range peers {
		if peer == s.core {
			v.add(peer.clientLines(filter), true)
			continue
		}
		asked := peer.loop.Post(func() {
			lines := peer.clientLines(filter)
			peer.tell(s.core, func() { v.add(lines, true) })
		})
		if !asked { // it is stopping, or has no time for such questions
			v.add(nil, false)
		}
	}
	return true
}

// tellAgain is how long a loop waits that finds another's queue full.
const tellAgain = 10 * time.Millisecond

// tell has f called on another core's loop, later if it has no room now, unless
// this one ends before.
func (c *Core) tell(other *Core, f func()) {
	if !other.loop.Post(f) && !c.closed {
		c.loop.After(tellAgain, func() { c.tell(other, f) })
	}
}

// add takes a loop's lines, if it could be asked, and gives out the reply with the
// last ones.
func (v *inventory) add(lines []clientLine, asked bool) {
	v.lines = append(v.lines, lines...)
	v.lost = v.lost || !asked
	if v.left--; v.left > 0 {
		return
	}
	if !v.s.gone {
		v.s.Reply(v.seq, v.reply(), true)
	}
	v.s.core.listed()
}

func (v *inventory) reply() []byte {
	if v.lost {
		return []byte(errInventory)
	}
	slices.SortFunc(v.lines, func(a, b clientLine) int { return cmp.Compare(a.id, b.id) })
	var text bytes.Buffer
	for _, line := range v.lines {
		text.Write(line.text)
	}
	return resp.AppendVerbatim(nil, v.s.client.Protocol, text.String())
}

// listed lets the others have their turn that wait for a list.
func (c *Core) listed() {
	c.listing = false
	waiting := c.listers
	c.listers = nil
	for _, s := range waiting {
		s.Writable()
	}
}

// commonLine has room for most clients' lines.
const commonLine = 320

// clientLines are the lines of the core's clients that a filter lets through.
func (c *Core) clientLines(filter *local.ClientFilter) []clientLine {
	var lines []clientLine
	for _, s := range c.sessions {
		if !s.gone && filter.Takes(s.client.ID) {
			line := s.AppendDescription(make([]byte, 0, commonLine))
			lines = append(lines, clientLine{s.client.ID, append(line, '\n')})
		}
	}
	return lines
}

// AppendDescription implements local.Describer.
func (s *Session) AppendDescription(dst []byte) []byte {
	now := s.core.loop.Elapsed()
	field := func(name string, value int) {
		dst = append(dst, name...)
		dst = strconv.AppendInt(dst, int64(value), 10)
	}
	text := func(name, value string) { dst = append(append(dst, name...), value...) }
	field("id=", int(s.client.ID))
	text(" addr=", s.conn.RemoteAddr())
	text(" laddr=", s.conn.LocalAddr())
	text(" fd=-1 name=", s.client.Name)
	field(" age=", int((now-s.since)/time.Second))
	field(" idle=", int((now-s.active)/time.Second))
	field(" flags=N db=", s.client.Database)
	text(" sub=0 psub=0 ssub=0 multi=-1", "")
	field(" qbuf=", s.conn.Kept())
	field(" obl=", s.conn.Buffered())
	field(" oll=", s.replies.len())
	field(" omem=", s.owed())
	field(" tot-mem=", s.holds())
	text(" events=r cmd=", s.lastCommand())
	text(" user=", s.client.UserName())
	field(" redir=-1 resp=", s.client.Protocol)
	text(" lib-name=", s.client.LibName)
	text(" lib-ver=", s.client.LibVer)
	return dst
}

// LocalAddr implements local.Describer.
func (s *Session) LocalAddr() string { return s.conn.LocalAddr() }

func (s *Session) lastCommand() string {
	if s.last == nil {
		return "NULL"
	}
	return s.last.Name
}
