package proxy

// spool holds bytes that wait for their turn, in pieces.
type spool struct {
	first []byte
	more  [][]byte
	size  int
}

// pieces appends the bytes, in order, to list.
func (s *spool) pieces(list [][]byte) [][]byte {
	if s.first == nil {
		return list
	}
	return append(append(list, s.first), s.more...)
}

// spoolSizes are the capacities of pieces: none is a power of two, see ioloop's
// drivers. A reply takes at most about five times its size.
var spoolSizes = [...]struct{ size, keep int }{{240, 4096}, {960, 1024}, {4608, 256}, {18432, 128}}

// spoolPool keeps the pieces of a loop's spools.
type spoolPool struct {
	free  [len(spoolSizes)][][]byte
	bytes int // capacity of what is lent out
}

// add appends a copy of b to s.
func (p *spoolPool) add(s *spool, b []byte) {
	s.size += len(b)
	for len(b) > 0 {
		last := &s.first
		if n := len(s.more); n > 0 {
			last = &s.more[n-1]
		}
		room := min(cap(*last)-len(*last), len(b))
		*last = append(*last, b[:room]...)
		if b = b[room:]; len(b) == 0 {
			return
		}
		if s.first == nil {
			s.first = p.get(len(b))
		} else {
			s.more = append(s.more, p.get(max(len(b), s.size/4)))
		}
	}
}

// get returns an empty piece for n bytes, or the largest there is.
func (p *spoolPool) get(n int) []byte {
	class := 0
	for class < len(spoolSizes)-1 && n > spoolSizes[class].size {
		class++
	}
	p.bytes += spoolSizes[class].size
	list := p.free[class]
	if len(list) == 0 {
		return make([]byte, 0, spoolSizes[class].size)
	}
	b := list[len(list)-1]
	p.free[class] = list[:len(list)-1]
	return b
}

// release empties s.
func (p *spoolPool) release(s *spool) {
	if s.first != nil {
		p.put(s.first)
	}
	for _, b := range s.more {
		p.put(b)
	}
	*s = spool{}
}

func (p *spoolPool) put(b []byte) {
	p.bytes -= cap(b)
	for class, c := range spoolSizes {
		if cap(b) == c.size && len(p.free[class]) < c.keep {
			p.free[class] = append(p.free[class], b[:0])
			return
		}
	}
}
