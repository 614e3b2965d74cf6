package resp

import (
	"bytes"
	"encoding/binary"
)

// What a Request keeps between calls, in elements and bytes. More is let go
// when the next request is looked for.
const (
	keptArgs    = 4096
	keptScratch = 64 << 10
)

// Request is what Next has found. One Request serves all connections of a loop,
// one after the other.
type Request struct {
	// Args are the command and its arguments. They are valid until the next
	// call of Next with this Request, and no longer than the input is. They
	// may be written to only where the input may.
	Args [][]byte
	// Raw is the request byte for byte, fit to be relayed to any server. It is
	// nil for an inline request, and for one that Redis accepts though an end
	// of line in it is not CR LF: another server might read that otherwise, so
	// it must be encoded anew from Args.
	Raw []byte

	scratch []byte // of inline arguments
	used    int    // elements of Args' memory that may point into an input
}

// Reset lets go of the last request's bytes. Next does so by itself; a caller
// that expects no further request soon may do it earlier.
func (r *Request) Reset() {
	r.Args, r.Raw = r.Args[:0], nil
	r.trim()
	if cap(r.Args) > keptArgs {
		r.Args = nil
	}
	if cap(r.scratch) > keptScratch {
		r.scratch = nil
	}
}

// trim forgets what lies behind the arguments: one long request must not keep
// its input alive while only shorter ones follow.
func (r *Request) trim() {
	if len(r.Args) < r.used {
		clear(r.Args[len(r.Args):r.used])
	}
	r.used = len(r.Args)
}

// plain takes a whole request in its usual form: lengths of a few digits and
// every line ended by CR LF. count is how many elements it declares, or 0 if
// not even that is plain and allowed; left is how many of them were not taken,
// the first of which is at b[next:]. Only lim.Request is not looked at.
func (r *Request) plain(b []byte, lim *Limits) (count, next, left int) {
	count, next = length(b, 1)
	if next == 0 || count == 0 || count > lim.Arguments {
		return 0, 0, 0
	}
	args := r.Args[:0]
	for left = count; left > 0; left-- {
		if len(b)-next < len("$0\r\n\r\n") || b[next] != '$' {
			break
		}
		size, start := length(b, next+1)
		end := start + size
		if start == 0 || size > lim.Bulk || end > len(b)-2 || binary.LittleEndian.Uint16(b[end:]) != crlf {
			break
		}
		args = append(args, b[start:end:end])
		next = end + 2
	}
	r.Args = args
	r.trim()
	if left > 0 {
		r.Args = args[:0]
		return count, next, left
	}
	r.Raw = b[:next:next]
	return count, next, 0
}

// collect takes the arguments of a request that array has gone through. It looks
// at no limit: they may have changed since.
func (r *Request) collect(b []byte) {
	r.Args = r.Args[:0]
	i := bytes.IndexByte(b, '\r') + 2
	for i < len(b) {
		size, start := length(b, i+1)
		if start == 0 {
			at := bytes.IndexByte(b[i:], '\r')
			v, _ := integer(b[i+1 : i+at])
			size, start = int(v), i+at+2
		}
		end := start + size
		r.Args = append(r.Args, b[start:end:end])
		i = end + 2
	}
	r.trim()
}
