package cli

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"ringmain/command"
	"ringmain/config"
)

// agreed is what is said of a key that is a lock or a counter: it lives on no pool's
// servers.
type agreed struct {
	Key    string `json:"key"` // as in explanation
	KeyHex string `json:"key_hex"`
	// Kind is what it is: lock or counter.
	Kind string `json:"kind"`
	// Pattern is the one that says so, and where it stands: locks[0].
	Pattern     string `json:"pattern"`
	PatternPath string `json:"pattern_path"`
	Quorum      string `json:"quorum"`
	// Servers are the addresses of the quorum's servers: none, if they are embedded. Majority
	// is how many of them decide.
	Servers  []string `json:"servers"`
	Majority int      `json:"majority"`
}

// patternOf is the pattern of locks or counters that a key matches first.
func patternOf(cfg *config.Config, key []byte) (p config.Pattern, found bool) {
	patterns := cfg.Patterns()
	i := slices.IndexFunc(patterns, func(p config.Pattern) bool { return command.NewGlob(p.Keys).Matches(key) })
	if i < 0 {
		return p, false
	}
	return patterns[i], true
}

func agreedOf(cfg *config.Config, p config.Pattern, key []byte) agreed {
	q := cfg.Quorums[p.Quorum]
	return agreed{
		Key: escape(key), KeyHex: hex.EncodeToString(key), Kind: p.Kind, Pattern: escape([]byte(p.Keys)), PatternPath: p.Path,
		Quorum: p.Quorum, Servers: append([]string{}, q.Nodes...), Majority: q.Servers()/2 + 1,
	}
}

// print writes for people where the key lives.
func (a *agreed) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "key\t\"%s\"\n", a.Key)
	fmt.Fprintf(t, "%s\tby %s \"%s\"\n", a.Kind, a.PatternPath, a.Pattern)
	fmt.Fprintf(t, "quorum\t%s\t%s\n", a.Quorum, cmp.Or(strings.Join(a.Servers, ", "), "embedded"))
	fmt.Fprintf(t, "majority\t%s\n", count(a.Majority, "server"))
	return t.Flush()
}

// summary tells what a valid configuration has of quorums and their keys; empty: nothing.
func summary(cfg *config.Config) string {
	text := ""
	for _, part := range []struct {
		n     int
		thing string
	}{{len(cfg.Quorums), "quorum"}, {len(cfg.Locks), "lock pattern"}, {len(cfg.Counters), "counter pattern"}} {
		if part.n > 0 {
			text += ", " + count(part.n, part.thing)
		}
	}
	return text
}

// printQuorums tells of each quorum what its servers have to keep, and the hashes that all
// proxies must share.
func printQuorums(w io.Writer, cfg *config.Config) {
	for _, name := range slices.Sorted(maps.Keys(cfg.Quorums)) {
		q := cfg.Quorums[name]
		var kept []string
		for _, p := range cfg.Patterns() {
			if p.Quorum == name {
				kept = append(kept, p.Name())
			}
		}
		fmt.Fprintf(w, "quorum: %s: %d of %s decide about %s; all its proxies must have the servers %s and the settings %s\n",
			name, q.Servers()/2+1, count(q.Servers(), "server"), cmp.Or(strings.Join(kept, ", "), "nothing"), q.SetHash(), cfg.SettingsHash(name))
	}
}
