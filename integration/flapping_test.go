package integration

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringmain/config"
	"ringmain/internal/redistest"
)

// changes is how often the log says that a server's state has changed.
func (st *stage) changes() (n int) {
	log := st.proxy.log.String()
	for _, message := range []string{"server is down", "server is up", "server is out, its", "server is used again"} {
		n += strings.Count(log, `msg="`+message)
	}
	return n
}

// downPolicies are what a pool may do with the keys of a server that is down.
var downPolicies = map[string]option{"fail": func(*config.Config) {}, "reroute": reroutes}

// A server that comes and goes changes its state seldom: each fall holds twice as long
// as the one before. Keys of the others are served all the time.
func TestAServerThatFlapsChangesItsStateSeldom(t *testing.T) {
	for name, policy := range downPolicies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flaps(t, policy)
		})
	}
}

func flaps(t *testing.T, policy option) {
	flap, lasts, most := 150*time.Millisecond, 5*time.Second, 14
	if os.Getenv("RINGMAIN_TORTURE") != "" {
		flap, lasts = 500*time.Millisecond, time.Minute
	}
	relay := redistest.StartRelay(t, redistest.Start(t).Addr())
	others := startRedis(t, 2)
	proxy := start(t, servers[addresser](others[0], others[1], relay), loops(2), policy, func(c *config.Config) {
		// As by default, but for time: a flap is half an interval. Nobody is late: one that
		// flaps refuses.
		h := &mainPool(c).Health
		h.Interval, h.Hold, h.HoldMax = config.Duration(2*flap), config.Duration(2*flap), config.Duration(120*flap)
	})
	st := &stage{T: t, servers: others, proxy: proxy}
	var served, failed atomic.Int64
	done, clients := make(chan struct{}), sync.WaitGroup{}
	for n := range 2 {
		key := st.keyOn(t, n)
		w := dial(t, proxy.addr)
		clients.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := w.write([]byte(array("GET", key))); err != nil {
					t.Error(err)
					return
				}
				if reply, err := w.receive(); err != nil || reply != "$1\r\nv\r\n" {
					failed.Add(1)
				} else {
					served.Add(1)
				}
			}
		})
	}
	// Somebody asks the one that flaps, so that it is noticed.
	asking := dial(t, proxy.addr)
	clients.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			default:
			}
			if err := asking.write([]byte(array("GET", fmt.Sprint("any:", n)))); err != nil {
				t.Error(err)
				return
			}
			if _, err := asking.receive(); err != nil {
				t.Error(err)
				return
			}
		}
	})
	end := time.Now().Add(lasts)
	for tick := time.NewTicker(flap); time.Now().Before(end); <-tick.C {
		relay.Down()
		<-tick.C
		if err := relay.Up(); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	clients.Wait()
	if n := st.changes(); n > most || n == 0 {
		t.Errorf("the server changed its state %d times in %v, at most %d", n, lasts, most)
	}
	if failed.Load() > 0 || served.Load() < 100 {
		t.Errorf("of the others' keys %d reads were served and %d failed", served.Load(), failed.Load())
	}
	t.Logf("%d changes in %v of flapping every %v; %d reads of the others", st.changes(), lasts, flap, served.Load())
}

// With every server gone errors come at once, nothing piles up, and when they are back
// everything is served soon, without a rush of connections.
func TestAllServersGoAndComeBack(t *testing.T) {
	for name, policy := range downPolicies {
		t.Run(name, func(t *testing.T) { goAndComeBack(t, name, policy) })
	}
}

func goAndComeBack(t *testing.T, name string, policy option) {
	var relays []addresser
	var links []*redistest.Relay
	for range 3 {
		relay := redistest.StartRelay(t, redistest.Start(t).Addr())
		relays, links = append(relays, relay), append(links, relay)
	}
	proxy := start(t, relays, loops(2), policy)
	st, w := &stage{T: t, proxy: proxy}, dial(t, proxy.addr)
	for i := range 100 {
		expect(t, "SET", w.do("SET", fmt.Sprint("key:", i), "v"), "+OK\r\n")
	}
	for _, r := range links {
		r.Down()
	}
	eventually(t, "all are down", func() bool { return st.changes() == 3 })
	before := heap()
	begin := time.Now()
	for i := range 20_000 {
		w.command("GET", fmt.Sprint("key:", i%100))
		if i%100 == 99 {
			for _, got := range w.replies(100) {
				if !strings.HasPrefix(got, "-CLUSTERDOWN ") {
					t.Fatalf("GET: %q", got)
				}
			}
		}
	}
	if took := time.Since(begin); took > gross {
		t.Errorf("20,000 errors took %v", took)
	}
	if grown := int64(heap()) - int64(before); grown > 16<<20 {
		t.Errorf("memory has grown by %d bytes", grown)
	}
	seen := make([]int, len(links))
	for i, r := range links {
		seen[i] = len(r.Links())
		if err := r.Up(); err != nil {
			t.Fatal(err)
		}
	}
	back := time.Now()
	for i := range 100 {
		eventually(t, "every key is served", func() bool {
			got := w.do("GET", fmt.Sprint("key:", i))
			return got == "$1\r\nv\r\n" || got == "$-1\r\n" && name == "reroute" // it may forget
		})
	}
	t.Logf("all keys were served %v after the servers came back", time.Since(back))
	for i, r := range links {
		// Each loop's connection and the prober's, with few attempts each.
		if n := len(r.Links()) - seen[i]; n > 12 {
			t.Errorf("server %d was connected to %d times", i, n)
		}
	}
}

// heap is how many bytes are in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}
