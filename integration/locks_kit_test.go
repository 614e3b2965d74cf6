package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-redsync/redsync/v4"
	redsyncredis "github.com/go-redsync/redsync/v4/redis"
	redsyncpool "github.com/go-redsync/redsync/v4/redis/goredis/v9"

	"ringmain/internal/lockcheck"
)

// lockService is locks as one client uses them; one goroutine does. An error says that
// nothing is known, or that nobody can tell.
type lockService interface {
	take(key, token string, ttl time.Duration) (taken bool, err error)
	give(key, token string) error
}

// releaseText is the release of the documentation of Redis.
const releaseText = `if redis.call("get",KEYS[1]) == ARGV[1] then
    return redis.call("del",KEYS[1])
else
    return 0
end`

const extendText = `if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("pexpire", KEYS[1], ARGV[2]) else return 0 end`

// proxyLocks are locks through a proxy, taken as most clients do.
type proxyLocks struct{ *steadfast }

func (p proxyLocks) take(key, token string, ttl time.Duration) (bool, error) {
	v, err := p.do("SET", key, token, "NX", "PX", ttl.Milliseconds())
	return v == "OK", err
}

func (p proxyLocks) give(key, token string) error {
	_, err := p.do("EVAL", releaseText, 1, key, token)
	return err
}

// redsyncLocks are locks of redsync on the servers themselves.
type redsyncLocks struct {
	servers []*quorumServer
	// onlyLive takes a majority of those servers that answer for one, as no client should.
	onlyLive bool
	// plainly releases by DEL, whoever has the lock, as no client should.
	plainly bool
}

func (r *redsyncLocks) mutex(key, token string, options ...redsync.Option) *redsync.Mutex {
	var pools []redsyncredis.Pool
	for _, s := range r.servers {
		if !r.onlyLive || s.answers() {
			pools = append(pools, redsyncpool.NewPool(s.Client()))
		}
	}
	return redsync.New(pools...).NewMutex(key, append(options, redsync.WithValue(token),
		redsync.WithGenValueFunc(func() (string, error) { return token, nil }))...)
}

func (s *quorumServer) answers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	return s.Client().Ping(ctx).Err() == nil
}

func (r *redsyncLocks) take(key, token string, ttl time.Duration) (bool, error) {
	err := r.mutex(key, token, redsync.WithExpiry(ttl)).TryLock()
	return err == nil, nil
}

func (r *redsyncLocks) give(key, token string) error {
	if !r.plainly {
		_, err := r.mutex(key, token).Unlock()
		return err
	}
	for _, s := range r.servers {
		if _, err := s.Do("DEL", key); err != nil {
			return err
		}
	}
	return nil
}

// prompt is how late the reply to an acquisition or extension may come for a client to
// count from it: what it may take Ringmain, by its defaults.
func prompt(ttl time.Duration) time.Duration {
	return 2 * min(max(ttl/20, 5*time.Millisecond), 50*time.Millisecond)
}

// lockLoad is clients that take, extend, release and lose locks, and write to what the locks
// protect.
type lockLoad struct {
	clients, keys int
	fences        bool // the locks have numbers
	seed          uint64

	began     time.Time
	log       *lockcheck.Log
	resources []*lockcheck.Resource // by key

	stop    chan struct{}
	running sync.WaitGroup

	tried, taken, extended, released, lost, numbered atomic.Int64

	mu       sync.Mutex
	errors   map[string]int  // by their first words
	faults   []string        // what clients saw that is wrong
	took     []time.Duration // by acquisitions
	measures bool            // how long they take; nobody waits for a lock then
}

// run has clients use proxies, each its own, until end.
func (l *lockLoad) run(proxies []*ringmain) {
	l.began, l.stop, l.errors = time.Now(), make(chan struct{}), map[string]int{}
	l.log = lockcheck.New(prompt)
	for range l.keys {
		l.resources = append(l.resources, &lockcheck.Resource{})
	}
	for i := range l.clients {
		c := &lockUser{lockLoad: l, number: i, proxy: i % len(proxies),
			locks: proxyLocks{&steadfast{addr: proxies[i%len(proxies)].Addr()}}, rng: rand.New(rand.NewPCG(l.seed, uint64(i)))}
		l.running.Go(c.run)
	}
}

func (l *lockLoad) end() {
	close(l.stop)
	l.running.Wait()
}

func (l *lockLoad) now() time.Duration { return time.Since(l.began) }

// failed takes down an error that a client was told, or how its connection broke.
func (l *lockLoad) failed(err error) {
	word, _, _ := strings.Cut(err.Error(), " ")
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errors[word]++
	if word != "NOQUORUM" && word != "UNCERTAIN" {
		l.faults = append(l.faults, err.Error())
	}
}

func (l *lockLoad) fault(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, fmt.Sprintf(format, args...))
}

func (l *lockLoad) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken, refused := 0, 0
	for _, r := range l.resources {
		t, f, _ := r.Counts()
		taken, refused = taken+t, refused+f
	}
	return fmt.Sprintf("%d tries, %d grants, %d extensions, %d releases, %d lost by expiry, %d numbers, errors %v; resources took %d writes and refused %d",
		l.tried.Load(), l.taken.Load(), l.extended.Load(), l.released.Load(), l.lost.Load(), l.numbered.Load(), l.errors, taken, refused)
}

// check reports everything that no client may see.
func (l *lockLoad) check(t testing.TB) {
	t.Helper()
	for _, what := range [][]string{l.log.Overlaps(), l.log.Disorder(), l.faults} {
		for _, one := range what[:min(len(what), 10)] {
			t.Error(one)
		}
		if len(what) > 10 {
			t.Errorf("… %d in all", len(what))
		}
	}
	for key, r := range l.resources {
		if _, _, n := r.Counts(); n > 0 {
			t.Errorf("the resource of lock %d took %d writes out of order", key, n)
		}
	}
}

// lockUser is one client of a lockLoad.
type lockUser struct {
	*lockLoad
	number, proxy int
	locks         proxyLocks
	rng           *rand.Rand
}

func (c *lockUser) run() {
	for {
		select {
		case <-c.stop:
			c.locks.close()
			return
		default:
			c.turn()
		}
	}
}

// token is one that tells who took the lock when; but every fourth client uses the same
// again and again.
func (c *lockUser) token() string {
	if c.number%4 == 3 {
		return fmt.Sprintf("%d.%d.", c.proxy, c.number)
	}
	return fmt.Sprintf("%d.%d.%d", c.proxy, c.number, time.Now().UnixNano())
}

// tokenTime is of which proxy's client a token is, and since when.
func tokenTime(token string) (proxy int, at time.Time, ok bool) {
	words := strings.Split(token, ".")
	if len(words) != 3 {
		return 0, at, false
	}
	proxy, err1 := strconv.Atoi(words[0])
	nanos, err2 := strconv.ParseInt(words[2], 10, 64)
	return proxy, time.Unix(0, nanos), err1 == nil && err2 == nil
}

// turn tries to take one lock, and does with it what clients do.
func (c *lockUser) turn() {
	part := c.rng.Float64()
	number := int(part * part * part * float64(c.keys)) // the first are wanted most
	key, token := "lock:"+strconv.Itoa(number), c.token()
	ttl := 500*time.Millisecond + time.Duration(c.rng.IntN(1500))*time.Millisecond
	c.tried.Add(1)
	sent := c.now()
	taken, fence, err := c.take(key, token, ttl)
	received := c.now()
	if err != nil {
		c.failed(err)
		somewhile(c.rng, 10*time.Millisecond)
		return
	}
	if c.measures {
		c.mu.Lock()
		c.took = append(c.took, received-sent)
		c.mu.Unlock()
	}
	if !taken {
		somewhile(c.rng, 20*time.Millisecond)
		return
	}
	c.taken.Add(1)
	hold := c.log.Granted(key, strconv.Itoa(c.number), sent, received, ttl)
	if fence == 0 && c.fences && c.rng.IntN(3) == 0 {
		fence = c.ask(key, token)
	}
	if fence > 0 {
		c.numbered.Add(1)
		hold.Numbered(fence)
		c.write(hold, number, fence)
	}
	what := c.rng.IntN(10)
	if fence > 0 && what == 9 {
		what = 0
	}
	switch what {
	case 0: // it forgets that its time is over
		<-time.After(hold.Until() - c.now() + time.Duration(c.rng.IntN(700))*time.Millisecond)
		c.lost.Add(1)
		if fence > 0 {
			c.resources[number].Write(fence)
		}
		if err := c.locks.give(key, token); err != nil {
			c.failed(err)
		}
		return
	case 1, 2, 3:
		<-time.After(time.Duration(c.rng.Int64N(int64(ttl / 2))))
		c.extend(hold, key, token, ttl)
	}
	somewhile(c.rng, 30*time.Millisecond)
	if fence > 0 {
		c.write(hold, number, fence)
	}
	hold.Ended(c.now())
	if err := c.give(key, token); err != nil {
		c.failed(err)
		return
	}
	c.released.Add(1)
}

// take takes a lock as most clients do, or as those who know Ringmain do.
func (c *lockUser) take(key, token string, ttl time.Duration) (taken bool, fence int64, err error) {
	if c.rng.IntN(2) > 0 {
		taken, err = c.locks.take(key, token, ttl)
		return taken, 0, err
	}
	args := []any{"RINGMAIN.LOCK", key, token, "PX", ttl.Milliseconds()}
	if !c.measures && c.rng.IntN(3) == 0 {
		args = append(args, "WAIT", 100)
	}
	v, err := c.locks.do(args...)
	if err != nil {
		return false, 0, err
	}
	list, ok := v.([]any)
	if !ok || len(list) != 3 {
		c.fault("RINGMAIN.LOCK is answered %v", v)
		return false, 0, nil
	}
	fence, ok = list[1].(int64)
	if taken = list[0] == int64(1); !ok || taken && (fence > 0) != c.fences {
		c.fault("RINGMAIN.LOCK is answered %v", v)
	}
	return taken, fence, nil
}

// ask gets the number of a lock that was taken without one; 0: it gets none.
func (c *lockUser) ask(key, token string) int64 {
	v, err := c.locks.do("RINGMAIN.FENCE", key, token)
	if err != nil {
		c.failed(err)
		return 0
	}
	fence, _ := v.(int64)
	return fence
}

// write writes to what the lock protects, which has to take it from whoever holds the
// lock.
func (c *lockUser) write(hold *lockcheck.Hold, number int, fence int64) {
	if taken := c.resources[number].Write(fence); !taken && c.now() < hold.Until() {
		c.fault("a holder is fenced off: %v", hold)
	}
}

func (c *lockUser) extend(hold *lockcheck.Hold, key, token string, ttl time.Duration) {
	args := []any{"EVAL", extendText, 1, key, token, ttl.Milliseconds()}
	if c.rng.IntN(2) == 0 {
		args = []any{"RINGMAIN.EXTEND", key, token, "PX", ttl.Milliseconds()}
	}
	sent := c.now()
	v, err := c.locks.do(args...)
	switch {
	case err != nil:
		c.failed(err)
	case v == int64(0) || v == nil:
		hold.Ended(sent)
	default:
		c.extended.Add(1)
		hold.Extended(sent, c.now(), ttl)
	}
}

func (c *lockUser) give(key, token string) error {
	if c.rng.IntN(2) == 0 {
		return c.locks.give(key, token)
	}
	_, err := c.locks.do("RINGMAIN.UNLOCK", key, token)
	return err
}

// votes reports whether every proxy has a lock's vote of a server, given since a time.
func (l *lockLoad) votes(proxies int) func(s *quorumServer, since time.Time) bool {
	return func(s *quorumServer, since time.Time) bool {
		ctx, cancel := context.WithTimeout(context.Background(), gross)
		defer cancel()
		keys, err := s.Client().Keys(ctx, "lock:*").Result()
		if err != nil || len(keys) == 0 {
			return false
		}
		tokens, err := s.Client().MGet(ctx, keys...).Result()
		if err != nil {
			return false
		}
		voters := map[int]bool{}
		for _, token := range tokens {
			if text, ok := token.(string); ok {
				if proxy, at, ok := tokenTime(text); ok && at.After(since) {
					voters[proxy] = true
				}
			}
		}
		return len(voters) == proxies
	}
}
