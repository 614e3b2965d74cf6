package proxy

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"ringmain/ioloop"
)

// keeper is an Executor that answers when a test has it do so.
type keeper struct {
	calls []*keptCall
	sync  string // what all calls are answered with at once
}

type keptCall struct {
	ContractCall
	done      func([]byte)
	cancelled int
}

// Execute implements Executor.
func (k *keeper) Execute(_ ioloop.Loop, call ContractCall, done func([]byte)) (cancel func()) {
	c := &keptCall{ContractCall: call.Kept(nil), done: done}
	k.calls = append(k.calls, c)
	if k.sync != "" {
		done([]byte(k.sync))
		return nil
	}
	return func() { c.cancelled++ }
}

// Locks implements LockLister.
func (k *keeper) Locks(_ ioloop.Loop, pattern []byte, protocol int, done func([]byte)) {
	k.calls = append(k.calls, &keptCall{ContractCall: ContractCall{Name: "locks", Args: [][]byte{pattern}, Protocol: protocol}, done: done})
}

func (c *keptCall) String() string {
	return fmt.Sprintf("%s: %s, keys at %v, RESP%d", c.Name, bytes.Join(c.Args, []byte(" ")), c.Keys, c.Protocol)
}

// contractScene is a client of a core over servers, with locks, counters and keys that are
// plain ones after all.
type contractScene struct {
	*fleetScene
	locks, counters *keeper
}

func newContractScene(t *testing.T, servers int) *contractScene {
	f := newFleetScene(t, servers)
	sc := &contractScene{f, &keeper{}, &keeper{}}
	prefix := func(text string) func([]byte) bool {
		return func(key []byte) bool { return bytes.Contains(key, []byte(text)) }
	}
	f.core.Contracts = []Contract{
		{Name: `locks[0] "owned-lock:*"`, Kind: KindLock, Matches: prefix("owned-lock:")},
		{Name: `locks[1] "lock:*"`, Kind: KindLock, Allows: "SET NX", Matches: prefix("lock:"), Executor: sc.locks},
		{Name: `counters[0] "*count:*"`, Kind: KindCounter, Matches: prefix("count:"), Executor: sc.counters},
	}
	f.core.Locks = sc.locks
	return sc
}

// sent expects the calls that an executor has since the last look, as text.
func (k *keeper) sent(t *testing.T, want ...string) []*keptCall {
	t.Helper()
	calls := k.calls
	k.calls = nil
	var got []string
	for _, c := range calls {
		got = append(got, c.String())
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("the executor gets %q, want %q", got, want)
	}
	return calls
}

func (sc *contractScene) executes(input, want string) *keptCall {
	sc.Helper()
	if left := sc.sends(input); left != "" {
		sc.Fatalf("%q is left", left)
	}
	return sc.locks.sent(sc.T, want)[0]
}

// refuses expects an error that has all the words.
func (sc *contractScene) refuses(input string, words ...string) {
	sc.Helper()
	if left := sc.sends(input); left != "" {
		sc.Fatalf("%q is left", left)
	}
	got := sc.client.take()
	if !strings.HasPrefix(got, "-ERR ") || strings.Count(got, "\r\n") != 1 {
		sc.Errorf("%q gets %q", input, got)
	}
	for _, word := range words {
		if !strings.Contains(got, word) {
			sc.Errorf("%q gets %q, which lacks %q", input, got, word)
		}
	}
	if len(sc.locks.calls)+len(sc.counters.calls) > 0 {
		sc.Errorf("%q is executed", input)
	}
}
