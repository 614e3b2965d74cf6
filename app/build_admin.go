package app

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"ringmain/admin"
	"ringmain/metric"
	"ringmain/proxy"
)

// buildAdmin binds where the program speaks HTTP, so that a taken address stops
// the start, and serves there: also while clients drain.
func (a *App) buildAdmin(s *servers) error {
	a.admin = admin.New(admin.Options{
		Version: Version, Loops: a.adminLoops(), Families: proxy.Families(), Servers: func() []admin.Server { return a.adminServers(s) },
		Process: a.processStats, Operator: &operator{a, s}, Token: a.cfg.Admin.Token.Reveal(), Log: a.log,
	})
	ctx, cancel := context.WithCancel(context.Background())
	a.besideCtx = ctx
	a.onStop(func() error {
		cancel()
		a.beside.Wait()
		return nil
	})
	a.background(a.watch)
	for _, work := range a.later {
		a.background(work)
	}
	for _, l := range []struct {
		address, what string
		serve         func(context.Context, net.Listener) error
	}{
		{a.cfg.Admin.Address, "admin.address", a.admin.Serve},
		{a.cfg.Admin.ProbeAddress, "admin.probe_address", a.admin.ServeProbes},
	} {
		if l.address == "" {
			continue
		}
		listener, err := net.Listen(networkOf(l.address), l.address)
		if err != nil {
			return fmt.Errorf("listen on %s %s (choose another, or \"\" for none): %w", l.what, l.address, err)
		}
		a.background(func(ctx context.Context) error { return l.serve(ctx, listener) })
		a.log.Info("speaking HTTP", "address", listener.Addr().String(), "as", l.what)
		a.adminAddresses = append(a.adminAddresses, listener.Addr().String())
	}
	return nil
}

// networkOf keeps an IPv4 address, 0.0.0.0 too, from meaning IPv6 as well.
func networkOf(address string) string {
	host, _, _ := net.SplitHostPort(address)
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() {
		return "tcp4"
	}
	return "tcp"
}

// watch looks after the loops, and tells a service manager that asks for it
// (sd_watchdog_enabled(3)) that they turn.
func (a *App) watch(ctx context.Context) error {
	var work sync.WaitGroup
	defer work.Wait()
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		a.log.Warn("the service manager's watchdog is not fed", "cause", err)
	}
	if interval > 0 {
		work.Go(func() { a.feedWatchdog(ctx, interval/2) })
	}
	a.admin.Watch(ctx)
	return nil
}

func (a *App) feedWatchdog(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if a.admin.Alive() {
			a.notify(daemon.SdNotifyWatchdog)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// background runs f until the App stops; all such work stops together. An error of
// f's stops the App.
func (a *App) background(f func(context.Context) error) {
	a.beside.Go(func() {
		if err := f(a.besideCtx); err != nil {
			a.fail(err)
		}
	})
}

func (a *App) adminServers(s *servers) []admin.Server {
	var list []admin.Server
	for i, name := range a.health.named() {
		list = append(list, admin.Server{Pool: s.all[i].Pool, Node: name})
	}
	return list
}

func (a *App) adminLoops() []admin.Loop {
	var list []admin.Loop
	for _, w := range a.loops {
		list = append(list, w)
	}
	return list
}

// Post implements admin.Loop.
func (w *worker) Post(f func()) bool { return w.loop.Post(f) }

// Stats implements admin.Loop.
func (w *worker) Stats() admin.LoopStats {
	counted := w.core.Stats()
	stats := admin.LoopStats{
		Clients: counted.Clients, Connected: counted.Connected, Commands: counted.Commands,
		Iterations: w.loop.Iterations(), Posted: w.loop.Posted(), Buffers: w.loop.Memory(),
	}
	for _, s := range counted.Servers {
		stats.Servers = append(stats.Servers, admin.ServerStats{Server: s.Server, Down: s.Down, InFlight: s.InFlight, Queued: s.Queued, Leases: s.Leases})
	}
	for _, q := range w.quorums {
		stats.Quorums = append(stats.Quorums, q.stats())
	}
	return stats
}

// processStats are what the loops do not count.
func (a *App) processStats() admin.ProcessStats {
	stats := admin.ProcessStats{Accepted: uint64(a.nextID.last.Load()), BufferLimit: int(a.cfg.Limits.Memory)}
	stats.Refused[metric.RefusedMaxClients] = uint64(a.refused.Load())
	stats.Refused[metric.RefusedTLS] = uint64(a.refusedTLS.Load())
	for _, n := range stats.Refused {
		stats.Accepted += n
	}
	return stats
}
