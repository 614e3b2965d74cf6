package integration

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/redcon"

	"ringmain/config"
)

// healthChecks says how servers are watched: every so often, the rest as by default. So
// a server that is well has the usual time to answer, however busy the machine is.
func healthChecks(interval time.Duration) option {
	return func(c *config.Config) {
		h := &mainPool(c).Health
		h.Interval, h.Hold = config.Duration(interval), config.Duration(interval)
	}
}

// probeTimeout is how long a server may take to answer a health check.
func probeTimeout(d time.Duration) option {
	return func(c *config.Config) { mainPool(c).Health.Timeout = config.Duration(d) }
}

// state is what INFO says of a node.
func (st *stage) state(t *testing.T, node string) (state, reason string) {
	t.Helper()
	w := dial(t, st.proxy.addr)
	defer w.Close()
	state, reason = nodeState(w.do("INFO", "servers"), node)
	if state == "" {
		t.Fatalf("INFO has no node %s", node)
	}
	return state, reason
}

// nodeState finds a node in what INFO says; state is "" if it is not there.
func nodeState(info, node string) (state, reason string) {
	for line := range strings.Lines(info) {
		if !strings.Contains(line, ":name="+node+",") {
			continue
		}
		_, rest, _ := strings.Cut(line, ",state=")
		state, rest, _ = strings.Cut(rest, ",")
		_, reason, _ = strings.Cut(rest, "reason=")
		return state, strings.TrimSpace(reason)
	}
	return "", ""
}

// keyOn is a key that lives on server i.
func (st *stage) keyOn(t *testing.T, i int) string {
	t.Helper()
	w := dial(t, st.proxy.addr)
	for n := range 1000 {
		key := fmt.Sprint("probe:", i, ":", n)
		if w.do("SET", key, "v") == "+OK\r\n" && holds(t, st.servers[i], 0, key) {
			return key
		}
	}
	t.Fatal("no key lives there")
	return ""
}

func TestAServerThatHangsIsFoundDownAndUpAgain(t *testing.T) {
	st := newStage(t, 3, loops(2), healthChecks(50*time.Millisecond))
	key := st.keyOn(t, 1)
	if state, _ := st.state(t, "b"); state != "up" {
		t.Errorf("at first it is %s", state)
	}
	waiting := dial(t, st.proxy.addr)
	waiting.command("BLPOP", "{"+key+"}list", "0")
	eventually(t, "a client waits", func() bool { return st.blocked(t) == 1 })
	if err := st.servers[1].Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is down", func() bool { state, _ := st.state(t, "b"); return state == "down" })
	w := dial(t, st.proxy.addr)
	if got := w.do("GET", key); !strings.HasPrefix(got, "-CLUSTERDOWN ") {
		t.Errorf("GET: %q", got)
	}
	if got := waiting.next(); !strings.HasPrefix(got, "-UNCERTAIN ") {
		t.Errorf("the client that waits: %q", got)
	}
	w.do("SELECT", "1") // on a connection that has met nothing yet
	if got := w.do("GET", key); !strings.HasPrefix(got, "-CLUSTERDOWN ") || !strings.Contains(got, "is down: it does not answer") {
		t.Errorf("GET in another database: %q", got)
	}
	w.do("SELECT", "0")
	expect(t, "a key elsewhere", w.do("SET", st.keyOn(t, 0), "x"), "+OK\r\n")
	if err := st.servers[1].Cont(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is up", func() bool { state, _ := st.state(t, "b"); return state == "up" })
	eventually(t, "it serves", func() bool { return w.do("GET", key) == "$1\r\nv\r\n" })
	if n := strings.Count(st.proxy.log.String(), "server is down"); n != 1 {
		t.Errorf("the log says %d times that it is down", n)
	}
}

func TestAKilledServerIsDownAtOnceAndAnEmptyOneIsTakenBack(t *testing.T) {
	st := newStage(t, 3, healthChecks(10*time.Minute)) // without bad news nobody would look
	key := st.keyOn(t, 2)
	st.servers[2].Kill()
	eventually(t, "it is down", func() bool {
		state, reason := st.state(t, "c")
		return state == "down" && reason == "refuses connections"
	})
	w := dial(t, st.proxy.addr)
	if got := w.do("GET", key); !strings.HasPrefix(got, "-CLUSTERDOWN ") {
		t.Errorf("GET: %q", got)
	}
}

func TestAServerThatIsNoPrimaryIsDown(t *testing.T) {
	st := newStage(t, 2, healthChecks(50*time.Millisecond))
	key := st.keyOn(t, 0)
	if _, err := st.servers[0].Do("REPLICAOF", "127.0.0.1", st.lone.Port()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is down", func() bool {
		state, reason := st.state(t, "a")
		return state == "down" && strings.Contains(reason, "replica")
	})
	w := dial(t, st.proxy.addr)
	if got := w.do("SET", key, "x"); !strings.HasPrefix(got, "-CLUSTERDOWN ") {
		t.Errorf("SET: %q", got)
	}
	if _, err := st.servers[0].Do("REPLICAOF", "NO", "ONE"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is up", func() bool { state, _ := st.state(t, "a"); return state == "up" })
}

// A server that is busy with a slow command is not down.
func TestASlowCommandDoesNotTakeAServerDown(t *testing.T) {
	st := newStage(t, 1, healthChecks(50*time.Millisecond), probeTimeout(100*time.Millisecond))
	w := dial(t, st.proxy.addr)
	begin := time.Now()
	expect(t, "EVAL", w.do("EVAL", "local t=redis.call('time'); local e=t[1]*1000000+t[2]+1000000; repeat t=redis.call('time') until t[1]*1000000+t[2]>e; return 1", "0"), ":1\r\n")
	if took := time.Since(begin); took < time.Second {
		t.Fatalf("the script took %v", took)
	}
	if st.proxy.log.contains("server is down") {
		t.Error("the server was found down")
	}
	expect(t, "GET", w.do("GET", "k"), "$-1\r\n")
}

func TestAServerThatLoadsItsDataIsDownAndSaysSo(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var ended sync.WaitGroup
	ended.Go(func() {
		_ = redcon.Serve(listener, func(conn redcon.Conn, cmd redcon.Command) {
			conn.WriteError("LOADING Redis is loading the dataset in memory")
		}, nil, nil)
	})
	t.Cleanup(func() {
		_ = listener.Close()
		ended.Wait()
	})
	st := &stage{T: t, proxy: start(t, servers(address(listener.Addr().String())), healthChecks(50*time.Millisecond))}
	eventually(t, "it is down", func() bool {
		state, reason := st.state(t, "a")
		return state == "down" && reason == "is loading its data"
	})
}

// address is that of a server which is none of redistest's.
type address string

func (a address) Addr() string { return string(a) }
