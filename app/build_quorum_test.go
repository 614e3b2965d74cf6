package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"ringmain/config"
	"ringmain/internal/redistest"
	"ringmain/proxy"
	"ringmain/quorum"
)

// gross is far longer than anything here takes.
const gross = 30 * time.Second

var durable = []string{"appendonly", "yes", "appendfsync", "always"}

// agreeing is an App with one quorum, safe, of real servers.
type agreeing struct {
	t       *testing.T
	app     *App
	q       *agreed
	servers []*redistest.Server
}

// agree runs an App on the servers at addresses, which are those of servers or of relays to
// them.
func agree(t *testing.T, servers []*redistest.Server, addresses []string, more string) *agreeing {
	t.Helper()
	text := "listeners: [{address: '127.0.0.1:0'}]\nadmin: {address: ''}\nloops: 2\npools: {main: {embedded: 1}}\n" +
		"quorums: {safe: {node_timeout: 400ms, " + more
	if len(addresses) > 0 {
		text += " nodes: ['" + strings.Join(addresses, "', '") + "']"
	}
	text += "}}\nlocks: [{keys: 'lock:*', quorum: safe, max_ttl: 1s}]\n"
	cfg, err := config.Parse("test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	a := New(cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, context.Background()) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-a.Ready():
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
	return &agreeing{t, a, a.quorums[0], servers}
}

// three starts servers.
func three(t *testing.T, options ...string) (servers []*redistest.Server, addresses []string) {
	for range 3 {
		s := redistest.Start(t, options...)
		servers, addresses = append(servers, s), append(addresses, s.Addr())
	}
	return servers, addresses
}

// identify gives the servers the identities of a set.
func (r *agreeing) identify() {
	for i, s := range r.servers {
		id := quorum.Identity{Set: "set-a", Index: i, Nodes: r.q.cfg.SetHash(), Generation: "g1"}
		r.do(s, "MSET", quorum.IdentityKey, id.String(), quorum.SettingsKey, r.app.cfg.SettingsHash("safe"))
	}
}

func (r *agreeing) do(s *redistest.Server, args ...any) any {
	r.t.Helper()
	reply, err := s.Do(args...)
	if err != nil {
		r.t.Fatal(err)
	}
	return reply
}

// on has f called on the quorum's loop.
func (r *agreeing) on(f func()) {
	r.t.Helper()
	done := make(chan struct{})
	if !r.q.worker.loop.Post(func() { f(); close(done) }) {
		r.t.Fatal("the loop does not take a call")
	}
	<-done
}

func (r *agreeing) barred(server int, kind quorum.Kind) (why string) {
	r.t.Helper()
	r.on(func() { why = r.q.set.Barred(server, kind) })
	return why
}

// awaitBarred waits until a server is barred from votes for a reason that begins with want.
func (r *agreeing) awaitBarred(server int, want string) {
	r.t.Helper()
	why := r.barred(server, quorum.Vote)
	for end := time.Now().Add(gross); why != want && (want == "" || !strings.HasPrefix(why, want)); why = r.barred(server, quorum.Vote) {
		if time.Now().After(end) {
			r.t.Fatalf("server %d: %q, not %q", server, why, want)
		}
		time.Sleep(time.Millisecond)
	}
}

var incr = quorum.NewScript("incr", quorum.Vote, `return {redis.call('INCRBY', KEYS[1], ARGV[1]), 'text', false}`)

func (r *agreeing) call(server int) quorum.Answer {
	r.t.Helper()
	answered := make(chan quorum.Answer, 1)
	r.on(func() {
		r.q.set.Call(quorum.Call{Server: server, Script: incr, Keys: []string{"n"}, Args: []string{"3"}},
			func(a quorum.Answer) { answered <- a })
	})
	select {
	case a := <-answered:
		return a
	case <-time.After(gross):
		r.t.Fatal("no answer")
		return quorum.Answer{}
	}
}

func TestScriptsRunOnRealServers(t *testing.T) {
	t.Parallel()
	servers, addresses := three(t, durable...)
	for _, embedded := range []bool{false, true} {
		var r *agreeing
		if embedded {
			r = agree(t, nil, nil, "embedded: 3,")
		} else {
			r = agree(t, servers, addresses, "")
			r.awaitBarred(0, "has no identity")
			r.identify()
		}
		for i := range 3 {
			r.awaitBarred(i, "")
			for n := int64(3); n < 12; n += 3 {
				a := r.call(i)
				if want := fmt.Sprint([]quorum.Value{{Int: n}, {Text: "text"}, {Null: true}}); a.Outcome != quorum.Done || fmt.Sprint(a.Values) != want {
					t.Errorf("embedded %v, server %d: %+v, not %s", embedded, i, a, want)
				}
			}
		}
	}
}

func TestRealServersThatCannotBeTrustedAreBarred(t *testing.T) {
	t.Parallel()
	servers, addresses := three(t, durable...)
	r := agree(t, servers, addresses, "")
	r.awaitBarred(0, "has no identity")
	r.identify()
	for i := range 3 {
		r.awaitBarred(i, "")
	}
	r.do(servers[0], "CONFIG", "SET", "appendfsync", "everysec")
	r.awaitBarred(0, "does not keep all")
	r.do(servers[0], "CONFIG", "SET", "appendfsync", "always")
	r.awaitBarred(0, "")
	r.do(servers[1], "FLUSHALL")
	if a := r.call(1); a.Outcome != quorum.NotDone || !strings.HasPrefix(a.Reason, "has no identity") {
		t.Errorf("after FLUSHALL: %+v", a)
	}
	r.awaitBarred(1, "has no identity")
	r.do(servers[2], "REPLICAOF", "127.0.0.1", "1")
	r.awaitBarred(2, "is a replica")
	r.do(servers[2], "REPLICAOF", "NO", "ONE")
	r.awaitBarred(2, "was a replica once")
}

func TestAServerThatIsKilledVotesAgainWithAllThatItHad(t *testing.T) {
	t.Parallel()
	servers, addresses := three(t, durable...)
	r := agree(t, servers, addresses, "")
	r.awaitBarred(0, "has no identity")
	r.identify()
	r.awaitBarred(0, "")
	if a := r.call(0); a.Outcome != quorum.Done {
		t.Fatalf("%+v", a)
	}
	servers[0].Kill()
	r.awaitBarred(0, "is unreachable")
	if a := r.call(0); a.Outcome != quorum.NotDone {
		t.Errorf("while it is gone: %+v", a)
	}
	if err := servers[0].Restart(); err != nil {
		t.Fatal(err)
	}
	r.awaitBarred(0, "")
	if a := r.call(0); a.Outcome != quorum.Done || a.Values[0].Int != 6 {
		t.Errorf("afterwards: %+v", a)
	}
}

func TestWithoutPersistenceARestartedServerWaits(t *testing.T) {
	t.Parallel()
	servers, addresses := three(t)
	r := agree(t, servers, addresses, "persistence: none,")
	r.awaitBarred(0, "casts no vote for another ")
	for i := range 3 {
		r.awaitBarred(i, "")
	}
	servers[1].Kill()
	r.awaitBarred(1, "is unreachable")
	if err := servers[1].Restart(); err != nil {
		t.Fatal(err)
	}
	r.awaitBarred(1, "casts no vote for another ")
	if a := r.call(1); a.Outcome != quorum.NotDone {
		t.Errorf("a vote that may have been lost: %+v", a)
	}
	r.awaitBarred(1, "")
}

func TestAStalledConnectionDoesNotKeepAServerFromVoting(t *testing.T) {
	t.Parallel()
	servers, addresses := three(t, durable...)
	relay := redistest.StartRelay(t, addresses[0])
	addresses[0] = relay.Addr()
	r := agree(t, servers, addresses, "")
	r.awaitBarred(0, "has no identity")
	r.identify()
	r.awaitBarred(0, "")
	if _, err := relay.Await(lanes-1, gross); err != nil {
		t.Fatal(err)
	}
	for _, l := range relay.Links()[:lanes-1] {
		l.Hold(redistest.ToClient)
	}
	lost := 0
	for range 500 {
		if a := r.call(0); a.Outcome != quorum.Done {
			lost++
		}
	}
	// Each lane is found out once, and once again when it is there anew.
	if lost > 3*lanes {
		t.Errorf("%d calls are lost", lost)
	}
}

// counting is an engine that counts.
type counting struct {
	gone  int
	waits []func([]byte)
}

func (e *counting) Do(c quorum.Command, done func([]byte)) (cancel func()) {
	if c.Name == "wait" {
		e.waits = append(e.waits, done)
		return func() { e.gone++ }
	}
	done(append([]byte(c.Name), c.Args[0]...))
	return nil
}

func TestCommandsOfEveryLoopReachTheQuorumsLoopInTheirOrder(t *testing.T) {
	t.Parallel()
	r := agree(t, nil, nil, "embedded: 1,")
	e := &counting{}
	engine := func() quorum.Engine { return e }
	x := &executor{quorum: r.q, engine: engine}
	for _, w := range r.app.loops {
		for _, sender := range []*executor{x, {quorum: r.q, engine: engine, brief: true}, {quorum: r.q, engine: engine, brief: true}} {
			var got []string
			done := make(chan struct{})
			const n = 1000
			w.loop.Post(func() {
				arg := make([]byte, 0, 8) // which is the caller's again when Execute returns
				for i := range n {
					arg = fmt.Append(arg[:0], i)
					sender.Execute(w.loop, proxy.ContractCall{Name: "get", Args: [][]byte{arg}}, func(reply []byte) {
						if got = append(got, string(reply)); len(got) == n {
							close(done)
						}
					})
				}
			})
			<-done
			for i, reply := range got {
				if reply != fmt.Sprintf("get%d", i) {
					t.Fatalf("reply %d is %q", i, reply)
				}
			}
		}
		told := make(chan struct{})
		w.loop.Post(func() {
			cancel := x.Execute(w.loop, proxy.ContractCall{Name: "wait"}, func([]byte) { close(told) })
			cancel()
		})
		for end := time.Now().Add(gross); ; {
			gone := 0
			r.on(func() {
				if gone = e.gone; gone == 1 {
					e.gone = 0
					e.waits[0](nil)
					e.waits = nil
				}
			})
			if gone == 1 {
				break
			}
			if time.Now().After(end) {
				t.Fatal("the engine is not told that the client has gone")
			}
		}
		<-told
	}
}
