package health

import (
	"errors"
	"net"
	"time"
)

// refusalTime bounds the wait for what a server has said when it closed the connection, which
// is there by then.
const refusalTime = 100 * time.Millisecond

// refusable is a connection with TLS. A server may refuse our certificate only after hands
// have been shaken (TLS 1.3), when a request may be under way: a write that fails then tells
// what the server has said. One goroutine uses it.
type refusable struct{ net.Conn }

func (r refusable) Write(b []byte) (int, error) {
	n, err := r.Conn.Write(b)
	if err == nil {
		return n, nil
	}
	_ = r.SetReadDeadline(time.Now().Add(refusalTime))
	if _, said := r.Read(make([]byte, 1)); RefusedByTLS(said) {
		err = said
	}
	return n, err
}

// RefusedByTLS reports whether an error is what the peer has said of TLS, such as that it wants
// a certificate.
func RefusedByTLS(err error) bool {
	var said *net.OpError
	return errors.As(err, &said) && said.Op == "remote error" // as crypto/tls calls it
}
