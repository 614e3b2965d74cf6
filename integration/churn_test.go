package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ringmain/config"
	"ringmain/internal/redistest"
)

// leaver is a client that goes away in one of many states.
type leaver struct {
	*rand.Rand
	addr string
	big  []string // keys of large values, on all servers
}

// bigValue is the size of a large value: more than fits one buffer.
const bigValue = 20_000

// from is a loopback address of its own for each connection, as it were, so that
// closed connections do not use up the ports of one.
func (l *leaver) from() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, byte(1+l.IntN(20)), byte(1+l.IntN(200)))}
}

func (l *leaver) visit() error {
	d := net.Dialer{LocalAddr: l.from(), Timeout: gross, KeepAlive: -1}
	conn, err := d.Dial("tcp", l.addr)
	if err != nil {
		return err
	}
	c := conn.(*net.TCPConn)
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(gross)); err != nil {
		return err
	}
	if l.IntN(4) > 0 { // else FIN, or a reset where replies are unread
		_ = c.SetLinger(0)
	}
	return l.use(c)
}

// use does something with a connection; the caller closes it. Replies that do not
// come as they should are errors.
func (l *leaver) use(c *net.TCPConn) error {
	set := array("SET", fmt.Sprint("churn", l.IntN(1000)), repeat(l.IntN(300), "x"))
	big := array("GET", l.big[l.IntN(len(l.big))])
	mget := array(append([]string{"MGET"}, l.big...)...)
	switch chance := l.IntN(100); {
	case chance < 4: // nothing at all
		return nil
	case chance < 20: // in the middle of a request
		return send(c, set[:l.IntN(len(set))])
	case chance < 22: // of a large one, after others
		return send(c, set+set+"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$200000\r\n"+repeat(l.IntN(50_000), "y"))
	case chance < 24: // of a reply
		if err := send(c, big+mget); err != nil {
			return err
		}
		_, err := io.ReadFull(c, make([]byte, 1+l.IntN(4*bigValue)))
		return err
	case chance < 40: // while replies are awaited
		return send(c, repeat(1+l.IntN(30), set))
	case chance < 45: // while parts of replies are
		return send(c, mget+repeat(l.IntN(5), array("DEL", "a", "b", "c", "d", "e")))
	case chance < 57: // having sent no more
		if err := send(c, set+"PING\r\n"+set[:len(set)/2]); err != nil {
			return err
		}
		if err := c.CloseWrite(); err != nil {
			return err
		}
		return ends(c, "+OK\r\n+PONG\r\n")
	case chance < 69:
		if err := send(c, set+"QUIT\r\n"); err != nil {
			return err
		}
		return ends(c, "+OK\r\n+OK\r\n")
	case chance < 75:
		if err := send(c, set+"*x\r\n"+set); err != nil {
			return err
		}
		return ends(c, "+OK\r\n-ERR Protocol error: invalid multibulk length\r\n")
	case chance < 84: // waiting for the version to change
		return send(c, set+array("HELLO", "3")+set)
	case chance == 84 && l.IntN(3) == 0: // reading has been paused: too much is under way
		return send(c, mget+repeat(30, array("SET", "large", repeat(10_000, "z"))))
	}
	if err := send(c, set); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, len("+OK\r\n")))
	return err
}

// send sends what it can: the other side may close first.
func send(c *net.TCPConn, s string) error {
	if _, err := io.WriteString(c, s); errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}

// ends reads to the end of the stream.
func ends(c *net.TCPConn, want string) error {
	got, err := io.ReadAll(c)
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) || string(got) != want {
		return fmt.Errorf("replies %q, want %q (%w)", clip(string(got)), want, err)
	}
	return nil
}

// churn has that many clients come and go, several at a time.
func churn(t *testing.T, addr string, big []string, total int) {
	t.Helper()
	const workers = 16
	ctx, cancel := context.WithCancelCause(t.Context())
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			l := &leaver{rand.New(rand.NewPCG(uint64(w), uint64(total))), addr, big}
			for n := w; n < total && ctx.Err() == nil; n += workers {
				if err := l.visit(); err != nil {
					cancel(err)
				}
			}
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		t.Fatal(context.Cause(ctx))
	}
	cancel(nil)
}

// footprint is what the process holds.
type footprint struct {
	goroutines, descriptors int
	heap                    uint64
	buffers                 int // as Ringmain itself counts them
}

func footprintNow(t *testing.T, w *wire) footprint {
	t.Helper()
	_, text, _ := strings.Cut(w.do("INFO", "memory"), "ringmain_buffers:")
	buffers, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{runtime.NumGoroutine(), descriptors(t, os.Getpid()), m.HeapAlloc, buffers}
}

// unprobed has no health check connect, anew after one that took too long on a busy machine,
// between two counts of what is open.
func unprobed(c *config.Config) { mainPool(c).Health.Interval = config.Duration(1000 * time.Hour) }

func TestClientsThatGoAwayInAnyStateLeaveNothingBehind(t *testing.T) {
	total := 50_000
	if torture() {
		total = 100_000
	}
	list := startRedis(t, 3)
	// The replies of one server take long enough that clients leave before.
	slow := redistest.StartRelay(t, list[2].Addr())
	r := start(t, []addresser{list[0], list[1], slow}, loops(2), requestTimeout(gross), unprobed)
	slowly, err := slow.Await(0, gross)
	if err != nil {
		t.Fatal(err)
	}
	slowly.Delay(redistest.ToClient, 5*time.Millisecond)
	var big []string
	w := dial(t, r.Addr())
	for i := range 8 {
		big = append(big, fmt.Sprint("big", i))
		expect(t, "SET", w.do("SET", big[i], repeat(bigValue, "v")), "+OK\r\n")
	}
	alone := func() bool { return strings.Contains(w.do("INFO", "clients"), "connected_clients:1\r\n") }
	churn(t, r.Addr(), big, total/20) // pools and queues are as large as they get
	eventually(t, "the first clients are gone", alone)
	before := footprintNow(t, w)
	churn(t, r.Addr(), big, total)
	eventually(t, "all clients are gone", alone)
	var after footprint
	eventually(t, "goroutines and descriptors are back", func() bool {
		after = footprintNow(t, w)
		return after.goroutines <= before.goroutines+2 && after.descriptors <= before.descriptors+2
	})
	t.Logf("before %+v, after %+v", before, after)
	if spare := uint64(8 << 20); after.heap > before.heap+spare {
		t.Errorf("the heap has grown from %d to %d bytes", before.heap, after.heap)
	}
	if spare := 8 << 20; after.buffers > before.buffers+spare {
		t.Errorf("the buffers, as Ringmain counts them, have grown from %d to %d bytes", before.buffers, after.buffers)
	}
	if r.log.contains("level=ERROR") {
		t.Error("the log has errors")
	}
	expect(t, "GET", w.do("GET", big[0]), fmt.Sprintf("$%d\r\n%s\r\n", bigValue, repeat(bigValue, "v")))
}
