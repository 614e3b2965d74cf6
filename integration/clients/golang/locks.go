package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bsm/redislock"
	"github.com/go-redsync/redsync/v4"
	redsyncpool "github.com/go-redsync/redsync/v4/redis/goredis/v9"
	"github.com/redis/go-redis/v9"
)

// lockLibrary is a library of locks as applications use it, on one go-redis client.
type lockLibrary interface {
	// acquire takes a lock; nil: somebody else has it. A patient one waits for it for
	// some seconds.
	acquire(key string, ttl time.Duration, patient bool) (heldLock, error)
	// stranger is a lock that this client does not have, with a token of its own.
	stranger(key string, ttl time.Duration) heldLock
}

type heldLock interface {
	token() string
	// extend and release report false if the lock is not, or no longer, this client's.
	extend() (bool, error)
	release() (bool, error)
}

var lockLibraries = map[string]func(*redis.Client) lockLibrary{
	"redsync":   func(c *redis.Client) lockLibrary { return redsyncLocks{redsync.New(redsyncpool.NewPool(c))} },
	"redislock": func(c *redis.Client) lockLibrary { return redisLocks{redislock.New(c)} },
}

// redsyncLocks is redsync with one pool.
type redsyncLocks struct{ *redsync.Redsync }

type redsyncLock struct{ *redsync.Mutex }

func (l redsyncLocks) acquire(key string, ttl time.Duration, patient bool) (heldLock, error) {
	m := l.NewMutex(key, redsync.WithExpiry(ttl))
	try := m.TryLock
	if patient {
		try = m.Lock
	}
	err := try()
	var taken *redsync.ErrTaken
	if errors.As(err, &taken) || errors.Is(err, redsync.ErrFailed) {
		return nil, nil
	}
	return redsyncLock{m}, err
}

func (l redsyncLocks) stranger(key string, ttl time.Duration) heldLock {
	return redsyncLock{l.NewMutex(key, redsync.WithExpiry(ttl), redsync.WithValue("a stranger's"))}
}

func (l redsyncLock) token() string { return l.Value() }

func (l redsyncLock) extend() (bool, error) { return ownedBy(l.Extend()) }

func (l redsyncLock) release() (bool, error) { return ownedBy(l.Unlock()) }

// ownedBy takes away the errors that say that a lock is not this client's.
func ownedBy(ok bool, err error) (bool, error) {
	var taken *redsync.ErrTaken
	if errors.As(err, &taken) || errors.Is(err, redsync.ErrLockAlreadyExpired) {
		return ok, nil
	}
	return ok, err
}

// redisLocks is bsm/redislock.
type redisLocks struct{ *redislock.Client }

type redisLock struct {
	*redislock.Lock
	ttl time.Duration
}

func (l redisLocks) acquire(key string, ttl time.Duration, patient bool) (heldLock, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	options := &redislock.Options{}
	if patient {
		options.RetryStrategy = redislock.LinearBackoff(20 * time.Millisecond)
	}
	lock, err := l.Obtain(ctx, key, ttl, options)
	if errors.Is(err, redislock.ErrNotObtained) {
		return nil, nil
	}
	return redisLock{lock, ttl}, err
}

// stranger has the lock of another key, whose name it exchanges.
func (l redisLocks) stranger(key string, ttl time.Duration) heldLock {
	lock := must(l.Obtain(context.Background(), key+"'s neighbour", ttl, nil))
	lock.Keys()[0] = key
	return redisLock{lock, ttl}
}

func (l redisLock) token() string { return l.Token() }

func (l redisLock) extend() (bool, error) {
	err := l.Refresh(context.Background(), l.ttl+lockTTL/4, nil)
	if errors.Is(err, redislock.ErrNotObtained) {
		return false, nil
	}
	return err == nil, err
}

func (l redisLock) release() (bool, error) {
	err := l.Release(context.Background())
	if errors.Is(err, redislock.ErrLockNotHeld) {
		return false, nil
	}
	return err == nil, err
}

// lockPlayer plays the steps of locks with two clients.
type lockPlayer struct {
	name          string
	redis         *redis.Client
	first, second lockLibrary
}

func newLockPlayer(name, addr string) *lockPlayer {
	one, two := redis.NewClient(&redis.Options{Addr: addr}), redis.NewClient(&redis.Options{Addr: addr})
	return &lockPlayer{name: name, redis: one, first: lockLibraries[name](one), second: lockLibraries[name](two)}
}

// lockSteps are what the programs of locks do; each has keys of its own.
var lockSteps = map[string]func(p *lockPlayer, key string){
	"acquire": func(p *lockPlayer, key string) {
		lock := p.has(p.first.acquire(key, lockTTL, false))
		same[any](lock.token())(p.redis.Get(context.Background(), key).Result())
		p.expires(key, lockTTL*9/10, lockTTL)
	},
	"contend": func(p *lockPlayer, key string) {
		held := p.has(p.first.acquire(key, lockTTL, false))
		p.taken(p.second.acquire(key, lockTTL, false))
		same[any](held.token())(p.redis.Get(context.Background(), key).Result())
		released := make(chan error, 1)
		time.AfterFunc(100*time.Millisecond, func() {
			_, err := held.release()
			released <- err
		})
		lock := p.has(p.second.acquire(key, lockTTL, true))
		same[any](lock.token())(p.redis.Get(context.Background(), key).Result())
		must(true, <-released)
	},
	"extend": func(p *lockPlayer, key string) {
		lock := p.has(p.first.acquire(key, lockTTL, false))
		for remaining := lockTTL; remaining > lockTTL*95/100; { // or extending it would not show
			time.Sleep(10 * time.Millisecond)
			remaining = must(p.redis.PTTL(context.Background(), key).Result())
		}
		same[bool]("true")(lock.extend())
		p.expires(key, lockTTL*96/100, lockTTL*5/4)
		same[bool]("true")(lock.release())
	},
	"release": func(p *lockPlayer, key string) {
		lock := p.has(p.first.acquire(key, lockTTL, false))
		same[bool]("true")(lock.release())
		same[int64]("0")(p.redis.Exists(context.Background(), key).Result())
		same[bool]("false")(lock.release())
		p.has(p.second.acquire(key, lockTTL, false))
	},
	"expiry": func(p *lockPlayer, key string) {
		// redsync waits for a twentieth of it at most.
		lost := p.has(p.first.acquire(key, lockTTL/8, true))
		held := p.has(p.second.acquire(key, lockTTL, true))
		same[bool]("false")(lost.extend())
		same[bool]("false")(lost.release())
		same[any](held.token())(p.redis.Get(context.Background(), key).Result())
		p.expires(key, lockTTL/2, lockTTL)
	},
	"stranger": func(p *lockPlayer, key string) {
		lock := p.has(p.first.acquire(key, lockTTL, false))
		stranger := p.second.stranger(key, lockTTL)
		same[bool]("false")(stranger.extend())
		same[bool]("false")(stranger.release())
		same[any](lock.token())(p.redis.Get(context.Background(), key).Result())
		same[bool]("true")(lock.release())
	},
}

// lockTTL is what redsync has by default.
const lockTTL = 8 * time.Second

func (p *lockPlayer) play(step string) {
	lockSteps[step](p, "lock:"+p.name+":"+step)
}

// has ends the step unless the lock was taken.
func (p *lockPlayer) has(lock heldLock, err error) heldLock {
	if must(lock, err) == nil {
		panic("the lock is taken")
	}
	return lock
}

// taken ends the step if the lock was taken.
func (p *lockPlayer) taken(lock heldLock, err error) {
	if must(lock, err) != nil {
		panic("the lock is not taken")
	}
}

// expires ends the step unless a key expires in a time between two.
func (p *lockPlayer) expires(key string, least, most time.Duration) {
	if ttl := must(p.redis.PTTL(context.Background(), key).Result()); ttl < least || ttl > most {
		panic(fmt.Sprintf("it expires in %v, want %v to %v", ttl, least, most))
	}
}
