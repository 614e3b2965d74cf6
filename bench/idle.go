package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"ringmain/internal/redistest"
)

// idleResult is what connections that do nothing cost a target.
type idleResult struct {
	target      string
	connections int
	fresh       float64 // bytes for each connection that never sent anything
	used        float64 // the same connections after one GET each
}

// maxSettle is how long a process has to give back what it does not need; less
// where measurements are short.
const maxSettle = 2 * time.Second

// measureIdle measures every proxy, after a little load that makes it allocate
// what it needs once.
func (c *comparison) measureIdle(ctx context.Context, f *fleet) error {
	n := c.options.idle
	if limit := int(fileLimit()); n > limit-200 {
		n = limit - 200
		fmt.Fprintf(os.Stderr, "only %d idle connections: this machine allows %d open files\n", n, limit)
	}
	for _, t := range f.targets {
		if !t.isProxy() {
			continue
		}
		if _, err := benchmark(ctx, t.server.Addr(), benchCase{opGet, 1, 50, 64}, 20000); err != nil {
			return err
		}
		r, err := measureIdleOn(ctx, t, n, min(c.slice, maxSettle))
		if err != nil {
			return fmt.Errorf("idle connections to %s: %w", t.name, err)
		}
		fmt.Fprintf(os.Stderr, "%s: %d idle connections, %.0f B each, %.0f B once used\n",
			t.name, n, r.fresh, r.used)
		c.idle = append(c.idle, r)
	}
	return nil
}

func measureIdleOn(ctx context.Context, t *target, n int, settle time.Duration) (idleResult, error) {
	r := idleResult{target: t.name, connections: n}
	before, err := settled(ctx, t, settle)
	if err != nil {
		return r, err
	}
	connections := make([]net.Conn, 0, n)
	defer func() {
		for _, c := range connections {
			_ = c.Close()
		}
	}()
	for range n {
		c, err := net.DialTimeout("tcp", t.server.Addr(), runLimit)
		if err != nil {
			return r, fmt.Errorf("connection %d: %w", len(connections)+1, err)
		}
		connections = append(connections, c)
		if ctx.Err() != nil {
			return r, context.Cause(ctx)
		}
	}
	fresh, err := settled(ctx, t, settle)
	if err != nil {
		return r, err
	}
	if err := useOnce(ctx, connections); err != nil {
		return r, err
	}
	used, err := settled(ctx, t, settle)
	r.fresh = float64(fresh-before) / float64(n)
	r.used = float64(used-before) / float64(n)
	return r, err
}

// settled is the memory of a target after a while without load.
func settled(ctx context.Context, t *target, settle time.Duration) (int64, error) {
	select {
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-time.After(settle):
	}
	return residentBytes(t.server.Pid())
}

// useOnce sends a GET on each connection and reads the reply.
func useOnce(ctx context.Context, connections []net.Conn) error {
	reply := make([]byte, 4096)
	for i, c := range connections {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			return err
		}
		key := fmt.Sprintf("idle:%d", i)
		if _, err := fmt.Fprintf(c, "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", len(key), key); err != nil {
			return err
		}
		n, err := c.Read(reply)
		if err != nil || string(reply[:n]) != "$-1\r\n" {
			return fmt.Errorf("connection %d: GET gave %q, %v", i, reply[:n], err)
		}
	}
	return nil
}

// startupResult is how long a proxy takes from its start to the first PONG.
type startupResult struct {
	target string
	median time.Duration
}

const startups = 5

func runStartup(ctx context.Context, o options) error {
	f, err := newFleet()
	if err != nil {
		return err
	}
	defer f.close()
	results, err := measureStartups(ctx, f, o)
	for _, r := range results {
		fmt.Printf("%-10s %v from start to the first reply, median of %d\n", r.target, r.median, startups)
	}
	return err
}

// measureStartups starts each proxy several times, in turn.
func measureStartups(ctx context.Context, f *fleet, o options) ([]startupResult, error) {
	var results []startupResult
	for _, name := range o.targets {
		if name == direct {
			continue
		}
		p, err := f.program(ctx, name, o)
		if err != nil {
			return nil, err
		}
		var times []float64
		for range startups {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			took, err := startupTime(p)
			if err != nil {
				return nil, err
			}
			times = append(times, took.Seconds())
		}
		d := time.Duration(median(times) * float64(time.Second)).Round(100 * time.Microsecond)
		results = append(results, startupResult{name, d})
	}
	return results, nil
}

// startupTime starts p until it has answered a PING. The time counts from the
// call of Args, right before the program is run.
func startupTime(p redistest.Program) (time.Duration, error) {
	var began time.Time
	args := p.Args
	p.Args = func(port int, dir string) ([]string, error) {
		a, err := args(port, dir)
		began = time.Now()
		return a, err
	}
	p.Ready = pong
	s, err := redistest.Launch(p)
	if err != nil {
		return 0, err
	}
	took := time.Since(began)
	s.Close()
	return took, nil
}
