package resp

import "bytes"

// Published is a message that a server sends, as an array, to a connection which
// subscribes to channels. Its parts point into what was read.
type Published struct {
	// Pattern is the one that the channel matches; nil if the connection subscribes to
	// the channel itself.
	Pattern []byte
	// Shard: it was sent by SPUBLISH.
	Shard bool
	// Channel and Payload are as they were published.
	Channel, Payload []byte
}

// ReadPublished reads a whole reply as a message. ok is false for what is none, such as
// the reply to a request.
func ReadPublished(b []byte) (p Published, ok bool) {
	n, rest, ok := ArrayHeader(b)
	if !ok || n != 3 && n != 4 {
		return Published{}, false
	}
	var parts [4][]byte
	for i := range n {
		if parts[i], rest, ok = cutBulk(rest); !ok {
			return Published{}, false
		}
	}
	switch name := string(parts[0]); {
	case len(rest) > 0:
		return Published{}, false
	case n == 3 && (name == "message" || name == "smessage"):
		return Published{Shard: name[0] == 's', Channel: parts[1], Payload: parts[2]}, true
	case n == 4 && name == "pmessage":
		return Published{Pattern: parts[1], Channel: parts[2], Payload: parts[3]}, true
	}
	return Published{}, false
}

// ReadSubscribed reads a whole reply as what confirms that a subscription has begun or
// ended: the name of the command and of the channel, which is nil where UNSUBSCRIBE had
// nothing to do.
func ReadSubscribed(b []byte) (command, channel []byte, ok bool) {
	n, rest, ok := ArrayHeader(b)
	if !ok || n != 3 {
		return nil, nil, false
	}
	if command, rest, ok = cutBulk(rest); !ok {
		return nil, nil, false
	}
	if after, isNull := bytes.CutPrefix(rest, []byte(nullBulk)); isNull {
		rest = after
	} else if channel, rest, ok = cutBulk(rest); !ok {
		return nil, nil, false
	}
	_, ok = Integer(rest)
	return command, channel, ok
}

// cutBulk reads the bulk string that b begins with.
func cutBulk(b []byte) (text, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '$' {
		return nil, b, false
	}
	v, next := declared(b)
	if next == 0 || v > int64(len(b)-next-2) {
		return nil, b, false
	}
	end := next + int(v)
	if b[end] != '\r' || b[end+1] != '\n' {
		return nil, b, false
	}
	return b[next:end:end], b[end+2:], true
}
