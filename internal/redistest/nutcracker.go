package redistest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	return TwemproxyOf(TwemproxyPool{
		Name: "main", Distribution: distribution, Hash: hash, Servers: servers, More: more,
	})
}

// TwemproxyPool is one pool of twemproxy's configuration.
type TwemproxyPool struct {
	// Name is a word of its own.
	Name string
	// Listen is host:port, or the path of a Unix socket.
	Listen             string
	Distribution, Hash string
	// Servers are addresses as host:port, or as twemproxy writes them,
	// "host:port:weight" or "/path:weight", with " name" behind it or without.
	Servers []string
	// More are further settings, names and values in turn: "hash_tag", `"{}"`.
	More []string
}

// TwemproxySocket is where, as unix:/path, the pool of that name listens in a server
// that runs the Program of TwemproxyOf; the last pool's address is s.Addr.
func (s *Server) TwemproxySocket(pool string) string {
	return "unix:" + filepath.Join(s.dir, pool+".sock")
}

// TwemproxyOf is one twemproxy of many pools. The last one listens on the
// server's port, and is the last to come up; the others on Unix sockets of their
// own. What they say of Listen is not used.
func TwemproxyOf(pools ...TwemproxyPool) (Program, error) {
	if err := checkTwemproxyPools(pools); err != nil {
		return Program{}, err
	}
	pools = slices.Clone(pools)
	args := func(port int, dir string) ([]string, error) {
		stats, err := freePort()
		if err != nil {
			return nil, err
		}
		for i := range pools {
			pools[i].Listen = filepath.Join(dir, pools[i].Name+".sock")
		}
		pools[len(pools)-1].Listen = fmt.Sprintf("127.0.0.1:%d", port)
		file := filepath.Join(dir, "nutcracker.yml")
		if err := os.WriteFile(file, []byte(TwemproxyConfig(pools)), 0o600); err != nil {
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

func checkTwemproxyPools(pools []TwemproxyPool) error {
	if len(pools) == 0 {
		return errors.New("twemproxy needs a pool")
	}
	for _, p := range pools {
		if len(p.Servers) == 0 {
			return errors.New("twemproxy needs a server")
		}
		if len(p.More)%2 != 0 {
			return errors.New("twemproxy settings are names and values, one each")
		}
	}
	return nil
}

// TwemproxyConfig is the text of a nutcracker.yml.
func TwemproxyConfig(pools []TwemproxyPool) string {
	var b strings.Builder
	for _, p := range pools {
		fmt.Fprintf(&b, "%s:\n  listen: %s\n  redis: true\n", p.Name, p.Listen)
		fmt.Fprintf(&b, "  distribution: %s\n  hash: %s\n", p.Distribution, p.Hash)
		for i := 0; i < len(p.More); i += 2 {
			fmt.Fprintf(&b, "  %s: %s\n", p.More[i], p.More[i+1])
		}
		b.WriteString("  servers:\n")
		for _, s := range p.Servers {
			if strings.Count(s, ":") == 1 && !strings.HasPrefix(s, "/") {
				s += ":1"
			}
			fmt.Fprintf(&b, "  - %s\n", s)
		}
	}
	return b.String()
}
