package local

import (
	"bytes"
	"strings"

	"github.com/tidwall/redcon"

	"ringmain/command"
	"ringmain/proxy/users"
	"ringmain/resp"
)

// RedisVersion is the version whose behaviour clients may expect as long as no
// server has told its own.
const RedisVersion = "7.0.15"

func ping(_ *Answers, c *Call) {
	listens := c.Client.Subscribed && c.Client.Protocol == 2
	switch {
	case len(c.Args) <= 2 && listens: // in the form of a message
		c.Out = redcon.AppendArray(c.Out, 2)
		c.bulk("pong")
		c.Out = redcon.AppendBulk(c.Out, bytes.Join(c.Args[1:], nil))
	case len(c.Args) == 1:
		c.Out = redcon.AppendString(c.Out, "PONG")
	case len(c.Args) == 2:
		c.Out = redcon.AppendBulk(c.Out, c.Args[1])
	default:
		c.Out = resp.AppendWrongArity(c.Out, c.Command.Name)
	}
}

func echo(_ *Answers, c *Call) { c.Out = redcon.AppendBulk(c.Out, c.Args[1]) }

func quit(_ *Answers, c *Call) {
	c.ok()
	c.Quit = true
}

func reset(_ *Answers, c *Call) {
	c.Client.Name, c.Client.Protocol, c.Client.Database, c.Client.User = "", 2, 0, nil
	c.Unmute = c.Client.ReplyOff // but not of one reply that is skipped
	c.Client.ReplyOff, c.Client.ReplySkip = false, false
	c.Out = redcon.AppendString(c.Out, "RESET")
}

// DatabaseNumber reads SELECT's argument; text is that of an error, or "".
func DatabaseNumber(arg []byte) (number int, text string) {
	switch n, ok := resp.ParseInteger(arg); {
	case !ok:
		return 0, resp.TextNotInteger
	case n != int64(int32(n)):
		return 0, resp.TextIntRange
	case n < 0:
		return 0, resp.TextDatabase
	default:
		return int(n), ""
	}
}

// auth is AUTH [username] password. Without users nobody has a password, and the
// default user needs none.
func auth(a *Answers, c *Call) {
	name, password := []byte(users.Default), c.Args[1]
	switch {
	case len(c.Args) == 2 && a.Users == nil:
		c.fail(resp.TextNoPassword)
		return
	case len(c.Args) > 3:
		c.fail(resp.TextSyntax)
		return
	case len(c.Args) == 3:
		name, password = c.Args[1], c.Args[2]
	}
	if a.authenticate(c, name, password) {
		c.ok()
	}
}

// authenticate makes the client a user, or answers that it is none.
func (a *Answers) authenticate(c *Call, name, password []byte) bool {
	if a.Users == nil && string(name) == users.Default {
		return true
	}
	var u *users.User
	if a.Users != nil {
		u = a.Users.Authenticate(name, password)
	}
	if u == nil {
		c.WrongPassword = true
		c.fail(resp.TextWrongPassword)
		return false
	}
	c.Client.User = u
	return true
}

// hello is HELLO [protover [AUTH username password] [SETNAME clientname]].
func hello(a *Answers, c *Call) {
	protocol, name := c.Client.Protocol, c.Client.Name
	if len(c.Args) > 1 {
		n, ok := resp.ParseInteger(c.Args[1])
		if !ok {
			c.fail(resp.TextProtocolVersion)
			return
		}
		if n != 2 && n != 3 {
			c.fail(resp.TextNoProtocol)
			return
		}
		protocol = int(n)
	}
	for rest := c.Args[min(2, len(c.Args)):]; len(rest) > 0; {
		switch {
		case len(rest) >= 3 && command.IsWord(rest[0], "auth"):
			if !a.authenticate(c, rest[1], rest[2]) {
				return
			}
			rest = rest[3:]
		case len(rest) >= 2 && command.IsWord(rest[0], "setname"):
			if !validName(rest[1]) {
				c.fail(resp.TextClientName)
				return
			}
			name = string(rest[1])
			rest = rest[2:]
		default:
			c.Out = resp.AppendHelloOption(c.Out, rest[0])
			return
		}
	}
	if a.Users != nil && c.Client.User == nil {
		c.fail(resp.TextNoAuthHello)
		return
	}
	c.Client.Protocol, c.Client.Name = protocol, name
	a.appendHello(c)
}

func (a *Answers) appendHello(c *Call) {
	c.Out = resp.AppendMap(c.Out, c.Client.Protocol, 7)
	c.bulk("server")
	c.bulk("redis")
	c.bulk("version")
	c.bulk(a.RedisVersion())
	c.bulk("proto")
	c.integer(int64(c.Client.Protocol))
	c.bulk("id")
	c.integer(c.Client.ID)
	c.bulk("mode")
	c.bulk("standalone")
	c.bulk("role")
	c.bulk("master")
	c.bulk("modules")
	c.Out = redcon.AppendArray(c.Out, 0)
}

func clientID(_ *Answers, c *Call) { c.integer(c.Client.ID) }

// maxName bounds what a client may have the proxy remember of it, in bytes.
const maxName = 256

// validName is what Redis takes as a client's name: printable ASCII, no blanks;
// here it is bounded too. An empty one takes the name away.
func validName(name []byte) bool {
	if len(name) > maxName {
		return false
	}
	for _, ch := range name {
		if ch < '!' || ch > '~' {
			return false
		}
	}
	return true
}

func clientSetName(_ *Answers, c *Call) {
	if !validName(c.Args[2]) {
		c.fail(resp.TextClientName)
		return
	}
	c.Client.Name = string(c.Args[2])
	c.ok()
}

func clientGetName(_ *Answers, c *Call) {
	if c.Client.Name == "" {
		c.Out = resp.AppendNull(c.Out, c.Client.Protocol)
		return
	}
	c.bulk(c.Client.Name)
}

func clientSetInfo(_ *Answers, c *Call) {
	option, value := strings.ToLower(string(c.Args[2])), c.Args[3]
	target := map[string]*string{"lib-name": &c.Client.LibName, "lib-ver": &c.Client.LibVer}[option]
	switch {
	case target == nil:
		c.fail("ERR Unrecognized option '" + string(c.Args[2]) + "'")
	case !validName(value):
		c.fail("ERR " + option + " cannot contain spaces, newlines or special characters.")
	default:
		*target = string(value)
		c.ok()
	}
}
