package app

import (
	"ringmain/ioloop"
	"ringmain/proxy"
	"ringmain/quorum"

	"github.com/tidwall/redcon"
)

// executor carries out commands on the keys of one pattern, with an engine on its quorum's
// loop. It implements proxy.Executor.
type executor struct {
	quorum  *agreed
	engine  func() quorum.Engine // called on the quorum's loop
	pattern int
	// borrows: the engine is done with the arguments when Do returns.
	borrows bool
}

// Execute implements proxy.Executor.
func (x *executor) Execute(from ioloop.Loop, call proxy.ContractCall, done func(reply []byte)) (cancel func()) {
	near := from == ioloop.Loop(x.quorum.worker.loop)
	if !near || !x.borrows {
		call = call.Kept()
	}
	cmd := quorum.Command{Name: call.Name, Args: call.Args, Keys: call.Keys, Text: call.Text, Protocol: call.Protocol, Pattern: x.pattern}
	if near {
		return x.engine().Do(cmd, done)
	}
	return x.quorum.mailOf(from).send(&errand{engine: x.engine, cmd: cmd, done: done})
}

func (q *agreed) mailOf(from ioloop.Loop) *mailbox {
	for _, m := range q.mail {
		if m.from == from {
			return m
		}
	}
	panic("a command from a loop that is none of the proxy's")
}

// mailbox carries commands from one loop to a quorum's, and replies back. What comes together
// in an iteration goes together, so that it costs one call and one wake-up.
type mailbox struct {
	from, to ioloop.Loop
	// out is used on from, back on to.
	out, back []*errand
}

// errand is a command of another loop.
type errand struct {
	engine func() quorum.Engine
	cmd    quorum.Command
	done   func(reply []byte) // on the loop it came from
	reply  []byte
	// cancel, ended and gone are used on the quorum's loop.
	cancel      func()
	ended, gone bool
}

// busy is the error for a command that the quorum's loop has no room for.
const busy = "NOQUORUM the proxy is too busy, or stopping: the command was not carried out"

// send is called on the loop that the errand comes from.
func (m *mailbox) send(e *errand) (cancel func()) {
	if m.out = append(m.out, e); len(m.out) == 1 {
		m.from.AtEnd(m.deliver)
	}
	return func() {
		m.to.Post(func() { // if that fails, the command goes on for nobody
			if e.gone = true; e.cancel != nil {
				e.cancel()
			}
		})
	}
}

func (m *mailbox) deliver() {
	list := m.out
	m.out = nil
	if m.to.Post(func() {
		for _, e := range list {
			m.begin(e)
		}
	}) {
		return
	}
	for _, e := range list {
		e.done(redcon.AppendError(nil, busy))
	}
}

// begin carries an errand out.
func (m *mailbox) begin(e *errand) {
	cancel := e.engine().Do(e.cmd, func(reply []byte) {
		e.reply, e.ended = reply, true
		if m.back = append(m.back, e); len(m.back) == 1 {
			m.to.AtEnd(m.answer)
		}
	})
	if e.ended {
		return
	}
	if e.cancel = cancel; e.gone && cancel != nil {
		cancel()
	}
}

// answer takes the replies back. They are kept while the other loop has no room for them;
// one that has stopped has nobody left to answer.
func (m *mailbox) answer() {
	if len(m.back) == 0 {
		return
	}
	list := m.back
	if !m.from.Post(func() {
		for _, e := range list {
			e.done(e.reply)
		}
	}) {
		m.to.After(postAgain, m.answer)
		return
	}
	m.back = nil
}
