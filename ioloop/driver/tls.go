package driver

import (
	"crypto/tls"
	"errors"
	"io"
	"time"
)

const (
	// plainText answers a client that does not speak TLS.
	plainText = "-ERR this address speaks TLS only\r\n"
	// refuseTime is how long a peer may take to read why its handshake failed, and
	// refuseInput how much of what it sends is read meanwhile.
	refuseTime  = 250 * time.Millisecond
	refuseInput = 1 << 20
)

// HalfCloser is a connection whose output can be ended alone.
type HalfCloser interface {
	io.ReadWriter
	CloseWrite() error
	SetReadDeadline(time.Time) error
}

// RefuseTLS ends a connection whose handshake failed with err so that the peer gets to
// know why: a close with unread input would send a reset that overtakes the alert. It
// blocks for refuseTime at most; c is still to be closed.
func RefuseTLS(c HalfCloser, err error) {
	if not := (tls.RecordHeaderError{}); errors.As(err, &not) && not.Conn != nil {
		_, _ = c.Write([]byte(plainText))
	}
	if c.SetReadDeadline(time.Now().Add(refuseTime)) != nil {
		return // closed, as its time was over
	}
	_ = c.CloseWrite()
	_, _ = io.CopyN(io.Discard, c, refuseInput)
}
