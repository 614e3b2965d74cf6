package local

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// latencyLog holds, by event, when something took long. There are two events, as in
// Redis: command, and fast-command for those that should never take long.
type latencyLog map[string]*latencyEvent

type latencyEvent struct {
	max     int64           // of all that were ever added, in milliseconds
	samples []latencySample // the oldest first, at most one for each second
}

type latencySample struct{ at, ms int64 }

// maxSamples is how many Redis keeps of an event.
const maxSamples = 160

func (l *latencyLog) add(event string, at time.Time, ms int64) {
	if *l == nil {
		*l = latencyLog{}
	}
	e := (*l)[event]
	if e == nil {
		e = &latencyEvent{}
		(*l)[event] = e
	}
	e.max = max(e.max, ms)
	if last := len(e.samples) - 1; last >= 0 && e.samples[last].at == at.Unix() {
		e.samples[last].ms = max(e.samples[last].ms, ms)
		return
	}
	if len(e.samples) == maxSamples {
		e.samples = slices.Delete(e.samples, 0, 1)
	}
	e.samples = append(e.samples, latencySample{at.Unix(), ms})
}

// ofLatencies is an answer that looks at the latencies.
func ofLatencies(f func(c *Call, l latencyLog)) function {
	return func(a *Answers, c *Call) {
		a.Records.mu.Lock()
		defer a.Records.mu.Unlock()
		f(c, a.Records.latency)
	}
}

func latencyLatest(c *Call, l latencyLog) {
	c.array(len(l))
	for _, name := range slices.Sorted(maps.Keys(l)) {
		last := l[name].samples[len(l[name].samples)-1]
		c.array(4)
		c.bulk(name)
		c.integer(last.at)
		c.integer(last.ms)
		c.integer(l[name].max)
	}
}

func latencyHistory(c *Call, l latencyLog) {
	e := l[string(c.Args[2])]
	if e == nil {
		c.array(0)
		return
	}
	c.array(len(e.samples))
	for _, s := range e.samples {
		c.array(2)
		c.integer(s.at)
		c.integer(s.ms)
	}
}

// latencyReset is LATENCY RESET [event …].
func latencyReset(c *Call, l latencyLog) {
	had := len(l)
	if len(c.Args) == 2 {
		clear(l)
	}
	for _, name := range c.Args[2:] {
		delete(l, string(name))
	}
	c.integer(int64(had - len(l)))
}

// graphMarks are the levels that one row of LATENCY GRAPH tells apart.
var graphMarks = []byte("_o#")

// latencyGraph is LATENCY GRAPH: a column for each sample, the newest at the right.
func latencyGraph(c *Call, l latencyLog) {
	name := string(c.Args[2])
	e := l[name]
	if e == nil {
		c.fail("ERR No samples available for event '" + oneLine(name) + "'")
		return
	}
	low, high := e.samples[0].ms, e.samples[0].ms
	for _, s := range e.samples {
		low, high = min(low, s.ms), max(high, s.ms)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s - high %d ms, low %d ms (all time high %d ms)\n%s\n", name, high, low, e.max, strings.Repeat("-", 80))
	const rows = 4
	levels := int64(rows * len(graphMarks))
	for row := rows - 1; row >= 0; row-- {
		for _, s := range e.samples[max(0, len(e.samples)-80):] {
			level := levels - 1
			if high > low {
				level = (s.ms - low) * (levels - 1) / (high - low)
			}
			switch own := int(level) / len(graphMarks); {
			case own == row:
				text.WriteByte(graphMarks[int(level)%len(graphMarks)])
			case own > row:
				text.WriteByte('|')
			default:
				text.WriteByte(' ')
			}
		}
		text.WriteByte('\n')
	}
	c.text(text.String())
}

// oneLine is text that fits into an error.
func oneLine(text string) string {
	text, _, _ = strings.Cut(text, "\x00") // as C does
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(text)
}

func latencyDoctor(a *Answers, c *Call) {
	a.Records.mu.Lock()
	defer a.Records.mu.Unlock()
	l := a.Records.latency
	switch {
	case len(l) == 0 && a.Records.settings[latencyMillis] == 0:
		c.text("I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You may use \"CONFIG SET " +
			"latency-monitor-threshold <milliseconds>.\" in order to enable it. If we weren't in a deep space mission I'd suggest to take a " +
			"look at https://redis.io/topics/latency-monitor.\n")
	case len(l) == 0:
		c.text("Dave, no latency spike was observed during the lifetime of this Redis instance, not in the slightest bit. I honestly " +
			"think you ought to sit down calmly, take a stress pill, and think things over.\n")
	default:
		var text strings.Builder
		for _, name := range slices.Sorted(maps.Keys(l)) {
			e, sum := l[name], int64(0)
			for _, s := range e.samples {
				sum += s.ms
			}
			fmt.Fprintf(&text, "%s: %d latency spikes (average %dms). Worst all time event %dms.\n", name, len(e.samples), sum/int64(len(e.samples)), e.max)
		}
		text.WriteString("The times are those from a command's arrival at the proxy to its reply. SLOWLOG GET tells which commands they were; " +
			"the servers' own LATENCY DOCTOR and SLOWLOG tell what of it was theirs.\n")
		c.text(text.String())
	}
}

// latencyHistogram is LATENCY HISTOGRAM [command …]. The proxy counts by families of
// commands, for its metrics, and so has no histogram of a command; Redis answers the
// same with latency-tracking no.
func latencyHistogram(_ *Answers, c *Call) { c.mapping(0) }
