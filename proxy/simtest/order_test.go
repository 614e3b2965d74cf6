package simtest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringmain/ioloop"
	"ringmain/resp"
)

// talker sends all its commands without waiting for replies, in pieces of any
// size, and compares each reply with that of its twin. It implements
// ioloop.Handler.
type talker struct {
	s        *scene
	address  string
	conn     ioloop.Conn
	request  []byte // not sent yet
	expected []exchange
	next     int // of expected
	fault    error
}

type exchange struct {
	args  []string
	reply []byte
	// begins: the reply is only to begin so.
	begins bool
}

// newTalker makes a client of n random commands on keys that begin with prefix.
func newTalker(s *scene, address, prefix string, n int) *talker {
	t := &talker{s: s, address: address}
	one := newTwin(s)
	for range n {
		args := mixedCommand(s.w.Rand(), prefix)
		t.request = resp.AppendCommand(t.request, args...)
		t.expected = append(t.expected, exchange{args: args, reply: one.reply(args)})
	}
	return t
}

// mixedCommand is any command: forwarded, split, local, or an error.
func mixedCommand(rng *rand.Rand, prefix string) []string {
	key := func() string { return prefix + strconv.Itoa(rng.IntN(60)) }
	value := func() string {
		n := rng.IntN(100)
		if rng.IntN(40) == 0 {
			n = rng.IntN(8000)
		}
		return strings.Repeat(strconv.Itoa(rng.IntN(10)), n)
	}
	many := func(name string, step int) []string {
		args := []string{name}
		for range 1 + rng.IntN(12) {
			if args = append(args, key()); step == 2 {
				args = append(args, value())
			}
		}
		return args
	}
	switch rng.IntN(30) {
	case 0, 1, 2, 3, 4:
		return []string{"SET", key(), value()}
	case 5, 6, 7, 8:
		return []string{"GET", key()}
	case 9, 10:
		return []string{"INCR", key()}
	case 11:
		return []string{"append", key(), value()}
	case 12:
		return []string{"StrLen", key()}
	case 13, 14:
		return many("MGET", 1)
	case 15, 16:
		return many("MSET", 2)
	case 17:
		return many("DEL", 1)
	case 18:
		return many("UNLINK", 1)
	case 19:
		return many("EXISTS", 1)
	case 20:
		return many("TOUCH", 1)
	case 21:
		return []string{"LPUSH", key(), value()}
	case 22:
		return []string{"LRANGE", key(), "0", "-1"}
	case 23:
		return []string{"TYPE", key()}
	case 24:
		return []string{"PING"}
	case 25:
		return []string{"ECHO", value()}
	case 26:
		return []string{"nonsense", "a", value()}
	case 27:
		return []string{"GET"}
	case 28:
		return []string{"MSET", key()}
	}
	switch rng.IntN(4) {
	case 0:
		return []string{"HELLO", "2"}
	case 1:
		return []string{"RESET"}
	case 2:
		return []string{"SELECT", "0"}
	}
	return []string{"HELLO", "3"}
}

func (t *talker) start() { t.s.clients.Dial(t.address, time.Minute, t) }

func (t *talker) Opened(conn ioloop.Conn, err error) {
	t.conn, t.fault = conn, err
	if err == nil {
		t.send()
	}
}

// send sends the next piece, sooner or later.
func (t *talker) send() {
	rng := t.s.w.Rand()
	n := min(len(t.request), 1+rng.IntN(1<<(1+rng.IntN(17))))
	t.conn.Write(t.request[:n])
	if t.request = t.request[n:]; len(t.request) > 0 {
		t.s.clients.After(t.s.between(0, time.Millisecond), t.send)
	}
}

func (t *talker) Data(b []byte) (used int) {
	for used < len(b) && t.fault == nil {
		n, err := element(b[used:])
		if err != nil {
			t.fault = err
			break
		}
		if n == 0 {
			return used
		}
		t.compare(b[used : used+n])
		used += n
	}
	return len(b)
}

func (t *talker) compare(reply []byte) {
	if t.next == len(t.expected) {
		t.fault = fmt.Errorf("one reply too many: %.100q", reply)
		return
	}
	want := t.expected[t.next]
	if !sameReply(want.args, reply, want.reply) && !(want.begins && bytes.HasPrefix(reply, want.reply)) {
		t.fault = fmt.Errorf("reply %d, to %.200q, is %.200q, want %.200q", t.next+1, want.args, reply, want.reply)
	}
	t.next++
}

func (t *talker) Drained()    {}
func (t *talker) HalfClosed() { t.conn.Abort() }

func (t *talker) Closed(err error) {
	if t.fault == nil {
		t.fault = fmt.Errorf("the connection ends after %d replies: %w", t.next, err)
	}
}

// converse is one run of clients that pipeline n commands each.
func converse(seed uint64, trace io.Writer, t tap, clients, n int) error {
	s := newScene(seed, trace, options{servers: 3, loops: 1 + int(seed%2), tap: t})
	rng := s.w.Rand()
	for _, host := range s.servers { // some links are slow, but no deadline passes
		s.w.Slow(proxyHost, host.Loop.Host(), 1+float64(rng.IntN(4)))
		s.w.Slow(host.Loop.Host(), proxyHost, 1+float64(rng.IntN(4)))
	}
	if rng.IntN(2) == 0 {
		s.w.Slow(proxyHost, clientHost, 5)
	}
	var all []*talker
	for i := range clients {
		t := newTalker(s, proxyAddress(i%len(s.loops)), fmt.Sprintf("%d:", i), n)
		all = append(all, t)
		t.start()
	}
	for _, t := range all {
		s.w.RunUntil(func() bool { return t.fault != nil || t.next == n }, time.Hour)
		if t.fault == nil && t.next < n {
			t.fault = fmt.Errorf("after an hour it has %d of %d replies", t.next, n)
		}
	}
	s.run(time.Second) // nothing more may come
	for i, t := range all {
		if t.fault != nil {
			return fmt.Errorf("client %d: %w", i, t.fault)
		}
	}
	return nil
}

func TestTenThousandPipelinedCommandsGetTheirRepliesInOrder(t *testing.T) {
	explore(t, budget(8, 200), func(seed uint64, trace io.Writer) error {
		return converse(seed, trace, nil, 1, 10_000)
	})
}

func TestManyClientsGetTheirRepliesInOrder(t *testing.T) {
	explore(t, budget(100, 2000), func(seed uint64, trace io.Writer) error {
		return converse(seed, trace, nil, 8, 200)
	})
}

// swap is a mutant that once on each connection sends two requests in the wrong
// order.
func swap(_ ioloop.Loop, _ string, h ioloop.Handler) ioloop.Handler {
	var written int
	var late []byte
	return &rewriter{Handler: h, change: func(b []byte) []byte {
		switch written++; written {
		case 20:
			late = bytes.Clone(b)
			return nil
		case 21:
			return append(bytes.Clone(b), late...)
		}
		return b
	}}
}

func TestAProxyThatSwapsTwoRequestsIsCaught(t *testing.T) {
	const seeds = 20
	for seed := range uint64(seeds) {
		if err := converse(seed, nil, swap, 1, 500); err == nil {
			t.Errorf("not with seed %d", seed)
		}
	}
}
