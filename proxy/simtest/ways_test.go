package simtest

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringmain/ioloop"
	"ringmain/resp"
)

// A roamer is a client that changes its way all the time: transactions, watched
// keys, databases, protocols, waiting, subscriptions, tracking, scripts, replies that
// are not wanted. Its commands go out in pipelines, cut into pieces of any size, and
// whatever comes back is compared with what its twin said: the replies as one
// stream, and what answers no command as one stream for each channel, pattern and
// key, because only within those is there an order. It implements ioloop.Handler.
type roamer struct {
	s       *scene
	address string
	conn    ioloop.Conn
	helper  *helper
	course  *course
	step    int            // of course.steps, under way
	request []byte         // of the step, not sent yet
	begun   bool           // the step is
	helped  bool           // the errand of the step is done
	replies int            // that came
	pushes  map[string]int // that came, by stream
	flushed int            // replies when it was last told to forget all keys; -1: never
	fault   error
	done    bool
}

// course is all that a client does, with what must come of it.
type course struct {
	steps   []step
	replies []expected
	pushes  map[string][]expected // by stream, see streamOf
}

// step is one pipeline, or a command of another client that is answered before the
// next step begins.
type step struct {
	request []byte
	feeds   []errand // of the helper, at any time meanwhile
	help    *errand
	replies int // that must have come at its end
}

// errand is a command of the helper.
type errand struct {
	args []string
	to   string // the address: a proxy's or a server's
	db   int
}

// expected is something that the twin has sent.
type expected struct {
	args []string // of the command that brought it
	want []byte
	// prefix: want is only the beginning of it. What the proxy refuses, a twin does
	// not know.
	prefix bool
	step   int // it must have come at the end of, and not come before
	after  int // so many replies come first
	// begins or ends a subscription: a reply that belongs to a stream, too.
	begins bool
	// optional: it may be missing, because the client has unsubscribed, or ended its
	// tracking, before it came.
	optional bool
}

func (e *expected) matches(got []byte) bool {
	if e.prefix {
		return bytes.HasPrefix(got, e.want)
	}
	return sameReply(e.args, got, e.want)
}

func (r *roamer) start() { r.s.clients.Dial(r.address, time.Minute, r) }

func (r *roamer) Opened(conn ioloop.Conn, err error) {
	r.conn, r.fault = conn, err
	if err == nil {
		r.begin()
	}
}

// begin begins the next step that is not over by itself.
func (r *roamer) begin() {
	if r.step == len(r.course.steps) {
		r.done = true
		return
	}
	r.begun = true
	now := &r.course.steps[r.step]
	if now.help != nil {
		r.helper.run(now.help, func() {
			r.helped = true
			r.goOn()
		})
		return
	}
	for i := range now.feeds {
		r.s.clients.After(r.s.between(0, 3*time.Millisecond), func() { r.helper.run(&now.feeds[i], func() {}) })
	}
	r.request = now.request
	r.send()
}

// goOn goes on if the step is over.
func (r *roamer) goOn() {
	if r.fault != nil || !r.begun || !r.stepOver() {
		return
	}
	r.step++
	r.begun, r.helped = false, false
	r.s.clients.After(r.s.between(0, 2*time.Millisecond), r.begin)
}

// send sends the next piece, sooner or later.
func (r *roamer) send() {
	if r.fault != nil || len(r.request) == 0 {
		return
	}
	rng := r.s.w.Rand()
	n := min(len(r.request), 1+rng.IntN(1<<(3+rng.IntN(12))))
	r.conn.Write(r.request[:n])
	if r.request = r.request[n:]; len(r.request) > 0 {
		r.s.clients.After(r.s.between(0, time.Millisecond), r.send)
	} else {
		r.goOn() // nothing may have to come of it
	}
}

func (r *roamer) Data(b []byte) (used int) {
	for used < len(b) && r.fault == nil {
		n, err := element(b[used:])
		if err != nil {
			r.fault = err
			break
		}
		if n == 0 {
			return used
		}
		r.take(b[used : used+n])
		used += n
	}
	return len(b)
}

// take compares what came with what must come, and goes on when all of a step has.
func (r *roamer) take(got []byte) {
	stream, reply := streamOf(got)
	if stream != "" && (!reply || r.replies < len(r.course.replies) && r.course.replies[r.replies].begins) {
		r.takePush(stream, got)
	}
	if reply && r.fault == nil {
		r.takeReply(got)
	}
	r.goOn()
}

func (r *roamer) takeReply(got []byte) {
	if r.replies >= r.asked() {
		r.fault = fmt.Errorf("a reply that nothing was sent for: %.100q", got)
		return
	}
	want := &r.course.replies[r.replies]
	if !want.matches(got) {
		r.fault = fmt.Errorf("reply %d, to %.200q, is %.200q, want %.200q", r.replies+1, want.args, got, want.want)
	}
	r.replies++
}

// asked is how many replies there are to what the client has begun to send.
func (r *roamer) asked() int {
	switch {
	case r.begun:
		return r.course.steps[r.step].replies
	case r.step > 0:
		return r.course.steps[r.step-1].replies
	}
	return 0
}

func (r *roamer) takePush(stream string, got []byte) {
	list := r.course.pushes[stream]
	at := r.pushes[stream]
	if stream == allKeys { // by each server, or for the proxy's own reasons: so a client forgets too much
		for r.flushed = r.replies; at < len(list) && list[at].step <= r.step; at++ {
		}
		r.pushes[stream] = at
		return
	}
	// Invalidations of one key are all alike: they are counted.
	for !strings.HasPrefix(stream, allKeys) && at < len(list) && list[at].optional && !bytes.Equal(got[1:], list[at].want[1:]) {
		at++
	}
	switch {
	case at == len(list) || list[at].step > r.step:
		r.fault = fmt.Errorf("%.100q came from nowhere, after %d replies", got, r.replies)
	case !bytes.Equal(got[1:], list[at].want[1:]): // a message may come on either side of a HELLO
		r.fault = fmt.Errorf("on %q came %.200q, want %.200q, of %q", stream, got, list[at].want, list[at].args)
	case list[at].after > r.replies:
		r.fault = fmt.Errorf("%.200q came after %d replies, ahead of number %d, which it is about", got, r.replies, list[at].after)
	}
	r.pushes[stream] = at + 1
}

// stepOver reports whether all that the steps so far bring has come.
func (r *roamer) stepOver() bool {
	now := &r.course.steps[r.step]
	return len(r.request) == 0 && (now.help == nil || r.helped) && r.replies >= now.replies && r.missing() == nil
}

// missing is a push that the steps so far must bring, and have not; nil if there is
// none.
func (r *roamer) missing() *expected {
	for stream, list := range r.course.pushes {
		came := r.pushes[stream]
		if strings.HasPrefix(stream, allKeys) && stream != allKeys {
			for i := 0; i < len(list) && list[i].step <= r.step; i++ {
				if r.excused(&list[i]) {
					continue
				}
				if came--; came < 0 {
					return &list[i]
				}
			}
			continue
		}
		for i := came; i < len(list) && list[i].step <= r.step; i++ {
			if !list[i].optional {
				return &list[i]
			}
		}
	}
	return nil
}

// excused reports whether the invalidation of a key may be missing: also if the client
// was told to forget everything after it had read it.
func (r *roamer) excused(e *expected) bool { return e.optional || e.after <= r.flushed }

func (r *roamer) Drained()    {}
func (r *roamer) HalfClosed() { r.conn.Abort() }

func (r *roamer) Closed(err error) {
	if r.fault == nil && !r.done {
		r.fault = fmt.Errorf("the connection ends after %d replies: %w", r.replies, err)
	}
}

// awaited says what a roamer that does not get on waits for.
func (r *roamer) awaited() error {
	if r.replies < r.asked() {
		return fmt.Errorf("no reply number %d, to %.200q, comes: want %.200q", r.replies+1, r.course.replies[r.replies].args, r.course.replies[r.replies].want)
	}
	if e := r.missing(); e != nil {
		return fmt.Errorf("%.200q, of %.200q, does not come", e.want, e.args)
	}
	return fmt.Errorf("step %d of %d does not end", r.step, len(r.course.steps))
}

// allKeys is the stream of invalidations of everything; behind it stands the key in
// the names of the others.
const allKeys = "key "

// streamOf names the stream to which something that came belongs, if it is no mere
// reply. A confirmation of a subscription is a reply, too.
func streamOf(b []byte) (stream string, reply bool) {
	if b[0] != '>' && b[0] != '*' {
		return "", true
	}
	words := elements(b)
	if len(words) == 0 || len(words) == 1 && words[0] != "invalidate" {
		return "", true
	}
	switch word := words[0]; word {
	case "message":
		return "channel " + words[1], false
	case "pmessage":
		return "pattern " + words[1], false
	case "smessage":
		return "shard " + words[1], false
	case "invalidate": // keys, or all of them
		return allKeys + strings.Join(words[1:], " "), false
	case "subscribe", "unsubscribe":
		return "channel " + words[1], true
	case "psubscribe", "punsubscribe":
		return "pattern " + words[1], true
	case "ssubscribe", "sunsubscribe":
		return "shard " + words[1], true
	}
	return "", true
}

// elements are the strings in an array of one level or two.
func elements(b []byte) (words []string) {
	lines := strings.Split(string(b), "\r\n")
	for i := 0; i+1 < len(lines); i++ {
		if strings.HasPrefix(lines[i], "$") && lines[i] != "$-1" {
			words = append(words, lines[i+1])
			i++
		}
	}
	return words
}

// helper is another client, which does things for roamers, one after the other, on
// connections of its own.
type helper struct {
	s     *scene
	conns map[string]*helperConn
	fault error
}

// helperConn is one of its connections. It implements ioloop.Handler.
type helperConn struct {
	h       *helper
	conn    ioloop.Conn // nil: not open yet
	out     []byte
	waiting []func() // for each reply to come
}

// run does an errand and then calls done.
func (h *helper) run(e *errand, done func()) {
	key := fmt.Sprintf("%s/%d", e.to, e.db)
	c := h.conns[key]
	if c == nil {
		c = &helperConn{h: h}
		h.conns[key] = c
		h.s.clients.Dial(e.to, time.Minute, c)
		c.send([]string{"SELECT", strconv.Itoa(e.db)}, func() {})
	}
	c.send(e.args, done)
}

func (c *helperConn) send(args []string, then func()) {
	c.out = resp.AppendCommand(c.out, args...)
	c.waiting = append(c.waiting, then)
	c.flush()
}

func (c *helperConn) flush() {
	if c.conn != nil {
		c.conn.Write(c.out)
		c.out = nil
	}
}

func (c *helperConn) Opened(conn ioloop.Conn, err error) {
	if err != nil {
		c.h.fault = err
		return
	}
	c.conn = conn
	c.flush()
}

func (c *helperConn) Data(b []byte) (used int) {
	for used < len(b) {
		n, err := element(b[used:])
		if n == 0 || err != nil {
			return used
		}
		if b[used] == '-' {
			c.h.fault = fmt.Errorf("a helper is told %q", b[used:used+n])
		}
		used += n
		then := c.waiting[0]
		c.waiting = c.waiting[1:]
		then()
	}
	return used
}

func (c *helperConn) Drained()     {}
func (c *helperConn) HalfClosed()  { c.conn.Abort() }
func (c *helperConn) Closed(error) {}

// mutant is what is wrong with the proxy; the zero one is nothing.
type mutant struct {
	tap    tap
	front  func(ioloop.Loop, ioloop.Handler) ioloop.Handler
	course func(*course) // changes the order in which commands are executed
}

// roam is one run of clients that change their ways.
func roam(seed uint64, trace io.Writer, m mutant) error {
	s := newScene(seed, trace, options{servers: 3, loops: 1 + int(seed%2), leases: 4, tap: m.tap, front: m.front})
	rng := s.w.Rand()
	for _, host := range s.servers {
		s.w.Slow(proxyHost, host.Loop.Host(), 1+float64(rng.IntN(4)))
		s.w.Slow(host.Loop.Host(), proxyHost, 1+float64(rng.IntN(4)))
	}
	n := 1 + rng.IntN(4)
	var all []*roamer
	for i := range n {
		r := &roamer{
			s: s, address: proxyAddress(i % len(s.loops)), pushes: map[string]int{}, flushed: -1,
			helper: &helper{s: s, conns: map[string]*helperConn{}},
			course: compose(s, fmt.Sprintf("%d.%d", seed, i), n == 1),
		}
		if m.course != nil {
			m.course(r.course)
		}
		all = append(all, r)
		r.start()
	}
	for i, r := range all {
		s.w.RunUntil(func() bool { return r.fault != nil || r.helper.fault != nil || r.done }, 5*time.Minute)
		switch {
		case r.fault != nil:
			return fmt.Errorf("client %d: %w", i, r.fault)
		case r.helper.fault != nil:
			return fmt.Errorf("client %d: %w", i, r.helper.fault)
		case !r.done:
			return fmt.Errorf("client %d does not get on: %w", i, r.awaited())
		}
	}
	s.run(time.Second) // nothing more may come
	for i, r := range all {
		if r.fault != nil {
			return fmt.Errorf("client %d: %w", i, r.fault)
		}
		r.conn.CloseAfterFlush()
		for _, c := range r.helper.conns {
			c.conn.CloseAfterFlush()
		}
	}
	s.run(time.Second)
	return s.idle()
}

// idle is what a proxy without clients still holds for them.
func (s *scene) idle() error {
	for i, core := range s.cores {
		stats := core.Stats()
		for j, server := range stats.Servers {
			if server.Leases > 0 {
				return fmt.Errorf("loop %d has %d connections to server %d for nobody", i, server.Leases, j)
			}
			if server.InFlight > 0 || server.Queued > 0 {
				return fmt.Errorf("loop %d awaits %d replies of server %d, and %d bytes wait for it", i, server.InFlight, j, server.Queued)
			}
		}
		if stats.Connected > 0 {
			return fmt.Errorf("loop %d has %d clients after the last has left", i, stats.Connected)
		}
	}
	if held := s.memory.Held(); held > 16<<10 {
		return fmt.Errorf("%d bytes are held for nobody", held)
	}
	return nil
}

func TestClientsThatChangeTheirWayAreAnsweredAsByOneRedis(t *testing.T) {
	explore(t, budget(2000, 20_000), func(seed uint64, trace io.Writer) error { return roam(seed, trace, mutant{}) })
}
