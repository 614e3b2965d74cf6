package simtest

import (
	"strings"
	"testing"

	"ringmain/resp"
)

// What random clients have found, as small as it gets: pipelines, sent at once, and all
// that comes of them.
func TestACommandIsNotOvertakenByOneThatGoesAnotherWay(t *testing.T) {
	const restricted = ": only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context\r\n"
	for _, c := range [][2]string{
		{"MULTI; GET k; CLIENT GETNAME; EXEC; CLIENT SETNAME n; CLIENT GETNAME",
			"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n$-1\r\n$-1\r\n+OK\r\n$1\r\nn\r\n"},
		{"MULTI; CLIENT SETNAME n; GET k; EXEC; CLIENT GETNAME",
			"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$-1\r\n$1\r\nn\r\n"},
		{"PUBLISH x 1; SUBSCRIBE x; RESET; PUBLISH y 1; PSUBSCRIBE ?",
			":0\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n+RESET\r\n:0\r\n*3\r\n$10\r\npsubscribe\r\n$1\r\n?\r\n:1\r\n"},
		{"WATCH k; SET k 1; HELLO 3; MULTI; GET k; EXEC; MULTI; GET k; EXEC now; EXEC; CLIENT GETNAME",
			"+OK\r\n+OK\r\n%\r\n+OK\r\n+QUEUED\r\n_\r\n+OK\r\n+QUEUED\r\n" +
				"-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n" +
				"-ERR EXEC without MULTI\r\n_\r\n"},
		{"WATCH k; SELECT 1; MULTI; SET k 1; EXEC; GET k; SELECT 0; GET k",
			"+OK\r\n+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n$1\r\n1\r\n+OK\r\n$-1\r\n"},
		{"WATCH k; SUBSCRIBE x; EXEC; UNSUBSCRIBE x; EXEC",
			"+OK\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n" +
				"-EXECABORT Transaction discarded because of: Can't execute 'exec'" + restricted +
				"*3\r\n$11\r\nunsubscribe\r\n$1\r\nx\r\n:0\r\n-ERR EXEC without MULTI\r\n"},
	} {
		t.Run(c[0], func(t *testing.T) {
			for seed := range uint64(50) {
				s := newScene(seed, nil, options{servers: 3, loops: 1, leases: 1})
				p := s.peer(t)
				var request []byte
				for _, line := range strings.Split(c[0], "; ") {
					request = resp.AppendCommand(request, strings.Fields(line)...)
				}
				if _, err := p.Write(request); err != nil {
					t.Fatal(err)
				}
				if got := replies(t, p, strings.Count(c[0], ";")+1); got != c[1] {
					t.Fatalf("seed %d: %q, want %q", seed, got, c[1])
				}
			}
		})
	}
}

// replies reads n replies; of a map, only that it is one.
func replies(t *testing.T, p interface{ Read([]byte) (int, error) }, n int) string {
	var all strings.Builder
	var got []byte
	for n > 0 {
		if k, err := element(got); err != nil {
			t.Fatal(err)
		} else if k > 0 {
			if got[0] == '%' {
				all.WriteString("%\r\n")
			} else {
				all.Write(got[:k])
			}
			got = got[k:]
			n--
			continue
		}
		b := make([]byte, 4096)
		k, err := p.Read(b)
		if err != nil {
			t.Fatalf("after %q: %v", all.String(), err)
		}
		got = append(got, b[:k]...)
	}
	return all.String()
}
