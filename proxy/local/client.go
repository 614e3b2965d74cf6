package local

import (
	"bytes"
	"strings"
	"time"

	"github.com/tidwall/redcon"

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

// NormalClient is the type of clients that subscribe to nothing, PubSubClient that of
// the others.
const (
	NormalClient = "normal"
	PubSubClient = "pubsub"
)

// ClientFilter says which clients CLIENT LIST and KILL take. Its zero value takes all.
// It is not changed once made.
type ClientFilter struct {
	kind                string         // "": any
	ids                 map[int64]bool // nil: any
	user, remote, local string         // "": any
	except              int64          // never this one
}

// ParseClientFilter reads CLIENT LIST's options; text is that of an error, or "".
func ParseClientFilter(args [][]byte) (f *ClientFilter, text string) {
	switch {
	case len(args) == 0:
		return &ClientFilter{}, ""
	case len(args) == 2 && bytes.EqualFold(args[0], []byte("type")):
		kind, text := clientType(args[1])
		if text != "" {
			return nil, text
		}
		return &ClientFilter{kind: kind}, ""
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

// clientType reads a type of clients.
func clientType(arg []byte) (kind, text string) {
	switch kind = strings.ToLower(string(arg)); kind {
	case NormalClient, PubSubClient, "master", "replica", "slave":
		return kind, ""
	}
	name, _, _ := bytes.Cut(arg, []byte{0}) // as C does
	return "", "ERR Unknown client type '" + string(name) + "'"
}

// ParseKill reads a whole CLIENT KILL of the client number self, who knows of some users
// only; text is that of an error, or "".
func ParseKill(args [][]byte, self int64, known func(user string) bool) (f *ClientFilter, text string) {
	if len(args) == 3 {
		return &ClientFilter{remote: string(args[2])}, ""
	}
	f = &ClientFilter{except: self}
	for rest := args[2:]; len(rest) > 0; rest = rest[2:] {
		if len(rest) == 1 {
			return nil, resp.TextSyntax
		}
		switch value := rest[1]; strings.ToLower(string(rest[0])) {
		case "id":
			id, ok := resp.ParseInteger(value)
			if !ok || id < 1 {
				return nil, "ERR client-id should be greater than 0"
			}
			f.ids = map[int64]bool{id: true}
		case "type":
			if f.kind, text = clientType(value); text != "" {
				return nil, text
			}
		case "addr":
			f.remote = string(value)
		case "laddr":
			f.local = string(value)
		case "user":
			if f.user = string(value); !known(f.user) {
				return nil, "ERR No such user '" + oneLine(f.user) + "'"
			}
		case "skipme":
			switch strings.ToLower(string(value)) {
			case "yes":
				f.except = self
			case "no":
				f.except = 0
			default:
				return nil, resp.TextSyntax
			}
		default:
			return nil, resp.TextSyntax
		}
	}
	return f, ""
}

// AppendKilled appends the reply to CLIENT KILL, in its old form or the new one.
func AppendKilled(dst []byte, old bool, n int) []byte {
	switch {
	case !old:
		return redcon.AppendInt(dst, int64(n))
	case n == 0:
		return redcon.AppendError(dst, "ERR No such client")
	}
	return redcon.AppendOK(dst)
}

// Takes reports whether a client of that kind and with these addresses is taken.
func (f *ClientFilter) Takes(c *Client, kind, remote, local string) bool {
	return c.ID != f.except && (f.ids == nil || f.ids[c.ID]) && (f.kind == "" || f.kind == kind) &&
		(f.user == "" || f.user == c.UserName()) && (f.remote == "" || f.remote == remote) && (f.local == "" || f.local == local)
}

// longestPause bounds a pause, so that its end is a time.
const longestPause = 100 * 365 * 24 * time.Hour

// ParsePause reads a whole CLIENT PAUSE: how long it lasts, and whether it holds back
// all commands or only those that may write. text is that of an error, or "".
func ParsePause(args [][]byte) (lasts time.Duration, all bool, text string) {
	if len(args) > 4 {
		return 0, false, resp.SubcommandSyntax("client", args[1])
	}
	all = len(args) == 3 || bytes.EqualFold(args[3], []byte("all"))
	if !all && !bytes.EqualFold(args[3], []byte("write")) {
		return 0, false, "ERR CLIENT PAUSE mode must be WRITE or ALL"
	}
	switch ms, ok := resp.ParseInteger(args[2]); {
	case !ok:
		return 0, false, "ERR timeout is not an integer or out of range"
	case ms < 0:
		return 0, false, "ERR timeout is negative"
	default:
		return min(time.Duration(min(ms, int64(longestPause/time.Millisecond)))*time.Millisecond, longestPause), all, ""
	}
}
