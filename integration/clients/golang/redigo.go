package main

import (
	"errors"

	"github.com/gomodule/redigo/redis"
)

// redigo is redigo with a pool, as its documentation shows it.
type redigo struct{ *redis.Pool }

func newRedigo(addr string) (library, error) {
	return redigo{&redis.Pool{MaxIdle: 3, Dial: func() (redis.Conn, error) { return redis.Dial("tcp", addr) }}}, nil
}

func (redigo) protocol() string { return "2" }

func (redigo) needsTags() bool { return false }

func args(words []string) redis.Args { return redis.Args{}.AddFlat(words) }

func (p redigo) do(words ...string) (any, error) {
	c := p.Get()
	defer c.Close()
	return c.Do(words[0], args(words[1:])...)
}

func (p redigo) mget(keys ...string) (any, error) {
	return p.do(append([]string{"MGET"}, keys...)...)
}

func (p redigo) pipeline(commands [][]string) ([]any, error) {
	c := p.Get()
	defer c.Close()
	for _, words := range commands {
		if err := c.Send(words[0], args(words[1:])...); err != nil {
			return nil, err
		}
	}
	if err := c.Flush(); err != nil {
		return nil, err
	}
	var out []any
	for range commands {
		got, err := c.Receive()
		if err != nil {
			return nil, err
		}
		out = append(out, got)
	}
	return out, nil
}

func (p redigo) multi(commands [][]string) ([]any, error) {
	c := p.Get()
	defer c.Close()
	return transaction(c, commands)
}

func transaction(c redis.Conn, commands [][]string) ([]any, error) {
	if err := c.Send("MULTI"); err != nil {
		return nil, err
	}
	for _, words := range commands {
		if err := c.Send(words[0], args(words[1:])...); err != nil {
			return nil, err
		}
	}
	return redis.Values(c.Do("EXEC"))
}

func (p redigo) watch(key string, between func(), words ...string) (bool, error) {
	c := p.Get()
	defer c.Close()
	if _, err := c.Do("WATCH", key); err != nil {
		return false, err
	}
	if _, err := c.Do("GET", key); err != nil {
		return false, err
	}
	between()
	_, err := transaction(c, [][]string{words})
	if errors.Is(err, redis.ErrNil) {
		return true, nil
	}
	return false, err
}

func (p redigo) blpop(key string, seconds float64) (any, error) {
	c := p.Get()
	defer c.Close()
	return c.Do("BLPOP", key, seconds)
}

func (p redigo) subscribe(channel, pattern string, deliver func(channel, text string)) (func(), error) {
	c := redis.PubSubConn{Conn: p.Get()}
	if err := errors.Join(c.Subscribe(channel), c.PSubscribe(pattern)); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			switch m := c.Receive().(type) {
			case redis.Message:
				deliver(m.Channel, string(m.Data))
			case redis.Subscription:
				if m.Count == 0 {
					return
				}
			case error:
				return
			}
		}
	}()
	return func() {
		_ = errors.Join(c.Unsubscribe(), c.PUnsubscribe())
		<-ended
		_ = c.Close()
	}, nil
}

func (p redigo) scan(pattern string) ([]string, error) {
	var keys []string
	for cursor := "0"; ; {
		got, err := redis.Values(p.do("SCAN", cursor, "MATCH", pattern))
		if err != nil {
			return nil, err
		}
		var found []string
		if _, err := redis.Scan(got, &cursor, &found); err != nil {
			return nil, err
		}
		if keys = append(keys, found...); cursor == "0" {
			return keys, nil
		}
	}
}

func (p redigo) script(text, key, arg string) (any, error) {
	c := p.Get()
	defer c.Close()
	return redis.NewScript(1, text).Do(c, key, arg)
}

func (redigo) isServerError(err error) bool {
	var e redis.Error
	return errors.As(err, &e)
}
