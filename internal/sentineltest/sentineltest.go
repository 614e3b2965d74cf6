// Package sentineltest starts Redis Sentinels for tests: real ones, which watch real
// servers, and fakes, which say what a test has them say.
package sentineltest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringmain/internal/redistest"
)

// downAfter is how long a server is silent before a sentinel takes it to be down, in
// milliseconds; failoverTimeout is after how long a failover that failed is tried again.
const (
	downAfter       = 500
	failoverTimeout = 5000
)

// Start runs n real sentinels for the length of a test, of which a majority decides. They
// watch the servers that masters has, under these names.
func Start(t testing.TB, n int, masters map[string]*redistest.Server) []*redistest.Server {
	t.Helper()
	var list []*redistest.Server
	for range n {
		list = append(list, redistest.StartProgram(t, program(n/2+1, masters)))
	}
	return list
}

// program is a redis-server as a sentinel. What it learns it keeps in its configuration,
// over restarts too.
func program(quorum int, masters map[string]*redistest.Server) redistest.Program {
	return redistest.Program{
		Name: "redis-sentinel", Path: "redis-server", Missing: "redis-server not found: run `make deps`",
		Args: func(port int, dir string) ([]string, error) {
			file := filepath.Join(dir, fmt.Sprintf("sentinel-%d.conf", port))
			if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
				return []string{file, "--sentinel"}, err
			}
			var text strings.Builder
			fmt.Fprintf(&text, "port %d\nbind 127.0.0.1\ndir %q\n", port, dir)
			for name, s := range masters {
				fmt.Fprintf(&text, "sentinel monitor %s 127.0.0.1 %d %d\n", name, s.Port(), quorum)
				fmt.Fprintf(&text, "sentinel down-after-milliseconds %s %d\n", name, downAfter)
				fmt.Fprintf(&text, "sentinel failover-timeout %s %d\n", name, failoverTimeout)
			}
			return []string{file, "--sentinel"}, os.WriteFile(file, []byte(text.String()), 0o600)
		},
		Ready: func(ctx context.Context, addr string) error {
			deadline, _ := ctx.Deadline()
			c, err := redistest.Dial(addr, time.Until(deadline))
			if err != nil {
				return err
			}
			defer func() { _ = c.Close() }()
			_, err = c.Do("PING")
			return err
		},
	}
}
