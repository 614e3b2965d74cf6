package proxy

import (
	"slices"
	"time"

	"ringmain/command"
	"ringmain/proxy/local"
)

// pause holds the commands of all clients back: CLIENT PAUSE. It is not changed once
// made.
type pause struct {
	until time.Time
	all   bool // those that cannot write, too
}

// pauseClients is CLIENT PAUSE. A pause that is under way never gets shorter or
// milder.
func (s *Session) pauseClients(args [][]byte) {
	lasts, all, text := local.ParsePause(args)
	if text != "" {
		s.fail(text)
		return
	}
	p := s.core.Peers
	now := s.core.loop.Now()
	next := &pause{now.Add(lasts), all}
	p.mu.Lock()
	if old := p.pause.Load(); old != nil && now.Before(old.until) {
		next.all = next.all || old.all
		if old.until.After(next.until) {
			next.until = old.until
		}
	}
	p.setPause(next)
	p.mu.Unlock()
	s.answer(replyOK)
}

// unpauseClients is CLIENT UNPAUSE.
func (s *Session) unpauseClients() {
	p := s.core.Peers
	p.mu.Lock()
	p.setPause(nil)
	p.mu.Unlock()
	s.answer(replyOK)
	s.core.tellAll((*Core).releasePaused)
}

// setPause is called with mu held.
func (p *Peers) setPause(next *pause) {
	if old := p.pause.Swap(next); (old == nil) != (next == nil) {
		if next == nil {
			p.attention.Add(-1)
		} else {
			p.attention.Add(1)
		}
	}
}

// paused reports whether a command has to wait for the end of a pause; it is then
// called for again. Clients that monitor are never held back.
func (s *Session) paused(cmd *command.Command) bool {
	c := s.core
	p := c.Peers.pause.Load()
	if p == nil || s.monitoring || !p.all && !s.replicated(cmd) {
		return false
	}
	left := p.until.Sub(c.loop.Now())
	if left <= 0 {
		c.Peers.endPause(p)
		return false
	}
	s.queued, s.onHold = true, true
	c.pausedSessions = append(c.pausedSessions, s)
	if c.pauseEnd == nil {
		c.pauseEnd = c.loop.After(left, c.releasePaused)
	}
	return true
}

// replicated reports whether a pause of writes holds a command back.
func (s *Session) replicated(cmd *command.Command) bool {
	return cmd.Replicated() || cmd.ID() == execID && s.inMulti() && s.tx.writes
}

// endPause forgets a pause whose time has passed.
func (p *Peers) endPause(old *pause) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pause.Load() == old {
		p.setPause(nil)
	}
}

// releasePaused has the clients that were held back try again.
func (c *Core) releasePaused() {
	if c.pauseEnd != nil {
		c.pauseEnd.Stop()
		c.pauseEnd = nil
	}
	waiting := c.pausedSessions
	c.pausedSessions = nil
	for _, s := range waiting {
		s.onHold = false
		s.Writable()
	}
}

// forgetPaused lets go of a session that has ended, if it was held back.
func (c *Core) forgetPaused(s *Session) {
	if s.onHold {
		c.pausedSessions = slices.DeleteFunc(c.pausedSessions, func(held *Session) bool { return held == s })
	}
}
