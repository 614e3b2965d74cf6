package integration

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"ringmain/internal/lockcheck"
)

// Two proxies, with one faulty server at a time and links that lose messages all the
// time.
func TestALockNeverHasTwoHoldersWhateverHappensToAMinorityOfItsServers(t *testing.T) {
	for _, persistence := range []string{keepsNothing, keepsAll} {
		t.Run(persistence, func(t *testing.T) {
			t.Parallel()
			const seed = 1
			q := startQuorum(t, 3, persistence, seed)
			proxies := q.proxies(t, 2)
			l := &lockLoad{clients: 16, keys: 50, fences: persistence == keepsAll, seed: seed}
			faults := among(quorumFaults, "killed", "emptied", "with a clock that is set", "paused", "cut off")
			lasts, least := 10*time.Second, int64(20) // a tenth of what is usual on a machine that is not busy
			if torture() {
				lasts, least = 10*time.Minute, 60*least
				faults = quorumFaults
			}
			q.lose(lossRate)
			l.run(proxies)
			x := &suffering{quorum: q, faults: faults, rng: rand.New(rand.NewPCG(seed, 99)), recovered: l.votes(len(proxies))}
			x.last(t, time.Now().Add(lasts))
			l.end()
			t.Log(l)
			l.check(t)
			if n := l.taken.Load(); n < least {
				t.Errorf("only %d grants, want %d", n, least)
			}
			if l.fences && l.numbered.Load() < least/4 {
				t.Errorf("only %d fencing numbers", l.numbered.Load())
			}
			for i, s := range q.servers {
				if s.losses.Unsent.Load() == 0 || s.losses.Unheard.Load() == 0 || s.losses.Late.Load() == 0 {
					t.Errorf("the links to server %d have not lost messages in every way", i)
				}
			}
			q.lose(0)
			q.expectNoLock(t)
		})
	}
}

// lockScene is a course of events that breaks locks which lack a rule.
type lockScene struct {
	t       *testing.T
	q       *testQuorum
	clients []lockService
	log     *lockcheck.Log
	began   time.Time
	key     string
}

// take has a client try to take the lock, and believe what it is told.
func (s *lockScene) take(client int, ttl time.Duration) bool {
	s.t.Helper()
	sent := time.Since(s.began)
	taken, err := s.clients[client].take(s.key, token(client), ttl)
	if !taken {
		return false
	}
	s.t.Logf("client %d takes %s: %v", client, s.key, err)
	s.log.Granted(s.key, token(client), sent, time.Since(s.began), ttl)
	return true
}

func token(client int) string { return fmt.Sprint("client ", client) }

// playUntil plays a scene, anew on a machine so busy that a server missed a deadline,
// until something came of it.
func (s *lockScene) playUntil(play func(*lockScene), done func() bool) {
	s.t.Helper()
	const tries = 5
	for i := range tries {
		s.key = fmt.Sprint("lock:scene:", i)
		if play(s); done() {
			return
		}
	}
	s.t.Errorf("played %d times, with nothing to show for it", tries)
}

func (s *lockScene) must(err error) {
	s.t.Helper()
	succeed(s.t, err)
}

// Each scene is played by redsync on the same servers, which lacks the rule and so shows that
// the scene tests it, and by Ringmain.
var lockScenes = []struct {
	name string
	// first says that Ringmain grants the lock to the first client.
	first bool
	// broken is what lacks the rule.
	broken func(q *testQuorum) lockService
	play   func(s *lockScene)
}{
	{"a majority is one of all servers, not of those that answer", false,
		func(q *testQuorum) lockService { return &redsyncLocks{servers: q.servers, onlyLive: true} },
		func(s *lockScene) {
			s.must(s.q.servers[1].Stop())
			s.must(s.q.servers[2].Stop())
			s.take(0, longestLock)
			s.must(s.q.servers[1].Cont())
			s.must(s.q.servers[2].Cont())
			s.must(s.q.servers[0].Stop())
			s.take(1, longestLock)
			s.must(s.q.servers[0].Cont())
		}},
	{"a server that was started anew has no vote", true, fixed, minority(func(s *quorumServer) error { return s.Restart() })},
	{"a server that was emptied has no vote", true, fixed, minority(func(s *quorumServer) error {
		_, err := s.Do("FLUSHALL")
		return err
	})},
	{"a server whose clock was set has no vote", true, fixed, minority(func(s *quorumServer) error {
		return s.clock.Step(s.Server, 2*longestLock)
	})},
	{"whoever has lost a lock cannot take it from its holder", true,
		func(q *testQuorum) lockService { return &redsyncLocks{servers: q.servers, plainly: true} },
		func(s *lockScene) {
			const short = 300 * time.Millisecond
			s.take(0, short)
			eventually(s.t, "the next client takes it", func() bool { return s.take(1, longestLock) })
			if err := s.clients[0].give(s.key, token(0)); err != nil {
				s.t.Logf("the release is answered %v", err)
			}
			s.take(2, longestLock)
		}},
}

// fixed is redsync as it is.
func fixed(q *testQuorum) lockService { return &redsyncLocks{servers: q.servers} }

// minority has a lock granted by servers 0 and 1, then something happen to server 1, and a
// lock asked for of servers 1 and 2 alone.
func minority(happens func(s *quorumServer) error) func(*lockScene) {
	return func(s *lockScene) {
		s.must(s.q.servers[2].Stop())
		s.take(0, longestLock)
		s.must(happens(s.q.servers[1]))
		s.must(s.q.servers[2].Cont())
		s.must(s.q.servers[0].Stop())
		s.take(1, longestLock)
		s.must(s.q.servers[0].Cont())
	}
}

func TestScenesBreakLocksThatLackARule(t *testing.T) {
	for _, scene := range lockScenes {
		t.Run(scene.name, func(t *testing.T) {
			t.Parallel()
			q := startQuorum(t, 3, keepsNothing, 0)
			s := &lockScene{t: t, q: q, log: lockcheck.New(prompt), began: time.Now()}
			for range 3 {
				s.clients = append(s.clients, scene.broken(q))
			}
			s.playUntil(scene.play, func() bool { return len(s.log.Overlaps()) > 0 })
		})
	}
}

func TestScenesThatBreakOtherLocksDoNotBreakRingmains(t *testing.T) {
	t.Parallel()
	var scenes []*lockScene
	var proxies [][]*ringmain
	for i := range lockScenes { // all at once: servers that keep nothing vote after a while
		q := startQuorum(t, 3, keepsNothing, 0)
		scenes = append(scenes, &lockScene{q: q, log: lockcheck.New(prompt)})
		proxies = append(proxies, q.startProxies(t, 2))
		for client := range 3 {
			scenes[i].clients = append(scenes[i].clients, proxyLocks{&steadfast{addr: proxies[i][client%2].Addr()}})
		}
	}
	for i, scene := range lockScenes {
		t.Run(scene.name, func(t *testing.T) {
			s := scenes[i]
			s.q.awaitVotes(t, proxies[i])
			s.t, s.began = t, time.Now()
			s.playUntil(scene.play, func() bool { return s.log.Grants() > 0 || !scene.first })
			for _, one := range s.log.Overlaps() {
				t.Error(one)
			}
		})
	}
}

// With one server of three down, a lock takes as long as with all: in torture it is
// measured.
func TestLocksAreGrantedWhileOneServerIsDown(t *testing.T) {
	t.Parallel()
	q := startQuorum(t, 3, keepsNothing, 2)
	q.patient = !torture()
	proxies := q.proxies(t, 2)
	q.servers[1].Kill()
	l := &lockLoad{clients: 16, keys: 50, seed: 2, measures: true}
	l.run(proxies)
	eventually(t, "locks are granted", func() bool { return l.taken.Load() >= 50 })
	if torture() {
		<-time.After(20 * time.Second)
	}
	l.end()
	l.check(t)
	slices.Sort(l.took)
	n := len(l.took)
	t.Logf("%d acquisitions: p50 %v, p99 %v; %v", n, l.took[n/2], l.took[n*99/100], l)
}
