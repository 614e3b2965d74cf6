package integration

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringmain/internal/difftest"
	"ringmain/internal/redistest"
)

// fill sends n requests to Ringmain in pipelines and expects one and the same
// reply to each.
func fill(t *testing.T, addr string, n int, request func(i int) []string, want string) {
	t.Helper()
	w := dial(t, addr)
	const most = 1000
	for from := 0; from < n; from += most {
		var text []byte
		to := min(n, from+most)
		for i := from; i < to; i++ {
			text = difftest.AppendRequest(text, request(i))
		}
		w.send(string(text))
		for i, reply := range w.replies(to - from) {
			if reply != want {
				t.Fatalf("%q: %q, want %q", request(from+i), reply, want)
			}
		}
	}
}

// misplace puts n keys on one server each that does not own them, and returns
// their names.
func misplace(t *testing.T, addr string, list []*redistest.Server, n int) map[string]bool {
	t.Helper()
	w := dial(t, addr)
	names := map[string]bool{}
	for i := range n {
		name := fmt.Sprintf("misplaced:%d", i)
		expect(t, "SET", w.do("SET", name, "x"), "+OK\r\n")
		for k, s := range list {
			if owned, err := s.Do("EXISTS", name); err != nil {
				t.Fatal(err)
			} else if owned == int64(1) {
				expect(t, "DEL", w.do("DEL", name), ":1\r\n")
				if _, err := list[(k+1+i%2)%len(list)].Do("SET", name, "x"); err != nil {
					t.Fatal(err)
				}
				break
			}
		}
		names[name] = true
	}
	return names
}

// cli runs redis-cli to its end.
func cli(t *testing.T, addr string, args ...string) string {
	t.Helper()
	host, port := hostPort(addr)
	return run(t, time.Minute, nil, "redis-cli", append([]string{"-h", host, "-p", port}, args...)...)
}

// keyNumber is the name of a key of the tests below.
func keyNumber(i int) string { return fmt.Sprintf("key:%06d", i) }

func TestRedisCliScansEveryKeyOnceAndNoneThatIsMisplaced(t *testing.T) {
	const total = 100_000
	list := startRedis(t, 3)
	r := startProcess(t, servers(list...), loops(2))
	fill(t, r.Addr(), total, func(i int) []string { return []string{"SET", keyNumber(i), "v"} }, "+OK\r\n")
	misplaced := misplace(t, r.Addr(), list, 200)
	for _, s := range list { // those with a twin elsewhere are shown once
		for i := range 50 {
			if _, err := s.Do("SET", keyNumber(i), "v"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, n := range scanned100k(t, r.Addr(), total, misplaced) {
		if n != 1 {
			t.Errorf("%s is shown %d times", name, n)
		}
	}
	t.Run("while others come and go", func(t *testing.T) {
		const others = 40_000
		stop := comingAndGoing(r.Addr(), others)
		scanned100k(t, r.Addr(), total, misplaced)
		rounds, err := stop()
		if err != nil {
			t.Fatal(err)
		}
		if rounds == 0 {
			t.Error("no other keys came or went meanwhile")
		}
		t.Logf("%d rounds of %d other keys", rounds, others)
	})
}

// scanned100k runs redis-cli --scan, and counts how often it shows each key. Those
// with numbers have to be there, and nothing that is misplaced.
func scanned100k(t *testing.T, addr string, total int, misplaced map[string]bool) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for line := range strings.Lines(cli(t, addr, "--scan")) {
		name := strings.Trim(strings.TrimSpace(line), `"`)
		seen[name]++
		if misplaced[name] {
			t.Errorf("%s is shown, which lives where it does not belong", name)
		}
	}
	missing := 0
	for i := range total {
		if seen[keyNumber(i)] == 0 {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%d keys of %d that stayed were not shown", missing, total)
	}
	return seen
}

// comingAndGoing makes and deletes n keys over and over until the function that it
// returns is called, which says how often it has done so.
func comingAndGoing(addr string, n int) func() (rounds int, err error) {
	stop, ended := make(chan struct{}), make(chan error, 1)
	rounds := 0
	go func() {
		for {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			if err := comeAndGo(addr, n); err != nil {
				ended <- err
				return
			}
			rounds++
		}
	}()
	return func() (int, error) {
		close(stop)
		err := <-ended
		return rounds, err
	}
}

func TestScanWithAnyOptionsFindsEachKeyOnce(t *testing.T) {
	const total = 400
	a := newArena(t)
	misplaced := misplace(t, a.proxy.Addr(), a.nodes, 30)
	fill(t, a.proxy.Addr(), total, func(i int) []string { return []string{"SET", keyNumber(i), "v"} }, "+OK\r\n")
	fill(t, a.proxy.Addr(), total, func(i int) []string { return []string{"RPUSH", "list" + keyNumber(i), "v"} }, ":1\r\n")
	for options, want := range map[string]int{
		"": 2 * total, "COUNT 1": 2 * total, "COUNT 100000": 2 * total, "COUNT 33 MATCH key:*": total, "TYPE list": total,
		"TYPE string MATCH *1 COUNT 7": total / 10, "match nosuch*": 0, "type hash": 0, "MATCH key:000001": 1, "count 9223372036854775807": 2 * total,
	} {
		for _, protocol := range []int{2, 3} {
			d := a.duel(t, protocol)
			seen := map[string]int{}
			steps := 0
			for cursor := "0"; steps == 0 || cursor != "0"; steps++ {
				reply, err := d.proxy.ask(append([]string{"SCAN", cursor}, strings.Fields(options)...)...)
				if err != nil || len(reply.Elems) != 2 {
					t.Fatalf("SCAN %s %s: %s, %v", cursor, options, reply.Value.String(), err)
				}
				cursor = reply.Elems[0].Text
				for _, e := range reply.Elems[1].Elems {
					seen[e.Text]++
					if misplaced[e.Text] || seen[e.Text] > 1 {
						t.Errorf("SCAN %s: %s is shown", options, e.Text)
					}
				}
			}
			if len(seen) != want {
				t.Errorf("SCAN %s: %d keys in %d steps, want %d", options, len(seen), steps, want)
			}
		}
	}
	w := dial(t, a.proxy.Addr())
	if reply := w.do("KEYS", "*"); !strings.HasPrefix(reply, fmt.Sprintf("*%d\r\n", 2*total)) || strings.Contains(reply, "misplaced") {
		t.Errorf("KEYS: %q", clip(reply))
	}
}

// comeAndGo makes n keys, so that the servers' tables grow, and deletes them.
func comeAndGo(addr string, n int) error {
	c, err := redistest.Dial(addr, gross)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, name := range []string{"SET", "DEL"} {
		for from := 0; from < n; from += 1000 {
			for i := from; i < from+1000; i++ {
				args := []any{name, fmt.Sprintf("other:%d", i), "v"}
				if name == "DEL" {
					args = args[:2]
				}
				if err := c.Send(args...); err != nil {
					return err
				}
			}
			if err := c.Flush(); err != nil {
				return err
			}
			for range 1000 {
				if _, err := c.Receive(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func TestRedisCliFindsTheBiggestKeysAndMeasures(t *testing.T) {
	const total = 2000
	r := startProcess(t, servers(startRedis(t, 3)...), loops(2))
	fill(t, r.Addr(), total, func(i int) []string { return []string{"SET", keyNumber(i), "v"} }, "+OK\r\n")
	w := dial(t, r.Addr())
	big := []string{"RPUSH", "big:list"}
	for i := range 3000 {
		big = append(big, strconv.Itoa(i))
	}
	expect(t, "RPUSH", w.do(big...), ":3000\r\n")
	expect(t, "SET", w.do("SET", "big:string", strings.Repeat("x", 30_000)), "+OK\r\n")

	for option, want := range map[string][]string{
		"--bigkeys": {fmt.Sprintf("Sampled %d keys in the keyspace!", total+2), `Biggest   list found '"big:list"' has 3000 items`,
			`Biggest string found '"big:string"' has 30000 bytes`},
		"--memkeys": {fmt.Sprintf("Sampled %d keys in the keyspace!", total+2), `Biggest   list found '"big:list"' has `,
			`Biggest string found '"big:string"' has `},
	} {
		out := cli(t, r.Addr(), option)
		for _, text := range want {
			if !strings.Contains(out, text) {
				t.Errorf("%s does not say %q:\n%s", option, text, out)
			}
		}
	}
	out := cli(t, r.Addr(), "--raw", "--latency", "-i", "1")
	if fields := strings.Fields(out); len(fields) != 4 {
		t.Errorf("--latency says %q", out)
	} else if n, err := strconv.Atoi(fields[3]); err != nil || n < 10 {
		t.Errorf("--latency has taken %q samples", fields[3])
	}
	statistics(t, r.Addr(), total+2)
}

// statLine is a line of redis-cli --stat: keys, memory, clients, blocked,
// requests, connections.
var statLine = regexp.MustCompile(`^(\d+)\s+[\d.]+[BKMG]\s+(\d+)\s+(\d+)\s+(\d+) \(\+\d+\)\s+(\d+)\s*$`)

// statistics runs redis-cli --stat for a few lines, which come a buffer at a time.
func statistics(t *testing.T, addr string, keys int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), gross)
	defer cancel()
	host, port := hostPort(addr)
	cmd := exec.CommandContext(ctx, "redis-cli", "-h", host, "-p", port, "--stat", "-i", "0.01")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said []string
	good := 0
	for lines := bufio.NewScanner(out); good < 3 && len(said) < 20 && lines.Scan(); {
		said = append(said, lines.Text())
		match := statLine.FindStringSubmatch(lines.Text())
		if match != nil && match[1] == strconv.Itoa(keys) && match[2] != "0" && match[4] != "0" && match[5] != "0" {
			good++
		}
	}
	cancel()
	_ = cmd.Wait() // killed
	if good < 3 {
		t.Errorf("--stat says:\n%s", strings.Join(said, "\n"))
	}
}
