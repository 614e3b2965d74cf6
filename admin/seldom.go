package admin

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// seldomEvery is how old the metrics of a seldom collector may be.
const seldomEvery = time.Second

// seldom asks a collector once in a while, and repeats what it has said. That of
// the process reads files of the kernel, which takes longer than all the rest, and
// the longer the more clients there are. What the collector gives must be values,
// not something that is computed when it is written.
type seldom struct {
	prometheus.Collector

	mu    sync.Mutex
	asked time.Time
	said  []prometheus.Metric
}

// Collect implements prometheus.Collector.
func (s *seldom) Collect(out chan<- prometheus.Metric) {
	for _, m := range s.metrics() {
		out <- m
	}
}

// metrics are those of the last time, which are not changed.
func (s *seldom) metrics() []prometheus.Metric {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.said != nil && time.Since(s.asked) < seldomEvery {
		return s.said
	}
	all, said := make(chan prometheus.Metric), []prometheus.Metric{}
	go func() {
		defer close(all)
		s.Collector.Collect(all)
	}()
	for m := range all {
		said = append(said, m)
	}
	s.asked, s.said = time.Now(), said
	return said
}
