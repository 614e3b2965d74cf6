package integration

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ringmain/internal/redistest"
)

// clientTarget is what a client is tried against.
type clientTarget struct {
	*redistest.Server                     // what the client connects to, but for
	inside            *ringmain           // one in the test's process; nil: it is a Server
	sharded           bool                // Ringmain, and not one Redis
	nodes             []*redistest.Server // where the keys are
}

// push appends to a list once a client is blocked.
func (x clientTarget) push(ctx context.Context, key, value string) error {
	err := repeatedly(ctx, func() (bool, error) {
		for _, n := range x.nodes {
			info, err := n.Client().Info(ctx, "clients").Result()
			if err != nil || !strings.Contains(info, "blocked_clients:0\r\n") {
				return true, err
			}
		}
		return false, nil
	})
	if err != nil {
		return fmt.Errorf("no client blocks: %w", err)
	}
	_, err = x.Do("RPUSH", key, value)
	return err
}

// publish publishes once a client is subscribed to the channel.
func (x clientTarget) publish(ctx context.Context, channel, message string) error {
	return x.publishOnce(ctx, channel, message, func(c *redis.Client) (int64, error) {
		n, err := c.PubSubNumSub(ctx, channel).Result()
		return n[channel], err
	})
}

// publishMatching publishes once a client is subscribed to a pattern.
func (x clientTarget) publishMatching(ctx context.Context, channel, message string) error {
	return x.publishOnce(ctx, channel, message, func(c *redis.Client) (int64, error) { return c.PubSubNumPat(ctx).Result() })
}

func (x clientTarget) publishOnce(ctx context.Context, channel, message string, listeners func(*redis.Client) (int64, error)) error {
	err := repeatedly(ctx, func() (bool, error) {
		n, err := listeners(x.Client())
		return n > 0, err
	})
	if err != nil {
		return fmt.Errorf("nobody is subscribed to %s: %w", channel, err)
	}
	n, err := x.Client().Publish(ctx, channel, message).Result()
	if n != 1 && err == nil {
		return fmt.Errorf("%d clients get what is published to %s, want 1", n, channel)
	}
	return err
}

// write sets an existing key on the server that has it, past Ringmain.
func (x clientTarget) write(_ context.Context, key, value string) error {
	for _, n := range x.nodes {
		if got, err := n.Do("SET", key, value, "XX"); got == "OK" || err != nil {
			return err
		}
	}
	return fmt.Errorf("no server has %s", key)
}

func (x clientTarget) address() string {
	if x.inside != nil {
		return x.inside.Addr()
	}
	return x.Addr()
}

func (x clientTarget) restart(context.Context, string, string) error { return x.Restart() }

// kill kills every connection.
func (x clientTarget) kill(context.Context, string, string) error {
	n, err := x.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	if n == int64(0) {
		return errors.New("no connection was killed")
	}
	return err
}

// clientVerbs are what a client's program may ask for with "> VERB WORD WORD". The
// program goes on meanwhile if the verb waits for it, and gets the line "done" on
// its standard input afterwards if not.
var clientVerbs = map[string]struct {
	do    func(x clientTarget, ctx context.Context, a, b string) error
	waits bool
}{
	"push":    {clientTarget.push, true},
	"publish": {clientTarget.publish, true},
	"match":   {clientTarget.publishMatching, true},
	"write":   {clientTarget.write, false},
	"restart": {clientTarget.restart, false},
	"kill":    {clientTarget.kill, false},
}

// repeatedly is eventually for any goroutine.
func repeatedly(ctx context.Context, condition func() (bool, error)) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := condition(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// clientDeadline is how long a program may take for all of its steps.
const clientDeadline = 2 * time.Minute

// try runs a client's program, and reports every step that does not succeed. The
// program's arguments are a host, a port, sharded or whole, and steps. For each step
// it writes one line, "ok STEP" or "FAIL STEP: reason".
func (x clientTarget) try(t *testing.T, program []string, steps []string) {
	t.Helper()
	host, port := hostPort(x.address())
	kind := "whole"
	if x.sharded {
		kind = "sharded"
	}
	ctx, cancel := context.WithTimeout(t.Context(), clientDeadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, program[0], slices.Concat(program[1:], []string{host, port, kind}, steps)...)
	said := &logBuffer{}
	cmd.Stderr, cmd.WaitDelay = said, time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: run `make deps`", err)
	}
	done := x.serve(ctx, t, in, out)
	if err := cmd.Wait(); err != nil {
		t.Errorf("the program ends with: %v (is all that it needs there? run `make deps`)\n%s", err, said)
	}
	if got, want := strings.Join(done, " "), strings.Join(steps, " "); got != want && !t.Failed() {
		t.Errorf("it has done %q, want %q\n%s", got, want, said)
	}
}

// serve reads what a program says until it ends, does what it asks for, and returns
// the steps that succeeded.
func (x clientTarget) serve(ctx context.Context, t *testing.T, in io.Writer, out io.Reader) (done []string) {
	ctx, cancel := context.WithCancel(ctx)
	var waiting sync.WaitGroup
	begin := time.Now()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		words := append(strings.Fields(lines.Text()), "", "")
		verb, known := clientVerbs[words[1]]
		switch {
		case words[0] == "ok":
			t.Logf("%s: %v", words[1], time.Since(begin).Round(time.Millisecond))
			begin = time.Now()
			done = append(done, words[1])
		case words[0] != ">" || !known:
			t.Errorf("%s", lines.Text())
		case verb.waits:
			waiting.Go(func() {
				if err := verb.do(x, ctx, words[2], words[3]); err != nil && ctx.Err() == nil {
					t.Errorf("%s: %v", words[1], err)
				}
			})
		default:
			if err := verb.do(x, ctx, words[2], words[3]); err != nil {
				t.Errorf("%s: %v", words[1], err)
			}
			_, _ = io.WriteString(in, "done\n") // if it has ended, that shows
		}
	}
	cancel() // what it no longer waits for
	waiting.Wait()
	return done
}

// clientFile is the path of a file of the clients' programs.
func clientFile(name string) string { return filepath.Join("clients", name) }
