package simredis

import (
	"slices"
	"strconv"
	"strings"
)

// kind is one of the three kinds of subscriptions.
type kind struct {
	prefix  string // of the words SUBSCRIBE and UNSUBSCRIBE
	of      func(*client) *[]string
	message string
}

var (
	byChannel = kind{"", func(c *client) *[]string { return &c.channels }, "message"}
	byPattern = kind{"p", func(c *client) *[]string { return &c.patterns }, "pmessage"}
	byShard   = kind{"s", func(c *client) *[]string { return &c.shards }, "smessage"}
)

// subscriptions is how many a client has, of all kinds.
func (c *client) subscriptions() int { return len(c.channels) + len(c.patterns) + len(c.shards) }

// count is the number that stands in the confirmation: shard channels are
// counted apart.
func (k kind) count(c *client) int64 {
	if k.prefix == "s" {
		return int64(len(c.shards))
	}
	return int64(len(c.channels) + len(c.patterns))
}

func subscribe(k kind) func(*client, [][]byte) {
	return func(c *client, args [][]byte) {
		if k.prefix == "s" && c.unit { // the other two may, for old clients' sake
			c.fail("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client")
			return
		}
		list := k.of(c)
		for _, name := range args[1:] {
			if !slices.Contains(*list, string(name)) {
				*list = append(*list, string(name))
			}
			c.confirm(k.prefix+"subscribe", string(name), k.count(c))
		}
	}
}

func unsubscribe(k kind) func(*client, [][]byte) {
	return func(c *client, args [][]byte) {
		list := k.of(c)
		var names []string
		for _, name := range args[1:] {
			names = append(names, string(name))
		}
		if len(names) == 0 {
			names = slices.Clone(*list) // Redis's order is that of a hash table
		}
		for _, name := range names {
			*list = slices.DeleteFunc(*list, func(s string) bool { return s == name })
			c.confirm(k.prefix+"unsubscribe", name, k.count(c))
		}
		if len(names) == 0 {
			c.push(3, func() {
				c.text(k.prefix + "unsubscribe")
				c.null()
				c.integer(k.count(c))
			})
		}
	}
}

func (c *client) confirm(word, name string, count int64) {
	c.push(3, func() {
		c.text(word)
		c.text(name)
		c.integer(count)
	})
}

// deliver sends a message.
func (c *client) deliver(words ...string) {
	c.push(len(words), func() {
		for _, word := range words {
			c.text(word)
		}
	})
}

// push sends n elements, which content writes, that are no reply, whether
// replies are wanted or not.
func (c *client) push(n int, content func()) {
	off, skip, captured := c.replyOff, c.skip, c.captured
	c.replyOff, c.skip, c.captured = false, false, nil
	if c.proto == 3 {
		c.raw(">" + strconv.Itoa(n) + "\r\n")
	} else {
		c.array(n)
	}
	content()
	c.replyOff, c.skip, c.captured = off, skip, captured
}

func runPublish(c *client, args [][]byte) {
	channel, text := string(args[1]), string(args[2])
	n := int64(0)
	for _, d := range c.s.clients {
		if slices.Contains(d.channels, channel) {
			d.deliver("message", channel, text)
			n++
		}
	}
	for _, d := range c.s.clients {
		for _, pattern := range d.patterns {
			if matches(pattern, channel) {
				d.deliver("pmessage", pattern, channel, text)
				n++
			}
		}
	}
	c.integer(n)
}

func runSPublish(c *client, args [][]byte) {
	n := int64(0)
	for _, d := range c.s.clients {
		if slices.Contains(d.shards, string(args[1])) {
			d.deliver("smessage", string(args[1]), string(args[2]))
			n++
		}
	}
	c.integer(n)
}

// active are the names that clients are subscribed to, each once, sorted.
func (s *Server) active(k kind) []string {
	var names []string
	for _, c := range s.clients {
		names = append(names, *k.of(c)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// pubsubChannels is PUBSUB CHANNELS and SHARDCHANNELS.
func pubsubChannels(k kind) func(*client, [][]byte) {
	return func(c *client, args [][]byte) {
		if len(args) > 3 {
			c.failForm(args)
			return
		}
		names := c.s.active(k)
		if len(args) == 3 {
			names = slices.DeleteFunc(names, func(name string) bool { return !matches(string(args[2]), name) })
		}
		c.array(len(names))
		for _, name := range names {
			c.text(name)
		}
	}
}

// pubsubNumSub is PUBSUB NUMSUB and SHARDNUMSUB.
func pubsubNumSub(k kind) func(*client, [][]byte) {
	return func(c *client, args [][]byte) {
		c.array(2 * len(args[2:]))
		for _, name := range args[2:] {
			n := int64(0)
			for _, d := range c.s.clients {
				if slices.Contains(*k.of(d), string(name)) {
					n++
				}
			}
			c.text(string(name))
			c.integer(n)
		}
	}
}

func runPubSubNumPat(c *client, _ [][]byte) { c.integer(int64(len(c.s.active(byPattern)))) }

// matches is Redis's glob: *, ?, [a-z], [^a] and a backslash before any of them.
func matches(pattern, s string) bool {
	for pattern != "" {
		switch pattern[0] {
		case '*':
			rest := strings.TrimLeft(pattern, "*")
			for i := 0; i <= len(s); i++ {
				if matches(rest, s[i:]) {
					return true
				}
			}
			return false
		case '[':
			size, in := class(pattern, s)
			if !in {
				return false
			}
			pattern, s = pattern[size:], s[1:]
			continue
		case '\\':
			if len(pattern) > 1 {
				pattern = pattern[1:]
			}
			fallthrough
		default:
			if s == "" || s[0] != pattern[0] {
				return false
			}
		case '?':
			if s == "" {
				return false
			}
		}
		pattern, s = pattern[1:], s[1:]
	}
	return s == ""
}

// class is the length of the class that a pattern begins with, and whether the
// first byte of s is in it.
func class(pattern, s string) (size int, in bool) {
	i, not := 1, false
	if i < len(pattern) && pattern[i] == '^' {
		i, not = i+1, true
	}
	for ; i < len(pattern) && pattern[i] != ']'; i++ {
		lo := pattern[i]
		if lo == '\\' && i+1 < len(pattern) {
			i++
			lo = pattern[i]
		}
		hi := lo
		if i+2 < len(pattern) && pattern[i+1] == '-' {
			hi = pattern[i+2]
			i += 2
		}
		in = in || s != "" && min(lo, hi) <= s[0] && s[0] <= max(lo, hi)
	}
	return min(i+1, len(pattern)), s != "" && in != not
}
