package proxy

import (
	"bytes"

	"github.com/tidwall/redcon"

	"ringmain/backend"
	"ringmain/command"
	"ringmain/metric"
	"ringmain/proxy/local"
	"ringmain/resp"
	"ringmain/router"
)

// reserved is what the proxy's own keys on the servers begin with. No client
// reaches them.
const reserved = "__ringmain:"

// execute does what a request asks for. size is its length in the input. It
// reports false, with nothing done, if the request has to wait; unblock is
// called when it is worth another try.
func (s *Session) execute(r *resp.Request, size int) bool {
	skip := s.client.ReplySkip
	s.mute = s.client.ReplyOff || skip
	s.client.ReplySkip = false
	if !s.dispatch(r, size) {
		s.client.ReplySkip = skip
		return false
	}
	if s.tracking != nil {
		s.announced()
	}
	return true
}

func (s *Session) dispatch(r *resp.Request, size int) bool {
	if isHTTP(r) {
		s.foreign()
		return true
	}
	cmd := command.Lookup(r.Args)
	s.last = cmd
	switch {
	case cmd == nil:
		s.abort()
		s.unknown(r.Args)
		return true
	case !cmd.ArityOK(len(r.Args)):
		s.abort()
		s.refuse(cmd, resp.TextWrongArity(cmd.Name))
		return true
	case allowed(cmd.Access) > s.allowed && s.denied(cmd):
		s.abort()
		return true
	case s.ordinary && cmd.Policy == command.Forward && s.core.Peers.attention.Load() == 0 &&
		(s.core.Contracts == nil || s.core.contractOf(cmd.FirstKey(r.Args)) == nil):
		return s.forward(cmd, r, size)
	}
	s.ordinary = cmd.Policy == command.Forward && s.tenant == nil && s.tx == nil && s.tracking == nil &&
		!s.monitoring && !s.client.Subscribed
	return s.dispatchSpecial(cmd, r, size)
}

// dispatchSpecial is dispatch of a command that is more than a forward, or treated in another
// way because of what the client has done before.
func (s *Session) dispatchSpecial(cmd *command.Command, r *resp.Request, size int) bool {
	s.editing = nil
	if s.listensOnly() && s.refusedWhileListening(cmd) {
		return true
	}
	attended := s.core.Peers.attention.Load() != 0
	if attended {
		if handled, waits := s.attend(cmd); handled {
			return !waits
		}
	}
	if s.tenant != nil {
		grown, ok := s.asTenant(cmd, r)
		if !ok {
			return true
		}
		size += grown
	}
	if s.inMulti() && s.queues(cmd) {
		s.enqueue(cmd, r)
		return true
	}
	done := s.carryOut(cmd, r, size)
	if attended && done {
		s.show(cmd, r.Args)
	}
	return done
}

// carryOut does what a command asks for that the client may send.
func (s *Session) carryOut(cmd *command.Command, r *resp.Request, size int) bool {
	if s.core.Contracts != nil {
		if handled, waits := s.underContract(cmd, r, size); handled {
			return !waits
		}
	}
	switch cmd.Policy {
	case command.Forward:
		return s.forward(cmd, r, size)
	case command.SumInts, command.MultiGet, command.MultiSet:
		return s.split(cmd, r, size)
	case command.SameServer:
		return s.sameServer(cmd, r, size)
	case command.AnyServer:
		return s.sendWhole(s.anyPlace(), cmd, r, size)
	case command.Local:
		return s.answerLocally(cmd, r.Args)
	case command.Transaction:
		return s.transact(cmd, r, size)
	case command.Tracking:
		return s.track(r.Args)
	case command.Unblock:
		return s.unblockOther(r.Args)
	case command.FleetWait:
		return s.waitForReplicas(cmd, r, size)
	case command.Select:
		return s.selectDatabase(r.Args)
	case command.AllLoops:
		return s.askLoops(cmd, r.Args)
	case command.FleetScan:
		return s.scan(cmd, r, size)
	case command.FleetInfo:
		return s.info(cmd, r, size)
	case command.ScriptLoad, command.ScriptExists, command.ScriptFlush, command.ScriptKill:
		return s.scriptFleet(cmd, r, size)
	case command.Subscribe:
		return s.subscribe(cmd, r)
	case command.Publish:
		return s.publish(cmd, r, size)
	case command.FleetPubSub:
		return s.pubsubFleet(cmd, r, size)
	case command.FleetSum, command.FleetArrays, command.FleetOK, command.FleetSame, command.FleetRandom:
		return s.wholeFleet(cmd, r, size)
	case command.Contract:
		s.unsupported(errNoContract(cmd, s.shown(cmd.FirstKey(r.Args))))
		return true
	default:
		s.notSupported(cmd, cmd.Reason)
		return true
	}
}

// notSupported refuses a command that Redis has.
func (s *Session) notSupported(cmd *command.Command, reason string) {
	s.unsupported("ERR command '" + cmd.Name + "' is not supported: " + reason)
}

// unsupported answers with an error to what Redis would execute.
func (s *Session) unsupported(text string) {
	s.answerWith(metric.ResultRefused, redcon.AppendError(s.scratch(), text))
}

// fail answers with an error, whose text begins with its code.
func (s *Session) fail(text string) { s.answer(redcon.AppendError(s.scratch(), text)) }

// scratch is an empty buffer, good until the next use of it.
func (s *Session) scratch() []byte { return s.core.scratch[:0] }

// unknown answers a command that the table does not have. Two of them are what a
// browser sends that was lured to this port: Redis closes the connection then.
func (s *Session) unknown(args [][]byte) {
	if bytes.EqualFold(args[0], []byte("post")) || bytes.EqualFold(args[0], []byte("host:")) {
		s.foreign()
		return
	}
	if container := command.Container(args[0]); container != nil && len(args) > 1 {
		s.answer(resp.AppendUnknownSubcommand(s.scratch(), container.Name, args[1]))
		return
	}
	s.answer(resp.AppendUnknownCommand(s.scratch(), args))
}

// forward sends a command to the server that owns its only key.
func (s *Session) forward(cmd *command.Command, r *resp.Request, size int) bool {
	key := cmd.FirstKey(r.Args)
	if isReserved(key) {
		s.fail(errReserved)
		return true
	}
	return s.sendWhole(s.reader(cmd, s.place(key)), cmd, r, size)
}

// sendWhole sends a request as it is to one place.
func (s *Session) sendWhole(p router.Place, cmd *command.Command, r *resp.Request, size int) bool {
	if !s.admits(p, size) {
		return false
	}
	if p.Rerouted {
		s.recordWrites(cmd, r.Args)
	}
	s.transmit(s, s.connTo(p), cmd, r, size)
	return true
}

// transmit sends a request as it is; its outcome, for the session, goes to to.
func (s *Session) transmit(to backend.Receiver, conn *backend.Conn, cmd *command.Command, r *resp.Request, size int) {
	raw := r.Raw
	if raw == nil {
		raw = resp.AppendCommand(s.scratch(), r.Args...)
		s.core.keepScratch(raw)
	}
	if s.tracking != nil {
		s.announce(conn)
	}
	conn.Send(to, s.await(size), raw, cmd.MayWrite(), cmd.Slow)
}

const errReserved = "ERR keys that begin with " + reserved + " are reserved for the proxy"

func isReserved(key []byte) bool {
	return len(key) >= len(reserved) && key[0] == reserved[0] && string(key[:len(reserved)]) == reserved
}

// answerLocally answers what the proxy answers itself.
func (s *Session) answerLocally(cmd *command.Command, args [][]byte) bool {
	if (local.ChangesProtocol(cmd) || s.changesTenant(cmd)) && !s.replies.empty() {
		// Replies to come are in the present protocol, from its connections.
		s.drain = true
		return false
	}
	if cmd.ID() == resetID {
		s.restart()
	}
	protocol := s.client.Protocol
	call := &s.core.call
	*call = local.Call{Command: cmd, Args: args, Client: &s.client, Out: s.scratch(), Session: s}
	s.core.Local.Answer(call)
	s.tired = call.Tiring
	s.core.keepScratch(call.Out)
	if s.client.User != s.user {
		s.changeUser(s.client.User)
	}
	if call.WrongPassword {
		s.authFailed()
	}
	if call.Unmute {
		s.mute = false
	}
	if call.Set {
		s.core.tellAll((*Core).watchIdle)
	}
	if len(call.Out) > 0 {
		s.answer(call.Out)
	}
	if s.client.Protocol != protocol {
		s.changedProtocol()
	}
	if call.Quit {
		s.end()
	}
	return true
}

// maxScratch is the largest scratch buffer that a core keeps.
const maxScratch = 256 << 10

func (c *Core) keepScratch(b []byte) {
	if cap(b) <= maxScratch {
		c.scratch = b[:0]
	}
}
