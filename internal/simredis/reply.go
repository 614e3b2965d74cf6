package simredis

import (
	"fmt"
	"strconv"
	"strings"
)

// Texts of errors that several commands share.
const (
	errWrongType = "WRONGTYPE Operation against a key holding the wrong kind of value"
	errInteger   = "ERR value is not an integer or out of range"
	errSyntax    = "ERR syntax error"
	errOverflow  = "ERR increment or decrement would overflow"
	errNoAuth    = "NOAUTH Authentication required."
	errWrongPass = "WRONGPASS invalid username-password pair or user is disabled."
)

func (c *client) raw(s string) {
	switch {
	case c.captured != nil:
		*c.captured = append(*c.captured, s...)
	case c.replyOff || c.skip:
	default:
		c.conn.Write([]byte(s))
	}
}

// replyProto is the protocol of replies: to a script it is RESP2.
func (c *client) replyProto() int {
	if c.captured != nil {
		return 2
	}
	return c.proto
}

func (c *client) simple(s string) { c.raw("+" + s + "\r\n") }
func (c *client) ok()             { c.simple("OK") }
func (c *client) integer(n int64) { c.raw(":" + strconv.FormatInt(n, 10) + "\r\n") }
func (c *client) array(n int)     { c.raw("*" + strconv.Itoa(n) + "\r\n") }
func (c *client) text(s string)   { c.raw("$" + strconv.Itoa(len(s)) + "\r\n" + s + "\r\n") }

// failForm refuses a subcommand whose arguments are too many.
func (c *client) failForm(args [][]byte) {
	c.fail(fmt.Sprintf("ERR unknown subcommand or wrong number of arguments for '%.128s'. Try %s HELP.", args[1], strings.ToUpper(string(args[0]))))
}

// fail answers with an error; what it quotes must not end its line.
func (c *client) fail(s string) {
	c.raw("-" + strings.NewReplacer("\r", " ", "\n", " ").Replace(s) + "\r\n")
}

// content is a string value, or null for none.
func (c *client) content(v *value) {
	if v == nil {
		c.null()
	} else {
		c.text(string(v.text))
	}
}

func (c *client) null() {
	if c.replyProto() == 3 {
		c.raw("_\r\n")
	} else {
		c.raw("$-1\r\n")
	}
}

// nullArray is what stands for no array.
func (c *client) nullArray() {
	if c.replyProto() == 3 {
		c.raw("_\r\n")
	} else {
		c.raw("*-1\r\n")
	}
}

// pairs begins a map of n pairs; RESP2 has only arrays.
func (c *client) pairs(n int) {
	if c.replyProto() == 3 {
		c.raw("%" + strconv.Itoa(n) + "\r\n")
	} else {
		c.array(2 * n)
	}
}

// verbatim is a text for people.
func (c *client) verbatim(s string) {
	if c.replyProto() == 3 {
		c.raw("=" + strconv.Itoa(len(s)+4) + "\r\ntxt:" + s + "\r\n")
	} else {
		c.text(s)
	}
}
