package integration

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ringmain/internal/redistest"
)

// expected is a request with what answers it, and whether it needs the server
// that hangs.
type expected struct {
	request request
	reply   string
	hung    bool
}

// mixed makes n commands over all servers, of which one hangs.
func mixed(n int, keys [][]string, hung int) []expected {
	list := make([]expected, n)
	value := "$1\r\nv\r\n"
	for i := range list {
		server := i % len(keys)
		key := keys[server][i%len(keys[server])]
		switch i % 7 {
		case 0, 1, 2, 3:
			list[i] = expected{request(array("GET", key)), value, server == hung}
		case 4, 5:
			list[i] = expected{request(array("SET", key, "v")), "+OK\r\n", server == hung}
		default:
			next := (server + 1) % len(keys)
			list[i] = expected{request(array("MGET", key, keys[next][0], key)), "*3\r\n" + repeat(3, value), server == hung || next == hung}
		}
	}
	return list
}

// timedExchange sends all in one pipeline and returns the replies and how long
// it took until the last one.
func timedExchange(addr string, t *testing.T, list []expected) ([]string, time.Duration) {
	requests := make([]request, len(list))
	for i, e := range list {
		requests[i] = e.request
	}
	w := dial(t, addr)
	began := time.Now()
	replies, err := exchange(w, requests, 0)
	if err != nil {
		t.Error(err)
	}
	return replies, time.Since(began)
}

// checkReplies checks those of a pipeline, while a server hangs or not.
func checkReplies(t *testing.T, list []expected, replies []string, hangs bool) {
	for i, reply := range replies {
		e := list[i]
		switch {
		case !hangs || !e.hung:
			if reply != e.reply {
				t.Errorf("reply %d of %d, to %q: %q, want %q", i, len(list), e.request, reply, e.reply)
				return
			}
		case !strings.HasPrefix(reply, "-CLUSTERDOWN node ") && !strings.HasPrefix(reply, "-UNCERTAIN node "):
			t.Errorf("reply %d of %d, to %q, which needs the server that hangs: %q", i, len(list), e.request, reply)
			return
		}
	}
}

func TestAServerThatHangsDelaysAPipelineByOneDeadlineHoweverLongItIs(t *testing.T) {
	const (
		deadline = 2 * time.Second
		hung     = 3
	)
	list := startRedis(t, 5)
	lengths := []int{50, 5_000, 50_000}
	var proxies []*ringmain
	for range lengths {
		proxies = append(proxies, start(t, servers(list...), requestTimeout(deadline), connectTimeout(deadline)))
	}
	keys := keysOf(t, proxies[0].Addr(), 500, list)
	normal := pipelines(t, proxies, lengths, keys, hung, false)
	if err := list[hung].Stop(); err != nil {
		t.Fatal(err)
	}
	first := pipelines(t, proxies, lengths, keys, hung, true)
	second := pipelines(t, proxies, lengths, keys, hung, true)
	t.Logf("normally %v, when the server hangs %v, when that is known %v", normal, first, second)
	for i, n := range lengths {
		// Besides, a machine that does much else now may need more for each command than before.
		usual := normal[i] + time.Duration(n)*100*time.Microsecond
		if first[i] < deadline*9/10 || first[i] > deadline*7/4+usual {
			t.Errorf("a pipeline of %d took %v, want one deadline of %v", n, first[i], deadline)
		}
		if second[i] > deadline*3/4+usual {
			t.Errorf("when the server is known to hang, a pipeline of %d took %v", n, second[i])
		}
	}
	recovers(t, list[hung], proxies, lengths, keys, hung)
}

// pipelines runs one of each length at the same time, each through a Ringmain of
// its own, and returns how long they took.
func pipelines(t *testing.T, proxies []*ringmain, lengths []int, keys [][]string, hung int, hangs bool) []time.Duration {
	t.Helper()
	took := make([]time.Duration, len(lengths))
	var all sync.WaitGroup
	for i, n := range lengths {
		all.Go(func() {
			list := mixed(n, keys, hung)
			var replies []string
			replies, took[i] = timedExchange(proxies[i].Addr(), t, list)
			checkReplies(t, list, replies, hangs)
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return took
}

func recovers(t *testing.T, s *redistest.Server, proxies []*ringmain, lengths []int, keys [][]string, hung int) {
	t.Helper()
	if err := s.Cont(); err != nil {
		t.Fatal(err)
	}
	for i, p := range proxies {
		eventually(t, fmt.Sprintf("proxy %d uses the server again", i), answers(t, p.Addr(), "$1\r\nv\r\n", "GET", keys[hung][0]))
	}
	pipelines(t, proxies, lengths, keys, hung, false)
}
