package lock

import (
	"bytes"
	"strings"
	"time"

	"ringmain/resp"
)

// setOptions are those of a SET.
type setOptions struct {
	nx, xx, get, keepTTL bool
	ifeq                 []byte // nil: not given
	other                string // a condition that locks do not have
	unit                 string // EX, PX, EXAT or PXAT; "": none
	value                []byte // its
}

// parseSet reads a SET's options as Redis does, with the conditions of Redis 8.4. ok is false
// for a syntax error.
func parseSet(options [][]byte) (o setOptions, ok bool) {
	for i := 0; i < len(options); i++ {
		word := strings.ToUpper(string(options[i]))
		conditional := o.nx || o.xx || o.ifeq != nil || o.other != ""
		switch word {
		case "NX":
			if conditional && !o.nx {
				return o, false
			}
			o.nx = true
		case "XX":
			if conditional && !o.xx {
				return o, false
			}
			o.xx = true
		case "GET":
			o.get = true
		case "KEEPTTL":
			if o.unit != "" {
				return o, false
			}
			o.keepTTL = true
		case "IFEQ", "IFNE", "IFDEQ", "IFDNE":
			if conditional || i+1 == len(options) {
				return o, false
			}
			if i++; word == "IFEQ" {
				o.ifeq = append([]byte{}, options[i]...)
			} else {
				o.other = word
			}
		case "EX", "PX", "EXAT", "PXAT":
			if o.unit != "" || o.keepTTL || i+1 == len(options) {
				return o, false
			}
			i++
			o.unit, o.value = word, options[i]
		default:
			return o, false
		}
	}
	return o, true
}

// set is SET key token NX with a TTL, which acquires, or SET key token IFEQ token with one,
// which extends.
func (c *command) set() (cancel func()) {
	o, ok := parseSet(c.Args[3:])
	if !ok {
		return c.fail(resp.TextSyntax)
	}
	token := c.Args[2]
	switch {
	case o.xx:
		return c.refuse("SET XX")
	case o.other != "":
		return c.refuse("SET " + o.other)
	case o.get:
		return c.refuse("SET GET")
	case o.keepTTL:
		return c.refuse("SET KEEPTTL")
	case !o.nx && o.ifeq == nil:
		return c.refuse("SET without NX or IFEQ")
	case o.ifeq != nil && !bytes.Equal(o.ifeq, token):
		return c.refuse("SET IFEQ with another value, which would give the lock away,")
	}
	ttl, text := c.setTTL(o)
	if text == "" {
		text = c.fault(token, ttl)
	}
	if text != "" {
		return c.fail(text)
	}
	reply := c.answer(func(r Result) []byte { return okOrNull(r.Verdict == Yes, c.Protocol) })
	if o.nx {
		return c.e.Acquire(c.request(token, ttl), reply)
	}
	return c.e.Extend(c.request(token, ttl), reply)
}

// setTTL is the TTL that a SET gives. text is that of an error.
func (c *command) setTTL(o setOptions) (ttl time.Duration, text string) {
	if o.unit == "" {
		if c.pattern.DefaultTTL == 0 {
			return 0, c.needTTL()
		}
		return c.pattern.DefaultTTL, ""
	}
	n, ok := number(o.value)
	if !ok {
		return 0, resp.TextNotInteger
	}
	unit := time.Millisecond
	if o.unit[0] == 'E' {
		unit = time.Second
	}
	if ttl, ok = duration(n, unit); !ok {
		return 0, "ERR invalid expire time in 'set' command"
	}
	if strings.HasSuffix(o.unit, "AT") {
		ttl = (ttl - c.e.clock.Now().Wall).Truncate(time.Millisecond)
	}
	return ttl, ""
}
