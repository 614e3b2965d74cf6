package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"ringmain/app"
	"ringmain/config"
	"ringmain/router"
)

var checkCommand = Command{
	Name: "check", Arguments: "[--config FILE] [--offline]",
	Summary: "Check a configuration",
	Details: `Every fault is named with its place, and the exit code is 1. Of a configuration that
is valid it says what is in it, and what may be meant otherwise. The servers of quorums
are looked at, for at most 3 seconds, whether they keep what they must; others are not
contacted.`,
}

// check says whether a configuration is valid.
func check(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := NewFlags(checkCommand, stdout, stderr)
	file := flags.Config()
	offline := flags.Bool("offline", false, "contact nobody")
	rest, code, done := flags.Parse(args)
	if done {
		return code
	}
	if len(rest) > 0 {
		return flags.Wrong("unexpected argument %q", rest[0])
	}
	cfg, _, err := load(*file)
	if faults := (config.Faults)(nil); errors.As(err, &faults) {
		for _, f := range faults {
			fmt.Fprintln(stderr, f.Error())
		}
		fmt.Fprintf(stderr, "%s is not valid: %s\n", *file, count(len(faults), "fault"))
		return ExitError
	}
	if err != nil {
		return flags.Failed(err)
	}
	fmt.Fprintf(stdout, "%s is valid: %s, %s, %s%s, %s%s\n", *file,
		count(len(cfg.Listeners), "listener"), count(len(cfg.Pools), "pool"),
		serversOf(cfg), replicasOf(cfg), count(len(cfg.Routes), "route"), summary(cfg))
	printQuorums(stdout, cfg)
	for _, name := range slices.Sorted(maps.Keys(cfg.Pools)) {
		if p := cfg.Pools[name]; p.Reroutes() {
			fmt.Fprintf(stdout, "reroutes: pools.%s: at most %d of %s may be out; keys of these servers are deleted, and all that is in their database %d\n",
				name, p.MaxDown(), count(len(p.Nodes), "server"), p.RefugeDatabase)
		}
	}
	for _, c := range cfg.Certificates {
		fmt.Fprintf(stdout, "certificate: %s: for %s, valid until %s\n", c.Path, c.Name, c.NotAfter.UTC().Format(time.DateTime))
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintf(stdout, "warning: %s\n", w.Error())
	}
	notes := cfg.Notes
	if !*offline {
		found, more := lookAtQuorums(ctx, cfg)
		for _, warning := range found {
			fmt.Fprintf(stdout, "warning: %s\n", warning)
		}
		notes = append(notes, more...)
	}
	for _, note := range notes {
		fmt.Fprintf(stdout, "note: %s\n", note)
	}
	return ExitOK
}

// serversOf tells how many servers there are.
func serversOf(cfg *config.Config) string {
	servers, names := 0, 0
	for _, p := range cfg.Pools {
		if p.ByDNS() {
			names += len(p.Nodes)
		} else {
			servers += len(p.Nodes) + p.Embedded
		}
	}
	switch {
	case names == 0:
		return count(servers, "server")
	case servers == 0:
		return "the servers of " + count(names, "name")
	}
	return count(servers, "server") + " and those of " + count(names, "name")
}

// replicasOf tells how many replicas there are, if there are any.
func replicasOf(cfg *config.Config) string {
	n := 0
	for _, pool := range cfg.Pools {
		for _, node := range pool.Nodes {
			n += len(node.Replicas)
		}
	}
	if n == 0 {
		return ""
	}
	return " with " + count(n, "replica")
}

// load reads a configuration, and places its servers as the proxy does. Embedded
// ones have no address.
func load(file string) (*config.Config, *router.Snapshot, error) {
	cfg, err := config.Load(file)
	if err != nil {
		return nil, nil, err
	}
	pools, routes := app.Placement(cfg)
	snapshot, err := router.New(1, pools, routes)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	return cfg, snapshot, nil
}

// count is a number of things in words.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
