package command

import (
	"slices"
	"strings"
	"testing"
)

func TestTableIsSortedAndItsRowsAreWhole(t *testing.T) {
	if !slices.IsSortedFunc(table[:], func(a, b Command) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the table is not sorted by name")
	}
	if Len()*4 > slots {
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
	bad(c.Policy == Forward && (len(c.Keys) != 1 || c.Keys[0].Last != 0), "forwarded without having exactly one key")
	bad((c.Policy == Local || c.Policy == Refused) && c.Keys != nil, "has keys but goes nowhere")
	bad(c.Flags&Write != 0 && c.Access < AccessWrite, "users who may only read may write with it")
	bad(c.Flags&Admin != 0 && c.Access < AccessAdmin, "is for administrators but open to others")
	bad(c.Flags&Write != 0 && !c.MayWrite(), "would be sent twice")
	bad(c.Flags&ReadOnly != 0 && c.MayWrite(), "only reads, yet counts as a write")
	for _, s := range c.Keys {
		bad(s.Begin < 1 || s.Step < 1, "key spec without begin or step")
	}
}

func TestRowsAreWhatARealServerSays(t *testing.T) {
	server := startRealServer(t)
	version := server.version()
	compared := 0
	for _, resp3 := range []bool{false, true} {
		if resp3 {
			server.do("HELLO", "3")
		}
		for i := range table {
			c := &table[i]
			if versionNumber(c.Since) > version {
				continue
			}
			compareInfo(t, server, c, resp3)
			compared++
		}
	}
	t.Logf("%d rows compared", compared)
	if compared < 2*(Len()-1) {
		t.Errorf("only %d of %d rows were compared, in two protocols", compared, 2*Len())
	}
}

// compareInfo leaves out the list of subcommands, of which the table has fewer;
// each is compared on its own.
func compareInfo(t *testing.T, server *realServer, c *Command, resp3 bool) {
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

func TestSinceIsWhatARealServerSays(t *testing.T) {
	server := startRealServer(t)
	version := server.version()
	for i := range table {
		c := &table[i]
		if versionNumber(c.Since) > version {
			continue
		}
		fields := bulks(server.do("COMMAND", "DOCS", c.Name))
		at := slices.Index(fields, "since")
		if at < 0 || fields[at+1] != c.Since {
			t.Errorf("%s: since %s, but COMMAND DOCS says %.60q", c.Name, c.Since, fields)
		}
	}
}

func TestInfoOfAContainerHoldsItsSubcommands(t *testing.T) {
	info := string(AppendInfo(nil, row("client"), false))
	want := "*4\r\n"
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
