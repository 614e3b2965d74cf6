package integration

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// Two proxies, with one faulty server at a time and links that lose messages all the
// time.
func TestEveryAcknowledgedChangeOfACounterCountsOnceWhateverHappensToAMinorityOfItsServers(t *testing.T) {
	t.Parallel()
	const (
		seed  = 3
		lasts = 6 * time.Second
	)
	q := startQuorum(t, 3, keepsAll, seed)
	proxies := q.countingProxies(t, 2)
	l := &counterLoad{clients: 8, keys: 20, seed: seed}
	long := time.Duration(lasts)
	least := 200
	if torture() {
		long = 10 * time.Minute
		least *= int(long / lasts)
	}
	q.lose(lossRate)
	l.run(proxies)
	faults := among(quorumFaults, "killed", "emptied", "paused", "cut off")
	if torture() {
		faults = append(faults, among(quorumFaults, "killed and emptied")...)
	}
	x := &suffering{quorum: q, faults: faults, rng: rand.New(rand.NewPCG(seed, 99)), recovered: counts(proxies), counters: true}
	x.last(t, time.Now().Add(long))
	l.end()
	q.lose(0)
	t.Log(l)
	l.check(t, proxies[0].Addr())
	if n := l.log.Counts().Answered; n < least {
		t.Errorf("only %d commands were answered, want %d", n, least)
	}
}

// coldScene is counters that servers 0 and 1 agreed on, of which 1 was emptied then, and
// which are asked for where 1 and 2 alone answer.
type coldScene struct {
	q *testQuorum
	w *wire
}

const coldKeys = 20

func coldKey(i int) string { return fmt.Sprint("counter:cold:", i) }

// newColdScene calls emptied once server 1 was.
func newColdScene(t *testing.T, emptied func(s *quorumServer)) *coldScene {
	t.Helper()
	q := startQuorum(t, 3, keepsAll, 0)
	q.patient = true
	x := &coldScene{q, dial(t, q.countingProxies(t, 1)[0].Addr())}
	q.servers[2].relay.Down() // nothing reaches it later
	for i := range coldKeys {
		eventually(t, "two servers agree", func() bool { return x.w.do("SET", coldKey(i), fmt.Sprint(i+10)) == "+OK\r\n" })
	}
	_, err := q.servers[1].Do("FLUSHALL")
	succeed(t, err)
	emptied(q.servers[1])
	succeed(t, q.servers[0].Stop())
	t.Cleanup(func() { _ = q.servers[0].Cont() })
	succeed(t, q.servers[2].relay.Up())
	return x
}

// Where somebody gives a server that was emptied what it is known by, all that was agreed on
// is forgotten: the scene shows what the rule is for.
func TestAServerThatWasEmptiedAndVotesForgetsWhatWasAgreedOn(t *testing.T) {
	t.Parallel()
	x := newColdScene(t, func(s *quorumServer) {
		for _, key := range []string{identityKey, settingsKey} {
			_, err := s.Do("SET", key, s.kept[key])
			succeed(t, err)
		}
	})
	for i := range coldKeys {
		var reply string
		eventually(t, "a majority agrees", func() bool { reply = x.w.do("GET", coldKey(i)); return reply[0] != '-' })
		expect(t, "a counter that was forgotten", reply, "$-1\r\n")
	}
}
