package simtest

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"testing"
	"time"

	"ringmain/ioloop"
)

// ledger knows over which connection each write went to its server, when, and
// when that connection was given up. A write is known by its value, which is
// used once. Times are counts of events.
type ledger struct {
	time   int
	writes map[string]write
	fenced map[*server]write // the latest write that the server's process has executed
	fault  error
}

type write struct {
	sent  int
	value string
	over  *witness
}

// witness is one connection from the proxy to a server.
type witness struct {
	l *ledger
	ioloop.Handler
	ioConn
	givenUp int // 0: it is not
}

func newLedger() *ledger {
	return &ledger{writes: map[string]write{}, fenced: map[*server]write{}}
}

// tap makes the ledger see a proxy's connections.
func (l *ledger) tap(_ ioloop.Loop, _ string, h ioloop.Handler) ioloop.Handler {
	return &witness{l: l, Handler: h}
}

func (w *witness) Opened(c ioloop.Conn, err error) {
	if err != nil {
		w.Handler.Opened(nil, err)
		return
	}
	w.ioConn = c
	w.Handler.Opened(w, nil)
}

func (w *witness) Write(b []byte) {
	eachRequest(b, func(_ []byte, args [][]byte) {
		if string(args[0]) == "SET" {
			w.l.time++
			value := string(args[2])
			w.l.writes[value] = write{w.l.time, value, w}
		}
	})
	w.ioConn.Write(b)
}

func (w *witness) Closed(err error) {
	w.l.time++
	w.givenUp = w.l.time
	w.Handler.Closed(err)
}

// executed checks the order in which a server executes writes of one loop of the
// proxy: none that went over a connection which was given up may follow one that
// was sent after that.
func (l *ledger) executed(on *server, _ int64, args [][]byte) {
	if !bytes.EqualFold(args[0], []byte("SET")) {
		return
	}
	w := l.writes[string(args[2])]
	last := l.fenced[on]
	if w.over.givenUp > 0 && last.sent > w.over.givenUp && l.fault == nil {
		l.fault = fmt.Errorf("the server executes %s, whose connection was given up before %s was sent, after it",
			w.value, last.value)
	}
	if w.sent > last.sent {
		l.fenced[on] = w
	}
}

// writeUnderFaults is one run of clients that write and read a few keys, while
// the network holds back, and delivers late, what was sent.
func writeUnderFaults(seed uint64, trace io.Writer, t tap) (uncertain int, err error) {
	book := newLedger()
	taps := book.tap
	if t != nil {
		taps = both(book.tap, t)
	}
	s := newScene(seed, trace, options{servers: 2, loops: 1, tap: taps})
	s.observe = book.executed
	rng := s.w.Rand()
	serial := 0
	var clients []*client
	for range 12 {
		left := 12
		c := &client{
			s: s, address: proxyAddress(0),
			think: func() time.Duration { return s.between(0, 200*time.Millisecond) },
			next: func() []string {
				if left--; left < 0 {
					return nil
				}
				key := "k" + strconv.Itoa(rng.IntN(3))
				if rng.IntN(4) == 0 {
					return []string{"GET", key}
				}
				serial++
				return []string{"SET", key, "v" + strconv.Itoa(serial)}
			},
			done: func(args []string, reply []byte) {
				if args[0] == "SET" && bytes.HasPrefix(reply, []byte("-UNCERTAIN ")) {
					uncertain++
				}
			},
		}
		if rng.IntN(2) == 0 {
			c.greeting = []string{"HELLO", "3"}
		}
		clients = append(clients, c)
		c.start()
	}
	for range 6 {
		s.holdBack(s.between(0, 1200*time.Millisecond))
	}
	s.trouble(1200*time.Millisecond, rng.IntN(4))
	if !s.w.RunUntil(allEnded(clients), time.Minute) {
		return uncertain, fmt.Errorf("after a minute clients still wait for a reply")
	}
	s.run(2 * time.Second)
	return uncertain, book.fault
}

// holdBack cuts the way to a server for longer than a deadline: the proxy gives
// its connection up, and what it had sent arrives when the cut ends.
func (s *scene) holdBack(at time.Duration) {
	host := s.servers[s.w.Rand().IntN(len(s.servers))].Loop
	ends := at + s.between(requestTimeout/2, 3*requestTimeout)
	stall := s.w.Rand().IntN(3) == 0 // a paused process keeps it just as well
	s.chaos.After(at, func() {
		if stall {
			host.Pause()
		} else {
			s.w.Partition(proxyHost, host.Host(), true)
		}
	})
	s.chaos.After(ends, func() {
		host.Resume()
		s.w.Partition(proxyHost, host.Host(), false)
	})
}

func TestAWriteOfAConnectionThatWasGivenUpIsNeverExecutedAfterALaterOne(t *testing.T) {
	explore(t, budget(1000, 20_000), func(seed uint64, trace io.Writer) error {
		_, err := writeUnderFaults(seed, trace, nil)
		return err
	})
}

// noKill is a mutant that never ends the connection that a new one replaces: it
// kills one that does not exist.
var noKill = rewrite(func(b []byte) []byte {
	return harmless(b)
})

func TestAProxyThatDoesNotKillTheConnectionItReplacesIsCaught(t *testing.T) {
	const within = 50
	seed, err := firstFailure(within, func(seed uint64, trace io.Writer) error {
		_, err := writeUnderFaults(seed, trace, noKill)
		return err
	})
	if err == nil {
		t.Fatalf("not in %d seeds", within)
	}
	t.Logf("seed %d: %v", seed, err)
}

var killID = regexp.MustCompile(`KILL\r\n\$2\r\nID\r\n\$\d+\r\n\d+`)

// harmless makes each CLIENT KILL ID in b one of a connection that does not
// exist.
func harmless(b []byte) []byte {
	return killID.ReplaceAll(b, []byte("KILL\r\n$$2\r\nID\r\n$$10\r\n9999999999"))
}
