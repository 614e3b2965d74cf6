package app

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"ringmain/health"
)

const (
	// handshakeTime is how long a client may take to shake hands.
	handshakeTime = 10 * time.Second
	// maxHandshakes bounds those that shake hands at a time, over all listeners.
	// Each takes two files and a goroutine.
	maxHandshakes = 1024
	// slowHandshake is after how long one makes way for a newcomer when there are
	// too many: slow ones must not keep the others out.
	slowHandshake = time.Second
	// finishHandshakes is how long those under way may take when the program ends.
	finishHandshakes = time.Second
)

var (
	errHandshakeTime = errors.New("it did not shake hands within " + handshakeTime.String())
	errHandshakeSlow = errors.New("it was slow to shake hands, and others waited")
	errTooMany       = errors.New("too many clients shake hands at the same time")
	errStopping      = errors.New("the proxy is stopping")
)

// handshakes makes TLS of accepted connections, each on a goroutine of its own.
type handshakes struct {
	limit   int
	refused func(peer, listener string, err error)
	ctx     context.Context // ends all of them
	cancel  context.CancelCauseFunc
	work    sync.WaitGroup

	mu       sync.Mutex
	underWay []*handshake // the oldest first
}

type handshake struct {
	began  time.Time
	cancel context.CancelCauseFunc
}

// newHandshakes makes a limit for all listeners. refused is called, on any goroutine,
// for each client that comes no further.
func newHandshakes(limit int, refused func(peer, listener string, err error)) *handshakes {
	h := &handshakes{limit: limit, refused: refused}
	h.ctx, h.cancel = context.WithCancelCause(context.Background())
	return h
}

// begin makes TLS of c, and gives it to take. It does not block.
func (h *handshakes) begin(c *netClient, listener string, cfg func() *tls.Config, take func(*netClient)) {
	ctx, cancel := context.WithCancelCause(h.ctx)
	own := &handshake{time.Now(), cancel}
	if !h.enter(own) {
		cancel(nil)
		peer := c.RemoteAddr()
		c.Refuse(nil)
		h.refused(peer, listener, errTooMany)
		return
	}
	h.work.Go(func() {
		defer cancel(nil)
		defer h.leave(own)
		timed, stop := context.WithTimeoutCause(ctx, handshakeTime, errHandshakeTime)
		defer stop()
		peer := c.RemoteAddr()
		err := c.Handshake(timed, cfg())
		switch {
		case err == nil:
			take(c)
		case timed.Err() != nil:
			h.refused(peer, listener, context.Cause(timed))
		default:
			h.refused(peer, listener, err)
		}
	})
}

func (h *handshakes) enter(own *handshake) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.underWay) >= h.limit {
		oldest := h.underWay[0]
		if own.began.Sub(oldest.began) < slowHandshake {
			return false
		}
		oldest.cancel(errHandshakeSlow)
		h.underWay = h.underWay[1:]
	}
	h.underWay = append(h.underWay, own)
	return true
}

func (h *handshakes) leave(own *handshake) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.Index(h.underWay, own); i >= 0 {
		h.underWay = slices.Delete(h.underWay, i, i+1)
	}
}

// finish returns when no hands are shaken any more, which takes finishHandshakes at
// most. begin is not called any more.
func (h *handshakes) finish() {
	late := time.AfterFunc(finishHandshakes, func() { h.cancel(errStopping) })
	defer late.Stop()
	h.work.Wait()
}

// stop ends all.
func (h *handshakes) stop() error {
	h.cancel(errStopping)
	h.work.Wait()
	return nil
}

// kindOf sorts what keeps clients from shaking hands, and puts it in words.
func kindOf(err error) (kind, text string) {
	var plain tls.RecordHeaderError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &plain):
		return "plain text", "it does not speak TLS, which this address expects"
	case errors.As(err, &certificate):
		return "certificate", err.Error()
	case health.RefusedByTLS(err):
		return err.Error(), err.Error() // which alert it is
	case strings.HasSuffix(err.Error(), "tls: bad record MAC"):
		// OpenSSL says in plain text what is wrong, where TLS 1.3 expects it encrypted.
		return "alert", "it ended the handshake, probably because it does not trust our certificate (" + err.Error() + ")"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "end", "it closed the connection"
	case errors.Is(err, errHandshakeTime), errors.Is(err, errHandshakeSlow), errors.Is(err, errTooMany), errors.Is(err, errStopping):
		return err.Error(), err.Error()
	}
	return "other", err.Error()
}

// complaintEvery is how often one kind of failed handshake is logged.
const complaintEvery = 10 * time.Second

// complaints log failed handshakes, seldom. Any goroutine may use them.
type complaints struct {
	app  *App
	mu   sync.Mutex
	said map[string]time.Time // by kind
	seen int64
}

// maxComplaint is how much of an error is logged: a part of it may be the client's
// words.
const maxComplaint = 300

func (c *complaints) refused(peer, listener string, err error) {
	c.app.refusedTLS.Add(1)
	kind, text := kindOf(err)
	c.mu.Lock()
	c.seen++
	seen, now := c.seen, time.Now()
	if kind == "end" || now.Sub(c.said[kind]) < complaintEvery {
		c.mu.Unlock()
		c.app.log.Debug("a client did not get past the TLS handshake", "client", peer, "listener", listener, "cause", text)
		return
	}
	c.said[kind] = now
	c.mu.Unlock()
	if len(text) > maxComplaint {
		text = text[:maxComplaint] + "…"
	}
	c.app.log.Warn("a client did not get past the TLS handshake", "client", peer, "listener", listener, "cause", text, "seen", seen)
}
