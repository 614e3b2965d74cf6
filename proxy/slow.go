package proxy

import (
	"bytes"
	"strconv"
	"time"

	"github.com/tidwall/redcon"

	"ringmain/command"
	"ringmain/proxy/local"
	"ringmain/resp"
)

// note is the beginning of a request, kept until its reply has come: what the log of slow
// commands can tell of it.
type note struct {
	size uint8
	text [noteSize]byte
}

// noteSize holds most requests whole. A note fills two cache lines, of which a short
// request touches one.
const noteSize = 127

// keep notes the beginning of a request.
func (n *note) keep(raw []byte) { n.size = uint8(copy(n.text[:], raw)) }

// beginning is that of the request which is being executed, as a client would send it.
func (c *Core) beginning() []byte {
	if c.request.Raw != nil {
		return c.request.Raw
	}
	c.noted = appendBeginning(c.noted[:0], c.request.Args)
	return c.noted
}

// appendBeginning appends as much of a request as a note holds, or a little more.
func appendBeginning(dst []byte, args [][]byte) []byte {
	dst = redcon.AppendArray(dst, len(args))
	for i := 0; i < len(args) && len(dst) < noteSize; i++ {
		dst = append(strconv.AppendInt(append(dst, '$'), int64(len(args[i])), 10), "\r\n"...)
		dst = append(append(dst, args[i][:min(len(args[i]), noteSize)]...), "\r\n"...)
	}
	return dst
}

// noteSlow logs a command that took long.
func (s *Session) noteSlow(n *note, took time.Duration) {
	args, count, lengths := n.args()
	cmd := command.Lookup(args)
	if cmd == nil || !cmd.ArityOK(count) || cmd.Blocks(args) {
		return
	}
	shown := local.Shortened(local.Redacted(cmd, args), count, func(i int) int {
		return lengths[i]
	})
	s.core.records.Note(&local.Execution{Command: cmd, Args: shown, Ended: s.core.Local.Now(), Took: took,
		Client: s.conn.RemoteAddr(), Name: s.client.Name})
}

// args are the arguments as far as the note goes, the last one perhaps cut, how many the
// request has, and how long each is.
func (n *note) args() (args [][]byte, count int, lengths []int) {
	rest := n.text[:n.size]
	count = header(&rest)
	for len(args) < count && len(rest) > 0 {
		length := header(&rest)
		if length < 0 {
			break
		}
		args = append(args, rest[:min(length, len(rest))])
		lengths = append(lengths, length)
		rest = rest[min(length+2, len(rest)):]
	}
	return args, count, lengths
}

// header takes a line such as *2 or $5 off b; it is negative if the line is not whole.
func header(b *[]byte) int {
	line, rest, whole := bytes.Cut(*b, []byte("\r\n"))
	*b = rest
	if !whole || len(line) == 0 {
		return -1
	}
	n, _ := resp.ParseInteger(line[1:])
	return int(n)
}
