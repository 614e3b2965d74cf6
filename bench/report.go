package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// short writes a number with three significant digits, "-" if there is none.
func short(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "-"
	case v >= 10000:
		return fmt.Sprintf("%.0f k", v/1000)
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func writeResult(dir, name, text string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "written:", path)
	return nil
}

// write leaves the report and its chart in the results' folder.
func (c *comparison) write() error {
	name := "comparison"
	if c.quick {
		name = "quick"
	}
	chart := c.chart()
	if chart != "" {
		if err := writeResult(c.out, name+".svg", chart); err != nil {
			return err
		}
	}
	return writeResult(c.out, name+".md", c.markdown(name+".svg", chart != ""))
}

func (c *comparison) markdown(chartFile string, hasChart bool) string {
	var b strings.Builder
	b.WriteString("# Ringmain and twemproxy side by side\n\n")
	fmt.Fprintf(&b, "%s, %d CPUs (shared by proxy, redis-servers and redis-benchmark), %s, %s.\n\n",
		machine(), runtime.NumCPU(), runtime.Version(), c.started.Format(time.DateOnly))
	fmt.Fprintf(&b, "Three redis-servers without persistence; Ringmain with %d loop(s), twemproxy 0.5.0 (ketama, fnv1a_64)\n"+
		"with its one, which knows no deadline: Ringmain's is a minute here. `direct` is redis-benchmark on one\n"+
		"redis-server. redis-benchmark runs of about %v, the targets\n"+
		"taking turns; medians of up to %d rounds (`direct`: 2), %v in all. A ratio is the median of the rounds' ratios\n"+
		"Ringmain / twemproxy. CPU is user and system time of the proxy's process. MGET asks for %d keys.\n\n",
		c.loops, c.slice, c.rounds, c.took.Round(time.Second), mgetKeys)
	if hasChart {
		fmt.Fprintf(&b, "![Ratios of Ringmain to twemproxy](%s)\n\n", chartFile)
	}
	c.ratioTable(&b)
	c.medianTable(&b)
	c.idleTable(&b)
	if len(c.failures) > 0 {
		b.WriteString("## Failed measurements\n\n")
		for _, f := range c.failures {
			fmt.Fprintf(&b, "- %s\n", f)
		}
	}
	return b.String()
}

const caseHeader = "| command | P | clients | size |"

func caseCells(r benchCase) string {
	return fmt.Sprintf("| %s | %d | %d | %s |", r.op, r.pipeline, r.clients, sizeName(r.size))
}

func (c *comparison) ratioTable(b *strings.Builder) {
	b.WriteString("## Ratios Ringmain / twemproxy\n\nThroughput: more is better. All others: less is better.\n\n")
	b.WriteString(caseHeader + " throughput | CPU per operation | p50 | p99 | memory | rounds |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range c.results {
		b.WriteString(caseCells(r.benchCase))
		for _, of := range []func(sample) float64{rps, cpu, p50, p99, rss} {
			fmt.Fprintf(b, " %s |", short(r.ratio(of)))
		}
		fmt.Fprintf(b, " %d |\n", len(r.series[ringmain]))
	}
	b.WriteString("\n")
}

func (c *comparison) medianTable(b *strings.Builder) {
	b.WriteString("## Medians\n\n" + caseHeader +
		" target | commands/s | CPU µs/op | p50 ms | p99 ms | memory MiB |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range c.results {
		for _, name := range c.targets {
			s := r.series[name]
			if len(s) == 0 {
				continue
			}
			fmt.Fprintf(b, "%s %s | %s |", caseCells(r.benchCase), name, short(s.median(rps)))
			if name == direct {
				// Its CPU and memory are a database's: no use beside a proxy's.
				fmt.Fprintf(b, " - | %s | %s | - |\n", short(s.median(p50)), short(s.median(p99)))
				continue
			}
			for _, of := range []func(sample) float64{cpu, p50, p99, rss} {
				fmt.Fprintf(b, " %s |", short(s.median(of)))
			}
			b.WriteString("\n")
		}
	}
	b.WriteString("\n")
}

func (c *comparison) idleTable(b *strings.Builder) {
	if len(c.idle) > 0 {
		fmt.Fprintf(b, "## Idle connections\n\nGrowth of resident memory for each connection; the machine allows %d open files.\n\n", fileLimit())
		b.WriteString("| proxy | connections | fresh, B | after one GET, B |\n|---|---|---|---|\n")
		for _, r := range c.idle {
			fmt.Fprintf(b, "| %s | %d | %.0f | %.0f |\n", r.target, r.connections, r.fresh, r.used)
		}
		b.WriteString("\n")
	}
	if len(c.startup) > 0 {
		fmt.Fprintf(b, "## Start\n\nFrom the start of the process to the first PONG, median of %d.\n\n| proxy | time |\n|---|---|\n", startups)
		for _, r := range c.startup {
			fmt.Fprintf(b, "| %s | %v |\n", r.target, r.median)
		}
		b.WriteString("\n")
	}
}
