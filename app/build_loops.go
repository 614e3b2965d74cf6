package app

import (
	"context"
	"fmt"
	"time"

	"ringmain/proxy"
	"ringmain/resp"
)

// buildLoops makes the loops with their cores, and runs them.
func (a *App) buildLoops(s *servers) error {
	memory := proxy.NewMemory(int(a.cfg.Limits.Memory), a.cfg.Loops)
	peers := &proxy.Peers{}
	known := a.users()
	cfg := &proxy.Config{
		Limits: proxy.Limits{
			Request: resp.Limits{
				Request:   int(a.cfg.Limits.Request),
				Arguments: a.cfg.Limits.Arguments,
				Bulk:      resp.MaxBulk, Inline: resp.MaxInline,
			},
			ClientOutput: int(a.cfg.Limits.ClientOutput),
			ClientStall:  time.Duration(a.cfg.Timeouts.ClientStall),
		},
		Snapshot: s.snapshot, Servers: s.options, Readers: s.readers, Unserved: a.unserved(s), Preconnect: s.preconnect,
		Contracts: a.contracts, Locks: a.listOfLocks(),
		Local: a.answers(s, memory, peers, known), Users: known, Memory: memory, Peers: peers, Log: a.log,
	}
	for range a.cfg.Loops {
		loop, err := newLoop()
		if err != nil {
			return fmt.Errorf("event loop: %w", err)
		}
		a.run(&worker{loop: loop, core: proxy.NewCore(loop, cfg)})
	}
	return nil
}

// run runs a loop until the App stops.
func (a *App) run(w *worker) {
	a.loops = append(a.loops, w)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	a.work.Go(func() {
		defer close(ended)
		if err := w.loop.Run(ctx); err != nil {
			a.fail(err)
		}
	})
	a.onStop(func() error {
		late, stop := context.WithTimeout(context.Background(), time.Second)
		post(late, w.loop, w.core.Close)
		stop()
		cancel()
		<-ended
		return nil
	})
}
