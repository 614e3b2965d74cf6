package ledger

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"ringmain/internal/redistest"
)

// Outcome is what became of a command that was answered with an error.
type Outcome int

const (
	executed Outcome = iota
	// Unexecuted is sure not to have been executed.
	Unexecuted
	// Uncertain may have been executed, and if not, never will be.
	Uncertain
	// Late is uncertain, on a connection to the server that may yet bring the answer: only
	// what its client sends behind it is sure to be executed after it.
	Late
	// Odd is what makes no sense.
	Odd
)

// Ringmain judges an error reply of Ringmain.
func Ringmain(text string) Outcome {
	switch {
	case strings.HasPrefix(text, "UNCERTAIN ") && strings.Contains(text, "did not answer within"):
		return Late
	case strings.HasPrefix(text, "UNCERTAIN "):
		return Uncertain
	case strings.HasPrefix(text, "CLUSTERDOWN "), strings.HasPrefix(text, "EXECABORT "):
		return Unexecuted
	}
	return Odd
}

// Options say what a Load is like.
type Options struct {
	// Addr is where the proxy listens.
	Addr string
	// Actors is how many clients there are, each with Pairs of keys that live on one
	// server. One pair in six is used most of the time, the others seldom.
	Actors, Pairs int
	// Cold is how many pairs there are besides that no actor uses: see WriteCold.
	Cold int
	Seed uint64
	// Judge judges error replies; nil: Ringmain.
	Judge func(text string) Outcome
	// Plain: the proxy knows no transactions.
	Plain bool
	// MayClose: the proxy may close connections, and what was sent on them may be executed
	// late. MayDie: it may, and be started again, and nothing is executed late then.
	MayClose, MayDie bool
}

// Load is a number of actors. Keys, Fill, Read and Close are for when they do not run.
type Load struct {
	*Ledger
	options Options
	actors  []*actor
	cold    *actor // not among them
	stop    chan struct{}
	running sync.WaitGroup
}

// New makes a load, and starts nothing.
func New(o Options) *Load {
	if o.Judge == nil {
		o.Judge = Ringmain
	}
	l := &Load{Ledger: newLedger(), options: o}
	for i := range o.Actors {
		l.actors = append(l.actors, l.actor(i, o.Pairs))
	}
	l.cold = l.actor(o.Actors, o.Cold)
	return l
}

// Random is the n-th source of random numbers of a seed: unlike the others, however small
// both are.
func Random(seed uint64, n int) *rand.Rand {
	mixer := rand.New(rand.NewPCG(seed, uint64(n)))
	for range 8 {
		mixer.Uint64()
	}
	return rand.New(rand.NewPCG(mixer.Uint64(), mixer.Uint64()))
}

func (l *Load) actor(number, pairs int) *actor {
	a := &actor{load: l, rng: Random(l.options.Seed, number), hot: max(1, pairs/6), pinned: map[*entry]int{}}
	for k := range pairs {
		tag := fmt.Sprintf("{%d:%d}", number, k)
		a.pairs = append(a.pairs, [2]*entry{l.entry(tag + "a"), l.entry(tag + "b")})
	}
	return a
}

// all are the actors, and who has the cold keys.
func (l *Load) all() []*actor { return append(slices.Clip(l.actors), l.cold) }

// Keys are all of them, and how often each was found to hold nothing although something was
// written.
func (l *Load) Keys() map[string]int {
	all := map[string]int{}
	for _, a := range l.all() {
		for _, pair := range a.pairs {
			for _, e := range pair {
				all[e.key] = e.forgotten
			}
		}
	}
	return all
}

// Fill writes every key, and Read reads it, time and again until nothing is refused any
// more.
func (l *Load) Fill(within time.Duration) error {
	return l.until(within, func(a *actor, e *entry) call { return a.set(e) })
}

// Read is described at Fill.
func (l *Load) Read(within time.Duration) error {
	return l.until(within, func(_ *actor, e *entry) call { return get(e) })
}

func (l *Load) until(within time.Duration, what func(*actor, *entry) call) error {
	end := time.Now().Add(within)
	for {
		err := l.each(what)
		if err == nil || time.Now().After(end) {
			return err
		}
		<-time.After(5 * time.Millisecond)
	}
}

// each has every actor do something to each of its keys, on its first connection.
func (l *Load) each(what func(*actor, *entry) call) error {
	failed := 0
	for _, a := range l.all() {
		for i := range a.pairs {
			n, err := a.both(i, what)
			if err != nil {
				return err
			}
			failed += n
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d commands were not executed", failed)
	}
	return nil
}

// both does something to both keys of a pair, and returns how many commands were not, or
// perhaps not, executed.
func (a *actor) both(pair int, what func(*actor, *entry) call) (failed int, err error) {
	calls := []call{what(a, a.pairs[pair][0]), what(a, a.pairs[pair][1])}
	err = a.perform(0, calls)
	for _, c := range calls {
		if c.became != executed {
			failed++
		}
	}
	return failed, err
}

// WriteCold writes once each the cold keys of one class of several, and tries those again
// that are refused, within a time. It returns how many pairs were written. One goroutine
// may use the cold keys, while the actors run too.
func (l *Load) WriteCold(class, classes int, within time.Duration) (written int, err error) {
	end := time.Now().Add(within)
	for i := class % classes; i < len(l.cold.pairs) && time.Now().Before(end); i += classes {
		failed, err := l.cold.both(i, func(a *actor, e *entry) call { return a.set(e) })
		if err != nil && !l.mayBreak() {
			return written, err
		}
		if failed == 0 {
			written++
			continue
		}
		i -= classes // once more
		<-time.After(time.Millisecond)
	}
	return written, nil
}

// ReadCold reads the cold keys of one class of several, for so long at most.
func (l *Load) ReadCold(class, classes int, within time.Duration) error {
	end := time.Now().Add(within)
	for i := class % classes; i < len(l.cold.pairs) && time.Now().Before(end); i += classes {
		_, err := l.cold.both(i, func(_ *actor, e *entry) call { return get(e) })
		if err != nil && !l.mayBreak() {
			return err
		}
	}
	return nil
}

// Begin starts the actors. End has them stop and waits for them.
func (l *Load) Begin() {
	l.stop = make(chan struct{})
	for _, a := range l.actors {
		l.running.Go(a.run)
	}
}

// End is described at Begin.
func (l *Load) End() {
	close(l.stop)
	l.running.Wait()
}

// mayBreak reports whether connections may.
func (l *Load) mayBreak() bool { return l.options.MayClose || l.options.MayDie }

func (l *Load) stopping() bool {
	select {
	case <-l.stop:
		return true
	default:
		return false
	}
}

// Close closes the actors' connections.
func (l *Load) Close() {
	for _, a := range l.all() {
		for i := range a.conns {
			a.hangUp(i)
		}
	}
}

// actor is the only one who writes its keys. It has several connections, and sends up to
// eight commands at a time, at most one for each key.
type actor struct {
	load  *Load
	rng   *rand.Rand
	pairs [][2]*entry // of one server each
	hot   int         // so many of the pairs are used most of the time
	conns [3]*redistest.Conn
	// pinned are the keys that have to be written and read on one connection for now.
	pinned map[*entry]int
}
