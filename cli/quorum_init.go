package cli

import (
	"context"
	crand "crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"ringmain/app"
	"ringmain/config"
	"ringmain/quorum"
)

// initTime bounds all that is asked of the servers.
const initTime = 30 * time.Second

// initQuorum makes a quorum of its servers.
func initQuorum(ctx context.Context, stdout io.Writer, name, file string, atOnce bool) error {
	cfg, err := config.Load(file)
	if err != nil {
		return err
	}
	q := cfg.Quorums[name]
	switch {
	case q == nil:
		return fmt.Errorf("%s has no quorum %q: it has %s", file, name, quorumsOf(cfg))
	case q.Embedded > 0:
		return fmt.Errorf("quorum %q is embedded: it initialises itself whenever Ringmain starts", name)
	case !q.Persistent():
		return fmt.Errorf("quorum %q has persistence: none: it initialises itself", name)
	}
	ctx, cancel := context.WithTimeout(ctx, initTime)
	defer cancel()
	f := &quorum.Founding{Nodes: q.SetHash(), Hash: cfg.SettingsHash(name), Random: random}
	if ttl, drift := cfg.MaxTTL(name); !atOnce {
		f.Quarantine = quorum.Quarantine(time.Duration(ttl), drift)
	}
	servers, closeAll, err := founders(ctx, cfg, name)
	defer closeAll()
	if err != nil {
		return err
	}
	already, err := f.Found(servers)
	switch {
	case err != nil:
		return err
	case already:
		fmt.Fprintf(stdout, "quorum %q is initialised already: nothing was changed\n", name)
	case f.Quarantine > 0:
		fmt.Fprintf(stdout, "quorum %q is initialised: %s; locks can be taken in %v\n", name, strings.Join(q.Nodes, ", "), f.Quarantine.Round(time.Second))
	default:
		fmt.Fprintf(stdout, "quorum %q is initialised: %s\n", name, strings.Join(q.Nodes, ", "))
	}
	return nil
}

func quorumsOf(cfg *config.Config) string {
	if len(cfg.Quorums) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(cfg.Quorums)), ", ")
}

// founders are the servers of a quorum, looked at all together. closeAll ends the connections
// to them, also if there is an error.
func founders(ctx context.Context, cfg *config.Config, name string) (servers []quorum.Founder, closeAll func(), err error) {
	q := cfg.Quorums[name]
	servers = make([]quorum.Founder, len(q.Nodes))
	errs := make([]error, len(q.Nodes))
	var closers []func() error
	var all sync.WaitGroup
	for i, address := range q.Nodes {
		client, err := app.QuorumClient(cfg, name, i)
		if err != nil {
			errs[i] = err
			continue
		}
		closers = append(closers, client.Close)
		servers[i] = quorum.Founder{Name: address, Ask: app.Asking(ctx, client)}
		all.Go(func() { servers[i].Look, errs[i] = quorum.LookAt(quorum.FsyncAlways, servers[i].Ask) })
	}
	all.Wait()
	closeAll = func() {
		for _, f := range closers {
			_ = f() // the replies are there
		}
	}
	for i, err := range errs {
		if err != nil {
			return nil, closeAll, fmt.Errorf("%w: %s cannot be looked at: %w", quorum.ErrNothingChanged, q.Nodes[i], short(err))
		}
	}
	return servers, closeAll, nil
}

func random() string {
	var b [8]byte
	_, _ = crand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
