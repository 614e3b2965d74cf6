package command

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// node is a reply with the types of its parts.
type node struct {
	kind     byte
	text     string
	children []node
}

func parseNode(in string) (n node, rest string) {
	line, rest, _ := strings.Cut(in, "\r\n")
	n.kind, n.text = line[0], line[1:]
	size, _ := strconv.Atoi(line[1:])
	switch n.kind {
	case '$':
		n.text, rest = rest[:size], rest[size+2:]
	case '%':
		size *= 2
		fallthrough
	case '*', '~':
		for range size {
			var child node
			child, rest = parseNode(rest)
			n.children = append(n.children, child)
		}
	}
	return n, rest
}

// write writes the reply as text, a line for each part, without the size of
// aggregates, so that fields can be left out.
func (n node) write(to *strings.Builder, indent string) {
	if n.children == nil {
		fmt.Fprintf(to, "%s%c%s\n", indent, n.kind, n.text)
		return
	}
	fmt.Fprintf(to, "%s%c\n", indent, n.kind)
	for _, child := range n.children {
		child.write(to, indent+" ")
	}
}

// proseFields are those that hold prose, which the table has none of or in other
// words.
var proseFields = []string{"summary", "complexity", "history", "replaced_by"}

// documentation is an entry of COMMAND DOCS as text, without prose, and with the
// subcommands in order.
func documentation(name string, doc node) string {
	var out strings.Builder
	var subcommands []node
	for i := 0; i < len(doc.children); i += 2 {
		switch field := doc.children[i].text; {
		case slices.Contains(proseFields, field):
		case field == "subcommands":
			subcommands = doc.children[i+1].children
		default:
			fmt.Fprintf(&out, "%s:\n", field)
			doc.children[i+1].write(&out, " ")
		}
	}
	var each []string
	for i := 0; i < len(subcommands); i += 2 {
		each = append(each, documentation(subcommands[i].text, subcommands[i+1]))
	}
	slices.Sort(each)
	return name + " " + string(doc.kind) + "\n" + out.String() + strings.Join(each, "")
}

func TestDocsAreWhatARealServerSays(t *testing.T) {
	server := startRedis70(t)
	for _, resp3 := range []bool{false, true} {
		if resp3 {
			server.do("HELLO", "3")
		}
		compared := 0
		for c := range All() {
			if c.Untested {
				continue
			}
			theirs, _ := parseNode(server.do("COMMAND", "DOCS", c.Name))
			ours, rest := parseNode(string(AppendDocs([]byte("*2\r\n"), tested(c), resp3)))
			if rest != "" {
				t.Fatalf("%s: %q comes after the entry", c.Name, rest)
			}
			got, want := documentation(c.Name, ours.children[1]), documentation(c.Name, theirs.children[1])
			if got != want {
				t.Errorf("%s (RESP3 %v):\n%s", c.Name, resp3, firstDifference(got, want))
			}
			compared++
		}
		if compared < 200 {
			t.Errorf("only %d commands were compared", compared)
		}
	}
}

// tested is c without the subcommands that the server does not have.
func tested(c *Command) *Command {
	known := *c
	known.children = slices.DeleteFunc(slices.Clone(c.children), func(sub *Command) bool { return sub.Untested })
	return &known
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			from := max(0, i-6)
			return fmt.Sprintf("after\n%s\n got %q\nwant %q", strings.Join(g[from:i], "\n"), g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

func TestEveryRowHasDocs(t *testing.T) {
	for i := range table {
		c := &table[i]
		args, err := parseArgs(c.Args)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		checkKeysOfSyntax(t, c, args)
		if c.Summary == "" || strings.HasSuffix(c.Summary, ".") || c.Summary[:1] != strings.ToUpper(c.Summary[:1]) {
			t.Errorf("%s: the summary is no short sentence without a full stop: %q", c.Name, c.Summary)
		}
		if _, rest := parseNode("*2\r\n" + string(AppendDocs(nil, c, true))); rest != "" {
			t.Errorf("%s: %q comes after the docs", c.Name, rest)
		}
	}
}

// checkKeysOfSyntax fails if an argument refers to a KeySpec that is not there.
func checkKeysOfSyntax(t *testing.T, c *Command, args []argument) {
	for _, a := range args {
		if a.key >= len(c.Keys) {
			t.Errorf("%s: argument %s is of key spec %d of %d", c.Name, a.name, a.key, len(c.Keys))
		}
		checkKeysOfSyntax(t, c, a.children)
	}
}

func TestSyntaxThatIsWrongIsAnError(t *testing.T) {
	for _, syntax := range []string{" ", "a ", "a  b", "[a", "a]", "[]", "a(", "a()", "a(b", "a(b|", "a(b c|d)", "a:integer", "a@x", "a@", "a@10", "'x", `"a`, "=a", "a=b", "a|b", "X=", "a***"} {
		if args, err := parseArgs(syntax); err == nil {
			t.Errorf("%q is read as %+v", syntax, args)
		}
	}
}

func FuzzSyntax(f *testing.F) {
	for i := range table {
		f.Add(table[i].Args)
	}
	f.Fuzz(func(t *testing.T, syntax string) {
		parseArgs(syntax)
	})
}
