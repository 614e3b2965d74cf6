package simtest

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// counter is what clients were told of the increments of one key.
type counter struct {
	acknowledged, uncertain, refused int
	values                           map[int]bool // that replies gave
}

// tally counts increments by key and checks what can be checked at once.
type tally struct {
	keys  map[string]*counter
	fault error
}

// note takes the outcome of an INCR.
func (t *tally) note(key string, reply []byte) {
	k := t.keys[key]
	if k == nil {
		k = &counter{values: map[int]bool{}}
		t.keys[key] = k
	}
	switch {
	case reply == nil || bytes.HasPrefix(reply, []byte("-UNCERTAIN ")):
		k.uncertain++
	case reply[0] == ':':
		k.acknowledged++
		n, _ := strconv.Atoi(strings.TrimSpace(string(reply[1:])))
		if k.values[n] && t.fault == nil {
			t.fault = fmt.Errorf("two increments of %s were answered %d", key, n)
		}
		k.values[n] = true
	case bytes.HasPrefix(reply, []byte("-CLUSTERDOWN ")):
		k.refused++
	default:
		t.fault = fmt.Errorf("INCR %s was answered %q", key, reply)
	}
}

// miscount is an increment that was executed twice, or lost.
type miscount struct {
	key                             string
	stored, acknowledged, uncertain int
}

func (m *miscount) Error() string {
	return fmt.Sprintf("%s is %d, of which %d increments are acknowledged and %d uncertain",
		m.key, m.stored, m.acknowledged, m.uncertain)
}

// check holds the counts against what the servers have.
func (t *tally) check(stored func(key string) int) error {
	if t.fault != nil {
		return t.fault
	}
	for key, k := range t.keys {
		if n := stored(key); n < k.acknowledged || n > k.acknowledged+k.uncertain {
			return &miscount{key, n, k.acknowledged, k.uncertain}
		}
	}
	return nil
}

const (
	incrementers = 64
	increments   = 6 // of each client
)

// incrementUnderFaults is one run: clients that never send a command twice, and
// servers that die and connections that break under it.
func incrementUnderFaults(seed uint64, trace io.Writer, t tap) (*tally, error) {
	s := newScene(seed, trace, options{servers: 3, loops: 1 + int(seed%2), tap: t})
	rng := s.w.Rand()
	counts := &tally{keys: map[string]*counter{}}
	var clients []*client
	for i := range incrementers {
		left := increments
		c := &client{
			s: s, address: proxyAddress(i % len(s.loops)),
			think: func() time.Duration { return s.between(0, 300*time.Millisecond) },
			next: func() []string {
				if left == 0 {
					return nil
				}
				left--
				key := "shared:" + strconv.Itoa(rng.IntN(6))
				if rng.IntN(2) == 0 {
					key = "own:" + strconv.Itoa(i)
				}
				return []string{"INCR", key}
			},
			done: func(args []string, reply []byte) { counts.note(args[1], reply) },
		}
		if rng.IntN(4) == 0 {
			c.greeting = []string{"HELLO", "3"}
		}
		clients = append(clients, c)
		c.start()
	}
	s.trouble(increments*150*time.Millisecond, 3+rng.IntN(6))
	if !s.w.RunUntil(allEnded(clients), time.Minute) {
		return counts, fmt.Errorf("after a minute clients still wait for a reply")
	}
	s.run(2 * time.Second) // whatever is still under way arrives
	return counts, counts.check(func(key string) int {
		text, _ := s.owner(key).Get(0, key)
		n, _ := strconv.Atoi(text)
		return n
	})
}

func TestAnIncrementIsExecutedAtMostOnceAndExactlyOnceIfAcknowledged(t *testing.T) {
	n := budget(2000, 20_000)
	var acknowledged, uncertain, refused atomic.Int64
	explore(t, n, func(seed uint64, trace io.Writer) error {
		counts, err := incrementUnderFaults(seed, trace, nil)
		for _, k := range counts.keys {
			acknowledged.Add(int64(k.acknowledged))
			uncertain.Add(int64(k.uncertain))
			refused.Add(int64(k.refused))
		}
		return err
	})
	total := acknowledged.Load() + uncertain.Load() + refused.Load()
	t.Logf("%d increments: %d acknowledged, %d uncertain, %d refused", total, acknowledged.Load(), uncertain.Load(), refused.Load())
	if _, _, replay := oneSeed(t); replay {
		return
	}
	if acknowledged.Load() < total/2 || uncertain.Load() < total/200 || refused.Load() < total/200 {
		t.Error("the runs are too quiet or too rough to tell anything")
	}
}

func TestARunFollowsFromItsSeed(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		var first, second bytes.Buffer
		_, errFirst := incrementUnderFaults(seed, &first, nil)
		_, errSecond := incrementUnderFaults(seed, &second, nil)
		if !bytes.Equal(first.Bytes(), second.Bytes()) || fmt.Sprint(errFirst) != fmt.Sprint(errSecond) {
			t.Fatalf("two runs with seed %d differ", seed)
		}
		if first.Len() < 100_000 {
			t.Fatalf("the trace of seed %d has %d bytes", seed, first.Len())
		}
	}
}
