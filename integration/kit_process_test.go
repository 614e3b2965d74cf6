package integration

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"ringmain/config"
	"ringmain/internal/redistest"
)

// binaryDir holds the built program for the length of the test run.
var binaryDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "ringmain-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binaryDir = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// binary is the program, built once and without the race detector, so that its
// memory and speed are those of the real thing.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binaryDir, "ringmain")
	out, err := exec.Command("go", "build", "-o", path, "ringmain").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// startProcess runs the program as a process of its own, in front of servers,
// for the length of the test.
func startProcess(t testing.TB, servers []addresser, options ...option) *redistest.Server {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cfg := configuration(t, servers, options...)
	return redistest.StartProgram(t, redistest.Program{
		Name: "ringmain", Path: path,
		Args: func(port int, dir string) ([]string, error) {
			cfg.Listeners[0].Address = "127.0.0.1:" + strconv.Itoa(port)
			file := filepath.Join(dir, "config.yaml")
			return []string{"--config", file}, os.WriteFile(file, []byte(yamlOf(cfg)), 0o600)
		},
		Ready: answersPing,
	})
}

// startProcessOn runs the program as a process of its own that listens on a Unix
// socket, with one embedded server, for the length of the test.
func startProcessOn(t testing.TB, socket string) *redistest.Server {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return redistest.StartProgram(t, redistest.Program{
		Name: "ringmain", Path: path,
		Args: func(port int, dir string) ([]string, error) {
			file := filepath.Join(dir, "config.yaml")
			text := fmt.Sprintf("listeners: [{address: 'unix:%s'}, {address: '127.0.0.1:%d'}]\nadmin: {address: ''}\npools: {main: {embedded: 1}}", socket, port)
			return []string{"--config", file}, os.WriteFile(file, []byte(text), 0o600)
		},
		Ready: answersPing,
	})
}

// answersPing is when a Ringmain is ready.
func answersPing(_ context.Context, addr string) error {
	c, err := redistest.Dial(addr, gross)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Do("PING")
	return err
}

// yamlOf writes what options may have altered.
func yamlOf(c *config.Config) string {
	var b strings.Builder
	fmt.Fprintf(&b, "listeners: [{address: '%s'}]\nadmin: {address: '%s'}\nloops: %d\n", c.Listeners[0].Address, c.Admin.Address, c.Loops)
	l := c.Limits
	fmt.Fprintf(&b, "limits: {clients: %d, request: %v, arguments: %d, client_output: %v, node_queue: %v, memory: %v}\n",
		l.Clients, l.Request, l.Arguments, l.ClientOutput, l.NodeQueue, l.Memory)
	fmt.Fprintf(&b, "timeouts: {client_stall: %v}\ntopology: {sole_proxy: %v}\npools:\n  main:\n", c.Timeouts.ClientStall, c.Topology.SoleProxy)
	p := mainPool(c)
	if p.Embedded > 0 {
		fmt.Fprintf(&b, "    embedded: %d\n", p.Embedded)
	} else {
		b.WriteString("    nodes:\n")
	}
	for _, n := range p.Nodes {
		fmt.Fprintf(&b, "    - {name: %s, address: '%s', weight: %d}\n", n.Name, n.Address, n.Weight)
	}
	fmt.Fprintf(&b, "    timeouts: {connect: %v, request: %v, slow: %v}\n",
		p.Timeouts.Connect, p.Timeouts.Request, p.Timeouts.Slow)
	h := p.Health
	fmt.Fprintf(&b, "    health: {interval: %v, timeout: %v, fall: %d, rise: %d, hold: %v, hold_max: %v}\n",
		h.Interval, h.Timeout, h.Fall, h.Rise, h.Hold, h.HoldMax)
	fmt.Fprintf(&b, "    distribution: %s\n    on_node_down: %s\n", p.Distribution, p.OnNodeDown)
	if p.Reroutes() {
		fmt.Fprintf(&b, "    on_node_return: %s\n", p.OnNodeReturn)
	}
	return b.String()
}

// descriptors is how many files a process has open.
func descriptors(t testing.TB, pid int) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
