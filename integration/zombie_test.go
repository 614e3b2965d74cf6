package integration

import (
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"ringmain/internal/redistest"
)

// zombieScene is a server behind a relay that holds back what Ringmain sends.
type zombieScene struct {
	t     *testing.T
	redis *redistest.Server
	relay *redistest.Relay
	rm    *ringmain
}

// newZombieScene puts front, if it is not nil, between Ringmain and the relay.
func newZombieScene(t *testing.T, front func(t *testing.T, target string) addresser, options ...option) *zombieScene {
	s := &zombieScene{t: t, redis: redistest.Start(t)}
	s.relay = redistest.StartRelay(t, s.redis.Addr())
	var server addresser = s.relay
	if front != nil {
		server = front(t, s.relay.Addr())
	}
	s.rm = start(t, []addresser{server}, append(options, requestTimeout(150*time.Millisecond))...)
	return s
}

// client is one that speaks a protocol and has used its connection.
func (s *zombieScene) client(protocol string) *wire {
	w := dial(s.t, s.rm.Addr())
	if hello := w.do("HELLO", protocol); strings.HasPrefix(hello, "-") {
		s.t.Fatalf("HELLO %s: %q", protocol, hello)
	}
	expect(s.t, "ECHO", w.do("ECHO", "x"), "$1\r\nx\r\n")
	s.served(w, "GET", "warm")
	return w
}

// served sends a command until it is acknowledged: on a busy machine a deadline may be
// missed with nothing held back. So it is one that may be executed twice.
func (s *zombieScene) served(w *wire, args ...string) string {
	s.t.Helper()
	var reply string
	eventually(s.t, "the command is executed", func() bool {
		reply = w.do(args...)
		return !strings.HasPrefix(reply, "-CLUSTERDOWN") && !strings.HasPrefix(reply, "-UNCERTAIN")
	})
	return reply
}

// heldWrite has SET k v1 held back, SET k v2 acknowledged, and the first one
// delivered then. It returns what the server has at k after that. If alone,
// nothing replaces the connection that was given up meanwhile.
func (s *zombieScene) heldWrite(protocol1, protocol2 string, alone bool) string {
	t := s.t
	t.Helper()
	b := s.client(protocol2)
	a := s.client(protocol1)
	l := s.connectionOf(a)
	s.relay.HoldNew(redistest.ToServer, alone)
	l.Hold(redistest.ToServer)
	if reply := a.do("SET", "k", "v1"); !strings.HasPrefix(reply, "-UNCERTAIN ") {
		t.Fatalf("a write that is held back is answered %q", reply)
	}
	eventually(t, "Ringmain gives the connection up", func() bool { return l.Ended(redistest.ToServer) })
	expect(t, "SET k v2", s.served(b, "SET", "k", "v2"), "+OK\r\n")
	if l.Held(redistest.ToServer) == 0 {
		t.Fatal("nothing is held back: the test tests nothing")
	}
	l.Release(redistest.ToServer)
	select {
	case <-l.Done(): // the server has read to the end, or closed
	case <-time.After(gross):
		t.Fatal("what was held does not reach the server")
	}
	s.relay.HoldNew(redistest.ToServer, false)
	for _, l := range live(s.relay) {
		l.Release(redistest.ToServer)
	}
	v, err := s.redis.Do("GET", "k")
	if err != nil {
		t.Fatal(err)
	}
	if again := s.served(b, "GET", "k"); !strings.Contains(again, v.(string)) {
		t.Errorf("the server has %q, a client reads %q", v, again)
	}
	return v.(string)
}

// connectionOf is the connection to the server that serves a client: what it
// sends next is held there and nowhere else.
func (s *zombieScene) connectionOf(w *wire) *redistest.Link {
	s.t.Helper()
	for {
		found, reply := s.tryConnectionOf(w)
		if !strings.HasPrefix(reply, "-") {
			return found
		}
		s.served(w, "GET", "k") // it took too long and was given up
	}
}

func (s *zombieScene) tryConnectionOf(w *wire) (found *redistest.Link, reply string) {
	list := live(s.relay)
	for _, l := range list {
		l.Hold(redistest.ToServer)
	}
	long := repeat(1000, "k") // longer than a probe of the health checks
	w.command("GET", long)
	eventually(s.t, "the connection is found", func() bool {
		for _, l := range list {
			if l.Held(redistest.ToServer) > len(long) {
				found = l
			}
		}
		return found != nil
	})
	for _, l := range list {
		l.Release(redistest.ToServer)
	}
	return found, w.next()
}

const zombieRounds = 10

func TestAWriteThatWasHeldBackNeverShowsAfterALaterOne(t *testing.T) {
	t.Parallel()
	s := newZombieScene(t, nil)
	for range zombieRounds {
		expect(t, "k", s.heldWrite("2", "2", false), "v2")
	}
}

// The connection for the other protocol goes on while nothing replaces the one
// that was given up.
func TestAWriteThatWasHeldBackNeverShowsAfterOneOfTheOtherProtocol(t *testing.T) {
	t.Parallel()
	s := newZombieScene(t, nil)
	for i := range zombieRounds {
		if i%2 == 0 {
			expect(t, "k", s.heldWrite("2", "3", true), "v2")
		} else {
			expect(t, "k", s.heldWrite("3", "2", true), "v2")
		}
	}
}

// The other loop's connection to the same server goes on, too.
func TestAWriteThatWasHeldBackNeverShowsAfterOneOfAnotherLoop(t *testing.T) {
	t.Parallel()
	s := newZombieScene(t, nil, loops(2))
	for i := range zombieRounds {
		expect(t, "k", s.heldWrite("2", "2", i%2 == 0), "v2")
	}
}

// Without the kill, each write that was held back shows: the tests above can
// fail.
func TestWithoutTheKillEachWriteThatWasHeldBackShows(t *testing.T) {
	t.Parallel()
	s := newZombieScene(t, startBlanker)
	for range zombieRounds {
		expect(t, "k", s.heldWrite("2", "2", false), "v1")
	}
}

// blanker relays to target and makes CLIENT KILL harmless.
type blanker struct{ net.Listener }

func (b blanker) Addr() string { return b.Listener.Addr().String() }

func startBlanker(t *testing.T, target string) addresser {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp4", target)
			if err != nil {
				_ = c.Close()
				continue
			}
			go blank(c.(*net.TCPConn), s.(*net.TCPConn))
			go blank(s.(*net.TCPConn), c.(*net.TCPConn))
		}
	}()
	return blanker{l}
}

func blank(from, to *net.TCPConn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			_, _ = to.Write(harmless(buffer[:n]))
		}
		if err != nil {
			_ = to.CloseWrite()
			_ = from.CloseRead()
			return
		}
	}
}

var killID = regexp.MustCompile(`KILL\r\n\$2\r\nID\r\n\$\d+\r\n\d+`)

// harmless makes each CLIENT KILL ID in b one of a connection that does not
// exist.
func harmless(b []byte) []byte {
	return killID.ReplaceAll(b, []byte("KILL\r\n$$2\r\nID\r\n$$10\r\n9999999999"))
}
