package app

import (
	"context"
	"crypto/tls"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"ringmain/config"
	"ringmain/health"
	"ringmain/proxy/local"
	"ringmain/router"
)

// watchers probe the servers of all pools, and know what is thought of each.
type watchers struct {
	app *App

	mu       sync.Mutex
	verdicts []health.Verdict // by the server's index in servers.all
}

// watched are a pool's servers, and how they are probed.
type watched struct {
	indices []int // in servers.all
	monitor *health.Monitor
	probers []*health.Prober
}

// buildHealth has each pool's servers judged, from when the loops run on.
func (a *App) buildHealth(s *servers) {
	a.health = &watchers{app: a, verdicts: make([]health.Verdict, len(s.options))}
	now := time.Now()
	for i := range a.health.verdicts {
		a.health.verdicts[i].Since = now
	}
	for name, pool := range a.cfg.Pools {
		a.health.add(s, name, pool, now)
	}
}

// add watches the servers of a pool.
func (h *watchers) add(s *servers, name string, pool *config.Pool, now time.Time) {
	w := &watched{}
	for i, server := range s.all {
		if server.Pool != name {
			continue
		}
		w.indices = append(w.indices, i)
		w.probers = append(w.probers, health.NewProber(h.target(s, i, server, pool)))
	}
	settings := health.Settings{
		Interval: time.Duration(pool.Health.Interval), Fall: pool.Health.Fall, Rise: pool.Health.Rise,
		Hold: time.Duration(pool.Health.Hold), HoldMax: time.Duration(pool.Health.HoldMax), Slow: time.Duration(pool.Timeouts.Slow),
	}
	n := len(w.probers)
	detector := health.NewDetector(n, settings, now, rand.Float64)
	for k, i := range w.indices {
		if s.isReplica(i) {
			detector.Doubt(k, "has yet to show that it is a replica")
			h.verdicts[i] = detector.Verdict(k)
		}
	}
	w.monitor = health.NewMonitor(detector, n)
	w.monitor.Probe = func(ctx context.Context, k int) health.Outcome { return w.probers[k].Probe(ctx) }
	w.monitor.Slow = func(k int) bool { return s.options[w.indices[k]].Learned.Slow() }
	for k, i := range w.indices {
		s.options[i].Suspect = func(refused bool) { w.monitor.Suspect(k, refused) }
	}
	h.app.later = append(h.app.later, func(ctx context.Context) error {
		w.monitor.Changed = func(c health.Change) { h.changed(ctx, s, w.indices[c.Server], c.Verdict) }
		err := w.monitor.Run(ctx)
		for _, p := range w.probers {
			_ = p.Close() // of a connection that carries nothing
		}
		return err
	})
}

// target is how a server is probed.
func (h *watchers) target(s *servers, i int, server router.Server, pool *config.Pool) health.Target {
	opt := s.options[i]
	t := health.Target{
		Network: "tcp", Address: server.Address, Username: opt.Username, Password: opt.Password,
		ClientName: opt.ClientName, Timeout: time.Duration(pool.Health.Timeout), Replica: s.isReplica(i),
	}
	if path, isUnix := strings.CutPrefix(server.Address, "unix:"); isUnix {
		t.Network, t.Address = "unix", path
	}
	if secrets := s.secrets[server.Pool]; secrets != nil {
		t.TLS = func() *tls.Config { return tlsFor(secrets, serverName(server, pool)) }
	}
	return t
}

// again is how long a loop that has no room for news is left alone.
const again = 10 * time.Millisecond

// changed makes a verdict known: to the log, to INFO, and to every loop.
func (h *watchers) changed(ctx context.Context, s *servers, i int, v health.Verdict) {
	h.mu.Lock()
	h.verdicts[i] = v
	h.mu.Unlock()
	server, reason := s.all[i], ""
	log := h.app.log.With("pool", server.Pool, "node", server.Name, "address", server.Address)
	if v.State == health.Down {
		reason = v.Reason
		log.Warn("server is down", "reason", "it "+v.Reason, "falls", v.Falls)
	} else {
		log.Info("server is up", "reason", "it "+v.Reason)
	}
	for _, w := range h.app.loops {
		for !w.loop.Post(func() { w.core.Judge(i, reason) }) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(again):
			}
		}
	}
}

// said are the verdicts for INFO.
func (h *watchers) said() []local.Verdict {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []local.Verdict
	for _, v := range h.verdicts {
		list = append(list, local.Verdict{Down: v.State == health.Down, Since: v.Since, Reason: v.Reason})
	}
	return list
}
