package integration

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringmain/internal/redistest"
)

// floodCase is a client that makes others' work and takes nothing back.
type floodCase struct {
	name  string
	value int    // bytes
	op    string // SET or GET
	ci    int    // bytes that it sends, or asks for
	full  int    // the same under torture
}

var floodCases = []floodCase{
	{"writes of 1 KiB", 1 << 10, "SET", 128 * mebibyte, 2048 * mebibyte},
	{"writes of 64 KiB", 64 << 10, "SET", 256 * mebibyte, 2048 * mebibyte},
	{"reads of 1 MiB", mebibyte, "GET", 1024 * mebibyte, 10240 * mebibyte},
	{"reads of 100 KiB", 100 << 10, "GET", 1024 * mebibyte, 10240 * mebibyte},
}

// floodLasts is how long the others are watched at least.
const floodLasts = 3 * time.Second

// block is a run of the flood's requests, of about a megabyte at most, and how
// often to send it.
func (c *floodCase) block(key string) ([]byte, int) {
	total := c.ci
	if torture() {
		total = c.full
	}
	request := array("GET", key)
	if c.op == "SET" {
		request = array("SET", key, repeat(c.value, "x"))
	}
	n := max(1, min(total/c.value, mebibyte/len(request)))
	return []byte(repeat(n, request)), max(1, total/c.value/n)
}

// run floods key and returns the p99 of probes of others meanwhile, and whether
// the flood was cut off.
func (c *floodCase) run(t *testing.T, addr, key string, others map[string]string) (worst time.Duration, cut bool) {
	t.Helper()
	block, times := c.block(key)
	var probes []*probe
	for name, other := range others {
		probes = append(probes, startProbe(name, addr, other))
	}
	began := time.Now()
	f := startFlood(t, addr, block, times)
	if c.op == "GET" { // its replies come for as long as the machine takes
		eventually(t, "a client that never reads is cut off", f.cutOff)
		cut = true
	} else {
		cut = f.settled(floodLasts)
	}
	t.Logf("%s: sent %d MiB in %v, cut off: %v", addr, f.sent.Load()/mebibyte, time.Since(began).Round(time.Millisecond), cut)
	for _, p := range probes {
		worst = max(worst, p.end(t))
	}
	_ = f.Close()
	<-f.done
	return worst, cut
}

func TestAFloodFromAClientThatNeverReadsHarmsNobodyElse(t *testing.T) {
	for _, c := range floodCases {
		t.Run(c.name, func(t *testing.T) { testFlood(t, &c) })
	}
}

func testFlood(t *testing.T, c *floodCase) {
	list := startRedis(t, 2)
	r := startProcess(t, servers(list...), floodLimits)
	key, same, other := keyOn(t, r, list[0], "flood"), keyOn(t, r, list[0], "same"), keyOn(t, r, list[1], "other")
	value := repeat(c.value, "x")
	if _, err := list[0].Do("SET", key, value); err != nil {
		t.Fatal(err)
	}
	before := peakKiB(t, r.Pid())
	p99, cut := c.run(t, r.Addr(), key, map[string]string{"on the same server": same, "on another server": other})
	peak := peakKiB(t, r.Pid())
	t.Logf("Ringmain: %d MiB before, at most %d MiB", before>>10, peak>>10)
	if peak > floodRSS {
		t.Errorf("Ringmain took %d KiB, want at most %d", peak, floodRSS)
	}
	if p99 > probeBound {
		t.Errorf("others wait %v", p99)
	}
	if cut {
		eventually(t, "the log says why", func() bool {
			log := r.Log()
			return strings.Contains(log, "client cut off") && (strings.Contains(log, "client_stall") || strings.Contains(log, "client_output"))
		})
	}
	if !torture() { // which alone compares speeds
		return
	}
	direct := redistest.Start(t, "client-output-buffer-limit", "normal 64mb 0 0")
	for k, v := range map[string]string{key: value, same: "here"} {
		if _, err := direct.Do("SET", k, v); err != nil {
			t.Fatal(err)
		}
	}
	base, _ := c.run(t, direct.Addr(), key, map[string]string{"directly on one Redis": same})
	t.Logf("%s: p99 through Ringmain %v, directly %v", c.name, p99, base)
	if bound := max(2*base, 5*time.Millisecond); p99 > bound {
		t.Errorf("p99 %v, want at most %v", p99, bound)
	}
}

func TestAClientThatReadsGetsAThousandMebibytesWhole(t *testing.T) {
	list := startRedis(t, 2)
	r := startProcess(t, servers(list...))
	value := make([]byte, mebibyte)
	for i := range value {
		value[i] = byte(i * 7919 >> 8)
	}
	expect(t, "SET", dial(t, r.Addr()).do("SET", "large", string(value)), "+OK\r\n")
	t.Run("on a new connection", func(t *testing.T) { readMany(t, dial(t, r.Addr()), value) })
	t.Run("after small replies", func(t *testing.T) {
		w := dial(t, r.Addr())
		w.send(repeat(5000, array("GET", "small")))
		w.replies(5000)
		readMany(t, w, value)
	})
	t.Logf("Ringmain took at most %d MiB", peakKiB(t, r.Pid())>>10)
}

// readMany pipelines a thousand GETs of a large value and reads the replies.
func readMany(t *testing.T, w *wire, value []byte) {
	const n = 1000
	sent := make(chan error, 1)
	go func() { sent <- w.write([]byte(repeat(n, array("GET", "large")))) }()
	want := "$" + strconv.Itoa(len(value)) + "\r\n" + string(value) + "\r\n"
	got := make([]byte, len(want))
	for i := range n {
		if err := w.SetReadDeadline(time.Now().Add(gross)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(w, got[:1]); err == nil && got[0] == '-' {
			text, _ := bufio.NewReader(w).ReadString('\r')
			t.Fatalf("reply %d of %d is the error %q", i+1, n, text)
		}
		if _, err := io.ReadFull(w, got[1:]); err != nil {
			t.Fatalf("reply %d of %d: %v", i+1, n, err)
		}
		if string(got) != want {
			t.Fatalf("reply %d of %d differs", i+1, n)
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	expect(t, "PING", w.do("PING"), "+PONG\r\n")
}
