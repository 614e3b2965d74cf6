package embedded

import (
	"errors"
	"net"
	"sync"
	"time"
)

const (
	// maxOutput is what may wait for one client. Any one value fits.
	maxOutput = maxBulk + 1<<20
	// busyOutput is the output above which no further command is executed.
	busyOutput = 1 << 20
	// chunk is written at a time, within writeTimeout.
	chunk        = 256 << 10
	writeTimeout = 30 * time.Second
)

var errOutput = errors.New("the client is gone or reads too slowly")

// outbox takes replies without blocking, because miniredis holds the lock on
// all its data while it writes one, and sends them from a goroutine of its own.
type outbox struct {
	tcp net.Conn

	mu      sync.Mutex // guards what follows
	changed *sync.Cond
	waiting []byte
	written int64
	closing bool // nothing more will be written
	failed  bool // nothing more can be sent
}

func newOutbox(tcp net.Conn) *outbox {
	o := &outbox{tcp: tcp}
	o.changed = sync.NewCond(&o.mu)
	return o
}

// Write queues a copy of b.
func (o *outbox) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.written += int64(len(b))
	if len(o.waiting)+len(b) > maxOutput {
		o.fail()
	}
	if o.failed || o.closing {
		return 0, errOutput
	}
	o.waiting = append(o.waiting, b...)
	o.changed.Broadcast()
	return len(b), nil
}

// total is how many bytes were given to Write.
func (o *outbox) total() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.written
}

// waitForRoom returns when little is waiting, or nothing can be sent any more.
func (o *outbox) waitForRoom() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.waiting) > busyOutput && !o.failed {
		o.changed.Wait()
	}
}

// close lets run send what is waiting and end.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closing = true
	o.changed.Broadcast()
}

// fail ends the connection. o.mu is held.
func (o *outbox) fail() {
	o.failed, o.waiting = true, nil
	_ = o.tcp.Close()
	o.changed.Broadcast()
}

// run sends what is written, until close or a failure, then closes the
// connection.
func (o *outbox) run() {
	defer func() { _ = o.tcp.Close() }()
	var sending []byte
	for {
		o.mu.Lock()
		for len(o.waiting) == 0 && !o.closing && !o.failed {
			o.changed.Wait()
		}
		if len(o.waiting) == 0 {
			o.mu.Unlock()
			return
		}
		sending, o.waiting = o.waiting, sending[:0]
		o.changed.Broadcast()
		o.mu.Unlock()
		if err := o.send(sending); err != nil {
			o.mu.Lock()
			o.fail()
			o.mu.Unlock()
			return
		}
		if cap(sending) > busyOutput {
			sending = nil
		}
	}
}

func (o *outbox) send(b []byte) error {
	for len(b) > 0 {
		n := min(len(b), chunk)
		if err := o.tcp.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
		if _, err := o.tcp.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
