package integration

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"ringmain/internal/redistest"
)

// terminal is a program on a terminal of its own.
type terminal struct {
	t     testing.TB
	file  *os.File
	shown chan string // what it shows, as it comes; closed once the program has closed it
	said  string      // all of it, without what moves the cursor and sets colours
	seen  int         // so many bytes of it were waited for
}

// onTerminal runs a program on a terminal for the length of the test.
func onTerminal(t testing.TB, name string, args ...string) *terminal {
	t.Helper()
	cmd := exec.Command(name, args...)
	// Its history is not ours, and a dumb terminal would have no hints.
	cmd.Env = append(os.Environ(), "TERM=xterm", "REDISCLI_HISTFILE=/dev/null", "HOME="+t.TempDir())
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 200})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	x := &terminal{t: t, file: f, shown: make(chan string, 1024)}
	go x.read()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		for range x.shown { // the end of the program is the end of what it shows
		}
		_ = f.Close()
	})
	return x
}

func (x *terminal) read() {
	defer close(x.shown)
	b := make([]byte, 4096)
	for {
		n, err := x.file.Read(b)
		if err != nil {
			return
		}
		x.shown <- string(b[:n])
	}
}

// controls are the sequences by which a terminal is told how to show things.
var controls = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`)

// shows waits until the terminal shows each of the texts, each after the one before
// it. Sequences that are cut in two stay, and do no harm: texts are drawn anew with
// every key.
func (x *terminal) shows(texts ...string) {
	x.t.Helper()
	late := time.After(gross)
	for _, text := range texts {
		for !strings.Contains(x.said[x.seen:], text) {
			select {
			case more, open := <-x.shown:
				if !open {
					x.t.Fatalf("the program ends and has not shown %q:\n%q", text, x.said)
				}
				x.said += controls.ReplaceAllString(more, "")
			case <-late:
				x.t.Fatalf("the terminal never shows %q:\n%q", text, x.said)
			}
		}
		x.seen += strings.Index(x.said[x.seen:], text) + len(text)
	}
}

func (x *terminal) types(keys string) {
	x.t.Helper()
	if _, err := x.file.WriteString(keys); err != nil {
		x.t.Fatal(err)
	}
}

// ends waits until the program has ended.
func (x *terminal) ends() {
	x.t.Helper()
	late := time.After(gross)
	for {
		select {
		case _, open := <-x.shown:
			if !open {
				return
			}
		case <-late:
			x.t.Fatalf("the program does not end:\n%q", x.said)
		}
	}
}

// onRedisAndRingmain runs a test against both, the first of which proves it right.
func onRedisAndRingmain(t *testing.T, test func(t *testing.T, addr string)) {
	t.Run("on Redis", func(t *testing.T) { test(t, redistest.Start(t).Addr()) })
	t.Run("on Ringmain", func(t *testing.T) { test(t, startProcess(t, servers(startRedis(t, 3)...), loops(0)).Addr()) })
}

func TestRedisCliOnATerminalHintsAtArgumentsAndShowsItsState(t *testing.T) {
	onRedisAndRingmain(t, func(t *testing.T, addr string) {
		host, port := hostPort(addr)
		x := onTerminal(t, "redis-cli", "-h", host, "-p", port)
		x.shows(addr + "> ")
		x.types("SET ")
		x.shows("key value [NX|XX]")
		x.types("k v\r")
		x.shows("OK", addr+"> ")
		x.types("CONFIG GET ")
		x.shows("parameter [parameter ...]")
		x.types("maxmemory-policy\r")
		x.shows("1) \"maxmemory-policy\"", addr+"> ")
		x.types("GET k\r")
		x.shows("\"v\"", addr+"> ")
		x.types("LPUSH k x\r")
		x.shows("(error) WRONGTYPE Operation against a key holding the wrong kind of value", addr+"> ")
		x.types("HELP GETRANGE\r")
		x.shows("GETRANGE key start end", addr+"> ")
		x.types("SELECT 3\r")
		x.shows("OK", addr+"[3]> ")
		x.types("GET k\r")
		x.shows("(nil)", addr+"[3]> ")
		x.types("MULTI\r")
		x.shows("OK", addr+"[3](TX)> ")
		x.types("INCR n\r")
		x.shows("QUEUED", addr+"[3](TX)> ")
		x.types("EXEC\r")
		x.shows("1) (integer) 1", addr+"[3]> ")
		x.types("exit\r")
		x.ends()
	})
}

func TestRedisCliSpeaksRESP3AndShowsMapsAsMaps(t *testing.T) {
	onRedisAndRingmain(t, func(t *testing.T, addr string) {
		cli(t, addr, "HSET", "h", "a", "1")
		cli(t, addr, "ZADD", "z", "1.5", "m")
		for want, args := range map[string][]string{
			"1# \"a\" => \"1\"\n":               {"HGETALL", "h"},
			"(double) 1.5\n":                    {"ZSCORE", "z", "m"},
			"1) 1) \"m\"\n   2) (double) 1.5\n": {"ZRANGE", "z", "0", "-1", "WITHSCORES"},
			"(nil)\n":                           {"GET", "none"},
			"(error) WRONGTYPE Operation against a key holding the wrong kind of value\n": {"GET", "h"},
		} {
			expect(t, strings.Join(args, " "), cli(t, addr, append([]string{"-3", "--no-raw"}, args...)...), want)
		}
	})
}

func TestRedisCliMonitorsAndSubscribesOnATerminal(t *testing.T) {
	onRedisAndRingmain(t, func(t *testing.T, addr string) {
		host, port := hostPort(addr)
		monitor := onTerminal(t, "redis-cli", "-h", host, "-p", port, "MONITOR")
		monitor.shows("OK")
		for _, more := range [][]string{nil, {"-3"}} {
			x := onTerminal(t, "redis-cli", slices.Concat(more, []string{"-h", host, "-p", port, "SUBSCRIBE", "channel", "other"})...)
			x.shows("1) \"subscribe\"", "2) \"channel\"", "3) (integer) 1", "2) \"other\"", "3) (integer) 2")
			expect(t, "PUBLISH", cli(t, addr, "PUBLISH", "channel", "hello"), "1\n")
			x.shows("1) \"message\"", "2) \"channel\"", "3) \"hello\"")
			x.types("\x03") // Ctrl-C
			x.ends()
			monitor.shows("\"SUBSCRIBE\" \"channel\" \"other\"", "\"PUBLISH\" \"channel\" \"hello\"")
		}
		cli(t, addr, "SET", "k", "v")
		monitor.shows("[0 127.0.0.1:", "\"SET\" \"k\" \"v\"")
	})
}
