package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringmain/internal/redistest"
)

// torture asks for the tests' large budgets.
func torture() bool { return os.Getenv("RINGMAIN_TORTURE") != "" }

// count is what clients were told of the increments of one key.
type count struct{ acknowledged, uncertain, refused atomic.Int64 }

// incrementer is a client that never sends a command a second time.
type incrementer struct {
	addr   string
	counts []count // by key
	rng    *rand.Rand
	stop   <-chan struct{}
}

func counterKey(i int) string { return "counter:" + strconv.Itoa(i) }

// run increments keys until it is told to stop. An error is a reply that makes
// no sense.
func (c *incrementer) run() error {
	for {
		conn, err := redistest.Dial(c.addr, 0)
		if err != nil {
			return err
		}
		err = c.use(conn)
		_ = conn.Close()
		if err != nil {
			return err
		}
		select {
		case <-c.stop:
			return nil
		default:
		}
	}
}

// use increments on one connection until that breaks or the end.
func (c *incrementer) use(conn *redistest.Conn) error {
	for {
		select {
		case <-c.stop:
			return nil
		default:
		}
		i := c.rng.IntN(len(c.counts))
		if err := conn.SetDeadline(time.Now().Add(gross)); err != nil {
			return err
		}
		if c.rng.IntN(500) == 0 { // one that does not wait for the answer
			c.counts[i].uncertain.Add(1)
			_ = conn.Send("INCR", counterKey(i))
			_ = conn.Flush()
			return nil
		}
		v, err := conn.Do("INCR", counterKey(i))
		reply, isReply := err.(redistest.Error)
		switch {
		case err == nil:
			if _, ok := v.(int64); !ok {
				return fmt.Errorf("INCR was answered %#v", v)
			}
			c.counts[i].acknowledged.Add(1)
		case !isReply:
			return fmt.Errorf("a connection that did no harm was closed: %w", err)
		case strings.HasPrefix(string(reply), "UNCERTAIN "):
			c.counts[i].uncertain.Add(1)
		default: // not executed
			c.counts[i].refused.Add(1)
			<-time.After(time.Millisecond) // leave the CPU to those that have a server
		}
	}
}

// patient is a server with the relay before it.
type patient struct {
	*redistest.Server
	relay *redistest.Relay
}

// suffer makes one fault happen and undoes it.
func (p *patient) suffer(rng *rand.Rand) error {
	pause := func() { <-time.After(time.Duration(20+rng.IntN(400)) * time.Millisecond) }
	switch rng.IntN(6) {
	case 0, 1:
		p.Kill()
		pause()
		return p.Restart()
	case 2:
		if _, err := p.Do("CLIENT", "KILL", "TYPE", "normal"); err != nil {
			return err
		}
	case 3:
		for _, l := range live(p.relay) {
			l.Reset()
		}
	case 4:
		p.relay.Refuse()
		for _, l := range live(p.relay) {
			l.Cut()
		}
		pause()
		return p.relay.Up()
	case 5:
		d := redistest.Direction(rng.IntN(2))
		held := live(p.relay)
		for _, l := range held {
			l.Hold(d)
		}
		pause()
		for _, l := range held {
			l.Release(d)
		}
	}
	pause()
	return nil
}

// live are the connections through a relay that have not ended.
func live(r *redistest.Relay) (out []*redistest.Link) {
	for _, l := range r.Links() {
		select {
		case <-l.Done():
		default:
			out = append(out, l)
		}
	}
	return out
}

func TestIncrementsAreExecutedAtMostOnceUnderFaults(t *testing.T) {
	lasts := 6 * time.Second
	if torture() {
		lasts = time.Minute
	}
	for _, n := range []int{1, 2} {
		t.Run(fmt.Sprintf("%d loops", n), func(t *testing.T) {
			t.Parallel()
			incrementUnderFaults(t, n, lasts)
		})
	}
}

func incrementUnderFaults(t *testing.T, loopCount int, lasts time.Duration) {
	const clients, keys = 64, 24
	var patients []*patient
	var relays []*redistest.Relay
	for _, s := range startRedis(t, 3, "appendonly", "yes", "appendfsync", "always") {
		relay := redistest.StartRelay(t, s.Addr())
		patients, relays = append(patients, &patient{s, relay}), append(relays, relay)
	}
	r := start(t, servers(relays...), loops(loopCount), requestTimeout(200*time.Millisecond))
	counts := make([]count, keys)
	stop, failed := make(chan struct{}), make(chan error, clients+len(patients))
	var load, faults sync.WaitGroup
	for i := range clients {
		c := &incrementer{r.Addr(), counts, rand.New(rand.NewPCG(uint64(i), 1)), stop}
		load.Go(func() {
			if err := c.run(); err != nil {
				failed <- err
			}
		})
	}
	begin := time.Now()
	goesOn := func() bool { // on a busy machine little happens in that time
		past := time.Since(begin)
		return past < lasts || past < lasts+gross && !enough(counts)
	}
	var suffered atomic.Int64
	for i, p := range patients {
		rng := rand.New(rand.NewPCG(uint64(i), 2))
		faults.Go(func() {
			for ; goesOn(); suffered.Add(1) {
				if err := p.suffer(rng); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	faults.Wait()
	close(stop)
	load.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	r.stop()
	for _, p := range patients { // what was under way has arrived
		for _, l := range live(p.relay) {
			<-l.Done()
		}
	}
	t.Logf("%d faults", suffered.Load())
	checkCounts(t, patients, counts)
}

// enough reports whether so much has happened that it tells something.
func enough(counts []count) bool {
	var acknowledged, uncertain, refused int64
	for i := range counts {
		c := &counts[i]
		acknowledged += c.acknowledged.Load()
		uncertain += c.uncertain.Load()
		refused += c.refused.Load()
	}
	return acknowledged >= 200 && uncertain >= 20 && refused >= 20
}

// checkCounts holds what clients were told against what the servers have.
func checkCounts(t *testing.T, patients []*patient, counts []count) {
	var acknowledged, uncertain, refused int64
	for i := range counts {
		c := &counts[i]
		var stored int64
		for _, p := range patients {
			v, err := p.Do("GET", counterKey(i))
			if err != nil {
				t.Fatal(err)
			}
			if text, ok := v.(string); ok {
				n, err := strconv.ParseInt(text, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				stored += n
			}
		}
		if a, u := c.acknowledged.Load(), c.uncertain.Load(); stored < a || stored > a+u {
			t.Errorf("%s is %d, of which %d increments are acknowledged and %d uncertain", counterKey(i), stored, a, u)
		}
		acknowledged += c.acknowledged.Load()
		uncertain += c.uncertain.Load()
		refused += c.refused.Load()
	}
	t.Logf("%d increments acknowledged, %d uncertain, %d refused", acknowledged, uncertain, refused)
	if !enough(counts) {
		t.Error("too little happened to tell anything")
	}
}
