package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// series are the samples of one case on one target, one a round.
type series []sample

// median is the median of one number of the samples.
func (s series) median(of func(sample) float64) float64 { return median(s.values(of)) }

func (s series) values(of func(sample) float64) []float64 {
	v := make([]float64, len(s))
	for i := range s {
		v[i] = of(s[i])
	}
	return v
}

// The numbers of a sample.
func rps(s sample) float64 { return s.rps }
func p50(s sample) float64 { return s.p50 }
func p99(s sample) float64 { return s.p99 }
func cpu(s sample) float64 { return s.cpu }
func rss(s sample) float64 { return s.rss }

func serversCPU(s sample) float64 { return s.servers }
func loadCPU(s sample) float64    { return s.load }

// caseResult is what one case gave on each target, by name.
type caseResult struct {
	benchCase
	series map[string]series
}

// ratio is the median of the ratios ringmain/twemproxy of each round, NaN
// unless both were measured: the two ran right after each other, so a slow
// phase of the machine cancels.
func (r caseResult) ratio(of func(sample) float64) float64 {
	a, b := r.series[ringmain].values(of), r.series[twemproxy].values(of)
	var ratios []float64
	for i := range min(len(a), len(b)) {
		ratios = append(ratios, a[i]/b[i])
	}
	return median(ratios)
}

// comparison is everything a report shows.
type comparison struct {
	options
	started  time.Time
	took     time.Duration
	results  []caseResult
	idle     []idleResult
	startup  []startupResult
	failures []string
}

func runComparison(ctx context.Context, o options) error {
	f, err := newFleet()
	if err != nil {
		return err
	}
	defer f.close()
	if err := f.addTargets(ctx, o); err != nil {
		return err
	}
	c := &comparison{options: o, started: time.Now()}
	if c.startup, err = measureStartups(ctx, f, o); err != nil {
		return err
	}
	if o.idle > 0 {
		if err := c.measureIdle(ctx, f); err != nil {
			return err
		}
	}
	cases := fullCases()
	if o.quick {
		cases = quickCases()
	}
	if cases = matching(cases, o.only); len(cases) == 0 {
		return fmt.Errorf("no case has %q in its name", o.only)
	}
	err = c.measure(ctx, f, cases)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		c.failures = append(c.failures, context.Cause(ctx).Error()) // what was measured stays of use
	case err != nil:
		return err
	}
	c.took = time.Since(c.started)
	if err := c.write(); err != nil {
		return err
	}
	if len(c.failures) > 0 {
		return fmt.Errorf("%d measurements failed, see the report", len(c.failures))
	}
	return nil
}

// measure runs the cases, those of one size together: all keys are then of that
// size. Each size has a share of the time that is left.
func (c *comparison) measure(ctx context.Context, f *fleet, cases []benchCase) error {
	end, _ := ctx.Deadline()
	left := weigh(cases)
	for _, size := range sizes(cases) {
		var group []benchCase
		for _, one := range cases {
			if one.size == size {
				group = append(group, one)
			}
		}
		if err := f.preload(ctx, size); err != nil {
			return err
		}
		until := time.Now().Add(time.Until(end) * time.Duration(weigh(group)) / time.Duration(left))
		if err := c.measureGroup(ctx, f, group, until); err != nil {
			return err
		}
		left -= weigh(group)
	}
	return nil
}

// weigh is how long cases take, relative to others: redis-benchmark opens its
// connections slowly, 64 of them each 50 ms.
func weigh(cases []benchCase) int {
	sum := 0
	for _, c := range cases {
		sum += 1 + c.clients/2500
	}
	return sum
}

// directRounds is how often the reference is measured, which no ratio needs.
const directRounds = 2

// measureGroup runs the rounds of some cases, as many as fit before until.
func (c *comparison) measureGroup(ctx context.Context, f *fleet, group []benchCase, until time.Time) error {
	results := make([]caseResult, len(group))
	defer func() { c.results = append(c.results, results...) }()
	counts := make([]map[string]int, len(group))
	for i, one := range group {
		results[i] = caseResult{one, map[string]series{}}
	}
	for i, one := range group {
		var err error
		if counts[i], err = c.calibrate(ctx, f, one); err != nil {
			return err
		}
	}
	for round := range c.rounds {
		began := time.Now()
		if err := c.measureRound(ctx, f, results, counts, round); err != nil {
			return err
		}
		if time.Now().Add(time.Since(began)).After(until) && round+1 < c.rounds {
			fmt.Fprintf(os.Stderr, "no time for more than %d rounds\n", round+1)
			break
		}
	}
	return nil
}

// measureRound runs each case once on each target, in an order that changes from
// round to round.
func (c *comparison) measureRound(ctx context.Context, f *fleet, results []caseResult, counts []map[string]int, round int) error {
	for i, r := range results {
		for j := range f.targets {
			t := f.targets[(j+round)%len(f.targets)]
			n := counts[i][t.name]
			if n == 0 || t.name == direct && round >= directRounds {
				continue // it failed when calibrating, or was measured enough
			}
			s, err := measureOnce(ctx, t, r.benchCase, n)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				c.fail(r.benchCase, t, err)
				s = notMeasured()
			}
			r.series[t.name] = append(r.series[t.name], s)
		}
		fmt.Fprintf(os.Stderr, "%v  round %d/%d  %s\n", r.benchCase, round+1, c.rounds, progress(r))
	}
	return nil
}

func (c *comparison) fail(one benchCase, t *target, err error) {
	text := fmt.Sprintf("%v on %s: %v", one, t.name, err)
	fmt.Fprintln(os.Stderr, text)
	c.failures = append(c.failures, text)
}

// calibrate finds for each target how many requests take one slice of time. A
// target that fails gets none.
func (c *comparison) calibrate(ctx context.Context, f *fleet, one benchCase) (map[string]int, error) {
	counts := map[string]int{}
	for _, t := range f.targets {
		var n int
		var err error
		for try := 0; try < 2 && n == 0; try++ {
			n, err = requestsFor(ctx, t, one, c.slice)
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
		}
		if err != nil {
			c.fail(one, t, err)
		}
		counts[t.name] = n
	}
	return counts, nil
}

// requestsFor makes a short run to find how many requests fill the slice.
func requestsFor(ctx context.Context, t *target, one benchCase, slice time.Duration) (int, error) {
	least := one.clients * one.pipeline // one batch for each client
	n := 10000
	switch {
	case one.size >= 64<<10 && one.op == opMget:
		n = 500
	case one.size >= 64<<10:
		n = 3000
	case one.op == opMget && one.size > 64:
		n = 3000
	}
	s, err := benchmark(ctx, t.server.Addr(), one, max(n, least))
	if err != nil {
		return 0, err
	}
	return max(int(s.rps*slice.Seconds()), least), nil
}

// measureOnce runs one case on one target.
func measureOnce(ctx context.Context, t *target, one benchCase, n int) (sample, error) {
	before, err := cpuTime(t.server.Pid())
	if err != nil {
		return sample{}, err
	}
	s, err := benchmark(ctx, t.server.Addr(), one, n)
	if err != nil {
		return sample{}, err
	}
	after, err := cpuTime(t.server.Pid())
	if err != nil {
		return sample{}, err
	}
	s.cpu = float64(after-before) / float64(time.Microsecond) / float64(n)
	bytes, err := residentBytes(t.server.Pid())
	s.rss = float64(bytes) / (1 << 20)
	return s, err
}

// progress is the last round in short.
func progress(r caseResult) string {
	text := ""
	for _, name := range []string{ringmain, twemproxy, direct} {
		if s := r.series[name]; len(s) > 0 {
			last := s[len(s)-1]
			text += fmt.Sprintf(" %s %.0f/s %.2f µs", name, last.rps, last.cpu)
		}
	}
	return text
}
