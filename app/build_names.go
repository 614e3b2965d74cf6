package app

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"ringmain/config"
	"ringmain/discovery"
	"ringmain/health"
	"ringmain/proxy"
	"ringmain/router"
)

// names are those of a pool with discovery: dns.
type names struct {
	*discovery.Names
	scope router.Scope
	slots *discovery.Slots
}

const (
	// lookUp bounds the look-up of a name, and firstLookUp how long the start waits for all.
	lookUp      = 5 * time.Second
	firstLookUp = 2 * time.Second
)

// buildNames looks the names up of each pool that has such. What is not known by then is
// found later.
func (a *App) buildNames(s *servers) error {
	var all sync.WaitGroup
	for name, pool := range a.cfg.Pools {
		if !pool.ByDNS() {
			continue
		}
		settings := discovery.NameSettings{
			Resolver: resolver(pool.DNS.Server), Interval: time.Duration(pool.DNS.Interval), Timeout: lookUp, Log: a.log.With("pool", name),
		}
		for _, n := range pool.Nodes {
			settings.Names = append(settings.Names, n.Address)
		}
		scope, _ := s.snapshot.ScopeOf(name)
		n := &names{discovery.NewNames(settings), scope, discovery.NewSlots(discovery.MaxAddresses)}
		s.names[name] = n
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), firstLookUp)
			defer cancel()
			n.Ask(ctx)
		})
	}
	all.Wait()
	for name, n := range s.names {
		if len(n.Addresses()) == 0 {
			continue
		}
		c, err := n.take(s.snapshot, n.Addresses())
		if err != nil {
			return err
		}
		s.snapshot = s.snapshot.WithListing(n.scope, c.list)
		a.log.Info("servers are known", "pool", name, "servers", strings.Join(n.Addresses(), " "))
	}
	return nil
}

// resolver asks a DNS server, or whom the system asks.
func resolver(server string) *net.Resolver {
	if server == "" {
		return &net.Resolver{}
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, server)
	}}
}

// relisting is a change of a pool's servers.
type relisting struct {
	list *router.Listing
	came []router.Slot
	left []int    // slots
	gone []string // the addresses of those that leave
}

// take gives the servers at addresses their slots.
func (n *names) take(snapshot *router.Snapshot, addresses []string) (c relisting, err error) {
	var came []int
	came, c.left, c.gone = n.slots.Take(time.Now(), addresses)
	var slots []router.Slot
	n.slots.Each(func(i int, address string) {
		slot := router.Slot{Index: i, Name: address, Address: address}
		slots = append(slots, slot)
		if slices.Contains(came, i) {
			c.came = append(c.came, slot)
		}
	})
	c.list, err = snapshot.List(n.scope, slots)
	return c, err
}

// departed is why a server is not used any more.
const departed = "is gone: no name of the pool has its address any more"

// followNames has the servers of a pool be those that its names have.
func (h *watchers) followNames(s *servers, w *watched, n *names, pool *config.Pool) {
	w.monitor.Probe = func(ctx context.Context, k int) health.Outcome {
		if p := w.probers[k].Load(); p != nil {
			return p.Probe(ctx)
		}
		return health.Outcome{Kind: health.Failed, Reason: n.Unknown()}
	}
	for _, i := range w.indices {
		opt := s.options[i]
		suspect := opt.Suspect
		opt.Suspect = func(refused bool) {
			suspect(refused)
			n.Soon()
		}
	}
	n.Changed = func(ctx context.Context, addresses []string) { h.relist(ctx, s, w, n, pool, addresses) }
	h.app.later = append(h.app.later, n.Run)
}

// relist has a pool have other servers. No loop places keys by the new list before all have
// stopped sending by the old one. The health checks say nothing of those that leave from
// before that on, nor of those that come until it is done.
func (h *watchers) relist(ctx context.Context, s *servers, w *watched, n *names, pool *config.Pool, addresses []string) {
	c, err := n.take(s.snapshot, addresses)
	if err != nil {
		h.app.fail(err) // the configuration and the bound on addresses do not allow it
		return
	}
	for _, k := range c.left {
		w.monitor.Retire(ctx, k)
		w.probe(k, nil)
	}
	h.app.everywhere(ctx, func(core *proxy.Core) { core.HoldPool(n.scope) })()
	var came []int
	for _, slot := range c.came {
		came = append(came, w.indices[slot.Index])
	}
	for _, k := range c.left {
		s.options[w.indices[k]].Learned.Forget()
	}
	h.app.everywhere(ctx, func(core *proxy.Core) { core.Relist(n.scope, c.list, came, departed) })()
	h.relisted(w, c)
	for _, slot := range c.came {
		i := w.indices[slot.Index]
		w.monitor.Replace(ctx, slot.Index, "has come", func(v health.Verdict) {
			h.mu.Lock()
			h.statuses[i] = status{Verdict: v}
			h.mu.Unlock()
			w.probe(slot.Index, health.NewProber(h.target(s, i, slot.Address, pool)))
		})
	}
	h.app.log.Info("servers have changed", "pool", s.options[w.indices[0]].Pool, "came", slotNames(c.came), "gone", strings.Join(c.gone, " "), "servers", len(addresses))
}

func slotNames(slots []router.Slot) string {
	var names []string
	for _, slot := range slots {
		names = append(names, slot.Name)
	}
	return strings.Join(names, " ")
}

// relisted notes which servers there are and where.
func (h *watchers) relisted(w *watched, c relisting) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, k := range c.left {
		h.names[w.indices[k]], h.addresses[w.indices[k]] = "", ""
	}
	for _, slot := range c.came {
		h.names[w.indices[slot.Index]], h.addresses[w.indices[slot.Index]] = slot.Name, slot.Address
	}
}

// probe has a server be probed by another prober, or, if that is nil, no more.
func (w *watched) probe(k int, by *health.Prober) {
	if old := w.probers[k].Swap(by); old != nil {
		_ = old.Close() // of a connection that carries nothing
	}
}
