package ledger

import (
	"fmt"
	"math/rand/v2"
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
	Seed          uint64
	// Judge judges error replies; nil: Ringmain.
	Judge func(text string) Outcome
	// Plain: the proxy knows no transactions.
	Plain bool
	// MayClose: the proxy may close connections, or be away for a while.
	MayClose bool
}

// Load is a number of actors. Fill, Read, Await, Mortal and Close are for when they do
// not run.
type Load struct {
	*Ledger
	options Options
	actors  []*actor
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
		a := &actor{load: l, rng: rand.New(rand.NewPCG(o.Seed, uint64(i))), hot: max(1, o.Pairs/6), pinned: map[*entry]int{}}
		for k := range o.Pairs {
			tag := fmt.Sprintf("{%d:%d}", i, k)
			a.pairs = append(a.pairs, [2]*entry{l.entry(tag + "a"), l.entry(tag + "b")})
		}
		l.actors = append(l.actors, a)
	}
	return l
}

// Mortal says for every key whether it may be forgotten.
func (l *Load) Mortal(may func(key string) bool) {
	for _, a := range l.actors {
		for _, pair := range a.pairs {
			for _, e := range pair {
				e.mortal = may(e.key)
			}
		}
	}
}

// Keys are all of them.
func (l *Load) Keys() (all []string) {
	l.Mortal(func(key string) bool {
		all = append(all, key)
		return false
	})
	return all
}

// Fill writes every key once, and Read reads it; it is an error if anything is refused.
func (l *Load) Fill() error {
	return l.each(func(a *actor, e *entry) call { return a.set(e) })
}

// Read is described at Fill.
func (l *Load) Read() error {
	return l.each(func(_ *actor, e *entry) call { return get(e) })
}

// Await reads every key until none is refused.
func (l *Load) Await(within time.Duration) error {
	end := time.Now().Add(within)
	for {
		err := l.Read()
		if err == nil || time.Now().After(end) {
			return err
		}
		<-time.After(5 * time.Millisecond)
	}
}

// each has every actor do something to each of its keys, on its first connection.
func (l *Load) each(what func(*actor, *entry) call) error {
	before := l.Refused.Load()
	for _, a := range l.actors {
		for _, pair := range a.pairs {
			for _, e := range pair {
				if err := a.perform(0, []call{what(a, e)}); err != nil {
					return err
				}
			}
		}
	}
	if n := l.Refused.Load() - before; n > 0 {
		return fmt.Errorf("%d commands were refused", n)
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
	for _, a := range l.actors {
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
