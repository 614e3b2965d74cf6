package proxy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"ringmain/router"
)

// newReadersScene is a client of two servers, a (number 0) with the replicas 2 and 3, and
// b (1) with none.
func newReadersScene(t *testing.T, readers ...int32) *fleetScene {
	core, loop := stillCoreWith(t, 2, [][]int32{readers, nil}, "a/r1", "a/r2")
	f := &fleetScene{scene: &scene{T: t, core: core, loop: loop, client: &stillConn{keep: true}, s: core.NewSession(1, router.ByRoutes)}}
	f.s.Opened(f.client, nil)
	return f
}

// awaited checks how many requests each server has yet to answer.
func (f *fleetScene) awaited(what string, want ...int) {
	f.Helper()
	var got []int
	for _, n := range f.core.nodes {
		got = append(got, n.InFlight())
	}
	if !slices.Equal(got, want) {
		f.Errorf("%s: the servers have %v requests, want %v", what, got, want)
	}
}

func TestReadsGoToReplicasAndWritesToTheirServer(t *testing.T) {
	f := newReadersScene(t, 2, 3)
	a, b := f.keyOf(0, "k"), f.keyOf(1, "k")
	f.sends(strings.Repeat("GET "+a+"\r\n", 6))
	f.awaited("reads", 0, 0, 3, 3)
	f.sends("SET " + a + " v\r\nTOUCH " + a + "\r\nHSCAN " + a + " 0\r\nEVAL_RO x 1 " + a + "\r\n")
	f.awaited("what is no read", 4, 0, 3, 3)
	f.sends("GET " + b + "\r\n")
	f.awaited("a server without replicas", 4, 1, 3, 3)
	f.sends("SINTER " + a + " " + a + "\r\nXREAD STREAMS " + a + " 0\r\n")
	f.awaited("reads of several keys", 4, 1, 4, 4)
	f.sends("DBSIZE\r\n")
	f.awaited("a command for all servers", 5, 2, 4, 4)
}

func TestWithAnyAServerReadsToo(t *testing.T) {
	f := newReadersScene(t, 0, 2, 3)
	f.sends(strings.Repeat("GET "+f.keyOf(0, "k")+"\r\n", 9))
	f.awaited("reads", 3, 0, 3, 3)
}

func TestTheReaderThatOwesTheFewestRepliesIsAskedNext(t *testing.T) {
	f := newReadersScene(t, 2, 3)
	f.sends(strings.Repeat("GET "+f.keyOf(0, "k")+"\r\n", 8))
	f.answers(3, strings.Repeat("$1\r\n3\r\n", 4))
	f.sends(strings.Repeat("GET "+f.keyOf(0, "k")+"\r\n", 3))
	f.awaited("reads", 0, 0, 4, 3)
}

func TestRepliesOfServersAndReplicasComeInTheOrderOfTheCommands(t *testing.T) {
	f := newReadersScene(t, 2, 3)
	a := f.keyOf(0, "k")
	f.sends("GET " + a + "\r\nSET " + a + " v\r\nGET " + a + "\r\n")
	f.answers(2, "$1\r\nr\r\n")
	f.answers(0, "+OK\r\n")
	first := f.client.take()
	f.answers(3, "$1\r\nR\r\n")
	if got := first + f.client.take(); got != "$1\r\nr\r\n+OK\r\n$1\r\nR\r\n" && got != "$1\r\nR\r\n+OK\r\n$1\r\nr\r\n" {
		t.Errorf("the client gets %q", got)
	}
}

func TestAPartOfAReadGoesToAReplicaAndAPartOfAWriteDoesNot(t *testing.T) {
	f := newReadersScene(t, 2)
	a, b := f.keyOf(0, "k"), f.keyOf(1, "k")
	f.sends("MGET " + a + " " + b + "\r\n")
	f.awaited("MGET", 0, 1, 1, 0)
	f.answers(2, "*1\r\n$1\r\nA\r\n")
	f.answers(1, "*1\r\n$1\r\nB\r\n")
	f.gets("*2\r\n$1\r\nA\r\n$1\r\nB\r\n")
	f.sends("DEL " + a + " " + b + "\r\nMSET " + a + " 1 " + b + " 2\r\nTOUCH " + a + " " + b + "\r\n")
	f.awaited("writes", 3, 3, 0, 0)
}

func TestAReplicaThatIsNotFitIsNotUsed(t *testing.T) {
	f := newReadersScene(t, 2, 3)
	get := "GET " + f.keyOf(0, "k") + "\r\n"
	f.core.Judge(2, "has lost its primary")
	f.sends(get + get)
	f.awaited("one is down", 0, 0, 0, 2)
	f.answers(3, "$-1\r\n$-1\r\n")
	f.loop.dialled[3].Closed(nil)
	f.sends(get)
	f.awaited("the other is lost", 1, 0, 0, 0)
	f.core.Judge(2, "")
	f.sends(get)
	f.awaited("one is back", 1, 0, 1, 0)
}

func TestAReadUnderWayOnAReplicaThatFallsFailsAndTheNextDoesNot(t *testing.T) {
	f := newReadersScene(t, 2)
	get := "GET " + f.keyOf(0, "k") + "\r\n"
	f.sends(get)
	f.loop.dialled[2].Closed(fmt.Errorf("reset"))
	if got := f.client.take(); !strings.HasPrefix(got, "-CLUSTERDOWN node \"a/r1\"") {
		t.Errorf("the client gets %q", got)
	}
	f.sends(get)
	f.answers(0, "$1\r\nv\r\n")
	f.gets("$1\r\nv\r\n")
}

func TestClientsThatWatchKeysReadFromTheServerItself(t *testing.T) {
	f := newReadersScene(t, 2, 3)
	a := f.keyOf(0, "k")
	f.sends("WATCH " + a + "\r\n") // on a connection of its own
	lease := f.loop.dialled[len(f.loop.dialled)-1]
	lease.Opened(&stillConn{}, nil)
	lease.Data([]byte("+OK\r\n:8\r\n$8\r\nrun_id:x\r\n+OK\r\n"))
	f.gets("+OK\r\n")
	f.sends("GET " + a + "\r\n")
	f.awaited("a read after WATCH", 1, 0, 0, 0)
	f.answers(0, "$1\r\nv\r\n")
	f.sends("MULTI\r\nGET " + a + "\r\n")
	f.gets("$1\r\nv\r\n+OK\r\n+QUEUED\r\n")
	f.sends("EXEC\r\n")
	f.awaited("a transaction", 3, 0, 0, 0)
}

func TestAReplicaIsNotUsedBeforeItHasShownThatItIsOne(t *testing.T) {
	f := newReadersScene(t, 2)
	cfg := *f.core.Config
	cfg.Memory = NewMemory(1<<30, 1)
	fresh := NewCore(f.loop, &cfg)
	if got := fresh.nodes[2].Down(); !got {
		t.Error("a replica is used that nobody has looked at")
	}
	if fresh.nodes[0].Down() {
		t.Error("a server is down that nobody has looked at")
	}
}

func TestInfoCountsReplicasApartFromThePoolsServers(t *testing.T) {
	f := newReadersScene(t, 2, 3)
	f.sends("INFO pools servers\r\n")
	f.answers(0, "$0\r\n\r\n")
	f.answers(1, "$0\r\n\r\n")
	got := f.client.take()
	for _, want := range []string{"pool0:name=main,servers=2,up=2\r\n", "servers:2\r\n", "server2:name=a/r1,pool=main,state=up"} {
		if !strings.Contains(got, want) {
			t.Errorf("INFO lacks %q: %q", want, got)
		}
	}
	if strings.Contains(got, "pool1:") {
		t.Errorf("INFO takes replicas for a pool: %q", got)
	}
}
