package app

import (
	"context"
	"net"

	"ringmain/admin"
	"ringmain/metric"
	"ringmain/proxy"
)

// buildAdmin binds where the program speaks HTTP, so that a taken address stops
// the start, and serves there. It is the last to stop: probes are answered while
// clients drain.
func (a *App) buildAdmin() error {
	a.admin = admin.New(admin.Options{
		Version: Version, Loops: a.adminLoops(), Families: proxy.Families(), Servers: a.adminServers(),
		Process: a.processStats, Log: a.log,
	})
	a.background(func(ctx context.Context) error {
		a.admin.Watch(ctx)
		return nil
	})
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
		listener, err := net.Listen("tcp", l.address)
		if err != nil {
			return wrap("listen on "+l.what+" "+l.address, err)
		}
		a.background(func(ctx context.Context) error { return l.serve(ctx, listener) })
		a.log.Info("speaking HTTP", "address", listener.Addr().String(), "as", l.what)
		a.adminAddresses = append(a.adminAddresses, listener.Addr().String())
	}
	return nil
}

// background runs f until the App stops. An error of f's stops the App.
func (a *App) background(f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	a.work.Go(func() {
		defer close(ended)
		if err := f(ctx); err != nil {
			a.fail(err)
		}
	})
	a.onStop(func() error {
		cancel()
		<-ended
		return nil
	})
}

func (a *App) adminServers() []admin.Server {
	var list []admin.Server
	for _, s := range a.snapshot.Servers {
		list = append(list, admin.Server{Pool: s.Pool, Node: s.Name})
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
		stats.Servers = append(stats.Servers, admin.ServerStats{Server: s.Server, Down: s.Down, InFlight: s.InFlight, Queued: s.Queued})
	}
	return stats
}

// processStats are what the loops do not count.
func (a *App) processStats() admin.ProcessStats {
	stats := admin.ProcessStats{Accepted: uint64(a.nextID.last.Load()), BufferLimit: int(a.cfg.Limits.Memory)}
	stats.Refused[metric.RefusedMaxClients] = uint64(a.refused.Load())
	stats.Accepted += stats.Refused[metric.RefusedMaxClients]
	return stats
}
