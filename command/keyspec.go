package command

// Find is how a KeySpec finds its keys.
type Find uint8

// The ways of finding keys.
const (
	// FindRange: from Begin to Last, every Step.
	FindRange Find = iota
	// FindNumKeys: the argument at Begin+Count says how many keys there are;
	// the first is at Begin+First, the others follow every Step.
	FindNumKeys
	// FindUnknown: neither a range nor a count says it.
	FindUnknown
)

// KeySpec says where some of a command's keys are, and what happens to them. It
// is one of the key specifications of Redis 7.
type KeySpec struct {
	Flags KeyFlags
	// Begin is the index in the request of the argument where the search
	// begins; at least 1, but 0 if it is unknown. With a Keyword it is where the
	// search for that begins: if negative, from the end backwards.
	Begin int
	// Keyword comes right before the first key. Such specs have a locate.
	Keyword string
	Find    Find
	// Last is for FindRange: where the last key may be, relative to Begin; if
	// negative, relative to the end of the request: -1 is its last argument.
	Last int
	// Step is how many arguments lie between a key and the next one; at least 1.
	Step int
	// Limit is for FindRange up to the end: if not 0, keys make up only the first
	// Limit-th part of what follows.
	Limit int
	// Count and First are for FindNumKeys, and relative to Begin.
	Count, First int
	// Notes are Redis's own, for people.
	Notes string

	// locate finds the keys where the rest of the spec does not tell how. They
	// follow each other without a gap.
	locate locator
}

// keySpecs are the specs of one command.
func keySpecs(specs ...KeySpec) []KeySpec { return specs }

// keyAt is the spec of one key.
func keyAt(position int, f KeyFlags) KeySpec { return keyRange(position, 0, 1, f) }

// keyRange is the spec of the keys from first to last (relative to first, or if
// negative to the end), every step.
func keyRange(first, last, step int, f KeyFlags) KeySpec {
	return KeySpec{Flags: f, Begin: first, Last: last, Step: step}
}

// numKeys is the spec of keys that follow their number.
func numKeys(position int, f KeyFlags) KeySpec {
	return KeySpec{Flags: f, Begin: position, Find: FindNumKeys, First: 1, Step: 1}
}

// keyAfter is the spec of a key after a word that is looked for from a position
// on, which find does.
func keyAfter(word string, from int, f KeyFlags, find locator) KeySpec {
	return KeySpec{Flags: f, Keyword: word, Begin: from, Step: 1, locate: find}
}

// oneKey is the spec of commands whose first argument is their only key.
func oneKey(f KeyFlags) []KeySpec { return keySpecs(keyAt(1, f)) }

// allKeys is the spec of commands whose arguments are all keys.
func allKeys(f KeyFlags) []KeySpec { return keySpecs(keyRange(1, -1, 1, f)) }

// everySecondKey is the spec of commands whose arguments are keys and values in
// turn.
func everySecondKey(f KeyFlags) []KeySpec { return keySpecs(keyRange(1, -1, 2, f)) }

// noted gives a spec Redis's notes on it.
func noted(s KeySpec, notes string) KeySpec {
	s.Notes = notes
	return s
}

// fixedFirstKey is the position of the first key if every request that is long
// enough to have an argument there has its first key there, else 0.
func fixedFirstKey(specs []KeySpec) int {
	if len(specs) > 0 && specs[0].Find == FindRange && specs[0].locate == nil && specs[0].Last >= -1 {
		return specs[0].Begin
	}
	return 0
}

// legacyRange is the first key, the last and the step as COMMAND INFO gives
// them: what can be said in three numbers of all the specs together. last is
// negative if relative to the end of the request; all are 0 if nothing can.
func (c *Command) legacyRange() (first, last, step int) {
	if len(c.Keys) == 1 && c.Keys[0].isRange() {
		s := &c.Keys[0]
		return s.Begin, s.absoluteLast(), s.Step
	}
	for i := range c.Keys {
		s := &c.Keys[i]
		if !s.isRange() || s.Step != 1 {
			continue
		}
		if first == 0 || s.Begin < first {
			first = s.Begin
		}
		// Relative to the end is further than any fixed position.
		if l := s.absoluteLast(); l < 0 || (last >= 0 && l > last) {
			last = l
		}
		step = 1
	}
	return first, last, step
}

// isRange reports whether the spec is a range that begins at a fixed position.
func (s *KeySpec) isRange() bool { return s.Find == FindRange && s.Keyword == "" }

func (s *KeySpec) absoluteLast() int {
	if s.Last < 0 {
		return s.Last
	}
	return s.Begin + s.Last
}
