package simtest

import "time"

// trouble makes faults happen over the next d. Each is undone after a while, at
// most three deadlines.
func (s *scene) trouble(d time.Duration, faults int) {
	for range faults {
		host := s.servers[s.w.Rand().IntN(len(s.servers))]
		kind := s.w.Rand().IntN(9)
		at, lasts := s.between(0, d), s.between(time.Millisecond, 3*requestTimeout)
		s.chaos.After(at, func() { s.fault(kind, host, lasts) })
	}
}

func (s *scene) fault(kind int, host *server, lasts time.Duration) {
	after := func(f func()) { s.chaos.After(lasts, f) }
	loop := s.loops[s.w.Rand().IntN(len(s.loops))]
	switch kind {
	case 0:
		s.crash(host, lasts)
	case 1: // dies as it begins to execute something
		host.before = func() { s.crash(host, lasts) }
	case 2: // dies when it has executed something and not answered
		host.after = func() { s.crash(host, lasts) }
	case 3:
		s.w.ResetOne(proxyHost, host.Loop.Host())
	case 4: // a connection breaks with an answer on its way
		host.after = func() {
			s.chaos.After(s.between(0, time.Millisecond), func() { s.w.ResetOne(proxyHost, host.Loop.Host()) })
		}
	case 5:
		s.w.Partition(proxyHost, host.Loop.Host(), true)
		after(func() { s.w.Partition(proxyHost, host.Loop.Host(), false) })
	case 6:
		s.w.Partition(host.Loop.Host(), proxyHost, true)
		after(func() { s.w.Partition(host.Loop.Host(), proxyHost, false) })
	case 7:
		host.Loop.Pause()
		after(host.Loop.Resume)
	case 8:
		s.w.ResetOne(clientHost, loop.Host())
	}
}

// crash kills a server. What it has executed it still has after its restart.
func (s *scene) crash(host *server, down time.Duration) {
	host.Crash()
	s.chaos.After(down, func() { host.Restart(host.Snapshot()) })
}
