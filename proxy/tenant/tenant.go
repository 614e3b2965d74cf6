// Package tenant lets users share servers without seeing each other: it puts a prefix
// before the keys and channels of a request, and takes it away in the reply. It is pure:
// bytes in, bytes out.
//
// Which arguments are keys is what command's table says. A command is served to a
// tenant only if it is known for sure where all its keys stand, in the request and in the
// reply; the others are refused (see rules.go).
package tenant

import (
	"bytes"

	"ringmain/command"
	"ringmain/resp"
)

// Tenant is one prefix. It is not changed once made; any goroutine may use it.
type Tenant struct {
	prefix []byte
	// glob is the prefix as the beginning of a pattern that matches it and nothing else.
	glob []byte
}

// New makes a Tenant. The prefix is not empty.
func New(prefix string) *Tenant {
	t := &Tenant{prefix: []byte(prefix)}
	for _, c := range t.prefix {
		if bytes.IndexByte([]byte(`*?[]\`), c) >= 0 {
			t.glob = append(t.glob, '\\')
		}
		t.glob = append(t.glob, c)
	}
	return t
}

// Prefix is what the tenant's keys begin with on the servers. It is not to be modified.
func (t *Tenant) Prefix() []byte { return t.prefix }

// Buffer holds what Request puts in the place of arguments. One serves all requests of
// a loop, one after the other.
type Buffer struct {
	bytes     []byte
	positions []int
	tooLong   bool // a text that was made
}

// maxArgument is the longest argument that a server takes: a longer one would cost
// others the connection that they share with the tenant.
var maxArgument = resp.MaxBulk

// What a Buffer keeps between requests, in bytes and elements.
const (
	keptBytes     = 256 << 10
	keptPositions = 16 << 10
)

// reset makes room for the next request. What the last one was given stays as it is.
func (b *Buffer) reset() {
	if cap(b.bytes) > keptBytes {
		b.bytes = nil
	}
	if cap(b.positions) > keptPositions {
		b.positions = nil
	}
	b.bytes, b.positions, b.tooLong = b.bytes[:0], b.positions[:0], false
}

// join is one text after the other. Should the buffer grow, earlier results stay valid
// where they are.
func (b *Buffer) join(first, second []byte) []byte {
	start := len(b.bytes)
	b.bytes = append(append(b.bytes, first...), second...)
	b.tooLong = b.tooLong || len(b.bytes)-start > maxArgument
	return b.bytes[start:len(b.bytes):len(b.bytes)]
}

// Request puts the prefix before all keys and channels of a request whose arity has been
// checked. Elements of args are replaced, by parts of b that are valid until its next
// use, or more are appended. reply says what is to be done with the reply. text is that
// of the error with which the request is refused, or "".
func (t *Tenant) Request(b *Buffer, cmd *command.Command, args [][]byte) (out [][]byte, reply Kind, text string) {
	r := &rules[cmd.ID()]
	if r.rewrite == nil {
		return args, AsIs, Denied(cmd)
	}
	out, text = t.rewrite(r.rewrite, b, cmd, args)
	return out, r.reply, text
}

func (t *Tenant) rewrite(with rewrite, b *Buffer, cmd *command.Command, args [][]byte) (out [][]byte, text string) {
	b.reset()
	if out, text = with(t, b, cmd, args); text == "" && b.tooLong {
		text = errTooLong
	}
	return out, text
}

// Script is Request for a command that calls a script, which Request refuses: the keys that it
// declares get the prefix, but the script may use others. Whoever calls this sees to it that no
// server runs it.
func (t *Tenant) Script(b *Buffer, cmd *command.Command, args [][]byte) (out [][]byte, text string) {
	return t.rewrite(keys, b, cmd, args)
}

const errTooLong = "ERR a key or channel is too long with the user's key_prefix"

// Serves reports whether a command is served to tenants at all.
func Serves(cmd *command.Command) bool { return rules[cmd.ID()].rewrite != nil }

// Denied is the text with which Redis refuses a command that a user may not execute.
func Denied(cmd *command.Command) string {
	return "NOPERM this user has no permissions to run the '" + cmd.Name + "' command"
}

// Key is what the tenant calls a key or a channel of a server; false if it is not the
// tenant's. The result is part of key.
func (t *Tenant) Key(key []byte) ([]byte, bool) { return bytes.CutPrefix(key, t.prefix) }

// Pattern is what the tenant calls a pattern of channels that it has subscribed to.
func (t *Tenant) Pattern(pattern []byte) ([]byte, bool) { return bytes.CutPrefix(pattern, t.glob) }
