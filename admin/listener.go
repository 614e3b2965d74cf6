package admin

import (
	"container/list"
	"net"
	"sync"
)

// crowded is a listener that keeps a bounded number of connections. Whoever comes
// when it is full takes the place of the oldest: a probe that takes a millisecond is
// answered, although others hold on to all places that there are.
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
		oldest, _ = l.open.Front().Value.(*placed)
	}
	p.place = l.open.PushBack(p)
	return oldest
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
