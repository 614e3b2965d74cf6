package integration

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringmain/internal/redistest"
)

// drainRounds is how often the process is ended under load.
func drainRounds() int {
	if os.Getenv("RINGMAIN_TORTURE") != "" {
		return 100
	}
	return 10
}

// loadedClient pipelines commands without an end, and counts what is acknowledged.
type loadedClient struct {
	w     *wire
	key   string
	got   int           // replies
	want  int           // of INCR, acknowledged
	ahead chan struct{} // a place for each batch that is not answered
}

// pipelined is how many commands a loadedClient sends in one go, and ahead how
// often before the first of them is answered.
const pipelined, ahead = 8, 32

// send sends INCR and reads of keys on all servers, until the connection ends.
func (c *loadedClient) send() {
	batch := ""
	for i := range pipelined / 4 {
		batch += array("INCR", c.key) + array("GET", c.key+"-"+strconv.Itoa(i)) + array("MGET", "a", "b", "c", "d") + array("PING")
	}
	for c.w.write([]byte(batch)) == nil {
		c.ahead <- struct{}{}
	}
}

// receive checks every reply up to the end of the stream.
func (c *loadedClient) receive(replies *atomic.Int64) error {
	defer func() { // so that send finds out
		_ = c.w.Close()
		for len(c.ahead) > 0 {
			<-c.ahead
		}
	}()
	for ; ; c.got++ {
		if c.got > 0 && c.got%pipelined == 0 {
			<-c.ahead
		}
		reply, err := c.w.receive()
		if errors.Is(err, io.EOF) && reply == "" {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: reply %d: %w (after %q)", c.key, c.got, err, clip(reply))
		}
		replies.Add(1)
		expected := []string{fmt.Sprintf(":%d\r\n", c.want+1), "$-1\r\n", "*4\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n", "+PONG\r\n"}[c.got%4]
		if reply != expected {
			return fmt.Errorf("%s: reply %d is %q, want %q", c.key, c.got, clip(reply), expected)
		}
		if c.got%4 == 0 {
			c.want++
		}
	}
}

// TestEveryClientGetsWhatItIsOwedWhenTheProcessIsEndedUnderLoad ends the process by
// SIGTERM while 50 clients pipeline: the replies of each are a prefix of its
// requests, each whole, and then the stream ends; and what the servers hold is what
// was acknowledged.
func TestEveryClientGetsWhatItIsOwedWhenTheProcessIsEndedUnderLoad(t *testing.T) {
	list := startRedis(t, 3)
	total := int64(0)
	for round := range drainRounds() {
		total += drainUnderLoad(t, round, list)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d rounds, %d replies", drainRounds(), total)
}

func drainUnderLoad(t *testing.T, round int, list []*redistest.Server) int64 {
	process := startProcess(t, servers(list...), loops(2))
	defer process.Kill()
	clients := make([]*loadedClient, 50)
	var replies atomic.Int64
	var work sync.WaitGroup
	failures := make(chan error, len(clients))
	for i := range clients {
		c := &loadedClient{w: dial(t, process.Addr()), key: fmt.Sprintf("counter:%d:%d", round, i), ahead: make(chan struct{}, ahead)}
		clients[i] = c
		work.Go(c.send)
		work.Go(func() { failures <- c.receive(&replies) })
	}
	enough := int64(2000 + 500*(round%5))
	eventually(t, "replies come", func() bool { return replies.Load() > enough })
	idle := dial(t, process.Addr())
	expect(t, "PING by an idle client", idle.do("PING"), "+PONG\r\n")
	ended := make(chan error, 1)
	go func() { ended <- process.Terminate(gross) }()
	expect(t, "what the idle client gets", idle.rest(), "")
	_ = idle.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	work.Wait()
	for range clients {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
	for _, c := range clients {
		if stored := storedCount(t, list, c.key); stored != c.want {
			t.Errorf("%s: %d increments are stored, %d were acknowledged", c.key, stored, c.want)
		}
	}
	return replies.Load()
}

// storedCount is the value of a counter on the server that has it.
func storedCount(t *testing.T, list []*redistest.Server, key string) int {
	t.Helper()
	for _, s := range list {
		v, err := s.Do("GET", key)
		if text, ok := v.(string); ok && err == nil {
			n, _ := strconv.Atoi(text)
			return n
		}
	}
	return 0
}

// underWay waits until a command is one that a client awaits the reply to: what was sent
// and not read yet is not served any more when the proxy stops.
func underWay(t *testing.T, asker *wire, command string) {
	t.Helper()
	eventually(t, command+" is under way", func() bool { return strings.Contains(asker.do("CLIENT", "LIST"), " cmd="+command+" ") })
}

func TestASecondSignalEndsTheProcessAtOnce(t *testing.T) {
	server := redistest.Start(t)
	process := startProcess(t, servers(server), requestTimeout(gross))
	w := dial(t, process.Addr())
	expect(t, "SET", w.do("SET", "k", "v"), "+OK\r\n")
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	w.command("INCR", "n") // which is never answered
	idle := dial(t, process.Addr())
	underWay(t, idle, "incr")
	done := process.Done()
	if err := process.Signal(); err != nil {
		t.Fatal(err)
	}
	if got := idle.rest(); got != "" {
		t.Errorf("the idle client gets %q", got)
	}
	select {
	case <-done:
		t.Fatal("the process did not wait for the reply")
	default:
	}
	if err := process.Terminate(gross); err != nil { // the second
		t.Error(err)
	}
	if got := w.rest(); !strings.HasPrefix(got, "-UNCERTAIN") && got != "" {
		t.Errorf("the waiting client gets %q", got)
	}
}

// Who waits for an element is told, when the process ends, that its time is over.
func TestClientsThatWaitAreLetGoWhenTheProcessEnds(t *testing.T) {
	st := newStage(t, 3, loops(2))
	var all []*wire
	for i := range 10 {
		w := dial(t, st.proxy.addr)
		w.command("BLPOP", fmt.Sprint("list", i), "0")
		all = append(all, w)
	}
	eventually(t, "all wait", func() bool { return st.blocked(t) == 10 })
	begin := time.Now()
	st.proxy.stop()
	if took := time.Since(begin); took > gross/2 {
		t.Errorf("the stop took %v", took)
	}
	for _, w := range all {
		expect(t, "BLPOP", w.rest(), "*-1\r\n")
	}
	eventually(t, "no server waits for anybody", func() bool { return st.blocked(t) == 0 })
}

func TestTheDrainEndsAfterItsTimeout(t *testing.T) {
	server := redistest.Start(t)
	r := startFrom(t, fmt.Sprintf(`
listeners: [{address: '127.0.0.1:0'}]
drain: {timeout: 200ms}
pools: {main: {nodes: ['%s'], timeouts: {request: 1m, slow: 1m}}}
`, server.Addr()))
	w := dial(t, r.Addr())
	expect(t, "SET", w.do("SET", "k", "v"), "+OK\r\n")
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	w.command("INCR", "n")
	underWay(t, dial(t, r.Addr()), "incr")
	begin := time.Now()
	r.stop()
	if took := time.Since(begin); took > gross/2 {
		t.Errorf("the stop took %v", took)
	}
	if !r.log.contains("some clients are closed before they have their replies") {
		t.Error("the log does not say so")
	}
}
