package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"ringmain/app"
	"ringmain/config"
	"ringmain/quorum"
)

const (
	// lookTime bounds how long all servers of quorums are looked at, together.
	lookTime = 3 * time.Second
	// sampled is about how many keys are looked at of each.
	sampled = 1000
)

// looked is what was found on a server of a quorum, or why nothing was.
type looked struct {
	path string // quorums.safe.nodes[0]
	look *quorum.Look
	// stray is a key that is neither a lock nor a counter of the quorum, if one was found.
	stray string
	// earlier is a lock that no pattern of the quorum matches, if one was found.
	earlier string
	err     error
}

// lookAtQuorums looks at the servers of all quorums, and tells what is wrong with them, and what
// is to be known. Nothing is changed there.
func lookAtQuorums(ctx context.Context, cfg *config.Config) (warnings, notes []string) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	names := slices.Sorted(maps.Keys(cfg.Quorums))
	found := make([][]looked, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		found[i] = make([]looked, len(cfg.Quorums[name].Nodes))
		for server := range found[i] {
			all.Go(func() { found[i][server] = lookAt(ctx, cfg, name, server) })
		}
	}
	all.Wait()
	for i, name := range names {
		w, n := judge(cfg, name, found[i])
		warnings, notes = append(warnings, w...), append(notes, n...)
	}
	return warnings, notes
}

func lookAt(ctx context.Context, cfg *config.Config, name string, server int) looked {
	l := looked{path: fmt.Sprintf("quorums.%s.nodes[%d]", name, server)}
	client, err := app.QuorumClient(cfg, name, server)
	if err != nil {
		l.err = err
		return l
	}
	defer func() { _ = client.Close() }()
	if l.look, l.err = quorum.LookAt(app.PersistenceOf(cfg.Quorums[name]), app.Asking(ctx, client)); l.err != nil {
		return l
	}
	keys, _, err := client.Scan(ctx, 0, "", sampled).Result()
	if err != nil {
		l.err = fmt.Errorf("SCAN: %w", err)
		return l
	}
	for _, key := range keys {
		if belongs(cfg, name, key) {
			continue
		}
		is, err := client.Exists(ctx, lockCompanion+key).Result()
		switch {
		case err != nil:
			l.err = fmt.Errorf("EXISTS: %w", err)
			return l
		case is == 0:
			l.stray = key
			return l
		}
		l.earlier = key
	}
	return l
}

// lockCompanion begins the name of the key that stands beside each lock on a server.
const lockCompanion = config.Reserved + "f:"

// belongs reports whether a key on a quorum's servers is one of the quorum's.
func belongs(cfg *config.Config, name, key string) bool {
	p, matched := patternOf(cfg, []byte(key))
	return strings.HasPrefix(key, config.Reserved) || matched && p.Kind == "lock" && p.Quorum == name
}

// judge makes sentences of what was found on the servers of a quorum.
func judge(cfg *config.Config, name string, found []looked) (warnings, notes []string) {
	q := cfg.Quorums[name]
	p := app.PersistenceOf(q)
	processes := map[string]string{} // paths by run ids
	reached := 0
	var bare []string // the addresses of those without an identity
	for i, l := range found {
		warn := func(format string, args ...any) {
			warnings = append(warnings, l.path+": "+fmt.Sprintf(format, args...))
		}
		if l.err != nil {
			notes = append(notes, fmt.Sprintf("%s: cannot be looked at: %v", l.path, short(l.err)))
			continue
		}
		reached++
		if other, twice := processes[l.look.RunID()]; twice {
			warn("is the same server as %s", other)
		}
		processes[l.look.RunID()] = l.path
		if problem := l.look.Problem(p); problem != "" {
			warn("%s", problem)
		}
		if l.look.Initialised() {
			if why := l.look.Stranger(i, q.SetHash(), cfg.SettingsHash(name), p); why != "" {
				warn("%s", why)
			}
		} else {
			bare = append(bare, q.Nodes[i])
		}
		if left := l.look.Quarantine(); left > 0 {
			notes = append(notes, fmt.Sprintf("%s: may have lost locks, and has no vote for another %v", l.path, left.Round(time.Second)))
		}
		if l.earlier != "" {
			notes = append(notes, fmt.Sprintf("%s: has a lock that no pattern matches, %s: of other proxies, or an earlier configuration; it ends with its TTL",
				l.path, strconv.Quote(l.earlier[:min(len(l.earlier), 128)])))
		}
		if l.stray != "" {
			warn("has keys of somebody else's, such as %s: a quorum's servers are its own", strconv.Quote(l.stray[:min(len(l.stray), 128)]))
		}
		if _, others := l.look.Keys(); others > 0 {
			warn("has %s in other databases: a quorum's servers are its own", count(others, "key"))
		}
	}
	switch {
	case p == quorum.None || len(bare) == 0:
	case len(bare) == reached:
		notes = append(notes, fmt.Sprintf("quorums.%s: is not initialised yet: ringmain quorum init %s", name, name))
	default:
		advice := "the running Ringmain repairs that, if repair is auto"
		if len(bare) > len(found)/2 {
			advice = "this is a majority: docs/locks.md says how a set is initialised anew"
		}
		warnings = append(warnings, fmt.Sprintf("quorums.%s: no identity (data lost, or never initialised) on %s; %s",
			name, strings.Join(bare, ", "), advice))
	}
	return warnings, notes
}

// short is an error without what the client library wraps around it.
func short(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("it does not answer")
	}
	return err
}
