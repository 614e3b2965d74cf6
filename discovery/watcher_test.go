package discovery

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"ringmain/internal/sentineltest"
)

// gross is far longer than anything here takes.
const gross = 30 * time.Second

// rig is a Watcher of two primaries and the sentinels that it asks.
type rig struct {
	*testing.T
	sentinels []*sentineltest.Fake
	w         *Watcher
	moves     chan string
	log       *safeBuffer
}

type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// newRig has three sentinels, of which the first n are there.
func newRig(t *testing.T, n int) *rig {
	r := &rig{T: t, moves: make(chan string, 100), log: &safeBuffer{}}
	s := Settings{Masters: []string{"one", "two"}, Timeout: gross, Log: slog.New(slog.NewTextHandler(r.log, nil))}
	for i := range 3 {
		if i >= n {
			s.Sentinels = append(s.Sentinels, closedPort(t))
			continue
		}
		f := sentineltest.NewFake(t)
		r.sentinels = append(r.sentinels, f)
		s.Sentinels = append(s.Sentinels, f.Address)
	}
	r.w = New(s)
	r.w.Moved = func(_ context.Context, master int, to Answer) {
		r.moves <- fmt.Sprintf("%s=%s@%d", s.Masters[master], to.Address, to.Epoch)
	}
	return r
}

func (r *rig) run() {
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() { _ = r.w.Run(ctx) })
	r.Cleanup(func() {
		cancel()
		ended.Wait()
	})
}

// moved checks the next move.
func (r *rig) moved(want string) {
	r.Helper()
	select {
	case got := <-r.moves:
		if got != want {
			r.Errorf("moved %s, want %s", got, want)
		}
	case <-time.After(gross):
		r.Fatalf("never moved %s", want)
	}
}

// eventually waits for a condition.
func (r *rig) eventually(what string, condition func() bool) {
	r.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(gross); !condition(); <-tick.C {
		if time.Now().After(end) {
			r.Fatalf("never happened: %s", what)
		}
	}
}

func TestPrimariesAreKnownAfterOneRoundThatSomeSentinelsMiss(t *testing.T) {
	r := newRig(t, 2)
	r.sentinels[0].Says("one", "10.0.0.1:7001", 3, false)
	r.sentinels[1].Says("one", "10.0.0.2:7001", 4, false)
	r.w.Ask(context.Background())
	if got := r.w.Primary(0); got != (Answer{"10.0.0.2:7001", 4}) {
		t.Errorf("the first is at %v", got)
	}
	if got := r.w.Primary(1); got != (Answer{}) {
		t.Errorf("the second is at %v", got)
	}
	if got := r.w.Unknown(1); got != "has no known primary: no sentinel knows of two" {
		t.Error(got)
	}
	for _, want := range []string{"cause=\"it knows no primary called \\\"two\\\"\"", "connection refused"} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, r.log)
		}
	}
}

func TestWithoutAnySentinelNothingIsKnown(t *testing.T) {
	r := newRig(t, 0)
	r.w.Ask(context.Background())
	if got, why := r.w.Primary(0), r.w.Unknown(0); got != (Answer{}) || why != "has no known primary: no sentinel answers" {
		t.Errorf("%v, %s", got, why)
	}
}

func TestAFailoverThatIsAnnouncedIsFollowedAtOnce(t *testing.T) {
	r := newRig(t, 3)
	for _, s := range r.sentinels {
		s.Says("one", "10.0.0.1:7001", 3, false)
	}
	r.w.Ask(context.Background())
	r.run()
	for epoch := 4; epoch < 24; epoch++ { // faster than by asking every so often
		r.sentinels[epoch%3].Says("one", fmt.Sprintf("10.0.0.%d:7001", epoch), epoch, false)
		r.w.Soon()
		r.moved(fmt.Sprintf("one=10.0.0.%d:7001@%d", epoch, epoch))
	}
	r.eventually("the announcement is heard", func() bool {
		r.sentinels[1].Says("one", "10.0.0.99:7001", 99, true)
		return r.w.Primary(0).Epoch == 99
	})
	r.moved("one=10.0.0.99:7001@99")
}

func TestASentinelThatLagsBehindMovesNothing(t *testing.T) {
	r := newRig(t, 3)
	for _, s := range r.sentinels {
		s.Says("one", "10.0.0.2:7001", 5, false)
		s.Says("two", "10.0.0.3:7001", 0, false)
	}
	r.w.Ask(context.Background())
	r.run()
	r.sentinels[0].Says("one", "10.0.0.1:7001", 4, true)
	r.sentinels[1].Says("one", "10.0.0.1:7001", 4, true)
	r.sentinels[2].Forget("one")
	before := [3]int{}
	for i, s := range r.sentinels {
		before[i] = s.Asked()
	}
	r.eventually("all are asked again", func() bool {
		r.w.Soon()
		return r.sentinels[0].Asked() > before[0]+4 && r.sentinels[1].Asked() > before[1]+4 && r.sentinels[2].Asked() > before[2]+4
	})
	r.sentinels[2].Says("two", "10.0.0.4:7001", 1, true)
	r.moved("two=10.0.0.4:7001@1") // and nothing else before
	if got := r.w.Primary(0); got != (Answer{"10.0.0.2:7001", 5}) {
		t.Errorf("the first is at %v", got)
	}
}

func TestPrimariesThatNobodyKnewAtFirstAreFoundLater(t *testing.T) {
	r := newRig(t, 1)
	r.w.Ask(context.Background())
	r.run()
	r.sentinels[0].Says("two", "[::1]:7001", 1, false)
	r.w.Soon()
	r.moved("two=[::1]:7001@1")
}

func TestASentinelMayWantAPassword(t *testing.T) {
	r := newRig(t, 1)
	r.sentinels[0].Says("one", "10.0.0.1:7001", 1, false)
	r.sentinels[0].Demands("hunter2")
	r.w.Ask(context.Background())
	if got := r.w.Primary(0); got != (Answer{}) || !strings.Contains(r.log.String(), "NOAUTH") {
		t.Errorf("without it: %v\n%s", got, r.log)
	}
	s := r.w.settings
	s.Password = "hunter2"
	w := New(s)
	w.Ask(context.Background())
	if got := w.Primary(0); got != (Answer{"10.0.0.1:7001", 1}) || strings.Contains(r.log.String(), "hunter2") {
		t.Errorf("with it: %v\n%s", got, r.log)
	}
}

func TestWhatIsNoAddressIsNotTaken(t *testing.T) {
	for _, address := range []string{"10.0.0.1:0", "10.0.0.1:65536", "a b:7001", "a\r\nb:7001", strings.Repeat("a", 300) + ":7001"} {
		r := newRig(t, 1)
		r.sentinels[0].Says("one", address, 1, false)
		r.w.Ask(context.Background())
		if got := r.w.Primary(0); got != (Answer{}) {
			t.Errorf("%q is taken for %v", address, got)
		}
	}
}
