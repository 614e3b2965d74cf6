package integration

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ringmain/internal/difftest"
)

// mode is how two replies are compared.
type mode struct {
	// compare gets the lone server's reply to the request before, too.
	compare func(prev, got, want *difftest.Reply) string
	// before is a request to send first, so that its reply is prev; nil if none
	// is needed.
	before func(args []string) []string
	// loose: what the request leaves behind differs by chance.
	loose bool
	// reason says why the bytes may differ. Empty only for exact.
	reason string
	// listed: it is one of the differences that users read of.
	listed bool
}

func plain(m difftest.Mode) func(prev, got, want *difftest.Reply) string {
	return func(_, got, want *difftest.Reply) string { return m(got, want) }
}

var exact = mode{compare: plain(difftest.Exact)}

func unordered(size int) mode {
	return mode{compare: plain(difftest.Unordered(size)), reason: "Redis promises no order, and each server hashes with a seed of its own"}
}

func near(slack, from int64, reason string) mode {
	return mode{compare: plain(difftest.Within(slack, from)), reason: reason}
}

const seconds, milliseconds = 5, 5000

// ofTime are the readings that change while the two servers are asked.
const ofTime = "time passes between the two servers' replies"

// knowsMore: the lone server's version has fewer commands, and tells them in the
// order of a hash table.
const knowsMore = "the proxy knows the commands of newer versions too"

// modes are those of the commands that are not compared byte for byte.
var modes = map[string]mode{
	"sinter": unordered(1), "sunion": unordered(1), "sdiff": unordered(1), "smembers": unordered(1),
	"hkeys": unordered(1), "hvals": unordered(1), "hgetall": unordered(2), "keys": unordered(1),

	"ttl": near(seconds, 1, ofTime), "pttl": near(milliseconds, 1, ofTime),
	"expiretime": near(seconds, 1_000, ofTime), "pexpiretime": near(milliseconds, 1_000_000, ofTime),
	"object|idletime": near(seconds, 0, ofTime), "time": {compare: sameTime, reason: ofTime},
	"lastsave":        near(60, 1_000, "each server has its own start"),
	"xpending":        near(milliseconds, 0, "the idle time, of entries that are milliseconds old"),
	"xinfo|consumers": {compare: plain(difftest.Fields(milliseconds, "idle", "inactive")), reason: ofTime},
	"xinfo|stream":    near(milliseconds, 1_000_000_000_000, "times of delivery and of the consumers"),
	"xadd":            {compare: sameOrNow, loose: true, reason: "Redis makes up the ID from the time of day"},

	"client|id":         {compare: plain(difftest.Shape), reason: "each server numbers its own connections", listed: true},
	"hello":             {compare: plain(difftest.Fields(1<<30, "id")), reason: "the connection's number", listed: true},
	"info":              {compare: sameKind, reason: "two servers say different things of themselves", listed: true},
	"client|info":       {compare: sameKind, reason: "each has its own connections", listed: true},
	"client|list":       {compare: sameKind, reason: "each has its own connections", listed: true},
	"lolwut":            {compare: sameKind, reason: "a drawing by chance"},
	"command":           {compare: sameCommands(infoRows), reason: knowsMore, listed: true},
	"command|info":      {compare: sameCommands(infoRows), reason: knowsMore, listed: true},
	"acl|cat":           {compare: sameCategories, reason: knowsMore, listed: true},
	"acl|help":          {compare: plain(difftest.Kind), reason: "the proxy tells what it serves itself", listed: true},
	"latency|histogram": {compare: sameKind, reason: "each server has its own times", listed: true},
	"latency|help":      {compare: plain(difftest.Kind), reason: "the proxy tells what it serves itself", listed: true},
	"slowlog|help":      {compare: plain(difftest.Kind), reason: "the proxy tells what it serves itself", listed: true},
	"memory|help":       {compare: plain(difftest.Kind), reason: "the proxy tells what it serves itself", listed: true},
	"command|list":      {compare: plain(difftest.More(1)), reason: knowsMore, listed: true},
	"command|docs":      {compare: sameCommands(docsRows), reason: knowsMore + "; our summaries are our own words", listed: true},
	"command|count":     {compare: atLeast, reason: knowsMore, listed: true},
	"command|help":      {compare: plain(difftest.Kind), reason: "the proxy tells what it serves itself", listed: true},
	"client|help":       {compare: plain(difftest.Kind), reason: "the proxy tells what it serves itself", listed: true},
	"config|help":       {compare: plain(difftest.Kind), reason: "the proxy tells what it serves itself", listed: true},
	"pubsub|help":       {compare: plain(difftest.Kind), reason: "the proxy tells what it serves itself", listed: true},
	"config|get":        {compare: configSubset, reason: "the proxy's configuration is not that of Redis", listed: true},
	"randomkey":         {compare: drawnKey, before: allKeys, reason: "Redis chooses by chance", listed: true},
	"scan":              {compare: scannedKeys, before: allKeys, reason: "cursors and order are each server's own", listed: true},

	"memory|usage": {compare: sameSize, reason: "the tables of a server's keys differ in size"},
	"dump":         {compare: sameDump, reason: "the order in a hash table is each server's own, and a stream keeps times"},

	"srandmember": drawn("SMEMBERS"), "spop": drawn("SMEMBERS"),
	"hrandfield": drawn("HGETALL"), "zrandmember": drawn("ZRANGE", "0", "-1", "WITHSCORES"),
	"sscan": scanned("SMEMBERS", 1), "hscan": scanned("HGETALL", 2), "zscan": scanned("ZRANGE", 2, "0", "-1", "WITHSCORES"),
}

// modeOf is how the replies to a request are compared.
func modeOf(args []string) mode {
	name := nameOf(args)
	m, ok := modes[name]
	switch {
	case name == "sort" || name == "sort_ro":
		// Without an order, and where texts that differ behind a NUL are equal.
		if has := func(word string) bool {
			return slices.ContainsFunc(args, func(a string) bool { return strings.EqualFold(a, word) })
		}; has("BY") || has("ALPHA") && !has("STORE") {
			return unordered(1)
		}
		return exact
	case name == "xadd":
		// The first argument that can be an ID; a value that is one does no harm.
		if !slices.Contains(args, "*") {
			return exact
		}
	case name != "scan" && strings.HasSuffix(name, "scan") && len(args) > 2 && args[2] != "0":
		return mode{compare: part, before: m.before, reason: m.reason}
	case !ok:
		return exact
	}
	return m
}

// sameCommands compares descriptions of commands, one by one and subcommands by
// themselves; Ringmain may have more.
func sameCommands(rows func(v *difftest.Value, into map[string]string)) func(_, got, want *difftest.Reply) string {
	return func(_, got, want *difftest.Reply) string {
		if !got.IsAggregate() || got.Kind != want.Kind || len(got.Elems) < len(want.Elems) {
			return cmp.Or(difftest.Exact(got, want), "there are fewer")
		}
		g, w := map[string]string{}, map[string]string{}
		rows(&got.Value, g)
		rows(&want.Value, w)
		for name, text := range w {
			if g[name] != text {
				return name + " is described as " + g[name] + ", not " + text
			}
		}
		return ""
	}
}

// sameCategories compares replies of ACL CAT: the list of the categories is the same,
// those of commands may have more.
func sameCategories(_, got, want *difftest.Reply) string {
	if len(want.Elems) > 0 && want.Elems[0].Text == "keyspace" {
		return difftest.Exact(got, want)
	}
	return difftest.More(1)(got, want)
}

// infoRows are those of COMMAND INFO. A null is a command that is unknown.
func infoRows(v *difftest.Value, into map[string]string) {
	for i := range v.Elems {
		row := &v.Elems[i]
		if row.Null || len(row.Elems) != 10 {
			into[fmt.Sprint("number ", i)] = row.String()
			continue
		}
		var text []string
		for k := 1; k < 9; k++ {
			text = append(text, difftest.Jumble(&row.Elems[k]))
		}
		into[row.Elems[0].Text] = strings.Join(text, " ")
		infoRows(&row.Elems[9], into)
	}
}

// docsRows are those of COMMAND DOCS: names and maps.
func docsRows(v *difftest.Value, into map[string]string) {
	for i := 0; i+1 < len(v.Elems); i += 2 {
		row := &v.Elems[i+1]
		into[v.Elems[i].Text] = difftest.Jumble(row, "summary", "complexity", "history", "replaced_by", "subcommands")
		for k := 0; k+1 < len(row.Elems); k += 2 {
			if row.Elems[k].Text == "subcommands" {
				docsRows(&row.Elems[k+1], into)
			}
		}
	}
}

// atLeast compares numbers of which Ringmain's may be larger.
func atLeast(_, got, want *difftest.Reply) string {
	g, ok := got.Int()
	w, ok2 := want.Int()
	if !ok || !ok2 || got.Kind != want.Kind || g < w {
		return difftest.Exact(got, want)
	}
	return ""
}

// configSubset compares parameters: what Ringmain says is what Redis says.
func configSubset(_, got, want *difftest.Reply) string { return difftest.More(2)(want, got) }

func allKeys([]string) []string { return []string{"KEYS", "*"} }

// drawnKey is for RANDOMKEY.
func drawnKey(prev, got, want *difftest.Reply) string {
	if why := difftest.Shape(got, want); why != "" || want.IsError() || want.Null {
		return why
	}
	return foreign(prev, &got.Value)
}

// scannedKeys is for one step of SCAN.
func scannedKeys(prev, got, want *difftest.Reply) string {
	if why := part(prev, got, want); why != "" || got.IsError() || got.Elems[0].Text != "0" || want.Elems[0].Text != "0" {
		return why
	}
	return ""
}

// sameKind compares the types only.
func sameKind(_, got, want *difftest.Reply) string { return difftest.Kind(got, want) }

// sameTime compares replies of TIME.
func sameTime(_, got, want *difftest.Reply) string {
	if why := difftest.Shape(got, want); why != "" || want.IsError() {
		return why
	}
	g, ok := got.Elems[0].Int()
	w, ok2 := want.Elems[0].Int()
	micros, ok3 := got.Elems[1].Int()
	if len(got.Elems) != 2 || !ok || !ok2 || !ok3 || g-w > seconds || w-g > seconds || micros < 0 || micros > 999_999 {
		return "the times differ by much"
	}
	return ""
}

// sameOrNow compares stream IDs, where those of the last seconds are the same.
func sameOrNow(_, got, want *difftest.Reply) string {
	g, gSeq, ok := strings.Cut(got.Text, "-")
	w, wSeq, ok2 := strings.Cut(want.Text, "-")
	if !ok || !ok2 || got.IsError() || want.IsError() || got.Text == want.Text {
		return difftest.Exact(got, want)
	}
	a := difftest.Value{Kind: ':', Text: g}
	b := difftest.Value{Kind: ':', Text: w}
	at, ok := a.Int()
	bt, ok2 := b.Int()
	if !ok || !ok2 || at < 1_000_000_000_000 || at-bt > milliseconds || bt-at > milliseconds || len(gSeq) > 3 || len(wSeq) > 3 {
		return "the IDs are not both of now"
	}
	return ""
}

// sameSize compares sizes in bytes.
func sameSize(_, got, want *difftest.Reply) string {
	g, ok := got.Int()
	w, ok2 := want.Int()
	if got.Kind != ':' || want.Kind != ':' || !ok || !ok2 {
		return difftest.Exact(got, want)
	}
	if g > w+w/2 || w > g+g/2 {
		return "the sizes differ by more than half"
	}
	return ""
}

// sameDump compares what DUMP says. Its first byte is the type: of sets and
// hashes that are hash tables (2, 4) and of streams (15, 19) the lengths are
// compared only.
func sameDump(_, got, want *difftest.Reply) string {
	if want.Text != "" && strings.Contains("\x02\x04\x0f\x13", want.Text[:1]) {
		return difftest.Length(got, want)
	}
	return difftest.Exact(got, want)
}

func reading(name string, more []string) func(args []string) []string {
	return func(args []string) []string {
		key := ""
		if len(args) > 1 {
			key = args[1]
		}
		return append([]string{name, key}, more...)
	}
}

// drawn is for elements chosen by chance: as many as Redis gave, all of them in
// the collection, which the request before has read.
func drawn(read string, more ...string) mode {
	compare := func(prev, got, want *difftest.Reply) string {
		if !got.IsAggregate() || !want.IsAggregate() {
			if why := difftest.Shape(got, want); why != "" || got.IsError() || got.Null {
				return why
			}
			return foreign(prev, &got.Value)
		}
		if why := difftest.Shape(got, want); why != "" {
			return why
		}
		return foreign(prev, &got.Value)
	}
	return mode{compare: compare, before: reading(read, more), loose: true, reason: "Redis chooses by chance"}
}

// foreign says which leaf of v is not in the collection.
func foreign(collection *difftest.Reply, v *difftest.Value) string {
	if v.IsAggregate() {
		for i := range v.Elems {
			if why := foreign(collection, &v.Elems[i]); why != "" {
				return why
			}
		}
		return ""
	}
	if !has(&collection.Value, v.Text) {
		return "it was not there: " + v.Text
	}
	return ""
}

func has(v *difftest.Value, text string) bool {
	if !v.IsAggregate() {
		if f, err := strconv.ParseFloat(text, 64); err == nil && v.Kind == ',' {
			g, err := strconv.ParseFloat(v.Text, 64)
			return err == nil && f == g
		}
		return v.Text == text
	}
	return slices.ContainsFunc(v.Elems, func(e difftest.Value) bool { return has(&e, text) })
}

// scanned is for one step of a scan: if it is the last on both servers, the
// elements are the same, else they are some of those there are.
func scanned(read string, size int, more ...string) mode {
	compare := func(prev, got, want *difftest.Reply) string {
		if why := part(prev, got, want); why != "" || got.IsError() || got.Elems[0].Text != "0" || want.Elems[0].Text != "0" {
			return why
		}
		return difftest.Unordered(size)(&difftest.Reply{Value: got.Elems[1]}, &difftest.Reply{Value: want.Elems[1]})
	}
	return mode{compare: compare, before: reading(read, more),
		reason: "cursors and order follow a hash table that each server seeds for itself"}
}

// part compares steps of scans that are at different places.
func part(prev, got, want *difftest.Reply) string {
	if len(got.Elems) != 2 || len(want.Elems) != 2 {
		return difftest.Exact(got, want)
	}
	if _, ok := got.Elems[0].Int(); !ok || got.Elems[0].Kind != want.Elems[0].Kind || !got.Elems[1].IsAggregate() {
		return "the reply is not of the same types"
	}
	return foreign(prev, &got.Elems[1])
}
