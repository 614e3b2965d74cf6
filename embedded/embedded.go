// Package embedded runs Redis servers inside the process, each on a loopback
// socket of its own, so that Ringmain can be tried out without Redis. They keep
// nothing: what they hold ends with the process.
//
// The commands are those of miniredis. This package puts a connection layer in
// front of it that a miniredis made for unit tests lacks: requests are bounded,
// a command that panics ends with an error, keys expire by the clock, and what
// Ringmain asks of every server when it connects (CLIENT ID, CLIENT KILL ID,
// INFO server) is answered as Redis does.
package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// MaxServers is how many servers one Start may ask for.
const MaxServers = 16

// tick is how often time passes for the servers' keys. A key may expire this
// much too early or too late, unless the servers are punctual.
const tick = 50 * time.Millisecond

// Servers are running embedded servers. Its methods may be called by any
// goroutine.
type Servers struct {
	list []*server
	stop chan struct{}
	done sync.WaitGroup
	once sync.Once
}

// Start runs n servers, 1 to MaxServers, until Close. What goes wrong in them is
// written to log.
func Start(n int, log *slog.Logger) (*Servers, error) { return start(n, log, false) }

// StartPunctual runs servers whose keys never expire too early, because time passes for
// them before each command, too. With many keys that expire that is slow.
func StartPunctual(n int, log *slog.Logger) (*Servers, error) { return start(n, log, true) }

func start(n int, log *slog.Logger, punctual bool) (*Servers, error) {
	if n < 1 || n > MaxServers {
		return nil, fmt.Errorf("embedded servers: must be 1 to %d, are %d", MaxServers, n)
	}
	s := &Servers{stop: make(chan struct{})}
	for range n {
		one, err := startServer(log, punctual)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("embedded server: %w", err), s.Close())
		}
		s.list = append(s.list, one)
	}
	s.done.Go(s.passTime)
	return s, nil
}

// Addrs are the servers' addresses, host:port, in a fixed order.
func (s *Servers) Addrs() []string {
	addrs := make([]string, len(s.list))
	for i, one := range s.list {
		addrs[i] = one.addr()
	}
	return addrs
}

// Close stops the servers, ends their connections and returns when all of their
// goroutines have ended. A second call does nothing. The error is always nil.
func (s *Servers) Close() error {
	s.once.Do(func() {
		close(s.stop)
		s.done.Wait()
		for _, one := range s.list {
			one.close()
		}
	})
	return nil
}

// passTime lets keys expire. Each pass goes over every key that has an expiry;
// where those are many it comes less often, so that time is left for commands.
func (s *Servers) passTime() {
	timer := time.NewTimer(tick)
	defer timer.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-timer.C:
		}
		now := time.Now()
		for _, one := range s.list {
			one.pass()
		}
		timer.Reset(max(tick, 10*time.Since(now)))
	}
}
