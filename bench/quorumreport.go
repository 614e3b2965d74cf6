package main

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"time"
)

// line is a ratio that is to hold.
type line struct {
	load        string
	side, other string
	number      string
	of          func(sample) float64
	atLeast     bool // more is better
	bound       float64
}

// lines are what locks and counters are measured by.
var lines = func() []line {
	all := []line{
		{hotP1, countersSide, plainSide, "throughput", rps, true, 0.7},
		{hotP1, countersSide, durableSide, "throughput", rps, true, 0.8},
		{hotP16, countersSide, durableSide, "throughput", rps, true, 1.2},
		{thousandKeys, countersSide, durableSide, "throughput", rps, true, 0.2},
		{hotP1, countersSide, durableSide, "p99", p99, false, 2},
		{hotP16, countersSide, durableSide, "p99", p99, false, 2},
		{lockPair + ", c=1", locksSide, redsyncSide, "p50", p50, false, 1.2},
		{fmt.Sprintf("%s, c=%d", lockPair, manyClients), locksSide, redsyncSide, "p50", p50, false, 1},
	}
	for _, n := range etcdClients {
		all = append(all, line{againstEtcd, countersSide, etcdSide(n), "throughput", rps, true, 10})
	}
	return all
}()

// held says whether a ratio is on the right side of the line.
func (l line) held(ratio float64) string {
	switch {
	case math.IsNaN(ratio):
		return "not measured"
	case l.atLeast == (ratio >= l.bound) || ratio == l.bound:
		return "held"
	}
	return "**missed**"
}

func (l line) text() string {
	if l.atLeast {
		return "at least " + short(l.bound)
	}
	return "at most " + short(l.bound)
}

func (r *quorumReport) fileName() string {
	if r.quick {
		return "quorum-quick.md"
	}
	return "quorum.md"
}

func (r *quorumReport) duel(name string) *duel {
	for _, d := range r.duels {
		if d.name == name {
			return d
		}
	}
	return nil
}

func (r *quorumReport) markdown() string {
	var b strings.Builder
	b.WriteString("# Locks and counters side by side with others\n\n")
	fmt.Fprintf(&b, "%s, %d CPUs (shared by clients, proxies and servers), %s, %s. Data on %s,\nwhere an fsync takes %v (median).\n\n",
		machine(), runtime.NumCPU(), runtime.Version(), r.started.Format(time.DateOnly), r.disk, r.fsync.Round(time.Microsecond))
	fmt.Fprintf(&b, "Counters and locks are kept by three redis-servers with `appendonly yes`, `appendfsync always` and `noeviction`; `plain` is\n"+
		"INCR through Ringmain on one redis-server. All proxies are Ringmain with %d loop(s). INCR comes from redis-benchmark with\n"+
		"%d clients, and the sum of the counters is checked after each run. A lock and its release are `SET NX PX` and the script of\n"+
		"Redis' documentation by EVALSHA, from go-redis, fencing off; redsync uses go-redis on the same three servers; nobody else\n"+
		"wants the lock. etcd has three members with their defaults, which sync their logs; its clients ask the leader, compare and\n"+
		"swap one key in one round trip a try, and count what succeeded.\n\n", r.loops, manyClients)
	fmt.Fprintf(&b, "Runs of about %v, the sides taking turns; medians of up to %d rounds, %v in all. A ratio is the median of the rounds'\n"+
		"ratios. CPU is user and system time for each operation: of the proxy, of all servers, and of whoever makes the load\n"+
		"(for redsync and etcd with what their libraries do).\n\n", r.slice, r.rounds, r.took.Round(time.Second))
	r.lineTable(&b)
	r.medianTable(&b)
	if len(r.failures) > 0 {
		b.WriteString("\n## Failed measurements\n\n")
		for _, f := range r.failures {
			fmt.Fprintf(&b, "- %s\n", f)
		}
	}
	return b.String()
}

func (r *quorumReport) lineTable(b *strings.Builder) {
	b.WriteString("## What is to hold\n\n| load | clients | number | ratio of | to | is | must be | |\n|---|---|---|---|---|---|---|---|\n")
	for _, l := range lines {
		d := r.duel(l.load)
		if d == nil {
			continue
		}
		ratio := d.ratio(l.side, l.other, l.of)
		fmt.Fprintf(b, "| %s | %d | %s | %s | %s | %s | %s | %s |\n", l.load, d.clients, l.number, l.side, l.other, short(ratio), l.text(), l.held(ratio))
	}
	b.WriteString("\n")
}

func (r *quorumReport) medianTable(b *strings.Builder) {
	b.WriteString("## Medians\n\n| load | side | operations/s | p50 ms | p99 ms | CPU µs/op: proxy | servers | load | rounds |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, d := range r.duels {
		for _, s := range d.sides {
			m := d.series[s.name]
			if len(m) == 0 {
				continue
			}
			fmt.Fprintf(b, "| %s | %s |", d.name, s.name)
			for _, of := range []func(sample) float64{rps, p50, p99, cpu, serversCPU, loadCPU} {
				fmt.Fprintf(b, " %s |", short(m.median(of)))
			}
			fmt.Fprintf(b, " %d |\n", len(m))
		}
	}
}
