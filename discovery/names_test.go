package discovery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	errNoName  = &net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}
	errNoReply = &net.DNSError{Err: "i/o timeout", Name: "x", IsTimeout: true}
)

func addrs(list ...string) (out []netip.Addr) {
	for _, a := range list {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

func TestANameHasTheAddressesThatAreToldAndKeepsThoseOfWhichNothingIs(t *testing.T) {
	for name, test := range map[string]struct {
		known   string
		v4, v6  any // addresses, or an error
		want    string
		problem string
	}{
		"both versions":                        {"", "10.0.0.2 10.0.0.1", "fd00::1", "10.0.0.1 10.0.0.2 fd00::1", ""},
		"one that replaces another":            {"10.0.0.1", "10.0.0.2", errNoName, "10.0.0.2", ""},
		"fewer":                                {"10.0.0.1 10.0.0.2", "10.0.0.2", errNoName, "10.0.0.2", ""},
		"the same twice":                       {"", "10.0.0.1 10.0.0.1", "::ffff:10.0.0.1", "10.0.0.1", ""},
		"one version is gone":                  {"10.0.0.1 fd00::1", "10.0.0.1", errNoName, "10.0.0.1", ""},
		"nothing is learned of one version":    {"10.0.0.1 fd00::1", "10.0.0.2", errNoReply, "10.0.0.2 fd00::1", "i/o timeout"},
		"nor of the other":                     {"10.0.0.1 fd00::1", errNoReply, "fd00::2", "10.0.0.1 fd00::2", "i/o timeout"},
		"nothing is learned, the other is not": {"10.0.0.1 fd00::1", errNoReply, errNoName, "10.0.0.1", "i/o timeout"},
		"nothing is learned":                   {"10.0.0.1 fd00::1", errNoReply, errNoReply, "10.0.0.1 fd00::1", "i/o timeout"},
		"the name is gone":                     {"10.0.0.1 fd00::1", errNoName, errNoName, "10.0.0.1 fd00::1", "no such host"},
		"the name is empty":                    {"10.0.0.1", "", "", "10.0.0.1", "the name has no address"},
		"the name is not there yet":            {"", errNoName, errNoName, "", "no such host"},
		"nobody answers at first":              {"", errNoReply, errNoReply, "", "i/o timeout"},
	} {
		var f found
		for i, said := range []any{test.v4, test.v6} {
			switch said := said.(type) {
			case error:
				f[i].err = said
			case string:
				f[i].addresses = addrs(strings.Fields(said)...)
			}
		}
		now, problem := follow(addrs(strings.Fields(test.known)...), f)
		if got := strings.Trim(fmt.Sprint(now), "[]"); got != test.want || !strings.Contains(problem, test.problem) || (problem == "") != (test.problem == "") {
			t.Errorf("%s: %s, %q", name, got, problem)
		}
	}
}

func TestOnlySoManyAddressesAreUsedAndTheyAreTheFirst(t *testing.T) {
	var all []netip.AddrPort
	for i := range 300 {
		all = append(all, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte((299 - i) / 256), byte((299 - i) % 256)}), 6379))
	}
	all = append(all, all[5:10]...)
	addresses, left := bounded(all)
	if len(addresses) != MaxAddresses || left != 300-MaxAddresses || addresses[0] != "10.0.0.0:6379" || addresses[255] != "10.0.0.255:6379" {
		t.Errorf("%d addresses from %s to %s, %d besides", len(addresses), addresses[0], addresses[len(addresses)-1], left)
	}
}

// script is a Resolver that says what it is told to say.
type script struct {
	mu    sync.Mutex
	says  map[string]string // by host: addresses, or what is wrong
	asked chan string       // each look-up for IPv4
}

func (s *script) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	s.mu.Lock()
	said, known := s.says[host]
	s.mu.Unlock()
	if network == "ip4" {
		select {
		case s.asked <- host:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	var list []netip.Addr
	for _, text := range strings.Fields(said) {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, errors.New(said)
		}
		if a.Is4() == (network == "ip4") {
			list = append(list, a)
		}
	}
	if !known || len(list) == 0 {
		return nil, errNoName
	}
	return list, nil
}

func (s *script) set(host, says string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.says[host] = says
}

func TestNamesAreFollowedTogether(t *testing.T) {
	s := &script{says: map[string]string{"a": "10.0.0.2 10.0.0.1", "b": "fd00::1"}, asked: make(chan string, 1000)}
	log := &safeBuffer{}
	n := NewNames(NameSettings{Names: []string{"a:1", "b:2", "10.0.0.9:3"}, Resolver: s, Interval: time.Millisecond, Timeout: gross,
		Log: slog.New(slog.NewTextHandler(log, nil))})
	if got := n.Unknown(); got != "has no known address: it has not been looked up" {
		t.Error(got)
	}
	n.Ask(t.Context())
	first := []string{"10.0.0.1:1", "10.0.0.2:1", "10.0.0.9:3", "[fd00::1]:2"}
	if got := n.Addresses(); !slices.Equal(got, first) {
		t.Fatalf("%v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	changes := make(chan []string, 10)
	n.Changed = func(_ context.Context, addresses []string) { changes <- addresses }
	var ended sync.WaitGroup
	ended.Go(func() { _ = n.Run(ctx) })
	rounds := func(k int) {
		for range 2 * k {
			<-s.asked
		}
	}
	s.set("a", "broken")
	rounds(10)
	s.set("a", "10.0.0.2 10.0.0.1")
	rounds(10)
	s.set("b", "fd00::1 fd00::2")
	if got := <-changes; !slices.Equal(got, append(slices.Clone(first), "[fd00::2]:2")) {
		t.Errorf("changed to %v", got)
	}
	s.set("a", "10.0.0.3")
	if got := <-changes; !slices.Equal(got, []string{"10.0.0.3:1", "10.0.0.9:3", "[fd00::1]:2", "[fd00::2]:2"}) {
		t.Errorf("changed to %v", got)
	}
	cancel()
	ended.Wait()
	if len(changes) != 0 {
		t.Errorf("another change to %v", <-changes)
	}
	if fails, again := strings.Count(log.String(), "looking a name up fails"), strings.Count(log.String(), "name is looked up again"); fails != 1 || again != 1 {
		t.Errorf("said %d and %d times:\n%s", fails, again, log)
	}
}

func TestANameThatDoesNotResolveAtFirstSaysWhyAndIsLookedUpSoon(t *testing.T) {
	s := &script{says: map[string]string{}, asked: make(chan string, 1000)}
	n := NewNames(NameSettings{Names: []string{"a:1"}, Resolver: s, Interval: time.Hour, Timeout: gross, Log: slog.New(slog.DiscardHandler)})
	late, stop := context.WithCancel(t.Context())
	stop()
	n.Ask(late) // in vain, so that it is done at once later on
	if got := n.Addresses(); got != nil {
		t.Errorf("%v", got)
	}
	changes := make(chan []string, 10)
	n.Changed = func(_ context.Context, addresses []string) { changes <- addresses }
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() { _ = n.Run(ctx) })
	defer ended.Wait()
	defer cancel()
	<-s.asked
	for n.Unknown() == "has no known address: it has not been looked up" {
		n.Soon()
		<-s.asked
	}
	if got := n.Unknown(); !strings.HasPrefix(got, "has no known address: ") || !strings.Contains(got, "no such host") {
		t.Error(got)
	}
	s.set("a", "10.0.0.1")
	n.Soon()
	if got := <-changes; !slices.Equal(got, []string{"10.0.0.1:1"}) {
		t.Errorf("changed to %v", got)
	}
}
