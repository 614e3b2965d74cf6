package simredis

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

func runPing(c *client, args [][]byte) {
	text := ""
	if len(args) == 2 {
		text = string(args[1])
	}
	switch {
	case len(args) > 2:
		c.fail(wrongArity("ping"))
	case c.subscriptions() > 0 && c.proto == 2:
		c.array(2)
		c.text("pong")
		c.text(text)
	case len(args) == 1:
		c.simple("PONG")
	default:
		c.text(text)
	}
}

func runEcho(c *client, args [][]byte) { c.text(string(args[1])) }

func runQuit(c *client, _ [][]byte) {
	c.ok()
	c.close()
}

// runReset makes the client what it was when it connected.
func runReset(c *client, _ [][]byte) {
	c.multi, c.tracking = nil, nil
	c.unwatch()
	c.channels, c.patterns, c.shards = nil, nil, nil
	c.replyOff, c.skipNext = false, false
	c.proto, c.db, c.name = 2, 0, ""
	c.authed = c.s.options.Password == ""
	c.simple("RESET")
}

// runConfigGet knows the number of databases only.
func runConfigGet(c *client, args [][]byte) {
	for _, pattern := range args[2:] {
		if matches(strings.ToLower(string(pattern)), "databases") {
			c.pairs(1)
			c.text("databases")
			c.text(strconv.Itoa(databases))
			return
		}
	}
	c.pairs(0)
}

func runSelect(c *client, args [][]byte) {
	n, ok := integer(args[1])
	switch {
	case !ok:
		c.fail(errInteger)
	case n < 0 || n >= databases:
		c.fail("ERR DB index is out of range")
	default:
		c.db = int(n)
		c.ok()
	}
}

func runAuth(c *client, args [][]byte) {
	user, password := "default", args[len(args)-1]
	if len(args) == 3 {
		user = string(args[1])
	}
	switch {
	case len(args) > 3:
		c.fail(errSyntax)
	case len(args) == 2 && c.s.options.Password == "":
		c.fail("ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?")
	case !c.login(user, string(password)):
		c.fail(errWrongPass)
	default:
		c.ok()
	}
}

// login checks a password; the only user is Redis's default one, and without a
// password it accepts any.
func (c *client) login(user, password string) bool {
	if user != "default" || c.s.options.Password != "" && password != c.s.options.Password {
		return false
	}
	c.authed = true
	return true
}

func runHello(c *client, args [][]byte) {
	proto := c.proto
	words := args[1:]
	if len(words) > 0 {
		n, ok := integer(words[0])
		if !ok {
			c.fail("ERR Protocol version is not an integer or out of range")
			return
		}
		if n != 2 && n != 3 {
			c.fail("NOPROTO unsupported protocol version")
			return
		}
		proto, words = int(n), words[1:]
	}
	name := c.name
	for len(words) > 0 {
		switch word := strings.ToLower(string(words[0])); {
		case word == "auth" && len(words) >= 3:
			if !c.login(string(words[1]), string(words[2])) {
				c.fail(errWrongPass)
				return
			}
			words = words[3:]
		case word == "setname" && len(words) >= 2:
			if name = string(words[1]); !validName(name) {
				c.fail(errName)
				return
			}
			words = words[2:]
		default:
			c.fail("ERR Syntax error in HELLO option '" + string(words[0]) + "'")
			return
		}
	}
	if !c.authed {
		c.fail("NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time")
		return
	}
	c.proto, c.name = proto, name
	c.greet()
}

func (c *client) greet() {
	c.pairs(7)
	c.text("server")
	c.text("redis")
	c.text("version")
	c.text(version)
	c.text("proto")
	c.integer(int64(c.proto))
	c.text("id")
	c.integer(c.id)
	c.text("mode")
	c.text("standalone")
	c.text("role")
	c.text("master")
	c.text("modules")
	c.array(0)
}

// runInfo knows the sections server and keyspace; others are empty.
func runInfo(c *client, args [][]byte) {
	wanted := func(section string) bool {
		return len(args) == 1 || slices.ContainsFunc(args[1:], func(arg []byte) bool {
			word := strings.ToLower(string(arg))
			return word == section || word == "default" || word == "all" || word == "everything"
		})
	}
	var text strings.Builder
	if wanted("server") {
		uptime := int64(c.s.loop.Now().Sub(c.s.started).Seconds())
		fmt.Fprintf(&text, "# Server\r\nredis_version:%s\r\nredis_mode:standalone\r\nprocess_id:1\r\nrun_id:%s\r\nuptime_in_seconds:%d\r\nuptime_in_days:%d\r\n",
			version, c.s.runID, uptime, uptime/86400)
	}
	if wanted("keyspace") {
		if text.Len() > 0 {
			text.WriteString("\r\n")
		}
		text.WriteString("# Keyspace\r\n")
		for db, keys := range c.s.dbs {
			if len(keys) > 0 {
				fmt.Fprintf(&text, "db%d:keys=%d,expires=%d,avg_ttl=0\r\n", db, len(keys), keys.withLifetime())
			}
		}
	}
	c.verbatim(text.String())
}
