package local

import (
	"bytes"
	"strings"

	"ringmain/resp"
)

// client|info gives the client's line of CLIENT LIST.
func clientInfo(_ *Answers, c *Call) {
	c.text(string(append(c.Session.AppendDescription(nil), '\n')))
}

// clientReply is CLIENT REPLY ON|OFF|SKIP.
func clientReply(_ *Answers, c *Call) {
	switch strings.ToLower(string(c.Args[2])) {
	case "on":
		c.Client.ReplyOff, c.Client.ReplySkip = false, false
		c.Unmute = true
		c.ok()
	case "off":
		c.Client.ReplyOff = true
	case "skip":
		c.Client.ReplySkip = !c.Client.ReplyOff
	default:
		c.fail(resp.TextSyntax)
	}
}

// clientSwitch is CLIENT NO-EVICT and NO-TOUCH ON|OFF. The connections to the
// servers are shared, so there is nothing to switch for one client.
func clientSwitch(_ *Answers, c *Call) {
	if arg := c.Args[2]; !bytes.EqualFold(arg, []byte("on")) && !bytes.EqualFold(arg, []byte("off")) {
		c.fail(resp.TextSyntax)
		return
	}
	c.ok()
}

// clientTrackingInfo is CLIENT TRACKINGINFO of a client whose tracking is off.
func clientTrackingInfo(_ *Answers, c *Call) {
	c.mapping(3)
	c.bulk("flags")
	c.Out = resp.AppendSet(c.Out, c.Client.Protocol, 1)
	c.bulk("off")
	c.bulk("redirect")
	c.integer(-1)
	c.bulk("prefixes")
	c.array(0)
}

// clientGetRedir is CLIENT GETREDIR of a client whose tracking is off.
func clientGetRedir(_ *Answers, c *Call) { c.integer(-1) }

// ClientFilter says which clients CLIENT LIST gives. It is not changed once made.
type ClientFilter struct {
	none bool
	ids  map[int64]bool // nil: all
}

// ParseClientFilter reads CLIENT LIST's options; text is that of an error, or "".
func ParseClientFilter(args [][]byte) (f *ClientFilter, text string) {
	switch {
	case len(args) == 0:
		return &ClientFilter{}, ""
	case len(args) == 2 && bytes.EqualFold(args[0], []byte("type")):
		switch strings.ToLower(string(args[1])) {
		case "normal":
			return &ClientFilter{}, ""
		case "master", "replica", "slave", "pubsub": // nobody is one of these
			return &ClientFilter{none: true}, ""
		}
		kind, _, _ := bytes.Cut(args[1], []byte{0}) // as C does
		return nil, "ERR Unknown client type '" + string(kind) + "'"
	case len(args) > maxNames:
		return nil, "ERR too many client IDs in one request"
	case len(args) > 1 && bytes.EqualFold(args[0], []byte("id")):
		f = &ClientFilter{ids: map[int64]bool{}}
		for _, arg := range args[1:] {
			id, ok := resp.ParseInteger(arg)
			if !ok {
				return nil, "ERR Invalid client ID"
			}
			f.ids[id] = true
		}
		return f, ""
	}
	return nil, resp.TextSyntax
}

// Takes reports whether the client of that number is listed.
func (f *ClientFilter) Takes(id int64) bool { return !f.none && (f.ids == nil || f.ids[id]) }
