package command

import "math"

// FirstKey is the request's first key, or nil if it has none. The result is part
// of args.
func (c *Command) FirstKey(args [][]byte) []byte {
	if c.firstKey > 0 && c.firstKey < len(args) {
		return args[c.firstKey]
	}
	it := c.KeyPositions(args)
	if i, ok := it.Next(); ok {
		return args[i]
	}
	return nil
}

// KeyPositions is an iterator over the positions of all keys in the request, and
// of channels that are placed like keys:
//
//	for it := c.KeyPositions(args); ; {
//		i, ok := it.Next()
//		if !ok {
//			break
//		}
//		use(args[i])
//	}
//
// It allocates nothing. Positions come spec by spec. The arity need not have been
// checked. A key is where the server that executes the request takes it from;
// what SORT's BY and GET make out of a key's contents are not among them.
func (c *Command) KeyPositions(args [][]byte) KeyIterator {
	return KeyIterator{args: args, specs: c.Keys, step: 1, last: -1, optional: c.Flags&NoMandatoryKeys != 0}
}

// KeyIterator is made by KeyPositions.
type KeyIterator struct {
	args       [][]byte
	specs      []KeySpec // those not begun
	flags      KeyFlags  // of the spec begun
	next, last int       // of the spec begun; none left if next > last
	step       int
	optional   bool // there may be no keys
	invalid    bool
	emptyRange bool // a range of keys had none in it
}

// Next gives the position of the next key; false if there is none left, or if
// the request turned out to be invalid.
func (it *KeyIterator) Next() (position int, ok bool) {
	for it.next > it.last {
		if len(it.specs) == 0 || it.invalid {
			return 0, false
		}
		it.begin(&it.specs[0])
		it.specs = it.specs[1:]
	}
	position = it.next
	it.next += it.step
	return position, true
}

// Invalid reports, once Next has returned false, whether the arguments
// contradict the command: a count of keys that is no number, is negative, is 0
// where there must be a key, or is more than there are arguments; or a keyword
// that is missing. A server refuses such a request, and COMMAND GETKEYS says
// "ERR Invalid arguments specified for command". The positions given before are
// of no use then.
func (it *KeyIterator) Invalid() bool { return it.invalid }

// begin works out next and last for a spec.
func (it *KeyIterator) begin(s *KeySpec) {
	n := len(it.args)
	it.step, it.flags = s.Step, s.Flags
	switch {
	case s.locate != nil:
		first, count := s.locate(it.args)
		it.invalid = count < 0
		it.step, it.next, it.last = 1, first, first+count-1
	case s.Find == FindRange:
		it.next, it.last = s.Begin, s.Begin+s.Last
		if s.Last < 0 {
			it.last = n + s.Last
		}
		it.last = min(it.last, n-1)
		it.emptyRange = it.emptyRange || it.next > it.last
	case s.Find == FindNumKeys:
		it.beginCounted(s)
	default:
		it.next, it.last = 0, -1
	}
}

// beginCounted is begin for a spec whose keys are counted by an argument.
func (it *KeyIterator) beginCounted(s *KeySpec) {
	n := len(it.args)
	it.next, it.last = 0, -1
	if s.Begin+s.Count >= n {
		it.invalid = true
		return
	}
	count, ok := parseCount(it.args[s.Begin+s.Count])
	first := s.Begin + s.First
	if !ok || count > n || first+(count-1)*s.Step >= n || (count == 0 && !it.optional) {
		it.invalid = true
		return
	}
	it.next, it.last = first, first+(count-1)*s.Step
}

// parseCount reads a number of keys as Redis reads integers: digits only, no
// sign, no leading zero.
func parseCount(b []byte) (n int, ok bool) {
	if len(b) == 0 || (b[0] == '0' && len(b) > 1) {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' || n > (math.MaxInt32-9)/10 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
