package redistest

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// SocketName is a value for the option "unixsocket", for Server.UnixAddr.
const SocketName = "redis.sock"

// UnixAddr is unix:/path of a redis-server that was started with the options
// "unixsocket", SocketName.
func (s *Server) UnixAddr() string { return "unix:" + filepath.Join(s.dir, SocketName) }

// Addr6 is the IPv6 address of a redis-server that was started with the options
// "bind", "127.0.0.1 ::1".
func (s *Server) Addr6() string { return net.JoinHostPort("::1", strconv.Itoa(s.port)) }

// Start runs a redis-server for the length of a test. options are names and
// values as in redis.conf: "appendonly", "yes", "appendfsync", "always". By
// default nothing is persisted. Whatever goes wrong ends the test.
func Start(t testing.TB, options ...string) *Server {
	t.Helper()
	p, err := Redis(options...)
	if err != nil {
		t.Fatal(err)
	}
	return StartProgram(t, p)
}

// StartProgram is Launch for a test: the server is closed with the test, and
// its log is shown when the test has failed.
func StartProgram(t testing.TB, p Program) *Server {
	t.Helper()
	s, err := Launch(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s at %s:\n%s", p.Name, s.Addr(), s.Log())
		}
		s.Close()
	})
	return s
}

// Redis is the Program of a redis-server with options as in Start.
func Redis(options ...string) (Program, error) {
	if len(options)%2 != 0 {
		return Program{}, errors.New("redis options are names and values, one each")
	}
	password := ""
	for i := 0; i < len(options); i += 2 {
		if options[i] == "requirepass" {
			password = options[i+1]
		}
	}
	args := func(port int, dir string) ([]string, error) {
		a := []string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir,
			"--daemonize", "no", "--save", "", "--appendonly", "no"}
		for i := 0; i < len(options); i += 2 {
			a = append(a, "--"+options[i])
			a = append(a, optionValue(options[i], options[i+1])...)
		}
		return a, nil
	}
	return Program{
		Name: "redis-server", Path: "redis-server",
		Missing:  "redis-server not found: run `make deps`",
		Args:     args,
		Password: password,
		Ready: func(ctx context.Context, addr string) error {
			return ping(ctx, addr, password)
		},
	}, nil
}

// optionValue splits the values that redis-server takes as several words.
func optionValue(name, value string) []string {
	switch name {
	case "save", "client-output-buffer-limit", "bind", "user", "rename-command", "replicaof":
		if words := strings.Fields(value); len(words) > 0 {
			return words
		}
	}
	return []string{value}
}

// ping returns nil once the server answers PING with PONG: not while it loads.
func ping(ctx context.Context, addr, password string) error {
	deadline, _ := ctx.Deadline()
	c, err := Dial(addr, time.Until(deadline))
	if err != nil {
		return err
	}
	defer c.Close()
	if password != "" {
		if _, err := c.Do("AUTH", password); err != nil {
			return err
		}
	}
	_, err = c.Do("PING")
	return err
}
