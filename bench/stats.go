package main

import (
	"math"
	"slices"
)

// median is the middle of those of v that were measured, which NaN was not; NaN
// if there is none.
func median(v []float64) float64 {
	s := slices.DeleteFunc(slices.Sorted(slices.Values(v)), math.IsNaN)
	if len(s) == 0 {
		return math.NaN()
	}
	m := len(s) / 2
	if len(s)%2 == 1 {
		return s[m]
	}
	return (s[m-1] + s[m]) / 2
}

// interval is a ratio with its 95 % confidence interval.
type interval struct{ low, mid, high float64 }

// pairedRatio is the mean ratio new/old of pairs that were measured right after
// each other, with Student's interval on the logarithms: the machine's slow and
// quick phases hit both halves of a pair and cancel.
func pairedRatio(before, after []float64) interval {
	n := min(len(before), len(after))
	if n < 2 {
		return interval{math.NaN(), math.NaN(), math.NaN()}
	}
	logs, mean := make([]float64, n), 0.0
	for i := range n {
		logs[i] = math.Log(after[i] / before[i])
		mean += logs[i] / float64(n)
	}
	variance := 0.0
	for _, l := range logs {
		variance += (l - mean) * (l - mean) / float64(n-1)
	}
	half := studentT(n-1) * math.Sqrt(variance/float64(n))
	return interval{math.Exp(mean - half), math.Exp(mean), math.Exp(mean + half)}
}

// studentT is the two-sided 95 % quantile of Student's distribution, by the
// expansion of Cornish and Fisher, which is within 0.2 % from 5 degrees of
// freedom on and errs below that.
func studentT(degrees int) float64 {
	const z = 1.959963985
	d := float64(degrees)
	z3, z5, z7 := math.Pow(z, 3), math.Pow(z, 5), math.Pow(z, 7)
	return z + (z3+z)/(4*d) + (5*z5+16*z3+3*z)/(96*d*d) +
		(3*z7+19*z5+17*z3-15*z)/(384*d*d*d)
}

// relevant is the smallest difference that counts.
const relevant = 0.05

// verdict says what an interval shows. higherIsBetter holds for throughput, not
// for costs and latencies.
func (i interval) verdict(higherIsBetter bool) string {
	up, down := "better", "worse"
	if !higherIsBetter {
		up, down = down, up
	}
	switch {
	case math.IsNaN(i.mid):
		return "not measured"
	case i.low > 1+relevant:
		return up
	case i.high < 1-relevant:
		return down
	case i.low > 1-relevant && i.high < 1+relevant:
		return "same"
	}
	return "not shown"
}
