package command

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/commands.md")

const pagePath = "../docs/commands.md"

func TestDocsPageIsCurrent(t *testing.T) {
	page := commandsPage()
	if *update {
		if err := os.WriteFile(pagePath, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(pagePath)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != page {
		t.Errorf("docs/commands.md is not what the table says: go test ./command -run Docs -update")
	}
}

func TestDifferencesAreOfCommandsThatAreServed(t *testing.T) {
	for _, d := range Differences {
		if len(d.Commands) == 0 || d.What == "" || d.Why == "" {
			t.Errorf("%+v is not whole", d)
		}
		for _, name := range d.Commands {
			if c := ByName([]byte(name)); c == nil || c.Policy == Refused {
				t.Errorf("%s is not served, so nothing of it differs", name)
			}
		}
	}
}

// title is a command's name as people write it.
func title(name string) string { return strings.ToUpper(strings.ReplaceAll(name, "|", " ")) }

// how says in words what the proxy does with a command that it serves.
var how = map[Policy]string{
	Forward:      "the server of the key",
	SameServer:   "one server, which has all the keys; else `CROSSSLOT`",
	AnyServer:    "one of the servers, whichever",
	SumInts:      "split by key; the numbers are added",
	MultiGet:     "split by key; the values come in the order of the keys",
	MultiSet:     "split by key",
	Local:        "the proxy",
	AllLoops:     "the proxy, of all its clients",
	Select:       "the proxy",
	Transaction:  "the proxy, and the server of the transaction's keys",
	Tracking:     "the proxy, and each server on a connection of the client's own",
	Unblock:      "the proxy, and the server that the other client waits for",
	FleetWait:    "all servers; the least of their numbers",
	FleetSum:     "all servers; the numbers are added",
	FleetArrays:  "all servers; one array of all",
	FleetOK:      "all servers",
	FleetSame:    "all servers",
	ScriptLoad:   "all servers, and the proxy",
	ScriptExists: "all servers, and the proxy",
	ScriptFlush:  "all servers, and the proxy",
	ScriptKill:   "all servers",
	FleetRandom:  "all servers; one of their keys, each with the same chance",
	FleetScan:    "one server after the other",
	FleetInfo:    "the proxy, with sums over all servers",
	Subscribe:    "the proxy, which listens to all servers",
	Publish:      "one of the servers, by the channel; the proxy counts its own clients in",
	FleetPubSub:  "all servers, with the proxy's own clients",
	Contract:     "the quorum that keeps the key, if one does (`locks` in the configuration)",
}

var accessNames = [...]string{AccessRead: "read", AccessWrite: "write", AccessAdmin: "admin"}

const pageHead = `# Commands

Written from the table in ` + "`command/`" + ` by ` + "`go test ./command -run Docs -update`" + `.

`

const pageRules = `
## How commands are executed

- **One key**: the whole request goes to the server that owns the key, and its reply comes back byte for byte.
- **MGET, MSET, DEL, UNLINK, EXISTS, TOUCH** are split by server, sent at the same time, and their replies merged into the one
  that Redis would have given. If one of the servers is known to be down, nothing is sent at all.
- **All other commands of several keys** are executed by one server, if it owns all the keys; else the reply is
  ` + "`CROSSSLOT Keys in request don't hash to the same slot`" + `. Every key is checked, wherever it stands. Keys with the same
  hash tag (` + "`{user1}:name`, `{user1}:mail`" + `) always live together.
- **Whole-fleet commands** (DBSIZE, SCAN, KEYS, RANDOMKEY, FLUSHDB, FLUSHALL, INFO) go to all servers of one pool: of the one that
  catches all keys which no route with a prefix does, or of the pool that the listener is bound to.
- **Scripts and functions** are executed by the server that has all their keys. Scripts and functions that are loaded go to
  all servers; a server that does not have a script which the proxy has seen is given it ahead of the ` + "`EVALSHA`" + `.
- **Users** may execute what their ` + "`access`" + ` covers: read, write (and read), or admin, which is everything. Others get
  ` + "`NOPERM this user has no permissions to run the '…' command`" + `, and before AUTH ` + "`NOAUTH Authentication required.`" + `
- **Keys under a contract**, such as locks, are no server's of a pool: commands on them are carried out by the quorum that keeps
  them, or refused, with what their pattern allows. They stand in a command by themselves, in database 0, and in MULTI only
  alone, or as WATCH key, GET key, MULTI, one of DEL, UNLINK, EXPIRE and PEXPIRE key, EXEC. Whole-fleet commands neither see nor touch them.
- **Who subscribes** gets what is published anywhere: through this proxy or another one, or straight at any of the servers.
  A message is published on one of the servers of the pool that whole-fleet commands go to.
- If one server fails, the reply is one error, never an error inside an array.
- A command that the table has, but the servers do not, gets their own error. One that the table does not have gets
  Redis's ` + "`ERR unknown command`" + `; a refused one ` + "`ERR command '…' is not supported`" + `, with the reason given here.

† from the documentation of a newer version, of Valkey or of a module; not compared with a real server. All others are
compared with Redis 7.0.

## Differences from one Redis

`

func commandsPage() string {
	var b strings.Builder
	b.WriteString(pageHead)
	writeSummary(&b)
	b.WriteString(pageRules)
	b.WriteString("| commands | what | why |\n|---|---|---|\n")
	for _, d := range Differences {
		names := make([]string, len(d.Commands))
		for i, name := range d.Commands {
			names[i] = title(name)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", strings.Join(names, ", "), d.What, d.Why)
	}
	for _, g := range groups {
		writeGroup(&b, g.name)
	}
	return b.String()
}

func writeSummary(b *strings.Builder) {
	served, planned, refused := 0, 0, 0
	for i := range table {
		switch c := &table[i]; {
		case c.IsContainer() && c.Policy == Refused:
		case c.Policy != Refused:
			served++
		case c.Planned():
			planned++
		default:
			refused++
		}
	}
	fmt.Fprintf(b, "Of %d commands and subcommands %d are supported, %d not yet, and %d not at all.\n", served+planned+refused, served, planned, refused)
}

func writeGroup(b *strings.Builder, name string) {
	heading := strings.ToUpper(name[:1]) + name[1:]
	fmt.Fprintf(b, "\n## %s\n\n| command | since | supported | access | executed by, or why not |\n|---|---|---|---|---|\n", heading)
	var rows []*Command
	for i := range table {
		if c := &table[i]; c.Group == name && !(c.IsContainer() && c.Policy == Refused) {
			rows = append(rows, c)
		}
	}
	slices.SortFunc(rows, func(a, b *Command) int { return strings.Compare(title(a.Name), title(b.Name)) })
	for _, c := range rows {
		since := strings.TrimSpace(c.Product + " " + c.Since)
		if c.Untested && c.Product != Own {
			since += " †"
		}
		supported, explanation := "yes", how[c.Policy]
		switch {
		case c.Planned():
			supported, explanation = "not yet", strings.TrimSuffix(c.Reason, " yet")
		case c.Policy == Refused:
			supported, explanation = "no", c.Reason
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", title(c.Name), since, supported, accessNames[c.Access], explanation)
	}
}
