package integration

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"sync"
	"testing"

	"ringmain/internal/redistest"
)

// exchange sends requests in one pipeline, in segments of at most so many bytes
// (0: as they come), and returns their replies byte for byte.
func exchange(w *wire, list []request, segment int) ([]string, error) {
	sent := make(chan error, 1)
	go func() { sent <- pour(w, list, segment) }()
	replies := make([]string, 0, len(list))
	for range list {
		s, err := w.receive()
		if err != nil {
			return nil, fmt.Errorf("reply %d of %d, to %q: %w", len(replies)+1, len(list),
				clip(string(list[len(replies)])), err)
		}
		replies = append(replies, s)
	}
	return replies, <-sent
}

// pour sends requests in random segments of at most so many bytes.
func pour(w *wire, list []request, segment int) error {
	random := rand.New(rand.NewPCG(1, uint64(segment)))
	var b []byte
	for _, r := range list {
		b = append(b, r...)
	}
	for len(b) > 0 {
		n := len(b)
		if segment > 0 {
			n = min(n, 1+random.IntN(segment))
		}
		if err := w.write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// identity is what two servers rightly say differently of themselves in HELLO.
var identity = regexp.MustCompile(`(\r\nid\r\n:|\r\nversion\r\n\$\d+\r\n)[0-9.]+\r\n`)

func anonymous(replies string) string { return identity.ReplaceAllString(replies, "$1") }

// same checks that replies are those of the reference, and reports the first
// that is not.
func same(t *testing.T, list []request, got, want []string) {
	t.Helper()
	for i := range list {
		if anonymous(got[i]) != anonymous(want[i]) {
			t.Errorf("reply %d, to %q: %q, Redis gives %q", i+1, clip(string(list[i])), clip(got[i]), clip(want[i]))
			return
		}
	}
}

// reference gives one Redis's replies to requests on a connection of its own.
func reference(t *testing.T, redis *redistest.Server, list []request) []string {
	t.Helper()
	want, err := exchange(dial(t, redis.Addr()), list, 0)
	if err != nil {
		t.Fatal(err)
	}
	errors := 0
	for _, s := range want {
		if s[0] == '-' {
			errors++
		}
	}
	if errors == 0 || errors > len(list)/2 {
		t.Fatalf("%d of %d replies are errors: the commands test nothing", errors, len(list))
	}
	return want
}

func TestAPipelineOfMixedCommandsIsAnsweredInOrderAndAsRedisWould(t *testing.T) {
	redis, list := redistest.Start(t), startRedis(t, 3)
	for n := 1; n <= 2; n++ {
		r := start(t, servers(list...), loops(n))
		for name, c := range map[string]struct {
			requests, segment int
			versions          bool
		}{
			"at once":                       {10_000, 0, false},
			"in small segments":             {10_000, 100, false},
			"in single bytes":               {3_000, 1, false},
			"with changes of the version":   {10_000, 3000, true},
			"bytewise, with other versions": {2_000, 1, true},
		} {
			t.Run(fmt.Sprintf("%d loops, %s", n, name), func(t *testing.T) {
				p := newPipeline(uint64(n), fmt.Sprint(n, ".", c.requests, ".", c.segment, ":"))
				p.small = c.segment == 1
				requests := p.requests(c.requests, c.versions)
				want := reference(t, redis, requests)
				got, err := exchange(dial(t, r.Addr()), requests, c.segment)
				if err != nil {
					t.Fatal(err)
				}
				same(t, requests, got, want)
			})
		}
	}
}

func TestPipelinesOfSeveralConnectionsDoNotMix(t *testing.T) {
	const clients = 8
	redis, list := redistest.Start(t), startRedis(t, 3)
	for n := 1; n <= 2; n++ {
		r := start(t, servers(list...), loops(n))
		var requests [clients][]request
		var got, want [clients][]string
		var failed [clients]error
		for i := range clients {
			p := newPipeline(uint64(100*n+i), fmt.Sprintf("%d.%d:", n, i))
			p.small = i < 2
			requests[i] = p.requests(5_000, i%2 == 1)
			want[i] = reference(t, redis, requests[i])
		}
		var all sync.WaitGroup
		for i := range clients {
			w := dial(t, r.Addr())
			all.Go(func() { got[i], failed[i] = exchange(w, requests[i], 4<<(2*i)) })
		}
		all.Wait()
		for i := range clients {
			if failed[i] != nil {
				t.Fatal(failed[i])
			}
			same(t, requests[i], got[i], want[i])
		}
	}
}
