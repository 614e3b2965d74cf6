package backend

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"ringmain/ioloop"
)

func TestANameThatDoesNotResolveIsAFailedAttemptThatIsLoggedOnceAndRepeated(t *testing.T) {
	s := newScript(t)
	var log bytes.Buffer
	s.node.opt.Address = "redis-b:7002"
	s.node.opt.Log = slog.New(slog.NewTextHandler(&log, nil))
	c := s.node.Conn(2, 0)
	s.write(c, 0)
	unresolved := fmt.Errorf("%w: lookup redis-b: no such host", ioloop.ErrNoAddress)
	for attempt := range uint64(5) {
		for len(s.dials) == 0 {
			s.pass(minBackoff)
		}
		h := s.dials[0]
		s.dials = nil
		h.Opened(nil, unresolved)
		s.expect(attempt, `!CLUSTERDOWN node "b" (redis-b:7002) of pool "main" is unreachable`)
		s.write(c, attempt+1)
	}
	if n := strings.Count(log.String(), "lookup redis-b: no such host"); n != 1 {
		t.Errorf("the reason is logged %d times:\n%s", n, log.String())
	}
	w := s.ready(7, "r1")
	s.write(c, 9)
	w.says(":1\r\n")
	s.expect(9, ":1\r\n.")
	for _, address := range s.dialled {
		if address != "redis-b:7002" {
			t.Errorf("%q is dialled instead of the name", address)
		}
	}
}
