package lock

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// collector is a client that takes several locks at once, and extends and releases them
// together, as some libraries do.
type collector struct {
	*chaos
	index    int
	identity *client // that the checker knows it by
	rate     float64
	request  Request
	held     []*belief
	begun    int
}

// ask has a proxy carry out an operation on the request, and tells its result, once.
func (c *collector) ask(operate func(e *Engine, r Request, done func(Result)) (cancel func()), reply func(r Result, decided time.Duration)) {
	p, request := c.proxies[c.random.IntN(len(c.proxies))], c.request
	c.begun++
	begun := c.begun
	told := func(r Result, decided time.Duration) {
		if begun == c.begun {
			c.begun++
			c.log("collector %d: %q: %+v", c.index, request, r)
			reply(r, decided)
		}
	}
	c.after(c.delay(), func() {
		p.do(func() {
			operate(p.engine, request, func(r Result) {
				decided := c.now
				c.after(c.delay(), func() {
					if !p.gone {
						told(r, decided)
					}
				})
			})
		})
	})
	c.after(3*time.Second, func() { told(failed("gone"), c.now) })
}

func (c *collector) idle() {
	c.held = nil
	if c.now < c.end {
		c.after(time.Duration(c.random.Int64N(int64(c.pace*300*time.Millisecond))), c.acquire)
	}
}

func (c *collector) acquire() {
	c.request = Request{Token: fmt.Sprintf("several%d", c.index), TTL: c.ttl()} // used again and again
	for _, i := range c.random.Perm(len(c.locks))[:1+c.random.IntN(len(c.locks))] {
		c.request.Keys = append(c.request.Keys, c.locks[i])
	}
	operate := (*Engine).Acquire
	if c.random.IntN(2) == 0 {
		operate = (*Engine).AcquireOrExtend
	}
	c.ask(operate, func(r Result, decided time.Duration) {
		if r.Verdict != Yes {
			c.idle()
			return
		}
		for _, k := range c.request.Keys {
			c.held = append(c.held, c.granted(c.identity, k, decided+c.lasts()))
		}
		c.use()
	})
}

func (c *collector) ttl() time.Duration {
	return 100*time.Millisecond + time.Duration(c.random.Int64N(int64(chaosMaxTTL-100*time.Millisecond))).Truncate(time.Millisecond)
}

// lasts is the TTL by the client's clock.
func (c *collector) lasts() time.Duration { return time.Duration(float64(c.request.TTL) / c.rate) }

func (c *collector) use() {
	c.after(time.Duration(c.random.Int64N(int64(max(c.held[0].until-c.now, 0)+5*time.Millisecond))), func() {
		if c.random.IntN(3) == 0 {
			c.extend()
			return
		}
		for _, b := range c.held {
			b.until = min(b.until, c.now)
		}
		c.ask((*Engine).Release, func(Result, time.Duration) { c.idle() })
	})
}

func (c *collector) extend() {
	c.request.TTL = c.ttl()
	for _, b := range c.held { // they may end earlier from now on
		b.until = min(b.until, c.now+c.lasts())
	}
	c.ask((*Engine).Extend, func(r Result, decided time.Duration) {
		for _, b := range c.held {
			if r.Verdict == Yes && b.valid(c.now) {
				c.extended++
				b.until = max(b.until, decided+c.lasts())
			}
		}
		c.use()
	})
}

// newSeveral is a quorum in trouble, most of whose clients take several locks.
func newSeveral(seed uint64, mutant string) *chaos {
	c := newChaos(seed, mutant)
	c.locks = []string{"lock:0", "lock:1", "lock:2"}
	for i := range 4 {
		k := &collector{chaos: c, index: i, identity: &client{index: 100 + i}, rate: c.rate()}
		c.after(0, k.idle)
	}
	c.clients = c.clients[:2]
	return c
}

func TestNoTwoClientsHoldOneOfSeveralLocksAtOnce(t *testing.T) {
	grants, extended := 0, 0
	for seed := uint64(1); seed <= 10; seed++ {
		c := newSeveral(seed, "")
		c.run(chaosLength)
		c.rest()
		if len(c.found) > 0 {
			t.Errorf("seed %d: %s", seed, strings.Join(c.found, "\n"))
		}
		grants, extended = grants+c.grants, extended+c.extended
	}
	t.Logf("%d grants, %d extended", grants, extended)
	if grants < 1000 || extended < 100 {
		t.Error("too little happened for this to tell anything")
	}
}

func TestWrongWaysWithSeveralLocksAreFound(t *testing.T) {
	for _, mutant := range []string{"no quarantine", "rollback of votes that were not created", "late deletes that do not look at the op"} {
		found := false
		for seed := uint64(1); seed <= 100 && !found; seed++ {
			c := newSeveral(seed, mutant)
			c.run(chaosLength)
			found = len(c.found) > 0
		}
		if !found {
			t.Errorf("%s: nothing is found", mutant)
		}
	}
}
