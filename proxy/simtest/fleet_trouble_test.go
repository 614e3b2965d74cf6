package simtest

import (
	"time"

	"ringmain/internal/simredis"
	"ringmain/topology"
)

// wreck makes faults happen over the next d.
func (f *fleet) wreck(d time.Duration, faults int) {
	rng := f.w.Rand()
	for range faults {
		host := f.servers[rng.IntN(len(f.servers))]
		kind := rng.IntN(20)
		at, lasts := f.between(0, d), f.between(time.Millisecond, 200*time.Millisecond)
		if rng.IntN(2) == 0 {
			lasts = f.between(100*time.Millisecond, 1500*time.Millisecond)
		}
		f.chaos.After(at, func() { f.mishap(kind, host, lasts) })
	}
}

func (f *fleet) mishap(kind int, host *server, lasts time.Duration) {
	if f.closing {
		return
	}
	rng := f.w.Rand()
	name := host.Loop.Host()
	after := func(do func()) { f.chaos.After(lasts, do) }
	switch kind {
	case 0, 1: // and comes back as it was, as it was some time ago, or empty
		f.crashes(host, lasts)
	case 2: // dies as it begins to execute something
		host.before = func() { f.crashes(host, lasts) }
	case 3: // dies when it has executed something and not answered
		host.after = func() { f.crashes(host, lasts) }
	case 4: // is back before anybody knows
		f.crashes(host, f.between(0, 2*time.Millisecond))
	case 5:
		f.w.ResetOne(proxyHost, name)
	case 6: // a connection breaks with an answer on its way
		host.after = func() {
			f.chaos.After(f.between(0, time.Millisecond), func() { f.w.ResetOne(proxyHost, name) })
		}
	case 7:
		f.w.Partition(proxyHost, name, true)
		after(func() { f.w.Partition(proxyHost, name, false) })
	case 8:
		f.w.Partition(name, proxyHost, true)
		after(func() { f.w.Partition(name, proxyHost, false) })
	case 9, 10:
		host.Loop.Pause()
		after(host.Loop.Resume)
	case 11:
		factor := []float64{5, 50, 500}[rng.IntN(3)]
		f.w.Slow(proxyHost, name, factor)
		f.w.Slow(name, proxyHost, factor)
		after(func() {
			f.w.Slow(proxyHost, name, 1)
			f.w.Slow(name, proxyHost, 1)
		})
	case 12:
		f.w.ResetOne(clientHost, proxyHost)
	case 13, 14:
		f.kill()
		f.chaos.After(lasts/4, func() {
			if f.proxy == nil {
				f.start()
			}
		})
	case 15: // flaps
		for i := range 4 {
			f.chaos.After(time.Duration(2*i)*lasts/4, host.Loop.Pause)
			f.chaos.After(time.Duration(2*i+1)*lasts/4, host.Loop.Resume)
		}
	case 16:
		for range 1 + rng.IntN(4) {
			f.evicts(host)
		}
	case 17:
		if rng.IntN(2) == 0 {
			host.Remove(refuge, topology.MarkerKey)
		}
	case 18:
		f.chaos.After(f.between(0, lasts), func() { f.clocks(host) })
	case 19:
		f.drains(host, lasts)
	}
}

// crashes kills a server, which comes back after a while, sometimes busy with its data.
func (f *fleet) crashes(host *server, down time.Duration) {
	host.Crash()
	data := host.Snapshot()
	switch f.w.Rand().IntN(4) {
	case 0:
		data = simredis.Snapshot{}
	case 1:
		data = host.saved
	}
	died := f.w.Now()
	loads := f.w.Rand().IntN(4) == 0
	f.chaos.After(down, func() {
		host.Restart(data)
		for _, key := range f.keys { // lost, if the proxy is dead, too
			if f.owner(key) == host {
				f.history.Forget(died, f.w.Now(), key)
			}
		}
		if loads {
			host.Load(f.between(0, 300*time.Millisecond))
		}
	})
	if f.w.Rand().IntN(2) == 0 {
		host.saved = host.Snapshot()
	}
}

// dumps has servers save their data now and then.
func (f *fleet) dumps(until time.Duration) {
	f.chaos.After(f.between(0, time.Second), func() {
		host := f.servers[f.w.Rand().IntN(len(f.servers))]
		host.saved = host.Snapshot()
		if f.w.Now() < until {
			f.dumps(until)
		}
	})
}

func (f *fleet) evicts(host *server) {
	if _, key, ok := host.Evict(); ok {
		f.w.Logf(host.Address(), "evicts %s", key)
		f.history.Forget(f.w.Now(), f.w.Now(), key)
	}
}

func (f *fleet) clocks(host *server) {
	host.StepClock(f.between(-2*time.Second, 2*time.Second))
}

// drains has the operator take a server out for a while.
func (f *fleet) drains(host *server, lasts time.Duration) {
	for i, s := range f.servers {
		if s == host && f.proxy != nil {
			p := f.proxy
			p.steering.drain(i)
			f.chaos.After(lasts, func() { p.steering.undrain(i) })
		}
	}
}

// heal ends all that lasts.
func (f *fleet) heal() {
	for _, s := range f.servers {
		name := s.Loop.Host()
		s.before, s.after = nil, nil
		s.Loop.Resume()
		f.w.Partition(proxyHost, name, false)
		f.w.Partition(name, proxyHost, false)
		f.w.Slow(proxyHost, name, 1)
		f.w.Slow(name, proxyHost, 1)
	}
}
