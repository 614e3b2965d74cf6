package redistest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Nutcracker runs twemproxy for the length of a test, in front of servers:
// addresses as host:port, or as twemproxy writes them, "host:port:weight name".
// more are further settings of its pool, names and values: "hash_tag", `"{}"`.
func Nutcracker(t testing.TB, servers []string, distribution, hash string, more ...string) *Server {
	t.Helper()
	p, err := Twemproxy(servers, distribution, hash, more...)
	if err != nil {
		t.Fatal(err)
	}
	return StartProgram(t, p)
}

// Twemproxy is the Program that Nutcracker runs.
func Twemproxy(servers []string, distribution, hash string, more ...string) (Program, error) {
	if len(servers) == 0 {
		return Program{}, errors.New("twemproxy needs a server")
	}
	if len(more)%2 != 0 {
		return Program{}, errors.New("twemproxy settings are names and values, one each")
	}
	args := func(port int, dir string) ([]string, error) {
		stats, err := freePort()
		if err != nil {
			return nil, err
		}
		file := filepath.Join(dir, "nutcracker.yml")
		text := twemproxyConfig(port, servers, distribution, hash, more)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return nil, err
		}
		return []string{"-c", file, "-a", "127.0.0.1", "-s", strconv.Itoa(stats), "-v", "4"}, nil
	}
	return Program{
		Name: "nutcracker", Path: "nutcracker",
		Missing: "nutcracker (twemproxy) not found: run `make deps`",
		Args:    args,
	}, nil
}

func twemproxyConfig(port int, servers []string, distribution, hash string, more []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "main:\n  listen: 127.0.0.1:%d\n  redis: true\n", port)
	fmt.Fprintf(&b, "  distribution: %s\n  hash: %s\n", distribution, hash)
	for i := 0; i < len(more); i += 2 {
		fmt.Fprintf(&b, "  %s: %s\n", more[i], more[i+1])
	}
	b.WriteString("  servers:\n")
	for _, s := range servers {
		if strings.Count(s, ":") == 1 {
			s += ":1"
		}
		fmt.Fprintf(&b, "  - %s\n", s)
	}
	return b.String()
}
