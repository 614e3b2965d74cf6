package command

import "math"

// Find is how a KeySpec finds its keys.
type Find uint8

// The ways of finding keys.
const (
	// FindRange: from Begin to Last, every Step.
	FindRange Find = iota
	// FindNumKeys: the argument at Begin+Count says how many keys there are;
	// the first is at Begin+First, the others follow every Step.
	FindNumKeys
)

// KeySpec says where some of a command's keys are, and what happens to them. It
// is one of the key specifications of Redis 7.
type KeySpec struct {
	Flags KeyFlags
	// Begin is the index in the request of the argument where the search
	// begins; at least 1.
	Begin int
	Find  Find
	// Last is for FindRange: where the last key may be, relative to Begin; if
	// negative, relative to the end of the request: -1 is its last argument.
	Last int
	// Step is how many arguments lie between a key and the next one; at least 1.
	Step int
	// Count and First are for FindNumKeys, and relative to Begin.
	Count, First int
	// Notes are Redis's own, for people.
	Notes string
}

// oneKey is the spec of commands whose first argument is their only key.
func oneKey(f KeyFlags) []KeySpec { return []KeySpec{{Flags: f, Begin: 1, Last: 0, Step: 1}} }

// allKeys is the spec of commands whose arguments are all keys.
func allKeys(f KeyFlags) []KeySpec { return []KeySpec{{Flags: f, Begin: 1, Last: -1, Step: 1}} }

// everySecondKey is the spec of commands whose arguments are keys and values in
// turn.
func everySecondKey(f KeyFlags) []KeySpec { return []KeySpec{{Flags: f, Begin: 1, Last: -1, Step: 2}} }

// noted gives the first spec Redis's notes on it.
func noted(specs []KeySpec, notes string) []KeySpec {
	specs[0].Notes = notes
	return specs
}

// fixedFirstKey is the position of the first key if no argument decides it, else
// 0.
func fixedFirstKey(specs []KeySpec) int {
	if len(specs) > 0 && specs[0].Find == FindRange {
		return specs[0].Begin
	}
	return 0
}

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

// KeyPositions is an iterator over the positions of all keys in the request:
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
// checked.
func (c *Command) KeyPositions(args [][]byte) KeyIterator {
	return KeyIterator{args: args, specs: c.Keys, step: 1, last: -1}
}

// KeyIterator is made by KeyPositions.
type KeyIterator struct {
	args       [][]byte
	specs      []KeySpec // those not begun
	next, last int       // of the spec begun; none left if next > last
	step       int
	invalid    bool
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
// contradict the command: a count of keys that is no number, is negative, or is
// more than there are arguments. Redis says to that: "ERR Invalid arguments
// specified for command". The positions given before are of no use then.
func (it *KeyIterator) Invalid() bool { return it.invalid }

// begin works out next and last for a spec.
func (it *KeyIterator) begin(s *KeySpec) {
	n := len(it.args)
	it.step = s.Step
	switch s.Find {
	case FindRange:
		it.next, it.last = s.Begin, s.Begin+s.Last
		if s.Last < 0 {
			it.last = n + s.Last
		}
		it.last = min(it.last, n-1)
	case FindNumKeys:
		it.next, it.last = 0, -1
		if s.Begin+s.Count >= n {
			it.invalid = true
			return
		}
		count, ok := parseCount(it.args[s.Begin+s.Count])
		first := s.Begin + s.First
		if !ok || count > n || first+(count-1)*s.Step >= n {
			it.invalid = true
			return
		}
		it.next, it.last = first, first+(count-1)*s.Step
	}
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

// legacyRange is the first key, the last and the step as COMMAND INFO gives
// them: what can be said in three numbers of all the specs together. last is
// negative if relative to the end of the request; all are 0 if nothing can.
func (c *Command) legacyRange() (first, last, step int) {
	if len(c.Keys) == 1 && c.Keys[0].Find == FindRange {
		s := &c.Keys[0]
		return s.Begin, absoluteLast(s), s.Step
	}
	for i := range c.Keys {
		s := &c.Keys[i]
		if s.Find != FindRange || s.Step != 1 {
			continue
		}
		if first == 0 || s.Begin < first {
			first = s.Begin
		}
		// Relative to the end is further than any fixed position.
		if l := absoluteLast(s); l < 0 || (last >= 0 && l > last) {
			last = l
		}
		step = 1
	}
	return first, last, step
}

func absoluteLast(s *KeySpec) int {
	if s.Last < 0 {
		return s.Last
	}
	return s.Begin + s.Last
}
