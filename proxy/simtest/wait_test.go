package simtest

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"testing"
	"time"

	"ringmain/resp"
)

// crowd is one run of clients that wait for elements of a few lists, with others that
// push them. Some of those who wait are killed.
func crowd(seed uint64, trace io.Writer, m mutant) error {
	const (
		waiters, pushers = 20, 3
		lists            = 4
	)
	s := newScene(seed, trace, options{servers: 2, loops: 1 + int(seed%2), leases: waiters, tap: m.tap, front: m.front})
	rng := s.w.Rand()
	list := func() string { return "list" + strconv.Itoa(rng.IntN(lists)) }
	popped := map[string]int{}
	var fault error
	over := false // nobody pushes any more
	var waiting, pushing []*client
	for i := range waiters {
		c := &client{
			s: s, address: proxyAddress(i % len(s.loops)),
			think: func() time.Duration { return s.between(0, 5*time.Millisecond) },
			next: func() []string {
				if over {
					return nil
				}
				return []string{"BLPOP", list(), "0.2"}
			},
			done: func(args []string, reply []byte) {
				switch words := elements(reply); {
				case bytes.HasPrefix(reply, []byte("*2\r\n")) && words[0] == args[1]:
					popped[words[1]]++
				case reply != nil && string(reply) != "*-1\r\n" && string(reply) != "_\r\n":
					fault = fmt.Errorf("%q is answered %q", args, reply)
				}
			},
		}
		if rng.IntN(2) == 0 {
			c.greeting = []string{"HELLO", "3"}
		}
		waiting = append(waiting, c)
		c.start()
	}
	pushed, acknowledged := 0, 0
	for i := range pushers {
		left := 40
		c := &client{
			s: s, address: proxyAddress(i % len(s.loops)),
			think: func() time.Duration { return s.between(0, 10*time.Millisecond) },
			next: func() []string {
				if left--; left < 0 {
					return nil
				}
				pushed++
				return []string{"RPUSH", list(), "element" + strconv.Itoa(pushed)}
			},
			done: func(_ []string, reply []byte) {
				if bytes.HasPrefix(reply, []byte(":")) {
					acknowledged++
				}
			},
		}
		pushing = append(pushing, c)
		c.start()
	}
	killed := rng.IntN(6)
	for range killed {
		victim := waiting[rng.IntN(waiters)]
		s.chaos.After(s.between(0, 200*time.Millisecond), func() {
			if victim.conn != nil {
				victim.conn.Abort()
			}
		})
	}
	if !s.w.RunUntil(allEnded(pushing), time.Minute) {
		return fmt.Errorf("after a minute clients still push")
	}
	empty := func() bool {
		return !slices.ContainsFunc(s.servers, func(host *server) bool { return host.Len(0) > 0 })
	}
	if !s.w.RunUntil(empty, time.Minute) {
		return fmt.Errorf("after a minute not all elements are popped")
	}
	over = true
	if !s.w.RunUntil(allEnded(waiting), time.Minute) {
		return fmt.Errorf("after a minute clients still wait")
	}
	s.run(time.Second)
	for element, n := range popped {
		if n > 1 {
			return fmt.Errorf("%s is given to %d clients", element, n)
		}
	}
	switch {
	case fault != nil:
		return fault
	case acknowledged < pushed:
		return fmt.Errorf("%d of %d pushes are acknowledged", acknowledged, pushed)
	case len(popped) < pushed-killed: // what was on its way to one that is killed
		return fmt.Errorf("%d of %d elements are given to somebody, %d clients were killed", len(popped), pushed, killed)
	}
	for _, host := range s.servers {
		if host.Blocked() > 0 {
			return fmt.Errorf("%s has %d clients that wait", host.Address(), host.Blocked())
		}
	}
	return s.idle()
}

func TestEachElementIsGivenToOneOfThoseWhoWait(t *testing.T) {
	explore(t, budget(300, 5000), func(seed uint64, trace io.Writer) error { return crowd(seed, trace, mutant{}) })
}

// rewording is a mutant that sends servers something else for a push of an element.
func rewording(words func(list, element string) []string) mutant {
	return mutant{tap: rewrite(func(b []byte) []byte {
		var out []byte
		eachRequest(b, func(raw []byte, args [][]byte) {
			if string(args[0]) == "RPUSH" {
				out = resp.AppendCommand(out, words(string(args[1]), string(args[2]))...)
			} else {
				out = append(out, raw...)
			}
		})
		return out
	})}
}

func TestAProxyThatDoublesOrLosesAnElementIsCaught(t *testing.T) {
	const seeds = 5
	for name, m := range map[string]mutant{
		"doubles": rewording(func(list, element string) []string { return []string{"RPUSH", list, element, element} }),
		"loses":   rewording(func(_, element string) []string { return []string{"STRLEN", element} }),
	} {
		for seed := range uint64(seeds) {
			if err := crowd(seed, nil, m); err == nil {
				t.Errorf("one that %s them is not, with seed %d", name, seed)
			}
		}
	}
}
