package main

import (
	"context"
	"slices"
	"sync"
	"time"
)

// closedLoop has clients that each do one operation after the other for the given
// time. do is called concurrently, with the number of the client and that of the
// operation; the first error ends the run.
func closedLoop(ctx context.Context, clients int, within time.Duration, do func(ctx context.Context, client, n int) error) (sample, int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	times := make([][]time.Duration, clients)
	began := time.Now()
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				start := time.Now()
				if start.Sub(began) >= within {
					return
				}
				if err := do(ctx, client, n); err != nil {
					cancel(err)
					return
				}
				times[client] = append(times[client], time.Since(start))
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	if err := context.Cause(ctx); err != nil {
		return sample{}, 0, err
	}
	sorted := slices.Concat(times...)
	slices.Sort(sorted)
	return sample{
		rps: float64(len(sorted)) / took.Seconds(),
		p50: percentile(sorted, 0.50), p99: percentile(sorted, 0.99),
	}, len(sorted), nil
}

// percentile is the given part of sorted times, in milliseconds; 0 if there are none.
func percentile(sorted []time.Duration, part float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	i := min(int(part*float64(len(sorted))), len(sorted)-1)
	return float64(sorted[i]) / float64(time.Millisecond)
}
