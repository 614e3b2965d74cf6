package admin

import (
	"net/http"
	"runtime"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ringmain/metric"
	"ringmain/quorum"
)

// maxScrapes is how many answers with metrics are made at a time; who else asks is
// told to come later.
const maxScrapes = 4

// metrics is the route that tells all that is counted.
func (a *Admin) metrics() http.Handler {
	a.registry.MustRegister(
		collectors.NewGoCollector(),
		&seldom{Collector: collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})},
		newCollector(&a.opt, a.readers))
	return promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{
		// Without an ErrorLog: whoever reaches the listener could fill the log by
		// going away in the middle.
		MaxRequestsInFlight: maxScrapes,
		// What is asked for again and again over a short way costs less as it is.
		DisableCompression: true,
	})
}

// collector gives Prometheus what the loops have counted.
type collector struct {
	opt    *Options
	loops  *readers
	labels []string // of the loops
}

func newCollector(opt *Options, loops *readers) *collector {
	c := &collector{opt: opt, loops: loops}
	for _, l := range loops.all {
		c.labels = append(c.labels, strconv.Itoa(l.index))
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range descs.all {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	readings, fresh := c.loops.read()
	e := emitter{out}
	e.gauge(descs.build, 1, c.opt.Version, runtime.Version())
	if c.opt.Process != nil {
		e.process(c.opt.Process())
	}
	for i, r := range readings {
		e.loop(r, fresh[i], c.labels[i])
		if r != nil {
			for k := range r.Quorums {
				e.quorum(&r.Quorums[k])
			}
		}
	}
	servers := c.opt.Servers()
	total := sum(readings, len(c.opt.Families), len(servers))
	e.clients(&total)
	for i, family := range c.opt.Families {
		e.commands(&total.Commands[i], family)
	}
	for i, s := range servers {
		if s.Node != "" {
			// The path of a Unix socket, and so the name of a server, may be any bytes.
			e.server(&total.Servers[i], Server{strings.ToValidUTF8(s.Pool, "?"), strings.ToValidUTF8(s.Node, "?")})
		}
	}
}

// emitter turns numbers into metrics.
type emitter struct{ out chan<- prometheus.Metric }

func (e emitter) gauge(d *prometheus.Desc, v float64, labels ...string) {
	e.out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (e emitter) counter(d *prometheus.Desc, v uint64, labels ...string) {
	e.out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}

func (e emitter) process(p ProcessStats) {
	e.counter(descs.accepted, p.Accepted)
	for i, n := range p.Refused {
		e.counter(descs.refused, n, metric.Refusal(i).String())
	}
	e.gauge(descs.bufferLimit, float64(p.BufferLimit))
}

func (e emitter) loop(r *reading, fresh bool, label string) {
	if r == nil {
		r = &reading{}
	}
	e.gauge(descs.loopUp, oneIf(fresh), label)
	e.counter(descs.iterations, r.Iterations, label)
	e.gauge(descs.posted, float64(r.Posted), label)
	e.histogram(descs.lag, &r.lag, coarse, label)
}

func (e emitter) clients(total *LoopStats) {
	e.gauge(descs.connected, float64(total.Connected))
	e.counter(descs.clientReceived, total.Received)
	e.counter(descs.clientSent, total.Sent)
	e.counter(descs.authFailures, total.AuthFailures)
	for i, n := range total.Cut {
		e.counter(descs.cut, n, metric.Cut(i).String())
	}
	e.gauge(descs.buffers, float64(total.Buffers))
}

func (e emitter) commands(c *metric.Commands, family string) {
	for i, n := range c.Results {
		e.counter(descs.commands, n, family, metric.Result(i).String())
	}
	e.histogram(descs.commandDuration, &c.Duration, coarse, family)
}

func (e emitter) server(s *ServerStats, name Server) {
	e.gauge(descs.up, oneIf(!s.Down), name.Pool, name.Node)
	e.gauge(descs.inFlight, float64(s.InFlight), name.Pool, name.Node)
	e.gauge(descs.queued, float64(s.Queued), name.Pool, name.Node)
	e.gauge(descs.leases, float64(s.Leases), name.Pool, name.Node)
	e.counter(descs.reconnects, s.Reconnects, name.Pool, name.Node)
	e.counter(descs.serverReceived, s.Received, name.Pool, name.Node)
	e.counter(descs.serverSent, s.Sent, name.Pool, name.Node)
	for i, n := range s.Errors {
		e.counter(descs.serverErrors, n, name.Pool, name.Node, metric.ServerError(i).String())
	}
	e.histogram(descs.serverDuration, &s.Duration, fine, name.Pool, name.Node)
}

func (e emitter) quorum(q *QuorumStats) {
	for i := range q.Servers {
		s := &q.Servers[i]
		node := strings.ToValidUTF8(s.Name, "?")
		for _, state := range quorumStates {
			e.gauge(descs.quorumState, oneIf(s.State == state), q.Name, node, state)
		}
		for outcome, n := range s.Calls {
			e.counter(descs.quorumCalls, n, q.Name, node, outcomes[outcome])
		}
		e.gauge(descs.quorumInFlight, float64(s.InFlight), q.Name, node)
		e.counter(descs.quorumJumps, s.Jumps, q.Name, node)
	}
	e.counter(descs.quorumRepairs, q.Repaired, q.Name)
	e.counter(descs.lockAcquisitions, q.Locks.Granted, q.Name, "granted")
	e.counter(descs.lockAcquisitions, q.Locks.Held, q.Name, "held")
	e.counter(descs.lockAcquisitions, q.Locks.Failed, q.Name, "failed")
	e.counter(descs.lockSplits, q.Locks.Splits, q.Name)
	e.counter(descs.lockExtended, q.Locks.Extended, q.Name)
	e.counter(descs.lockReleased, q.Locks.Released, q.Name)
	e.gauge(descs.lockWaiting, float64(q.Locks.Waiting), q.Name)
	e.counter(descs.counterCommands, q.Counters.Commands, q.Name)
	e.counter(descs.counterRounds, q.Counters.Rounds, q.Name)
	e.counter(descs.counterConflicts, q.Counters.Conflicts, q.Name)
	e.counter(descs.counterFailures, q.Counters.NoQuorum, q.Name, "noquorum")
	e.counter(descs.counterFailures, q.Counters.Uncertain, q.Name, "uncertain")
	e.gauge(descs.counterWaiting, float64(q.Counters.Waiting), q.Name)
}

var (
	quorumStates = []string{quorum.StateVotes, quorum.StateQuarantine, quorum.StateRepair, quorum.StateBarred, quorum.StateDown}
	outcomes     = [...]string{quorum.Done: "done", quorum.NotDone: "not_done", quorum.Unknown: "unknown"}
)

// How many of a histogram's bounds become one of Prometheus': each is a series, of
// every sidecar there is. Bounds are then a factor of 2 or of 4 apart.
const (
	fine   = 1
	coarse = 2
)

// histogram gives buckets as Prometheus has them: each includes those before it.
func (e emitter) histogram(d *prometheus.Desc, h *metric.Histogram, step int, labels ...string) {
	buckets := make(map[float64]uint64, metric.Bounded)
	n := uint64(0)
	for i, b := range h.Buckets[:metric.Bounded] {
		n += b
		if i%step == 0 {
			buckets[metric.Bound(i)] = n
		}
	}
	e.out <- prometheus.MustNewConstHistogram(d, h.Count(), h.Sum, buckets, labels...)
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
