package proxy

import (
	"time"

	"ringmain/backend"
	"ringmain/command"
	"ringmain/ioloop"
	"ringmain/metric"
	"ringmain/proxy/local"
	"ringmain/proxy/pubsub"
	"ringmain/proxy/tenant"
	"ringmain/proxy/users"
	"ringmain/resp"
	"ringmain/router"
)

// A client is served at most this much in one go, so that others get their turn.
const (
	maxTurnCommands = 128
	maxTurnBytes    = 64 << 10
	maxTurnOutput   = 1 << 20
)

// Session is one client's connection. It implements ioloop.Handler and, for the
// replies to what it forwards, backend.Receiver.
//
// There is one for each client, idle or not, so small fields stand together.
type Session struct {
	core    *Core
	conn    ioloop.Conn
	parser  resp.Parser
	limits  *resp.Limits // of its requests
	replies replyQueue
	last    *command.Command // executed
	editing edit             // of the reply to the command under way
	client  local.Client

	scope router.Scope
	// listener is the scope of the client's listener: scope may be narrower.
	listener router.Scope
	user     *users.User    // whom the client is: as client.User, but for the call that changes it
	tenant   *tenant.Tenant // of the user; nil: all keys are the client's

	wrote    uint64        // bytes given to conn
	held     int           // bytes of replies that wait for their turn
	inflight int           // bytes of requests that await their reply
	estimate int           // of the size of a reply, see window.go
	active   time.Duration // input last came, by the loop's Elapsed, as all times here
	since    time.Duration // it was opened
	// wordBy is when a stranger, a client that has not said who it is, has to have done so.
	wordBy     time.Duration
	pushed     int           // bytes of pushes that are owed, at most
	pushedOver time.Duration // since when those are more than softPushed, by the loop's Elapsed; 0: they are not

	// What few clients have; nil until they do.
	subscriber *pubsub.Client // what the client listens to
	pins       *pins
	tx         *transaction
	tracking   *tracking
	// commissions are the commands that executors of contracts carry out: the first of a list.
	commissions *commission

	number  int32   // index in core.sessions
	strange int32   // bytes taken of a stranger
	allowed allowed // to the client
	// ordinary clients are in no state that concerns how a forwarded command is treated. Only
	// other commands lead into such a state, so it is found out anew after each of them; one
	// look at it saves a look at each of the states.
	ordinary bool
	mute     bool // the command under way gets no reply: CLIENT REPLY
	tired    bool // the last command was much work: it was the last of this turn
	resuming bool // Data comes, with input that is kept
	// suspended: nothing is executed until the reply has come that is awaited. The client
	// is read from all the same, so that its leaving is noticed.
	suspended bool
	waiting   bool // suspended by a command that the server may hold back for long
	blocked   bool // reading is paused until the window or a queue opens
	queued    bool // blocked until a server's queue has room: Writable comes
	drain     bool // blocked until no reply is awaited
	onHold    bool // blocked until the end of a pause: Writable comes
	// monitoring: the client is shown all commands
	monitoring bool
	// databasesAsked: the SELECT under way has had servers asked for how many they have
	databasesAsked bool
	wordAwaited    bool // in core.strangers
	watched        bool // in core.watched
	eof            bool // the client sends no more
	ending         bool // nothing more is executed; closes once all replies are out
	gone           bool // the connection is closed or cut off
	leaving        bool // cut off, and counted in core.leaving until it is closed
}

// Opened implements ioloop.Handler.
func (s *Session) Opened(conn ioloop.Conn, err error) {
	if err != nil {
		s.gone = true
		return
	}
	s.conn = conn
	s.since = s.core.loop.Elapsed()
	s.active = s.since
	s.core.addSession(s)
	s.identify(nil)
	if s.core.draining() {
		s.end()
	}
}

// Data implements ioloop.Handler.
func (s *Session) Data(b []byte) int {
	s.active = s.core.loop.Elapsed()
	if s.last == nil && isTLS(b) {
		s.foreign()
		return len(b)
	}
	used, commands := s.serve(b)
	s.core.commands.Add(uint64(commands))
	s.core.stats.Received += uint64(used)
	if s.allowed == nothing {
		s.boundStranger(used)
	}
	s.resuming = s.resuming && used < len(b)
	if s.eof {
		s.closeIfDone()
	}
	return used
}

// serve executes what is whole in b, as far as the client's turn and window go.
func (s *Session) serve(b []byte) (used, commands int) {
	s.resuming = false
	began := s.wrote
	for ; !s.ending && !s.gone; commands++ {
		if commands == maxTurnCommands || used > maxTurnBytes || s.wrote-began > maxTurnOutput || s.tired {
			s.tired = false
			if used < len(b) {
				s.resuming = true
				s.conn.Resume() // go on in the next turn
			}
			return used, commands
		}
		if s.suspended {
			s.boundKept(len(b) - used)
			return used, commands
		}
		if !s.windowOpen() {
			s.block()
			return used, commands
		}
		n, err := s.parser.Next(b[used:], s.limits, &s.core.request)
		if err != nil {
			s.mute = s.client.ReplyOff
			s.last = nil
			s.core.stats.Cut[metric.CutProtocol]++
			s.answer(resp.AppendProtocolError(s.scratch(), err))
			s.end()
			break
		}
		if n == 0 {
			s.unfinished(len(b) - used)
			return used, commands
		}
		if len(s.core.request.Args) > 0 && !s.execute(&s.core.request, n) {
			s.block()
			return used, commands
		}
		used += n
	}
	return len(b), commands // of a session that ends, nothing more is looked at
}

// longRequest is the length from which an unfinished request counts for memory.
const longRequest = 64 << 10

// unfinished notes how much there is of a request whose rest is still to come.
func (s *Session) unfinished(size int) {
	if size < longRequest {
		return
	}
	s.core.watch(s)
	s.core.grown(size / 2) // the driver's buffer has doubled
}

// block stops reading; unblock, when there is reason to hope, goes on.
func (s *Session) block() {
	s.blocked = true
	s.conn.Pause()
}

// unblock goes on reading if nothing stands against it any more.
func (s *Session) unblock() {
	if s.blocked && !s.queued && !s.gone && s.windowOpen() {
		s.blocked, s.drain = false, false
		s.conn.Resume()
	}
}

// waitFor has the session go on once a server's queue has room.
func (s *Session) waitFor(n *backend.Node) {
	s.queued = true
	n.Wait(s)
}

// Writable implements backend.Waiter.
func (s *Session) Writable() {
	s.queued = false
	s.unblock()
}

// Drained implements ioloop.Handler.
func (s *Session) Drained() { s.unblock() }

// HalfClosed implements ioloop.Handler.
func (s *Session) HalfClosed() {
	s.eof = true
	if s.waiting && !s.gone {
		s.hangUp()
		return
	}
	s.closeIfDone()
}

// end stops executing; the connection closes once every reply is out.
func (s *Session) end() {
	s.ending = true
	s.closeIfDone()
}

func (s *Session) closeIfDone() {
	if !s.gone && (s.ending || s.eof && !s.blocked && !s.resuming) && s.replies.empty() {
		s.conn.CloseAfterFlush()
	}
}

// Closed implements ioloop.Handler.
func (s *Session) Closed(error) {
	s.gone = true
	s.core.removeSession(s)
	s.leave()
	s.core.forgetPaused(s)
	s.endMonitor()
	s.releaseReplies()
	if s.leaving {
		s.leaving = false
		s.core.leaving--
		s.core.publishMemory()
	}
}

// cut ends a client that harms others or cannot be served rightly.
func (s *Session) cut(kind metric.Cut, reason string) {
	if s.gone {
		return
	}
	s.gone = true
	s.core.stats.Cut[kind]++
	s.core.Log.Warn("client cut off", "reason", reason, "client", s.conn.RemoteAddr(),
		"id", s.client.ID, "name", s.client.Name, "owed", s.owed(), "unfinished_request", s.conn.Kept(), "awaited", s.replies.len())
	s.abandon()
}

// abandon closes the connection of a client that is gone, whatever it is owed.
func (s *Session) abandon() {
	s.leaving = true
	s.core.leaving++
	s.conn.Abort()
}

// write gives bytes to the client.
func (s *Session) write(b []byte) {
	s.conn.Write(b)
	s.wrote += uint64(len(b))
	s.core.stats.Sent += uint64(len(b))
	s.core.watch(s)
}

// answer gives a whole reply that is known now, in its turn.
func (s *Session) answer(reply []byte) { s.answerWith(resultOf(reply), reply) }

func (s *Session) answerWith(result metric.Result, reply []byte) {
	index := commandIndex(s.last)
	s.core.families[index].Results[result]++
	s.core.countAnswer(index, s.last, result)
	if result != metric.ResultOK {
		s.core.countError(reply)
	}
	if s.last != nil && s.core.records.Noticed(0) { // all commands are logged
		var n note
		n.keep(s.core.beginning())
		s.noteSlow(&n, 0)
	}
	switch {
	case s.mute:
	case s.replies.empty():
		s.write(reply)
	default:
		s.fill(reply)
	}
}

// fill gives a whole reply, or what stands in a reply's place, in its turn.
func (s *Session) fill(reply []byte) {
	sl := s.replies.at(s.await(0))
	sl.counted, sl.edit = true, nil
	s.Reply(s.replies.tail-1, reply, true)
}
