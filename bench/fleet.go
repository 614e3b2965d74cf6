package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ringmain/internal/redistest"
)

// Names of the targets, as -targets and the results write them.
const (
	ringmain  = "ringmain"
	twemproxy = "twemproxy"
	direct    = "direct" // one redis-server without a proxy, as a reference
)

// servers is how many redis-servers stand behind a proxy.
const servers = 3

// target is what redis-benchmark talks to.
type target struct {
	name   string
	server *redistest.Server
}

func (t *target) isProxy() bool { return t.name != direct }

// fleet is everything that runs during a measurement.
type fleet struct {
	nodes   []*redistest.Server
	targets []*target
	scratch string // folder for a binary built here; empty if none
}

// newFleet starts the redis-servers, and no targets yet.
func newFleet() (*fleet, error) {
	f := &fleet{}
	for range servers {
		s, err := launchRedis()
		if err != nil {
			f.close()
			return nil, err
		}
		f.nodes = append(f.nodes, s)
	}
	return f, nil
}

func launchRedis() (*redistest.Server, error) {
	p, err := redistest.Redis("maxclients", "12000")
	if err != nil {
		return nil, err
	}
	return redistest.Launch(p)
}

// close ends every process of the fleet.
func (f *fleet) close() {
	for _, t := range f.targets {
		t.server.Close()
	}
	for _, s := range f.nodes {
		s.Close()
	}
	if f.scratch != "" {
		_ = os.RemoveAll(f.scratch)
	}
}

func (f *fleet) addresses() []string {
	var all []string
	for _, s := range f.nodes {
		all = append(all, s.Addr())
	}
	return all
}

// addTargets starts what the options name, in that order.
func (f *fleet) addTargets(ctx context.Context, o options) error {
	for _, name := range o.targets {
		p, err := f.program(ctx, name, o)
		if err != nil {
			return err
		}
		if _, err := f.add(name, p); err != nil {
			return err
		}
	}
	return nil
}

// add starts p as a target.
func (f *fleet) add(name string, p redistest.Program) (*target, error) {
	s, err := redistest.Launch(p)
	if err != nil {
		return nil, err
	}
	t := &target{name, s}
	f.targets = append(f.targets, t)
	return t, nil
}

// remove ends a target.
func (f *fleet) remove(t *target) {
	t.server.Close()
	f.targets = slices.DeleteFunc(f.targets, func(o *target) bool { return o == t })
}

func (f *fleet) program(ctx context.Context, name string, o options) (redistest.Program, error) {
	switch name {
	case ringmain:
		if o.binary != "" {
			return ringmainProgram(o.binary, f.addresses(), o.loops), nil
		}
		binary, err := f.build(ctx)
		return ringmainProgram(binary, f.addresses(), o.loops), err
	case twemproxy:
		return redistest.Twemproxy(f.addresses(), "ketama", "fnv1a_64")
	case direct:
		return redistest.Redis("maxclients", "12000")
	}
	return redistest.Program{}, fmt.Errorf("unknown target %q: want %s, %s or %s", name, ringmain, twemproxy, direct)
}

// build compiles Ringmain from this tree.
func (f *fleet) build(ctx context.Context) (string, error) {
	if f.scratch == "" {
		dir, err := os.MkdirTemp("", "ringmain-bench-")
		if err != nil {
			return "", err
		}
		f.scratch = dir
	}
	binary := filepath.Join(f.scratch, "ringmain")
	out, err := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", binary, "ringmain").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building Ringmain: %w\n%s", err, out)
	}
	return binary, nil
}

// ringmainProgram is Ringmain in front of nodes, with its defaults but for the
// number of loops and of clients, and the time that a request may take: as long
// as with twemproxy, which sets none. redis-benchmark keeps the servers
// saturated, and with 5,000 clients that pipeline a queue is over a second long.
func ringmainProgram(binary string, nodes []string, loops int) redistest.Program {
	return redistest.Program{
		Name: "ringmain", Path: binary,
		Args: func(port int, dir string) ([]string, error) {
			file := filepath.Join(dir, "config.yaml")
			text := fmt.Sprintf("listeners:\n  - address: 127.0.0.1:%d\nloops: %d\n"+
				"limits: {clients: 30000}\npools:\n  main:\n    timeouts: {request: %ds, slow: %[3]ds}\n    nodes: [%[4]s]\n",
				port, loops, int(runLimit.Seconds()), strings.Join(quoted(nodes), ", "))
			return []string{"--config", file}, writeWithoutAdmin(binary, file, text)
		},
		Ready: pong,
	}
}

// writeWithoutAdmin writes a configuration, with HTTP switched off as several run on
// one machine; a build that does not know that key yet goes without.
func writeWithoutAdmin(binary, file, text string) error {
	if err := os.WriteFile(file, []byte(text+"admin: {address: ''}\n"), 0o600); err != nil {
		return err
	}
	if exec.Command(binary, "check", "--config", file).Run() == nil {
		return nil
	}
	return os.WriteFile(file, []byte(text), 0o600)
}

func quoted(words []string) []string {
	q := make([]string, len(words))
	for i, w := range words {
		q[i] = fmt.Sprintf("%q", w)
	}
	return q
}

// pong returns nil once addr answers PING.
func pong(ctx context.Context, addr string) error {
	deadline, _ := ctx.Deadline()
	c, err := redistest.Dial(addr, time.Until(deadline))
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Do("PING")
	return err
}
