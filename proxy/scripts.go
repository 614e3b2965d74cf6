package proxy

import (
	"bytes"
	"time"

	"ringmain/backend"
	"ringmain/command"
	"ringmain/resp"
	"ringmain/router"
)

var (
	evalID      = command.ByName([]byte("eval")).ID()
	evalROID    = command.ByName([]byte("eval_ro")).ID()
	evalshaID   = command.ByName([]byte("evalsha")).ID()
	evalshaROID = command.ByName([]byte("evalsha_ro")).ID()
)

// callsScript reports whether a command is EVAL, EVALSHA, or one of their forms for reading.
func callsScript(cmd *command.Command) bool {
	switch cmd.ID() {
	case evalID, evalROID, evalshaID, evalshaROID:
		return true
	}
	return false
}

// sendScript sends a command of SameServer to the place of its keys, and sees to
// it that the script which it names is there.
func (s *Session) sendScript(place router.Place, cmd *command.Command, r *resp.Request, size int) bool {
	switch cmd.ID() {
	case evalshaID, evalshaROID:
		return s.evalSHA(place, cmd, r, size)
	case evalID, evalROID:
		if !s.sendWhole(place, cmd, r, size) {
			return false
		}
		s.core.scripts.keep(r.Args[1])
		return true
	}
	return s.sendWhole(place, cmd, r, size)
}

// evalSHA sends EVALSHA. If its script is known, but not to be there, SCRIPT LOAD
// goes ahead of it on the same connection: so nothing need be sent again when the
// server turns out not to have it, and no later command overtakes this one. What
// EVAL has left on a server does not count, because newer servers let go of it
// again.
func (s *Session) evalSHA(place router.Place, cmd *command.Command, r *resp.Request, size int) bool {
	var known *script
	if d, ok := parseDigest(r.Args[1]); ok {
		known = s.core.scripts.find(d)
	}
	if known == nil {
		return s.sendWhole(place, cmd, r, size)
	}
	conn := s.connTo(place)
	load := !known.givenTo(conn) && conn.Refusal() == nil
	needs := size
	if load {
		needs += len(known.body)
	}
	if !s.admits(place, needs) {
		return false
	}
	if place.Rerouted {
		s.recordWrites(cmd, r.Args)
	}
	if load {
		s.core.load(known, conn)
	}
	call := s.core.scripts.call()
	*call = scriptCall{s: s, conn: conn}
	s.transmit(call, conn, cmd, r, size)
	return true
}

// load gives a script to a connection's server.
func (c *Core) load(sc *script, conn *backend.Conn) {
	request := resp.AppendCommand(c.scratch[:0], "SCRIPT", "LOAD", sc.body)
	c.keepScratch(request)
	if sc.given == nil {
		sc.given = map[*backend.Conn]uint64{}
	}
	sc.given[conn] = conn.Epoch()
	forgetGone(sc.given)
	conn.Send(&scriptLoad{c, sc, conn}, 0, request, false, true)
}

// scriptLoad receives the reply to a SCRIPT LOAD that no client has sent.
type scriptLoad struct {
	core   *Core
	script *script
	conn   *backend.Conn
}

// Reply implements backend.Receiver. A server that is busy may take the script
// another time; one that finds it wrong will not.
func (l *scriptLoad) Reply(_ uint64, b []byte, _ bool) {
	if resp.IsError(b) {
		delete(l.script.given, l.conn)
	}
	if bytes.HasPrefix(b, []byte("-ERR ")) {
		l.core.scripts.refused(l.script.digest)
	}
}

// Failed implements backend.Receiver.
func (l *scriptLoad) Failed(uint64, *backend.Failure) { delete(l.script.given, l.conn) }

// scriptCall receives the reply to an EVALSHA for a session, and looks whether the
// server had the script: others may flush it past this proxy.
type scriptCall struct {
	s     *Session
	conn  *backend.Conn
	begun bool
}

var noScript = []byte("-NOSCRIPT ")

// Reply implements backend.Receiver.
func (c *scriptCall) Reply(seq uint64, b []byte, last bool) {
	s := c.s
	if !c.begun && bytes.HasPrefix(b, noScript) {
		s.core.scripts.missed(c.conn, s.core.loop.Elapsed())
	}
	c.begun = true
	if last {
		s.core.scripts.done(c)
	}
	s.Reply(seq, b, last)
}

// Failed implements backend.Receiver.
func (c *scriptCall) Failed(seq uint64, f *backend.Failure) {
	s := c.s
	s.core.scripts.done(c)
	s.Failed(seq, f)
}

// missedEvery is how often a connection's server may be given all scripts again. A
// script may well say NOSCRIPT itself: it is not to multiply what clients send.
const missedEvery = time.Second

// missed takes note that a server did not have a script which it had been given, so
// that the next calls have it given again.
func (sc *scripts) missed(c *backend.Conn, now time.Duration) {
	if last, ok := sc.misses[c]; ok && now-last < missedEvery {
		return
	}
	if sc.misses == nil {
		sc.misses = map[*backend.Conn]time.Duration{}
	}
	sc.misses[c] = now
	forgetGone(sc.misses)
	sc.store.lost(c)
}

// keptCalls bounds the scriptCalls that are kept to be used again.
const keptCalls = 1024

func (sc *scripts) call() *scriptCall {
	n := len(sc.calls)
	if n == 0 {
		return &scriptCall{}
	}
	call := sc.calls[n-1]
	sc.calls = sc.calls[:n-1]
	return call
}

func (sc *scripts) done(c *scriptCall) {
	*c = scriptCall{}
	if len(sc.calls) < keptCalls {
		sc.calls = append(sc.calls, c)
	}
}

// scriptOf is the script that a command of a transaction calls by its digest, if it is
// known. The body that EVAL has is kept.
func (s *Session) scriptOf(cmd *command.Command, args [][]byte) []*script {
	switch cmd.ID() {
	case evalID, evalROID:
		s.core.scripts.keep(args[1])
	case evalshaID, evalshaROID:
		if d, ok := parseDigest(args[1]); ok {
			if known := s.core.scripts.find(d); known != nil {
				return []*script{known}
			}
		}
	}
	return nil
}
