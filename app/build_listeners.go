package app

import (
	"cmp"
	"net"
	"strconv"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"ringmain/ioloop"
	"ringmain/ioloop/epoll"
	"ringmain/resp"
	"ringmain/router"
)

// buildListeners binds all addresses, so that a taken one stops the start before
// anything is served.
func (a *App) buildListeners() error {
	for _, l := range a.cfg.Listeners {
		listener, err := epoll.Listen(l.Address)
		if err != nil {
			return wrap("listen on "+l.Address, err)
		}
		a.listeners = append(a.listeners, listener)
		a.onStop(listener.Close)
	}
	return nil
}

// serveListeners begins to accept clients.
func (a *App) serveListeners(s *servers) {
	admit := &admission{app: a, limit: a.clientLimit(len(s.options))}
	for i, l := range a.listeners {
		pool := a.cfg.Listeners[i].Pool
		scope, ok := s.snapshot.ScopeOf(pool)
		if !ok { // the configuration has been checked
			panic("no keys for listener " + l.Addr())
		}
		take := func(c *epoll.Accepted) { admit.take(c, scope) }
		ended := make(chan struct{})
		a.accepting = append(a.accepting, ended)
		a.work.Go(func() {
			defer close(ended)
			if err := l.Serve(take, admit.pausing); err != nil {
				a.fail(err)
			}
		})
		a.onStop(l.Close) // first of all, so that no client comes while the rest stops
		a.log.Info("listening", "address", l.Addr(), "pool", cmp.Or(pool, "by routes"), "loops", len(a.loops))
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
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return limit
	}
	// Each loop has up to two connections to a server, one for each protocol.
	reserved := spareFiles + 2*len(a.loops)*servers
	if most := int(min(files.Cur, 1<<30)) - reserved; most < limit {
		a.log.Warn("fewer clients than limits.clients can connect: the process may not open more files",
			"limits.clients", limit, "possible", max(1, most), "open_files", files.Cur)
		return max(1, most)
	}
	return limit
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
func (d *admission) take(c *epoll.Accepted, scope router.Scope) {
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
