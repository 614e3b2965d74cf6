package main

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringmain/internal/redistest"
)

func TestTheMedianLeavesOutWhatWasNotMeasured(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		in   []float64
		want float64
	}{
		{[]float64{3, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}, {[]float64{nan, 5, nan}, 5},
	} {
		if got := median(c.in); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.in, got, c.want)
		}
	}
	if got := median([]float64{nan}); !math.IsNaN(got) {
		t.Errorf("median of nothing is %v", got)
	}
}

func TestStudentsQuantilesAreThoseOfTheTables(t *testing.T) {
	for degrees, want := range map[int]float64{8: 2.306, 10: 2.228, 20: 2.086, 100: 1.984} {
		if got := studentT(degrees); math.Abs(got-want) > 0.004 {
			t.Errorf("%d degrees of freedom: %.4f, want %.3f", degrees, got, want)
		}
	}
}

func TestADifferenceCountsOnlyIfItsIntervalLiesBeyondFivePercent(t *testing.T) {
	before := []float64{100, 110, 90, 105, 95, 100, 102, 98, 101}
	scaled := func(by, noise float64) []float64 {
		after := make([]float64, len(before))
		for i, v := range before {
			after[i] = v * by * (1 + noise*float64(i%3-1))
		}
		return after
	}
	for _, c := range []struct {
		by, noise  float64
		throughput string
		cost       string
	}{
		{1.00, 0.01, "same", "same"},
		{1.10, 0.01, "better", "worse"},
		{0.90, 0.01, "worse", "better"},
		{1.06, 0.02, "not shown", "not shown"},
		{1.10, 0.30, "not shown", "not shown"},
	} {
		r := pairedRatio(before, scaled(c.by, c.noise))
		if !(r.low < r.mid && r.mid < r.high) || math.Abs(r.mid-c.by) > 0.05*c.by {
			t.Errorf("a factor of %v shows as %+v", c.by, r)
		}
		if got := r.verdict(true); got != c.throughput {
			t.Errorf("throughput times %v (±%v): %s, want %s", c.by, c.noise, got, c.throughput)
		}
		if got := r.verdict(false); got != c.cost {
			t.Errorf("cost times %v (±%v): %s, want %s", c.by, c.noise, got, c.cost)
		}
	}
}

func TestTheOutputOfRedisBenchmarkIsReadByItsColumnNames(t *testing.T) {
	s, err := parseCSV(`"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
"MGET key:__rand_int__ key:__rand_int__","112359.55","7.041","4.648","6.423","10.239","18.719","19.423"
`)
	if err != nil || s.rps != 112359.55 || s.p50 != 6.423 || s.p99 != 18.719 {
		t.Errorf("read %+v, %v", s, err)
	}
	for _, bad := range []string{"", "\"test\",\"rps\"\n", "\"test\",\"rps\"\n\"GET\",\"7\"\n", "\"rps\",\"p50_latency_ms\",\"p99_latency_ms\"\n1,x,2\n"} {
		if s, err := parseCSV(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, s)
		}
	}
}

func TestTheCasesKeepTheirLimits(t *testing.T) {
	for _, c := range fullCases() {
		if c.size == 64<<10 && (c.pipeline != 1 || c.clients > 50) {
			t.Errorf("%v: 64 KiB only without pipeline and with few clients", c)
		}
		if c.clients == 5000 && c.size != 64 {
			t.Errorf("%v: 5,000 clients only with small values", c)
		}
	}
}

func TestBadFlagsAreRefused(t *testing.T) {
	for _, args := range []string{"-ab one", "stray", "-pairs 3", "-rounds -1", "-idle 100000", "-slice 1ns", "-nonsense"} {
		if _, err := parse(strings.Fields(args)); err == nil {
			t.Errorf("%s was accepted", args)
		}
	}
}

// TestASmallComparisonOfRealTargets runs the whole program, without Ringmain.
func TestASmallComparisonOfRealTargets(t *testing.T) {
	out := t.TempDir()
	err := run(t.Context(), strings.Fields("-quick -rounds 1 -slice 100ms -idle 50 -targets twemproxy,direct -out "+out))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(out, "quick.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| GET | 16 | 50 | 64 B | twemproxy |", "| SET | 1 | 50 | 64 B | direct |", "| twemproxy | 50 |"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
}

func TestARunThatIsInterruptedEndsWithTheReason(t *testing.T) {
	reason := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	timer := time.AfterFunc(500*time.Millisecond, func() { cancel(reason) })
	defer timer.Stop()
	err := run(ctx, strings.Fields("-rounds 1000 -slice 10s -idle 0 -targets direct -out "+t.TempDir()))
	if !errors.Is(err, reason) {
		t.Errorf("it ended with %v", err)
	}
}

func TestTheChartIsWellFormedAndShowsWhatIsBeyondItsScale(t *testing.T) {
	c := &comparison{}
	for i, factor := range []float64{0.01, 1, 100} {
		s := sample{rps: 1000 * factor, p50: 1, p99: 1, cpu: 1 / factor, rss: 1}
		c.results = append(c.results, caseResult{fullCases()[i],
			map[string]series{ringmain: {s}, twemproxy: {{rps: 1000, p50: 1, p99: 1, cpu: 1, rss: 1}}}})
	}
	chart := c.chart()
	d := xml.NewDecoder(strings.NewReader(chart))
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{">0.01<", ">100.00<"} {
		if !strings.Contains(chart, want) {
			t.Errorf("the chart lacks %s", want)
		}
	}
}

// TestClientsWithTLSAreMeasuredBesideOthers runs the whole program, with Ringmain.
func TestClientsWithTLSAreMeasuredBesideOthers(t *testing.T) {
	out := t.TempDir()
	if err := run(t.Context(), strings.Fields("-tls -rounds 1 -slice 100ms -out "+out)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(out, "tls.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| GET | 16 | 50 | 64 B | ringmain |", "| SET | 16 | 50 | 64 B | ringmain with TLS |",
		"| GET | 16 | 50 | 64 B | twemproxy behind stunnel |"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
}

func TestTheFileSystemOfAFolderIsThatOfItsNearestMount(t *testing.T) {
	table := "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/vdb /tmp/data xfs rw 0 0\n/dev/vdc /data ext4 rw 0 0\ntmpfs /data tmpfs rw 0 0\n"
	for folder, want := range map[string]string{
		"/": "ext4 on /dev/vda", "/var/tmp": "ext4 on /dev/vda", "/tmp": "tmpfs on tmpfs", "/tmp/database": "tmpfs on tmpfs",
		"/tmp/data/x": "xfs on /dev/vdb", "/data": "tmpfs on tmpfs",
	} {
		if got := mountOf(folder, table); got != want {
			t.Errorf("%s is on %q, want %q", folder, got, want)
		}
	}
	if got := mountOf("/x", "nonsense"); !strings.Contains(got, "unknown") {
		t.Errorf("without mounts it is on %q", got)
	}
}

func TestALineIsHeldOnItsRightSide(t *testing.T) {
	throughput, latency := line{atLeast: true, bound: 0.8}, line{bound: 2}
	for _, c := range []struct {
		l     line
		ratio float64
		want  string
	}{
		{throughput, 0.81, "held"}, {throughput, 0.8, "held"}, {throughput, 0.79, "**missed**"},
		{latency, 1.9, "held"}, {latency, 2, "held"}, {latency, 2.1, "**missed**"},
		{throughput, math.NaN(), "not measured"},
	} {
		if got := c.l.held(c.ratio); got != c.want {
			t.Errorf("%s, %v: %s, want %s", c.l.text(), c.ratio, got, c.want)
		}
	}
}

func TestEveryLineIsAboutALoadAndItsSides(t *testing.T) {
	q := &quorumFleet{proxy: &redistest.Server{}, plainProxy: &redistest.Server{}, durableProxy: &redistest.Server{}}
	locks, closeClients := q.lockDuels()
	defer closeClients()
	sides := map[string]bool{}
	for _, d := range append(append(q.counterDuels(), locks...), q.etcdDuel(&etcdFleet{})) {
		for _, s := range d.sides {
			sides[d.name+": "+s.name] = true
		}
	}
	for _, l := range lines {
		for _, name := range []string{l.side, l.other} {
			if !sides[l.load+": "+name] {
				t.Errorf("nothing measures %s: %s", l.load, name)
			}
		}
	}
}

func TestAClosedLoopStopsAtTheFirstError(t *testing.T) {
	bad := errors.New("bad")
	_, _, err := closedLoop(t.Context(), 4, time.Minute, func(_ context.Context, client, n int) error {
		if client == 2 && n == 3 {
			return bad
		}
		return nil
	})
	if !errors.Is(err, bad) {
		t.Errorf("it ended with %v", err)
	}
	s, n, err := closedLoop(t.Context(), 4, 20*time.Millisecond, func(context.Context, int, int) error { return nil })
	if err != nil || n == 0 || s.rps <= 0 || s.p99 < s.p50 {
		t.Errorf("%+v of %d operations, %v", s, n, err)
	}
}

// TestLocksAndCountersAreMeasuredBesideOthers runs the whole program, with Ringmain.
func TestLocksAndCountersAreMeasuredBesideOthers(t *testing.T) {
	out := t.TempDir()
	if err := run(t.Context(), strings.Fields("-quorum -quick -rounds 1 -slice 100ms -out "+out+" -data "+t.TempDir())); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(out, "quorum-quick.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| INCR, one key, P=16 | counters |", "| INCR, 1,000 keys, P=1 | plain, fsync always |", "| lock and release, c=64 | locks |",
		"| lock and release, c=1 | redsync |", "| etcd, c=64 |"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "not measured") {
		t.Errorf("something was not measured:\n%s", text)
	}
}
