package integration

import (
	"fmt"
	"strings"
	"testing"

	"ringmain/command"
	"ringmain/internal/difftest"
)

// localCases are requests without keys, which are about the connection or the
// server. Each line has a connection of its own, and may hold several requests.
const localCases = `
AUTH secret
AUTH default secret
AUTH nobody secret
AUTH default secret x
HELLO
HELLO 2
HELLO 3
HELLO 4
HELLO 3 AUTH default secret
HELLO 3 AUTH nobody secret
HELLO 3 SETNAME me|CLIENT GETNAME|HELLO 2 SETNAME ""|CLIENT GETNAME
HELLO 2 SETNAME "a b"
HELLO 3 AUTH default secret SETNAME me|CLIENT GETNAME
HELLO 3 nosuch
!HELLO 3|HGETALL @hash|HELLO 2|HGETALL @hash
!HELLO 3|RESET|HGETALL @hash
!QUIT
!QUIT x
!PING|QUIT|PING
RESET
!CLIENT SETNAME me|RESET|CLIENT GETNAME
SELECT 0
SELECT 99
SELECT x
SELECT 1
TIME
LOLWUT
CLIENT ID
CLIENT GETNAME
CLIENT SETNAME me|CLIENT GETNAME
CLIENT SETNAME ""|CLIENT GETNAME
CLIENT SETNAME "a b"
CLIENT SETNAME "\xff"
CLIENT INFO
CLIENT LIST
CLIENT LIST TYPE normal
CLIENT LIST TYPE pubsub
CLIENT LIST TYPE nosuch
CLIENT LIST ID 999999
CLIENT LIST ID x
CLIENT UNBLOCK 999999
CLIENT UNBLOCK 999999 ERROR
CLIENT UNBLOCK x
CLIENT UNBLOCK 1 nosuch
CLIENT UNBLOCK 1 ERROR x
CLIENT LIST nosuch
CLIENT NO-EVICT ON|CLIENT NO-EVICT OFF
CLIENT NO-EVICT nosuch
CLIENT NO-TOUCH ON|CLIENT NO-TOUCH OFF
CLIENT SETINFO lib-name x|CLIENT SETINFO lib-ver 1.2
CLIENT REPLY ON
!CLIENT REPLY nosuch
!CLIENT REPLY
!CLIENT HELP
CLIENT NOSUCH
CLIENT
COMMAND
COMMAND COUNT
COMMAND COUNT x
COMMAND INFO get
COMMAND INFO get nosuch xgroup|create GETEX xgroup nosuch|nosuch
COMMAND DOCS get
COMMAND DOCS get nosuch
COMMAND DOCS xgroup
COMMAND LIST FILTERBY ACLCAT nosuch
COMMAND LIST FILTERBY ACLCAT hyperloglog
COMMAND LIST FILTERBY PATTERN xr*
COMMAND LIST FILTERBY MODULE nosuch
COMMAND LIST nosuch
COMMAND GETKEYS get k
COMMAND GETKEYS mset a b c d
COMMAND GETKEYS zunionstore d 2 a b WEIGHTS 1 2
COMMAND GETKEYS xread count 2 streams a b 1 2
COMMAND GETKEYS sort k by w_* store d
COMMAND GETKEYS eval script 2 a b c
COMMAND GETKEYS ping
COMMAND GETKEYS nosuch x
COMMAND GETKEYS get
COMMAND GETKEYSANDFLAGS set k v
COMMAND GETKEYSANDFLAGS lmove a b left right
COMMAND GETKEYSANDFLAGS ping
!COMMAND HELP
COMMAND NOSUCH
!HELLO 3|CLIENT TRACKINGINFO|HELLO 2|CLIENT TRACKINGINFO
CLIENT GETREDIR
!CLIENT KILL nosuch:1
!CLIENT KILL
!CLIENT KILL ID x
!CLIENT KILL ID 0
!CLIENT KILL ID 99999
!CLIENT KILL ID 99999 TYPE normal
!CLIENT KILL TYPE nosuch
!CLIENT KILL TYPE slave
!CLIENT KILL TYPE pubsub
!CLIENT KILL USER nosuch
!CLIENT KILL USER default ADDR 1.2.3.4:5
!CLIENT KILL SKIPME maybe
!CLIENT KILL ADDR 1.2.3.4:5 LADDR 1.2.3.4:5
!CLIENT KILL ID 1 2
!CLIENT KILL NOSUCH x
!CLIENT PAUSE
!CLIENT PAUSE x
!CLIENT PAUSE x nosuch
!CLIENT PAUSE -1
!CLIENT PAUSE 1 nosuch
!CLIENT PAUSE 1 ALL x
!CLIENT PAUSE 0
!CLIENT PAUSE 1|PING
!CLIENT PAUSE 1 all|PING
!CLIENT PAUSE 100000 write|PING|CLIENT UNPAUSE|SET @k v
!CLIENT UNPAUSE
!CLIENT UNPAUSE x
!MONITOR
!MONITOR x
!CONFIG GET timeout
!CONFIG GET databases
!CONFIG SET timeout 100|CONFIG GET timeout|CONFIG SET timeout 0
!CONFIG SET timeout
!CONFIG SET timeout x
!CONFIG SET timeout -1
!CONFIG SET timeout 1 timeout 2
!CONFIG SET timeout 1 nosuch
!CONFIG SET timeout 1 nosuch 2
!CONFIG SET nosuch 1
!CONFIG SET databases 3
!CONFIG SET databases 3 nosuch 1
!CONFIG SET nosuch 1 databases 3
!CONFIG SET slowlog-log-slower-than x
!CONFIG SET slowlog-log-slower-than -2
!CONFIG SET SLOWLOG-log-slower-than 10000 slowlog-max-len 128
!CONFIG SET slowlog-max-len -1
!CONFIG SET latency-monitor-threshold -1
!CONFIG SET latency-monitor-threshold 0|CONFIG GET latency-monitor-threshold
!CONFIG RESETSTAT
!CONFIG RESETSTAT x
!SLOWLOG RESET|SLOWLOG LEN
!SLOWLOG GET x
!SLOWLOG GET -2
!SLOWLOG GET 1 2
!SLOWLOG LEN x
!SLOWLOG NOSUCH
!SLOWLOG HELP
!SLOWLOG RESET|SLOWLOG GET
!LATENCY LATEST
!LATENCY HISTORY command
!LATENCY GRAPH nosuch
!LATENCY GRAPH
!LATENCY RESET
!LATENCY RESET a b
!LATENCY DOCTOR
!LATENCY HISTOGRAM
!LATENCY HISTOGRAM nosuch
!LATENCY HELP
ACL WHOAMI
ACL CAT
ACL CAT nosuch
ACL CAT STREAM
ACL CAT scripting
ACL CAT dangerous x
!ACL HELP
ROLE
DEBUG SLEEP 0
DEBUG OBJECT @hash
!MEMORY HELP
!MEMORY PURGE
ASKING
READONLY
READWRITE
CLUSTER NOSUCH
CLUSTER
!CLUSTER COUNT-FAILURE-REPORTS x
!CLUSTER HELP
!CLUSTER INFO
!CLUSTER KEYSLOT {a}b
!CLUSTER LINKS
!CLUSTER MYID
!CLUSTER NODES
!CLUSTER REPLICAS x
!CLUSTER SHARDS
!CLUSTER SLAVES x
!CLUSTER SLOTS
CONFIG GET save
CONFIG GET appendonly
CONFIG GET nosuch
CONFIG GET SAVE appendonly nosuch
!CONFIG HELP
CONFIG NOSUCH
CONFIG
INFO
INFO server
INFO keyspace
INFO nosuch
INFO server clients
INFO everything
DBSIZE
KEYS *
KEYS *s*
KEYS {*
KEYS nosuch
KEYS ""
KEYS "[[:"
KEYS "*\\"
KEYS *[^s-z]
KEYS \\{t*
RANDOMKEY
SCAN 0
SCAN 0 COUNT 1000
SCAN 0 MATCH *s* COUNT 1000
SCAN 0 TYPE string COUNT 1000
SCAN 0 TYPE nosuch
SCAN 0 MATCH * COUNT 0
SCAN x
SCAN -1
SCAN 0 nosuch
SCAN 0 COUNT x
` + scriptLocalCases + pubsubLocalCases

// flushCases empty the servers.
const flushCases = `
FLUSHALL
FLUSHALL ASYNC
FLUSHALL SYNC
FLUSHALL nosuch
FLUSHALL SYNC ASYNC
FLUSHDB
FLUSHDB async
FLUSHDB nosuch
`

func TestCommandsWithoutKeysReplyAsRedisDoes(t *testing.T) {
	a := newArena(t)
	a.playWithoutKeys(t)
	a.tally.occurred(t)
	if a.tally.requests < 1_000 || len(a.tally.commands) < 15 {
		t.Errorf("only %d requests of %d commands were compared", a.tally.requests, len(a.tally.commands))
	}
}

func TestTwoRealServersReplyAlikeToCommandsWithoutKeys(t *testing.T) {
	newControl(t).playWithoutKeys(t)
}

func (a *arena) playWithoutKeys(t *testing.T) {
	t.Helper()
	for _, protocol := range []int{2, 3} {
		if a.control && protocol == 2 && !torture() {
			continue
		}
		a.flush(t)
		p := &player{duel: a.duel(t, protocol), every: max(1, a.share()/2)}
		for i, word := range fixtureNames {
			p.makeKey(word, naming{tag: a.tags[i%len(a.tags)]})
			p.makeKey(word, naming{})
		}
		p.makeKey("@hash", naming{})
		p.drain()
		for text := range strings.Lines(localCases) {
			p.sequence(t, strings.TrimSpace(text))
		}
		for text := range strings.Lines(flushCases) {
			for i, word := range fixtureNames {
				p.makeKey(word, naming{suffix: fmt.Sprint(i)})
			}
			p.drain()
			p.sequence(t, strings.TrimSpace(text))
			p.ask([]string{"DBSIZE"})
			p.ask([]string{"KEYS", "*"})
			p.drain()
		}
	}
	a.tally.report(t)
}

// sequence plays the requests of one line on new connections.
func (p *player) sequence(t *testing.T, text string) {
	t.Helper()
	if text == "" {
		return
	}
	rest, only := strings.CutPrefix(text, "!")
	p.again()
	for part := range strings.SplitSeq(rest, "|") {
		l, err := parseLine(part, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !p.a.serves(l.args) {
			continue
		}
		args := l.named(naming{})
		p.ask(args)
		p.drain()
		if only {
			continue
		}
		for _, other := range l.alterations(head(l.args), false) {
			if p.a.serves(other.args) && p.chosen(other) {
				p.ask(other.named(naming{}))
			}
		}
		p.drain()
		if strings.Contains(rest, "|") { // what the requests behind it need
			p.again()
			p.ask(args)
		}
	}
	p.drain()
}

func TestRefusedCommandsSaySoAndTheConnectionStays(t *testing.T) {
	a := newArena(t)
	w, lone := dial(t, a.proxy.Addr()), dial(t, a.lone.Addr())
	n := 0
	refuse := func(c *command.Command) {
		if c.Policy != command.Refused || c.IsContainer() {
			return
		}
		n++
		args := strings.Split(c.Name, "|")
		if least := max(c.Arity, -c.Arity); len(args) < least {
			tooFew := append([]string(nil), args...)
			if _, real := a.known[c.Name]; real { // which does not carry it out
				expect(t, fmt.Sprintf("%q", tooFew), w.do(tooFew...), lone.do(tooFew...))
			}
			for len(args) < least {
				args = append(args, "x")
			}
		}
		if c.Reason == "" {
			t.Errorf("%s is refused without a reason", c.Name)
		}
		expect(t, fmt.Sprintf("%q", args), w.do(args...), refused(c.Name)+c.Reason+"\r\n")
		expect(t, "PING after "+c.Name, w.do("PING"), "+PONG\r\n")
	}
	for c := range command.All() {
		refuse(c)
		for sub := range c.Subcommands() {
			refuse(sub)
		}
	}
	t.Logf("%d commands are refused", n)
	if n == 0 {
		t.Error("no command is refused")
	}
}

// A command that servers of this version do not have goes to one all the same:
// it is the server that says so.
func TestCommandsOfOtherServersReachTheServer(t *testing.T) {
	a := newArena(t)
	w := dial(t, a.proxy.Addr())
	n, reached := 0, 0
	try := func(c *command.Command) {
		if _, known := a.known[c.Name]; known || c.Policy == command.Refused || c.Policy == command.Local || c.IsContainer() ||
			c.Product == command.Own {
			return
		}
		args := strings.Split(c.Name, "|")
		for len(args) < max(c.Arity, -c.Arity, 2) {
			args = append(args, "1")
		}
		n++
		if got := w.do(args...); strings.HasPrefix(got, "-ERR unknown ") {
			reached++
		} else if got != crossSlot && !strings.HasPrefix(got, "-ERR Invalid arguments") && !strings.HasPrefix(got, "-ERR syntax error") {
			t.Errorf("%q: %q", args, got)
		}
		expect(t, "PING", w.do("PING"), "+PONG\r\n")
	}
	for c := range command.All() {
		try(c)
		for sub := range c.Subcommands() {
			try(sub)
		}
	}
	t.Logf("%d commands, %d of which reached a server", n, reached)
	if reached < n*9/10 {
		t.Error("those are too few")
	}
}

func TestEveryCommandThatIsServedHasACase(t *testing.T) {
	cases := map[string]bool{}
	for text := range strings.Lines(commandCases + localCases + flushCases) {
		for part := range strings.SplitSeq(strings.TrimPrefix(strings.TrimSpace(text), "!"), "|") {
			args, err := difftest.Words(part, nil)
			if err != nil {
				t.Fatal(err)
			}
			cases[nameOf(args)] = true
		}
	}
	for _, scenes := range []map[string]string{transactionScenes, blockingScenes, trackingScenes} {
		for _, scene := range scenes {
			for line := range strings.Lines(scene) {
				if words := strings.Fields(line); len(words) > 1 {
					cases[nameOf(words[1:])] = true
				}
			}
		}
	}
	look := func(c *command.Command) {
		if c.Policy != command.Refused && !c.Untested && !cases[c.Name] {
			t.Errorf("%s is served and has no case here", c.Name)
		}
	}
	for c := range command.All() {
		look(c)
		for sub := range c.Subcommands() {
			look(sub)
		}
	}
}
