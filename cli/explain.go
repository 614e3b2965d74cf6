package cli

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"ringmain/config"
	"ringmain/router"
)

var explainCommand = Command{
	Name: "explain", Arguments: "[--config FILE] [--listener N | --pool NAME] [--json] [--escapes] KEY…",
	Summary: "Tell where keys live, and why",
	Details: `For each key: its pool, the part of it that is hashed, the hash, its server, and the
servers that would have it next; or, of a lock or a counter, the pattern that makes it
one and its quorum. Nothing is contacted. Behind an argument -- keys may
begin with a hyphen.`,
}

// nextShown is how many further choices people see; programs get all.
const nextShown = 3

// explain tells where keys live.
func explain(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := NewFlags(explainCommand, stdout, stderr)
	file := flags.Config()
	listener := flags.Int("listener", 0, "explain for clients of listeners[`N`]")
	pool := flags.String("pool", "", "explain for the pool of that `NAME`, whatever the routes say")
	asJSON := flags.Bool("json", false, "write one JSON object a line, with all servers in order of choice")
	escapes := flags.Bool("escapes", false, `read \xHH, \n, \\ and the like in keys as the bytes they stand for`)
	typed, code, done := flags.Parse(args)
	if done {
		return code
	}
	keys, err := keysOf(typed, *escapes)
	if err != nil {
		return flags.Wrong("%v", err)
	}
	cfg, snapshot, err := load(*file)
	if err != nil {
		return flags.Failed(err)
	}
	scope, err := scopeOf(cfg, snapshot, *listener, *pool)
	if err != nil {
		return flags.Failed(err)
	}
	for i, key := range keys {
		if ctx.Err() != nil {
			return flags.Failed(ctx.Err())
		}
		p, matched := patternOf(cfg, key)
		if matched && !p.Owner() {
			a := agreedOf(cfg, p, key)
			if err := write(stdout, a, *asJSON, i > 0, a.print); err != nil {
				return flags.Failed(err)
			}
			continue
		}
		e := explanationOf(cfg, snapshot, scope, key)
		if matched {
			e.Plain = p.Name()
		}
		if cfg.Pools[e.Pool].ByDNS() {
			return flags.Failed(fmt.Errorf("key \"%s\": its pool, %s, has discovery: dns: which server has it depends on the addresses that the pool's names have now", e.Key, e.Pool))
		}
		if err := write(stdout, e, *asJSON, i > 0, e.print); err != nil {
			return flags.Failed(err)
		}
	}
	return ExitOK
}

// write writes what is said of a key, for programs or for people; another has been written
// before it.
func write(w io.Writer, said any, asJSON, another bool, print func(io.Writer) error) error {
	if asJSON {
		return json.NewEncoder(w).Encode(said)
	}
	if another {
		fmt.Fprintln(w)
	}
	return print(w)
}

// keysOf are the bytes of the keys that were typed.
func keysOf(typed []string, escapes bool) ([][]byte, error) {
	if len(typed) == 0 {
		return nil, errors.New("which keys?")
	}
	var keys [][]byte
	for _, t := range typed {
		key := []byte(t)
		if escapes {
			var bad string
			if key, bad = unescape(t); bad != "" {
				return nil, fmt.Errorf(`key %q: what begins at %.4q is no escape; a backslash itself is \\`, t, bad)
			}
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// scopeOf is that of a listener's clients, or a pool's.
func scopeOf(cfg *config.Config, snapshot *router.Snapshot, listener int, pool string) (router.Scope, error) {
	if pool == "" {
		if listener < 0 || listener >= len(cfg.Listeners) {
			return 0, fmt.Errorf("there is no listeners[%d]: they are 0 to %d", listener, len(cfg.Listeners)-1)
		}
		pool = cfg.Listeners[listener].Pool
	}
	scope, ok := snapshot.ScopeOf(pool)
	if !ok {
		return 0, fmt.Errorf("there is no pool %q; pools are %s", pool,
			strings.Join(slices.Sorted(maps.Keys(cfg.Pools)), ", "))
	}
	return scope, nil
}

// server is where a key may live.
type server struct {
	Name string `json:"name"`
	// Address is empty for an embedded server, which has one only while it runs, and for
	// one of which sentinels tell where it is.
	Address string `json:"address"`
	// Master is what the sentinels call it.
	Master string `json:"master,omitempty"`
}

func (s server) String() string {
	where := cmp.Or(s.Address, "embedded")
	if s.Master != "" {
		where = "primary " + strconv.Quote(s.Master) + " of the sentinels"
	}
	return strconv.Quote(s.Name) + "\t" + where
}

// serverOf is a server as it is explained.
func serverOf(cfg *config.Config, s router.Server) server {
	out := server{Name: s.Name, Address: s.Address}
	for _, n := range cfg.Pools[s.Pool].Nodes {
		if n.Name == s.Name {
			out.Master = n.Master
		}
	}
	return out
}

// explanation is what is said of one key.
type explanation struct {
	// Key and Hashed are text, in which other bytes are escaped as in Go; the
	// fields next to them are exact.
	Key    string `json:"key"`
	KeyHex string `json:"key_hex"`
	// Plain is the pattern of locks or counters that makes it a plain key, if one does.
	Plain     string  `json:"plain,omitempty"`
	Pool      string  `json:"pool"`
	Route     *string `json:"route"` // null where no route chose the pool
	Hashed    string  `json:"hashed"`
	HashedHex string  `json:"hashed_hex"`
	Hash      string  `json:"hash"`
	HashHex   string  `json:"hash_hex"`
	// HashDecimal is a text, as not every program reads numbers of 64 bits.
	HashDecimal  string `json:"hash_decimal"`
	Distribution string `json:"distribution"`
	Database     int    `json:"database"`
	Server       server `json:"server"`
	// Reads is who answers reads of the key, if it has replicas: primary, replica or any.
	Reads    string   `json:"reads,omitempty"`
	Replicas []string `json:"replicas,omitempty"` // addresses
	Next     []server `json:"next"`
}

func explanationOf(cfg *config.Config, snapshot *router.Snapshot, scope router.Scope, key []byte) explanation {
	e := snapshot.Explain(scope, key)
	out := explanation{
		Key: escape(key), KeyHex: hex.EncodeToString(key),
		Pool: e.Pool, Hashed: escape(e.HashedPart), HashedHex: hex.EncodeToString(e.HashedPart),
		Hash: e.HashName, HashHex: fmt.Sprintf("0x%x", e.Hash), HashDecimal: strconv.FormatUint(e.Hash, 10),
		Distribution: e.Distribution, Database: cfg.Pools[e.Pool].Database, Next: []server{},
	}
	if scope == router.ByRoutes && len(cfg.Routes) > 0 {
		out.Route = &e.Route
	}
	for i, choice := range e.Choices {
		s := serverOf(cfg, snapshot.Servers[choice])
		if i == 0 {
			out.Server = s
			out.addReplicas(cfg.Pools[e.Pool], s.Name)
		} else {
			out.Next = append(out.Next, s)
		}
	}
	return out
}

// addReplicas tells of the replicas of the key's server.
func (e *explanation) addReplicas(pool *config.Pool, name string) {
	for _, n := range pool.Nodes {
		if n.Name == name && len(n.Replicas) > 0 {
			e.Reads, e.Replicas = pool.Reads, n.Replicas
		}
	}
}

// print writes the explanation for people.
func (e *explanation) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "key\t\"%s\"\n", e.Key)
	if e.Plain != "" {
		fmt.Fprintf(t, "plain\tby %s, which has mode: owner\n", e.Plain)
	}
	fmt.Fprintf(t, "pool\t%s%s\n", e.Pool, e.why())
	fmt.Fprintf(t, "hashed\t\"%s\"\n", e.Hashed)
	fmt.Fprintf(t, "hash\t%s\t%s\t%s\n", e.Hash, e.HashHex, e.HashDecimal)
	fmt.Fprintf(t, "distribution\t%s\n", e.Distribution)
	fmt.Fprintf(t, "server\t%v\tdatabase %d\n", e.Server, e.Database)
	if e.Reads != "" {
		fmt.Fprintf(t, "replicas\t%s\treads: %s\n", strings.Join(e.Replicas, ", "), e.Reads)
	}
	for i, next := range e.Next {
		label := ""
		if i == 0 {
			label = "next"
		}
		if i == nextShown {
			fmt.Fprintf(t, "\tand %d more\n", len(e.Next)-i)
			break
		}
		fmt.Fprintf(t, "%s\t%v\n", label, next)
	}
	return t.Flush()
}

// why says how the pool was chosen.
func (e *explanation) why() string {
	switch {
	case e.Route == nil:
		return ""
	case *e.Route == "":
		return "\tby the route without a prefix"
	}
	return "\tby the route with prefix " + strconv.Quote(*e.Route)
}

// escape shows bytes as text, without quotes around it.
func escape(b []byte) string {
	quoted := strconv.Quote(string(b))
	return quoted[1 : len(quoted)-1]
}

// unescape is the bytes that a text with escapes stands for. bad is the text from
// the first backslash on that begins none.
func unescape(s string) (b []byte, bad string) {
	for s != "" {
		r, multibyte, rest, err := strconv.UnquoteChar(s, 0)
		if err != nil {
			return nil, s
		}
		switch {
		case multibyte && s[0] != '\\':
			b = append(b, s[:len(s)-len(rest)]...) // bytes that are no UTF-8 stay as they are
		case multibyte:
			b = utf8.AppendRune(b, r)
		default:
			b = append(b, byte(r))
		}
		s = rest
	}
	return b, ""
}
