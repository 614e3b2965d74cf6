// Package app is where the parts meet: it builds them from the configuration,
// wires them, runs them and stops them.
package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"ringmain/admin"
	"ringmain/config"
	"ringmain/proxy"
	"ringmain/proxy/local"
	"ringmain/proxy/users"
)

// Version is Ringmain's own. Builds of a tree that git knows a tag of set it with
// the linker's flag -X.
var Version = "0.1.0"

// App is one Ringmain process, or several of them in a test.
type App struct {
	cfg     *config.Config
	log     *slog.Logger
	started time.Time
	// incarnation is random for each process; connections to servers bear it.
	incarnation string

	admin      *admin.Admin
	loops      []*worker
	listeners  []*netListener
	secrets    []*certificates   // by listener: nil without TLS
	accepting  []<-chan struct{} // by listener: closed when it accepts no more
	teardown   []func() error    // in the order of building, run in reverse
	ready      chan struct{}
	work       sync.WaitGroup
	failed     chan error
	nextID     ids
	refused    atomic.Int64 // clients beyond limits.clients
	refusedTLS atomic.Int64 // clients that did not get past the handshake
	handshakes *handshakes

	adminAddresses []string
	// beside is work beside the loops, until besideCtx ends.
	health    *watchers
	quorums   []*agreed                     // in the order of their names
	contracts []proxy.Contract              // what keys are kept on them
	rerouters map[string]rerouter           // by pool, of those that reroute
	views     map[string]*view              // of the pools that reroute
	later     []func(context.Context) error // work beside the loops, once they run
	beside    sync.WaitGroup
	besideCtx context.Context
}

// worker is a loop and what runs on it.
type worker struct {
	loop *netLoop
	core *proxy.Core
	// quorums are those on this loop, and used on it.
	quorums []*agreed
}

// New makes an App of a valid configuration. It starts nothing.
func New(cfg *config.Config, log *slog.Logger) *App {
	var random [20]byte
	_, _ = rand.Read(random[:]) // never fails
	return &App{
		cfg: cfg, log: log, incarnation: hex.EncodeToString(random[:]),
		ready: make(chan struct{}), failed: make(chan error, 1), views: map[string]*view{}, rerouters: map[string]rerouter{},
	}
}

// Ready is closed once clients can connect.
func (a *App) Ready() <-chan struct{} { return a.ready }

// Addresses are those that are listened on, in the configuration's order, with
// the ports that the system chose. It is called after Ready.
func (a *App) Addresses() []string {
	var out []string
	for _, l := range a.listeners {
		out = append(out, l.Addr())
	}
	return out
}

// AdminAddresses are those where the program speaks HTTP: admin.address and
// admin.probe_address, as far as they are set. It is called after Ready.
func (a *App) AdminAddresses() []string { return a.adminAddresses }

// Run serves until ctx ends, then lets the clients have what they are owed, unless
// atOnce ends too, and returns once everything it started has ended. It is called
// once. The error is why it could not start or go on, or what went wrong while
// stopping.
func (a *App) Run(ctx, atOnce context.Context) error {
	a.started = time.Now()
	err := a.start()
	if err == nil {
		a.admin.SetReady()
		a.notify(daemon.SdNotifyReady)
		close(a.ready)
		select {
		case <-ctx.Done():
			a.drain(atOnce)
		case err = <-a.failed:
		}
	}
	return errors.Join(err, a.stop())
}

// start builds everything; each part registers how it is torn down.
func (a *App) start() error {
	a.limitMemory()
	for _, note := range a.cfg.Notes {
		a.log.Warn(note)
	}
	for _, warning := range a.cfg.Warnings {
		a.log.Warn(warning.Error())
	}
	servers, err := a.buildServers()
	if err != nil {
		return err
	}
	a.buildHealth(servers)
	if err := a.planQuorums(); err != nil {
		return err
	}
	if err := a.buildListeners(); err != nil {
		return err
	}
	if err := a.buildLoops(servers); err != nil {
		return err
	}
	a.startQuorums()
	a.buildViews(servers)
	if err := a.buildAdmin(servers); err != nil {
		return err
	}
	a.awaitViews()
	a.serveListeners(servers)
	return nil
}

// stop tears down what was built, the last first.
func (a *App) stop() error {
	var errs []error
	for i := len(a.teardown) - 1; i >= 0; i-- {
		errs = append(errs, a.teardown[i]())
	}
	a.work.Wait()
	return errors.Join(errs...)
}

// notify tells the service manager, if there is one that listens (sd_notify(3)).
func (a *App) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		a.log.Warn("the service manager cannot be told", "state", state, "cause", err)
	}
}

func (a *App) onStop(f func() error) { a.teardown = append(a.teardown, f) }

// fail ends Run with an error; only the first counts.
func (a *App) fail(err error) {
	select {
	case a.failed <- err:
	default:
	}
}

// answers are what the proxy says of itself.
func (a *App) answers(s *servers, memory *proxy.Memory, peers *proxy.Peers, known *users.Set) *local.Answers {
	return &local.Answers{
		Version: Version, RedisVersion: s.redisVersion, Incarnation: a.incarnation, Started: a.started,
		Port: a.port(), Parameters: a.parameters(), Records: a.records(), Users: known, Clients: a.clients, Connections: a.nextID.last.Load,
		Commands: peers.Commands, Memory: memory.Held, Verdicts: a.health.said, Now: time.Now,
	}
}

// parameters are the answers to CONFIG GET.
func (a *App) parameters() local.Parameters {
	p := local.DefaultParameters()
	p["maxclients"] = strconv.Itoa(a.cfg.Limits.Clients)
	p["port"] = strconv.Itoa(a.port())
	return p
}

// records log what takes long.
func (a *App) records() *local.Records {
	return local.NewRecords(time.Duration(a.cfg.Timeouts.ClientIdle), time.Duration(a.cfg.Slowlog.Threshold), a.cfg.Slowlog.Entries)
}

func (a *App) clients() int {
	total := 0
	for _, w := range a.loops {
		total += w.loop.Clients()
	}
	return total
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
