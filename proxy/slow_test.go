package proxy

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// slowlog is what SLOWLOG GET gives to another client: the arguments of the newest
// entry, and how many entries there are.
func (sc *scene) slowlog() (newest string, n int) {
	sc.Helper()
	asker := sc.neighbour(77)
	asker.sends("SLOWLOG GET -1\r\n")
	text := strings.Split(asker.client.take(), "\r\n")
	if _, err := fmt.Sscanf(text[0], "*%d", &n); err != nil {
		sc.Fatal(err)
	}
	if n == 0 {
		return "", 0
	}
	var args int
	if _, err := fmt.Sscanf(text[5], "*%d", &args); err != nil {
		sc.Fatal(err)
	}
	var words []string
	for i := range args {
		words = append(words, text[7+2*i])
	}
	return strings.Join(words, " "), n
}

func TestCommandsThatTakeLongAreLoggedWithTheBeginningsOfTheirArguments(t *testing.T) {
	long := strings.Repeat("v", 300)
	many := strings.TrimSpace(strings.Repeat("k ", 40))
	for request, want := range map[string]string{
		"GET a\r\n": "GET a",
		"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$300\r\n" + long + "\r\n": "SET a " + long[:noteSize-len("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$300\r\n")] + "... (199 more bytes)",
		"DEL " + many + "\r\n": "DEL " + strings.Repeat("k ", 16) + "... (24 more arguments)",
		"BLPOP a 0\r\n":        "",
		"NOSUCH a\r\n":         "",
	} {
		sc := newScene(t)
		sc.sends(request)
		sc.loop.now = sc.loop.now.Add(10 * time.Millisecond)
		for _, server := range sc.loop.dialled {
			server.Data([]byte("+OK\r\n"))
		}
		if got, _ := sc.slowlog(); got != want {
			t.Errorf("%.40q: %q, want %q", request, got, want)
		}
	}
}

func TestCommandsThatAreFastEnoughAreNotLogged(t *testing.T) {
	sc := newScene(t)
	for range 40 { // more than a ring's slots, so that they are used again
		sc.sends("GET a\r\n")
		sc.loop.now = sc.loop.now.Add(9 * time.Millisecond)
		sc.server("$-1\r\n")
	}
	if _, n := sc.slowlog(); n != 0 {
		t.Errorf("%d are logged", n)
	}
	for i := range 30 {
		sc.sends(fmt.Sprintf("GET key%d\r\n", i))
	}
	sc.loop.now = sc.loop.now.Add(10 * time.Millisecond)
	for i := range 30 {
		sc.server("$-1\r\n")
		if got, _ := sc.slowlog(); got != fmt.Sprintf("GET key%d", i) {
			t.Fatalf("number %d is logged as %s", i, got)
		}
	}
}

func TestWithAThresholdOfZeroEveryCommandIsLoggedWithoutItsSecrets(t *testing.T) {
	sc := newScene(t)
	sc.sends("CONFIG SET slowlog-log-slower-than 0\r\n")
	sc.sends("AUTH default secret\r\n")
	if got, n := sc.slowlog(); got != "AUTH (redacted) (redacted)" || n != 2 {
		t.Errorf("%d entries, the newest %q", n, got)
	}
	sc.sends("NOSUCH\r\nGET\r\n")
	if got, n := sc.slowlog(); got != "SLOWLOG GET -1" || n != 3 {
		t.Errorf("%d entries, the newest %q", n, got)
	}
}

func TestTheIdleTimeCanBeChangedOnAllLoops(t *testing.T) {
	sc, loop, other := twoLoops(t)
	other.core.records = sc.core.records
	sc.sends("CONFIG SET timeout 5\r\n")
	loop.turn()
	loop.now = loop.now.Add(5 * time.Second)
	loop.sweep()
	if !other.client.closed {
		t.Error("a client of another loop stays")
	}
}

func TestANoteOfALongRequestTakesLittleMemory(t *testing.T) {
	f := newFleetScene(t, 1)
	f.sends("SET a " + strings.Repeat("x", 60<<10) + "\r\n")
	if n := cap(f.core.noted); n > 1<<10 {
		t.Errorf("%d bytes are kept for notes", n)
	}
}
