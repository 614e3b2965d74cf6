package command

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestTableIsSortedAndItsRowsAreWhole(t *testing.T) {
	if !slices.IsSortedFunc(table, func(a, b Command) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the table is not sorted by name")
	}
	if Len() > maxRows {
		t.Errorf("%d rows are too many for an index of %d", Len(), slots)
	}
	for i := range table {
		c := &table[i]
		checkRow(t, c)
		if c.ID() != i {
			t.Errorf("%s: ID is %d, want %d", c.Name, c.ID(), i)
		}
	}
}

func checkRow(t *testing.T, c *Command) {
	bad := func(wrong bool, what string) {
		if wrong {
			t.Errorf("%s: %s", c.Name, what)
		}
	}
	bad(c.Name != strings.ToLower(c.Name), "name not in lower case")
	bad(c.Arity == 0, "no arity")
	bad(versionNumber(c.Since) < 0, "Since is not a version")
	bad((c.Policy == Refused) != (c.Reason != ""), "a reason belongs to a refusal, and the other way round")
	bad(strings.Contains(c.Reason, "."), "the reason is more than a clause")
	bad((c.Policy == Forward) && (len(c.Keys) != 1 || c.Keys[0].Last != 0 || c.firstKey == 0), "forwarded without having exactly one key at a fixed place")
	channels := len(c.Keys) == 1 && c.Keys[0].Flags&KeyNot != 0
	bad(byKey(c.Policy) != (c.Keys != nil && !channels) && c.Policy != Refused && c.Policy != Transaction, // WATCH
		"goes by its keys without having any, or has keys that do not count")
	bad(c.Flags&Write != 0 && c.Access < AccessWrite, "users who may only read may write with it")
	bad(c.Flags&Admin != 0 && c.Access < AccessAdmin, "is for administrators but open to others")
	bad(c.Flags&Write != 0 && c.Policy != Refused && !c.MayWrite(), "would be sent twice")
	bad(c.Flags&ReadOnly != 0 && c.MayWrite(), "only reads, yet counts as a write")
	bad(c.Policy == AnyServer && c.MayWrite(), "every server says the same, yet counts as a write")
	bad(c.Product != "" && !c.Untested, "brought by something else, yet compared with Redis")
	bad(c.IsContainer() && c.Keys != nil, "a container with keys")
	for _, s := range c.Keys {
		bad((s.Begin < 1 && s.Keyword == "" || s.Step < 1) && s.Find != FindUnknown, "key spec without begin or step")
		bad(s.Keyword != "" && s.locate == nil, "a keyword that nothing looks for")
	}
}

func TestWhoMayOnlyWriteMayNotAdminister(t *testing.T) {
	for _, name := range strings.Fields("flushall flushdb keys config|get config|set config|rewrite config|resetstat script|flush function|load function|delete" +
		" function|flush function|restore monitor client|kill client|list client|pause debug shutdown replicaof acl|setuser slowlog|get swapdb migrate") {
		if c := ByName([]byte(name)); c.Access != AccessAdmin {
			t.Errorf("%s needs access level %d only", name, c.Access)
		}
	}
	for _, name := range strings.Fields("get mget scan dbsize randomkey info ping client|id client|setname command|docs xread eval_ro fcall_ro sort_ro object|encoding") {
		if c := ByName([]byte(name)); c.Access != AccessRead {
			t.Errorf("%s needs access level %d", name, c.Access)
		}
	}
	for _, name := range strings.Fields("set del sort georadius xreadgroup eval fcall publish hexpire json.set") {
		if c := ByName([]byte(name)); c.Access != AccessWrite {
			t.Errorf("%s needs access level %d", name, c.Access)
		}
	}
}

func byKey(p Policy) bool {
	return slices.Contains([]Policy{Forward, SameServer, SumInts, MultiGet, MultiSet, Contract}, p)
}

func TestRowsAreWhatARealServerSays(t *testing.T) {
	server := startRedis70(t)
	names := server.commands()
	for _, resp3 := range []bool{false, true} {
		if resp3 {
			server.do("HELLO", "3")
		}
		for _, name := range names {
			if c := ByName([]byte(name)); c != nil {
				compareInfo(t, server, c, resp3)
			}
		}
	}
	t.Logf("%d rows compared, in two protocols", len(names))
}

func TestTheTableHasEveryCommandOfARealServer(t *testing.T) {
	server := startRedis70(t)
	names, version := server.commands(), server.version()
	for _, name := range names {
		if ByName([]byte(name)) == nil {
			t.Errorf("%s is missing in the table", name)
		}
	}
	for i := range table {
		c := &table[i]
		has := slices.Contains(names, c.Name)
		if wants := c.Product == "" && versionNumber(c.Since) <= version; has != wants {
			t.Errorf("%s: since %s %s, but the server has it: %v", c.Name, c.Product, c.Since, has)
		}
		if has == c.Untested {
			t.Errorf("%s: untested is %v, but the server has it: %v", c.Name, c.Untested, has)
		}
	}
	if len(names) < 300 {
		t.Errorf("the server names %d commands only", len(names))
	}
}

// compareInfo leaves out the list of subcommands, which Redis gives in no order;
// each is compared on its own.
func compareInfo(t *testing.T, server *realServer, c *Command, resp3 bool) {
	t.Helper()
	leaf := *c
	leaf.children = nil
	want := server.do("COMMAND", "INFO", c.Name)
	got := "*1\r\n" + string(AppendInfo(nil, &leaf, resp3))
	if c.IsContainer() {
		got = got[:len(got)-len("*0\r\n")]
		want = want[:min(len(got), len(want))]
	}
	if got != want {
		t.Errorf("%s (RESP3 %v):\n got %q\nwant %q", c.Name, resp3, got, want)
	}
}

func TestInfoOfAContainerHoldsItsSubcommands(t *testing.T) {
	info := string(AppendInfo(nil, row("client"), false))
	want := "*" + strconv.Itoa(len(row("client").children)) + "\r\n"
	for sub := range row("client").Subcommands() {
		want += string(AppendInfo(nil, sub, false))
	}
	if !strings.HasSuffix(info, want) {
		t.Errorf("got %q, want it to end in %q", info, want)
	}
}

func TestAllYieldsTheTopLevelOnly(t *testing.T) {
	n := 0
	for c := range All() {
		n++
		if strings.Contains(c.Name, "|") {
			t.Errorf("%s is a subcommand", c.Name)
		}
	}
	if n != Count() || n == 0 || n >= Len() {
		t.Errorf("All yields %d, Count is %d, Len is %d", n, Count(), Len())
	}
}

func TestArityIsExactOrAtLeast(t *testing.T) {
	get, set := row("get"), row("set")
	for n, want := range map[int]bool{0: false, 1: false, 2: true, 3: false} {
		if get.ArityOK(n) != want {
			t.Errorf("GET with %d arguments: %v", n, !want)
		}
	}
	for n, want := range map[int]bool{0: false, 2: false, 3: true, 1000: true} {
		if set.ArityOK(n) != want {
			t.Errorf("SET with %d arguments: %v", n, !want)
		}
	}
}
