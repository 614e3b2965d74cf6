package app

import (
	"context"
	"crypto/tls"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ringmain/config"
	"ringmain/health"
	"ringmain/proxy"
	"ringmain/proxy/local"
	"ringmain/topology"
)

// watchers probe the servers of all pools, and know what is thought of each.
type watchers struct {
	app *App

	mu       sync.Mutex
	statuses []status // by the server's index in servers.all
	// names are the servers', "" where there is none; addresses are where they are now, "":
	// that is not known.
	names, addresses []string
}

// status is what is thought of a server, and what has become of its keys.
type status struct {
	health.Verdict
	rerouted bool
}

// word is up, down, or rerouted, if it is out and its keys live on others.
func (s status) word() string {
	if s.rerouted {
		return "rerouted"
	}
	return s.State.String()
}

// watched are a pool's servers, and how they are probed.
type watched struct {
	indices []int // in servers.all
	monitor *health.Monitor
	probers []atomic.Pointer[health.Prober] // nil: it is not known where the server is
}

// buildHealth has each pool's servers judged, from when the loops run on.
func (a *App) buildHealth(s *servers) {
	a.health = &watchers{app: a, statuses: make([]status, len(s.options))}
	now := time.Now()
	for i := range a.health.statuses {
		a.health.statuses[i].Since = now
		a.health.names = append(a.health.names, s.options[i].Name)
		a.health.addresses = append(a.health.addresses, s.options[i].Address)
	}
	for name, pool := range a.cfg.Pools {
		a.health.add(s, name, pool, now)
	}
}

// add watches the servers of a pool.
func (h *watchers) add(s *servers, name string, pool *config.Pool, now time.Time) {
	w := &watched{}
	for i, server := range s.all {
		if server.Pool == name {
			w.indices = append(w.indices, i)
		}
	}
	w.probers = make([]atomic.Pointer[health.Prober], len(w.indices))
	settings := health.Settings{
		Interval: time.Duration(pool.Health.Interval), Fall: pool.Health.Fall, Rise: pool.Health.Rise,
		Hold: time.Duration(pool.Health.Hold), HoldMax: time.Duration(pool.Health.HoldMax), Slow: time.Duration(pool.Timeouts.Slow),
	}
	detector := health.NewDetector(len(w.indices), settings, now, rand.Float64)
	w.monitor = health.NewMonitor(detector, len(w.indices))
	w.monitor.Probe = func(ctx context.Context, k int) health.Outcome { return w.probers[k].Load().Probe(ctx) }
	w.monitor.Slow = func(k int) bool { return s.options[w.indices[k]].Learned.Slow() }
	found, names := s.found[name], s.names[name]
	for k, i := range w.indices {
		opt := s.options[i]
		opt.Suspect = func(refused bool) { w.monitor.Suspect(k, refused) }
		switch {
		case opt.Name == "":
			detector.Retire(k)
		case opt.Address == "" && names != nil:
			detector.Doubt(k, names.Unknown())
		case opt.Address == "":
			detector.Doubt(k, found.Unknown(k))
		case s.isReplica(i):
			detector.Doubt(k, "has yet to show that it is a replica")
			fallthrough
		default:
			w.probers[k].Store(health.NewProber(h.target(s, i, opt.Address, pool)))
		}
		h.statuses[i].Verdict = detector.Verdict(k)
	}
	if found != nil {
		h.follow(s, w, found, pool)
	}
	if names != nil {
		h.followNames(s, w, names, pool)
	}
	h.app.later = append(h.app.later, func(ctx context.Context) error {
		w.monitor.Changed = func(c health.Change) { h.changed(ctx, s, w.indices[c.Server], c.Verdict) }
		err := w.monitor.Run(ctx)
		for i := range w.probers {
			w.probe(i, nil)
		}
		return err
	})
}

// target is how a server at address is probed.
func (h *watchers) target(s *servers, i int, address string, pool *config.Pool) health.Target {
	opt := s.options[i]
	t := health.Target{
		Username: opt.Username, Password: opt.Password,
		ClientName: opt.ClientName, Timeout: time.Duration(pool.Health.Timeout), Replica: s.isReplica(i),
	}
	t.Network, t.Address = dialled(address)
	if secrets := s.secrets[opt.Pool]; secrets != nil {
		t.TLS = func() *tls.Config { return tlsFor(secrets, serverName(address, &pool.Secure)) }
	}
	return t
}

// dialled is a configured address as package net takes it.
func dialled(address string) (network, at string) {
	if path, isUnix := strings.CutPrefix(address, "unix:"); isUnix {
		return "unix", path
	}
	return "tcp", address
}

// changed makes a verdict known: to the log, to INFO, and to every loop.
func (h *watchers) changed(ctx context.Context, s *servers, i int, v health.Verdict) {
	server, reason := s.all[i], ""
	if v.State == health.Down {
		reason = v.Reason
	}
	if rerouting := h.app.views[server.Pool]; rerouting != nil {
		rerouting.judge(ctx, i, reason) // which tells what becomes of it
		return
	}
	h.mu.Lock()
	h.statuses[i].Verdict = v
	name, address := h.names[i], h.addresses[i]
	h.mu.Unlock()
	log := h.app.log.With("pool", server.Pool, "node", name, "address", address)
	if v.State == health.Down {
		log.Warn("server is down", "reason", "it "+v.Reason, "falls", v.Falls)
	} else {
		log.Info("server is up", "reason", "it "+v.Reason)
	}
	h.app.everywhere(ctx, func(c *proxy.Core) { c.Judge(i, reason) })
}

// unused notes that a server of a pool that reroutes has yet to be taken over.
func (h *watchers) unused(i int) {
	h.statuses[i].Verdict = health.Verdict{State: health.Down, Since: h.statuses[i].Since, Reason: "is not in use yet"}
}

// used notes how a server of a pool that reroutes is used: that is what counts there.
func (h *watchers) used(i int, s topology.Status) {
	h.mu.Lock()
	defer h.mu.Unlock()
	was := h.statuses[i].Verdict
	now := health.Verdict{State: health.Down, Since: s.Since, Reason: s.Reason, Falls: was.Falls}
	if s.InUse {
		now.State = health.Up
	} else if was.State == health.Up {
		now.Falls++
	}
	h.statuses[i] = status{now, s.Rerouted}
}

// everywhere has f called on every loop. wait returns when all have called it, or when ctx
// ends.
func (a *App) everywhere(ctx context.Context, f func(*proxy.Core)) (wait func()) {
	done := make(chan struct{}, len(a.loops))
	for _, w := range a.loops {
		post(ctx, w.loop, func() {
			f(w.core)
			done <- struct{}{}
		})
	}
	return func() {
		for range a.loops {
			select {
			case <-ctx.Done():
			case <-done:
			}
		}
	}
}

// named are the servers' names now, by their index in servers.all; "": there is none.
func (h *watchers) named() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.names)
}

// all are the statuses as they are now, by the server's index in servers.all.
func (h *watchers) all() []status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.statuses)
}

// said are the statuses for INFO.
func (h *watchers) said() []local.Verdict {
	var list []local.Verdict
	for _, s := range h.all() {
		list = append(list, local.Verdict{Down: s.State == health.Down, State: s.word(), Since: s.Since, Reason: s.Reason})
	}
	return list
}
