package app

import (
	"testing"
	"time"

	"ringmain/ioloop"
	"ringmain/proxy"
	"ringmain/quorum"
)

// queued is a loop that does what it is given when the test says so.
type queued struct {
	ioloop.Loop
	calls []func()
}

func (q *queued) Post(f func()) bool { q.calls = append(q.calls, f); return true }
func (q *queued) AtEnd(f func())     { q.calls = append(q.calls, f) }

func (q *queued) run() {
	for len(q.calls) > 0 {
		f := q.calls[0]
		q.calls = q.calls[1:]
		f()
	}
}

// stopwatch is a clock that a test moves.
type stopwatch struct {
	quorum.Clock
	now quorum.Instant
}

func (s *stopwatch) Now() quorum.Instant { return s.now }

// granting is an engine that grants everything at once, with a promise for so long.
type granting struct {
	clock    *stopwatch
	promises time.Duration
	givenUp  int
}

func (g *granting) Do(c quorum.Command, done func(reply []byte)) (cancel func()) {
	if g.promises > 0 {
		*c.Promise = quorum.Promise{Latest: g.clock.now.Plus(g.promises), Instead: []byte("-NOQUORUM too late\r\n")}
	}
	done([]byte("+OK\r\n"))
	return func() { g.givenUp++ }
}

func TestAReplyOfAnotherLoopThatComesTooLateForWhatItPromisesIsNotHandedOver(t *testing.T) {
	for _, test := range []struct {
		promises, takes time.Duration
		want            string
		givenUp         int
	}{
		{0, time.Hour, "+OK\r\n", 0},
		{time.Second, time.Second, "+OK\r\n", 0},
		{time.Second, time.Second + 1, "-NOQUORUM too late\r\n", 1},
	} {
		clock := &stopwatch{}
		engine := &granting{clock: clock, promises: test.promises}
		from, to := &queued{}, &queued{}
		q := &agreed{worker: &worker{}, mail: []*mailbox{{from: from, to: to, clock: clock}}}
		x := &executor{quorum: q, engine: func() quorum.Engine { return engine }}
		got := ""
		x.Execute(from, proxy.ContractCall{Name: "set", Args: [][]byte{[]byte("SET")}}, func(reply []byte) { got = string(reply) })
		from.run()
		to.run()
		clock.now = clock.now.Plus(test.takes)
		from.run()
		to.run()
		if got != test.want || engine.givenUp != test.givenUp {
			t.Errorf("%+v: %q, given up %d times", test, got, engine.givenUp)
		}
	}
}

func TestWhatIsGrantedToAClientThatHasGoneMeanwhileIsGivenBack(t *testing.T) {
	engine := &granting{clock: &stopwatch{}}
	from, to := &queued{}, &queued{}
	q := &agreed{worker: &worker{}, mail: []*mailbox{{from: from, to: to, clock: engine.clock}}}
	x := &executor{quorum: q, engine: func() quorum.Engine { return engine }}
	cancel := x.Execute(from, proxy.ContractCall{Name: "set", Args: [][]byte{[]byte("SET")}}, func([]byte) {})
	from.run()
	to.run()
	cancel() // before the reply is there
	to.run()
	if engine.givenUp != 1 {
		t.Errorf("given up %d times", engine.givenUp)
	}
}
