package command

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringmain/internal/redistest"
)

// realServer is a raw connection to a redis-server of this test's own.
type realServer struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func startRealServer(t *testing.T) *realServer {
	t.Helper()
	conn, err := net.Dial("tcp", redistest.Start(t).Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(60 * time.Second))
	return &realServer{t, conn, bufio.NewReader(conn)}
}

// startRedis70 is startRealServer for tests of the table, which is that of Redis
// 7.0: other versions describe their commands otherwise.
func startRedis70(t *testing.T) *realServer {
	t.Helper()
	s := startRealServer(t)
	if v := s.version(); v/1000 != 7000 {
		t.Fatalf("redis-server is version %d, the table is compared with 7.0 only", v)
	}
	return s
}

// do sends a request and gives back the reply, byte for byte.
func (s *realServer) do(args ...string) string {
	s.t.Helper()
	req := fmt.Sprintf("*%d\r\n", len(args))
	for _, a := range args {
		req += fmt.Sprintf("$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := io.WriteString(s.conn, req); err != nil {
		s.t.Fatal(err)
	}
	var reply strings.Builder
	s.frame(&reply)
	return reply.String()
}

func (s *realServer) frame(to *strings.Builder) {
	line, err := s.in.ReadString('\n')
	if err != nil {
		s.t.Fatal(err)
	}
	to.WriteString(line)
	n, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
	switch line[0] {
	case '$', '=':
		if n >= 0 {
			io.CopyN(to, s.in, int64(n)+2)
		}
	case '%':
		n *= 2
		fallthrough
	case '*', '~', '>':
		for ; n > 0; n-- {
			s.frame(to)
		}
	}
}

// commands are the names of all the server's commands and subcommands.
func (s *realServer) commands() []string {
	var names []string
	var walk func(list []any)
	walk = func(list []any) {
		for _, c := range list {
			c := c.([]any)
			names = append(names, c[0].(string))
			walk(c[9].([]any))
		}
	}
	walk(parse(s.do("COMMAND")).([]any))
	return names
}

// parse makes a reply into strings, ints and slices: of an aggregate, whatever
// kind it is, all elements.
func parse(reply string) any {
	v, _ := parseNext(reply)
	return v
}

func parseNext(in string) (v any, rest string) {
	line, rest, _ := strings.Cut(in, "\r\n")
	n, _ := strconv.Atoi(line[1:])
	switch line[0] {
	case '$', '=':
		if n < 0 {
			return nil, rest
		}
		return rest[:n], rest[n+2:]
	case ':':
		return n, rest
	case '%':
		n *= 2
		fallthrough
	case '*', '~', '>':
		list := make([]any, max(n, 0))
		for i := range list {
			list[i], rest = parseNext(rest)
		}
		return list, rest
	}
	return line[1:], rest
}

// version is the server's version as a comparable number.
func (s *realServer) version() int {
	_, after, _ := strings.Cut(s.do("INFO", "server"), "redis_version:")
	v, _, _ := strings.Cut(after, "\r")
	return versionNumber(v)
}

func versionNumber(v string) int {
	n := 0
	for part := range strings.SplitSeq(v, ".") {
		i, err := strconv.Atoi(part)
		if err != nil {
			return -1
		}
		n = n*1000 + i
	}
	return n
}

// bulks are the bulk strings of a reply that is an array of them.
func bulks(reply string) []string {
	var out []string
	lines := strings.Split(reply, "\r\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "$") && i+1 < len(lines) {
			out = append(out, lines[i+1])
		}
	}
	return out
}
