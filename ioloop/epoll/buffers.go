//go:build linux

package epoll

// Buffer sizes are not powers of two on purpose: buffers at a stride of a power
// of two share their first cache lines' sets.
const (
	smallChunk = 2304   // what a client's replies of one iteration usually need
	largeChunk = 18432  // for more than that
	hugeChunk  = 147456 // for requests longer than readSize
	readSize   = 64 << 10
)

// classes are the sizes of buffers that are used again, and how many of each a
// loop keeps free: 2.3, 4.5 and 4.5 MiB.
var classes = [...]struct{ size, keep int }{{smallChunk, 1024}, {largeChunk, 256}, {hugeChunk, 32}}

// buffers is a loop's supply of buffers, and the count of those lent out.
type buffers struct {
	free [len(classes)][][]byte
	lent int // bytes held by connections
}

// get returns an empty buffer with room for at least n bytes.
func (p *buffers) get(n int) []byte {
	b := p.take(n)
	p.lent += cap(b)
	return b
}

func (p *buffers) take(n int) []byte {
	for i, class := range classes {
		if n > class.size {
			continue
		}
		list := p.free[i]
		if len(list) == 0 {
			return make([]byte, 0, class.size)
		}
		b := list[len(list)-1]
		p.free[i] = list[:len(list)-1]
		return b
	}
	return make([]byte, 0, n)
}

// put takes a buffer of get back.
func (p *buffers) put(b []byte) {
	p.lent -= cap(b)
	for i, class := range classes {
		if cap(b) == class.size && len(p.free[i]) < class.keep {
			p.free[i] = append(p.free[i], b[:0])
			return
		}
	}
}

// output is a queue of bytes in chunks.
type output struct {
	chunks [][]byte // chunks[0][off:] comes first
	first  [1][]byte
	off    int
	size   int
}

func (o *output) append(p *buffers, b []byte) {
	o.size += len(b)
	for len(b) > 0 {
		n := len(o.chunks)
		if n == 0 {
			if o.chunks == nil {
				o.chunks = o.first[:0]
			}
			o.chunks = append(o.chunks, p.get(min(len(b), largeChunk)))
			n = 1
		} else if len(o.chunks[n-1]) == cap(o.chunks[n-1]) {
			o.chunks = append(o.chunks, p.get(largeChunk))
			n++
		}
		last := o.chunks[n-1]
		room := min(cap(last)-len(last), len(b))
		o.chunks[n-1] = append(last, b[:room]...)
		b = b[room:]
	}
}

// drop removes n bytes from the front.
func (o *output) drop(p *buffers, n int) {
	o.size -= n
	i := 0
	for ; i < len(o.chunks); i++ {
		have := len(o.chunks[i]) - o.off
		if n < have {
			o.off += n
			break
		}
		n -= have
		o.off = 0
		p.put(o.chunks[i])
		o.chunks[i] = nil
	}
	if i == len(o.chunks) {
		o.chunks = nil
		o.first[0] = nil
		return
	}
	o.chunks = o.chunks[i:]
}
