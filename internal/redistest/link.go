package redistest

import (
	"net"
	"sync"
	"time"
)

// maxHeld bounds what a link keeps for one direction; beyond it the relay stops
// reading from the sender.
const maxHeld = 64 << 20

// Link is one connection through a Relay. Its directions are independent: when
// one side closes, what it has sent is still delivered, followed by the end of
// the stream, and what the other side sends is discarded if it cannot be
// delivered. Its methods may be called concurrently.
type Link struct {
	client, server *net.TCPConn
	pipes          [2]*pipe
	done           chan struct{}
}

// LinkGoroutines is how many goroutines a link runs until it is done.
const LinkGoroutines = 5

func newLink(client, server *net.TCPConn, held [2]bool) *Link {
	l := &Link{client: client, server: server, done: make(chan struct{})}
	l.pipes[ToServer] = newPipe(client, server, held[ToServer])
	l.pipes[ToClient] = newPipe(server, client, held[ToClient])
	return l
}

// run relays until both directions have ended.
func (l *Link) run() {
	var all sync.WaitGroup
	for _, p := range l.pipes {
		all.Go(p.read)
		all.Go(p.write)
	}
	all.Wait()
	_ = l.client.Close()
	_ = l.server.Close()
	close(l.done)
}

// Hold keeps what is sent in direction d, in order, until Release. What was
// read before but not yet written is kept too.
func (l *Link) Hold(d Direction) { l.pipes[d].set(func(p *pipe) { p.held = true }) }

// Release delivers what was held, even if its sender has closed meanwhile, and
// then relays as before.
func (l *Link) Release(d Direction) { l.pipes[d].set(func(p *pipe) { p.held = false }) }

// Delay has everything that is read from now on in direction d delivered that
// much later.
func (l *Link) Delay(d Direction, by time.Duration) {
	l.pipes[d].set(func(p *pipe) { p.delay = by })
}

// Held is how many bytes the link keeps for direction d.
func (l *Link) Held(d Direction) int {
	p := l.pipes[d]
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.size
}

// Ended tells whether the sender of direction d has closed or reset.
func (l *Link) Ended(d Direction) bool {
	p := l.pipes[d]
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended
}

// Done is closed once both directions have ended.
func (l *Link) Done() <-chan struct{} { return l.done }

// Abandon resets the client's side alone: what the client has sent is still delivered,
// as by a network that is slow, held bytes once they are released.
func (l *Link) Abandon() {
	_ = l.client.SetLinger(0)
	_ = l.client.Close()
}

// Cut closes both sides in an orderly way, without what was held.
func (l *Link) Cut() { l.close(false) }

// Reset resets both sides: the peers see ECONNRESET. What was held is lost.
func (l *Link) Reset() { l.close(true) }

func (l *Link) close(reset bool) {
	for _, p := range l.pipes {
		p.set(func(p *pipe) { p.broken, p.queue, p.size = true, nil, 0 })
	}
	for _, c := range []*net.TCPConn{l.client, l.server} {
		if reset {
			_ = c.SetLinger(0)
		} else {
			_ = c.CloseWrite() // Close alone would reset where input is unread
		}
		_ = c.Close()
	}
}

type chunk struct {
	b   []byte
	due time.Time
}

// pipe is one direction of a link: a reader fills the queue and a writer
// empties it.
type pipe struct {
	from, to *net.TCPConn
	filters  []Filter // in order; set before the reader starts, and used by it alone

	mu      sync.Mutex
	changed sync.Cond // any field below changed
	queue   []chunk
	size    int // bytes in queue and in the writer's hands
	held    bool
	delay   time.Duration
	ended   bool // from will send no more
	broken  bool // nothing more can be delivered
}

func newPipe(from, to *net.TCPConn, held bool) *pipe {
	p := &pipe{from: from, to: to, held: held}
	p.changed.L = &p.mu
	return p
}

func (p *pipe) set(change func(*pipe)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
	p.changed.Broadcast()
}

func (p *pipe) read() {
	buffer := make([]byte, 64<<10)
	var messages messages
	for {
		n, err := p.from.Read(buffer)
		b := append([]byte(nil), buffer[:n]...)
		if len(p.filters) > 0 {
			b = messages.filtered(b, err != nil, p.filters)
		}
		p.mu.Lock()
		for len(b) > 0 && p.size >= maxHeld && !p.broken {
			p.changed.Wait()
		}
		if len(b) > 0 && !p.broken {
			p.queue = append(p.queue, chunk{b, time.Now().Add(p.delay)})
			p.size += len(b)
		}
		p.ended = p.ended || err != nil
		p.changed.Broadcast()
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (p *pipe) write() {
	for {
		c, ok := p.next()
		if !ok {
			p.finish()
			return
		}
		_, err := p.to.Write(c.b)
		p.set(func(p *pipe) {
			p.size -= len(c.b)
			if err != nil || p.broken {
				p.broken, p.queue, p.size = true, nil, 0
			}
		})
	}
}

// next waits for the next chunk that may be delivered; false is the end.
func (p *pipe) next() (chunk, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.broken:
			return chunk{}, false
		case p.held:
		case len(p.queue) > 0:
			c := p.queue[0]
			wait := time.Until(c.due)
			if wait <= 0 {
				p.queue = p.queue[1:]
				return c, true
			}
			timer := time.AfterFunc(wait, func() { p.set(func(*pipe) {}) })
			p.changed.Wait()
			timer.Stop()
			continue
		case p.ended:
			return chunk{}, false
		}
		p.changed.Wait()
	}
}

// finish passes on the end of the stream, unless the link was closed by hand
// and the peer is to see a reset, and nothing but a reset.
func (p *pipe) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.broken {
		_ = p.to.CloseWrite()
	}
}
