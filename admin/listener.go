package admin

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// crowded is a listener that keeps a bounded number of connections. Whoever comes
// when it is full takes the place of the oldest that is not being answered: a probe
// that takes a millisecond is answered, although others hold on to all places that
// there are, or come all the time.
type crowded struct {
	net.Listener
	most int

	mu   sync.Mutex
	open list.List // of *placed, the oldest first
}

// placed is a connection of a crowded listener.
type placed struct {
	net.Conn
	l     *crowded
	place *list.Element
	once  sync.Once
	busy  atomic.Bool // a whole request has come and is being answered
}

// Accept implements net.Listener.
func (l *crowded) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	p := &placed{Conn: c, l: l}
	if oldest := l.admit(p); oldest != nil {
		_ = oldest.Close()
	}
	return p, nil
}

// admit gives p a place, and returns who must leave for it.
func (l *crowded) admit(p *placed) (oldest *placed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open.Len() >= l.most {
		oldest = l.leaver()
	}
	p.place = l.open.PushBack(p)
	return oldest
}

// leaver is the oldest connection that is not being answered, or the oldest.
func (l *crowded) leaver() *placed {
	for e := l.open.Front(); e != nil; e = e.Next() {
		if p, ok := e.Value.(*placed); ok && !p.busy.Load() {
			return p
		}
	}
	p, _ := l.open.Front().Value.(*placed)
	return p
}

// placeKey is the key of a request's connection in its context.
type placeKey struct{}

// remember puts a connection into the context of its requests.
func remember(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, placeKey{}, c)
}

// answering marks the connections of requests that are being answered.
func answering(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, ok := r.Context().Value(placeKey{}).(*placed); ok {
			p.busy.Store(true)
			defer p.busy.Store(false)
		}
		h.ServeHTTP(w, r)
	})
}

// Close implements net.Conn.
func (p *placed) Close() error {
	p.once.Do(func() {
		p.l.mu.Lock()
		defer p.l.mu.Unlock()
		p.l.open.Remove(p.place)
	})
	return p.Conn.Close()
}
