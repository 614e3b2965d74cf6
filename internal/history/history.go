// Package history checks what clients of a cache were told: a read returns the last
// acknowledged write of its key, one still in flight, or, where the key may have been
// forgotten, nothing. Never an older value.
//
// A test tells a History of each command as it is sent and as its outcome comes; the
// commands that it knows are in commands.go, all others mean nothing to it:
//
//	h := history.New()
//	call := h.Send(now(), session, "SET", "k", "v17")
//	call.Reply(now(), reply)    // nil, int64, string, []any or error; or Lost
//	...
//	if err := h.Check(); err != nil { ... }
//
// Times count from any beginning, on a simulated clock or a real one (time.Since). A
// command's is taken before it is sent, a reply's when it is there. A session is one
// connection, on which commands are executed in their order. A transaction is told of as
// one call, see SendAll.
//
// An answer UNCERTAIN, and a lost connection, leave a write open: it may take effect at any
// later time, and would excuse every old value. So the test closes it by Over as soon as
// it knows that the write can be executed no more: when its connection to the server was
// given up (what comes after that is fenced from it), or when its late reply has come; at the latest
// when all servers have answered on new connections (CloseAll). Any other error means that nothing was
// executed, and a read that returns the value of such a write is a fault.
//
// A key that is nothing while it should be something is a fault, unless the test has
// told that it may have been forgotten: its place changed, or it was evicted (Forget).
// Tests should see to it that enough reads returned something: see Stats.
//
// Values should be used once: a value that several writes have written, and numbers that
// an INCR without an answer may have written, excuse more.
package history

import (
	"errors"
	"math"
	"sync"
	"time"
)

const (
	never = time.Duration(math.MinInt64)
	ever  = time.Duration(math.MaxInt64)
)

// History is all that clients did and were told. Any goroutine may use it.
type History struct {
	mu    sync.Mutex
	calls []*Call // in the order in which they were sent
	gaps  []gap
	loose bool
}

// New is an empty history.
func New() *History { return &History{} }

// LooseClocks says that servers' clocks may be set, so that a key with a lifetime may be
// gone at any time.
func (h *History) LooseClocks() { h.loose = true }

// Forget says that keys may have been forgotten between from and to, whatever was
// written before to; no keys: all.
func (h *History) Forget(from, to time.Duration, keys ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(keys) == 0 {
		keys = []string{everyKey}
	}
	for _, k := range keys {
		h.gaps = append(h.gaps, gap{start: from, over: to, key: k})
	}
}

// CloseAll says that of the commands sent so far none can be executed after a time,
// unless its outcome is yet to come.
func (h *History) CloseAll(at time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.calls {
		if c.end != ever {
			c.over = min(c.over, at)
		}
	}
}

// Call is one command of a client.
type Call struct {
	h          *History
	commands   [][]string
	exec       bool // they are those of a transaction
	watched    []seen
	session    int
	number     int // in the order of all
	start, end time.Duration
	reply      any
	// over is when the command is known not to be executable any more.
	over time.Duration
}

// seen is what was read behind WATCH.
type seen struct {
	key   string
	reply any
}

// Send tells of a command that a session sends.
func (h *History) Send(at time.Duration, session int, args ...string) *Call {
	return h.send(&Call{start: at, session: session, commands: [][]string{args}})
}

// SendAll tells of the commands of a transaction, without MULTI and EXEC. Its reply is
// EXEC's, and at when EXEC is sent or earlier.
func (h *History) SendAll(at time.Duration, session int, commands [][]string) *Call {
	return h.send(&Call{start: at, session: session, commands: commands, exec: true})
}

func (h *History) send(c *Call) *Call {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.h, c.number = h, len(h.calls)
	c.reply, c.end, c.over = errLost, ever, ever
	h.calls = append(h.calls, c)
	return c
}

// Watched tells, of a transaction, what a read behind WATCH has found at a key: if the
// transaction is executed, that is still there.
func (c *Call) Watched(key string, reply any) {
	c.h.mu.Lock()
	defer c.h.mu.Unlock()
	c.watched = append(c.watched, seen{key, reply})
}

// Reply tells of the outcome.
func (c *Call) Reply(at time.Duration, reply any) {
	c.h.mu.Lock()
	defer c.h.mu.Unlock()
	c.end, c.reply = at, reply
}

// Lost tells that the connection broke before a reply came.
func (c *Call) Lost(at time.Duration) { c.Reply(at, errLost) }

var errLost = errors.New("UNCERTAIN the connection broke")

// Over tells that from a time on the command cannot be executed any more. It may be
// called before the outcome is told, and after.
func (c *Call) Over(at time.Duration) {
	c.h.mu.Lock()
	defer c.h.mu.Unlock()
	c.over = min(c.over, at)
}
