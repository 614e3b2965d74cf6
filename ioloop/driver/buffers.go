package driver

// Buffer sizes are not powers of two on purpose: buffers at a stride of a power
// of two share their first cache lines' sets.
const (
	SmallChunk = 2304   // what a client's replies of one iteration usually need
	LargeChunk = 18432  // for more than that
	hugeChunk  = 147456 // for long requests
)

// classes are the sizes of buffers that are used again, and how many of each a
// loop keeps free: 2.3, 4.5 and 4.5 MiB.
var classes = [...]struct{ size, keep int }{{SmallChunk, 1024}, {LargeChunk, 256}, {hugeChunk, 32}}

// Buffers is a loop's supply of buffers, and the count of those lent out. Its zero
// value is ready; it is used on the loop only.
type Buffers struct {
	free [len(classes)][][]byte
	lent int // bytes held by connections
}

// Get returns an empty buffer with room for at least n bytes.
func (p *Buffers) Get(n int) []byte {
	b := p.take(n)
	p.lent += cap(b)
	return b
}

func (p *Buffers) take(n int) []byte {
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

// Put takes a buffer of Get back.
func (p *Buffers) Put(b []byte) {
	p.lent -= cap(b)
	for i, class := range classes {
		if cap(b) == class.size && len(p.free[i]) < class.keep {
			p.free[i] = append(p.free[i], b[:0])
			return
		}
	}
}

// Lent is how many bytes the buffers have that are in use.
func (p *Buffers) Lent() int { return p.lent }

// Output is a queue of bytes in chunks.
type Output struct {
	chunks [][]byte // chunks[0][off:] comes first
	first  [1][]byte
	off    int
	size   int
}

// Append adds a copy of b.
func (o *Output) Append(p *Buffers, b []byte) {
	o.size += len(b)
	for len(b) > 0 {
		n := len(o.chunks)
		if n == 0 {
			if o.chunks == nil {
				o.chunks = o.first[:0]
			}
			o.chunks = append(o.chunks, p.Get(min(len(b), LargeChunk)))
			n = 1
		} else if len(o.chunks[n-1]) == cap(o.chunks[n-1]) {
			o.chunks = append(o.chunks, p.Get(LargeChunk))
			n++
		}
		last := o.chunks[n-1]
		room := min(cap(last)-len(last), len(b))
		o.chunks[n-1] = append(last, b[:room]...)
		b = b[room:]
	}
}

// Drop removes n bytes from the front.
func (o *Output) Drop(p *Buffers, n int) {
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
		p.Put(o.chunks[i])
		o.chunks[i] = nil
	}
	if i == len(o.chunks) {
		o.chunks = nil
		o.first[0] = nil
		return
	}
	o.chunks = o.chunks[i:]
}

// Abandon empties the queue. The buffers of the first n bytes are not used again,
// because someone may still read them.
func (o *Output) Abandon(p *Buffers, n int) {
	for i, chunk := range o.chunks {
		if n <= 0 {
			break
		}
		have := len(chunk)
		if i == 0 {
			have -= o.off
		}
		n -= have
		o.size -= have
		p.lent -= cap(chunk)
		o.off, o.chunks = 0, o.chunks[1:]
	}
	o.Drop(p, o.size)
}

// Size is how many bytes are queued.
func (o *Output) Size() int { return o.size }

// First returns the first bytes that are in one piece, none if nothing is queued.
func (o *Output) First() []byte {
	if len(o.chunks) == 0 {
		return nil
	}
	return o.chunks[0][o.off:]
}

// Only returns what is queued if it is in one piece.
func (o *Output) Only() (b []byte, ok bool) {
	if len(o.chunks) != 1 {
		return nil, false
	}
	return o.chunks[0][o.off:], true
}

// Chunks returns views of the first bytes of the queue, in dst, as many as that has
// room for. They are valid until the next Drop.
func (o *Output) Chunks(dst [][]byte) [][]byte {
	n := 0
	for i, chunk := range o.chunks[:min(len(o.chunks), len(dst))] {
		if i == 0 {
			chunk = chunk[o.off:]
		}
		dst[n] = chunk
		n++
	}
	return dst[:n]
}
