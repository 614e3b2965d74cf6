package app

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"ringmain/config"
)

// answers reports whether a path gives a status and what it says.
func answers(t *testing.T, url string) (status int, body string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// TestALoopThatDoesNotTurnFailsTheLivenessProbe stops a loop from turning for as
// long as it takes, about ten seconds.
func TestALoopThatDoesNotTurnFailsTheLivenessProbe(t *testing.T) {
	t.Parallel()
	cfg, err := config.Parse("test", []byte("listeners: [{address: '127.0.0.1:0'}]\nadmin: {address: '127.0.0.1:0'}\nloops: 2\npools: {main: {embedded: 1}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	a := New(cfg, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, context.Background()) }()
	<-a.Ready()
	url := "http://" + a.AdminAddresses()[0] + "/livez"
	if status, body := answers(t, url); status != http.StatusOK {
		t.Errorf("at first: %d %s", status, body)
	}
	release := make(chan struct{})
	a.loops[1].loop.Post(func() { <-release })
	awaitStatus(t, url, http.StatusServiceUnavailable)
	if status, body := answers(t, "http://"+a.AdminAddresses()[0]+"/readyz"); status != http.StatusOK {
		t.Errorf("readiness: %d %s", status, body)
	}
	close(release)
	awaitStatus(t, url, http.StatusOK)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func awaitStatus(t *testing.T, url string, want int) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); ; <-tick.C {
		status, body := answers(t, url)
		if status == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d, not %d: %s", status, want, body)
		}
	}
}
