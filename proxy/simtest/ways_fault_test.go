package simtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ringmain/ioloop"
	"ringmain/resp"
)

// stray is a client that changes its way while servers die and connections break. It
// sends pipelines and never sends anything again; on a new connection it goes on with
// the next. What it is told must be possible: one reply to each command in their order,
// errors only those that a fault explains, and nothing executed more often than it was
// said. It implements ioloop.Handler.
type stray struct {
	s       *scene
	books   *books
	number  int
	address string
	conn    ioloop.Conn
	left    int // pipelines
	awaited []awaited
	echoes  int
	proto   string // of the connection
	known   bool   // its script was executed on the connection
	ended   bool
}

// awaited is a command whose reply is to come. check is given nil if none will.
type awaited struct {
	args  []string
	check func(reply []byte) error
}

// books are what all clients of a scene were told.
type books struct {
	counts          map[string]*counter // by database and key
	pushed          map[string]bool     // elements that were sent; true: they have been popped
	replies, faults int
	fault           error
}

func (c *stray) start() {
	c.conn, c.proto, c.known = nil, "2", false
	c.s.clients.Dial(c.address, time.Minute, c)
}

func (c *stray) Opened(conn ioloop.Conn, err error) {
	if err != nil {
		c.s.clients.After(10*time.Millisecond, c.start)
		return
	}
	c.conn = conn
	c.pipeline()
}

// pipeline sends some of what a client does, or ends it.
func (c *stray) pipeline() {
	if c.left == 0 {
		c.ended = true
		c.conn.CloseAfterFlush()
		return
	}
	c.left--
	for range 1 + c.s.w.Rand().IntN(5) {
		c.something(c.s.w.Rand())
		c.echo()
	}
}

func (c *stray) send(check func(reply []byte) error, args ...string) {
	c.awaited = append(c.awaited, awaited{args, check})
	c.conn.Write(resp.AppendCommand(nil, args...))
}

// echo makes sure that replies are those of their commands.
func (c *stray) echo() {
	c.echoes++
	word := strconv.Itoa(c.echoes)
	c.send(func(reply []byte) error { return c.isOneOf(reply, fmt.Sprintf("$%d\r\n%s\r\n", len(word), word)) }, "ECHO", word)
}

// isOneOf is an error unless a reply, if there is one, begins as it may.
func (c *stray) isOneOf(reply []byte, begins ...string) error {
	if reply == nil {
		return nil
	}
	for _, b := range begins {
		if bytes.HasPrefix(reply, []byte(b)) {
			return nil
		}
	}
	return fmt.Errorf("it is none of %q", begins)
}

// mayFail is isOneOf of a command that needs a server, or a connection of its own.
func (c *stray) mayFail(reply []byte, begins ...string) error {
	for _, fault := range []string{"-CLUSTERDOWN ", "-UNCERTAIN ", "-ERR too many clients wait, watch keys or track them"} {
		if bytes.HasPrefix(reply, []byte(fault)) {
			c.books.faults++
			return nil
		}
	}
	return c.isOneOf(reply, begins...)
}

const strayScript = "return redis.call('incr',KEYS[1]) -- stray"

func (c *stray) something(rng *rand.Rand) {
	tag := fmt.Sprintf("{%d}", rng.IntN(6))
	list := tag + "list"
	switch rng.IntN(9) {
	case 0, 1:
		c.count("INCR", tag+"plain")
	case 2:
		c.transaction(tag, "")
	case 3:
		c.transaction(tag, tag+"a")
	case 4, 5:
		c.pop("BLPOP", list, "0.03")
	case 6:
		c.echoes++
		element := fmt.Sprintf("%d.%d", c.number, c.echoes)
		c.books.pushed[element] = false
		c.send(func(reply []byte) error { return c.mayFail(reply, ":") }, "RPUSH", list, element)
	case 7:
		c.proto = strconv.Itoa(2 + rng.IntN(2))
		c.send(func(reply []byte) error { return c.isOneOf(reply, "%7\r\n", "*14\r\n") }, "HELLO", c.proto)
	case 8:
		if c.known {
			c.count("EVALSHA", digest(strayScript), "1", tag+"script")
		} else {
			c.known = true
			c.count("EVAL", strayScript, "1", tag+"script")
		}
	}
}

// count is a command that increments its last argument.
func (c *stray) count(args ...string) {
	k := c.books.counter(args[len(args)-1])
	c.send(func(reply []byte) error {
		k.note(reply, bytes.HasPrefix(reply, []byte(":")))
		return c.mayFail(reply, ":")
	}, args...)
}

// transaction increments two counters, which are the same at any time. If a key is
// watched it may not do so.
func (c *stray) transaction(tag, watched string) {
	if watched != "" {
		c.send(func(reply []byte) error { return c.mayFail(reply, "+OK\r\n") }, "WATCH", watched)
	}
	exactly := func(text string) func([]byte) error {
		return func(reply []byte) error { return c.isOneOf(reply, text) }
	}
	c.send(exactly("+OK\r\n"), "MULTI")
	c.send(exactly("+QUEUED\r\n"), "INCR", tag+"a")
	c.send(exactly("+QUEUED\r\n"), "PING")
	c.send(exactly("+QUEUED\r\n"), "INCR", tag+"b")
	a, b := c.books.counter(tag+"a"), c.books.counter(tag+"b")
	c.send(func(reply []byte) error {
		done := bytes.HasPrefix(reply, []byte("*3\r\n:"))
		a.note(reply, done)
		b.note(reply, done)
		switch words := strings.Split(string(reply), "\r\n"); {
		case done && (words[1] != words[3] || words[2] != "+PONG"):
			return fmt.Errorf("a transaction is cut into pieces")
		case watched != "":
			return c.mayFail(reply, "*3\r\n:", "*-1\r\n", "_\r\n")
		}
		return c.mayFail(reply, "*3\r\n:")
	}, "EXEC")
}

func (c *stray) pop(args ...string) {
	c.send(func(reply []byte) error {
		if words := elements(reply); bytes.HasPrefix(reply, []byte("*2\r\n")) {
			taken, sent := c.books.pushed[words[1]]
			if taken || !sent {
				return fmt.Errorf("the element was popped before, or never pushed")
			}
			c.books.pushed[words[1]] = true
		}
		return c.mayFail(reply, "*2\r\n", "*-1\r\n", "_\r\n")
	}, args...)
}

func (b *books) counter(key string) *counter {
	if b.counts[key] == nil {
		b.counts[key] = &counter{}
	}
	return b.counts[key]
}

// note takes the outcome of a command that increments, unless it says otherwise.
func (k *counter) note(reply []byte, done bool) {
	switch {
	case done:
		k.acknowledged++
	case reply == nil || bytes.HasPrefix(reply, []byte("-UNCERTAIN ")):
		k.uncertain++
	}
}

func (c *stray) Data(b []byte) (used int) {
	for used < len(b) {
		n, err := element(b[used:])
		if n == 0 && err == nil {
			return used
		}
		if err == nil && len(c.awaited) == 0 {
			err = fmt.Errorf("a reply to nothing")
		}
		if err != nil {
			c.fail(err, b[used:])
			return len(b)
		}
		c.take(b[used : used+n])
		used += n
	}
	return used
}

func (c *stray) take(reply []byte) {
	now := c.awaited[0]
	c.awaited = c.awaited[1:]
	c.books.replies++
	if err := now.check(reply); err != nil {
		c.fail(fmt.Errorf("the reply to %q: %w", now.args, err), reply)
	}
	if len(c.awaited) == 0 {
		c.s.clients.After(c.s.between(0, 100*time.Millisecond), func() {
			if c.conn != nil && len(c.awaited) == 0 && !c.ended {
				c.pipeline()
			}
		})
	}
}

func (c *stray) fail(err error, reply []byte) {
	if c.books.fault == nil {
		c.books.fault = fmt.Errorf("client %d: %w (%.200q)", c.number, err, reply)
	}
}

func (c *stray) Drained()    {}
func (c *stray) HalfClosed() { c.conn.Abort() }

func (c *stray) Closed(error) {
	lost := c.awaited
	c.conn, c.awaited = nil, nil
	for _, a := range lost {
		_ = a.check(nil)
	}
	if !c.ended {
		c.s.clients.After(c.s.between(0, 20*time.Millisecond), c.start)
	}
}

// straying is one run of such clients.
func straying(seed uint64, trace io.Writer, m mutant) (*books, error) {
	s := newScene(seed, trace, options{servers: 3, loops: 1 + int(seed%2), leases: 3, tap: m.tap, front: m.front})
	b := &books{counts: map[string]*counter{}, pushed: map[string]bool{}}
	var all []*stray
	for i := range 8 {
		c := &stray{s: s, books: b, number: i, address: proxyAddress(i % len(s.loops)), left: 6}
		all = append(all, c)
		c.start()
	}
	s.trouble(time.Second, 2+s.w.Rand().IntN(5))
	over := func() bool {
		for _, c := range all {
			if !c.ended && b.fault == nil {
				return false
			}
		}
		return true
	}
	if !s.w.RunUntil(over, time.Minute) {
		return b, fmt.Errorf("after a minute a client still waits for a reply")
	}
	s.run(3 * time.Second) // whatever is still under way arrives
	if b.fault != nil {
		return b, b.fault
	}
	for key, k := range b.counts {
		text, _ := s.owner(key).Get(0, key)
		if n, _ := strconv.Atoi(text); n < k.acknowledged || n > k.acknowledged+k.uncertain {
			return b, &miscount{key, n, k.acknowledged, k.uncertain}
		}
		if twin, ok := strings.CutSuffix(key, "a"); ok && strings.HasSuffix(twin, "}") {
			if other, _ := s.owner(key).Get(0, twin+"b"); other != text {
				return b, fmt.Errorf("%s is %q, the counter of the same transactions %q", key, text, other)
			}
		}
	}
	return b, s.idle()
}

func TestClientsThatChangeTheirWayUnderFaultsAreToldWhatIsPossible(t *testing.T) {
	var replies, faults atomic.Int64
	explore(t, budget(2000, 20_000), func(seed uint64, trace io.Writer) error {
		b, err := straying(seed, trace, mutant{})
		replies.Add(int64(b.replies))
		faults.Add(int64(b.faults))
		return err
	})
	t.Logf("%d replies, %d of them of faults", replies.Load(), faults.Load())
	if _, _, replay := oneSeed(t); !replay && faults.Load() < replies.Load()/200 {
		t.Error("the runs are too quiet to tell anything")
	}
}

func TestAProxyThatResendsIsCaughtByClientsThatChangeTheirWay(t *testing.T) {
	const within = 100
	seed, err := firstFailure(within, func(seed uint64, trace io.Writer) error {
		_, err := straying(seed, trace, mutant{tap: resend})
		return err
	})
	var twice *miscount
	if !errors.As(err, &twice) || twice.stored <= twice.acknowledged+twice.uncertain {
		t.Fatalf("in %d seeds: %v", within, err)
	}
	t.Logf("seed %d: %v", seed, err)
}
