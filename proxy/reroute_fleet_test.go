package proxy

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"ringmain/internal/redistest"
	"ringmain/resp"
	"ringmain/router"
)

func (r *rerouteScene) refuge(server int) router.Place {
	return router.Place{Server: int32(server), Database: testRefuge, Rerouted: true}
}

// keyAt is a key of a server that is out, whose refuge is on another one.
func (r *rerouteScene) keyAt(owner, refuge int, prefix string) string {
	r.Helper()
	for n := range 10000 {
		key := fmt.Sprintf("%s%d", prefix, n)
		home := r.core.snapshot.Home(router.ByRoutes, []byte(key))
		if int(home.Server) == owner && r.placeOf(key) == r.refuge(refuge) {
			return key
		}
	}
	r.Fatalf("no key of server %d is in the refuge of %d", owner, refuge)
	return ""
}

func TestDbsizeCountsWhatIsInUseWithoutTheMarkers(t *testing.T) {
	r := newRerouteScene(t, 3)
	r.falls(0)
	r.sends("DBSIZE\r\n")
	r.at(r.home(1), "DBSIZE").says(":10\r\n")
	r.at(r.home(2), "DBSIZE").says(":20\r\n")
	r.at(r.refuge(1), "DBSIZE", "EXISTS "+Marker).says(":4\r\n:1\r\n")
	r.at(r.refuge(2), "DBSIZE", "EXISTS "+Marker).says(":5\r\n:0\r\n")
	r.gets(":38\r\n")
	r.owing = router.NewServerSet(2)
	r.serves(r.view(0))
	r.sends("DBSIZE\r\n")
	r.at(r.home(1), "DBSIZE").says(":10\r\n")
	r.at(r.home(2), "DBSIZE").says(":20\r\n")
	r.at(r.refuge(1), "DBSIZE", "EXISTS "+Marker).says(":4\r\n:1\r\n")
	r.gets(":33\r\n")
	r.idle()
}

func TestKeysTellsOfThoseThatLiveWhereTheyAreTold(t *testing.T) {
	r := newRerouteScene(t, 3)
	r.falls(0)
	one, two, moved := r.keyOf(1, "k"), r.keyOf(2, "k"), r.keyAt(0, 2, "m")
	r.sends("KEYS *\r\n")
	r.at(r.home(1), "KEYS *").says(string(resp.AppendCommand(nil, one, moved)))
	r.at(r.home(2), "KEYS *").says(string(resp.AppendCommand(nil, two, moved)))
	r.at(r.refuge(1), "KEYS *").says(string(resp.AppendCommand(nil, one, Marker, moved)))
	r.at(r.refuge(2), "KEYS *").says(string(resp.AppendCommand(nil, moved, two, Marker)))
	r.gets(string(resp.AppendCommand(nil, one, two, moved)))
}

func TestWhatServersHaveToldBeforeTheViewChangesIsShownByTheViewBefore(t *testing.T) {
	r := newRerouteScene(t, 2)
	r.falls(0)
	moved := r.keyAt(0, 1, "m")
	r.sends("KEYS *\r\n")
	r.at(r.home(1), "KEYS *").says("*0\r\n")
	w := r.at(r.refuge(1), "KEYS *")
	r.returns(0)
	w.says(string(resp.AppendCommand(nil, moved)))
	r.gets(string(resp.AppendCommand(nil, moved)))
}

func TestRandomkeyChoosesAmongThePlacesInUse(t *testing.T) {
	r := newRerouteScene(t, 2)
	r.falls(0)
	moved := r.keyAt(0, 1, "m")
	r.sends("RANDOMKEY\r\n")
	r.at(r.home(1), "RANDOMKEY", "DBSIZE").says("$-1\r\n:0\r\n")
	r.at(r.refuge(1), "RANDOMKEY", "DBSIZE").says(fmt.Sprintf("$%d\r\n%s\r\n:2\r\n", len(moved), moved))
	r.gets(fmt.Sprintf("$%d\r\n%s\r\n", len(moved), moved))
}

// page has the client scan, and a place, which is asked with one of its own cursors, answer
// with another one and keys.
func (r *rerouteScene) page(cursor string, p router.Place, asked int, own string, keys ...string) (next string) {
	r.Helper()
	r.sends("SCAN " + cursor + "\r\n")
	r.at(p, fmt.Sprint("SCAN ", asked)).says(string(resp.AppendCommand([]byte("*2\r\n$"+strconv.Itoa(len(own))+"\r\n"+own+"\r\n"), keys...)))
	reply := strings.Split(r.client.take(), "\r\n")
	return reply[2]
}

func TestScanWalksHomesAndRefugesAndPassesOverWhatIsNotInUse(t *testing.T) {
	r := newRerouteScene(t, 2) // numbers: home a 0, home b 1, refuge a 2, refuge b 3
	r.falls(0)
	moved := r.keyAt(0, 1, "m")
	cursor := r.page("0", r.home(1), 0, "7", r.keyOf(1, "k"))
	if cursor != "29" { // 7*4 + 1
		t.Fatalf("cursor %s", cursor)
	}
	cursor = r.page(cursor, r.home(1), 7, "0")
	if cursor != "3" {
		t.Fatalf("cursor %s", cursor)
	}
	cursor = r.page(cursor, r.refuge(1), 0, "5", moved, Marker)
	if cursor != "23" {
		t.Fatalf("cursor %s", cursor)
	}
	r.returns(0)
	r.serves(r.view())
	r.sends("SCAN " + cursor + "\r\n") // nothing lies behind the refuges
	r.gets(string(replyScanned))
	cursor = r.page("0", r.home(0), 0, "0", moved)
	if cursor != "1" {
		t.Fatalf("cursor %s", cursor)
	}
	r.falls(0)
	if cursor = r.page("8", r.home(1), 0, "0"); cursor != "3" { // that was at a's home
		t.Fatalf("cursor %s", cursor)
	}
}

func TestWholeFleetCommandsOfAnotherDatabaseAskTheHomesInUse(t *testing.T) {
	r := newRerouteScene(t, 2)
	for _, opt := range r.core.Servers {
		opt.Learned.SetDatabases(16)
	}
	r.falls(0)
	r.sends("SELECT 3\r\nDBSIZE\r\n")
	r.at(router.Place{Server: 1, Database: 3}, "DBSIZE").says(":5\r\n")
	r.gets("+OK\r\n:5\r\n")
	r.idle()
}

func TestIfAllServersAreOutWholeFleetCommandsNameThem(t *testing.T) {
	r := newRerouteScene(t, 2)
	r.falls(0)
	r.serves(router.View{Out: router.NewServerSet(0, 1), Rerouted: router.NewServerSet(0), Refuge: testRefuge})
	for _, request := range []string{"DBSIZE", "KEYS *", "SCAN 0", "RANDOMKEY", "SCRIPT EXISTS x", "SCRIPT KILL", "WAIT 1 1", "PUBSUB NUMPAT"} {
		r.sends(request + "\r\n")
		r.gets("-CLUSTERDOWN no node of pool \"main\" is in use: \"a\", \"b\" are out\r\n")
	}
}

func TestAFlushIsOneScriptOnEachHomeAndIsNotedForServersThatAreOut(t *testing.T) {
	for request, words := range map[string]string{
		"FLUSHALL": "FLUSHALL", "FLUSHALL async": "FLUSHALL ASYNC", "FLUSHDB SYNC": "FLUSHDB SYNC",
	} {
		r := newRerouteScene(t, 3)
		script := fmt.Sprintf("EVAL %s 1 %s %d %s", FlushHome, Marker, testRefuge, words)
		r.sends(request + "\r\n")
		for i := range 3 {
			r.at(r.home(i), script).says("+OK\r\n")
		}
		r.gets("+OK\r\n")
		r.falls(0)
		if r.core.TakeAbsence(0).Flushed {
			t.Error("a flush before the fall is noted")
		}
		r.sends(request + "\r\n")
		if !r.core.TakeAbsence(0).Flushed {
			t.Errorf("%s is not noted", request)
		}
		for i := 1; i < 3; i++ {
			r.at(r.home(i), script).says("+OK\r\n")
		}
		r.gets("+OK\r\n")
		r.idle()
	}
}

func TestAFlushOfAnotherDatabaseIsNotedToo(t *testing.T) {
	r := newRerouteScene(t, 2)
	for _, opt := range r.core.Servers {
		opt.Learned.SetDatabases(16)
	}
	r.falls(0)
	r.sends("SELECT 3\r\nFLUSHDB\r\n")
	r.at(router.Place{Server: 1, Database: 3}, "FLUSHDB").says("+OK\r\n")
	r.gets("+OK\r\n+OK\r\n")
	if !r.core.TakeAbsence(0).Flushed {
		t.Error("it is not noted")
	}
}

func TestNothingIsFlushedWhileKeysOfAServerLiveNowhere(t *testing.T) {
	r := newRerouteScene(t, 3)
	r.falls(0)
	r.serves(router.View{Out: router.NewServerSet(0, 1), Rerouted: router.NewServerSet(0), Refuge: testRefuge})
	r.sends("FLUSHALL\r\nFLUSHDB ASYNC\r\nFLUSHALL now\r\n")
	isOut := "-CLUSTERDOWN node \"b\" (b) of pool \"main\" is down: it does not answer\r\n"
	r.gets(isOut + isOut + "-ERR syntax error\r\n")
	r.idle()
	if r.core.TakeAbsence(0).Flushed || r.core.TakeAbsence(1).Flushed {
		t.Error("it is noted")
	}
}

// The script is executed by a real server.
func TestAFlushLeavesTheMarkerAndWhatIsNotFlushed(t *testing.T) {
	server := redistest.Start(t, "maxmemory-policy", "noeviction")
	conn, err := server.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	do := func(args ...any) string {
		t.Helper()
		reply, err := conn.Do(args...)
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return fmt.Sprint(reply)
	}
	for _, c := range []struct {
		words string
		sizes string // of databases 0, 3 and 15
	}{{"FLUSHDB", "0 1 1"}, {"FLUSHDB ASYNC", "0 1 1"}, {"FLUSHALL", "0 0 1"}, {"FLUSHALL SYNC", "0 0 1"}} {
		for _, full := range []bool{false, true} {
			for _, database := range []int{0, 3, testRefuge} {
				do("SELECT", database)
				do("SET", "key", 1)
			}
			do("SET", Marker, "the marker")
			do("SELECT", 0)
			if full {
				do("CONFIG", "SET", "maxmemory", 1)
			}
			args := []any{"EVAL", FlushHome, 1, Marker, testRefuge}
			for _, word := range strings.Fields(c.words) {
				args = append(args, word)
			}
			if got := do(args...); got != "OK" {
				t.Errorf("%s: %s", c.words, got)
			}
			do("CONFIG", "SET", "maxmemory", 0)
			sizes := do("DBSIZE")
			for _, database := range []int{3, testRefuge} {
				do("SELECT", database)
				sizes += " " + do("DBSIZE")
			}
			if marker := do("GET", Marker); marker != "the marker" || sizes != c.sizes {
				t.Errorf("%s, full %v: the databases have %s keys, want %s; the marker is %q", c.words, full, sizes, c.sizes, marker)
			}
			do("DEL", Marker)
			do("SELECT", 0)
			if do(args...); do("EXISTS", Marker) != "0" {
				t.Error("a marker that was not there is made")
			}
		}
	}
}

func TestAScriptThatIsLoadedWhileAServerIsOutIsGivenToItWhenItIsBack(t *testing.T) {
	r := newRerouteScene(t, 2)
	r.falls(0)
	body := "return 1"
	sum := digestOf([]byte(body))
	sha := string(sum[:])
	key := r.keyOf(0, "k")
	r.sends(string(resp.AppendCommand(nil, "SCRIPT", "LOAD", body)))
	r.at(r.home(1), "SCRIPT LOAD "+body).says(string(resp.AppendCommand(nil, sha)[4:]))
	r.client.take()
	r.returns(0)
	r.serves(r.view())
	r.sends("EVALSHA " + sha + " 1 " + key + "\r\n")
	r.at(r.home(0), "SCRIPT LOAD "+body, "EVALSHA "+sha+" 1 "+key).says(string(resp.AppendCommand(nil, sha)[4:]) + ":1\r\n")
	r.gets(":1\r\n")
}

func TestWhatAllServersMustHaveIsRefusedWhileOneIsOut(t *testing.T) {
	r := newRerouteScene(t, 2)
	r.falls(0)
	large := strings.Repeat("x", maxScriptBody+1)
	for _, request := range [][]byte{
		resp.AppendCommand(nil, "FUNCTION", "LOAD", "x"), resp.AppendCommand(nil, "FUNCTION", "FLUSH"), resp.AppendCommand(nil, "SCRIPT", "LOAD", large),
	} {
		r.sends(string(request))
		r.gets("-CLUSTERDOWN node \"a\" (a) of pool \"main\" is down: it does not answer\r\n")
	}
	r.sends("SCRIPT FLUSH\r\n")
	r.at(r.home(1), "SCRIPT FLUSH").says("+OK\r\n")
	r.gets("+OK\r\n")
	r.sends("PUBSUB NUMPAT\r\n")
	r.at(r.home(1), "PUBSUB NUMPAT").says(":0\r\n")
	r.gets(":0\r\n")
}

func TestWaitAsksTheServersInUse(t *testing.T) {
	r := newRerouteScene(t, 2)
	r.falls(0)
	r.sends("WAIT 1 0\r\n")
	r.at(r.home(1), "PING", "WAIT 1 0").says("+PONG\r\n:1\r\n")
	r.gets(":1\r\n")
}

func TestTheRefugeIsNoDatabaseOfTheClients(t *testing.T) {
	r := newRerouteScene(t, 2)
	for _, opt := range r.core.Servers {
		opt.Learned.SetDatabases(32)
	}
	up, out := r.keyOf(1, "k"), r.keyOf(0, "k")
	outOfRange := "-" + resp.TextDatabase + "\r\n"
	r.sends("SELECT 15\r\nSELECT 16\r\nMOVE " + up + " 15\r\nCOPY " + up + " " + up + " DB 15\r\nCONFIG GET databases\r\n")
	r.gets(strings.Repeat(outOfRange, 4) + "*2\r\n$9\r\ndatabases\r\n$2\r\n15\r\n")
	r.does(r.home(1), "MOVE "+up+" 14", ":1\r\n")
	r.falls(0)
	r.sends("MOVE " + out + " 1\r\nCOPY " + out + " " + out + " REPLACE DB 1\r\nSWAPDB 0 1\r\n")
	got := r.client.take()
	for _, want := range []string{"-ERR MOVE to a database is not", "-ERR COPY to a database is not", "-ERR command 'swapdb' is not"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
	r.idle()
}

func TestInfoCountsTheKeysOfRefugesInTheFirstDatabase(t *testing.T) {
	r := newRerouteScene(t, 2)
	text := "# Keyspace\r\ndb0:keys=5,expires=2,avg_ttl=1000\r\ndb15:keys=4,expires=2,avg_ttl=0\r\ndb16:keys=1,expires=0,avg_ttl=0\r\n"
	info := fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)
	r.sends("INFO keyspace\r\n")
	r.at(r.home(0), "INFO").says(info)
	r.at(r.home(1), "INFO").says(info)
	if got := r.client.take(); !strings.Contains(got, "db0:keys=10,expires=4,") || strings.Contains(got, "db1") {
		t.Errorf("%q", got)
	}
	r.falls(0)
	r.sends("INFO keyspace\r\n")
	r.at(r.home(1), "INFO").says(info)
	if got := r.client.take(); !strings.Contains(got, "db0:keys=8,expires=4,") || strings.Contains(got, "db1") {
		t.Errorf("%q", got)
	}
}

func TestAClientThatSubscribesDoesNotWaitForAServerThatIsOut(t *testing.T) {
	r := newRerouteScene(t, 2)
	r.sends("SUBSCRIBE one\r\n")
	r.turn()
	for _, w := range r.wires {
		if len(w.requests) > 0 {
			w.requests = nil
			w.says("*3\r\n$9\r\nsubscribe\r\n$3\r\none\r\n:1\r\n")
		}
	}
	r.gets("*3\r\n$9\r\nsubscribe\r\n$3\r\none\r\n:1\r\n")
	r.falls(0)
	r.sends("SUBSCRIBE two\r\n")
	r.at(r.home(1), "subscribe two").says("*3\r\n$9\r\nsubscribe\r\n$3\r\ntwo\r\n:2\r\n")
	r.gets("*3\r\n$9\r\nsubscribe\r\n$3\r\ntwo\r\n:2\r\n")
}
