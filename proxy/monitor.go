package proxy

import (
	"slices"

	"ringmain/command"
	"ringmain/metric"
	"ringmain/proxy/local"
	"ringmain/resp"
)

// MONITOR shows the commands of the proxy's clients, whatever loop and server execute
// them. A loop gives each line to its own monitoring clients at once, and to other loops
// that have some what came together in an iteration.

// monitor begins to show all commands to the client. A second MONITOR has no reply, as
// in Redis.
func (s *Session) monitor() {
	if s.monitoring {
		return
	}
	s.answer(replyOK)
	s.monitoring = true
	c := s.core
	c.monitors = append(c.monitors, s)
	c.Peers.changeMonitors(c, 1)
}

// endMonitor is called when the client is gone, too.
func (s *Session) endMonitor() {
	if !s.monitoring {
		return
	}
	s.monitoring = false
	c := s.core
	c.monitors = slices.DeleteFunc(c.monitors, func(other *Session) bool { return other == s })
	c.Peers.changeMonitors(c, -1)
}

// changeMonitors notes that a core has one monitoring client more or less.
func (p *Peers) changeMonitors(c *Core, by int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var next []*Core
	if old := p.monitored.Load(); old != nil {
		next = slices.Clone(*old)
	}
	switch {
	case by < 0 && len(c.monitors) == 0:
		next = slices.DeleteFunc(next, func(other *Core) bool { return other == c })
	case !slices.Contains(next, c):
		next = append(next, c)
	}
	p.monitored.Store(&next)
	p.attention.Add(int32(by))
}

// errKeyspace is what a client gets that monitors and goes for keys: it is not held
// back by pauses.
const errKeyspace = "ERR Replica can't interact with the keyspace"

// attend has a command looked at that is about to be executed while there is a reason
// to. It reports whether that is all that happens to it now, and whether the command
// has to wait.
func (s *Session) attend(cmd *command.Command) (handled, waits bool) {
	if s.monitoring && (cmd.Replicated() || cmd.Flags&command.ReadOnly != 0) {
		s.abort()
		s.fail(errKeyspace)
		return true, false
	}
	waits = s.paused(cmd)
	return waits, waits
}

// show gives a command that the session has executed to all clients that monitor, but
// for those of administrators.
func (s *Session) show(cmd *command.Command, args [][]byte) {
	c := s.core
	cores := c.Peers.monitored.Load()
	if cores == nil || len(*cores) == 0 || cmd.Flags&command.Admin != 0 || cmd.Policy == command.Refused {
		return
	}
	c.line = local.AppendMonitorLine(c.line[:0], c.Local.Now(), s.client.Database, s.conn.RemoteAddr(), local.Redacted(cmd, args))
	for _, peer := range *cores {
		if peer == c {
			c.showOwn(c.line)
		} else {
			c.feedFor(peer).add(c.line)
		}
	}
	if cap(c.line) > maxScratch {
		c.line = nil
	}
}

// showOwn gives lines to the core's monitoring clients.
func (c *Core) showOwn(lines []byte) {
	for _, m := range slices.Clone(c.monitors) { // as push may end one
		if !m.client.ReplyOff {
			m.push(lines)
		}
	}
}

// showQueued is show for the commands of a transaction that is about to be executed.
func (s *Session) showQueued(tx *transaction) {
	if s.core.Peers.attention.Load() == 0 {
		return
	}
	for _, q := range tx.queued {
		if q.local() {
			s.show(q.cmd, q.args)
			continue
		}
		var p resp.Parser
		var r resp.Request
		if n, err := p.Next(tx.raw[q.start:q.end], &s.core.Limits.Request, &r); err == nil && n > 0 {
			s.show(q.cmd, r.Args)
		}
	}
}

// feed is what one loop has for the monitoring clients of another: one piece of it at a
// time is on its way, so that a loop that has no time holds no more than maxFeed.
type feed struct {
	from, to *Core
	lines    []byte
	lost     bool // more has come than is held
	due      bool // send is to be called
	sent     bool // a piece is on its way
}

const maxFeed = 8 << 20

func (c *Core) feedFor(peer *Core) *feed {
	f := c.feeds[peer]
	if f == nil {
		f = &feed{from: c, to: peer}
		if c.feeds == nil {
			c.feeds = map[*Core]*feed{}
		}
		c.feeds[peer] = f
	}
	return f
}

func (f *feed) add(line []byte) {
	if len(f.lines)+len(line) > maxFeed {
		f.lost = true
		return
	}
	f.lines = append(f.lines, line...)
	if !f.due && !f.sent {
		f.due = true
		f.from.loop.AtEnd(f.send)
	}
}

// send has the other loop give out what there is. Clients that would miss something are
// cut off instead, as those that do not read are.
func (f *feed) send() {
	f.due = false
	if f.sent || len(f.lines) == 0 {
		return
	}
	f.sent = true
	lines, lost := f.lines, f.lost
	f.lines, f.lost = nil, false
	f.from.tell(f.to, func() {
		if lost {
			f.to.cutMonitors()
		} else {
			f.to.showOwn(lines)
		}
		f.to.tell(f.from, func() {
			f.sent = false
			f.send()
		})
	})
}

func (c *Core) cutMonitors() {
	for _, m := range slices.Clone(c.monitors) {
		m.cut(metric.CutOutput, "it monitors more commands than its event loop has time for")
	}
}
