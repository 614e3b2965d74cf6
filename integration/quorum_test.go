package integration

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	program "ringmain/cli"
	"ringmain/internal/redistest"
)

// durable are the options of a server that keeps all that it acknowledges.
var durable = []string{"appendonly", "yes", "appendfsync", "always"}

// quorumConfig is a configuration with a quorum of these servers, safe.
func quorumConfig(servers []*redistest.Server, options string) string {
	var addresses []string
	for _, s := range servers {
		addresses = append(addresses, s.Addr())
	}
	return fmt.Sprintf("listeners: [{address: '127.0.0.1:0'}]\nadmin: {address: ''}\nloops: 2\npools: {main: {embedded: 1}}\n"+
		"quorums: {safe: {nodes: [%s], node_timeout: 400ms%s}}\nlocks: [{keys: 'lock:*', quorum: safe, max_ttl: 1s, min_ttl: 10ms}]\n",
		strings.Join(addresses, ", "), options)
}

const quorumCounters = "counters: [{keys: 'counter:*', quorum: safe}]\n"

// quorumInit is the command of that name.
func quorumInit(t *testing.T, text string, args ...string) (code int, said string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range program.Commands() {
		if c.Name == "quorum" {
			var out bytes.Buffer
			code = c.Run(context.Background(), append([]string{"init", "safe", "--config", file}, args...), &out, &out)
			return code, out.String()
		}
	}
	t.Fatal("there is no command quorum")
	return 0, ""
}

// increment counts until it is acknowledged, and returns the new value. It may have counted more
// often.
func increment(t *testing.T, w *wire, key string) int {
	t.Helper()
	n := 0
	eventually(t, "INCR "+key, func() bool {
		reply := w.do("INCR", key)
		var err error
		n, err = strconv.Atoi(strings.Trim(reply, ":\r\n"))
		if err != nil && !strings.HasPrefix(reply, "-NOQUORUM ") && !strings.HasPrefix(reply, "-UNCERTAIN ") {
			t.Fatalf("INCR %s: %q", key, reply)
		}
		return err == nil
	})
	return n
}

func TestAQuorumIsRefusedByNameUntilItIsInitialised(t *testing.T) {
	t.Parallel()
	servers := startRedis(t, 3, durable...)
	text := quorumConfig(servers, "") + quorumCounters
	r := startFrom(t, text)
	w := dial(t, r.Addr())
	const advice = "; run: ringmain quorum init safe\r\n"
	for _, command := range [][]string{{"INCR", "counter:a"}, {"SET", "lock:a", "t", "NX", "PX", "500"}} {
		eventually(t, fmt.Sprint(command, " names what to do"), func() bool {
			reply := w.do(command...)
			if !strings.HasPrefix(reply, "-NOQUORUM ") {
				t.Fatalf("%v: %q", command, reply)
			}
			return strings.HasPrefix(reply, `-NOQUORUM 0/3 servers of quorum "safe" can vote: `) && strings.HasSuffix(reply, advice)
		})
	}
	if code, said := quorumInit(t, text); code != 0 || !strings.Contains(said, "; locks can be taken in 2s") {
		t.Fatalf("%d: %s", code, said)
	}
	increment(t, w, "counter:a")
	eventually(t, "a lock is granted", func() bool { return w.do("SET", "lock:a", "t", "NX", "PX", "500") == "+OK\r\n" })
	for _, s := range servers {
		if n := onServer(t, s, "EXISTS", "__ringmain:quorum", "__ringmain:settings"); n != int64(2) {
			t.Errorf("%s has %v of its two keys", s.Addr(), n)
		}
	}
}

func onServer(t *testing.T, s *redistest.Server, args ...any) any {
	t.Helper()
	reply, err := s.Do(args...)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func TestOneServerOfThreeMayBeLostAndIsRepaired(t *testing.T) {
	t.Parallel()
	servers := startRedis(t, 3, durable...)
	text := quorumConfig(servers, "") + quorumCounters
	if code, said := quorumInit(t, text, "--at-once"); code != 0 {
		t.Fatal(said)
	}
	r := startFrom(t, text)
	w := dial(t, r.Addr())
	const cold = 300
	for i := range cold {
		key := fmt.Sprintf("counter:cold:%d", i)
		for range 1 + i%3 {
			increment(t, w, key)
		}
	}
	hot := increment(t, w, "counter:hot")
	for round, lose := range []func(s *redistest.Server){
		func(s *redistest.Server) { onServer(t, s, "FLUSHALL") },
		func(s *redistest.Server) { // killed, and its disk is gone
			s.Kill()
			if err := os.RemoveAll(filepath.Join(s.Dir(), "appendonlydir")); err != nil {
				t.Fatal(err)
			}
			if err := s.Restart(); err != nil {
				t.Fatal(err)
			}
		},
	} {
		lost, gone := servers[round], servers[(round+1)%3]
		lose(lost)
		repaired := func() bool { return strings.Count(r.log.String(), "server of a quorum is repaired") == round+1 }
		eventually(t, "the server is repaired", func() bool {
			next := increment(t, w, "counter:hot")
			if next <= hot {
				t.Fatalf("the counter went from %d to %d", hot, next)
			}
			hot = next
			return repaired()
		})
		gone.Kill() // so that the one that was lost decides
		for i := range cold {
			key := fmt.Sprintf("counter:cold:%d", i)
			reply := ""
			eventually(t, "GET "+key, func() bool {
				reply = w.do("GET", key)
				return !strings.HasPrefix(reply, "-")
			})
			if want := strconv.Itoa(1 + i%3); reply != "$1\r\n"+want+"\r\n" {
				t.Fatalf("%s is %q, not %s", key, reply, want)
			}
		}
		if err := gone.Restart(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the other one is back", func() bool {
			all := true
			for _, s := range servers {
				all = all && onServer(t, s, "EXISTS", "__ringmain:quorum") == int64(1)
			}
			return all && increment(t, w, "counter:hot") > hot
		})
		hot = increment(t, w, "counter:hot")
	}
}

func TestAServerThatWasRepairedCastsNoVoteOnLocksThatItMayHaveForgotten(t *testing.T) {
	t.Parallel()
	servers := startRedis(t, 3, durable...)
	text := quorumConfig(servers, "")
	if code, said := quorumInit(t, text, "--at-once"); code != 0 {
		t.Fatal(said)
	}
	r := startFrom(t, text)
	w := dial(t, r.Addr())
	eventually(t, "a lock is granted", func() bool { return w.do("SET", "lock:a", "t", "NX", "PX", "1000") == "+OK\r\n" })
	onServer(t, servers[0], "FLUSHALL")
	eventually(t, "the server is repaired", func() bool { return r.log.contains("server of a quorum is repaired") })
	servers[1].Kill() // servers 1 and 3 would be a majority that has forgotten what 1 had promised
	if reply := w.do("SET", "lock:b", "t", "NX", "PX", "500"); reply[0] == '+' {
		if left := onServer(t, servers[0], "PTTL", "__ringmain:quarantine").(int64); left > 0 {
			t.Errorf("a lock is granted by a server in quarantine for another %d ms", left)
		}
	}
	eventually(t, "it votes when the quarantine is over", func() bool { return w.do("SET", "lock:c", "t", "NX", "PX", "500") == "+OK\r\n" })
}

func TestAQuorumWithoutPersistenceNeedsNoCommandAndForgetsWithCare(t *testing.T) {
	t.Parallel()
	servers := startRedis(t, 3)
	r := startFrom(t, quorumConfig(servers, ", persistence: none"))
	w := dial(t, r.Addr())
	began := time.Now()
	grant := func() bool { return w.do("SET", "lock:a", "t", "NX", "PX", "500") == "+OK\r\n" }
	eventually(t, "a lock is granted", grant)
	if took := time.Since(began); took < time.Second {
		t.Errorf("the first lock is granted after %v, while earlier ones may be held", took)
	}
	if reply := w.do("RINGMAIN.FENCE", "lock:a", "t"); reply[0] != '-' {
		t.Errorf("a number without persistence: %q", reply)
	}
	for _, s := range servers[:2] { // which may have granted what nobody knows any more
		s.Kill()
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	began = time.Now()
	w2 := dial(t, r.Addr())
	reply := w2.do("SET", "lock:b", "t", "NX", "PX", "500")
	if !strings.HasPrefix(reply, "-NOQUORUM ") {
		t.Errorf("right after two restarts: %q", reply)
	}
	eventually(t, "a lock is granted again", func() bool { return w2.do("SET", "lock:b", "t", "NX", "PX", "500") == "+OK\r\n" })
	if took := time.Since(began); took < 500*time.Millisecond {
		t.Errorf("granted after %v, while earlier ones may be held", took)
	}
}

func TestProxiesWithOtherSettingsAreRefused(t *testing.T) {
	t.Parallel()
	servers := startRedis(t, 3, durable...)
	text := quorumConfig(servers, "") + quorumCounters
	if code, said := quorumInit(t, text, "--at-once"); code != 0 {
		t.Fatal(said)
	}
	for _, test := range []struct{ text, want string }{
		{strings.Replace(text, "max_ttl: 1s", "max_ttl: 2s", 1), "has the settings of other proxies"},
		{quorumConfig([]*redistest.Server{servers[1], servers[0], servers[2]}, "") + quorumCounters, "belongs to a set of other servers"},
	} {
		w := dial(t, startFrom(t, test.text).Addr())
		for _, command := range [][]string{{"INCR", "counter:a"}, {"SET", "lock:a", "t", "NX", "PX", "500"}} {
			eventually(t, "the refusal of "+command[0], func() bool {
				reply := w.do(command...)
				if reply[0] != '-' {
					t.Fatalf("%v: %q", command, reply)
				}
				return strings.HasPrefix(reply, "-LOCKSET ") && strings.Contains(reply, test.want)
			})
		}
	}
}

func TestTheStateOfAQuorumIsTold(t *testing.T) {
	t.Parallel()
	servers := startRedis(t, 3, durable...)
	text := strings.Replace(quorumConfig(servers, "")+quorumCounters, "admin: {address: ''}", "admin: {address: '127.0.0.1:0'}", 1)
	if code, said := quorumInit(t, text, "--at-once"); code != 0 {
		t.Fatal(said)
	}
	r := startFrom(t, text)
	w := dial(t, r.Addr())
	increment(t, w, "counter:a")
	eventually(t, "a lock is granted", func() bool { return w.do("SET", "lock:a", "t", "NX", "PX", "1000") == "+OK\r\n" })
	if reply := w.do("SET", "lock:a", "u", "NX", "PX", "1000"); reply != "$-1\r\n" {
		t.Errorf("a second holder gets %q", reply)
	}
	onServer(t, servers[0], "CONFIG", "SET", "appendfsync", "no")
	servers[1].Kill()
	eventually(t, "two servers are told of", func() bool {
		status, body := r.get(t, "/api/quorums")
		return status == 200 && strings.Contains(body, `"majority":2,"voting":1,`) &&
			strings.Contains(body, `"state":"barred"`) && strings.Contains(body, `appendfsync is \"no\"`) && strings.Contains(body, `"state":"down"`)
	})
	_, metrics := r.get(t, "/metrics")
	for _, line := range []string{
		fmt.Sprintf("ringmain_quorum_server_state{node=%q,quorum=\"safe\",state=\"barred\"} 1\n", servers[0].Addr()),
		fmt.Sprintf("ringmain_quorum_server_state{node=%q,quorum=\"safe\",state=\"down\"} 1\n", servers[1].Addr()),
		fmt.Sprintf("ringmain_quorum_server_state{node=%q,quorum=\"safe\",state=\"votes\"} 1\n", servers[2].Addr()),
		"ringmain_lock_acquisitions_total{quorum=\"safe\",result=\"granted\"} 1\n",
		"ringmain_lock_acquisitions_total{quorum=\"safe\",result=\"held\"} 1\n",
		"ringmain_counter_commands_total{quorum=\"safe\"} ",
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

func TestAQuorumsServersMayAskForAPassword(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	servers := startRedis(t, 3, append([]string{"requirepass", "sesame"}, durable...)...)
	text := quorumConfig(servers, ", auth: {password_file: '"+file+"'}") + quorumCounters
	if code, said := quorumInit(t, text, "--at-once"); code != 0 {
		t.Fatal(said)
	}
	r := startFrom(t, text)
	w := dial(t, r.Addr())
	increment(t, w, "counter:a")
	eventually(t, "a lock is granted", func() bool { return w.do("SET", "lock:a", "t", "NX", "PX", "500") == "+OK\r\n" })

	wrong := startFrom(t, quorumConfig(servers, "")+quorumCounters)
	reply := ""
	eventually(t, "what is missing is named", func() bool {
		reply = dial(t, wrong.Addr()).do("INCR", "counter:a")
		return strings.Contains(reply, "NOAUTH")
	})
	if !strings.HasPrefix(reply, "-NOQUORUM 0/3 servers") {
		t.Errorf("without the password: %q", reply)
	}
	for _, said := range []string{r.log.String(), wrong.log.String(), reply} {
		if strings.Contains(said, "sesame") {
			t.Errorf("the password is told: %s", said)
		}
	}
}
