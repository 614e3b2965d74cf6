package tenant

import (
	"bytes"

	"github.com/tidwall/redcon"

	"ringmain/resp"
)

// Kind is where the keys are in a reply. An error may have some whatever the Kind, but
// AsIs.
type Kind uint8

// The kinds of replies.
const (
	AsIs         Kind   = iota // nowhere
	Errors                     // in errors only
	First                      // the first element of an array
	Keys                       // every element of an array
	Pairs                      // every other element of an array, from the first on
	Page                       // every element of the array in an array, as SCAN's
	Streams                    // the first element of each array in an array, or the keys of a map, as XREAD's
	TrackingInfo               // the prefixes in CLIENT TRACKINGINFO
	Kinds        = iota        // how many there are
)

// errReply stands in place of what does not look as it should: it might show what is
// not the tenant's.
var errReply = []byte("-ERR the server's reply is not understood, and cannot be shown to a user with a key_prefix\r\n")

// Reply takes the prefix away from the keys in a whole reply to a request that Request
// has made. Keys without it are left out. The result may be part of reply.
func (t *Tenant) Reply(kind Kind, reply []byte) []byte {
	if kind == AsIs || len(reply) == 0 {
		return reply
	}
	if text, ok := resp.ErrorText(reply); ok {
		return t.errorText(reply, text)
	}
	if kind == Errors || resp.IsNull(reply) {
		return reply
	}
	out, ok := make([]byte, 0, len(reply)), false
	switch kind {
	case First:
		out, ok = t.first(out, reply)
	case Keys:
		out, ok = t.list(out, reply, 1)
	case Pairs:
		out, ok = t.list(out, reply, 2)
	case Page:
		out, ok = t.page(out, reply)
	case Streams:
		out, ok = t.streams(out, reply)
	}
	if !ok {
		return errReply
	}
	return out
}

// beforeKeys is what stands before a key, or the beginning of keys, in an error of
// Redis's.
var beforeKeys = [][]byte{[]byte("key '"), []byte("key name '"), []byte("Prefix '"), []byte("prefix '")}

func (t *Tenant) errorText(reply, text []byte) []byte {
	changed := false
	for _, before := range beforeKeys {
		if at := bytes.Index(text, before); at >= 0 && bytes.HasPrefix(text[at+len(before):], t.prefix) {
			at += len(before)
			text = append(bytes.Clone(text[:at]), text[at+len(t.prefix):]...)
			changed = true
		}
	}
	if !changed {
		return reply
	}
	return redcon.AppendError(nil, string(text))
}

// aggregate opens an array, a set, a map or a push: its type, and elements, of which
// a map has two for each pair.
func aggregate(reply []byte) (kind byte, n int, rest []byte, ok bool) {
	n, rest, ok = resp.Array(reply)
	if !ok || reply[0] == '|' {
		return 0, 0, nil, false
	}
	return reply[0], n, rest, true
}

// appendAggregate appends the header of n elements.
func appendAggregate(dst []byte, kind byte, n int) []byte {
	if kind == '%' {
		n /= 2
	}
	from := len(dst)
	dst = redcon.AppendArray(dst, n)
	dst[from] = kind
	return dst
}

// appendKey appends a string without the prefix; false if it does not have it.
func (t *Tenant) appendKey(dst, element []byte) ([]byte, bool) {
	text, ok := resp.Bulk(element)
	if !ok || element[0] == '|' {
		return dst, false
	}
	if text, ok = t.Key(text); !ok {
		return dst, false
	}
	if element[0] == '+' {
		return redcon.AppendString(dst, string(text)), true
	}
	return redcon.AppendBulk(dst, text), true
}

// first is the reply of BLPOP, LMPOP and the like.
func (t *Tenant) first(dst, reply []byte) ([]byte, bool) {
	kind, n, rest, ok := aggregate(reply)
	if !ok || n == 0 {
		return append(dst, reply...), ok
	}
	key, rest, err := resp.Element(rest)
	if err != nil {
		return dst, false
	}
	dst, ok = t.appendKey(appendAggregate(dst, kind, n), key)
	return append(dst, rest...), ok
}

// list is an array of keys, each with step-1 elements behind it. Those of others are
// left out.
func (t *Tenant) list(dst, reply []byte, step int) ([]byte, bool) {
	kind, n, rest, ok := aggregate(reply)
	if !ok || n%step != 0 || kind == '%' && step != 2 {
		return dst, false
	}
	body := make([]byte, 0, len(rest))
	kept := 0
	for range n / step {
		var err error
		var key []byte
		if key, rest, err = resp.Element(rest); err != nil {
			return dst, false
		}
		var own bool
		if body, own = t.appendKey(body, key); own {
			kept += step
		}
		for range step - 1 {
			var behind []byte
			if behind, rest, err = resp.Element(rest); err != nil {
				return dst, false
			}
			if own {
				body = append(body, behind...)
			}
		}
	}
	return append(appendAggregate(dst, kind, kept), body...), len(rest) == 0
}

// page is the reply of SCAN: a cursor, and an array of keys.
func (t *Tenant) page(dst, reply []byte) ([]byte, bool) {
	kind, n, rest, ok := aggregate(reply)
	if !ok || n != 2 {
		return dst, false
	}
	cursor, rest, err := resp.Element(rest)
	if err != nil {
		return dst, false
	}
	if _, ok = resp.Bulk(cursor); !ok {
		return dst, false
	}
	return t.list(append(appendAggregate(dst, kind, 2), cursor...), rest, 1)
}

// streams is the reply of XREAD: a map of streams to their entries, or an array of
// pairs.
func (t *Tenant) streams(dst, reply []byte) ([]byte, bool) {
	kind, n, rest, ok := aggregate(reply)
	if !ok {
		return dst, false
	}
	if kind == '%' {
		return t.list(dst, reply, 2)
	}
	dst = appendAggregate(dst, kind, n)
	for range n {
		var stream []byte
		var err error
		if stream, rest, err = resp.Element(rest); err != nil {
			return dst, false
		}
		if dst, ok = t.first(dst, stream); !ok {
			return dst, false
		}
	}
	return dst, len(rest) == 0
}

// invalidateAll says that no key is valid any more.
var invalidateAll = []byte(">2\r\n$10\r\ninvalidate\r\n_\r\n")

// Invalidation takes the prefix away from the keys in a push that tells which are not
// valid any more.
func (t *Tenant) Invalidation(push []byte) []byte {
	kind, n, rest, ok := aggregate(push)
	if !ok || n != 2 {
		return push
	}
	name, rest, err := resp.Element(rest)
	if text, _ := resp.Bulk(name); err != nil || string(text) != "invalidate" || resp.IsNull(rest) {
		return push
	}
	out, ok := t.list(append(appendAggregate(make([]byte, 0, len(push)), kind, n), name...), rest, 1)
	if !ok {
		return invalidateAll
	}
	return out
}
