package simredis

import (
	"fmt"
	"slices"
	"strings"
)

const errName = "ERR Client names cannot contain spaces, newlines or special characters."

// clientCommands are the subcommands of CLIENT; arity counts both words.
var clientCommands = map[string]command{
	"getname": {arity: 2, run: runClientGetName},
	"id":      {arity: 2, run: func(c *client, _ [][]byte) { c.integer(c.id) }},
	"info":    {arity: 2, run: func(c *client, _ [][]byte) { c.verbatim(c.describe() + "\n") }},
	"kill":    {arity: -3, run: runClientKill},
	"list":    {arity: -2, run: runClientList},
	"setname": {arity: 3, run: runClientSetName},
}

func runClient(c *client, args [][]byte) {
	name := strings.ToLower(string(args[1]))
	cmd, known := clientCommands[name]
	switch {
	case !known:
		c.fail(fmt.Sprintf("ERR unknown subcommand '%.128s'. Try CLIENT HELP.", args[1]))
	case !cmd.takes(len(args)):
		c.fail(wrongArity("client|" + name))
	default:
		cmd.run(c, args)
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
	return fmt.Sprintf("id=%d addr=%s laddr=%s fd=8 name=%s age=%d idle=0 flags=N db=%d sub=0 psub=0 ssub=0 multi=-1 user=default resp=%d",
		c.id, c.conn.RemoteAddr(), c.conn.LocalAddr(), c.name, int64(c.s.loop.Now().Sub(c.since).Seconds()), c.db, c.proto)
}

func runClientList(c *client, args [][]byte) {
	words := args[2:]
	match := func(*client) bool { return true }
	switch {
	case len(words) == 0:
	case len(words) == 2 && strings.EqualFold(string(words[0]), "type"):
		normal := strings.EqualFold(string(words[1]), "normal")
		match = func(*client) bool { return normal }
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
		(f.kind == "" || f.kind == "normal") &&
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
