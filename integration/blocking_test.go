package integration

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ringmain/internal/redistest"
)

// blockingScenes are played on Ringmain and on one Redis.
var blockingScenes = map[string]string{
	"an element that is there": `
		a RPUSH l~ x y z
		a BLPOP nosuch~ l~ 0
		a BRPOP l~ 0
		a BLMOVE l~ m~ LEFT RIGHT 0
		a BRPOPLPUSH m~ l~ 0
		a BLMPOP 0 2 nosuch~ l~ LEFT COUNT 5
		a ZADD z~ 1 a 2 b 3 c
		a BZPOPMIN z~ 0
		a BZPOPMAX nosuch~ z~ 0
		a BZMPOP 0 1 z~ MIN
		A ZADD z~ 1 a 2 b
		A BZPOPMIN z~ 0
		A BZMPOP 0 1 z~ MAX`,
	"an element that comes": `
		a> BLPOP k~ l~ 0
		blocked 1
		b RPUSH l~ x
		a<
		a> BLMOVE l~ m~ LEFT LEFT 0
		blocked 1
		b RPUSH l~ y z
		a<
		b LRANGE m~ 0 -1
		a> BZPOPMAX z~ 0
		blocked 1
		b ZADD z~ 1.5 m
		a<
		A> BLMPOP 0 1 k~ RIGHT COUNT 2
		blocked 1
		b RPUSH k~ 1 2 3
		A<`,
	"time passes": `
		a BLPOP l~ 0.01
		A BLPOP l~ 0.01
		a BLMOVE l~ m~ LEFT LEFT 0.01
		a BZPOPMIN z~ 0.01
		a XREAD BLOCK 10 STREAMS s~ $
		A XREAD BLOCK 10 STREAMS s~ $
		a BRPOPLPUSH l~ m~ 0.01
		a BLMPOP 0.01 1 l~ LEFT`,
	"wrong": `
		a BLPOP l~ x
		a BLPOP l~ -1
		a BLPOP l~ 1e400
		a BLMPOP x 1 l~ LEFT
		a BLMPOP 0 0 l~ LEFT
		a BLMPOP 0 2 l~ LEFT
		a SET s~ v
		a BLPOP s~ 0
		a XREAD BLOCK x STREAMS s~ $
		a XREAD BLOCK -1 STREAMS s~ $
		a WAIT x 0
		a WAIT 0 -1
		a BLPOP l~`,
	"those who wait are served in order": `
		a> BLPOP l~ 0
		blocked 1
		b> BLPOP l~ 0
		blocked 2
		c RPUSH l~ 1 2 3
		a<
		b<
		c LRANGE l~ 0 -1`,
	"commands behind wait": `
		a> BLPOP l~ 0
		a> SET k~ a
		a> GET k~
		blocked 1
		b SET k~ b
		b GET k~
		b RPUSH l~ x
		a< 3
		b GET k~`,
	"two in a row": `
		a> BLPOP l~ 0
		a> BLPOP m~ 0
		a> PING
		blocked 1
		b RPUSH m~ x
		b RPUSH l~ y
		a< 3`,
	"streams": `
		a XADD s~ 1-1 f v
		a XREAD BLOCK 0 STREAMS s~ 0
		a> XREAD COUNT 2 BLOCK 0 STREAMS s~ t~ $ $
		blocked 1
		b XADD t~ 2-1 g w
		a<
		b XGROUP CREATE s~ grp $
		A> XREADGROUP GROUP grp me BLOCK 0 STREAMS s~ >
		blocked 1
		b XADD s~ 3-1 h x
		A<`,
	"one that leaves takes nothing": `
		a> BLPOP l~ 0
		blocked 1
		hangs a
		blocked 0
		b RPUSH l~ x
		b LRANGE l~ 0 -1`,
	"the wrong type wakes nobody": `
		a> BLPOP l~ 0
		blocked 1
		b SET l~ x
		b DEL l~
		b RPUSH l~ y
		a<`,
	"WAIT without replicas": `
		a SET k~ 1
		a WAIT 0 0
		a WAIT 1 10
		a WAIT 0 1000`,
}

func TestBlockingCommandsReplyAsThoseOfRedis(t *testing.T) {
	st := newStage(t, 3, loops(2))
	for name, scene := range blockingScenes {
		st.play(t, name, scene)
	}
}

func TestAClientIsUnblockedWhereverItIs(t *testing.T) {
	st := newStage(t, 3, loops(2), withAdmin)
	waiting := map[string]*wire{} // by number; on both loops
	for range 4 {
		w := dial(t, st.proxy.addr)
		id := strings.Trim(w.do("CLIENT", "ID"), ":\r\n")
		w.command("BLPOP", "list:"+id, "0")
		waiting[id] = w
	}
	eventually(t, "all wait", func() bool { return st.blocked(t) == 4 })
	other, n := dial(t, st.proxy.addr), 0
	for id, w := range waiting {
		args, want := []string{"CLIENT", "UNBLOCK", id}, "*-1\r\n"
		if n++; n%2 == 0 {
			args, want = append(args, "ERROR"), "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"
		}
		expect(t, fmt.Sprint(args), other.do(args...), ":1\r\n")
		expect(t, "the one that waited", w.next(), want)
		expect(t, fmt.Sprint(args, " again"), other.do(args...), ":0\r\n")
		expect(t, "PING", w.do("PING"), "+PONG\r\n")
	}
	eventually(t, "no connection is lent out", func() bool { return st.leases(t) == 0 })
}

// Five hundred clients wait for elements of a few lists while others push them, and some
// of those that wait leave.
func TestEachElementIsDeliveredToOneOfManyThatWait(t *testing.T) {
	st := newStage(t, 3, loops(2), withAdmin)
	const clients, lists = 500, 10
	type delivery struct{ client, list, element string }
	delivered := make(chan delivery, 10*clients)
	var readers sync.WaitGroup
	var all []*wire
	for i := range clients {
		w := dial(t, st.proxy.addr)
		all = append(all, w)
		w.command("BLPOP", fmt.Sprint("list:", i%lists), "0")
	}
	eventually(t, "all wait", func() bool { return st.blocked(t) == clients })
	// Some leave: what is pushed from now on is for the others.
	gone := 0
	for i := 0; i < clients; i += 7 {
		gone++
		_ = all[i].Close()
		all[i] = nil
	}
	eventually(t, "those that left wait no more", func() bool { return st.blocked(t) == clients-gone })
	for i, w := range all {
		if w == nil {
			continue
		}
		readers.Go(func() { // each goes on until an element says that it is over
			for {
				reply, err := w.receive()
				if err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
				parts := strings.Split(reply, "\r\n")
				if len(parts) != 6 {
					t.Errorf("client %d: %q", i, reply)
					return
				}
				if parts[4] == "over" {
					return
				}
				delivered <- delivery{fmt.Sprint(i), parts[2], parts[4]}
				if w.write([]byte(array("BLPOP", fmt.Sprint("list:", i%lists), "0"))) != nil {
					t.Errorf("client %d cannot write", i)
					return
				}
			}
		})
	}
	const pushes = 300 // for each list
	var pushers sync.WaitGroup
	for p := range 4 {
		w := dial(t, st.proxy.addr)
		pushers.Go(func() {
			for n := range pushes / 4 {
				for l := range lists {
					list := fmt.Sprint("list:", l)
					if err := w.write([]byte(array("RPUSH", list, fmt.Sprint(list, "/", p, "/", n)))); err != nil {
						t.Error(err)
						return
					}
				}
				for range lists {
					if reply, err := w.receive(); err != nil || reply[0] != ':' {
						t.Errorf("RPUSH: %q, %v", reply, err)
						return
					}
				}
			}
		})
	}
	pushers.Wait()
	seen := map[string]int{}
	for range pushes * lists {
		select {
		case d := <-delivered:
			seen[d.element]++
			if seen[d.element] > 1 {
				t.Errorf("%s was delivered %d times", d.element, seen[d.element])
			}
			if !strings.HasPrefix(d.element, d.list+"/") {
				t.Errorf("%s came from %s", d.element, d.list)
			}
		case <-time.After(gross):
			t.Fatalf("%d of %d elements were delivered", len(seen), pushes*lists)
		}
	}
	over := dial(t, st.proxy.addr)
	for l := range lists {
		for range clients / lists {
			over.do("RPUSH", fmt.Sprint("list:", l), "over")
		}
	}
	readers.Wait()
	eventually(t, "no connection is lent out", func() bool { return st.leases(t) == 0 })
}

// A server with a replica that does not answer cannot confirm writes.
func TestWaitCountsTheReplicasOfEveryServer(t *testing.T) {
	st := newStage(t, 2)
	var replicas []*redistest.Server
	for _, primary := range st.servers {
		told(t, primary, "CONFIG", "SET", "repl-diskless-sync-delay", "0")
		replica := redistest.Start(t)
		if _, err := replica.Do("REPLICAOF", "127.0.0.1", primary.Port()); err != nil {
			t.Fatal(err)
		}
		replicas = append(replicas, replica)
	}
	for _, replica := range replicas {
		eventually(t, "the replica follows", func() bool {
			info, err := replica.Do("INFO", "replication")
			return err == nil && strings.Contains(fmt.Sprint(info), "master_link_status:up")
		})
	}
	w := dial(t, st.proxy.addr)
	for i := range 20 { // on both servers
		expect(t, "SET", w.do("SET", fmt.Sprint("k", i), "v"), "+OK\r\n")
	}
	expect(t, "WAIT", w.do("WAIT", "1", "20000"), ":1\r\n")
	if err := replicas[1].Stop(); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		expect(t, "SET", w.do("SET", fmt.Sprint("k", i), "w"), "+OK\r\n")
	}
	expect(t, "WAIT with a replica that hangs", w.do("WAIT", "1", "50"), ":0\r\n")
	if err := replicas[1].Cont(); err != nil {
		t.Fatal(err)
	}
	expect(t, "WAIT", w.do("WAIT", "1", "20000"), ":1\r\n")
}
