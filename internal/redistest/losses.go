package redistest

import (
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Losses has directions of a relay's connections fall silent: from some message on nothing
// passes, nobody is told, and the connection is cut some time later. Towards the server,
// that is before the server has executed the request; towards the client, after. A third
// way is that the requests were only late: the server gets them once the client's side is
// closed. Its methods may be called concurrently.
type Losses struct {
	seed   uint64
	within time.Duration
	rate   atomic.Uint64 // bits of a float64

	// Of how many connections what came first: requests that are lost, replies that are
	// lost, and requests that were late.
	Unsent, Unheard, Late atomic.Int64
	connections           atomic.Uint64
}

// Lose has it happen to connections that are made from now on. Each is cut within a time
// of its silence. None is silent until SetRate. What happens to a connection is drawn from
// the seed, its number, and the numbers of its messages.
func (r *Relay) Lose(seed uint64, within time.Duration) *Losses {
	l := &Losses{seed: seed, within: within}
	// Both directions of a connection are asked for in turn, under the relay's lock.
	var silence *silence
	r.Filter(ToServer, func(link *Link) Filter {
		silence = l.newSilence(link)
		return silence.filter(ToServer)
	})
	r.Filter(ToClient, func(*Link) Filter { return silence.filter(ToClient) })
	return l
}

// SetRate sets of how many messages, 0 to 1, each is the first of a silence.
func (l *Losses) SetRate(rate float64) { l.rate.Store(math.Float64bits(rate)) }

// silence is what happens to one connection.
type silence struct {
	*Losses
	link   *Link
	number uint64
	begin  sync.Once
}

func (l *Losses) newSilence(link *Link) *silence {
	return &silence{Losses: l, link: link, number: l.connections.Add(1)}
}

func (s *silence) filter(d Direction) Filter {
	rng := rand.New(rand.NewPCG(s.seed, 2*s.number+uint64(d)))
	silent := false
	return func(message []byte) []byte {
		chance, late, after := rng.Float64(), rng.IntN(3) == 0, time.Duration(rng.Int64N(int64(s.within)+1))
		if silent || chance >= math.Float64frombits(s.rate.Load()) {
			if silent {
				return nil
			}
			return message
		}
		if d == ToServer && late {
			return s.late(message, after)
		}
		silent = true
		s.begin.Do(func() {
			[]*atomic.Int64{ToServer: &s.Unsent, ToClient: &s.Unheard}[d].Add(1)
			time.AfterFunc(after, s.link.Reset)
		})
		return nil
	}
}

// late holds back a message and what follows it.
func (s *silence) late(message []byte, after time.Duration) []byte {
	s.begin.Do(func() {
		s.Late.Add(1)
		s.link.Hold(ToServer)
		time.AfterFunc(after, func() {
			s.link.Abandon()
			s.link.Release(ToServer)
		})
	})
	return message
}
