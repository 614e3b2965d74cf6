//go:build unix

package integration

import (
	"errors"
	"math/rand/v2"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ringmain/internal/redistest"
)

// outcome is what a client sees of a connection once nothing more happens.
type outcome struct {
	replies string
	closed  bool
}

// attempt is a connection on which malformed bytes were sent.
type attempt struct {
	*net.TCPConn
	seen outcome
}

// try sends malformed bytes on a new connection. What goes wrong with that shows
// in the outcome: the other side may close before it has got all.
func try(addr string, m malformed) (*attempt, error) {
	c, err := net.DialTimeout("tcp", addr, gross)
	if err != nil {
		return nil, err
	}
	a := &attempt{TCPConn: c.(*net.TCPConn)}
	if err := a.SetWriteDeadline(time.Now().Add(gross)); err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(1, uint64(len(m.bytes))))
	for rest := m.bytes; rest != ""; {
		n := len(rest)
		if m.segment > 0 {
			n = min(n, 1+random.IntN(m.segment))
		}
		if _, err := a.Write([]byte(rest[:n])); err != nil {
			break
		}
		rest = rest[n:]
	}
	return a, nil
}

// look takes what has arrived, and does not wait.
func (a *attempt) look() error {
	raw, err := a.SyscallConn()
	if err != nil {
		return err
	}
	buf := make([]byte, 16<<10)
	for !a.seen.closed {
		var n int
		var failed error
		if err := raw.Read(func(fd uintptr) bool {
			n, _, failed = unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT)
			return true
		}); err != nil {
			return err
		}
		switch {
		case errors.Is(failed, unix.EAGAIN):
			return nil
		case errors.Is(failed, unix.EINTR):
		case failed != nil || n == 0:
			a.seen.closed = true
		default:
			a.seen.replies += string(buf[:n])
		}
	}
	return nil
}

// discard closes a connection so that nothing of it stays in the kernel.
func (a *attempt) discard() {
	_ = a.SetLinger(0)
	_ = a.Close()
}

// barrier returns when what was sent to addr before has been acted on, as far as
// one loop and its servers work in the order in which things come. Each round is
// a later turn of that loop.
func barrier(addr string) error {
	for range 4 {
		c, err := redistest.Dial(addr, gross)
		if err != nil {
			return err
		}
		_, err = c.Do("MGET", "barrier-1", "barrier-2", "barrier-3", "barrier-4", "barrier-5", "barrier-6", "barrier-7", "barrier-8")
		_ = c.SetDeadline(time.Now())
		_ = c.Conn.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// outcomes sends each case on a connection of its own, all of them at the same
// time.
func outcomes(addr string, cases []malformed) ([]outcome, error) {
	out := make([]outcome, len(cases))
	attempts := make([]*attempt, 0, len(cases))
	defer func() {
		for _, a := range attempts {
			a.discard()
		}
	}()
	for _, m := range cases {
		a, err := try(addr, m)
		if err != nil {
			return nil, err
		}
		attempts = append(attempts, a)
	}
	if err := barrier(addr); err != nil {
		return nil, err
	}
	for i, a := range attempts {
		if err := a.look(); err != nil {
			return nil, err
		}
		out[i] = a.seen
	}
	return out, nil
}

// awaitAlike tries one case again, alone, until both sides have come to outcomes
// that are alike; if that takes too long it returns the last ones.
func awaitAlike(t *testing.T, m malformed, proxy, redis string) (got, want outcome) {
	t.Helper()
	var sides [2]*attempt
	for i, addr := range []string{proxy, redis} {
		a, err := try(addr, m)
		if err != nil {
			t.Fatal(err)
		}
		defer a.discard()
		sides[i] = a
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(gross / 3); time.Now().Before(end); <-tick.C {
		for _, a := range sides {
			if err := a.look(); err != nil {
				t.Fatal(err)
			}
		}
		if got, want = sides[0].seen, sides[1].seen; alike(m, got, want) != different {
			break
		}
	}
	return got, want
}

type likeness int

const (
	different likeness = iota
	equal
	byLimit // different because of a limit of Ringmain's
	byOrder // different because Redis forgets replies when it closes on HTTP
	byPeer  // different because Redis takes more of HTTP and TLS for requests
)

// tooMuch finds lengths that Redis takes and Ringmain's default limits do not.
var tooMuch = regexp.MustCompile(`[*$]([0-9]+)\r`)

func overLimit(m malformed) bool {
	for _, found := range tooMuch.FindAllStringSubmatch(m.bytes, -1) {
		n, err := strconv.Atoi(found[1])
		if err == nil && (found[0][0] == '*' && n > 1<<20 && n < 1<<31 || found[0][0] == '$' && n > 64<<20-64 && n <= 512<<20) {
			return true
		}
	}
	return false
}

var (
	crossProtocol = regexp.MustCompile(`(?i)post|host:`)
	otherProtocol = regexp.MustCompile(`^\x16\x03|[^\s]+\s+[^\s]+\s+"?HTTP/1\.`)
)

// alike tells how two outcomes compare. What differs from Redis here is listed
// in docs/limits.md.
func alike(m malformed, got, want outcome) likeness {
	if got.closed == want.closed && anonymous(got.replies) == anonymous(want.replies) {
		return equal
	}
	for _, text := range []string{"-ERR Protocol error: request exceeds 67108864 bytes\r\n", "-ERR Protocol error: invalid multibulk length\r\n"} {
		before, refused := strings.CutSuffix(got.replies, text)
		if refused && got.closed && overLimit(m) && strings.HasPrefix(want.replies, before) {
			return byLimit
		}
	}
	if got.closed && want.closed && crossProtocol.MatchString(m.bytes) && strings.HasPrefix(got.replies, want.replies) {
		return byOrder
	}
	if got.closed && otherProtocol.MatchString(m.bytes) && strings.HasPrefix(want.replies, got.replies) {
		return byPeer
	}
	return different
}

func TestMalformedRequestsAreTakenAndRefusedAsRedisDoes(t *testing.T) {
	const (
		batch   = 100
		workers = 2
	)
	total := 12_000
	if torture() {
		total = 100_000
	}
	redis := redistest.Start(t)
	r := start(t, servers(startRedis(t, 3)...))
	cases := (&corpus{Rand: rand.New(rand.NewPCG(7, 0))}).cases(total)
	got, want := make([]outcome, total), make([]outcome, total)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for from := w * batch; from < total; from += workers * batch {
				for _, side := range []struct {
					addr string
					out  []outcome
				}{{r.Addr(), got}, {redis.Addr(), want}} {
					out, err := outcomes(side.addr, cases[from:from+batch])
					if err != nil {
						t.Errorf("%s: %v", side.addr, err)
						return
					}
					copy(side.out[from:], out)
				}
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	judge(t, cases, got, want, r.Addr(), redis.Addr())
	expect(t, "PING afterwards", dial(t, r.Addr()).do("PING"), "+PONG\r\n")
}

// judge compares the outcomes of all cases, and checks that they have been of
// all kinds.
func judge(t *testing.T, cases []malformed, got, want []outcome, proxy, redis string) {
	t.Helper()
	count, again, refused, closed, answered := map[likeness]int{}, 0, 0, 0, 0
	for i, m := range cases {
		like := alike(m, got[i], want[i])
		if like == different {
			again++
			for _, addr := range []string{proxy, redis} { // the workers' cases came in another order, perhaps
				expect(t, "FLUSHALL", dial(t, addr).do("FLUSHALL"), "+OK\r\n")
			}
			got[i], want[i] = awaitAlike(t, m, proxy, redis)
			like = alike(m, got[i], want[i])
		}
		if count[like]++; like == different {
			t.Errorf("case %d, in pieces of %d: %q\n Ringmain: %q, closed %v\n    Redis: %q, closed %v", i, m.segment, clip(m.bytes),
				clip(got[i].replies), got[i].closed, clip(want[i].replies), want[i].closed)
		}
		switch {
		case count[different] == 20:
			t.Fatal("there may be more")
		case strings.Contains(want[i].replies, "-ERR Protocol error"):
			refused++
		case want[i].closed:
			closed++
		case want[i].replies != "":
			answered++
		}
	}
	t.Logf("%d equal, %d refused by our limits only, %d where Redis forgets replies; looked at again: %d; "+
		"Redis: %d protocol errors, %d closed without, %d answered and open",
		count[equal], count[byLimit], count[byOrder], again, refused, closed, answered)
	n := len(cases)
	if count[equal] < n*9/10 || count[byLimit] < n/500 || refused < n/5 || closed < n/100 || answered < n/5 {
		t.Error("the corpus is not what it should be")
	}
}

func TestRequestsThatEndTheProcessOfAnotherParserEndNothing(t *testing.T) {
	r := start(t, servers(startRedis(t, 1)...))
	for _, s := range []string{
		"*1\r\n$-2\r\n", "*2\r\n$9223372036854775807\r\nx", "*9223372036854775807\r\n", "$18446744073709551617\r\n",
		"*2147483647\r\n$2147483647\r\n", strings.Repeat("*1\r\n", 10_000), strings.Repeat("*0\r\n", 10_000) + "PING\r\n",
	} {
		w := dial(t, r.Addr())
		w.send(s)
		_ = w.CloseWrite()
		if got := w.rest(); strings.Contains(got, "PONG") != strings.HasSuffix(s, "PING\r\n") {
			t.Errorf("%q is answered with %q", clip(s), clip(got))
		}
	}
	expect(t, "PING afterwards", dial(t, r.Addr()).do("PING"), "+PONG\r\n")
}
