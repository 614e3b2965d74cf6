package simtest

import (
	"time"

	"ringmain/internal/simredis"
	"ringmain/ioloop"
	"ringmain/resp"
	"ringmain/topology"
)

// The kinds of mishaps.
const (
	aCrash = iota
	aCrashAgain
	aDeathBefore
	aDeathAfter
	aQuickRestart
	aReset
	aResetInReply
	aCutThere
	aCutBack
	aHang
	aHangAgain
	aSlowLink
	aClientsReset
	aKill
	aKillAgain
	aFlap
	anEviction
	aLostMarker
	aClock
	aDrain
	anIntruder
	aSecondProxy
	aKillInCut
	aKillInHang
	aKillInCrash
	aKillAtMarker
	aLostAnswer
	aLostAnswerAndKill
	aLostOwnAnswerAndKill
	mishaps
)

// wreck makes faults happen over the next d.
func (f *fleet) wreck(d time.Duration, faults int) {
	rng := f.w.Rand()
	for range faults {
		host := f.servers[rng.IntN(len(f.servers))]
		kind := rng.IntN(mishaps)
		if favours := f.mutant.favours; len(favours) > 0 && rng.IntN(2) == 0 {
			kind = favours[rng.IntN(len(favours))]
		}
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
	case aCrash, aCrashAgain: // and comes back as it was, as it was some time ago, or empty
		f.crashes(host, lasts)
	case aDeathBefore: // dies as it begins to execute something
		host.before = func() { f.crashes(host, lasts) }
	case aDeathAfter: // dies when it has executed something and not answered
		host.after = func() { f.crashes(host, lasts) }
	case aQuickRestart: // is back before anybody knows
		f.crashes(host, f.between(0, 2*time.Millisecond))
	case aReset:
		f.w.ResetOne(proxyHost, name)
	case aResetInReply: // a connection breaks with an answer on its way
		host.after = func() {
			f.chaos.After(f.between(0, time.Millisecond), func() { f.w.ResetOne(proxyHost, name) })
		}
	case aCutThere:
		f.w.Partition(proxyHost, name, true)
		after(func() { f.w.Partition(proxyHost, name, false) })
	case aCutBack:
		f.w.Partition(name, proxyHost, true)
		after(func() { f.w.Partition(name, proxyHost, false) })
	case aHang, aHangAgain:
		host.Loop.Pause()
		after(host.Loop.Resume)
	case aSlowLink:
		factor := []float64{5, 50, 500}[rng.IntN(3)]
		f.w.Slow(proxyHost, name, factor)
		f.w.Slow(name, proxyHost, factor)
		after(func() {
			f.w.Slow(proxyHost, name, 1)
			f.w.Slow(name, proxyHost, 1)
		})
	case aClientsReset:
		f.w.ResetOne(clientHost, proxyHost)
	case aKill, aKillAgain:
		f.killFor(lasts / 4)
	case aFlap:
		for i := range 4 {
			f.chaos.After(time.Duration(2*i)*lasts/4, func() {
				if !f.closing {
					host.Loop.Pause()
				}
			})
			f.chaos.After(time.Duration(2*i+1)*lasts/4, host.Loop.Resume)
		}
	case anEviction:
		for range 1 + rng.IntN(4) {
			f.evicts(host)
		}
	case aLostMarker:
		if rng.IntN(2) == 0 {
			host.Remove(refuge, topology.MarkerKey)
		}
	case aClock:
		f.chaos.After(f.between(0, lasts), func() { f.clocks(host) })
	case aDrain:
		f.drains(host, lasts)
	case anIntruder: // writes where nobody may
		if f.kind.intruded {
			host.Set(refuge, "foreign", "x")
		}
	default:
		f.coincidence(kind, host, lasts)
	}
}

// coincidence is what befalls a server and the proxy at once, or at a step of the protocol.
func (f *fleet) coincidence(kind int, host *server, lasts time.Duration) {
	name := host.Loop.Host()
	soon := f.between(0, 50*time.Millisecond)
	after := func(d time.Duration, do func()) { f.chaos.After(d, do) }
	switch kind {
	case aSecondProxy:
		if f.kind.intruded {
			f.intrudes(host, lasts)
		}
	case aKillInCut: // what was sent arrives at the next proxy's time
		f.w.Partition(proxyHost, name, true)
		after(soon, func() { f.killFor(soon) })
		after(lasts, func() { f.w.Partition(proxyHost, name, false) })
	case aKillInHang:
		host.Loop.Pause()
		after(soon, func() { f.killFor(soon) })
		after(lasts, host.Loop.Resume)
	case aKillInCrash: // nobody sees that the server was away
		f.killFor(2 * soon)
		after(soon/2, func() { f.crashes(host, soon/2) })
	case aKillAtMarker:
		host.marked = func() { after(f.between(0, 30*time.Millisecond), func() { f.killFor(soon) }) }
	case aLostAnswer, aLostAnswerAndKill, aLostOwnAnswerAndKill: // to the writing of a marker
		f.returned = func(on *server, own bool) {
			if own != (kind == aLostOwnAnswerAndKill) {
				return
			}
			f.returned = nil
			name := on.Loop.Host()
			f.w.Logf("chaos", "the answer to a marker is lost")
			f.w.Partition(name, proxyHost, true)
			after(requestTimeout+soon/4, func() { f.w.Partition(name, proxyHost, false) })
			if kind != aLostAnswer {
				after(requestTimeout+2*soon, func() { f.killFor(soon) })
			}
		}
	}
}

// killFor kills the proxy, which is started anew after a while.
func (f *fleet) killFor(d time.Duration) {
	if f.closing {
		return
	}
	f.kill()
	f.chaos.After(d, func() {
		if f.proxy == nil {
			f.start()
		}
	})
}

// intrudes has a connection that is called like a proxy's.
func (f *fleet) intrudes(host *server, lasts time.Duration) {
	f.chaos.Dial(host.Address(), time.Second, &intruder{f: f, lasts: lasts})
}

type intruder struct {
	f     *fleet
	conn  ioloop.Conn
	lasts time.Duration
}

func (i *intruder) Opened(conn ioloop.Conn, err error) {
	if i.conn = conn; err != nil {
		return
	}
	conn.Write(resp.AppendCommand(nil, "CLIENT", "SETNAME", topology.NamePrefix+"another"))
	i.f.chaos.After(i.lasts, conn.Abort)
}

func (i *intruder) Data(b []byte) int { return len(b) }
func (i *intruder) Drained()          {}
func (i *intruder) HalfClosed()       { i.conn.Abort() }
func (i *intruder) Closed(error)      {}

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
	f.returned = nil
	for _, s := range f.servers {
		name := s.Loop.Host()
		s.before, s.after, s.marked = nil, nil, nil
		s.Remove(refuge, "foreign")
		s.Loop.Resume()
		f.w.Partition(proxyHost, name, false)
		f.w.Partition(name, proxyHost, false)
		f.w.Slow(proxyHost, name, 1)
		f.w.Slow(name, proxyHost, 1)
	}
}
