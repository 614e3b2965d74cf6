package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"ringmain/internal/redistest"
)

// listed are all keys that SCAN gives, in order.
func listed(t *testing.T, w *wire) []string {
	t.Helper()
	var keys []string
	for cursor := ""; cursor != "0"; {
		if cursor == "" {
			cursor = "0"
		}
		lines := strings.Split(w.do("SCAN", cursor, "COUNT", "20"), "\r\n")
		if len(lines) < 4 || lines[0] != "*2" {
			t.Fatalf("SCAN %s: %q", cursor, lines)
		}
		cursor = lines[2]
		for i := 5; i < len(lines); i += 2 {
			keys = append(keys, lines[i])
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// inRefuge is a server's own reply to a command in its refuge.
func inRefuge(t *testing.T, s *redistest.Server, args ...any) string {
	t.Helper()
	conn, err := s.Dial()
	succeed(t, err)
	defer conn.Close()
	_, err = conn.Do("SELECT", 15)
	succeed(t, err)
	reply, err := conn.Do(args...)
	succeed(t, err)
	return fmt.Sprint(reply)
}

// The keys that live in refuges are the clients' own as any others, and the markers are not.
func TestCommandsForAllServersSeeWhatLivesInRefuges(t *testing.T) {
	list := startRedis(t, 3)
	r := start(t, servers(list...), rerouting(5*soon), requestTimeout(20*soon))
	eventually(t, "a server serves", answers(t, r.Addr(), "+OK\r\n", "SET", "x", "v"))
	w := dial(t, r.Addr())
	const n = 90
	var all []string
	for i := range n {
		all = append(all, fmt.Sprint("key", i))
	}
	slices.Sort(all)
	expect(t, "FLUSHALL", w.do("FLUSHALL"), "+OK\r\n")
	write := func() {
		t.Helper()
		for _, key := range all {
			expect(t, "SET "+key, w.do("SET", key, "v"), "+OK\r\n")
		}
	}
	sees := func(when string, want []string) {
		t.Helper()
		expect(t, "DBSIZE "+when, w.do("DBSIZE"), fmt.Sprintf(":%d\r\n", len(want)))
		if got := listed(t, w); !slices.Equal(got, want) {
			t.Errorf("SCAN %s: %d keys, want %d: %q", when, len(got), len(want), got)
		}
		keys := strings.Count(w.do("KEYS", "*"), "\r\nkey")
		if keys != len(want) {
			t.Errorf("KEYS %s: %d keys, want %d", when, keys, len(want))
		}
		info, count := w.do("INFO", "keyspace"), fmt.Sprintf("db0:keys=%d,", len(want))
		if len(want) > 0 && !strings.Contains(info, count) || strings.Contains(info, "db15") {
			t.Errorf("INFO %s: %q lacks %q", when, info, count)
		}
	}
	write()
	sees("before", all)
	succeed(t, list[0].Stop())
	eventually(t, "its keys are rerouted", func() bool { return r.log.contains("its keys are rerouted") })
	write()
	sees("in the outage", all)
	if reply := w.do("RANDOMKEY"); !strings.Contains(reply, "key") {
		t.Errorf("RANDOMKEY: %q", reply)
	}
	for _, command := range [][]string{{"FUNCTION", "FLUSH"}, {"SELECT", "15"}, {"SWAPDB", "0", "1"}} {
		if reply := w.do(command...); reply[0] != '-' {
			t.Errorf("%q: %q", command, reply)
		}
	}
	expect(t, "FLUSHDB", w.do("FLUSHDB", "SYNC"), "+OK\r\n")
	sees("after FLUSHDB", nil)
	write()
	expect(t, "FLUSHALL", w.do("FLUSHALL"), "+OK\r\n")
	sees("after FLUSHALL", nil)
	for _, s := range list[1:] {
		if inRefuge(t, s, "EXISTS", "__ringmain:marker") != "1" {
			t.Error("a flush has removed a marker")
		}
	}
	succeed(t, list[0].Cont())
	eventually(t, "it is used again", func() bool { return r.log.contains("server is used again, and was emptied") })
	sees("after the return", nil)
	write()
	sees("in the end", all)
	eventually(t, "the refuges are flushed", func() bool {
		return !slices.ContainsFunc(list, func(s *redistest.Server) bool { return inRefuge(t, s, "DBSIZE") != "1" })
	})
}
