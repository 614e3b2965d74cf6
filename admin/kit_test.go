package admin

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// fakeLoop runs what is posted on a goroutine of its own, until the test ends.
type fakeLoop struct {
	posted chan func()
	// stats is used on the loop.
	stats LoopStats
}

func newFakeLoop(t *testing.T) *fakeLoop {
	l := &fakeLoop{posted: make(chan func(), 8)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for f := range l.posted {
			f()
		}
	}()
	t.Cleanup(func() {
		close(l.posted)
		<-ended
	})
	return l
}

// Post implements Loop.
func (l *fakeLoop) Post(f func()) bool {
	select {
	case l.posted <- f:
		return true
	default:
		return false
	}
}

// Stats implements Loop.
func (l *fakeLoop) Stats() LoopStats { return l.stats }

// stall keeps the loop from turning until the function it returns is called.
func (l *fakeLoop) stall() (resume func()) {
	release, stalled := make(chan struct{}), make(chan struct{})
	l.Post(func() {
		close(stalled)
		<-release
	})
	<-stalled
	return sync.OnceFunc(func() { close(release) })
}

// turn returns once the loop has done what was posted so far.
func (l *fakeLoop) turn() {
	done := make(chan struct{})
	l.Post(func() { close(done) })
	<-done
}

func newAdmin(loops ...*fakeLoop) *Admin {
	opt := Options{
		Version: "1.2.3", Families: []string{"hash", "string"},
		Servers: serversNamed(Server{"main", "a"}, Server{"main", "b"}), Log: slog.New(slog.DiscardHandler),
	}
	for _, l := range loops {
		opt.Loops = append(opt.Loops, l)
	}
	return New(opt)
}

// ask asks the local listener's routes for a path.
func ask(a *Admin, path string) *httptest.ResponseRecorder {
	return request(a.all, http.MethodGet, "localhost:9380", path)
}

func request(h http.Handler, method, host, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = host
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// watch runs a.Watch until the function it returns is called.
func watch(a *Admin) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.Watch(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// pass lets a bubble's time go by.
func pass(d time.Duration) { <-time.After(d) }

// pipes is a listener whose connections are pipes, which work in a bubble.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// dial gives the other end of a connection once it was accepted.
func (p *pipes) dial() (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-time.After(time.Minute):
		return nil, errors.New("not accepted")
	}
}

// serving runs a.Serve on pipes until the function it returns is called.
func serving(t *testing.T, a *Admin) (p *pipes, stop func()) {
	t.Helper()
	p = newPipes()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- a.Serve(ctx, p) }()
	return p, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
}

// lifetime is how long a connection that sends text stays open.
func lifetime(t *testing.T, p *pipes, text string) time.Duration {
	t.Helper()
	c, err := p.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	start := time.Now()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, c)
	return time.Since(start)
}

func serversNamed(list ...Server) func() []Server { return func() []Server { return list } }
