package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// abNumbers are what two builds are compared by.
var abNumbers = []struct {
	name           string
	of             func(sample) float64
	higherIsBetter bool
}{
	{"throughput", rps, true},
	{"CPU/op", cpu, false},
	{"p99", p99, false},
}

// runAB compares two binaries of Ringmain. Each pair starts both anew, so that
// luck in the layout of memory is part of what is averaged, and runs every case
// on one and then on the other, in alternating order.
func runAB(ctx context.Context, o options) error {
	f, err := newFleet()
	if err != nil {
		return err
	}
	defer f.close()
	cases := matching(abCases(o.quick), o.only)
	if len(cases) == 0 {
		return fmt.Errorf("no case has %q in its name", o.only)
	}
	var before, after [][]sample
	for range cases {
		before, after = append(before, nil), append(after, nil)
	}
	pairs := 0
	for began := time.Now(); pairs < o.pairs; pairs++ {
		deadline, _ := ctx.Deadline()
		spent := time.Since(began)
		if pairs >= minPairs && time.Until(deadline) < spent/time.Duration(pairs) {
			break
		}
		if err := abPair(ctx, f, o, cases, pairs, before, after); err != nil {
			return fmt.Errorf("pair %d: %w", pairs+1, err)
		}
		fmt.Fprintf(os.Stderr, "pair %d/%d after %v\n", pairs+1, o.pairs, time.Since(began).Round(time.Second))
	}
	text := abReport(o, cases, before, after)
	fmt.Print(text)
	return writeResult(o.out, "ab.md", text)
}

// abPair measures every case once on both builds.
func abPair(ctx context.Context, f *fleet, o options, cases []benchCase, pair int, before, after [][]sample) error {
	old, err := f.add("old", ringmainProgram(o.args[0], f.addresses(), o.loops))
	if err != nil {
		return err
	}
	defer f.remove(old)
	new, err := f.add("new", ringmainProgram(o.args[1], f.addresses(), o.loops))
	if err != nil {
		return err
	}
	defer f.remove(new)
	size := 0
	for i, one := range cases {
		if one.size != size {
			size = one.size
			if err := f.preload(ctx, size); err != nil {
				return err
			}
		}
		n, err := requestsFor(ctx, old, one, o.slice)
		if err != nil {
			return err
		}
		// What runs second finds warmer caches or a hotter machine.
		order, into := []*target{old, new}, []*[]sample{&before[i], &after[i]}
		if pair%2 == 1 {
			order[0], order[1], into[0], into[1] = new, old, into[1], into[0]
		}
		for j, t := range order {
			s, err := measureOnce(ctx, t, one, n)
			if err != nil {
				return fmt.Errorf("%v on the %s build: %w", one, t.name, err)
			}
			*into[j] = append(*into[j], s)
		}
	}
	return nil
}

func abReport(o options, cases []benchCase, before, after [][]sample) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Two builds of Ringmain\n\n%s; %s.\n\n", machine(), time.Now().Format(time.DateOnly))
	fmt.Fprintf(&b, "%d interleaved pairs of about %v, %d loops. Ratios are new / old with their 95 %% interval;\n"+
		"a difference counts only if all of the interval lies beyond %.0f %%. \"Not shown\": the interval\n"+
		"reaches into both, so more pairs are needed to tell.\n\n", len(before[0]), o.slice, o.loops, relevant*100)
	b.WriteString("| case | number | old | new | ratio | 95 % interval | verdict |\n|---|---|---|---|---|---|---|\n")
	for i, one := range cases {
		for _, number := range abNumbers {
			x, y := series(before[i]).values(number.of), series(after[i]).values(number.of)
			r := pairedRatio(x, y)
			fmt.Fprintf(&b, "| %v | %s | %s | %s | %.3f | %.3f to %.3f | %s |\n", one, number.name,
				short(median(x)), short(median(y)), r.mid, r.low, r.high, r.verdict(number.higherIsBetter))
		}
	}
	return b.String()
}
