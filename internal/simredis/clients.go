package simredis

import (
	"fmt"
	"slices"
	"strings"
)

const errName = "ERR Client names cannot contain spaces, newlines or special characters."

// clientCommands are the subcommands of CLIENT; arity counts both words.
var clientCommands = map[string]command{
	"caching":  {arity: 3, loading: true, noScript: true, run: runClientCaching},
	"getname":  {arity: 2, loading: true, noScript: true, run: runClientGetName},
	"id":       {arity: 2, loading: true, noScript: true, run: func(c *client, _ [][]byte) { c.integer(c.id) }},
	"info":     {arity: 2, loading: true, noScript: true, run: func(c *client, _ [][]byte) { c.verbatim(c.describe() + "\n") }},
	"kill":     {arity: -3, loading: true, noScript: true, run: runClientKill},
	"list":     {arity: -2, loading: true, noScript: true, run: runClientList},
	"reply":    {arity: 3, loading: true, noScript: true, run: runClientReply},
	"setname":  {arity: 3, loading: true, noScript: true, run: runClientSetName},
	"tracking": {arity: -3, loading: true, noScript: true, run: runClientTracking},
	"unblock":  {arity: -3, loading: true, noScript: true, run: runClientUnblock},
}

// runClientReply answers ON only.
func runClientReply(c *client, args [][]byte) {
	switch strings.ToLower(string(args[2])) {
	case "on":
		c.replyOff, c.skip = false, false
		c.ok()
	case "off":
		c.replyOff = true
	case "skip":
		c.skipNext = !c.replyOff
	default:
		c.fail(errSyntax)
	}
}

func runClientSetName(c *client, args [][]byte) {
	if !validName(string(args[2])) {
		c.fail(errName)
		return
	}
	c.name = string(args[2])
	c.ok()
}

func validName(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool { return r < '!' || r > '~' })
}

func runClientGetName(c *client, _ [][]byte) {
	if c.name == "" {
		c.null()
	} else {
		c.text(c.name)
	}
}

// describe is the client's line of CLIENT LIST.
func (c *client) describe() string {
	multi := -1
	if c.multi != nil {
		multi = len(c.multi.queue)
	}
	return fmt.Sprintf("id=%d addr=%s laddr=%s fd=8 name=%s age=%d idle=0 flags=%s db=%d sub=%d psub=%d ssub=%d multi=%d user=default resp=%d",
		c.id, c.conn.RemoteAddr(), c.conn.LocalAddr(), c.name, int64(c.s.loop.Now().Sub(c.since).Seconds()), c.flags(), c.db,
		len(c.channels), len(c.patterns), len(c.shards), multi, c.proto)
}

// flags are the letters of what the client is in the middle of.
func (c *client) flags() string {
	letters := ""
	for _, f := range []struct {
		letter string
		on     bool
	}{
		{"P", c.subscriptions() > 0}, {"x", c.multi != nil}, {"b", c.waits != nil},
		{"t", c.tracking != nil}, {"d", c.dirty}, {"B", c.tracking != nil && c.tracking.bcast},
	} {
		if f.on {
			letters += f.letter
		}
	}
	if letters == "" {
		return "N"
	}
	return letters
}

// kind is the client's type, as CLIENT LIST and KILL know it.
func (c *client) kind() string {
	if c.subscriptions() > 0 {
		return "pubsub"
	}
	return "normal"
}

func runClientList(c *client, args [][]byte) {
	words := args[2:]
	match := func(*client) bool { return true }
	switch {
	case len(words) == 0:
	case len(words) == 2 && strings.EqualFold(string(words[0]), "type"):
		kind := strings.ToLower(string(words[1]))
		match = func(d *client) bool { return d.kind() == kind }
	case len(words) >= 2 && strings.EqualFold(string(words[0]), "id"):
		var ids []int64
		for _, word := range words[1:] {
			id, ok := integer(word)
			if !ok || id < 1 {
				c.fail("ERR Invalid client ID")
				return
			}
			ids = append(ids, id)
		}
		match = func(d *client) bool { return slices.Contains(ids, d.id) }
	default:
		c.fail(errSyntax)
		return
	}
	var list strings.Builder
	for _, d := range c.s.clients {
		if match(d) {
			list.WriteString(d.describe() + "\n")
		}
	}
	c.verbatim(list.String())
}

// killFilter is what CLIENT KILL looks for; every condition that is set must
// hold.
type killFilter struct {
	id          int64
	addr, laddr string
	kind, user  string
	skipMe      bool
}

func (f killFilter) matches(c, me *client) bool {
	return (f.id == 0 || f.id == c.id) &&
		(f.addr == "" || f.addr == c.conn.RemoteAddr()) &&
		(f.laddr == "" || f.laddr == c.conn.LocalAddr()) &&
		(f.kind == "" || f.kind == c.kind()) &&
		(f.user == "" || f.user == "default") &&
		!(f.skipMe && c == me)
}

func runClientKill(c *client, args [][]byte) {
	if len(args) == 3 { // the old form: CLIENT KILL addr
		if c.killAll(killFilter{addr: string(args[2])}) == 0 {
			c.fail("ERR No such client")
		} else {
			c.ok()
		}
	} else if filter, fault := parseKill(args[2:]); fault != "" {
		c.fail(fault)
	} else {
		c.integer(c.killAll(filter))
	}
	if c.gone { // itself among them: the reply still goes out
		c.conn.CloseAfterFlush()
	}
}

func parseKill(words [][]byte) (f killFilter, fault string) {
	f.skipMe = true
	if len(words)%2 != 0 {
		return f, errSyntax
	}
	for ; len(words) > 0; words = words[2:] {
		arg := string(words[1])
		switch strings.ToLower(string(words[0])) {
		case "id":
			id, ok := integer(words[1])
			if !ok || id < 1 {
				return f, "ERR client-id should be greater than 0"
			}
			f.id = id
		case "addr":
			f.addr = arg
		case "laddr":
			f.laddr = arg
		case "type":
			f.kind = strings.ToLower(arg)
		case "user":
			f.user = arg
		case "skipme":
			f.skipMe = strings.EqualFold(arg, "yes")
		default:
			return f, errSyntax
		}
	}
	return f, ""
}

// killAll kills the clients that match and counts them; the one that asks only
// leaves.
func (c *client) killAll(f killFilter) (n int64) {
	for _, d := range slices.Clone(c.s.clients) {
		if !f.matches(d, c) {
			continue
		}
		n++
		if d == c {
			c.leave()
		} else {
			d.kill()
		}
	}
	return n
}
