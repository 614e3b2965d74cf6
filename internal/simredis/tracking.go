package simredis

import (
	"slices"
	"strings"
)

// tracking is what CLIENT TRACKING ON has set for a client.
type tracking struct {
	optIn, optOut, bcast, noLoop bool
	prefixes                     []string
	caching                      bool // CLIENT CACHING came before this command
}

// change is a key that was changed, for the clients in BCAST mode, which are told
// at the end of the loop's iteration.
type change struct {
	by  *client
	key string
}

// remember notes the keys that a command has read for a client that tracks.
func (c *client) remember(cmd command, args [][]byte) {
	t := c.tracking
	if t == nil {
		return
	}
	if !t.bcast && t.optIn == t.caching || !t.bcast && !t.optIn && !t.optOut {
		for _, key := range cmd.reads(args) {
			if c.read == nil {
				c.read = map[string]bool{}
			}
			c.read[string(key)] = true
		}
	}
	if c.multi == nil && cmd.name != "client|caching" {
		t.caching = false
	}
}

// invalidate tells a client that tracks a key that it was changed.
func (c *client) invalidate(by *client, key string) {
	t := c.tracking
	switch {
	case t == nil:
	case t.bcast:
		c.s.broadcast(change{by, key})
	case c.read[key]:
		delete(c.read, key)
		if !(t.noLoop && c == by) {
			c.tell(by, key)
		}
	}
}

// tell pushes an invalidation, of everything if there are no keys; one that a
// client's own command has brought about follows the reply.
func (c *client) tell(by *client, keys ...string) {
	if c == by {
		c.owed = append(c.owed, keys)
	} else {
		c.pushInvalidation(keys)
	}
}

func (c *client) pushInvalidation(keys []string) {
	if c.proto == 2 {
		return // it has no pushes
	}
	c.push(2, func() {
		c.text("invalidate")
		if len(keys) == 0 {
			c.null()
			return
		}
		c.array(len(keys))
		for _, key := range keys {
			c.text(key)
		}
	})
}

// pushOwed sends the invalidations that follow a reply.
func (c *client) pushOwed() {
	for _, keys := range c.owed {
		c.pushInvalidation(keys)
	}
	c.owed = nil
}

// invalidateAll tells all clients that track that nothing is as it was.
func (s *Server) invalidateAll(by *client) {
	for _, c := range s.clients {
		c.read = nil
		if c.tracking != nil {
			c.tell(by)
		}
	}
}

// broadcast has clients in BCAST mode told of a change.
func (s *Server) broadcast(ch change) {
	if slices.Contains(s.changes, ch) {
		return
	}
	s.changes = append(s.changes, ch)
	if len(s.changes) == 1 {
		s.loop.AtEnd(s.tellChanges)
	}
}

// tellChanges sends each client in BCAST mode one message for each of its
// prefixes.
func (s *Server) tellChanges() {
	changes := s.changes
	s.changes = nil
	for _, c := range s.clients {
		if c.tracking == nil || !c.tracking.bcast {
			continue
		}
		for _, prefix := range c.tracking.prefixes {
			var keys []string
			for _, ch := range changes {
				if strings.HasPrefix(ch.key, prefix) && !(c.tracking.noLoop && c == ch.by) {
					keys = append(keys, ch.key)
				}
			}
			slices.Sort(keys)
			if keys = slices.Compact(keys); len(keys) > 0 {
				c.tell(nil, keys...)
			}
		}
	}
}

func runClientTracking(c *client, args [][]byte) {
	var t tracking
	for i := 3; i < len(args); i++ {
		switch strings.ToLower(string(args[i])) {
		case "bcast":
			t.bcast = true
		case "optin":
			t.optIn = true
		case "optout":
			t.optOut = true
		case "noloop":
			t.noLoop = true
		case "prefix":
			if i++; i == len(args) {
				c.fail(errSyntax)
				return
			}
			t.prefixes = append(t.prefixes, string(args[i]))
		default:
			c.fail(errSyntax)
			return
		}
	}
	switch strings.ToLower(string(args[2])) {
	case "on":
		if fault := c.track(t); fault != "" {
			c.fail(fault)
			return
		}
	case "off":
		c.tracking = nil
	default:
		c.fail(errSyntax)
		return
	}
	c.ok()
}

// track turns tracking on, or says what stands against it.
func (c *client) track(t tracking) (fault string) {
	old := c.tracking
	switch {
	case !t.bcast && len(t.prefixes) > 0:
		return "ERR PREFIX option requires BCAST mode to be enabled"
	case old != nil && old.bcast != t.bcast:
		return "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode."
	case t.bcast && (t.optIn || t.optOut):
		return "ERR OPTIN and OPTOUT are not compatible with BCAST"
	case t.optIn && t.optOut:
		return "ERR You can't specify both OPTIN mode and OPTOUT mode"
	case old != nil && (t.optIn && old.optOut || t.optOut && old.optIn):
		return "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode."
	}
	if t.bcast && len(t.prefixes) == 0 {
		t.prefixes = []string{""}
	}
	if old != nil {
		for _, prefix := range old.prefixes {
			if !slices.Contains(t.prefixes, prefix) {
				t.prefixes = append(t.prefixes, prefix)
			}
		}
	}
	c.tracking = &t
	return ""
}

func runClientCaching(c *client, args [][]byte) {
	t := c.tracking
	if t == nil {
		c.fail("ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled")
		return
	}
	switch word := strings.ToLower(string(args[2])); {
	case word == "yes" && !t.optIn:
		c.fail("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
	case word == "no" && !t.optOut:
		c.fail("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
	case word != "yes" && word != "no":
		c.fail(errSyntax)
	default:
		t.caching = true
		c.ok()
	}
}
