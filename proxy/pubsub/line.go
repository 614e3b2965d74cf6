package pubsub

import (
	"bytes"
	"fmt"

	"ringmain/resp"
)

// Server is a connection to a server that a Line's requests go to.
type Server interface {
	// Send sends a request, which is copied. The reply goes to Line.Answered, in the
	// order of the requests.
	Send(request []byte)
	// Drop gives the connection up. Line.Down follows, if later.
	Drop(what string)
}

// maxAsked bounds how many requests await their confirmation on a line.
const maxAsked = 1024

// Line is what one server of a group is subscribed to.
type Line struct {
	g      *Group
	number int
	server Server
	name   string
	up     bool
	// unreachable: the last attempt to connect has failed.
	unreachable bool
	// late: the server has kept a change waiting for too long, and has not confirmed
	// anything since.
	late    bool
	todo    []*Topic // to be asked for, when there is room
	asked   []request
	scratch []byte
}

// request is one that awaits its confirmation.
type request struct {
	topic *Topic
	on    bool
}

// AddLine adds the line to the group's next server. name is for people.
func (g *Group) AddLine(server Server, name string) *Line {
	l := &Line{g: g, number: len(g.lines), server: server, name: name}
	g.lines = append(g.lines, l)
	for t := g.first; t != nil; t = t.next {
		t.states = append(t.states, state{})
	}
	return l
}

// Rename tells that the line, which is not up, is to another server from now on.
func (l *Line) Rename(name string) { l.name = name }

// Up tells that the connection is there, and has the server subscribed to all that is
// wanted.
func (l *Line) Up() {
	l.up, l.unreachable, l.late = true, false, false
	for t := l.g.first; t != nil; t = t.next {
		l.touch(t)
	}
	l.g.recheck()
}

// Down tells that the connection is lost, or, if unreachable, cannot be had.
func (l *Line) Down(unreachable bool) {
	was := l.up
	l.up, l.unreachable, l.late = false, unreachable, false
	l.todo, l.asked = nil, nil
	if was {
		l.forget()
	}
	l.g.recheck()
}

// forget takes all as not subscribed.
func (l *Line) forget() {
	for t := l.g.first; t != nil; t = t.next {
		t.states[l.number] = state{}
		l.tell(t)
		l.g.tidy(t)
	}
}

// unsettled reports whether a change has to wait for the line.
func (l *Line) unsettled(t *Topic) bool {
	st := &t.states[l.number]
	switch {
	case l.late || l.unreachable:
		return false
	case !l.up:
		return t.wanted()
	}
	return st.asked > 0 || st.again || st.sent != t.wanted() && st.refusal == ""
}

// touch has the server asked for what is wanted of a topic, if it is not so.
func (l *Line) touch(t *Topic) {
	st := &t.states[l.number]
	if !l.up || st.queued || st.sent == t.wanted() || t.wanted() && st.refusal != "" {
		return
	}
	l.enqueue(t, st)
}

func (l *Line) enqueue(t *Topic, st *state) {
	st.queued = true
	l.todo = append(l.todo, t)
	l.ask()
}

// flush has the server confirm a subscription once more: what it has published before comes
// ahead of that.
func (l *Line) flush(t *Topic) {
	st := &t.states[l.number]
	if !l.up || !st.sent {
		return
	}
	st.again = true
	if !st.queued {
		l.enqueue(t, st)
	}
}

// ask sends what there is room for.
func (l *Line) ask() {
	for l.up && len(l.todo) > 0 && len(l.asked) < maxAsked {
		t := l.todo[0]
		l.todo = l.todo[1:]
		st := &t.states[l.number]
		st.queued = false
		again := st.again && st.sent
		st.again = false
		if st.sent == t.wanted() && !again {
			l.g.check(t)
			l.g.tidy(t)
			continue
		}
		st.sent = t.wanted()
		st.asked++
		word := t.kind.Off()
		if st.sent {
			word = t.kind.On()
		} else {
			st.ending++
		}
		l.tell(t)
		l.asked = append(l.asked, request{t, st.sent})
		l.scratch = resp.AppendCommand(l.scratch[:0], word, t.name)
		l.server.Send(l.scratch)
	}
	if len(l.todo) == 0 {
		l.todo = nil
	}
}

// Answered takes the reply to the first request that awaits one.
func (l *Line) Answered(reply []byte) {
	if len(l.asked) == 0 {
		return // of a connection that was given up
	}
	r := l.asked[0]
	l.asked = l.asked[1:]
	t := r.topic
	st := &t.states[l.number]
	st.asked--
	if !r.on {
		st.ending--
	}
	l.late = false
	switch text, isError := resp.ErrorText(reply); {
	case isError && r.on && st.confirmed: // it was flushed, and stays as it is
	case isError && r.on:
		st.refusal = l.refusal(t.kind, text)
		st.sent = st.sent && st.asked > 0 // unless it has been asked for again
	case isError: // it sends what nobody listens to
		st.confirmed = false
	case !l.confirms(r, reply):
		l.server.Drop("does not confirm a subscription")
		return
	default:
		st.refusal = ""
		st.confirmed = r.on
	}
	l.tell(t)
	l.touch(t)
	l.ask()
	l.g.check(t)
	l.g.tidy(t)
}

// refusal is the error for clients when the server has refused a subscription.
func (l *Line) refusal(kind Kind, text []byte) string {
	if kind == Shard && bytes.HasPrefix(text, []byte("ERR unknown command")) {
		return "ERR shard channels are not supported: server " + l.name + " is older than Redis 7.0"
	}
	return fmt.Sprintf("%s (server %s)", text, l.name)
}

func (l *Line) confirms(r request, reply []byte) bool {
	word := r.topic.kind.Off()
	if r.on {
		word = r.topic.kind.On()
	}
	command, name, ok := resp.ReadSubscribed(reply)
	return ok && string(command) == word && string(name) == r.topic.name
}

// tell has the counts know what the server has.
func (l *Line) tell(t *Topic) {
	st := &t.states[l.number]
	l.g.counts.server(l.g.pool, t.seat, l.number, hold{
		possible: st.confirmed || st.sent || st.asked > 0,
		sure:     st.confirmed && st.sent && st.ending == 0,
	})
}
