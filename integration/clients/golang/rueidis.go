package main

import (
	"context"
	"errors"
	"time"

	"github.com/redis/rueidis"
)

// rueidisClient is rueidis, which asks the server what it is, and keeps values at the
// client.
type rueidisClient struct{ rueidis.Client }

func newRueidis(addr string) (library, error) {
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}})
	return rueidisClient{c}, err
}

func (rueidisClient) protocol() string { return "3" }

func (rueidisClient) needsTags() bool { return false }

// build makes a command out of words, with the second as its key.
func (r rueidisClient) build(words []string) rueidis.Completed {
	c := r.B().Arbitrary(words[0])
	if len(words) > 1 {
		c = c.Keys(words[1]).Args(words[2:]...)
	}
	return c.Build()
}

func value(r rueidis.RedisResult) (any, error) {
	v, err := r.ToAny()
	if rueidis.IsRedisNil(err) {
		return nil, nil
	}
	return v, err
}

func (r rueidisClient) do(words ...string) (any, error) {
	return value(r.Do(context.Background(), r.build(words)))
}

func (r rueidisClient) mget(keys ...string) (any, error) {
	return value(r.Do(context.Background(), r.B().Mget().Key(keys...).Build()))
}

func (r rueidisClient) pipeline(commands [][]string) ([]any, error) {
	var built []rueidis.Completed
	for _, words := range commands {
		built = append(built, r.build(words))
	}
	var out []any
	for _, got := range r.DoMulti(context.Background(), built...) {
		v, err := value(got)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (r rueidisClient) multi(commands [][]string) (out []any, err error) {
	err = r.Dedicated(func(c rueidis.DedicatedClient) error {
		out, err = r.transaction(c, commands)
		return err
	})
	return out, err
}

func (r rueidisClient) transaction(c rueidis.DedicatedClient, commands [][]string) ([]any, error) {
	built := []rueidis.Completed{c.B().Multi().Build()}
	for _, words := range commands {
		built = append(built, r.build(words))
	}
	got := c.DoMulti(context.Background(), append(built, c.B().Exec().Build())...)
	v, err := value(got[len(got)-1])
	if v == nil || err != nil {
		return nil, err
	}
	return v.([]any), nil
}

func (r rueidisClient) watch(key string, between func(), words ...string) (conflict bool, err error) {
	err = r.Dedicated(func(c rueidis.DedicatedClient) error {
		ctx := context.Background()
		if err := c.Do(ctx, c.B().Watch().Key(key).Build()).Error(); err != nil {
			return err
		}
		if err := c.Do(ctx, c.B().Get().Key(key).Build()).Error(); err != nil {
			return err
		}
		between()
		got, err := r.transaction(c, [][]string{words})
		conflict = got == nil
		return err
	})
	return conflict, err
}

func (r rueidisClient) blpop(key string, seconds float64) (any, error) {
	return value(r.Do(context.Background(), r.B().Blpop().Key(key).Timeout(seconds).Build()))
}

func (r rueidisClient) subscribe(channel, pattern string, deliver func(channel, text string)) (func(), error) {
	ctx, b := context.Background(), r.B()
	take := func(m rueidis.PubSubMessage) { deliver(m.Channel, m.Message) }
	ended := make(chan struct{}, 2)
	for _, c := range []rueidis.Completed{b.Subscribe().Channel(channel).Build(), b.Psubscribe().Pattern(pattern).Build()} {
		go func() {
			_ = r.Receive(ctx, c, take) // what does not come shows
			ended <- struct{}{}
		}()
	}
	return func() {
		// Both end what was begun with Receive.
		_ = r.Do(ctx, b.Unsubscribe().Channel(channel).Build())
		_ = r.Do(ctx, b.Punsubscribe().Pattern(pattern).Build())
		<-ended
		<-ended
	}, nil
}

func (r rueidisClient) scan(pattern string) ([]string, error) {
	var keys []string
	for cursor := uint64(0); ; {
		e, err := r.Do(context.Background(), r.B().Scan().Cursor(cursor).Match(pattern).Build()).AsScanEntry()
		if err != nil {
			return nil, err
		}
		if keys, cursor = append(keys, e.Elements...), e.Cursor; cursor == 0 {
			return keys, nil
		}
	}
}

func (r rueidisClient) script(text, key, arg string) (any, error) {
	return value(rueidis.NewLuaScript(text).Exec(context.Background(), r, []string{key}, []string{arg}))
}

func (rueidisClient) isServerError(err error) bool {
	var e *rueidis.RedisError
	return errors.As(err, &e)
}

func (r rueidisClient) get(key string) (string, bool, error) {
	got := r.DoCache(context.Background(), r.B().Get().Key(key).Cache(), time.Minute)
	text, err := got.ToString()
	return text, got.IsCacheHit(), err
}
