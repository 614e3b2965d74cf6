package integration

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringmain/config"
	"ringmain/internal/redistest"
)

const (
	mebibyte = 1 << 20
	// floodRSS is what Ringmain may take under a flood, with floodLimits.
	floodRSS = 200 << 10 // KiB
	// probeBound is the latency at which something is badly wrong for a client
	// that has nothing to do with a flood, on a machine that does much else.
	probeBound = 2 * time.Second
)

// floodLimits are the limits under which floods are measured.
func floodLimits(c *config.Config) {
	c.Limits.ClientOutput, c.Limits.NodeQueue = 32*mebibyte, 32*mebibyte
	c.Timeouts.ClientStall = config.Duration(2 * time.Second)
}

// peakKiB is the most memory that a process has ever had in RAM.
func peakKiB(t testing.TB, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(text)
	if len(fields) == 0 {
		t.Fatalf("process %d does not say how much memory it had", pid)
	}
	n, err := strconv.Atoi(fields[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// keyOn is a key that Ringmain, with its servers named a, b, c and so on, keeps
// on one of them.
func keyOn(t testing.TB, through addresser, s *redistest.Server, prefix string) string {
	t.Helper()
	w := dial(t, through.Addr())
	for i := range 1000 {
		key := prefix + strconv.Itoa(i)
		expect(t, "SET", w.do("SET", key, "here"), "+OK\r\n")
		v, err := s.Do("EXISTS", key)
		if err != nil {
			t.Fatal(err)
		}
		if v == int64(1) {
			return key
		}
	}
	t.Fatal("no key of a thousand lives on that server")
	return ""
}

// probe is a client that asks for one key, again and again, and notes how long
// each answer takes.
type probe struct {
	name  string
	took  []time.Duration
	fault error
	ended sync.WaitGroup
	stop  chan struct{}
}

func startProbe(name, addr, key string) *probe {
	p := &probe{name: name, stop: make(chan struct{})}
	p.ended.Go(func() { p.fault = p.run(addr, key) })
	return p
}

func (p *probe) run(addr, key string) error {
	c, err := redistest.Dial(addr, 0)
	if err != nil {
		return err
	}
	defer c.Close()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := c.SetDeadline(time.Now().Add(gross)); err != nil {
			return err
		}
		began := time.Now()
		if _, err := c.Do("GET", key); err != nil {
			return err
		}
		p.took = append(p.took, time.Since(began))
		select {
		case <-p.stop:
			return nil
		case <-tick.C:
		}
	}
}

// end stops the probe and returns its p99.
func (p *probe) end(t testing.TB) time.Duration {
	t.Helper()
	close(p.stop)
	p.ended.Wait()
	if p.fault != nil {
		t.Errorf("probe %s: %v", p.name, p.fault)
	}
	if len(p.took) == 0 {
		t.Fatalf("probe %s has measured nothing", p.name)
	}
	slices.Sort(p.took)
	p99 := p.took[len(p.took)*99/100]
	t.Logf("probe %s: %d requests, median %v, p99 %v, longest %v", p.name, len(p.took),
		p.took[len(p.took)/2].Round(10*time.Microsecond), p99.Round(10*time.Microsecond),
		p.took[len(p.took)-1].Round(10*time.Microsecond))
	return p99
}

// flood is a client that sends and never reads.
type flood struct {
	*net.TCPConn
	sent atomic.Int64
	done chan struct{} // closed once all is sent or the connection has ended
	cut  bool          // the other side has reset the connection
}

// startFlood sends block, times times.
func startFlood(t testing.TB, addr string, block []byte, times int) *flood {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, gross)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	f := &flood{TCPConn: c.(*net.TCPConn), done: make(chan struct{})}
	go func() {
		defer close(f.done)
		for range times {
			n, err := f.Write(block)
			f.sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	return f
}

// settled waits until the flood is cut off, or gets nothing more out for so long, and
// reports whether it was cut off.
func (f *flood) settled(atLeast time.Duration) bool {
	began, sent, moved := time.Now(), int64(0), time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !f.cutOff() {
		now := <-tick.C
		if n := f.sent.Load(); n > sent {
			sent, moved = n, now
		}
		if now.Sub(began) > atLeast && now.Sub(moved) > atLeast {
			return false
		}
	}
	return true
}
