package local

import (
	"bytes"

	"ringmain/resp"
)

// Tracking is how a client has keys tracked that it may keep copies of (CLIENT
// TRACKING). It is changed by its session only.
type Tracking struct {
	Broadcast, OptIn, OptOut, NoLoop bool
	Prefixes                         [][]byte // with Broadcast; none: all keys
	added                            [][]byte // of Prefixes, by the latest CLIENT TRACKING
	// Within is what all the client's keys begin with on the servers, and not for it.
	Within []byte
	// Caching: CLIENT CACHING concerns the next command.
	Caching bool
}

const (
	errTrackingRedirect = "ERR REDIRECT is not supported: the proxy tells of invalid keys in RESP3 only"
	errTrackingPrefix   = "ERR PREFIX option requires BCAST mode to be enabled"
	errTrackingMode     = "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode."
	errTrackingOpt      = "ERR OPTIN and OPTOUT are not compatible with BCAST"
	errTrackingBoth     = "ERR You can't specify both OPTIN mode and OPTOUT mode"
	errTrackingSwitch   = "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode."
	errCachingOff       = "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"
	errCachingYes       = "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."
	errCachingNo        = "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."
)

// maxPrefixes bounds the prefixes of a client, which are kept for it on every server.
const maxPrefixes = 1000

// ParseTracking reads CLIENT TRACKING's arguments, from ON or OFF on. now is what holds
// for the client, nil if its tracking is off. wanted is nil if it is to be switched
// off; text is that of an error, or "".
func ParseTracking(args [][]byte, now *Tracking) (wanted *Tracking, text string) {
	wanted = &Tracking{}
	var added [][]byte
	for i := 1; i < len(args); i++ {
		more := i+1 < len(args)
		switch {
		case bytes.EqualFold(args[i], []byte("redirect")) && more:
			return nil, errTrackingRedirect
		case bytes.EqualFold(args[i], []byte("bcast")):
			wanted.Broadcast = true
		case bytes.EqualFold(args[i], []byte("optin")):
			wanted.OptIn = true
		case bytes.EqualFold(args[i], []byte("optout")):
			wanted.OptOut = true
		case bytes.EqualFold(args[i], []byte("noloop")):
			wanted.NoLoop = true
		case bytes.EqualFold(args[i], []byte("prefix")) && more:
			i++
			added = append(added, bytes.Clone(args[i]))
		default:
			return nil, resp.TextSyntax
		}
	}
	switch {
	case bytes.EqualFold(args[0], []byte("off")):
		return nil, ""
	case !bytes.EqualFold(args[0], []byte("on")):
		return nil, resp.TextSyntax
	}
	if text := wanted.conflict(now, added); text != "" {
		return nil, text
	}
	if now != nil {
		wanted.Prefixes = append(wanted.Prefixes, now.Prefixes...)
	}
	wanted.Prefixes, wanted.added = append(wanted.Prefixes, added...), added
	return wanted, ""
}

// conflict is the text of the error for options that do not fit together, or to what
// holds now.
func (t *Tracking) conflict(now *Tracking, added [][]byte) string {
	switch {
	case !t.Broadcast && len(added) > 0:
		return errTrackingPrefix
	case now != nil && now.Broadcast != t.Broadcast:
		return errTrackingMode
	case t.Broadcast && (t.OptIn || t.OptOut):
		return errTrackingOpt
	case t.OptIn && t.OptOut:
		return errTrackingBoth
	case now != nil && (t.OptIn && now.OptOut || t.OptOut && now.OptIn):
		return errTrackingSwitch
	}
	var before [][]byte
	if now != nil {
		before = now.Prefixes
	}
	if len(before)+len(added) > maxPrefixes {
		return "ERR too many prefixes for one client"
	}
	for i, prefix := range added {
		if with := overlap(prefix, before); with != nil {
			return "ERR Prefix '" + string(prefix) + "' overlaps with an existing prefix '" + string(with) +
				"'. Prefixes for a single client must not overlap."
		}
		if with := overlap(prefix, added[i+1:]); with != nil {
			return "ERR Prefix '" + string(prefix) + "' overlaps with another provided prefix '" + string(with) +
				"'. Prefixes for a single client must not overlap."
		}
	}
	return ""
}

// overlap is one of the others that begins with prefix, or that prefix begins with.
func overlap(prefix []byte, others [][]byte) []byte {
	for _, other := range others {
		if bytes.HasPrefix(prefix, other) || bytes.HasPrefix(other, prefix) {
			return other
		}
	}
	return nil
}

// AppendRequest appends the CLIENT TRACKING that has a server track so; where it tracked
// before the latest one came, the prefixes that this has added are all that is needed.
func (t *Tracking) AppendRequest(dst []byte, before bool) []byte {
	prefixes := t.Prefixes
	if before {
		prefixes = t.added
	}
	if t.Broadcast && len(t.Within) > 0 && len(prefixes) == 0 {
		if before { // the server tells of these keys already, or of the part that is wanted
			return resp.AppendCommand(dst, "PING")
		}
		prefixes = [][]byte{nil}
	}
	args := []string{"CLIENT", "TRACKING", "ON"}
	for _, option := range []struct {
		on   bool
		name string
	}{{t.Broadcast, "BCAST"}, {t.OptIn, "OPTIN"}, {t.OptOut, "OPTOUT"}, {t.NoLoop, "NOLOOP"}} {
		if option.on {
			args = append(args, option.name)
		}
	}
	for _, prefix := range prefixes {
		args = append(args, "PREFIX", string(t.Within)+string(prefix))
	}
	return resp.AppendCommand(dst, args...)
}

// clientCaching is CLIENT CACHING YES|NO.
func clientCaching(_ *Answers, c *Call) {
	t := c.Client.Tracking
	yes := bytes.EqualFold(c.Args[2], []byte("yes"))
	switch {
	case t == nil:
		c.fail(errCachingOff)
	case !yes && !bytes.EqualFold(c.Args[2], []byte("no")):
		c.fail(resp.TextSyntax)
	case yes && !t.OptIn:
		c.fail(errCachingYes)
	case !yes && !t.OptOut:
		c.fail(errCachingNo)
	default:
		t.Caching = true
		c.ok()
	}
}

// clientTrackingInfo is CLIENT TRACKINGINFO.
func clientTrackingInfo(_ *Answers, c *Call) {
	flags, redirect := []string{"off"}, int64(-1)
	var prefixes [][]byte
	if t := c.Client.Tracking; t != nil {
		flags, redirect, prefixes = t.flags(), 0, t.Prefixes
	}
	c.mapping(3)
	c.bulk("flags")
	c.Out = resp.AppendSet(c.Out, c.Client.Protocol, len(flags))
	for _, flag := range flags {
		c.bulk(flag)
	}
	c.bulk("redirect")
	c.integer(redirect)
	c.bulk("prefixes")
	c.array(len(prefixes))
	for _, prefix := range prefixes {
		c.bulk(string(prefix))
	}
}

// flags are the words of CLIENT TRACKINGINFO, in Redis's order.
func (t *Tracking) flags() []string {
	flags := []string{"on"}
	for _, flag := range []struct {
		set  bool
		name string
	}{{t.Broadcast, "bcast"}, {t.OptIn, "optin"}, {t.OptIn && t.Caching, "caching-yes"}, {t.OptOut, "optout"},
		{t.OptOut && t.Caching, "caching-no"}, {t.NoLoop, "noloop"}} {
		if flag.set {
			flags = append(flags, flag.name)
		}
	}
	return flags
}

// clientGetRedir is CLIENT GETREDIR: no client's messages go to another.
func clientGetRedir(_ *Answers, c *Call) {
	if c.Client.Tracking == nil {
		c.integer(-1)
		return
	}
	c.integer(0)
}
