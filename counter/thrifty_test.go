package counter

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"ringmain/quorum"
)

// roll are servers that note who is asked to accept or to read, and of which one may keep its answers
// to itself.
type roll struct {
	*calm
	asked []int
	mute  int
}

func (r *roll) Call(c quorum.Call, done func(quorum.Answer)) {
	r.asked = append(r.asked, c.Server)
	if c.Server == r.mute {
		done = func(quorum.Answer) {}
	}
	r.calm.Call(c, done)
}

// taken returns who was asked since, in order.
func (r *roll) taken() []int {
	asked := r.asked
	r.asked = nil
	slices.Sort(asked)
	return asked
}

// newRoll has the register of the counter a be known to the engine.
func newRoll() (*desk, *roll) {
	d := newDesk(3)
	r := &roll{calm: d.calm, mute: -1}
	d.engine.servers = r
	d.do("incr a")
	d.clock.pass(wideLast + wideMemory)
	r.taken()
	return d, r
}

func others(not int) []int {
	return slices.DeleteFunc([]int{0, 1, 2}, func(i int) bool { return i == not })
}

func TestARoundAsksAMajorityAlone(t *testing.T) {
	d, r := newRoll()
	spared := (d.engine.first([]byte(clientRegister+"a")) + 2) % 3
	before := d.acceptors[spared].keys[clientRegister+"a"]
	for _, line := range []string{"incr a", "get a"} {
		if d.do(line); !slices.Equal(r.taken(), others(spared)) {
			t.Errorf("%s: %v are asked", line, r.asked)
		}
	}
	if after := d.acceptors[spared].keys[clientRegister+"a"]; after != before {
		t.Errorf("the server that is spared has %q", after)
	}
	// Another proxy asks the same two, which agree.
	other := New(Settings{Patterns: d.engine.patterns}, r, d.clock, rand.New(rand.NewPCG(3, 4)), 8)
	got := ""
	other.Do(command("get a"), func(reply []byte) { got = string(reply) })
	if rounds := other.Stats().Rounds; got != "$1\r\n2\r\n" || rounds != 1 {
		t.Errorf("another proxy reads %q in %d rounds", got, rounds)
	}
}

func TestTheWorkIsSpreadOverAllServers(t *testing.T) {
	const keys = 300
	d, r := newRoll()
	for i := range 2 * keys {
		if i == keys { // all registers are there
			r.taken()
		}
		d.do(fmt.Sprintf("incr k%d", i%keys))
	}
	asked := map[int]int{}
	for _, server := range r.taken() {
		asked[server]++
	}
	for server := range 3 {
		if n := asked[server]; n < keys/2 || n > keys*5/6 {
			t.Errorf("server %d was asked %d times for %d changes", server, n, keys)
		}
	}
}

func TestTheRestIsAskedOnceAServerSaysThatItCannot(t *testing.T) {
	d, r := newRoll()
	first := d.engine.first([]byte(clientRegister + "a"))
	d.barred[first] = "down"
	for _, step := range []struct{ line, reply string }{{"incr a", ":2 "}, {"get a", "$1 2 "}} {
		if got := d.do(step.line); got != step.reply {
			t.Errorf("%s: %q", step.line, got)
		}
		if asked := r.taken(); !slices.Equal(asked, []int{0, 1, 2}) {
			t.Errorf("%s: %v are asked", step.line, asked)
		}
	}
}

func TestTheRestIsAskedOnceAServerTakesLong(t *testing.T) {
	d, r := newRoll()
	r.mute = d.engine.first([]byte(clientRegister + "a"))
	got := ""
	d.engine.Do(command("incr a"), func(reply []byte) { got = string(reply) })
	patience := d.engine.thrift.patience(accepting, d.engine.timeout)
	d.clock.pass(patience - time.Microsecond)
	if got != "" || len(r.taken()) != 2 {
		t.Fatalf("replied %q before it takes long", got)
	}
	d.clock.pass(time.Microsecond)
	if got != ":2\r\n" || len(r.taken()) != 1 {
		t.Fatalf("replied %q when it takes long", got)
	}
	if got := d.do("incr b"); got != ":1 " { // at once, whoever would come first
		t.Errorf("a change soon after is answered %q", got)
	}
	d.clock.pass(wideFirst)
	r.taken()
	r.mute = -1
	if d.do("incr a"); len(r.taken()) != 2 {
		t.Error("all are asked for ever")
	}
	if n := len(d.engine.thrift.narrow); n > 1 {
		t.Errorf("%d rounds are kept", n)
	}
}

// distant are servers that take some time to answer, each its own.
type distant struct {
	*calm
	clock *ticking
	away  []time.Duration
}

func (s *distant) Call(c quorum.Call, done func(quorum.Answer)) {
	s.clock.After(s.away[c.Server]/2, func() {
		s.calm.Call(c, func(a quorum.Answer) { s.clock.After(s.away[c.Server]/2, func() { done(a) }) })
	})
}

func TestAServerThatIsSlowAllTheTimeSlowsNoCounterDown(t *testing.T) {
	const (
		far, near = 30 * time.Millisecond, time.Millisecond
		commands  = 1000
	)
	p := Pattern{Name: "counters[0]", Deadline: 2 * time.Second, MaxBatch: 4096}
	for _, line := range []string{"incr", "get"} {
		for i := range 8 { // some of them ask the one that is far first
			s := &distant{calm: newCalm(3), clock: &ticking{}, away: []time.Duration{far, far, far}}
			e := New(Settings{Patterns: []Pattern{p}, FenceDeadline: time.Second, NodeTimeout: time.Second}, s, s.clock, rand.New(rand.NewPCG(1, 2)), 7)
			took := func() (each time.Duration) {
				begun, n := s.clock.now, -1
				var next func([]byte)
				next = func([]byte) {
					if n++; n == commands {
						each = (s.clock.now - begun) / commands
						return
					}
					e.Do(command(fmt.Sprint(line, " k", i)), next)
				}
				next(nil)
				s.clock.pass(time.Minute)
				return each
			}
			took() // all are slow, and then one still is
			s.away[1], s.away[2] = near, near
			if each := took(); each < near/2 || each > 3*near {
				t.Errorf("%s of k%d takes %v", line, i, each)
			}
		}
	}
}
