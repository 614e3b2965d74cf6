//go:build unix

package redistest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ringmain/internal/redistest"
)

func dialed(t *testing.T, addr string) *redistest.Conn {
	t.Helper()
	c, err := redistest.Dial(addr, gross)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestAFilterSeesWholeMessagesHoweverTheyAreCut(t *testing.T) {
	s := redistest.Start(t)
	r := redistest.StartRelay(t, s.Addr())
	var requests, replies []string
	r.Filter(redistest.ToServer, func(*redistest.Link) redistest.Filter {
		return func(m []byte) []byte { requests = append(requests, string(m)); return m }
	})
	r.Filter(redistest.ToClient, func(*redistest.Link) redistest.Filter {
		return func(m []byte) []byte {
			replies = append(replies, string(m))
			return []byte(strings.ToUpper(string(m)))
		}
	})
	c := dial(t, r.Addr())
	sent := []string{"*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n", "*1\r\n$4\r\nPING\r\n", "*2\r\n$4\r\nECHO\r\n$3\r\nyou\r\n"}
	for _, piece := range slices.Collect(slices.Chunk([]byte(strings.Join(sent, "")), 5)) {
		send(t, c, string(piece))
	}
	expect(t, c, "$2\r\nHI\r\n+PONG\r\n$3\r\nYOU\r\n")
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	<-link(t, r, 0).Done()
	if want := []string{"$2\r\nhi\r\n", "+PONG\r\n", "$3\r\nyou\r\n"}; !slices.Equal(requests, sent) || !slices.Equal(replies, want) {
		t.Errorf("the filters saw %q and %q", requests, replies)
	}
}

func TestWhatIsNoMessagePassesFilters(t *testing.T) {
	s := redistest.Start(t)
	r := redistest.StartRelay(t, s.Addr())
	r.Filter(redistest.ToServer, func(*redistest.Link) redistest.Filter { return func([]byte) []byte { return nil } })
	c := dial(t, r.Addr())
	send(t, c, "PING\r\nECHO hi\r\n")
	expect(t, c, "+PONG\r\n$2\r\nhi\r\n")
}

// Each connection sends one INCR. Whether it is answered, lost before or after it was
// executed, or late, what the server counts in the end is what it should.
func TestLossesFallSilentBeforeAndAfterARequestIsExecuted(t *testing.T) {
	const connections = 100
	play := func() (outcomes string) {
		s := redistest.Start(t)
		r := redistest.StartRelay(t, s.Addr())
		l := r.Lose(7, 3*time.Millisecond)
		l.SetRate(0.4)
		answered := int64(0)
		for range connections {
			c := dialed(t, r.Addr())
			before := [3]int64{l.Unsent.Load(), l.Unheard.Load(), l.Late.Load()}
			_, err := c.Do("INCR", "k")
			if err == nil {
				answered++
				outcomes += "."
				continue
			}
			for i, n := range []int64{l.Unsent.Load(), l.Unheard.Load(), l.Late.Load()} {
				if n > before[i] {
					outcomes += "ual"[i : i+1]
				}
			}
		}
		want := fmt.Sprint(answered + l.Unheard.Load() + l.Late.Load())
		eventually(t, "what was late is executed", func() bool { return do(t, s, "GET", "k") == want })
		for _, way := range ".ual" {
			if n := strings.Count(outcomes, string(way)); n < 3 {
				t.Errorf("%q happened %d times: %s", way, n, outcomes)
			}
		}
		l.SetRate(0)
		for range connections {
			if _, err := dialed(t, r.Addr()).Do("PING"); err != nil {
				t.Fatalf("at rate 0: %v", err)
			}
		}
		return outcomes
	}
	if one, two := play(), play(); one != two {
		t.Errorf("one seed gives\n%s and\n%s", one, two)
	}
}

func TestNothingPassesASilentDirectionUntilTheConnectionIsCut(t *testing.T) {
	s := redistest.Start(t)
	r := redistest.StartRelay(t, s.Addr())
	l := r.Lose(1, 200*time.Millisecond)
	c := dialed(t, r.Addr())
	if _, err := c.Do("PING"); err != nil {
		t.Fatal(err)
	}
	l.SetRate(1)
	if err := c.Send("SET", "k", "v"); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err := c.Send("PING"); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if reply, err := c.Receive(); err == nil {
		t.Errorf("a reply comes: %v", reply)
	}
}

func TestAClockIsAheadInEveryTimeThatARelayedReplyTells(t *testing.T) {
	s := redistest.Start(t)
	r := redistest.StartRelay(t, s.Addr())
	clock := r.Clock()
	c := dialed(t, r.Addr())
	ask := func(args ...any) string {
		t.Helper()
		v, err := c.Do(args...)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(v)
	}
	ahead := func(seconds, micros string) time.Duration {
		t.Helper()
		var s, m int64
		if _, err := fmt.Sscan(seconds+" "+micros, &s, &m); err != nil {
			t.Fatalf("%q %q: %v", seconds, micros, err)
		}
		return time.Until(time.Unix(s, m*1000)).Round(time.Second)
	}
	for _, key := range []string{"k", "kept"} {
		do(t, s, "SET", key, "v", "PX", 60_000)
	}
	do(t, s, "SET", "short", "v", "PX", 9_000)
	do(t, s, "SET", "lasting", "v")
	for _, step := range []struct{ by, ahead, lifetime time.Duration }{
		{0, 0, 60 * time.Second},
		{10 * time.Second, 10 * time.Second, 50 * time.Second},
		{-30 * time.Second, -20 * time.Second, 80 * time.Second},
	} {
		if err := clock.Step(s, step.by); err != nil {
			t.Fatal(err)
		}
		for _, texts := range [][2]string{
			{"return redis.call('TIME')", "[%s %s"},
			{"local t = redis.call('TIME') return {'ok', t[1], t[2], ARGV[1], 1234567, 12}", "[ok %s %s 1700000000 1234567 12]"},
			{"local t = redis.call('TIME') return {false, {tonumber(t[1]), tonumber(t[2])}, 'x'}", "[<nil> [%s %s] x]"},
		} {
			var seconds, micros string
			got := strings.ReplaceAll(ask("EVAL", texts[0], 0, 1_700_000_000), "]", " ]")
			if _, err := fmt.Sscanf(got, strings.ReplaceAll(texts[1], "]", " ]"), &seconds, &micros); err != nil {
				t.Fatalf("%s gives %q: %v", texts[0], got, err)
			}
			if got := ahead(seconds, micros); got != step.ahead {
				t.Errorf("%s is %v ahead, want %v", texts[0], got, step.ahead)
			}
		}
		v, err := c.Do("TIME")
		if err != nil {
			t.Fatal(err)
		}
		if got := ahead(v.([]any)[0].(string), v.([]any)[1].(string)); got != step.ahead {
			t.Errorf("TIME is %v ahead, want %v", got, step.ahead)
		}
		left := time.Duration(do(t, s, "PTTL", "k").(int64)) * time.Millisecond
		if left > step.lifetime || left < step.lifetime-gross {
			t.Errorf("k lives for %v, want %v", left, step.lifetime)
		}
	}
	if got := ask("MGET", "lasting", "short", "kept"); got != "[v <nil> v]" {
		t.Errorf("the keys hold %s", got)
	}
}
