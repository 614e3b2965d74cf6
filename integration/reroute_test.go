package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ringmain/internal/ledger"
)

// soon is how quick the pools of these tests are about everything.
const soon = 100 * time.Millisecond

// Two of five servers are killed, paused, and restarted empty or with an old dump, in turn.
func TestNothingStaleIsReadWhereServersAreReroutedAndReturn(t *testing.T) {
	for i, d := range []string{"ring", "ketama", "jump", "maglev"} {
		for n := 1; n <= 2; n++ {
			lasts := 2500 * time.Millisecond
			if torture() {
				lasts = time.Minute
			} else if i%2 == n%2 { // half of them
				continue
			}
			t.Run(fmt.Sprintf("%s, %d loops", d, n), func(t *testing.T) {
				t.Parallel()
				tr := newTrial(t, uint64(2*i+n), 5, 2)
				tr.serve(t, loops(n), distribution(d))
				tr.suffer(t, lasts, append(slices.Clip(pauses), crashes...))
				tr.judge(t)
				if falls, returns := strings.Count(tr.proxy.log.String(), "its keys are rerouted"), strings.Count(tr.proxy.log.String(), "server is used again"); falls == 0 || returns < falls {
					t.Errorf("%d falls, %d returns", falls, returns)
				}
				tr.floor(t)
			})
		}
	}
}

// floor expects most reads to have found something, and cold keys to have been written while
// their server was out.
func (tr *trial) floor(t *testing.T) {
	t.Helper()
	if l := tr.load; l.Hits.Load()*2 < l.Reads.Load() || l.Reads.Load() < 1000 {
		t.Error("too few reads found anything")
	}
	if tr.outages > 0 && tr.cold == 0 {
		t.Error("no cold key was written in an outage")
	}
}

// Keys that are written once in an outage, at home or in a refuge, and read in the next ones,
// and after them.
func TestWhatAnOutageLeavesBehindIsNotReadInTheNext(t *testing.T) {
	t.Parallel()
	tr := newTrial(t, 10, 5, 2)
	tr.options.Actors = 0
	tr.serve(t, loops(2), onReturn("invalidate"))
	read := func() { succeed(t, tr.load.ReadCold(0, 1, gross)) }
	write := func(class int) {
		n, err := tr.load.WriteCold(class, coldClasses, gross)
		succeed(t, err)
		tr.cold += n
	}
	for round, i := range []int{0, 0, 1, 0, 1, 1} {
		v := tr.victims[i]
		succeed(t, v.Stop())
		eventually(t, "its keys are rerouted", func() bool { return stateOf(tr.addr, nodeName(i)) == "rerouted" })
		read()
		write(round)
		read()
		succeed(t, v.Cont())
		tr.awaitUp(t, v)
		read()
		write(round + 1)
		read()
	}
	tr.judge(t)
	if tr.load.Hits.Load()*2 < tr.load.Reads.Load() {
		t.Error("too few reads found anything")
	}
}

// The ways to two of five servers are slow, cut, or swallow what is sent, in turn.
func TestNothingStaleIsReadWhereTheNetworkMisbehaves(t *testing.T) {
	lasts := 3 * time.Second
	if torture() {
		lasts = time.Minute
	}
	for n := 1; n <= 2; n++ {
		t.Run(fmt.Sprintf("%d loops", n), func(t *testing.T) {
			t.Parallel()
			tr := newTrial(t, uint64(20+3*n), 5, 2) // begins with a black hole, or with cuts
			tr.front = append(poisoned(t, tr.victims), tr.front[2:]...)
			tr.options.MayClose = true // where a server is lost in the middle of a reply
			tr.serve(t, loops(n))
			tr.suffer(t, lasts, append(poisons(), pauses...))
			tr.judge(t)
			tr.floor(t)
		})
	}
}

// The program is killed in the middle of falls and returns, and started again. The servers
// that were up keep what they have.
func TestNothingStaleIsReadWhereTheProxyIsKilledWhileServersAreOut(t *testing.T) {
	lasts := 4 * time.Second
	if torture() {
		lasts = time.Minute
	}
	for i, size := range []struct{ servers, victims int }{{3, 1}, {5, 2}} {
		t.Run(fmt.Sprintf("%d servers", size.servers), func(t *testing.T) {
			t.Parallel()
			tr := newTrial(t, uint64(30+i), size.servers, size.victims)
			tr.options.MayDie = true
			tr.serveAsProcess(t, loops(2), onReturn([]string{"flush", "invalidate"}[i]))
			stop, killed := make(chan struct{}), make(chan int)
			go func() { killed <- tr.killProxy(t, stop) }()
			tr.suffer(t, lasts, append(slices.Clip(pauses), crashes...))
			close(stop)
			t.Logf("the proxy was killed %d times", <-killed)
			tr.judge(t)
			tr.floor(t)
		})
	}
}

// killProxy kills the proxy until stop is closed, and returns how often. It does so at random
// times, and half of the time soon after the proxy has said something: that is, in the middle of
// a fall or a return.
func (tr *trial) killProxy(t *testing.T, stop <-chan struct{}) (times int) {
	rng := ledger.Random(uint64(tr.first), 99)
	for {
		wait := time.Duration(rng.Int64N(int64(15 * soon)))
		if rng.IntN(2) == 0 {
			said := tr.said()
			for end := time.Now().Add(20 * soon); tr.said() == said && time.Now().Before(end); {
				<-time.After(time.Millisecond)
			}
			wait = time.Duration(rng.Int64N(int64(soon)))
		}
		select {
		case <-stop:
			return times
		case <-time.After(wait):
		}
		tr.process.Kill()
		times++
		<-time.After(time.Duration(rng.Int64N(int64(2 * soon))))
		if err := tr.process.Restart(); err != nil {
			t.Error(err)
			return times
		}
	}
}

// said is how many bytes the process has logged.
func (tr *trial) said() int64 {
	info, err := os.Stat(filepath.Join(tr.process.Dir(), "output.log"))
	if err != nil {
		return 0
	}
	return info.Size()
}
