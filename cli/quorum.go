package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"ringmain/app"
	"ringmain/config"
	"ringmain/quorum"
)

var quorumCommand = Command{
	Name: "quorum", Arguments: "init NAME [--at-once] [--config FILE] | change NAME --from FILE [--config FILE]",
	Summary: "Initialise a quorum's servers, or have them go by a changed configuration",
	Details: `init makes servers the quorum NAME, once, before anything is kept on them. It is for
persistence: fsync_always; others initialise themselves. All of its servers must be
reachable, empty, and keep all that they acknowledge; otherwise nothing is changed. If
they are the quorum's already, they are left alone, and that is no error. Locks can be
taken when the longest TTL has passed: servers that were emptied may have granted some
that are still held.

The servers of a quorum give votes to proxies of one configuration alone: the same
list of servers, and the same patterns, TTLs and drift of locks and counters. When
these change, change has the servers go by the new configuration (--config) in place
of the one that they go by (--from). What they keep stays; locks are not granted for as
long as there may be some of before, which is max_ttl of --from and a little more.
Proxies that have the old configuration yet are refused at once (LOCKSET).`,
}

// changeTime bounds how long servers are asked, together.
const changeTime = 10 * time.Second

// atQuorum carries out what is said of a quorum.
func atQuorum(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := NewFlags(quorumCommand, stdout, stderr)
	file := flags.Config()
	from := flags.String("from", "", "of change: the configuration's `FILE` that the servers go by until now")
	atOnce := flags.Bool("at-once", false, "of init: no lock that these servers have granted before can still be held")
	rest, code, done := flags.Parse(args)
	switch {
	case done:
		return code
	case len(rest) == 0 || rest[0] != "init" && rest[0] != "change":
		return flags.Wrong("what is to be done? There are init and change")
	case len(rest) == 1:
		return flags.Wrong("which quorum?")
	case len(rest) > 2:
		return flags.Wrong("unexpected argument %q", rest[2])
	case rest[0] == "change" && *from == "":
		return flags.Wrong("--from must name the configuration that the servers go by until now")
	}
	var err error
	if rest[0] == "change" {
		err = changeQuorum(ctx, stdout, rest[1], *from, *file)
	} else {
		err = initQuorum(ctx, stdout, rest[1], *file, *atOnce)
	}
	if err != nil {
		return flags.Failed(err)
	}
	return ExitOK
}

// changeQuorum has the servers of a quorum go by another configuration.
func changeQuorum(ctx context.Context, stdout io.Writer, name, from, file string) error {
	was, err := config.Load(from)
	if err != nil {
		return err
	}
	cfg, err := config.Load(file)
	if err == nil {
		err = changeable(name, was, cfg)
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, changeTime)
	defer cancel()
	return changeServers(ctx, stdout, name, was, cfg)
}

// changeable tells why the servers of a quorum cannot go from one configuration to another.
func changeable(name string, was, cfg *config.Config) error {
	before, after := was.Quorums[name], cfg.Quorums[name]
	switch {
	case before == nil || after == nil:
		return fmt.Errorf("quorum %q must be in both configurations", name)
	case before.Embedded > 0 || after.Embedded > 0:
		return fmt.Errorf("quorum %q: embedded servers go by the configuration that they are started with", name)
	case len(before.Nodes) != len(after.Nodes):
		return fmt.Errorf("quorum %q has %s in place of %d: servers can get other addresses, but not become more or fewer",
			name, count(len(after.Nodes), "server"), len(before.Nodes))
	case before.Persistence != after.Persistence:
		return fmt.Errorf("quorum %q: persistence cannot be changed: empty the servers, and initialise the quorum anew", name)
	}
	return nil
}

// changeServers asks all servers, and tells what has become of each. It is an error if a
// majority does not go by the new configuration, and if it is not all of them.
func changeServers(ctx context.Context, stdout io.Writer, name string, was, cfg *config.Config) error {
	agreed := func(c *config.Config) quorum.Agreed {
		return quorum.Agreed{Nodes: c.Quorums[name].SetHash(), Hash: c.SettingsHash(name)}
	}
	old, now := agreed(was), agreed(cfg)
	if old == now {
		return fmt.Errorf("quorum %q: the two configurations do not differ in what servers look at", name)
	}
	maxTTL, drift := was.MaxTTL(name)
	quarantine := quorum.Quarantine(time.Duration(maxTTL), drift)
	nodes, agree := cfg.Quorums[name].Nodes, 0
	for i, address := range nodes {
		client, err := app.QuorumClient(cfg, name, i)
		changed := false
		if err == nil {
			changed, err = quorum.Change(app.Asking(ctx, client), i, old, now, quarantine)
			_ = client.Close()
		}
		switch {
		case err != nil:
			fmt.Fprintf(stdout, "%s: %v\n", address, err)
			continue
		case changed:
			fmt.Fprintf(stdout, "%s: goes by the new configuration\n", address)
		default:
			fmt.Fprintf(stdout, "%s: goes by the new configuration already\n", address)
		}
		agree++
	}
	switch {
	case agree < len(nodes)/2+1:
		return fmt.Errorf("quorum %q: only %d of %s go by the new configuration, which is no majority: run this again", name, agree, count(len(nodes), "server"))
	case agree < len(nodes):
		return fmt.Errorf("quorum %q: %d of %s go by the new configuration: run this again for the others", name, agree, count(len(nodes), "server"))
	case quarantine > 0:
		fmt.Fprintf(stdout, "locks are granted again in %v; give all proxies the new configuration\n", quarantine.Round(time.Millisecond))
	default:
		fmt.Fprintln(stdout, "give all proxies the new configuration")
	}
	return nil
}
