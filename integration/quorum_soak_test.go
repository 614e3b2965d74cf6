package integration

import (
	"os"
	"runtime"
	"testing"
	"time"

	"ringmain/internal/redistest"
)

// soakTime is how long locks and counters are used: RINGMAIN_SOAK=1h asks for an hour.
func soakTime(t *testing.T) time.Duration {
	if text := os.Getenv("RINGMAIN_SOAK"); text != "" {
		d, err := time.ParseDuration(text)
		succeed(t, err)
		return d
	}
	if torture() {
		return 5 * time.Minute
	}
	return 2 * time.Second
}

// allocated is how many bytes are in use, without what is only kept from others.
func allocated() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// allFences is how many registers the fencing numbers of all locks come from.
const allFences = 16

// Not parallel: it counts goroutines.
func TestLocksAndCountersLeaveNothingBehindButTheCountersRegisters(t *testing.T) {
	q := startQuorum(t, 3, keepsAll, 0)
	proxies := q.proxies(t, 2)
	names := map[string]bool{}
	use := func(seed uint64, lasts time.Duration) {
		locks := &lockLoad{clients: 8, keys: 500, fences: true, seed: seed}
		counters := &counterLoad{clients: 8, keys: 20, seed: seed}
		locks.run(proxies)
		counters.run(proxies)
		<-time.After(lasts)
		locks.end()
		counters.end()
		t.Log(locks)
		t.Log(counters)
		locks.check(t)
		counters.check(t, proxies[0].Addr())
		for name, changed := range counters.names {
			names[name] = names[name] || changed
		}
		if locks.taken.Load() == 0 || locks.numbered.Load() == 0 || counters.log.Counts().Answered == 0 {
			t.Error("nothing was used")
		}
		q.expectNoLock(t)
	}
	use(1, time.Second) // queues and tables are as large as they get
	// A connection that is made anew, on a busy machine, is not counted.
	goroutines := func() int {
		n := runtime.NumGoroutine()
		for _, s := range q.servers {
			n -= redistest.LinkGoroutines * len(live(s.relay))
		}
		return n
	}
	running, before := goroutines(), allocated()
	// An hour in pieces, so that what clients were told does not fill the memory.
	end := time.Now().Add(soakTime(t))
	for seed := uint64(2); time.Now().Before(end); seed++ {
		use(seed, min(time.Minute, time.Until(end)))
	}
	eventually(t, "goroutines are back", func() bool { return goroutines() <= running })
	for _, s := range q.servers {
		eventually(t, "a proxy has three connections to a server at most", func() bool { return len(live(s.relay)) <= 3*len(proxies) })
	}
	after := allocated()
	t.Logf("%d counters; heap before %d KiB, after %d KiB", len(names), before>>10, after>>10)
	// Proxies keep what they last knew of so many counters.
	if most := before + 4<<20 + uint64(min(len(names), 1<<14))*16<<10; after > most {
		t.Errorf("the heap has grown from %d to %d KiB", before>>10, after>>10)
	}
	all, fences := map[string]bool{}, map[string]bool{}
	for _, s := range q.servers {
		for name := range keysWith(t, s, counterRegister) {
			all[name] = true
			if _, named := names[name]; !named {
				t.Errorf("a register of a counter that nobody named: %s", name)
			}
		}
		for name := range keysWith(t, s, fenceRegister) {
			fences[name] = true
		}
	}
	if n := len(fences); n > allFences || torture() && n < allFences {
		t.Errorf("%d registers of fences, want %d", n, allFences)
	}
	for name, changed := range names {
		if changed && !all[name] {
			t.Errorf("no server has a register of %s", name)
		}
	}
}
