package redistest

import (
	"errors"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Direction is one of the two ways through a Relay.
type Direction int

// The directions of a Link.
const (
	ToServer Direction = iota
	ToClient
)

// Relay is a TCP relay on loopback. Each connection through it is a Link, which
// can be disturbed on its own. Its methods may be called concurrently.
type Relay struct {
	target string
	addr   string

	mu       sync.Mutex
	changed  sync.Cond // links or closed changed
	listener net.Listener
	links    []*Link
	hold     [2]bool
	filters  [2][]func(*Link) Filter
	closed   bool
	running  sync.WaitGroup
}

// StartRelay is NewRelay for a test, with which it is closed.
func StartRelay(t testing.TB, target string) *Relay {
	t.Helper()
	r, err := NewRelay(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// NewRelay listens on a free loopback port and relays to target, host:port. The
// caller must Close it.
func NewRelay(target string) (*Relay, error) {
	var err error
	for range startTries {
		var port int
		if port, err = freePort(); err != nil {
			return nil, err
		}
		var r *Relay
		if r, err = NewRelayAt(net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), target); err == nil {
			return r, nil
		}
	}
	return nil, err
}

// NewRelayAt is NewRelay at a given address, host:port.
func NewRelayAt(addr, target string) (*Relay, error) {
	r := &Relay{addr: addr, target: target}
	r.changed.L = &r.mu
	return r, r.Up()
}

// Addr is where the relay listens, also while it is down.
func (r *Relay) Addr() string { return r.addr }

// Up accepts connections again after Down.
func (r *Relay) Up() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.listener != nil {
		return nil
	}
	l, err := net.Listen("tcp4", r.addr)
	if err != nil {
		return err
	}
	r.listener = l
	r.running.Add(1)
	go r.accept(l)
	return nil
}

// Down refuses new connections and resets those that are open, as a server does
// whose process is killed. What was held is lost.
func (r *Relay) Down() {
	r.Refuse()
	for _, l := range r.Links() {
		l.Reset()
	}
}

// Refuse refuses new connections until Up, and leaves open ones alone.
func (r *Relay) Refuse() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listener != nil {
		_ = r.listener.Close()
		r.listener = nil
	}
}

// HoldNew sets whether connections made from now on begin with d held.
func (r *Relay) HoldNew(d Direction, held bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hold[d] = held
}

// Links are all connections made so far, closed ones too, in order.
func (r *Relay) Links() []*Link {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*Link(nil), r.links...)
}

// Await returns the n-th connection, counted from 0, once it has been made.
func (r *Relay) Await(n int, timeout time.Duration) (*Link, error) {
	timer := time.AfterFunc(timeout, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.changed.Broadcast()
	})
	defer timer.Stop()
	deadline := time.Now().Add(timeout)
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.links) <= n {
		if r.closed || !time.Now().Before(deadline) {
			return nil, errors.New("the relay has seen no such connection")
		}
		r.changed.Wait()
	}
	return r.links[n], nil
}

// Close ends the relay and all its connections and returns once nothing of it
// runs any more.
func (r *Relay) Close() {
	r.mu.Lock()
	r.closed = true
	r.changed.Broadcast()
	r.mu.Unlock()
	r.Down()
	r.running.Wait()
}

func (r *Relay) accept(l net.Listener) {
	defer r.running.Done()
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		r.running.Add(1)
		go r.connect(c.(*net.TCPConn))
	}
}

// connect makes the second half of a link; a target that refuses shows as a
// reset to the client.
func (r *Relay) connect(client *net.TCPConn) {
	defer r.running.Done()
	c, err := net.DialTimeout("tcp", r.target, startTimeout)
	if err != nil {
		_ = client.SetLinger(0)
		_ = client.Close()
		return
	}
	r.mu.Lock()
	l := newLink(client, c.(*net.TCPConn), r.hold)
	for d := range r.filters {
		for _, make := range r.filters[d] {
			l.pipes[d].filters = append(l.pipes[d].filters, make(l))
		}
	}
	r.links = append(r.links, l)
	refuse := r.closed
	r.changed.Broadcast()
	r.mu.Unlock()
	if refuse {
		l.Reset()
	}
	l.run()
}
