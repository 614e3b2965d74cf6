package proxy

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ringmain/command"
	"ringmain/proxy/local"
	"ringmain/proxy/pubsub"
	"ringmain/proxy/users"
	"ringmain/resp"
)

// Peers are the cores of one process, one for each loop.
type Peers struct {
	mu    sync.Mutex
	cores []*Core
	// scripts are those that any of them has seen.
	scripts sharedScripts
	// listening is how many of their clients listen to what.
	listening pubsub.Counts

	// attention is how many reasons there are for commands to be looked at more closely
	// than it takes to execute them: a pause, clients that monitor.
	attention atomic.Int32
	pause     atomic.Pointer[pause] // changed with mu held
	// monitored are the cores that have clients which monitor; changed with mu held.
	monitored atomic.Pointer[[]*Core]
	// recorded is about how many bytes of keys they have recorded for servers that are out.
	recorded atomic.Int64
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
	s.number = int32(len(c.sessions))
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

// clientLine is one client's line.
type clientLine struct {
	id   int64
	text []byte
}

// askLoops answers from what all loops know, or has all of them do something.
func (s *Session) askLoops(cmd *command.Command, args [][]byte) bool {
	switch cmd.ID() {
	case killID:
		return s.killClients(args)
	case pauseID:
		s.pauseClients(args)
		return true
	case unpauseID:
		s.unpauseClients()
		return true
	case resetStatID:
		return s.resetStat()
	case monitorID:
		s.monitor()
		return true
	case locksID:
		s.listLocks(args)
		return true
	}
	return s.listClients(args)
}

var (
	killID      = command.ByName([]byte("client|kill")).ID()
	pauseID     = command.ByName([]byte("client|pause")).ID()
	unpauseID   = command.ByName([]byte("client|unpause")).ID()
	resetStatID = command.ByName([]byte("config|resetstat")).ID()
	monitorID   = command.ByName([]byte("monitor")).ID()
	locksID     = command.ByName([]byte("ringmain|locks")).ID()
)

// listClients is CLIENT LIST.
func (s *Session) listClients(args [][]byte) bool {
	filter, text := local.ParseClientFilter(args[2:])
	if text != "" {
		s.fail(text)
		return true
	}
	asker := s.user
	return ask(s, func(c *Core) []clientLine { return c.clientLines(filter, asker) }, func(seq uint64, parts [][]clientLine, lost bool) {
		if lost {
			s.Reply(seq, []byte(errAsk), true)
			return
		}
		lines := slices.Concat(parts...)
		slices.SortFunc(lines, func(a, b clientLine) int { return cmp.Compare(a.id, b.id) })
		var list bytes.Buffer
		for _, line := range lines {
			list.Write(line.text)
		}
		s.Reply(seq, resp.AppendVerbatim(nil, s.client.Protocol, list.String()), true)
	})
}

// commonLine has room for most clients' lines.
const commonLine = 320

// clientLines are the lines of the core's clients that a filter lets through, and that
// asker may know of.
func (c *Core) clientLines(filter *local.ClientFilter, asker *users.User) []clientLine {
	var lines []clientLine
	for _, s := range c.sessions {
		if !s.gone && s.isTaken(filter, asker) {
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
	text(" flags=", s.flags())
	field(" db=", s.client.Database)
	field(" sub=", s.subscriber.Count(pubsub.Channel))
	field(" psub=", s.subscriber.Count(pubsub.Pattern))
	field(" ssub=", s.subscriber.Count(pubsub.Shard))
	field(" multi=", s.tx.commands())
	field(" qbuf=", s.conn.Kept())
	field(" obl=", s.conn.Buffered())
	field(" oll=", s.replies.len())
	field(" omem=", s.owed())
	field(" tot-mem=", s.holds())
	text(" events=r cmd=", s.lastCommand())
	text(" user=", s.client.UserName())
	field(" redir=", redirected(s.client.Tracking))
	field(" resp=", s.client.Protocol)
	text(" lib-name=", s.client.LibName)
	text(" lib-ver=", s.client.LibVer)
	return dst
}

// kind is the client's type in CLIENT LIST and KILL.
func (s *Session) kind() string {
	if s.client.Subscribed {
		return local.PubSubClient
	}
	return local.NormalClient
}

// flags are the letters that CLIENT LIST has for what the client does.
func (s *Session) flags() string {
	flags := ""
	for _, f := range []struct {
		letter string
		set    bool
	}{
		{"O", s.monitoring}, {"P", s.client.Subscribed}, {"x", s.inMulti()}, {"b", s.onHold || s.waiting}, {"t", s.tracking != nil},
		{"B", s.tracking != nil && s.client.Tracking.Broadcast}, {"c", s.ending}, {"U", strings.HasPrefix(s.conn.LocalAddr(), "unix:")},
	} {
		if f.set {
			flags += f.letter
		}
	}
	return cmp.Or(flags, "N")
}

// redirected is to which client the messages about this one's keys go: 0, to none else,
// and -1 if there are none.
func redirected(t *local.Tracking) int {
	if t == nil {
		return -1
	}
	return 0
}

// Databases implements local.Describer.
func (s *Session) Databases() int { return s.databases() }

// LocalAddr implements local.Describer.
func (s *Session) LocalAddr() string { return s.conn.LocalAddr() }

func (s *Session) lastCommand() string {
	if s.last == nil {
		return "NULL"
	}
	return s.last.Name
}
