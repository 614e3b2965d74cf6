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
	// brief: the engine is done with the arguments when Do returns, and gives nothing up.
	brief bool
}

// Execute implements proxy.Executor.
func (x *executor) Execute(from ioloop.Loop, call proxy.ContractCall, done func(reply []byte)) (cancel func()) {
	if from == ioloop.Loop(x.quorum.worker.loop) {
		if !x.brief {
			call = call.Kept(nil)
		}
		return x.engine().Do(x.command(call), done)
	}
	m := x.quorum.mailOf(from)
	e := m.errand()
	e.engine, e.cmd, e.done, e.brief = x.engine, x.command(call.Kept(&e.memory)), done, x.brief
	if !x.brief {
		e.cmd.Promise = &e.promise
	}
	m.send(e)
	if x.brief {
		return nil
	}
	return func() { m.giveUp(e) }
}

func (x *executor) command(call proxy.ContractCall) quorum.Command {
	return quorum.Command{Name: call.Name, Args: call.Args, Keys: call.Keys, Text: call.Text, Protocol: call.Protocol, Pattern: x.pattern}
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
	// out and free, errands for their next use, are used on from, back on to.
	out, back []*errand
	free      []*errand
	clock     quorum.Clock // the quorum's
}

const (
	// keptErrands bounds how many of them wait for their next use, and keptMemory what each
	// of them keeps for its arguments.
	keptErrands = 4096
	keptMemory  = 1024
)

// errand is a command of another loop.
type errand struct {
	engine func() quorum.Engine
	cmd    quorum.Command
	memory proxy.CallMemory   // of cmd
	brief  bool               // as the executor's: nobody knows the errand once it is done
	done   func(reply []byte) // on the loop it came from
	reply  []byte
	// promise is that of the reply, which may come to the client's loop too late for it.
	promise quorum.Promise
	told    func(reply []byte) // takes the reply on the quorum's loop; kept over its uses
	// cancel, ended and gone are used on the quorum's loop.
	cancel      func()
	ended, gone bool
}

// busy is the error for a command that the quorum's loop has no room for.
const busy = "NOQUORUM the proxy is too busy, or stopping: the command was not carried out"

// errand is one to be sent. It is called on the loop that the errand comes from, as are done,
// send and giveUp.
func (m *mailbox) errand() *errand {
	if n := len(m.free); n > 0 {
		e := m.free[n-1]
		m.free = m.free[:n-1]
		return e
	}
	e := &errand{}
	e.told = func(reply []byte) {
		e.reply, e.ended = reply, true
		if m.back = append(m.back, e); len(m.back) == 1 {
			m.to.AtEnd(m.answer)
		}
	}
	return e
}

// done hands over the reply, and has the errand be used again.
func (m *mailbox) done(e *errand) {
	if !e.brief && e.promise.Broken(m.clock.Now()) {
		e.reply = e.promise.Instead
		m.giveUp(e)
	}
	e.done(e.reply)
	if e.brief && len(m.free) < keptErrands && e.memory.Size() <= keptMemory {
		*e = errand{memory: e.memory, told: e.told}
		m.free = append(m.free, e)
	}
}

func (m *mailbox) send(e *errand) {
	if m.out = append(m.out, e); len(m.out) == 1 {
		m.from.AtEnd(m.deliver)
	}
}

// giveUp tells that nobody waits for the reply any more.
func (m *mailbox) giveUp(e *errand) {
	m.to.Post(func() { // if that fails, the command goes on for nobody
		if e.gone = true; e.cancel != nil {
			e.cancel()
		}
	})
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
		e.reply = redcon.AppendError(nil, busy)
		m.done(e)
	}
}

// begin carries an errand out.
func (m *mailbox) begin(e *errand) {
	e.cancel = e.engine().Do(e.cmd, e.told)
	if e.gone && e.cancel != nil {
		e.cancel()
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
			m.done(e)
		}
	}) {
		m.to.After(postAgain, m.answer)
		return
	}
	m.back = nil
}
