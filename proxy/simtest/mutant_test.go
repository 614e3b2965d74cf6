package simtest

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"ringmain/ioloop"
	"ringmain/resp"
)

// resender is a mutant of the connections to servers: when one breaks, it makes
// a new one and sends once more, once, what was not answered. The core above it
// notices nothing. It implements ioloop.Handler towards the network and
// ioloop.Conn towards the core.
type resender struct {
	core    ioloop.Handler
	loop    ioloop.Loop
	address string
	ioConn  // nil while it dials again

	framer     resp.Framer
	unanswered [][]byte
	begun      bool // a part of the first reply has come
	data       bool // something other than the handshake was sent
	again      bool // this is the second connection
	over       bool // the core has given it up
}

func resend(loop ioloop.Loop, address string, h ioloop.Handler) ioloop.Handler {
	return &resender{core: h, loop: loop, address: address}
}

func (r *resender) Opened(c ioloop.Conn, err error) {
	switch {
	case !r.again && err != nil:
		r.core.Opened(nil, err)
	case !r.again:
		r.ioConn = c
		r.core.Opened(r, nil)
	case err != nil:
		r.ioConn = nil
		r.core.Closed(err)
	case r.over:
		c.Abort()
		r.ioConn = c
	default:
		r.ioConn = c
		for _, request := range r.unanswered {
			c.Write(request)
		}
	}
}

func (r *resender) Write(b []byte) {
	eachRequest(b, func(raw []byte, args [][]byte) {
		r.unanswered = append(r.unanswered, bytes.Clone(raw))
		r.data = r.data || string(args[0]) == "INCR"
	})
	if r.ioConn != nil {
		r.ioConn.Write(b)
	}
}

func (r *resender) Data(b []byte) int {
	for off := 0; off < len(b); {
		n, done, err := r.framer.Scan(b[off:])
		if err != nil {
			break // the core will find out, too
		}
		r.begun = !done
		if off += n; done && len(r.unanswered) > 0 {
			r.unanswered = r.unanswered[1:]
		}
	}
	return r.core.Data(b)
}

func (r *resender) Drained() { r.core.Drained() }

func (r *resender) HalfClosed() {
	if !r.canResend() {
		r.core.HalfClosed()
		return
	}
	r.ioConn.Abort()
}

func (r *resender) Closed(err error) {
	if !r.canResend() {
		r.core.Closed(err)
		return
	}
	r.again, r.ioConn = true, nil
	r.loop.Dial(r.address, time.Second, r)
}

func (r *resender) canResend() bool {
	return r.data && !r.again && !r.over && !r.begun && len(r.unanswered) > 0
}

func (r *resender) Buffered() int {
	if r.ioConn == nil {
		return 0
	}
	return r.ioConn.Buffered()
}

func (r *resender) Abort() {
	r.over = true
	if r.ioConn != nil {
		r.ioConn.Abort()
	}
}

func TestAProxyThatResendsAnUnansweredWriteOnceIsCaught(t *testing.T) {
	const within = 50
	seed, err := firstFailure(within, func(seed uint64, trace io.Writer) error {
		_, err := incrementUnderFaults(seed, trace, resend)
		return err
	})
	var twice *miscount
	if !errors.As(err, &twice) || twice.stored <= twice.acknowledged+twice.uncertain {
		t.Fatalf("in %d seeds: %v", within, err)
	}
	t.Logf("seed %d: %v", seed, err)
}
