package integration

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ringmain/internal/difftest"
)

func TestRepliesThatAClientTurnsOffDoNotCome(t *testing.T) {
	a := newArena(t)
	get, mget := array("GET", "k"), array("MGET", "a", "b", "c", "d", "e")
	off, on, skip := array("CLIENT", "REPLY", "OFF"), array("CLIENT", "REPLY", "ON"), array("client", "reply", "skip")
	for _, head := range []string{"", array("HELLO", "3")} {
		for _, text := range []string{
			off + get + on, off + mget + "PING\r\n" + on + get, skip + get + get, skip + mget + mget, skip + "PING\r\n" + get,
			skip + skip + get + get, off + skip + get + on, skip + on + get, skip + off + get + on, off + off + get + on + mget,
			off + array("GET") + array("NOSUCH") + on, skip + array("NOSUCH") + get, skip + array("CLIENT", "REPLY", "NOSUCH") + get,
			off + array("SET", "k", "v") + on + get, off + array("HELLO", "3") + on + get, skip + array("HELLO", "2") + get,
			off + array("RESET") + get + on + get, skip + array("RESET") + get, get + off + get + mget + get + on + get,
			off + array("CLIENT", "REPLY") + on, skip + array("DBSIZE") + get, off + array("KEYS", "*") + on,
			off + array("RENAME", "k", "k") + on, off + array("SHUTDOWN", "x", "y") + on,
		} {
			var said [2]string
			for i, addr := range []string{a.proxy.Addr(), a.lone.Addr()} {
				w := dial(t, addr)
				w.send(head + text + array("ECHO", "the end") + array("QUIT"))
				said[i] = regexp.MustCompile(`(?s)[*%].*?modules\r\n\*0\r\n`).ReplaceAllString(w.rest(), "HELLO")
			}
			expect(t, fmt.Sprintf("%q", head+text), said[0], said[1])
		}
		// Redis leaves the connection open if no reply is to be sent before.
		for _, text := range []string{off + get + "QUIT\r\n", skip + "QUIT\r\n", off + "*x\r\n"} {
			w := dial(t, a.proxy.Addr())
			w.send(text)
			expect(t, fmt.Sprintf("%q", text), w.rest(), "")
		}
	}
}

// fieldNames are those of name=value or name:value.
func fieldNames(text, separator string) []string {
	var names []string
	for _, field := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\n' || r == '\r' }) {
		if name, _, ok := strings.Cut(field, separator); ok {
			names = append(names, name)
		}
	}
	return names
}

func TestClientInfoHasFieldsOfRedisInRedisOrder(t *testing.T) {
	a := newArena(t)
	for _, protocol := range []int{2, 3} {
		d := a.duel(t, protocol)
		for _, args := range [][]string{{"CLIENT", "INFO"}, {"CLIENT", "LIST", "TYPE", "normal"}} {
			got, want := d.both(args...)
			first, _, _ := strings.Cut(got.Text, "\n")
			g := fieldNames(strings.SplitN(first, " lib-name=", 2)[0], "=") // which 7.0 does not have
			next := 0
			for _, name := range fieldNames(want.Text, "=") {
				if next < len(g) && name == g[next] {
					next++
				}
			}
			if next < len(g) || len(g) < 20 {
				t.Errorf("%q: %q, Redis %q", args, got.Text, want.Text)
			}
		}
	}
}

// both asks both sides the same.
func (d *duel) both(args ...string) (got, want difftest.Reply) {
	d.t.Helper()
	got, err := d.proxy.ask(args...)
	if err != nil {
		d.t.Fatal(err)
	}
	if want, err = d.lone.ask(args...); err != nil {
		d.t.Fatal(err)
	}
	return got, want
}

// infoFields are what common clients, monitors and tools read in INFO.
var infoFields = []string{"redis_version", "redis_mode", "os", "process_id", "tcp_port", "uptime_in_seconds", "connected_clients", "blocked_clients",
	"used_memory", "used_memory_human", "maxmemory", "total_connections_received", "total_commands_processed", "instantaneous_ops_per_sec", "role",
	"expired_keys", "evicted_keys", "keyspace_hits", "keyspace_misses", "connected_slaves", "loading", "used_memory_rss",
	"used_memory_peak", "used_memory_peak_human", "maxmemory_human", "maxmemory_policy", "mem_fragmentation_ratio", "maxclients", "tracking_clients",
	"total_net_input_bytes", "total_net_output_bytes", "total_error_replies", "master_replid", "cluster_enabled", "server_time_usec", "run_id"}

func TestInfoSumsTheKeysAndHasTheFieldsThatToolsRead(t *testing.T) {
	a := newArena(t)
	d := a.duel(t, 2)
	var list []question
	for i := range 100 {
		args := []string{"SET", keyNumber(i), "v"}
		if i%3 == 0 {
			args = append(args, "EX", "10000")
		}
		list = append(list, question{args, exact, fixture})
	}
	d.compare(list)
	keyspace := regexp.MustCompile(`db0:keys=\d+,expires=\d+`)
	got, want := d.both("INFO", "keyspace")
	if g, w := keyspace.FindString(got.Text), keyspace.FindString(want.Text); g != w || w != "db0:keys=100,expires=34" {
		t.Errorf("INFO keyspace: %q, want %q", got.Text, want.Text)
	}
	d.both("SELECT", "3")
	d.compare([]question{{[]string{"SET", "in the third", "v"}, exact, fixture}})
	got, want = d.both("INFO", "KEYSPACE")
	if third := regexp.MustCompile(`db3:\S+`); third.FindString(got.Text) != third.FindString(want.Text) {
		t.Errorf("INFO keyspace: %q, want %q", got.Text, want.Text)
	}
	for _, section := range []string{"commandstats", "errorstats"} {
		d.both("CONFIG", "RESETSTAT")
		d.both("LPUSH", "a list", "1")
		d.both("GET", "a list")
		d.both("GET", "nothing")
		d.both("GET")
		d.both("NOSUCH")
		got, want = d.both("INFO", section)
		times := regexp.MustCompile(`usec=\d+,usec_per_call=[\d.]+`)
		g, w := slices.Sorted(strings.Lines(times.ReplaceAllString(got.Text, ""))), slices.Sorted(strings.Lines(times.ReplaceAllString(want.Text, "")))
		if !slices.Equal(g, w) {
			t.Errorf("INFO %s: %q, want %q", section, g, w)
		}
	}
	for _, addr := range []string{a.proxy.Addr(), a.lone.Addr(), a.proxy.Addr(), a.lone.Addr()} { // two clients of each
		w := dial(t, addr)
		w.do("SUBSCRIBE", "one")
		w.do("SUBSCRIBE", "two")
		w.do("PSUBSCRIBE", "*")
		w.do("SSUBSCRIBE", "shard")
	}
	got, want = d.both("INFO", "stats")
	listening := regexp.MustCompile(`pubsub\w+:\d+`)
	if g, w := listening.FindAllString(got.Text, -1), listening.FindAllString(want.Text, -1); !slices.Equal(g, w) || len(w) != 3 {
		t.Errorf("INFO stats: %q, want %q", g, w)
	}
	got, want = d.both("INFO")
	for _, name := range infoFields {
		if !strings.Contains(want.Text, "\n"+name+":") {
			t.Errorf("INFO of Redis has no field %s", name)
		}
		if !strings.Contains(got.Text, "\n"+name+":") {
			t.Errorf("INFO has no field %s", name)
		}
	}
	a.tally.report(t)
}

func TestClientListTellsWhatAClientIsDoing(t *testing.T) {
	st := newStage(t, 3)
	for what, test := range map[string]struct {
		commands []string
		waits    bool
		want     []string
	}{
		"nothing":   {nil, false, []string{" flags=N ", " db=0 ", " multi=-1 ", " redir=-1 "}},
		"queueing":  {[]string{"MULTI", "SET k v", "GET k"}, false, []string{" flags=x ", " multi=2 "}},
		"database":  {[]string{"SELECT 7"}, false, []string{" db=7 "}},
		"waiting":   {[]string{"BLPOP list 0"}, true, []string{" flags=b "}},
		"tracking":  {[]string{"HELLO 3", "CLIENT TRACKING ON"}, false, []string{" flags=t ", " redir=0 "}},
		"broadcast": {[]string{"HELLO 3", "CLIENT TRACKING ON BCAST"}, false, []string{" flags=tB "}},
	} {
		t.Run(what, func(t *testing.T) {
			for _, addr := range []string{st.proxy.addr, st.lone.Addr()} {
				w, other := dial(t, addr), dial(t, addr)
				id := strings.Trim(w.do("CLIENT", "ID"), ":\r\n")
				for _, command := range test.commands {
					w.command(strings.Fields(command)...)
					if !test.waits {
						w.next()
					}
				}
				for _, want := range test.want {
					eventually(t, what+" shows as"+want, func() bool { return strings.Contains(other.do("CLIENT", "LIST", "ID", id), want) })
				}
			}
		})
	}
}
