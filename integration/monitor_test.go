package integration

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// monitored are what one client sends while another monitors.
var monitored = [][]string{
	{"SET", "k", "\x00\"\\\n\r\t\a\b\x7f\xff v"}, {"get", "k"}, {"AUTH", "secret"}, {"AUTH", "default", "secret"}, {"HELLO", "3", "AUTH", "default", "secret"},
	{"hello", "2"}, {"HELLO", "2", "SETNAME", "me", "AUTH", "default", "secret"}, {"CLIENT", "LIST"}, {"CLIENT", "ID"}, {"CONFIG", "GET", "timeout"},
	{"NOSUCH", "x"}, {"GET"}, {"EVAL", "return 1", "0"}, {"MULTI"}, {"SET", "k", "1"}, {"PING"}, {"EXEC"}, {"MULTI"}, {"GET", "k"}, {"DISCARD"}, {"ACL", "WHOAMI"},
	{"DEBUG", "SLEEP", "0"}, {"INFO"}, {"ECHO", ""}, {"LATENCY", "LATEST"}, {"SELECT", "3"}, {"GET", "k"}, {"select", "0"}, {"DEL", "k"}, {"PING"}, {"QUIT"},
}

func TestMonitorShowsWhatRedisShows(t *testing.T) {
	a := newArena(t)
	var said [2]string
	for i, addr := range []string{a.proxy.Addr(), a.lone.Addr()} {
		m, w := dial(t, addr), dial(t, addr)
		expect(t, "MONITOR", m.do("MONITOR"), "+OK\r\n")
		for _, args := range monitored {
			w.command(args...)
		}
		w.rest()
		for last := ""; !strings.Contains(last, `"QUIT"`); {
			last = m.next()
			said[i] += regexp.MustCompile(`^\+\d+\.\d{6} \[(\d+) 127\.0\.0\.1:\d+\]`).ReplaceAllString(last, "[$1]")
		}
	}
	expect(t, "the lines", said[0], said[1])
}

// monitoring are what a client sends that monitors.
const monitoring = "PING GET|a SET|a|b DBSIZE MONITOR PUBLISH|a|b CLIENT|ID EVAL|x|0 PFCOUNT|a SELECT|1 ECHO|x KEYS|* OBJECT|ENCODING|a RESET GET|a PING"

func TestAClientThatMonitorsMayDoWhatItMayInRedis(t *testing.T) {
	a := newArena(t)
	var said [2]string
	for i, addr := range []string{a.proxy.Addr(), a.lone.Addr()} {
		m := dial(t, addr)
		m.command("MONITOR")
		for text := range strings.FieldsSeq(monitoring) {
			m.command(strings.Split(text, "|")...)
		}
		m.command("QUIT")
		text := regexp.MustCompile(`\+\d+\.\d{6} \[(\d+) 127\.0\.0\.1:\d+\]`).ReplaceAllString(m.rest(), "[$1]")
		said[i] = regexp.MustCompile(`:\d+\r\n`).ReplaceAllString(text, "")
	}
	expect(t, "the replies", said[0], said[1])
}

func TestAMonitorSeesTheCommandsOfAllLoopsInTheOrderOfEachClient(t *testing.T) {
	const n = 2000
	_, clients := apart(t, 5)
	m, rest := clients[0], clients[1:]
	expect(t, "MONITOR", m.do("MONITOR"), "+OK\r\n")
	for k, w := range rest {
		go func() {
			var text strings.Builder
			for i := range n {
				text.WriteString(array("GET", fmt.Sprintf("%d:%d", k, i)))
			}
			_ = w.write([]byte(text.String()))
		}()
	}
	next := make([]int, len(rest))
	for range n * len(rest) {
		line := m.next()
		var k, i int
		_, key, _ := strings.Cut(line, `"GET" `)
		if _, err := fmt.Sscanf(key, `"%d:%d"`, &k, &i); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if next[k] != i {
			t.Fatalf("client %d: command %d is shown instead of %d", k, i, next[k])
		}
		next[k]++
	}
}
