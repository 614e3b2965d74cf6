package admin

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"ringmain/metric"
	"ringmain/quorum"
)

var update = flag.Bool("update", false, "write testdata/metrics.txt")

// counted gives every number in stats another value, so that each can be told in
// what is reported.
func counted(families, servers, from int) LoopStats {
	s := LoopStats{Commands: make([]metric.Commands, families), Servers: make([]ServerStats, servers), Quorums: []QuorumStats{{Status: quorum.Status{
		Name: fmt.Sprintf("safe-%d", from), Servers: []quorum.ServerStatus{{Name: "127.0.0.1:7201", State: quorum.StateVotes}, {Name: "127.0.0.1:7202", State: quorum.StateDown}},
	}}}}
	next := from
	number(reflect.ValueOf(&s).Elem(), &next)
	return s
}

func number(v reflect.Value, next *int) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			number(v.Field(i), next)
		}
	case reflect.Array, reflect.Slice:
		for i := range v.Len() {
			number(v.Index(i), next)
		}
	case reflect.Uint64:
		v.SetUint(uint64(*next))
		*next++
	case reflect.Int:
		v.SetInt(int64(*next))
		*next++
	case reflect.Float64:
		v.SetFloat(float64(*next))
		*next++
	}
}

// withProcess adds what is counted for all loops together.
func withProcess(a *Admin) *Admin {
	opt := a.opt
	opt.Process = func() ProcessStats {
		return ProcessStats{Accepted: 900, Refused: [metric.Refusals]uint64{901, 902}, BufferLimit: 903}
	}
	return New(opt)
}

// ours are the program's own lines of what a scrape gives.
func ours(a *Admin) string {
	var b strings.Builder
	for line := range strings.Lines(ask(a, "/metrics").Body.String()) {
		if strings.Contains(line, "ringmain_") && !strings.HasPrefix(line, "ringmain_build_info") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestEverythingThatIsCountedIsReported(t *testing.T) {
	one, other := newFakeLoop(t), newFakeLoop(t)
	one.stats, other.stats = counted(2, 2, 1000), counted(2, 2, 5000)
	other.stats.Servers[1].Down = true
	a := withProcess(newAdmin(one, other))
	a.loops[0].beat(time.Now().Add(-3 * time.Second))
	one.turn()
	got := ours(a)
	// How long the beat took is not the same each time.
	got = strings.ReplaceAll(got, `ringmain_loop_lag_seconds_sum{loop="0"} 3.`, "LAG ")
	lines := strings.Split(got, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "LAG") {
			lines[i] = `ringmain_loop_lag_seconds_sum{loop="0"} 3`
		}
	}
	got = strings.Join(lines, "\n")
	const file = "testdata/metrics.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s", got)
	}
}

func TestAServerIsUpUnlessALoopFindsItDown(t *testing.T) {
	for _, down := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
		a := newAdmin()
		for i := range down {
			l := newFakeLoop(t)
			l.stats.Servers = []ServerStats{{Down: down[i]}}
			a.opt.Loops = append(a.opt.Loops, l)
		}
		up := 1
		if down[0] || down[1] {
			up = 0
		}
		want := fmt.Sprintf("ringmain_server_up{node=\"a\",pool=\"main\"} %d\n", up)
		if text := ours(New(a.opt)); !strings.Contains(text, want) {
			t.Errorf("%v: not there: %s", down, want)
		}
	}
}

func TestMetricsAreNotCompressed(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept-Encoding", "gzip, zstd")
	w := httptest.NewRecorder()
	newAdmin().open.ServeHTTP(w, r)
	if e := w.Header().Get("Content-Encoding"); e != "" {
		t.Errorf("they are, by %s", e)
	}
}

func TestTheMetricsPassTheLint(t *testing.T) {
	l := newFakeLoop(t)
	a := withProcess(newAdmin(l))
	problems, err := testutil.GatherAndLint(a.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestTwoAdminsDoNotShareTheirMetrics(t *testing.T) {
	one, other := newFakeLoop(t), newFakeLoop(t)
	one.stats.Connected, other.stats.Connected = 1, 2
	a, b := newAdmin(one), newAdmin(other)
	if x, y := ours(a), ours(b); !strings.Contains(x, "ringmain_clients_connected 1\n") || !strings.Contains(y, "ringmain_clients_connected 2\n") {
		t.Errorf("got\n%s\n%s", x, y)
	}
	if families, err := prometheus.DefaultGatherer.Gather(); err != nil || anyOurs(families) {
		t.Errorf("the default registry holds ours, %v", err)
	}
}

func anyOurs[F interface{ GetName() string }](families []F) bool {
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "ringmain_") {
			return true
		}
	}
	return false
}

func TestAServersNameMayBeAnyBytes(t *testing.T) {
	opt := newAdmin().opt
	opt.Servers = serversNamed(Server{"main", "unix:/run/\xff\"\\\n.sock"})
	if w := ask(New(opt), "/metrics"); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestServersAreThoseThatThereAreWhenMetricsAreAskedFor(t *testing.T) {
	l := newFakeLoop(t)
	l.stats.Servers = []ServerStats{{InFlight: 1}, {InFlight: 2}, {InFlight: 3}}
	opt := newAdmin(l).opt
	names := []Server{{"main", "a"}, {"main", ""}, {"main", "c"}}
	opt.Servers = func() []Server { return names }
	a := New(opt)
	for _, want := range []map[string]int{{"a": 1, "c": 3}, {"b": 2, "c": 3}} {
		text := ask(a, "/metrics").Body.String()
		if n := strings.Count(text, "\nringmain_server_requests_in_flight{"); n != len(want) {
			t.Errorf("%d servers have metrics, want %v", n, want)
		}
		for node, n := range want {
			if line := fmt.Sprintf("\nringmain_server_requests_in_flight{node=\"%s\",pool=\"main\"} %d\n", node, n); !strings.Contains(text, line) {
				t.Errorf("the metrics lack %q", line)
			}
		}
		names = []Server{{"main", ""}, {"main", "b"}, {"main", "c"}}
	}
}

func TestWhatALoopCountsBeyondTheNamedIsLeftOut(t *testing.T) {
	l := newFakeLoop(t)
	a := newAdmin(l)
	before := strings.Count(ours(a), "\n")
	l.stats = counted(40, 40, 1)
	l.stats.Quorums = nil
	if after := strings.Count(ours(a), "\n"); after != before {
		t.Errorf("%d lines, before %d", after, before)
	}
}

func TestALoopThatDoesNotAnswerGivesItsLastCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good, bad := newFakeLoop(t), newFakeLoop(t)
		a := newAdmin(good, bad)
		connected := func(n1, n2, up string, took time.Duration) {
			t.Helper()
			start := time.Now()
			text := ours(a)
			for _, want := range []string{"ringmain_clients_connected " + n1, `ringmain_loop_iterations_total{loop="1"} ` + n2, `ringmain_loop_up{loop="0"} 1`, `ringmain_loop_up{loop="1"} ` + up} {
				if !strings.Contains(text, want+"\n") {
					t.Errorf("not there: %s", want)
				}
			}
			if d := time.Since(start); d != took {
				t.Errorf("it took %v, want %v", d, took)
			}
		}
		resume := bad.stall()
		good.stats.Connected = 1
		connected("1", "0", "0", patience) // it never made a copy
		resume()
		bad.turn()
		bad.stats.Connected, bad.stats.Iterations = 10, 7
		connected("11", "7", "1", 0)
		resume = bad.stall()
		good.stats.Connected = 2
		connected("12", "7", "0", patience)
		connected("12", "7", "0", 0) // it was waited for already
		if n := len(bad.posted); n != 1 {
			t.Errorf("%d questions wait for it", n)
		}
		bad.stats.Connected, bad.stats.Iterations = 20, 8
		resume()
		bad.turn()
		connected("22", "8", "1", 0)
	})
}

// asked is a collector that tells how often it was asked.
type asked struct {
	desc *prometheus.Desc
	n    int
}

func (a *asked) Describe(out chan<- *prometheus.Desc) { out <- a.desc }

func (a *asked) Collect(out chan<- prometheus.Metric) {
	a.n++
	out <- prometheus.MustNewConstMetric(a.desc, prometheus.GaugeValue, float64(a.n))
}

func TestASeldomCollectorIsAskedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &seldom{Collector: &asked{desc: prometheus.NewDesc("asked", "How often.", nil, nil)}}
		for _, after := range []struct {
			pass time.Duration
			want float64
		}{{0, 1}, {0, 1}, {seldomEvery - 1, 1}, {1, 2}, {0, 2}, {time.Hour, 3}} {
			if after.pass > 0 {
				pass(after.pass)
			}
			if got := testutil.ToFloat64(s); got != after.want {
				t.Errorf("after %v: %v, want %v", after.pass, got, after.want)
			}
		}
	})
}

func TestMetricsTellOfTheProcess(t *testing.T) {
	a := newAdmin()
	for range 2 {
		text := ask(a, "/metrics").Body.String()
		for _, name := range []string{"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "go_goroutines"} {
			if !strings.Contains(text, "\n"+name+" ") {
				t.Errorf("%s is missing", name)
			}
		}
	}
}

func TestNoMoreThanAFewScrapesAreServedAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLoop(t)
		a := newAdmin(l)
		resume := l.stall()
		defer resume()
		var scrapes sync.WaitGroup
		for range maxScrapes {
			scrapes.Go(func() {
				if w := ask(a, "/metrics"); w.Code != http.StatusOK {
					t.Errorf("%d %s", w.Code, w.Body)
				}
			})
		}
		pass(patience / 2)
		if w := ask(a, "/metrics"); w.Code != http.StatusServiceUnavailable {
			t.Errorf("one too many: %d", w.Code)
		}
		if w := ask(a, "/livez"); w.Code != http.StatusOK {
			t.Errorf("/livez: %d", w.Code)
		}
		scrapes.Wait()
	})
}

func TestLoopsBeatsAndScrapesMayMeet(t *testing.T) {
	loops := []*fakeLoop{newFakeLoop(t), newFakeLoop(t)}
	a := newAdmin(loops...)
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for range 20 {
				ask(a, "/metrics")
				ask(a, "/livez")
			}
		})
	}
	for range 1000 {
		for i, l := range loops {
			a.loops[i].beat(time.Now())
			l.Post(func() { l.stats.Connected++ })
		}
	}
	work.Wait()
}

func BenchmarkScrape(b *testing.B) {
	var loops []*fakeLoop
	l := &fakeLoop{posted: make(chan func(), 8)}
	go func() {
		for f := range l.posted {
			f()
		}
	}()
	defer close(l.posted)
	l.stats = counted(25, 3, 1)
	loops = append(loops, l)
	a := newAdmin(loops...)
	opt := a.opt
	opt.Families = make([]string, 25)
	for i := range opt.Families {
		opt.Families[i] = "family" + string(rune('a'+i))
	}
	opt.Servers = serversNamed(Server{"main", "a"}, Server{"main", "b"}, Server{"main", "c"})
	a = New(opt)
	b.ReportAllocs()
	for b.Loop() {
		if w := ask(a, "/metrics"); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}
