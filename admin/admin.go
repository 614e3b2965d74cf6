// Package admin tells over HTTP how the program is: whether it lives and takes
// clients, what it has counted, and which version it is. Operators with a token have
// it drain servers and adopt pools there.
//
// It knows the event loops only as something that runs what it is given. They
// count for themselves, without sharing anything; whoever asks for metrics has
// each of them make a copy.
package admin

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Loop is an event loop.
type Loop interface {
	// Post has f called on the loop, and reports false if it will not be. Any
	// goroutine may call it; it does not block.
	Post(f func()) bool
	// Stats is a copy of what the loop has counted, which is not changed any more.
	// It is called on the loop.
	Stats() LoopStats
}

// Options say what there is to tell. They are not changed after New.
type Options struct {
	// Version is the program's own.
	Version string
	Loops   []Loop
	// Families are the names for LoopStats.Commands, and Servers gives those for
	// LoopStats.Servers as they are now; one without a name is not there. They become values
	// of labels, so they come from the program, its configuration and what that has
	// looked up, never from clients. Any goroutine may call Servers.
	Families []string
	Servers  func() []Server
	// Process is what is counted for all loops together. Any goroutine may call
	// it. nil: nothing.
	Process func() ProcessStats
	// Operator does what operators ask for. nil: there is no /api/.
	Operator Operator
	// Token is what they have to show for whatever changes anything. Empty: nobody may.
	Token string
	Log   *slog.Logger
}

// Server names a Redis server.
type Server struct{ Pool, Node string }

// Admin answers what is asked over HTTP. All methods but New may be called at the
// same time as others.
type Admin struct {
	opt       Options
	loops     []*watched
	readers   *readers // of loops
	registry  *prometheus.Registry
	phase     atomic.Int32
	all, open http.Handler       // the routes of Serve and of ServeProbes
	token     *[sha256.Size]byte // the digest of the one that operators show; nil: none
}

// New makes an Admin. It starts nothing.
func New(opt Options) *Admin {
	a := &Admin{opt: opt, registry: prometheus.NewRegistry()}
	if opt.Token != "" {
		digest := sha256.Sum256([]byte(opt.Token))
		a.token, a.opt.Token = &digest, ""
	}
	for i, l := range opt.Loops {
		a.loops = append(a.loops, newWatched(i, l))
	}
	a.readers = newReaders(a.loops)
	probes := map[string]http.Handler{
		"/livez":   http.HandlerFunc(a.livez),
		"/readyz":  http.HandlerFunc(a.readyz),
		"/metrics": a.metrics(),
	}
	a.open = plain(guard(probes))
	everything := map[string]http.Handler{
		"/":        http.HandlerFunc(index),
		"/version": http.HandlerFunc(a.version),
	}
	maps.Copy(everything, probes)
	a.all = plain(localOnly(a.withAPI(guard(everything))))
	return a
}

// Serve answers on a listener that only this machine reaches, and closes it. It
// returns nil once ctx has ended and nothing it started is left, or why it cannot
// go on.
func (a *Admin) Serve(ctx context.Context, l net.Listener) error { return a.serve(ctx, l, a.all) }

// ServeProbes is Serve for a listener that other machines may reach: it has
// nothing but the probes and metrics.
func (a *Admin) ServeProbes(ctx context.Context, l net.Listener) error {
	return a.serve(ctx, l, a.open)
}

// Alive reports whether every loop turns, as /livez does.
func (a *Admin) Alive() bool {
	for _, l := range a.loops {
		if l.stuck() {
			return false
		}
	}
	return true
}

// The phases of the program.
const (
	starting int32 = iota
	ready
	draining
)

// SetReady tells that clients can connect. It has no effect after SetDraining.
func (a *Admin) SetReady() { a.phase.CompareAndSwap(starting, ready) }

// SetDraining tells that no more clients are wanted, until the end.
func (a *Admin) SetDraining() { a.phase.Store(draining) }
