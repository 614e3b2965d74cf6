package app

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"ringmain/ioloop"
	"ringmain/resp"
	"ringmain/router"
)

// buildListeners binds all addresses, so that a taken one stops the start before
// anything is served.
func (a *App) buildListeners() error {
	for i, l := range a.cfg.Listeners {
		listener, err := listen(l.Address)
		if err != nil {
			return wrap("listen on "+l.Address, err)
		}
		a.listeners = append(a.listeners, listener)
		a.onStop(listener.Close)
		var secrets *certificates
		if l.Secure.On {
			if secrets, err = newCertificates(fmt.Sprintf("listeners[%d].tls", i), l.Secure.Files(), a.log, forClients); err != nil {
				return err
			}
		}
		a.secrets = append(a.secrets, secrets)
	}
	a.handshakes = newHandshakes(a.handshakeLimit(), (&complaints{app: a, said: map[string]time.Time{}}).refused)
	return nil
}

// serveListeners begins to accept clients.
func (a *App) serveListeners(s *servers) {
	admit := &admission{app: a, limit: a.clientLimit(s.likely())}
	a.onStop(a.handshakes.stop)
	for i, l := range a.listeners {
		pool := a.cfg.Listeners[i].Pool
		scope, ok := s.snapshot.ScopeOf(pool)
		if !ok { // the configuration has been checked
			panic("no keys for listener " + l.Addr())
		}
		take := func(c *netClient) { admit.take(c, scope) }
		if secrets := a.secrets[i]; secrets != nil {
			plain := take
			take = func(c *netClient) { a.handshakes.begin(c, l.Addr(), secrets.config, plain) }
		}
		ended := make(chan struct{})
		a.accepting = append(a.accepting, ended)
		a.work.Go(func() {
			defer close(ended)
			if err := l.Serve(take, admit.pausing); err != nil {
				a.fail(err)
			}
		})
		a.onStop(l.Close) // first of all, so that no client comes while the rest stops
		a.log.Info("listening", "address", l.Addr(), "pool", cmp.Or(pool, "by routes"), "tls", a.secrets[i] != nil, "loops", len(a.loops))
	}
}

// port is that of the first listener that has one, for INFO; else 0.
func (a *App) port() int {
	for _, l := range a.listeners {
		_, port, _ := net.SplitHostPort(l.Addr())
		if n, err := strconv.Atoi(port); err == nil { // the others are Unix sockets
			return n
		}
	}
	return 0
}

// spareFiles are descriptors beyond those of clients and servers' connections: 64 are for HTTP.
const spareFiles = 160

// clientLimit is limits.clients, or less if the process may not open so many
// files.
func (a *App) clientLimit(servers int) int {
	limit := a.cfg.Limits.Clients
	files, known := openFiles()
	if !known {
		return limit
	}
	// Each loop has up to two connections to a server, one for each protocol.
	reserved := spareFiles + 2*len(a.loops)*servers
	if a.speaksTLS() {
		reserved += 2 * a.handshakes.limit
	}
	if most := files - reserved; most < limit {
		a.log.Warn("fewer clients than limits.clients can connect: the process may not open more files",
			"limits.clients", limit, "possible", max(1, most), "open_files", files)
		return max(1, most)
	}
	return limit
}

// speaksTLS reports whether a listener does.
func (a *App) speaksTLS() bool {
	return slices.ContainsFunc(a.secrets, func(c *certificates) bool { return c != nil })
}

// handshakeLimit is maxHandshakes, or less if the process may not open so many
// files.
func (a *App) handshakeLimit() int {
	if files, known := openFiles(); known {
		return min(maxHandshakes, max(16, files/8))
	}
	return maxHandshakes
}

// ids numbers clients.
type ids struct{ last atomic.Int64 }

func (i *ids) next() int64 { return i.last.Add(1) }

// admission gives accepted clients to loops. Several listeners share one.
type admission struct {
	app    *App
	limit  int
	paused atomic.Int64
}

// refusedAtATime bounds the refused clients that are told why in good order;
// beyond it the reason may be lost to the reset that closes them.
const refusedAtATime = 128

// take gives a client, whose keys go to the pools of scope, to the loop with the
// fewest.
func (d *admission) take(c *netClient, scope router.Scope) {
	workers := d.app.loops
	best, total := workers[0], 0
	for _, w := range workers {
		total += w.loop.Clients()
		if w.loop.Clients() < best.loop.Clients() {
			best = w
		}
	}
	switch {
	case total < d.limit:
		c.Attach(best.loop, best.core.NewSession(d.app.nextID.next(), scope))
	case total < d.limit+refusedAtATime:
		d.app.refused.Add(1)
		c.Attach(best.loop, refusal{})
	default:
		d.app.refused.Add(1)
		c.Refuse(tooMany)
	}
}

// pausing says that the system is short of descriptors, the first time and at
// every hundredth.
func (d *admission) pausing(err error) {
	if n := d.paused.Add(1); n%100 == 1 {
		d.app.log.Error("cannot accept clients for the moment", "cause", err, "pauses", n)
	}
}

var tooMany = []byte("-" + resp.TextMaxClients + "\r\n")

// refusal is the handler of a client that is one too many.
type refusal struct{}

func (refusal) Opened(c ioloop.Conn, err error) {
	if err == nil {
		c.Write(tooMany)
		c.CloseAfterFlush()
	}
}
func (refusal) Data(b []byte) int { return len(b) }
func (refusal) Drained()          {}
func (refusal) HalfClosed()       {}
func (refusal) Closed(error)      {}
