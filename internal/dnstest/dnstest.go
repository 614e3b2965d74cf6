// Package dnstest is a DNS server on a loopback port that answers what a test has it answer.
package dnstest

import (
	"net"
	"net/netip"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// Server answers questions for addresses over UDP. A name that it was told nothing of does not
// exist. Any goroutine may use it.
type Server struct {
	// Addr is where it is asked, host:port.
	Addr string

	conn  net.PacketConn
	ended chan struct{}

	mu     sync.Mutex
	names  map[string][]netip.Addr // with the dot at their end
	broken map[string]bool
	asked  map[string]int
}

// Start starts a server, which ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{
		Addr: conn.LocalAddr().String(), conn: conn, ended: make(chan struct{}),
		names: map[string][]netip.Addr{}, broken: map[string]bool{}, asked: map[string]int{},
	}
	go s.serve()
	t.Cleanup(func() {
		_ = conn.Close()
		<-s.ended
	})
	return s
}

// Says has a name, without a dot at its end, have these addresses; without any it has none
// of the kind asked for, and exists.
func (s *Server) Says(name string, addresses ...string) {
	list := []netip.Addr{}
	for _, a := range addresses {
		list = append(list, netip.MustParseAddr(a))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[name+"."], s.broken[name+"."] = list, false
}

// Forget has a name not exist.
func (s *Server) Forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.names, name+".")
	s.broken[name+"."] = false
}

// Fails has the server say of a name that it cannot find out.
func (s *Server) Fails(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken[name+"."] = true
}

// Asked is how many questions for IPv4 addresses of a name were answered.
func (s *Server) Asked(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[name+"."]
}

func (s *Server) serve() {
	defer close(s.ended)
	b := make([]byte, 2048)
	for {
		n, from, err := s.conn.ReadFrom(b)
		if err != nil {
			return
		}
		if reply, ok := s.answer(b[:n]); ok {
			_, _ = s.conn.WriteTo(reply, from) // who gets none asks again
		}
	}
}

// answer is the reply to a question.
func (s *Server) answer(question []byte) (reply []byte, ok bool) {
	var m dnsmessage.Message
	if m.Unpack(question) != nil || len(m.Questions) != 1 {
		return nil, false
	}
	q := m.Questions[0]
	name := q.Name.String()
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.Type == dnsmessage.TypeA {
		s.asked[name]++
	}
	r := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionDesired: m.RecursionDesired, RecursionAvailable: true}, Questions: m.Questions}
	addresses, known := s.names[name]
	switch {
	case s.broken[name]:
		r.RCode = dnsmessage.RCodeServerFailure
	case !known:
		r.RCode = dnsmessage.RCodeNameError
	}
	for _, a := range addresses {
		head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
		switch {
		case r.RCode != dnsmessage.RCodeSuccess:
		case q.Type == dnsmessage.TypeA && a.Is4():
			r.Answers = append(r.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: a.As4()}})
		case q.Type == dnsmessage.TypeAAAA && a.Is6():
			r.Answers = append(r.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	reply, err := r.Pack()
	return reply, err == nil
}
