package app

import (
	"context"
	"slices"
	"sync"
	"time"

	"ringmain/config"
	"ringmain/discovery"
	"ringmain/health"
	"ringmain/proxy"
	"ringmain/router"
)

// buildDiscovery asks the sentinels of each pool that has some where its servers are. Those
// that are not known by then are found later.
func (a *App) buildDiscovery(s *servers) {
	var all sync.WaitGroup
	for name, pool := range a.cfg.Pools {
		if !pool.Discovered() {
			continue
		}
		timeout := time.Duration(pool.Health.Timeout)
		settings := discovery.Settings{
			Sentinels: pool.Sentinel.Addresses,
			Username:  pool.Sentinel.Auth.Username, Password: pool.Sentinel.Auth.Password.Reveal(),
			ClientName: "ringmain-" + a.incarnation, Timeout: timeout, Log: a.log.With("pool", name),
		}
		for _, n := range pool.Nodes {
			settings.Masters = append(settings.Masters, n.Master)
		}
		found := discovery.New(settings)
		s.found[name] = found
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 2*timeout)
			defer cancel()
			found.Ask(ctx)
		})
	}
	all.Wait()
	for name, found := range s.found {
		first := slices.IndexFunc(s.snapshot.Servers, func(server router.Server) bool { return server.Pool == name })
		for k := range a.cfg.Pools[name].Nodes {
			s.options[first+k].Address = found.Primary(k).Address
		}
	}
}

// follow has the servers of a pool followed to where the sentinels tell that they are.
func (h *watchers) follow(s *servers, w *watched, found *discovery.Watcher, pool *config.Pool) {
	probe := w.monitor.Probe
	w.monitor.Probe = func(ctx context.Context, k int) health.Outcome {
		if w.probers[k].Load() == nil {
			return health.Outcome{Kind: health.Failed, Reason: found.Unknown(k)}
		}
		return probe(ctx, k)
	}
	for _, i := range w.indices {
		opt := s.options[i]
		suspect := opt.Suspect
		opt.Suspect = func(refused bool) {
			suspect(refused)
			found.Soon()
		}
	}
	found.Moved = func(ctx context.Context, k int, to discovery.Answer) {
		w.monitor.Replace(ctx, k, "has moved to "+to.Address, func(v health.Verdict) {
			h.moved(ctx, s, w.indices[k], to, v)
			w.probe(k, health.NewProber(h.target(s, w.indices[k], to.Address, pool)))
		})
	}
	h.app.later = append(h.app.later, found.Run)
}

// moved has a server, given by its index in servers.all, be somewhere else: no loop uses the
// new place before all have left the old one.
func (h *watchers) moved(ctx context.Context, s *servers, server int, to discovery.Answer, v health.Verdict) {
	h.mu.Lock()
	from := h.addresses[server]
	h.addresses[server], h.statuses[server].Verdict = to.Address, v
	h.mu.Unlock()
	h.app.everywhere(ctx, func(c *proxy.Core) { c.Leave(server, "is no longer the primary") })()
	h.app.everywhere(ctx, func(c *proxy.Core) { c.Move(server, to.Address, "") })()
	opt := s.options[server]
	log := h.app.log.With("pool", opt.Pool, "node", opt.Name)
	if from == "" {
		log.Info("primary is known", "address", to.Address, "epoch", to.Epoch)
		return
	}
	log.Info("primary has moved", "from", from, "to", to.Address, "epoch", to.Epoch)
}
