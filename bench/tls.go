package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"ringmain/internal/certtest"
	"ringmain/internal/redistest"
)

// Names of the targets of -tls.
const (
	ringmainTLS = "ringmain with TLS"
	stunnel     = "twemproxy behind stunnel"
)

// tlsCases are loads of clients that pipeline.
var tlsCases = []benchCase{{opGet, 16, 50, 64}, {opSet, 16, 50, 64}}

// tlsTarget is what redis-benchmark talks to, with TLS or without.
type tlsTarget struct {
	name      string
	addr      string
	flags     []string            // of redis-benchmark
	processes []*redistest.Server // whose time counts
	results   map[benchCase]series
}

// cpuTime is what the target's processes have used.
func (t *tlsTarget) cpuTime() (time.Duration, error) {
	sum := time.Duration(0)
	for _, p := range t.processes {
		d, err := cpuTime(p.Pid())
		if err != nil {
			return 0, err
		}
		sum += d
	}
	return sum, nil
}

func (t *tlsTarget) measure(ctx context.Context, one benchCase, n int) error {
	before, err := t.cpuTime()
	if err != nil {
		return err
	}
	s, err := benchmark(ctx, t.addr, one, n, t.flags...)
	if err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	after, err := t.cpuTime()
	s.cpu = float64(after-before) / float64(time.Microsecond) / float64(n)
	t.results[one] = append(t.results[one], s)
	return err
}

// runTLS compares clients with TLS on Ringmain with clients without, and with
// twemproxy behind stunnel.
func runTLS(ctx context.Context, o options) error {
	f, err := newFleet()
	if err != nil {
		return err
	}
	defer f.close()
	dir, err := os.MkdirTemp("", "ringmain-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	targets, err := f.tlsTargets(ctx, o, dir)
	if err != nil {
		return err
	}
	if err := f.preload(ctx, tlsCases[0].size); err != nil {
		return err
	}
	counts := map[string]int{}
	for _, t := range targets {
		s, err := benchmark(ctx, t.addr, tlsCases[0], 50000, t.flags...)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		counts[t.name] = int(s.rps * o.slice.Seconds())
	}
	for round := range o.rounds {
		for _, one := range tlsCases {
			for i := range targets {
				t := targets[(i+round)%len(targets)]
				if err := t.measure(ctx, one, counts[t.name]); err != nil {
					return err
				}
			}
		}
		fmt.Fprintf(os.Stderr, "round %d/%d\n", round+1, o.rounds)
	}
	return writeResult(o.out, "tls.md", tlsReport(o, targets))
}

// tlsTargets starts the proxies. One Ringmain serves both kinds of clients.
func (f *fleet) tlsTargets(ctx context.Context, o options, dir string) ([]*tlsTarget, error) {
	authority, err := certtest.NewAuthority("bench")
	if err != nil {
		return nil, err
	}
	ca, err := authority.Write(dir, "ca")
	if err != nil {
		return nil, err
	}
	issued, err := authority.Issue("localhost", time.Hour)
	if err != nil {
		return nil, err
	}
	cert, key, err := issued.Write(dir, "server")
	if err != nil {
		return nil, err
	}
	binary := o.binary
	if binary == "" {
		if binary, err = f.build(ctx); err != nil {
			return nil, err
		}
	}
	secure, err := unusedAddress()
	if err != nil {
		return nil, err
	}
	p := ringmainProgram(binary, f.addresses(), o.loops)
	p.Args = withListener(p.Args, fmt.Sprintf("  - address: %s\n    tls: {cert_file: %q, key_file: %q}\n", secure, cert, key))
	ours, err := f.add(ringmain, p)
	if err != nil {
		return nil, err
	}
	if p, err = redistest.Twemproxy(f.addresses(), "ketama", "fnv1a_64"); err != nil {
		return nil, err
	}
	theirs, err := f.add(twemproxy, p)
	if err != nil {
		return nil, err
	}
	front, err := redistest.Launch(stunnelProgram(theirs.server.Addr(), cert, key))
	if err != nil {
		return nil, err
	}
	f.nodes = append(f.nodes, front) // to be closed with the rest
	flags := []string{"--tls", "--cacert", ca}
	var targets []*tlsTarget
	add := func(name, addr string, flags []string, processes ...*redistest.Server) {
		targets = append(targets, &tlsTarget{name, addr, flags, processes, map[benchCase]series{}})
	}
	add(ringmain, ours.server.Addr(), nil, ours.server)
	add(ringmainTLS, secure, flags, ours.server)
	add(stunnel, front.Addr(), flags, front, theirs.server)
	return targets, nil
}

// withListener adds a listener to the configuration that args writes.
func withListener(args func(int, string) ([]string, error), listener string) func(int, string) ([]string, error) {
	return func(port int, dir string) ([]string, error) {
		all, err := args(port, dir)
		if err != nil {
			return nil, err
		}
		file := filepath.Join(dir, "config.yaml")
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		return all, os.WriteFile(file, []byte(strings.Replace(string(text), "listeners:\n", "listeners:\n"+listener, 1)), 0o600)
	}
}

// stunnelProgram takes TLS off what goes to addr.
func stunnelProgram(addr, cert, key string) redistest.Program {
	return redistest.Program{
		Name: "stunnel", Path: "stunnel4", Missing: "stunnel4 not found: run `make deps`",
		Args: func(port int, dir string) ([]string, error) {
			file := filepath.Join(dir, "stunnel.conf")
			text := fmt.Sprintf("foreground = yes\npid =\nsyslog = no\ndebug = err\nsocket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\n"+
				"[redis]\naccept = 127.0.0.1:%d\nconnect = %s\ncert = %s\nkey = %s\n", port, addr, cert, key)
			return []string{file}, os.WriteFile(file, []byte(text), 0o600)
		},
	}
}

// unusedAddress is one that nobody listens on at the moment.
func unusedAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

var errNoPairs = errors.New("no rounds")

// pairRatio is the median of the rounds' ratios of throughput.
func pairRatio(a, b series) (float64, error) {
	var ratios []float64
	for i := range min(len(a), len(b)) {
		ratios = append(ratios, a[i].rps/b[i].rps)
	}
	if len(ratios) == 0 {
		return 0, errNoPairs
	}
	return median(ratios), nil
}

func tlsReport(o options, targets []*tlsTarget) string {
	var b strings.Builder
	b.WriteString("# Clients with TLS\n\n")
	fmt.Fprintf(&b, "%s, %d CPUs (shared by proxies, redis-servers and redis-benchmark), %s, %s. Runs of about %v, the targets\n"+
		"taking turns; medians of %d rounds. CPU is that of the proxy, with stunnel's where there is one.\n\n",
		machine(), runtime.NumCPU(), runtime.Version(), time.Now().Format(time.DateOnly), o.slice, o.rounds)
	b.WriteString(caseHeader + " target | commands/s | CPU µs/op | p50 ms | p99 ms | throughput of `" + ringmainTLS + "` to it |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, one := range tlsCases {
		for _, t := range targets {
			s := t.results[one]
			fmt.Fprintf(&b, "%s %s |", caseCells(one), t.name)
			for _, of := range []func(sample) float64{rps, cpu, p50, p99} {
				fmt.Fprintf(&b, " %s |", short(s.median(of)))
			}
			if ratio, err := pairRatio(targets[1].results[one], s); err == nil && t != targets[1] {
				fmt.Fprintf(&b, " %s |\n", short(ratio))
			} else {
				b.WriteString(" |\n")
			}
		}
	}
	return b.String()
}
