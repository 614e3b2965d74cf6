package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"ringmain/internal/redistest"
)

// side is one of those that a duel measures.
type side struct {
	name string
	// run makes about as much load as fits into the given time, and returns how many
	// operations that were. It fails if the outcome is not the right one.
	run func(ctx context.Context, within time.Duration) (sample, int, error)
	// proxies and servers are those whose CPU time the operations cost.
	proxies, servers []*redistest.Server
}

// duel is one load on several sides, which take turns in each round.
type duel struct {
	name     string
	clients  int
	pipeline int
	sides    []side
	series   map[string]series
}

// warmUp is how long each side runs before the first round.
const warmUp = 300 * time.Millisecond

// run measures the rounds, as many as fit before until. What a side could not do is
// returned as text, and counts as not measured.
func (d *duel) run(ctx context.Context, o options, until time.Time) (failures []string, err error) {
	d.series = map[string]series{}
	for _, s := range d.sides {
		if _, err := s.measure(ctx, warmUp); err != nil && ctx.Err() == nil {
			failures = append(failures, fmt.Sprintf("%s, %s, warming up: %v", d.name, s.name, err))
		}
	}
	for round := range o.rounds {
		began := time.Now()
		for i := range d.sides {
			s := d.sides[(i+round)%len(d.sides)]
			m, err := s.measure(ctx, o.slice)
			if ctx.Err() != nil {
				return failures, context.Cause(ctx)
			}
			if err != nil {
				failures = append(failures, fmt.Sprintf("%s, %s: %v", d.name, s.name, err))
				m = notMeasured()
			}
			d.series[s.name] = append(d.series[s.name], m)
		}
		fmt.Fprintf(os.Stderr, "%s  round %d/%d %s\n", d.name, round+1, o.rounds, d.progress())
		if time.Now().Add(time.Since(began)).After(until) && round+1 < o.rounds {
			fmt.Fprintf(os.Stderr, "no time for more than %d rounds\n", round+1)
			break
		}
	}
	return failures, nil
}

// progress is the last round in short.
func (d *duel) progress() string {
	var b strings.Builder
	for _, s := range d.sides {
		last := d.series[s.name][len(d.series[s.name])-1]
		fmt.Fprintf(&b, " | %s %.0f/s p50 %.2f p99 %.2f ms", s.name, last.rps, last.p50, last.p99)
	}
	return b.String()
}

// ratio is the median of the ratios a/b of each round.
func (d *duel) ratio(a, b string, of func(sample) float64) float64 {
	if d == nil {
		return math.NaN()
	}
	x, y := d.series[a].values(of), d.series[b].values(of)
	var ratios []float64
	for i := range min(len(x), len(y)) {
		ratios = append(ratios, x[i]/y[i])
	}
	return median(ratios)
}

// measure runs the side once, with what it costs.
func (s side) measure(ctx context.Context, within time.Duration) (sample, error) {
	before, err := s.spent()
	if err != nil {
		return sample{}, err
	}
	m, n, err := s.run(ctx, within)
	if err != nil {
		return sample{}, err
	}
	after, err := s.spent()
	if n == 0 {
		return sample{}, errors.Join(err, errors.New("not one operation was completed"))
	}
	each := func(i int) float64 { return float64(after[i]-before[i]) / float64(time.Microsecond) / float64(n) }
	m.cpu, m.servers, m.load = each(0), each(1), each(2)
	return m, err
}

// spent is the CPU time used so far by the proxies, the servers, and whoever makes the
// load: this process and those it has waited for.
func (s side) spent() (used [3]time.Duration, err error) {
	for i, processes := range [][]*redistest.Server{s.proxies, s.servers} {
		for _, p := range processes {
			d, err := cpuTime(p.Pid())
			if err != nil {
				return used, fmt.Errorf("%s: %w", s.name, err)
			}
			used[i] += d
		}
	}
	used[2], err = ownCPUTime()
	return used, err
}
