package backend

import (
	"log/slog"
	"strings"
	"testing"
)

func TestAServerThatDoesNotKnowTheLoginTellsNobodyThePassword(t *testing.T) {
	for protocol, command := range map[int]string{2: "AUTH", 3: "HELLO"} {
		s := newScript(t)
		opt := *s.node.opt
		var log strings.Builder
		opt.Password, opt.Log = "secret", slog.New(slog.NewTextHandler(&log, nil))
		s.node = NewNode(s, &opt)
		s.write(s.node.Conn(protocol, 0), 1)
		s.accept().says("-ERR unknown command '" + command + "', with args beginning with: 'default' 'secret' \r\n")
		what := "AUTH"
		if protocol == 3 {
			what = "HELLO 3"
		}
		s.expect(1, `!CLUSTERDOWN node "b" (127.0.0.1:7002) of pool "main" refused the handshake (`+what+": ERR unknown command '"+command+"')")
		if said := log.String(); said == "" || strings.Contains(said, "secret") {
			t.Errorf("the log is %q", said)
		}
	}
}
