package proxy

import (
	"time"

	"github.com/tidwall/redcon"

	"ringmain/command"
	"ringmain/ioloop"
	"ringmain/metric"
	"ringmain/proxy/pubsub"
	"ringmain/resp"
	"ringmain/router"
)

// subscriptionCommands say of each command what it changes.
var subscriptionCommands = func() map[int]subscriptionCommand {
	m := map[int]subscriptionCommand{}
	for kind := range pubsub.Shard + 1 {
		m[command.ByName([]byte(kind.On())).ID()] = subscriptionCommand{kind, true}
		m[command.ByName([]byte(kind.Off())).ID()] = subscriptionCommand{kind, false}
	}
	return m
}()

type subscriptionCommand struct {
	kind pubsub.Kind
	on   bool
}

// whileListening are the commands besides (P|S)SUBSCRIBE and (P|S)UNSUBSCRIBE that a client
// may send in RESP2 while it listens.
var whileListening = func() map[int]bool {
	m := map[int]bool{}
	for _, name := range []string{"ping", "quit", "reset"} {
		m[command.ByName([]byte(name)).ID()] = true
	}
	return m
}()

// listensOnly reports whether the client listens, in the protocol in which it can hardly do
// anything else: it could not tell replies from messages.
func (s *Session) listensOnly() bool { return s.client.Subscribed && s.client.Protocol == 2 }

// refusedWhileListening answers a command that a client may not send while it listens; it
// reports false for one that it may.
func (s *Session) refusedWhileListening(cmd *command.Command) bool {
	if cmd.Policy == command.Subscribe || whileListening[cmd.ID()] {
		return false
	}
	s.refuse(cmd, "ERR Can't execute '"+cmd.Name+"': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context")
	return true
}

// subscription is a command under way that begins or ends to listen. The session executes
// nothing further until it is answered.
type subscription struct {
	s     *Session
	seq   uint64
	kind  pubsub.Kind
	reply []byte
	timer ioloop.Timer
	done  bool
	mute  bool // the client wants no replies: an error would be one
}

const errReservedChannel = "ERR channels that begin with " + reserved + " are reserved for the proxy"

// subscribe is the six commands that begin or end to listen.
func (s *Session) subscribe(cmd *command.Command, r *resp.Request) bool {
	c := subscriptionCommands[cmd.ID()]
	names := r.Args[1:]
	if text := s.unfitNames(c, names); text != "" {
		s.fail(text)
		return true
	}
	if !s.settled() { // a PUBLISH before it may be for the client, too
		return false
	}
	sub := &subscription{s: s, kind: c.kind, mute: s.mute}
	s.mute = false // confirmations come also to those that want no replies
	sub.seq = s.await(0)
	s.replies.at(sub.seq).local = true
	var change *pubsub.Change
	if c.on {
		change = s.listen(sub, names)
	} else {
		change = s.unsubscribe(sub, names)
	}
	if !sub.done {
		s.suspend()
		sub.timer = s.core.loop.After(s.subscriptionTimeout(), change.Expire)
	}
	return true
}

// subscriptionTimeout is how long servers may take to confirm.
func (s *Session) subscriptionTimeout() time.Duration {
	return s.core.Servers[s.channelFleet().First].Request
}

// listeningShare is the part of limits.memory that all subscriptions may take, and that of
// a client in it.
const listeningShare = 4

// unfitNames is why the proxy does not take names that a client is to listen to; "": it
// does.
func (s *Session) unfitNames(c subscriptionCommand, names [][]byte) string {
	if !c.on {
		return ""
	}
	size := 0
	for _, name := range names {
		switch {
		case isReserved(name):
			return errReservedChannel
		case c.kind.TooLong(name):
			return "ERR the name of a channel or pattern to listen to is too long"
		}
		size += pubsub.Cost(name)
	}
	most := s.core.Memory.Limit() / listeningShare
	if s.core.Peers.listening.Bytes()+size > most || s.subscriber.Bytes()+size > most/listeningShare {
		return "ERR too many subscriptions for the proxy's memory (limits.memory)"
	}
	return ""
}

// listen begins to listen once servers know of it.
func (s *Session) listen(sub *subscription, names [][]byte) *pubsub.Change {
	g := s.core.group(s.channelFleet())
	if s.subscriber == nil {
		s.subscriber = g.NewClient(s)
	}
	return g.Begin(sub.kind, names, sub.begun)
}

// begun is called when servers know what the client begins to listen to.
func (sub *subscription) begun(change *pubsub.Change) {
	s := sub.s
	if s.gone {
		change.Finish(nil, nil)
		return
	}
	if text := change.Refusal(); text != "" {
		change.Finish(nil, nil)
		sub.reply = redcon.AppendError(nil, text)
		s.replies.at(sub.seq).mute = sub.mute
	} else {
		change.Finish(s.subscriber, func(name string) { sub.confirm(sub.kind.On(), name) })
	}
	sub.answer()
}

// unsubscribe ends to listen at once; the client is told when servers know. Without names,
// it ends all of the kind.
func (s *Session) unsubscribe(sub *subscription, args [][]byte) *pubsub.Change {
	var names []string
	for _, arg := range args {
		names = append(names, string(arg))
	}
	if len(args) == 0 {
		names = s.subscriber.Names(sub.kind)
	}
	word := sub.kind.Off()
	if len(names) == 0 {
		sub.header(word)
		sub.reply = resp.AppendNull(sub.reply, s.client.Protocol)
		sub.told()
	}
	return s.subscriber.Leave(sub.kind, names, func(name string) { sub.confirm(word, name) }, sub.answer)
}

// confirm tells of one subscription that has begun or ended.
func (sub *subscription) confirm(word, name string) {
	sub.header(word)
	sub.reply = redcon.AppendBulk(sub.reply, sub.s.shownName(sub.kind, []byte(name)))
	sub.told()
}

func (sub *subscription) header(word string) {
	sub.reply = resp.AppendPush(sub.reply, sub.s.client.Protocol, 3)
	sub.reply = redcon.AppendBulkString(sub.reply, word)
}

func (sub *subscription) told() {
	sub.reply = redcon.AppendInt(sub.reply, int64(sub.s.subscriber.Told(sub.kind)))
}

// answer gives the confirmations out.
func (sub *subscription) answer() {
	sub.done = true
	if sub.timer != nil {
		sub.timer.Stop()
	}
	if s := sub.s; !s.gone {
		s.client.Subscribed = s.subscriber.Any()
		s.Reply(sub.seq, sub.reply, true)
	}
}

// endListening ends all that the client listens to.
func (s *Session) endListening() {
	if s.subscriber != nil {
		s.subscriber.End()
		s.client.Subscribed = false
	}
}

// stopListening ends all that the client listens to, for RESET. Nothing further is executed
// until the servers know: a PUBLISH would count the proxy's subscriptions for it.
func (s *Session) stopListening() {
	if !s.client.Subscribed {
		return
	}
	s.client.Subscribed = false
	var timer ioloop.Timer
	over := false
	change := s.subscriber.LeaveAll(func() {
		if over = true; timer != nil {
			timer.Stop()
			s.resume()
		}
	})
	if !over {
		s.suspend()
		timer = s.core.loop.After(s.subscriptionTimeout(), change.Expire)
	}
}

// shownName is what the client calls a channel or pattern of the servers.
func (s *Session) shownName(kind pubsub.Kind, name []byte) []byte {
	if s.tenant == nil {
		return name
	}
	cut := s.tenant.Key
	if kind == pubsub.Pattern {
		cut = s.tenant.Pattern
	}
	name, _ = cut(name)
	return name
}

// shownMessage is a message with the names that the client knows.
func (s *Session) shownMessage(m *pubsub.Message) []byte {
	parts := make([][]byte, 0, 4)
	switch {
	case m.Pattern != nil:
		parts = append(parts, []byte("pmessage"), s.shownName(pubsub.Pattern, m.Pattern))
	case m.Shard:
		parts = append(parts, []byte("smessage"))
	default:
		parts = append(parts, []byte("message"))
	}
	parts = append(parts, s.shownName(pubsub.Channel, m.Channel), m.Payload)
	b := resp.AppendPush(s.scratch(), s.client.Protocol, len(parts))
	for _, p := range parts {
		b = redcon.AppendBulk(b, p)
	}
	s.core.keepScratch(b)
	return b
}

// channelFleet is the servers on which the client publishes and listens: those of the
// listener, whoever the client is, so that all of its clients have channels in common.
func (s *Session) channelFleet() router.Fleet { return s.core.snapshot.Fleet(s.listener) }

// Receive implements pubsub.Receiver.
func (s *Session) Receive(m *pubsub.Message) {
	if s.gone || s.ending {
		return
	}
	b := m.Encoded(s.client.Protocol)
	if s.tenant != nil {
		b = s.shownMessage(m)
	}
	if !s.core.hasRoom(len(b)) {
		s.cut(metric.CutMemory, "memory is short (limits.memory), and a message came for it")
		return
	}
	s.push(b)
	s.core.grown(len(b))
}
